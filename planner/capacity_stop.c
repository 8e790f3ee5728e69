/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/capacity_parts.h"

#include "planner/refusal.h"

#include <stdlib.h>

static const char *host_list(struct seeking *seek, const uint32_t *hosts, uint32_t count)
{
	char *text = arena_print(&seek->capacity->arena, "%s", "");

	for (uint32_t i = 0; i < count; i++)
		text = arena_print(&seek->capacity->arena, "%s%s%s", text,
		                   i == 0           ? ""
		                   : i + 1 == count ? " and "
		                                    : ", ",
		                   seek->whatif.cluster.hosts[hosts[i]].name);
	return text;
}

/* The next VM that no host takes when others have come first. false: they all find one. */
static bool stop_by_place(struct seeking *seek, uint32_t units)
{
	struct capacity *capacity = seek->capacity;
	struct whatif *whatif = &seek->whatif;
	struct refusal refusal;
	struct request request;
	struct spread spread;
	char text[512];
	bool found;

	whatif_fill(whatif, seek->question->unit, units, seek->question->group);
	spread_create(&spread, whatif, &seek->amounts, SPREAD_DENSE, &seek->hints);
	found = spread.placed < units * unit_vms(seek->question->unit);
	if (found) {
		uint32_t vm = whatif->vms_at_start + spread.placed;

		request = request_for(&spread.state, MOVE_BOOT, vm);
		request.group_forgotten = true;
		refusal_find(&request, NULL, &refusal);
		refusal_text(&refusal, text, sizeof(text));
		capacity->stop = (struct hindrance){ .vm = NONE, .decided = true };
		capacity->stop.rule = refusal.rule;
		capacity->stop.resource = refusal.resource;
		capacity->stop.why = arena_print(&capacity->arena, "one more of %s is %s",
		                                 whatif->cluster.flavors[whatif->vms[vm].flavor].name,
		                                 refusal.open > 1 ? text : "refused: ");
		if (refusal.open <= 1)
			capacity->stop.why = arena_print(&capacity->arena, "%s%s", capacity->stop.why, text);
	}
	spread_free(&spread);
	return found;
}

/* What adding up says. */
static void stop_by_headroom(struct seeking *seek)
{
	const struct headroom *headroom = &seek->headroom;
	const struct cluster *cluster = &seek->whatif.cluster;
	struct arena *arena = &seek->capacity->arena;
	struct hindrance *stop = &seek->capacity->stop;
	const char *gone = host_list(seek, headroom->hosts, headroom->host_count), *needed = "";

	*stop = (struct hindrance){
		.vm = NONE, .hosts = headroom->hosts, .host_count = headroom->host_count, .decided = true
	};
	if (headroom->kind == HEADROOM_SIZE) {
		stop->rule = "group-size";
		stop->why = arena_print(arena, "group %s is to have no more than %lld members",
		                        cluster->groups[seek->question->group].name,
		                        (long long)cluster->groups[seek->question->group].size);
		return;
	}
	if (headroom->kind == HEADROOM_COUNT) {
		/* What is short where all places are taken is short here. */
		stop_by_place(seek, headroom->places + 1);
		stop->hosts = headroom->hosts;
		stop->host_count = headroom->host_count;
		stop->why = arena_print(arena, "%s%s%s have room for no more VMs of %s", "the hosts",
		                        headroom->host_count ? " without " : "", gone,
		                        cluster->flavors[headroom->flavor].name);
		return;
	}
	if (headroom->needed > 0)
		needed = arena_print(arena, ", whose VMs need %.15g", headroom->needed);
	stop->resource = headroom->resource;
	stop->why = arena_print(arena, "%.15g %s are left %s%s%s; each new %s takes %.15g", headroom->left,
	                        headroom->words, headroom->host_count ? "without " : "in all", gone, needed,
	                        unit_vms(seek->question->unit) == 1 ? "one" : "unit", headroom->each);
}

/* A set that cannot go when one more is placed in some way. false: no way places one more. */
static bool stop_by_set(struct seeking *seek, uint32_t units)
{
	struct capacity *capacity = seek->capacity;
	const struct capacity_question *question = seek->question;
	static const enum spread_way ways[] = { SPREAD_WIDE, SPREAD_DENSE, SPREAD_SCHEDULED };
	bool found = false;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && !found; i++) {
		struct path path = seek_path(seek, ways[i], units);
		struct withstand_question ask = { .steps_each = seek_steps_few(seek),
			                          .ticks_most = seek_ticks_of(question->steps) / 10,
			                          .suspects = &seek->suspects };
		struct withstand withstand;
		uint64_t set;

		if (seek_follow(&path, units)) {
			withstand_create(&withstand, &seek->whatif.cluster, question->losses, question->crew);
			found = withstand_all(&withstand, &ask, &set) != WITHSTOOD;
			if (found)
				withstand_explain(&withstand, set, ask.steps_each, EXPLAIN_ROUGHLY,
				                  &capacity->arena, &capacity->stop);
			withstand_free(&withstand);
		}
		capacity->ticks += ask.ticks;
		free(path.hosts);
	}
	if (found)
		capacity->stop.why = arena_print(
			&capacity->arena, "with one more%s, %s cannot %s: %s",
			unit_vms(question->unit) == 1 ? "" : " unit",
			host_list(seek, capacity->stop.hosts, capacity->stop.host_count),
			question->losses->by == LOSS_LOCK ? "be emptied" : "fail", capacity->stop.why);
	return found;
}

void seek_stop(struct seeking *seek)
{
	struct capacity *capacity = seek->capacity;
	uint32_t next = capacity->more.lower + 1;

	if (capacity->more.lower >= HEADROOM_MOST)
		return;
	capacity->stopped = true;
	if (seek->headroom.most == capacity->more.lower && seek->headroom.kind != HEADROOM_PLACES)
		stop_by_headroom(seek);
	else if (seek->question->losses->together == 0 || seek->headroom.most == capacity->more.lower ||
	         !stop_by_set(seek, next))
		capacity->stopped = stop_by_place(seek, next);
	capacity->stop.decided |= capacity->more.upper == capacity->more.lower;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/capacity_parts.h"

#include "planner/refusal.h"
#include "planner/reserve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Where the ticks go, in percent of all, each part beginning where the one before ended: bounds, what
 * auto-scheduling reaches, the other ways to place VMs, all ends, all placements.
 */
enum { UNTIL_BOUNDS = 20, UNTIL_SCHEDULED = 45, UNTIL_WAYS = 65, UNTIL_ENDS = 80, UNTIL_EXACT = 100 };

/* Steps for one set's verdict, as parts of all: for the cluster as it is, and where another number will do too.
 */
enum { STEPS_SHARE_NOW = 10, STEPS_SHARE_FEW = 500 };

/* Beyond this many units the last one is not looked for where a way ends. */
enum { EXACT_MOST = 2000 };

/* Hosts times VMs beyond which there are too many placements to begin with. */
enum { PAIRS_MOST = 20000 };

static uint64_t ticks_of(uint64_t steps)
{
	return steps > UINT64_MAX / TICKS_A_STEP / 100 ? UINT64_MAX / 100 : steps * TICKS_A_STEP;
}

void capacity_free(struct capacity *capacity)
{
	arena_free(&capacity->arena);
	*capacity = (struct capacity){ 0 };
}

static void spend_until(struct seeking *seek, unsigned percent)
{
	seek->ticks_most = ticks_of(seek->question->steps) / 100 * percent;
}

enum withstood seek_verdict(struct seeking *seek, struct effort effort)
{
	const struct capacity_question *question = seek->question;
	uint64_t spent = seek->capacity->ticks;
	struct withstand_question ask = { .steps_each = effort.steps_each,
		                          .thorough = effort.thorough,
		                          .ticks_most = seek->ticks_most - spent,
		                          .suspects = &seek->suspects };
	struct withstand withstand;
	enum withstood answer;
	uint64_t set;

	if (question->losses->together == 0)
		return WITHSTOOD;
	if (spent >= seek->ticks_most)
		return WITHSTOOD_UNKNOWN;
	withstand_create(&withstand, &seek->whatif.cluster, question->losses, question->crew);
	answer = withstand_all(&withstand, &ask, &set);
	seek->capacity->ticks += ask.ticks;
	withstand_free(&withstand);
	return answer;
}

void seek_take(struct seeking *seek, uint32_t units)
{
	struct capacity *capacity = seek->capacity;
	const struct unit *unit = seek->question->unit;
	const struct cluster *cluster = &seek->whatif.cluster;
	uint32_t vm = seek->whatif.vms_at_start;

	capacity->more.lower = units;
	if (!capacity->placement)
		capacity->placement = ARENA_ARRAY(&capacity->arena, uint32_t,
		                                  unit->kinds * cluster->host_count);
	memset(capacity->placement, 0, sizeof(uint32_t) * unit->kinds * cluster->host_count);
	for (uint32_t kind = 0; kind < unit->kinds; kind++) {
		for (uint32_t i = 0; i < units * unit->counts[kind]; i++, vm++)
			capacity->placement[kind * cluster->host_count + cluster->vms[vm].host]++;
	}
}

/* ------------------------------------------------------------------ one way to place them */

/* A way, and with one kind of VMs, whose hosts do not depend on how many come, where it puts them. */
struct path {
	struct seeking *seek;
	enum spread_way way;
	uint32_t *hosts, length; /* by new VM; NULL: more than one kind */
};

static struct path path_of(struct seeking *seek, enum spread_way way, uint32_t units_most)
{
	struct path path = { seek, way, NULL, 0 };
	struct whatif *whatif = &seek->whatif;
	struct spread spread;

	if (seek->question->unit->kinds > 1)
		return path;
	whatif_fill(whatif, seek->question->unit, units_most, seek->question->group);
	spread_create(&spread, whatif, &seek->amounts, way, &seek->hints);
	path.length = spread.placed;
	path.hosts = MEMORY_ARRAY(uint32_t, spread.placed);
	if (spread.placed > 0)
		memcpy(path.hosts, spread.state.vm_host + whatif->vms_at_start,
		       sizeof(uint32_t) * spread.placed);
	seek->capacity->ticks += spread.ticks;
	spread_free(&spread);
	return path;
}

/* The way's placement of so many units. false: some find no host. */
static bool follow(struct path *path, uint32_t units)
{
	struct seeking *seek = path->seek;
	struct whatif *whatif = &seek->whatif;
	uint32_t vms = units * unit_vms(seek->question->unit);
	const uint32_t *hosts = path->hosts;
	struct spread spread = { 0 };
	bool placed;

	whatif_fill(whatif, seek->question->unit, units, seek->question->group);
	placed = vms <= path->length;
	if (!hosts) {
		spread_create(&spread, whatif, &seek->amounts, path->way, &seek->hints);
		seek->capacity->ticks += spread.ticks;
		placed = spread.placed == vms;
		hosts = spread.state.vm_host + whatif->vms_at_start;
	}
	for (uint32_t i = 0; i < vms && placed; i++)
		whatif->vms[whatif->vms_at_start + i].host = hosts[i];
	spread_free(&spread);
	return placed;
}

static uint64_t steps_few(const struct seeking *seek)
{
	return seek->question->steps / STEPS_SHARE_FEW + 1;
}

/* Whether so many will do in that way; they are taken if these are more than before. */
static enum withstood try_units(struct path *path, uint32_t units, uint64_t steps_each)
{
	struct seeking *seek = path->seek;
	enum withstood answer;

	if (!follow(path, units))
		return NOT_WITHSTOOD;
	answer = seek_verdict(seek, (struct effort){ steps_each, false });
	if (answer == WITHSTOOD && units > seek->capacity->more.lower)
		seek_take(seek, units);
	return answer;
}

/* What is between a number that will do and one that will not, by halves; of large numbers not the last digits.
 */
static void halve(struct path *path, uint64_t steps_each, uint32_t bad, struct capacity_range *range)
{
	while (bad > range->lower + 1 + range->lower / EXACT_MOST) {
		uint32_t next = range->lower + (bad - range->lower) / 2;
		enum withstood answer = try_units(path, next, steps_each);

		if (answer == WITHSTOOD) {
			range->lower = next;
			continue;
		}
		if (answer == NOT_WITHSTOOD)
			range->upper = next - 1;
		bad = next;
	}
}

/*
 * The largest number that the way is found to reach, above one that it does: from the top down by 1, 2, 4, …
 * since bounds are near as a rule, then by halves. range->upper: it does not reach more.
 */
static void climb(struct path *path, struct capacity_range *range)
{
	uint64_t steps_each = steps_few(path->seek);
	uint32_t bad = range->upper + 1, step = 1;

	/* A way may find fewer places than another one has filled. */
	while (bad > range->lower + 1 + range->lower / EXACT_MOST) {
		uint32_t half = range->lower + (bad - range->lower) / 2,
			 next = bad > half + step ? bad - step : half;
		enum withstood answer = try_units(path, next, steps_each);

		if (answer == WITHSTOOD) {
			range->lower = next;
			break;
		}
		if (answer == NOT_WITHSTOOD)
			range->upper = next - 1;
		bad = next;
		step = step < bad ? 2 * step : step;
	}
	halve(path, steps_each, bad, range);
}

/* How far a way reaches; from 0 if that is to be told, else from what others have reached. */
static void try_way(struct seeking *seek, enum spread_way way, struct capacity_range *ret_range)
{
	struct capacity *capacity = seek->capacity;
	uint32_t vms = unit_vms(seek->question->unit), lower = capacity->more.lower;
	struct path path = path_of(seek, way, capacity->more.upper);
	struct capacity_range range = { ret_range ? 0 : lower, capacity->more.upper };

	if (path.hosts && path.length / vms < range.upper)
		range.upper = path.length / vms;
	climb(&path, &range);
	if (ret_range)
		*ret_range = range;
	free(path.hosts);
}

/* ------------------------------------------------------------------ bounds */

/*
 * By host: how many VMs that may have to go could come to it, each divided by the hosts to which it could: where
 * hosts are few, new VMs had better not be.
 */
static void find_pressure(struct seeking *seek, struct reaches *reaches, const struct state *state)
{
	const struct shapes *shapes = reaches->shapes;
	const struct losses *losses = seek->question->losses;
	uint32_t host_count = state->cluster->host_count, *vms = MEMORY_ARRAY(uint32_t, shapes->count);

	seek->pressure = MEMORY_ARRAY(double, host_count);
	for (uint32_t i = 0; i < losses->host_count; i++) {
		uint32_t vm = state_vms_first(state, losses->hosts[i]);

		for (; vm != NONE; vm = state_vms_next(state, vm))
			vms[shapes->of_vm[vm]] += !lock_leaves(state, vm);
	}
	for (uint32_t i = 0; i < shapes->count; i++) {
		const bool *domain = reach_domain(reaches, shapes->shapes[i].vm);
		uint32_t count = 0;

		for (uint32_t host = 0; host < host_count; host++)
			count += domain[host];
		for (uint32_t host = 0; host < host_count; host++)
			seek->pressure[host] += domain[host] ? (double)vms[i] / count : 0;
	}
	free(vms);
}

/* Puts VMs of one flavor where there is room beside a reserve. Returns how many units that are. */
static uint32_t place_beside_reserve(struct seeking *seek, const struct state *state,
                                     const struct shapes *shapes, struct reaches *reaches)
{
	const struct capacity_question *question = seek->question;
	uint32_t host_count = state->cluster->host_count, vms = unit_vms(question->unit), units, vm, end;
	uint32_t *counts = MEMORY_ARRAY(uint32_t, host_count);
	struct reserve reserve;

	reserve_create(&reserve, state, shapes, reaches, question->losses);
	vm = seek->whatif.vms_at_start;
	units = reserve_fill(&reserve, question->losses, vm, HEADROOM_MOST / vms * vms, counts) / vms;
	reserve_free(&reserve);
	whatif_fill(&seek->whatif, question->unit, units, question->group);
	end = vm + units * vms;
	for (uint32_t host = 0; host < host_count; host++) {
		for (uint32_t i = 0; i < counts[host] && vm < end; i++)
			seek->whatif.vms[vm++].host = host;
	}
	seek->capacity->ticks += (uint64_t)shapes->count * host_count / 4 + state->cluster->vm_count;
	free(counts);
	return units;
}

/* What is found by adding up, and what fits beside a reserve. */
static void find_bounds(struct seeking *seek)
{
	const struct capacity_question *question = seek->question;
	struct whatif *whatif = &seek->whatif;
	struct headroom_question ask = { .whatif = whatif,
		                         .unit = question->unit,
		                         .group = question->group,
		                         .losses = question->losses };
	uint32_t units = 0;
	struct reaches reaches;
	struct shapes shapes;
	struct state state;

	whatif_fill(whatif, question->unit, 1, question->group);
	state_create(&state, &whatif->cluster);
	shapes_create(&shapes, &state);
	reaches_create(&reaches, &shapes, &state);
	ask.state = &state;
	ask.reaches = &reaches;
	headroom_find(&ask, &seek->capacity->arena, &seek->headroom);
	seek->capacity->ticks += (uint64_t)shapes.count * whatif->cluster.host_count / 4;
	seek->capacity->more.upper = seek->capacity->scheduled.upper = seek->headroom.most;
	find_pressure(seek, &reaches, &state);
	seek->hints = (struct spread_hints){ seek->pressure, seek->first };
	if (question->now->answer == WITHSTOOD)
		seek_take(seek, 0);
	if (question->now->answer == WITHSTOOD && question->losses->together > 0 &&
	    question->unit->kinds == 1 && question->group == NONE)
		units = place_beside_reserve(seek, &state, &shapes, &reaches);
	reaches_free(&reaches);
	shapes_free(&shapes);
	state_free(&state);
	if (units > 0 && seek_verdict(seek, (struct effort){ steps_few(seek), false }) == WITHSTOOD)
		seek_take(seek, units);
}

/* Whether some placement of so many will do: by moves that are found soon, then by proofs that there are none. */
static enum withstood try_exactly(struct seeking *seek, uint32_t units)
{
	enum withstood answer = seek_exactly(seek, units, false);

	return answer == WITHSTOOD_UNKNOWN ? seek_exactly(seek, units, true) : answer;
}

/* Numbers for which the bounds leave it open are decided by all their placements, as long as steps are left. */
static void close_gap(struct seeking *seek)
{
	struct capacity_range *more = &seek->capacity->more;
	bool decided = (uint64_t)seek->whatif.cluster.host_count * seek->whatif.cluster.vm_count <= PAIRS_MOST;

	/* Where no number is out of reach below one that is not, the next one tells. */
	while (seek->gapless && more->lower < more->upper && decided) {
		enum withstood answer = try_exactly(seek, more->lower + 1);

		decided = answer == WITHSTOOD;
		if (decided)
			seek_take(seek, more->lower + 1);
		else if (answer == NOT_WITHSTOOD)
			more->upper = more->lower;
	}
	while (!seek->gapless && more->lower < more->upper && decided) {
		enum withstood answer = try_exactly(seek, more->upper);

		decided = answer == NOT_WITHSTOOD;
		if (decided)
			more->upper--;
		else if (answer == WITHSTOOD)
			seek_take(seek, more->upper);
	}
}

/* ------------------------------------------------------------------ what stops one more */

static const char *host_list(struct seeking *seek, const uint32_t *hosts, uint32_t count)
{
	char *text = arena_print(&seek->capacity->arena, "%s", "");

	for (uint32_t i = 0; i < count; i++)
		text = arena_print(&seek->capacity->arena, "%s%s%s", text,
		                   i == 0 ? "" : i + 1 == count ? " and " : ", ",
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

	*stop = (struct hindrance){ .vm = NONE,
		                    .hosts = headroom->hosts,
		                    .host_count = headroom->host_count,
		                    .decided = true };
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
		struct path path = path_of(seek, ways[i], units);
		struct withstand_question ask = { .steps_each = steps_few(seek),
			                          .ticks_most = ticks_of(question->steps) / 10,
			                          .suspects = &seek->suspects };
		struct withstand withstand;
		uint64_t set;

		if (follow(&path, units)) {
			withstand_create(&withstand, &seek->whatif.cluster, question->losses, question->crew);
			found = withstand_all(&withstand, &ask, &set) != WITHSTOOD;
			if (found)
				withstand_explain(&withstand, set, ask.steps_each, EXPLAIN_ROUGHLY, &capacity->arena,
				                  &capacity->stop);
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

/* Why one more than `lower` does not fit, or is not known to. */
static void find_stop(struct seeking *seek)
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

/* ------------------------------------------------------------------ all of it */

/* What is in the way, and of which hosts that will always be so. */
static void find_stuck(struct withstand *withstand, uint64_t set, uint64_t steps, bool certified,
                       struct capacity_now *now)
{
	uint32_t host_count = withstand->cluster->host_count;
	bool *pinned = MEMORY_ARRAY(bool, host_count);

	withstand_explain(withstand, set, steps, certified ? EXPLAIN_CERTIFIED : EXPLAIN_CLOSELY, &now->arena,
	                  &now->stop);
	now->pinned = ARENA_ARRAY(&now->arena, uint32_t, withstand_pinned(withstand, pinned));
	for (uint32_t host = 0; host < host_count; host++) {
		if (pinned[host])
			now->pinned[now->pinned_count++] = host;
	}
	free(pinned);
}

void capacity_look(const struct cluster *cluster, const struct losses *losses, const struct crew *crew,
                   uint64_t steps, bool certified, struct capacity_now *ret_now)
{
	struct withstand_question ask = { .steps_each = steps / STEPS_SHARE_NOW + 1,
		                          .ticks_most = ticks_of(steps),
		                          .thorough = true };
	struct withstand withstand;
	uint64_t set;

	*ret_now = (struct capacity_now){ .answer = WITHSTOOD };
	if (losses->together == 0)
		return;
	withstand_create(&withstand, cluster, losses, crew);
	ret_now->answer = withstand_all(&withstand, &ask, &set);
	ret_now->ticks = ask.ticks;
	if (ret_now->answer != WITHSTOOD)
		find_stuck(&withstand, set, ask.steps_each, certified, ret_now);
	withstand_free(&withstand);
}

void capacity_now_free(struct capacity_now *now)
{
	arena_free(&now->arena);
	*now = (struct capacity_now){ 0 };
}

/* Members that stay together: only where nobody has to go can the first of them be put. */
static void prepare_first(struct seeking *seek)
{
	const struct capacity_question *question = seek->question;
	const struct group *group = question->group == NONE ? NULL
	                                                    : &question->cluster->groups[question->group];
	bool together = group && group->policy == POLICY_AFFINITY && !group->best_effort;

	seek->gapless = !together;
	for (uint32_t kind = 0; kind < question->unit->kinds; kind++)
		seek->gapless &= question->cluster->flavors[question->unit->flavors[kind]].numa_count == 0;
	if (!together)
		return;
	seek->first = MEMORY_ARRAY(bool, question->cluster->host_count);
	memset(seek->first, true, question->cluster->host_count);
	for (uint32_t i = 0; i < question->losses->host_count; i++)
		seek->first[question->losses->hosts[i]] = false;
}

/* The cluster as it is withstands what it has to. */
static void seek_all(struct seeking *seek)
{
	const struct capacity_question *question = seek->question;

	spend_until(seek, UNTIL_SCHEDULED);
	try_way(seek, SPREAD_SCHEDULED, &seek->capacity->scheduled);
	spend_until(seek, UNTIL_WAYS);
	for (enum spread_way way = SPREAD_WIDE; way < SPREAD_WAYS; way++)
		try_way(seek, way, NULL);
	spend_until(seek, UNTIL_ENDS);
	seek_ends(seek);
	spend_until(seek, UNTIL_EXACT);
	if (!question->bounds_only)
		close_gap(seek);
	if (seek->capacity->scheduled.upper > seek->capacity->more.upper)
		seek->capacity->scheduled.upper = seek->capacity->more.upper;
	find_stop(seek);
}

void capacity_find(const struct capacity_question *question, struct capacity *ret_capacity)
{
	struct seeking seek = { .question = question, .capacity = ret_capacity };
	struct capacity *capacity = ret_capacity;

	*capacity = (struct capacity){ .more = { NONE, 0 }, .scheduled = { NONE, 0 } };
	capacity->stopped = question->now->answer != WITHSTOOD;
	if (question->now->answer == NOT_WITHSTOOD) {
		capacity->more = capacity->scheduled = (struct capacity_range){ 0, 0 };
		return;
	}
	whatif_create(&seek.whatif, question->cluster);
	amounts_create(&seek.amounts, &seek.whatif.cluster);
	prepare_first(&seek);
	spend_until(&seek, UNTIL_BOUNDS);
	find_bounds(&seek);
	if (question->now->answer == WITHSTOOD)
		seek_all(&seek);
	free(seek.first);
	free(seek.pressure);
	amounts_free(&seek.amounts);
	whatif_free(&seek.whatif);
}

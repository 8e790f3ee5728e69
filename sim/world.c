/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/world.h"

#include "core/must.h"
#include "sim/actions.h"
#include "sim/alarms.h"
#include "sim/fetch.h"
#include "sim/loads.h"
#include "sim/record.h"
#include "sim/trace.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const verdicts[] = {
	"failed", "locked", "lock-failed", "rejected", "done", "failed", NULL
};
static const char *const outcomes[] = { "aborted", "completed", "aborted", "rejected", NULL };
const char *const *const verdict_words = verdicts;
const char *const *const outcome_words = outcomes;

_Static_assert(sizeof(verdicts) / sizeof(verdicts[0]) == VERDICT_COUNT + 1, "a word a verdict");
_Static_assert(sizeof(outcomes) / sizeof(outcomes[0]) == OUTCOME_COUNT + 1, "a word an outcome");

static uint32_t *none_array(uint32_t count)
{
	uint32_t *array = MEMORY_ARRAY(uint32_t, count);

	for (uint32_t i = 0; i < count; i++)
		array[i] = NONE;
	return array;
}

void world_create(struct world *ret_world, const struct cluster *cluster)
{
	*ret_world = (struct world){
		.cluster = cluster, .vms_at_start = cluster->vm_count, .want_moved = true, .start_hour = -1
	};
	links_create(&ret_world->links, cluster);
	ret_world->group_alarms = none_array(cluster->group_count);
	ret_world->host_lock = none_array(cluster->host_count);
	ret_world->queue_first = none_array(cluster->host_count);
	ret_world->queue_last = none_array(cluster->host_count);
	turns_create(&ret_world->turns, cluster);
	ret_world->blocked_first = none_array(ret_world->links.link_count);
	ret_world->freed = MEMORY_ARRAY(uint32_t, cluster->host_count);
	ret_world->is_freed = MEMORY_ARRAY(bool, cluster->host_count);
	ret_world->setup_count = MEMORY_ARRAY(uint32_t, cluster->host_count);
	ret_world->stopped_by_lock = MEMORY_ARRAY(bool, cluster->vm_count);
	ret_world->born = MEMORY_ARRAY(bool, cluster->vm_count);
	loads_create(&ret_world->loads, cluster->host_count);
}

void world_free(struct world *world)
{
	links_free(&world->links);
	events_free(&world->events);
	arena_free(&world->arena);
	loads_free(&world->loads);
	free(world->activities);
	free(world->moves);
	free(world->moves_free);
	free(world->changed);
	free(world->moved);
	free(world->alarms);
	free(world->group_alarms);
	free(world->host_lock);
	free(world->setup_count);
	free(world->queue_first);
	free(world->queue_last);
	turns_free(&world->turns);
	free(world->blocked_first);
	free(world->freed);
	free(world->is_freed);
	free(world->stopped_by_lock);
	free(world->born);
	*world = (struct world){ 0 };
}

const char *world_text(struct world *world, const char *format, ...)
{
	char text[1024];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	must(length >= 0);
	return arena_text(&world->arena, text,
	                  (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

const char *world_join(struct world *world, const char *a, const char *b, const char *c)
{
	size_t a_length = strlen(a), b_length = strlen(b), c_length = strlen(c);
	char *text = arena_take(&world->arena, a_length + b_length + c_length + 1);

	memcpy(text, a, a_length);
	memcpy(text + a_length, b, b_length);
	memcpy(text + a_length + b_length, c, c_length);
	return text;
}

/* ------------------------------------------------------------------ actions, one after another or beside */

/* What an action is about, for traces. */
static const char *subject_of(const struct world *world, const struct action *action)
{
	if (action->vm != NONE)
		return world_vm_name(world, action->vm);
	if (action->host != NONE)
		return world_host_name(world, action->host);
	if (action->kind == ACTION_BOOT)
		return action->name;
	return action->group != NONE ? world->cluster->groups[action->group].name : "";
}

static void schedule_activity(struct world *world, uint32_t index)
{
	int64_t at_ns = world->actions[index].at_ns;

	/* Starts come before everything else at the same time, in the actions' order. */
	events_set(&world->events, index, at_ns > world->now_ns ? at_ns : world->now_ns, index);
}

/* Those that waited for this one alone begin; when it went wrong they never do. */
static void wake_waiters(struct world *world, uint32_t index, enum verdict verdict)
{
	if (!world->waiters || verdict != VERDICT_DONE)
		return;
	for (uint32_t i = world->waiters_first[index]; i < world->waiters_first[index + 1]; i++) {
		if (--world->waits[world->waiters[i]] == 0)
			schedule_activity(world, world->waiters[i]);
	}
}

void activity_end(struct world *world, struct activity *activity, enum verdict verdict, const char *message)
{
	uint32_t next = activity_index(world, activity) + 1;

	must(activity->end_ns < 0);
	activity->verdict = verdict;
	activity->message = message;
	activity->end_ns = world->now_ns;
	trace_line(world, subject_of(world, activity->action), action_words[activity->action->kind], "%s%s%s",
	           verdict_words[verdict], message ? ": " : "", message ? message : "");
	if (next < world->action_count && !world->actions[next].concurrent)
		schedule_activity(world, next);
	wake_waiters(world, next - 1, verdict);
}

void activity_wait(struct world *world, struct activity *activity, double seconds)
{
	events_set(&world->events, activity_index(world, activity), world->now_ns + seconds_ns(seconds),
	           (UINT64_C(1) << 32) + world->sequence++);
}

static void activity_due(struct world *world, uint32_t index)
{
	struct activity *activity = &world->activities[index];

	if (activity->start_ns >= 0) {
		if (activity->end_ns < 0)
			conduct_of(activity->action)->due(world, activity);
		return;
	}
	activity->start_ns = world->now_ns;
	trace_line(world, subject_of(world, activity->action), action_words[activity->action->kind],
	           "begins");
	if (world->want_allowed)
		allowed_find(world, activity);
	conduct_of(activity->action)->start(world, activity);
}

/* Who waits for whom; nothing is kept when nobody does. */
static void find_waiters(struct world *world)
{
	uint32_t count = 0, *first;

	world->waits = world->waiters = world->waiters_first = NULL;
	for (uint32_t i = 0; i < world->action_count; i++)
		count += world->actions[i].after_count;
	if (count == 0)
		return;
	world->waits = ARENA_ARRAY(&world->arena, uint32_t, world->action_count);
	world->waiters = ARENA_ARRAY(&world->arena, uint32_t, count);
	world->waiters_first = first = ARENA_ARRAY(&world->arena, uint32_t, world->action_count + 2);
	for (uint32_t i = 0; i < world->action_count; i++) {
		world->waits[i] = world->actions[i].after_count;
		for (uint32_t j = 0; j < world->actions[i].after_count; j++)
			first[world->actions[i].after[j] + 2]++;
	}
	for (uint32_t i = 1; i < world->action_count + 2; i++)
		first[i] += first[i - 1];
	for (uint32_t i = 0; i < world->action_count; i++) {
		for (uint32_t j = 0; j < world->actions[i].after_count; j++)
			world->waiters[first[world->actions[i].after[j] + 1]++] = i;
	}
}

static void start_activities(struct world *world)
{
	world->activities = memory_resize(world->activities, world->action_count, sizeof(*world->activities));
	for (uint32_t i = 0; i < world->action_count; i++) {
		world->activities[i] = (struct activity){ .action = &world->actions[i],
			                                  .start_ns = -1,
			                                  .end_ns = -1,
			                                  .vm = NONE,
			                                  .move = NONE,
			                                  .queue_next = NONE };
		if ((i == 0 || world->actions[i].concurrent) && world->actions[i].after_count == 0)
			schedule_activity(world, i);
	}
	find_waiters(world);
}

/* ------------------------------------------------------------------ time goes by */

static void note_changed(void *context, uint32_t owner)
{
	struct world *world = context;
	struct move *move = world->moves[owner];

	if (!move->noted)
		world->changed[world->changed_count++] = owner;
	move->noted = true;
}

/* What is looked at of a move at each event. */
static void fetch_move(const struct world *world, uint32_t index)
{
	enum { PARTS = 4 };
	const struct move *move = world->moves[index];

	fetch(move, offsetof(struct move, core));
	fetch(&move->precopy, offsetof(struct precopy, part[PARTS]));
}

/* The links settle; what hears of a new rate may end, and the links settle again. */
static void settle_links(struct world *world)
{
	world->changed_count = 0;
	links_solve(&world->links, world->now_ns, note_changed, world);
	for (uint32_t i = 0; i < world->changed_count; i++) {
		struct move *move = world->moves[world->changed[i]];

		if (i + 1 < world->changed_count)
			fetch_move(world, world->changed[i + 1]);
		move->noted = false;
		if (move->in_use)
			move_rate_changed(world, move);
	}
	record_links(world);
}

static bool links_pending(const struct world *world)
{
	return world->links.dirty_count > 0 || world->links.moved_count > 0 ||
	       (world->recorder && (world->recorder->stale || world->links.stirred));
}

/* Nothing will ever happen again, but moves are under way: a link is down and there is no time limit. */
static bool end_stuck(struct world *world)
{
	uint32_t cursor = 0;
	struct move *move = move_next_at(world, NONE, &cursor);

	if (!move)
		return false;
	move_abort(world, move, false, "it never ends: a link is down and there is no time limit");
	return true;
}

static void go_on_to(struct world *world, int64_t time_ns)
{
	must(time_ns >= world->now_ns);
	if (time_ns != world->now_ns) {
		world->now_ns = time_ns;
		must_context(time_ns, world->seed);
	}
	world->steps++;
}

/* While this event is handled, the memory of the next comes, and the addresses of those after it. */
static void fetch_soon(const struct world *world, bool by_bytes)
{
	uint32_t soon[EVENTS_SOON], count, base = by_bytes ? 0 : world->action_count;

	count = by_bytes ? links_soon_owners(&world->links, soon) : events_soon(&world->events, soon);
	for (uint32_t i = 0; i < count && i < EVENTS_NEAR; i++) {
		if (soon[i] < base)
			continue; /* an action */
		if (i == 0)
			fetch_move(world, soon[i] - base);
		else
			fetch(&world->moves[soon[i] - base], 1);
	}
}

static void loop(struct world *world)
{
	for (;;) {
		int64_t time_ns = TIME_NEVER, links_ns;
		uint32_t id = events_first(&world->events, &time_ns);

		if (time_ns > world->now_ns && links_pending(world)) {
			settle_links(world);
			continue;
		}
		links_ns = links_due_ns(&world->links);
		if (links_ns < time_ns) {
			go_on_to(world, links_ns);
			fetch_soon(world, true);
			move_due(world, world->moves[links_due_owner(&world->links)], true);
			continue;
		}
		if (id == NONE) {
			if (!end_stuck(world))
				return;
			continue;
		}
		go_on_to(world, time_ns);
		fetch_soon(world, false);
		events_drop(&world->events, id);
		if (id < world->action_count)
			activity_due(world, id);
		else
			move_due(world, world->moves[id - world->action_count], false);
	}
}

/* What a run before may have left behind. */
static void reset(struct world *world)
{
	const struct cluster *cluster = world->cluster;

	arena_reset(&world->arena);
	events_clear(&world->events);
	links_reset(&world->links);
	world->now_ns = 0;
	world->sequence = world->steps = 0;
	world->moved_count = 0;
	world->move_count = world->move_free_count = world->changed_count = 0;
	for (uint32_t i = 0; i < world->alarm_count; i++) {
		if (world->alarms[i].group != NONE)
			world->group_alarms[world->alarms[i].group] = NONE;
	}
	world->alarm_count = 0;
	if (world->vms_at_start < cluster->vm_count || world->want_alarms) {
		memset(world->stopped_by_lock, 0, sizeof(bool) * cluster->vm_count);
		memset(world->born, 0, sizeof(bool) * cluster->vm_count);
	}
}

void world_run(struct world *world, struct state *state, const struct action *actions, uint32_t action_count,
               uint64_t seed, uint32_t run)
{
	reset(world);
	world->state = state;
	world->actions = actions;
	world->action_count = action_count;
	world->seed = seed;
	world->run = run;
	must_context(0, seed);
	if (world->want_alarms)
		alarms_check_all(world);
	start_activities(world);
	loop(world);
	for (uint32_t i = 0; i < action_count; i++) {
		struct activity *activity = &world->activities[i];

		if (activity->end_ns >= 0)
			continue;
		activity->verdict = VERDICT_FAILED;
		activity->message = "it never ended";
		activity->start_ns = activity->start_ns < 0 ? world->now_ns : activity->start_ns;
		activity->end_ns = world->now_ns;
	}
	must_context(-1, 0);
}

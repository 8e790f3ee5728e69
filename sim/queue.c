/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/actions.h"
#include "sim/migration.h"

#include "core/must.h"

/* ------------------------------------------------------------------ what is reserved */

/* Whether enough is left on all links. If not, the activity waits for the first that has too little. */
static bool can_reserve(struct world *world, uint32_t index, uint32_t from)
{
	struct activity *activity = &world->activities[index];
	uint32_t link = turns_short(&world->turns, from, activity->action->to,
	                            activity->action->reserve_bytes_s);

	if (link == NONE)
		return true;
	activity->blocked = true;
	activity->blocked_next = world->blocked_first[link];
	world->blocked_first[link] = index;
	return false;
}

/* The host's queue will be looked at. */
static void note_freed(struct world *world, uint32_t host)
{
	if (world->is_freed[host])
		return;
	world->is_freed[host] = true;
	world->freed[world->freed_count++] = host;
}

static void unblock(struct world *world, uint32_t link)
{
	uint32_t index = world->blocked_first[link];

	world->blocked_first[link] = NONE;
	for (; index != NONE; index = world->activities[index].blocked_next) {
		world->activities[index].blocked = false;
		note_freed(world, world->state->vm_host[world->activities[index].vm]);
	}
}

void queue_started(struct world *world, const struct move *move)
{
	turns_take(&world->turns, move->from, move->to,
	           world->activities[move->activity].action->reserve_bytes_s);
}

void queue_ended(struct world *world, const struct move *move)
{
	const struct action *action = world->activities[move->activity].action;
	struct turns *turns = &world->turns;
	uint32_t count;

	turns_give(turns, move->from, move->to, action->reserve_bytes_s);
	if (action->reserve_bytes_s == 0)
		return;
	count = network_path(&turns->network, move->from, move->to, turns->path);
	for (uint32_t i = 0; i < count; i++)
		unblock(world, turns->path[i]);
}

/* ------------------------------------------------------------------ who waits */

/* How many live migrations may leave a host at a time when this one does; 0: any number. */
static int64_t most_of(const struct world *world, uint32_t vm)
{
	int64_t most = timing_parallel_per_host(world->state, vm);

	if (world->parallel_most > 0 && (most == 0 || most > world->parallel_most))
		return world->parallel_most;
	return most;
}

/* Behind all that came before; in a plan, before those that come later in it. */
static void enqueue(struct world *world, uint32_t index, uint32_t host)
{
	uint32_t before = world->queue_last[host];

	if (world->in_order && before != NONE && before > index) {
		before = NONE;
		for (uint32_t at = world->queue_first[host]; at < index;
		     at = world->activities[at].queue_next)
			before = at;
	}
	if (before == NONE) {
		world->activities[index].queue_next = world->queue_first[host];
		world->queue_first[host] = index;
	} else {
		world->activities[index].queue_next = world->activities[before].queue_next;
		world->activities[before].queue_next = index;
	}
	if (world->queue_last[host] == before)
		world->queue_last[host] = index;
}

/* Takes one out of its host's queue. before: the one before it, NONE: it is the first. */
static void dequeue(struct world *world, uint32_t index, uint32_t before, uint32_t host)
{
	struct activity *activity = &world->activities[index];

	if (before == NONE)
		world->queue_first[host] = activity->queue_next;
	else
		world->activities[before].queue_next = activity->queue_next;
	if (world->queue_last[host] == index)
		world->queue_last[host] = before;
	activity->queue_next = NONE;
}

/*
 * The first of a host's queue that may start, and the one before it; NONE: none. Some that reserve less may
 * go before one for which too little is left.
 */
static uint32_t first_ready(struct world *world, uint32_t host, uint32_t *ret_before)
{
	uint32_t looks = TURNS_LOOKS;

	*ret_before = NONE;
	for (uint32_t at = world->queue_first[host]; at != NONE && looks > 0; looks--) {
		struct activity *activity = &world->activities[at];

		if (!turns_host_open(&world->turns, host, activity->queue_most))
			return NONE;
		if (!activity->blocked && can_reserve(world, at, host))
			return at;
		*ret_before = at;
		at = activity->queue_next;
	}
	return NONE;
}

bool queue_may_start(struct world *world, struct activity *activity, uint32_t vm)
{
	uint32_t host = world->state->vm_host[vm], index = activity_index(world, activity), before;

	activity->vm = vm;
	activity->queue_most = most_of(world, vm);
	activity->blocked = false;
	enqueue(world, index, host);
	if (first_ready(world, host, &before) != index)
		return false;
	dequeue(world, index, before, host);
	return true;
}

/* Of the hosts that may go on, the one whose next comes first in the plan gets a turn. false: none may. */
static bool give_turn(struct world *world)
{
	uint32_t best = NONE, best_before = NONE, best_host = NONE;

	for (uint32_t i = 0; i < world->freed_count;) {
		uint32_t host = world->freed[i], before, ready = first_ready(world, host, &before);

		if (ready == NONE) {
			world->is_freed[host] = false;
			world->freed[i] = world->freed[--world->freed_count];
			continue;
		}
		if (ready < best) {
			best = ready;
			best_before = before;
			best_host = host;
		}
		i++;
	}
	if (best == NONE)
		return false;
	dequeue(world, best, best_before, best_host);
	conduct_of(world->activities[best].action)->turn(world, &world->activities[best]);
	return true;
}

void queue_next(struct world *world, uint32_t host)
{
	note_freed(world, host);
	while (give_turn(world))
		;
}

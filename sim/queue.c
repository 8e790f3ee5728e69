/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/actions.h"
#include "sim/migration.h"

#include "core/must.h"

static bool has_room(const struct world *world, uint32_t host, uint32_t vm)
{
	int64_t most = timing_of(world->state, vm, false).parallel_per_host;

	if (world->parallel_most > 0 && (most == 0 || most > world->parallel_most))
		most = world->parallel_most;
	return most == 0 || world->live_count[host] < most;
}

bool queue_may_start(struct world *world, struct activity *activity, uint32_t vm)
{
	uint32_t host = world->state->vm_host[vm], index = activity_index(world, activity);

	activity->vm = vm;
	if (world->queue_first[host] == NONE && has_room(world, host, vm))
		return true;
	activity->queue_next = NONE;
	if (world->queue_first[host] == NONE)
		world->queue_first[host] = index;
	else
		world->activities[world->queue_last[host]].queue_next = index;
	world->queue_last[host] = index;
	return false;
}

void queue_next(struct world *world, uint32_t host)
{
	while (world->queue_first[host] != NONE) {
		struct activity *activity = &world->activities[world->queue_first[host]];

		if (!has_room(world, host, activity->vm))
			return;
		world->queue_first[host] = activity->queue_next;
		conduct_of(activity->action)->turn(world, activity);
	}
}

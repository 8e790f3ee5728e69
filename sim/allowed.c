/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/actions.h"

#include "core/schedule.h"

#include <stdlib.h>

/* So many kinds of VMs of one host are told apart; any more are looked at one by one. */
enum { SEEN_MOST = 32 };

/* Hosts that the request's VM may be sent to when an admin names them, added to `allowed`. */
static void add_named(const struct world *world, const struct request *request, bool *allowed)
{
	for (uint32_t host = 0; host < world->cluster->host_count; host++)
		allowed[host] |= schedule_allows_named(request, host);
}

/* Hosts that auto-scheduling would consider. */
static void add_ranked(const struct world *world, const struct request *request, bool *allowed)
{
	uint32_t *ranks = MEMORY_ARRAY(uint32_t, world->cluster->host_count);

	schedule_rank(request, ranks);
	for (uint32_t host = 0; host < world->cluster->host_count; host++)
		allowed[host] |= ranks[host] > 0;
	free(ranks);
}

/* Whether two VMs in no group are the same to the scheduler. */
static bool is_alike(const struct world *world, uint32_t a, uint32_t b)
{
	const struct vm *x = &world->cluster->vms[a], *y = &world->cluster->vms[b];

	return x->group == NONE && y->group == NONE &&
	       world->state->vm_flavor[a] == world->state->vm_flavor[b] && x->boot == y->boot &&
	       x->zone == y->zone && x->vif_count == 0 && y->vif_count == 0;
}

/* What at least one of the host's VMs could take. */
static void add_lock(const struct world *world, uint32_t host, bool *allowed)
{
	const struct state *state = world->state;
	uint32_t seen[SEEN_MOST], seen_count = 0;

	for (uint32_t vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm)) {
		enum method method = lock_leaves(state, vm) ? METHOD_NONE : lock_method(state, vm);
		struct request request;
		bool known = false;

		for (uint32_t i = 0; i < seen_count && !known; i++)
			known = is_alike(world, vm, seen[i]);
		if (method == METHOD_NONE || known)
			continue;
		if (seen_count < SEEN_MOST)
			seen[seen_count++] = vm;
		request = request_for(state, method == METHOD_LIVE ? MOVE_LIVE : MOVE_COLD, vm);
		add_ranked(world, &request, allowed);
	}
}

static void add_live(const struct world *world, const struct action *action, bool *allowed)
{
	struct request request = request_for(world->state, MOVE_LIVE, action->vm);
	struct reason reason;

	if (rules_live_forbidden(world->state, action->vm, &reason))
		return;
	request.block = action->block;
	request.forced = action->force && action->to != NONE && world->state->profile == PROFILE_NOVA;
	add_named(world, &request, allowed);
}

static void add_action(const struct world *world, const struct action *action, bool *allowed)
{
	const struct state *state = world->state;
	uint32_t vm = action->kind == ACTION_BOOT ? action->vm_first : action->vm;
	struct request request;

	switch (action->kind) {
	case ACTION_LOCK:
		add_lock(world, action->host, allowed);
		return;
	case ACTION_LIVE_MIGRATE:
		add_live(world, action, allowed);
		return;
	case ACTION_COLD_MIGRATE:
	case ACTION_EVACUATE:
		request = request_for(state, action->kind == ACTION_EVACUATE ? MOVE_EVACUATE : MOVE_COLD, vm);
		if (request.source != NONE &&
		    state_host_up(state, request.source) == (request.kind == MOVE_COLD))
			add_named(world, &request, allowed);
		return;
	case ACTION_RESIZE:
	case ACTION_BOOT:
		request = request_for(state, action->kind == ACTION_BOOT ? MOVE_BOOT : MOVE_RESIZE, vm);
		request.flavor = action->flavor;
		if (action->kind == ACTION_BOOT || request.source != NONE)
			add_ranked(world, &request, allowed);
		return;
	default:
		return;
	}
}

void allowed_find(struct world *world, struct activity *activity)
{
	uint32_t host_count = world->cluster->host_count, *hosts, count = 0;
	bool *allowed = MEMORY_ARRAY(bool, host_count);

	add_action(world, activity->action, allowed);
	for (uint32_t host = 0; host < host_count; host++)
		count += allowed[host];
	hosts = ARENA_ARRAY(&world->arena, uint32_t, count);
	activity->allowed_count = 0;
	for (uint32_t host = 0; host < host_count; host++) {
		if (allowed[host])
			hosts[activity->allowed_count++] = host;
	}
	activity->allowed = hosts;
	free(allowed);
}

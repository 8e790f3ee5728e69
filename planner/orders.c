/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/orders.h"

#include "core/indexes.h"
#include "core/schedule.h"

#include <stdio.h>
#include <stdlib.h>

void goal_create(struct goal *ret_goal, const struct state *state, const uint32_t *hosts, uint32_t count)
{
	*ret_goal = (struct goal){ .hosts = hosts, .host_count = count };
	ret_goal->wanted = MEMORY_ARRAY(bool, state->cluster->host_count);
	for (uint32_t i = 0; i < count && state->cluster->host_count > 1; i++)
		ret_goal->wanted[hosts[i]] = state->hosts[hosts[i]].administrative != ADMIN_LOCKED;
}

void goal_free(struct goal *goal)
{
	free(goal->wanted);
	*goal = (struct goal){ 0 };
}

bool goal_must_leave(const struct goal *goal, const struct state *state, uint32_t vm)
{
	uint32_t host = state->vm_host[vm];

	return host != NONE && goal->wanted[host] && !lock_leaves(state, vm);
}

uint32_t *goal_movers(const struct goal *goal, const struct state *state, uint32_t *ret_count)
{
	uint32_t room = 0, count = 0, *movers;

	for (uint32_t i = 0; i < goal->host_count; i++)
		room += state->uses[goal->hosts[i]].vms;
	movers = MEMORY_ARRAY(uint32_t, room);
	for (uint32_t i = 0; i < goal->host_count; i++) {
		uint32_t vm = state_vms_first(state, goal->hosts[i]);

		for (; vm != NONE; vm = state_vms_next(state, vm)) {
			if (goal_must_leave(goal, state, vm))
				movers[count++] = vm;
		}
	}
	indexes_sort(movers, count);
	*ret_count = count;
	return movers;
}

static bool votes_no(const struct state *state, uint32_t vm)
{
	/* A paused guest cannot be asked. */
	return state->cluster->vms[vm].vote_reject && state->vm_state[vm] == VM_ACTIVE;
}

enum method order_method(const struct state *state, uint32_t vm)
{
	struct reason reason;

	if (state->vm_host[vm] == NONE || !state_host_up(state, state->vm_host[vm]) || votes_no(state, vm))
		return METHOD_NONE;
	if (!rules_live_forbidden(state, vm, &reason))
		return METHOD_LIVE;
	return lock_method(state, vm) == METHOD_COLD ? METHOD_COLD : METHOD_NONE;
}

void order_refusal(const struct state *state, uint32_t vm, struct reason *ret_reason)
{
	const char *name = state->cluster->vms[vm].name;

	if (votes_no(state, vm)) {
		ret_reason->rule = "heartbeat-vote";
		snprintf(ret_reason->why, sizeof(ret_reason->why),
		         "the guest of %s votes against being migrated", name);
	} else if (!rules_lock_rejected(state, vm, ret_reason) &&
	           !rules_live_forbidden(state, vm, ret_reason)) {
		ret_reason->rule = "state";
		snprintf(ret_reason->why, sizeof(ret_reason->why),
		         "%s is %s, which can be migrated neither live nor cold", name,
		         vm_state_words[state->vm_state[vm]]);
	}
}

bool order_allowed(const struct state *state, uint32_t vm, uint32_t host)
{
	struct request request = request_for(state, MOVE_LIVE, vm);

	return schedule_allows_named(&request, host);
}

static int mover_compare(const void *a, const void *b)
{
	const struct mover *x = a, *y = b;

	if (x->hosts != y->hosts)
		return x->hosts < y->hosts ? -1 : 1;
	if (x->memory_mib != y->memory_mib)
		return x->memory_mib > y->memory_mib ? -1 : 1;
	return x->vm < y->vm ? -1 : x->vm > y->vm;
}

void movers_sort(struct mover *movers, uint32_t count)
{
	qsort(movers, count, sizeof(*movers), mover_compare);
}

void movers_by_shape(const struct shapes *shapes, const uint32_t *vms, uint32_t count,
                     struct mover *ret_movers)
{
	for (uint32_t i = 0; i < count; i++)
		ret_movers[i] = (struct mover){ vms[i], shapes->shapes[shapes->of_vm[vms[i]]].count,
			                        state_flavor(shapes->state, vms[i])->memory_mib };
	movers_sort(ret_movers, count);
}

bool is_strictly_affine(const struct state *state, uint32_t vm)
{
	uint32_t group = state->cluster->vms[vm].group;

	return group != NONE && state->groups[group].policy == POLICY_AFFINITY &&
	       !state->groups[group].best_effort;
}

uint32_t group_most(const struct state *state, uint32_t group)
{
	return state->profile == PROFILE_NOVA ? (uint32_t)state->groups[group].max_per_host : 1;
}

uint32_t group_violation(const struct shapes *shapes, const struct state *state, uint32_t group)
{
	const struct group *of = &state->groups[group];
	const uint32_t *members = shapes->group_members + shapes->group_first[group];
	uint32_t count = shapes->group_first[group + 1] - shapes->group_first[group];
	uint32_t most = group_most(state, group), violation = 0;

	if (of->policy == POLICY_AFFINITY)
		return state_group_hosts(state, group) > 1 ? state_group_hosts(state, group) - 1 : 0;
	if (of->policy != POLICY_ANTI_AFFINITY)
		return 0;
	/* Each host's excess is counted at the first of the members that it holds. */
	for (uint32_t i = 0; i < count; i++) {
		uint32_t host = state->vm_host[members[i]], here;
		bool first = host != NONE;

		for (uint32_t j = 0; j < i && first; j++)
			first = state->vm_host[members[j]] != host;
		here = first ? state_members(state, group, host) : 0;
		violation += here > most ? here - most : 0;
	}
	return violation;
}

uint32_t *orders_broken(const struct shapes *shapes, struct state *state, const struct order *orders,
                        uint32_t count, struct arena *arena, uint32_t *ret_count)
{
	uint32_t *groups = ARENA_ARRAY(arena, uint32_t, count), *before = MEMORY_ARRAY(uint32_t, count);
	uint32_t mark = state_mark(state), met = 0, broken = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t group = state->cluster->vms[orders[i].vm].group;

		if (group != NONE && state->groups[group].best_effort)
			groups[met++] = group;
	}
	met = indexes_sort_once(groups, met);
	for (uint32_t i = 0; i < met; i++)
		before[i] = group_violation(shapes, state, groups[i]);
	for (uint32_t i = 0; i < count && met > 0; i++)
		state_move(state, orders[i].vm, orders[i].to);
	for (uint32_t i = 0; i < met; i++) {
		if (group_violation(shapes, state, groups[i]) > before[i])
			groups[broken++] = groups[i];
	}
	state_rollback(state, mark);
	free(before);
	*ret_count = broken;
	return groups;
}

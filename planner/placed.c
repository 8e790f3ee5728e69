/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/placed.h"

#include "planner/arrange.h"
#include "planner/orders.h"

#include <stdio.h>
#include <stdlib.h>

/* Whether the VM can go there now; all that is in the way, when it is asked for. */
static bool can_go(const struct state *state, const struct plan_place *place, struct placed_refusal *refusal)
{
	const struct cluster *cluster = state->cluster;
	bool movable = order_method(state, place->vm) != METHOD_NONE;
	bool there = state->vm_host[place->vm] == place->host;

	if (movable && !there && order_allowed(state, place->vm, place->host))
		return true;
	if (!refusal)
		return false;
	*refusal = (struct placed_refusal){ .vm = place->vm, .host = place->host };
	refusal->count = 1;
	if (there) {
		refusal->reasons[0].rule = "source";
		snprintf(refusal->reasons[0].why, sizeof(refusal->reasons[0].why), "%s is on %s already",
		         cluster->vms[place->vm].name, cluster->hosts[place->host].name);
	} else if (state->vm_host[place->vm] == NONE) {
		refusal->reasons[0].rule = "state";
		snprintf(refusal->reasons[0].why, sizeof(refusal->reasons[0].why),
		         "%s is on no host, so that there is nothing to migrate",
		         cluster->vms[place->vm].name);
	} else if (!movable) {
		order_refusal(state, place->vm, &refusal->reasons[0]);
	} else {
		struct request request = request_for(state, MOVE_LIVE, place->vm);

		refusal->count = rules_explain(&request, place->host, refusal->reasons, TARGETS_REASONS_MOST);
	}
	return false;
}

/* One after another, each as soon as it can go. Returns how many could. */
static uint32_t find_orders(struct state *state, const struct plan_place *places, uint32_t count,
                            struct order *orders, bool *gone, struct placed_refusal *ret_refusal)
{
	uint32_t found = 0;
	bool more = true;

	while (more) {
		more = false;
		for (uint32_t i = 0; i < count; i++) {
			if (gone[i] || !can_go(state, &places[i], NULL))
				continue;
			orders[found++] = (struct order){ places[i].vm, state->vm_host[places[i].vm],
				                          places[i].host,
				                          (uint8_t)order_method(state, places[i].vm) };
			state_move(state, places[i].vm, places[i].host);
			gone[i] = more = true;
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!gone[i]) {
			can_go(state, &places[i], ret_refusal);
			break;
		}
	}
	return found;
}

/* Members are looked for only where one of the VMs has a group that may be broken. */
static void find_broken(struct state *state, const struct order *orders, uint32_t count, struct plan *plan)
{
	struct shapes shapes;
	bool any = false;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t group = state->cluster->vms[orders[i].vm].group;

		any = any || (group != NONE && state->groups[group].best_effort);
	}
	if (!any)
		return;
	shapes_create(&shapes, state);
	plan->broken = orders_broken(&shapes, state, orders, count, &plan->arena, &plan->broken_count);
	shapes_free(&shapes);
}

bool placed_plan(struct state *state, const struct amounts *amounts, const struct plan_place *places,
                 uint32_t count, struct plan *ret_plan, struct placed_refusal *ret_refusal)
{
	struct order *orders = MEMORY_ARRAY(struct order, count);
	bool *gone = MEMORY_ARRAY(bool, count), *leaves = MEMORY_ARRAY(bool, state->cluster->host_count);
	uint32_t mark = state_mark(state), found;

	found = find_orders(state, places, count, orders, gone, ret_refusal);
	state_rollback(state, mark);
	if (found == count) {
		*ret_plan = (struct plan){ .profile = state->profile,
			                   .digest = state->cluster->digest,
			                   .places = places,
			                   .place_count = count,
			                   .moves_least = count };
		/* They leave because they are to be elsewhere, not to make room. */
		for (uint32_t i = 0; i < count; i++)
			leaves[orders[i].from] = true;
		find_broken(state, orders, count, ret_plan);
		arrange(state, amounts, orders, count, leaves, ret_plan);
	}
	free(orders);
	free(gone);
	free(leaves);
	return found == count;
}

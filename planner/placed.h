/* SPDX-License-Identifier: GPL-3.0-or-later */
/* placed: VMs sent to hosts that somebody chose: one move each, where the rules let them. */
#ifndef PLANNER_PLACED_H
#define PLANNER_PLACED_H

#include "core/plan.h"
#include "core/targets.h"
#include "planner/amounts.h"

/* Why a VM cannot go where it is wanted. */
struct placed_refusal {
	uint32_t vm, host;
	struct reason reasons[TARGETS_REASONS_MOST];
	size_t count; /* at least 1 */
};

/*
 * A plan that brings each VM to its host, for a state that is that of the cluster's file and is the same
 * afterwards: live where the platform accepts that, else cold where its lock
 * would. No room is made: a move that has no place yet waits for others of them. Best-effort groups may be
 * broken, as by an admin who names the host; the plan says which.
 *
 * places[0 … count): each VM once; must outlive the plan. Returns false, with the first VM that cannot move
 * when all that can have, and no plan. Free with plan_free.
 */
bool placed_plan(struct state *state, const struct amounts *amounts, const struct plan_place *places,
                 uint32_t count, struct plan *ret_plan, struct placed_refusal *ret_refusal);

#endif

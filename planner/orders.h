/* SPDX-License-Identifier: GPL-3.0-or-later */
/* orders: the moves that an admin may order to empty hosts, one at a time. */
#ifndef PLANNER_ORDERS_H
#define PLANNER_ORDERS_H

#include "planner/shapes.h"

/* One move. */
struct order {
	uint32_t vm, from, to;
	uint8_t method; /* METHOD_LIVE, METHOD_COLD */
};

/* The hosts to be emptied. */
struct goal {
	const uint32_t *hosts;
	uint32_t host_count;
	bool *wanted; /* by host; those that are locked already, or alone in the cluster, are not */
};

/* Hosts of the cluster, each once. Free with goal_free. */
void goal_create(struct goal *ret_goal, const struct state *state, const uint32_t *hosts, uint32_t count);
void goal_free(struct goal *goal);

/* Whether a VM has to leave the host where it is: it is to be emptied, and a lock would not leave the VM
 * there.
 */
bool goal_must_leave(const struct goal *goal, const struct state *state, uint32_t vm);

/* The VMs that have to leave, in order; the caller free()s them. */
uint32_t *goal_movers(const struct goal *goal, const struct state *state, uint32_t *ret_count);

/*
 * How an admin moves the VM from where it is: live where the platform accepts that, else cold where the
 * profile's lock would (docs/rules.md, "Method"); METHOD_NONE: not at all.
 */
enum method order_method(const struct state *state, uint32_t vm);

/* Why not at all: the rule, and in words. Only for VMs with METHOD_NONE. */
void order_refusal(const struct state *state, uint32_t vm, struct reason *ret_reason);

/* Whether an admin may name the host now, best-effort groups not counting. The VM must be movable. */
bool order_allowed(const struct state *state, uint32_t vm, uint32_t host);

/* A VM that must leave, and how many hosts can take it. */
struct mover {
	uint32_t vm, hosts;
	int64_t memory_mib;
};

/* Those with the fewest hosts first, then the largest, then the file's order. */
void movers_sort(struct mover *movers, uint32_t count);

/* The VMs as movers, in that order; hosts: how many pass every rule but the groups' for their shapes, which
 * must be filled. */
void movers_by_shape(const struct shapes *shapes, const uint32_t *vms, uint32_t count,
                     struct mover *ret_movers);

/* Whether the VM is in a strict affinity group, whose members only ever join others. */
bool is_strictly_affine(const struct state *state, uint32_t vm);

/* Members of an anti-affinity group that a host may hold: one, or what nova's max_server_per_host says. */
uint32_t group_most(const struct state *state, uint32_t group);

/*
 * How much a group's policy is violated: members beyond those that a host may hold (anti-affinity), hosts
 * beyond the first (affinity). Soft policies: 0. The shapes say who the members are.
 */
uint32_t group_violation(const struct shapes *shapes, const struct state *state, uint32_t group);

/*
 * The best-effort groups that are violated more when the orders have been carried out than before; state:
 * that before, and the same afterwards. The array is the arena's.
 */
uint32_t *orders_broken(const struct shapes *shapes, struct state *state, const struct order *orders,
                        uint32_t count, struct arena *arena, uint32_t *ret_count);

#endif

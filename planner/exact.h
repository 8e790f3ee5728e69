/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exact: the fewest moves that empty hosts, by trying every placement that moves can reach. */
#ifndef PLANNER_EXACT_H
#define PLANNER_EXACT_H

#include "planner/orders.h"

/* What a sequence of moves costs; compared member by member, in this order. */
struct cost {
	uint32_t broken; /* best-effort groups that are violated more in the end than before */
	uint32_t moves;
	uint32_t cold;
	int64_t bytes; /* to be sent, by estimate */
};

enum exact_answer { EXACT_FOUND, EXACT_NONE, EXACT_UNKNOWN };

struct exact {
	struct order *orders; /* a best sequence; the caller free()s it */
	struct cost cost;
	uint32_t states; /* placements met */
};

/*
 * Searches from the state as it is (it is the same afterwards). Only VMs among vms[0 … count) move, and only
 * to hosts for which targets[host] is set; the answers are about such moves. bytes[i]: the estimate for
 * vms[i]. EXACT_UNKNOWN: more than `most` placements.
 *
 * Breadth first: a placement is met first by the fewest moves; among as many, the better cost wins. It goes
 * on until a sequence breaks no best-effort group, or no placement is left.
 */
enum exact_answer exact_search(struct state *state, const struct shapes *shapes, const struct goal *goal,
                               const uint32_t *vms, uint32_t count, const int64_t *bytes, const bool *targets,
                               uint32_t most, struct exact *ret_exact);

#endif

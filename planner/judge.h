/* SPDX-License-Identifier: GPL-3.0-or-later */
/* judge: someone who knows what takes how long. The planner does not: the simulator does, by the models. */
#ifndef PLANNER_JUDGE_H
#define PLANNER_JUDGE_H

#include "core/plan.h"

struct judge {
	void *context;
	/* What a move of the VM does alone on a link of so many bytes/s on the wire: medians of some runs. */
	void (*alone)(void *context, uint32_t vm, uint8_t method, double link_bytes_s, uint32_t runs,
	              struct plan_alone *ret_alone);
	/*
	 * Carries a plan out in so many runs. Returns the mean makespan in seconds, INFINITY when a move
	 * seldom completes. ret_ends_s: by move, when it ends, rather late than early.
	 */
	double (*run)(void *context, const struct plan *plan, uint32_t runs, double *ret_ends_s);
};

#endif

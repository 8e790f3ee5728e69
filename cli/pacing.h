/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pacing: a plan's moves put in the order that ends soonest, as the simulator predicts them. */
#ifndef CLI_PACING_H
#define CLI_PACING_H

#include "planner/facts.h"
#include "planner/judge.h"
#include "sim/predict.h"

/* The planner's judge: the simulator. It must stay where it was created. */
struct pacing {
	struct predictor *predictor;
	struct state *state;
	uint64_t seed;
	struct plan_predicted *moves; /* scratch */
	struct judge judge;
};

/* How a plan is to be paced and predicted. */
struct pacing_options {
	uint64_t migrations_most; /* simulated to find a good order */
	uint64_t pairs_most;      /* of VMs and hosts, looked at for the lower bound */
	uint32_t runs;            /* of the prediction */
	double window_s;
};

/* state: the one that plans begin in; it is used, and the same after each call. */
void pacing_create(struct pacing *ret_pacing, struct predictor *predictor, struct state *state,
                   uint64_t seed);

/*
 * Paces the plan (planner/pace.h), for a goal also with the lower bound on its makespan, and fills in what it
 * is predicted to do. reaches: those that the plan was found with, NULL for a rolling plan. ret_prediction:
 * untouched when there are no moves.
 */
void pacing_find(struct pacing *pacing, struct reaches *reaches, struct plan *plan,
                 const struct pacing_options *options, struct prediction *ret_prediction);

/* The same as thoroughly as `plan` does it, and without a window. */
void pacing_plan(struct pacing *pacing, struct reaches *reaches, struct plan *plan, uint32_t runs,
                 struct prediction *ret_prediction);

#endif

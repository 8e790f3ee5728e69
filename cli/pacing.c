/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/pacing.h"

#include "planner/bound.h"
#include "planner/pace.h"

#include <math.h>
#include <stdlib.h>

static void judge_alone(void *context, uint32_t vm, uint8_t method, double link_bytes_s, uint32_t runs,
                        struct plan_alone *ret_alone)
{
	struct pacing *pacing = context;

	predict_alone(pacing->predictor, pacing->state, vm, method, link_bytes_s, runs, pacing->seed,
	              ret_alone);
}

static double judge_run(void *context, const struct plan *plan, uint32_t runs, double *ret_ends_s)
{
	struct pacing *pacing = context;
	struct prediction prediction;

	predict_plan(pacing->predictor, pacing->state, plan, 0, runs, pacing->seed, INFINITY, &prediction,
	             pacing->moves);
	for (uint32_t i = 0; i < plan->move_count; i++) {
		const struct plan_predicted *move = &pacing->moves[i];

		ret_ends_s[i] = move->completes > 0 ? move->start_s + move->duration_s[2] : INFINITY;
	}
	return prediction.completed ? prediction.duration_mean_s : INFINITY;
}

void pacing_create(struct pacing *ret_pacing, struct predictor *predictor, struct state *state, uint64_t seed)
{
	*ret_pacing = (struct pacing){ .predictor = predictor, .state = state, .seed = seed };
	ret_pacing->judge = (struct judge){ ret_pacing, judge_alone, judge_run };
}

void pacing_find(struct pacing *pacing, struct reaches *reaches, struct plan *plan,
                 const struct pacing_options *options, struct prediction *ret_prediction)
{
	struct network network;

	if (plan->move_count == 0)
		return;
	pacing->moves = MEMORY_ARRAY(struct plan_predicted, plan->move_count);
	network_create(&network, pacing->state->cluster);
	if (reaches) {
		struct goal goal;

		goal_create(&goal, pacing->state, plan->goal, plan->goal_count);
		plan->makespan_least_s = bound_makespan_s(reaches, &goal, &network, &pacing->judge,
		                                          options->runs, options->pairs_most);
		goal_free(&goal);
	}
	pace(plan, &network, &pacing->judge, options->migrations_most);
	network_free(&network);
	free(pacing->moves);
	predict_into_plan(pacing->predictor, pacing->state, plan, options->runs, pacing->seed,
	                  options->window_s, ret_prediction);
	/*
	 * The median of a sum may be a hair less than the sum of medians. Of moves that are given up nothing
	 * is known.
	 */
	plan->makespan_least_s = ret_prediction->completed ? fmin(plan->makespan_least_s, plan->makespan_s[1])
	                                                   : 0;
}

/* How many migrations may be simulated to find a good pace; of these each move some times at the least. */
enum { PACE_MIGRATIONS = 30000, PACE_TRIES = 3 };

/* Pairs of a VM and a host that are looked at for the lower bound. */
enum { PAIRS_MOST = 20000000 };

void pacing_plan(struct pacing *pacing, struct reaches *reaches, struct plan *plan, uint32_t runs,
                 struct prediction *ret_prediction)
{
	uint64_t tries = (uint64_t)plan->move_count * PACE_TRIES;
	struct pacing_options how = { .migrations_most = tries > PACE_MIGRATIONS ? tries : PACE_MIGRATIONS,
		                      .pairs_most = PAIRS_MOST,
		                      .runs = runs,
		                      .window_s = INFINITY };

	pacing_find(pacing, reaches, plan, &how, ret_prediction);
}

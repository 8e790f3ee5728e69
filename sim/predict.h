/* SPDX-License-Identifier: GPL-3.0-or-later */
/* predict: how long the lock of one host takes, and what it does to the guests, over many runs. */
#ifndef SIM_PREDICT_H
#define SIM_PREDICT_H

#include "core/plan.h"
#include "sim/world.h"

/* Of three numbers: 10th, 50th and 90th percentile over the runs. */
struct prediction {
	double duration_s[3], duration_mean_s;
	double worst_downtime_ms[3];  /* the longest that a guest stands still */
	double bytes;                 /* median of all that is sent */
	double probability_in_window; /* that the host is locked within the window */
	bool completed; /* most runs end with the host locked: no migration fails or takes too long */
};

/*
 * One a thread; its memory is used again from call to call. Zero-initialised by predictor_create; made for
 * one cluster, that of the first call's state. The caller may set world.choose and world.host_changed once it
 * is ready, to choose targets faster than schedule_best does.
 */
struct predictor {
	struct world world;
	const struct cluster *cluster;         /* NULL: not made yet */
	const struct hypervisors *hypervisors; /* NULL: those that ship */
	double start_hour;                     /* as of struct world; predictor_create: -1 */
	uint32_t (*choose)(void *context,
	                   const struct request *request); /* see struct world; NULL: schedule_best */
	void (*host_changed)(void *context, uint32_t host);
	void *choose_context;
	double *durations, *downtimes, *bytes;
	uint32_t room;
};

void predictor_create(struct predictor *ret_predictor);
void predictor_free(struct predictor *predictor);

/*
 * Locks the host in `runs` runs over the state, which is the same afterwards: order[0 … count) first, then
 * the file's order. The same code as a simulated lock, and the same numbers for the same seed. With one run,
 * the expected one, the 10th and the 90th percentile are computed from the hypervisor's spreads.
 */
void predict_lock(struct predictor *predictor, struct state *state, uint32_t host, const uint32_t *order,
                  uint32_t count, uint32_t runs, uint64_t seed, double window_s,
                  struct prediction *ret_prediction);

/*
 * What a move of the VM does alone on a link of so many bytes/s on the wire: medians of `runs` runs; of one,
 * the expected. A live migration has its whole downtime limit from the start, which it may get later: it ends
 * no later than so.
 */
void predict_alone(struct predictor *predictor, struct state *state, uint32_t vm, uint8_t method,
                   double link_bytes_s, uint32_t runs, uint64_t seed, struct plan_alone *ret_alone);

/*
 * Carries a plan out in `runs` runs over the state, which is the same afterwards: each move begins when those
 * it waits for have ended and the links have left what it reserves (struct plan_move), earlier moves of the
 * plan first, and not more live migrations leave a host at a time than the cluster's parallel_per_host and
 * `parallel_most` (0: no limit of its own) allow. duration_s is the makespan.
 * ret_moves: by move of the plan; NULL: not asked for.
 */
void predict_plan(struct predictor *predictor, struct state *state, const struct plan *plan,
                  uint32_t parallel_most, uint32_t runs, uint64_t seed, double window_s,
                  struct prediction *ret_prediction, struct plan_predicted *ret_moves);

/* Carries a plan out as above in runs first_run, first_run + 1, …, at the plan's own pace; ret_sums: one a
 * run, whose window is for the caller to look at. */
void predict_plan_runs(struct predictor *predictor, struct state *state, const struct plan *plan,
                       uint32_t first_run, uint32_t runs, uint64_t seed, struct run_sums *ret_sums);

/* As predict_plan, with what it finds put into the plan. A move that seldom completes has what it does when
 * it does.
 */
void predict_into_plan(struct predictor *predictor, struct state *state, struct plan *plan, uint32_t runs,
                       uint64_t seed, double window_s, struct prediction *ret_prediction);

#endif

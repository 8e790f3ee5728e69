/* SPDX-License-Identifier: GPL-3.0-or-later */
/* predict: how long the lock of one host takes, and what it does to the guests, over many runs. */
#ifndef SIM_PREDICT_H
#define SIM_PREDICT_H

#include "sim/world.h"

/* Of three numbers: 10th, 50th and 90th percentile over the runs. */
struct prediction {
	double duration_s[3];
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

#endif

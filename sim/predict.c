/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/predict.h"

#include "core/must.h"
#include "models/hypervisor.h"
#include "sim/percentile.h"

#include <math.h>
#include <stdlib.h>

static const double MIB = 1048576;

/* Standard deviations from the median to the 90th percentile of a normal distribution. */
static const double P90_DEVIATIONS = 1.2815515655446004;

/* Of the time that the residual takes: where between two looks QEMU finds the threshold is chance. */
static const double DOWNTIME_SPREAD = 0.1;

void predictor_create(struct predictor *ret_predictor)
{
	*ret_predictor = (struct predictor){ 0 };
}

void predictor_free(struct predictor *predictor)
{
	if (predictor->cluster)
		world_free(&predictor->world);
	free(predictor->durations);
	free(predictor->downtimes);
	free(predictor->bytes);
	*predictor = (struct predictor){ 0 };
}

static void get_ready(struct predictor *predictor, const struct state *state, uint32_t runs)
{
	if (!predictor->cluster) {
		predictor->cluster = state->cluster;
		world_create(&predictor->world, state->cluster);
	}
	must(predictor->cluster == state->cluster);
	predictor->world.hypervisors = predictor->hypervisors;
	predictor->world.choose = predictor->choose;
	predictor->world.host_changed = predictor->host_changed;
	predictor->world.choose_context = predictor->choose_context;
	if (runs <= predictor->room)
		return;
	predictor->room = runs;
	predictor->durations = memory_resize(predictor->durations, runs, sizeof(double));
	predictor->downtimes = memory_resize(predictor->downtimes, runs, sizeof(double));
	predictor->bytes = memory_resize(predictor->bytes, runs, sizeof(double));
}

/* Whether the run ended with the host locked. */
static bool take_run(struct predictor *predictor, uint32_t run)
{
	const struct world *world = &predictor->world;
	const struct activity *lock = &world->activities[0];
	double downtime_s = 0, bytes = 0;

	for (uint32_t i = 0; i < world->moved_count; i++) {
		const struct moved *moved = &world->moved[i];

		bytes += moved->bytes;
		if (moved->outcome == OUTCOME_COMPLETED && moved->downtime_s > downtime_s)
			downtime_s = moved->downtime_s;
	}
	predictor->durations[run] = (double)(lock->end_ns - lock->start_ns) / 1e9;
	predictor->downtimes[run] = 1000 * downtime_s;
	predictor->bytes[run] = bytes;
	return lock->verdict == VERDICT_LOCKED;
}

/*
 * The variances of one move's time and downtime, from the hypervisor's spreads: of the set-up, of the rate,
 * and of what was sent again. That is a geometric series of ratio r, F r / (1 - r) beside the first pass F,
 * so that a change of r changes it by 1 / (1 - r) as much: (sent again) * (all) / F (Liu et al., HPDC 2011,
 * for the series).
 */
static void add_variances(const struct cluster *cluster, const struct moved *moved, double *variance_s,
                          double *downtime_variance)
{
	const struct hypervisor *row = moved->hypervisor;
	double copy_s, first, again, stop_s, part;

	copy_s = fmax((double)(moved->end_ns - moved->start_ns) / 1e9 - moved->setup_s, 0);
	first = fmax(cluster->vms[moved->vm].used_mib, 1) * MIB;
	again = fmax(moved->bytes - first, 0);
	part = moved->setup_s * row->setup_spread;
	*variance_s += part * part;
	part = copy_s * row->rate_spread;
	*variance_s += part * part;
	part = copy_s * row->dirty_spread * again / first;
	*variance_s += part * part;
	stop_s = fmin(row->stop_ms / 1000, moved->downtime_s);
	part = stop_s * row->stop_spread;
	*downtime_variance = part * part;
	part = (moved->downtime_s - stop_s) * DOWNTIME_SPREAD;
	*downtime_variance += part * part;
}

/* Intervals of a single run: what varies is added up instead of drawn. */
static void spread_run(const struct predictor *predictor, double window_s, struct prediction *prediction)
{
	const struct world *world = &predictor->world;
	double variance_s = 0, worst_s = -1, worst_variance = 0;

	for (uint32_t i = 0; i < world->moved_count; i++) {
		const struct moved *moved = &world->moved[i];
		double downtime_variance;

		if (moved->method != METHOD_LIVE || moved->outcome != OUTCOME_COMPLETED)
			continue;
		add_variances(predictor->cluster, moved, &variance_s, &downtime_variance);
		if (moved->downtime_s > worst_s) {
			worst_s = moved->downtime_s;
			worst_variance = downtime_variance;
		}
	}
	if (prediction->completed && variance_s > 0)
		prediction->probability_in_window =
			erfc((prediction->duration_s[1] - window_s) / sqrt(2 * variance_s)) / 2;
	for (int i = 0; i < 3; i += 2) {
		double deviations = (i - 1) * P90_DEVIATIONS;

		prediction->duration_s[i] = fmax(prediction->duration_s[1] + deviations * sqrt(variance_s),
		                                 0);
		prediction->worst_downtime_ms[i] =
			fmax(prediction->worst_downtime_ms[1] + 1000 * deviations * sqrt(worst_variance), 0);
	}
}

void predict_lock(struct predictor *predictor, struct state *state, uint32_t host, const uint32_t *order,
                  uint32_t count, uint32_t runs, uint64_t seed, double window_s,
                  struct prediction *ret_prediction)
{
	struct action action = { .kind = ACTION_LOCK,
		                 .host = host,
		                 .vm = NONE,
		                 .to = NONE,
		                 .flavor = NONE,
		                 .group = NONE,
		                 .vm_first = NONE,
		                 .order = order,
		                 .order_count = count };
	uint32_t locked = 0, in_window = 0;
	double percentiles[3];

	must(runs > 0);
	*ret_prediction = (struct prediction){ .probability_in_window = 1, .completed = true };
	if (state->hosts[host].administrative == ADMIN_LOCKED)
		return; /* nothing to do */
	if (state_vms_first(state, host) == NONE)
		runs = 1; /* nothing to draw */
	get_ready(predictor, state, runs);
	for (uint32_t run = 0; run < runs; run++) {
		uint32_t mark = state_mark(state);
		bool ends_locked;

		world_run(&predictor->world, state, &action, 1, seed, run);
		state_rollback(state, mark);
		ends_locked = take_run(predictor, run);
		locked += ends_locked;
		in_window += ends_locked && predictor->durations[run] <= window_s;
	}
	percentiles_take(predictor->durations, runs, ret_prediction->duration_s);
	percentiles_take(predictor->downtimes, runs, ret_prediction->worst_downtime_ms);
	percentiles_take(predictor->bytes, runs, percentiles);
	ret_prediction->bytes = percentiles[1];
	ret_prediction->probability_in_window = (double)in_window / runs;
	ret_prediction->completed = (uint64_t)locked * 2 > runs;
	if (runs == 1)
		spread_run(predictor, window_s, ret_prediction);
}

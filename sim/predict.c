/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/predict.h"

#include "core/must.h"
#include "sim/percentile.h"

#include <stdlib.h>

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

/* Whether runs differ: some VM of the host has a duty, whose phase is drawn. */
static bool is_drawn(const struct state *state, uint32_t host)
{
	for (uint32_t vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm)) {
		const struct dirty_settings *dirty = state->cluster->vms[vm].dirty;

		if (dirty->duty_period_s > 0 && dirty->duty_on_fraction > 0 && dirty->duty_on_fraction < 1 &&
		    dirty->model != DIRTY_MODEL_MEASURED)
			return true;
	}
	return false;
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
	if (!is_drawn(state, host))
		runs = 1;
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
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/predict.h"

#include "core/must.h"
#include "models/hypervisor.h"
#include "sim/memory.h"
#include "sim/migration.h"
#include "sim/percentile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double MIB = 1048576;
static const double PAGE = 4096;

/* Standard deviations from the median to the 90th percentile of a normal distribution. */
static const double P90_DEVIATIONS = 1.2815515655446004;

/* Of the time that the residual takes: where between two looks QEMU finds the threshold is chance. */
static const double DOWNTIME_SPREAD = 0.1;

void predictor_create(struct predictor *ret_predictor)
{
	*ret_predictor = (struct predictor){ .start_hour = -1 };
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
	predictor->world.start_hour = predictor->start_hour;
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

static void take_durations(struct predictor *predictor, uint32_t runs, struct prediction *prediction)
{
	double sum_s = 0;

	for (uint32_t run = 0; run < runs; run++)
		sum_s += predictor->durations[run];
	prediction->duration_mean_s = sum_s / runs;
	percentiles_take(predictor->durations, runs, prediction->duration_s);
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
	take_durations(predictor, runs, ret_prediction);
	percentiles_take(predictor->downtimes, runs, ret_prediction->worst_downtime_ms);
	percentiles_take(predictor->bytes, runs, percentiles);
	ret_prediction->bytes = percentiles[1];
	ret_prediction->probability_in_window = (double)in_window / runs;
	ret_prediction->completed = (uint64_t)locked * 2 > runs;
	if (runs == 1)
		spread_run(predictor, window_s, ret_prediction);
}

/* ------------------------------------------------------------------ one move alone */

/* A migration that has not ended by then does not: beyond the longest time limits of the platforms. */
static const double ENDLESS_S = 7200;

static void alone_cold(const struct world *world, const struct move *move, double link_bytes_s,
                       struct plan_alone *ret_alone)
{
	const struct state *state = world->state;
	bool active = state->vm_state[move->vm] != VM_STOPPED;
	double disk = move_disk_bytes(world, move->vm);

	*ret_alone = (struct plan_alone){ .setup_s = active ? GUEST_STOP_S : 0,
		                          .bytes = disk,
		                          .wire_bytes = disk / move->efficiency,
		                          .wire_bytes_s = fmin(link_bytes_s, move->timing.bandwidth_bytes_s /
		                                                                     move->efficiency) };
	ret_alone->duration_s = ret_alone->setup_s + (active ? GUEST_START_S : 0);
	if (disk > 0)
		ret_alone->duration_s += ret_alone->wire_bytes / ret_alone->wire_bytes_s;
	ret_alone->least_s = ret_alone->duration_s;
	ret_alone->least_bytes = ret_alone->wire_bytes;
}

/*
 * What it sends and how long it takes at the least, whatever it shares its links with. Most guests send the
 * least at the full rate. How soon one is throttled depends on much, and a sequential writer may keep step
 * with the sender: these send their memory once, then what they have dirtied meanwhile. Of that the half
 * counts, since the log of what is dirty is cleared piece by piece as memory is sent. Post-copy may cut short
 * whatever is sent again.
 */
static void find_least(const struct precopy_input *input, const struct move *move, double disk_s,
                       double disk_bytes, double throttle, struct plan_alone *alone)
{
	double most = alone->wire_bytes_s * move->efficiency, bytes = input->used_pages * PAGE;
	bool whole = isfinite(alone->duration_s) && !move->timing.post_copy;

	alone->least_s = alone->duration_s;
	alone->least_bytes = alone->wire_bytes;
	if (whole && throttle <= 0 && input->dirty.law != DIRTY_SEQUENTIAL)
		return;
	if (whole)
		bytes += PAGE / 2 * dirty_unique_pages(&input->dirty, input->duty_phase_s, 0, bytes / most);
	alone->least_s = disk_s + input->setup_s + bytes / most;
	alone->least_bytes = (disk_bytes + bytes) / move->efficiency;
}

static void alone_live(struct world *world, const struct move *move, double link_bytes_s,
                       struct plan_alone *ret_alone)
{
	struct precopy_input input = memory_input(world, move);
	double rate = link_bytes_s * move->efficiency, disk = move_disk_bytes(world, move->vm), limit_s;
	double capped = fmin(rate, input.bandwidth_bytes_s), disk_s = disk > 0 ? disk / capped : 0;
	struct precopy precopy;

	limit_s = fmax(fmin(move->timing.timeout_s, ENDLESS_S) - disk_s, 0);
	precopy_start(&precopy, &input, move->timing.max_downtime_ms / 1000);
	precopy_run(&precopy, rate, limit_s);
	*ret_alone = (struct plan_alone){
		.setup_s = input.setup_s,
		.duration_s = precopy.phase == PRECOPY_DONE ? disk_s + precopy.now_s : INFINITY,
		.bytes = precopy.sent_bytes,
		.wire_bytes = (disk + precopy.sent_bytes) / move->efficiency,
		.wire_bytes_s = fmin(capped, input.hypervisor->sender_bytes_s) / move->efficiency,
		.again = fmax(1 - input.used_pages * PAGE / fmax(precopy.sent_bytes, 1), 0),
	};
	find_least(&input, move, disk_s, disk, precopy.throttle, ret_alone);
}

/* plan_alone is doubles alone, each of which has its median. */
_Static_assert(sizeof(struct plan_alone) == 8 * sizeof(double), "doubles alone");

/* The median of one member over the runs. */
static double median_of(double *scratch, const struct plan_alone *alone, uint32_t runs, size_t offset)
{
	double percentiles[3];

	for (uint32_t run = 0; run < runs; run++)
		memcpy(&scratch[run], (const char *)&alone[run] + offset, sizeof(double));
	percentiles_take(scratch, runs, percentiles);
	return percentiles[1];
}

void predict_alone(struct predictor *predictor, struct state *state, uint32_t vm, uint8_t method,
                   double link_bytes_s, uint32_t runs, uint64_t seed, struct plan_alone *ret_alone)
{
	struct world *world = &predictor->world;
	struct move move = { .vm = vm, .from = state->vm_host[vm], .to = state->vm_host[vm] };
	struct plan_alone *alone = MEMORY_ARRAY(struct plan_alone, runs);

	must(runs > 0);
	get_ready(predictor, state, runs);
	world->state = state;
	world->now_ns = 0;
	world->seed = seed;
	move.timing = timing_of(state, vm, move_disk_bytes(world, vm) > 0);
	for (world->run = 0; world->run < runs; world->run++) {
		arena_reset(&world->arena);
		memory_links(world, &move);
		if (method == METHOD_LIVE)
			alone_live(world, &move, link_bytes_s, &alone[world->run]);
		else
			alone_cold(world, &move, link_bytes_s, &alone[world->run]);
	}
	for (size_t i = 0; i < sizeof(*ret_alone) / sizeof(double); i++) {
		double median = median_of(predictor->durations, alone, runs, i * sizeof(double));

		memcpy((char *)ret_alone + i * sizeof(double), &median, sizeof(double));
	}
	free(alone);
}

/* ------------------------------------------------------------------ plans */

/* The moves of a plan as actions of an admin that wait for each other. The caller free()s them. */
static struct action *plan_actions(const struct plan *plan)
{
	struct action *actions = MEMORY_ARRAY(struct action, plan->move_count);

	for (uint32_t i = 0; i < plan->move_count; i++) {
		const struct plan_move *move = &plan->moves[i];

		actions[i] = (struct action){ .kind = move->method == METHOD_LIVE ? ACTION_LIVE_MIGRATE
			                                                          : ACTION_COLD_MIGRATE,
			                      .host = NONE,
			                      .vm = move->vm,
			                      .to = move->to,
			                      .flavor = NONE,
			                      .group = NONE,
			                      .vm_first = NONE,
			                      .concurrent = true,
			                      .after = move->after,
			                      .after_count = move->after_count,
			                      .reserve_bytes_s = plan_reserve_bytes_s(move) };
	}
	return actions;
}

/* Numbers of each move, run by run: move i's begin at i * runs. */
struct tallies {
	double *start_s, *duration_s, *downtime_ms, *bytes;
	uint32_t *completed;
	uint32_t runs;
};

/* Returns whether all moves completed. */
static bool take_plan_run(struct predictor *predictor, uint32_t run, uint32_t move_count,
                          struct tallies *tallies)
{
	const struct world *world = &predictor->world;
	double end_s = 0, worst_ms = 0, bytes = 0;
	uint32_t completed = 0;

	for (uint32_t i = 0; i < world->moved_count; i++) {
		const struct moved *moved = &world->moved[i];
		uint32_t at;

		bytes += moved->bytes;
		end_s = fmax(end_s, (double)moved->end_ns / 1e9);
		if (moved->outcome != OUTCOME_COMPLETED)
			continue;
		completed++;
		worst_ms = fmax(worst_ms, 1000 * moved->downtime_s);
		if (!tallies)
			continue;
		at = moved->activity * tallies->runs + tallies->completed[moved->activity]++;
		tallies->start_s[at] = (double)moved->start_ns / 1e9;
		tallies->duration_s[at] = (double)(moved->end_ns - moved->start_ns) / 1e9;
		tallies->downtime_ms[at] = 1000 * moved->downtime_s;
		tallies->bytes[at] = moved->bytes;
	}
	predictor->durations[run] = end_s;
	predictor->downtimes[run] = worst_ms;
	predictor->bytes[run] = bytes;
	return completed == move_count;
}

static void take_moves(struct tallies *tallies, uint32_t move_count, struct plan_predicted *ret_moves)
{
	for (uint32_t i = 0; i < move_count; i++) {
		uint32_t count = tallies->completed[i], at = i * tallies->runs;
		struct plan_predicted *move = &ret_moves[i];
		double percentiles[3];

		*move = (struct plan_predicted){ .completes = (double)count / tallies->runs };
		if (count == 0)
			continue;
		percentiles_take(tallies->start_s + at, count, percentiles);
		move->start_s = percentiles[1];
		percentiles_take(tallies->duration_s + at, count, move->duration_s);
		percentiles_take(tallies->downtime_ms + at, count, move->downtime_ms);
		percentiles_take(tallies->bytes + at, count, percentiles);
		move->bytes = percentiles[1];
	}
}

void predict_plan(struct predictor *predictor, struct state *state, const struct plan *plan,
                  uint32_t parallel_most, uint32_t runs, uint64_t seed, double window_s,
                  struct prediction *ret_prediction, struct plan_predicted *ret_moves)
{
	struct action *actions = plan_actions(plan);
	size_t numbers = ret_moves ? (size_t)plan->move_count * runs : 0;
	struct tallies tallies = { MEMORY_ARRAY(double, numbers),
		                   MEMORY_ARRAY(double, numbers),
		                   MEMORY_ARRAY(double, numbers),
		                   MEMORY_ARRAY(double, numbers),
		                   MEMORY_ARRAY(uint32_t, plan->move_count),
		                   runs };
	uint32_t completed = 0, in_window = 0;
	double percentiles[3];

	must(runs > 0);
	get_ready(predictor, state, runs);
	predictor->world.parallel_most = parallel_most;
	predictor->world.in_order = true;
	for (uint32_t run = 0; run < runs; run++) {
		uint32_t mark = state_mark(state);
		bool all;

		world_run(&predictor->world, state, actions, plan->move_count, seed, run);
		state_rollback(state, mark);
		all = take_plan_run(predictor, run, plan->move_count, ret_moves ? &tallies : NULL);
		completed += all;
		in_window += all && predictor->durations[run] <= window_s;
	}
	predictor->world.parallel_most = 0;
	predictor->world.in_order = false;
	*ret_prediction = (struct prediction){ .probability_in_window = (double)in_window / runs,
		                               .completed = (uint64_t)completed * 2 > runs };
	take_durations(predictor, runs, ret_prediction);
	percentiles_take(predictor->downtimes, runs, ret_prediction->worst_downtime_ms);
	percentiles_take(predictor->bytes, runs, percentiles);
	ret_prediction->bytes = percentiles[1];
	if (ret_moves)
		take_moves(&tallies, plan->move_count, ret_moves);
	free(tallies.start_s);
	free(tallies.duration_s);
	free(tallies.downtime_ms);
	free(tallies.bytes);
	free(tallies.completed);
	free(actions);
}

void predict_plan_runs(struct predictor *predictor, struct state *state, const struct plan *plan,
                       uint32_t first_run, uint32_t runs, uint64_t seed, struct run_sums *ret_sums)
{
	struct action *actions = plan_actions(plan);

	must(runs > 0);
	get_ready(predictor, state, 1);
	predictor->world.in_order = true;
	for (uint32_t run = 0; run < runs; run++) {
		uint32_t mark = state_mark(state);
		bool all;

		world_run(&predictor->world, state, actions, plan->move_count, seed, first_run + run);
		state_rollback(state, mark);
		all = take_plan_run(predictor, 0, plan->move_count, NULL);
		ret_sums[run] = (struct run_sums){ .duration_s = all ? predictor->durations[0] : INFINITY,
			                           .downtime_ms = predictor->downtimes[0],
			                           .bytes = predictor->bytes[0] };
	}
	predictor->world.in_order = false;
	free(actions);
}

void predict_into_plan(struct predictor *predictor, struct state *state, struct plan *plan, uint32_t runs,
                       uint64_t seed, double window_s, struct prediction *ret_prediction)
{
	struct plan_predicted *moves = MEMORY_ARRAY(struct plan_predicted, plan->move_count);

	predict_plan(predictor, state, plan, 0, runs, seed, window_s, ret_prediction, moves);
	for (uint32_t i = 0; i < plan->move_count; i++)
		plan->moves[i].predicted = moves[i];
	memcpy(plan->makespan_s, ret_prediction->duration_s, sizeof(plan->makespan_s));
	plan->predicted = true;
	free(moves);
}

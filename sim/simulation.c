/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/simulation.h"

#include "core/must.h"
#include "sim/simulation_parts.h"
#include "sim/uncertain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Beyond so many pairs of an action and a host, the allowed hosts of actions are not looked for. */
static const uint64_t ALLOWED_MOST = 1000 * 1000;

struct worker {
	struct world world;
	struct state state;
	bool ready;
	/* with draws: the run's own */
	struct uncertain_draw draw;
	struct scenario drawn;
	uint32_t failed_run; /* NONE: none of its runs */
	struct error error;
};

void simulation_create(struct simulation *ret_simulation, const struct scenario *scenario,
                       const struct simulation_options *options)
{
	const struct simulation_draws *draws = options->draws;

	must(options->runs > 0 && options->threads > 0);
	*ret_simulation = (struct simulation){ .scenario = scenario, .options = *options };
	ret_simulation->workers = MEMORY_ARRAY(struct worker, options->threads);
	for (unsigned i = 0; i < options->threads; i++) {
		ret_simulation->workers[i].failed_run = NONE;
		if (draws)
			uncertain_draw_create(&ret_simulation->workers[i].draw, draws->uncertain,
			                      (enum sampling)draws->sampling, options->seed);
	}
	simulation_extend(ret_simulation, options->runs);
}

void simulation_extend(struct simulation *simulation, uint32_t runs)
{
	must(runs > simulation->runs);
	simulation->results = memory_resize(simulation->results, runs, sizeof(*simulation->results));
	memset(simulation->results + simulation->runs, 0,
	       sizeof(*simulation->results) * (runs - simulation->runs));
	simulation->runs = runs;
}

static void worker_free(struct worker *worker)
{
	if (!worker->ready)
		return;
	world_free(&worker->world);
	state_free(&worker->state);
	worker->ready = false;
}

void simulation_free(struct simulation *simulation)
{
	for (unsigned i = 0; i < simulation->options.threads; i++) {
		worker_free(&simulation->workers[i]);
		if (simulation->options.draws)
			uncertain_draw_free(&simulation->workers[i].draw);
	}
	for (uint32_t i = 0; i < simulation->runs; i++)
		arena_free(&simulation->results[i].arena);
	free(simulation->workers);
	free(simulation->results);
	trace_free(&simulation->trace);
	recorder_free(&simulation->recorder);
	arena_free(&simulation->arena);
	*simulation = (struct simulation){ 0 };
}

/* ------------------------------------------------------------------ draws */

static int read_drawn(const struct simulation_draws *draws, struct uncertain_draw *draw,
                      struct scenario *ret_scenario, struct error *error)
{
	struct read_numbers numbers = uncertain_drawn(draw);
	struct scenario_source source = draws->source;

	source.numbers = &numbers;
	return scenario_read(ret_scenario, draws->doc, draws->profile, &source, error);
}

int simulation_read_largest(const struct simulation_draws *draws, uint64_t seed, uint32_t runs,
                            struct scenario *ret_scenario, struct error *error)
{
	struct uncertain_draw draw;
	int result;

	uncertain_draw_create(&draw, draws->uncertain, (enum sampling)draws->sampling, seed);
	uncertain_draw_largest(&draw, runs);
	result = read_drawn(draws, &draw, ret_scenario, error);
	uncertain_draw_free(&draw);
	return result;
}

/*
 * The VM of a run's own scenario by the simulation's: they differ where it is drawn how many VMs a boot
 * makes.
 */
static uint32_t vm_of(const struct simulation *simulation, const struct scenario *run, uint32_t vm)
{
	const struct scenario *all = simulation->scenario;

	if (run == all || vm < all->vms_at_start)
		return vm;
	for (uint32_t i = 0; i < run->action_count; i++) {
		const struct action *action = &run->actions[i];

		if (action->kind != ACTION_BOOT || vm < action->vm_first ||
		    vm - action->vm_first >= action->max_count)
			continue;
		for (uint32_t j = 0; j < all->action_count; j++) {
			if (all->as_written[j] == run->as_written[i])
				return all->actions[j].vm_first + (vm - action->vm_first);
		}
	}
	must(false);
}

/* ------------------------------------------------------------------ runs */

static void get_ready(const struct simulation *simulation, const struct scenario *scenario,
                      struct worker *worker)
{
	if (worker->ready)
		return;
	worker->ready = true;
	state_create(&worker->state, &scenario->cluster);
	for (uint32_t host = scenario->hosts_at_start; host < scenario->cluster.host_count; host++)
		worker->state.hosts[host].absent = true;
	world_create(&worker->world, &scenario->cluster);
	worker->world.hypervisors = simulation->options.hypervisors;
	worker->world.vms_at_start = scenario->vms_at_start;
	worker->world.start_hour = simulation->options.start_hour ? *simulation->options.start_hour
	                                                          : scenario->start_hour;
	worker->world.want_alarms = true;
}

static const char *keep_text(struct arena *arena, const char *text)
{
	return text ? arena_text(arena, text, strlen(text)) : NULL;
}

static void keep_action(struct run_result *result, const struct activity *activity,
                        struct action_result *action)
{
	action->verdict = activity->verdict;
	action->message = keep_text(&result->arena, activity->message);
	action->start_ns = activity->start_ns;
	action->end_ns = activity->end_ns;
	if (activity->allowed) {
		uint32_t *allowed = ARENA_ARRAY(&result->arena, uint32_t, activity->allowed_count);

		memcpy(allowed, activity->allowed, sizeof(*allowed) * activity->allowed_count);
		action->allowed = allowed;
		action->allowed_count = activity->allowed_count;
	}
}

/* What is summed up over all runs. */
static void keep_sums(struct run_sums *sums, const struct world *world, double window_s)
{
	bool succeeded = true;
	double end_s = 0;

	for (uint32_t i = 0; i < world->action_count; i++) {
		const struct activity *activity = &world->activities[i];

		succeeded = succeeded &&
		            (activity->verdict == VERDICT_LOCKED || activity->verdict == VERDICT_DONE);
		end_s = fmax(end_s, (double)activity->end_ns / 1e9);
	}
	for (uint32_t i = 0; i < world->moved_count; i++) {
		const struct moved *moved = &world->moved[i];

		sums->bytes += moved->bytes;
		if (moved->outcome == OUTCOME_COMPLETED)
			sums->downtime_ms = fmax(sums->downtime_ms, 1000 * moved->downtime_s);
	}
	sums->duration_s = succeeded ? end_s : INFINITY;
	sums->in_window = succeeded && end_s <= window_s;
}

static void keep_result(const struct simulation *simulation, const struct scenario *scenario,
                        struct run_result *result, const struct world *world)
{
	struct arena *arena = &result->arena;

	result->actions = ARENA_ARRAY(arena, struct action_result, world->action_count);
	for (uint32_t i = 0; i < world->action_count; i++)
		keep_action(result, &world->activities[i], &result->actions[scenario->as_written[i]]);
	result->moved_count = world->moved_count;
	result->moved = ARENA_ARRAY(arena, struct moved, world->moved_count);
	for (uint32_t i = 0; i < world->moved_count; i++) {
		result->moved[i] = world->moved[i];
		result->moved[i].activity = scenario->as_written[world->moved[i].activity];
		result->moved[i].vm = vm_of(simulation, scenario, world->moved[i].vm);
	}
}

const struct run_sums *simulation_run_sums(const struct simulation *simulation, uint32_t run)
{
	return &simulation->results[run].sums;
}

static void keep_alarms(struct simulation *simulation, const struct world *world)
{
	struct arena *arena = &simulation->arena;

	simulation->alarm_count = world->alarm_count;
	simulation->alarms = ARENA_ARRAY(arena, struct alarm, world->alarm_count);
	for (uint32_t i = 0; i < world->alarm_count; i++) {
		simulation->alarms[i] = world->alarms[i];
		simulation->alarms[i].text = keep_text(arena, world->alarms[i].text);
		simulation->alarms[i].subject = keep_text(arena, world->alarms[i].subject);
	}
}

/* What only the first run is asked for. */
static void keep_first(struct simulation *simulation, const struct scenario *scenario,
                       const struct world *world)
{
	const struct cluster *all = &simulation->scenario->cluster;
	const struct state *state = world->state;
	struct final_state *final = &simulation->final;
	struct arena *arena = &simulation->arena;

	final->hosts = ARENA_ARRAY(arena, struct host_status, all->host_count);
	final->vm_hosts = ARENA_ARRAY(arena, uint32_t, all->vm_count);
	final->vm_states = ARENA_ARRAY(arena, uint8_t, all->vm_count);
	final->vm_exists = ARENA_ARRAY(arena, bool, all->vm_count);
	for (uint32_t i = 0; i < all->host_count; i++)
		final->hosts[i] = state->hosts[i];
	for (uint32_t i = 0; i < scenario->cluster.vm_count; i++) {
		uint32_t vm = vm_of(simulation, scenario, i);

		final->vm_hosts[vm] = state->vm_host[i];
		final->vm_states[vm] = state->vm_state[i];
		final->vm_exists[vm] = world_vm_exists(world, i);
	}
	keep_alarms(simulation, world);
	for (uint32_t i = 0; i < simulation->recorder.phase_count; i++)
		simulation->recorder.phases[i].vm = vm_of(simulation, scenario,
		                                          simulation->recorder.phases[i].vm);
	for (uint32_t i = 0; i < simulation->recorder.memories.count; i++)
		simulation->recorder.memories.at[i].key = vm_of(simulation, scenario,
		                                                simulation->recorder.memories.at[i].key);
}

static void run_scenario(struct simulation *simulation, const struct scenario *scenario, uint32_t run,
                         struct worker *worker)
{
	struct world *world = &worker->world;
	bool first = run == 0;

	world->trace = first && simulation->options.trace ? &simulation->trace : NULL;
	world->recorder = first && simulation->options.record ? &simulation->recorder : NULL;
	world->want_allowed = first && simulation->options.allowed &&
	                      (uint64_t)scenario->action_count * scenario->cluster.host_count <= ALLOWED_MOST;
	world_run(world, &worker->state, scenario->actions, scenario->action_count, simulation->options.seed,
	          simulation->options.first_run + run);
	keep_sums(&simulation->results[run].sums, world, scenario->window_s);
	if (simulation->options.sums_only)
		return;
	keep_result(simulation, scenario, &simulation->results[run], world);
	if (first)
		keep_first(simulation, scenario, world);
}

/* Each run has its own scenario, and nothing that was made for another. */
static void run_drawn(struct simulation *simulation, uint32_t run, struct worker *worker)
{
	struct error error;

	uncertain_draw_run(&worker->draw, simulation->options.first_run + run);
	if (read_drawn(simulation->options.draws, &worker->draw, &worker->drawn, &error)) {
		if (run < worker->failed_run) {
			worker->failed_run = run;
			worker->error = error;
		}
		return;
	}
	get_ready(simulation, &worker->drawn, worker);
	run_scenario(simulation, &worker->drawn, run, worker);
	worker_free(worker);
	scenario_free(&worker->drawn);
}

void simulation_run(struct simulation *simulation, uint32_t run, unsigned thread)
{
	const struct cluster *cluster = &simulation->scenario->cluster;
	struct worker *worker = &simulation->workers[thread];
	bool again = simulation->runs > 1;
	uint32_t mark = 0;

	if (simulation->options.draws) {
		run_drawn(simulation, run, worker);
		return;
	}
	get_ready(simulation, simulation->scenario, worker);
	if (again)
		mark = state_mark(&worker->state);
	run_scenario(simulation, simulation->scenario, run, worker);
	if (!again)
		return;
	state_rollback(&worker->state, mark);
	if (cluster->group_count)
		memcpy(worker->state.groups, cluster->groups,
		       sizeof(*cluster->groups) * cluster->group_count);
}

int simulation_failed(const struct simulation *simulation, struct error *error)
{
	const struct worker *first = NULL;

	for (unsigned i = 0; i < simulation->options.threads; i++) {
		const struct worker *worker = &simulation->workers[i];

		if (worker->failed_run != NONE && (!first || worker->failed_run < first->failed_run))
			first = worker;
	}
	if (!first)
		return 0;
	return error_set(error, ERROR_INPUT, "%s (as drawn for run %u)", first->error.text,
	                 first->failed_run + 1);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/simulation.h"

#include "core/must.h"
#include "sim/percentile.h"

#include <stdlib.h>
#include <string.h>

/* Beyond so many pairs of an action and a host, the allowed hosts of actions are not looked for. */
static const uint64_t ALLOWED_MOST = 1000 * 1000;

struct worker {
	struct world world;
	struct state state;
	bool ready;
};

struct action_result {
	enum verdict verdict;
	const char *message;
	int64_t start_ns, end_ns;
	const uint32_t *allowed;
	uint32_t allowed_count;
};

/* What is kept of one run. */
struct run_result {
	struct arena arena;
	struct action_result *actions;
	struct moved *moved;
	uint32_t moved_count;
};

void simulation_create(struct simulation *ret_simulation, const struct scenario *scenario,
                       const struct simulation_options *options)
{
	must(options->runs > 0 && options->threads > 0);
	*ret_simulation = (struct simulation){ .scenario = scenario, .options = *options };
	ret_simulation->runs = options->runs;
	ret_simulation->workers = MEMORY_ARRAY(struct worker, options->threads);
	ret_simulation->results = MEMORY_ARRAY(struct run_result, ret_simulation->runs);
}

void simulation_free(struct simulation *simulation)
{
	for (unsigned i = 0; i < simulation->options.threads; i++) {
		if (simulation->workers[i].ready) {
			world_free(&simulation->workers[i].world);
			state_free(&simulation->workers[i].state);
		}
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

/* ------------------------------------------------------------------ runs */

static void get_ready(const struct simulation *simulation, struct worker *worker)
{
	const struct scenario *scenario = simulation->scenario;

	if (worker->ready)
		return;
	worker->ready = true;
	state_create(&worker->state, &scenario->cluster);
	for (uint32_t host = scenario->hosts_at_start; host < scenario->cluster.host_count; host++)
		worker->state.hosts[host].absent = true;
	world_create(&worker->world, &scenario->cluster);
	worker->world.hypervisors = simulation->options.hypervisors;
	worker->world.vms_at_start = scenario->vms_at_start;
	worker->world.want_alarms = true;
}

static const char *keep_text(struct arena *arena, const char *text)
{
	return text ? arena_text(arena, text, strlen(text)) : NULL;
}

static void keep_result(struct run_result *result, const struct world *world)
{
	struct arena *arena = &result->arena;

	result->actions = ARENA_ARRAY(arena, struct action_result, world->action_count);
	for (uint32_t i = 0; i < world->action_count; i++) {
		const struct activity *activity = &world->activities[i];
		struct action_result *action = &result->actions[i];

		action->verdict = activity->verdict;
		action->message = keep_text(arena, activity->message);
		action->start_ns = activity->start_ns;
		action->end_ns = activity->end_ns;
		if (activity->allowed) {
			uint32_t *allowed = ARENA_ARRAY(arena, uint32_t, activity->allowed_count);

			memcpy(allowed, activity->allowed, sizeof(*allowed) * activity->allowed_count);
			action->allowed = allowed;
			action->allowed_count = activity->allowed_count;
		}
	}
	result->moved_count = world->moved_count;
	result->moved = ARENA_ARRAY(arena, struct moved, world->moved_count);
	if (world->moved_count)
		memcpy(result->moved, world->moved, sizeof(*result->moved) * world->moved_count);
}

/* What only the first run is asked for. */
static void keep_first(struct simulation *simulation, const struct world *world)
{
	const struct state *state = world->state;
	uint32_t host_count = world->cluster->host_count, vm_count = world->cluster->vm_count;
	struct final_state *final = &simulation->final;
	struct arena *arena = &simulation->arena;

	final->hosts = ARENA_ARRAY(arena, struct host_status, host_count);
	final->vm_hosts = ARENA_ARRAY(arena, uint32_t, vm_count);
	final->vm_states = ARENA_ARRAY(arena, uint8_t, vm_count);
	final->vm_exists = ARENA_ARRAY(arena, bool, vm_count);
	for (uint32_t i = 0; i < host_count; i++)
		final->hosts[i] = state->hosts[i];
	for (uint32_t i = 0; i < vm_count; i++) {
		final->vm_hosts[i] = state->vm_host[i];
		final->vm_states[i] = state->vm_state[i];
		final->vm_exists[i] = world_vm_exists(world, i);
	}
	simulation->alarm_count = world->alarm_count;
	simulation->alarms = ARENA_ARRAY(arena, struct alarm, world->alarm_count);
	for (uint32_t i = 0; i < world->alarm_count; i++) {
		simulation->alarms[i] = world->alarms[i];
		simulation->alarms[i].text = keep_text(arena, world->alarms[i].text);
	}
}

void simulation_run(struct simulation *simulation, uint32_t run, unsigned thread)
{
	const struct scenario *scenario = simulation->scenario;
	const struct cluster *cluster = &scenario->cluster;
	struct worker *worker = &simulation->workers[thread];
	struct world *world = &worker->world;
	bool first = run == 0, again = simulation->runs > 1;
	uint32_t mark = 0;

	get_ready(simulation, worker);
	world->trace = first && simulation->options.trace ? &simulation->trace : NULL;
	world->recorder = first && simulation->options.record ? &simulation->recorder : NULL;
	world->want_allowed = first && simulation->options.allowed &&
	                      (uint64_t)scenario->action_count * cluster->host_count <= ALLOWED_MOST;
	if (again)
		mark = state_mark(&worker->state);
	world_run(world, &worker->state, scenario->actions, scenario->action_count, simulation->options.seed,
	          run);
	keep_result(&simulation->results[run], world);
	if (first)
		keep_first(simulation, world);
	if (!again)
		return;
	state_rollback(&worker->state, mark);
	if (cluster->group_count)
		memcpy(worker->state.groups, cluster->groups,
		       sizeof(*cluster->groups) * cluster->group_count);
}

/* ------------------------------------------------------------------ summaries */

static double in_seconds(int64_t time_ns)
{
	return (double)time_ns / 1e9;
}

/* The most frequent of a few words; the first in the enumeration among equals. */
static uint32_t most_frequent(const uint32_t *counts, uint32_t count)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < count; i++) {
		if (counts[i] > counts[best])
			best = i;
	}
	return best;
}

static double median(double *values, uint32_t count)
{
	double percentiles[3];

	percentiles_take(values, count, percentiles);
	return percentiles[1];
}

static void summarise_action(struct simulation *simulation, uint32_t index, double *values)
{
	struct action_summary *summary = &simulation->actions[simulation->scenario->as_written[index]];
	uint32_t counts[VERDICT_COUNT] = { 0 }, runs = simulation->runs, run = 0;

	for (uint32_t i = 0; i < runs; i++)
		counts[simulation->results[i].actions[index].verdict]++;
	summary->verdict = (enum verdict)most_frequent(counts, VERDICT_COUNT);
	while (simulation->results[run].actions[index].verdict != summary->verdict)
		run++;
	summary->message = simulation->results[run].actions[index].message;
	summary->allowed = simulation->results[0].actions[index].allowed;
	summary->allowed_count = simulation->results[0].actions[index].allowed_count;
	for (uint32_t i = 0; i < runs; i++)
		values[i] = in_seconds(simulation->results[i].actions[index].start_ns);
	summary->start_s = median(values, runs);
	for (uint32_t i = 0; i < runs; i++)
		values[i] = in_seconds(simulation->results[i].actions[index].end_ns);
	summary->end_s = median(values, runs);
}

/*
 * The same migration in several runs: of one VM by one action, and when an action moves a VM more than once,
 * the n-th time.
 */
struct same {
	uint32_t action, vm;
	uint32_t time;      /* 0: the first */
	uint32_t count;     /* how many runs have it */
	uint32_t next_time; /* in `sames`, NONE */
	const struct moved **moved;
};

struct table {
	uint32_t *places; /* hash table of the first times: indexes into sames, NONE: free */
	struct same *sames;
	uint32_t room, count, sames_room;
	struct arena arena;
	uint32_t runs;
};

static uint32_t *place_of(const struct table *table, uint32_t action, uint32_t vm)
{
	uint64_t hash = ((uint64_t)action << 32 | vm) * UINT64_C(0x9e3779b97f4a7c15);

	for (uint32_t at = (uint32_t)(hash >> 33) & (table->room - 1);; at = (at + 1) & (table->room - 1)) {
		uint32_t *place = &table->places[at];

		if (*place == NONE ||
		    (table->sames[*place].action == action && table->sames[*place].vm == vm))
			return place;
	}
}

static void places_new(struct table *table)
{
	table->places = memory_resize(table->places, table->room, sizeof(*table->places));
	for (uint32_t i = 0; i < table->room; i++)
		table->places[i] = NONE;
	for (uint32_t i = 0; i < table->count; i++) {
		if (table->sames[i].time == 0)
			*place_of(table, table->sames[i].action, table->sames[i].vm) = i;
	}
}

static uint32_t same_new(struct table *table, uint32_t action, uint32_t vm, uint32_t time)
{
	if (table->count == table->sames_room) {
		table->sames_room = table->sames_room ? table->sames_room * 2 : 64;
		table->sames = memory_resize(table->sames, table->sames_room, sizeof(*table->sames));
	}
	table->sames[table->count] =
		(struct same){ .action = action,
		               .vm = vm,
		               .time = time,
		               .next_time = NONE,
		               .moved = ARENA_ARRAY(&table->arena, const struct moved *, table->runs) };
	return table->count++;
}

static void table_add(struct table *table, const struct moved *moved, uint32_t run)
{
	uint32_t *place, at;

	if (table->count * 2 >= table->room) {
		table->room = table->room ? table->room * 2 : 128;
		places_new(table);
	}
	place = place_of(table, moved->activity, moved->vm);
	if (*place == NONE)
		*place = same_new(table, moved->activity, moved->vm, 0);
	at = *place;
	while (table->sames[at].moved[run]) {
		if (table->sames[at].next_time == NONE) {
			uint32_t next = same_new(table, moved->activity, moved->vm,
			                         table->sames[at].time + 1);

			table->sames[at].next_time = next;
		}
		at = table->sames[at].next_time;
	}
	table->sames[at].moved[run] = moved;
	table->sames[at].count++;
}

static double duration_of(const struct moved *moved)
{
	return in_seconds(moved->end_ns - moved->start_ns);
}

static double downtime_of(const struct moved *moved)
{
	return 1000 * moved->downtime_s;
}

static double bytes_of(const struct moved *moved)
{
	return moved->bytes;
}

static double iterations_of(const struct moved *moved)
{
	return moved->iterations;
}

static double throttle_of(const struct moved *moved)
{
	return 100 * moved->throttle;
}

static double start_of(const struct moved *moved)
{
	return in_seconds(moved->start_ns);
}

/* Percentiles of one number, over the runs that completed only or over all. */
static void take(const struct same *same, uint32_t runs, double (*number)(const struct moved *),
                 bool completed, double *values, double ret_percentiles[3])
{
	uint32_t count = 0;

	for (uint32_t run = 0; run < runs; run++) {
		if (same->moved[run] && (!completed || same->moved[run]->outcome == OUTCOME_COMPLETED))
			values[count++] = number(same->moved[run]);
	}
	percentiles_take(values, count, ret_percentiles);
}

static void summarise_migration(const struct simulation *simulation, const struct same *same, double *values,
                                struct migration_summary *summary)
{
	uint32_t counts[OUTCOME_COUNT] = { 0 }, runs = simulation->runs, run = 0;
	double percentiles[3];

	for (uint32_t i = 0; i < runs; i++) {
		if (same->moved[i])
			counts[same->moved[i]->outcome]++;
	}
	*summary = (struct migration_summary){
		.action = simulation->scenario->as_written[same->action],
		.vm = same->vm,
		.outcome = (enum outcome)most_frequent(counts, OUTCOME_COUNT),
		.probability_converged = (double)counts[OUTCOME_COMPLETED] / same->count,
	};
	while (!same->moved[run] || same->moved[run]->outcome != summary->outcome)
		run++;
	summary->from = same->moved[run]->from;
	summary->to = same->moved[run]->to;
	summary->method = same->moved[run]->method;
	take(same, runs, duration_of, false, values, summary->duration_s);
	take(same, runs, bytes_of, false, values, summary->bytes);
	take(same, runs, iterations_of, false, values, summary->iterations);
	take(same, runs, downtime_of, true, values, summary->downtime_ms);
	take(same, runs, throttle_of, false, values, percentiles);
	summary->throttle_percent = percentiles[1];
	take(same, runs, start_of, false, values, percentiles);
	summary->start_s = percentiles[1];
}

void simulation_summarise(struct simulation *simulation)
{
	struct table table = { .runs = simulation->runs };
	double *values = MEMORY_ARRAY(double, simulation->runs);

	simulation->actions = ARENA_ARRAY(&simulation->arena, struct action_summary,
	                                  simulation->scenario->action_count);
	for (uint32_t i = 0; i < simulation->scenario->action_count; i++)
		summarise_action(simulation, i, values);
	for (uint32_t run = 0; run < simulation->runs; run++) {
		for (uint32_t i = 0; i < simulation->results[run].moved_count; i++)
			table_add(&table, &simulation->results[run].moved[i], run);
	}
	simulation->migration_count = table.count;
	simulation->migrations = ARENA_ARRAY(&simulation->arena, struct migration_summary, table.count);
	for (uint32_t i = 0; i < table.count; i++)
		summarise_migration(simulation, &table.sames[i], values, &simulation->migrations[i]);
	arena_free(&table.arena);
	free(table.places);
	free(table.sames);
	free(values);
}

bool simulation_succeeded(const struct simulation *simulation)
{
	for (uint32_t i = 0; i < simulation->scenario->action_count; i++) {
		enum verdict verdict = simulation->actions[i].verdict;

		if (verdict != VERDICT_LOCKED && verdict != VERDICT_DONE)
			return false;
	}
	return true;
}

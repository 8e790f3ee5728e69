/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/replay.h"

#include "core/json.h"
#include "core/must.h"
#include "sim/simulation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double PAGES_PER_MIB = 256;
static const double MIB = 1048576;

/* Rows that run in one scenario: indexes into the array. */
struct batch {
	uint32_t *rows;
	uint32_t count;
};

/* ------------------------------------------------------------------ the scenario's text */

static void add_points(json_t *dirty, const struct measured *row)
{
	json_t *points = json_add(dirty, "points", json_array_new());

	for (int i = 0; i < MEASURED_POINTS; i++) {
		const struct dirty_point *point = &row->outside[i];
		json_t *pair;

		if (!(point->interval_s > 0))
			continue;
		pair = json_push(points, json_array_new());
		json_push(pair, json_number_new(point->interval_s));
		json_push(pair, json_number_new(point->unique_pages / PAGES_PER_MIB));
	}
}

static void add_duty(json_t *dirty, const struct dirty *of)
{
	json_t *duty;

	if (!(of->duty_period_s > 0))
		return;
	duty = json_add(dirty, "duty", json_object_new());
	json_add_number(duty, "period_s", of->duty_period_s);
	json_add_number(duty, "on_fraction", of->duty_on_fraction);
}

/* The guest's law in a cluster file's words. */
static void add_dirty(json_t *vm, const struct measured *row, bool outside)
{
	const struct dirty *of = &row->dirty;
	json_t *dirty = json_add(vm, "dirty", json_object_new());

	must(of->law < DIRTY_MEASURED);
	json_add_text(dirty, "model", dirty_law_names[outside ? DIRTY_MEASURED : of->law]);
	if (outside) {
		/* The background was seen too. */
		json_add_number(dirty, "background_pages_s", 0);
		add_points(dirty, row);
		return;
	}
	json_add_number(dirty, "background_pages_s", of->background_pages_s);
	add_duty(dirty, of);
	if (of->law == DIRTY_IDLE)
		return;
	json_add_number(dirty, "working_set_mib", of->working_set_pages / PAGES_PER_MIB);
	json_add_number(dirty, "rate_pages_s", of->rate_pages_s);
	if (of->law == DIRTY_HOTCOLD) {
		json_add_number(dirty, "hot_fraction", of->hot_fraction);
		json_add_number(dirty, "hot_probability", of->hot_probability);
	}
	if (of->law == DIRTY_ZIPF)
		json_add_number(dirty, "exponent", of->exponent);
}

static void add_migration(json_t *vm, const struct measured *row)
{
	json_t *migration = json_add(vm, "migration", json_object_new());

	if (*row->hypervisor)
		json_add_text(migration, "hypervisor", row->hypervisor);
	json_add_number(migration, "bandwidth_mib_s",
	                isfinite(row->bandwidth_bytes_s) ? row->bandwidth_bytes_s / MIB : 0);
	json_add_number(migration, "max_downtime_ms", row->downtime_limit_s * 1000);
	/* As the measurements had it: the whole limit holds from the start. */
	json_add_number(migration, "downtime_steps", 0);
	json_add_number(migration, "timeout_s", isfinite(row->timeout_s) ? row->timeout_s : 0);
	json_add_number(migration, "parallel_per_host", 0);
	json_add_bool(migration, "auto_converge", row->auto_converge);
	json_add_bool(migration, "post_copy", row->post_copy);
}

static double memory_mib(const struct measured *row)
{
	return ceil(row->memory_pages / PAGES_PER_MIB);
}

static void add_host(json_t *hosts, const char *name, double memory, double cpus, double nic_mbit_s)
{
	json_t *host = json_push(hosts, json_object_new());

	json_add_text(host, "name", name);
	json_add_number(host, "cpus", cpus);
	json_add_number(host, "memory_mib", memory);
	json_add_number(host, "nic_mbit_s", nic_mbit_s);
}

/* A scenario's arrays while they are filled. */
struct arrays {
	json_t *flavors, *vms, *actions;
};

/* The n-th VM, its flavor, and its migration. */
static void add_vm(const struct arrays *arrays, uint32_t index, const struct measured *row, bool outside)
{
	json_t *flavor = json_push(arrays->flavors, json_object_new());
	json_t *vm = json_push(arrays->vms, json_object_new());
	json_t *action = json_push(arrays->actions, json_object_new());
	char name[32];

	snprintf(name, sizeof(name), "f%u", index);
	json_add_text(flavor, "name", name);
	json_add_number(flavor, "vcpus", 1);
	json_add_number(flavor, "memory_mib", memory_mib(row));
	json_add_text(vm, "flavor", name);
	snprintf(name, sizeof(name), "v%u", index);
	json_add_text(vm, "name", name);
	json_add_text(vm, "host", "source");
	json_add_number(vm, "used_mib", row->used_pages / PAGES_PER_MIB);
	add_dirty(vm, row, outside);
	add_migration(vm, row);
	json_add_text(action, "do", "live-migrate");
	json_add_text(action, "vm", name);
	json_add_text(action, "to", "target");
	json_add_number(action, "at_s", row->start_s);
	json_add_bool(action, "concurrent", true);
}

static json_t *scenario_value(const struct measured *rows, const struct batch *batch,
                              const struct replay_options *options)
{
	json_t *scenario = json_object_new(), *cluster, *hosts;
	struct arrays arrays;
	double memory = 0, link = rows[batch->rows[0]].link_bytes_s;
	double nic_mbit_s = isfinite(link) ? link / BYTES_PER_MBIT : REPLAY_LINK_MBIT_S;

	for (uint32_t i = 0; i < batch->count; i++)
		memory += memory_mib(&rows[batch->rows[i]]);
	json_add_text(scenario, "schema", "lockkeeper.scenario/1");
	cluster = json_add(scenario, "cluster", json_object_new());
	json_add_text(cluster, "schema", "lockkeeper.cluster/1");
	json_add_text(cluster, "name", "replay");
	/* The profile whose rules say the least about a migration that is given all its settings. */
	json_add_text(cluster, "profile", "nova");
	hosts = json_add(cluster, "hosts", json_array_new());
	add_host(hosts, "source", memory, batch->count, nic_mbit_s);
	add_host(hosts, "target", memory, batch->count, nic_mbit_s);
	arrays.flavors = json_add(cluster, "flavors", json_array_new());
	arrays.vms = json_add(cluster, "vms", json_array_new());
	json_add_number(scenario, "runs", options->runs);
	arrays.actions = json_add(scenario, "actions", json_array_new());
	for (uint32_t i = 0; i < batch->count; i++)
		add_vm(&arrays, i, &rows[batch->rows[i]], options->outside);
	return scenario;
}

/* ------------------------------------------------------------------ running it */

static int scenario_new(const struct measured *rows, const struct batch *batch,
                        const struct replay_options *options, struct scenario *ret_scenario,
                        struct error *error)
{
	json_t *made = scenario_value(rows, batch, options);
	struct json_doc *doc;
	char *text;
	size_t length;
	int result;

	text = json_print(made, false, &length);
	json_free(made);
	result = json_doc_parse(&doc, "replay", text, length, error);
	if (result)
		return result;
	result = scenario_read(ret_scenario, doc, PROFILE_COUNT, NULL, error);
	json_doc_free(doc);
	return result;
}

static void keep(const struct migration_summary *summary, struct replayed *ret_replayed)
{
	*ret_replayed = (struct replayed){ .known = true,
		                           .probability_converged = summary->probability_converged };
	for (int i = 0; i < 3; i++) {
		ret_replayed->duration_s[i] = summary->duration_s[i];
		ret_replayed->bytes[i] = summary->bytes[i];
		ret_replayed->iterations[i] = summary->iterations[i];
		ret_replayed->downtime_s[i] = summary->downtime_ms[i] / 1000;
	}
}

/* The rows' scenario and what came of it. Each scenario has its own luck, lest all rows be lucky at once. */
static int run_batch(const struct measured *rows, const struct batch *batch,
                     const struct replay_options *options, struct replayed *ret_replayed, struct error *error)
{
	struct simulation_options how = { .seed = options->seed + rows[batch->rows[0]].line,
		                          .runs = options->runs,
		                          .hypervisors = options->hypervisors,
		                          .threads = 1 };
	struct simulation simulation;
	struct scenario scenario;
	int result = scenario_new(rows, batch, options, &scenario, error);

	if (result)
		return result;
	simulation_create(&simulation, &scenario, &how);
	for (uint32_t run = 0; run < simulation.runs; run++)
		simulation_run(&simulation, run, 0);
	simulation_summarise(&simulation);
	for (uint32_t i = 0; i < simulation.migration_count; i++) {
		const struct migration_summary *summary = &simulation.migrations[i];

		keep(summary, &ret_replayed[batch->rows[summary->action]]);
	}
	for (uint32_t i = 0; i < batch->count && !result; i++) {
		const struct action_summary *action = &simulation.actions[i];

		if (action->verdict == VERDICT_REJECTED)
			result = error_set(error, ERROR_INPUT, "line %u: its migration was refused: %s",
			                   rows[batch->rows[i]].line, action->message);
	}
	simulation_free(&simulation);
	scenario_free(&scenario);
	return result;
}

/* ------------------------------------------------------------------ which rows run together */

static bool same_batch(const struct measured *a, const struct measured *b)
{
	return *a->batch && !strcmp(a->batch, b->batch);
}

/* The row and the others of its batch, in their order; batch->rows has room for all. */
static void batch_of(const struct measured *rows, uint32_t count, uint32_t row, struct batch *batch)
{
	batch->count = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (i == row || same_batch(&rows[i], &rows[row]))
			batch->rows[batch->count++] = i;
	}
}

static bool seen_from_outside(const struct measured *rows, const struct batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		if (!(rows[batch->rows[i]].outside[0].interval_s > 0))
			return false;
	}
	return true;
}

int replay_rows(const struct measured *rows, uint32_t count, const struct replay_options *options,
                struct replayed *ret_replayed, struct error *error)
{
	struct batch batch = { .rows = MEMORY_ARRAY(uint32_t, count) };
	int result = 0;

	must(options->runs > 0);
	memset(ret_replayed, 0, sizeof(*ret_replayed) * count);
	for (uint32_t row = 0; row < count && !result; row++) {
		batch_of(rows, count, row, &batch);
		if (batch.rows[0] < row || (options->outside && !seen_from_outside(rows, &batch)))
			continue; /* it ran with the first of its batch, or cannot run */
		result = run_batch(rows, &batch, options, ret_replayed, error);
	}
	free(batch.rows);
	return result;
}

char *replay_scenario(const struct measured *rows, uint32_t count, uint32_t row,
                      const struct replay_options *options)
{
	struct batch batch = { .rows = MEMORY_ARRAY(uint32_t, count) };
	json_t *made;
	char *text;

	must(row < count);
	batch_of(rows, count, row, &batch);
	made = scenario_value(rows, &batch, options);
	json_add_number(made, "seed", (double)(options->seed + rows[batch.rows[0]].line));
	text = json_print(made, true, NULL);
	json_free(made);
	free(batch.rows);
	return text;
}

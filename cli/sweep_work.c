/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/sweep.h"

#include "cli/pacing.h"
#include "cli/scenario_file.h"
#include "core/read.h"
#include "import/model_file.h"
#include "planner/rolling.h"
#include "sim/predict.h"
#include "system/files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hosts of a rolling plan's stage, as of plan --rolling; steps of its verdicts, as with plan's limit. */
enum { PARALLEL_DEFAULT = 2, PARALLEL_MOST = 100, LIMIT_S = 10 };

/* ------------------------------------------------------------------ the whole document */

/* The names of hosts to lock, beside a cluster's file. */
static int take_locks(const struct json_doc *doc, const char ***ret_names, uint32_t *ret_count,
                      struct error *error)
{
	const json_t *locks = json_get(json_doc_root(doc), "lock");
	uint32_t count = 0;

	*ret_names = MEMORY_ARRAY(const char *, locks ? json_count(locks) : 0);
	for (const json_t *entry = locks ? json_first(locks) : NULL; entry; entry = json_next(entry)) {
		if (json_type(locks) != JSON_ARRAY || json_type(entry) != JSON_TEXT)
			return json_fail(doc, locks, error, "expected an array of host names");
		(*ret_names)[count++] = json_text(entry);
	}
	*ret_count = count;
	return 0;
}

/* The scenario with all that it names in place. */
static int whole_scenario(const struct json_doc *doc, const char *path, json_t **ret_whole,
                          struct error *error)
{
	const json_t *scenario = json_get(json_doc_root(doc), "scenario");
	struct json_doc *other;
	const char **locks = NULL;
	uint32_t lock_count = 0;
	char joined[4096];
	int result;

	if (!scenario)
		return json_fail(doc, json_doc_root(doc), error,
		                 "member \"scenario\" is missing, expected in a sweep");
	result = take_locks(doc, &locks, &lock_count, error);
	if (!result && json_type(scenario) == JSON_TEXT) {
		result = scenario_file_beside(path, json_text(scenario), joined, sizeof(joined), error);
		if (!result)
			result = file_read_json(joined, &other, error);
		if (!result) {
			result = scenario_file_whole(json_doc_root(other), joined, locks, lock_count,
			                             ret_whole, error);
			json_doc_free(other);
		}
	} else if (!result && json_type(scenario) == JSON_OBJECT) {
		result = scenario_file_whole(scenario, path, locks, lock_count, ret_whole, error);
	} else if (!result) {
		result = json_fail(doc, scenario, error, "%s, expected a path, a scenario or a cluster",
		                   json_type_name(scenario));
	}
	free(locks);
	return result;
}

/* What the command line says goes before what the file says, and becomes part of the document. */
static int put_options(json_t *whole, const struct cli_options *options, struct error *error)
{
	struct json_doc *model;
	int result;

	json_remove(whole, "lock");
	json_put(whole, "program", json_text_new(LOCKKEEPER_VERSION));
	if (options->profile < PROFILE_COUNT)
		json_put(whole, "profile", json_text_new(profile_words[options->profile]));
	if (options->start_hour >= 0)
		json_put(json_child(whole,
		                    json_get(whole, json_get(whole, "rolling") ? "rolling" : "scenario")),
		         "start_hour", json_number_new(options->start_hour));
	if (options->seed_given)
		json_put(whole, "seed", json_number_new((double)options->seed));
	if (!options->model)
		return 0;
	result = file_read_json(options->model, &model, error);
	if (!result) {
		json_put(whole, "model", json_copy(json_doc_root(model)));
		json_doc_free(model);
	}
	return result;
}

static int doc_of(const json_t *value, const char *name, struct json_doc **ret_doc, struct error *error)
{
	size_t length;
	char *text = json_print(value, true, &length);

	return json_doc_parse(ret_doc, name, text, length, error);
}

/* ------------------------------------------------------------------ reading */

/* From the whole document, which is the work's already. */
static int take_whole(struct sweep_work *work, struct error *error)
{
	struct json_doc *model;
	int result = sweep_read(&work->sweep, work->doc, NULL, NULL, error);

	work->hypervisors = *hypervisors_shipped();
	if (!result && work->sweep.model) {
		result = doc_of(work->sweep.model, "the sweep's model", &model, error);
		if (!result) {
			result = model_file_read(model, &work->hypervisors, error);
			json_doc_free(model);
		}
	}
	if (result)
		return result;
	work->base = json_copy(work->sweep.scenario);
	if (work->sweep.rolling)
		json_add(work->base, "rolling", json_copy(work->sweep.rolling));
	return 0;
}

int sweep_work_read(struct sweep_work *ret_work, const char *path, const struct cli_options *options,
                    struct error *error)
{
	struct sweep_work *work = ret_work;
	struct json_doc *doc;
	json_t *scenario, *whole;
	int result;

	*work = (struct sweep_work){ 0 };
	result = file_read_json(path, &doc, error);
	if (result)
		return result;
	/* What is wrong with it is said of its own lines. */
	result = sweep_read(&work->sweep, doc, scenario_file_column, &path, error);
	sweep_free(&work->sweep);
	if (!result)
		result = whole_scenario(doc, path, &scenario, error);
	if (!result) {
		whole = json_copy(json_doc_root(doc));
		json_put(whole, "scenario", scenario);
		result = scenario_file_place(whole, path, error);
		if (!result)
			result = put_options(whole, options, error);
		if (!result)
			result = doc_of(whole, json_doc_name(doc), &work->doc, error);
		json_free(whole);
	}
	json_doc_free(doc);
	return result ? result : take_whole(work, error);
}

int sweep_work_open(struct sweep_work *ret_work, const char *folder, struct error *error)
{
	char path[4096];
	int result;

	*ret_work = (struct sweep_work){ 0 };
	if ((size_t)snprintf(path, sizeof(path), "%s/sweep.json", folder) >= sizeof(path))
		return error_set(error, ERROR_IO, "%s: the path is too long", folder);
	result = file_read_json(path, &ret_work->doc, error);
	if (!result)
		result = take_whole(ret_work, error);
	if (!result && !ret_work->sweep.program)
		result = error_set(error, ERROR_INPUT, "%s: is no sweep that was begun", path);
	return result;
}

void sweep_work_free(struct sweep_work *work)
{
	sweep_free(&work->sweep);
	json_free(work->base);
	json_doc_free(work->doc);
	*work = (struct sweep_work){ 0 };
}

char *sweep_work_text(const struct sweep_work *work, size_t *ret_length)
{
	return json_print(json_doc_root(work->doc), true, ret_length);
}

void sweep_unit_path(const struct sweep_work *work, const char *folder, uint32_t unit, char *ret_path,
                     size_t room)
{
	char key[65];

	sweep_unit_key(&work->sweep, unit, key);
	snprintf(ret_path, room, "%s/units/%s.json", folder, key);
}

/* ------------------------------------------------------------------ runs of a scenario */

/* The cell's own document: messages name the cell. */
static int cell_doc(const struct sweep_work *work, uint32_t cell, struct json_doc **ret_doc,
                    struct error *error)
{
	json_t *scenario = json_copy(work->base);
	char name[64];
	struct error inner;
	int result = sweep_apply(&work->sweep, cell, scenario, &inner);

	snprintf(name, sizeof(name), "cell %u", cell);
	if (result)
		error_set(error, result, "%s: %s", name, inner.text);
	else
		result = doc_of(scenario, name, ret_doc, error);
	json_free(scenario);
	return result;
}

static void take_run(struct sweep_result *result, const struct run_sums *sums)
{
	result->runs++;
	result->in_window += sums->in_window;
	if (isfinite(sums->duration_s)) {
		result->done++;
		histogram_add(&result->measures[MEASURE_DURATION_US], sweep_us(sums->duration_s));
	}
	histogram_add(&result->measures[MEASURE_DOWNTIME_US], sweep_us(sums->downtime_ms / 1000));
	histogram_add(&result->measures[MEASURE_BYTES], (uint64_t)sums->bytes);
}

static int run_scenario(const struct sweep_work *work, const struct sweep_part *part,
                        struct scenario_file *file, struct sweep_result *result, struct error *error)
{
	struct simulation_options options = { .seed = work->sweep.seed,
		                              .runs = part->runs,
		                              .first_run = part->first_run,
		                              .sums_only = true,
		                              .threads = 1,
		                              .hypervisors = &work->hypervisors,
		                              .draws = file->uncertain.count > 0 ? &file->draws : NULL };
	struct simulation simulation;
	int failed;

	simulation_create(&simulation, &file->scenario, &options);
	for (uint32_t run = 0; run < part->runs; run++)
		simulation_run(&simulation, run, 0);
	failed = simulation_failed(&simulation, error);
	for (uint32_t run = 0; run < part->runs && !failed; run++)
		take_run(result, simulation_run_sums(&simulation, run));
	simulation_free(&simulation);
	return failed;
}

static int work_on_scenario(const struct sweep_work *work, const struct sweep_part *part,
                            struct sweep_result *result, struct error *error)
{
	struct scenario_file file;
	struct json_doc *doc;
	int failed = cell_doc(work, part->cell, &doc, error);

	if (failed)
		return failed;
	failed = scenario_file_take(&file, doc, "", NULL, 0, work->sweep.profile, true, error);
	if (!failed)
		failed = run_scenario(work, part, &file, result, error);
	scenario_file_free(&file);
	return failed;
}

/* ------------------------------------------------------------------ a rolling maintenance */

struct rolling_settings {
	int64_t max_parallel;
	double window_s, start_hour;
};

static const struct read_member rolling_members[] = {
	{ .name = "max_parallel",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct rolling_settings, max_parallel),
	  .min = 1,
	  .max = PARALLEL_MOST },
	{ .name = "start_hour",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct rolling_settings, start_hour),
	  .max = 23.999999 },
	{ .name = "window_s",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct rolling_settings, window_s),
	  .max = 1e9,
	  .above = true },
	{ 0 },
};

/* The plan paced as `plan` would, and carried out. */
static void run_plan(const struct sweep_work *work, struct state *state, struct plan *plan,
                     const struct sweep_part *part, const struct rolling_settings *settings,
                     struct sweep_result *result)
{
	struct run_sums *sums = MEMORY_ARRAY(struct run_sums, part->runs);
	struct prediction prediction;
	struct predictor predictor;
	struct pacing pacing;

	predictor_create(&predictor);
	predictor.hypervisors = &work->hypervisors;
	predictor.start_hour = settings->start_hour;
	pacing_create(&pacing, &predictor, state, work->sweep.seed);
	pacing_plan(&pacing, NULL, plan, 1, &prediction);
	predict_plan_runs(&predictor, state, plan, part->first_run, part->runs, work->sweep.seed, sums);
	for (uint32_t run = 0; run < part->runs; run++) {
		sums[run].in_window = sums[run].duration_s <= settings->window_s;
		take_run(result, &sums[run]);
	}
	predictor_free(&predictor);
	free(sums);
}

static void run_rolling(const struct sweep_work *work, const struct cluster *cluster,
                        const struct sweep_part *part, const struct rolling_settings *settings,
                        struct sweep_result *result)
{
	uint64_t steps = (uint64_t)LIMIT_S * PLANNED_STEPS_PER_SECOND;
	struct rolling rolling;
	struct state state;

	rolling_plan(cluster, (uint32_t)settings->max_parallel, steps, &rolling);
	result->undecided = rolling.verdict == PLANNED_UNKNOWN;
	if (rolling.verdict == PLANNED_LOCKABLE) {
		result->stages = rolling.plan.stage_count;
		result->moves = rolling.plan.move_count;
		state_create(&state, cluster);
		run_plan(work, &state, &rolling.plan, part, settings, result);
		state_free(&state);
	} else {
		result->runs = part->runs;
	}
	rolling_free(&rolling);
}

static int work_on_rolling(const struct sweep_work *work, const struct sweep_part *part,
                           struct sweep_result *result, struct error *error)
{
	struct rolling_settings settings = { .max_parallel = PARALLEL_DEFAULT,
		                             .window_s = 1e9,
		                             .start_hour = -1 };
	struct cluster cluster, texts = { 0 };
	struct reader reader = { .cluster = &texts, .error = error };
	struct json_doc *doc;
	int failed = cell_doc(work, part->cell, &doc, error);

	if (failed)
		return failed;
	reader.doc = doc;
	failed = read_object(&reader, json_get(json_doc_root(doc), "rolling"), rolling_members, &settings,
	                     "a rolling maintenance");
	if (!failed)
		failed = cluster_read_value(&cluster, doc, json_get(json_doc_root(doc), "cluster"),
		                            work->sweep.profile, NULL, error);
	json_doc_free(doc);
	if (failed)
		return failed;
	run_rolling(work, &cluster, part, &settings, result);
	cluster_free(&cluster);
	return 0;
}

int sweep_work_unit(const struct sweep_work *work, uint32_t unit, struct sweep_result *results,
                    struct error *error)
{
	struct sweep_part *parts = MEMORY_ARRAY(struct sweep_part, work->sweep.parts_a_unit);
	uint32_t count = sweep_parts(&work->sweep, unit, parts);
	int failed = 0;

	for (uint32_t i = 0; i < count && !failed; i++)
		failed = work->sweep.kind == SWEEP_ROLLING
		                 ? work_on_rolling(work, &parts[i], &results[i], error)
		                 : work_on_scenario(work, &parts[i], &results[i], error);
	free(parts);
	return failed;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scenarios with their cluster in place, whose numbers may be distributions: read, and when they are small,
 * run. */
#include "core/arena.h"
#include "core/must.h"
#include "core/scenario.h"
#include "sim/simulation.h"
#include "sim/uncertain.h"

#include <stdlib.h>
#include <string.h>

/* Beyond these a scenario is only read: running it would take longer than it teaches. */
enum { HOSTS_MOST = 12, VMS_MOST = 40, ACTIONS_MOST = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No files here. */
static int load_nothing(void *context, const char *path, enum profile profile,
                        const struct read_numbers *numbers, struct cluster *ret_cluster, struct error *error)
{
	(void)context;
	(void)numbers;
	(void)profile;
	(void)ret_cluster;
	return error_set(error, ERROR_IO, "fuzz.json: no file %s", path);
}

/* Counts that are drawn may make a scenario larger than it is at its medians: that is looked at as well. */
static void run(const struct scenario *scenario, const struct simulation_draws *draws)
{
	struct simulation_options options = { .seed = 1,
		                              .runs = 2,
		                              .threads = 1,
		                              .allowed = true,
		                              .trace = true,
		                              .record = true,
		                              .draws = draws };
	struct simulation_summary summary;
	struct simulation simulation;
	struct error error = { "" };

	simulation_create(&simulation, scenario, &options);
	for (uint32_t run = 0; run < simulation.runs; run++)
		simulation_run(&simulation, run, 0);
	if (simulation_failed(&simulation, &error)) {
		must(draws && !strncmp(error.text, "fuzz.json:", 10));
		simulation_free(&simulation);
		return;
	}
	simulation_summarise(&simulation);
	simulation_sum(&simulation, &summary);
	for (int table = RECORD_TIMELINE; table <= RECORD_LINKS; table++) {
		size_t length;

		free(recorder_csv(&simulation.recorder, &scenario->cluster, (enum record_table)table,
		                  &length));
	}
	simulation_free(&simulation);
}

static bool is_small(const struct scenario *scenario)
{
	return scenario->cluster.host_count <= HOSTS_MOST && scenario->cluster.vm_count <= VMS_MOST &&
	       scenario->action_count <= ACTIONS_MOST;
}

/* What is drawn how many VMs there are needs room for all; false: that cannot be read, or is too much. */
static bool make_room(struct scenario *scenario, const struct simulation_draws *draws)
{
	struct scenario largest;

	if (!draws->uncertain->counts)
		return true;
	if (simulation_read_largest(draws, 1, 2, &largest, NULL))
		return false;
	scenario_free(scenario);
	scenario_move(scenario, &largest);
	return is_small(scenario);
}

static void draw_and_run(struct scenario *scenario, const struct uncertain *uncertain,
                         const struct json_doc *doc, const struct scenario_source *source, uint8_t sampling)
{
	struct simulation_draws draws = { .uncertain = uncertain,
		                          .sampling = sampling,
		                          .doc = doc,
		                          .profile = PROFILE_COUNT,
		                          .source = *source };

	if (uncertain->count == 0)
		run(scenario, NULL);
	else if (make_room(scenario, &draws))
		run(scenario, &draws);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = memory_take(size);
	struct uncertain uncertain;
	struct read_numbers numbers = uncertain_learn(&uncertain);
	struct scenario_source source = { .load = load_nothing, .numbers = &numbers };
	struct error error = { "" };
	struct scenario scenario;
	struct json_doc *doc;
	int result;

	memcpy(copy, data, size);
	if (json_doc_parse(&doc, "fuzz.json", copy, size, &error))
		return 0;
	uncertain_create(&uncertain, NULL, NULL);
	result = scenario_read(&scenario, doc, PROFILE_COUNT, &source, &error);
	if (result) {
		must(!strncmp(error.text, "fuzz.json:", 10));
		must(!strchr(error.text, '\n'));
	} else {
		if (is_small(&scenario))
			draw_and_run(&scenario, &uncertain, doc, &source, size % 2);
		scenario_free(&scenario);
	}
	uncertain_free(&uncertain);
	json_doc_free(doc);
	return 0;
}

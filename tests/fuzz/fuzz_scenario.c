/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scenarios with their cluster in place: read, and when they are small, run. */
#include "core/arena.h"
#include "core/must.h"
#include "core/scenario.h"
#include "sim/simulation.h"

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

static void run(const struct scenario *scenario)
{
	struct simulation_options options = {
		.seed = 1, .runs = 2, .threads = 1, .allowed = true, .trace = true, .record = true
	};
	struct simulation simulation;

	simulation_create(&simulation, scenario, &options);
	for (uint32_t run = 0; run < simulation.runs; run++)
		simulation_run(&simulation, run, 0);
	simulation_summarise(&simulation);
	for (int table = RECORD_TIMELINE; table <= RECORD_LINKS; table++) {
		size_t length;

		free(recorder_csv(&simulation.recorder, &scenario->cluster, (enum record_table)table,
		                  &length));
	}
	simulation_free(&simulation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = memory_take(size);
	const struct scenario_source source = { .load = load_nothing };
	struct error error = { "" };
	struct scenario scenario;
	struct json_doc *doc;
	int result;

	memcpy(copy, data, size);
	if (json_doc_parse(&doc, "fuzz.json", copy, size, &error))
		return 0;
	result = scenario_read(&scenario, doc, PROFILE_COUNT, &source, &error);
	json_doc_free(doc);
	if (result) {
		must(!strncmp(error.text, "fuzz.json:", 10));
		must(!strchr(error.text, '\n'));
		return 0;
	}
	if (scenario.cluster.host_count <= HOSTS_MOST && scenario.cluster.vm_count <= VMS_MOST &&
	    scenario.action_count <= ACTIONS_MOST)
		run(&scenario);
	scenario_free(&scenario);
	return 0;
}

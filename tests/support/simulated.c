/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/simulated.h"

#include "core/arena.h"
#include "core/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int scenario_try_text(struct scenario *ret_scenario, const char *text, enum profile profile,
                      struct error *error)
{
	size_t length = strlen(text);
	char *copy = memory_take(length + 1);
	struct json_doc *doc;
	int result;

	for (size_t i = 0; i <= length; i++)
		copy[i] = text[i] == '\'' ? '"' : text[i];
	if (json_doc_parse(&doc, "s.json", copy, length, error))
		return ERROR_INPUT;
	result = scenario_read(ret_scenario, doc, profile, NULL, error);
	json_doc_free(doc);
	return result;
}

void simulated_run(struct simulated *ret_simulated, enum profile profile, const char *cluster,
                   const char *actions)
{
	simulated_run_with(ret_simulated, NULL, profile, cluster, actions);
}

void simulated_run_with(struct simulated *ret_simulated, const struct hypervisors *hypervisors,
                        enum profile profile, const char *cluster, const char *actions)
{
	struct simulation_options options = {
		.seed = 1, .runs = 1, .threads = 1, .allowed = true, .hypervisors = hypervisors
	};
	struct error error = { "" };
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	fprintf(file,
	        "{'schema':'lockkeeper.scenario/1','cluster':{'schema':'lockkeeper.cluster/1','name':'c',");
	fprintf(file, "%s},'actions':[%s]}", cluster, actions);
	fclose(file);
	if (scenario_try_text(&ret_simulated->scenario, text, profile, &error)) {
		fprintf(stderr, "%s\n%s\n", error.text, text);
		must(!"the text of a scenario that can be read");
	}
	free(text);
	simulation_create(&ret_simulated->simulation, &ret_simulated->scenario, &options);
	simulation_run(&ret_simulated->simulation, 0, 0);
	simulation_summarise(&ret_simulated->simulation);
}

void simulated_free(struct simulated *simulated)
{
	simulation_free(&simulated->simulation);
	scenario_free(&simulated->scenario);
}

enum verdict simulated_verdict(const struct simulated *simulated, uint32_t action)
{
	return simulated->simulation.actions[action].verdict;
}

const char *simulated_message(const struct simulated *simulated, uint32_t action)
{
	const char *message = simulated->simulation.actions[action].message;

	return message ? message : "";
}

static uint32_t vm_of(const struct simulated *simulated, const char *name)
{
	uint32_t vm = cluster_vm(&simulated->scenario.cluster, name);

	must(vm != NONE);
	return vm;
}

const char *simulated_host(const struct simulated *simulated, const char *vm)
{
	uint32_t host = simulated->simulation.final.vm_hosts[vm_of(simulated, vm)];

	return host == NONE ? "" : simulated->scenario.cluster.hosts[host].name;
}

const char *simulated_state(const struct simulated *simulated, const char *vm)
{
	uint32_t index = vm_of(simulated, vm);

	return simulated->simulation.final.vm_exists[index]
	               ? vm_state_words[simulated->simulation.final.vm_states[index]]
	               : "";
}

const char *simulated_status(const struct simulated *simulated, const char *host, char text[64])
{
	uint32_t index = cluster_host(&simulated->scenario.cluster, host);
	const struct host_status *status = &simulated->simulation.final.hosts[index];

	must(index != NONE);
	snprintf(text, 64, "%s/%s/%s", administrative_words[status->administrative],
	         operational_words[status->operational], availability_words[status->availability]);
	return text;
}

const char *simulated_move(const struct simulated *simulated, uint32_t index, char text[256])
{
	const struct cluster *cluster = &simulated->scenario.cluster;
	const struct migration_summary *of = &simulated->simulation.migrations[index];

	must(index < simulated->simulation.migration_count);
	snprintf(text, 256, "%s %s>%s %s %s", cluster->vms[of->vm].name,
	         of->from == NONE ? "" : cluster->hosts[of->from].name,
	         of->to == NONE ? "" : cluster->hosts[of->to].name, method_words[of->method],
	         outcome_words[of->outcome]);
	return text;
}

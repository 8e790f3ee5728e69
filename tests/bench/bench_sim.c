/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long the simulator takes: 1,000 migrations at once over one backbone, 100,000 one after another per
 * host on 1,000 hosts, and a lock's prediction for each of 10,000 hosts.
 */
#include "core/arena.h"
#include "core/must.h"
#include "core/scenario.h"
#include "sim/predict.h"
#include "sim/simulation.h"
#include "tests/support/row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void read_scenario(struct scenario *ret_scenario, char *text, size_t length)
{
	struct json_doc *doc;
	struct error error;

	if (json_doc_parse(&doc, "bench.json", text, length, &error) ||
	    scenario_read(ret_scenario, doc, PROFILE_COUNT, NULL, &error)) {
		fprintf(stderr, "%s\n", error.text);
		exit(1);
	}
	json_doc_free(doc);
}

/* Source hosts s0 … in one rack, targets t0 … in another, the racks joined by 40 Gbit/s. */
static void print_cluster(FILE *file, uint32_t hosts, uint32_t vms_a_host, bool different)
{
	fprintf(file,
	        "{\"schema\":\"lockkeeper.scenario/1\",\"cluster\":{\"schema\":\"lockkeeper.cluster/1\","
	        "\"name\":\"bench\",\"migration\":{\"timeout_s\":0},\"switches\":["
	        "{\"name\":\"a\",\"uplink\":\"core\",\"uplink_mbit_s\":40000},"
	        "{\"name\":\"b\",\"uplink\":\"core\",\"uplink_mbit_s\":40000},{\"name\":\"core\"}],"
	        "\"hosts\":[");
	for (uint32_t i = 0; i < 2 * hosts; i++)
		fprintf(file,
		        "%s{\"name\":\"%c%u\",\"cpus\":512,\"memory_mib\":4194304,\"switch\":\"%c\","
		        "\"nic_mbit_s\":10000}",
		        i ? "," : "", i < hosts ? 's' : 't', i % hosts, i < hosts ? 'a' : 'b');
	fprintf(file, "],\"flavors\":[{\"name\":\"m\",\"vcpus\":1,\"memory_mib\":4096}],\"vms\":[");
	for (uint32_t i = 0; i < hosts * vms_a_host; i++)
		fprintf(file,
		        "%s{\"name\":\"v%u\",\"host\":\"s%u\",\"flavor\":\"m\",\"used_mib\":%u,"
		        "\"dirty\":{\"model\":\"uniform\",\"working_set_mib\":%u,\"rate_pages_s\":%u}}",
		        i ? "," : "", i, i / vms_a_host, different ? 1024 + (i * 7919) % 3000 : 2048,
		        different ? 64 + i % 500 : 256, different ? 10 + i % 300 : 100);
	fprintf(file, "]},\"actions\":[");
}

static double run(const struct scenario *scenario, uint32_t *ret_completed, uint64_t *ret_steps,
                  double *ret_end_s)
{
	struct simulation_options options = { .seed = 1, .runs = 1, .threads = 1 };
	struct simulation simulation;
	double before;

	simulation_create(&simulation, scenario, &options);
	before = now_s();
	simulation_run(&simulation, 0, 0);
	simulation_summarise(&simulation);
	before = now_s() - before;
	*ret_completed = 0;
	*ret_steps = 0;
	*ret_end_s = 0;
	for (uint32_t i = 0; i < simulation.migration_count; i++)
		*ret_completed += simulation.migrations[i].outcome == OUTCOME_COMPLETED;
	for (uint32_t i = 0; i < scenario->action_count; i++)
		*ret_end_s = simulation.actions[i].end_s > *ret_end_s ? simulation.actions[i].end_s
		                                                      : *ret_end_s;
	simulation_free(&simulation);
	return before;
}

/* One migration a host, all at once; or each host's VMs one after another, the hosts at the same time. */
static bool bench(const char *what, uint32_t hosts, uint32_t vms_a_host, bool different, bool named,
                  double limit_s)
{
	struct scenario scenario;
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);
	uint32_t completed, count = hosts * vms_a_host;
	uint64_t steps;
	double taken_s, end_s, read_s;

	print_cluster(file, hosts, vms_a_host, different);
	for (uint32_t i = 0; i < count; i++) {
		fprintf(file, "%s{\"do\":\"live-migrate\",\"vm\":\"v%u\",\"concurrent\":true", i ? "," : "",
		        i);
		if (named)
			fprintf(file, ",\"to\":\"t%u\"", i / vms_a_host);
		fprintf(file, "}");
	}
	fprintf(file, "]}");
	fclose(file);
	read_s = now_s();
	read_scenario(&scenario, text, length);
	read_s = now_s() - read_s;
	taken_s = run(&scenario, &completed, &steps, &end_s);
	printf("%s: %u completed, %.0f s simulated, read in %.2f s\n", what, completed, end_s, read_s);
	scenario_free(&scenario);
	return row_print(&(struct row){ .what = what,
	                                .value = taken_s,
	                                .unit = "s",
	                                .target = limit_s,
	                                .beside = "reading it",
	                                .ratio = taken_s / read_s });
}

static void bench_predict(uint32_t hosts, uint32_t vms_a_host, bool different)
{
	struct scenario scenario;
	struct state state;
	struct predictor predictor;
	struct prediction prediction = { .completed = false };
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);
	double before;

	print_cluster(file, hosts, vms_a_host, different);
	fprintf(file, "]}");
	fclose(file);
	read_scenario(&scenario, text, length);
	state_create(&state, &scenario.cluster);
	predictor_create(&predictor);
	before = now_s();
	for (uint32_t host = 0; host < hosts; host++) {
		predict_lock(&predictor, &state, host, NULL, 0, 1, 1, 1800, &prediction);
		must(prediction.completed);
	}
	before = now_s() - before;
	printf("%u predictions of a lock of %u %s VMs: %8.3f s, %.2f us a migration; %.1f s predicted\n",
	       hosts, vms_a_host, different ? "different" : "equal", before,
	       before / hosts / vms_a_host * 1e6, prediction.duration_s[1]);
	predictor_free(&predictor);
	state_free(&state);
	scenario_free(&scenario);
}

int main(void)
{
	bool fine = bench("1,000 at once over one backbone, equal VMs", 1000, 1, false, true, 0.1);

	fine &= bench("1,000 at once over one backbone", 1000, 1, true, true, 0.1);
	fine &= bench("10,000 at once over one backbone", 10000, 1, true, true, 1.0);
	fine &= bench("1,000 hosts, 100 each one after another, named", 1000, 100, true, true, 2.0);
	fine &= bench("1,000 hosts, 100 each one after another, auto", 1000, 100, true, false, 2.0);
	bench_predict(10000, 20, false);
	bench_predict(10000, 20, true);
	return fine ? 0 : 1;
}

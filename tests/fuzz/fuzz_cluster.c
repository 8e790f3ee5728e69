/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A cluster file, and with what it describes: its state, verdicts of some hosts, moves of some VMs. */
#include "core/arena.h"
#include "core/must.h"
#include "core/timing.h"
#include "planner/lockability.h"

#include <stdlib.h>
#include <string.h>

enum { HOSTS_MOST = 3, VMS_MOST = 5, STEPS = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void verdicts_find(const struct cluster *cluster, const struct state *state)
{
	uint32_t hosts = cluster->host_count < HOSTS_MOST ? cluster->host_count : HOSTS_MOST;
	struct shapes shapes;
	struct chooser chooser;

	shapes_create(&shapes, state);
	for (uint32_t host = 0; host < hosts; host++)
		stock_want(&shapes, host);
	for (uint32_t shape = 0; shape < shapes.count; shape++)
		shapes_fill(&shapes, shape);
	chooser_create(&chooser, &shapes);
	for (uint32_t host = 0; host < hosts; host++) {
		struct stock stock;

		stock_find(&chooser, host, STEPS, &stock);
		must((stock.verdict == STOCK_NEVER) <= (stock.message != NULL));
		must((stock.verdict == STOCK_ALWAYS) <= (stock.blocker_count == 0));
		stock_free(&stock);
	}
	chooser_free(&chooser);
	shapes_free(&shapes);
}

static void vms_move(const struct cluster *cluster, struct state *state)
{
	for (uint32_t vm = 0; vm < cluster->vm_count && vm < VMS_MOST; vm++) {
		struct request request = request_for(state, MOVE_LIVE, vm);
		struct timing timing = timing_of(state, vm, true);
		struct reason reasons[8];
		uint32_t target;

		must(timing_limit_ms(&timing, 100) >= 0);
		rules_live_forbidden(state, vm, &reasons[0]);
		for (uint32_t host = 0; host < cluster->host_count && host < HOSTS_MOST; host++)
			must((rules_explain(&request, host, reasons, 8) == 0) == rules_allow(&request, host));
		target = request.source == NONE ? NONE : schedule_best(&request, NULL, 0);
		if (target != NONE) {
			uint32_t mark = state_mark(state);

			state_move(state, vm, target);
			state_rollback(state, mark);
		}
	}
}

static void cluster_use(const struct json_doc *doc, enum profile profile)
{
	struct error error = { "" };
	struct cluster cluster;
	struct state state;

	if (cluster_read(&cluster, doc, profile, &error)) {
		must(!strncmp(error.text, "fuzz.json:", 10));
		must(!strchr(error.text, '\n'));
		return;
	}
	must(strlen(cluster.digest) == 64);
	state_create(&state, &cluster);
	verdicts_find(&cluster, &state);
	vms_move(&cluster, &state);
	state_free(&state);
	cluster_free(&cluster);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = memory_take(size);
	struct error error = { "" };
	struct json_doc *doc;

	memcpy(copy, data, size);
	if (json_doc_parse(&doc, "fuzz.json", copy, size, &error))
		return 0;
	for (int profile = 0; profile < PROFILE_COUNT; profile++)
		cluster_use(doc, (enum profile)profile);
	json_doc_free(doc);
	return 0;
}

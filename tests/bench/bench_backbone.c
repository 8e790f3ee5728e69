/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bench_backbone N: how long we take to simulate N migrations of the load of backbone.h; prints what
 * simgrid_migrations does, and events and rounds a migration. Called by tests/bench/backbone, which compares.
 *
 * bench_backbone: how our time grows from 1,000 to 100,000 at once. Two loads have 40 Mbit/s of the backbone
 * for each migration and so the same few rounds, and what grows is the simulator's work: idle guests, and
 * those of backbone.h. In the third, writing guests share 40 Gbit/s with the platform's own limits: rounds
 * get longer, and guests that stand still for half a minute are given back.
 */
#include "core/arena.h"
#include "core/scenario.h"
#include "sim/world.h"
#include "tests/bench/backbone.h"
#include "tests/support/row.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS_MOST = 15 };

/* Flavors come in steps; what is above a VM's own memory is empty. */
enum { FLAVOR_MIB = 100, FLAVORS = (BACKBONE_MEMORY_LEAST_MIB + BACKBONE_MEMORY_SIZES) / FLAVOR_MIB + 1 };

/* The promise: time grows as the number of migrations to this power at the most. */
static const double GROWTH_MOST = 1.15;

struct load {
	const char *migration;    /* the cluster's, as JSON */
	uint32_t backbone_mbit_s; /* 0: BACKBONE_MBIT_S for each thousand */
	bool same;                /* as backbone.h has it */
	bool quiet;               /* idle guests */
};

struct taken {
	double seconds, simulated_s;
	double events, rounds; /* a migration */
	uint32_t completed;
};

/* Time of the processor: another's work beside it does not count. */
static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void print_vm(FILE *file, const struct load *load, uint32_t vm)
{
	uint32_t used_mib = backbone_memory_mib(vm);

	fprintf(file, "%s{\"name\":\"v%u\",\"host\":\"s%u\",\"flavor\":\"m%u\",\"used_mib\":%u,\"dirty\":{",
	        vm ? "," : "", vm, vm, used_mib / FLAVOR_MIB + 1, used_mib);
	if (load->quiet)
		fprintf(file, "\"model\":\"idle\",\"background_pages_s\":0}}");
	else
		fprintf(file, "\"model\":\"uniform\",\"working_set_mib\":%u,\"rate_pages_s\":%u%s}}",
		        load->same ? backbone_written_mib(vm) : 64 + vm % 500,
		        load->same ? BACKBONE_DIRTY_PAGES_S : 10 + vm % 300,
		        load->same ? ",\"background_pages_s\":0" : "");
}

static void print_scenario(FILE *file, const struct load *load, uint32_t count)
{
	uint32_t backbone_mbit_s = load->backbone_mbit_s ? load->backbone_mbit_s
	                                                 : BACKBONE_MBIT_S / 1000 * count;

	fprintf(file,
	        "{\"schema\":\"lockkeeper.scenario/1\",\"cluster\":{\"schema\":\"lockkeeper.cluster/1\","
	        "\"name\":\"bench\",\"migration\":{%s},\"switches\":["
	        "{\"name\":\"a\",\"uplink\":\"b\",\"uplink_mbit_s\":%u},{\"name\":\"b\"}],\"hosts\":[",
	        load->migration, backbone_mbit_s);
	for (uint32_t i = 0; i < 2 * count; i++)
		fprintf(file,
		        "%s{\"name\":\"%c%u\",\"cpus\":2,\"memory_mib\":8192,\"switch\":\"%c\","
		        "\"nic_mbit_s\":%u}",
		        i ? "," : "", i < count ? 's' : 't', i % count, i < count ? 'a' : 'b',
		        BACKBONE_NIC_MBIT_S);
	fprintf(file, "],\"flavors\":[");
	for (uint32_t i = 1; i <= FLAVORS; i++)
		fprintf(file, "%s{\"name\":\"m%u\",\"vcpus\":1,\"memory_mib\":%u}", i > 1 ? "," : "", i,
		        i * FLAVOR_MIB);
	fprintf(file, "],\"vms\":[");
	for (uint32_t i = 0; i < count; i++)
		print_vm(file, load, i);
	fprintf(file, "]},\"actions\":[");
	for (uint32_t i = 0; i < count; i++)
		fprintf(file, "%s{\"do\":\"live-migrate\",\"vm\":\"v%u\",\"to\":\"t%u\",\"concurrent\":true}",
		        i ? "," : "", i, i);
	fprintf(file, "]}");
}

static void read_scenario(struct scenario *ret_scenario, const struct load *load, uint32_t count)
{
	struct json_doc *doc;
	struct error error;
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	print_scenario(file, load, count);
	fclose(file);
	if (json_doc_parse(&doc, "bench.json", text, length, &error) ||
	    scenario_read(ret_scenario, doc, PROFILE_COUNT, NULL, &error)) {
		fprintf(stderr, "%s\n", error.text);
		exit(1);
	}
	json_doc_free(doc);
}

/* From the first event to the last, with what came of each migration kept. */
static struct taken run(const struct scenario *scenario, struct world *world)
{
	struct taken taken = { .completed = 0 };
	struct state state;

	state_create(&state, &scenario->cluster);
	taken.seconds = now_s();
	world_run(world, &state, scenario->actions, scenario->action_count, 1, 0);
	taken.seconds = now_s() - taken.seconds;
	taken.simulated_s = (double)world->now_ns * 1e-9;
	taken.events = (double)world->steps / scenario->action_count;
	for (uint32_t i = 0; i < world->moved_count; i++) {
		taken.completed += world->moved[i].outcome == OUTCOME_COMPLETED;
		taken.rounds += (double)world->moved[i].iterations / world->moved_count;
	}
	state_free(&state);
	return taken;
}

static int compare(const void *a, const void *b)
{
	double x = ((const struct taken *)a)->seconds, y = ((const struct taken *)b)->seconds;

	return x < y ? -1 : x > y;
}

/* The run of the median time of 15, or of 5 when they are long, in one world, after one that does not count.
 */
static struct taken measure(const struct load *load, uint32_t count)
{
	uint32_t runs = count > 10000 ? 5 : RUNS_MOST;
	struct taken all[RUNS_MOST];
	struct scenario scenario;
	struct world world;

	read_scenario(&scenario, load, count);
	world_create(&world, &scenario.cluster);
	run(&scenario, &world);
	for (uint32_t i = 0; i < runs; i++)
		all[i] = run(&scenario, &world);
	world_free(&world);
	scenario_free(&scenario);
	qsort(all, runs, sizeof(all[0]), compare);
	return all[runs / 2];
}

/* From 10,000 to 100,000: how much a heap, n log n, grows there. */
static double heap_exponent(void)
{
	return log10(1e5 * log(1e5) / (1e4 * log(1e4)));
}

static bool growth(const char *what, const struct load *load)
{
	static const uint32_t counts[] = { 1000, 10000, 100000 };
	double before_s = 0, exponent = 0;

	printf("%s\n%10s %10s %10s %10s %10s %10s %10s\n", what, "at once", "completed", "seconds", "us each",
	       "events", "rounds", "exponent");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct taken taken = measure(load, counts[i]);

		exponent = log10(taken.seconds / before_s);
		printf("%10u %10u %10.4f %10.2f %10.1f %10.1f", counts[i], taken.completed, taken.seconds,
		       taken.seconds / counts[i] * 1e6, taken.events, taken.rounds);
		if (i > 0)
			printf(" %10.2f", exponent);
		printf("\n");
		before_s = taken.seconds;
	}
	return row_print(&(struct row){ .what = what,
	                                .value = exponent,
	                                .unit = "",
	                                .target = GROWTH_MOST,
	                                .beside = "n log n's",
	                                .ratio = exponent / heap_exponent() });
}

static bool growth_all(const struct load *same)
{
	static const struct load quiet = { "\"timeout_s\":0,\"downtime_steps\":0", 0, false, true };
	static const struct load busy = { "\"timeout_s\":0", BACKBONE_MBIT_S, false, false };
	struct load scaled = *same;
	bool fine;

	scaled.backbone_mbit_s = 0;
	fine = growth("growth of time from 10,000 to 100,000, as n^", &quiet);
	fine &= growth("the same, guests that write as SimGrid's", &scaled);
	fine &= growth("the same, a backbone that is too small", &busy);
	return fine;
}

int main(int argc, char **argv)
{
	static const struct load same = {
		"\"timeout_s\":0,\"bandwidth_mib_s\":100,\"max_downtime_ms\":30,\"downtime_steps\":0,"
		"\"auto_converge\":false",
		BACKBONE_MBIT_S, true, false
	};
	uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
	struct taken taken;

	_Static_assert(BACKBONE_CAP_MIB_S == 100 && BACKBONE_DOWNTIME_MS == 30, "as the text says");
	if (count == 0)
		return growth_all(&same) ? 0 : 1;
	taken = measure(&same, count);
	printf("%.6f %.1f %u %.1f %.1f\n", taken.seconds, taken.simulated_s, taken.completed, taken.events,
	       taken.rounds);
	return 0;
}

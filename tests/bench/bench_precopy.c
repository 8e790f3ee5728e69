/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long the model takes: a whole migration by law, one change of the link's rate, and the two loads that
 * the simulator must bear (its own work left out).
 */
#include "models/hypervisor.h"
#include "models/precopy.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

enum { RUNS = 20000, CONCURRENT = 1000 };

static const char *const LAW_NAME[DIRTY_LAW_COUNT] = { "idle", "uniform",    "hotcold",
	                                               "zipf", "sequential", "measured" };

static const struct dirty_point CURVE[] = {
	{ 0.125, 66 * 256 },
	{ 1, 472 * 256 },
	{ 10, 1750 * 256 },
	{ 60, 5780 * 256 },
};

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static struct precopy_input make_input(enum dirty_law law, double memory_mib)
{
	return (struct precopy_input){
		.hypervisor = hypervisor_find("qemu-7.2"),
		.dirty = { .law = law,
		           .points = CURVE,
		           .point_count = sizeof(CURVE) / sizeof(CURVE[0]),
		           .working_set_pages = memory_mib * 64,
		           .rate_pages_s = 20000,
		           .hot_fraction = 0.1,
		           .hot_probability = 0.9,
		           .exponent = 1.1,
		           .background_pages_s = 40,
		           .limit_pages = memory_mib * 256 },
		.memory_pages = memory_mib * 256,
		.used_pages = memory_mib * 200,
		.bandwidth_bytes_s = INFINITY,
		.setup_s = 0.85,
		.stop_s = 0.02,
		.luck = 1,
	};
}

static void measure_laws(void)
{
	for (int law = 0; law < DIRTY_LAW_COUNT; law++) {
		double begun_s = now_s(), syncs = 0;

		for (int run = 0; run < RUNS; run++) {
			struct precopy_input input = make_input((enum dirty_law)law, 4096 + run % 64);
			struct precopy precopy;

			precopy_start(&precopy, &input, 0.5);
			precopy_run(&precopy, 500e6 + run, 1000);
			syncs += precopy.iterations;
		}
		printf("%-10s %7.2f us a migration, %4.1f syncs\n", LAW_NAME[law],
		       (now_s() - begun_s) / RUNS * 1e6, syncs / RUNS);
	}
}

/* Fair shares of one link of 1.25e9 bytes/s, all told of each start and finish. */
static void measure_backbone(void)
{
	static struct precopy all[CONCURRENT];
	double begun_s = now_s(), time_s = 0, changes = 0;
	size_t left = CONCURRENT;

	for (size_t i = 0; i < CONCURRENT; i++) {
		struct precopy_input input = make_input(DIRTY_UNIFORM, 1024 + (double)i);

		input.dirty.rate_pages_s = 1;
		input.setup_s = 0.001 * (double)i;
		precopy_start(&all[i], &input, 0.5);
	}
	while (left > 0) {
		double next_s = INFINITY;
		size_t due = 0;

		for (size_t i = 0; i < left; i++)
			if (precopy_next_s(&all[i]) < next_s)
				next_s = precopy_next_s(&all[due = i]);
		for (size_t i = 0; i < left; i++)
			precopy_advance(&all[i], next_s);
		time_s += next_s;
		if (precopy_step(&all[due]) == PRECOPY_COMPLETED)
			all[due] = all[--left];
		for (size_t i = 0; i < left; i++)
			precopy_set_rate(&all[i], 1.25e9 / (double)left);
		changes += (double)left;
	}
	printf("backbone   %7.3f s of work for %d at once (%.0f simulated), %.0f ns a change\n",
	       now_s() - begun_s, CONCURRENT, time_s, (now_s() - begun_s) / changes * 1e9);
}

int main(void)
{
	measure_laws();
	measure_backbone();
	return 0;
}

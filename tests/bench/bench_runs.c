/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long `simulate --runs 10000` takes on two threads for the lock of a host with 20 VMs, in a cluster of
 * 100 such hosts, beside what its 200,000 migrations cost the model alone, each at a constant rate: no
 * simulator that goes by the same model is faster than that. Prints medians. Environment: LOCKKEEPER, OUT.
 */
#include "models/hypervisor.h"
#include "models/precopy.h"
#include "tests/support/child.h"
#include "tests/support/row.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { HOSTS = 100, VMS_A_HOST = 20, RUNS = 10000, RACK = 20, TIMES = 5, NIC_MBIT_S = 10000 };

/* The promise. */
static const double MOST_S = 1;

/* What a guest may do, by its number: idle, a database, a web server, a cache, a batch job. */
struct kind {
	const char *model;
	enum dirty_law law;
	uint32_t working_set_mib, pages_s;
};

static const struct kind KINDS[] = {
	{ "idle", DIRTY_IDLE, 0, 0 },
	{ "hotcold", DIRTY_HOTCOLD, 1024, 4000 },
	{ "uniform", DIRTY_UNIFORM, 512, 2000 },
	{ "zipf", DIRTY_ZIPF, 900, 3000 },
	{ "sequential", DIRTY_SEQUENTIAL, 256, 1000 },
};

static const struct kind *kind_of(uint32_t vm)
{
	return &KINDS[vm % (sizeof(KINDS) / sizeof(KINDS[0]))];
}

/* 2, 4 or 8 GiB, 40 to 90 % of it in use. */
static uint32_t memory_mib(uint32_t vm)
{
	return 2048u << vm * 7 % 3;
}

static uint32_t used_mib(uint32_t vm)
{
	return memory_mib(vm) / 100 * (40 + vm * 13 % 50);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void print_cluster(FILE *file)
{
	fprintf(file,
	        "{\"schema\":\"lockkeeper.cluster/1\",\"name\":\"runs\",\"switches\":[{\"name\":\"core\"}");
	for (uint32_t i = 0; i < HOSTS / RACK; i++)
		fprintf(file, ",{\"name\":\"tor-%u\",\"uplink\":\"core\",\"uplink_mbit_s\":40000}", i);
	fprintf(file, "],\"hosts\":[");
	for (uint32_t i = 0; i < HOSTS; i++)
		fprintf(file,
		        "%s\n{\"name\":\"h%u\",\"cpus\":64,\"memory_mib\":262144,\"switch\":\"tor-%u\","
		        "\"nic_mbit_s\":%u}",
		        i ? "," : "", i, i / RACK, NIC_MBIT_S);
	fprintf(file, "],\"flavors\":[");
	for (uint32_t i = 0; i < 3; i++)
		fprintf(file, "%s\n{\"name\":\"m%u\",\"vcpus\":%u,\"memory_mib\":%u}", i ? "," : "",
		        2048u << i, 1u << i, 2048u << i);
	fprintf(file, "],\"vms\":[");
	for (uint32_t i = 0; i < HOSTS * VMS_A_HOST; i++) {
		const struct kind *kind = kind_of(i);

		fprintf(file,
		        "%s\n{\"name\":\"v%u\",\"host\":\"h%u\",\"flavor\":\"m%u\",\"used_mib\":%u,"
		        "\"dirty\":{\"model\":\"%s\"",
		        i ? "," : "", i, i / VMS_A_HOST, memory_mib(i), used_mib(i), kind->model);
		if (kind->law != DIRTY_IDLE)
			fprintf(file, ",\"working_set_mib\":%u,\"rate_pages_s\":%u", kind->working_set_mib,
			        kind->pages_s);
		fprintf(file, "%s%s}}",
		        kind->law == DIRTY_HOTCOLD ? ",\"hot_fraction\":0.1,\"hot_probability\":0.9" : "",
		        kind->law == DIRTY_ZIPF ? ",\"exponent\":1.1" : "");
	}
	fprintf(file, "]}\n");
}

/* The VM's migration by itself, with the luck of that run. */
static void migrate_alone(uint32_t vm, uint32_t run)
{
	const struct hypervisor *hypervisor = hypervisor_find("qemu-7.2");
	const struct kind *kind = kind_of(vm);
	struct precopy_input input = {
		.hypervisor = hypervisor,
		.dirty = { .law = kind->law,
		           .working_set_pages = kind->working_set_mib * 256.0,
		           .rate_pages_s = kind->pages_s,
		           .hot_fraction = 0.1,
		           .hot_probability = 0.9,
		           .exponent = 1.1,
		           .background_pages_s = 40,
		           .limit_pages = used_mib(vm) * 256.0 },
		.memory_pages = memory_mib(vm) * 256.0,
		.used_pages = used_mib(vm) * 256.0,
		.bandwidth_bytes_s = INFINITY,
		.setup_s = hypervisor->setup_ms / 1000,
		.stop_s = hypervisor->stop_ms / 1000,
		.luck = 1 + (uint64_t)run * VMS_A_HOST + vm,
		.auto_converge = true,
	};
	struct precopy precopy;

	precopy_start(&precopy, &input, 0.05);
	precopy_run(&precopy, NIC_MBIT_S * 125000.0 * hypervisor->wire_efficiency, 180);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double values[TIMES])
{
	qsort(values, TIMES, sizeof(values[0]), compare);
	return values[TIMES / 2];
}

/* Seconds of all migrations by the model alone, on one thread. */
static double bound_s(void)
{
	double seconds[TIMES];

	for (int i = 0; i < TIMES; i++) {
		seconds[i] = now_s();
		for (uint32_t run = 0; run < RUNS; run++)
			for (uint32_t vm = 0; vm < VMS_A_HOST; vm++)
				migrate_alone(vm, run);
		seconds[i] = now_s() - seconds[i];
	}
	return median(seconds);
}

static bool measure(const char *program, const char *cluster, const char *output, double *ret_s,
                    double *ret_mib)
{
	const char *const arguments[] = { program, "simulate", cluster, "--lock",   "h0",   "--runs",
		                          "10000", "-j",       "2",     "--output", "json", NULL };
	double seconds[TIMES];
	struct child child = { .peak_mib = 0 };

	_Static_assert(RUNS == 10000, "as the command line says");
	for (int i = 0; i < TIMES; i++) {
		if (!child_run(arguments, output, &child) || child.code == 1) {
			printf("  FAILED: simulate %s: exit code %d\n", cluster, child.code);
			return false;
		}
		seconds[i] = child.seconds;
	}
	*ret_s = median(seconds);
	*ret_mib = child.peak_mib;
	return true;
}

int main(void)
{
	const char *program = getenv("LOCKKEEPER"), *folder = getenv("OUT");
	char cluster[4096], output[4096];
	double seconds, mib, alone_s;
	FILE *file;

	if (!program || !folder) {
		printf("LOCKKEEPER and OUT must be set, as `make bench` does\n");
		return 1;
	}
	snprintf(cluster, sizeof(cluster), "%s/runs.json", folder);
	snprintf(output, sizeof(output), "%s/runs-result.json", folder);
	file = fopen(cluster, "w");
	if (!file) {
		perror(cluster);
		return 1;
	}
	print_cluster(file);
	fclose(file);
	if (!measure(program, cluster, output, &seconds, &mib))
		return 1;
	alone_s = bound_s();
	printf("%d runs of the lock of a host of %d VMs: %.0f MiB; the model alone: %.2f us a migration\n",
	       RUNS, VMS_A_HOST, mib, alone_s / RUNS / VMS_A_HOST * 1e6);
	return row_print(&(struct row){ .what = "a lock of 20 VMs 10,000 times",
	                                .value = seconds,
	                                .unit = "s",
	                                .target = MOST_S,
	                                .beside = "its model alone, two threads",
	                                .ratio = seconds / (alone_s / 2) })
	               ? 0
	               : 1;
}

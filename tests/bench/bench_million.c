/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much memory a cluster of 50,000 hosts with 1,000,000 VMs takes: `check` of two hosts, and `simulate` of
 * one stage of a rolling operation, a host of every rack locked at the same time, 20,000 VMs moved. The file
 * is written piece by piece: every VM with an identity, a network card and a dirty model of its own.
 * Environment: LOCKKEEPER, OUT.
 */
#include "tests/support/child.h"
#include "tests/support/row.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HOSTS = 50000, VMS_A_HOST = 20, VMS = HOSTS * VMS_A_HOST, RACK = 50, RACKS = HOSTS / RACK };

/* The promise. */
static const double MOST_MIB = 4096;

static const uint32_t MEMORY_MIB[] = { 2048, 4096, 8192 };
enum { FLAVORS = sizeof(MEMORY_MIB) / sizeof(MEMORY_MIB[0]) };

static void write_vm(FILE *file, uint32_t vm)
{
	uint32_t flavor = vm * 7u % FLAVORS, memory_mib = MEMORY_MIB[flavor];

	fprintf(file,
	        "%s{\"name\":\"vm-%07u\",\"id\":\"%08x-aaaa-4bbb-8ccc-%012x\",\"host\":\"compute-%u\","
	        "\"flavor\":\"m%u\",\"used_mib\":%u,\"vifs\":[{\"model\":\"virtio\",\"network\":\"tenant\"}],"
	        "\"dirty\":{\"model\":\"uniform\",\"working_set_mib\":%u,\"rate_pages_s\":%u}}",
	        vm ? ",\n" : "", vm, vm * 0x9e3779b1u, vm, vm % HOSTS, flavor,
	        memory_mib / 1000 * (400 + vm * 13u % 500), memory_mib / 1000 * (50 + vm * 17u % 300),
	        100 + vm * 31u % 4000);
}

static void write_cluster(FILE *file)
{
	fputs("{\"schema\":\"lockkeeper.cluster/1\",\"name\":\"million\",\n\"switches\":[{\"name\":\"core\"}",
	      file);
	for (uint32_t i = 0; i < RACKS; i++)
		fprintf(file, ",\n{\"name\":\"tor-%u\",\"uplink\":\"core\",\"uplink_mbit_s\":100000}", i);
	fputs("],\n\"hosts\":[", file);
	for (uint32_t i = 0; i < HOSTS; i++)
		fprintf(file,
		        "%s{\"name\":\"compute-%u\",\"cpus\":64,\"memory_mib\":262144,\"nic_mbit_s\":25000,"
		        "\"switch\":\"tor-%u\"}",
		        i ? ",\n" : "", i, i / RACK);
	fputs("],\n\"flavors\":[", file);
	for (uint32_t i = 0; i < FLAVORS; i++)
		fprintf(file, "%s{\"name\":\"m%u\",\"vcpus\":%u,\"memory_mib\":%u}", i ? ",\n" : "", i,
		        1u << i, MEMORY_MIB[i]);
	fputs("],\n\"vms\":[", file);
	for (uint32_t i = 0; i < VMS; i++)
		write_vm(file, i);
	fputs("]}\n", file);
}

/* A host of each rack. */
static void write_stage(FILE *file)
{
	fputs("{\"schema\":\"lockkeeper.scenario/1\",\"cluster\":\"million.json\",\"actions\":[", file);
	for (uint32_t i = 0; i < RACKS; i++)
		fprintf(file, "%s{\"do\":\"lock\",\"host\":\"compute-%u\",\"concurrent\":true}",
		        i ? ",\n" : "", i * RACK);
	fputs("]}\n", file);
}

static bool write_file(const char *path, void (*write)(FILE *file))
{
	FILE *file = fopen(path, "w");

	if (file)
		write(file);
	if (file && fclose(file) == 0)
		return true;
	perror(path);
	return false;
}

static double size_mib(const char *path)
{
	struct stat status;

	return stat(path, &status) ? NAN : (double)status.st_size / 1048576;
}

static bool measure(const char *what, const char *const *arguments, const char *output, double file_mib)
{
	struct child child;

	if (!child_run(arguments, output, &child))
		return false;
	printf("%s: %.1f s, %.0f bytes a VM\n", what, child.seconds, child.peak_mib * 1048576 / VMS);
	if (child.code != 0) {
		printf("  FAILED: exit code %d\n", child.code);
		return false;
	}
	return row_print(&(struct row){ .what = what,
	                                .value = child.peak_mib,
	                                .unit = "MiB",
	                                .target = MOST_MIB,
	                                .beside = "the file",
	                                .ratio = child.peak_mib / file_mib });
}

int main(void)
{
	const char *program = getenv("LOCKKEEPER"), *folder = getenv("OUT");
	char cluster[4096], stage[4096], output[4096];
	double file_mib;
	bool fine;

	if (!program || !folder) {
		printf("LOCKKEEPER and OUT must be set, as `make bench` does\n");
		return 1;
	}
	snprintf(cluster, sizeof(cluster), "%s/million.json", folder);
	snprintf(stage, sizeof(stage), "%s/million-stage.json", folder);
	snprintf(output, sizeof(output), "%s/million-result", folder);
	if (!write_file(cluster, write_cluster) || !write_file(stage, write_stage))
		return 1;
	file_mib = size_mib(cluster);
	printf("%d hosts, %d VMs: a file of %.0f MiB\n", HOSTS, VMS, file_mib);
	fine = measure("a million VMs, check of two hosts",
	               (const char *const[]){ program, "check", cluster, "--host", "compute-0", "--host",
	                                      "compute-77", "--output", "csv", NULL },
	               output, file_mib);
	fine &= measure("a million VMs, a rolling stage of 1,000 hosts",
	                (const char *const[]){ program, "simulate", stage, "--output", "json", NULL }, output,
	                file_mib);
	unlink(cluster);
	unlink(output);
	return fine ? 0 : 1;
}

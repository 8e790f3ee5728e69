/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * simgrid_migrations N: how long SimGrid 3.32's live-migration plugin takes to simulate N migrations of the
 * load of backbone.h. Its guests compute and so, as the plugin has it, dirty memory. Prints the seconds,
 * those simulated, and how many completed. Called by tests/bench/backbone.
 */
#include "tests/bench/backbone.h"

#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/plugins/live_migration.h>
#include <simgrid/vm.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* More than a guest computes until it has been migrated. */
static const double ENDLESS_FLOPS = 1e15;

enum { MIB = 1048576, PAGE = 4096 };

static int completed;

/* Time of the processor: another's work beside it does not count. */
static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void write_platform(FILE *file, int vms)
{
	fprintf(file,
	        "<?xml version='1.0'?>\n"
	        "<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
	        "<platform version=\"4.1\"><zone id=\"all\" routing=\"Full\">"
	        "<cluster id=\"a\" prefix=\"s\" suffix=\"\" radical=\"0-%d\" speed=\"1Gf\" "
	        "bw=\"%dMbps\" lat=\"10us\" router_id=\"router_a\"/>"
	        "<cluster id=\"b\" prefix=\"t\" suffix=\"\" radical=\"0-%d\" speed=\"1Gf\" "
	        "bw=\"%dMbps\" lat=\"10us\" router_id=\"router_b\"/>"
	        "<link id=\"backbone\" bandwidth=\"%dMbps\" latency=\"10us\"/>"
	        "<zoneRoute src=\"a\" dst=\"b\" gw_src=\"router_a\" gw_dst=\"router_b\">"
	        "<link_ctn id=\"backbone\"/></zoneRoute></zone></platform>\n",
	        vms - 1, BACKBONE_NIC_MBIT_S, vms - 1, BACKBONE_NIC_MBIT_S, BACKBONE_MBIT_S);
}

static void compute(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	sg_actor_execute(ENDLESS_FLOPS);
}

static void migrate(int argc, char *argv[])
{
	unsigned index = (unsigned)strtoul(argv[1], NULL, 10);
	char name[32], *none[] = { NULL };
	sg_vm_t vm;

	(void)argc;
	snprintf(name, sizeof(name), "v%u", index);
	vm = sg_vm_create_migratable(sg_host_self(), name, 1, (int)backbone_memory_mib(index),
	                             BACKBONE_CAP_MIB_S, 1);
	sg_vm_set_working_set_memory(vm, (sg_size_t)backbone_written_mib(index) * MIB);
	/* As a share of the speed that the migration is capped at. */
	sg_vm_set_dirty_page_intensity(vm,
	                               BACKBONE_DIRTY_PAGES_S * PAGE / ((double)BACKBONE_CAP_MIB_S * MIB));
	sg_vm_start(vm);
	sg_actor_create("guest", (sg_host_t)vm, compute, 0, none);
	snprintf(name, sizeof(name), "t%u", index);
	sg_vm_migrate(vm, sg_host_by_name(name));
	completed++;
	sg_vm_destroy(vm);
}

int main(int argc, char *argv[])
{
	char path[] = "/tmp/simgrid-platform-XXXXXX.xml";
	int vms = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1000, descriptor = mkstemps(path, 4);
	FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
	double seconds;

	if (!file) {
		perror(path);
		return 1;
	}
	write_platform(file, vms);
	fclose(file);
	simgrid_init(&argc, argv);
	sg_vm_live_migration_plugin_init();
	simgrid_load_platform(path);
	unlink(path);
	for (int i = 0; i < vms; i++) {
		char host[32], index[32], *arguments[] = { host, index, NULL };

		snprintf(host, sizeof(host), "s%d", i);
		snprintf(index, sizeof(index), "%d", i);
		sg_actor_create(host, sg_host_by_name(host), migrate, 2, arguments);
	}
	seconds = now_s();
	simgrid_run();
	seconds = now_s() - seconds;
	printf("%.6f %.1f %d\n", seconds, simgrid_get_clock(), completed);
	return completed == vms ? 0 : 1;
}

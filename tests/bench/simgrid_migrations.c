/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The load of bench_sim.c's "different VMs", given to SimGrid 3.32's live-migration plugin: 1,000 VMs migrate
 * at once from one rack to another over 40 Gbit/s, while their guests compute and so, as the plugin has it,
 * dirty memory. With the time that bench_sim left in $OUT/sim-1000, the ratio is printed as well.
 */
#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/plugins/live_migration.h>
#include <simgrid/vm.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A guest dirties so many percent of the speed that its migration is capped at: 1 MiB/s. */
enum { VMS = 1000, DIRTY_PERCENT = 1, CAP_MIB_S = 100 };

/* More than a guest computes until it has been migrated. */
static const double ENDLESS_FLOPS = 1e15;

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void write_platform(FILE *file)
{
	fprintf(file,
	        "<?xml version='1.0'?>\n"
	        "<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
	        "<platform version=\"4.1\"><zone id=\"all\" routing=\"Full\">"
	        "<cluster id=\"a\" prefix=\"s\" suffix=\"\" radical=\"0-%d\" speed=\"1Gf\" bw=\"1.25GBps\" "
	        "lat=\"10us\" router_id=\"router_a\"/>"
	        "<cluster id=\"b\" prefix=\"t\" suffix=\"\" radical=\"0-%d\" speed=\"1Gf\" bw=\"1.25GBps\" "
	        "lat=\"10us\" router_id=\"router_b\"/>"
	        "<link id=\"backbone\" bandwidth=\"5GBps\" latency=\"10us\"/>"
	        "<zoneRoute src=\"a\" dst=\"b\" gw_src=\"router_a\" gw_dst=\"router_b\">"
	        "<link_ctn id=\"backbone\"/></zoneRoute></zone></platform>\n",
	        VMS - 1, VMS - 1);
}

static void compute(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	sg_actor_execute(ENDLESS_FLOPS);
}

static void migrate(int argc, char *argv[])
{
	int memory_mib = 1024 + (int)strtol(argv[1], NULL, 10) * 7919 % 3000;
	char name[32], *none[] = { NULL };
	sg_vm_t vm;

	(void)argc;
	snprintf(name, sizeof(name), "v%s", argv[1]);
	vm = sg_vm_create_migratable(sg_host_self(), name, 1, memory_mib, CAP_MIB_S, DIRTY_PERCENT);
	sg_vm_start(vm);
	sg_actor_create("guest", (sg_host_t)vm, compute, 0, none);
	snprintf(name, sizeof(name), "t%s", argv[1]);
	sg_vm_migrate(vm, sg_host_by_name(name));
	sg_vm_destroy(vm);
}

static double ours_s(void)
{
	const char *out = getenv("OUT");
	char path[4096];
	double seconds = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/sim-1000", out ? out : ".");
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%lf", &seconds) != 1)
		seconds = 0;
	fclose(file);
	return seconds;
}

int main(int argc, char *argv[])
{
	char path[] = "/tmp/simgrid-platform-XXXXXX.xml";
	int descriptor = mkstemps(path, 4);
	FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
	double before;

	if (!file) {
		perror(path);
		return 1;
	}
	write_platform(file);
	fclose(file);
	simgrid_init(&argc, argv);
	sg_vm_live_migration_plugin_init();
	simgrid_load_platform(path);
	unlink(path);
	for (int i = 0; i < VMS; i++) {
		char host[32], index[32], *arguments[] = { host, index, NULL };

		snprintf(host, sizeof(host), "s%d", i);
		snprintf(index, sizeof(index), "%d", i);
		sg_actor_create(host, sg_host_by_name(host), migrate, 2, arguments);
	}
	before = now_s();
	simgrid_run();
	before = now_s() - before;
	printf("SimGrid: 1,000 at once over one backbone                   %8.3f s, %.0f s simulated\n",
	       before, simgrid_get_clock());
	if (ours_s() > 0)
		printf("lockkeeper takes %.4f s: %.0f times faster\n", ours_s(), before / ours_s());
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Disks that are copied over shared links: when each is there was computed by hand, in GiB and seconds. From
 * the file to the result: VMs that are stopped are moved cold, so that nothing but their flow takes time.
 */
#include "tests/support/simulated.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* 1 GiB/s in Mbit/s, and what is faster than all others together. */
static const double GIB_S = 8589.934592;
enum { FAST = 100 };

struct node {
	const char *name;
	double gib_s;      /* its connection; of a switch its uplink, 0: it has none */
	const char *under; /* the switch that it hangs below; NULL: none */
};

/* A VM that is moved, and when its disk was all there. */
struct disk {
	const char *vm, *from, *to;
	int gib;
	int at_s;
	int cap_mib_s; /* 0: none */
	double end_s;
};

struct fluid {
	const struct node *switches, *hosts;
	const struct disk *disks;
	uint32_t switch_count, host_count, disk_count;
};

static void print_nodes(FILE *file, const char *what, const struct node *nodes, uint32_t count)
{
	fprintf(file, ",'%s':[", what);
	for (uint32_t i = 0; i < count; i++) {
		const char *under = nodes[i].under;
		bool host = what[0] == 'h';

		fprintf(file, "%s{'name':'%s'", i ? "," : "", nodes[i].name);
		if (host)
			fprintf(file, ",'cpus':9,'memory_mib':9999,'storage':'local_image','nic_mbit_s':%.6f",
			        nodes[i].gib_s * GIB_S);
		else if (under)
			fprintf(file, ",'uplink_mbit_s':%.6f", nodes[i].gib_s * GIB_S);
		if (under)
			fprintf(file, ",'%s':'%s'", host ? "switch" : "uplink", under);
		fprintf(file, "}");
	}
	fprintf(file, "]");
}

/* A flavor for each disk, and its VM. */
static char *cluster_text(const struct fluid *fluid)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	fprintf(file, "'migration':{'wire_efficiency':1}");
	print_nodes(file, "switches", fluid->switches, fluid->switch_count);
	print_nodes(file, "hosts", fluid->hosts, fluid->host_count);
	for (int vms = 0; vms < 2; vms++) {
		fprintf(file, vms ? ",'vms':[" : ",'flavors':[");
		for (uint32_t i = 0; i < fluid->disk_count; i++) {
			const struct disk *disk = &fluid->disks[i];

			fprintf(file, i ? ",{" : "{");
			if (!vms) {
				fprintf(file, "'name':'%s','vcpus':1,'memory_mib':64,'disk_gib':%d}",
				        disk->vm, disk->gib);
				continue;
			}
			fprintf(file,
			        "'name':'%s','host':'%s','flavor':'%s','boot':'image','state':'stopped'",
			        disk->vm, disk->from, disk->vm);
			if (disk->cap_mib_s > 0)
				fprintf(file, ",'migration':{'bandwidth_mib_s':%d}", disk->cap_mib_s);
			fprintf(file, "}");
		}
		fprintf(file, "]");
	}
	fclose(file);
	return text;
}

static char *actions_text(const struct fluid *fluid)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	for (uint32_t i = 0; i < fluid->disk_count; i++)
		fprintf(file, "%s{'do':'cold-migrate','vm':'%s','to':'%s','at_s':%d,'concurrent':true}",
		        i ? "," : "", fluid->disks[i].vm, fluid->disks[i].to, fluid->disks[i].at_s);
	fclose(file);
	return text;
}

/* Free with simulated_free. */
static void run(struct simulated *ret_simulated, const struct fluid *fluid)
{
	char *cluster = cluster_text(fluid), *actions = actions_text(fluid);

	simulated_run(ret_simulated, PROFILE_NOVA, cluster, actions);
	cr_assert_eq(ret_simulated->simulation.migration_count, fluid->disk_count);
	free(cluster);
	free(actions);
}

/* When the VM's disk was there. */
static double end_of(const struct simulated *simulated, const char *vm)
{
	uint32_t index = cluster_vm(&simulated->scenario.cluster, vm);

	for (uint32_t i = 0; i < simulated->simulation.migration_count; i++) {
		const struct migration_summary *moved = &simulated->simulation.migrations[i];

		if (moved->vm == index && moved->outcome == OUTCOME_COMPLETED)
			return moved->start_s + moved->duration_s[1];
	}
	cr_assert_fail("%s did not arrive", vm);
	return NAN;
}

/* Times are whole nanoseconds: so much more may be off than a 1e-9 part. */
static void expect_ends(const struct fluid *fluid)
{
	struct simulated simulated;

	run(&simulated, fluid);
	for (uint32_t i = 0; i < fluid->disk_count; i++) {
		double end_s = end_of(&simulated, fluid->disks[i].vm), expected_s = fluid->disks[i].end_s;

		cr_expect(fabs(end_s - expected_s) <= 1e-9 * expected_s + 1e-9,
		          "%s is there after %.12g s, expected %.12g s", fluid->disks[i].vm, end_s,
		          expected_s);
	}
	simulated_free(&simulated);
}

static const struct node SLOW_TO_FAST[] = { { "h0", 1, NULL }, { "h1", FAST, NULL } };

/*
 * One link of 1; a of 6 from 0, b of 3 from 2, c of 1 from 4.
 *
 * - 0 to 2: a alone, 4 left
 * - 2 to 4: 1/2 each, a 3 and b 2 left
 * - 4 to 7: 1/3 each, c is there, a 2 and b 1 left
 * - 7 to 9: 1/2 each, b is there, a 1 left
 * - 9 to 10: a alone, it is there
 */
Test(fluid, who_comes_and_goes_at_one_bottleneck)
{
	static const struct disk disks[] = {
		{ "a", "h0", "h1", .gib = 6, .at_s = 0, .end_s = 10 },
		{ "b", "h0", "h1", .gib = 3, .at_s = 2, .end_s = 9 },
		{ "c", "h0", "h1", .gib = 1, .at_s = 4, .end_s = 7 },
	};

	expect_ends(
		&(struct fluid){ .hosts = SLOW_TO_FAST, .host_count = 2, .disks = disks, .disk_count = 3 });
}

/*
 * x of 3 crosses the uplink of tor-1 (1) and that of tor-2 (3/4) one after the other, y of 10 only the first,
 * z of 2 only the second.
 *
 * - 0 to 16/3: tor-2 gives x and z 3/8 each, tor-1 gives y the rest, 5/8; z is there, x 1 and y 20/3 left
 * - 16/3 to 22/3: tor-1 gives x and y 1/2 each, less than tor-2 would; x is there, y 17/3 left
 * - 22/3 to 13: y alone at 1, it is there
 */
Test(fluid, two_links_in_a_row_with_others_on_each)
{
	static const struct node switches[] = { { "core", 0, NULL },
		                                { "tor-1", 1, "core" },
		                                { "tor-2", 0.75, "core" } };
	static const struct node hosts[] = {
		{ "a0", FAST, "tor-1" }, { "a1", FAST, "tor-1" }, { "b0", FAST, "tor-2" },
		{ "b1", FAST, "tor-2" }, { "c0", FAST, "core" },  { "c1", FAST, "core" },
	};
	static const struct disk disks[] = {
		{ "x", "a0", "b0", .gib = 3, .end_s = 22.0 / 3 },
		{ "y", "a1", "c1", .gib = 10, .end_s = 13 },
		{ "z", "c0", "b1", .gib = 2, .end_s = 16.0 / 3 },
	};

	expect_ends(&(struct fluid){ switches, hosts, disks, 3, 6, 3 });
}

/* There and back at the same time: each direction has all of its own. */
Test(fluid, directions_do_not_share)
{
	static const struct node hosts[] = { { "h0", 1, NULL }, { "h1", 1, NULL } };
	static const struct disk disks[] = {
		{ "there", "h0", "h1", .gib = 4, .end_s = 4 },
		{ "back", "h1", "h0", .gib = 3, .end_s = 3 },
	};

	expect_ends(&(struct fluid){ .hosts = hosts, .host_count = 2, .disks = disks, .disk_count = 2 });
}

/*
 * a of 1 is held at 1/4 by its own cap; b of 3 and c of 6 share what it leaves of 1.
 *
 * - 0 to 4: a 1/4, b and c 3/8 each; a is there, b 3/2 and c 9/2 left
 * - 4 to 7: 1/2 each, b is there, c 3 left
 * - 7 to 10: c alone, it is there
 */
Test(fluid, a_cap_leaves_the_rest_to_the_others)
{
	static const struct disk disks[] = {
		{ "a", "h0", "h1", .gib = 1, .cap_mib_s = 256, .end_s = 4 },
		{ "b", "h0", "h1", .gib = 3, .end_s = 7 },
		{ "c", "h0", "h1", .gib = 6, .end_s = 10 },
	};

	expect_ends(
		&(struct fluid){ .hosts = SLOW_TO_FAST, .host_count = 2, .disks = disks, .disk_count = 3 });
}

/*
 * A crowd (sim/links.h) of 100 disks of 1 GiB over 1/2 GiB/s, ten more begun in each of the first ten
 * seconds: the link is never idle, so all are there after 200 s, and whoever began first is there first.
 */
Test(fluid, a_crowd_loses_no_byte)
{
	enum { CROWD = 100 };
	static const struct node hosts[] = { { "h0", 0.5, NULL }, { "h1", FAST, NULL } };
	struct disk disks[CROWD];
	struct simulated simulated;
	char names[CROWD][8];
	double last_s = 0;

	for (int i = 0; i < CROWD; i++) {
		snprintf(names[i], sizeof(names[i]), "v%d", i);
		disks[i] = (struct disk){ names[i], "h0", "h1", .gib = 1, .at_s = i / 10 };
	}
	run(&simulated,
	    &(struct fluid){ .hosts = hosts, .host_count = 2, .disks = disks, .disk_count = CROWD });
	for (int i = 0; i < CROWD; i++) {
		double end_s = end_of(&simulated, names[i]);

		cr_expect(end_s >= last_s - 1e-7, "%.12g s, after %.12g s", end_s, last_s);
		last_s = end_s;
	}
	cr_expect(fabs(last_s - 2.0 * CROWD) <= 1e-7, "all are there after %.12g s", last_s);
	simulated_free(&simulated);
}

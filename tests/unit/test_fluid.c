/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Disks that are copied over shared links: when each is there was computed by hand, in GiB and seconds. From
 * the file to the result: VMs that are stopped are moved cold, so that nothing but their flow takes time.
 */
#include "tests/support/simulated.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>

/* Hosts' connections and uplinks of 1 GiB/s, 0.75 GiB/s, and faster than all others together. */
#define GIB_S "8589.934592"
#define GIB_S_3_4 "6442.450944"
#define FAST "85899.34592"

static const char FLAVORS[] = "'migration':{'wire_efficiency':1},'flavors':["
			      "{'name':'d1','vcpus':1,'memory_mib':64,'disk_gib':1},"
			      "{'name':'d2','vcpus':1,'memory_mib':64,'disk_gib':2},"
			      "{'name':'d3','vcpus':1,'memory_mib':64,'disk_gib':3},"
			      "{'name':'d4','vcpus':1,'memory_mib':64,'disk_gib':4},"
			      "{'name':'d6','vcpus':1,'memory_mib':64,'disk_gib':6},"
			      "{'name':'d10','vcpus':1,'memory_mib':64,'disk_gib':10}]";

#define HOST(name, nic, more) \
	"{'name':'" name "','cpus':9,'memory_mib':9999,'storage':'local_image','nic_mbit_s':" nic more "}"
#define VM(name, host, flavor, more) \
	"{'name':'" name "','host':'" host "','flavor':'" flavor "','boot':'image','state':'stopped'" more "}"
#define MOVE(vm, to, at_s) \
	"{'do':'cold-migrate','vm':'" vm "','to':'" to "','at_s':" at_s ",'concurrent':true}"

/* When the disks of a VM were all there. */
struct end {
	const char *vm;
	double end_s;
};

static void expect_ends(const char *cluster, const char *actions, const struct end *ends, uint32_t count)
{
	struct simulated simulated;
	char text[8192];

	snprintf(text, sizeof(text), "%s,%s", FLAVORS, cluster);
	simulated_run(&simulated, PROFILE_NOVA, text, actions);
	cr_assert_eq(simulated.simulation.migration_count, count);
	for (uint32_t i = 0; i < count; i++) {
		const struct migration_summary *moved = NULL;
		double end_s;

		for (uint32_t j = 0; j < count; j++) {
			uint32_t vm = simulated.simulation.migrations[j].vm;

			if (vm == cluster_vm(&simulated.scenario.cluster, ends[i].vm))
				moved = &simulated.simulation.migrations[j];
		}
		cr_assert(moved && moved->outcome == OUTCOME_COMPLETED, "%s did not arrive", ends[i].vm);
		end_s = moved->start_s + moved->duration_s[1];
		cr_expect(fabs(end_s - ends[i].end_s) <= 1e-9 * ends[i].end_s + 1e-9,
		          "%s is there after %.12g s, expected %.12g s", ends[i].vm, end_s, ends[i].end_s);
	}
	simulated_free(&simulated);
}

/*
 * One link of 1; a of 6 from 0, b of 3 from 2, c of 1 from 4.
 *  0 to 2   a alone: 4 left
 *  2 to 4   1/2 each: a 3, b 2 left
 *  4 to 7   1/3 each: c is there; a 2, b 1 left
 *  7 to 9   1/2 each: b is there; a 1 left
 *  9 to 10  a alone: it is there
 */
Test(fluid, who_comes_and_goes_at_one_bottleneck)
{
	static const struct end ends[] = { { "c", 7 }, { "b", 9 }, { "a", 10 } };

	expect_ends("'hosts':[" HOST("h0", GIB_S, "") "," HOST(
			    "h1", FAST, "") "],"
	                                    "'vms':[" VM("a", "h0", "d6", "") "," VM(
						    "b", "h0", "d3", "") "," VM("c", "h0", "d1", "") "]",
	            MOVE("a", "h1", "0") "," MOVE("b", "h1", "2") "," MOVE("c", "h1", "4"), ends, 3);
}

/*
 * x of 3 crosses the uplink of tor-1 (1) and that of tor-2 (0.75) one after the other, y of 10 only the
 * first, z of 2 only the second. 0 to 16/3   tor-2 gives x and z 3/8 each; tor-1 gives y the rest, 5/8. z is
 * there; x 1, y 20/3 left to 22/3     tor-1 gives x and y 1/2 each, which is less than tor-2 would give x. x
 * is there; y 17/3 left to 13       y alone at 1: it is there
 */
Test(fluid, two_links_in_a_row_with_others_on_each)
{
	static const struct end ends[] = { { "z", 16.0 / 3 }, { "x", 22.0 / 3 }, { "y", 13 } };

	expect_ends(
		"'switches':[{'name':'core'},{'name':'tor-1','uplink':'core','uplink_mbit_s':" GIB_S "},"
		"{'name':'tor-2','uplink':'core','uplink_mbit_s':" GIB_S_3_4 "}],"
		"'hosts':[" HOST("a0", FAST, ",'switch':'tor-1'") "," HOST("a1", FAST, ",'switch':'tor-1'") "," HOST("b0", FAST, ",'switch':'tor-2'") "," HOST(
			"b1", FAST,
			",'switch':'tor-2'") "," HOST("c0", FAST,
	                                              ",'switch':'core'") "," HOST("c1", FAST,
	                                                                           ",'switch':'core'") "],"
												       "'vms':[" VM("x", "a0", "d3", "") "," VM(
													       "y",
													       "a1",
													       "d10",
													       "") "," VM("z",
	                                                                                                                  "c0",
	                                                                                                                  "d2",
	                                                                                                                  "") "]",
		MOVE("x", "b0", "0") "," MOVE("y", "c1", "0") "," MOVE("z", "b1", "0"), ends, 3);
}

/* There and back at the same time: each direction has all of its own. */
Test(fluid, directions_do_not_share)
{
	static const struct end ends[] = { { "back", 3 }, { "there", 4 } };

	expect_ends("'hosts':[" HOST("h0", GIB_S, "") "," HOST(
			    "h1", GIB_S, "") "],"
	                                     "'vms':[" VM("there", "h0", "d4", "") "," VM("back", "h1", "d3",
	                                                                                  "") "]",
	            MOVE("there", "h1", "0") "," MOVE("back", "h0", "0"), ends, 2);
}

/*
 * a of 1 is held at 1/4 by its own cap; b of 3 and c of 6 share what it leaves of 1.
 *  0 to 4   a 1/4, b and c 3/8 each: a is there; b 3/2, c 9/2 left
 *  4 to 7   1/2 each: b is there; c 3 left
 *  7 to 10  c alone: it is there
 */
Test(fluid, a_cap_leaves_the_rest_to_the_others)
{
	static const struct end ends[] = { { "a", 4 }, { "b", 7 }, { "c", 10 } };

	expect_ends("'hosts':[" HOST("h0", GIB_S, "") "," HOST(
			    "h1", FAST,
			    "") "],"
	                        "'vms':[" VM("a", "h0", "d1", ",'migration':{'bandwidth_mib_s':256}") "," VM(
					"b", "h0", "d3", "") "," VM("c", "h0", "d6", "") "]",
	            MOVE("a", "h1", "0") "," MOVE("b", "h1", "0") "," MOVE("c", "h1", "0"), ends, 3);
}

/*
 * A crowd (sim/links.h) of 100 disks of 1 GiB over 1/2 GiB/s, ten more begun in each of the first ten
 * seconds: the link is never idle, so all are there after 200 s, and whoever began first is there first.
 */
Test(fluid, a_crowd_loses_no_byte)
{
	enum { CROWD = 100 };
	struct simulated simulated;
	char *cluster = NULL, *actions = NULL;
	size_t length;
	FILE *file = open_memstream(&cluster, &length);
	double last_s = 0, before_s = 0;

	fprintf(file, "%s,'hosts':[" HOST("h0", "4294.967296", "") "," HOST("h1", FAST, "") "],'vms':[",
	        FLAVORS);
	for (int i = 0; i < CROWD; i++)
		fprintf(file, "%s" VM("v%d", "h0", "d1", ""), i ? "," : "", i);
	fprintf(file, "]");
	fclose(file);
	file = open_memstream(&actions, &length);
	for (int i = 0; i < CROWD; i++)
		fprintf(file, "%s" MOVE("v%d", "h1", "%d"), i ? "," : "", i, i / 10);
	fclose(file);
	simulated_run(&simulated, PROFILE_NOVA, cluster, actions);
	for (uint32_t i = 0; i < CROWD; i++) {
		const struct migration_summary *moved = &simulated.simulation.migrations[i];

		cr_assert_eq(moved->outcome, OUTCOME_COMPLETED);
		last_s = moved->start_s + moved->duration_s[1];
		cr_expect(last_s >= before_s - 1e-7, "%.12g s, after %.12g s", last_s, before_s);
		before_s = last_s;
	}
	cr_expect(fabs(last_s - 2.0 * CROWD) <= 1e-7, "all are there after %.12g s", last_s);
	simulated_free(&simulated);
	free(cluster);
	free(actions);
}

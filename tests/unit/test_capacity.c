/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Capacities of hand-made clusters, computed by hand: what limits them, what is in the way, what helps. */
#include "planner/capacity.h"
#include "planner/next_host.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

enum { STEPS = 200000 };

struct answer {
	struct cluster cluster;
	struct losses losses;
	struct capacity_now now;
	uint32_t flavors[2], counts[2];
	struct unit unit;
	struct capacity capacity;
};

static const struct crew alone = { .threads = 1 };

static void answer_free(struct answer *answer)
{
	capacity_free(&answer->capacity);
	capacity_now_free(&answer->now);
	losses_free(&answer->losses);
	cluster_free(&answer->cluster);
}

static void read_cluster(struct answer *answer, const char *profile, const char *hosts, const char *flavors,
                         const char *groups, const char *vms)
{
	char text[8192];

	*answer = (struct answer){ .counts = { 1, 1 } };
	answer->unit = (struct unit){ answer->flavors, answer->counts, 1 };
	answer->flavors[1] = 1;
	snprintf(text, sizeof(text),
	         "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"q\", \"profile\": \"%s\","
	         "\"hosts\": [%s],"
	         "\"flavors\": [%s], \"groups\": [%s], \"vms\": [%s]}",
	         profile, hosts, flavors, groups, vms);
	cluster_from_text(&answer->cluster, text);
}

/* How many more of flavor 0, or of the unit, in a group (NONE), by those hosts that go together. */
static void find(struct answer *answer, enum loss by, uint32_t together, uint32_t group)
{
	struct capacity_question question = { .cluster = &answer->cluster,
		                              .unit = &answer->unit,
		                              .group = group,
		                              .losses = &answer->losses,
		                              .crew = &alone,
		                              .steps = STEPS,
		                              .now = &answer->now };

	losses_create(&answer->losses, &answer->cluster, by, together, NULL);
	capacity_look(&answer->cluster, &answer->losses, &alone, STEPS, false, &answer->now);
	capacity_find(&question, &answer->capacity);
}

static void expect(struct answer *answer, uint32_t most)
{
	cr_assert_eq(answer->capacity.more.lower, most, "%u to %u instead of %u", answer->capacity.more.lower,
	             answer->capacity.more.upper, most);
	cr_assert_eq(answer->capacity.more.upper, most, "%u to %u instead of %u", answer->capacity.more.lower,
	             answer->capacity.more.upper, most);
}

static void expect_resource(const struct answer *answer, const char *resource)
{
	cr_assert(answer->capacity.stopped);
	cr_assert_str_eq(answer->capacity.stop.resource, resource, "%s: %s", answer->capacity.stop.resource,
	                 answer->capacity.stop.why);
	cr_assert(answer->capacity.stop.why[0]);
}

#define HOST(name, rest) \
	"{\"name\": \"" name "\", \"cpus\": 8, \"memory_mib\": 8192, \"cpu_ratio\": 1" rest "}"
#define THREE HOST("a", "") "," HOST("b", "") "," HOST("c", "")
#define SMALL "{\"name\": \"s\", \"vcpus\": 1, \"memory_mib\": 2048}"

/* Three hosts of 8 GiB take four VMs of 2 GiB each; those of hosts that go need a place on the others. */
Test(capacity, memory_of_the_hosts_that_are_left)
{
	static const uint32_t most[] = { 12, 8, 4, 0 };

	for (uint32_t together = 0; together < 4; together++) {
		for (int by = LOSS_LOCK; by <= LOSS_FAIL; by++) {
			struct answer answer;

			read_cluster(&answer, "nova", THREE, SMALL, "", "");
			find(&answer, (enum loss)by, together, NONE);
			expect(&answer, most[together]);
			expect_resource(&answer, "memory_mib");
			answer_free(&answer);
		}
	}
}

/* (8192 - 1024) MiB × 1.5 = 10752 MiB: five VMs of 2 GiB a host. */
Test(capacity, reserved_memory_and_ratios)
{
	struct answer answer;

	read_cluster(&answer, "nova",
	             HOST("a", ", \"reserved\": {\"memory_mib\": 1024}, \"memory_ratio\": 1.5") "," HOST(
			     "b", ", \"reserved\": {\"memory_mib\": 1024}, \"memory_ratio\": 1.5"),
	             SMALL, "", "");
	find(&answer, LOSS_LOCK, 1, NONE);
	expect(&answer, 5);
	answer_free(&answer);
}

/* Eight CPUs, two reserved, twice each: twelve vCPUs a host, four VMs of three. */
Test(capacity, cpus_with_reserved_ones_and_a_ratio)
{
	struct answer answer;

	read_cluster(&answer, "nova",
	             "{\"name\": \"a\", \"cpus\": 8, \"reserved\": {\"cpus\": 2}, \"cpu_ratio\": 2,"
	             "\"memory_mib\": 65536},"
	             "{\"name\": \"b\", \"cpus\": 8, \"reserved\": {\"cpus\": 2}, \"cpu_ratio\": 2,"
	             "\"memory_mib\": 65536}",
	             "{\"name\": \"c\", \"vcpus\": 3, \"memory_mib\": 64}", "", "");
	find(&answer, LOSS_FAIL, 1, NONE);
	expect(&answer, 4);
	expect_resource(&answer, "vcpus");
	answer_free(&answer);
}

/* New ones are spread so that no host that goes has many: still, three members of a group need three hosts.
 */
Test(capacity, members_of_an_anti_affinity_group_need_hosts_each)
{
	static const uint32_t most[] = { 3, 2, 1 };

	for (uint32_t together = 0; together < 3; together++) {
		struct answer answer;

		read_cluster(&answer, "nova", THREE, SMALL,
		             "{\"name\": \"g\", \"policy\": \"anti-affinity\"}", "");
		find(&answer, LOSS_LOCK, together, 0);
		expect(&answer, most[together]);
		answer_free(&answer);
	}
}

Test(capacity, a_groups_size)
{
	struct answer answer;

	read_cluster(&answer, "starlingx", THREE, SMALL,
	             "{\"name\": \"g\", \"policy\": \"anti-affinity\", \"best_effort\": true, \"size\": 3}",
	             "{\"name\": \"v\", \"flavor\": \"s\", \"host\": \"a\", \"group\": \"g\"}");
	find(&answer, LOSS_LOCK, 1, 0);
	expect(&answer, 2);
	cr_assert_str_eq(answer.capacity.stop.rule, "group-size");
	answer_free(&answer);
}

/* Members that stay together cannot be moved apart: no host that has some can be emptied. */
Test(capacity, members_that_stay_together_pin_a_host)
{
	struct answer answer;

	read_cluster(&answer, "nova", THREE, SMALL, "{\"name\": \"g\", \"policy\": \"affinity\"}", "");
	find(&answer, LOSS_LOCK, 1, 0);
	expect(&answer, 0);
	answer_free(&answer);
	read_cluster(&answer, "nova", THREE, SMALL, "{\"name\": \"g\", \"policy\": \"affinity\"}", "");
	find(&answer, LOSS_LOCK, 0, 0);
	expect(&answer, 4);
	answer_free(&answer);
}

/* Two devices a host: without one host there are four. They cannot be moved live, but built anew. */
Test(capacity, pci_devices)
{
	struct answer answer;

	read_cluster(&answer, "nova",
	             HOST("a", ", \"pci\": {\"gpu\": 2}") "," HOST("b", ", \"pci\": {\"gpu\": 2}") "," HOST(
			     "c", ", \"pci\": {\"gpu\": 2}"),
	             "{\"name\": \"g\", \"vcpus\": 1, \"memory_mib\": 64,"
	             "\"extra_specs\": {\"pci_passthrough:alias\": \"gpu:1\"}}",
	             "", "");
	find(&answer, LOSS_FAIL, 1, NONE);
	expect(&answer, 4);
	expect_resource(&answer, "pci:gpu");
	answer_free(&answer);
}

/* Each node has 512 pages of 2 MiB: one guest of 1 GiB a node, two nodes a host, the other host kept free. */
Test(capacity, huge_pages_of_nodes)
{
	struct answer answer;

#define NODES                                                                               \
	", \"numa\": [{\"cpus\": 4, \"memory_mib\": 3072, \"hugepages\": {\"2048\": 512}}," \
	"{\"cpus\": 4, \"memory_mib\": 3072, \"hugepages\": {\"2048\": 512}}]"
	read_cluster(&answer, "nova", HOST("a", NODES) "," HOST("b", NODES),
	             "{\"name\": \"p\", \"vcpus\": 1, \"memory_mib\": 1024,"
	             "\"extra_specs\": {\"hw:mem_page_size\": \"2048\"}}",
	             "", "");
	find(&answer, LOSS_LOCK, 1, NONE);
	expect(&answer, 2);
	expect_resource(&answer, "pages_2048");
	answer_free(&answer);
}

/* Units of one small and one large VM: 2 + 4 GiB; two hosts of 8 GiB are left, each takes one unit. */
Test(capacity, units_of_a_mix)
{
	struct answer answer;

	read_cluster(&answer, "nova", THREE, SMALL ", {\"name\": \"l\", \"vcpus\": 1, \"memory_mib\": 4096}",
	             "", "");
	answer.unit.kinds = 2;
	find(&answer, LOSS_LOCK, 1, NONE);
	expect(&answer, 2);
	/* 16 GiB are left: two units take 12, a third one would need 6. */
	cr_assert_str_eq(answer.capacity.stop.resource, "memory_mib");
	answer_free(&answer);
}

/*
 * Three guests of 3 GiB and hosts of 8 GiB: two a host, 2 GiB of each host are left over. Adding up 16 GiB,
 * there would be room for five; there is for four.
 */
Test(capacity, what_cannot_be_cut_in_two)
{
	struct answer answer;

	read_cluster(&answer, "nova", THREE, "{\"name\": \"m\", \"vcpus\": 1, \"memory_mib\": 3072}", "",
	             "{\"name\": \"v\", \"flavor\": \"m\", \"host\": \"a\"}");
	find(&answer, LOSS_LOCK, 1, NONE);
	expect(&answer, 3);
	answer_free(&answer);
}

/* A VM that cannot go anywhere: nothing fits, and --except is for its host. */
Test(capacity, a_host_that_cannot_go_as_it_is)
{
	struct answer answer;

	read_cluster(&answer, "nova", THREE, SMALL, "{\"name\": \"g\", \"policy\": \"affinity\"}",
	             "{\"name\": \"v\", \"flavor\": \"s\", \"host\": \"b\", \"group\": \"g\"}");
	find(&answer, LOSS_LOCK, 1, NONE);
	expect(&answer, 0);
	cr_assert_eq(answer.now.answer, NOT_WITHSTOOD);
	cr_assert_eq(answer.now.pinned_count, 1);
	cr_assert_eq(answer.now.pinned[0], 1);
	cr_assert_str_eq(answer.now.stop.rule, "affinity-strict");
	cr_assert_eq(answer.now.stop.vm, 0);
	answer_free(&answer);
}

/* Nothing is pinned where room would help, and a host bought gives it. */
Test(capacity, the_next_host_empties_a_full_cluster)
{
	struct next_host *nexts;
	struct arena arena = { 0 };
	struct capacity capacity;
	struct answer answer;
	uint32_t count;

	read_cluster(&answer, "nova", HOST("a", "") "," HOST("b", ""),
	             "{\"name\": \"h\", \"vcpus\": 1, \"memory_mib\": 8192}", "",
	             "{\"name\": \"v\", \"flavor\": \"h\", \"host\": \"a\"},"
	             "{\"name\": \"w\", \"flavor\": \"h\", \"host\": \"b\"}");
	find(&answer, LOSS_LOCK, 1, NONE);
	expect(&answer, 0);
	cr_assert_eq(answer.now.answer, NOT_WITHSTOOD);
	cr_assert_eq(answer.now.pinned_count, 0);
	cr_assert_str_eq(answer.now.stop.resource, "memory_mib");
	count = next_hosts_list(&answer.cluster, "memory_mib", &arena, &nexts);
	cr_assert_eq(count, 2);
	cr_assert_eq(nexts[1].host.memory_mib, 16384);
	cr_assert_eq(nexts[1].host.numa[0].memory_mib, 16384);
	for (uint32_t i = 0; i < count; i++) {
		struct capacity_question question = { .cluster = &answer.cluster,
			                              .unit = &answer.unit,
			                              .group = NONE,
			                              .crew = &alone,
			                              .steps = STEPS };
		struct next_host_question ask = {
			.question = &question, .next = &nexts[i], .by = LOSS_LOCK, .together = 1, .known = 0
		};

		next_host_find(&ask, &capacity);
		/* One as it is has room for v or w, but then for none more; twice the memory is lost, too. */
		cr_assert_eq(capacity.more.lower, 0);
		cr_assert_eq(capacity.more.upper, 0);
		capacity_free(&capacity);
	}
	arena_free(&arena);
	answer_free(&answer);
}

Test(next_host, models_once_then_what_is_short_doubled)
{
	struct arena arena = { 0 };
	struct next_host *nexts;
	struct answer answer;

	read_cluster(
		&answer, "nova",
		HOST("a", ", \"pci\": {\"gpu\": 2}") "," HOST(
			"b", ", \"administrative\": \"locked\", \"pci\": {\"gpu\": 2}") "," HOST("c", ""),
		SMALL, "", "");
	cr_assert_eq(next_hosts_list(&answer.cluster, NULL, &arena, &nexts), 2);
	cr_assert_eq(nexts[0].like, 0);
	cr_assert_eq(nexts[1].like, 2);
	cr_assert_null(nexts[1].resource);
	/* Only one of the models has any. */
	cr_assert_eq(next_hosts_list(&answer.cluster, "pci:gpu", &arena, &nexts), 3);
	cr_assert_eq(nexts[2].like, 0);
	cr_assert_eq(nexts[2].host.pci[0].count, 4);
	cr_assert_eq(next_hosts_list(&answer.cluster, "vcpus", &arena, &nexts), 4);
	cr_assert_eq(nexts[3].host.cpus, 16);
	cr_assert_eq(nexts[3].host.memory_mib, 8192);
	cr_assert_eq(next_hosts_list(&answer.cluster, "disk_gib", &arena, &nexts), 2,
	             "no limit, nothing to double");
	cr_assert_eq(next_hosts_list(&answer.cluster, "group:g", &arena, &nexts), 2);
	cr_assert_eq(answer.cluster.hosts[0].pci[0].count, 2, "the cluster is as it was");
	arena_free(&arena);
	answer_free(&answer);
}

Test(losses, sets_come_in_order_and_have_numbers)
{
	struct losses losses;
	struct answer answer;
	uint32_t places[2], number = 0;
	const bool except[] = { false, true, false, false };

	read_cluster(&answer, "nova",
	             THREE "," HOST("d", "") "," HOST("e", ", \"administrative\": \"locked\""), SMALL, "",
	             "");
	losses_create(&losses, &answer.cluster, LOSS_LOCK, 2, except);
	cr_assert_eq(losses.host_count, 3); /* a, c, d */
	cr_assert_eq(losses.set_count, 3);
	losses_set(&losses, 0, places);
	do {
		uint32_t again[2];

		losses_set(&losses, number++, again);
		cr_assert_eq(memcmp(again, places, sizeof(places)), 0);
	} while (losses_next(&losses, places));
	cr_assert_eq(number, 3);
	cr_assert_eq(losses_first_with(&losses, 2), 1);
	losses_free(&losses);
	losses_create(&losses, &answer.cluster, LOSS_LOCK, 9, NULL);
	cr_assert_eq(losses.together, 4, "no more than there are");
	cr_assert_eq(losses.set_count, 1);
	losses_free(&losses);
	answer_free(&answer);
}

/* The cluster has a load profile, which is not theirs. */
Test(whatif, new_vms_are_as_a_scenario_builds_them)
{
	struct answer answer;
	struct whatif whatif;
	struct vm *built;
	uint32_t vm;

	read_cluster(&answer, "nova", THREE, SMALL ", {\"name\": \"l\", \"vcpus\": 1, \"memory_mib\": 4096}",
	             "", "");
	answer.unit.kinds = 2;
	answer.counts[1] = 2;
	whatif_create(&whatif, &answer.cluster);
	whatif_fill(&whatif, &answer.unit, 3, NONE);
	cr_assert_eq(whatif.cluster.vm_count, 9);
	cr_assert_eq(whatif_first(&whatif, &answer.unit, 0), 0);
	cr_assert_eq(whatif_first(&whatif, &answer.unit, 1), 3);
	vm = cluster_add_vm(&answer.cluster, whatif.vms[3].name, 1, NONE);
	built = &answer.cluster.vms[vm];
	cr_assert_eq(whatif.vms[3].load, NONE);
	cr_assert_eq(built->load, NONE);
	cr_assert_eq(whatif.vms[3].flavor, built->flavor);
	cr_assert_eq(whatif.vms[3].host, built->host);
	cr_assert_eq(whatif.vms[3].state, built->state);
	cr_assert_eq(whatif.vms[3].boot, built->boot);
	cr_assert_eq(whatif.vms[3].used_mib, built->used_mib);
	whatif_free(&whatif);
	answer_free(&answer);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which host auto-scheduling takes: weights by hand, ties, first passes. */
#include "core/schedule.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>
#include <math.h>

#include <stdio.h>
#include <string.h>

struct setting {
	struct cluster cluster;
	struct state state;
};

/* VM v (2 vCPUs, 2 GiB) on the first host; hosts, groups and other VMs as JSON text. */
static void setting_create(struct setting *setting, enum profile profile, const char *hosts,
                           const char *group, const char *vms)
{
	char text[4096];

	snprintf(text, sizeof(text),
	         "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"s\", \"profile\": \"%s\", \"hosts\":"
	         " [%s],"
	         "\"flavors\": [{\"name\": \"f\", \"vcpus\": 2, \"memory_mib\": 2048},"
	         "{\"name\": \"g\", \"vcpus\": 1, \"memory_mib\": 1024}], \"groups\": [%s],"
	         "\"vms\": [{\"name\": \"v\", \"flavor\": \"f\", \"host\": \"a\"%s}%s]}",
	         profile_words[profile], hosts, group, *group ? ", \"group\": \"g\"" : "", vms);
	cluster_from_text(&setting->cluster, text);
	state_create(&setting->state, &setting->cluster);
}

static void setting_free(struct setting *setting)
{
	state_free(&setting->state);
	cluster_free(&setting->cluster);
}

/* The host taken for v; "none" when there is none. */
static const char *best(const struct setting *setting)
{
	struct request request = request_for(&setting->state, MOVE_LIVE, 0);
	uint32_t host = schedule_best(&request, NULL, 0);

	return host == NONE ? "none" : setting->cluster.hosts[host].name;
}

static uint32_t rank_of(const struct setting *setting, const char *name)
{
	struct request request = request_for(&setting->state, MOVE_LIVE, 0);
	uint32_t ranks[16];

	schedule_rank(&request, ranks);
	return ranks[cluster_host(&setting->cluster, name)];
}

#define HOST(name, cpus, mib, rest) \
	"{\"name\": \"" name "\", \"cpus\": " cpus ", \"memory_mib\": " mib rest "}"
#define PLAIN(name) HOST(name, "8", "8192", "")
#define VM(name, flavor, host, rest) \
	", {\"name\": \"" name "\", \"flavor\": \"" flavor "\", \"host\": \"" host "\"" rest "}"
#define IN_G ", \"group\": \"g\""

Test(schedule, titanium_and_starlingx_take_the_first_that_passes)
{
	for (int profile = PROFILE_TITANIUM; profile <= PROFILE_STARLINGX; profile++) {
		struct setting setting;

		setting_create(&setting, (enum profile)profile,
		               PLAIN("a") "," HOST("b", "8", "2047", "") "," HOST(
				       "c", "2", "2048", "") "," HOST("d", "64", "999999", ""),
		               "", "");
		cr_assert_str_eq(best(&setting), "c");
		cr_assert_eq(rank_of(&setting, "a"), 0);
		cr_assert_eq(rank_of(&setting, "b"), 0);
		cr_assert_eq(rank_of(&setting, "c"), 1);
		cr_assert_eq(rank_of(&setting, "d"), 2);
		setting_free(&setting);
	}
}

Test(schedule, hosts_with_less_under_way_come_first)
{
	for (int profile = PROFILE_TITANIUM; profile <= PROFILE_STARLINGX; profile++) {
		struct setting setting;

		setting_create(&setting, (enum profile)profile,
		               PLAIN("a") "," PLAIN("b") "," PLAIN("c") "," PLAIN("d"), "", "");
		state_under_way(&setting.state, 1, 2);
		state_under_way(&setting.state, 2, 1);
		state_under_way(&setting.state, 3, 1);
		cr_assert_str_eq(best(&setting), "c");
		cr_assert_eq(rank_of(&setting, "d"), 2);
		cr_assert_eq(rank_of(&setting, "b"), 3);
		setting_free(&setting);
	}
}

/*
 * By hand. Free: b 8192 MiB, 8 * 16 = 128 vCPUs; c 4096 - 1024 = 3072 MiB, 16 * 16 - 1 = 255 vCPUs. No disk
 * limits. b: 8192/8192 + 128/255 + 1 = 2.502; c: 3072/8192 + 255/255 + 1 = 2.375.
 */
Test(schedule, nova_adds_what_is_free_each_by_the_largest)
{
	struct setting setting;
	struct request request;
	struct weight_terms scale = { 0 }, b, c;

	setting_create(&setting, PROFILE_NOVA, PLAIN("a") "," PLAIN("b") "," HOST("c", "16", "4096", ""), "",
	               VM("w", "g", "c", ""));
	request = request_for(&setting.state, MOVE_LIVE, 0);
	b = weight_terms_of(&request, 1);
	c = weight_terms_of(&request, 2);
	cr_assert(b.ram == 8192 && b.cpu == 128 && b.under_way == 0 && b.soft == 0);
	cr_assert(c.ram == 3072 && c.cpu == 255);
	weight_scale_add(&scale, &b);
	weight_scale_add(&scale, &c);
	cr_assert_float_eq(weight_of(PROFILE_NOVA, &scale, &b), 1 + 128.0 / 255 + 1, 1e-12);
	cr_assert_float_eq(weight_of(PROFILE_NOVA, &scale, &c), 3072.0 / 8192 + 1 + 1, 1e-12);
	cr_assert_str_eq(best(&setting), "b");
	setting_free(&setting);
}

/* RAM without its ratio, vCPUs with theirs, reserved amounts taken off. */
Test(schedule, nova_takes_reserved_amounts_off)
{
	struct setting setting;
	struct request request;
	struct weight_terms b;

	setting_create(
		&setting, PROFILE_NOVA,
		PLAIN("a") "," HOST(
			"b", "8", "8192",
			", \"memory_ratio\": 2, \"cpu_ratio\": 4, \"disk_gib\": 100, \"disk_ratio\": 9, "
			"\"reserved\": {\"cpus\": 1, \"memory_mib\": 192, \"disk_gib\": 10}"),
		"", VM("w", "f", "b", ""));
	request = request_for(&setting.state, MOVE_LIVE, 0);
	b = weight_terms_of(&request, 1);
	cr_assert_eq(b.ram, 8192 - 192 - 2048);
	cr_assert_eq(b.cpu, 4 * 7 - 2);
	cr_assert_eq(b.disk, 90);
	setting_free(&setting);
}

/* Moves under way: minus their number by the largest. b leads by 0.2, which one of two under way outweighs.
 */
Test(schedule, nova_weighs_what_is_under_way)
{
	struct setting setting;

	setting_create(&setting, PROFILE_NOVA,
	               PLAIN("a") "," HOST("b", "8", "10240", "") "," PLAIN("c") "," PLAIN("d"), "", "");
	cr_assert_str_eq(best(&setting), "b");
	state_under_way(&setting.state, 1, 1);
	state_under_way(&setting.state, 2, 2);
	cr_assert_str_eq(best(&setting), "d");
	cr_assert_eq(rank_of(&setting, "b"), 2);
	cr_assert_eq(rank_of(&setting, "c"), 3);
	setting_free(&setting);
}

Test(schedule, equal_weights_go_by_the_files_order)
{
	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		struct setting setting;

		setting_create(&setting, (enum profile)profile,
		               PLAIN("a") "," PLAIN("z") "," PLAIN("c") "," PLAIN("b"), "", "");
		cr_assert_str_eq(best(&setting), "z");
		cr_assert_eq(rank_of(&setting, "z"), 1);
		cr_assert_eq(rank_of(&setting, "c"), 2);
		cr_assert_eq(rank_of(&setting, "b"), 3);
		setting_free(&setting);
	}
}

#define POLICY(policy) "{\"name\": \"g\", \"policy\": \"" policy "\"}"
#define BEST_EFFORT(policy) "{\"name\": \"g\", \"policy\": \"" policy "\", \"best_effort\": true}"

/* One member on b, two on c, which have the same left: nova's soft term decides; the others take the first.
 */
Test(schedule, soft_policies_count_members_with_nova_only)
{
	static const char hosts[] = PLAIN("a") "," HOST("b", "8", "9216", "") "," HOST("c", "9", "10240",
	                                                                               "") "," PLAIN("d");
	static const char members[] = VM("w", "g", "b", IN_G) VM("x", "g", "c", IN_G) VM("y", "g", "c", IN_G);

	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		bool nova = profile == PROFILE_NOVA;
		struct setting setting;

		setting_create(&setting, (enum profile)profile, hosts, POLICY("soft-affinity"), members);
		cr_assert_str_eq(best(&setting), nova ? "c" : "b");
		cr_assert_eq(rank_of(&setting, "b"), nova ? 2 : 1);
		setting_free(&setting);
		setting_create(&setting, (enum profile)profile, hosts, POLICY("soft-anti-affinity"), members);
		cr_assert_str_eq(best(&setting), nova ? "d" : "b");
		cr_assert_eq(rank_of(&setting, "c"), nova ? 3 : 2);
		setting_free(&setting);
	}
}

Test(schedule, best_effort_affinity_has_a_first_pass_but_with_titanium)
{
	static const char hosts[] = PLAIN("a") "," PLAIN("b") "," PLAIN("c");

	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		bool titanium = profile == PROFILE_TITANIUM;
		struct setting setting;

		setting_create(&setting, (enum profile)profile, hosts, BEST_EFFORT("affinity"),
		               VM("w", "g", "c", IN_G));
		cr_assert_str_eq(best(&setting), titanium ? "b" : "c");
		cr_assert_eq(rank_of(&setting, "b"), titanium ? 1 : 0);
		setting_free(&setting);
		setting_create(&setting, (enum profile)profile, hosts, BEST_EFFORT("anti-affinity"),
		               VM("w", "g", "b", IN_G));
		cr_assert_str_eq(best(&setting), titanium ? "b" : "c");
		setting_free(&setting);
	}
}

/* When no host of the first pass has room, the group is forgotten. */
Test(schedule, a_second_pass_forgets_the_group)
{
	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		struct setting setting;

		setting_create(&setting, (enum profile)profile,
		               PLAIN("a") "," PLAIN("b") "," HOST("c", "8", "2048", ""),
		               BEST_EFFORT("affinity"), VM("w", "g", "c", IN_G));
		cr_assert_str_eq(best(&setting), "b");
		cr_assert_eq(rank_of(&setting, "b"), 1);
		setting_free(&setting);
		setting_create(&setting, (enum profile)profile, PLAIN("a") "," PLAIN("b"),
		               BEST_EFFORT("anti-affinity"), VM("w", "g", "b", IN_G));
		cr_assert_str_eq(best(&setting), "b");
		setting_free(&setting);
	}
}

Test(schedule, strict_groups_have_no_second_pass)
{
	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		struct setting setting;

		setting_create(&setting, (enum profile)profile, PLAIN("a") "," PLAIN("b"),
		               POLICY("anti-affinity"), VM("w", "g", "b", IN_G));
		cr_assert_str_eq(best(&setting), "none");
		setting_free(&setting);
		setting_create(&setting, (enum profile)profile, PLAIN("a") "," PLAIN("b"), POLICY("affinity"),
		               "");
		cr_assert_str_eq(best(&setting), "none");
		setting_free(&setting);
	}
}

Test(schedule, only_the_hosts_asked_for_are_looked_at)
{
	static const uint32_t some[] = { 0, 3, 2 };
	struct setting setting;
	struct request request;

	setting_create(&setting, PROFILE_STARLINGX, PLAIN("a") "," PLAIN("b") "," PLAIN("c") "," PLAIN("d"),
	               "", "");
	request = request_for(&setting.state, MOVE_LIVE, 0);
	cr_assert_eq(schedule_best(&request, some, 1), NONE);
	cr_assert_eq(schedule_best(&request, some, 2), 3);
	setting_free(&setting);
}

/* On random clusters: the best is rank 1, ranks are 1 … n without gaps, and only hosts that pass have one. */
Test(schedule, ranks_and_the_best_agree)
{
	static const struct draw_size size = { .hosts_most = 10,
		                               .first_host_vms_most = 6,
		                               .other_host_vms_most = 3 };

	for (uint64_t seed = 1; seed < 400; seed++) {
		char *text = draw_cluster_text(seed, &size);
		struct setting setting;

		cluster_from_text(&setting.cluster, text);
		state_create(&setting.state, &setting.cluster);
		for (uint32_t vm = 0; vm < setting.cluster.vm_count; vm++) {
			struct request request = request_for(&setting.state, MOVE_LIVE, vm);
			uint32_t ranks[16], count, seen = 0, host = schedule_best(&request, NULL, 0);

			if (request.source == NONE)
				continue;
			count = schedule_rank(&request, ranks);
			cr_assert_eq(count > 0, host != NONE, "seed %llu", (unsigned long long)seed);
			cr_assert(host == NONE || ranks[host] == 1, "seed %llu", (unsigned long long)seed);
			for (uint32_t i = 0; i < setting.cluster.host_count; i++) {
				cr_assert(ranks[i] <= count);
				cr_assert(!ranks[i] || schedule_allows_named(&request, i));
				seen += ranks[i];
			}
			cr_assert_eq(seen, count * (count + 1) / 2);
		}
		setting_free(&setting);
		free(text);
	}
}

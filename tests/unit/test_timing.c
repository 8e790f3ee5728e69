/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time limits, downtime limits and their steps, as the platforms have them. */
#include "core/timing.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>
#include <math.h>

#include <stdio.h>
#include <string.h>

/* One VM; members as JSON text: specs, image and metadata without braces, the rest with a comma before it. */
struct parts {
	const char *specs, *image, *metadata, *flavor, *vm, *cluster;
};

static const char *or_nothing(const char *text)
{
	return text ? text : "";
}

static struct timing timing_with(enum profile profile, const struct parts *parts, bool block_copied)
{
	struct cluster cluster;
	struct state state;
	struct timing timing;
	char text[2048];

	snprintf(text, sizeof(text),
	         "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"t\", \"profile\": \"%s\"%s,"
	         "\"hosts\": [{\"name\": \"a\", \"cpus\": 8, \"memory_mib\": 65536}],"
	         "\"flavors\": [{\"name\": \"f\", \"vcpus\": 1, \"memory_mib\": 4096%s, \"extra_specs\": "
	         "{%s}}],"
	         "\"vms\": [{\"name\": \"v\", \"flavor\": \"f\", \"host\": \"a\", \"image\": {%s}, "
	         "\"metadata\": {%s}%s}]}",
	         profile_words[profile], or_nothing(parts->cluster), or_nothing(parts->flavor),
	         or_nothing(parts->specs), or_nothing(parts->image), or_nothing(parts->metadata),
	         or_nothing(parts->vm));
	cluster_from_text(&cluster, text);
	state_create(&state, &cluster);
	timing = timing_of(&state, 0, block_copied);
	timing.hypervisor = NULL; /* lives in the cluster */
	state_free(&state);
	cluster_free(&cluster);
	return timing;
}

Test(timing, profiles_have_their_own_defaults)
{
	static const struct parts none = { 0 };
	struct timing titanium = timing_with(PROFILE_TITANIUM, &none, false);
	struct timing starlingx = timing_with(PROFILE_STARLINGX, &none, false);
	struct timing nova = timing_with(PROFILE_NOVA, &none, false);

	cr_assert_eq(titanium.timeout_s, 800);
	cr_assert_eq(starlingx.timeout_s, 180);
	cr_assert_eq(nova.timeout_s, 3200);
	cr_assert_eq(titanium.step_delay_s, 75);
	cr_assert_eq(starlingx.step_delay_s, 12);
	cr_assert_eq(nova.step_delay_s, 300);
	cr_assert_eq(titanium.no_progress_s, 150);
	cr_assert(isinf(starlingx.no_progress_s) && isinf(nova.no_progress_s));
	cr_assert(!titanium.auto_converge && starlingx.auto_converge && !nova.auto_converge);
	for (int i = 0; i < 3; i++) {
		const struct timing *timing = i == 0 ? &titanium : i == 1 ? &starlingx : &nova;

		cr_assert_eq(timing->max_downtime_ms, 500);
		cr_assert_eq(timing->steps, 10);
		cr_assert_eq(timing->base_ms, 50);
		cr_assert_eq(timing->offset_ms, 45);
		cr_assert_eq(timing->parallel_per_host, 1);
		cr_assert(isinf(timing->bandwidth_bytes_s) && !timing->post_copy);
		cr_assert(isnan(timing->setup_ms) && isnan(timing->switchover_ms) &&
		          isnan(timing->wire_efficiency));
	}
}

#define TIMEOUT(value) "\"hw:wrs:live_migration_timeout\": " value
#define IMAGE_TIMEOUT(value) "\"hw_wrs_live_migration_timeout\": " value
#define DOWNTIME(value) "\"hw:wrs:live_migration_max_downtime\": " value
#define IMAGE_DOWNTIME(value) "\"hw_wrs_live_migration_max_downtime\": " value

struct timeout_case {
	struct parts parts;
	double timeout_s;
};

/* The smallest that is not 0 of flavor, image and metadata; none only when all that are set say 0. */
static const struct timeout_case timeout_cases[] = {
	{ { .specs = TIMEOUT("300") }, 300 },
	{ { .specs = TIMEOUT("\"300\"") }, 300 },
	{ { .image = IMAGE_TIMEOUT("\"300\"") }, 300 },
	{ { .image = TIMEOUT("300") }, 300 },
	{ { .metadata = TIMEOUT("300") }, 300 },
	{ { .specs = TIMEOUT("300"), .image = IMAGE_TIMEOUT("200"), .metadata = TIMEOUT("400") }, 200 },
	{ { .specs = TIMEOUT("300"), .image = IMAGE_TIMEOUT("500"), .metadata = TIMEOUT("130") }, 130 },
	{ { .specs = TIMEOUT("0"), .image = IMAGE_TIMEOUT("500") }, 500 },
	{ { .specs = TIMEOUT("500"), .image = IMAGE_TIMEOUT("0"), .metadata = TIMEOUT("0") }, 500 },
	{ { .metadata = TIMEOUT("0"), .image = IMAGE_TIMEOUT("600"), .specs = TIMEOUT("700") }, 600 },
	{ { .specs = TIMEOUT("0") }, INFINITY },
	{ { .specs = TIMEOUT("0"), .image = IMAGE_TIMEOUT("0"), .metadata = TIMEOUT("0") }, INFINITY },
	{ { .specs = TIMEOUT("120") }, 120 },
	{ { .specs = TIMEOUT("800") }, 800 },
	/* Outside of 0 and 120-800: ignored. */
	{ { .specs = TIMEOUT("119") }, 180 },
	{ { .specs = TIMEOUT("801") }, 180 },
	{ { .specs = TIMEOUT("\"soon\"") }, 180 },
	{ { .specs = TIMEOUT("-200") }, 180 },
	{ { .specs = TIMEOUT("200.5") }, 180 },
	{ { .specs = TIMEOUT("50"), .metadata = TIMEOUT("400") }, 400 },
	/* Metadata keys, then the VM's `migration`, then the cluster's, which are literal. */
	{ { .cluster = ", \"migration\": {\"timeout_s\": 7}" }, 7 },
	{ { .cluster = ", \"migration\": {\"timeout_s\": 0}" }, INFINITY },
	{ { .cluster = ", \"migration\": {\"timeout_s\": 7}", .vm = ", \"migration\": {\"timeout_s\": 9.5}" },
	  9.5 },
	{ { .cluster = ", \"migration\": {\"timeout_s\": 7}",
	    .vm = ", \"migration\": {\"timeout_s\": 9}",
	    .specs = TIMEOUT("300") },
	  300 },
	{ { .cluster = ", \"migration\": {\"timeout_s\": 7}", .specs = TIMEOUT("0") }, INFINITY },
	{ { .cluster = ", \"migration\": {\"timeout_s\": 7}", .specs = TIMEOUT("90") }, 7 },
};

Test(timing, the_time_limit_is_the_smallest_that_is_not_0)
{
	for (size_t i = 0; i < sizeof(timeout_cases) / sizeof(timeout_cases[0]); i++) {
		double timeout_s = timing_with(PROFILE_STARLINGX, &timeout_cases[i].parts, false).timeout_s;

		cr_expect_eq(timeout_s, timeout_cases[i].timeout_s, "case %zu: %g", i, timeout_s);
	}
}

struct downtime_case {
	struct parts parts;
	double downtime_ms;
};

/* Flavor, else instance, else image. */
static const struct downtime_case downtime_cases[] = {
	{ { .specs = DOWNTIME("350"), .metadata = DOWNTIME("400"), .image = IMAGE_DOWNTIME("450") }, 350 },
	{ { .metadata = DOWNTIME("400"), .image = IMAGE_DOWNTIME("450") }, 400 },
	{ { .image = IMAGE_DOWNTIME("450") }, 450 },
	{ { .specs = DOWNTIME("100") }, 100 },
	{ { .specs = DOWNTIME("99") }, 500 },
	{ { .specs = DOWNTIME("99"), .metadata = DOWNTIME("300") }, 500 },
	{ { .specs = DOWNTIME("\"short\"") }, 500 },
	{ { .specs = DOWNTIME("2000") }, 2000 },
	{ { .cluster = ", \"migration\": {\"max_downtime_ms\": 30}" }, 30 },
	{ { .cluster = ", \"migration\": {\"max_downtime_ms\": 30}",
	    .vm = ", \"migration\": {\"max_downtime_ms\": 40}" },
	  40 },
	{ { .vm = ", \"migration\": {\"max_downtime_ms\": 40}", .image = IMAGE_DOWNTIME("450") }, 450 },
	{ { .vm = ", \"migration\": {\"max_downtime_ms\": 40}", .image = IMAGE_DOWNTIME("45") }, 500 },
};

Test(timing, the_downtime_limit_is_the_flavors_else_the_instances_else_the_images)
{
	for (size_t i = 0; i < sizeof(downtime_cases) / sizeof(downtime_cases[0]); i++) {
		for (int profile = 0; profile < PROFILE_COUNT; profile++) {
			double downtime_ms = timing_with((enum profile)profile, &downtime_cases[i].parts,
			                                 false)
			                             .max_downtime_ms;

			cr_expect_eq(downtime_ms, downtime_cases[i].downtime_ms, "case %zu: %g", i,
			             downtime_ms);
		}
	}
}

/* int(800 * GB) and int(75 * GB); GB = max(RAM, 2) + the sum of max(disk, 2) over the disks that are copied.
 */
Test(timing, nova_counts_gigabytes)
{
	static const struct parts small = { .flavor = "" };
	static const struct parts disks = {
		.flavor = ", \"disk_gib\": 20, \"ephemeral_gib\": 1, \"swap_mib\": 3072",
		.vm = ", \"boot\": \"image\""
	};
	static const struct parts volume = { .flavor = ", \"disk_gib\": 20, \"swap_mib\": 512" };

	cr_assert_eq(timing_with(PROFILE_NOVA, &small, false).timeout_s, 800 * 4);
	cr_assert_eq(timing_with(PROFILE_NOVA, &small, false).step_delay_s, 75 * 4);
	cr_assert_eq(timing_with(PROFILE_NOVA, &disks, false).timeout_s, 800 * 4);
	cr_assert_eq(timing_with(PROFILE_NOVA, &disks, true).timeout_s, 800 * (4 + 20 + 2 + 3));
	cr_assert_eq(timing_with(PROFILE_NOVA, &disks, true).step_delay_s, 75 * (4 + 20 + 2 + 3));
	cr_assert_eq(timing_with(PROFILE_NOVA, &volume, true).timeout_s, 800 * (4 + 2));
	cr_assert_eq(timing_with(PROFILE_STARLINGX, &disks, true).timeout_s, 180);
}

/* A guest of 64 MiB counts as 2 GB, one of 2.5 GiB as 2.5: 2000 s. */
Test(timing, nova_counts_at_least_two_gigabytes)
{
	struct cluster cluster;
	struct state state;

	cluster_from_text(&cluster,
	                  "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"t\", \"profile\": \"nova\","
	                  "\"hosts\": [{\"name\": \"a\", \"cpus\": 8, \"memory_mib\": 65536}],"
	                  "\"flavors\": [{\"name\": \"f\", \"vcpus\": 1, \"memory_mib\": 64},"
	                  "{\"name\": \"g\", \"vcpus\": 1, \"memory_mib\": 2561}],"
	                  "\"vms\": [{\"name\": \"v\", \"flavor\": \"f\", \"host\": \"a\"},"
	                  "{\"name\": \"w\", \"flavor\": \"g\", \"host\": \"a\"}]}");
	state_create(&state, &cluster);
	cr_assert_eq(timing_of(&state, 0, false).timeout_s, 1600);
	cr_assert_eq(timing_of(&state, 0, false).step_delay_s, 150);
	cr_assert_eq(timing_of(&state, 1, false).timeout_s, 2000); /* 800 * 2561 / 1024 = 2000.78 */
	cr_assert_eq(timing_of(&state, 1, false).step_delay_s, 187);
	state_free(&state);
	cluster_free(&cluster);
}

Test(timing, starlingx_computes_with_integers)
{
	static const struct parts limit = { .specs = DOWNTIME("350") ", " TIMEOUT("200") };
	struct timing starlingx = timing_with(PROFILE_STARLINGX, &limit, false);
	struct timing titanium = timing_with(PROFILE_TITANIUM, &limit, false);

	cr_assert_eq(starlingx.base_ms, 35);
	cr_assert_eq(starlingx.offset_ms, 31);
	cr_assert_eq(timing_limit_ms(&starlingx, 1e6), 345);
	cr_assert_eq(starlingx.step_delay_s, 13); /* int(200 * 2 / 3 / 10) */
	cr_assert_eq(titanium.base_ms, 35);
	cr_assert_eq(titanium.offset_ms, 31.5);
	cr_assert_eq(timing_limit_ms(&titanium, 1e6), 350);
	cr_assert_eq(titanium.step_delay_s, 75);
}

/* Step i once elapsed is more than i * 75 s, looked at every half second. */
Test(timing, steps_come_at_looks_strictly_after_their_delay)
{
	static const struct parts none = { 0 };
	struct timing timing = timing_with(PROFILE_TITANIUM, &none, false);

	cr_assert_eq(timing_limit_ms(&timing, 0), 50);
	cr_assert_eq(timing_limit_ms(&timing, 75), 50);
	cr_assert_eq(timing_limit_ms(&timing, 75.49), 50);
	cr_assert_eq(timing_limit_ms(&timing, 75.5), 95);
	cr_assert_eq(timing_limit_ms(&timing, 150), 95);
	cr_assert_eq(timing_limit_ms(&timing, 150.5), 140);
	cr_assert_eq(timing_limit_ms(&timing, 750), 455);
	cr_assert_eq(timing_limit_ms(&timing, 750.5), 500);
	cr_assert_eq(timing_limit_ms(&timing, 1e7), 500);
}

Test(timing, the_next_step_is_where_the_limit_changes)
{
	static const struct parts none = { 0 };
	static const struct parts odd = { .specs = TIMEOUT("137") };

	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		for (int i = 0; i < 2; i++) {
			struct timing timing = timing_with((enum profile)profile, i ? &odd : &none, false);
			double at_s = 0;
			int steps = 0;

			for (double next_s; !isinf(next_s = timing_next_step_s(&timing, at_s));
			     at_s = next_s, steps++) {
				cr_assert_gt(next_s, at_s);
				cr_assert_eq(timing_limit_ms(&timing, next_s - 0.001),
				             timing_limit_ms(&timing, at_s));
				cr_assert_gt(timing_limit_ms(&timing, next_s),
				             timing_limit_ms(&timing, at_s));
			}
			cr_assert_eq(steps, 10);
			cr_assert_eq(timing_limit_ms(&timing, at_s), timing.base_ms + 10 * timing.offset_ms);
		}
	}
}

Test(timing, no_steps_is_the_whole_limit_from_the_start)
{
	static const struct parts parts = { .cluster = ", \"migration\": {\"downtime_steps\": 0}" };

	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		struct timing timing = timing_with((enum profile)profile, &parts, false);

		cr_assert_eq(timing_limit_ms(&timing, 0), 500);
		cr_assert(isinf(timing_next_step_s(&timing, 0)));
	}
}

Test(timing, settings_of_the_cluster_and_the_vm_are_laid_over_the_profiles)
{
	static const struct parts parts = {
		.cluster = ", \"migration\": {\"bandwidth_mib_s\": 10, \"auto_converge\": true, "
			   "\"post_copy\": true, "
			   "\"parallel_per_host\": 0, \"setup_ms\": 5, \"wire_efficiency\": 0.5}",
		.vm = ", \"migration\": {\"bandwidth_mib_s\": 20, \"post_copy\": false, "
		      "\"switchover_ms\": 7}",
	};
	struct timing timing = timing_with(PROFILE_TITANIUM, &parts, false);

	cr_assert_eq(timing.bandwidth_bytes_s, 20 * 1048576.0);
	cr_assert(timing.auto_converge && !timing.post_copy);
	cr_assert_eq(timing.parallel_per_host, 0);
	cr_assert_eq(timing.setup_ms, 5);
	cr_assert_eq(timing.switchover_ms, 7);
	cr_assert_eq(timing.wire_efficiency, 0.5);
}

static void check_ignored(const char *specs, const char *metadata, const char *expected)
{
	struct cluster cluster;
	char text[1024], buffer[256];
	const char *ignored;

	snprintf(text, sizeof(text),
	         "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"t\", \"hosts\": [], \"flavors\": [{"
	         "\"name\": \"f\", "
	         "\"vcpus\": 1, \"memory_mib\": 64, \"extra_specs\": {%s}}], \"vms\": [{\"name\": \"v\", "
	         "\"flavor\": "
	         "\"f\", \"host\": null, \"metadata\": {%s}}]}",
	         specs, metadata);
	cluster_from_text(&cluster, text);
	ignored = timing_ignored(&cluster, 0, buffer, sizeof(buffer));
	if (expected)
		cr_expect_str_eq(ignored ? ignored : "nothing", expected);
	else
		cr_expect_null(ignored);
	cr_expect_eq(cluster.warning_count, expected ? 1 : 0);
	cluster_free(&cluster);
}

Test(timing, what_is_ignored_is_a_warning)
{
	static const char timeout[] =
		"VM v: hw:wrs:live_migration_timeout is ignored, expected 0 or 120 to 800 s";
	static const char downtime[] =
		"VM v: hw:wrs:live_migration_max_downtime is below 100 ms, the default of 500 ms holds";

	check_ignored("", "", NULL);
	check_ignored(TIMEOUT("0"), TIMEOUT("120"), NULL);
	check_ignored(TIMEOUT("801"), "", timeout);
	check_ignored("", TIMEOUT("\"never\""), timeout);
	check_ignored(DOWNTIME("100"), "", NULL);
	check_ignored(DOWNTIME("99"), "", downtime);
}

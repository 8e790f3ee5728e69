/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/timing.h"

#include "core/rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A key as flavors and instances have it, and as image properties are spelled. */
struct key {
	const char *name, *image_name;
};

static const struct key TIMEOUT = { "hw:wrs:live_migration_timeout", "hw_wrs_live_migration_timeout" };
static const struct key DOWNTIME = { "hw:wrs:live_migration_max_downtime",
	                             "hw_wrs_live_migration_max_downtime" };

/* The ranges of the platform's keys; 0 s means no limit. */
enum { TIMEOUT_LEAST_S = 120, TIMEOUT_MOST_S = 800, DOWNTIME_LEAST_MS = 100, DOWNTIME_DEFAULT_MS = 500 };

enum { PARALLEL_PER_HOST_DEFAULT = 1 };

/* How often the platform looks at a migration (nova/virt/libvirt/driver.py sleeps half a second). */
static const double look_s = 0.5;

/* The key's value; -1: absent, -2: no whole number. */
static long long key_value(const struct pairs *pairs, const struct key *key)
{
	const char *text;
	long long value;
	char *end;

	if (pairs->count == 0)
		return -1; /* nearly always: asked for with each migration */
	text = pairs_get(pairs, key->name);
	if (!text)
		text = pairs_get(pairs, key->image_name);
	if (!text)
		return -1;
	value = strtoll(text, &end, 10);
	return end == text || *end || value < 0 ? -2 : value;
}

static bool timeout_valid(long long value)
{
	return value == 0 || (value >= TIMEOUT_LEAST_S && value <= TIMEOUT_MOST_S);
}

/* The smallest non-zero of flavor, image and instance; 0 when all that are set say 0; -1: none is set. */
static long long metadata_timeout_s(const struct flavor *flavor, const struct vm *vm)
{
	const struct pairs *places[] = { &flavor->extra_specs, &vm->image, &vm->metadata };
	long long smallest = -1;

	for (int i = 0; i < 3; i++) {
		long long value = key_value(places[i], &TIMEOUT);

		if (value < 0 || !timeout_valid(value))
			continue;
		if (smallest <= 0 || (value > 0 && value < smallest))
			smallest = value > 0 || smallest < 0 ? value : smallest;
	}
	return smallest;
}

/* Flavor, else instance, else image; below 100 ms: the default. -1: none is set. */
static long long metadata_downtime_ms(const struct flavor *flavor, const struct vm *vm)
{
	const struct pairs *places[] = { &flavor->extra_specs, &vm->metadata, &vm->image };

	for (int i = 0; i < 3; i++) {
		long long value = key_value(places[i], &DOWNTIME);

		if (value == -1)
			continue;
		return value < DOWNTIME_LEAST_MS ? DOWNTIME_DEFAULT_MS : value;
	}
	return -1;
}

static double at_least_2(double gib)
{
	return gib > 2 ? gib : 2;
}

/* nova counts GiB of RAM and of each disk that is copied, 2 at the least each (_live_migration_data_gb). */
static double data_gib(const struct vm *vm, const struct flavor *flavor, bool block_copied)
{
	double gib = at_least_2((double)flavor->memory_mib / 1024);

	if (block_copied && vm->boot == BOOT_IMAGE)
		gib += at_least_2((double)flavor->disk_gib);
	if (block_copied && flavor->ephemeral_gib > 0)
		gib += at_least_2((double)flavor->ephemeral_gib);
	if (block_copied && flavor->swap_mib > 0)
		gib += at_least_2((double)flavor->swap_mib / 1024);
	return gib;
}

static double profile_timeout_s(enum profile profile, double gib)
{
	switch (profile) {
	case PROFILE_TITANIUM:
		return 800;
	case PROFILE_NOVA:
		return floor(800 * gib);
	default:
		return 180;
	}
}

/* Base, offset and delay of the downtime steps. starlingx computes with integers: 350 tops out at 345. */
static void steps_derive(struct timing *timing, enum profile profile, double gib)
{
	double steps = (double)timing->steps;

	if (timing->steps == 0)
		return;
	timing->base_ms = timing->max_downtime_ms / steps;
	if (profile == PROFILE_STARLINGX) {
		timing->base_ms = floor(timing->base_ms);
		timing->offset_ms = floor((timing->max_downtime_ms - timing->base_ms) / steps);
	} else {
		timing->offset_ms = (timing->max_downtime_ms - timing->base_ms) / steps;
	}
	switch (profile) {
	case PROFILE_TITANIUM:
		timing->step_delay_s = 75;
		break;
	case PROFILE_NOVA:
		timing->step_delay_s = floor(75 * gib);
		break;
	default:
		/* Without a time limit there is nothing to divide: the default limit's pace. */
		timing->step_delay_s =
			floor((isfinite(timing->timeout_s) ? timing->timeout_s : 180) * 2 / 3 / steps);
	}
}

struct timing timing_of(const struct state *state, uint32_t vm, bool block_copied)
{
	const struct cluster *cluster = state->cluster;
	const struct vm *of = &cluster->vms[vm];
	const struct flavor *flavor = state_flavor(state, vm);
	double gib = data_gib(of, flavor, block_copied);
	struct migration_settings settings = {
		.hypervisor = "qemu-7.2",
		.bandwidth_mib_s = 0,
		.max_downtime_ms = DOWNTIME_DEFAULT_MS,
		.timeout_s = profile_timeout_s(state->profile, gib),
		.setup_ms = NAN,
		.switchover_ms = NAN,
		.wire_efficiency = NAN,
		.parallel_per_host = PARALLEL_PER_HOST_DEFAULT,
		.downtime_steps = 10,
		.auto_converge = state->profile == PROFILE_STARLINGX,
		.post_copy = false,
	};
	long long timeout_s = metadata_timeout_s(flavor, of), downtime_ms = metadata_downtime_ms(flavor, of);
	struct timing timing;

	migration_overlay(&settings, &cluster->migration);
	if (of->migration)
		migration_overlay(&settings, of->migration);
	if (timeout_s >= 0)
		settings.timeout_s = (double)timeout_s;
	if (downtime_ms >= 0)
		settings.max_downtime_ms = (double)downtime_ms;
	timing = (struct timing){
		.hypervisor = settings.hypervisor,
		.bandwidth_bytes_s = settings.bandwidth_mib_s > 0 ? settings.bandwidth_mib_s * 1048576
		                                                  : INFINITY,
		.timeout_s = settings.timeout_s > 0 ? settings.timeout_s : INFINITY,
		.no_progress_s = state->profile == PROFILE_TITANIUM ? 150 : INFINITY,
		.max_downtime_ms = settings.max_downtime_ms,
		.steps = settings.downtime_steps,
		.setup_ms = settings.setup_ms,
		.switchover_ms = settings.switchover_ms,
		.wire_efficiency = settings.wire_efficiency,
		.parallel_per_host = settings.parallel_per_host,
		.auto_converge = settings.auto_converge > 0,
		.post_copy = settings.post_copy > 0,
	};
	steps_derive(&timing, state->profile, gib);
	return timing;
}

int64_t timing_parallel_per_host(const struct state *state, uint32_t vm)
{
	const struct cluster *cluster = state->cluster;
	const struct migration_settings *own = cluster->vms[vm].migration;

	if (own && own->parallel_per_host >= 0)
		return own->parallel_per_host;
	return cluster->migration.parallel_per_host >= 0 ? cluster->migration.parallel_per_host
	                                                 : PARALLEL_PER_HOST_DEFAULT;
}

/* The step in force at the last look. Step i holds when the look's time is strictly more than i * delay. */
static double step_at(const struct timing *timing, double elapsed_s)
{
	double look = floor(elapsed_s / look_s) * look_s, step;

	if (timing->step_delay_s <= 0)
		return (double)timing->steps;
	step = ceil(look / timing->step_delay_s) - 1;
	step = step < 0 ? 0 : step;
	return step < (double)timing->steps ? step : (double)timing->steps;
}

double timing_limit_ms(const struct timing *timing, double elapsed_s)
{
	if (timing->steps == 0)
		return timing->max_downtime_ms;
	return timing->base_ms + step_at(timing, elapsed_s) * timing->offset_ms;
}

double timing_next_step_s(const struct timing *timing, double elapsed_s)
{
	double step, next;

	if (timing->steps == 0)
		return INFINITY;
	step = step_at(timing, elapsed_s);
	if (step >= (double)timing->steps)
		return INFINITY;
	/* The first look that comes strictly after (step + 1) * delay. */
	next = (floor((step + 1) * timing->step_delay_s / look_s) + 1) * look_s;
	return next;
}

const char *timing_ignored(const struct cluster *cluster, uint32_t vm, char *buffer, size_t room)
{
	const struct vm *of = &cluster->vms[vm];
	const struct pairs *places[] = { &cluster->flavors[of->flavor].extra_specs, &of->image,
		                         &of->metadata };

	for (int i = 0; i < 3; i++) {
		long long timeout_s = key_value(places[i], &TIMEOUT);
		long long downtime_ms = key_value(places[i], &DOWNTIME);

		if (timeout_s != -1 && (timeout_s < 0 || !timeout_valid(timeout_s))) {
			snprintf(buffer, room, "VM %s: %s is ignored, expected 0 or %d to %d s", of->name,
			         TIMEOUT.name, TIMEOUT_LEAST_S, TIMEOUT_MOST_S);
			return buffer;
		}
		if (downtime_ms != -1 && downtime_ms < DOWNTIME_LEAST_MS) {
			snprintf(buffer, room, "VM %s: %s is below %d ms, the default of %d ms holds",
			         of->name, DOWNTIME.name, DOWNTIME_LEAST_MS, DOWNTIME_DEFAULT_MS);
			return buffer;
		}
	}
	return NULL;
}

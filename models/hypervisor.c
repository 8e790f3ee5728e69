/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/hypervisor.h"

#include "models/fitted.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
/*
 * Where the numbers come from (QEMU's sources, migration/; the lab's traces of QEMU 7.2):
 *
 * page_header_bytes, zero_page_bytes  a page begins with 8 bytes of address and flags, a zero page adds one
 *                                     (ram.c); measured: memory processed = 4104 normal + 9 constant pages
 * window_s                            100 ms for rate limit and bandwidth estimate (BUFFER_DELAY)
 * iterate_s                           ram_save_iterate() gives up its turn after 50 ms (ram.c, MAX_WAIT)
 * iterate_bytes                       it looks at the clock each 64 pages; twice that as sockets let them go
 * throttle_…                          defaults of cpu-throttle-initial, -increment, max-cpu-throttle and
 *                                     throttle-trigger-threshold (options.c); decisions 1 s apart (ram.c)
 * throttle_loss                       what sequential guests wrote in a round at throttles of 40 to 70 %
 * background_sync_s                   5 s, since 9.2 (cpu-throttle.c)
 * clear_chunk_bytes                   x-clear-bitmap-shift 18: 2^18 pages of 4 KiB (options.c)
 * top_share, top_pages                what is left behind the bulk of zero pages
 * zero_page_s                         the time of capped migrations against their number of zero pages
 * kernel_s                            idle guests: pages dirty after 0.1 s and after seconds
 * setup_crowd                         set-up beside others took 0.95 s on average, alone 0.64 s
 * socket_s, window_spread             first windows, last bytes, bandwidths measured on links of known speed
 * FITTED_CONSTANTS                    by `calibrate` from tests/data/lab-migrations.csv (`make model`), and
 *                                     taken over for other versions: there are no measurements of them
 *
 * 8.x to 10.x ask for the estimate and the exact size of what is pending apart, by the same rule;
 * avail-switchover-bandwidth, switchover-ack and dirty-limit are off unless asked for. So the rows differ in
 * the background sync only.
 */
/* clang-format on */

/* What was fitted, the same for all versions, and what their code and their guests have in common. */
#define COMMON                                                                                            \
	FITTED_CONSTANTS, .top_share = 0.026, .top_pages = 600, .kernel_s = 0.15, .page_header_bytes = 8, \
			  .zero_page_bytes = 9, .zero_page_s = 0.28e-6, .window_s = 0.1,                  \
			  .iterate_s = 0.0515, .iterate_bytes = 524288, .throttle_initial = 0.20,         \
			  .throttle_increment = 0.10, .throttle_max = 0.99, .throttle_trigger = 0.50,     \
			  .throttle_period_s = 1, .throttle_loss = 0.06, .clear_chunk_bytes = 1073741824.0

static const struct hypervisors SHIPPED = { {
	{ .name = "qemu-7.2", COMMON, .background_sync_s = 0 },
	{ .name = "qemu-8.2", COMMON, .background_sync_s = 0 },
	{ .name = "qemu-9.2", COMMON, .background_sync_s = 5 },
	{ .name = "qemu-10.0", COMMON, .background_sync_s = 5 },
} };

#define CONSTANT(name_, unit_, member_, scale_, low_, high_)                                  \
	{                                                                                     \
		.name = name_, .unit = unit_, .offset = offsetof(struct hypervisor, member_), \
		.scale = scale_, .low = low_, .high = high_                                   \
	}
#define SPREAD(name_, member_)                                                                         \
	{                                                                                              \
		.name = name_, .unit = "", .offset = offsetof(struct hypervisor, member_), .scale = 1, \
		.low = 0, .high = 3, .spread = true                                                    \
	}

const struct hypervisor_constant hypervisor_constants[] = {
	CONSTANT("setup_ms", "ms", setup_ms, 1, 0, 1e6),
	CONSTANT("setup_crowd", "", setup_crowd, 1, 0, 100),
	CONSTANT("switchover_ms", "ms", switchover_ms, 1, 0, 1e6),
	CONSTANT("stop_ms", "ms", stop_ms, 1, 0, 1e6),
	CONSTANT("wire_efficiency", "", wire_efficiency, 1, 1e-3, 1),
	CONSTANT("sender_mib_s", "MiB/s", sender_bytes_s, 1048576, 1, 1e9),
	CONSTANT("socket_mib", "MiB", socket_bytes, 1048576, 0, 1e6),
	CONSTANT("socket_ms", "ms", socket_s, 1e-3, 0, 1e4),
	CONSTANT("window_more_ms", "ms", window_more_s, 1e-3, 0, 1e3),
	CONSTANT("firmware_pages", "pages", firmware_pages, 1, 0, 1e9),
	CONSTANT("kernel_pages", "pages", kernel_pages, 1, 0, 1e9),
	SPREAD("setup_spread", setup_spread),
	SPREAD("rate_spread", rate_spread),
	SPREAD("used_spread", used_spread),
	SPREAD("dirty_spread", dirty_spread),
	SPREAD("stop_spread", stop_spread),
	SPREAD("share_spread", share_spread),
	SPREAD("window_spread", window_spread),
	{ .name = NULL },
};

/* "qemu-7.2" as 7 * 1000 + 2; -1: not such a name. */
static long version_of(const char *name)
{
	char *end;
	long major, minor;

	if (name == NULL || strncmp(name, "qemu-", 5) != 0)
		return -1;
	major = strtol(name + 5, &end, 10);
	if (end == name + 5 || *end != '.' || major < 0 || major > 999)
		return -1;
	name = end + 1;
	minor = strtol(name, &end, 10);
	if (end == name || *end || minor < 0 || minor > 999)
		return -1;
	return major * 1000 + minor;
}

const struct hypervisor *hypervisors_find(const struct hypervisors *hypervisors, const char *name)
{
	const struct hypervisor *best = NULL;
	long version;

	/* Nearly always it is one of them; asked for with each migration. */
	for (size_t i = 0; i < HYPERVISORS && name != NULL; i++)
		if (strcmp(hypervisors->rows[i].name, name) == 0)
			return &hypervisors->rows[i];
	version = version_of(name);
	if (version < 0)
		return NULL;
	/* The rows are oldest first; a version before the first row goes by the first. */
	for (size_t i = 0; i < HYPERVISORS; i++) {
		const struct hypervisor *row = &hypervisors->rows[i];

		if (best == NULL || version_of(row->name) <= version)
			best = row;
	}
	return best;
}

const struct hypervisor *hypervisor_find(const char *name)
{
	return hypervisors_find(&SHIPPED, name);
}

const struct hypervisors *hypervisors_shipped(void)
{
	return &SHIPPED;
}

const struct hypervisor *hypervisors_for(const struct hypervisors *hypervisors, const char *name)
{
	const struct hypervisors *all = hypervisors ? hypervisors : &SHIPPED;
	const struct hypervisor *found = hypervisors_find(all, name);

	return found ? found : &all->rows[0];
}

struct hypervisor *hypervisors_named(struct hypervisors *hypervisors, const char *name)
{
	for (size_t i = 0; i < HYPERVISORS; i++)
		if (strcmp(hypervisors->rows[i].name, name) == 0)
			return &hypervisors->rows[i];
	return NULL;
}

const struct hypervisor_constant *hypervisor_constant_find(const char *name)
{
	for (const struct hypervisor_constant *constant = hypervisor_constants; constant->name; constant++)
		if (strcmp(constant->name, name) == 0)
			return constant;
	return NULL;
}

double hypervisor_constant_get(const struct hypervisor *hypervisor,
                               const struct hypervisor_constant *constant)
{
	return *(const double *)(const void *)((const char *)hypervisor + constant->offset) / constant->scale;
}

void hypervisor_constant_set(struct hypervisor *hypervisor, const struct hypervisor_constant *constant,
                             double value)
{
	*(double *)(void *)((char *)hypervisor + constant->offset) = value * constant->scale;
}

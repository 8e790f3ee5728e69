/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/hypervisor.h"

#include <stdlib.h>
#include <string.h>

/*
 * Where the numbers come from (QEMU's sources, migration/):
 * page_header_bytes, zero_page_bytes  a page begins with 8 bytes of address and flags, a zero page adds one
 *                                     (ram.c); measured: memory processed = 4104 normal + 9 constant pages
 * window_s                            100 ms for rate limit and bandwidth estimate (BUFFER_DELAY)
 * iterate_s                           ram_save_iterate() gives up its turn after 50 ms (ram.c, MAX_WAIT)
 * throttle_…                          defaults of cpu-throttle-initial, -increment, max-cpu-throttle and
 *                                     throttle-trigger-threshold (options.c); decisions 1 s apart (ram.c)
 * background_sync_s                   5 s, since 9.2 (cpu-throttle.c)
 * clear_chunk_bytes                   x-clear-bitmap-shift 18: 2^18 pages of 4 KiB (options.c)
 * setup_ms, stop_ms                   fitted to tests/data/qemu-7.2-migrations.csv (libvirt 9.0; errors: see
 *                                     tests/unit/test_accuracy.c), and taken over for the other versions:
 *                                     there are no measurements of them
 * wire_efficiency                     TCP over IPv4 with time stamps on Ethernet: 1448 of 1538 bytes a frame
 *
 * 8.x to 10.x ask for the estimate and the exact size of what is pending apart, by the same rule;
 * avail-switchover-bandwidth, switchover-ack and dirty-limit are off unless asked for. So the rows differ in
 * the background sync only.
 */
#define COMMON                                                                                               \
	.setup_ms = 880, .switchover_ms = 0, .wire_efficiency = 0.94, .stop_ms = 35, .page_header_bytes = 8, \
	.zero_page_bytes = 9, .window_s = 0.1, .iterate_s = 0.05, .throttle_initial = 0.20,                  \
	.throttle_increment = 0.10, .throttle_max = 0.99, .throttle_trigger = 0.50, .throttle_period_s = 1,  \
	.clear_chunk_bytes = 1073741824.0

static const struct hypervisor TABLE[] = {
	{ .name = "qemu-7.2", COMMON, .background_sync_s = 0 },
	{ .name = "qemu-8.2", COMMON, .background_sync_s = 0 },
	{ .name = "qemu-9.2", COMMON, .background_sync_s = 5 },
	{ .name = "qemu-10.0", COMMON, .background_sync_s = 5 },
};

_Static_assert(sizeof(TABLE) / sizeof(TABLE[0]) == 4, "a new row: say in the comment what differs");

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

const struct hypervisor *hypervisor_find(const char *name)
{
	const struct hypervisor *best = NULL;
	long version = version_of(name);

	if (version < 0)
		return NULL;
	/* The rows are oldest first; a version before the first row goes by the first. */
	for (size_t i = 0; i < sizeof(TABLE) / sizeof(TABLE[0]); i++) {
		if (best == NULL || version_of(TABLE[i].name) <= version)
			best = &TABLE[i];
	}
	return best;
}

const struct hypervisor *hypervisor_all(size_t *ret_count)
{
	*ret_count = sizeof(TABLE) / sizeof(TABLE[0]);
	return TABLE;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backbone: the load that bench_backbone.c and simgrid_migrations.c both simulate: a VM from each source host
 * to a target host of its own, all at once, over one link between two racks. */
#ifndef TESTS_BENCH_BACKBONE_H
#define TESTS_BENCH_BACKBONE_H

/* The link between the racks, and each host's own; what a migration may use at the most; the longest that its
 * guest may stand still (SimGrid's plugin has this one fixed). */
enum {
	BACKBONE_MBIT_S = 40000,
	BACKBONE_NIC_MBIT_S = 10000,
	BACKBONE_CAP_MIB_S = 100,
	BACKBONE_DOWNTIME_MS = 30
};

/* Of the VM with that number: its memory, all of it in use, and the part that its guest writes to, evenly …
 */
static inline unsigned backbone_memory_mib(unsigned vm)
{
	return 1024 + vm * 7919 % 3000;
}

static inline unsigned backbone_written_mib(unsigned vm)
{
	return 64 + vm % 500;
}

/* … so many 4 KiB pages a second. */
static inline unsigned backbone_pages_s(unsigned vm)
{
	return 10 + vm % 300;
}

#endif

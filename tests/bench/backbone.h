/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backbone: the load that bench_backbone.c and simgrid_migrations.c both simulate. */
/*
 * A VM from each host of one rack to a host of its own in another, all at once, over one link between the
 * racks. The guests write as those of SimGrid's plugin do, evenly over 90 % of their memory.
 */
#ifndef TESTS_BENCH_BACKBONE_H
#define TESTS_BENCH_BACKBONE_H

enum {
	BACKBONE_MBIT_S = 40000,
	BACKBONE_NIC_MBIT_S = 10000,
	BACKBONE_CAP_MIB_S = 100, /* the most that a migration may use */
	BACKBONE_DOWNTIME_MS =
		30, /* the longest that its guest may stand still: SimGrid's plugin has it fixed */
	BACKBONE_DIRTY_PAGES_S = 256, /* of 4 KiB: 1 MiB/s */
	BACKBONE_MEMORY_LEAST_MIB = 1024,
	BACKBONE_MEMORY_SIZES = 3000
};

/* The memory of the VM with that number, all of it in use. */
static inline unsigned backbone_memory_mib(unsigned vm)
{
	return BACKBONE_MEMORY_LEAST_MIB + vm * 7919u % BACKBONE_MEMORY_SIZES;
}

/* The part of it that its guest writes to. */
static inline unsigned backbone_written_mib(unsigned vm)
{
	return backbone_memory_mib(vm) * 9 / 10;
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hypervisor: the constants and rules of one QEMU version's migration, a table row each. */
#ifndef MODELS_HYPERVISOR_H
#define MODELS_HYPERVISOR_H

#include <stddef.h>

struct hypervisor {
	const char *name;         /* `migration.hypervisor` of a cluster file, e.g. qemu-7.2 */
	double setup_ms;          /* measured default of `migration.setup_ms` */
	double switchover_ms;     /* measured default of `migration.switchover_ms` */
	double wire_efficiency;   /* (0, 1]: payload share of a link's speed, default of that member */
	double stop_ms;           /* stopping the vCPUs, last sync, device state, start on the target */
	double page_header_bytes; /* before each normal page */
	double zero_page_bytes;   /* a zero page on the wire */
	double window_s;          /* rate limit and bandwidth estimate */
	double iterate_s;         /* without a binding limit, what is pending is looked at this often */
	double throttle_initial, throttle_increment, throttle_max, throttle_trigger; /* shares, 0 … 1 */
	double throttle_period_s; /* at most one decision per period */
	double background_sync_s; /* with auto-converge: a sync when none came for this long; 0 = never */
	double clear_chunk_bytes; /* the dirty log is cleared in pieces of this size */
};

/*
 * The row that holds for qemu-MAJOR.MINOR: that version's, else the newest before it, else the first. NULL:
 * not such a name.
 */
const struct hypervisor *hypervisor_find(const char *name);

/* All rows, for messages; *ret_count of them. The first is the default. */
const struct hypervisor *hypervisor_all(size_t *ret_count);

#endif

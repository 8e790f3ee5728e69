/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hypervisor: the constants and rules of one QEMU version's migration, a table row each. */
#ifndef MODELS_HYPERVISOR_H
#define MODELS_HYPERVISOR_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Spreads are standard deviations of one migration against the next in the same place: of logarithms (a share
 * of the value) but where a unit is named.
 */
struct hypervisor {
	const char *name;       /* `migration.hypervisor` of a cluster file, e.g. qemu-7.2 */
	double setup_ms;        /* measured default of `migration.setup_ms` */
	double setup_crowd;     /* it takes so much longer (a share) beside another one on the target */
	double switchover_ms;   /* measured default of `migration.switchover_ms` */
	double wire_efficiency; /* (0, 1]: payload share of a link's speed, default of that member */
	double stop_ms;         /* stopping the vCPUs, last sync, device state, start on the target */
	double sender_bytes_s;  /* what the one migration thread can send when nothing else limits it */
	double socket_bytes;    /* what the sockets take in before the sender waits for the link, and … */
	double socket_s;        /* … beside, so many seconds of the link's rate */
	double window_more_s;   /* the wait for a window's end takes so much longer than it should */
	double top_share;    /* of the guest's memory: used pages at its top, behind those never used, … */
	double top_pages;    /* … and so many beside */
	double kernel_pages; /* the guest's own kernel writes to so many pages beside what its law says, … */
	double kernel_s;     /* … to nearly two thirds of them within this time */
	double firmware_pages;    /* memory beside the guest's own that migrates too: firmware, tables */
	double page_header_bytes; /* before each normal page */
	double zero_page_bytes;   /* a zero page on the wire, and … */
	double zero_page_s;       /* … the time to find that it is one */
	double window_s;          /* rate limit and bandwidth estimate */
	double iterate_s;         /* without a binding limit, what is pending is looked at this often, … */
	double iterate_bytes; /* … and only after a multiple of so many bytes, as they leave the sockets */
	double throttle_initial, throttle_increment, throttle_max, throttle_trigger; /* shares, 0 … 1 */
	double throttle_period_s; /* at most one decision per period */
	double throttle_loss; /* a throttled guest loses so much more (a share) of the time that it is let run
	                       */
	double background_sync_s; /* with auto-converge: a sync when none came for this long; 0 = never */
	double clear_chunk_bytes; /* the dirty log is cleared in pieces of this size; 0 = all at once */
	double setup_spread, rate_spread, used_spread, dirty_spread, stop_spread;
	double share_spread;  /* of the rate that a flow gets beside others on a link */
	double window_spread; /* of the bandwidth that is measured in a window, the link being the limit */
};

enum { HYPERVISORS = 4 };

/* A row per version, oldest first. */
struct hypervisors {
	struct hypervisor rows[HYPERVISORS];
};

/* Those that ship with the program. The first row is the default. */
const struct hypervisors *hypervisors_shipped(void);

/*
 * The row that holds for qemu-MAJOR.MINOR: that version's, else the newest before it, else the first. NULL:
 * not such a name.
 */
const struct hypervisor *hypervisors_find(const struct hypervisors *hypervisors, const char *name);

/* Such a row that stands for every name: the first when the name is none. NULL: those that ship. */
const struct hypervisor *hypervisors_for(const struct hypervisors *hypervisors, const char *name);

/* The row of just that name, to be changed; NULL: there is none. */
struct hypervisor *hypervisors_named(struct hypervisors *hypervisors, const char *name);

/* The same of those that ship. */
const struct hypervisor *hypervisor_find(const char *name);

/*
 * The constants that a model file holds (docs/formats.md), by name: where they are in a row, and their range.
 * The last one has no name.
 */
struct hypervisor_constant {
	const char *name, *unit;
	size_t offset; /* of a double in struct hypervisor, in the struct's unit … */
	double scale;  /* … which is so many of the file's */
	double low, high;
	bool spread;
};

extern const struct hypervisor_constant hypervisor_constants[];

/* The constant of that name; NULL: there is none. */
const struct hypervisor_constant *hypervisor_constant_find(const char *name);

/* Its value in a row, in a model file's units. */
double hypervisor_constant_get(const struct hypervisor *hypervisor,
                               const struct hypervisor_constant *constant);
void hypervisor_constant_set(struct hypervisor *hypervisor, const struct hypervisor_constant *constant,
                             double value);

#endif

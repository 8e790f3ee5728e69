/* SPDX-License-Identifier: GPL-3.0-or-later */
/* timing: how long a live migration may take and how far its downtime limit goes, by profile and metadata. */
#ifndef CORE_TIMING_H
#define CORE_TIMING_H

#include "core/state.h"

struct timing {
	const char *hypervisor;   /* never NULL: the default is qemu-7.2 */
	double bandwidth_bytes_s; /* the cap while copying; INFINITY: none */
	double timeout_s;         /* from the start, set-up included; INFINITY: none */
	double no_progress_s;     /* abort after so long without a new low of what remains; INFINITY: never */
	double max_downtime_ms;   /* D */
	double base_ms, offset_ms; /* the limit of step i is base + i * offset */
	double step_delay_s;       /* step i holds once elapsed > i * delay, looked at every half second */
	int64_t steps;             /* 0: the whole limit from the start */
	double setup_ms, switchover_ms, wire_efficiency; /* NAN: the hypervisor's own */
	int64_t parallel_per_host;                       /* 0: no limit */
	bool auto_converge, post_copy;
};

/*
 * What holds for a live migration of the VM: metadata keys before the VM's `migration`, before the cluster's,
 * before the profile's (docs/rules.md, Timing). block_copied: its local disks are copied along (counts for
 * nova).
 */
struct timing timing_of(const struct state *state, uint32_t vm, bool block_copied);

/* Of that, only how many live migrations may leave a host at a time; 0: no limit. */
int64_t timing_parallel_per_host(const struct state *state, uint32_t vm);

/* The downtime limit in force so long after the start, in ms. */
double timing_limit_ms(const struct timing *timing, double elapsed_s);

/* When the limit changes next after elapsed_s, in seconds from the start; INFINITY: never again. */
double timing_next_step_s(const struct timing *timing, double elapsed_s);

/*
 * Keys that will be ignored because they are outside the platform's ranges (100 ms at least; 0 or 120-800 s),
 * as text for a warning; NULL: none. buffer: where the text goes.
 */
const char *timing_ignored(const struct cluster *cluster, uint32_t vm, char *buffer, size_t room);

#endif

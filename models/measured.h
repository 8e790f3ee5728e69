/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measured: one live migration as it was measured, what it was given and what came of it. */
#ifndef MODELS_MEASURED_H
#define MODELS_MEASURED_H

#include "models/dirty.h"

#include <stdbool.h>

enum { MEASURED_POINTS = 3 };

/*
 * Times in seconds, sizes in bytes, pages of 4 KiB. NAN: not measured. Texts are owned by whoever made the
 * row, never NULL, "" when the file says nothing.
 */
struct measured {
	const char *cell;       /* rows of one cell are repeats of one another */
	const char *batch;      /* rows of one batch ran at the same time over the same link; "" = alone */
	const char *kind;       /* of the grid: cap, link, converge, postcopy, large, together */
	const char *hypervisor; /* qemu-7.2 */
	const char *machine;    /* where it was measured: set-up and stop take each its own time */
	bool held_out;          /* not to be used for fitting: a model is scored on it */
	uint32_t line;          /* of the file */

	/* what it was given */
	struct dirty dirty;       /* the guest's law; limit_pages is used_pages; no points */
	double memory_pages;      /* > 0 */
	double used_pages;        /* of these, not zero pages */
	double bandwidth_bytes_s; /* the cap; INFINITY: none */
	double link_bytes_s;      /* the link's speed on the wire; INFINITY: none was set */
	double downtime_limit_s;
	double timeout_s; /* given up after so long; INFINITY: never */
	double start_s;   /* after the first of its batch */
	bool auto_converge, post_copy;
	/* unique pages dirtied, as a dirty-rate calculation from outside found beforehand; intervals 0: none
	 */
	struct dirty_point outside[MEASURED_POINTS];

	/* what came of it */
	bool completed;      /* else it was given up at timeout_s, and the numbers are those of that moment */
	double elapsed_s;    /* libvirt's time elapsed, set-up included */
	double bytes;        /* libvirt's memory processed */
	double iterations;   /* dirty-sync count */
	double normal_pages; /* sent whole */
	double constant_pages;
	double downtime_s;          /* by libvirt */
	double expected_downtime_s; /* what QEMU last expected while it ran */
	double gap_s;      /* the longest time without a sign of life of the guest, seen from outside */
	double throttle;   /* the highest share that auto-converge reached, 0 … 1 */
	double postcopy_s; /* when it switched to post-copy */
};

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* growth: how many more VMs come month by month, and when they no longer fit. */
#ifndef PLANNER_GROWTH_H
#define PLANNER_GROWTH_H

#include <stdbool.h>
#include <stdint.h>

/* So many a month: units (planner/whatif.h), or percent of the VMs that are there at a month's beginning. */
struct growth {
	double rate; /* > 0 */
	bool percent;
};

/* The furthest month that is looked at: a hundred years. */
enum { GROWTH_MONTHS_MOST = 1200 };

/* A growth as people write it, "5/month" or "3%/month". false: it is none; rate in (0, 1e6]. */
bool growth_read(const char *text, struct growth *ret_growth);

/*
 * How many units must have come by the end of a month, 1, 2, …; what is begun counts as one. By percent:
 * present × ((1 + rate / 100)^month - 1) VMs. UINT32_MAX at the most.
 */
uint32_t growth_needed(const struct growth *growth, uint32_t present_vms, uint32_t unit_vms, uint32_t month);

/* The first month by whose end more than so many units must have come; 0: none up to `months`. */
uint32_t growth_full(const struct growth *growth, uint32_t present_vms, uint32_t unit_vms, uint32_t units,
                     uint32_t months);

#endif

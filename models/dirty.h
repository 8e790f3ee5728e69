/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dirty: D(t), the unique memory that a guest dirties in an interval, by law. */
#ifndef MODELS_DIRTY_H
#define MODELS_DIRTY_H

#include <stdint.h>

/* The laws of a cluster file's `dirty.model` (docs/formats.md). */
enum dirty_law {
	DIRTY_IDLE,
	DIRTY_UNIFORM,
	DIRTY_HOTCOLD,
	DIRTY_ZIPF,
	DIRTY_SEQUENTIAL,
	DIRTY_MEASURED,
	DIRTY_LAW_COUNT
};

/* Their names, as in a cluster file. */
extern const char *const dirty_law_names[DIRTY_LAW_COUNT];

/* One measured point: unique pages (4 KiB) dirtied in an interval of that many seconds. */
struct dirty_point {
	double interval_s, unique_pages;
};

/* How one guest dirties its memory. Pages are 4 KiB. Plain data: many guests may share the points. */
struct dirty {
	enum dirty_law law;
	uint32_t point_count;             /* DIRTY_MEASURED: > 0 */
	const struct dirty_point *points; /* rising intervals, pages never falling; (0, 0) is implied */
	double working_set_pages;
	double rate_pages_s;       /* writes a second while the duty is on */
	double hot_fraction;       /* [0, 1]: the hot part's share of the working set */
	double hot_probability;    /* [0, 1]: that a write goes to the hot part */
	double exponent;           /* DIRTY_ZIPF: > 0 */
	double background_pages_s; /* writes a second to as many pages of their own, duty or not */
	double duty_period_s;      /* 0: always on */
	double duty_on_fraction;   /* (0, 1] */
	double limit_pages;        /* D never exceeds it: the guest's used memory */
};

/*
 * Unique pages dirtied on the guest's own clock (seconds that its vCPUs ran) in [from_s, to_s), 0 <= from_s
 * <= to_s. phase_s in [0, duty_period_s): how far into its period the duty was at clock 0; it is on for the
 * first duty_on_fraction of each period. Result in [0, limit_pages], rising and continuous in to_s. Source
 * of the laws: expected distinct cells hit by Poisson writes, N(1 - e^(-rt/N)) and its sums. A measured
 * curve is a power law from point to point (dirty curves are straight lines on log-log paper over decades),
 * a straight line from (0, 0) to the first point, and goes on past the last one with the last two points'
 * slope.
 */
double dirty_unique_pages(const struct dirty *dirty, double phase_s, double from_s, double to_s);

/*
 * Of the guest's clock from 0 to clock_s >= 0, the seconds that its duty was on. Rising; clock_s without a
 * duty.
 */
double dirty_busy_s(const struct dirty *dirty, double phase_s, double clock_s);

/*
 * The same as dirty_unique_pages for an interval given by its length on the guest's clock and the part of
 * it that the duty was on: what precopy.c calls when it knows both. A measured law counts clock_s, all
 * others busy_s; the background always counts clock_s.
 */
double dirty_pages_in(const struct dirty *dirty, double busy_s, double clock_s);

/* The same, to the last bit, and in *ret_doubled that for twice busy_s and clock_s: cheaper than one by one.
 */
double dirty_pages_twice(const struct dirty *dirty, double busy_s, double clock_s, double *ret_doubled);

#endif

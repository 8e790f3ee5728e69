/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/dirty.h"

#include "core/must.h"
#include "models/bounds.h"
#include "models/zipf.h"

#include <math.h>
#include <stddef.h>

const char *const dirty_law_names[DIRTY_LAW_COUNT] = {
	[DIRTY_IDLE] = "idle", [DIRTY_UNIFORM] = "uniform",       [DIRTY_HOTCOLD] = "hotcold",
	[DIRTY_ZIPF] = "zipf", [DIRTY_SEQUENTIAL] = "sequential", [DIRTY_MEASURED] = "measured",
};

/* Larger numbers make no difference but infinities would: 0 times infinity is not a number. */
static const double HUGE_TIME = 1e15;
static const double HUGE_RATE = 1e15;

/* Expected distinct cells among `cells` after that many uniform Poisson writes. */
static double cells_hit(double cells, double writes)
{
	if (!(cells > 0.0))
		return 0.0;
	return -cells * expm1(-writes / cells);
}

/*
 * One write in every N seconds' worth comes round again only after all N pages: nothing is hit twice before.
 */
static double cells_swept(double cells, double writes)
{
	return writes < cells ? writes : at_least(cells, 0.0);
}

static double hotcold_pages(const struct dirty *dirty, double writes)
{
	double hot = dirty->working_set_pages * dirty->hot_fraction;
	double hot_writes = writes * dirty->hot_probability;

	return cells_hit(hot, hot_writes) + cells_hit(dirty->working_set_pages - hot, writes - hot_writes);
}

/* The first point whose interval is not below t; point_count when there is none. */
static uint32_t find_point(const struct dirty *dirty, double t)
{
	uint32_t low = 0, high = dirty->point_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (dirty->points[middle].interval_s < t)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A power law from point a to point b, a straight line when a or b has no pages. */
static double between_points(const struct dirty_point *a, const struct dirty_point *b, double t)
{
	double width = b->interval_s - a->interval_s;

	if (!(width > 0.0))
		return b->unique_pages;
	if (a->interval_s > 0.0 && a->unique_pages > 0.0) {
		double exponent = log(b->unique_pages / a->unique_pages) / log(b->interval_s / a->interval_s);

		return a->unique_pages * pow(t / a->interval_s, exponent);
	}
	return a->unique_pages + (b->unique_pages - a->unique_pages) * ((t - a->interval_s) / width);
}

static double measured_pages(const struct dirty *dirty, double t)
{
	static const struct dirty_point origin = { 0.0, 0.0 };
	uint32_t count = dirty->point_count, i;
	const struct dirty_point *last, *before;

	must(count > 0 && dirty->points != NULL);
	i = find_point(dirty, t);
	if (i < count)
		return between_points(i > 0 ? &dirty->points[i - 1] : &origin, &dirty->points[i], t);
	last = &dirty->points[count - 1];
	before = count > 1 ? last - 1 : &origin;
	if (!(last->interval_s > before->interval_s))
		return last->unique_pages;
	return last->unique_pages + (t - last->interval_s) * (last->unique_pages - before->unique_pages) /
	                                    (last->interval_s - before->interval_s);
}

static double law_pages(const struct dirty *dirty, double busy_s, double clock_s)
{
	double writes = at_most(dirty->rate_pages_s, HUGE_RATE) * busy_s;

	switch (dirty->law) {
	case DIRTY_IDLE:
		return 0.0;
	case DIRTY_UNIFORM:
		return cells_hit(dirty->working_set_pages, writes);
	case DIRTY_HOTCOLD:
		return hotcold_pages(dirty, writes);
	case DIRTY_ZIPF:
		if (!(dirty->working_set_pages > 0.0))
			return 0.0;
		return zipf_unique_pages(dirty->working_set_pages, dirty->exponent, writes);
	case DIRTY_SEQUENTIAL:
		return cells_swept(dirty->working_set_pages, writes);
	case DIRTY_MEASURED:
		return measured_pages(dirty, clock_s);
	case DIRTY_LAW_COUNT:
		break;
	}
	must(!"a dirty law of the enumeration");
	return 0.0;
}

/* With what is written beside the law, and within its bounds. */
static double with_background(const struct dirty *dirty, double law, double clock_s)
{
	if (dirty->background_pages_s > 0.0)
		law += cells_swept(dirty->background_pages_s, dirty->background_pages_s * clock_s);
	return at_least(at_most(law, dirty->limit_pages), 0.0);
}

double dirty_pages_in(const struct dirty *dirty, double busy_s, double clock_s)
{
	if (!(clock_s > 0.0))
		return 0.0;
	clock_s = at_most(clock_s, HUGE_TIME);
	busy_s = at_least(at_most(busy_s, clock_s), 0.0);
	return with_background(dirty, law_pages(dirty, busy_s, clock_s), clock_s);
}

double dirty_pages_twice(const struct dirty *dirty, double busy_s, double clock_s, double *ret_doubled)
{
	double cells = dirty->working_set_pages, each;

	if (dirty->law != DIRTY_UNIFORM || !(clock_s > 0.0 && clock_s < HUGE_TIME / 2) || !(cells > 0.0)) {
		*ret_doubled = dirty_pages_in(dirty, 2 * busy_s, 2 * clock_s);
		return dirty_pages_in(dirty, busy_s, clock_s);
	}
	/* As cells_hit: doubling is exact. */
	busy_s = at_least(at_most(busy_s, clock_s), 0.0);
	each = at_most(dirty->rate_pages_s, HUGE_RATE) * busy_s / cells;
	*ret_doubled = with_background(dirty, -cells * expm1(-2 * each), 2 * clock_s);
	return with_background(dirty, -cells * expm1(-each), clock_s);
}

double dirty_busy_s(const struct dirty *dirty, double phase_s, double clock_s)
{
	double period = dirty->duty_period_s, on, begun, at;

	if (!(period > 0.0) || !(dirty->duty_on_fraction < 1.0))
		return clock_s;
	on = period * fmax(0.0, dirty->duty_on_fraction);
	at = fmin(clock_s, HUGE_TIME) + phase_s;
	begun = floor(at / period);
	return fmax(0.0, begun * on + fmin(fmax(0.0, at - begun * period), on) - fmin(phase_s, on));
}

double dirty_unique_pages(const struct dirty *dirty, double phase_s, double from_s, double to_s)
{
	double busy_s;

	if (!(to_s > from_s))
		return 0.0;
	busy_s = dirty_busy_s(dirty, phase_s, to_s) - dirty_busy_s(dirty, phase_s, from_s);
	return dirty_pages_in(dirty, busy_s, to_s - from_s);
}

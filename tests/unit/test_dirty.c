/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/dirty.h"
#include "models/zipf.h"

#include <criterion/criterion.h>
#include <math.h>

static const double NONE = 1e12; /* a limit that does not bind */

static void assert_near(double actual, double expected, double share)
{
	cr_assert(fabs(actual - expected) <= share * fabs(expected) + 1e-9, "%.12g is not %.12g", actual,
	          expected);
}

static struct dirty make_dirty(enum dirty_law law, double pages, double rate)
{
	return (struct dirty){
		.law = law,
		.working_set_pages = pages,
		.rate_pages_s = rate,
		.hot_fraction = 0.1,
		.hot_probability = 0.9,
		.exponent = 1,
		.limit_pages = NONE,
	};
}

static double pages_in(const struct dirty *dirty, double seconds)
{
	return dirty_unique_pages(dirty, 0, 0, seconds);
}

Test(dirty, idle_writes_nothing_but_its_background)
{
	struct dirty dirty = make_dirty(DIRTY_IDLE, 1000, 1000);

	cr_assert_eq(pages_in(&dirty, 10), 0);
	dirty.background_pages_s = 40;
	assert_near(pages_in(&dirty, 0.5), 20, 1e-12);
	assert_near(pages_in(&dirty, 1), 40, 1e-12);
	assert_near(pages_in(&dirty, 100), 40, 1e-12);
}

Test(dirty, uniform_is_the_expected_number_of_cells_hit)
{
	struct dirty dirty = make_dirty(DIRTY_UNIFORM, 1000, 500);

	assert_near(pages_in(&dirty, 2), 1000 * (1 - exp(-1)), 1e-12);
	assert_near(pages_in(&dirty, 1e-6), 500e-6, 1e-6);
	assert_near(pages_in(&dirty, 1e6), 1000, 1e-12);
	dirty.working_set_pages = 0;
	cr_assert_eq(pages_in(&dirty, 1), 0);
}

Test(dirty, hotcold_misses_go_to_the_cold_part_only)
{
	struct dirty dirty = make_dirty(DIRTY_HOTCOLD, 1000, 500);
	double expected = 100 * (1 - exp(-900.0 / 100)) + 900 * (1 - exp(-100.0 / 900));

	assert_near(pages_in(&dirty, 2), expected, 1e-12);
	dirty.hot_probability = 1;
	assert_near(pages_in(&dirty, 1e6), 100, 1e-12);
	dirty.hot_probability = 0;
	assert_near(pages_in(&dirty, 1e6), 900, 1e-12);
	dirty.hot_fraction = 1; /* no cold part: its writes go nowhere */
	cr_assert_eq(pages_in(&dirty, 1), 0);
}

Test(dirty, sequential_comes_round_only_after_the_whole_working_set)
{
	struct dirty dirty = make_dirty(DIRTY_SEQUENTIAL, 1000, 500);

	assert_near(pages_in(&dirty, 1.5), 750, 1e-12);
	assert_near(pages_in(&dirty, 2), 1000, 1e-12);
	assert_near(pages_in(&dirty, 3), 1000, 1e-12);
}

/* The sum itself, which zipf_unique_pages must not need. */
static double sum_zipf(double pages, double exponent, double writes)
{
	double norm = 0, sum = 0;

	for (double i = 1; i <= pages; i++)
		norm += pow(i, -exponent);
	for (double i = 1; i <= pages; i++)
		sum -= expm1(-writes * pow(i, -exponent) / norm);
	return sum;
}

Test(dirty, zipf_agrees_with_the_sum)
{
	static const double PAGES[] = { 1, 2, 16, 17, 40, 1000, 30000 };
	static const double EXPONENT[] = { 0.1, 0.5, 0.8, 0.99999, 1, 1.2, 2, 5 };
	size_t exponents = sizeof(EXPONENT) / sizeof(EXPONENT[0]);

	for (size_t i = 0; i < sizeof(PAGES) / sizeof(PAGES[0]) * exponents; i++) {
		double pages = PAGES[i / exponents], exponent = EXPONENT[i % exponents];

		for (double writes = 0.01; writes < 1e9; writes *= 30)
			assert_near(zipf_unique_pages(pages, exponent, writes),
			            sum_zipf(pages, exponent, writes), 1e-5);
	}
	assert_near(zipf_unique_pages(3e6, 1.1, 1e6), sum_zipf(3e6, 1.1, 1e6), 1e-5);
}

Test(dirty, zipf_ends)
{
	struct dirty dirty = make_dirty(DIRTY_ZIPF, 1e6, 1e300);

	cr_assert_eq(zipf_unique_pages(1000, 1, 0), 0);
	assert_near(zipf_unique_pages(1000, 1, 1e300), 1000, 1e-9);
	assert_near(zipf_unique_pages(0.2, 1, 1e9), 1, 1e-9);
	cr_assert(isfinite(zipf_unique_pages(1e6, 1e-9, 1e5)));
	cr_assert(isfinite(zipf_unique_pages(1e6, 1e3, 1e5)));
	cr_assert(isfinite(pages_in(&dirty, 1e300)));
	dirty.working_set_pages = 0;
	cr_assert_eq(pages_in(&dirty, 1), 0);
}

/* A published curve: 32 GiB of memcached, in pages. */
static const struct dirty_point CURVE[] = {
	{ 0.125, 66 * 256 },
	{ 1, 472 * 256 },
	{ 10, 1750 * 256 },
	{ 60, 5780 * 256 },
};

Test(dirty, measured_meets_its_points_and_rises_between_them)
{
	struct dirty dirty = {
		.law = DIRTY_MEASURED, .points = CURVE, .point_count = 4, .limit_pages = NONE
	};
	double last = 0;

	for (size_t i = 0; i < 4; i++)
		assert_near(pages_in(&dirty, CURVE[i].interval_s), CURVE[i].unique_pages, 1e-12);
	assert_near(pages_in(&dirty, 0.0625), 33 * 256, 1e-12);
	for (double t = 0.01; t < 100; t *= 1.01) {
		cr_assert_geq(pages_in(&dirty, t), last);
		last = pages_in(&dirty, t);
	}
	assert_near(pages_in(&dirty, 70), (5780 + 10 * (5780 - 1750) / 50.0) * 256, 1e-12);
	dirty.limit_pages = 6000 * 256;
	cr_assert_eq(pages_in(&dirty, 1e9), 6000 * 256);
}

Test(dirty, measured_with_few_or_flat_points)
{
	static const struct dirty_point FLAT[] = { { 0, 0 }, { 1, 0 }, { 2, 100 }, { 3, 100 } };
	struct dirty dirty = { .law = DIRTY_MEASURED, .points = FLAT, .point_count = 4, .limit_pages = NONE };

	cr_assert_eq(pages_in(&dirty, 0.5), 0);
	assert_near(pages_in(&dirty, 1.5), 50, 1e-12);
	assert_near(pages_in(&dirty, 2.5), 100, 1e-12);
	assert_near(pages_in(&dirty, 1e6), 100, 1e-12);
	dirty.points = CURVE;
	dirty.point_count = 1;
	assert_near(pages_in(&dirty, 0.25), 132 * 256, 1e-12);
}

Test(dirty, duty_counts_the_seconds_that_are_on)
{
	struct dirty dirty = make_dirty(DIRTY_SEQUENTIAL, 1e9, 100);

	dirty.duty_period_s = 4;
	dirty.duty_on_fraction = 0.25;
	assert_near(dirty_unique_pages(&dirty, 0, 0, 1), 100, 1e-12);
	assert_near(dirty_unique_pages(&dirty, 0, 1, 4), 0, 1e-12);
	assert_near(dirty_unique_pages(&dirty, 0, 0, 40), 1000, 1e-12);
	assert_near(dirty_unique_pages(&dirty, 0.5, 0, 4), 100, 1e-12);
	assert_near(dirty_unique_pages(&dirty, 0.5, 0, 3), 50, 1e-12);
	assert_near(dirty_unique_pages(&dirty, 3.5, 0, 1), 50, 1e-12);
	assert_near(dirty_busy_s(&dirty, 2, 2.5), 0.5, 1e-12);
	dirty.duty_on_fraction = 1;
	assert_near(dirty_unique_pages(&dirty, 0, 0, 4), 400, 1e-12);
}

Test(dirty, duty_leaves_background_and_measured_alone)
{
	struct dirty dirty = {
		.law = DIRTY_MEASURED, .points = CURVE, .point_count = 4, .limit_pages = NONE
	};

	dirty.duty_period_s = 100;
	dirty.duty_on_fraction = 0.01;
	assert_near(dirty_unique_pages(&dirty, 50, 0, 1), 472 * 256, 1e-12);
	dirty.law = DIRTY_IDLE;
	dirty.background_pages_s = 40;
	assert_near(dirty_unique_pages(&dirty, 50, 0, 1), 40, 1e-12);
}

Test(dirty, never_more_than_the_limit_nor_in_no_time)
{
	struct dirty dirty = make_dirty(DIRTY_UNIFORM, 1000, 1e6);

	dirty.limit_pages = 300;
	cr_assert_eq(pages_in(&dirty, 1), 300);
	cr_assert_eq(dirty_unique_pages(&dirty, 0, 5, 5), 0);
	dirty.limit_pages = 0;
	cr_assert_eq(pages_in(&dirty, 1), 0);
	dirty = make_dirty(DIRTY_UNIFORM, 1000, INFINITY);
	assert_near(dirty_unique_pages(&dirty, 0, 0, INFINITY), 1000, 1e-12);
}

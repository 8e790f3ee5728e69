/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/interval.h"

#include "models/luck.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void is(struct interval got, double value, double low, double high, double error)
{
	cr_assert_float_eq(got.value, value, error, "%.12g", got.value);
	cr_assert_float_eq(got.low, low, error, "%.12g", got.low);
	cr_assert_float_eq(got.high, high, error, "%.12g", got.high);
}

/* 15 of 50 and 0 of 10, worked out by hand from Wilson's formula with z = 1.959964. */
Test(interval, shares)
{
	is(interval_share(15, 50, 0.95), 0.3, 0.191031, 0.437508, 1e-5);
	is(interval_share(0, 10, 0.95), 0, 0, 0.277533, 1e-5);
	is(interval_share(10, 10, 0.95), 1, 1 - 0.277533, 1, 1e-5);
}

/* Of ten values the 2nd and the 9th bound the median with 97.9 % (tables of the sign test). */
Test(interval, median_of_ten)
{
	static const double values[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

	is(interval_quantile(values, 10, 0.5, 0.95), 5.5, 2, 9, 0);
	is(interval_quantile(values, 10, 0.5, 0.975), 5.5, 2, 9, 0);
	is(interval_quantile(values, 10, 0.5, 0.98), 5.5, 1, 10, 0);
}

Test(interval, few_runs_say_nothing)
{
	static const double values[] = { 1, 2, INFINITY, INFINITY };
	struct interval got = interval_quantile(values, 4, 0.9, 0.95);

	cr_assert(isinf(got.value) && isinf(got.high));
	got = interval_quantile(values, 2, 0.5, 0.95);
	cr_assert_eq(got.low, -INFINITY);
	cr_assert_eq(got.high, INFINITY);
	cr_assert_eq(got.value, 1.5);
	cr_assert_eq(interval_mean(values, 1, 0.95).high, INFINITY);
}

/* 1, 2, 3, 4: sd 1.290994, t(3) at 97.5 % 3.182446. */
Test(interval, means)
{
	static const double values[] = { 1, 2, 3, 4 };

	is(interval_mean(values, 4, 0.95), 2.5, 2.5 - 2.054260, 2.5 + 2.054260, 1e-5);
	is(interval_batches(2.6, values, 4, 0.95), 2.6, 2.6 - 2.054260, 2.6 + 2.054260, 1e-5);
}

Test(interval, looseness)
{
	cr_assert_float_eq(interval_looseness(&(struct interval){ 10, 9, 11 }), 0.1, 1e-12);
	cr_assert_eq(interval_looseness(&(struct interval){ 0, 0, 0 }), 0);
	cr_assert_eq(interval_looseness(&(struct interval){ INFINITY, INFINITY, INFINITY }), 0);
	cr_assert(interval_looseness(&(struct interval){ 5, 4, INFINITY }) > 1e300);
}

/* Intervals of 95 % miss the truth about as often as they say: of 2,000 experiments with 60 numbers each. */
Test(interval, hold_as_often_as_they_say)
{
	enum { EXPERIMENTS = 2000, RUNS = 60 };
	int quantile_misses = 0, share_misses = 0, mean_misses = 0;

	for (uint64_t i = 0; i < EXPERIMENTS; i++) {
		double values[RUNS];
		struct interval interval;
		uint32_t hits = 0;

		for (uint64_t run = 0; run < RUNS; run++) {
			values[run] = -log(1 - luck_unit(i, run));
			hits += values[run] > 1;
		}
		qsort(values, RUNS, sizeof(values[0]), compare);
		interval = interval_quantile(values, RUNS, 0.8, 0.95);
		quantile_misses += interval.low > log(5) || interval.high < log(5);
		interval = interval_share(hits, RUNS, 0.95);
		share_misses += interval.low > exp(-1) || interval.high < exp(-1);
		interval = interval_mean(values, RUNS, 0.95);
		mean_misses += interval.low > 1 || interval.high < 1;
	}
	/* Binomial: 100 expected, 128 in one of a thousand. A quantile's has steps, so it is a bit wide; a
	 * mean's is a bit narrow for what is as skewed as this. */
	cr_assert(quantile_misses > 40 && quantile_misses < 128, "%d", quantile_misses);
	cr_assert(share_misses > 60 && share_misses < 140, "%d", share_misses);
	cr_assert(mean_misses > 80 && mean_misses < 170, "%d", mean_misses);
}

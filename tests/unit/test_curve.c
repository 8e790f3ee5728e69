/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/curve.h"

#include "models/luck.h"

#include <criterion/criterion.h>
#include <math.h>

static const double LIMIT = 1e7;

static void assert_near(double actual, double expected, double share)
{
	cr_assert(fabs(actual - expected) <= share * fabs(expected), "%.9g is not %.9g", actual, expected);
}

/* Rising and concave, from 0 on. */
static void assert_shape(const struct curve *curve, double to_s)
{
	double step_s = to_s / 500, before = 0, rise = INFINITY;

	cr_assert_eq(curve_pages(curve, 0), 0);
	for (double t = step_s; t < to_s; t += step_s) {
		double pages = curve_pages(curve, t);

		cr_assert_geq(pages, before * (1 - 1e-12));
		cr_assert_leq(pages - before, rise * (1 + 1e-9) + 1e-9);
		rise = pages - before;
		before = pages;
	}
}

/* Two sets of pages, as a hot and a cold part. */
static double two_sets(double t)
{
	return 2000 * -expm1(-t / 0.4) + 60000 * -expm1(-t / 50);
}

Test(curve, goes_through_exact_points_and_between_them)
{
	static const double times[] = { 0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64 };
	struct dirty_point points[10];
	struct curve curve;

	for (int i = 0; i < 10; i++)
		points[i] = (struct dirty_point){ times[i], two_sets(times[i]) };
	cr_assert_eq(curve_fit(points, 10, LIMIT, &curve, NULL), 0);
	for (int i = 0; i < 10; i++)
		assert_near(curve_pages(&curve, times[i]), points[i].unique_pages, 0.01);
	for (double t = 0.15; t < 60; t *= 1.3)
		assert_near(curve_pages(&curve, t), two_sets(t), 0.02);
	cr_assert_lt(curve.spread, 0.01);
	assert_shape(&curve, 100);
}

/* A published curve of a memcached of 32 GiB, in MiB: it bends more sharply than sets of pages do. */
Test(curve, holds_a_published_curve)
{
	static const struct dirty_point points[] = {
		{ 0.125, 66 * 256.0 }, { 1, 472 * 256.0 }, { 10, 1750 * 256.0 }, { 60, 5780 * 256.0 }
	};
	struct curve curve;

	cr_assert_eq(curve_fit(points, 4, LIMIT, &curve, NULL), 0);
	for (int i = 0; i < 4; i++)
		assert_near(curve_pages(&curve, points[i].interval_s), points[i].unique_pages, 0.05);
	assert_shape(&curve, 200);
}

Test(curve, noisy_points_give_a_concave_curve_and_their_spread)
{
	struct dirty_point points[200];
	struct curve curve;

	for (uint64_t i = 0; i < 200; i++) {
		double t = 0.1 * pow(1.03, (double)i), noise = 0;

		for (uint64_t j = 0; j < 12; j++)
			noise += luck_unit(7, 12 * i + j) - 0.5;
		points[i] = (struct dirty_point){ t, two_sets(t) * (1 + 0.05 * noise) };
	}
	cr_assert_eq(curve_fit(points, 200, LIMIT, &curve, NULL), 0);
	for (double t = 0.2; t < 30; t *= 1.5)
		assert_near(curve_pages(&curve, t), two_sets(t), 0.05);
	cr_assert(curve.spread > 0.035 && curve.spread < 0.065, "%g", curve.spread);
	assert_shape(&curve, 60);
}

/* Measurements by sampling fall now and then: the curve does not. */
Test(curve, falling_points_are_smoothed)
{
	static const struct dirty_point points[] = { { 1, 1000 }, { 2, 900 }, { 4, 3000 } };
	struct curve curve;

	cr_assert_eq(curve_fit(points, 3, LIMIT, &curve, NULL), 0);
	cr_assert_gt(curve.spread, 0.05);
	assert_shape(&curve, 10);
}

Test(curve, one_point_is_enough_none_is_not)
{
	static const struct dirty_point one[] = { { 2, 500 } }, none[] = { { 0, 10 }, { 1, 0 } };
	struct curve curve = { .slope_pages_s = 42 };
	struct error error;

	cr_assert_eq(curve_fit(one, 1, LIMIT, &curve, NULL), 0);
	assert_near(curve_pages(&curve, 2), 500, 1e-6);
	cr_assert_eq(curve.spread, 0);
	curve.slope_pages_s = 42;
	cr_assert_eq(curve_fit(none, 2, LIMIT, &curve, &error), ERROR_INPUT);
	cr_assert_eq(curve.slope_pages_s, 42);
}

Test(curve, never_exceeds_its_limit)
{
	static const struct dirty_point points[] = { { 1, 900 }, { 2, 1800 } };
	struct curve curve;

	cr_assert_eq(curve_fit(points, 2, 2000, &curve, NULL), 0);
	cr_assert_eq(curve_pages(&curve, 1e9), 2000);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/correlation.h"

#include "models/luck.h"

#include <criterion/criterion.h>
#include <math.h>

Test(correlation, ranks_alone_count)
{
	static const double rising[] = { 1, 2, 3, 1000, INFINITY }, squares[] = { 1, 4, 9, 16, 25 };
	static const double falling[] = { 9, 8, 2, 1, 0 }, same[] = { 7, 7, 7, 7, 7 };

	cr_assert_float_eq(correlation_of_ranks(rising, squares, 5), 1, 1e-12);
	cr_assert_float_eq(correlation_of_ranks(rising, falling, 5), -1, 1e-12);
	cr_assert_eq(correlation_of_ranks(rising, same, 5), 0);
	cr_assert_eq(correlation_of_ranks(rising, squares, 1), 0);
}

/* 1 - 6 sum d^2 / (n (n^2 - 1)), with d = 0, 1, -1, 0: 1 - 12 / 60. */
Test(correlation, as_by_hand)
{
	static const double x[] = { 1, 2, 3, 4 }, y[] = { 10, 30, 20, 40 };

	cr_assert_float_eq(correlation_of_ranks(x, y, 4), 0.8, 1e-12);
}

/* The largest of 20 that have nothing to do with the other exceeds it in about one of twenty experiments. */
Test(correlation, chance_is_what_it_says)
{
	enum { EXPERIMENTS = 400, COUNT = 100, COEFFICIENTS = 20 };
	double chance = correlation_by_chance(COUNT, COEFFICIENTS, 0.95);
	int exceeded = 0;

	for (uint64_t experiment = 0; experiment < EXPERIMENTS; experiment++) {
		double numbers[COEFFICIENTS + 1][COUNT], largest = 0;

		for (uint64_t i = 0; i <= COEFFICIENTS; i++) {
			for (uint64_t j = 0; j < COUNT; j++)
				numbers[i][j] = luck_unit(experiment * 64 + i, j);
		}
		for (int i = 0; i < COEFFICIENTS; i++)
			largest = fmax(largest,
			               fabs(correlation_of_ranks(numbers[i], numbers[COEFFICIENTS], COUNT)));
		exceeded += largest > chance;
	}
	cr_assert(exceeded > 5 && exceeded < 40, "%d", exceeded);
	cr_assert_eq(correlation_by_chance(1, 5, 0.95), 1);
}

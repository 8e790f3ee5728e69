/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/held.h"

#include <criterion/criterion.h>
#include <math.h>

static int calls;

/* Holds half at 1, and more with each doubling. */
static double rising(void *context, double value)
{
	calls++;
	cr_assert_eq(context, &calls);
	return fmin(0.5 + 0.1 * log2(value), 1);
}

static double unknown(void *context, double value)
{
	(void)context;
	(void)value;
	return -1;
}

static double always(void *context, double value)
{
	(void)value;
	return *(double *)context;
}

Test(held, finds_where_the_intervals_hold_enough)
{
	double fitted = held_find(held_of_fitted, 0.1, 1000, 30, rising, &calls), others;

	cr_assert_float_eq(fitted / exp2(3.5), 1, 1e-6);
	cr_assert_eq(calls, 30);
	others = held_find(held_of_others, 0.1, 1000, 30, rising, &calls);
	cr_assert_float_eq(others / exp2(3), 1, 1e-6);
}

Test(held, stays_within_its_range)
{
	double share = 0;

	cr_assert_float_eq(held_find(held_of_fitted, 0.1, 10, 20, always, &share), 10, 1e-3);
	share = 1;
	cr_assert_float_eq(held_find(held_of_fitted, 0.1, 10, 20, always, &share), 0.1, 1e-3);
}

Test(held, says_when_it_cannot_be_told)
{
	cr_assert_lt(held_find(held_of_fitted, 0.1, 10, 20, unknown, NULL), 0);
}

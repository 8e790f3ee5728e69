/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bounds: the smaller and the larger of two numbers, and whole ones, without the calls that they cost. */
#ifndef MODELS_BOUNDS_H
#define MODELS_BOUNDS_H

#include <stdint.h>

/* As fmin and fmax where x is not a number: the limit. */
static inline double at_most(double x, double limit)
{
	return x < limit ? x : limit;
}

static inline double at_least(double x, double limit)
{
	return x > limit ? x : limit;
}

/* As ceil, for 0 <= x < 2^62. */
static inline int64_t whole_above(double x)
{
	int64_t whole = (int64_t)x;

	return whole + ((double)whole < x);
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bounds: the smaller and the larger of two numbers without the call that fmin and fmax cost. */
#ifndef MODELS_BOUNDS_H
#define MODELS_BOUNDS_H

/* As fmin and fmax where x is not a number: the limit. */
static inline double at_most(double x, double limit)
{
	return x < limit ? x : limit;
}

static inline double at_least(double x, double limit)
{
	return x > limit ? x : limit;
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* curve: D(t) fitted to measured points of it: rising, concave, with its uncertainty. */
#ifndef MODELS_CURVE_H
#define MODELS_CURVE_H

#include "models/dirty.h"

#include "core/error.h"

enum { CURVE_TERMS = 13 };

/*
 * D(t) = slope t + the sum of weight_k (1 - e^(-t / time_k)), no weight and no slope below 0: what a guest
 * dirties that writes to sets of pages, each at a rate of its own (expected distinct cells under Poisson
 * writes). So the curve starts at 0, rises and is concave, whatever noise the points had.
 */
struct curve {
	double slope_pages_s;
	double weight_pages[CURVE_TERMS], time_s[CURVE_TERMS];
	double limit_pages;
	double spread; /* relative standard deviation of a measured point around the curve; 0: one point only
	                */
};

/*
 * Fits a curve to points in any order (several of one interval may be repeats), by non-negative least squares
 * of relative residuals (Lawson, Hanson, Solving Least Squares Problems, ch. 23). limit_pages > 0: D never
 * exceeds it. ERROR_INPUT: no point with an interval and pages above 0.
 */
int curve_fit(const struct dirty_point *points, uint32_t count, double limit_pages, struct curve *ret_curve,
              struct error *error);

/* Pages dirtied in an interval of so many seconds, >= 0. */
double curve_pages(const struct curve *curve, double interval_s);

#endif

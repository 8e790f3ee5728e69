/* SPDX-License-Identifier: GPL-3.0-or-later */
/* interval: how sure a number is that comes from many runs. */
#ifndef MODELS_INTERVAL_H
#define MODELS_INTERVAL_H

#include <stdint.h>

/* A number and the bounds of its confidence interval; -INFINITY, INFINITY: so few runs say nothing. */
struct interval {
	double value, low, high;
};

/* How often something happened in so many runs (at least 1), as a share: Wilson's interval (JASA 1927), which
 * holds for rare things and few runs too. confidence: in (0, 1), as below. */
struct interval interval_share(uint32_t hits, uint32_t runs, double confidence);

/*
 * The quantile of values in order (at least one; they may be infinite), between two of them by the line
 * between (sim/percentile.h), and the interval of the distribution behind: from one of the values to another,
 * by the binomial distribution of how many lie below (David and Nagaraja, Order Statistics, 7.1), so that
 * nothing is assumed of its form. share: in [0, 1].
 */
struct interval interval_quantile(const double *sorted, uint32_t count, double share, double confidence);

/*
 * The same as ranks, from 0: the quantile lies between the low-th and the high-th of count values in order.
 * UINT32_MAX: so few say nothing of that side.
 */
void interval_ranks(uint32_t count, double share, double confidence, uint32_t *ret_low, uint32_t *ret_high);

/* The mean of values (at least one) by Student's t: -INFINITY … INFINITY for one. */
struct interval interval_mean(const double *values, uint32_t count, double confidence);

/*
 * `value` as found from all runs together, when `count` batches of them that know nothing of each other
 * (replicates of a randomised sequence) found each its own: as far from it as the batches' mean is sure, by
 * Student's t. The batches' spread is what counts, so this holds where runs of one batch depend on each
 * other.
 */
struct interval interval_batches(double value, const double *batches, uint32_t count, double confidence);

/* Half its width, as a share of its value's size; 0 for a width of 0, also around 0. */
double interval_looseness(const struct interval *interval);

#endif

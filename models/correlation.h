/* SPDX-License-Identifier: GPL-3.0-or-later */
/* correlation: whether one number is high when another is. */
#ifndef MODELS_CORRELATION_H
#define MODELS_CORRELATION_H

#include <stdint.h>

/*
 * Spearman's coefficient of two numbers of each of `count` things, -1 … 1, equal numbers having the mean of
 * their ranks; 0 where one of the two never changes, or for fewer than 2. Infinite numbers rank as the
 * largest or smallest.
 */
double correlation_of_ranks(const double *first, const double *second, uint32_t count);

/*
 * What the largest of so many coefficients is not likely to exceed by chance alone, each over `count` things
 * that have nothing to do with each other: by the normal distribution, which holds from some ten things on,
 * with Bonferroni's correction for looking at many. confidence: in (0, 1).
 */
double correlation_by_chance(uint32_t count, uint32_t coefficients, double confidence);

#endif

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

#endif

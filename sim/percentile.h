/* SPDX-License-Identifier: GPL-3.0-or-later */
/* percentile: what many runs come to in three numbers. */
#ifndef SIM_PERCENTILE_H
#define SIM_PERCENTILE_H

#include <stdint.h>

/*
 * The 10th, 50th and 90th percentile of count values, which are put in order; all 0 when there are none.
 * Between two values the line between them counts (type 7 of Hyndman and Fan, The American Statistician 50,
 * 1996; R's default).
 */
void percentiles_take(double *values, uint32_t count, double ret_percentiles[3]);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/percentile.h"

#include <math.h>
#include <stdlib.h>

static int value_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double value_at(const double *values, uint32_t count, double share)
{
	double place = (count - 1) * share, below = floor(place);
	uint32_t at = (uint32_t)below;

	if (at + 1 >= count)
		return values[count - 1];
	return values[at] + (place - below) * (values[at + 1] - values[at]);
}

void percentiles_take(double *values, uint32_t count, double ret_percentiles[3])
{
	static const double shares[] = { 0.1, 0.5, 0.9 };

	if (count > 1)
		qsort(values, count, sizeof(*values), value_compare);
	for (int i = 0; i < 3; i++)
		ret_percentiles[i] = count ? value_at(values, count, shares[i]) : 0;
}

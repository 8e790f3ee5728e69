/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/correlation.h"

#include "core/arena.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

double correlation_of_ranks(const double *first, const double *second, uint32_t count)
{
	double *work = MEMORY_ARRAY(double, 2 * (size_t)count), coefficient;

	coefficient = count < 2 ? 0 : gsl_stats_spearman(first, 1, second, 1, count, work);
	free(work);
	return isfinite(coefficient) ? coefficient : 0;
}

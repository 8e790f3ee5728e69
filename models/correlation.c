/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/correlation.h"

#include "core/arena.h"

#include <gsl/gsl_cdf.h>
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

double correlation_by_chance(uint32_t count, uint32_t coefficients, double confidence)
{
	if (count < 2 || coefficients == 0)
		return 1;
	return fmin(gsl_cdf_ugaussian_Qinv((1 - confidence) / (2.0 * coefficients)) / sqrt(count - 1.0), 1);
}

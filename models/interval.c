/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/interval.h"

#include "core/must.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>

struct interval interval_share(uint32_t hits, uint32_t runs, double confidence)
{
	double z = gsl_cdf_ugaussian_Qinv((1 - confidence) / 2), n = runs, share = hits / n;
	double centre = (share + z * z / (2 * n)) / (1 + z * z / n);
	double half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n));

	must(runs > 0 && hits <= runs);
	return (struct interval){ share, hits == 0 ? 0 : fmax(centre - half, 0),
		                  hits == runs ? 1 : fmin(centre + half, 1) };
}

/* Between two values that are not finite there is no line. */
static double value_at(const double *sorted, uint32_t count, double share)
{
	double place = (count - 1) * share, below = floor(place);
	uint32_t at = (uint32_t)below;

	if (at + 1 >= count)
		return sorted[count - 1];
	if (place == below || sorted[at] == sorted[at + 1])
		return sorted[at];
	return sorted[at] + (place - below) * (sorted[at + 1] - sorted[at]);
}

/* The most values that lie below the quantile with a probability of at most `chance`; count + 1: none do. */
static uint32_t binomial_quantile(uint32_t count, double share, double chance)
{
	uint32_t low = 0, high = count;

	if (gsl_cdf_binomial_P(0, share, count) > chance)
		return UINT32_MAX;
	while (low < high) {
		uint32_t middle = low + (high - low + 1) / 2;

		if (gsl_cdf_binomial_P(middle, share, count) <= chance)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/*
 * With B values below the quantile, B binomial, sorted[k] is not above it when B > k: the lower bound is the
 * last whose probability of B <= k is at most half of what is left. The upper bound is the same, seen from
 * the other end.
 */
void interval_ranks(uint32_t count, double share, double confidence, uint32_t *ret_low, uint32_t *ret_high)
{
	uint32_t from_end = binomial_quantile(count, 1 - share, (1 - confidence) / 2);

	*ret_low = binomial_quantile(count, share, (1 - confidence) / 2);
	if (*ret_low >= count)
		*ret_low = UINT32_MAX;
	*ret_high = from_end < count ? count - 1 - from_end : UINT32_MAX;
}

struct interval interval_quantile(const double *sorted, uint32_t count, double share, double confidence)
{
	struct interval interval = { .low = -INFINITY, .high = INFINITY };
	uint32_t low, high;

	must(count > 0 && share >= 0 && share <= 1);
	interval.value = value_at(sorted, count, share);
	interval_ranks(count, share, confidence, &low, &high);
	if (low != UINT32_MAX)
		interval.low = sorted[low];
	if (high != UINT32_MAX)
		interval.high = sorted[high];
	return interval;
}

/* How far the mean of so many may be from the truth. */
static double mean_looseness(const double *values, uint32_t count, double confidence)
{
	if (count < 2)
		return INFINITY;
	return gsl_cdf_tdist_Qinv((1 - confidence) / 2, count - 1) * gsl_stats_sd(values, 1, count) /
	       sqrt(count);
}

struct interval interval_mean(const double *values, uint32_t count, double confidence)
{
	double mean = gsl_stats_mean(values, 1, count), half = mean_looseness(values, count, confidence);

	return (struct interval){ mean, mean - half, mean + half };
}

struct interval interval_batches(double value, const double *batches, uint32_t count, double confidence)
{
	double half = mean_looseness(batches, count, confidence);

	return isnan(half) ? (struct interval){ value, -INFINITY, INFINITY }
	                   : (struct interval){ value, value - half, value + half };
}

double interval_looseness(const struct interval *interval)
{
	double half = (interval->high - interval->low) / 2;

	if (isnan(half) || half <= 0)
		return 0;
	return half / fabs(interval->value);
}

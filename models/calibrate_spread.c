/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The spreads of a calibration. What each of them does to a row's time and bytes is known from the model; so
 * their proportions follow from which rows lie far off (maximum likelihood, with Student's t for the rows
 * that something else disturbed), and their size from the share of rows that the drawn intervals hold.
 */
#include "models/calibrate.h"

#include "core/arena.h"
#include "core/must.h"
#include "models/expect.h"
#include "models/held.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_multimin.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

enum { DRAWS = 16, INTERVAL_DRAWS = 60, STEPS = 10, SIMPLEX_STEPS = 300, CAUSES_MOST = 2 };

/* A guest's haste is changed by so much to see what it does. */
static const double HASTE = 0.08;
/* Degrees of freedom of Student's t: heavy tails. */
static const double FREEDOM = 5;
/* Spreads are looked for between these, … */
static const double SPREAD_LEAST = 5e-4, SPREAD_MOST = 1;
/* … weakly around this one, its logarithm give or take that, where the rows do not tell, … */
static const double SPREAD_TYPICAL = 0.01, SPREAD_WIDTH = 2;
/* … and their sizes within so many times what is most likely. */
static const double SCALE_MOST = 3;

/*
 * One row's residual, and what causes do to it when their spread is 1. Of the time, only what the bytes do
 * not explain: that is set-up and rate, whatever the guest wrote.
 */
struct cause_row {
	double residual, variance; /* of luck alone */
	double effect[CAUSES_MOST];
};

struct likelihood {
	const struct cause_row *rows;
	uint32_t count;
	size_t cause_count;
};

/* ------------------------------------------------------------------ proportions */

static double spread_of_parameter(double parameter)
{
	return fmin(fmax(exp(parameter), SPREAD_LEAST), SPREAD_MOST);
}

static double minus_log_likelihood(const gsl_vector *parameters, void *context)
{
	const struct likelihood *of = context;
	double sum = 0;

	for (uint32_t i = 0; i < of->count; i++) {
		const struct cause_row *row = &of->rows[i];
		double variance = row->variance;

		for (size_t j = 0; j < of->cause_count; j++) {
			double spread = spread_of_parameter(gsl_vector_get(parameters, j));

			variance += row->effect[j] * row->effect[j] * spread * spread;
		}
		if (variance > 0)
			sum += log(variance) / 2 +
			       (FREEDOM + 1) / 2 *
			               log1p(row->residual * row->residual / (FREEDOM * variance));
	}
	for (size_t j = 0; j < of->cause_count; j++) {
		double distance = (gsl_vector_get(parameters, j) - log(SPREAD_TYPICAL)) / SPREAD_WIDTH;

		sum += distance * distance / 2;
	}
	return sum;
}

static void maximise(struct likelihood *of, double *spreads)
{
	gsl_multimin_function function = { .f = minus_log_likelihood, .n = of->cause_count, .params = of };
	gsl_multimin_fminimizer *minimizer = gsl_multimin_fminimizer_alloc(gsl_multimin_fminimizer_nmsimplex2,
	                                                                   of->cause_count);
	gsl_vector *start = gsl_vector_alloc(of->cause_count), *step = gsl_vector_alloc(of->cause_count);

	must(minimizer != NULL && start != NULL && step != NULL);
	for (size_t j = 0; j < of->cause_count; j++)
		gsl_vector_set(start, j, log(SPREAD_TYPICAL));
	gsl_vector_set_all(step, 1);
	gsl_multimin_fminimizer_set(minimizer, &function, start, step);
	for (int i = 0; i < SIMPLEX_STEPS; i++) {
		if (gsl_multimin_fminimizer_iterate(minimizer) != GSL_SUCCESS ||
		    gsl_multimin_test_size(gsl_multimin_fminimizer_size(minimizer), 1e-3) == GSL_SUCCESS)
			break;
	}
	for (size_t j = 0; j < of->cause_count; j++)
		spreads[j] = spread_of_parameter(gsl_vector_get(minimizer->x, j));
	gsl_multimin_fminimizer_free(minimizer);
	gsl_vector_free(start);
	gsl_vector_free(step);
}

/* Time and bytes of a row by luck alone, and with another haste. */
static void look_at(const struct measured *row, const struct hypervisor *hypervisor,
                    struct cause_row *ret_time, struct cause_row *ret_bytes)
{
	struct expected draws[DRAWS], mean, hasty;
	double first_bytes = row->used_pages * 4104, rate = expect_rate_bytes_s(row, hypervisor), linked;

	expect_row(row, hypervisor, EXPECT_PLAIN, HASTE, DRAWS, draws);
	hasty = expect_mean(draws, DRAWS);
	expect_row(row, hypervisor, EXPECT_PLAIN, 0, DRAWS, draws);
	mean = expect_mean(draws, DRAWS);
	linked = rate < row->bandwidth_bytes_s ? mean.elapsed_s - hypervisor->setup_ms / 1000 : 0;
	*ret_time = (struct cause_row){
		.residual = row->elapsed_s - mean.elapsed_s - (row->bytes - mean.bytes) / rate,
		.effect = { hypervisor->setup_ms / 1000, linked },
	};
	*ret_bytes = (struct cause_row){
		.residual = row->bytes - mean.bytes,
		.variance = gsl_stats_variance(&draws[0].bytes, sizeof(draws[0]) / sizeof(double), DRAWS),
		.effect = { first_bytes, (hasty.bytes - mean.bytes) / HASTE },
	};
}

static void fit_proportions(const struct measured *const *rows, uint32_t count, struct hypervisor *hypervisor)
{
	struct cause_row *times = MEMORY_ARRAY(struct cause_row, count),
			 *bytes = MEMORY_ARRAY(struct cause_row, count);
	struct likelihood of = { .rows = bytes, .count = count, .cause_count = 2 };
	double spreads[CAUSES_MOST] = { 0 };

	for (uint32_t i = 0; i < count; i++)
		look_at(rows[i], hypervisor, &times[i], &bytes[i]);
	maximise(&of, spreads);
	hypervisor->used_spread = spreads[0];
	hypervisor->dirty_spread = spreads[1];
	of.rows = times;
	maximise(&of, spreads);
	hypervisor->setup_spread = spreads[0];
	hypervisor->rate_spread = spreads[1];
	free(times);
	free(bytes);
}

/* ------------------------------------------------------------------ sizes */

enum number { NUMBER_TIME, NUMBER_BYTES, NUMBER_DOWNTIME };

static double number_of(const struct expected *expected, enum number number)
{
	return number == NUMBER_TIME    ? expected->elapsed_s
	       : number == NUMBER_BYTES ? expected->bytes
	                                : expected->downtime_s;
}

static double measured_of(const struct measured *row, enum number number)
{
	return number == NUMBER_TIME ? row->elapsed_s : number == NUMBER_BYTES ? row->bytes : row->downtime_s;
}

/* The share of rows whose number lies between the 10th and the 90th percentile of its draws. */
static double share_held(const struct measured *const *rows, uint32_t count,
                         const struct hypervisor *hypervisor, enum number number)
{
	uint32_t held = 0, known = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct expected draws[INTERVAL_DRAWS];
		double values[INTERVAL_DRAWS], measured = measured_of(rows[i], number);
		size_t completed = 0;

		if (isnan(measured))
			continue;
		expect_row(rows[i], hypervisor, EXPECT_SPREAD, 0, INTERVAL_DRAWS, draws);
		for (unsigned draw = 0; draw < INTERVAL_DRAWS; draw++)
			if (draws[draw].completed)
				values[completed++] = number_of(&draws[draw], number);
		known++;
		if (completed == 0)
			continue;
		gsl_sort(values, 1, completed);
		held += measured >= gsl_stats_quantile_from_sorted_data(values, 1, completed, 0.1) &&
		        measured <= gsl_stats_quantile_from_sorted_data(values, 1, completed, 0.9);
	}
	return known > 0 ? (double)held / known : held_of_fitted;
}

static double scaled(double spread, double scale)
{
	return fmin(fmax(spread * scale, SPREAD_LEAST), SPREAD_MOST);
}

/* One or two spreads that are scaled together, and what they are sized by. */
struct sizing {
	const struct measured *const *rows;
	uint32_t count;
	struct hypervisor *hypervisor;
	enum number number;
	double *spread[2]; /* of the hypervisor; the second may be NULL */
	double likely[2];
};

static double share_at(void *context, double scale)
{
	const struct sizing *sizing = context;

	for (int i = 0; i < 2; i++)
		if (sizing->spread[i])
			*sizing->spread[i] = scaled(sizing->likely[i], scale);
	return share_held(sizing->rows, sizing->count, sizing->hypervisor, sizing->number);
}

/* Scales the spreads until the intervals hold what they should. */
static void size_spreads(const struct measured *const *rows, uint32_t count, struct hypervisor *hypervisor,
                         enum number number, double *first, double *second)
{
	struct sizing sizing = { .rows = rows,
		                 .count = count,
		                 .hypervisor = hypervisor,
		                 .number = number,
		                 .spread = { first, second },
		                 .likely = { *first, second ? *second : 0 } };

	share_at(&sizing, held_find(held_of_fitted, 1 / SCALE_MOST, SCALE_MOST, STEPS, share_at, &sizing));
}

void calibrate_spreads(const struct measured *const *rows, uint32_t count, struct hypervisor *hypervisor)
{
	fit_proportions(rows, count, hypervisor);
	size_spreads(rows, count, hypervisor, NUMBER_BYTES, &hypervisor->used_spread,
	             &hypervisor->dirty_spread);
	size_spreads(rows, count, hypervisor, NUMBER_TIME, &hypervisor->setup_spread,
	             &hypervisor->rate_spread);
	hypervisor->stop_spread = 0.3;
	size_spreads(rows, count, hypervisor, NUMBER_DOWNTIME, &hypervisor->stop_spread, NULL);
}

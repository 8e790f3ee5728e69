/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/curve.h"

#include "core/must.h"

#include <gsl/gsl_multifit.h>
#include <math.h>
#include <stdbool.h>

enum { COLUMNS = CURVE_TERMS + 1, ITERATIONS_MOST = 10 * COLUMNS };

/* The slowest set is written over in this many times the longest interval, the fastest in such a part of the
 * shortest. */
static const double BEYOND = 8;

/* A gradient below this part of the data is none. */
static const double FLAT = 1e-9;

/* Columns of the linear problem: the terms, then the slope. Rows are relative: divided by the measured pages.
 */
struct problem {
	gsl_matrix *columns;
	gsl_vector *ones;
	bool active[COLUMNS];
	double solution[COLUMNS];
	size_t rows;
};

static double term(const struct curve *curve, size_t column, double interval_s)
{
	if (column == CURVE_TERMS)
		return interval_s;
	return -expm1(-interval_s / curve->time_s[column]);
}

/* Least squares over the active columns; false: they are not independent. */
static bool solve_active(const struct problem *problem, double *ret_solution)
{
	size_t which[COLUMNS], count = 0;
	gsl_multifit_linear_workspace *work;
	gsl_matrix *part, *covariance;
	gsl_vector *found;
	double chi_squared;
	int status;

	for (size_t j = 0; j < COLUMNS; j++) {
		ret_solution[j] = 0;
		if (problem->active[j])
			which[count++] = j;
	}
	if (count == 0 || count > problem->rows)
		return false;
	work = gsl_multifit_linear_alloc(problem->rows, count);
	part = gsl_matrix_alloc(problem->rows, count);
	covariance = gsl_matrix_alloc(count, count);
	found = gsl_vector_alloc(count);
	must(work && part && covariance && found);
	for (size_t i = 0; i < problem->rows; i++)
		for (size_t j = 0; j < count; j++)
			gsl_matrix_set(part, i, j, gsl_matrix_get(problem->columns, i, which[j]));
	status = gsl_multifit_linear(part, problem->ones, found, covariance, &chi_squared, work);
	for (size_t j = 0; j < count && status == 0; j++)
		ret_solution[which[j]] = gsl_vector_get(found, j);
	gsl_multifit_linear_free(work);
	gsl_matrix_free(part);
	gsl_matrix_free(covariance);
	gsl_vector_free(found);
	return status == 0;
}

static double residual(const struct problem *problem, size_t row)
{
	double sum = gsl_vector_get(problem->ones, row);

	for (size_t j = 0; j < COLUMNS; j++)
		sum -= gsl_matrix_get(problem->columns, row, j) * problem->solution[j];
	return sum;
}

/* The idle column along which the residual falls most, COLUMNS: none. */
static size_t steepest(const struct problem *problem)
{
	size_t best = COLUMNS;
	double most = FLAT;

	for (size_t j = 0; j < COLUMNS; j++) {
		double gradient = 0, norm = 0;

		if (problem->active[j])
			continue;
		for (size_t i = 0; i < problem->rows; i++) {
			double value = gsl_matrix_get(problem->columns, i, j);

			gradient += value * residual(problem, i);
			norm += value * value;
		}
		gradient = norm > 0 ? gradient / sqrt(norm) : 0;
		if (gradient > most) {
			most = gradient;
			best = j;
		}
	}
	return best;
}

/* Towards the free solution as far as none goes below 0; columns that reach 0 become idle. */
static void step_towards(struct problem *problem, const double *wanted)
{
	double share = 1;

	for (size_t j = 0; j < COLUMNS; j++)
		if (problem->active[j] && wanted[j] <= 0)
			share = fmin(share, problem->solution[j] / (problem->solution[j] - wanted[j]));
	for (size_t j = 0; j < COLUMNS; j++) {
		if (!problem->active[j])
			continue;
		problem->solution[j] += share * (wanted[j] - problem->solution[j]);
		if (wanted[j] <= 0 && problem->solution[j] <= 1e-12 * fabs(wanted[j]) + 1e-300) {
			problem->solution[j] = 0;
			problem->active[j] = false;
		}
	}
}

static void solve(struct problem *problem)
{
	for (int i = 0; i < ITERATIONS_MOST; i++) {
		size_t column = steepest(problem);
		double wanted[COLUMNS];
		bool positive;

		if (column == COLUMNS)
			return;
		problem->active[column] = true;
		do {
			if (!solve_active(problem, wanted)) {
				problem->active[column] = false;
				problem->solution[column] = 0;
				return;
			}
			positive = true;
			for (size_t j = 0; j < COLUMNS; j++)
				positive = positive && (!problem->active[j] || wanted[j] > 0);
			if (!positive)
				step_towards(problem, wanted);
		} while (!positive);
		for (size_t j = 0; j < COLUMNS; j++)
			problem->solution[j] = wanted[j];
	}
}

/* Times evenly spread over the logarithm. */
static void set_times(struct curve *curve, const struct dirty_point *points, uint32_t count)
{
	double shortest = INFINITY, longest = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (!(points[i].interval_s > 0 && points[i].unique_pages > 0))
			continue;
		shortest = fmin(shortest, points[i].interval_s);
		longest = fmax(longest, points[i].interval_s);
	}
	for (size_t k = 0; k < CURVE_TERMS; k++)
		curve->time_s[k] = shortest / BEYOND *
		                   pow(longest / shortest * BEYOND * BEYOND, (double)k / (CURVE_TERMS - 1));
}

static void take_spread(const struct problem *problem, struct curve *curve)
{
	double sum = 0;
	size_t used = 0;

	for (size_t i = 0; i < problem->rows; i++)
		sum += residual(problem, i) * residual(problem, i);
	for (size_t j = 0; j < COLUMNS; j++)
		used += problem->active[j];
	curve->spread = problem->rows > 1
	                        ? sqrt(sum / (double)(problem->rows > used ? problem->rows - used : 1))
	                        : 0;
}

int curve_fit(const struct dirty_point *points, uint32_t count, double limit_pages, struct curve *ret_curve,
              struct error *error)
{
	struct curve curve = { .limit_pages = limit_pages };
	struct problem problem = { 0 };
	size_t rows = 0;

	must(limit_pages > 0);
	for (uint32_t i = 0; i < count; i++)
		rows += points[i].interval_s > 0 && points[i].unique_pages > 0;
	if (rows == 0)
		return error_set(error, ERROR_INPUT, "no measured point with an interval and pages above 0");
	set_times(&curve, points, count);
	problem.columns = gsl_matrix_alloc(rows, COLUMNS);
	problem.ones = gsl_vector_alloc(rows);
	must(problem.columns && problem.ones);
	gsl_vector_set_all(problem.ones, 1);
	for (uint32_t i = 0; i < count; i++) {
		if (!(points[i].interval_s > 0 && points[i].unique_pages > 0))
			continue;
		for (size_t j = 0; j < COLUMNS; j++)
			gsl_matrix_set(problem.columns, problem.rows, j,
			               term(&curve, j, points[i].interval_s) / points[i].unique_pages);
		problem.rows++;
	}
	solve(&problem);
	for (size_t k = 0; k < CURVE_TERMS; k++)
		curve.weight_pages[k] = problem.solution[k];
	curve.slope_pages_s = problem.solution[CURVE_TERMS];
	take_spread(&problem, &curve);
	gsl_matrix_free(problem.columns);
	gsl_vector_free(problem.ones);
	*ret_curve = curve;
	return 0;
}

double curve_pages(const struct curve *curve, double interval_s)
{
	double pages = curve->slope_pages_s * interval_s;

	for (size_t k = 0; k < CURVE_TERMS; k++)
		pages += curve->weight_pages[k] * term(curve, k, interval_s);
	return fmax(0, fmin(pages, curve->limit_pages));
}

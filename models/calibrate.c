/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/calibrate.h"

#include "core/arena.h"
#include "core/must.h"
#include "models/expect.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 8, RESIDUALS_A_ROW = 3, ITERATIONS_MOST = 40, LIMITED_ROWS_LEAST = 3 };

static const double MIB = 1048576;

/* What a row that the model lets run into its time limit counts: as much as one far off. */
static const double NOT_COMPLETED = 4;

/* When a row can tell something of a constant. */
enum told_by { TOLD_BY_ALL, TOLD_BY_CAPPED, TOLD_BY_LINKED };

struct fitted {
	const char *name;
	enum told_by told_by;
	bool positive; /* fitted as a logarithm */
	/*
	 * What it is on most machines, in a model file's units, and how far from that it may well be: in
	 * those units, or of the logarithm. The same whatever the fit starts from, so that a fit that starts
	 * from its own result comes to it again.
	 */
	double typical, width;
};

/* switchover_ms is the environment's: from the downtime alone it cannot be told from stop_ms. */
static const struct fitted FITTED[] = {
	{ "setup_ms", TOLD_BY_ALL, false, 640, 1000 },
	{ "stop_ms", TOLD_BY_ALL, false, 20, 20 },
	{ "firmware_pages", TOLD_BY_ALL, false, 130, 100 },
	{ "kernel_pages", TOLD_BY_ALL, false, 60, 50 },
	{ "sender_mib_s", TOLD_BY_CAPPED, true, 800, 0.7 },
	{ "window_more_ms", TOLD_BY_CAPPED, false, 0.2, 0.1 },
	{ "wire_efficiency", TOLD_BY_LINKED, false, 0.9564, 0.01 },
	{ "socket_mib", TOLD_BY_LINKED, false, 1.1, 0.5 },
};

enum { FITTED_COUNT = sizeof(FITTED) / sizeof(FITTED[0]) };

struct fit {
	const struct measured **rows;
	uint32_t count;
	const struct hypervisor *start;
	const struct hypervisor_constant *constants[FITTED_COUNT];
	const struct fitted *fitted[FITTED_COUNT];
	size_t constant_count;
};

/* ------------------------------------------------------------------ constants and rows */

/* The cap is what holds the row back, not the link. */
static bool is_capped(const struct measured *row, const struct hypervisor *hypervisor)
{
	return row->bandwidth_bytes_s < row->link_bytes_s * hypervisor->wire_efficiency * 0.98;
}

bool calibrate_takes(const struct measured *row, const struct hypervisor *start)
{
	return !row->held_out && row->completed && !row->post_copy && row->batch[0] == '\0' &&
	       strcmp(row->hypervisor, start->name) == 0 && row->elapsed_s > 0 && row->bytes > 0;
}

static uint32_t count_told(const struct fit *fit, enum told_by told_by)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < fit->count; i++) {
		bool capped = is_capped(fit->rows[i], fit->start);

		count += told_by == TOLD_BY_ALL || (told_by == TOLD_BY_CAPPED) == capped;
	}
	return count;
}

static void choose_constants(struct fit *fit)
{
	for (size_t i = 0; i < FITTED_COUNT; i++) {
		if (count_told(fit, FITTED[i].told_by) < LIMITED_ROWS_LEAST)
			continue;
		fit->fitted[fit->constant_count] = &FITTED[i];
		fit->constants[fit->constant_count++] = hypervisor_constant_find(FITTED[i].name);
	}
}

/* ------------------------------------------------------------------ the fit */

static double to_parameter(const struct fitted *fitted, double value)
{
	return fitted->positive ? log(fmax(value, 1e-6) / fitted->typical) : value / fitted->typical;
}

static double from_parameter(const struct fitted *fitted, const struct hypervisor_constant *constant,
                             double parameter)
{
	double value = fitted->positive ? fitted->typical * exp(fmin(parameter, 20))
	                                : fitted->typical * parameter;

	return fmin(fmax(value, constant->low), constant->high);
}

static struct hypervisor hypervisor_at(const struct fit *fit, const gsl_vector *parameters)
{
	struct hypervisor hypervisor = *fit->start;

	for (size_t i = 0; i < fit->constant_count; i++) {
		double value = from_parameter(fit->fitted[i], fit->constants[i],
		                              gsl_vector_get(parameters, i));

		hypervisor_constant_set(&hypervisor, fit->constants[i], value);
	}
	return hypervisor;
}

/* Soft L1: squares while small, then straight (Charbonnier's function as a residual). */
static double soften(double residual)
{
	return copysign(sqrt(2 * (sqrt(1 + residual * residual) - 1)), residual);
}

/*
 * The weights: repeats of one cell differ by about 50 ms of set-up and some thousandths of the rest of the
 * time, by half a percent of the bytes, and by 5 ms and a twentieth of the downtime.
 */
static void residuals_of(const struct measured *row, const struct hypervisor *hypervisor,
                         const struct expected *mean, double ret_residuals[RESIDUALS_A_ROW])
{
	double rate = expect_rate_bytes_s(row, hypervisor);

	if (!mean->completed) {
		for (int i = 0; i < RESIDUALS_A_ROW; i++)
			ret_residuals[i] = NOT_COMPLETED;
		return;
	}
	/* Of the time, what the bytes do not explain: a guest that writes more than its law is no slow link.
	 */
	ret_residuals[0] = (mean->elapsed_s - row->elapsed_s - (mean->bytes - row->bytes) / rate) /
	                   (0.05 + 0.003 * row->elapsed_s);
	ret_residuals[1] = (mean->bytes - row->bytes) / (0.5 * MIB + 0.005 * row->bytes);
	ret_residuals[2] = isnan(row->downtime_s)
	                           ? 0
	                           : (mean->downtime_s - row->downtime_s) / (0.005 + 0.05 * row->downtime_s);
}

/* In the parameter's units. */
static double width_of(const struct fitted *fitted)
{
	return fitted->positive ? fitted->width : fitted->width / fitted->typical;
}

/*
 * How far a constant has gone from what is typical, in widths: a residual of its own (ridge regression).
 * Set-up, cap and link all make a migration longer; where few rows tell them apart, what was known before
 * does.
 */
static double distance(const struct fitted *fitted, double parameter)
{
	return (parameter - to_parameter(fitted, fitted->typical)) / width_of(fitted);
}

static int residuals_at(const gsl_vector *parameters, void *context, gsl_vector *ret_residuals)
{
	const struct fit *fit = context;
	struct hypervisor hypervisor = hypervisor_at(fit, parameters);

	for (uint32_t i = 0; i < fit->count; i++) {
		struct expected draws[DRAWS], mean;
		double residuals[RESIDUALS_A_ROW];

		expect_row(fit->rows[i], &hypervisor, EXPECT_PLAIN, 0, DRAWS, draws);
		mean = expect_mean(draws, DRAWS);
		residuals_of(fit->rows[i], &hypervisor, &mean, residuals);
		for (size_t j = 0; j < RESIDUALS_A_ROW; j++)
			gsl_vector_set(ret_residuals, RESIDUALS_A_ROW * i + j, soften(residuals[j]));
	}
	for (size_t i = 0; i < fit->constant_count; i++)
		gsl_vector_set(ret_residuals, RESIDUALS_A_ROW * fit->count + i,
		               distance(fit->fitted[i], gsl_vector_get(parameters, i)));
	return GSL_SUCCESS;
}

/* The nearest parameter whose constant is within its range. */
static double in_range(const struct fit *fit, size_t index, double parameter)
{
	return to_parameter(fit->fitted[index],
	                    from_parameter(fit->fitted[index], fit->constants[index], parameter));
}

/*
 * Central differences over a width to either side, or to the end of its range: a migration is a staircase of
 * rounds and looks. Smaller steps see single stairs, make a constant seem to do more than it does, and its
 * standard error too small.
 */
static int derivatives_at(const gsl_vector *parameters, void *context, gsl_matrix *ret_derivatives)
{
	const struct fit *fit = context;
	size_t n = ret_derivatives->size1;
	gsl_vector *at = gsl_vector_alloc(fit->constant_count), *above = gsl_vector_alloc(n),
		   *below = gsl_vector_alloc(n);

	must(at != NULL && above != NULL && below != NULL);
	for (size_t j = 0; j < fit->constant_count; j++) {
		double step = width_of(fit->fitted[j]), middle = gsl_vector_get(parameters, j);
		double high = in_range(fit, j, middle + step), low = in_range(fit, j, middle - step);

		if (!(high > low)) { /* far outside: only the way back counts */
			high = middle + step;
			low = middle - step;
		}
		gsl_vector_memcpy(at, parameters);
		gsl_vector_set(at, j, high);
		residuals_at(at, context, above);
		gsl_vector_set(at, j, low);
		residuals_at(at, context, below);
		for (size_t i = 0; i < n; i++)
			gsl_matrix_set(ret_derivatives, i, j,
			               (gsl_vector_get(above, i) - gsl_vector_get(below, i)) / (high - low));
	}
	gsl_vector_free(at);
	gsl_vector_free(above);
	gsl_vector_free(below);
	return GSL_SUCCESS;
}

/* The standard error of a constant from that of its parameter. */
static double error_of(const struct fitted *fitted, double value, double parameter_error)
{
	return fitted->positive ? value * parameter_error : fitted->typical * parameter_error;
}

static void take_fit(const struct fit *fit, const gsl_multifit_nlinear_workspace *work,
                     struct calibration *calibration)
{
	size_t p = fit->constant_count, n = RESIDUALS_A_ROW * fit->count + p;
	gsl_matrix *covariance = gsl_matrix_alloc(p, p);
	const gsl_vector *residuals = gsl_multifit_nlinear_residual(work);
	double chi_squared;

	must(covariance != NULL);
	gsl_blas_ddot(residuals, residuals, &chi_squared);
	calibration->chi = sqrt(chi_squared / (double)(n > p ? n - p : 1));
	gsl_multifit_nlinear_covar(gsl_multifit_nlinear_jac(work), 1e-12, covariance);
	calibration->hypervisor = hypervisor_at(fit, gsl_multifit_nlinear_position(work));
	for (size_t i = 0; i < p; i++) {
		size_t at = (size_t)(fit->constants[i] - hypervisor_constants);
		double value = hypervisor_constant_get(&calibration->hypervisor, fit->constants[i]);

		calibration->constants[at].error =
			error_of(fit->fitted[i], value,
		                 calibration->chi * sqrt(fmax(gsl_matrix_get(covariance, i, i), 0)));
	}
	gsl_matrix_free(covariance);
}

static int fit_constants(struct fit *fit, struct calibration *calibration, struct error *error)
{
	gsl_multifit_nlinear_parameters settings = gsl_multifit_nlinear_default_parameters();
	size_t p = fit->constant_count, n = RESIDUALS_A_ROW * fit->count + p;
	gsl_multifit_nlinear_fdf problem = {
		.f = residuals_at, .df = derivatives_at, .n = n, .p = p, .params = fit
	};
	gsl_multifit_nlinear_workspace *work;
	gsl_vector *parameters = gsl_vector_alloc(p);
	int info, status;

	must(parameters != NULL);
	for (size_t i = 0; i < p; i++)
		gsl_vector_set(
			parameters, i,
			to_parameter(fit->fitted[i], hypervisor_constant_get(fit->start, fit->constants[i])));
	work = gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &settings, n, p);
	must(work != NULL);
	status = gsl_multifit_nlinear_init(parameters, &problem, work);
	if (status == GSL_SUCCESS)
		status = gsl_multifit_nlinear_driver(ITERATIONS_MOST, 1e-4, 1e-5, 1e-6, NULL, NULL, &info,
		                                     work);
	/* On a staircase the last steps may bring nothing: where it stands is good enough. */
	if (status == GSL_SUCCESS || status == GSL_ENOPROG || status == GSL_EMAXITER) {
		take_fit(fit, work, calibration);
		status = 0;
	} else {
		status = error_set(error, ERROR_INPUT, "the constants cannot be fitted to these rows: %s",
		                   gsl_strerror(status));
	}
	gsl_multifit_nlinear_free(work);
	gsl_vector_free(parameters);
	return status;
}

/* ------------------------------------------------------------------ residuals by law and by cell */

static struct residuals *residuals_named(struct residuals **groups, uint32_t *count, const char *name)
{
	for (uint32_t i = 0; i < *count; i++)
		if (strcmp((*groups)[i].name, name) == 0)
			return &(*groups)[i];
	*groups = memory_resize(*groups, *count + 1, sizeof(**groups));
	(*groups)[*count] = (struct residuals){ .name = name };
	return &(*groups)[(*count)++];
}

static void add_residuals(struct residuals *group, const struct measured *row, const struct expected *mean)
{
	double share;

	if (mean->completed != row->completed) {
		group->wrong++;
		return;
	}
	if (!row->completed)
		return;
	share = mean->elapsed_s / row->elapsed_s - 1;
	group->rows++;
	group->time_bias += share;
	group->time_error += fabs(share);
	group->bytes_error += row->bytes > 0 ? fabs(mean->bytes / row->bytes - 1) : 0;
	group->downtime_ms += isnan(row->downtime_s) ? 0 : 1000 * fabs(mean->downtime_s - row->downtime_s);
	group->iterations += isnan(row->iterations) ? 0 : fabs(mean->iterations - row->iterations);
}

static void finish_residuals(struct residuals *group)
{
	double rows = group->rows > 0 ? group->rows : 1;

	group->time_bias /= rows;
	group->time_error /= rows;
	group->bytes_error /= rows;
	group->downtime_ms /= rows;
	group->iterations /= rows;
}

void calibrate_residuals(const struct measured *rows, uint32_t count, const struct hypervisor *hypervisor,
                         struct calibration *calibration)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct measured *row = &rows[i];
		struct expected draws[DRAWS], mean;

		if (row->held_out || row->post_copy || row->batch[0] != '\0' ||
		    strcmp(row->hypervisor, hypervisor->name) != 0 ||
		    (calibration->machine && strcmp(row->machine, calibration->machine) != 0))
			continue;
		expect_row(row, hypervisor, EXPECT_PLAIN, 0, DRAWS, draws);
		mean = expect_mean(draws, DRAWS);
		add_residuals(&calibration->overall, row, &mean);
		add_residuals(residuals_named(&calibration->laws, &calibration->law_count,
		                              dirty_law_names[row->dirty.law]),
		              row, &mean);
		if (*row->cell)
			add_residuals(
				residuals_named(&calibration->cells, &calibration->cell_count, row->cell),
				row, &mean);
	}
	finish_residuals(&calibration->overall);
	for (uint32_t i = 0; i < calibration->law_count; i++)
		finish_residuals(&calibration->laws[i]);
	for (uint32_t i = 0; i < calibration->cell_count; i++)
		finish_residuals(&calibration->cells[i]);
}

/* ------------------------------------------------------------------ all of it */

/* The machine that most of the rows are from that can be fitted to; of as many, the one that comes first. */
static const char *chief_machine(const struct measured *rows, uint32_t count, const struct hypervisor *start)
{
	const char *chief = "";
	uint32_t most = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t found = 0;

		if (!calibrate_takes(&rows[i], start) || (most > 0 && !strcmp(rows[i].machine, chief)))
			continue;
		for (uint32_t j = i; j < count; j++)
			found += calibrate_takes(&rows[j], start) &&
			         !strcmp(rows[i].machine, rows[j].machine);
		if (found > most) {
			most = found;
			chief = rows[i].machine;
		}
	}
	return chief;
}

static void choose_rows(const struct measured *rows, uint32_t count, struct fit *fit,
                        struct calibration *calibration)
{
	fit->rows = MEMORY_ARRAY(const struct measured *, count);
	calibration->machine = chief_machine(rows, count, fit->start);
	for (uint32_t i = 0; i < count; i++) {
		bool together = rows[i].batch[0] != '\0' && !rows[i].held_out && rows[i].completed;

		if (calibrate_takes(&rows[i], fit->start) && !strcmp(rows[i].machine, calibration->machine))
			fit->rows[fit->count++] = &rows[i];
		else if (together && strcmp(rows[i].hypervisor, fit->start->name) == 0)
			calibration->rows_together++;
		else
			calibration->rows_left_out++;
	}
	calibration->rows_fitted = fit->count;
}

int calibrate(const struct measured *rows, uint32_t count, const struct hypervisor *start,
              struct calibration *ret_calibration, struct error *error)
{
	struct calibration calibration = { .hypervisor = *start };
	struct fit fit = { .start = start };
	size_t constants = 0;
	int result = 0;

	gsl_set_error_handler_off();
	for (; hypervisor_constants[constants].name != NULL; constants++)
		calibration.constants[constants].error = NAN;
	must(constants <= CALIBRATE_CONSTANTS_MOST);
	choose_rows(rows, count, &fit, &calibration);
	if (fit.count < CALIBRATE_ROWS_LEAST)
		result = error_set(
			error, ERROR_INPUT,
			"%u completed pre-copy migrations of %s that ran alone, expected at least %d",
			fit.count, start->name, CALIBRATE_ROWS_LEAST);
	if (!result) {
		choose_constants(&fit);
		result = fit_constants(&fit, &calibration, error);
	}
	if (!result) {
		calibrate_spreads(fit.rows, fit.count, &calibration.hypervisor);
		for (size_t i = 0; i < constants; i++)
			calibration.constants[i].value = hypervisor_constant_get(&calibration.hypervisor,
			                                                         &hypervisor_constants[i]);
		calibrate_residuals(rows, count, &calibration.hypervisor, &calibration);
		*ret_calibration = calibration;
	}
	free(fit.rows);
	return result;
}

void calibration_free(struct calibration *calibration)
{
	free(calibration->laws);
	free(calibration->cells);
	*calibration = (struct calibration){ 0 };
}

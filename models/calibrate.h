/* SPDX-License-Identifier: GPL-3.0-or-later */
/* calibrate: the constants of one hypervisor and their spreads, fitted to measured migrations. */
#ifndef MODELS_CALIBRATE_H
#define MODELS_CALIBRATE_H

#include "core/error.h"
#include "models/hypervisor.h"
#include "models/measured.h"

enum { CALIBRATE_CONSTANTS_MOST = 32, CALIBRATE_ROWS_LEAST = 6 };

/* One constant of hypervisor_constants[], in the units of a model file. */
struct calibrated {
	double value;
	double error; /* standard error; NAN: it was not fitted, the value is the start's */
};

/* Measured against expected, over the rows of one law or one cell that could be compared. */
struct residuals {
	const char *name;
	uint32_t rows;
	double time_bias;   /* mean of expected / measured - 1 */
	double time_error;  /* mean of its absolute value */
	double bytes_error; /* the same of the bytes */
	double downtime_ms; /* mean absolute difference */
	double iterations;  /* mean absolute difference */
	uint32_t wrong;     /* rows whose convergence the model gets wrong; not in the means */
};

struct calibration {
	struct hypervisor hypervisor; /* the start's rules with the fitted constants */
	struct calibrated constants[CALIBRATE_CONSTANTS_MOST]; /* as hypervisor_constants[] */
	uint32_t rows_fitted;   /* alone, by pre-copy, completed, not held out */
	uint32_t rows_together; /* of batches: for share_spread only */
	uint32_t rows_left_out; /* held out, given up, by post-copy, of other hypervisors or machines */
	const char *machine;    /* a row's: the residuals are of its rows; NULL: of all */
	double chi;             /* root mean square of the weighted residuals: 1 is as good as assumed */
	struct residuals overall;
	struct residuals *laws, *cells; /* MEMORY_ARRAYs, by name; freed by calibration_free */
	uint32_t law_count, cell_count;
};

/*
 * Fits the constants by nonlinear least squares (GSL's Levenberg-Marquardt with soft-L1 residuals, so that
 * one disturbed row does not turn the fit), then the spreads: their proportions by maximum likelihood, their
 * size such that the intervals from the 10th to the 90th percentile hold 80 % of the fitted rows.
 *
 * rows of other hypervisors than start->name are left out, and those of other machines than the one that most
 * rows are from: what a set-up takes there would look like chance. What the rows cannot tell (the wire's
 * efficiency when no link was the limit, …) keeps the start's value. The laws of the guests must be known;
 * post-copy and batches are left out here. Returns ERROR_INPUT when fewer than CALIBRATE_ROWS_LEAST rows are
 * left.
 */
int calibrate(const struct measured *rows, uint32_t count, const struct hypervisor *start,
              struct calibration *ret_calibration, struct error *error);

void calibration_free(struct calibration *calibration);

/* Residuals of rows with the hypervisor as it is; by law and by cell into the calibration's arrays. */
void calibrate_residuals(const struct measured *rows, uint32_t count, const struct hypervisor *hypervisor,
                         struct calibration *calibration);

/* Whether the constants' fit looks at the row. */
bool calibrate_takes(const struct measured *row, const struct hypervisor *start);

/* Part of calibrate(): the spreads of hypervisor, for rows that calibrate_takes. */
void calibrate_spreads(const struct measured *const *rows, uint32_t count, struct hypervisor *hypervisor);

#endif

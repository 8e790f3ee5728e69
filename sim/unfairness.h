/* SPDX-License-Identifier: GPL-3.0-or-later */
/* unfairness: what migrations do to each other, fitted to those that were measured together. */
#ifndef SIM_UNFAIRNESS_H
#define SIM_UNFAIRNESS_H

#include "core/error.h"
#include "models/hypervisor.h"
#include "models/measured.h"

enum { UNFAIRNESS_ROWS_LEAST = 6 };

/*
 * Of the rows of batches that are not held out: setup_crowd of a hypervisor such that the expected times are
 * as often too long as too short; then share_spread such that the intervals from the 10th to the 90th
 * percentile of the time hold 80 % of them. *ret_fitted: false when there are fewer than
 * UNFAIRNESS_ROWS_LEAST rows; then nothing is changed.
 */
int unfairness_fit(const struct measured *rows, uint32_t count, struct hypervisor *hypervisor, uint64_t seed,
                   bool *ret_fitted, struct error *error);

#endif

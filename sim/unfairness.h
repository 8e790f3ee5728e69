/* SPDX-License-Identifier: GPL-3.0-or-later */
/* unfairness: how unevenly migrations share a link, fitted to those that were measured together. */
#ifndef SIM_UNFAIRNESS_H
#define SIM_UNFAIRNESS_H

#include "core/error.h"
#include "models/hypervisor.h"
#include "models/measured.h"

enum { UNFAIRNESS_ROWS_LEAST = 6 };

/*
 * Sets share_spread of a hypervisor such that the intervals from the 10th to the 90th percentile of the time
 * hold 80 % of the rows of batches that are not held out. *ret_fitted: false when there are fewer than
 * UNFAIRNESS_ROWS_LEAST of them; then nothing is changed. setup_crowd is not fitted: where links are full, a
 * later start changes nobody's end, and batches do not tell.
 */
int unfairness_fit(const struct measured *rows, uint32_t count, struct hypervisor *hypervisor, uint64_t seed,
                   bool *ret_fitted, struct error *error);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* same: whether two things hold the same numbers, bit for bit. */
#ifndef TESTS_SUPPORT_SAME_H
#define TESTS_SUPPORT_SAME_H

#include "models/calibrate.h"

/* Their names are the same text; no number is a NAN. */
bool same_hypervisor(const struct hypervisor *a, const struct hypervisor *b);
bool same_hypervisors(const struct hypervisors *a, const struct hypervisors *b);

/* Two NANs are the same. */
bool same_calibrated(const struct calibrated *a, const struct calibrated *b);
bool same_residuals(const struct residuals *a, const struct residuals *b);

#endif

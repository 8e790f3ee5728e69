/* SPDX-License-Identifier: GPL-3.0-or-later */
/* calibrate: the parts of that command. */
#ifndef CLI_CALIBRATE_H
#define CLI_CALIBRATE_H

#include "core/json.h"
#include "models/measured.h"

/*
 * D(t) of each cell whose dirty memory was looked at from outside, fitted to those looks, beside its law's: a
 * table on standard output, nothing when there are no looks.
 */
int calibrate_print_curves(const struct measured *rows, uint32_t count, bool csv, struct error *error);

/* The same for JSON: points that a cluster file's `dirty` of model "measured" takes as they are. */
json_t *calibrate_curves_json(const struct measured *rows, uint32_t count);

#endif

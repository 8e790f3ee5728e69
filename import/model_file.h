/* SPDX-License-Identifier: GPL-3.0-or-later */
/* model_file: the constants of a hypervisor as `calibrate` writes them (lockkeeper.model/1). */
#ifndef IMPORT_MODEL_FILE_H
#define IMPORT_MODEL_FILE_H

#include "core/json.h"
#include "models/calibrate.h"
#include "models/hypervisor.h"

/*
 * Puts the constants of the file into the row of its hypervisor; what the file leaves out stays as it is.
 * *hypervisors: a copy of those that ship, or with other files applied before. Not touched on failure.
 */
int model_file_read(const struct json_doc *doc, struct hypervisors *hypervisors, struct error *error);

/* A file's text from a calibration; the caller free()s the value with json_free. source: what it was fitted
 * to. */
json_t *model_file_write(const struct calibration *calibration, const char *source);

#endif

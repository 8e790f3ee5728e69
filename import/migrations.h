/* SPDX-License-Identifier: GPL-3.0-or-later */
/* migrations: a CSV of measured live migrations, read into rows of struct measured. */
#ifndef IMPORT_MIGRATIONS_H
#define IMPORT_MIGRATIONS_H

#include "core/arena.h"
#include "core/error.h"
#include "models/measured.h"

#include <stddef.h>

/*
 * Reads text[0 … length). The first line names the columns, in any order: those of tests/lab/measure or those
 * of the older tests/data/qemu-7.2-migrations.csv (tests/data/README.md describes both). Columns of other
 * names are ignored: what a laboratory notes beside is its own. A missing column, an empty field or a bad
 * number that a model could not do without is an error that names file, line and column.
 *
 * Read with care: a bandwidth or link of 0 is none; a result that is empty or `nan` was not measured; `use`
 * is fit or test, without it fit; a row whose `concurrent` is 1 is in no batch; the points seen from outside
 * never fall with the interval and are in pages.
 * file: how messages call it. Rows and their texts are the arena's.
 */
int migrations_read(const char *text, size_t length, const char *file, struct arena *arena,
                    struct measured **ret_rows, uint32_t *ret_count, struct error *error);

#endif

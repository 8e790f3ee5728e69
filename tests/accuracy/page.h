/* SPDX-License-Identifier: GPL-3.0-or-later */
/* page: docs/accuracy.md and its pictures, from the scores. */
#ifndef TESTS_ACCURACY_PAGE_H
#define TESTS_ACCURACY_PAGE_H

#include "tests/accuracy/report.h"

/*
 * Writes DOCS/accuracy.md and DOCS/images/accuracy-*.svg and .png over what is there. The CSV that is drawn,
 * and the script that draws it, are left in the folder `work`.
 */
int page_write(const struct accuracy *accuracy, const char *docs, const char *work, struct error *error);

#endif

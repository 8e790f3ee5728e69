/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plots: draws what a command has written as CSV, with gnuplot. */
#ifndef CLI_PLOTS_H
#define CLI_PLOTS_H

#include "cli/table.h"
#include "sim/uncertain.h"

/*
 * Draws DIR/NAME.csv, which must be there, as DIR/NAME.svg and DIR/NAME.png, over what may be there already.
 * The script, plots/NAME.gp of the program's data, is copied beside them, so that `gnuplot NAME.gp` in DIR
 * draws again. gnuplot is run without a shell and without the user's own settings: the same CSV gives the
 * same SVG. ERROR_IO when a file cannot be read or written, or when gnuplot is missing or fails; no half a
 * picture stays then.
 */
int plots_draw(const char *dir, const char *name, struct error *error);

/* Writes DIR/NAME.csv, making the folder, over what may be there. */
int plots_write(const char *dir, const char *name, const char *csv, size_t length, struct error *error);

/* The same of a table, and draws it. The table is freed. */
int plots_table(const char *dir, const char *name, struct table *table, struct error *error);

/* What a distribution's values are sorted into: quarters of its chances; the text is the quarter's range. */
enum { PLOTS_QUARTERS = 4 };
void plots_quarter_text(const struct uncertain_input *input, uint32_t quarter, char *ret_text, size_t room);

#endif

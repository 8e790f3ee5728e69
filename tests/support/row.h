/* SPDX-License-Identifier: GPL-3.0-or-later */
/* row: one line of the table that `make bench` ends with: a figure, its target, and what it stands beside. */
#ifndef TESTS_SUPPORT_ROW_H
#define TESTS_SUPPORT_ROW_H

#include <stdbool.h>

struct row {
	const char *what;
	double value;
	const char *unit; /* of the value and of its target; empty: none */
	double target;
	bool at_least;      /* the target is the least that the value should be, else the most */
	const char *beside; /* a peer or a bound measured in the same run; NULL: the target is the bound */
	double ratio;       /* how many times that the value is; ignored without */
};

/*
 * Prints the row, and adds it to the file that the environment's ROWS names, if it does: tests/bench/run
 * makes the table of it. A target that is missed is said, and nothing more. false: the file cannot be
 * written.
 */
bool row_print(const struct row *row);

#endif

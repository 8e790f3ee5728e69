/* SPDX-License-Identifier: GPL-3.0-or-later */
/* child: a program run once, and what it took. */
#ifndef TESTS_SUPPORT_CHILD_H
#define TESTS_SUPPORT_CHILD_H

#include <stdbool.h>

struct child {
	double seconds;  /* by the clock on the wall */
	double peak_mib; /* the most memory that it had at a time */
	int code;        /* its exit code */
};

/*
 * Runs arguments[0] with these arguments, NULL at the end; what it prints goes to the file at output. false:
 * it could not be run, or was killed; a line on standard output says so.
 */
bool child_run(const char *const *arguments, const char *output, struct child *ret_child);

#endif

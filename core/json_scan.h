/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_scan: a strict walk over JSON text that finds the first mistake, or the place of the n-th value. */
#ifndef CORE_JSON_SCAN_H
#define CORE_JSON_SCAN_H

#include <stddef.h>

enum { JSON_DEPTH_MAX = 512 };

struct json_scan {
	const char *text;
	size_t length;
	size_t at;           /* where the walk stands: the mistake, or the value looked for */
	size_t values;       /* values begun so far, in the order of the text */
	const char *mistake; /* what is wrong at `at`; NULL: nothing */
};

/*
 * Walks text[0 … length). Stops before value number `stop` (0 = the root, counted in the order of the text),
 * or at the end when there are fewer. Returns 0, or -1 with scan->mistake and scan->at. RFC 8259, and UTF-8
 * (RFC 3629).
 */
int json_scan(struct json_scan *scan, const char *text, size_t length, size_t stop);

/* The line, from 1, on which byte `at` stands. */
size_t json_scan_line(const char *text, size_t at);

#endif

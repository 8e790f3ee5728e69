/* SPDX-License-Identifier: GPL-3.0-or-later */
/* moment: points of time as files write them: RFC 3339, in UTC, to the second. */
#ifndef CORE_MOMENT_H
#define CORE_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

enum { MOMENT_ROOM = 32 };

/* The last moment that can be written: the end of the year 9999. */
#define MOMENT_LAST_S INT64_C(253402300799)

/*
 * Reads "2026-11-26T12:00:00Z", that spelling alone: equal moments are equal texts. false: it is none (a day
 * that no month has, a leap second, a year before 1970).
 */
bool moment_parse(const char *text, int64_t *ret_unix_s);

/* Writes seconds since 1970, 0 … MOMENT_LAST_S. */
void moment_text(int64_t unix_s, char ret_text[MOMENT_ROOM]);

#endif

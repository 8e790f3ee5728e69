/* SPDX-License-Identifier: GPL-3.0-or-later */
/* trace: every event of a run as a line of text, in a form that stays the same. */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include "sim/world.h"

/* Zero-initialised is empty and ready. */
struct trace {
	char *text;
	size_t length, room;
};

void trace_free(struct trace *trace);

/* "[    12.345678] subject      word       details": nothing when the run is not traced. */
void trace_line(struct world *world, const char *subject, const char *word, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The same about a move: "[…] vm           word       h0 > h1  details". */
void trace_move(struct world *world, const struct move *move, const char *word, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* must: assertions that stay in release builds, for what can only be broken by a bug of ours. */
#ifndef CORE_MUST_H
#define CORE_MUST_H

#include <stdnoreturn.h>

/* Prints the broken assumption, where it stands and (when set) the simulation's time and seed; aborts. */
noreturn void must_fail(const char *expression, const char *file, int line);

/* What must_fail prints beside the place, for the calling thread. time_ns < 0: no simulation is running. */
void must_context(long long time_ns, unsigned long long seed);

/* A statement, so that linters see that nothing goes on after a broken assumption. */
#define must(expression)                                            \
	do {                                                        \
		if (!(expression))                                  \
			must_fail(#expression, __FILE__, __LINE__); \
	} while (0)

#endif

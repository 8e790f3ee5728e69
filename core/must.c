/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/must.h"

#include <stdio.h>
#include <stdlib.h>

static _Thread_local long long context_time_ns = -1;
static _Thread_local unsigned long long context_seed;

void must_context(long long time_ns, unsigned long long seed)
{
	context_time_ns = time_ns;
	context_seed = seed;
}

noreturn void must_fail(const char *expression, const char *file, int line)
{
	fprintf(stderr, "lockkeeper: broken assumption at %s:%d: %s", file, line, expression);
	if (context_time_ns >= 0)
		fprintf(stderr, " (at %.9f s, seed %llu)", (double)context_time_ns / 1e9, context_seed);
	fputc('\n', stderr);
	abort();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fetch: memory that is needed soon is sent for, while the processor has something else to do. */
#ifndef SIM_FETCH_H
#define SIM_FETCH_H

#include <stddef.h>

enum { CACHE_LINE = 64 };

/*
 * Sends for the cache lines of so much memory; nothing is read, so that it may be anywhere. The empty
 * assembly is an effect: gcc leaves out calls of a function that has none (-fipa-pure-const), and to
 * prefetch is none.
 */
static inline void fetch(const void *memory, size_t size)
{
	const char *at = memory;

	__asm__ volatile("");
	for (size_t offset = 0; offset < size; offset += CACHE_LINE)
		__builtin_prefetch(at + offset);
}

#endif

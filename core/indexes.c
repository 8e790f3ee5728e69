/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/indexes.h"

#include <stdlib.h>

int index_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void indexes_sort(uint32_t *indexes, uint32_t count)
{
	if (count > 1)
		qsort(indexes, count, sizeof(indexes[0]), index_compare);
}

uint32_t indexes_sort_once(uint32_t *indexes, uint32_t count)
{
	uint32_t kept = 0;

	indexes_sort(indexes, count);
	for (uint32_t i = 0; i < count; i++) {
		if (kept == 0 || indexes[kept - 1] != indexes[i])
			indexes[kept++] = indexes[i];
	}
	return kept;
}

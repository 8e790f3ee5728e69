/* SPDX-License-Identifier: GPL-3.0-or-later */
/* indexes: lists of entities by their index, in order. */
#ifndef CORE_INDEXES_H
#define CORE_INDEXES_H

#include <stdint.h>

/* For qsort and bsearch over uint32_t, smallest first. */
int index_compare(const void *a, const void *b);

/* Sorts, smallest first. indexes may be NULL when count is 0. */
void indexes_sort(uint32_t *indexes, uint32_t count);

/* Sorts and keeps each once; returns how many are left. */
uint32_t indexes_sort_once(uint32_t *indexes, uint32_t count);

#endif

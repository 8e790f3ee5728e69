/* SPDX-License-Identifier: GPL-3.0-or-later */
/* precopy_parts: the memory of a migration, part by part: what is dirty, where, and what is still unsent. */
#ifndef MODELS_PRECOPY_PARTS_H
#define MODELS_PRECOPY_PARTS_H

/* Inside of precopy.c: nobody else needs it. */

#include "models/bounds.h"
#include "models/precopy.h"

#include <math.h>

/* Numbers closer together than this share of them are the same. */
static const double SAME = 1e-9;

/* The whole memory unsent, in the order in which QEMU sends it; input and input.luck are set. */
void precopy_parts_start(struct precopy *precopy);

/* Merges the dirty log: an iteration. The cursor has passed taken_bytes since the last one. */
void precopy_parts_sync(struct precopy *precopy);

/* Writes down what is pending now, and the lowest so far. */
void precopy_parts_note(struct precopy *precopy);

/* Bytes on the wire of all that is known to be dirty and not yet taken. */
static inline double precopy_parts_unsent(const struct precopy *precopy)
{
	return at_least(precopy->known_bytes - precopy->taken_bytes, 0);
}

/* Bytes on the wire of the last so many pending bytes of the queue, which count 4096 a page. */
double precopy_parts_last(const struct precopy *precopy, double pending);

/* Bytes to be sent before the first zero page; INFINITY: it is behind us. */
double precopy_parts_find_zeros(const struct precopy *precopy);

static inline double precopy_parts_before_zeros(const struct precopy *precopy)
{
	return precopy->scan_left_s > 0 ? precopy_parts_find_zeros(precopy) : INFINITY;
}

#endif

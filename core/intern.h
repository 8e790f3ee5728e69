/* SPDX-License-Identifier: GPL-3.0-or-later */
/* intern: one copy of each text, and tables from a text to an index. */
#ifndef CORE_INTERN_H
#define CORE_INTERN_H

#include "core/arena.h"

#include <stdint.h>

struct interns;

/* The table lives in the arena. */
struct interns *interns_new(struct arena *arena);

/* The arena that the table lives in is from now on at another address. */
void interns_move(struct interns *interns, struct arena *arena);

/* The one copy of a text. */
const char *intern(struct interns *interns, const char *text);

/*
 * Binds an index to (kind, text); kinds keep hosts and VMs of one name apart. Returns the index that was
 * bound before, or UINT32_MAX when the binding is new.
 */
uint32_t intern_bind(struct interns *interns, unsigned kind, const char *text, uint32_t index);

/* The bound index, UINT32_MAX when there is none. */
uint32_t intern_find(const struct interns *interns, unsigned kind, const char *text);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arena: memory that is taken piece by piece and given back all at once. */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zero-initialised is empty and ready. One thread at a time. */
struct arena {
	struct arena_block *blocks; /* newest first */
	struct arena_block *spare;  /* kept by arena_reset */
	size_t used;                /* bytes used of the newest */
	size_t total;               /* bytes handed out since the start, for measurements */
};

/* size bytes, zeroed, aligned to 16; never NULL (out of memory: the program ends with one line, exit 1). */
void *arena_take(struct arena *arena, size_t size);

/* The same, not zeroed: for what is large and filled in piece by piece. */
void *arena_take_raw(struct arena *arena, size_t size);

/* A copy of length bytes of text with a closing NUL. */
char *arena_text(struct arena *arena, const char *text, size_t length);

/* printf into the arena. */
char *arena_print(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Gives everything back; the arena is empty and ready again. */
void arena_free(struct arena *arena);

/* Takes everything back, but keeps the memory: one run after another needs as much as the one before it. */
void arena_reset(struct arena *arena);

/* malloc, calloc's zeroing array and realloc that end the program with one line when memory runs out. */
void *memory_take(size_t size);
void *memory_array(size_t count, size_t size);
void *memory_resize(void *old, size_t count, size_t size);

#define ARENA_ARRAY(arena, type, count) ((type *)arena_take((arena), sizeof(type) * (size_t)(count)))
#define MEMORY_ARRAY(type, count) ((type *)memory_array((size_t)(count), sizeof(type)))

#endif

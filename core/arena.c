/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/arena.h"

#include "core/must.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Arrays of this size lie side by side often enough to share a huge page, of 2 MiB on most machines. */
enum { SMALL_PAGE = 4096, HUGE_LEAST = 64 * 1024 };

enum { ARENA_ALIGN = 16, ARENA_BLOCK_MIN = 1024, ARENA_BLOCK_MAX = 16 * 1024 * 1024 };

struct arena_block {
	struct arena_block *older;
	size_t size;
	_Alignas(16) unsigned char bytes[];
};

/*
 * What the system gave for so many bytes: the program ends where that is nothing. Large memory is asked for
 * in huge pages (Documentation/admin-guide/mm/transhuge.rst): a run of many moves looks at them in no order,
 * and would wait for the addresses of small pages longer than for the memory. Only a hint: where the system
 * has none, nothing is lost.
 */
static void *taken(void *memory, size_t size)
{
	uintptr_t from = (uintptr_t)memory & ~(uintptr_t)(SMALL_PAGE - 1);

	if (!memory) {
		fprintf(stderr, "lockkeeper: out of memory: %zu bytes more were needed\n", size);
		exit(1);
	}
	if (size >= HUGE_LEAST)
		(void)madvise((void *)from, (uintptr_t)memory + size - from, MADV_HUGEPAGE);
	return memory;
}

void *memory_take(size_t size)
{
	return taken(malloc(size ? size : 1), size);
}

void *memory_array(size_t count, size_t size)
{
	must(size == 0 || count <= SIZE_MAX / size);
	return taken(calloc(count ? count : 1, size ? size : 1), count * size);
}

void *memory_resize(void *old, size_t count, size_t size)
{
	must(size > 0 && count <= SIZE_MAX / size);
	return taken(realloc(old, count ? count * size : 1), count * size);
}

/* One of those that were used before a reset, NULL: none is so large. */
static struct arena_block *block_spare(struct arena *arena, size_t size)
{
	for (struct arena_block **at = &arena->spare; *at; at = &(*at)->older) {
		struct arena_block *block = *at;

		if (block->size < size)
			continue;
		*at = block->older;
		return block;
	}
	return NULL;
}

static struct arena_block *block_new(const struct arena *arena, size_t size)
{
	size_t next = arena->blocks ? arena->blocks->size * 2 : ARENA_BLOCK_MIN;
	struct arena_block *block;

	next = next > ARENA_BLOCK_MAX ? ARENA_BLOCK_MAX : next;
	next = next < size ? size : next;
	block = memory_take(sizeof(*block) + next);
	block->size = next;
	return block;
}

void *arena_take_raw(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;
	void *memory;

	must(size <= SIZE_MAX / 2);
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (!block || block->size - arena->used < size) {
		block = block_spare(arena, size);
		if (!block)
			block = block_new(arena, size);
		block->older = arena->blocks;
		arena->blocks = block;
		arena->used = 0;
	}
	memory = block->bytes + arena->used;
	arena->used += size;
	arena->total += size;
	return memory;
}

void *arena_take(struct arena *arena, size_t size)
{
	return memset(arena_take_raw(arena, size), 0, size);
}

char *arena_text(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_take(arena, length + 1);

	memcpy(copy, text, length);
	return copy;
}

char *arena_print(struct arena *arena, const char *format, ...)
{
	va_list arguments, again;
	int length;
	char *text;

	va_start(arguments, format);
	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, arguments);
	must(length >= 0);
	text = arena_take(arena, (size_t)length + 1);
	vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	va_end(arguments);
	return text;
}

static void blocks_free(struct arena_block *block)
{
	while (block) {
		struct arena_block *older = block->older;

		free(block);
		block = older;
	}
}

void arena_free(struct arena *arena)
{
	blocks_free(arena->blocks);
	blocks_free(arena->spare);
	*arena = (struct arena){ 0 };
}

void arena_reset(struct arena *arena)
{
	struct arena_block **oldest = &arena->blocks;

	/* The newest first: they are the largest. */
	while (*oldest)
		oldest = &(*oldest)->older;
	*oldest = arena->spare;
	arena->spare = arena->blocks;
	arena->blocks = NULL;
	arena->used = 0;
	arena->total = 0;
}

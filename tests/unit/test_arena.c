/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/arena.h"

#include <criterion/criterion.h>

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_zero(const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

Test(arena, gives_zeroed_aligned_memory_of_any_size)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 4096, 65535, 65536, 65537, 1 << 20, 40 << 20, 1 };
	struct arena arena = { 0 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned char *memory = arena_take(&arena, sizes[i]);

		cr_assert(memory);
		cr_assert((uintptr_t)memory % 16 == 0);
		cr_assert(is_zero(memory, sizes[i]));
		memset(memory, 0xff, sizes[i]);
	}
	arena_free(&arena);
	cr_assert(!arena.blocks && arena.used == 0 && arena.total == 0);
}

Test(arena, pieces_do_not_overlap)
{
	enum { COUNT = 5000 };
	struct arena arena = { 0 };
	unsigned char *pieces[COUNT];

	for (size_t i = 0; i < COUNT; i++) {
		pieces[i] = arena_take(&arena, 1 + i % 100);
		memset(pieces[i], (int)(i % 251), 1 + i % 100);
	}
	for (size_t i = 0; i < COUNT; i++) {
		for (size_t k = 0; k < 1 + i % 100; k++)
			cr_assert(pieces[i][k] == i % 251);
	}
	arena_free(&arena);
}

Test(arena, total_counts_what_was_handed_out)
{
	struct arena arena = { 0 };

	arena_take(&arena, 16);
	arena_take(&arena, 1);
	cr_assert(arena.total == 32);
	arena_take(&arena, 1 << 20);
	cr_assert(arena.total == 32 + (1 << 20));
	arena_free(&arena);
}

Test(arena, reset_gives_zeroed_memory_again)
{
	struct arena arena = { 0 };

	arena_reset(&arena);
	for (int run = 0; run < 5; run++) {
		for (int i = 0; i < 100; i++) {
			unsigned char *memory = arena_take(&arena, 3000);

			cr_assert(is_zero(memory, 3000));
			memset(memory, 0xee, 3000);
		}
		arena_reset(&arena);
		cr_assert(arena.used == 0 && arena.total == 0);
	}
	arena_free(&arena);
	arena_free(&arena);
}

Test(arena, copies_text)
{
	struct arena arena = { 0 };
	char *text = arena_text(&arena, "compute-0 and more", 9);

	cr_assert(!strcmp(text, "compute-0"));
	cr_assert(!strcmp(arena_text(&arena, "", 0), ""));
	arena_free(&arena);
}

Test(arena, prints_text_of_any_length)
{
	struct arena arena = { 0 };
	char *text = arena_print(&arena, "%s-%d", "compute", 7);
	char *wide = arena_print(&arena, "%*d", 200000, 1);

	cr_assert(!strcmp(text, "compute-7"));
	cr_assert(strlen(wide) == 200000);
	cr_assert(!strcmp(arena_print(&arena, "%s", ""), ""));
	arena_free(&arena);
}

Test(arena, typed_arrays)
{
	struct arena arena = { 0 };
	uint64_t *in_arena = ARENA_ARRAY(&arena, uint64_t, 1000);
	uint64_t *own = MEMORY_ARRAY(uint64_t, 1000);

	for (int i = 0; i < 1000; i++) {
		cr_assert(in_arena[i] == 0 && own[i] == 0);
		in_arena[i] = own[i] = UINT64_MAX;
	}
	free(own);
	arena_free(&arena);
}

Test(memory, never_gives_null)
{
	void *none = memory_take(0), *empty = memory_array(0, 8), *grown = memory_resize(NULL, 0, 8);

	cr_assert(none && empty && grown);
	grown = memory_resize(grown, 1000, 8);
	memset(grown, 1, 8000);
	grown = memory_resize(grown, 10, 8);
	cr_assert(((char *)grown)[79] == 1);
	free(none);
	free(empty);
	free(grown);
}

Test(memory, a_size_beyond_all_bounds_is_a_broken_assumption, .signal = SIGABRT)
{
	memory_array(SIZE_MAX / 4, 8);
}

Test(memory, resizing_beyond_all_bounds_is_a_broken_assumption, .signal = SIGABRT)
{
	memory_resize(NULL, SIZE_MAX / 4, 8);
}

Test(arena, a_size_beyond_all_bounds_is_a_broken_assumption, .signal = SIGABRT)
{
	struct arena arena = { 0 };

	arena_take(&arena, SIZE_MAX - 8);
}

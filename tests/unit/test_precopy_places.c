/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the dirty pages are: the model's parts against a guest of single pages, with a bitmap, a dirty log, a
 * sender that goes round and a guest that writes.
 */
#include "models/precopy.h"
#include "tests/support/draw.h"
#include "tests/support/migrating.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAGES = 20000, NORMAL = 4104 };

struct guest {
	bool unsent[PAGES], logged[PAGES];
	uint32_t cursor;
	double written, sent; /* pages so far, parts of them included */
	struct draw random;
};

static struct guest guest;

static void guest_start(uint64_t seed)
{
	guest = (struct guest){ .random = { seed } };
	memset(guest.unsent, true, sizeof(guest.unsent));
}

static double unit(void)
{
	return (double)(draw_bits(&guest.random) >> 11) * 0x1p-53;
}

static uint32_t next_written(const struct precopy_input *input, double phase)
{
	const struct dirty *dirty = &input->dirty;
	uint32_t hot = (uint32_t)(dirty->hot_fraction * PAGES);
	uint64_t at;

	if (dirty->law == DIRTY_SEQUENTIAL) {
		at = (uint64_t)(guest.written + phase * PAGES);
		return (uint32_t)(at % PAGES);
	}
	if (unit() < dirty->hot_probability)
		return (uint32_t)(unit() * hot);
	return hot + (uint32_t)(unit() * (PAGES - hot));
}

/* To the next sync of the model's: as many pages written and sent as it says. */
static uint32_t guest_go_on(const struct precopy *precopy)
{
	double writes = precopy->input.dirty.rate_pages_s * precopy->clock_s,
	       sends = precopy->sent_bytes / NORMAL;
	uint32_t unsent = 0;

	for (; guest.written + 1 <= writes; guest.written++)
		guest.logged[next_written(&precopy->input, precopy->sweep_phase)] = true;
	for (uint32_t looked = 0; guest.sent + 1 <= sends && looked < PAGES; looked++) {
		guest.sent += guest.unsent[guest.cursor];
		guest.unsent[guest.cursor] = false;
		guest.cursor = (guest.cursor + 1) % PAGES;
	}
	for (uint32_t i = 0; i < PAGES; i++) {
		guest.unsent[i] |= guest.logged[i];
		guest.logged[i] = false;
		unsent += guest.unsent[i];
	}
	return unsent;
}

static void compare(const struct precopy_input *input, double rate_bytes_s, double tolerance)
{
	struct precopy precopy;

	guest_start(7);
	precopy_start(&precopy, input, 0.3);
	precopy_set_rate(&precopy, rate_bytes_s);
	for (int sync = 0; sync < 12 && precopy.phase == PRECOPY_COPYING;) {
		enum precopy_event event = migrating_next(&precopy);
		uint32_t unsent;

		if (event != PRECOPY_SYNCED)
			continue;
		sync++;
		unsent = guest_go_on(&precopy);
		cr_assert_lt(fabs(precopy.pending_bytes / 4096 - unsent), tolerance * PAGES,
		             "sync %d: %.0f pages, they are %u", sync, precopy.pending_bytes / 4096, unsent);
	}
}

static struct precopy_input writing(enum dirty_law law, double rate_pages_s)
{
	struct precopy_input input = migrating_busy(PAGES / 256.0, rate_pages_s);

	input.dirty.law = law;
	input.dirty.working_set_pages = PAGES;
	input.dirty.limit_pages = PAGES;
	return input;
}

/* The sender catches up with the writer, is caught up with, or both go at the same speed. */
Test(precopy_places, a_sequential_writer_is_where_it_is)
{
	static const double rates[] = { 100, 900, 3000, 5000, 7000, 9500, 20000 };

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct precopy_input input = writing(DIRTY_SEQUENTIAL, rates[i]);

		compare(&input, 7000.0 * NORMAL, 0.002);
		for (uint64_t luck = 1; luck < 8; luck++) {
			input.luck = luck;
			compare(&input, 7000.0 * NORMAL, 0.002);
		}
	}
}

Test(precopy_places, hot_pages_lie_together)
{
	static const double rates[] = { 500, 4000, 15000 };

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct precopy_input input = writing(DIRTY_HOTCOLD, rates[i]);

		input.dirty.hot_fraction = 0.2;
		input.dirty.hot_probability = 0.9;
		compare(&input, 7000.0 * NORMAL, 0.02);
	}
}

/* Nothing hot, or nothing cold: like the uniform law. */
Test(precopy_places, one_sort_of_pages_is_uniform)
{
	struct precopy_input input = writing(DIRTY_UNIFORM, 4000);
	struct precopy uniform, hot, cold;

	precopy_start(&uniform, &input, 0.3);
	precopy_run(&uniform, 7000.0 * NORMAL, 60);
	input.dirty.law = DIRTY_HOTCOLD;
	input.dirty.hot_fraction = input.dirty.hot_probability = 1;
	precopy_start(&hot, &input, 0.3);
	precopy_run(&hot, 7000.0 * NORMAL, 60);
	input.dirty.hot_fraction = input.dirty.hot_probability = 0;
	precopy_start(&cold, &input, 0.3);
	precopy_run(&cold, 7000.0 * NORMAL, 60);
	cr_assert_eq(uniform.phase, PRECOPY_DONE);
	cr_assert_float_eq(hot.now_s, uniform.now_s, 1e-6);
	cr_assert_float_eq(cold.now_s, uniform.now_s, 1e-6);
	cr_assert_float_eq(hot.sent_bytes, uniform.sent_bytes, NORMAL);
	cr_assert_float_eq(cold.sent_bytes, uniform.sent_bytes, NORMAL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What holds for every guest and every link: thousands of random ones, the same in each run. */
#include "models/hypervisor.h"
#include "models/precopy.h"

#include <criterion/criterion.h>
#include <math.h>

enum { GUESTS = 3000, STEPS = 400 };

static const double MIB = 1048576;

static const struct dirty_point CURVE[] = { { 0.125, 300 }, { 1, 2000 }, { 10, 9000 }, { 60, 9000 } };

/* xorshift64*: uniform in [0, 1). */
static double draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (double)((*state * 2685821657736338717u) >> 11) / 9007199254740992.0;
}

/* Spread evenly over the orders of magnitude from low to high. */
static double draw_size(uint64_t *state, double low, double high)
{
	return low * pow(high / low, draw(state));
}

static bool draw_bool(uint64_t *state, double probability)
{
	return draw(state) < probability;
}

static struct dirty draw_dirty(uint64_t *state, double used_pages)
{
	return (struct dirty){
		.law = (enum dirty_law)(draw(state) * DIRTY_LAW_COUNT),
		.point_count = 1 + (uint32_t)(draw(state) * 4),
		.points = CURVE,
		.working_set_pages = floor(used_pages * draw(state)),
		.rate_pages_s = draw_size(state, 1e-3, 1e7),
		.hot_fraction = draw(state),
		.hot_probability = draw(state),
		.exponent = draw_size(state, 0.05, 5),
		.background_pages_s = draw_bool(state, 0.5) ? 40 : 0,
		.duty_period_s = draw_bool(state, 0.5) ? draw_size(state, 0.01, 100) : 0,
		.duty_on_fraction = 0.01 + 0.99 * draw(state),
		.limit_pages = used_pages,
	};
}

static struct precopy_input draw_input(uint64_t *state)
{
	size_t count;
	const struct hypervisor *rows = hypervisor_all(&count);
	double memory_pages = floor(draw_size(state, 1, 3e7)), used_pages = floor(memory_pages * draw(state));
	struct precopy_input input = {
		.hypervisor = &rows[(size_t)(draw(state) * (double)count)],
		.dirty = draw_dirty(state, used_pages),
		.memory_pages = memory_pages,
		.used_pages = used_pages,
		.bandwidth_bytes_s = draw_bool(state, 0.5) ? INFINITY : draw_size(state, 1e3, 1e11),
		.setup_s = draw_bool(state, 0.3) ? 0 : draw(state),
		.switchover_s = draw_bool(state, 0.5) ? 0 : draw(state),
		.auto_converge = draw_bool(state, 0.5),
	};

	input.duty_phase_s = input.dirty.duty_period_s * draw(state);
	return input;
}

static double draw_rate(uint64_t *state, const struct precopy_input *input)
{
	double kind = draw(state);

	if (kind < 0.1)
		return 0;
	if (kind < 0.2)
		return INFINITY;
	if (kind < 0.4 && input->bandwidth_bytes_s < INFINITY)
		return input->bandwidth_bytes_s;
	return draw_size(state, 1e4, 1e11);
}

Test(models, dirty_memory_rises_and_two_intervals_hold_at_least_their_union)
{
	uint64_t state = 1;

	for (int guest = 0; guest < GUESTS; guest++) {
		struct dirty dirty = draw_dirty(&state, draw_size(&state, 1, 1e7));
		double phase_s = dirty.duty_period_s * draw(&state), from_s = draw_size(&state, 1e-3, 1e4);
		double last = 0, to_s = from_s;

		for (int step = 0; step < 50; step++) {
			double next_s = to_s + draw_size(&state, 1e-6, 1e3);
			double pages = dirty_unique_pages(&dirty, phase_s, from_s, next_s);
			double more = dirty_unique_pages(&dirty, phase_s, to_s, next_s);

			cr_assert(pages >= last * (1 - 1e-6) && pages <= dirty.limit_pages);
			if (dirty.law != DIRTY_MEASURED)
				cr_assert_leq(pages, (last + more) * (1 + 1e-5) + 1e-6);
			last = pages;
			to_s = next_s;
		}
	}
}

static void assert_sane(const struct precopy *precopy)
{
	cr_assert(precopy->event_s >= 0);
	cr_assert(isfinite(precopy->now_s) && isfinite(precopy->clock_s) &&
	          precopy->clock_s <= precopy->now_s + 1e-6);
	cr_assert(precopy->pending_bytes >= 0 &&
	          precopy->pending_bytes <= precopy->input.memory_pages * 4096 * (1 + 1e-9));
	cr_assert(precopy->min_pending_bytes <= precopy->pending_bytes &&
	          precopy->min_pending_s <= precopy->now_s);
	cr_assert(isfinite(precopy->threshold_bytes) && isfinite(precopy->sent_bytes) &&
	          precopy->sent_bytes >= 0);
	cr_assert(precopy->throttle >= 0 && precopy->throttle <= 0.99);
	cr_assert(precopy->part_count <= PRECOPY_PARTS);
}

static void assert_done(const struct precopy *precopy)
{
	const struct precopy_input *input = &precopy->input;
	double all = input->used_pages * 4104 + (input->memory_pages - input->used_pages) * 9;

	cr_assert_eq(precopy->pending_bytes, 0);
	cr_assert_geq(precopy->sent_bytes, all * (1 - 1e-6));
	cr_assert_geq(precopy->iterations, 2);
	cr_assert_geq(precopy->downtime_s, input->switchover_s);
	cr_assert_leq(precopy->stopped_s + precopy->downtime_s, precopy->now_s + 1e-9);
}

/* Bytes over the link from one look to the next are what its rate allows, but for bursts of one window. */
static void assert_bytes(const struct precopy *before, const struct precopy *after, double dt_s)
{
	double rate = fmin(before->rate_bytes_s, 1e15), most;

	if (before->phase == PRECOPY_COPYING)
		rate = fmin(rate, before->input.bandwidth_bytes_s);
	most = rate * dt_s;
	cr_assert_leq(after->sent_bytes - before->sent_bytes, most * (1 + 1e-9) + after->sent_bytes * 1e-9);
	if (before->phase == PRECOPY_COPYING)
		cr_assert_geq(after->sent_bytes - before->sent_bytes,
		              most * (1 - 1e-6) - after->sent_bytes * 1e-9 - 1);
}

static void assert_same(const struct precopy *a, const struct precopy *b)
{
	double scale = 1e-9 * (1 + a->sent_bytes + a->input.memory_pages * 4096);

	cr_assert_float_eq(a->sent_bytes, b->sent_bytes, scale);
	cr_assert_float_eq(a->pending_bytes, b->pending_bytes, scale);
	cr_assert_float_eq(a->threshold_bytes, b->threshold_bytes, 1e-9 * (1 + a->threshold_bytes));
	cr_assert_float_eq(a->clock_s, b->clock_s, 1e-9 * (1 + a->clock_s));
	cr_assert_float_eq(a->downtime_s, b->downtime_s, 1e-9 * (1 + a->now_s));
	cr_assert((a->event_s == INFINITY) == (b->event_s == INFINITY));
	if (a->event_s < INFINITY)
		cr_assert_float_eq(a->event_s, b->event_s, 1e-9 * (1 + a->now_s + a->event_s));
}

/* One advance; the same in two, with the same rate set again in between. */
static void advance(struct precopy *precopy, double dt_s, uint64_t *state)
{
	struct precopy whole = *precopy, split = *precopy;
	double first_s = dt_s * draw(state);

	precopy_advance(&whole, dt_s);
	precopy_advance(&split, first_s);
	precopy_set_rate(&split, split.rate_bytes_s);
	precopy_advance(&split, dt_s - first_s);
	assert_same(&whole, &split);
	assert_bytes(precopy, &whole, dt_s);
	*precopy = whole;
}

static void disturb(struct precopy *precopy, uint64_t *state)
{
	if (draw_bool(state, 0.5))
		precopy_set_rate(precopy, draw_rate(state, &precopy->input));
	if (draw_bool(state, 0.1))
		precopy_set_downtime_limit(precopy, draw_bool(state, 0.1) ? 0 : draw_size(state, 1e-3, 1e2));
	if (precopy->phase == PRECOPY_COPYING && draw_bool(state, 0.02))
		precopy_start_postcopy(precopy);
	if (precopy->phase <= PRECOPY_COPYING && draw_bool(state, 0.02))
		precopy_pause(precopy);
}

Test(models, a_migration_on_any_link_keeps_its_books)
{
	uint64_t state = 2;
	int done = 0;

	for (int guest = 0; guest < GUESTS; guest++) {
		struct precopy_input input = draw_input(&state);
		struct precopy precopy;

		precopy_start(&precopy, &input, draw_size(&state, 1e-3, 10));
		for (int step = 0; step < STEPS && precopy.phase != PRECOPY_DONE; step++) {
			double next_s = precopy_next_s(&precopy);

			assert_sane(&precopy);
			if (draw_bool(&state, 0.3))
				advance(&precopy, fmin(next_s, 1e6) * draw(&state), &state);
			else if (next_s < INFINITY)
				advance(&precopy, next_s, &state);
			if (precopy_next_s(&precopy) <= 0)
				precopy_step(&precopy);
			if (draw_bool(&state, 0.2))
				disturb(&precopy, &state);
		}
		assert_sane(&precopy);
		if (precopy.phase == PRECOPY_DONE) {
			assert_done(&precopy);
			done++;
		}
	}
	cr_assert_gt(done, GUESTS / 3);
}

/* Syncs cannot follow each other faster than QEMU looks: no guest makes a run expensive. */
Test(models, hopeless_guests_stay_cheap)
{
	uint64_t state = 3;

	for (int guest = 0; guest < 300; guest++) {
		struct precopy_input input = draw_input(&state);
		struct precopy precopy;

		input.dirty.rate_pages_s = 1e9;
		precopy_start(&precopy, &input, draw_size(&state, 1e-3, 1));
		precopy_run(&precopy, draw_size(&state, 1 * MIB, 1000 * MIB), 100);
		cr_assert_leq(precopy.iterations, 100 / 0.02 + 3);
	}
}

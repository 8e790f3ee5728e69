/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What holds for every guest and every link: thousands of random ones, the same in each run. */
#include "models/hypervisor.h"
#include "models/precopy.h"
#include "tests/support/ideal.h"

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

/* One that ships, an ideal one, or one with constants from anywhere in a model file's ranges and beyond. */
static struct hypervisor draw_hypervisor(uint64_t *state)
{
	struct hypervisor row = hypervisors_shipped()->rows[(size_t)(draw(state) * HYPERVISORS)];
	double kind = draw(state);

	if (kind < 0.4)
		return row;
	row = ideal_of(&row);
	if (kind < 0.6)
		return row;
	if (draw_bool(state, 0.5))
		row.sender_bytes_s = draw_size(state, 1e6, 1e12);
	if (draw_bool(state, 0.5))
		row.socket_bytes = draw_size(state, 1, 1e9);
	if (draw_bool(state, 0.5))
		row.socket_s = draw_size(state, 1e-6, 1);
	if (draw_bool(state, 0.5))
		row.window_more_s = draw_size(state, 1e-6, 0.2);
	if (draw_bool(state, 0.5))
		row.top_share = draw(state);
	if (draw_bool(state, 0.5))
		row.top_pages = draw_size(state, 1, 1e6);
	if (draw_bool(state, 0.5))
		row.zero_page_s = draw_size(state, 1e-9, 1e-5);
	if (draw_bool(state, 0.5)) {
		row.kernel_pages = draw_size(state, 1, 1e6);
		row.kernel_s = draw_size(state, 1e-3, 100);
	}
	if (draw_bool(state, 0.5))
		row.firmware_pages = draw_size(state, 1, 1e6);
	if (draw_bool(state, 0.5))
		row.iterate_s = draw_size(state, 0.02, 0.2);
	if (draw_bool(state, 0.5))
		row.iterate_bytes = draw_size(state, 1, 1e8);
	if (draw_bool(state, 0.5))
		row.window_spread = draw(state);
	return row;
}

static struct precopy_input draw_input(uint64_t *state, const struct hypervisor *hypervisor)
{
	double memory_pages = floor(draw_size(state, 1, 3e7)), used_pages = floor(memory_pages * draw(state));
	struct precopy_input input = {
		.hypervisor = hypervisor,
		.dirty = draw_dirty(state, used_pages),
		.memory_pages = memory_pages,
		.used_pages = used_pages,
		.bandwidth_bytes_s = draw_bool(state, 0.5) ? INFINITY : draw_size(state, 1e3, 1e11),
		.setup_s = draw_bool(state, 0.3) ? 0 : draw(state),
		.stop_s = draw_bool(state, 0.2) ? 0 : draw(state),
		.switchover_s = draw_bool(state, 0.5) ? 0 : draw(state),
		.haste = draw_bool(state, 0.5) ? 0 : draw_size(state, 0.1, 10) - 1,
		.luck = draw_bool(state, 0.5) ? 0 : 1 + (uint64_t)(draw(state) * 1e6),
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
	const struct precopy_input *input = &precopy->input;
	double all_pages = input->memory_pages + input->hypervisor->firmware_pages;

	cr_assert(precopy->event_s >= 0);
	cr_assert(isfinite(precopy->now_s) && isfinite(precopy->clock_s) &&
	          precopy->clock_s <= precopy->now_s * (1 + input->haste) * (1 + 1e-9) + 1e-6);
	cr_assert(precopy->pending_bytes >= 0 && precopy->pending_bytes <= all_pages * 4096 * (1 + 1e-9));
	cr_assert(precopy->min_pending_bytes <= precopy->pending_bytes &&
	          precopy->min_pending_s <= precopy->now_s);
	cr_assert(isfinite(precopy->threshold_bytes) && isfinite(precopy->sent_bytes) &&
	          precopy->sent_bytes >= 0);
	cr_assert(precopy->throttle >= 0 && precopy->throttle <= 0.99);
	cr_assert(precopy->part_count <= PRECOPY_PARTS);
	cr_assert(precopy->socket_bytes >= 0 && isfinite(precopy->socket_bytes));
	cr_assert(precopy->scan_left_s >= 0 && isfinite(precopy->scan_left_s));
}

static void assert_done(const struct precopy *precopy)
{
	const struct precopy_input *input = &precopy->input;
	double all = (input->used_pages + input->hypervisor->firmware_pages) * 4104 +
	             (input->memory_pages - input->used_pages) * 9;

	cr_assert_eq(precopy->pending_bytes, 0);
	cr_assert_eq(precopy->socket_bytes, 0);
	cr_assert_geq(precopy->sent_bytes, all * (1 - 1e-6));
	cr_assert_geq(precopy->iterations, 2);
	/* Differences of times that may be years long. */
	cr_assert_geq(precopy->downtime_s,
	              input->stop_s + input->switchover_s - 4e-9 - 1e-15 * precopy->now_s);
	cr_assert_leq(precopy->stopped_s + precopy->downtime_s, precopy->now_s + 1e-9);
}

/* The cap's mean rate: its bytes for a window, which takes a little longer. */
static double cap_of(const struct precopy_input *input)
{
	const struct hypervisor *row = input->hypervisor;

	return input->bandwidth_bytes_s * row->window_s / (row->window_s + row->window_more_s);
}

/* What the sockets hold when the link is what the sender waits for. */
static double sockets_of(const struct hypervisor *row, double rate_bytes_s)
{
	return row->socket_bytes + row->socket_s * rate_bytes_s;
}

/*
 * Bytes over the link from one look to the next are what its rate allows, but for bursts of one window and
 * the time that goes by over zero pages; what QEMU has sent by its own count is over the link, in the sockets
 * or part of a burst.
 */
static void assert_bytes(const struct precopy *before, const struct precopy *after, double dt_s)
{
	double rate = fmin(before->rate_bytes_s, 1e15), most,
	       slack = 1e-9 * (after->sent_bytes + before->known_bytes + before->socket_bytes) +
	               1e-14 * rate * (dt_s + before->scan_left_s) + 1;

	cr_assert_leq(rate, before->input.hypervisor->sender_bytes_s);
	if (after->phase == PRECOPY_COPYING && dt_s > 0 && rate > 0 &&
	    rate < cap_of(&before->input) * (1 - 2e-9))
		cr_assert_leq(after->socket_bytes, sockets_of(before->input.hypervisor, rate) * (1 + 1e-9));
	if (before->phase == PRECOPY_COPYING)
		rate = fmin(rate, cap_of(&before->input));
	most = rate * (dt_s - (before->scan_left_s - after->scan_left_s));
	cr_assert_leq(after->sent_bytes - before->sent_bytes, most * (1 + 1e-9) + slack);
	if (before->phase == PRECOPY_COPYING)
		cr_assert_geq(after->sent_bytes - before->sent_bytes, most * (1 - 1e-6) - slack);
	cr_assert_float_eq(
		after->sent_bytes + after->socket_bytes + after->ahead_bytes - after->taken_bytes,
		before->sent_bytes + before->socket_bytes + before->ahead_bytes - before->taken_bytes, slack);
}

/* An event takes no time, so it sends nothing, but that a stop forgives what is owed for a window's burst. */
static void step(struct precopy *precopy)
{
	struct precopy before = *precopy;
	double slack = 1e-9 * (precopy->sent_bytes + precopy->known_bytes + precopy->socket_bytes) + 1,
	       burst = 0;

	if (precopy_step(precopy) == PRECOPY_STOPPED)
		burst = before.ahead_bytes +
		        fmin(before.known_bytes - before.taken_bytes, before.input.bandwidth_bytes_s * 0.1);
	cr_assert(precopy->sent_bytes >= before.sent_bytes &&
	          precopy->sent_bytes <= before.sent_bytes + burst + slack);
	cr_assert_eq(precopy->now_s, before.now_s);
}

static void assert_same(const struct precopy *a, const struct precopy *b)
{
	double all_pages = a->input.memory_pages + a->input.hypervisor->firmware_pages,
	       scale = 1e-9 * (1 + a->sent_bytes + all_pages * 4096);

	cr_assert_float_eq(a->sent_bytes, b->sent_bytes, scale);
	/* Nine bytes on the wire are a whole zero page, what is rounded there included. */
	cr_assert_float_eq(a->pending_bytes, b->pending_bytes, 4096 / 9.0 * scale);
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

/*
 * As long as no time goes by, the last rate is the one that counts, unless the one before it was so high that
 * an event is due. (The same rate again keeps the event that was planned.)
 */
static void set_rate(struct precopy *precopy, uint64_t *state)
{
	double before = precopy->rate_bytes_s, rate = draw_rate(state, &precopy->input);
	struct precopy twice = *precopy;

	precopy_set_rate(precopy, rate);
	precopy_set_rate(&twice, draw_rate(state, &precopy->input));
	if (precopy_next_s(&twice) <= 0 || precopy->rate_bytes_s == before)
		return;
	precopy_set_rate(&twice, rate);
	assert_same(precopy, &twice);
	cr_assert_eq(precopy->socket_bytes, twice.socket_bytes);
	cr_assert_eq(precopy->window_bytes, twice.window_bytes);
	cr_assert_eq(precopy->window_left_s, twice.window_left_s);
	cr_assert_eq(precopy->check_left_s, twice.check_left_s);
}

static void disturb(struct precopy *precopy, uint64_t *state)
{
	if (draw_bool(state, 0.5))
		set_rate(precopy, state);
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
		struct hypervisor hypervisor = draw_hypervisor(&state);
		struct precopy_input input = draw_input(&state, &hypervisor);
		struct precopy precopy;

		precopy_start(&precopy, &input, draw_size(&state, 1e-3, 10));
		for (int i = 0; i < STEPS && precopy.phase != PRECOPY_DONE; i++) {
			double next_s = precopy_next_s(&precopy);

			assert_sane(&precopy);
			if (draw_bool(&state, 0.3))
				advance(&precopy, fmin(next_s, 1e6) * draw(&state), &state);
			else if (next_s < INFINITY)
				advance(&precopy, next_s, &state);
			if (precopy_next_s(&precopy) <= 0)
				step(&precopy);
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

/*
 * Events are looked for ahead of time. Who asks again and again, at moments of its own, finds the same ones:
 * none is missed for a threshold that turns out higher than it was when the event was planned.
 */
Test(models, events_are_those_that_are_found_by_asking_often)
{
	uint64_t state = 4;
	int compared = 0, differ = 0;

	for (int guest = 0; guest < 400; guest++) {
		struct hypervisor hypervisor = draw_hypervisor(&state);
		struct precopy_input input = draw_input(&state, &hypervisor);
		double rate = draw_size(&state, 1 * MIB, 1000 * MIB), limit_s = draw_size(&state, 0.03, 1);
		struct precopy planned, asked;

		hypervisor.zero_page_s = 0; /* makes a cap's looks come at other times than window starts */
		precopy_start(&planned, &input, limit_s);
		asked = planned;
		precopy_run(&planned, rate, 60);
		precopy_set_rate(&asked, rate);
		for (int i = 0; i < 20000 && asked.phase != PRECOPY_DONE && asked.now_s < 60; i++) {
			double step_s = fmin(draw_size(&state, 0.001, 0.1), 60 - asked.now_s);

			precopy_advance(&asked, fmin(precopy_next_s(&asked), step_s));
			if (precopy_next_s(&asked) <= 0)
				precopy_step(&asked);
			precopy_set_downtime_limit(&asked, limit_s);
		}
		if (planned.phase != PRECOPY_DONE || asked.phase != PRECOPY_DONE)
			continue;
		compared++;
		differ += asked.iterations != planned.iterations ||
		          fabs(asked.now_s - planned.now_s) > 1e-6 ||
		          fabs(asked.sent_bytes - planned.sent_bytes) > 1 + 1e-6 * planned.sent_bytes;
	}
	/* What is pending may come so near to the threshold that rounding decides. */
	cr_assert_leq(50 * differ, compared, "%d of %d", differ, compared);
	cr_assert_gt(compared, 150);
}

/*
 * Syncs cannot follow each other faster than QEMU looks, as long as what is dirtied does not go within less
 * than the downtime limit; and looks that find nothing to do are not many either: no guest makes a run
 * expensive.
 */
Test(models, hopeless_guests_stay_cheap)
{
	uint64_t state = 3;

	for (int guest = 0; guest < 300; guest++) {
		struct hypervisor hypervisor = draw_hypervisor(&state);
		struct precopy_input input = draw_input(&state, &hypervisor);
		struct precopy precopy;
		int nothing = 0;

		input.dirty.rate_pages_s = 1e9;
		precopy_start(&precopy, &input, draw_size(&state, 0.03, 1));
		precopy_set_rate(&precopy, draw_size(&state, 1 * MIB, 1000 * MIB));
		while (precopy.phase != PRECOPY_DONE && precopy.now_s + precopy_next_s(&precopy) < 100) {
			precopy_advance(&precopy, precopy_next_s(&precopy));
			nothing += precopy_step(&precopy) == PRECOPY_NOTHING;
			cr_assert_leq(precopy.iterations, 100 / 0.02 + 3);
			cr_assert_leq(nothing, 100 / 0.02);
		}
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The model of an ideal hypervisor, to the last digit; what real ones add is in test_precopy_real.c. */
#include "models/precopy.h"
#include "tests/support/migrating.h"

#include <criterion/criterion.h>
#include <math.h>

static const double MIB = 1048576;
static const double NORMAL = 4104;

static void assert_near(double actual, double expected, double share)
{
	cr_assert(fabs(actual - expected) <= share * fabs(expected) + 1e-9, "%.12g is not %.12g", actual,
	          expected);
}

/* What the first sync finds newly dirtied, beside what was not sent before it; bytes. */
static double written_in_first_round(struct precopy *precopy)
{
	double left;

	precopy_advance(precopy, precopy_next_s(precopy));
	left = precopy->pending_bytes;
	cr_assert_eq(precopy_step(precopy), PRECOPY_SYNCED);
	return precopy->pending_bytes - left;
}

static double stop_s(const struct precopy *precopy)
{
	return precopy->input.stop_s;
}

Test(precopy, events_of_an_idle_guest)
{
	struct precopy_input input = migrating_idle(1024);
	struct precopy precopy;

	input.setup_s = 0.85;
	precopy_start(&precopy, &input, 0.3);
	cr_assert_eq(precopy.phase, PRECOPY_SETUP);
	cr_assert_eq(precopy_demand_bytes_s(&precopy), 0);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STARTED);
	assert_near(precopy.now_s, 0.85, 1e-12);
	cr_assert_eq(precopy_demand_bytes_s(&precopy), INFINITY);
	cr_assert_eq(precopy_next_s(&precopy), INFINITY);
	precopy_set_rate(&precopy, 100 * MIB);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_SYNCED);
	cr_assert_lt(precopy.pending_bytes, 30 * MIB);
	cr_assert_gt(precopy.pending_bytes, 25 * MIB - 1);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	cr_assert_eq(precopy.phase, PRECOPY_SWITCHING);
	cr_assert_eq(precopy.stopped_s, precopy.now_s);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_COMPLETED);
	cr_assert_eq(precopy.phase, PRECOPY_DONE);
	cr_assert_eq(precopy_next_s(&precopy), INFINITY);
	cr_assert_eq(precopy_demand_bytes_s(&precopy), 0);
	cr_assert_eq(precopy.iterations, 3);
	assert_near(precopy.sent_bytes, 1024 * 256 * NORMAL, 1e-12);
	assert_near(precopy.now_s, 0.85 + 1024 * 256 * NORMAL / (100 * MIB) + stop_s(&precopy), 1e-9);
	cr_assert_eq(precopy.pending_bytes, 0);
}

Test(precopy, zero_pages_cost_nine_bytes_but_count_whole_as_pending)
{
	struct precopy_input input = migrating_idle(1024);
	struct precopy precopy;

	input.used_pages = 1024 * 64;
	precopy_start(&precopy, &input, 0.3);
	assert_near(precopy_remaining_bytes(&precopy), 1024 * MIB, 1e-12);
	precopy_run(&precopy, 100 * MIB, INFINITY);
	assert_near(precopy.sent_bytes, 1024 * 64 * NORMAL + 1024 * 192 * 9.0, 1e-12);
}

Test(precopy, a_guest_that_is_sent_before_bandwidth_was_measured_needs_no_sync)
{
	struct precopy_input input = migrating_idle(1.0 / 256);
	struct precopy precopy;

	precopy_start(&precopy, &input, 0.3);
	precopy_set_rate(&precopy, 100 * MIB);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_COMPLETED);
	cr_assert_eq(precopy.iterations, 2);
	assert_near(precopy.sent_bytes, NORMAL, 1e-12);
}

Test(precopy, without_a_downtime_limit_one_round_and_all_written_since_goes_after_the_stop)
{
	struct precopy_input input = migrating_busy(1024, 1000);
	struct precopy precopy;
	double round_s = 1024 * 256 * NORMAL / (100 * MIB), written;

	precopy_start(&precopy, &input, 0);
	precopy_set_rate(&precopy, 100 * MIB);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	assert_near(precopy.stopped_s, round_s, 1e-9);
	cr_assert_eq(precopy.iterations, 2);
	written = dirty_unique_pages(&input.dirty, 0, 0, round_s) * NORMAL;
	cr_assert_eq(migrating_next(&precopy), PRECOPY_COMPLETED);
	assert_near(precopy.sent_bytes, 1024 * 256 * NORMAL + written, 1e-9);
	assert_near(precopy.downtime_s, written / (100 * MIB) + stop_s(&precopy), 1e-9);
}

/* 64 MiB/s over windows of 100 ms: 6.4 MiB each, and a look at each window's start. */
Test(precopy, a_cap_below_the_link_is_the_mean_rate_and_looks_at_window_starts)
{
	struct precopy_input input = migrating_idle(512);
	struct precopy precopy;
	double threshold = 0.3 * 64 * MIB,
	       windows = ceil((512 * MIB - threshold) / 4096 * NORMAL / (6.4 * MIB));

	input.bandwidth_bytes_s = 64 * MIB;
	precopy_start(&precopy, &input, 0.3);
	cr_assert_eq(precopy_demand_bytes_s(&precopy), 64 * MIB);
	precopy_set_rate(&precopy, 1000 * MIB);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_SYNCED);
	assert_near(precopy.now_s, windows / 10, 1e-9);
	assert_near(precopy.sent_bytes, windows * 6.4 * MIB, 1e-9);
	assert_near(precopy.threshold_bytes, threshold, 1e-9);
}

Test(precopy, a_cap_above_the_link_changes_nothing)
{
	struct precopy_input input = migrating_busy(512, 3000);
	struct precopy capped, free;

	precopy_start(&free, &input, 0.3);
	input.bandwidth_bytes_s = 101 * MIB;
	precopy_start(&capped, &input, 0.3);
	precopy_run(&free, 100 * MIB, INFINITY);
	precopy_run(&capped, 100 * MIB, INFINITY);
	cr_assert_eq(free.now_s, capped.now_s);
	cr_assert_eq(free.sent_bytes, capped.sent_bytes);
}

/* The limit of 50 ms is half a window: what is left at its start goes in its burst, then QEMU syncs. */
Test(precopy, what_fits_in_a_window_is_gone_at_its_start)
{
	struct precopy_input input = migrating_idle(516);
	struct precopy precopy;

	input.bandwidth_bytes_s = 64 * MIB;
	precopy_start(&precopy, &input, 0.05);
	precopy_set_rate(&precopy, 1000 * MIB);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_SYNCED);
	cr_assert_eq(precopy.pending_bytes, 0);
	assert_near(precopy.now_s, 8.0, 1e-9);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	assert_near(precopy.sent_bytes, 516 * 256 * NORMAL, 1e-12);
	cr_assert_eq(precopy_demand_bytes_s(&precopy), 0);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_COMPLETED);
	assert_near(precopy.downtime_s, stop_s(&precopy), 1e-9);
}

Test(precopy, the_residual_goes_at_the_links_rate)
{
	struct precopy_input input = migrating_idle(512);
	struct precopy precopy;
	double residual;

	input.bandwidth_bytes_s = 64 * MIB;
	input.switchover_s = 0.25;
	precopy_start(&precopy, &input, 0.5);
	precopy_set_rate(&precopy, 64 * MIB);
	migrating_go_to(&precopy, PRECOPY_STOPPED);
	cr_assert_eq(precopy_demand_bytes_s(&precopy), INFINITY);
	residual = precopy.pending_bytes / 4096 * NORMAL;
	cr_assert_gt(residual, 25 * MIB);
	precopy_set_rate(&precopy, 1000 * MIB);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_COMPLETED);
	assert_near(precopy.downtime_s, residual / (1000 * MIB) + stop_s(&precopy) + 0.25, 1e-9);
}

/* After round 1 what was not sent stays, and what was sent counts as the law says. */
Test(precopy, rounds_shrink_by_what_the_law_says)
{
	struct precopy_input input = migrating_busy(1024, 5000);
	struct precopy precopy;
	double written, left, share;

	precopy_start(&precopy, &input, 0.1);
	precopy_set_rate(&precopy, 100 * MIB);
	precopy_advance(&precopy, precopy_next_s(&precopy));
	left = precopy.pending_bytes;
	share = 1 - left / (1024 * MIB);
	written = dirty_unique_pages(&input.dirty, 0, 0, precopy.now_s) * 4096;
	cr_assert_eq(precopy_step(&precopy), PRECOPY_SYNCED);
	assert_near(precopy.pending_bytes, left + share * written, 1e-9);
}

Test(precopy, a_guest_that_writes_faster_than_the_link_never_stops_and_costs_little)
{
	struct precopy_input input = migrating_busy(1024, 1e6);
	struct precopy precopy;

	precopy_start(&precopy, &input, 0.3);
	precopy_run(&precopy, 100 * MIB, 1000);
	cr_assert_eq(precopy.phase, PRECOPY_COPYING);
	assert_near(precopy.now_s, 1000, 1e-9);
	assert_near(precopy.sent_bytes, 1e5 * MIB, 1e-6);
	cr_assert_lt(precopy.iterations, 1000 / 0.1);
	cr_assert_lt(precopy.part_count, PRECOPY_PARTS + 1);
}

Test(precopy, a_raised_limit_ends_it_at_the_next_look)
{
	struct precopy_input input = migrating_busy(1024, 1e6);
	struct precopy precopy;

	precopy_start(&precopy, &input, 0.3);
	precopy_run(&precopy, 100 * MIB, 100);
	precopy_set_downtime_limit(&precopy, 10);
	migrating_go_to(&precopy, PRECOPY_STOPPED);
	cr_assert_lt(precopy.now_s, 100.2 + 1e-9);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_COMPLETED);
	cr_assert_gt(precopy.downtime_s, 2);
}

Test(precopy, a_dead_link_is_stuck_until_it_is_back)
{
	struct precopy_input input = migrating_idle(1024);
	struct precopy precopy;

	precopy_start(&precopy, &input, 0.3);
	cr_assert_eq(precopy_next_s(&precopy), INFINITY);
	precopy_set_rate(&precopy, 100 * MIB);
	precopy_advance(&precopy, 5);
	precopy_set_rate(&precopy, 0);
	cr_assert_eq(precopy_next_s(&precopy), INFINITY);
	precopy_advance(&precopy, 3600);
	assert_near(precopy.sent_bytes, 500 * MIB, 1e-12);
	assert_near(precopy.min_pending_s, 5, 1e-12);
	cr_assert_eq(precopy.threshold_bytes, 0);
	precopy_set_rate(&precopy, 100 * MIB);
	migrating_go_to(&precopy, PRECOPY_STOPPED);
	precopy_set_rate(&precopy, 0);
	cr_assert_eq(precopy_next_s(&precopy), INFINITY);
	precopy_advance(&precopy, 60);
	precopy_set_rate(&precopy, 100 * MIB);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_COMPLETED);
	cr_assert_gt(precopy.downtime_s, 60);
	assert_near(precopy.sent_bytes, 1024 * 256 * NORMAL, 1e-9);
}

Test(precopy, no_rate_is_too_high)
{
	struct precopy_input input = migrating_busy(1e6, 1e300);
	struct precopy precopy;

	precopy_start(&precopy, &input, 1e300);
	precopy_run(&precopy, INFINITY, INFINITY);
	cr_assert_eq(precopy.phase, PRECOPY_DONE);
	cr_assert(isfinite(precopy.now_s) && isfinite(precopy.sent_bytes));
	assert_near(precopy.downtime_s, stop_s(&precopy), 1e-2);
	input.bandwidth_bytes_s = 1e6;
	precopy_start(&precopy, &input, 1e300);
	precopy_run(&precopy, INFINITY, INFINITY);
	cr_assert_eq(precopy.phase, PRECOPY_DONE);
	cr_assert(isfinite(precopy.now_s) && isfinite(precopy.sent_bytes));
}

Test(precopy, progress_is_the_lowest_pending)
{
	struct precopy_input input = migrating_busy(1024, 1e6);
	struct precopy precopy;
	double first;

	precopy_start(&precopy, &input, 0.1);
	assert_near(precopy.min_pending_bytes, 1024 * MIB, 1e-12);
	precopy_set_rate(&precopy, 100 * MIB);
	migrating_go_to(&precopy, PRECOPY_SYNCED);
	first = precopy.min_pending_s;
	assert_near(first, precopy.now_s, 1e-12);
	cr_assert_lt(precopy.min_pending_bytes, 10 * MIB);
	cr_assert_gt(precopy.pending_bytes, 200 * MIB);
	precopy_advance(&precopy, 1);
	cr_assert_eq(precopy.min_pending_s, first);
}

Test(precopy, throttling_goes_up_after_two_bad_periods)
{
	struct precopy_input input = migrating_busy(1024, 1e6);
	struct precopy precopy;
	double clock_s, now_s;

	input.auto_converge = true;
	precopy_start(&precopy, &input, 0.3);
	precopy_set_rate(&precopy, 100 * MIB);
	migrating_go_to(&precopy, PRECOPY_THROTTLED);
	assert_near(precopy.throttle, 0.2, 1e-12);
	cr_assert_eq(precopy.iterations, 1 + 3); /* the first round dirties 254 MiB while 1,000 are sent */
	clock_s = precopy.clock_s;
	now_s = precopy.now_s;
	precopy_advance(&precopy, precopy_next_s(&precopy) / 2);
	assert_near(precopy.clock_s - clock_s, 0.8 * (precopy.now_s - now_s), 1e-9);
	migrating_go_to(&precopy, PRECOPY_THROTTLED);
	assert_near(precopy.throttle, 0.3, 1e-12);
	precopy_run(&precopy, 100 * MIB, 10000);
	cr_assert_eq(precopy.phase, PRECOPY_DONE);
	cr_assert_leq(precopy.throttle, 0.99);
}

Test(precopy, throttling_stops_at_its_most_and_needs_auto_converge)
{
	struct precopy_input input = migrating_busy(1024, 1e9);
	struct precopy precopy;

	precopy_start(&precopy, &input, 0.3);
	precopy_run(&precopy, 100 * MIB, 1000);
	cr_assert_eq(precopy.throttle, 0);
	input.auto_converge = true;
	precopy_start(&precopy, &input, 0.3);
	precopy_run(&precopy, 100 * MIB, 1000);
	cr_assert_eq(precopy.phase, PRECOPY_COPYING);
	assert_near(precopy.throttle, 0.99, 1e-12);
	/* Little written: no throttling although it is allowed. */
	input.dirty.rate_pages_s = 100;
	precopy_start(&precopy, &input, 0.001);
	precopy_run(&precopy, 100 * MIB, 1000);
	cr_assert_eq(precopy.throttle, 0);
}

/* From 9.2 on a timer of 5 s syncs with auto-converge when no sync came by itself since its last tick. */
Test(precopy, newer_versions_sync_in_the_background)
{
	struct hypervisor row = ideal_of(hypervisor_find("qemu-9.2"));
	struct precopy_input input = migrating_busy(4096, 1e6);
	struct precopy old, new;

	input.hypervisor = &row;
	precopy_start(&old, &input, 0.3);
	precopy_run(&old, 20 * MIB, 1000);
	input.auto_converge = true;
	precopy_start(&new, &input, 0.3);
	precopy_run(&new, 20 * MIB, 1000);
	cr_assert_gt(new.iterations, 3 * old.iterations);
	row = ideal_of(hypervisor_find("qemu-8.2"));
	precopy_start(&old, &input, 0.3);
	precopy_run(&old, 20 * MIB, 1000);
	cr_assert_gt(new.throttle, old.throttle);
}

Test(precopy, large_guests_clear_their_dirty_log_chunk_by_chunk)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_busy(64 * 1024, 2000);
	struct precopy chunks, whole, small;
	double half;

	precopy_start(&chunks, &input, 0.3);
	precopy_set_rate(&chunks, 1000 * MIB);
	row.clear_chunk_bytes = 0;
	input.hypervisor = &row;
	precopy_start(&whole, &input, 0.3);
	precopy_set_rate(&whole, 1000 * MIB);
	half = written_in_first_round(&whole) / 2;
	/* Written at a steady rate, seen for half the round on average: about half. */
	assert_near(written_in_first_round(&chunks), half, 0.03);
	cr_assert_eq(chunks.now_s, whole.now_s);
	/* A guest of one chunk has one window, the round. */
	input = migrating_busy(1024, 2000);
	precopy_start(&small, &input, 0.3);
	precopy_run(&small, 1000 * MIB, INFINITY);
	input.hypervisor = &row;
	precopy_start(&whole, &input, 0.3);
	precopy_run(&whole, 1000 * MIB, INFINITY);
	cr_assert_eq(small.now_s, whole.now_s);
}

/* A throttled guest loses a little more than it is made to sleep. */
Test(precopy, a_throttled_guest_loses_time_to_being_stopped)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_busy(1024, 1e9);
	struct precopy precopy;
	double clock_s;

	row.throttle_loss = 0.06;
	input.hypervisor = &row;
	input.auto_converge = true;
	precopy_start(&precopy, &input, 0.3);
	precopy_set_rate(&precopy, 100 * MIB);
	precopy_run(&precopy, 100 * MIB, 5);
	cr_assert_eq(precopy.throttle, 0);
	assert_near(precopy.clock_s, 5, 1e-9);
	while (!(precopy.throttle > 0))
		migrating_next(&precopy);
	clock_s = precopy.clock_s;
	precopy_advance(&precopy, 0.01);
	assert_near(precopy.clock_s - clock_s, 0.01 * 0.8 * 0.94, 1e-9);
}

/* What a throttled guest does each second it still does each second, only less of it. */
Test(precopy, a_duty_goes_by_the_time_of_day)
{
	struct precopy_input input = migrating_busy(1024, 1e9);
	struct precopy precopy;
	double clock_s, busy_s;

	input.auto_converge = true;
	input.dirty.duty_period_s = 2;
	input.dirty.duty_on_fraction = 0.25;
	precopy_start(&precopy, &input, 1e-9);
	precopy_set_rate(&precopy, 50 * MIB);
	precopy_advance(&precopy, 3);
	assert_near(precopy.clock_s, 3, 1e-9);
	assert_near(precopy.busy_s, 1, 1e-9);
	while (!(precopy.throttle > 0))
		migrating_next(&precopy);
	clock_s = precopy.clock_s;
	busy_s = precopy.busy_s;
	precopy_advance(&precopy, 2);
	assert_near(precopy.clock_s - clock_s, 2 * (1 - precopy.throttle), 1e-9);
	assert_near(precopy.busy_s - busy_s, 0.5 * (1 - precopy.throttle), 1e-9);
}

Test(precopy, postcopy_switches_at_the_next_look_and_fetches_the_rest)
{
	struct precopy_input input = migrating_busy(1024, 1e6);
	struct precopy precopy;
	double rest, sent;

	input.bandwidth_bytes_s = 100 * MIB;
	precopy_start(&precopy, &input, 0.3);
	precopy_run(&precopy, 100 * MIB, 30.05);
	precopy_start_postcopy(&precopy);
	precopy_start_postcopy(&precopy);
	cr_assert_eq(precopy.phase, PRECOPY_COPYING);
	/* A cap's windows are of 100 ms, from the begin of copying at the end of set-up. */
	assert_near(precopy_next_s(&precopy), precopy.window_left_s, 1e-9);
	sent = precopy.sent_bytes;
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	assert_near(precopy.sent_bytes - sent, 100 * MIB * (precopy.now_s - 30.05), 1e-6);
	cr_assert_eq(precopy.phase, PRECOPY_SWITCHING);
	rest = precopy.pending_bytes / 4096 * NORMAL;
	sent = precopy.sent_bytes;
	cr_assert_eq(migrating_next(&precopy), PRECOPY_SWITCHED);
	assert_near(precopy.downtime_s, stop_s(&precopy), 1e-9);
	cr_assert_eq(precopy.phase, PRECOPY_POSTCOPY);
	cr_assert_eq(precopy_demand_bytes_s(&precopy), INFINITY);
	precopy_set_rate(&precopy, 0);
	cr_assert_eq(precopy_next_s(&precopy), INFINITY);
	precopy_set_rate(&precopy, 500 * MIB);
	assert_near(precopy_next_s(&precopy), rest / (500 * MIB), 1e-9);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_COMPLETED);
	assert_near(precopy.downtime_s, stop_s(&precopy), 1e-9);
	assert_near(precopy.sent_bytes, sent + rest, 1e-9);
}

Test(precopy, a_paused_guest_writes_no_more_and_its_downtime_counts_from_there)
{
	struct precopy_input input = migrating_busy(1024, 1e6);
	struct precopy precopy;

	precopy_start(&precopy, &input, 0.3);
	precopy_run(&precopy, 100 * MIB, 30);
	precopy_pause(&precopy);
	precopy_pause(&precopy);
	precopy_run(&precopy, 100 * MIB, INFINITY);
	cr_assert_eq(precopy.phase, PRECOPY_DONE);
	assert_near(precopy.downtime_s, precopy.now_s - 30, 1e-9);
	cr_assert_lt(precopy.now_s, 30 + 6);
	assert_near(precopy.clock_s, 30, 1e-9);
}

/* A caller that counts in whole nanoseconds arrives up to one early or late. */
Test(precopy, whole_nanoseconds_are_exact_enough)
{
	struct precopy_input input = migrating_busy(512, 9000);
	struct precopy exact, early, late;

	input.bandwidth_bytes_s = 64 * MIB;
	precopy_start(&exact, &input, 0.3);
	early = late = exact;
	precopy_run(&exact, 400 * MIB, INFINITY);
	precopy_set_rate(&early, 400 * MIB);
	precopy_set_rate(&late, 400 * MIB);
	while (early.phase != PRECOPY_DONE) {
		precopy_advance(&early, floor(precopy_next_s(&early) * 1e9) / 1e9);
		precopy_step(&early);
	}
	while (late.phase != PRECOPY_DONE) {
		precopy_advance(&late, ceil(precopy_next_s(&late) * 1e9) / 1e9);
		precopy_step(&late);
	}
	cr_assert_eq(early.iterations, exact.iterations);
	cr_assert_eq(late.iterations, exact.iterations);
	cr_assert_float_eq(early.now_s, exact.now_s, 1e-6);
	cr_assert_float_eq(late.now_s, exact.now_s, 1e-6);
	assert_near(early.sent_bytes, exact.sent_bytes, 1e-6);
	assert_near(late.sent_bytes, exact.sent_bytes, 1e-6);
}

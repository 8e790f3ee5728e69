/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What real hypervisors add to the model, each effect alone on an ideal one. */
#include "models/precopy.h"
#include "tests/support/migrating.h"

#include <criterion/criterion.h>
#include <math.h>

static const double MIB = 1048576;
static const double NORMAL = 4104;
static const double RATE = 104857600; /* 100 MiB/s */

static void assert_near(double actual, double expected, double share)
{
	cr_assert(fabs(actual - expected) <= share * fabs(expected) + 1e-9, "%.12g is not %.12g", actual,
	          expected);
}

/* The bytes of so many MiB of used memory on the wire. */
static double wire(double mib)
{
	return mib * 256 * NORMAL;
}

/* ------------------------------------------------------------------ zero pages between used ones */

/* 512 of 1,024 MiB are used; the limit of 0 asks for no looks. */
static void start_half_used(struct precopy *ret_precopy, const struct hypervisor *row)
{
	struct precopy_input input = migrating_idle(1024);

	input.hypervisor = row;
	input.used_pages = 512 * 256;
	precopy_start(ret_precopy, &input, 0);
	precopy_set_rate(ret_precopy, RATE);
}

/* From the bottom up: used pages, those never used, and used ones at the top. */
Test(zeros, go_by_in_the_middle)
{
	struct hypervisor row = *ideal_hypervisor();
	double zeros_s = 512 * 256 * 9 / RATE;
	struct precopy precopy;

	row.top_share = 0.125;
	row.top_pages = 128 * 256;
	start_half_used(&precopy, &row);
	assert_near(precopy.pending_bytes, 1024 * MIB, 1e-12);
	precopy_advance(&precopy, wire(256) / RATE);
	assert_near(precopy.pending_bytes, (512 + 256) * MIB, 1e-9);
	precopy_advance(&precopy, zeros_s / 4);
	assert_near(precopy.pending_bytes, (384 + 256) * MIB, 1e-9);
	precopy_advance(&precopy, zeros_s * 3 / 4);
	assert_near(precopy.pending_bytes, 256 * MIB, 1e-9);
	precopy_advance(&precopy, wire(128) / RATE);
	assert_near(precopy.pending_bytes, 128 * MIB, 1e-9);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	assert_near(precopy.now_s, wire(512) / RATE + zeros_s, 1e-9);
	assert_near(precopy.sent_bytes, wire(512) + 512 * 256 * 9, 1e-12);
}

Test(zeros, come_last_when_nothing_is_at_the_top)
{
	struct precopy precopy;

	start_half_used(&precopy, ideal_hypervisor());
	precopy_advance(&precopy, wire(512) / RATE);
	assert_near(precopy.pending_bytes, 512 * MIB, 1e-9);
	precopy_advance(&precopy, 256 * 256 * 9 / RATE);
	assert_near(precopy.pending_bytes, 256 * MIB, 1e-9);
}

Test(zeros, come_first_when_all_that_is_used_is_at_the_top)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy precopy;

	row.top_share = 0.9;
	start_half_used(&precopy, &row);
	precopy_advance(&precopy, 512 * 256 * 9 / RATE);
	assert_near(precopy.pending_bytes, 512 * MIB, 1e-9);
	precopy_advance(&precopy, wire(256) / RATE);
	assert_near(precopy.pending_bytes, 256 * MIB, 1e-9);
}

/* Without zero pages there is no middle. */
Test(zeros, none_are_no_gap)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_busy(1024, 5000);
	struct precopy ideal, top;

	precopy_start(&ideal, &input, 0.1);
	precopy_run(&ideal, RATE, INFINITY);
	row.top_share = 0.25;
	row.zero_page_s = 1e-6;
	input.hypervisor = &row;
	precopy_start(&top, &input, 0.1);
	precopy_run(&top, RATE, INFINITY);
	cr_assert_eq(top.now_s, ideal.now_s);
	cr_assert_eq(top.sent_bytes, ideal.sent_bytes);
}

/* What is pending falls below the threshold when the bulk of zero pages goes by: the first sync is then. */
Test(zeros, in_the_middle_bring_the_first_sync_early)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_idle(1024);
	struct precopy precopy;

	input.used_pages = 512 * 256;
	precopy_start(&precopy, &input, 3);
	precopy_set_rate(&precopy, RATE);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_SYNCED);
	/* 512 MiB take 5.13 s, then all of the zeros 11 ms: all is sent before the look at 5.15 s. */
	assert_near(precopy.now_s, (wire(512) + 512 * 256 * 9) / RATE, 1e-9);
	row.top_share = 0.25;
	input.hypervisor = &row;
	precopy_start(&precopy, &input, 3);
	precopy_set_rate(&precopy, RATE);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_SYNCED);
	/* 256 MiB take 2.565 s, the zeros 11 ms; a look every 50 ms. */
	assert_near(precopy.now_s, 2.6, 1e-9);
	/* With a cap of 64 MiB/s the 257.6 MiB are gone at the 41st window's start. */
	input.bandwidth_bytes_s = 64 * MIB;
	precopy_start(&precopy, &input, 4.5);
	precopy_set_rate(&precopy, RATE);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_SYNCED);
	assert_near(precopy.now_s, 4.1, 1e-9);
}

/* Pages of a part that was sent are written to as the law says, wherever they lie. */
Test(zeros, are_written_to_by_nobody)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_busy(1024, 5000);
	struct precopy precopy;
	double round_s;

	row.top_share = 0.25;
	row.firmware_pages = 1000;
	input.hypervisor = &row;
	input.used_pages = 512 * 256;
	precopy_start(&precopy, &input, 0);
	precopy_set_rate(&precopy, RATE);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	round_s = (wire(512) + 512 * 256 * 9 + 1000 * NORMAL) / RATE;
	assert_near(precopy.stopped_s, round_s, 1e-9);
	assert_near(precopy.pending_bytes, dirty_unique_pages(&input.dirty, 0, 0, round_s) * 4096, 1e-9);
}

/* One by one they are looked at before they cost nine bytes; the link stands still meanwhile. */
Test(zeros, take_their_time_to_be_found)
{
	struct hypervisor row = *ideal_hypervisor();
	double scan_s = 512 * 256 * 1e-6, zeros_s = 512 * 256 * 9 / RATE, sent;
	struct precopy precopy;

	row.top_share = 0.25;
	row.zero_page_s = 1e-6;
	start_half_used(&precopy, &row);
	precopy_advance(&precopy, wire(256) / RATE);
	sent = precopy.sent_bytes;
	precopy_advance(&precopy, scan_s * 0.9);
	assert_near(precopy.sent_bytes, sent, 1e-9);
	assert_near(precopy.pending_bytes, 768 * MIB, 1e-9);
	precopy_advance(&precopy, scan_s * 0.1 + zeros_s);
	assert_near(precopy.pending_bytes, 256 * MIB, 1e-9);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	assert_near(precopy.now_s, wire(512) / RATE + scan_s + zeros_s, 1e-9);
	assert_near(precopy.sent_bytes, wire(512) + 512 * 256 * 9, 1e-12);
}

/* A stop does not spare it: what was not looked at yet is looked at while the guest stands still. */
Test(zeros, take_their_time_after_the_stop_as_well)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_idle(1024);
	struct precopy precopy;
	double rest;

	input.hypervisor = &row;
	input.used_pages = 512 * 256;
	row.zero_page_s = 1e-6;
	precopy_start(&precopy, &input, 100);
	precopy_set_rate(&precopy, RATE);
	migrating_go_to(&precopy, PRECOPY_STOPPED);
	rest = wire(512) + 512 * 256 * 9 - precopy.sent_bytes;
	cr_assert_gt(rest, wire(400));
	cr_assert_eq(migrating_next(&precopy), PRECOPY_COMPLETED);
	assert_near(precopy.downtime_s, rest / RATE + 512 * 256 * 1e-6 + input.stop_s, 1e-9);
}

/* ------------------------------------------------------------------ sockets */

static struct hypervisor with_sockets(void)
{
	struct hypervisor row = *ideal_hypervisor();

	row.socket_bytes = 2e6;
	row.socket_s = 0.01;
	return row;
}

static double socket_bytes(double rate_bytes_s)
{
	return 2e6 + 0.01 * rate_bytes_s;
}

/* By QEMU's count all is sent while the last bytes are still on their way: later ends the guest's stop, not
 * the migration. */
Test(sockets, delay_the_last_byte_and_not_the_end)
{
	struct hypervisor row = with_sockets();
	struct precopy_input input = migrating_idle(1024);
	struct precopy ideal, real;

	precopy_start(&ideal, &input, 0);
	precopy_run(&ideal, RATE, INFINITY);
	input.hypervisor = &row;
	precopy_start(&real, &input, 0);
	precopy_set_rate(&real, RATE);
	cr_assert_eq(real.pending_bytes, 1024 * MIB); /* no time has gone by */
	cr_assert_eq(migrating_next(&real), PRECOPY_STOPPED);
	assert_near(real.now_s, (wire(1024) - socket_bytes(RATE)) / RATE, 1e-9);
	assert_near(real.sent_bytes, wire(1024) - socket_bytes(RATE), 1e-9);
	cr_assert_eq(real.pending_bytes, 0);
	cr_assert_eq(precopy_demand_bytes_s(&real), INFINITY);
	cr_assert_eq(migrating_next(&real), PRECOPY_COMPLETED);
	assert_near(real.downtime_s, socket_bytes(RATE) / RATE + input.stop_s, 1e-9);
	assert_near(real.now_s, ideal.now_s, 1e-9);
	assert_near(real.sent_bytes, wire(1024), 1e-12);
	cr_assert_eq(real.socket_bytes, 0);
}

/* At the rate that there is then; a dead link keeps them. */
Test(sockets, empty_at_the_rate_after_the_stop)
{
	struct hypervisor row = with_sockets();
	struct precopy_input input = migrating_busy(1024, 3000);
	struct precopy precopy;
	double residual;

	input.hypervisor = &row;
	precopy_start(&precopy, &input, 0.1);
	precopy_set_rate(&precopy, RATE);
	migrating_go_to(&precopy, PRECOPY_STOPPED);
	residual = precopy.pending_bytes / 4096 * NORMAL;
	cr_assert(residual > 0 && residual < 0.1 * RATE);
	precopy_set_rate(&precopy, 0);
	cr_assert_eq(precopy_next_s(&precopy), INFINITY);
	precopy_advance(&precopy, 5);
	precopy_set_rate(&precopy, 10 * RATE);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_COMPLETED);
	assert_near(precopy.downtime_s, 5 + (residual + socket_bytes(RATE)) / (10 * RATE) + input.stop_s,
	            1e-9);
}

/* Before the guest runs at the target, what was sent must be there; the rest is fetched afterwards. */
Test(sockets, delay_post_copy_s_switch)
{
	struct hypervisor row = with_sockets();
	struct precopy_input input = migrating_busy(1024, 1e6);
	struct precopy precopy;
	double sent, rest;

	input.hypervisor = &row;
	precopy_start(&precopy, &input, 0.3);
	precopy_run(&precopy, RATE, 30.01);
	assert_near(precopy.socket_bytes, socket_bytes(RATE), 1e-9);
	precopy_start_postcopy(&precopy);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	sent = precopy.sent_bytes;
	rest = precopy.pending_bytes / 4096 * NORMAL;
	cr_assert_eq(precopy_demand_bytes_s(&precopy), INFINITY);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_SWITCHED);
	assert_near(precopy.downtime_s, socket_bytes(RATE) / RATE + input.stop_s, 1e-9);
	assert_near(precopy.sent_bytes, sent + socket_bytes(RATE), 1e-12);
	assert_near(precopy_next_s(&precopy), rest / RATE, 1e-9);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_COMPLETED);
	assert_near(precopy.sent_bytes, sent + socket_bytes(RATE) + rest, 1e-12);
}

/* A cap is waited for before the sockets. */
Test(sockets, stay_empty_when_a_cap_binds)
{
	struct hypervisor row = with_sockets();
	struct precopy_input input = migrating_busy(1024, 5000);
	struct precopy ideal, real;

	input.bandwidth_bytes_s = 64 * MIB;
	precopy_start(&ideal, &input, 0.1);
	precopy_run(&ideal, RATE, INFINITY);
	input.hypervisor = &row;
	precopy_start(&real, &input, 0.1);
	precopy_run(&real, RATE, INFINITY);
	cr_assert_eq(real.now_s, ideal.now_s);
	cr_assert_eq(real.downtime_s, ideal.downtime_s);
	cr_assert_eq(real.sent_bytes, ideal.sent_bytes);
}

/* What they hold goes with the link's rate: what a faster link let them take does not delay the end. */
Test(sockets, hold_what_the_present_rate_lets_them)
{
	struct hypervisor row = with_sockets();
	struct precopy_input input = migrating_idle(1024);
	struct precopy precopy;
	double gone_s;

	input.hypervisor = &row;
	precopy_start(&precopy, &input, 0);
	precopy_set_rate(&precopy, RATE);
	precopy_advance(&precopy, 2);
	precopy_set_rate(&precopy, RATE / 10);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_COMPLETED);
	assert_near(precopy.downtime_s, socket_bytes(RATE / 10) / (RATE / 10) + input.stop_s, 1e-9);
	assert_near(precopy.now_s, 2 + (wire(1024) - 2 * RATE) / (RATE / 10) + input.stop_s, 1e-9);
	assert_near(precopy.sent_bytes, wire(1024), 1e-12);
	/* A stop right after the link got slower: what it has not taken yet is all still there. */
	precopy_start(&precopy, &input, 0);
	precopy_set_rate(&precopy, RATE);
	precopy_advance(&precopy, 2);
	precopy_set_rate(&precopy, RATE / 10);
	precopy_advance(&precopy, 0.001);
	precopy_start_postcopy(&precopy);
	gone_s = 0.001 + precopy_next_s(&precopy);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_SWITCHED);
	assert_near(precopy.downtime_s, socket_bytes(RATE) / (RATE / 10) - gone_s + input.stop_s, 1e-9);
	/* The other way round they take more at once. */
	precopy_start(&precopy, &input, 0);
	precopy_set_rate(&precopy, RATE / 10);
	precopy_advance(&precopy, 2);
	precopy_set_rate(&precopy, RATE);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_COMPLETED);
	assert_near(precopy.downtime_s, socket_bytes(RATE) / RATE + input.stop_s, 1e-9);
}

/* By its own count QEMU sends more than the link takes while they fill. */
Test(sockets, make_the_first_window_look_fast)
{
	struct hypervisor row = with_sockets();
	struct precopy_input input = migrating_idle(1024);
	struct precopy precopy;

	input.hypervisor = &row;
	precopy_start(&precopy, &input, 0.3);
	precopy_set_rate(&precopy, 2 * RATE);
	precopy_set_rate(&precopy, RATE); /* no time has gone by: only the last one counts */
	precopy_advance(&precopy, 0.1);
	assert_near(precopy.threshold_bytes, 0.3 * (RATE + socket_bytes(RATE) / 0.1), 1e-9);
	precopy_advance(&precopy, 0.1);
	assert_near(precopy.threshold_bytes, 0.3 * RATE, 1e-9);
}

/* All of a tiny guest fits. */
Test(sockets, may_hold_all)
{
	struct hypervisor row = with_sockets();
	struct precopy_input input = migrating_idle(1);
	struct precopy precopy;

	input.hypervisor = &row;
	precopy_start(&precopy, &input, 0.3);
	precopy_set_rate(&precopy, RATE);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	cr_assert_eq(precopy.now_s, 0);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_COMPLETED);
	assert_near(precopy.downtime_s, wire(1) / RATE + input.stop_s, 1e-9);
	assert_near(precopy.sent_bytes, wire(1), 1e-12);
}

/* ------------------------------------------------------------------ the sender */

Test(sender, is_no_faster_than_it_is)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_busy(1024, 5000);
	struct precopy real, ideal;

	precopy_start(&ideal, &input, 0.3);
	precopy_run(&ideal, RATE, INFINITY);
	row.sender_bytes_s = RATE;
	input.hypervisor = &row;
	precopy_start(&real, &input, 0.3);
	cr_assert_eq(precopy_demand_bytes_s(&real), RATE);
	precopy_run(&real, INFINITY, INFINITY);
	cr_assert_eq(real.now_s, ideal.now_s);
	cr_assert_eq(real.sent_bytes, ideal.sent_bytes);
	cr_assert_eq(real.downtime_s, ideal.downtime_s);
	precopy_start(&real, &input, 0.3);
	precopy_run(&real, RATE / 2, INFINITY);
	input.hypervisor = ideal_hypervisor();
	precopy_start(&ideal, &input, 0.3);
	precopy_run(&ideal, RATE / 2, INFINITY);
	cr_assert_eq(real.now_s, ideal.now_s);
}

/* Its limit holds with a cap above it, after the stop and in post-copy. */
Test(sender, demands_what_it_can_send)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_busy(1024, 1e6);
	struct precopy precopy;

	row.sender_bytes_s = 200 * MIB;
	input.hypervisor = &row;
	input.bandwidth_bytes_s = 300 * MIB;
	precopy_start(&precopy, &input, 0.3);
	cr_assert_eq(precopy_demand_bytes_s(&precopy), 200 * MIB);
	input.bandwidth_bytes_s = 100 * MIB;
	precopy_start(&precopy, &input, 0.3);
	cr_assert_eq(precopy_demand_bytes_s(&precopy), 100 * MIB);
	precopy_set_rate(&precopy, 1000 * MIB);
	precopy_advance(&precopy, 1);
	assert_near(precopy.sent_bytes, 100 * MIB, 1e-9);
	precopy_start_postcopy(&precopy);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	cr_assert_eq(precopy_demand_bytes_s(&precopy), 0);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_SWITCHED);
	cr_assert_eq(precopy_demand_bytes_s(&precopy), 200 * MIB);
	assert_near(precopy_next_s(&precopy), precopy.pending_bytes / 4096 * NORMAL / (200 * MIB), 1e-9);
	input.bandwidth_bytes_s = INFINITY;
	precopy_start(&precopy, &input, 100);
	precopy_set_rate(&precopy, 1000 * MIB);
	migrating_go_to(&precopy, PRECOPY_STOPPED);
	cr_assert_eq(precopy_demand_bytes_s(&precopy), 200 * MIB);
}

/* ------------------------------------------------------------------ windows and looks */

/* 2 % longer windows carry the same bytes: the mean rate is 2 % lower, and so is what they measure. */
Test(windows, that_are_a_little_longer_slow_a_cap_by_just_that)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_idle(512);
	double threshold = 0.3 * 64 * MIB / 1.02,
	       windows = ceil((512 * MIB - threshold) / 4096 * NORMAL / (6.4 * MIB));

	row.window_more_s = 0.002;
	input.hypervisor = &row;
	input.bandwidth_bytes_s = 64 * MIB;
	/* The last link is slower than the cap, but not slower than what the cap comes to. */
	for (int i = 0; i < 3; i++) {
		static const double LINK_MIB_S[] = { 1000, 64, 63 };
		struct precopy precopy;

		precopy_start(&precopy, &input, 0.3);
		cr_assert_eq(precopy_demand_bytes_s(&precopy), 64 * MIB);
		precopy_set_rate(&precopy, LINK_MIB_S[i] * MIB);
		cr_assert_eq(migrating_next(&precopy), PRECOPY_SYNCED);
		assert_near(precopy.now_s, windows * 0.102, 1e-9);
		assert_near(precopy.sent_bytes, windows * 6.4 * MIB, 1e-9);
		assert_near(precopy.threshold_bytes, threshold, 1e-9);
	}
}

Test(windows, that_are_a_little_longer_do_not_slow_a_link)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_busy(1024, 5000);
	struct precopy real, ideal;

	input.bandwidth_bytes_s = 110 * MIB;
	precopy_start(&ideal, &input, 0.3);
	precopy_run(&ideal, RATE, INFINITY);
	row.window_more_s = 0.002;
	input.hypervisor = &row;
	precopy_start(&real, &input, 0.3);
	precopy_run(&real, RATE, INFINITY);
	cr_assert_eq(real.now_s, ideal.now_s);
	cr_assert_eq(real.sent_bytes, ideal.sent_bytes);
}

/* 50 ms, and half of 512 KiB at 100 MiB/s: a look every 52.5 ms, and a window ends with every second one. */
Test(looks, come_with_the_lumps_that_leave_the_sender)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_idle(1024);
	double looks = ceil((wire(1024) - wire(30)) / RATE / 0.0525);
	struct precopy precopy;

	row.iterate_bytes = 524288;
	input.hypervisor = &row;
	precopy_start(&precopy, &input, 0.3);
	precopy_set_rate(&precopy, RATE);
	precopy_advance(&precopy, 0.1049);
	cr_assert_eq(precopy.threshold_bytes, 0);
	precopy_advance(&precopy, 0.0002);
	assert_near(precopy.threshold_bytes, 30 * MIB, 1e-9);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_SYNCED);
	assert_near(precopy.now_s, looks * 0.0525, 1e-9);
}

/* Whether the rate is known when copying begins or a moment later. */
Test(looks, are_the_same_with_a_set_up)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_busy(1024, 5000);
	struct precopy with, without, later;

	row.iterate_bytes = 524288;
	input.dirty.law = DIRTY_IDLE; /* that writes in the set-up, too */
	input.hypervisor = &row;
	precopy_start(&without, &input, 0.3);
	precopy_run(&without, RATE, INFINITY);
	input.setup_s = 0.5;
	precopy_start(&with, &input, 0.3);
	precopy_run(&with, RATE, INFINITY);
	precopy_start(&later, &input, 0.3);
	cr_assert_eq(migrating_next(&later), PRECOPY_STARTED);
	precopy_set_rate(&later, RATE);
	migrating_go_to(&later, PRECOPY_COMPLETED);
	assert_near(with.now_s - 0.5, without.now_s, 1e-9);
	assert_near(with.downtime_s, without.downtime_s, 1e-9);
	assert_near(later.now_s, with.now_s, 1e-12);
	assert_near(later.downtime_s, with.downtime_s, 1e-12);
}

Test(looks, make_windows_of_whole_ones)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_idle(1024);
	struct precopy precopy;

	row.iterate_s = 0.03;
	input.hypervisor = &row;
	precopy_start(&precopy, &input, 0.3);
	precopy_set_rate(&precopy, RATE);
	precopy_advance(&precopy, 0.1199);
	cr_assert_eq(precopy.threshold_bytes, 0);
	precopy_advance(&precopy, 0.0002);
	assert_near(precopy.threshold_bytes, 30 * MIB, 1e-9);
	cr_assert_eq(precopy.windows, 1);
	/* The cap knows no looks. */
	input.bandwidth_bytes_s = 64 * MIB;
	precopy_start(&precopy, &input, 0.3);
	precopy_set_rate(&precopy, RATE);
	precopy_advance(&precopy, 0.1);
	assert_near(precopy.threshold_bytes, 0.3 * 64 * MIB, 1e-9);
}

/* However slow the link, lumps do not make a look later than half a window. */
Test(looks, are_never_much_later)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_idle(16);
	struct precopy precopy;

	row.iterate_bytes = 524288;
	input.hypervisor = &row;
	precopy_start(&precopy, &input, 0.3);
	precopy_set_rate(&precopy, 1000);
	precopy_advance(&precopy, 0.2 + 1e-6);
	cr_assert_geq(precopy.windows, 1);
	assert_near(precopy.window_rate, 1000, 1e-9);
}

/* ------------------------------------------------------------------ noise */

enum { WINDOWS = 400 };

/* The threshold after each of many windows of 100 ms, the guest never ending, as shares of what is expected.
 */
static void measure(const struct hypervisor *row, uint64_t luck, double cap_bytes_s, double rate_bytes_s,
                    double ret_shares[WINDOWS])
{
	struct precopy_input input = migrating_busy(1024, 1e9);
	struct precopy precopy;

	input.hypervisor = row;
	input.luck = luck;
	input.bandwidth_bytes_s = cap_bytes_s;
	precopy_start(&precopy, &input, 0.001);
	precopy_set_rate(&precopy, rate_bytes_s);
	for (uint64_t i = 0; i < WINDOWS; i++) {
		while (precopy.windows <= i) {
			precopy_advance(&precopy, fmin(precopy_next_s(&precopy), 0.05));
			if (precopy_next_s(&precopy) <= 0)
				precopy_step(&precopy);
			cr_assert_eq(precopy.phase, PRECOPY_COPYING);
		}
		ret_shares[i] = precopy.threshold_bytes / (fmin(rate_bytes_s, cap_bytes_s) * 0.001);
	}
}

/* Uniform with the standard deviation of window_spread around what the link gives. */
Test(noise, of_windows_is_within_its_bounds)
{
	struct hypervisor row = *ideal_hypervisor();
	double shares[WINDOWS], sum = 0, squares = 0;

	row.window_spread = 0.03;
	measure(&row, 7, INFINITY, RATE, shares);
	for (int i = 0; i < WINDOWS; i++) {
		cr_assert(fabs(shares[i] - 1) <= sqrt(3) * 0.03 + 1e-9, "%g", shares[i]);
		sum += shares[i];
		squares += (shares[i] - 1) * (shares[i] - 1);
	}
	cr_assert(fabs(sum / WINDOWS - 1) < 3 * 0.03 / sqrt(WINDOWS), "%g", sum / WINDOWS);
	assert_near(sqrt(squares / WINDOWS), 0.03, 0.1);
}

Test(noise, is_the_keys)
{
	struct hypervisor row = *ideal_hypervisor();
	double one[WINDOWS], again[WINDOWS], other[WINDOWS];
	int same = 0;

	row.window_spread = 0.03;
	measure(&row, 7, INFINITY, RATE, one);
	measure(&row, 7, INFINITY, RATE, again);
	measure(&row, 8, INFINITY, RATE, other);
	for (int i = 0; i < WINDOWS; i++) {
		cr_assert_eq(one[i], again[i]);
		same += one[i] == other[i];
	}
	cr_assert_lt(same, 3);
}

Test(noise, needs_luck_and_a_link_that_binds)
{
	struct hypervisor row = *ideal_hypervisor();
	double shares[WINDOWS];

	row.window_spread = 0.03;
	measure(&row, 0, INFINITY, RATE, shares);
	for (int i = 0; i < WINDOWS; i++)
		assert_near(shares[i], 1, 1e-9);
	measure(&row, 7, RATE / 2, RATE, shares);
	for (int i = 0; i < WINDOWS; i++)
		assert_near(shares[i], 1, 1e-9);
}

static double widest(const double shares[WINDOWS])
{
	double most = 0;

	for (int i = 0; i < WINDOWS; i++)
		most = fmax(most, fabs(shares[i] - 1));
	return most;
}

/* A window of a slow link has few lumps, but its measure never goes far astray. */
Test(noise, of_lumps_is_that_of_slow_links)
{
	struct hypervisor row = *ideal_hypervisor();
	double fast[WINDOWS], slow[WINDOWS], slowest[WINDOWS];

	row.iterate_bytes = 524288;
	measure(&row, 7, INFINITY, 10 * RATE, fast);
	measure(&row, 7, INFINITY, RATE, slow);
	measure(&row, 7, INFINITY, RATE / 100, slowest);
	assert_near(widest(slow), 10 * widest(fast), 0.01);
	cr_assert(widest(fast) > 0 && widest(slowest) > widest(slow) && widest(slowest) < 0.3);
}

/*
 * Which pages are hit is chance: around what the law says, give or take the root of D(2t) - D(t), by the key.
 * For uniform writes that is sum p (1 - p), as can be said by hand too.
 */
Test(noise, of_written_pages_is_that_of_pages_hit_or_not)
{
	enum { KEYS = 1000 };
	struct precopy_input input = migrating_busy(1024, 1000);
	double round_s = wire(1024) / RATE, pages = dirty_unique_pages(&input.dirty, 0, 0, round_s), sum = 0,
	       squares = 0, hit = pages / input.dirty.working_set_pages,
	       deviation = sqrt(input.dirty.working_set_pages * hit * (1 - hit));

	for (uint64_t luck = 0; luck <= KEYS; luck++) {
		struct precopy precopy;
		double more;

		input.luck = luck;
		precopy_start(&precopy, &input, 0);
		precopy_set_rate(&precopy, RATE);
		cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
		more = precopy.pending_bytes / 4096 - pages;
		if (luck == 0)
			cr_assert(fabs(more) < 1e-6);
		cr_assert(fabs(more) <= 3 * deviation, "%g", more);
		sum += more / deviation;
		squares += more * more / (deviation * deviation);
	}
	cr_assert(fabs(sum / KEYS) < 3 / sqrt(KEYS), "%g", sum / KEYS);
	assert_near(sqrt(squares / KEYS), 1, 0.07);
}

/* A threshold that turns out higher than expected ends a round at the look at which it is known, not later.
 */
Test(noise, that_is_lucky_is_not_missed)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_idle(1024);
	int early = 0;

	row.window_spread = 0.07;
	input.hypervisor = &row;
	for (uint64_t luck = 1; luck <= 100; luck++) {
		double look_s = 0.05, sync_s;
		struct precopy precopy, looked;

		input.luck = luck;
		precopy_start(&precopy, &input, 0.3);
		precopy_set_rate(&precopy, RATE);
		looked = precopy;
		migrating_go_to(&precopy, PRECOPY_SYNCED);
		sync_s = precopy.now_s;
		/* Look by look, as QEMU does it. */
		for (;; look_s += 0.05) {
			while (looked.now_s < look_s - 1e-9) {
				if (precopy_next_s(&looked) <= 0)
					cr_assert_eq(precopy_step(&looked), PRECOPY_NOTHING);
				precopy_advance(&looked,
				                fmin(precopy_next_s(&looked), look_s - looked.now_s));
			}
			if (looked.pending_bytes < looked.threshold_bytes)
				break;
			cr_assert_lt(look_s, sync_s - 1e-6);
		}
		assert_near(sync_s, look_s, 1e-9);
		early += look_s < 10 - 1e-6;
	}
	cr_assert(early > 10 && early < 90, "%d", early); /* than without luck */
}

/* The whole migration is its key's. */
Test(noise, makes_runs_differ)
{
	struct precopy_input input = migrating_busy(1024, 15000);
	double first_s = 0, first_bytes = 0;
	int differ = 0, nothing = 0;

	input.hypervisor = hypervisor_find("qemu-7.2");
	for (uint64_t luck = 1; luck <= 40; luck++) {
		struct precopy one, again;

		input.luck = luck;
		precopy_start(&again, &input, 0.1);
		precopy_run(&again, RATE, INFINITY);
		precopy_start(&one, &input, 0.1);
		precopy_set_rate(&one, RATE);
		while (one.phase != PRECOPY_DONE) {
			double pending, sent;
			uint32_t iterations = one.iterations;

			precopy_advance(&one, precopy_next_s(&one));
			pending = one.pending_bytes;
			sent = one.sent_bytes;
			if (precopy_step(&one) != PRECOPY_NOTHING)
				continue;
			/* A look at which the threshold was less than it might have been. */
			nothing++;
			cr_assert_eq(one.phase, PRECOPY_COPYING);
			cr_assert(one.pending_bytes == pending && one.sent_bytes == sent);
			cr_assert_eq(one.iterations, iterations);
			cr_assert_geq(pending, one.threshold_bytes);
		}
		cr_assert(one.now_s == again.now_s && one.sent_bytes == again.sent_bytes &&
		          one.downtime_s == again.downtime_s);
		differ += one.now_s != first_s && one.sent_bytes != first_bytes;
		first_s = one.now_s;
		first_bytes = one.sent_bytes;
	}
	cr_assert_geq(differ, 35);
	cr_assert_gt(nothing, 0);
}

/* ------------------------------------------------------------------ the guest */

/* A guest in haste is one whose law is faster. */
Test(haste, is_a_faster_law)
{
	struct precopy_input input = migrating_busy(1024, 4500);
	struct precopy law, haste;

	input.auto_converge = true;
	precopy_start(&law, &input, 0.05);
	precopy_run(&law, RATE, INFINITY);
	input.dirty.rate_pages_s = 3000;
	input.haste = 0.5;
	precopy_start(&haste, &input, 0.05);
	precopy_run(&haste, RATE, INFINITY);
	assert_near(haste.now_s, law.now_s, 1e-9);
	assert_near(haste.sent_bytes, law.sent_bytes, 1e-9);
	assert_near(haste.downtime_s, law.downtime_s, 1e-9);
	cr_assert_eq(haste.iterations, law.iterations);
	assert_near(haste.clock_s, 1.5 * law.clock_s, 1e-9);
	input.haste = 0;
	precopy_start(&haste, &input, 0.05);
	precopy_run(&haste, RATE, INFINITY);
	cr_assert_lt(haste.sent_bytes, law.sent_bytes);
}

/* A guest that does nothing has a kernel that does. */
Test(kernel, writes_beside_the_law)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_idle(1024);
	double round_s = wire(1024) / RATE;
	struct precopy precopy;

	row.kernel_pages = 1000;
	row.kernel_s = 5;
	input.hypervisor = &row;
	precopy_start(&precopy, &input, 0);
	precopy_set_rate(&precopy, RATE);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	assert_near(precopy.stopped_s, round_s, 1e-9);
	assert_near(precopy.pending_bytes, 4096 * 1000 * (1 - exp(-round_s / 5)), 1e-9);
	/* While it stands still it writes no more, but what it wrote before is sent. */
	precopy_start(&precopy, &input, 0);
	precopy_set_rate(&precopy, RATE);
	precopy_advance(&precopy, 4);
	precopy_pause(&precopy);
	migrating_go_to(&precopy, PRECOPY_STOPPED);
	assert_near(precopy.pending_bytes, 4096 * 1000 * (1 - exp(-4.0 / 5)), 1e-9);
}

/* Memory beside the guest's own: sent once, pending until then. */
Test(firmware, migrates_once)
{
	struct hypervisor row = *ideal_hypervisor();
	struct precopy_input input = migrating_busy(1024, 5000);
	double round_s = (wire(1024) + 512 * NORMAL) / RATE, written;
	struct precopy precopy;

	row.firmware_pages = 512;
	input.hypervisor = &row;
	precopy_start(&precopy, &input, 0);
	assert_near(precopy.pending_bytes, 1026 * MIB, 1e-12);
	precopy_set_rate(&precopy, RATE);
	precopy_advance(&precopy, wire(1024) / RATE);
	assert_near(precopy.pending_bytes, 2 * MIB, 1e-6);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_STOPPED);
	assert_near(precopy.stopped_s, round_s, 1e-9);
	written = dirty_unique_pages(&input.dirty, 0, 0, round_s);
	assert_near(precopy.pending_bytes, written * 4096, 1e-9);
	cr_assert_eq(migrating_next(&precopy), PRECOPY_COMPLETED);
	assert_near(precopy.sent_bytes, wire(1024) + (512 + written) * NORMAL, 1e-9);
}

/* What a real hypervisor asks for and what it loses is a matter of percents, not of another kind. */
Test(real, is_near_ideal)
{
	for (size_t i = 0; i < HYPERVISORS; i++) {
		struct hypervisor row = ideal_of(&hypervisors_shipped()->rows[i]);
		struct precopy_input input = migrating_busy(1024, 2000);
		struct precopy ideal, real;

		input.used_pages = 700 * 256;
		input.hypervisor = &row;
		precopy_start(&ideal, &input, 0.3);
		precopy_run(&ideal, RATE, INFINITY);
		input.hypervisor = &hypervisors_shipped()->rows[i];
		precopy_start(&real, &input, 0.3);
		precopy_run(&real, RATE, INFINITY);
		assert_near(real.now_s, ideal.now_s, 0.05);
		assert_near(real.sent_bytes, ideal.sent_bytes, 0.05);
	}
}

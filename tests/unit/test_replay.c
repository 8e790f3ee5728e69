/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/replay.h"

#include "tests/support/simulated.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double MIB = 1048576;
static const struct replay_options ONCE = { .seed = 1, .runs = 1 };

static struct measured make_row(double used_mib, double bandwidth_mib_s)
{
	return (struct measured){
		.cell = "",
		.batch = "",
		.kind = "",
		.hypervisor = "qemu-7.2",
		.line = 2,
		.dirty = { .law = DIRTY_UNIFORM,
		           .working_set_pages = 64 * 256,
		           .rate_pages_s = 500,
		           .background_pages_s = 40,
		           .duty_on_fraction = 1,
		           .limit_pages = used_mib * 256 },
		.memory_pages = 1024 * 256,
		.used_pages = used_mib * 256,
		.bandwidth_bytes_s = bandwidth_mib_s > 0 ? bandwidth_mib_s * MIB : INFINITY,
		.link_bytes_s = INFINITY,
		.downtime_limit_s = 0.3,
		.timeout_s = 60,
		.outside = { { 1, 500 }, { 4, 1800 } },
	};
}

static void replay(const struct measured *rows, uint32_t count, const struct replay_options *options,
                   struct replayed *ret_replayed)
{
	struct error error = { "" };

	cr_assert_eq(replay_rows(rows, count, options, ret_replayed, &error), 0, "%s", error.text);
}

Test(replay, is_what_simulate_says)
{
	struct measured row = make_row(320, 32);
	struct replayed said;
	struct scenario scenario;
	struct simulation simulation;
	struct error error;
	struct simulation_options how;
	char *text = replay_scenario(&row, 1, 0, &ONCE);

	replay(&row, 1, &ONCE, &said);
	cr_assert(said.known);
	cr_assert_eq(said.probability_converged, 1);
	cr_assert_eq(scenario_try_text(&scenario, text, PROFILE_COUNT, &error), 0, "%s", error.text);
	how = (struct simulation_options){ .seed = scenario.seed, .runs = scenario.runs, .threads = 1 };
	simulation_create(&simulation, &scenario, &how);
	simulation_run(&simulation, 0, 0);
	simulation_summarise(&simulation);
	cr_assert_eq(simulation.migration_count, 1);
	cr_assert_eq(simulation.migrations[0].duration_s[1], said.duration_s[1]);
	cr_assert_eq(simulation.migrations[0].bytes[1], said.bytes[1]);
	cr_assert_eq(simulation.migrations[0].iterations[1], said.iterations[1]);
	cr_assert_float_eq(simulation.migrations[0].downtime_ms[1], 1000 * said.downtime_s[1], 1e-9);
	simulation_free(&simulation);
	scenario_free(&scenario);
	free(text);
}

Test(replay, every_input_counts)
{
	struct measured rows[6];
	struct replayed said[6];

	for (int i = 0; i < 6; i++)
		rows[i] = make_row(320, 32);
	rows[1].bandwidth_bytes_s = 16 * MIB;
	rows[2].link_bytes_s = 10e6;
	rows[3].timeout_s = 5;
	rows[4].used_pages = rows[4].dirty.limit_pages = 160 * 256;
	rows[5].dirty.rate_pages_s = 4000;
	replay(rows, 6, &ONCE, said);
	cr_assert_float_eq(said[0].duration_s[1], 11, 1.5);
	cr_assert_gt(said[1].duration_s[1], 1.8 * said[0].duration_s[1]);
	cr_assert_gt(said[2].duration_s[1], 3 * said[0].duration_s[1]);
	cr_assert_eq(said[3].probability_converged, 0);
	cr_assert_float_eq(said[3].duration_s[1], 5, 1e-6);
	cr_assert_lt(said[4].duration_s[1], 0.7 * said[0].duration_s[1]);
	cr_assert_gt(said[5].bytes[1], 1.1 * said[0].bytes[1]);
}

Test(replay, takes_every_law)
{
	static const enum dirty_law laws[] = { DIRTY_IDLE, DIRTY_UNIFORM, DIRTY_HOTCOLD, DIRTY_ZIPF,
		                               DIRTY_SEQUENTIAL };
	struct measured rows[5];
	struct replayed said[5];

	for (int i = 0; i < 5; i++) {
		rows[i] = make_row(320, 32);
		rows[i].dirty.law = laws[i];
		rows[i].dirty.hot_fraction = 0.1;
		rows[i].dirty.hot_probability = 0.9;
		rows[i].dirty.exponent = 1.2;
	}
	rows[4].auto_converge = rows[4].post_copy = true;
	replay(rows, 5, &ONCE, said);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(said[i].probability_converged, 1, "law %d", i);
	cr_assert_lt(said[0].bytes[1], said[3].bytes[1]);
	cr_assert_lt(said[3].bytes[1], said[1].bytes[1]);
}

Test(replay, a_duty_is_drawn_again_in_each_run)
{
	struct measured row = make_row(320, 32);
	struct replay_options often = { .seed = 1, .runs = 40 };
	struct replayed said, again;

	row.dirty.rate_pages_s = 4000;
	row.dirty.duty_period_s = 8;
	row.dirty.duty_on_fraction = 0.5;
	replay(&row, 1, &often, &said);
	cr_assert_lt(said.bytes[0], said.bytes[1]);
	cr_assert_lt(said.bytes[1], said.bytes[2]);
	replay(&row, 1, &often, &again);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(said.duration_s[i], again.duration_s[i]);
		cr_assert_eq(said.bytes[i], again.bytes[i]);
		cr_assert_eq(said.downtime_s[i], again.downtime_s[i]);
	}
}

Test(replay, rows_of_a_batch_share_the_link)
{
	struct measured rows[4];
	struct replayed alone[4], together[4];

	for (int i = 0; i < 4; i++) {
		rows[i] = make_row(320, 0);
		rows[i].link_bytes_s = 40e6;
	}
	replay(rows, 4, &ONCE, alone);
	rows[0].batch = rows[2].batch = "a";
	rows[2].start_s = 2;
	replay(rows, 4, &ONCE, together);
	cr_assert_eq(together[1].duration_s[1], alone[1].duration_s[1]);
	cr_assert_eq(together[3].duration_s[1], alone[3].duration_s[1]);
	for (int i = 0; i < 4; i += 2)
		cr_assert_gt(together[i].duration_s[1], 1.4 * alone[i].duration_s[1]);
}

Test(replay, a_curve_in_place_of_the_law)
{
	struct measured rows[3] = { make_row(320, 32), make_row(320, 32), make_row(320, 32) };
	struct replay_options outside = { .seed = 1, .runs = 1, .outside = true };
	struct replayed said[3];

	rows[1].outside[0].interval_s = rows[1].outside[1].interval_s = 0;
	rows[2].outside[1] = (struct dirty_point){ 4, 18000 };
	rows[2].dirty.law = DIRTY_IDLE; /* makes no difference */
	replay(rows, 3, &outside, said);
	cr_assert(said[0].known && !said[1].known && said[2].known);
	cr_assert_eq(said[1].duration_s[1], 0);
	cr_assert_gt(said[2].bytes[1], said[0].bytes[1]);
}

Test(replay, says_what_cannot_be_run)
{
	struct measured row = make_row(320, 32);
	struct replayed said;
	struct error error;

	row.memory_pages = 1e20;
	cr_assert_lt(replay_rows(&row, 1, &ONCE, &said, &error), 0);
	cr_assert_not_null(strstr(error.text, "memory_mib"), "%s", error.text);
}

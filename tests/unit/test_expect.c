/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/expect.h"

#include "models/precopy.h"
#include "tests/support/ideal.h"
#include "tests/support/measuring.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double MIB = 1048576;

enum { DRAWS = EXPECT_DRAWS_MOST };

/* Nothing but memory on its way: no law, no background, no noise. */
static struct measured still_row(void)
{
	return (struct measured){ .cell = "",
		                  .batch = "",
		                  .kind = "",
		                  .hypervisor = "qemu-7.2",
		                  .dirty = { .law = DIRTY_IDLE, .duty_on_fraction = 1, .limit_pages = 20000 },
		                  .memory_pages = 65536,
		                  .used_pages = 20000,
		                  .bandwidth_bytes_s = 32 * MIB,
		                  .link_bytes_s = INFINITY,
		                  .downtime_limit_s = 0.3,
		                  .timeout_s = INFINITY };
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The set-ups of all draws, the rest of the time being the same. */
static void draw_setups(const struct hypervisor *hypervisor, double setup_s[DRAWS])
{
	struct measured row = still_row();
	struct hypervisor none = *hypervisor;
	struct expected draws[DRAWS], without;

	none.setup_ms = 0;
	none.setup_spread = 0;
	expect_row(&row, &none, EXPECT_PLAIN, 0, 1, &without);
	expect_row(&row, hypervisor, EXPECT_SPREAD, 0, DRAWS, draws);
	for (int i = 0; i < DRAWS; i++)
		setup_s[i] = draws[i].elapsed_s - without.elapsed_s;
}

Test(expect, is_what_the_model_says)
{
	struct measured row = still_row();
	struct hypervisor ideal = *ideal_hypervisor();
	struct precopy_input input = { .hypervisor = &ideal,
		                       .dirty = row.dirty,
		                       .memory_pages = row.memory_pages,
		                       .used_pages = row.used_pages,
		                       .bandwidth_bytes_s = row.bandwidth_bytes_s,
		                       .setup_s = ideal.setup_ms / 1000,
		                       .stop_s = ideal.stop_ms / 1000,
		                       .switchover_s = 0.25 };
	struct precopy precopy;
	struct expected draws[5];

	ideal.switchover_ms = 250;
	precopy_start(&precopy, &input, row.downtime_limit_s);
	precopy_run(&precopy, INFINITY, INFINITY);
	expect_row(&row, &ideal, EXPECT_PLAIN, 0, 5, draws);
	for (int i = 0; i < 5; i++) {
		cr_assert(draws[i].completed);
		cr_assert_eq(draws[i].elapsed_s, precopy.now_s);
		cr_assert_eq(draws[i].bytes, precopy.sent_bytes);
		cr_assert_eq(draws[i].downtime_s, precopy.downtime_s);
		cr_assert_eq(draws[i].iterations, precopy.iterations);
		cr_assert_eq(draws[i].throttle, 0);
	}
}

Test(expect, the_same_asked_twice_is_the_same)
{
	struct measured row = measuring_guest(3, MEASURING_BY_LINK);
	const struct hypervisor *shipped = hypervisor_find("qemu-7.2");
	struct expected first[DRAWS], second[DRAWS];

	memset(first, 0, sizeof(first));
	memset(second, 0xff, sizeof(second));
	expect_row(&row, shipped, EXPECT_SPREAD, 0.1, DRAWS, first);
	expect_row(&row, shipped, EXPECT_SPREAD, 0.1, DRAWS, second);
	for (int i = 0; i < DRAWS; i++) {
		cr_assert_eq(first[i].elapsed_s, second[i].elapsed_s);
		cr_assert_eq(first[i].bytes, second[i].bytes);
		cr_assert_eq(first[i].downtime_s, second[i].downtime_s);
		cr_assert_eq(first[i].iterations, second[i].iterations);
	}
	cr_assert_neq(first[0].bytes, first[1].bytes);
}

Test(expect, phases_of_a_duty_divide_its_period)
{
	struct measured row = still_row();
	struct expected draws[8];
	struct expected mean;

	row.dirty = (struct dirty){ .law = DIRTY_SEQUENTIAL,
		                    .working_set_pages = 20000,
		                    .rate_pages_s = 2000,
		                    .duty_period_s = 16,
		                    .duty_on_fraction = 0.5,
		                    .limit_pages = 20000 };
	expect_row(&row, ideal_hypervisor(), EXPECT_PLAIN, 0, 8, draws);
	mean = expect_mean(draws, 8);
	/* On all the way in the first phases, off in the middle ones, and half of it between. */
	cr_assert_gt(draws[0].bytes, 1.05 * mean.bytes);
	cr_assert_lt(draws[4].bytes, 0.95 * mean.bytes);
	cr_assert_gt(draws[7].bytes, draws[4].bytes);
	cr_assert_gt(draws[0].iterations, draws[4].iterations);
}

Test(expect, haste_is_more_writes)
{
	struct measured row = measuring_guest(3, MEASURING_BY_CAP);
	struct expected slow, plain, fast;
	struct expected draws[8];

	row.dirty.law = DIRTY_UNIFORM;
	row.dirty.working_set_pages = row.used_pages / 2;
	row.dirty.rate_pages_s = 1000;
	expect_row(&row, ideal_hypervisor(), EXPECT_PLAIN, -0.5, 8, draws);
	slow = expect_mean(draws, 8);
	expect_row(&row, ideal_hypervisor(), EXPECT_PLAIN, 0, 8, draws);
	plain = expect_mean(draws, 8);
	expect_row(&row, ideal_hypervisor(), EXPECT_PLAIN, 0.5, 8, draws);
	fast = expect_mean(draws, 8);
	cr_assert_lt(slow.bytes, plain.bytes);
	cr_assert_lt(plain.bytes, fast.bytes);
	cr_assert_lt(plain.elapsed_s, fast.elapsed_s);
}

/* Strata: as many draws in each part of the distribution as belong there. */
Test(expect, spreads_are_log_normal_around_the_plain_value)
{
	struct hypervisor hypervisor = *ideal_hypervisor();
	double setup_s[DRAWS], sum = 0, squares = 0;

	hypervisor.setup_ms = 800;
	hypervisor.setup_spread = 0.2;
	draw_setups(&hypervisor, setup_s);
	for (int i = 0; i < DRAWS; i++) {
		sum += log(setup_s[i] / 0.8);
		squares += log(setup_s[i] / 0.8) * log(setup_s[i] / 0.8);
	}
	cr_assert_float_eq(sum / DRAWS, 0, 0.02, "mean of the logarithm %g", sum / DRAWS);
	cr_assert_float_eq(sqrt(squares / DRAWS), 0.2, 0.02, "deviation %g", sqrt(squares / DRAWS));
	qsort(setup_s, DRAWS, sizeof(setup_s[0]), by_size);
	cr_assert_float_eq(setup_s[DRAWS / 10], 0.8 * exp(-1.2816 * 0.2), 0.04);
	cr_assert_float_eq(setup_s[DRAWS / 2], 0.8, 0.02);
	cr_assert_float_eq(setup_s[DRAWS - 1 - DRAWS / 10], 0.8 * exp(1.2816 * 0.2), 0.06);
}

Test(expect, plain_draws_have_no_spread)
{
	struct hypervisor wide = *ideal_hypervisor();
	struct measured row = still_row();
	struct expected plain[DRAWS], one;

	wide.setup_spread = wide.rate_spread = wide.used_spread = wide.dirty_spread = wide.stop_spread = 0.5;
	expect_row(&row, &wide, EXPECT_PLAIN, 0, DRAWS, plain);
	for (int i = 1; i < DRAWS; i++) {
		cr_assert_eq(plain[i].elapsed_s, plain[0].elapsed_s);
		cr_assert_eq(plain[i].bytes, plain[0].bytes);
	}
	/* The middle of everything, when there is but one draw. */
	expect_row(&row, &wide, EXPECT_SPREAD, 0, 1, &one);
	cr_assert_float_eq(one.elapsed_s, plain[0].elapsed_s, 1e-9);
	cr_assert_float_eq(one.downtime_s, plain[0].downtime_s, 1e-9);
}

/* What is drawn for one thing says nothing of what is drawn for another. */
Test(expect, spreads_are_drawn_apart)
{
	struct hypervisor hypervisor = *ideal_hypervisor();
	struct measured row = still_row();
	struct expected draws[DRAWS];
	double setup_s[DRAWS], products[2] = { 0 }, variances[3] = { 0 };

	hypervisor.setup_ms = 800;
	hypervisor.setup_spread = 0.2;
	draw_setups(&hypervisor, setup_s);
	hypervisor.used_spread = 0.1;
	hypervisor.stop_spread = 0.1;
	expect_row(&row, &hypervisor, EXPECT_SPREAD, 0, DRAWS, draws);
	for (int i = 0; i < DRAWS; i++) {
		double of[3] = { log(setup_s[i] / 0.8), draws[i].bytes / expect_mean(draws, DRAWS).bytes - 1,
			         draws[i].downtime_s / expect_mean(draws, DRAWS).downtime_s - 1 };

		products[0] += of[0] * of[1];
		products[1] += of[0] * of[2];
		for (int j = 0; j < 3; j++)
			variances[j] += of[j] * of[j];
	}
	cr_assert_lt(fabs(products[0]) / sqrt(variances[0] * variances[1]), 0.3);
	cr_assert_lt(fabs(products[1]) / sqrt(variances[0] * variances[2]), 0.3);
}

Test(expect, no_more_memory_is_used_than_there_is)
{
	struct hypervisor hypervisor = *ideal_hypervisor();
	struct measured row = still_row();
	struct expected draws[DRAWS];

	row.used_pages = row.dirty.limit_pages = row.memory_pages;
	hypervisor.used_spread = 0.5;
	expect_row(&row, &hypervisor, EXPECT_SPREAD, 0, DRAWS, draws);
	for (int i = 0; i < DRAWS; i++)
		cr_assert_leq(draws[i].bytes, row.memory_pages * 4104 * (1 + 1e-9));
}

Test(expect, a_time_limit_ends_it)
{
	struct measured row = still_row();
	struct expected draws[3];

	row.timeout_s = 1.5;
	expect_row(&row, ideal_hypervisor(), EXPECT_PLAIN, 0, 3, draws);
	for (int i = 0; i < 3; i++) {
		cr_assert(!draws[i].completed);
		cr_assert_float_eq(draws[i].elapsed_s, 1.5, 1e-9);
		cr_assert_gt(draws[i].bytes, 0);
	}
	cr_assert(!expect_mean(draws, 3).completed);
	cr_assert_eq(expect_mean(draws, 3).elapsed_s, 0);
}

Test(expect, auto_converge_throttles)
{
	struct measured row = still_row();
	struct expected draws[2];

	row.dirty = (struct dirty){ .law = DIRTY_UNIFORM,
		                    .working_set_pages = 15000,
		                    .rate_pages_s = 60000,
		                    .duty_on_fraction = 1,
		                    .limit_pages = 20000 };
	row.timeout_s = 200;
	expect_row(&row, ideal_hypervisor(), EXPECT_PLAIN, 0, 1, &draws[0]);
	row.auto_converge = true;
	expect_row(&row, ideal_hypervisor(), EXPECT_PLAIN, 0, 1, &draws[1]);
	cr_assert(!draws[0].completed && draws[0].throttle == 0);
	cr_assert(draws[1].completed && draws[1].throttle > 0.5);
}

Test(expect, the_rate_is_the_least_of_three)
{
	struct measured row = still_row();
	struct hypervisor hypervisor = *ideal_hypervisor();

	hypervisor.wire_efficiency = 0.9;
	hypervisor.sender_bytes_s = 500e6;
	cr_assert_eq(expect_rate_bytes_s(&row, &hypervisor), 32 * MIB);
	row.link_bytes_s = 20e6;
	cr_assert_float_eq(expect_rate_bytes_s(&row, &hypervisor), 18e6, 1e-6);
	row.link_bytes_s = row.bandwidth_bytes_s = INFINITY;
	cr_assert_eq(expect_rate_bytes_s(&row, &hypervisor), 500e6);
}

Test(expect, the_mean_is_of_those_that_completed)
{
	struct expected draws[4] = {
		{ .elapsed_s = 2,
		  .bytes = 10,
		  .downtime_s = 1,
		  .iterations = 3,
		  .throttle = 0.2,
		  .completed = true },
		{ .elapsed_s = 60, .bytes = 99 },
		{ .elapsed_s = 4, .bytes = 20, .downtime_s = 2, .iterations = 4, .completed = true },
		{ .elapsed_s = 60, .bytes = 99 },
	};
	struct expected mean = expect_mean(draws, 4);

	cr_assert(mean.completed);
	cr_assert_float_eq(mean.elapsed_s, 3, 1e-12);
	cr_assert_float_eq(mean.bytes, 15, 1e-12);
	cr_assert_float_eq(mean.downtime_s, 1.5, 1e-12);
	cr_assert_float_eq(mean.iterations, 3.5, 1e-12);
	cr_assert_float_eq(mean.throttle, 0.1, 1e-12);
	/* One in four does not make it likely. */
	draws[0].completed = false;
	cr_assert(!expect_mean(draws, 4).completed);
	cr_assert_float_eq(expect_mean(draws, 4).elapsed_s, 4, 1e-12);
}

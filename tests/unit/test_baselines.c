/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/baselines.h"

#include <criterion/criterion.h>
#include <math.h>

static const double PAGE = 4096;
/* 1000 pages a second. */
static const double RATE = 4096000;
static const double SETUP_S = 0.5;

/* 10,000 pages in use, of which so many are written to one after another, each at the same pace. */
static struct measured make_row(double working_set_pages, double rate_pages_s, double limit_s)
{
	return (struct measured){ .dirty = { .law = DIRTY_SEQUENTIAL,
		                             .working_set_pages = working_set_pages,
		                             .rate_pages_s = rate_pages_s,
		                             .duty_on_fraction = 1,
		                             .limit_pages = 10000 },
		                  .memory_pages = 20000,
		                  .used_pages = 10000,
		                  .downtime_limit_s = limit_s,
		                  .timeout_s = 60,
		                  .expected_downtime_s = 0.123 };
}

static void expect(struct baseline said, double elapsed_s, double pages, double downtime_s, double iterations,
                   double converged)
{
	cr_assert_float_eq(said.elapsed_s, elapsed_s, 1e-9, "%g s", said.elapsed_s);
	cr_assert_float_eq(said.bytes, pages * PAGE, 1e-3, "%g pages", said.bytes / PAGE);
	cr_assert_float_eq(said.downtime_s, downtime_s, 1e-9, "%g s down", said.downtime_s);
	cr_assert_eq(said.iterations, iterations, "%g iterations", said.iterations);
	cr_assert_eq(said.converged, converged);
}

Test(baselines, memory_over_bandwidth)
{
	struct measured row = make_row(10000, 500, 0.3);
	struct baseline said = baseline_memory(&row, RATE, SETUP_S);

	cr_assert_float_eq(said.elapsed_s, 10.5, 1e-9);
	cr_assert_eq(said.bytes, 10000 * PAGE);
	cr_assert(isnan(said.downtime_s) && isnan(said.iterations));
	cr_assert_eq(said.converged, 1);
	row.timeout_s = 10;
	cr_assert_eq(baseline_memory(&row, RATE, SETUP_S).converged, 0);
}

Test(baselines, geometric_series_halves_each_round)
{
	struct measured row = make_row(10000, 500, 0.3);

	/* 10000, 5000, 2500, 1250, 625 with the guest running; 312.5 are too many for 300, 156.25 are not. */
	expect(baseline_geometric(&row, RATE, SETUP_S), 0.5 + 19.6875 + 0.15625, 19843.75, 0.15625, 8, 1);
	/* What just fits fits. */
	row.downtime_limit_s = 0.3125;
	expect(baseline_geometric(&row, RATE, SETUP_S), 0.5 + 19.6875, 19687.5, 0.3125, 7, 1);
	row.timeout_s = 20;
	cr_assert_eq(baseline_geometric(&row, RATE, SETUP_S).converged, 0);
	row.used_pages = 300;
	expect(baseline_geometric(&row, RATE, SETUP_S), 0.8, 300, 0.3, 2, 1);
}

Test(baselines, geometric_series_that_does_not_shrink)
{
	struct measured row = make_row(10000, 1000, 0.3);

	expect(baseline_geometric(&row, RATE, SETUP_S), 20.5, 20000, 10, 3, 0);
	/* It shrinks, but not within the rounds that it is given. */
	row.dirty.rate_pages_s = 990;
	row.timeout_s = INFINITY;
	cr_assert_eq(baseline_geometric(&row, RATE, SETUP_S).converged, 0);
	cr_assert_eq(baseline_geometric(&row, RATE, SETUP_S).iterations, BASELINE_ROUNDS_MOST + 2);
}

Test(baselines, simgrid_knows_the_working_set)
{
	struct measured row = make_row(200, 2000, 0.3);

	/* 2000 writes a second to 200 pages: the first second's rate is 200, the cap too. */
	expect(baseline_simgrid(&row, RATE, SETUP_S), 10.7, 10200, 0.2, 3, 1);
	/* At 400 a second from 1000 pages: 1000 (not 4000), then 400, then 160. */
	row = make_row(1000, 400, 0.2);
	expect(baseline_simgrid(&row, RATE, SETUP_S), 0.5 + 11.4 + 0.16, 11560, 0.16, 5, 1);
	/* More than the link carries, more than fits: up to the time limit. */
	row = make_row(5000, 3000, 0.2);
	cr_assert_eq(baseline_simgrid(&row, RATE, SETUP_S).converged, 0);
}

Test(baselines, the_law_iterated)
{
	struct measured row = make_row(3000, 500, 0.3);

	/* 10000; of 5000 writes the 3000 that there are; 1500, 750, 375, and 187.5 fit. */
	expect(baseline_curve(&row, RATE, SETUP_S), 0.5 + 15.625 + 0.1875, 15812.5, 0.1875, 7, 1);
	row.dirty.rate_pages_s = 1500;
	cr_assert_eq(baseline_curve(&row, RATE, SETUP_S).converged, 0);
	row.timeout_s = INFINITY;
	cr_assert_eq(baseline_curve(&row, RATE, SETUP_S).converged, 0);
}

Test(baselines, the_law_iterated_over_a_duty)
{
	struct measured row = make_row(9000, 500, 0.3);

	/* All phases of a duty of which a round is a whole number of periods are the same. */
	row.used_pages = 4000;
	row.dirty.duty_period_s = 4;
	row.dirty.duty_on_fraction = 0.25;
	row.downtime_limit_s = 0.5;
	expect(baseline_curve(&row, RATE, SETUP_S), 0.5 + 4 + 0.5, 4500, 0.5, 3, 1);
}

Test(baselines, an_idle_guest_is_one_round)
{
	struct measured row = make_row(0, 0, 0.3);

	row.dirty.law = DIRTY_IDLE;
	expect(baseline_geometric(&row, RATE, SETUP_S), 10.5, 10000, 0, 3, 1);
	expect(baseline_simgrid(&row, RATE, SETUP_S), 10.5, 10000, 0, 3, 1);
	expect(baseline_curve(&row, RATE, SETUP_S), 10.5, 10000, 0, 3, 1);
}

Test(baselines, qemu_says_the_downtime_alone)
{
	struct measured row = make_row(100, 500, 0.3);
	struct baseline said = baseline_expected(&row, RATE, SETUP_S);

	cr_assert_eq(said.downtime_s, 0.123);
	cr_assert(isnan(said.elapsed_s) && isnan(said.bytes) && isnan(said.iterations) &&
	          isnan(said.converged));
}

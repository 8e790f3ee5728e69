/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/calibrate.h"

#include "models/expect.h"
#include "tests/support/measuring.h"
#include "tests/support/same.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 40 };

static struct measured rows[ROWS];
static struct hypervisor start, truth;
static struct calibration calibration;
static struct error error;

/* The truth lies off the start by so much that a fit that does nothing is seen, and no spread but luck. */
static void make_truth(void)
{
	start = *hypervisor_find("qemu-7.2");
	truth = start;
	truth.setup_ms = start.setup_ms + 260;
	truth.stop_ms = start.stop_ms + 14;
	truth.firmware_pages = start.firmware_pages + 60;
	truth.wire_efficiency = start.wire_efficiency - 0.012;
	for (const struct hypervisor_constant *of = hypervisor_constants; of->name; of++)
		if (of->spread && strcmp(of->name, "window_spread") != 0)
			*(double *)(void *)((char *)&truth + of->offset) = 0;
}

static void forget(void)
{
	calibration_free(&calibration);
}

TestSuite(calibrate, .init = make_truth, .fini = forget);

static void fit(uint32_t count)
{
	cr_assert_eq(calibrate(rows, count, &start, &calibration, &error), 0, "%s", error.text);
}

static struct calibrated found(const char *name)
{
	for (size_t i = 0; hypervisor_constants[i].name; i++)
		if (!strcmp(hypervisor_constants[i].name, name))
			return calibration.constants[i];
	cr_assert_fail("there is no constant %s", name);
	return (struct calibrated){ 0 };
}

/* Within that many of its own errors, and not because the error is huge. */
static void expect_near(const char *name, double value, double errors, double error_most)
{
	struct calibrated constant = found(name);

	cr_assert(constant.error > 0 && constant.error < error_most, "%s: %g +- %g", name, constant.value,
	          constant.error);
	cr_assert_lt(fabs(constant.value - value), errors * constant.error, "%s: %g +- %g, it is %g", name,
	             constant.value, constant.error, value);
}

static void expect_unfitted(const char *name, double value)
{
	cr_assert(isnan(found(name).error), "%s has an error", name);
	cr_assert_float_eq(found(name).value, value, 1e-12 * (1 + fabs(value)), "%s: %g", name,
	                   found(name).value);
}

/* ------------------------------------------------------------------ constants */

Test(calibrate, finds_the_constants_that_made_the_rows)
{
	measuring_make(rows, ROWS, &truth, 0.02);
	fit(ROWS);
	cr_assert_eq(calibration.rows_fitted, ROWS);
	cr_assert_eq(calibration.rows_left_out, 0);
	expect_near("setup_ms", truth.setup_ms, 4, 60);
	expect_near("stop_ms", truth.stop_ms, 4, 5);
	expect_near("wire_efficiency", truth.wire_efficiency, 4, 0.005);
	expect_near("firmware_pages", truth.firmware_pages, 4, 100);
	expect_near("kernel_pages", truth.kernel_pages, 4, 50);
	expect_near("sender_mib_s", truth.sender_bytes_s / 1048576, 4, 200);
	expect_near("window_more_ms", truth.window_more_s * 1000, 4, 0.2);
	/* The row of constants is the same, in its own units. */
	cr_assert_float_eq(calibration.hypervisor.setup_ms, found("setup_ms").value, 1e-9);
	cr_assert_float_eq(calibration.hypervisor.socket_bytes, 1048576 * found("socket_mib").value, 1e-3);
	cr_assert_str_eq(calibration.hypervisor.name, "qemu-7.2");
	cr_assert_eq(calibration.hypervisor.throttle_max, start.throttle_max);
	/* And it predicts the rows. */
	cr_assert_lt(calibration.overall.time_error, 0.02);
	cr_assert_lt(calibration.overall.bytes_error, 0.02);
	cr_assert_lt(fabs(calibration.overall.time_bias), 0.01);
	cr_assert_eq(calibration.overall.rows, ROWS);
	cr_assert_eq(calibration.overall.wrong, 0);
}

Test(calibrate, what_no_row_can_tell_stays_as_it_was)
{
	for (uint32_t n = 0; n < 12; n++) {
		rows[n] = measuring_guest(n, MEASURING_BY_CAP);
		measuring_happen(&rows[n], &truth, n, 0.02);
	}
	start.socket_bytes = 3e6;
	fit(12);
	expect_unfitted("wire_efficiency", start.wire_efficiency);
	expect_unfitted("socket_mib", start.socket_bytes / 1048576);
	expect_unfitted("socket_ms", start.socket_s * 1000);
	expect_unfitted("switchover_ms", start.switchover_ms);
	expect_unfitted("share_spread", start.share_spread);
	expect_unfitted("setup_crowd", start.setup_crowd);
	cr_assert(found("sender_mib_s").error > 0 && found("window_more_ms").error > 0);
	calibration_free(&calibration);
	for (uint32_t n = 0; n < 12; n++) {
		rows[n] = measuring_guest(n, MEASURING_BY_LINK);
		measuring_happen(&rows[n], &truth, n, 0.02);
	}
	fit(12);
	expect_unfitted("sender_mib_s", start.sender_bytes_s / 1048576);
	expect_unfitted("window_more_ms", start.window_more_s * 1000);
	cr_assert(found("wire_efficiency").error > 0 && found("socket_mib").error > 0);
}

/* ------------------------------------------------------------------ which rows count */

Test(calibrate, takes_plain_completed_rows_of_its_hypervisor)
{
	struct measured row = measuring_guest(0, MEASURING_BY_CAP), other;

	row.completed = true;
	row.elapsed_s = 5;
	row.bytes = 1e8;
	cr_assert(calibrate_takes(&row, &start));
	other = row;
	other.held_out = true;
	cr_assert(!calibrate_takes(&other, &start));
	other = row;
	other.completed = false;
	cr_assert(!calibrate_takes(&other, &start));
	other = row;
	other.post_copy = true;
	cr_assert(!calibrate_takes(&other, &start));
	other = row;
	other.batch = "b";
	cr_assert(!calibrate_takes(&other, &start));
	other = row;
	other.hypervisor = "qemu-8.2";
	cr_assert(!calibrate_takes(&other, &start));
	other = row;
	other.bytes = NAN;
	cr_assert(!calibrate_takes(&other, &start));
}

/* Rows that are not its business may say what they like: they change no bit. */
Test(calibrate, rows_that_are_left_out_change_nothing)
{
	struct calibration without;

	measuring_make(rows, 14, &truth, 0.02);
	fit(14);
	without = calibration;
	for (uint32_t i = 14; i < 26; i++) {
		rows[i] = rows[i - 14];
		rows[i].elapsed_s *= 3;
		rows[i].bytes *= 2;
	}
	for (uint32_t i = 14; i < 16; i++)
		rows[i].held_out = true;
	for (uint32_t i = 16; i < 18; i++)
		rows[i].completed = false;
	for (uint32_t i = 18; i < 20; i++)
		rows[i].post_copy = true;
	for (uint32_t i = 20; i < 22; i++)
		rows[i].hypervisor = i == 20 ? "qemu-9.2" : "";
	for (uint32_t i = 22; i < 24; i++)
		rows[i].batch = "together";
	for (uint32_t i = 24; i < 26; i++)
		rows[i].machine = "another";
	fit(26);
	cr_assert_eq(calibration.rows_fitted, 14);
	cr_assert_eq(calibration.rows_together, 2);
	cr_assert_eq(calibration.rows_left_out, 10);
	cr_assert_eq(calibration.overall.rows, 14);
	for (size_t i = 0; hypervisor_constants[i].name; i++) {
		cr_assert_eq(calibration.constants[i].value, without.constants[i].value, "%s",
		             hypervisor_constants[i].name);
		cr_assert(calibration.constants[i].error == without.constants[i].error ||
		          isnan(without.constants[i].error));
	}
	calibration_free(&without);
}

/* The machine that most rows are from is not the first row's. */
Test(calibrate, the_constants_are_of_the_machine_with_the_most_rows)
{
	struct hypervisor slow = truth;

	slow.setup_ms += 400;
	measuring_make(rows, 20, &slow, 0.02);
	measuring_make(rows + 10, 20, &truth, 0.02);
	for (uint32_t i = 0; i < 30; i++)
		rows[i].machine = i < 10 ? "slow" : "quick";
	fit(30);
	cr_assert_eq(calibration.rows_fitted, 20);
	cr_assert_eq(calibration.rows_left_out, 10);
	cr_assert_str_eq(calibration.machine, "quick");
	cr_assert_lt(fabs(found("setup_ms").value - truth.setup_ms), 100);
}

Test(calibrate, too_few_rows_are_refused)
{
	struct calibration untouched = { .rows_fitted = 77 };

	measuring_make(rows, CALIBRATE_ROWS_LEAST, &truth, 0.02);
	cr_assert_eq(calibrate(rows, CALIBRATE_ROWS_LEAST - 1, &start, &untouched, &error), ERROR_INPUT);
	cr_assert_str_eq(error.text,
	                 "5 completed pre-copy migrations of qemu-7.2 that ran alone, expected at least 6");
	cr_assert_eq(untouched.rows_fitted, 77);
	rows[2].held_out = true;
	cr_assert_eq(calibrate(rows, CALIBRATE_ROWS_LEAST, &start, &untouched, &error), ERROR_INPUT);
	rows[2].held_out = false;
	fit(CALIBRATE_ROWS_LEAST);
	cr_assert_eq(calibration.rows_fitted, CALIBRATE_ROWS_LEAST);
}

/* ------------------------------------------------------------------ how it fits */

Test(calibrate, one_wild_row_hardly_moves_the_fit)
{
	struct calibration clean;

	measuring_make(rows, 30, &truth, 0.02);
	fit(30);
	clean = calibration;
	/* A minute in which something else had the machine. */
	rows[6].elapsed_s += 60;
	rows[6].downtime_s += 5;
	fit(30);
	for (size_t i = 0; hypervisor_constants[i].name; i++) {
		const struct calibrated *was = &clean.constants[i], *is = &calibration.constants[i];

		if (!isnan(was->error))
			cr_assert_lt(fabs(is->value - was->value), 3 * fmax(was->error, is->error),
			             "%s: %g became %g", hypervisor_constants[i].name, was->value, is->value);
	}
	cr_assert_lt(fabs(found("setup_ms").value - truth.setup_ms), 100);
	cr_assert_lt(fabs(found("wire_efficiency").value - truth.wire_efficiency), 0.01);
	calibration_free(&clean);
}

Test(calibrate, the_same_rows_give_the_same_bits)
{
	struct calibration first;

	truth.setup_spread = 0.1;
	measuring_make(rows, 12, &truth, 0.02);
	fit(12);
	first = calibration;
	fit(12);
	cr_assert_eq(first.chi, calibration.chi);
	for (size_t i = 0; hypervisor_constants[i].name; i++)
		cr_assert(same_calibrated(&first.constants[i], &calibration.constants[i]), "%s",
		          hypervisor_constants[i].name);
	cr_assert(same_residuals(&first.overall, &calibration.overall));
	calibration_free(&first);
}

/* ------------------------------------------------------------------ spreads */

/* The share of rows whose time, and whose bytes, the drawn intervals hold. */
static void shares_held(uint32_t count, double *ret_time, double *ret_bytes)
{
	uint32_t times = 0, bytes = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct expected draws[EXPECT_DRAWS_MOST];
		uint32_t sooner = 0, fewer = 0;

		expect_row(&rows[i], &calibration.hypervisor, EXPECT_SPREAD, 0, EXPECT_DRAWS_MOST, draws);
		for (int j = 0; j < EXPECT_DRAWS_MOST; j++) {
			sooner += draws[j].elapsed_s < rows[i].elapsed_s;
			fewer += draws[j].bytes < rows[i].bytes;
		}
		times += sooner >= 0.1 * EXPECT_DRAWS_MOST && sooner <= 0.9 * EXPECT_DRAWS_MOST;
		bytes += fewer >= 0.1 * EXPECT_DRAWS_MOST && fewer <= 0.9 * EXPECT_DRAWS_MOST;
	}
	*ret_time = (double)times / count;
	*ret_bytes = (double)bytes / count;
}

Test(calibrate, finds_the_spreads_that_made_the_rows)
{
	double time, bytes;

	truth.setup_spread = 0.2;
	truth.dirty_spread = 0.08;
	truth.stop_spread = 0.25;
	measuring_make(rows, ROWS, &truth, 0);
	fit(ROWS);
	cr_assert(calibration.hypervisor.setup_spread > 0.13 && calibration.hypervisor.setup_spread < 0.31,
	          "setup_spread %g", calibration.hypervisor.setup_spread);
	cr_assert(calibration.hypervisor.dirty_spread > 0.05 && calibration.hypervisor.dirty_spread < 0.14,
	          "dirty_spread %g", calibration.hypervisor.dirty_spread);
	cr_assert_lt(calibration.hypervisor.rate_spread, 0.02);
	cr_assert_lt(calibration.hypervisor.used_spread, 0.02);
	shares_held(ROWS, &time, &bytes);
	cr_assert(time > 0.7 && time < 0.92, "time: %g held", time);
	cr_assert(bytes > 0.7 && bytes < 0.92, "bytes: %g held", bytes);
	cr_assert_eq(found("dirty_spread").value, calibration.hypervisor.dirty_spread);
	cr_assert(isnan(found("dirty_spread").error));
}

Test(calibrate, rows_that_repeat_exactly_have_small_spreads)
{
	measuring_make(rows, ROWS, &truth, 0);
	fit(ROWS);
	cr_assert_lt(calibration.hypervisor.setup_spread, 0.06);
	cr_assert_lt(calibration.hypervisor.rate_spread, 0.01);
	cr_assert_lt(calibration.hypervisor.used_spread, 0.01);
	cr_assert_lt(calibration.hypervisor.dirty_spread, 0.06);
}

/* ------------------------------------------------------------------ residuals */

Test(calibrate, residuals_are_by_law_and_by_cell)
{
	static const char *const cells[] = { "a", "b" };
	uint32_t sum = 0;

	measuring_make(rows, 10, &truth, 0);
	for (uint32_t i = 0; i < 10; i++)
		rows[i].cell = cells[i % 2];
	/* One says that it was given up, one is not to be looked at, one took twice as long as it should. */
	rows[1].completed = false;
	rows[2].held_out = true;
	rows[3].elapsed_s *= 2;
	calibrate_residuals(rows, 10, &truth, &calibration);
	cr_assert_eq(calibration.overall.rows, 8);
	cr_assert_eq(calibration.overall.wrong, 1);
	cr_assert(calibration.overall.time_error > 0.05 && calibration.overall.time_error < 0.1);
	cr_assert_lt(calibration.overall.time_bias, -0.05);
	cr_assert_eq(calibration.cell_count, 2);
	cr_assert_str_eq(calibration.cells[0].name, "a");
	cr_assert_eq(calibration.cells[0].rows, 4);
	cr_assert_eq(calibration.cells[1].wrong, 1);
	cr_assert_gt(calibration.cells[1].time_error, calibration.cells[0].time_error);
	for (uint32_t i = 0; i < calibration.law_count; i++)
		sum += calibration.laws[i].rows + calibration.laws[i].wrong;
	cr_assert_eq(sum, 9);
}

/* A file may say nothing of the bytes, and have no cells. */
Test(calibrate, residuals_of_rows_that_say_little)
{
	measuring_make(rows, 8, &truth, 0);
	rows[1].bytes = NAN;
	rows[2].bytes = 0;
	rows[3].downtime_s = rows[4].iterations = NAN;
	fit(8);
	cr_assert_eq(calibration.rows_fitted, 6);
	cr_assert_eq(calibration.overall.rows, 8);
	cr_assert(isfinite(calibration.overall.bytes_error) && isfinite(calibration.overall.downtime_ms) &&
	          isfinite(calibration.overall.iterations));
	cr_assert_eq(calibration.cell_count, 0);
}

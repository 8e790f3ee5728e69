/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The model beside 29 measured migrations (tests/data/README.md), replayed with the law, rate and cap they
 * were made with. Run it with --verbose=1 for the errors of each row.
 */
#include "models/hypervisor.h"
#include "models/precopy.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 64, PHASES = 16 };
enum column {
	MEM,
	MB,
	RATE,
	PAT,
	HOT,
	HOTP,
	ZS,
	PER,
	DUTY,
	FILL,
	BW,
	MAXDOWN,
	AUTOCONV,
	RC,
	ELAPSED,
	PROCESSED,
	ITERS,
	CONST,
	NORMAL,
	DOWNTIME,
	COLUMNS
};

static const double MIB = 1048576;
/* What one of the two cores sends when nothing limits it: from the rows with much to send after the stop. */
static const double LINK_MIB_S = 400;
/*
 * Set-up is a machine's own: what `lockkeeper calibrate` finds in these rows. All else is as it was fitted to
 * other rows on another machine.
 */
static const double SETUP_S = 0.83;
/* The measurements were given up after this. */
static const double LIMIT_S = 150;

struct row {
	double value[COLUMNS];
	bool converged;
};

struct outcome {
	double elapsed_s, mib, iterations, downtime_ms, converged;
};

struct errors {
	size_t count;
	double total[ROWS], bytes[ROWS], iterations[ROWS], downtime[ROWS];
};

static size_t read_rows(struct row *rows)
{
	FILE *file = fopen("tests/data/qemu-7.2-migrations.csv", "r");
	char line[1024];
	size_t count = 0;

	cr_assert_not_null(file, "run from the top of the repository");
	cr_assert_not_null(fgets(line, sizeof(line), file));
	while (count < ROWS && fgets(line, sizeof(line), file) != NULL) {
		char *rest = line;

		rows[count].converged = true;
		for (size_t i = 0; i < COLUMNS && rest != NULL; i++) {
			char *field = strsep(&rest, ",");

			rows[count].value[i] = strtod(field, NULL);
			if (i == RC)
				rows[count].converged = strcmp(field, "0") == 0;
		}
		count++;
	}
	fclose(file);
	return count;
}

static struct precopy_input make_input(const double *value)
{
	static const enum dirty_law LAW[] = { DIRTY_UNIFORM, DIRTY_HOTCOLD, DIRTY_ZIPF, DIRTY_SEQUENTIAL };
	const struct hypervisor *row = hypervisor_find("qemu-7.2");
	double memory = value[MEM] * 256, used = fmin(memory, 16500 + 7 * value[MEM] + value[MB] * 256);

	return (struct precopy_input){
		.hypervisor = row,
		.dirty = { .law = LAW[(int)value[PAT]],
		           .working_set_pages = value[MB] * 256,
		           .rate_pages_s = value[RATE],
		           .hot_fraction = value[HOT],
		           .hot_probability = value[HOTP],
		           .exponent = value[ZS],
		           .background_pages_s = 40,
		           .duty_period_s = value[DUTY] > 0 ? value[PER] : 0,
		           .duty_on_fraction = value[DUTY],
		           .limit_pages = used },
		.memory_pages = memory,
		.used_pages = used,
		.bandwidth_bytes_s = value[BW] * MIB,
		.setup_s = SETUP_S,
		.stop_s = row->stop_ms / 1000,
	};
}

/* The mean over the duty's phases, which were not recorded. */
static struct outcome predict(const double *value)
{
	struct precopy_input input = make_input(value);
	struct outcome mean = { 0 };
	int phases = input.dirty.duty_period_s > 0 ? PHASES : 1;

	for (int phase = 0; phase < phases; phase++) {
		struct precopy precopy;

		input.duty_phase_s = input.dirty.duty_period_s * phase / phases;
		precopy_start(&precopy, &input, value[MAXDOWN] / 1000);
		precopy_run(&precopy, LINK_MIB_S * MIB, LIMIT_S);
		mean.elapsed_s += precopy.now_s / phases;
		mean.mib += precopy.sent_bytes / MIB / phases;
		mean.iterations += (double)precopy.iterations / phases;
		mean.downtime_ms += precopy.downtime_s * 1000 / phases;
		mean.converged += (precopy.phase == PRECOPY_DONE) / (double)phases;
	}
	return mean;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Prints mean and quantiles of the absolute errors and returns the mean and the median. */
static double judge(const char *name, double *errors, size_t count, double *ret_median)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += errors[i] = fabs(errors[i]);
	qsort(errors, count, sizeof(errors[0]), compare_doubles);
	cr_log_info("%-16s mean %6.2f, median %6.2f, p90 %6.2f, most %6.2f\n", name, sum / (double)count,
	            errors[count / 2], errors[count * 9 / 10], errors[count - 1]);
	*ret_median = errors[count / 2];
	return sum / (double)count;
}

static void compare_row(const struct row *row, struct errors *errors)
{
	const double *value = row->value;
	struct outcome outcome = predict(value);
	size_t i = errors->count;

	cr_assert_eq(outcome.converged > 0.5, row->converged, "%g MiB at %g MiB/s: converges or not",
	             value[MEM], value[BW]);
	if (!row->converged)
		return;
	errors->total[i] = 100 * (outcome.elapsed_s * 1000 / value[ELAPSED] - 1);
	errors->bytes[i] = 100 * (outcome.mib / value[PROCESSED] - 1);
	errors->iterations[i] = outcome.iterations - value[ITERS];
	errors->downtime[i] = outcome.downtime_ms - value[DOWNTIME];
	cr_log_info("%3g MiB, %3g of them pattern %g at %5g, cap %2g: %5.2f s (%+.1f %%), %+.1f %% bytes, "
	            "%+.1f syncs, %+.0f ms down\n",
	            value[MEM], value[MB], value[PAT], value[RATE], value[BW], outcome.elapsed_s,
	            errors->total[i], errors->bytes[i], errors->iterations[i], errors->downtime[i]);
	errors->count++;
}

Test(accuracy, replays_the_measured_migrations)
{
	static struct row rows[ROWS];
	static struct errors errors;
	size_t count = read_rows(rows);
	double median;

	cr_assert_eq(count, 29);
	for (size_t i = 0; i < count; i++)
		compare_row(&rows[i], &errors);
	cr_assert_eq(errors.count, 27);
	cr_assert_lt(judge("total time, %", errors.total, errors.count, &median), 4);
	cr_assert_lt(median, 2.5);
	/* Their guests ran without page-table isolation, so that QEMU missed some of what they wrote. */
	cr_assert_lt(judge("bytes, %", errors.bytes, errors.count, &median), 3.5);
	cr_assert_lt(judge("syncs", errors.iterations, errors.count, &median), 1.3);
	cr_assert_lt(judge("downtime, ms", errors.downtime, errors.count, &median), 40);
	cr_assert_lt(median, 30);
}

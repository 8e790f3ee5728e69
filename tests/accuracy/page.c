/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/accuracy/page.h"

#include "cli/cli.h"
#include "cli/plots.h"
#include "sim/percentile.h"
#include "system/files.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

/* A text that is written piece by piece, then to a file. */
struct sheet {
	char *text;
	size_t length;
	FILE *out;
};

static struct sheet *sheet_begin(void)
{
	struct sheet *sheet = MEMORY_ARRAY(struct sheet, 1);

	sheet->out = open_memstream(&sheet->text, &sheet->length);
	return sheet;
}

/* Writes DIR/NAME and frees the sheet. */
static int sheet_end(struct sheet *sheet, const char *dir, const char *name, struct error *error)
{
	char path[PATH_MAX];
	int result;

	fclose(sheet->out);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		result = error_set(error, ERROR_IO, "%s: the path is too long", dir);
	else
		result = file_write(path, sheet->text, sheet->length, true, error);
	free(sheet->text);
	free(sheet);
	return result;
}

/* ------------------------------------------------------------------ pictures */

/* What a point is coloured by: its law, or that it did not have the link for itself. */
static const char *sort_of(const struct measured *row)
{
	return *row->batch ? "several at once" : dirty_law_names[row->dirty.law];
}

static int draw(const char *name, const char *docs, const char *work, struct error *error)
{
	static const char *const forms[] = { "svg", "png" };
	char from[PATH_MAX], to[PATH_MAX], *bytes;
	int result = plots_draw(work, name, error);

	for (int i = 0; i < 2 && !result; i++) {
		size_t length;

		snprintf(from, sizeof(from), "%s/%s.%s", work, name, forms[i]);
		if ((size_t)snprintf(to, sizeof(to), "%s/images/%s.%s", docs, name, forms[i]) >= sizeof(to))
			return error_set(error, ERROR_IO, "%s: the path is too long", docs);
		result = file_read(from, &bytes, &length, error);
		if (result)
			return result;
		result = file_write(to, bytes, length, true, error);
		free(bytes);
	}
	return result;
}

static int draw_predicted(const struct accuracy *accuracy, const char *docs, const char *work,
                          struct error *error)
{
	struct sheet *sheet = sheet_begin();
	int result;

	fputs("sort,measured_s,p10_s,p50_s,p90_s\n", sheet->out);
	for (uint32_t i = 0; i < accuracy->count; i++) {
		const struct measured *row = &accuracy->rows[i];
		const struct guess *guess = &accuracy->guesses[METHOD_OURS][i];

		if (!accuracy->chosen[i] || isnan(guess_time_error(row, guess)))
			continue;
		fprintf(sheet->out, "%s,%.6g,%.6g,%.6g,%.6g\n", sort_of(row), row->elapsed_s,
		        guess->elapsed_s[0], guess->elapsed_s[1], guess->elapsed_s[2]);
	}
	result = sheet_end(sheet, work, "accuracy-predicted.csv", error);
	return result ? result : draw("accuracy-predicted", docs, work, error);
}

/* One line: where the method's errors of the total time lie, over the rows of that sort. */
static void write_errors(const struct accuracy *accuracy, const char *sort, enum method method, FILE *out)
{
	double *errors = MEMORY_ARRAY(double, accuracy->count), percentiles[3];
	uint32_t count = 0;

	for (uint32_t i = 0; i < accuracy->count; i++) {
		double error = guess_time_error(&accuracy->rows[i], &accuracy->guesses[method][i]);

		if (accuracy->chosen[i] && !strcmp(sort_of(&accuracy->rows[i]), sort) && !isnan(error))
			errors[count++] = 100 * error;
	}
	percentiles_take(errors, count, percentiles);
	if (count)
		fprintf(out, "%s,%s,%u,%.6g,%.6g,%.6g\n", sort, method_names[method], count, percentiles[0],
		        percentiles[1], percentiles[2]);
	free(errors);
}

static int draw_errors(const struct accuracy *accuracy, const char *docs, const char *work,
                       struct error *error)
{
	struct sheet *sheet = sheet_begin();
	int result;

	fputs("sort,method,migrations,p10_percent,p50_percent,p90_percent\n", sheet->out);
	for (int method = 0; method < METHOD_COUNT; method++) {
		for (int law = 0; law < DIRTY_MEASURED; law++)
			write_errors(accuracy, dirty_law_names[law], (enum method)method, sheet->out);
		write_errors(accuracy, "several at once", (enum method)method, sheet->out);
	}
	result = sheet_end(sheet, work, "accuracy-error.csv", error);
	return result ? result : draw("accuracy-error", docs, work, error);
}

/* ------------------------------------------------------------------ the page */

/* The processor by its name in /proc/cpuinfo. */
static void find_processor(char *ret_name, size_t room)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[512];

	snprintf(ret_name, room, "a processor without a name");
	while (file && fgets(line, sizeof(line), file)) {
		const char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || !colon)
			continue;
		snprintf(ret_name, room, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
		break;
	}
	if (file)
		fclose(file);
}

/* The versions that the rows name, each once. */
static void write_versions(const struct accuracy *accuracy, FILE *out)
{
	bool any = false;

	for (uint32_t i = 0; i < accuracy->count; i++) {
		const char *name = accuracy->rows[i].hypervisor;
		bool known = !*name;

		for (uint32_t j = 0; j < i && !known; j++)
			known = !strcmp(accuracy->rows[j].hypervisor, name);
		if (!known)
			fprintf(out, "%s%s", any ? ", " : "", name);
		any = any || !known;
	}
	if (!any)
		fputs("a hypervisor of which the file does not tell the version", out);
}

static void write_head(const struct accuracy *accuracy, FILE *out)
{
	char processor[256], date[32] = "";
	struct utsname machine;
	time_t now = time(NULL);
	struct tm parts;
	uint32_t held_out = 0;

	find_processor(processor, sizeof(processor));
	if (uname(&machine))
		snprintf(machine.release, sizeof(machine.release), "of some version");
	if (gmtime_r(&now, &parts))
		strftime(date, sizeof(date), "%Y-%m-%d", &parts);
	for (uint32_t i = 0; i < accuracy->count; i++)
		held_out += accuracy->rows[i].held_out;
	fprintf(out, "# How near the predictions come\n\n");
	fprintf(out,
	        "Written by `make accuracy ACCURACY_OPTIONS=\"--write docs\"`, not by hand.\n"
	        "%s, %s, Linux %s; measured with ",
	        date, processor, machine.release);
	write_versions(accuracy, out);
	fprintf(out, ".\n\n`%s` holds %u migrations. %u were held out: nothing was fitted to them.\n",
	        accuracy->path, accuracy->count, held_out);
	fprintf(out, "%u are scored here, each predicted by %u runs from what `simulate` is told of it.\n\n",
	        accuracy->chosen_count, accuracy->runs);
}

static void write_pictures(FILE *out)
{
	fputs("![Predicted against measured total time](images/accuracy-predicted.svg)\n\n"
	      "![Errors of the total time by law, and of simpler rules](images/accuracy-error.svg)\n\n",
	      out);
}

static void write_columns(FILE *out)
{
	fputs("## What the columns say\n\n"
	      "- *rows*: of which the method says anything; *timed*: of these, those that completed as\n"
	      "  it said. Errors are theirs.\n"
	      "- *time mean %*, *p50*, *p90*: the error of the total time, without its sign; *bytes\n"
	      "  mean %*: of the memory sent.\n"
	      "- *syncs ±1 %*: how often QEMU's count of dirty syncs is met, or missed by one.\n"
	      "- *downtime*: its error in milliseconds, without its sign.\n"
	      "- *wrong %*: the wrong answer to \"does it complete?\", or a total time that is off by a\n"
	      "  quarter; *false yes*: how many were said to complete that did not.\n"
	      "- *in p10-90*: how often what was measured lies between the 10th and the 90th percentile\n"
	      "  of the runs, which four of five should.\n\n",
	      out);
}

static void write_methods(FILE *out)
{
	fputs("The methods, each told the same:\n\n"
	      "- *lockkeeper*: told the guest's law; *lockkeeper from outside*: told what a calculation\n"
	      "  of the dirty rate over 1, 2 and 4 s found, and no law.\n"
	      "- *memory / bandwidth*: the memory in use over the rate.\n"
	      "- *geometric series*: each round is the one before, times the dirty rate of one second\n"
	      "  over the rate, until it fits the downtime limit.\n"
	      "- *SimGrid's rule*: that of its live-migration plugin (3.32): the same, but a round is\n"
	      "  at most the working set.\n"
	      "- *law iterated*: a round is what the guest's own law dirties in the round before.\n"
	      "- *QEMU's expected downtime*: what it last said while the migration ran.\n"
	      "- *two repeats of a cell*: what two measurements with the same settings differ by, over\n"
	      "  all rows of the file. It is the floor: no model comes nearer to one measurement than\n"
	      "  another one does. Most of it is in guests that are throttled, or write about as fast\n"
	      "  as the link sends, and end when chance lets them (*kind: converge*).\n"
	      "- *kind: stuck*: guests drawn so that most of their migrations do not converge, or\n"
	      "  barely. Where chance decides, the model says so (a probability near a half), and a\n"
	      "  median is wrong every other time. These and some of those that ran together were\n"
	      "  measured on another machine (seeds 22, 23), which sets a migration up 0.3 s faster.\n\n"
	      "The simpler rules have the same set-up added; they know nothing of links that are\n"
	      "shared, of throttling, or of post-copy. `models/baselines.h` has them exactly.\n\n",
	      out);
}

/* How many rows of each group there are, and how many of these completed. */
static void write_counts(const struct accuracy *accuracy, uint32_t *which, FILE *out)
{
	fputs("## What was scored\n\n| migrations | scored | of these, completed |\n| --- | ---: | ---: |\n",
	      out);
	for (uint32_t group = 0; group < report_groups(); group++) {
		uint32_t count = report_group_rows(accuracy, group, which), completed = 0;

		for (uint32_t i = 0; i < count; i++)
			completed += accuracy->rows[which[i]].completed;
		if (count)
			fprintf(out, "| %s | %u | %u |\n", report_group_name(group), count, completed);
	}
}

static void write_table(const struct table *table, FILE *out)
{
	for (uint32_t i = 0; i < table->column_count; i++)
		fprintf(out, "| %s ", table->columns[i] + (table->columns[i][0] == '>'));
	fputs("|\n", out);
	for (uint32_t i = 0; i < table->column_count; i++)
		fputs(table->columns[i][0] == '>' ? "| ---: " : "| --- ", out);
	fputs("|\n", out);
	for (uint32_t row = 0; row < table->cell_count; row += table->column_count) {
		for (uint32_t i = 0; i < table->column_count; i++)
			fprintf(out, "| %s ", table->cells[row + i]);
		fputs("|\n", out);
	}
}

static void write_tables(const struct accuracy *accuracy, uint32_t *which, FILE *out)
{
	for (uint32_t group = 0; group < report_groups(); group++) {
		struct table table;

		if (report_group_rows(accuracy, group, which) == 0)
			continue;
		fprintf(out, "\n## %s\n\n", report_group_name(group));
		report_group_table(accuracy, group, &table);
		write_table(&table, out);
		table_free(&table);
	}
}

static int write_page(const struct accuracy *accuracy, const char *docs, struct error *error)
{
	uint32_t *which = MEMORY_ARRAY(uint32_t, accuracy->count);
	struct sheet *sheet = sheet_begin();

	write_head(accuracy, sheet->out);
	write_pictures(sheet->out);
	write_columns(sheet->out);
	write_methods(sheet->out);
	write_counts(accuracy, which, sheet->out);
	write_tables(accuracy, which, sheet->out);
	free(which);
	return sheet_end(sheet, docs, "accuracy.md", error);
}

int page_write(const struct accuracy *accuracy, const char *docs, const char *work, struct error *error)
{
	char images[PATH_MAX];
	int result;

	if ((size_t)snprintf(images, sizeof(images), "%s/images", docs) >= sizeof(images))
		return error_set(error, ERROR_IO, "%s: the path is too long", docs);
	result = folder_make(images, error);
	if (!result)
		result = folder_make(work, error);
	if (!result)
		result = draw_predicted(accuracy, docs, work, error);
	if (!result)
		result = draw_errors(accuracy, docs, work, error);
	return result ? result : write_page(accuracy, docs, error);
}

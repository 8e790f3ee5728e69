/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/accuracy/report.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

const char *const method_names[METHOD_COUNT] = {
	[METHOD_OURS] = "lockkeeper",
	[METHOD_OUTSIDE] = "lockkeeper from outside",
	[METHOD_MEMORY] = "memory / bandwidth",
	[METHOD_GEOMETRIC] = "geometric series",
	[METHOD_SIMGRID] = "SimGrid's rule",
	[METHOD_CURVE] = "law iterated",
	[METHOD_EXPECTED] = "QEMU's expected downtime",
};

/* ------------------------------------------------------------------ which rows belong together */

/* A group of rows; `key` is what the function compares with. */
struct group {
	const char *name, *key;
	bool (*has)(const struct measured *row, const char *key);
	bool together; /* its targets are those of several at once */
	bool targets;
};

static bool is_any(const struct measured *row, const char *key)
{
	(void)key;
	return row != NULL;
}

static bool is_together(const struct measured *row, const char *key)
{
	(void)key;
	return *row->batch != '\0';
}

static bool is_alone(const struct measured *row, const char *key)
{
	return !is_together(row, key);
}

static bool is_law(const struct measured *row, const char *key)
{
	return is_alone(row, key) && !strcmp(dirty_law_names[row->dirty.law], key);
}

static bool is_kind(const struct measured *row, const char *key)
{
	return is_alone(row, key) && !strcmp(row->kind, key);
}

static bool has_duty(const struct measured *row, const char *key)
{
	return is_alone(row, key) && row->dirty.duty_period_s > 0;
}

/* Without the guests that were drawn so that most of their migrations do not converge, or barely. */
static bool is_off_the_edge(const struct measured *row, const char *key)
{
	return is_alone(row, key) && strcmp(row->kind, "stuck");
}

static const struct group groups[] = {
	{ .name = "one at a time", .has = is_alone, .targets = true },
	{ .name = "one at a time, no kind: stuck", .has = is_off_the_edge, .targets = true },
	{ .name = "several at once", .has = is_together, .targets = true, .together = true },
	{ .name = "all", .has = is_any },
	{ .name = "law: idle", .has = is_law, .key = "idle" },
	{ .name = "law: uniform", .has = is_law, .key = "uniform" },
	{ .name = "law: hotcold", .has = is_law, .key = "hotcold" },
	{ .name = "law: zipf", .has = is_law, .key = "zipf" },
	{ .name = "law: sequential", .has = is_law, .key = "sequential" },
	{ .name = "with a duty", .has = has_duty },
	{ .name = "kind: cap", .has = is_kind, .key = "cap" },
	{ .name = "kind: link", .has = is_kind, .key = "link" },
	{ .name = "kind: converge", .has = is_kind, .key = "converge" },
	{ .name = "kind: postcopy", .has = is_kind, .key = "postcopy" },
	{ .name = "kind: large", .has = is_kind, .key = "large" },
	{ .name = "kind: stuck", .has = is_kind, .key = "stuck" },
};

enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

/* ------------------------------------------------------------------ which figures there are */

/* A column: a member of struct score, its decimals, and what it should be, alone and several at once. */
struct figure {
	const char *head;
	size_t offset;
	int decimals;
	const char *target, *target_together;
};

#define FIGURE(head_, member_, decimals_, target_, together_)                                        \
	{                                                                                            \
		.head = (head_), .offset = offsetof(struct score, member_), .decimals = (decimals_), \
		.target = (target_), .target_together = (together_)                                  \
	}

static const struct figure figures[] = {
	FIGURE(">time mean %", time_mean, 2, "≤ 2.5", "≤ 4"),
	FIGURE(">p50", time_p50, 2, "≤ 1.5", ""),
	FIGURE(">p90", time_p90, 2, "≤ 6", "≤ 10"),
	FIGURE(">bytes mean %", bytes_mean, 2, "≤ 2.5", ""),
	FIGURE(">syncs ±1 %", iterations_near, 1, "≥ 90", ""),
	FIGURE(">downtime p50 ms", downtime_p50_ms, 1, "≤ 20", ""),
	FIGURE(">p90", downtime_p90_ms, 1, "≤ 60", ""),
	FIGURE(">wrong %", wrong, 1, "< 1", ""),
	FIGURE(">false yes", wrongly_yes, 0, "0", ""),
	FIGURE(">in p10-90: time %", time_within, 0, "75-88", ""),
	FIGURE(">bytes %", bytes_within, 0, "75-88", ""),
	FIGURE(">downtime %", downtime_within, 0, "75-88", ""),
};

enum { FIGURES = sizeof(figures) / sizeof(figures[0]), BEFORE = 3, TABLE_COLUMNS = BEFORE + FIGURES };

static void add_number(struct table *table, double number, int decimals)
{
	if (isnan(number))
		table_cell(table, COLOUR_NONE, "-");
	else
		table_cell(table, COLOUR_NONE, "%.*f", decimals, number);
}

static void add_score(struct table *table, const char *name, const struct score *score)
{
	table_cell(table, COLOUR_NONE, "%s", name);
	table_cell(table, COLOUR_NONE, "%u", score->rows);
	table_cell(table, COLOUR_NONE, "%u", score->timed);
	for (int i = 0; i < FIGURES; i++)
		add_number(table, *(const double *)((const char *)score + figures[i].offset),
		           figures[i].decimals);
}

static void add_targets(struct table *table, bool together)
{
	table_cell(table, COLOUR_NONE, "target");
	table_cell(table, COLOUR_NONE, "%s", "");
	table_cell(table, COLOUR_NONE, "%s", "");
	for (int i = 0; i < FIGURES; i++)
		table_cell(table, COLOUR_NONE, "%s",
		           together ? figures[i].target_together : figures[i].target);
}

uint32_t report_groups(void)
{
	return GROUPS;
}

const char *report_group_name(uint32_t group)
{
	return groups[group].name;
}

static uint32_t find_rows(const struct accuracy *accuracy, const struct group *group, bool chosen,
                          uint32_t *ret_which)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < accuracy->count; i++) {
		if ((accuracy->chosen[i] || !chosen) && group->has(&accuracy->rows[i], group->key))
			ret_which[count++] = i;
	}
	return count;
}

uint32_t report_group_rows(const struct accuracy *accuracy, uint32_t group, uint32_t *ret_which)
{
	return find_rows(accuracy, &groups[group], true, ret_which);
}

void report_group_table(const struct accuracy *accuracy, uint32_t group, struct table *ret_table)
{
	static const char *heads[TABLE_COLUMNS] = { "", ">rows", ">timed" };
	uint32_t *which = MEMORY_ARRAY(uint32_t, accuracy->count);
	uint32_t count = report_group_rows(accuracy, group, which);
	struct score score;

	for (int i = 0; i < FIGURES; i++)
		heads[BEFORE + i] = figures[i].head;
	table_create(ret_table, heads, TABLE_COLUMNS);
	if (groups[group].targets)
		add_targets(ret_table, groups[group].together);
	for (int method = 0; method < METHOD_COUNT; method++) {
		score = score_rows(accuracy->rows, accuracy->guesses[method], which, count);
		if (score.rows)
			add_score(ret_table, method_names[method], &score);
	}
	count = find_rows(accuracy, &groups[group], false, which);
	score = score_repeats(accuracy->rows, which, count);
	if (score.rows)
		add_score(ret_table, "two repeats of a cell", &score);
	free(which);
}

int report_print(const struct accuracy *accuracy, struct error *error)
{
	uint32_t *which = MEMORY_ARRAY(uint32_t, accuracy->count);
	int result = 0;

	printf("%s: %u migrations, %u scored, %u runs each\n", accuracy->path, accuracy->count,
	       accuracy->chosen_count, accuracy->runs);
	for (uint32_t i = 0; i < GROUPS && !result; i++) {
		uint32_t count = report_group_rows(accuracy, i, which);
		struct table table;

		if (count == 0)
			continue;
		printf("\n%s: %u\n", groups[i].name, count);
		report_group_table(accuracy, i, &table);
		result = table_print(&table, false, error);
		table_free(&table);
	}
	free(which);
	return result;
}

/* ------------------------------------------------------------------ row by row */

static void print_number(FILE *out, double number)
{
	if (isnan(number))
		fputc(',', out);
	else
		fprintf(out, ",%.7g", number);
}

static void print_text(FILE *out, const char *text)
{
	fputc(',', out);
	table_csv_cell(out, text);
}

static void print_quantity(FILE *out, double measured, const double guess[3], double error)
{
	print_number(out, measured);
	for (int i = 0; i < 3; i++)
		print_number(out, guess[i]);
	print_number(out, error);
}

/* How many rows of the cell come before. */
static uint32_t repeat_of(const struct accuracy *accuracy, uint32_t row)
{
	uint32_t repeat = 0;

	for (uint32_t i = 0; i < row; i++)
		repeat += *accuracy->rows[i].cell &&
		          !strcmp(accuracy->rows[i].cell, accuracy->rows[row].cell);
	return repeat;
}

static void print_row(const struct accuracy *accuracy, uint32_t index, FILE *out)
{
	const struct measured *row = &accuracy->rows[index];
	const struct guess *guess = &accuracy->guesses[METHOD_OURS][index];

	fprintf(out, "%u", row->line);
	print_text(out, row->cell);
	fprintf(out, ",%u,%s", repeat_of(accuracy, index), row->held_out ? "test" : "fit");
	print_text(out, row->kind);
	fprintf(out, ",%s,%g", dirty_law_names[row->dirty.law], row->dirty.duty_period_s);
	print_text(out, row->batch);
	fprintf(out, ",%d,%g,%d", row->completed, guess->converged, guess_wrong(row, guess));
	print_quantity(out, row->elapsed_s, guess->elapsed_s, 100 * guess_time_error(row, guess));
	print_quantity(out, row->bytes, guess->bytes, 100 * guess_bytes_error(row, guess));
	print_quantity(out, row->iterations, guess->iterations, guess_iterations_error(row, guess));
	print_quantity(out, 1000 * row->downtime_s,
	               (double[]){ 1000 * guess->downtime_s[0], 1000 * guess->downtime_s[1],
	                           1000 * guess->downtime_s[2] },
	               1000 * guess_downtime_error_s(row, guess));
	fputc('\n', out);
}

void report_rows(const struct accuracy *accuracy, FILE *out)
{
	fprintf(out, "line,cell,repeat,use,kind,law,period_s,batch,completed,probability,wrong,"
	             "time_s,time_p10,time_p50,time_p90,time_error_percent,"
	             "bytes,bytes_p10,bytes_p50,bytes_p90,bytes_error_percent,"
	             "syncs,syncs_p10,syncs_p50,syncs_p90,syncs_error,"
	             "downtime_ms,downtime_p10,downtime_p50,downtime_p90,downtime_error_ms\n");
	for (uint32_t i = 0; i < accuracy->count; i++) {
		if (accuracy->chosen[i])
			print_row(accuracy, i, out);
	}
}

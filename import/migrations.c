/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/migrations.h"

#include "core/must.h"
#include "import/csv.h"
#include "models/hypervisor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PAGES_PER_MIB = 256;
static const double MIB = 1048576;
static const double MS = 1e-3;
static const double BYTES_PER_MBIT = 1e6 / 8;

/* What the older measurements did not write down (tests/data/README.md): they were given up after this … */
static const double OLDER_TIMEOUT_S = 150;
/* … by this version, … */
static const char OLDER_HYPERVISOR[] = "qemu-7.2";
/* … and this much of the memory was used beside the program's own. */
static const double OLDER_USED_PAGES = 16500, OLDER_USED_PAGES_PER_MIB = 7;

/* Writes of the guest's own system: what a cluster file has as its default too. */
static const double BACKGROUND_PAGES_S = 40;

enum field_kind { FIELD_TEXT, FIELD_NUMBER, FIELD_FLAG, FIELD_WORD };

/* What a line says, before it is made into a struct measured. */
struct line {
	struct measured measured;
	double concurrent;
	double outside_mib[MEASURED_POINTS];
	uint8_t law, pattern, outcome, use; /* indexes of words */
};

static const double OUTSIDE_S[MEASURED_POINTS] = { 1, 2, 4 };

/* Words by their numbers; the first laws of enum dirty_law. */
static const char *const laws[] = { "idle", "uniform", "hotcold", "zipf", "sequential", NULL };
static const char *const patterns[] = { "0", "1", "2", "3", NULL };
static const char *const outcomes[] = { "completed", "aborted", NULL };
static const char *const return_codes[] = { "0", "noconv", NULL };
static const char *const uses[] = { "fit", "test", NULL };
static const char *const flags[] = { "0", "1", NULL };

/* A column that is known. An empty field of one that is not needed leaves what a line begins with. */
struct column {
	const char *name;
	enum field_kind kind;
	size_t offset;            /* in struct line */
	double scale;             /* FIELD_NUMBER: the member is the field times this … */
	double max;               /* … and the field from 0 to this; 0: LARGEST */
	const char *const *words; /* FIELD_WORD, FIELD_FLAG */
	bool above;               /* 0 itself is not allowed */
	bool needed;              /* a field must not be empty */
};

static const double LARGEST = 1e15;

#define TEXT(name_, member_)                                                                           \
	{                                                                                              \
		.name = (name_), .kind = FIELD_TEXT, .offset = offsetof(struct line, measured.member_) \
	}
#define NUMBER(name_, member_, scale_, ...)                                                      \
	{                                                                                        \
		.name = (name_), .kind = FIELD_NUMBER, .offset = offsetof(struct line, member_), \
		.scale = (scale_), __VA_ARGS__                                                   \
	}
#define INPUT(name_, member_, scale_, ...) NUMBER(name_, measured.member_, scale_, __VA_ARGS__)
#define RESULT(name_, member_, scale_) NUMBER(name_, measured.member_, scale_, .needed = false)
#define FLAG(name_, member_)                                                                            \
	{                                                                                               \
		.name = (name_), .kind = FIELD_FLAG, .offset = offsetof(struct line, measured.member_), \
		.words = flags                                                                          \
	}
#define WORD(name_, member_, words_, needed_)                                                  \
	{                                                                                      \
		.name = (name_), .kind = FIELD_WORD, .offset = offsetof(struct line, member_), \
		.words = (words_), .needed = (needed_)                                         \
	}

static const struct column columns[] = {
	/* of tests/lab/measure */
	TEXT("cell", cell),
	TEXT("batch", batch),
	TEXT("kind", kind),
	TEXT("machine", machine),
	TEXT("hypervisor", hypervisor),
	WORD("use", use, uses, false),
	WORD("law", law, laws, true),
	INPUT("memory_mib", memory_pages, PAGES_PER_MIB, .above = true, .needed = true),
	INPUT("used_pages", used_pages, 1, .needed = true),
	INPUT("working_set_mib", dirty.working_set_pages, PAGES_PER_MIB, .needed = true),
	INPUT("rate_pages_s", dirty.rate_pages_s, 1, .needed = true),
	INPUT("hot_fraction", dirty.hot_fraction, 1, .max = 1),
	INPUT("hot_probability", dirty.hot_probability, 1, .max = 1),
	INPUT("exponent", dirty.exponent, 1, .max = 20),
	INPUT("period_s", dirty.duty_period_s, 1),
	INPUT("on_fraction", dirty.duty_on_fraction, 1, .max = 1, .above = true),
	INPUT("background_pages_s", dirty.background_pages_s, 1),
	INPUT("bandwidth_mib_s", bandwidth_bytes_s, MIB, .needed = true),
	INPUT("link_mbit_s", link_bytes_s, BYTES_PER_MBIT, .needed = true),
	INPUT("max_downtime_ms", downtime_limit_s, MS, .needed = true),
	INPUT("timeout_s", timeout_s, 1),
	INPUT("start_s", start_s, 1),
	FLAG("auto_converge", auto_converge),
	FLAG("post_copy", post_copy),
	NUMBER("concurrent", concurrent, 1, .above = true),
	WORD("outcome", outcome, outcomes, true),
	RESULT("elapsed_ms", elapsed_s, MS),
	RESULT("bytes", bytes, 1),
	RESULT("iterations", iterations, 1),
	RESULT("normal_pages", normal_pages, 1),
	RESULT("constant_pages", constant_pages, 1),
	RESULT("downtime_ms", downtime_s, MS),
	RESULT("expected_downtime_ms", expected_downtime_s, MS),
	RESULT("gap_ms", gap_s, MS),
	RESULT("throttle_percent", throttle, 0.01),
	RESULT("postcopy_s", postcopy_s, 1),
	NUMBER("dirty_1s_mib", outside_mib[0], 1, .needed = false),
	NUMBER("dirty_2s_mib", outside_mib[1], 1, .needed = false),
	NUMBER("dirty_4s_mib", outside_mib[2], 1, .needed = false),
	/* of the older file */
	WORD("pat", pattern, patterns, true),
	INPUT("mem", memory_pages, PAGES_PER_MIB, .above = true, .needed = true),
	INPUT("mb", dirty.working_set_pages, PAGES_PER_MIB, .needed = true),
	INPUT("rate", dirty.rate_pages_s, 1, .needed = true),
	INPUT("hot", dirty.hot_fraction, 1, .max = 1),
	INPUT("hotp", dirty.hot_probability, 1, .max = 1),
	INPUT("zs", dirty.exponent, 1, .max = 20),
	INPUT("per", dirty.duty_period_s, 1),
	INPUT("duty", dirty.duty_on_fraction, 1, .max = 1),
	INPUT("bw", bandwidth_bytes_s, MIB, .needed = true),
	INPUT("maxdown", downtime_limit_s, MS, .needed = true),
	FLAG("autoconv", auto_converge),
	WORD("rc", outcome, return_codes, true),
	RESULT("elapsed", elapsed_s, MS),
	RESULT("processed", bytes, MIB),
	RESULT("iters", iterations, 1),
	RESULT("const", constant_pages, 1),
	RESULT("normal", normal_pages, 1),
	RESULT("downtime", downtime_s, MS),
	NUMBER("dirtyrate_calc", outside_mib[0], 1, .needed = false),
};

enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

/* What no model does without: one of each line's columns. */
static const char *const needed[][4] = {
	{ "law", "pat", NULL },
	{ "memory_mib", "mem", NULL },
	{ "used_pages", "pat", NULL },
	{ "working_set_mib", "mb", NULL },
	{ "rate_pages_s", "rate", NULL },
	{ "bandwidth_mib_s", "link_mbit_s", "bw", NULL },
	{ "max_downtime_ms", "maxdown", NULL },
	{ "outcome", "rc", NULL },
	{ "elapsed_ms", "elapsed", NULL },
};

struct reading {
	struct csv csv;
	struct arena *arena;
	struct error *error;
	const struct column **of; /* the column of each field, NULL: ignored */
	uint32_t field_count;
	bool older; /* the older file's columns */
};

/* ------------------------------------------------------------------ the first line */

static int column_find(const struct reading *reading, const char *name)
{
	for (uint32_t i = 0; i < reading->field_count; i++) {
		if (reading->of[i] && !strcmp(reading->of[i]->name, name))
			return (int)i;
	}
	return -1;
}

/* Two columns for one thing: which of them holds? */
static int check_twins(struct reading *reading, uint32_t field)
{
	const struct column *column = reading->of[field];

	for (uint32_t i = 0; column && i < field; i++) {
		if (reading->of[i] && reading->of[i]->offset == column->offset)
			return error_set(reading->error, ERROR_INPUT,
			                 "%s:%u: %s: column \"%s\" says the same, expected one of them",
			                 reading->csv.file, reading->csv.line, column->name,
			                 reading->of[i]->name);
	}
	return 0;
}

static int check_needed(struct reading *reading)
{
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		const char *const *names = needed[i];
		bool found = false;

		for (int j = 0; names[j]; j++)
			found = found || column_find(reading, names[j]) >= 0;
		if (!found)
			return error_set(reading->error, ERROR_INPUT,
			                 "%s:%u: %s: no such column, expected one of that name",
			                 reading->csv.file, reading->csv.line, names[0]);
	}
	return 0;
}

static int read_names(struct reading *reading)
{
	struct csv *csv = &reading->csv;

	if (csv_next(csv, reading->error))
		return ERROR_INPUT;
	if (csv->count == 0)
		return error_set(reading->error, ERROR_INPUT,
		                 "%s:1: the file is empty, expected a line with the columns' names",
		                 csv->file);
	reading->of = MEMORY_ARRAY(const struct column *, csv->count);
	reading->field_count = csv->count;
	for (uint32_t i = 0; i < csv->count; i++) {
		for (int j = 0; j < COLUMNS; j++) {
			if (!strcmp(csv->fields[i], columns[j].name))
				reading->of[i] = &columns[j];
		}
		if (check_twins(reading, i))
			return ERROR_INPUT;
	}
	reading->older = column_find(reading, "pat") >= 0;
	return check_needed(reading);
}

/* ------------------------------------------------------------------ one field */

static int field_fail(const struct reading *reading, const char *column, const char *what)
{
	return error_set(reading->error, ERROR_INPUT, "%s:%u: %s: %s", reading->csv.file, reading->csv.line,
	                 column, what);
}

/* strtod would take hexadecimal numbers, infinities and blanks too. */
static bool number_parse(const char *text, double *ret_number)
{
	char *end;

	if (!*text || strspn(text, "0123456789+-.eE") != strlen(text))
		return false;
	*ret_number = strtod(text, &end);
	return !*end && isfinite(*ret_number);
}

static int read_number(const struct reading *reading, const struct column *column, const char *text,
                       double *into)
{
	double max = column->max > 0 ? column->max : LARGEST, number = 0;
	bool is_number = number_parse(text, &number);

	if (!is_number || number < 0 || number > max || (column->above && number <= 0))
		return error_set(reading->error, ERROR_INPUT,
		                 "%s:%u: %s: \"%.40s\" is %s, expected %s %.10g%s", reading->csv.file,
		                 reading->csv.line, column->name, text,
		                 is_number ? "out of range" : "no number",
		                 column->above ? "a number above 0, at most" : "a number from 0 to", max,
		                 column->needed || column->above ? "" : ", or nothing");
	*into = number * column->scale;
	return 0;
}

static int read_word(const struct reading *reading, const struct column *column, const char *text,
                     uint8_t *into)
{
	char list[128] = "";

	for (uint8_t i = 0; column->words[i]; i++) {
		if (!strcmp(text, column->words[i])) {
			*into = i;
			return 0;
		}
		strncat(list, i ? ", " : "", sizeof(list) - strlen(list) - 1);
		strncat(list, column->words[i], sizeof(list) - strlen(list) - 1);
	}
	return error_set(reading->error, ERROR_INPUT, "%s:%u: %s: unknown word \"%.40s\", expected one of %s",
	                 reading->csv.file, reading->csv.line, column->name, text, list);
}

static int read_field(const struct reading *reading, const struct column *column, const char *text,
                      struct line *line)
{
	void *into = (char *)line + column->offset;
	uint8_t word;

	if (!*text || (column->kind == FIELD_NUMBER && !strcmp(text, "nan"))) {
		if (column->needed)
			return field_fail(reading, column->name, "nothing is given, expected a value");
		return 0;
	}
	switch (column->kind) {
	case FIELD_TEXT:
		*(const char **)into = arena_text(reading->arena, text, strlen(text));
		return 0;
	case FIELD_NUMBER:
		return read_number(reading, column, text, into);
	case FIELD_FLAG:
		if (read_word(reading, column, text, &word))
			return ERROR_INPUT;
		*(bool *)into = word != 0;
		return 0;
	case FIELD_WORD:
		return read_word(reading, column, text, into);
	}
	must(!"a kind of the enumeration");
	return 0;
}

/* ------------------------------------------------------------------ one line */

static struct line line_new(uint32_t number)
{
	return (struct line){
		.measured = { .cell = "",
		              .batch = "",
		              .kind = "",
		              .hypervisor = "",
		              .machine = "",
		              .line = number,
		              .dirty = { .hot_fraction = NAN,
		                         .hot_probability = NAN,
		                         .exponent = NAN,
		                         .background_pages_s = BACKGROUND_PAGES_S,
		                         .duty_on_fraction = 1 },
		              .used_pages = NAN,
		              .timeout_s = NAN,
		              .elapsed_s = NAN,
		              .bytes = NAN,
		              .iterations = NAN,
		              .normal_pages = NAN,
		              .constant_pages = NAN,
		              .downtime_s = NAN,
		              .expected_downtime_s = NAN,
		              .gap_s = NAN,
		              .throttle = NAN,
		              .postcopy_s = NAN },
		.concurrent = NAN,
		.outside_mib = { NAN, NAN, NAN },
	};
}

/* The law's own members: there when it needs them, 0 when it does not. */
static int finish_law(const struct reading *reading, struct line *line)
{
	struct dirty *dirty = &line->measured.dirty;

	if (dirty->law == DIRTY_HOTCOLD && (isnan(dirty->hot_fraction) || isnan(dirty->hot_probability)))
		return field_fail(reading, isnan(dirty->hot_fraction) ? "hot_fraction" : "hot_probability",
		                  "nothing is given, expected a number from 0 to 1 with the law hotcold");
	if (dirty->law == DIRTY_ZIPF && !(dirty->exponent > 0))
		return field_fail(reading, "exponent",
		                  "nothing or 0 is given, expected a number above 0 with the law zipf");
	if (dirty->law != DIRTY_HOTCOLD)
		dirty->hot_fraction = dirty->hot_probability = 0;
	if (dirty->law != DIRTY_ZIPF)
		dirty->exponent = 0;
	if (dirty->law == DIRTY_IDLE)
		dirty->working_set_pages = dirty->rate_pages_s = dirty->duty_period_s = 0;
	if (dirty->law != DIRTY_IDLE && !(dirty->working_set_pages > 0))
		return field_fail(reading, reading->older ? "mb" : "working_set_mib",
		                  "is 0, expected a number above 0 with any law but idle");
	return 0;
}

static void finish_outside(struct line *line)
{
	uint32_t count = 0;
	double most_mib = 0;

	for (int i = 0; i < MEASURED_POINTS; i++) {
		if (isnan(line->outside_mib[i]))
			continue;
		most_mib = fmax(most_mib, line->outside_mib[i]);
		line->measured.outside[count++] = (struct dirty_point){ OUTSIDE_S[i],
			                                                most_mib * PAGES_PER_MIB };
	}
}

static double or_infinite(double number)
{
	return number > 0 ? number : INFINITY;
}

static int finish_line(const struct reading *reading, struct line *line)
{
	struct measured *row = &line->measured;

	row->dirty.law = (enum dirty_law)(reading->older ? line->pattern + 1 : line->law);
	if (!(row->dirty.duty_on_fraction > 0) || !(row->dirty.duty_period_s > 0)) {
		row->dirty.duty_period_s = 0;
		row->dirty.duty_on_fraction = 1;
	}
	if (finish_law(reading, line))
		return ERROR_INPUT;
	if (isnan(row->used_pages))
		row->used_pages = OLDER_USED_PAGES +
		                  OLDER_USED_PAGES_PER_MIB * row->memory_pages / PAGES_PER_MIB +
		                  row->dirty.working_set_pages;
	row->used_pages = fmin(row->used_pages, row->memory_pages);
	row->dirty.limit_pages = row->used_pages;
	if (isnan(row->timeout_s) && reading->older)
		row->timeout_s = OLDER_TIMEOUT_S;
	if (!*row->hypervisor && reading->older)
		row->hypervisor = OLDER_HYPERVISOR;
	row->timeout_s = or_infinite(row->timeout_s);
	row->bandwidth_bytes_s = or_infinite(row->bandwidth_bytes_s);
	row->link_bytes_s = or_infinite(row->link_bytes_s);
	if (line->concurrent <= 1)
		row->batch = "";
	row->held_out = line->use == 1;
	row->completed = line->outcome == 0;
	/*
	 * After a switch to post-copy, libvirt's downtime ends when the source has handed over what the guest
	 * needs to go on: the guest still waits for it to come over the link. That is no measure of ours.
	 */
	if (!isnan(row->postcopy_s))
		row->downtime_s = NAN;
	finish_outside(line);
	if (*row->hypervisor && !hypervisor_find(row->hypervisor))
		return field_fail(reading, "hypervisor", "unknown name, expected qemu-MAJOR.MINOR");
	if (row->completed && !(row->elapsed_s > 0))
		return field_fail(
			reading, reading->older ? "elapsed" : "elapsed_ms",
			"nothing or 0 is given, expected a number above 0 when the migration completed");
	return 0;
}

static int read_line(const struct reading *reading, struct measured *ret_row)
{
	const struct csv *csv = &reading->csv;
	struct line line = line_new(csv->line);

	if (csv->count != reading->field_count)
		return error_set(reading->error, ERROR_INPUT,
		                 "%s:%u: %u fields, expected %u as in the first line", csv->file, csv->line,
		                 csv->count, reading->field_count);
	for (uint32_t i = 0; i < csv->count; i++) {
		if (reading->of[i] && read_field(reading, reading->of[i], csv->fields[i], &line))
			return ERROR_INPUT;
	}
	if (finish_line(reading, &line))
		return ERROR_INPUT;
	*ret_row = line.measured;
	return 0;
}

/* ------------------------------------------------------------------ all */

static int read_all(struct reading *reading, struct measured **rows, uint32_t *count)
{
	uint32_t room = 0;

	if (read_names(reading))
		return ERROR_INPUT;
	for (;;) {
		if (csv_next(&reading->csv, reading->error))
			return ERROR_INPUT;
		if (reading->csv.count == 0)
			break;
		if (*count == room) {
			room = room ? room * 2 : 64;
			*rows = memory_resize(*rows, room, sizeof(**rows));
		}
		if (read_line(reading, &(*rows)[*count]))
			return ERROR_INPUT;
		(*count)++;
	}
	if (*count == 0)
		return error_set(reading->error, ERROR_INPUT,
		                 "%s:%u: no migration, expected at least one line below the columns' names",
		                 reading->csv.file, reading->csv.line);
	return 0;
}

int migrations_read(const char *text, size_t length, const char *file, struct arena *arena,
                    struct measured **ret_rows, uint32_t *ret_count, struct error *error)
{
	struct reading reading = { .arena = arena, .error = error };
	struct measured *rows = NULL;
	uint32_t count = 0;
	int result;

	csv_open(&reading.csv, text, length, file);
	result = read_all(&reading, &rows, &count);
	if (!result) {
		*ret_rows = ARENA_ARRAY(arena, struct measured, count);
		memcpy(*ret_rows, rows, sizeof(*rows) * count);
		*ret_count = count;
	}
	free(rows);
	free(reading.of);
	csv_free(&reading.csv);
	return result;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/csv.h"
#include "import/migrations.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The least that a model needs, and a line that is fine. */
#define NAMES                                                                     \
	"law,memory_mib,used_pages,working_set_mib,rate_pages_s,bandwidth_mib_s," \
	"max_downtime_ms,outcome,elapsed_ms"
#define LINE "uniform,256,30000,64,500,32,300,completed,8000"

static struct arena arena;
static struct measured *rows;
static uint32_t count;
static struct error error;

static void forget(void)
{
	arena_free(&arena);
	rows = NULL;
	count = 0;
}

TestSuite(migrations, .fini = forget);

static int try_text(const char *text)
{
	return migrations_read(text, strlen(text), "m.csv", &arena, &rows, &count, &error);
}

static void read_text(const char *text)
{
	cr_assert_eq(try_text(text), 0, "%s", error.text);
}

static void refuse(const char *text, const char *message)
{
	cr_assert_eq(try_text(text), ERROR_INPUT, "%s", text);
	cr_assert_str_eq(error.text, message);
	cr_assert_null(rows);
}

/* ------------------------------------------------------------------ fields and lines */

static void expect_record(struct csv *csv, uint32_t line, uint32_t fields, const char *first,
                          const char *last)
{
	cr_assert_eq(csv_next(csv, &error), 0, "%s", error.text);
	cr_assert_eq(csv->line, line);
	cr_assert_eq(csv->count, fields);
	cr_assert_str_eq(csv->fields[0], first);
	cr_assert_str_eq(csv->fields[fields - 1], last);
}

Test(migrations, csv_takes_quotes_and_line_ends)
{
	static const char text[] = "\xef\xbb\xbf"
				   "a,b\r\n"
				   "\n"
				   "\"x,\"\"y\"\"\",\"\"\n"
				   "\"two\nlines\",z\n"
				   ",\n"
				   "end";
	struct csv csv;

	csv_open(&csv, text, strlen(text), "m.csv");
	expect_record(&csv, 1, 2, "a", "b");
	expect_record(&csv, 3, 2, "x,\"y\"", "");
	expect_record(&csv, 4, 2, "two\nlines", "z");
	expect_record(&csv, 6, 2, "", "");
	expect_record(&csv, 7, 1, "end", "end");
	cr_assert_eq(csv_next(&csv, &error), 0);
	cr_assert_eq(csv.count, 0);
	csv_free(&csv);
}

static void refuse_record(const char *text, size_t length, const char *message)
{
	struct csv csv;

	csv_open(&csv, text, length, "m.csv");
	cr_assert_eq(csv_next(&csv, &error), ERROR_INPUT);
	cr_assert_str_eq(error.text, message);
	csv_free(&csv);
}

Test(migrations, csv_refuses_broken_quotes)
{
	refuse_record("a,\"b\nc", 6, "m.csv:1: a quoted field does not end, expected a closing quote");
	refuse_record("\"a\"b", 4,
	              "m.csv:1: text behind a closing quote, expected a comma or the line's end");
	refuse_record(
		"a\"b", 3,
		"m.csv:1: a quote in the middle of a field, expected the whole field in quotes, and the "
		"quote doubled");
	refuse_record("a\0b", 3, "m.csv:1: a NUL byte, expected text");
}

/* ------------------------------------------------------------------ what is read */

Test(migrations, reads_the_least_with_defaults)
{
	read_text(NAMES "\n" LINE "\n");
	cr_assert_eq(count, 1);
	cr_assert_eq(rows->line, 2);
	cr_assert_eq(rows->dirty.law, DIRTY_UNIFORM);
	cr_assert_eq(rows->dirty.working_set_pages, 64 * 256);
	cr_assert_eq(rows->dirty.rate_pages_s, 500);
	cr_assert_eq(rows->dirty.background_pages_s, 40);
	cr_assert_eq(rows->dirty.duty_period_s, 0);
	cr_assert_eq(rows->dirty.limit_pages, 30000);
	cr_assert_eq(rows->memory_pages, 256 * 256);
	cr_assert_eq(rows->used_pages, 30000);
	cr_assert_eq(rows->bandwidth_bytes_s, 32 * 1048576.0);
	cr_assert(isinf(rows->link_bytes_s) && isinf(rows->timeout_s));
	cr_assert_float_eq(rows->downtime_limit_s, 0.3, 1e-12);
	cr_assert(rows->completed && !rows->held_out && !rows->auto_converge && !rows->post_copy);
	cr_assert_float_eq(rows->elapsed_s, 8, 1e-12);
	cr_assert(isnan(rows->bytes) && isnan(rows->downtime_s) && isnan(rows->throttle));
	cr_assert_str_eq(rows->cell, "");
	cr_assert_str_eq(rows->hypervisor, "");
	cr_assert_eq(rows->outside[0].interval_s, 0);
}

Test(migrations, reads_all_that_the_laboratory_writes)
{
	read_text("cell,repeat,kind,hypervisor,date,law,memory_mib,used_pages,working_set_mib,"
	          "rate_pages_s,hot_fraction,hot_probability,exponent,period_s,on_fraction,"
	          "background_pages_s,fill,busy,bandwidth_mib_s,link_mbit_s,max_downtime_ms,auto_converge,"
	          "post_copy,timeout_s,batch,concurrent,start_s,outcome,elapsed_ms,setup_ms,bytes,"
	          "iterations,normal_pages,constant_pages,downtime_ms,expected_downtime_ms,gap_ms,"
	          "own_gap_ms,throttle_percent,postcopy_s,dirty_1s_mib,dirty_2s_mib,dirty_4s_mib,"
	          "other_load,alive,use,machine\r\n"
	          "1.8.0.1,0,together,qemu-7.2,2026-11-25,hotcold,192,27096,41,2328,0.02,0.9,1.2,2,0.5,40,"
	          "random,0,0,60,200,1,1,75,1.8.0.0,3,1.5,completed,18967,1,131110693,8,31898,22138,365,"
	          "265,387.7,0,20,nan,2,nan,1,0.029,1,test,lab 3\r\n");
	cr_assert_eq(count, 1);
	cr_assert_str_eq(rows->machine, "lab 3");
	cr_assert_str_eq(rows->cell, "1.8.0.1");
	cr_assert_str_eq(rows->batch, "1.8.0.0");
	cr_assert_str_eq(rows->kind, "together");
	cr_assert_str_eq(rows->hypervisor, "qemu-7.2");
	cr_assert(rows->held_out && rows->auto_converge && rows->post_copy && rows->completed);
	cr_assert_eq(rows->dirty.law, DIRTY_HOTCOLD);
	cr_assert_eq(rows->dirty.hot_fraction, 0.02);
	cr_assert_eq(rows->dirty.hot_probability, 0.9);
	cr_assert_eq(rows->dirty.exponent, 0);
	cr_assert_eq(rows->dirty.duty_period_s, 2);
	cr_assert_eq(rows->dirty.duty_on_fraction, 0.5);
	cr_assert(isinf(rows->bandwidth_bytes_s));
	cr_assert_eq(rows->link_bytes_s, 7.5e6);
	cr_assert_eq(rows->timeout_s, 75);
	cr_assert_eq(rows->start_s, 1.5);
	cr_assert_eq(rows->bytes, 131110693);
	cr_assert_eq(rows->iterations, 8);
	cr_assert_eq(rows->normal_pages, 31898);
	cr_assert_eq(rows->constant_pages, 22138);
	cr_assert_float_eq(rows->downtime_s, 0.365, 1e-12);
	cr_assert_float_eq(rows->expected_downtime_s, 0.265, 1e-12);
	cr_assert_float_eq(rows->gap_s, 0.3877, 1e-12);
	cr_assert_float_eq(rows->throttle, 0.2, 1e-12);
	cr_assert(isnan(rows->postcopy_s));
	/* Points that were not taken are left out, and those that fall are lifted. */
	cr_assert_eq(rows->outside[0].interval_s, 1);
	cr_assert_eq(rows->outside[0].unique_pages, 512);
	cr_assert_eq(rows->outside[1].interval_s, 4);
	cr_assert_eq(rows->outside[1].unique_pages, 512);
	cr_assert_eq(rows->outside[2].interval_s, 0);
}

Test(migrations, a_row_alone_is_in_no_batch)
{
	read_text(NAMES ",batch,concurrent\n" LINE ",b,1\n" LINE ",b,2\n");
	cr_assert_str_eq(rows[0].batch, "");
	cr_assert_str_eq(rows[1].batch, "b");
}

Test(migrations, an_idle_guest_writes_nothing_of_its_own)
{
	read_text(NAMES ",period_s,on_fraction\n"
	                "idle,256,30000,0,0,32,300,aborted,,4,0.5\n");
	cr_assert_eq(rows->dirty.rate_pages_s, 0);
	cr_assert_eq(rows->dirty.duty_period_s, 0);
	cr_assert(!rows->completed && isnan(rows->elapsed_s));
}

Test(migrations, more_used_than_there_is_is_all)
{
	read_text(NAMES "\nuniform,256,70000,64,500,32,300,completed,8000\n");
	cr_assert_eq(rows->used_pages, 65536);
	cr_assert_eq(rows->dirty.limit_pages, 65536);
}

Test(migrations, reads_the_older_measurements)
{
	FILE *file = fopen("tests/data/qemu-7.2-migrations.csv", "r");
	static char text[65536];
	uint32_t given_up = 0;

	cr_assert_not_null(file, "run from the top of the repository");
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	read_text(text);
	cr_assert_eq(count, 29);
	for (uint32_t i = 0; i < count; i++)
		given_up += !rows[i].completed;
	cr_assert_eq(given_up, 2);
	cr_assert_eq(rows->memory_pages, 768 * 256);
	cr_assert_eq(rows->used_pages, 16500 + 7 * 768 + 459 * 256);
	cr_assert_eq(rows->dirty.law, DIRTY_HOTCOLD);
	cr_assert_eq(rows->dirty.duty_period_s, 4);
	cr_assert_eq(rows->timeout_s, 150);
	cr_assert_str_eq(rows->hypervisor, "qemu-7.2");
	cr_assert_float_eq(rows->bytes, 557.588 * 1048576, 1);
	cr_assert_eq(rows->iterations, 4);
	cr_assert_eq(rows->outside[0].unique_pages, 6 * 256);
}

/* ------------------------------------------------------------------ what is refused */

Test(migrations, refuses_files_without_rows)
{
	refuse("", "m.csv:1: the file is empty, expected a line with the columns' names");
	refuse("\n\n", "m.csv:1: the file is empty, expected a line with the columns' names");
	refuse(NAMES "\n\n", "m.csv:3: no migration, expected at least one line below the columns' names");
}

Test(migrations, refuses_missing_and_double_columns)
{
	refuse("law,memory_mib,used_pages\nuniform,1,1\n",
	       "m.csv:1: working_set_mib: no such column, expected one of that name");
	refuse(NAMES ",law\n" LINE ",idle\n",
	       "m.csv:1: law: column \"law\" says the same, expected one of them");
	refuse(NAMES ",mem\n" LINE ",256\n",
	       "m.csv:1: mem: column \"memory_mib\" says the same, expected one of them");
}

Test(migrations, refuses_lines_of_another_length)
{
	refuse(NAMES "\n" LINE "\n" LINE ",1\n", "m.csv:3: 10 fields, expected 9 as in the first line");
	refuse(NAMES "\nuniform\n", "m.csv:2: 1 fields, expected 9 as in the first line");
}

Test(migrations, refuses_bad_numbers)
{
	static const char *const bad[][2] = {
		{ "-3", "out of range" }, { "0x10", "no number" },    { "inf", "no number" },
		{ "1e999", "no number" }, { " 1", "no number" },      { "1,5", NULL },
		{ "1.5x", "no number" },  { "1e16", "out of range" }, { "1.2.3", "no number" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[512], message[256];

		snprintf(text, sizeof(text), NAMES "\nuniform,256,30000,64,%s,32,300,completed,8000\n",
		         bad[i][0]);
		snprintf(message, sizeof(message),
		         "m.csv:2: rate_pages_s: \"%s\" is %s, expected a number from 0 to 1e+15", bad[i][0],
		         bad[i][1]);
		refuse(text, bad[i][1] ? message : "m.csv:2: 10 fields, expected 9 as in the first line");
	}
	refuse(NAMES "\nuniform,0,30000,64,1,32,300,completed,8000\n",
	       "m.csv:2: memory_mib: \"0\" is out of range, expected a number above 0, at most 1e+15");
	refuse(NAMES "\nuniform,256,nan,64,1,32,300,completed,8000\n",
	       "m.csv:2: used_pages: nothing is given, expected a value");
	refuse(NAMES ",hot_fraction\n" LINE ",1.5\n",
	       "m.csv:2: hot_fraction: \"1.5\" is out of range, expected a number from 0 to 1, or nothing");
}

Test(migrations, refuses_unknown_words)
{
	refuse(NAMES "\nlinear,256,30000,64,1,32,300,completed,8000\n",
	       "m.csv:2: law: unknown word \"linear\", expected one of idle, uniform, hotcold, zipf, "
	       "sequential");
	refuse(NAMES "\nuniform,256,30000,64,1,32,300,done,8000\n",
	       "m.csv:2: outcome: unknown word \"done\", expected one of completed, aborted");
	refuse(NAMES ",use\n" LINE ",both\n",
	       "m.csv:2: use: unknown word \"both\", expected one of fit, test");
	refuse(NAMES ",auto_converge\n" LINE ",yes\n",
	       "m.csv:2: auto_converge: unknown word \"yes\", expected one of 0, 1");
	refuse(NAMES ",hypervisor\n" LINE ",xen-4\n",
	       "m.csv:2: hypervisor: unknown name, expected qemu-MAJOR.MINOR");
}

Test(migrations, refuses_a_law_without_its_numbers)
{
	refuse(NAMES "\nhotcold,256,30000,64,1,32,300,completed,8000\n",
	       "m.csv:2: hot_fraction: nothing is given, expected a number from 0 to 1 with the law hotcold");
	refuse(NAMES ",hot_fraction\nhotcold,256,30000,64,1,32,300,completed,8000,0.1\n",
	       "m.csv:2: hot_probability: nothing is given, expected a number from 0 to 1 with the law "
	       "hotcold");
	refuse(NAMES ",exponent\nzipf,256,30000,64,1,32,300,completed,8000,0\n",
	       "m.csv:2: exponent: nothing or 0 is given, expected a number above 0 with the law zipf");
	refuse(NAMES "\nuniform,256,30000,0,1,32,300,completed,8000\n",
	       "m.csv:2: working_set_mib: is 0, expected a number above 0 with any law but idle");
	refuse(NAMES "\nuniform,256,30000,64,1,32,300,completed,nan\n",
	       "m.csv:2: elapsed_ms: nothing or 0 is given, expected a number above 0 when the migration "
	       "completed");
}

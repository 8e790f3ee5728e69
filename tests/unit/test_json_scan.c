/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/json_scan.h"

#include <criterion/criterion.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
	const char *text;
	const char *mistake; /* NULL: none */
	size_t at;           /* where the mistake is */
};

/* Scans a copy of exactly that length, so that a sanitizer sees a byte read too many. */
static int scan_copy(struct json_scan *ret_scan, const char *text, size_t length, size_t stop)
{
	char *copy = malloc(length ? length : 1);
	int result;

	memcpy(copy, text, length);
	result = json_scan(ret_scan, copy, length, stop);
	free(copy);
	return result;
}

static void rows_check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct json_scan scan;
		int result = scan_copy(&scan, rows[i].text, strlen(rows[i].text), SIZE_MAX);

		if (!rows[i].mistake) {
			cr_assert(result == 0, "%s: refused: %s", rows[i].text, scan.mistake);
			continue;
		}
		cr_assert(result == -1, "%s: accepted", rows[i].text);
		cr_assert(strstr(scan.mistake, rows[i].mistake), "%s: said: %s", rows[i].text, scan.mistake);
		cr_assert(scan.at == rows[i].at, "%s: at %zu", rows[i].text, scan.at);
	}
}

#define ROWS_CHECK(rows) rows_check((rows), sizeof(rows) / sizeof((rows)[0]))

static const struct row accepted[] = {
	{ "null", NULL, 0 }, { " \t\r\ntrue \n", NULL, 0 }, { "[]", NULL, 0 },
	{ "{ }", NULL, 0 },  { "[1,2 , 3]", NULL, 0 },      { "{\"a\":{\"b\":[{},[],\"\",0]}}", NULL, 0 },
	{ "\"\"", NULL, 0 }, { "{\"\":1}", NULL, 0 },
};

Test(json_scan, accepts_what_is_json)
{
	ROWS_CHECK(accepted);
}

static const struct row broken[] = {
	{ "", "the file ends where a value was expected", 0 },
	{ " \n", "the file ends where a value was expected", 2 },
	{ "nul", "a JSON value was expected", 0 },
	{ "NaN", "a JSON value was expected", 0 },
	{ "Infinity", "a JSON value was expected", 0 },
	{ "'a'", "a JSON value was expected", 0 },
	{ "True", "a JSON value was expected", 0 },
	{ "// note\n1", "a JSON value was expected", 0 },
	{ "\xef\xbb\xbf{}", "a JSON value was expected", 0 },
	{ "\v1", "a JSON value was expected", 0 },
	{ "1 2", "more text after the JSON value", 2 },
	{ "nullx", "more text after the JSON value", 4 },
	{ "{}]", "more text after the JSON value", 2 },
	{ "[", "the file ends where a value was expected", 1 },
	{ "[1", "the file ends inside an array", 2 },
	{ "[1,", "the file ends where a value was expected", 3 },
	{ "[1,]", "a JSON value was expected", 3 },
	{ "[,1]", "a JSON value was expected", 1 },
	{ "[1 2]", "',' or ']' was expected", 3 },
	{ "[1}", "',' or ']' was expected", 2 },
	{ "{", "a member's name in quotes was expected", 1 },
	{ "{a:1}", "a member's name in quotes was expected", 1 },
	{ "{1:1}", "a member's name in quotes was expected", 1 },
	{ "{\"a\"", "':' was expected", 4 },
	{ "{\"a\" 1}", "':' was expected", 5 },
	{ "{\"a\":", "the file ends where a value was expected", 5 },
	{ "{\"a\":}", "a JSON value was expected", 5 },
	{ "{\"a\":1", "the file ends inside an object", 6 },
	{ "{\"a\":1,", "a member's name in quotes was expected", 7 },
	{ "{\"a\":1,}", "a member's name in quotes was expected", 7 },
	{ "{\"a\":1]", "',' or '}' was expected", 6 },
	{ "{\"a\":1 \"b\":2}", "',' or '}' was expected", 7 },
	{ "{\"a\":1,,\"b\":2}", "a member's name in quotes was expected", 7 },
};

Test(json_scan, refuses_what_is_not_json_at_its_place)
{
	ROWS_CHECK(broken);
}

static const struct row numbers[] = {
	{ "0", NULL, 0 },
	{ "-0", NULL, 0 },
	{ "-0.0e-0", NULL, 0 },
	{ "10", NULL, 0 },
	{ "1.5", NULL, 0 },
	{ "1e5", NULL, 0 },
	{ "1E+5", NULL, 0 },
	{ "1e-5", NULL, 0 },
	{ "1e308", NULL, 0 },
	{ "-1.7976931348623157e308", NULL, 0 },
	{ "1e-999", NULL, 0 },
	{ "[1e309]", "a number too large for a double", 1 },
	{ "[-1e309]", "a number too large for a double", 1 },
	{ "[1e999999999]", "a number too large for a double", 1 },
	{ "-", "not a JSON number", 1 },
	{ "-a", "not a JSON number", 1 },
	{ "--1", "not a JSON number", 1 },
	{ "+1", "a JSON value was expected", 0 },
	{ ".5", "a JSON value was expected", 0 },
	{ "01", "a number must not begin with 0", 1 },
	{ "-00", "a number must not begin with 0", 2 },
	{ "1.", "a digit was expected after the decimal point", 2 },
	{ "1.e5", "a digit was expected after the decimal point", 2 },
	{ "1e", "a digit was expected in the exponent", 2 },
	{ "1e+", "a digit was expected in the exponent", 3 },
	{ "1E-x", "a digit was expected in the exponent", 3 },
	{ "0x10", "more text after the JSON value", 1 },
	{ "1,5", "more text after the JSON value", 1 },
};

Test(json_scan, numbers)
{
	ROWS_CHECK(numbers);
}

Test(json_scan, numbers_of_63_characters_and_no_more)
{
	char text[80];
	struct json_scan scan;

	snprintf(text, sizeof(text), "[0.%061d]", 1);
	cr_assert(strlen(text) == 65);
	cr_assert(scan_copy(&scan, text, strlen(text), SIZE_MAX) == 0, "%s", scan.mistake);
	snprintf(text, sizeof(text), "[0.%062d]", 1);
	cr_assert(scan_copy(&scan, text, strlen(text), SIZE_MAX) == -1);
	cr_assert(strstr(scan.mistake, "more than 63 characters"));
	cr_assert(scan.at == 1);
}

static const struct row strings[] = {
	{ "\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t\"", NULL, 0 },
	{ "\"\\u0001\\u00e9\\u20AC\\uFFFF\"", NULL, 0 },
	{ "\"\\ud83d\\ude00\\uDBFF\\uDFFF\"", NULL, 0 },
	{ "\"\x7f\"", NULL, 0 },
	{ "\"", "the file ends inside a string", 1 },
	{ "\"abc", "the file ends inside a string", 4 },
	{ "\"a\\", "an unknown escape in a string", 2 },
	{ "\"a\\\"", "the file ends inside a string", 4 },
	{ "\"\\a\"", "an unknown escape in a string", 1 },
	{ "\"\\x41\"", "an unknown escape in a string", 1 },
	{ "\"\\'\"", "an unknown escape in a string", 1 },
	{ "\"\n\"", "a control character in a string", 1 },
	{ "\"a\x1f\"", "a control character in a string", 2 },
	{ "\"\\u\"", "four hexadecimal digits", 1 },
	{ "\"\\u12", "four hexadecimal digits", 1 },
	{ "\"\\u123g\"", "four hexadecimal digits", 1 },
	{ "\"\\u 123\"", "four hexadecimal digits", 1 },
	{ "\"\\u0000\"", "a NUL character in a string", 1 },
	{ "\"\\ud83d\"", "half a surrogate pair", 7 },
	{ "\"\\ud83d\\n\"", "half a surrogate pair", 7 },
	{ "\"\\ud83d\\ud83d\"", "half a surrogate pair", 7 },
	{ "\"\\ud83d\\u0041\"", "half a surrogate pair", 7 },
	{ "\"\\ud83d\\ude0", "half a surrogate pair", 7 },
	{ "\"\\ude00\"", "half a surrogate pair", 7 },
	{ "{\"\\ud800\":1}", "half a surrogate pair", 8 },
};

Test(json_scan, strings)
{
	ROWS_CHECK(strings);
}

Test(json_scan, nul_bytes_are_no_end)
{
	struct json_scan scan;

	cr_assert(scan_copy(&scan, "\"a\0b\"", 5, SIZE_MAX) == -1);
	cr_assert(strstr(scan.mistake, "a control character in a string"));
	cr_assert(scan_copy(&scan, "[1\0]", 4, SIZE_MAX) == -1);
	cr_assert(strstr(scan.mistake, "',' or ']'"));
	cr_assert(scan_copy(&scan, "1\0", 2, SIZE_MAX) == -1);
	cr_assert(strstr(scan.mistake, "more text"));
	cr_assert(scan_copy(&scan, "\"\\\0\"", 4, SIZE_MAX) == -1);
	cr_assert(strstr(scan.mistake, "an unknown escape"));
}

/* The edges of each row of RFC 3629's table of well-formed sequences. */
static const char *const utf8_good[] = {
	"\xc2\x80",         "\xdf\xbf",         "\xe0\xa0\x80",     "\xe0\xbf\xbf",
	"\xe1\x80\x80",     "\xec\xbf\xbf",     "\xed\x80\x80",     "\xed\x9f\xbf",
	"\xee\x80\x80",     "\xef\xbf\xbf",     "\xf0\x90\x80\x80", "\xf0\xbf\xbf\xbf",
	"\xf1\x80\x80\x80", "\xf3\xbf\xbf\xbf", "\xf4\x80\x80\x80", "\xf4\x8f\xbf\xbf",
};

static const char *const utf8_bad[] = {
	"\x80",
	"\xbf",
	"\xc0\x80",
	"\xc1\xbf",
	"\xc2",
	"\xc2\x7f",
	"\xc2\xc0",
	"\xe0\x80\x80",
	"\xe0\x9f\xbf",
	"\xe1\x80",
	"\xe1\x80\x7f",
	"\xe1\x80\xc0",
	"\xed\xa0\x80",
	"\xed\xbf\xbf",
	"\xf0\x80\x80\x80",
	"\xf0\x8f\xbf\xbf",
	"\xf0\x90\x80",
	"\xf1\x80\x80\x7f",
	"\xf4\x90\x80\x80",
	"\xf5\x80\x80\x80",
	"\xfe",
	"\xff",
	"\xf8\x88\x80\x80",
};

Test(json_scan, utf8_in_strings)
{
	struct json_scan scan;
	char text[16];

	for (size_t i = 0; i < sizeof(utf8_good) / sizeof(utf8_good[0]); i++) {
		snprintf(text, sizeof(text), "\"%s\"", utf8_good[i]);
		cr_assert(scan_copy(&scan, text, strlen(text), SIZE_MAX) == 0, "good row %zu", i);
	}
	for (size_t i = 0; i < sizeof(utf8_bad) / sizeof(utf8_bad[0]); i++) {
		snprintf(text, sizeof(text), "\"%s\"", utf8_bad[i]);
		cr_assert(scan_copy(&scan, text, strlen(text), SIZE_MAX) == -1, "bad row %zu", i);
		cr_assert(!strcmp(scan.mistake, "not UTF-8"), "bad row %zu: %s", i, scan.mistake);
		cr_assert(scan.at == 1, "bad row %zu", i);
		/* and where the text ends in the middle of it */
		snprintf(text, sizeof(text), "\"%s", utf8_bad[i]);
		cr_assert(scan_copy(&scan, text, strlen(text), SIZE_MAX) == -1, "cut row %zu", i);
	}
	cr_assert(scan_copy(&scan, "\xc3\xa9", 2, SIZE_MAX) == -1);
	cr_assert(strstr(scan.mistake, "a JSON value was expected"));
}

static void deep_check(size_t depth, const char *open, const char *close, int wanted)
{
	size_t unit = strlen(open), length = depth * (unit + strlen(close)) + 1;
	char *text = malloc(length + 1), *at = text;
	struct json_scan scan;

	for (size_t i = 0; i < depth; i++, at += unit)
		memcpy(at, open, unit);
	*at++ = '0';
	for (size_t i = 0; i < depth; i++, at += strlen(close))
		memcpy(at, close, strlen(close));
	cr_assert(scan_copy(&scan, text, length, SIZE_MAX) == wanted);
	if (wanted)
		cr_assert(!strcmp(scan.mistake, "nested deeper than 512 levels"), "%s", scan.mistake);
	free(text);
}

Test(json_scan, nesting_of_512_and_no_more)
{
	deep_check(512, "[", "]", 0);
	deep_check(513, "[", "]", -1);
	deep_check(512, "{\"a\":", "}", 0);
	deep_check(513, "{\"a\":", "}", -1);
	deep_check(256, "[{\"a\":", "}]", 0);
	deep_check(257, "[{\"a\":", "}]", -1);
	deep_check(1000000, "[", "]", -1);
}

Test(json_scan, depth_falls_again)
{
	size_t count = 1000;
	char *text = malloc(count * 3 + 3);
	struct json_scan scan;

	text[0] = '[';
	for (size_t i = 0; i < count; i++)
		memcpy(text + 1 + i * 3, i + 1 < count ? "[]," : "[]]", 3);
	cr_assert(scan_copy(&scan, text, count * 3 + 1, SIZE_MAX) == 0, "%s", scan.mistake);
	cr_assert(scan.values == count + 1);
	free(text);
}

Test(json_scan, stops_before_a_value)
{
	static const char text[] = "{\"a\": [10, {\"b\": true}],\n \"c\": \"d\"}";
	static const char *const at[] = { "{\"a\"", "[10", "10", "{\"b\"", "true", "\"d\"" };
	struct json_scan scan;

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		cr_assert(json_scan(&scan, text, strlen(text), i) == 0);
		cr_assert(!strncmp(text + scan.at, at[i], strlen(at[i])), "value %zu is at: %s", i,
		          text + scan.at);
		cr_assert(scan.values == i);
	}
	cr_assert(json_scan(&scan, text, strlen(text), 6) == 0);
	cr_assert(scan.at == strlen(text));
	cr_assert(scan.values == 6);
}

Test(json_scan, stops_before_a_mistake_further_on)
{
	struct json_scan scan;

	cr_assert(json_scan(&scan, "[1, 2, oops]", 12, 2) == 0);
	cr_assert(scan.at == 4);
	cr_assert(json_scan(&scan, "[1, 2, oops]", 12, 4) == -1);
	cr_assert(scan.at == 7);
}

Test(json_scan, lines_are_counted_from_1)
{
	cr_assert(json_scan_line("a\nb\n\nc", 0) == 1);
	cr_assert(json_scan_line("a\nb\n\nc", 1) == 1);
	cr_assert(json_scan_line("a\nb\n\nc", 2) == 2);
	cr_assert(json_scan_line("a\nb\n\nc", 5) == 4);
}

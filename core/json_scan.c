/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/json_scan.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What may come next. One state per place in RFC 8259's grammar. */
enum expect { EXPECT_VALUE, EXPECT_FIRST_ELEMENT, EXPECT_FIRST_MEMBER, EXPECT_MEMBER, EXPECT_AFTER };

struct walk {
	struct json_scan *scan;
	size_t depth;
	char kind[JSON_DEPTH_MAX]; /* '[' or '{' by depth */
};

static int mistake(struct json_scan *scan, const char *what)
{
	scan->mistake = what;
	return -1;
}

static int peek(const struct json_scan *scan)
{
	return scan->at < scan->length ? (unsigned char)scan->text[scan->at] : -1;
}

static void skip_space(struct json_scan *scan)
{
	while (scan->at < scan->length && memchr(" \t\r\n", scan->text[scan->at], 4))
		scan->at++;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static void skip_digits(struct json_scan *scan)
{
	while (is_digit(peek(scan)))
		scan->at++;
}

static int scan_number(struct json_scan *scan)
{
	size_t start = scan->at;
	char copy[64], *end;
	double number;

	if (peek(scan) == '-')
		scan->at++;
	if (!is_digit(peek(scan)))
		return mistake(scan, "not a JSON number");
	if (peek(scan) == '0') {
		scan->at++;
		if (is_digit(peek(scan)))
			return mistake(scan, "a number must not begin with 0");
	} else {
		skip_digits(scan);
	}
	if (peek(scan) == '.') {
		scan->at++;
		if (!is_digit(peek(scan)))
			return mistake(scan, "a digit was expected after the decimal point");
		skip_digits(scan);
	}
	if (peek(scan) == 'e' || peek(scan) == 'E') {
		scan->at++;
		if (peek(scan) == '+' || peek(scan) == '-')
			scan->at++;
		if (!is_digit(peek(scan)))
			return mistake(scan, "a digit was expected in the exponent");
		skip_digits(scan);
	}
	/* cJSON reads 63 characters of a number at most; a longer one would be cut in silence. */
	if (scan->at - start >= sizeof(copy))
		return scan->at = start, mistake(scan, "a number of more than 63 characters");
	memcpy(copy, scan->text + start, scan->at - start);
	copy[scan->at - start] = '\0';
	number = strtod(copy, &end);
	if (number - number != 0)
		return scan->at = start, mistake(scan, "a number too large for a double");
	return 0;
}

static int hex_value(const char *digits)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		const char *all = "0123456789abcdef", *found;
		char c = digits[i];

		c = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
		found = c ? strchr(all, c) : NULL;
		if (!found)
			return -1;
		value = value * 16 + (int)(found - all);
	}
	return value;
}

/* A \u escape: four digits, surrogates in pairs, never NUL since C text would end there. */
static int scan_unicode_escape(struct json_scan *scan)
{
	const char *at = scan->text + scan->at;
	size_t left = scan->length - scan->at;
	int high = left >= 6 ? hex_value(at + 2) : -1;

	if (high < 0)
		return mistake(scan, "four hexadecimal digits were expected after \\u");
	if (high == 0)
		return mistake(scan, "a NUL character in a string");
	scan->at += 6;
	if (high >= 0xd800 && high <= 0xdbff) {
		int low = left >= 12 && at[6] == '\\' && at[7] == 'u' ? hex_value(at + 8) : -1;

		if (low < 0xdc00 || low > 0xdfff)
			return mistake(scan, "half a surrogate pair");
		scan->at += 6;
	} else if (high >= 0xdc00 && high <= 0xdfff) {
		return mistake(scan, "half a surrogate pair");
	}
	return 0;
}

/* One character of more than one byte: RFC 3629, no overlong forms, no surrogates, at most U+10FFFF. */
static int scan_utf8(struct json_scan *scan)
{
	const unsigned char *at = (const unsigned char *)scan->text + scan->at;
	size_t left = scan->length - scan->at;
	size_t need = at[0] >= 0xf0 ? 3 : at[0] >= 0xe0 ? 2 : 1;
	unsigned low = 0x80, high = 0xbf;

	if (at[0] < 0xc2 || at[0] > 0xf4 || left <= need)
		return mistake(scan, "not UTF-8");
	if (at[0] == 0xe0)
		low = 0xa0;
	if (at[0] == 0xed)
		high = 0x9f;
	if (at[0] == 0xf0)
		low = 0x90;
	if (at[0] == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return mistake(scan, "not UTF-8");
	for (size_t i = 2; i <= need; i++) {
		if (at[i] < 0x80 || at[i] > 0xbf)
			return mistake(scan, "not UTF-8");
	}
	scan->at += need + 1;
	return 0;
}

static int scan_string(struct json_scan *scan)
{
	if (peek(scan) != '"')
		return mistake(scan, "a string was expected");
	scan->at++;
	for (;;) {
		int c = peek(scan);

		if (c < 0)
			return mistake(scan, "the file ends inside a string");
		if (c == '"')
			return scan->at++, 0;
		if (c < 0x20)
			return mistake(scan, "a control character in a string");
		if (c == '\\') {
			int next = scan->at + 1 < scan->length ? (unsigned char)scan->text[scan->at + 1] : -1;

			if (next == 'u') {
				if (scan_unicode_escape(scan))
					return -1;
			} else if (next > 0 && strchr("\"\\/bfnrt", next)) {
				scan->at += 2;
			} else {
				return mistake(scan, "an unknown escape in a string");
			}
		} else if (c >= 0x80) {
			if (scan_utf8(scan))
				return -1;
		} else {
			scan->at++;
		}
	}
}

static int scan_word(struct json_scan *scan)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < 3; i++) {
		size_t length = strlen(words[i]);

		if (scan->length - scan->at >= length && !memcmp(scan->text + scan->at, words[i], length)) {
			scan->at += length;
			return 0;
		}
	}
	return mistake(scan, "a JSON value was expected");
}

static int scan_member_key(struct json_scan *scan)
{
	if (peek(scan) != '"')
		return mistake(scan, "a member's name in quotes was expected");
	if (scan_string(scan))
		return -1;
	skip_space(scan);
	if (peek(scan) != ':')
		return mistake(scan, "':' was expected after a member's name");
	scan->at++;
	return 0;
}

/* Begins a value; *ret_expect is what follows it. */
static int scan_value(struct walk *walk, enum expect *ret_expect)
{
	struct json_scan *scan = walk->scan;
	int c = peek(scan);

	scan->values++;
	*ret_expect = EXPECT_AFTER;
	if (c == '[' || c == '{') {
		if (walk->depth == JSON_DEPTH_MAX)
			return mistake(scan, "nested deeper than 512 levels");
		walk->kind[walk->depth++] = (char)c;
		scan->at++;
		*ret_expect = c == '[' ? EXPECT_FIRST_ELEMENT : EXPECT_FIRST_MEMBER;
		return 0;
	}
	if (c < 0)
		return mistake(scan, "the file ends where a value was expected");
	if (c == '"')
		return scan_string(scan);
	if (c == '-' || is_digit(c))
		return scan_number(scan);
	return scan_word(scan);
}

/* After a value inside a container: a comma, or its end. */
static int scan_after(struct walk *walk, enum expect *expect)
{
	struct json_scan *scan = walk->scan;
	bool array = walk->kind[walk->depth - 1] == '[';
	int c = peek(scan);

	if (c == (array ? ']' : '}')) {
		scan->at++;
		walk->depth--;
		return 0;
	}
	if (c == ',') {
		scan->at++;
		*expect = array ? EXPECT_VALUE : EXPECT_MEMBER;
		return 0;
	}
	if (c < 0)
		return mistake(scan,
		               array ? "the file ends inside an array" : "the file ends inside an object");
	return mistake(scan, array ? "',' or ']' was expected" : "',' or '}' was expected");
}

int json_scan(struct json_scan *scan, const char *text, size_t length, size_t stop)
{
	struct walk walk = { .scan = scan };
	enum expect expect = EXPECT_VALUE;

	*scan = (struct json_scan){ .text = text, .length = length };
	for (;;) {
		skip_space(scan);
		if (expect == EXPECT_AFTER && walk.depth == 0)
			return scan->at == length ? 0 : mistake(scan, "more text after the JSON value");
		if (expect == EXPECT_AFTER) {
			if (scan_after(&walk, &expect))
				return -1;
			continue;
		}
		if ((expect == EXPECT_FIRST_ELEMENT && peek(scan) == ']') ||
		    (expect == EXPECT_FIRST_MEMBER && peek(scan) == '}')) {
			scan->at++;
			walk.depth--;
			expect = EXPECT_AFTER;
			continue;
		}
		if (expect == EXPECT_MEMBER || expect == EXPECT_FIRST_MEMBER) {
			if (scan_member_key(scan))
				return -1;
			skip_space(scan);
		}
		if (scan->values == stop)
			return 0;
		if (scan_value(&walk, &expect))
			return -1;
	}
}

size_t json_scan_line(const char *text, size_t at)
{
	size_t line = 1;

	for (size_t i = 0; i < at; i++)
		line += text[i] == '\n';
	return line;
}

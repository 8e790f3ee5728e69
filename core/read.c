/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/read.h"

#include "core/intern.h"
#include "core/must.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every count stays below this, so that sums over a million entities fit an int64_t with room. */
static const double count_limit = 1e12;

int read_type(struct reader *reader, const json_t *value, enum json_type type, const char *expected)
{
	if (json_type(value) == type)
		return 0;
	return json_fail(reader->doc, value, reader->error, "%s, expected %s", json_type_name(value),
	                 expected);
}

/* Optimal string alignment distance, cut off at `most`; names are short. */
static size_t name_distance(const char *a, const char *b, size_t most)
{
	size_t m = strlen(a), n = strlen(b), rows[3][64];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];

	if (m > 63 || n > 63 || (m > n ? m - n : n - m) > most)
		return most + 1;
	for (size_t j = 0; j <= n; j++)
		last[j] = j;
	for (size_t i = 1; i <= m; i++) {
		size_t *swap = before;

		now[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);

			best = last[j] + 1 < best ? last[j] + 1 : best;
			best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
		before = last;
		last = now;
		now = swap;
	}
	return last[n];
}

const char *read_suggest(const char *name, const char *const *names, size_t count)
{
	size_t most = strlen(name) / 3 > 0 ? strlen(name) / 3 : 1, best = most + 1;
	const char *suggestion = NULL;

	for (size_t i = 0; i < count; i++) {
		size_t distance = name_distance(name, names[i], most);

		if (distance < best) {
			best = distance;
			suggestion = names[i];
		}
	}
	return suggestion;
}

static int read_text(struct reader *reader, const json_t *value, const char **into)
{
	if (read_type(reader, value, JSON_TEXT, "a string"))
		return ERROR_INPUT;
	if (!*json_text(value))
		return json_fail(reader->doc, value, reader->error, "an empty string, expected a text");
	for (const char *c = json_text(value); *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return json_fail(reader->doc, value, reader->error,
			                 "a control character, expected a text of one line");
	}
	*into = cluster_intern(reader->cluster, json_text(value));
	return 0;
}

bool read_is_distribution(const json_t *value)
{
	return json_type(value) == JSON_OBJECT && json_get(value, "dist");
}

/* A number that is there, or one that is drawn. */
static int read_number(struct reader *reader, const json_t *value, const struct read_bounds *bounds,
                       double *ret)
{
	const struct read_numbers *numbers = reader->numbers;

	if (read_is_distribution(value)) {
		if (numbers)
			return numbers->draw(numbers->context, reader->doc, value, bounds, ret,
			                     reader->error);
		return json_fail(
			reader->doc, value, reader->error,
			"a distribution, expected %s: only what simulate and sweep read may have one",
			bounds->whole ? "an integer" : "a number");
	}
	if (read_type(reader, value, JSON_NUMBER, bounds->whole ? "an integer" : "a number"))
		return ERROR_INPUT;
	*ret = json_number(value);
	return 0;
}

static int fail_range(struct reader *reader, const json_t *value, const struct read_bounds *bounds,
                      double number)
{
	char low[32], high[32], got[32];
	bool bounded = isfinite(bounds->max);

	json_number_text(number, got);
	if (bounds->whole && number != rint(number))
		return json_fail(reader->doc, value, reader->error, "%s, expected an integer", got);
	json_number_text(bounds->min, low);
	if (bounded)
		json_number_text(bounds->max, high);
	return json_fail(reader->doc, value, reader->error, "%s is out of range, expected %s %s%s%s", got,
	                 bounds->above ? "more than" : "at least", low, bounded ? " and at most " : "",
	                 bounded ? high : "");
}

static int read_in_range(struct reader *reader, const json_t *value, const struct read_member *member,
                         double *ret)
{
	bool whole = member->kind == READ_COUNT;
	double number = 0, max = whole && member->max > count_limit ? count_limit : member->max;
	struct read_bounds bounds = { member->min, max, member->above, whole };

	if (read_number(reader, value, &bounds, &number))
		return ERROR_INPUT;
	if ((whole && number != rint(number)) || number < member->min || number > max ||
	    (member->above && number == member->min))
		return fail_range(reader, value, &bounds, number);
	*ret = number == 0 ? 0 : number;
	return 0;
}

static int read_word(struct reader *reader, const json_t *value, const char *const *words, uint8_t *into)
{
	char list[256] = "";
	size_t count = 0;
	const char *suggestion;

	if (read_type(reader, value, JSON_TEXT, "a string"))
		return ERROR_INPUT;
	for (; words[count]; count++) {
		size_t length = strlen(list);

		if (!strcmp(words[count], json_text(value))) {
			*into = (uint8_t)count;
			return 0;
		}
		snprintf(list + length, sizeof(list) - length, "%s\"%s\"", count ? ", " : "", words[count]);
	}
	suggestion = read_suggest(json_text(value), words, count);
	if (suggestion)
		return json_fail(reader->doc, value, reader->error,
		                 "unknown word \"%.80s\" (did you mean \"%s\"?), expected one of %s",
		                 json_text(value), suggestion, list);
	return json_fail(reader->doc, value, reader->error, "unknown word \"%.80s\", expected one of %s",
	                 json_text(value), list);
}

int read_pairs(struct reader *reader, const json_t *object, struct pairs *ret_pairs)
{
	static const struct read_bounds anything = { -INFINITY, INFINITY, false, false };
	struct pair *pairs;
	uint32_t count = 0;
	double drawn = 0;

	if (read_type(reader, object, JSON_OBJECT, "an object of texts"))
		return ERROR_INPUT;
	pairs = ARENA_ARRAY(&reader->cluster->arena, struct pair, json_count(object));
	for (const json_t *member = json_first(object); member; member = json_next(member), count++) {
		char number[32];
		const char *text;

		switch (json_type(member)) {
		case JSON_TEXT:
			text = json_text(member);
			break;
		case JSON_NUMBER:
			json_number_text(json_number(member), number);
			text = number;
			break;
		case JSON_BOOL:
			text = json_bool(member) ? "true" : "false";
			break;
		default:
			if (!read_is_distribution(member))
				return json_fail(reader->doc, member, reader->error, "%s, expected a string",
				                 json_type_name(member));
			if (read_number(reader, member, &anything, &drawn))
				return ERROR_INPUT;
			json_number_text(drawn, number);
			text = number;
		}
		pairs[count] = (struct pair){ cluster_intern(reader->cluster, json_key(member)),
			                      cluster_intern(reader->cluster, text) };
	}
	*ret_pairs = (struct pairs){ pairs, count };
	return 0;
}

int read_value(struct reader *reader, const json_t *value, const struct read_member *member, void *target)
{
	char *into = (char *)target + member->offset;
	double number = 0;
	int result = 0;

	if (member->nullable && json_type(value) == JSON_NULL)
		return 0;
	switch (member->kind) {
	case READ_TEXT:
		return read_text(reader, value, (const char **)(void *)into);
	case READ_COUNT:
		result = read_in_range(reader, value, member, &number);
		if (!result)
			*(int64_t *)(void *)into = (int64_t)number;
		return result;
	case READ_NUMBER:
		result = read_in_range(reader, value, member, &number);
		if (!result)
			*(double *)(void *)into = number;
		return result;
	case READ_RATIO:
		result = read_in_range(reader, value, member, &number);
		if (!result)
			*(int64_t *)(void *)into = llrint(number * RATIO_ONE);
		return result;
	case READ_BOOL:
		if (read_type(reader, value, JSON_BOOL, "true or false"))
			return ERROR_INPUT;
		*(int8_t *)(void *)into = json_bool(value);
		return 0;
	case READ_WORD:
		return read_word(reader, value, *member->words, (uint8_t *)into);
	case READ_PAIRS:
		return read_pairs(reader, value, (struct pairs *)(void *)into);
	case READ_BY:
		return member->by(reader, value, into);
	}
	must(false);
}

static int fail_unknown(struct reader *reader, const json_t *member, const struct read_member *table)
{
	const char *names[64], *suggestion;
	size_t count = 0;

	for (; table[count].name; count++) {
		must(count < 64);
		names[count] = table[count].name;
	}
	suggestion = read_suggest(json_key(member), names, count);
	if (suggestion)
		return json_fail(reader->doc, member, reader->error,
		                 "unknown member \"%.80s\" (did you mean \"%s\"?)", json_key(member),
		                 suggestion);
	return json_fail(reader->doc, member, reader->error,
	                 "unknown member \"%.80s\", expected one of the format's", json_key(member));
}

int read_object(struct reader *reader, const json_t *object, const struct read_member *table, void *target,
                const char *what)
{
	uint64_t seen = 0;

	if (json_type(object) != JSON_OBJECT)
		return json_fail(reader->doc, object, reader->error, "%s, expected %s (an object)",
		                 json_type_name(object), what);
	for (const json_t *member = json_first(object); member; member = json_next(member)) {
		const char *key = json_key(member);
		size_t row = 0;

		if (key[0] == 'x' && key[1] == '-')
			continue;
		while (table[row].name && (table[row].name[0] != key[0] || strcmp(table[row].name, key) != 0))
			row++;
		if (!table[row].name)
			return fail_unknown(reader, member, table);
		seen |= UINT64_C(1) << row;
		if (read_value(reader, member, &table[row], target))
			return ERROR_INPUT;
	}
	for (size_t row = 0; table[row].name; row++) {
		if (table[row].required && !(seen >> row & 1))
			return json_fail(reader->doc, object, reader->error,
			                 "member \"%s\" is missing, expected in %s", table[row].name, what);
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/json.h"

#include "core/arena.h"
#include "core/json_scan.h"
#include "core/must.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef json_fail

enum { PRETTY_COLUMNS = 110 };

struct json_doc {
	char *name;
	char *text;
	size_t length;
	cJSON *root;
	struct arena values; /* everything that cJSON made of the text */
};

/*
 * A cluster of a million VMs is tens of millions of small values: cJSON takes them one malloc each. While a
 * document is parsed they come from its arena instead. cJSON's hooks are global, so they look at a variable
 * of the thread.
 */
static _Thread_local struct arena *parsing;

static void *hook_take(size_t size)
{
	return parsing ? arena_take(parsing, size) : memory_take(size);
}

static void hook_free(void *memory)
{
	if (!parsing)
		free(memory);
}

__attribute__((constructor)) static void hooks_install(void)
{
	cJSON_InitHooks(&(cJSON_Hooks){ hook_take, hook_free });
}

/* Appends printf's text to a path, cutting what does not fit. */
__attribute__((format(printf, 3, 4))) static void path_append(char *path, size_t room, const char *format,
                                                              ...)
{
	size_t length = strlen(path);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(path + length, room - length, format, arguments);
	va_end(arguments);
}

/* Finds value below from; fills path with where it is and *index with how many values come before it. */
static bool value_find(const cJSON *from, const cJSON *value, char *path, size_t room, size_t *index)
{
	size_t length = strlen(path), element = 0;

	if (from == value)
		return true;
	for (const cJSON *child = from->child; child; child = child->next) {
		(*index)++;
		if (cJSON_IsObject(from))
			path_append(path, room, "%s%s", length ? "." : "", child->string);
		else
			path_append(path, room, "[%zu]", element++);
		if (value_find(child, value, path, room, index))
			return true;
		path[length] = '\0';
	}
	return false;
}

int json_fail(const struct json_doc *doc, const json_t *value, struct error *error, const char *format, ...)
{
	char path[512] = "", message[512];
	struct json_scan scan;
	size_t index = 0;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	must(value_find(doc->root, value, path, sizeof(path), &index));
	json_scan(&scan, doc->text, doc->length, index);
	return error_set(error, ERROR_INPUT, "%s:%zu: %s%s%s", doc->name, json_scan_line(doc->text, scan.at),
	                 path, path[0] ? ": " : "", message);
}

void json_path(const struct json_doc *doc, const json_t *value, char *ret_path, size_t room)
{
	size_t index = 0;

	must(room > 0);
	ret_path[0] = '\0';
	must(value_find(doc->root, value, ret_path, room, &index));
}

static int key_compare(const void *a, const void *b)
{
	return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

/* The members of an object, sorted by the bytes of their keys; the caller frees. */
static const cJSON **members_sorted(const cJSON *object, size_t *ret_count)
{
	size_t count = json_count(object), i = 0;
	const cJSON **members = MEMORY_ARRAY(const cJSON *, count);

	for (const cJSON *member = object->child; member; member = member->next)
		members[i++] = member;
	qsort(members, count, sizeof(members[0]), key_compare);
	*ret_count = count;
	return members;
}

static const cJSON *twin_in_large(const cJSON *object)
{
	size_t count;
	const cJSON **members = members_sorted(object, &count), *twin = NULL;

	for (size_t i = 1; i < count && !twin; i++) {
		if (!strcmp(members[i - 1]->string, members[i]->string))
			twin = members[i];
	}
	free(members);
	return twin;
}

/* A member whose name another one before it has, or NULL. */
static const cJSON *twin_in(const cJSON *object)
{
	size_t before = 0;

	for (const cJSON *member = object->child; member; member = member->next, before++) {
		if (before == 24)
			return twin_in_large(object);
		for (const cJSON *other = object->child; other != member; other = other->next) {
			if (!strcmp(other->string, member->string))
				return member;
		}
	}
	return NULL;
}

static const cJSON *twin_below(const cJSON *value)
{
	const cJSON *twin = cJSON_IsObject(value) ? twin_in(value) : NULL;

	for (const cJSON *child = value->child; child && !twin; child = child->next)
		twin = child->child ? twin_below(child) : NULL;
	return twin;
}

int json_doc_parse(struct json_doc **ret_doc, const char *name, char *text, size_t length,
                   struct error *error)
{
	struct json_doc *doc = MEMORY_ARRAY(struct json_doc, 1);
	const cJSON *twin;
	struct json_scan scan;
	int result = 0;

	doc->text = text;
	doc->length = length;
	doc->name = memory_take(strlen(name) + 1);
	memcpy(doc->name, name, strlen(name) + 1);
	if (json_scan(&scan, text, length, SIZE_MAX)) {
		result = error_set(error, ERROR_INPUT, "%s:%zu: not valid JSON: %s", name,
		                   json_scan_line(text, scan.at), scan.mistake);
		goto out;
	}
	parsing = &doc->values;
	doc->root = cJSON_ParseWithLengthOpts(text, length, NULL, false);
	parsing = NULL;
	if (!doc->root) {
		result = error_set(error, ERROR_INPUT, "%s: not valid JSON", name);
		goto out;
	}
	twin = twin_below(doc->root);
	if (twin)
		result = json_fail(doc, twin, error, "member \"%s\" stands twice, expected once",
		                   twin->string);
out:
	if (result)
		json_doc_free(doc);
	else
		*ret_doc = doc;
	return result;
}

void json_doc_free(struct json_doc *doc)
{
	if (!doc)
		return;
	arena_free(&doc->values);
	free(doc->text);
	free(doc->name);
	free(doc);
}

const json_t *json_doc_root(const struct json_doc *doc)
{
	return doc->root;
}

const char *json_doc_name(const struct json_doc *doc)
{
	return doc->name;
}

size_t json_doc_bytes(const struct json_doc *doc)
{
	return doc->length + doc->values.total;
}

enum json_type json_type(const json_t *value)
{
	if (cJSON_IsObject(value))
		return JSON_OBJECT;
	if (cJSON_IsArray(value))
		return JSON_ARRAY;
	if (cJSON_IsString(value))
		return JSON_TEXT;
	if (cJSON_IsNumber(value))
		return JSON_NUMBER;
	if (cJSON_IsBool(value))
		return JSON_BOOL;
	return JSON_NULL;
}

const char *json_type_name(const json_t *value)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",     [JSON_BOOL] = "true or false", [JSON_NUMBER] = "a number",
		[JSON_TEXT] = "a string", [JSON_ARRAY] = "an array",     [JSON_OBJECT] = "an object",
	};

	return names[json_type(value)];
}

const json_t *json_first(const json_t *container)
{
	return container->child;
}

const json_t *json_next(const json_t *value)
{
	return value->next;
}

const char *json_key(const json_t *member)
{
	return member->string;
}

size_t json_count(const json_t *container)
{
	size_t count = 0;

	for (const cJSON *child = container->child; child; child = child->next)
		count++;
	return count;
}

const json_t *json_get(const json_t *object, const char *key)
{
	return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

const char *json_text(const json_t *value)
{
	must(cJSON_IsString(value));
	return value->valuestring;
}

double json_number(const json_t *value)
{
	must(cJSON_IsNumber(value));
	return value->valuedouble;
}

bool json_bool(const json_t *value)
{
	must(cJSON_IsBool(value));
	return cJSON_IsTrue(value);
}

json_t *json_object_new(void)
{
	return cJSON_CreateObject();
}

json_t *json_array_new(void)
{
	return cJSON_CreateArray();
}

json_t *json_text_new(const char *text)
{
	return text ? cJSON_CreateString(text) : cJSON_CreateNull();
}

json_t *json_number_new(double number)
{
	must(isfinite(number));
	return cJSON_CreateNumber(number);
}

json_t *json_null_new(void)
{
	return cJSON_CreateNull();
}

json_t *json_copy(const json_t *value)
{
	json_t *copy = cJSON_Duplicate(value, true);

	/* A member's name would stay with its copy, also as an element of an array. */
	cJSON_free(copy->string);
	copy->string = NULL;
	return copy;
}

void json_free(json_t *value)
{
	cJSON_Delete(value);
}

json_t *json_child(json_t *container, const json_t *child)
{
	/* Who may change a container may change what is in it. */
	must(container->child);
	return (json_t *)(uintptr_t)child;
}

void json_replace(json_t *container, const json_t *child, json_t *with)
{
	/* cJSON gives a member that takes another's place no name of its own. */
	if (child->string)
		must(cJSON_ReplaceItemInObjectCaseSensitive(container, child->string, with));
	else
		must(cJSON_ReplaceItemViaPointer(container, json_child(container, child), with));
}

void json_put(json_t *object, const char *key, json_t *member)
{
	const json_t *old = json_get(object, key);

	if (old)
		json_replace(object, old, member);
	else
		json_add(object, key, member);
}

void json_remove(json_t *object, const char *key)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
}

json_t *json_add(json_t *object, const char *key, json_t *member)
{
	must(cJSON_AddItemToObject(object, key, member));
	return member;
}

json_t *json_push(json_t *array, json_t *element)
{
	must(cJSON_AddItemToArray(array, element));
	return element;
}

void json_add_text(json_t *object, const char *key, const char *text)
{
	json_add(object, key, json_text_new(text));
}

void json_add_number(json_t *object, const char *key, double number)
{
	json_add(object, key, json_number_new(number));
}

void json_add_bool(json_t *object, const char *key, bool truth)
{
	json_add(object, key, cJSON_CreateBool(truth));
}

void json_add_null(json_t *object, const char *key)
{
	json_add(object, key, cJSON_CreateNull());
}

void json_add_percentiles(json_t *object, const char *key, const double values[3])
{
	static const char *const names[] = { "p10", "p50", "p90" };
	json_t *percentiles = json_add(object, key, json_object_new());

	for (int i = 0; i < 3; i++)
		json_add_number(percentiles, names[i], round(values[i] * 1e6) / 1e6);
}

/* What json_print writes into: a text that grows. */
struct output {
	char *text;
	size_t length, room;
};

static void output_bytes(struct output *output, const char *bytes, size_t length)
{
	if (output->room - output->length < length + 1) {
		output->room = (output->room + length + 64) * 2;
		output->text = memory_resize(output->text, output->room, 1);
	}
	memcpy(output->text + output->length, bytes, length);
	output->length += length;
	output->text[output->length] = '\0';
}

static void output_text(struct output *output, const char *text)
{
	output_bytes(output, text, strlen(text));
}

static void output_quoted(struct output *output, const char *text)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	const char *run = text;

	output_bytes(output, "\"", 1);
	for (; *text; text++) {
		const char *special;
		char escape[8];

		if ((unsigned char)*text >= 0x20 && *text != '"' && *text != '\\')
			continue;
		special = strchr(plain, *text);
		output_bytes(output, run, (size_t)(text - run));
		run = text + 1;
		if (special)
			snprintf(escape, sizeof(escape), "\\%c", letter[special - plain]);
		else
			snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)(unsigned char)*text);
		output_text(output, escape);
	}
	output_bytes(output, run, (size_t)(text - run));
	output_bytes(output, "\"", 1);
}

/* Writes millionths as a decimal fraction without closing zeros; returns its length. At most 15 digits. */
static int millionths_text(int64_t millionths, char text[32])
{
	char reversed[32];
	int length = 0, count = 0, digits = 6;
	uint64_t left = millionths < 0 ? (uint64_t)-millionths : (uint64_t)millionths;

	while (digits > 0 && left % 10 == 0) {
		left /= 10;
		digits--;
	}
	for (int fraction = digits; left > 0 || fraction >= 0 || count == 0; fraction--) {
		if (fraction == 0 && digits > 0)
			reversed[count++] = '.';
		if (left == 0 && fraction < 0)
			break;
		reversed[count++] = (char)('0' + left % 10);
		left /= 10;
	}
	if (millionths < 0)
		text[length++] = '-';
	while (count > 0)
		text[length++] = reversed[--count];
	text[length] = '\0';
	return length;
}

int json_number_text(double number, char text[32])
{
	double millionths = number * 1e6;

	must(isfinite(number));
	/*
	 * Most numbers are whole or rounded to millionths: written by hand, they give the digits that %.15g
	 * gives. Below 0.0001 that would have an exponent; from 1e9 on more than 15 digits.
	 */
	if (number == 0)
		return snprintf(text, 32, "0");
	if (fabs(number) >= 1e-4 && fabs(number) < 1e9 && (double)llrint(millionths) / 1e6 == number)
		return millionths_text(llrint(millionths), text);
	if (number == rint(number) && fabs(number) < 1e15)
		return snprintf(text, 32, "%.0f", number);
	for (int digits = 15; digits < 17; digits++) {
		int length = snprintf(text, 32, "%.*g", digits, number);

		if (strtod(text, NULL) == number)
			return length;
	}
	return snprintf(text, 32, "%.17g", number);
}

static void output_scalar(struct output *output, const cJSON *value)
{
	char number[32];

	switch (json_type(value)) {
	case JSON_TEXT:
		output_quoted(output, value->valuestring);
		break;
	case JSON_NUMBER:
		json_number_text(value->valuedouble, number);
		output_text(output, number);
		break;
	case JSON_BOOL:
		output_text(output, cJSON_IsTrue(value) ? "true" : "false");
		break;
	default:
		output_text(output, "null");
	}
}

/* On one line; spaced as people write it, or with no space at all. */
static void output_line(struct output *output, const cJSON *value, bool spaced)
{
	bool object = cJSON_IsObject(value);

	if (!object && !cJSON_IsArray(value)) {
		output_scalar(output, value);
		return;
	}
	output_text(output, object ? "{" : "[");
	for (const cJSON *child = value->child; child; child = child->next) {
		if (object) {
			output_quoted(output, child->string);
			output_text(output, spaced ? ": " : ":");
		}
		output_line(output, child, spaced);
		if (child->next)
			output_text(output, spaced ? ", " : ",");
	}
	output_text(output, object ? "}" : "]");
}

/* The columns that output_quoted takes. */
static size_t text_width(const char *text)
{
	size_t width = 2;

	for (; *text; text++) {
		if (strchr("\"\\\b\f\n\r\t", *text))
			width += 2;
		else if ((unsigned char)*text < 0x20)
			width += 6;
		else
			width += (*text & 0xc0) != 0x80;
	}
	return width;
}

/* The columns that output_line takes; more than `limit` when it is too wide or goes deeper than `levels`. */
static size_t line_width(const cJSON *value, int levels, size_t limit)
{
	size_t width = 2;
	char number[32];

	if (cJSON_IsString(value))
		return text_width(value->valuestring);
	if (cJSON_IsNumber(value))
		return (size_t)json_number_text(value->valuedouble, number);
	if (!cJSON_IsObject(value) && !cJSON_IsArray(value))
		return cJSON_IsFalse(value) ? 5 : 4;
	if (value->child && levels == 0)
		return limit + 1;
	for (const cJSON *child = value->child; child && width <= limit; child = child->next) {
		width += cJSON_IsObject(value) ? text_width(child->string) + 2 : 0;
		width += line_width(child, levels - 1, limit) + (child->next ? 2 : 0);
	}
	return width;
}

/* column: where the value begins. A container stays on its line when it is short and at most two deep. */
static void output_pretty(struct output *output, const cJSON *value, size_t indent, size_t column)
{
	static const char spaces[] = "                                ";
	size_t inner = indent + 2 < sizeof(spaces) ? indent + 2 : sizeof(spaces) - 1;
	bool object = cJSON_IsObject(value);

	/* one column for the comma behind it */
	if (!value->child ||
	    (indent > 0 && column + 1 + line_width(value, 2, PRETTY_COLUMNS) <= PRETTY_COLUMNS)) {
		output_line(output, value, true);
		return;
	}
	output_text(output, object ? "{" : "[");
	for (const cJSON *child = value->child; child; child = child->next) {
		output_text(output, "\n");
		output_bytes(output, spaces, inner);
		if (object) {
			output_quoted(output, child->string);
			output_text(output, ": ");
		}
		output_pretty(output, child, inner, inner + (object ? text_width(child->string) + 2 : 0));
		if (child->next)
			output_text(output, ",");
	}
	output_text(output, "\n");
	output_bytes(output, spaces, indent);
	output_text(output, object ? "}" : "]");
}

char *json_print(const json_t *value, bool pretty, size_t *ret_length)
{
	struct output output = { 0 };

	if (pretty)
		output_pretty(&output, value, 0, 0);
	else
		output_line(&output, value, false);
	output_text(&output, "\n");
	if (ret_length)
		*ret_length = output.length;
	return output.text;
}

static void output_canonical(struct output *output, const cJSON *value)
{
	bool object = cJSON_IsObject(value), first = true;

	if (object) {
		size_t count;
		const cJSON **members = members_sorted(value, &count);

		output_text(output, "{");
		for (size_t i = 0; i < count; i++) {
			if (!strncmp(members[i]->string, "x-", 2))
				continue;
			if (!first)
				output_text(output, ",");
			first = false;
			output_quoted(output, members[i]->string);
			output_text(output, ":");
			output_canonical(output, members[i]);
		}
		free(members);
		output_text(output, "}");
	} else if (cJSON_IsArray(value)) {
		output_text(output, "[");
		for (const cJSON *child = value->child; child; child = child->next) {
			output_canonical(output, child);
			if (child->next)
				output_text(output, ",");
		}
		output_text(output, "]");
	} else {
		output_scalar(output, value);
	}
}

char *json_canonical(const json_t *value, size_t *ret_length)
{
	struct output output = { 0 };

	output_canonical(&output, value);
	*ret_length = output.length;
	return output.text;
}

double json_member_number(const json_t *object, const char *key)
{
	const json_t *value = json_get(object, key);

	return value && json_type(value) == JSON_NUMBER ? json_number(value) : 0;
}

bool json_member_bool(const json_t *object, const char *key)
{
	const json_t *value = json_get(object, key);

	return value && json_type(value) == JSON_BOOL && json_bool(value);
}

const char *json_member_text(const json_t *object, const char *key)
{
	const json_t *value = json_get(object, key);

	return value && json_type(value) == JSON_TEXT ? json_text(value) : NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/json.h"

#include "core/arena.h"

#include <criterion/criterion.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_bytes(struct json_doc **ret_doc, const char *text, size_t length, struct error *error)
{
	char *copy = memory_take(length);

	memcpy(copy, text, length);
	return json_doc_parse(ret_doc, "t.json", copy, length, error);
}

/* The document of a text that must parse. */
static struct json_doc *parsed(const char *text)
{
	struct json_doc *doc = NULL;
	struct error error = { "" };

	cr_assert(parse_bytes(&doc, text, strlen(text), &error) == 0, "%s: %s", text, error.text);
	return doc;
}

static void refused(const char *text, const char *message)
{
	struct json_doc *doc = NULL;
	struct error error = { "" };

	cr_assert(parse_bytes(&doc, text, strlen(text), &error) == ERROR_INPUT, "%s: accepted", text);
	cr_assert(!doc, "the result was touched");
	cr_assert(!strcmp(error.text, message), "%s: said: %s", text, error.text);
}

static void prints(const json_t *value, bool pretty, const char *wanted)
{
	size_t length;
	char *text = json_print(value, pretty, &length);

	cr_assert(!strcmp(text, wanted), "%s", text);
	cr_assert(length == strlen(wanted));
	free(text);
}

static void canonical_is(const char *text, const char *wanted)
{
	struct json_doc *doc = parsed(text);
	size_t length;
	char *bytes = json_canonical(json_doc_root(doc), &length);

	cr_assert(length == strlen(wanted) && !memcmp(bytes, wanted, length), "%s", bytes);
	free(bytes);
	json_doc_free(doc);
}

Test(json, says_file_and_line_of_a_syntax_error)
{
	refused("", "t.json:1: not valid JSON: the file ends where a value was expected");
	refused("\n\n{\n\"a\": nul}", "t.json:4: not valid JSON: a JSON value was expected");
	refused("{\"a\": 1e309}", "t.json:1: not valid JSON: a number too large for a double");
	refused("{\"a\": NaN}", "t.json:1: not valid JSON: a JSON value was expected");
	refused("[\"\xff\"]", "t.json:1: not valid JSON: not UTF-8");
	refused("[1] x", "t.json:1: not valid JSON: more text after the JSON value");
}

Test(json, refuses_a_flood_of_brackets)
{
	size_t length = 20 << 20;
	char *text = memory_take(length);
	struct json_doc *doc = NULL;
	struct error error;

	memset(text, '[', length);
	cr_assert(json_doc_parse(&doc, "t.json", text, length, &error) == ERROR_INPUT);
	cr_assert(!doc);
	cr_assert(!strcmp(error.text, "t.json:1: not valid JSON: nested deeper than 512 levels"));
}

/* A text whose values are `depth` deep, with a twin at the very bottom when asked. */
static char *deep_text(size_t depth, const char *bottom)
{
	size_t room = depth * 6 + strlen(bottom) + 1;
	char *text = memory_take(room);

	text[0] = '\0';
	for (size_t i = 0; i < depth; i++)
		memcpy(text + i * 5, "{\"a\":", 5);
	memcpy(text + depth * 5, bottom, strlen(bottom));
	memset(text + depth * 5 + strlen(bottom), '}', depth);
	text[room - 1] = '\0';
	return text;
}

Test(json, reads_512_levels)
{
	char *text = deep_text(512, "true");
	struct json_doc *doc = parsed(text);
	const json_t *value = json_doc_root(doc);
	size_t length;
	char *bytes = json_canonical(value, &length);

	cr_assert(!strcmp(bytes, text));
	for (int i = 0; i < 512; i++)
		value = json_get(value, "a");
	cr_assert(json_bool(value));
	free(bytes);
	json_doc_free(doc);
	free(text);
	text = deep_text(513, "true");
	refused(text, "t.json:1: not valid JSON: nested deeper than 512 levels");
	free(text);
	text = deep_text(511, "{\"b\":1,\"b\":2}");
	cr_assert(parse_bytes(&doc, text, strlen(text), NULL) == ERROR_INPUT);
	free(text);
}

Test(json, refuses_twins)
{
	refused("{\"a\": 1, \"a\": 1}", "t.json:1: a: member \"a\" stands twice, expected once");
	refused("{\"v\": [0, {\"x\": 1,\n\"y\": 2,\n\"x\": 3}]}",
	        "t.json:3: v[1].x: member \"x\" stands twice, expected once");
	refused("{\"\\u0061\": 1, \"a\": 1}", "t.json:1: a: member \"a\" stands twice, expected once");
	refused("{\"\": 1, \"\": 1}", "t.json:1: member \"\" stands twice, expected once");
	refused("{\"a\\nb\": 1, \"a\\nb\": 1}", "t.json:1: a?b: member \"a?b\" stands twice, expected once");
	json_doc_free(parsed("{\"a\": 1, \"A\": 1, \"a \": 1, \"\": {\"a\": {\"a\": 1}}}"));
	json_doc_free(parsed("[{\"a\": 1}, {\"a\": 1}]"));
}

/* Large objects are searched in another way than small ones: both, and the edge between them. */
Test(json, refuses_twins_among_many)
{
	char text[4096], wanted[128];

	for (size_t count = 2; count < 60; count++) {
		for (size_t twin = 0; twin + 1 < count; twin += 7) {
			size_t length = (size_t)snprintf(text, sizeof(text), "{");

			for (size_t i = 0; i + 1 < count; i++)
				length += (size_t)snprintf(text + length, sizeof(text) - length,
				                           "\"m%zu\": 1,\n", i * 37 % 101);
			snprintf(text + length, sizeof(text) - length, "\"m%zu\": 2}", count * 37 % 101);
			json_doc_free(parsed(text));
			snprintf(text + length, sizeof(text) - length, "\"m%zu\": 2}", twin * 37 % 101);
			snprintf(wanted, sizeof(wanted),
			         "t.json:%zu: m%zu: member \"m%zu\" stands twice, expected once", count,
			         twin * 37 % 101, twin * 37 % 101);
			refused(text, wanted);
		}
	}
}

Test(json, failure_says_line_and_path)
{
	struct json_doc *doc = parsed("{\n \"vms\": [\n  {\"n\": 1},\n  {\"dirty\":\n   {\"rate\": [7]}}]}");
	const json_t *value = json_doc_root(doc);
	struct error error;

	cr_assert(json_fail(doc, value, &error, "expected %s", "more") == ERROR_INPUT);
	cr_assert(!strcmp(error.text, "t.json:1: expected more"), "%s", error.text);
	value = json_get(value, "vms");
	json_fail(doc, value, &error, "x");
	cr_assert(!strcmp(error.text, "t.json:2: vms: x"), "%s", error.text);
	value = json_next(json_first(value));
	json_fail(doc, value, &error, "x");
	cr_assert(!strcmp(error.text, "t.json:4: vms[1]: x"), "%s", error.text);
	value = json_first(json_get(json_get(value, "dirty"), "rate"));
	json_fail(doc, value, &error, "x");
	cr_assert(!strcmp(error.text, "t.json:5: vms[1].dirty.rate[0]: x"), "%s", error.text);
	cr_assert(json_fail(doc, value, NULL, "x") == ERROR_INPUT);
	json_doc_free(doc);
}

Test(json, failure_in_an_array_at_the_root)
{
	struct json_doc *doc = parsed("[\n0,\n[1,\n2]]");
	struct error error;

	json_fail(doc, json_next(json_first(json_next(json_first(json_doc_root(doc))))), &error, "x");
	cr_assert(!strcmp(error.text, "t.json:4: [1][1]: x"), "%s", error.text);
	json_doc_free(doc);
}

Test(json, failure_with_a_path_too_long_is_cut)
{
	char *text = deep_text(400, "false");
	struct json_doc *doc = parsed(text);
	const json_t *value = json_doc_root(doc);
	struct error error;

	while (json_first(value))
		value = json_first(value);
	json_fail(doc, value, &error, "the end");
	cr_assert(!strncmp(error.text, "t.json:1: a.a.a.", 16));
	cr_assert(!strcmp(error.text + strlen(error.text) - 9, ": the end"));
	json_doc_free(doc);
	free(text);
}

Test(json, a_value_of_another_document_is_a_broken_assumption, .signal = SIGABRT)
{
	struct json_doc *one = parsed("[1]"), *other = parsed("[1]");

	json_fail(one, json_doc_root(other), NULL, "x");
}

Test(json, knows_types)
{
	static const char *const names[] = { "null",     "true or false", "true or false", "a number",
		                             "a string", "an array",      "an object" };
	static const enum json_type types[] = { JSON_NULL, JSON_BOOL,  JSON_BOOL,  JSON_NUMBER,
		                                JSON_TEXT, JSON_ARRAY, JSON_OBJECT };
	struct json_doc *doc = parsed("[null, true, false, 0, \"\", [], {}]");
	const json_t *value = json_first(json_doc_root(doc));

	for (size_t i = 0; i < 7; i++, value = json_next(value)) {
		cr_assert(json_type(value) == types[i], "element %zu", i);
		cr_assert(!strcmp(json_type_name(value), names[i]), "element %zu", i);
		cr_assert(!json_key(value));
		cr_assert(!json_first(value));
		cr_assert(json_count(value) == 0);
		cr_assert(!json_get(value, "a"));
	}
	cr_assert(!value);
	cr_assert(json_count(json_doc_root(doc)) == 7);
	cr_assert(!strcmp(json_doc_name(doc), "t.json"));
	json_doc_free(doc);
	json_doc_free(NULL);
}

Test(json, walks_in_the_order_of_the_file)
{
	struct json_doc *doc = parsed("{\"b\": 1, \"a\": \"x\", \"B\": true, \"x-n\": null}");
	const json_t *root = json_doc_root(doc), *member = json_first(root);

	cr_assert(!strcmp(json_key(member), "b") && json_number(member) == 1);
	member = json_next(member);
	cr_assert(!strcmp(json_key(member), "a") && !strcmp(json_text(member), "x"));
	cr_assert(json_bool(json_get(root, "B")));
	cr_assert(json_get(root, "b") == json_first(root));
	cr_assert(!json_get(root, "c") && !json_get(root, "") && !json_get(root, "X-N"));
	cr_assert(json_type(json_get(root, "x-n")) == JSON_NULL);
	json_doc_free(doc);
}

Test(json, reads_strings)
{
	struct json_doc *doc = parsed("[\"\\u00e9\\ud83d\\ude00 \\\"\\\\\\/\\b\\f\\n\\r\\t\", \"\xc3\xa9\"]");
	const json_t *value = json_first(json_doc_root(doc));

	cr_assert(!strcmp(json_text(value), "\xc3\xa9\xf0\x9f\x98\x80 \"\\/\b\f\n\r\t"));
	cr_assert(!strcmp(json_text(json_next(value)), "\xc3\xa9"));
	json_doc_free(doc);
}

Test(json, reads_numbers_in_full)
{
	struct json_doc *doc = parsed("[-0, 9007199254740993, 1e308, 5e-324, 0.1, -1.5E+3, 1e-400,"
	                              " 0.0000000000000000000000000000000000000000000000000000000000001]");
	static const double wanted[] = { 0, 9007199254740992.0, 1e308, 5e-324, 0.1, -1500, 0, 1e-61 };
	const json_t *value = json_first(json_doc_root(doc));

	for (size_t i = 0; i < 8; i++, value = json_next(value))
		cr_assert(json_number(value) == wanted[i], "element %zu: %g", i, json_number(value));
	json_doc_free(doc);
}

Test(json, text_of_a_number_is_a_broken_assumption, .signal = SIGABRT)
{
	json_text(json_number_new(1));
}

Test(json, number_of_a_text_is_a_broken_assumption, .signal = SIGABRT)
{
	json_number(json_text_new("1"));
}

Test(json, bool_of_null_is_a_broken_assumption, .signal = SIGABRT)
{
	json_bool(json_null_new());
}

Test(json, an_infinite_number_is_a_broken_assumption, .signal = SIGABRT)
{
	json_number_new(HUGE_VAL);
}

Test(json, builds)
{
	json_t *root = json_object_new(), *array = json_add(root, "array", json_array_new()), *copy;

	json_add_text(root, "text", "a\"b");
	json_add_text(root, "no text", NULL);
	json_add_number(root, "number", 1.5);
	json_add_bool(root, "yes", true);
	json_add_bool(root, "no", false);
	json_add_null(root, "null");
	json_push(array, json_number_new(7));
	json_push(array, json_text_new("t"));
	json_push(array, json_null_new());
	prints(root, false,
	       "{\"array\":[7,\"t\",null],\"text\":\"a\\\"b\",\"no text\":null,\"number\":1.5,\"yes\":"
	       "true,\"no\":false,"
	       "\"null\":null}\n");
	copy = json_copy(root);
	json_free(root);
	cr_assert(json_count(copy) == 7 && json_count(json_get(copy, "array")) == 3);
	json_free(copy);
	json_free(NULL);
}

/* A member copied into an array has no name there, and is laid out like any other element. */
Test(json, a_copied_member_loses_its_name)
{
	struct json_doc *doc = parsed("{\"a long name that would take much room on a line\": {\"b\": 1}}");
	const json_t *member = json_first(json_doc_root(doc));
	json_t *root = json_object_new(), *array = json_add(root, "array", json_array_new());

	for (int i = 0; i < 4; i++)
		cr_assert(!json_key(json_push(array, json_copy(member))));
	cr_assert(!strcmp(json_key(json_first(json_first(array))), "b"));
	prints(root, true, "{\n  \"array\": [{\"b\": 1}, {\"b\": 1}, {\"b\": 1}, {\"b\": 1}]\n}\n");
	json_free(root);
	json_doc_free(doc);
}

Test(json, documents_can_be_copied_and_built_upon)
{
	struct json_doc *doc = parsed("{\"a\": [1, {\"b\": \"c\"}]}");
	json_t *copy = json_copy(json_doc_root(doc));

	json_doc_free(doc);
	json_add_number(copy, "d", 2);
	prints(copy, false, "{\"a\":[1,{\"b\":\"c\"}],\"d\":2}\n");
	json_free(copy);
}

Test(json, escapes_what_must_be_escaped)
{
	json_t *text = json_text_new("\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9\xf0\x9f\x98\x80");

	prints(text, false, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\xf0\x9f\x98\x80\"\n");
	json_free(text);
	text = json_text_new("");
	prints(text, true, "\"\"\n");
	json_free(text);
}

static void number_is(double number, const char *wanted)
{
	char text[32];
	int length = json_number_text(number, text);

	cr_assert(!strcmp(text, wanted), "%.17g: %s", number, text);
	cr_assert(length == (int)strlen(wanted));
}

Test(json, numbers_are_written_short)
{
	number_is(0, "0");
	number_is(-0.0, "0");
	number_is(1, "1");
	number_is(-42, "-42");
	number_is(0.1, "0.1");
	number_is(0.1 + 0.2, "0.30000000000000004");
	number_is(1.0 / 3, "0.3333333333333333");
	number_is(100, "100");
	number_is(999999999999999, "999999999999999");
	number_is(1e15, "1e+15");
	number_is(1234567890123456, "1234567890123456");
	number_is(9007199254740993.0, "9007199254740992");
	number_is(1e21, "1e+21");
	number_is(1e308, "1e+308");
	number_is(1.7976931348623157e308, "1.7976931348623157e+308");
	number_is(0.0001, "0.0001");
	number_is(0.00001, "1e-05");
	number_is(123456.789, "123456.789");
	number_is(2.2250738585072014e-308, "2.2250738585072014e-308");
}

Test(json, numbers_read_back_as_they_were)
{
	uint64_t state = 88172645463325252u;

	for (int i = 0; i < 200000; i++) {
		double number;
		char text[32];
		uint64_t bits;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		bits = i % 2 ? state : state >> 40;
		memcpy(&number, &bits, sizeof(number));
		if (!isfinite(number))
			continue;
		cr_assert(json_number_text(number, text) < 32);
		cr_assert(strtod(text, NULL) == number, "%.17g: %s", number, text);
	}
}

Test(json, an_infinite_number_has_no_text, .signal = SIGABRT)
{
	char text[32];

	json_number_text(NAN, text);
}

Test(json, canonical_form)
{
	canonical_is(" { \"b\" : [ 1.0 , 2e1 , -0 ] , \"a\" : { } } ", "{\"a\":{},\"b\":[1,20,0]}");
	canonical_is("{\"b\":1,\"B\":2,\"aa\":3,\"a\":4,\"\":5}",
	             "{\"\":5,\"B\":2,\"a\":4,\"aa\":3,\"b\":1}");
	/* by bytes: U+FFFF (ef bf bf) before U+10000 (f0 90 80 80), unlike UTF-16's order */
	canonical_is("{\"\\ud800\\udc00\":1,\"\\uffff\":2,\"z\":3}",
	             "{\"z\":3,\"\xef\xbf\xbf\":2,\"\xf0\x90\x80\x80\":1}");
	canonical_is("[\"\\u0041\\u002f\\u000a\\u00e9\"]", "[\"A/\\n\xc3\xa9\"]");
	canonical_is("[]", "[]");
	canonical_is("null", "null");
	canonical_is("[true,false,null,\"\",{},[]]", "[true,false,null,\"\",{},[]]");
}

Test(json, canonical_form_leaves_extensions_out)
{
	canonical_is("{\"x-a\":1,\"x\":2,\"x-\":{\"b\":1},\"y\":{\"x-c\":1},\"X-d\":3,\"-x\":[{\"x-e\":1}]}",
	             "{\"-x\":[{}],\"X-d\":3,\"x\":2,\"y\":{}}");
	canonical_is("{\"x-a\":1}", "{}");
	canonical_is("[\"x-a\"]", "[\"x-a\"]");
}

static void pretty_is(const char *text, const char *wanted)
{
	struct json_doc *doc = parsed(text);

	prints(json_doc_root(doc), true, wanted);
	json_doc_free(doc);
}

Test(json, pretty_print)
{
	pretty_is("1", "1\n");
	pretty_is("{}", "{}\n");
	pretty_is("[]", "[]\n");
	pretty_is("[1,2]", "[\n  1,\n  2\n]\n");
	pretty_is("{\"a\":{\"b\":[1,{}]},\"c\":\"d\"}", "{\n  \"a\": {\"b\": [1, {}]},\n  \"c\": \"d\"\n}\n");
	pretty_is("{\"hosts\":[{\"name\":\"h0\",\"pci\":{\"sriov\":8},\"numa\":[{\"cpus\":4}]}]}",
	          "{\n  \"hosts\": [\n    {\n      \"name\": \"h0\",\n      \"pci\": {\"sriov\": 8},\n"
	          "      \"numa\": [{\"cpus\": 4}]\n    }\n  ]\n}\n");
}

static size_t text_append(char *at, const char *text)
{
	memcpy(at, text, strlen(text) + 1);
	return strlen(text);
}

/* No line is longer than 110 columns when breaking it would help. */
Test(json, pretty_print_keeps_to_110_columns)
{
	static const char *const elements[] = { "0.12345678901234567,", "\"\\u0001\\u0002\\u0003\",",
		                                "false,", "1,", "{\"a\":-1.2345678901234567e-300}," };

	for (size_t kind = 0; kind < 5; kind++) {
		for (size_t count = 1; count < 60; count++) {
			char *text = memory_take(64 * count + 64), *at = text, *pretty;
			struct json_doc *doc;
			size_t column = 0;

			at += text_append(at, "{\"a name of some length\":[");
			for (size_t i = 0; i < count; i++)
				at += text_append(at, elements[kind]);
			memcpy(at - 1, "],\"b\":0}", 9);
			doc = parsed(text);
			pretty = json_print(json_doc_root(doc), true, NULL);
			for (const char *c = pretty; *c; c++) {
				column = *c == '\n' ? 0 : column + 1;
				cr_assert(column <= 110, "%s", pretty);
			}
			free(pretty);
			json_doc_free(doc);
			free(text);
		}
	}
}

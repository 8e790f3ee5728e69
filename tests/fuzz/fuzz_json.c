/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/json.h"

#include "core/arena.h"
#include "core/must.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Parses a copy of text, of exactly that length so that a byte read too many is seen. */
static int parse(struct json_doc **ret_doc, const void *text, size_t length, struct error *error)
{
	char *copy = memory_take(length);

	memcpy(copy, text, length);
	return json_doc_parse(ret_doc, "fuzz.json", copy, length, error);
}

/* Every value can be named in a message; a few are enough, since each costs a walk. */
static void names_check(const struct json_doc *doc)
{
	const json_t *value = json_doc_root(doc);
	struct error error;

	for (int i = 0; value && i < 20; i++) {
		must(json_fail(doc, value, &error, "is wrong") == ERROR_INPUT);
		must(!strncmp(error.text, "fuzz.json:", 10));
		must(!strchr(error.text, '\n'));
		value = json_first(value) ? json_first(value) : json_next(value);
	}
}

/* What is written reads back as the same value: its canonical bytes do not change. */
static void print_check(const json_t *root, bool pretty)
{
	size_t length, before_length, after_length;
	char *text = json_print(root, pretty, &length);
	char *before = json_canonical(root, &before_length);
	struct json_doc *doc;
	struct error error;
	char *after;

	must(parse(&doc, text, length, &error) == 0);
	after = json_canonical(json_doc_root(doc), &after_length);
	must(before_length == after_length && !memcmp(before, after, after_length));
	json_doc_free(doc);
	free(after);
	free(before);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error error = { "" };
	struct json_doc *doc = NULL;
	int result = parse(&doc, data, size, &error);

	must(result == 0 || result == ERROR_INPUT);
	must((result == 0) == (doc != NULL));
	if (result) {
		must(!strncmp(error.text, "fuzz.json:", 10));
		must(!strchr(error.text, '\n'));
		return 0;
	}
	names_check(doc);
	print_check(json_doc_root(doc), false);
	print_check(json_doc_root(doc), true);
	json_doc_free(doc);
	return 0;
}

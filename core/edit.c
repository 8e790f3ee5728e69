/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/edit.h"

#include "core/must.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MOST = 256 };

struct editing {
	const struct edit *edit;
	uint32_t count;
	struct error *error;
};

static int wrong(struct editing *editing, const char *what)
{
	return error_set(editing->error, ERROR_INPUT, "%.200s: %s", editing->edit->path, what);
}

/* The next name of a path, up to what ends it; returns what is behind, NULL: it is empty or too long. */
static const char *take_name(const char *path, const char *ends, char name[NAME_MOST])
{
	size_t length = strcspn(path, ends);

	if (length == 0 || length >= NAME_MOST)
		return NULL;
	memcpy(name, path, length);
	name[length] = '\0';
	return path + length;
}

static bool is_meant(const json_t *element, const char *pattern, size_t index)
{
	const json_t *name = json_type(element) == JSON_OBJECT ? json_get(element, "name") : NULL;
	char number[32];

	if (!strcmp(pattern, "*"))
		return true;
	if (name && json_type(name) == JSON_TEXT)
		return fnmatch(pattern, json_text(name), 0) == 0;
	snprintf(number, sizeof(number), "%zu", index);
	return !strcmp(pattern, number);
}

/* The value with what the edit makes of it; NULL: an error. */
static json_t *changed(struct editing *editing, const json_t *old)
{
	const json_t *value = editing->edit->value;
	json_t *copy;

	if (editing->edit->how == EDIT_SET)
		return json_copy(value);
	if (!old || json_type(old) != JSON_NUMBER) {
		wrong(editing, "is no number, expected one to scale");
		return NULL;
	}
	if (json_type(value) == JSON_NUMBER)
		return json_number_new(json_number(old) * json_number(value));
	copy = json_copy(value);
	json_put(copy, "times", json_number_new(json_number(old)));
	return copy;
}

static int edit_below(struct editing *editing, json_t *container, const char *path);

/* The value has been reached when the path ends here; else it goes on in it. */
static int edit_value(struct editing *editing, json_t *container, const json_t *value, const char *path)
{
	json_t *with;

	if (*path)
		return edit_below(editing, json_child(container, value), path);
	with = changed(editing, value);
	if (!with)
		return ERROR_INPUT;
	json_replace(container, value, with);
	editing->count++;
	return 0;
}

static int edit_elements(struct editing *editing, json_t *array, const char *path)
{
	char pattern[NAME_MOST];
	const char *rest = take_name(path + 1, "]", pattern);
	size_t index = 0;

	if (!rest || *rest != ']')
		return wrong(editing, "expected [*], [NAME] or [NUMBER]");
	for (const json_t *element = json_first(array), *next; element; element = next, index++) {
		next = json_next(element);
		if (is_meant(element, pattern, index) && edit_value(editing, array, element, rest + 1))
			return ERROR_INPUT;
	}
	return 0;
}

/* A member that is not there: made where something is set, passed over where something is scaled. */
static int edit_missing(struct editing *editing, json_t *object, const char *name, const char *rest)
{
	if (editing->edit->how == EDIT_SCALE)
		return 0;
	if (*rest == '[')
		return wrong(editing, "is not there");
	if (*rest)
		return edit_below(editing, json_add(object, name, json_object_new()), rest);
	json_add(object, name, changed(editing, NULL));
	editing->count++;
	return 0;
}

static int edit_below(struct editing *editing, json_t *container, const char *path)
{
	char name[NAME_MOST];
	const json_t *member;

	if (json_type(container) == JSON_ARRAY && *path == '[')
		return edit_elements(editing, container, path);
	if (*path == '.')
		path++;
	path = take_name(path, ".[", name);
	if (!path)
		return wrong(editing, "expected the names of members, with dots between");
	if (json_type(container) != JSON_OBJECT)
		return wrong(editing,
		             json_type(container) == JSON_ARRAY
		                     ? "goes through an array, expected [*], [NAME] or [NUMBER] behind it"
		                     : "goes through what is no object");
	member = json_get(container, name);
	return member ? edit_value(editing, container, member, path)
	              : edit_missing(editing, container, name, path);
}

int edit_apply(json_t *root, const struct edit *edit, uint32_t *ret_count, struct error *error)
{
	struct editing editing = { .edit = edit, .error = error };

	if (edit_below(&editing, root, edit->path))
		return ERROR_INPUT;
	if (editing.count == 0)
		return wrong(&editing, "fits nothing that is there");
	if (ret_count)
		*ret_count = editing.count;
	return 0;
}

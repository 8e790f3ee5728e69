/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/scenario_file.h"

#include "cli/cli.h"
#include "core/edit.h"
#include "core/must.h"
#include "import/csv.h"
#include "system/files.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ files beside it */

/* A path in a scenario is relative to the scenario's file. */
int scenario_file_beside(const char *base, const char *path, char *ret_joined, size_t room,
                         struct error *error)
{
	const char *slash = strrchr(base, '/');
	int length = *path == '/' || !slash || !strcmp(path, "-")
	                     ? snprintf(ret_joined, room, "%s", path)
	                     : snprintf(ret_joined, room, "%.*s/%s", (int)(slash - base), base, path);

	if (length < 0 || (size_t)length >= room)
		return error_set(error, ERROR_INPUT, "%s: the path of a file that it names is too long",
		                 base);
	return 0;
}

/* scenario_load. The document is kept: it may have distributions, and be read for each run. */
static int load_cluster(void *context, const char *path, enum profile profile,
                        const struct read_numbers *numbers, struct cluster *ret_cluster, struct error *error)
{
	struct scenario_file *file = context;
	bool first = !file->cluster_doc;
	char joined[4096];
	int result = 0;

	if (first)
		result = scenario_file_beside(file->path, path, joined, sizeof(joined), error);
	if (first && !result)
		result = file_read_json(joined, &file->cluster_doc, error);
	if (!result)
		result = cluster_read_value(ret_cluster, file->cluster_doc, json_doc_root(file->cluster_doc),
		                            profile, numbers, error);
	if (first && !result && !file->quiet)
		cli_print_warnings(ret_cluster);
	return result;
}

struct column {
	double *values;
	uint32_t count, room;
};

static int take_cell(struct column *column, const struct csv *csv, const char *text, struct error *error)
{
	char *end;
	double value;

	errno = 0;
	value = strtod(text, &end);
	if (end == text || *end || !isfinite(value))
		return error_set(error, ERROR_INPUT, "%s:%u: \"%.40s\", expected a number", csv->file,
		                 csv->line, text);
	if (column->count == column->room) {
		column->room = column->room ? column->room * 2 : 64;
		column->values = memory_resize(column->values, column->room, sizeof(*column->values));
	}
	column->values[column->count++] = value;
	return 0;
}

/* Below the heading, empty cells left out. */
static int take_column(struct column *column, struct csv *csv, const char *name, struct error *error)
{
	uint32_t at = 0;
	int result = csv_next(csv, error);

	if (result)
		return result;
	if (!name && csv->count != 1)
		return error_set(error, ERROR_INPUT, "%s:1: %u columns, expected \"column\" to say which",
		                 csv->file, csv->count);
	while (name && at < csv->count && strcmp(csv->fields[at], name))
		at++;
	if (at == csv->count)
		return error_set(error, ERROR_INPUT,
		                 "%s:1: no column \"%.80s\", expected one of the heading's", csv->file, name);
	while (!(result = csv_next(csv, error)) && csv->count > 0) {
		if (at < csv->count && *csv->fields[at] && take_cell(column, csv, csv->fields[at], error))
			return ERROR_INPUT;
	}
	if (!result && column->count == 0)
		result = error_set(error, ERROR_INPUT, "%s: no number in column \"%.80s\"", csv->file,
		                   name ? name : "1");
	return result;
}

int scenario_file_column(void *context, const char *path, const char *name, double **ret_values,
                         uint32_t *ret_count, struct error *error)
{
	const char *const *base = context;
	struct column column = { 0 };
	char joined[4096], *text;
	struct csv csv;
	size_t length;
	int result = scenario_file_beside(*base, path, joined, sizeof(joined), error);

	if (!result)
		result = file_read(joined, &text, &length, error);
	if (result)
		return result;
	csv_open(&csv, text, length, joined);
	result = take_column(&column, &csv, name, error);
	csv_free(&csv);
	free(text);
	if (result) {
		free(column.values);
		return result;
	}
	*ret_values = column.values;
	*ret_count = column.count;
	return 0;
}

/* ------------------------------------------------------------------ documents made of documents */

static bool is_cluster(const json_t *root)
{
	const json_t *schema = json_get(root, "schema");

	return schema && json_type(schema) == JSON_TEXT &&
	       !strncmp(json_text(schema), "lockkeeper.cluster/", 19);
}

static json_t *locks_json(const char *const *locks, uint32_t lock_count)
{
	json_t *actions = json_array_new();

	for (uint32_t i = 0; i < lock_count; i++) {
		json_t *action = json_push(actions, json_object_new());

		json_add_text(action, "do", "lock");
		json_add_text(action, "host", locks[i]);
	}
	return actions;
}

/* Numbers of a file in place of its name. */
static int place_column(json_t *distribution, const char *path, struct error *error)
{
	const json_t *csv = json_get(distribution, "csv"), *name = json_get(distribution, "column");
	uint32_t count = 0;
	double *values;
	json_t *array;
	int result;

	if (!csv || json_type(csv) != JSON_TEXT || (name && json_type(name) != JSON_TEXT))
		return 0;
	result = scenario_file_column(&path, json_text(csv), name ? json_text(name) : NULL, &values, &count,
	                              error);
	if (result)
		return result;
	array = json_array_new();
	for (uint32_t i = 0; i < count; i++)
		json_push(array, json_number_new(values[i]));
	free(values);
	json_remove(distribution, "csv");
	json_remove(distribution, "column");
	json_put(distribution, "values", array);
	return 0;
}

int scenario_file_place(json_t *value, const char *path, struct error *error)
{
	if (read_is_distribution(value))
		return place_column(value, path, error);
	if (json_type(value) != JSON_OBJECT && json_type(value) != JSON_ARRAY)
		return 0;
	for (const json_t *child = json_first(value); child; child = json_next(child)) {
		int result = scenario_file_place(json_child(value, child), path, error);

		if (result)
			return result;
	}
	return 0;
}

/* A cluster's file in place of its name. */
static int place_cluster(json_t *whole, const char *path, struct error *error)
{
	const json_t *cluster = json_get(whole, "cluster");
	struct json_doc *doc;
	char joined[4096];
	json_t *copy;
	int result;

	if (!cluster || json_type(cluster) != JSON_TEXT)
		return 0;
	result = scenario_file_beside(path, json_text(cluster), joined, sizeof(joined), error);
	if (!result)
		result = file_read_json(joined, &doc, error);
	if (result)
		return result;
	copy = json_copy(json_doc_root(doc));
	json_doc_free(doc);
	result = scenario_file_place(copy, joined, error);
	json_put(whole, "cluster", copy);
	return result;
}

int scenario_file_whole(const json_t *root, const char *path, const char *const *locks, uint32_t lock_count,
                        json_t **ret_whole, struct error *error)
{
	json_t *whole;
	int result;

	if (is_cluster(root)) {
		whole = json_object_new();
		json_add_text(whole, "schema", "lockkeeper.scenario/1");
		json_add(whole, "cluster", json_copy(root));
		json_add(whole, "actions", locks_json(locks, lock_count));
	} else {
		whole = json_copy(root);
	}
	result = scenario_file_place(whole, path, error);
	if (!result)
		result = place_cluster(whole, path, error);
	if (result)
		json_free(whole);
	else
		*ret_whole = whole;
	return result;
}

/* A document of our own making, named after the one that it was made of. Frees the value. */
static int doc_of(json_t *value, const char *name, const char *with, struct json_doc **ret_doc,
                  struct error *error)
{
	char full[4200], *text;
	size_t length;

	snprintf(full, sizeof(full), "%s%s", name, with);
	text = json_print(value, true, &length);
	json_free(value);
	return json_doc_parse(ret_doc, full, text, length, error);
}

/* One element of `uncertain`: {"path", "set" or "scale": a distribution}. */
static int apply_uncertain(json_t *whole, const struct json_doc *doc, const json_t *entry,
                           struct error *error)
{
	const json_t *path = json_get(entry, "path"), *set = json_get(entry, "set");
	const json_t *scale = json_get(entry, "scale"), *value = set ? set : scale;
	struct edit edit;
	struct error inner;

	for (const json_t *member = json_first(entry); member; member = json_next(member)) {
		if (member != path && member != set && member != scale && strncmp(json_key(member), "x-", 2))
			return json_fail(
				doc, member, error,
				"unknown member \"%.80s\", expected \"path\", and \"set\" or \"scale\"",
				json_key(member));
	}
	if (!path || json_type(path) != JSON_TEXT || (set != NULL) == (scale != NULL))
		return json_fail(doc, entry, error, "expected \"path\", and \"set\" or \"scale\"");
	if (!read_is_distribution(value))
		return json_fail(doc, value, error, "%s, expected a distribution ({\"dist\": …})",
		                 json_type_name(value));
	edit = (struct edit){ json_text(path), set ? EDIT_SET : EDIT_SCALE, value };
	if (edit_apply(whole, &edit, NULL, &inner))
		return json_fail(doc, path, error, "%s", inner.text);
	return 0;
}

/* Puts what `uncertain` names where it belongs; *doc is another one then. */
static int place_uncertain(struct scenario_file *file, struct error *error)
{
	const json_t *list = json_get(json_doc_root(file->doc), "uncertain");
	struct json_doc *placed;
	json_t *whole;
	int result;

	if (!list)
		return 0;
	if (json_type(list) != JSON_ARRAY)
		return json_fail(file->doc, list, error,
		                 "%s, expected an array of {\"path\", \"set\" or \"scale\"}",
		                 json_type_name(list));
	result = scenario_file_whole(json_doc_root(file->doc), file->path, NULL, 0, &whole, error);
	if (result)
		return result;
	for (const json_t *entry = json_first(list); entry && !result; entry = json_next(entry))
		result = apply_uncertain(whole, file->doc, entry, error);
	if (result) {
		json_free(whole);
		return result;
	}
	json_remove(whole, "uncertain");
	result = doc_of(whole, json_doc_name(file->doc), " (with its uncertain numbers in place)", &placed,
	                error);
	if (result)
		return result;
	json_doc_free(file->doc);
	file->doc = placed;
	return 0;
}

/* ------------------------------------------------------------------ reading */

static struct scenario_source source_of(struct scenario_file *file)
{
	return (struct scenario_source){ .load = load_cluster, .context = file };
}

static int find_locks(const struct cluster *cluster, const char *path, const char *const *locks,
                      uint32_t lock_count, uint32_t *hosts, struct error *error)
{
	for (uint32_t i = 0; i < lock_count; i++) {
		int result = cli_find_locked(cluster, path, locks[i], &hosts[i], error);

		if (result)
			return result;
	}
	return 0;
}

/* A cluster's file. Where it has distributions, it is made a scenario's. */
static int read_cluster(struct scenario_file *file, const char *const *locks, uint32_t lock_count,
                        enum profile profile, struct error *error)
{
	struct read_numbers numbers = uncertain_learn(&file->uncertain);
	uint32_t *hosts = MEMORY_ARRAY(uint32_t, lock_count);
	struct json_doc *doc;
	struct cluster cluster;
	json_t *whole;
	int result = cluster_read_value(&cluster, file->doc, json_doc_root(file->doc), profile, &numbers,
	                                error);

	if (!result) {
		if (file->uncertain.count == 0 && !file->quiet)
			cli_print_warnings(&cluster);
		result = find_locks(&cluster, file->path, locks, lock_count, hosts, error);
		if (!result && file->uncertain.count == 0)
			scenario_lock(&file->scenario, &cluster, hosts, lock_count);
		else
			cluster_free(&cluster);
	}
	free(hosts);
	if (result || file->uncertain.count == 0)
		return result;
	must(!scenario_file_whole(json_doc_root(file->doc), file->path, locks, lock_count, &whole, error));
	result = doc_of(whole, json_doc_name(file->doc), "", &doc, error);
	if (result)
		return result;
	json_doc_free(file->doc);
	file->doc = doc;
	uncertain_free(&file->uncertain);
	uncertain_create(&file->uncertain, scenario_file_column, &file->path);
	return 0;
}

static int read_scenario(struct scenario_file *file, enum profile profile, struct error *error)
{
	struct scenario_source source = source_of(file);
	struct read_numbers numbers = uncertain_learn(&file->uncertain);
	int result;

	source.numbers = &numbers;
	result = scenario_read(&file->scenario, file->doc, profile, &source, error);
	/* Those of a cluster in a file of its own have been printed. */
	if (!result && !file->cluster_doc && !file->quiet)
		cli_print_warnings(&file->scenario.cluster);
	return result;
}

int scenario_file_take(struct scenario_file *ret_file, struct json_doc *doc, const char *path,
                       const char *const *locks, uint32_t lock_count, enum profile profile, bool quiet,
                       struct error *error)
{
	struct scenario_file *file = ret_file;
	bool cluster = is_cluster(json_doc_root(doc));
	int result = 0;

	*file = (struct scenario_file){ .path = path, .doc = doc, .quiet = quiet };
	uncertain_create(&file->uncertain, scenario_file_column, &file->path);
	if (cluster)
		result = read_cluster(file, locks, lock_count, profile, error);
	else if (lock_count > 0)
		result = error_set(error, ERROR_INPUT,
		                   "%s: --lock goes with a cluster file, expected schema "
		                   "\"lockkeeper.cluster/1\"",
		                   path);
	else
		result = place_uncertain(file, error);
	if (!result && !(cluster && file->scenario.cluster.hosts))
		result = read_scenario(file, profile, error);
	if (file->uncertain.count == 0) {
		json_doc_free(file->doc);
		json_doc_free(file->cluster_doc);
		file->doc = file->cluster_doc = NULL;
	}
	if (!result && file->uncertain.count > 0)
		file->draws = (struct simulation_draws){ .uncertain = &file->uncertain,
			                                 .doc = file->doc,
			                                 .profile = profile,
			                                 .source = source_of(file) };
	return result;
}

int scenario_file_read(struct scenario_file *ret_file, const char *path, const char *const *locks,
                       uint32_t lock_count, enum profile profile, struct error *error)
{
	struct json_doc *doc;
	int result;

	*ret_file = (struct scenario_file){ 0 };
	result = file_read_json(path, &doc, error);
	return result ? result
	              : scenario_file_take(ret_file, doc, path, locks, lock_count, profile, false, error);
}

void scenario_file_free(struct scenario_file *file)
{
	scenario_free(&file->scenario);
	uncertain_free(&file->uncertain);
	json_doc_free(file->doc);
	json_doc_free(file->cluster_doc);
	*file = (struct scenario_file){ 0 };
}

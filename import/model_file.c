/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/model_file.h"

#include "core/read.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char SCHEMA[] = "lockkeeper.model/1";

/* ------------------------------------------------------------------ reading */

struct constant {
	double value, error;
};

static const struct read_member constant_members[] = {
	{ .name = "value",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct constant, value),
	  .min = -1e12, /* the constant's own range is looked at behind it */
	  .max = 1e12,
	  .required = true },
	{ .name = "error",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct constant, error),
	  .max = 1e12,
	  .nullable = true },
	{ 0 },
};

static int unknown_constant(const struct json_doc *doc, const json_t *member, struct error *error)
{
	const char *names[CALIBRATE_CONSTANTS_MOST], *suggestion;
	size_t count = 0;

	for (const struct hypervisor_constant *constant = hypervisor_constants; constant->name; constant++)
		names[count++] = constant->name;
	suggestion = read_suggest(json_key(member), names, count);
	if (suggestion)
		return json_fail(doc, member, error, "unknown constant \"%.80s\" (did you mean \"%s\"?)",
		                 json_key(member), suggestion);
	return json_fail(doc, member, error, "unknown constant \"%.80s\", expected one of docs/formats.md",
	                 json_key(member));
}

static int read_constant(const struct json_doc *doc, const json_t *member, struct hypervisor *row,
                         struct error *error)
{
	struct reader reader = { .doc = doc, .error = error };
	const struct hypervisor_constant *constant = hypervisor_constant_find(json_key(member));
	struct constant read = { 0 };

	if (!constant)
		return unknown_constant(doc, member, error);
	if (read_object(&reader, member, constant_members, &read, "a constant"))
		return ERROR_INPUT;
	if (read.value < constant->low || read.value > constant->high)
		return json_fail(doc, json_get(member, "value"), error, "%.10g, expected %.10g to %.10g%s%s",
		                 read.value, constant->low, constant->high, *constant->unit ? " " : "",
		                 constant->unit);
	hypervisor_constant_set(row, constant, read.value);
	return 0;
}

static int check_member(const struct json_doc *doc, const json_t *member, struct error *error)
{
	static const char *const names[] = { "schema", "hypervisor", "fitted", "constants" };
	const char *key = json_key(member), *suggestion;

	if (!strncmp(key, "x-", 2))
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(key, names[i]))
			return 0;
	suggestion = read_suggest(key, names, sizeof(names) / sizeof(names[0]));
	if (suggestion)
		return json_fail(doc, member, error, "unknown member \"%.80s\" (did you mean \"%s\"?)", key,
		                 suggestion);
	return json_fail(doc, member, error, "unknown member \"%.80s\", expected one of the format's", key);
}

static int read_members(const struct json_doc *doc, const json_t **ret_hypervisor,
                        const json_t **ret_constants, struct error *error)
{
	struct reader reader = { .doc = doc, .error = error };
	const json_t *root = json_doc_root(doc), *schema;

	if (read_type(&reader, root, JSON_OBJECT, "a model (an object)"))
		return ERROR_INPUT;
	schema = json_get(root, "schema");
	if (!schema || json_type(schema) != JSON_TEXT || strcmp(json_text(schema), SCHEMA))
		return json_fail(doc, schema ? schema : root, error, "expected schema \"%s\"", SCHEMA);
	for (const json_t *member = json_first(root); member; member = json_next(member))
		if (check_member(doc, member, error))
			return ERROR_INPUT;
	*ret_hypervisor = json_get(root, "hypervisor");
	*ret_constants = json_get(root, "constants");
	if (!*ret_hypervisor || !*ret_constants)
		return json_fail(doc, root, error, "member \"%s\" is missing, expected in a model",
		                 *ret_hypervisor ? "constants" : "hypervisor");
	if (read_type(&reader, *ret_hypervisor, JSON_TEXT, "a string") ||
	    read_type(&reader, *ret_constants, JSON_OBJECT, "an object of constants"))
		return ERROR_INPUT;
	return 0;
}

int model_file_read(const struct json_doc *doc, struct hypervisors *hypervisors, struct error *error)
{
	const json_t *name = NULL, *constants = NULL;
	struct hypervisor *row, read;

	if (read_members(doc, &name, &constants, error))
		return ERROR_INPUT;
	/* The file's own row: a name that another row only stands in for is not it. */
	row = hypervisors_named(hypervisors, json_text(name));
	if (!row)
		return json_fail(doc, name, error, "no such hypervisor \"%.80s\", expected %s, %s, %s or %s",
		                 json_text(name), hypervisors->rows[0].name, hypervisors->rows[1].name,
		                 hypervisors->rows[2].name, hypervisors->rows[3].name);
	read = *row;
	for (const json_t *member = json_first(constants); member; member = json_next(member))
		if (strncmp(json_key(member), "x-", 2) && read_constant(doc, member, &read, error))
			return ERROR_INPUT;
	*row = read;
	return 0;
}

/* ------------------------------------------------------------------ writing */

/* So many digits as its error leaves it, and two more. */
static double rounded(double value, double error)
{
	double unit;

	if (!(error > 0) || value == 0)
		return value;
	unit = pow(10, floor(log10(error)) - 2);
	return round(value / unit) * unit;
}

static void add_rounded(json_t *object, const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6g", value);
	json_add_number(object, key, strtod(text, NULL));
}

static void add_residuals(json_t *fitted, const struct residuals *residuals)
{
	add_rounded(fitted, "time_error_percent", 100 * residuals->time_error);
	add_rounded(fitted, "bytes_error_percent", 100 * residuals->bytes_error);
	add_rounded(fitted, "downtime_error_ms", residuals->downtime_ms);
}

json_t *model_file_write(const struct calibration *calibration, const char *source)
{
	json_t *root = json_object_new(), *fitted, *constants;

	json_add_text(root, "schema", SCHEMA);
	json_add_text(root, "hypervisor", calibration->hypervisor.name);
	fitted = json_add(root, "fitted", json_object_new());
	json_add_text(fitted, "to", source);
	json_add_number(fitted, "rows", calibration->rows_fitted);
	json_add_number(fitted, "rows_together", calibration->rows_together);
	add_residuals(fitted, &calibration->overall);
	constants = json_add(root, "constants", json_object_new());
	for (size_t i = 0; hypervisor_constants[i].name; i++) {
		const struct calibrated *constant = &calibration->constants[i];
		json_t *member = json_add(constants, hypervisor_constants[i].name, json_object_new());

		add_rounded(member, "value", rounded(constant->value, constant->error));
		if (isnan(constant->error))
			json_add_null(member, "error");
		else
			add_rounded(member, "error", constant->error);
	}
	return root;
}

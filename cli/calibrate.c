/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/calibrate.h"

#include "cli/cli.h"
#include "cli/table.h"
#include "import/migrations.h"
#include "import/model_file.h"
#include "models/calibrate.h"
#include "sim/unfairness.h"
#include "system/files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_HYPERVISOR = 0x100 };

struct calibrate_options {
	struct cli_options common;
	const char *path, *out, *hypervisor;
	struct measured *rows;
	uint32_t count;
};

static const struct argp_option options[] = {
	{ "out", 'o', "MODEL", 0, "write the model file here (-: standard output, instead of the report)",
	  1 },
	{ "hypervisor", KEY_HYPERVISOR, "NAME", 0, "fit the migrations of this one (= that of the first row)",
	  1 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct calibrate_options *calibrate = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = &calibrate->common;
		return 0;
	case 'o':
		calibrate->out = argument;
		return 0;
	case KEY_HYPERVISOR:
		calibrate->hypervisor = argument;
		return 0;
	default:
		return cli_one_argument(key, argument, state, "MIGRATIONS.csv", &calibrate->path);
	}
}

static const struct argp argp = {
	options,
	parse,
	"MIGRATIONS.csv",
	"Fits the constants of the migration model to measured migrations: set-up, switch-over, the wire's "
	"efficiency, what the sockets hold, and how far migrations spread.\v"
	"The columns of the CSV are in docs/formats.md. Rows whose `use` is `test` are left out: a model "
	"should be scored on migrations that it was not fitted to. Each constant comes with its standard "
	"error; those without one could not be told from these rows and keep the value of --model, or of "
	"what ships. The report says how far the fitted model is off, by law and by cell.\n\n"
	"Example:\n  lockkeeper calibrate tests/data/qemu-7.2-migrations.csv -o site.json\n"
	"  lockkeeper check scenarios/clusters/lab.json --model site.json",
	cli_model_children,
	NULL,
	NULL,
};

/* ------------------------------------------------------------------ the report */

static void add_group(struct table *table, const char *what, const struct residuals *group)
{
	table_cell(table, COLOUR_NONE, "%s", what);
	table_cell(table, COLOUR_NONE, "%s", group->name ? group->name : "");
	table_cell(table, COLOUR_NONE, "%u", group->rows);
	table_cell(table, COLOUR_NONE, "%.2f", 100 * group->time_bias);
	table_cell(table, COLOUR_NONE, "%.2f", 100 * group->time_error);
	table_cell(table, COLOUR_NONE, "%.2f", 100 * group->bytes_error);
	table_cell(table, COLOUR_NONE, "%.1f", group->downtime_ms);
	table_cell(table, COLOUR_NONE, "%.2f", group->iterations);
	table_cell(table, group->wrong ? COLOUR_BAD : COLOUR_NONE, "%u", group->wrong);
}

static int print_residuals(const struct calibration *calibration, bool csv, struct error *error)
{
	static const char *const columns[] = { "ROWS OF",      "NAME",        ">ROWS",
		                               ">TIME BIAS %", ">TIME %",     ">BYTES %",
		                               ">DOWNTIME MS", ">ITERATIONS", ">WRONG" };
	struct table table;
	int result;

	table_create(&table, columns, 9);
	add_group(&table, "all", &calibration->overall);
	for (uint32_t i = 0; i < calibration->law_count; i++)
		add_group(&table, "law", &calibration->laws[i]);
	for (uint32_t i = 0; i < calibration->cell_count; i++)
		add_group(&table, "cell", &calibration->cells[i]);
	result = table_print(&table, csv, error);
	table_free(&table);
	return result;
}

static int print_constants(const struct calibration *calibration, bool csv, struct error *error)
{
	static const char *const columns[] = { "CONSTANT", ">VALUE", ">ERROR", "UNIT" };
	struct table table;
	int result;

	table_create(&table, columns, 4);
	for (size_t i = 0; hypervisor_constants[i].name; i++) {
		const struct calibrated *constant = &calibration->constants[i];

		table_cell(&table, COLOUR_NONE, "%s", hypervisor_constants[i].name);
		table_cell(&table, COLOUR_NONE, "%.4g", constant->value);
		if (isnan(constant->error))
			table_cell(&table, COLOUR_NONE, "-");
		else
			table_cell(&table, COLOUR_NONE, "%.2g", constant->error);
		table_cell(&table, COLOUR_NONE, "%s", hypervisor_constants[i].unit);
	}
	result = table_print(&table, csv, error);
	table_free(&table);
	return result;
}

static json_t *group_json(const struct residuals *group)
{
	json_t *object = json_object_new();

	if (group->name)
		json_add_text(object, "name", group->name);
	json_add_number(object, "rows", group->rows);
	json_add_number(object, "time_bias_percent", 100 * group->time_bias);
	json_add_number(object, "time_error_percent", 100 * group->time_error);
	json_add_number(object, "bytes_error_percent", 100 * group->bytes_error);
	json_add_number(object, "downtime_error_ms", group->downtime_ms);
	json_add_number(object, "iterations_error", group->iterations);
	json_add_number(object, "wrong_convergence", group->wrong);
	return object;
}

static int print_json(const struct calibration *calibration, const json_t *model, json_t *curves,
                      struct error *error)
{
	json_t *root = json_object_new(), *array;

	json_add_text(root, "schema", "lockkeeper.calibration/1");
	json_add(root, "model", json_copy(model));
	json_add(root, "overall", group_json(&calibration->overall));
	array = json_add(root, "laws", json_array_new());
	for (uint32_t i = 0; i < calibration->law_count; i++)
		json_push(array, group_json(&calibration->laws[i]));
	array = json_add(root, "cells", json_array_new());
	for (uint32_t i = 0; i < calibration->cell_count; i++)
		json_push(array, group_json(&calibration->cells[i]));
	json_add(root, "curves", curves);
	return cli_print_json(root, error);
}

static int print_report(const struct calibrate_options *wanted, const struct calibration *calibration,
                        const json_t *model, struct error *error)
{
	bool csv = wanted->common.output == OUTPUT_CSV;

	if (wanted->common.output == OUTPUT_JSON)
		return print_json(calibration, model, calibrate_curves_json(wanted->rows, wanted->count),
		                  error);
	if (print_constants(calibration, csv, error) || cli_print("\n", 1, error) ||
	    print_residuals(calibration, csv, error) ||
	    calibrate_print_curves(wanted->rows, wanted->count, csv, error))
		return ERROR_IO;
	return 0;
}

/* ------------------------------------------------------------------ the command */

static int write_model(const struct calibrate_options *wanted, const json_t *model, struct error *error)
{
	size_t length;
	char *text = json_print(model, true, &length);
	int result;

	result = cli_write(wanted->out, text, length, wanted->common.force, error);
	free(text);
	return result;
}

static int write_results(const struct calibrate_options *wanted, const struct calibration *calibration,
                         struct error *error)
{
	const char *slash = strrchr(wanted->path, '/');
	json_t *model = model_file_write(calibration, slash ? slash + 1 : wanted->path);
	int result = 0;

	if (wanted->out)
		result = write_model(wanted, model, error);
	if (!result && !(wanted->out && !strcmp(wanted->out, "-")))
		result = print_report(wanted, calibration, model, error);
	json_free(model);
	return result;
}

/* The fit of share_spread is the simulator's: it needs links. */
static int fit_share(const struct measured *rows, uint32_t count, uint64_t seed,
                     struct calibration *calibration, struct error *error)
{
	bool fitted;
	int result = unfairness_fit(rows, count, &calibration->hypervisor, seed, &fitted, error);

	for (size_t i = 0; hypervisor_constants[i].name && !result && fitted; i++)
		if (!strcmp(hypervisor_constants[i].name, "share_spread"))
			calibration->constants[i].value = calibration->hypervisor.share_spread;
	return result;
}

static int run(const struct calibrate_options *wanted, const struct hypervisors *hypervisors,
               struct error *error)
{
	const char *name = wanted->hypervisor ? wanted->hypervisor : wanted->rows[0].hypervisor;
	const struct hypervisor *row = hypervisors_find(hypervisors, name);
	struct calibration calibration;
	int result;

	if (!row || strcmp(row->name, name))
		return error_set(error, ERROR_INPUT,
		                 "%s: no rules for hypervisor \"%s\", expected %s, %s, %s or %s",
		                 wanted->path, name, hypervisors->rows[0].name, hypervisors->rows[1].name,
		                 hypervisors->rows[2].name, hypervisors->rows[3].name);
	result = calibrate(wanted->rows, wanted->count, row, &calibration, error);
	if (result)
		return result;
	result = fit_share(wanted->rows, wanted->count, wanted->common.seed, &calibration, error);
	if (!result)
		result = write_results(wanted, &calibration, error);
	calibration_free(&calibration);
	return result;
}

int command_calibrate(int argc, char **argv)
{
	struct calibrate_options wanted = { .common = cli_options_default() };
	struct hypervisors hypervisors;
	struct arena arena = { 0 };
	struct error error;
	char *text = NULL;
	size_t length;
	int result;

	cli_parse(&argp, argc, argv, &wanted);
	result = cli_read_model(&wanted.common, &hypervisors, &error);
	if (!result)
		result = file_read(wanted.path, &text, &length, &error);
	if (!result)
		result = migrations_read(text, length, strcmp(wanted.path, "-") ? wanted.path : "<stdin>",
		                         &arena, &wanted.rows, &wanted.count, &error);
	if (!result)
		result = run(&wanted, &hypervisors, &error);
	arena_free(&arena);
	free(text);
	return result ? cli_fail(&error) : EXIT_YES;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/sweep.h"

#include "system/files.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_SHARD = 0x100, KEY_RESUME, KEY_SLURM, KEY_SLURM_OPTIONS, KEY_POLL, KEY_PLOTS };

/* The most shards of one sweep: Slurm's arrays end at 1,001 unless told otherwise. */
enum { SHARDS_MOST = 1000 };

struct sweep_command {
	struct cli_options common;
	const char *path, *out, *plots, *slurm_arguments;
	uint32_t shard, shards; /* this shard, from 1, of so many; 0: the whole */
	uint32_t slurm;         /* jobs to submit; 0: none */
	uint32_t poll_s;
	bool resume;
	struct sweep_work work;
	/* while units are worked on */
	uint32_t *units, unit_count;
	_Atomic uint32_t failed; /* the first of units[] that could not be done; NONE */
	struct error *errors;    /* by thread */
	uint32_t *error_units;
};

static const struct argp_option options[] = {
	{ "out", 'o', "DIR", 0, "the sweep's folder (required)", 1 },
	{ "shard", KEY_SHARD, "I/N", 0, "only the I-th of N parts of the work; merge comes after all", 1 },
	{ "resume", KEY_RESUME, NULL, 0, "go on in a folder where some of it is done already", 1 },
	{ "slurm", KEY_SLURM, "N", 0, "submit N shards as an array of Slurm jobs, wait for them, and merge",
	  1 },
	{ "slurm-options", KEY_SLURM_OPTIONS, "TEXT", 0, "more options for sbatch, e.g. \"-p night -t 60\"",
	  1 },
	{ "poll", KEY_POLL, "SECONDS", 0, "look after Slurm's jobs so often (= 5)", 1 },
	{ "plots", KEY_PLOTS, "DIR", 0, "draw what came of it, and the CSV for it", 1 },
	{ 0 },
};

static void parse_shard(const struct argp_state *state, const char *argument, struct sweep_command *command)
{
	char first[32];
	const char *slash = strchr(argument, '/');

	if (!slash || (size_t)(slash - argument) >= sizeof(first))
		argp_error(state, "--shard %s: expected I/N, as in 3/8", argument);
	snprintf(first, sizeof(first), "%.*s", (int)(slash - argument), argument);
	command->shards = (uint32_t)cli_whole(state, "--shard", slash + 1, 1, SHARDS_MOST);
	command->shard = (uint32_t)cli_whole(state, "--shard", first, 1, command->shards);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct sweep_command *command = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = &command->common;
		return 0;
	case 'o':
		command->out = argument;
		return 0;
	case KEY_SHARD:
		parse_shard(state, argument, command);
		return 0;
	case KEY_RESUME:
		command->resume = true;
		return 0;
	case KEY_SLURM:
		command->slurm = (uint32_t)cli_whole(state, "--slurm", argument, 1, SHARDS_MOST);
		return 0;
	case KEY_SLURM_OPTIONS:
		command->slurm_arguments = argument;
		return 0;
	case KEY_POLL:
		command->poll_s = (uint32_t)cli_whole(state, "--poll", argument, 1, 3600);
		return 0;
	case KEY_PLOTS:
		command->plots = argument;
		return 0;
	case ARGP_KEY_END:
		if (command->slurm && command->shards)
			argp_error(state, "expected either --shard or --slurm");
		if (command->shards && command->plots)
			argp_error(state, "--plots goes with the whole, see merge");
		if (!command->out)
			argp_error(state, "expected -o DIR");
		return cli_one_argument(key, argument, state, "SWEEP", &command->path);
	default:
		return cli_one_argument(key, argument, state, "SWEEP", &command->path);
	}
}

static const struct argp argp = {
	options,
	parse,
	"SWEEP -o DIR",
	"Many what-ifs: a scenario with each combination of its factors, each with many seeds.\v"
	"Prints a row a cell, and leaves result.csv and result.json in DIR. The work can be shared: any "
	"number of machines that see DIR take a shard each (--shard 1/8 to 8/8), merge puts them together, "
	"and the result is the same to the byte. What was begun goes on with --resume; a shard that was "
	"killed is simply run again. --slurm does all that by itself.\n\n"
	"Example:\n"
	"  lockkeeper sweep scenarios/sweeps/link-and-load.json -o link-and-load\n"
	"  lockkeeper sweep scenarios/sweeps/link-and-load.json -o link-and-load --shard 1/8 --resume",
	cli_predict_children,
	NULL,
	NULL,
};

/* ------------------------------------------------------------------ the folder */

/* Its sweep.json is written, or must be the same. */
static int open_folder(const struct sweep_command *command, struct error *error)
{
	char units[4096], path[4096], *text, *there = NULL;
	size_t length, there_length;
	int result;

	if ((size_t)snprintf(units, sizeof(units), "%s/units", command->out) >= sizeof(units) - 80)
		return error_set(error, ERROR_IO, "%s: the path is too long", command->out);
	result = folder_make(units, error);
	if (result)
		return result;
	snprintf(path, sizeof(path), "%.4000s/sweep.json", command->out);
	text = sweep_work_text(&command->work, &length);
	result = file_write(path, text, length, false, error);
	if (result == ERROR_EXISTS) {
		result = file_read(path, &there, &there_length, error);
		if (!result && (there_length != length || memcmp(there, text, length)))
			result = error_set(error, ERROR_EXISTS,
			                   "%s: is another sweep, expected the same one or another folder",
			                   path);
		free(there);
	}
	free(text);
	return result;
}

/* Whether a unit's result is there and whole. */
static bool is_done(const struct sweep_command *command, uint32_t unit)
{
	const struct sweep_work *work = &command->work;
	struct json_doc *doc;
	struct error error;
	char path[4200];
	bool done;

	sweep_unit_path(work, command->out, unit, path, sizeof(path));
	if (access(path, F_OK) || file_read_json(path, &doc, &error))
		return false;
	done = !sweep_unit_read(&work->sweep, unit, doc, NULL, &error);
	json_doc_free(doc);
	return done;
}

/* The units that are to be done here. */
static int find_units(struct sweep_command *command, struct error *error)
{
	const struct sweep *sweep = &command->work.sweep;
	uint32_t step = command->shards ? command->shards : 1,
		 first = command->shards ? command->shard - 1 : 0;

	command->units = MEMORY_ARRAY(uint32_t, sweep->units);
	for (uint32_t unit = first; unit < sweep->units; unit += step) {
		char path[4200];

		sweep_unit_path(&command->work, command->out, unit, path, sizeof(path));
		if (!command->resume && !access(path, F_OK))
			return error_set(error, ERROR_EXISTS,
			                 "%s: some of it is done already, expected --resume to go on",
			                 command->out);
		if (!is_done(command, unit))
			command->units[command->unit_count++] = unit;
	}
	return 0;
}

/* ------------------------------------------------------------------ work */

static int do_unit(const struct sweep_command *command, uint32_t unit, struct error *error)
{
	const struct sweep_work *work = &command->work;
	struct sweep_result *results = MEMORY_ARRAY(struct sweep_result, work->sweep.parts_a_unit);
	char path[4200], *text;
	size_t length;
	int result = sweep_work_unit(work, unit, results, error);

	if (!result) {
		sweep_unit_path(work, command->out, unit, path, sizeof(path));
		text = sweep_unit_text(&work->sweep, unit, results, &length);
		result = file_write(path, text, length, true, error);
		free(text);
	}
	for (uint32_t i = 0; i < work->sweep.parts_a_unit; i++)
		sweep_result_free(&results[i]);
	free(results);
	return result;
}

/* After a failure what comes behind is left: what is done stays. What comes before is done, so that it is
 * always the same failure that is told. */
static void work_on(void *context, uint32_t index, unsigned thread)
{
	struct sweep_command *command = context;
	uint32_t failed = atomic_load(&command->failed);
	struct error error;

	if (index > failed || !do_unit(command, command->units[index], &error))
		return;
	if (index < command->error_units[thread]) {
		command->error_units[thread] = index;
		command->errors[thread] = error;
	}
	while (index < failed && !atomic_compare_exchange_weak(&command->failed, &failed, index))
		;
}

static int do_units(struct sweep_command *command, struct error *error)
{
	unsigned threads = command->common.threads, first = 0;

	command->errors = MEMORY_ARRAY(struct error, threads);
	command->error_units = MEMORY_ARRAY(uint32_t, threads);
	for (unsigned i = 0; i < threads; i++)
		command->error_units[i] = NONE;
	atomic_store(&command->failed, NONE);
	cli_parallel(threads, command->unit_count, work_on, command, "sweep");
	for (unsigned i = 1; i < threads; i++) {
		if (command->error_units[i] < command->error_units[first])
			first = i;
	}
	if (command->error_units[first] == NONE)
		return 0;
	*error = command->errors[first];
	return ERROR_INPUT;
}

static int run(struct sweep_command *command, struct error *error)
{
	struct slurm_options slurm = { .shards = command->slurm,
		                       .arguments = command->slurm_arguments,
		                       .sweep = command->path,
		                       .folder = command->out,
		                       .poll_s = command->poll_s };
	int result = open_folder(command, error);

	if (!result)
		result = find_units(command, error);
	if (!result && command->slurm && command->unit_count > 0)
		result = slurm_run(&command->work, &slurm, error);
	else if (!result)
		result = do_units(command, error);
	if (result || command->shards)
		return result;
	return sweep_merge(&command->work, command->out, command->plots, command->common.output, error);
}

int command_sweep(int argc, char **argv)
{
	struct sweep_command command = { .common = cli_options_default(), .poll_s = 5 };
	struct error error;
	int result;

	cli_parse(&argp, argc, argv, &command);
	result = sweep_work_read(&command.work, command.path, &command.common, &error);
	if (!result)
		result = run(&command, &error);
	sweep_work_free(&command.work);
	free(command.units);
	free(command.errors);
	free(command.error_units);
	return result < 0 ? cli_fail(&error) : result;
}

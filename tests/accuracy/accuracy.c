/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How near predictions come to measured migrations, on those that nothing was fitted to: `make accuracy`. It
 * prints and decides nothing; it exits with 1 when something cannot be read or written.
 */
#include "cli/cli.h"
#include "core/must.h"
#include "import/migrations.h"
#include "models/baselines.h"
#include "sim/replay.h"
#include "system/files.h"
#include "tests/accuracy/page.h"

#include <errno.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_ALL = 0x100, KEY_ROWS, KEY_RUNS, KEY_SEED, KEY_SCENARIO, KEY_WRITE, KEY_WORK, KEY_MODEL };

struct options {
	const char *path, *rows, *docs, *work, *model;
	uint64_t seed;
	uint32_t runs, scenario; /* scenario: a line of the file, 0: none */
	bool all;
};

static const struct argp_option options[] = {
	{ "all", KEY_ALL, NULL, 0, "score the rows that were used for fitting too", 0 },
	{ "rows", KEY_ROWS, "FILE", 0, "write a CSV with a line for each row that is scored", 0 },
	{ "runs", KEY_RUNS, "N", 0, "so many runs of each prediction (= 200)", 0 },
	{ "seed", KEY_SEED, "N", 0, "of the runs (= 1)", 0 },
	{ "scenario", KEY_SCENARIO, "LINE", 0,
	  "print the scenario that the row on this line of the file is predicted by, and nothing else", 0 },
	{ "model", KEY_MODEL, "FILE", 0, "constants that `lockkeeper calibrate` wrote", 0 },
	{ "write", KEY_WRITE, "DIR", 0, "write DIR/accuracy.md and its pictures", 0 },
	{ "work", KEY_WORK, "DIR", 0, "the folder in which the pictures are drawn (= build/accuracy)", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct options *given = state->input;

	switch (key) {
	case KEY_ALL:
		given->all = true;
		return 0;
	case KEY_ROWS:
		given->rows = argument;
		return 0;
	case KEY_RUNS:
		given->runs = (uint32_t)cli_whole(state, "--runs", argument, 1, 1000000);
		return 0;
	case KEY_SEED:
		given->seed = cli_whole(state, "--seed", argument, 0, UINT32_MAX);
		return 0;
	case KEY_SCENARIO:
		given->scenario = (uint32_t)cli_whole(state, "--scenario", argument, 1, UINT32_MAX);
		return 0;
	case KEY_MODEL:
		given->model = argument;
		return 0;
	case KEY_WRITE:
		given->docs = argument;
		return 0;
	case KEY_WORK:
		given->work = argument;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 0)
			argp_error(state, "\"%s\" is too much, expected one CSV", argument);
		given->path = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options,
	parse,
	"[MIGRATIONS.csv]",
	"Predicts measured migrations and says how far off the predictions are, beside those of simpler "
	"rules. Only held-out rows (use = test) are scored.",
	NULL,
	NULL,
	NULL,
};

/* ------------------------------------------------------------------ predictions */

static struct guess guess_of(const struct replayed *replayed)
{
	struct guess guess = guess_none();

	if (!replayed->known)
		return guess;
	guess.ranged = true;
	guess.converged = replayed->probability_converged;
	for (int i = 0; i < 3; i++) {
		guess.elapsed_s[i] = replayed->duration_s[i];
		guess.bytes[i] = replayed->bytes[i];
		guess.iterations[i] = replayed->iterations[i];
		guess.downtime_s[i] = replayed->probability_converged > 0 ? replayed->downtime_s[i] : NAN;
	}
	return guess;
}

static bool same_batch(const struct measured *a, const struct measured *b)
{
	return *a->batch && !strcmp(a->batch, b->batch);
}

/* Whether the row is to be scored, or runs with one that is. */
static bool is_wanted(const struct accuracy *accuracy, uint32_t row)
{
	for (uint32_t i = 0; i < accuracy->count; i++) {
		if (accuracy->chosen[i] && (i == row || same_batch(&accuracy->rows[i], &accuracy->rows[row])))
			return true;
	}
	return false;
}

/* The simulator's predictions; rows that nothing depends on are left out. */
static int simulate_rows(struct accuracy *accuracy, enum method method, struct error *error)
{
	struct replay_options how = { .seed = accuracy->seed,
		                      .runs = accuracy->runs,
		                      .hypervisors = &accuracy->hypervisors,
		                      .outside = method == METHOD_OUTSIDE };
	struct measured *rows = MEMORY_ARRAY(struct measured, accuracy->count);
	struct replayed *replayed = MEMORY_ARRAY(struct replayed, accuracy->count);
	uint32_t *places = MEMORY_ARRAY(uint32_t, accuracy->count), count = 0;
	int result;

	for (uint32_t i = 0; i < accuracy->count; i++) {
		accuracy->guesses[method][i] = guess_none();
		if (is_wanted(accuracy, i)) {
			rows[count] = accuracy->rows[i];
			places[count++] = i;
		}
	}
	result = replay_rows(rows, count, &how, replayed, error);
	for (uint32_t i = 0; i < count && !result; i++)
		accuracy->guesses[method][places[i]] = guess_of(&replayed[i]);
	free(places);
	free(replayed);
	free(rows);
	return result;
}

/* The version's constants; a file that names none was measured with the default, as a cluster file has it. */
static const struct hypervisor *hypervisor_of(const struct accuracy *accuracy, const struct measured *row)
{
	const char *name = *row->hypervisor ? row->hypervisor : "qemu-7.2";
	const struct hypervisor *found = hypervisors_find(&accuracy->hypervisors, name);

	must(found != NULL); /* import/migrations.c has looked */
	return found;
}

/* Payload bytes/s of a migration that has the link for itself. */
static double rate_alone(const struct hypervisor *hypervisor, const struct measured *row)
{
	double wire = isfinite(row->link_bytes_s) ? row->link_bytes_s : REPLAY_LINK_MBIT_S * 1e6 / 8;

	return fmin(row->bandwidth_bytes_s, wire * hypervisor->wire_efficiency);
}

static void all_three(double number, double ret_three[3])
{
	for (int i = 0; i < 3; i++)
		ret_three[i] = number;
}

static void ask_baseline(struct accuracy *accuracy, enum method method,
                         struct baseline (*ask)(const struct measured *, double, double))
{
	for (uint32_t i = 0; i < accuracy->count; i++) {
		const struct measured *row = &accuracy->rows[i];
		const struct hypervisor *hypervisor = hypervisor_of(accuracy, row);
		struct baseline said = ask(row, rate_alone(hypervisor, row), hypervisor->setup_ms / 1000);
		struct guess *guess = &accuracy->guesses[method][i];

		guess->ranged = false;
		all_three(said.elapsed_s, guess->elapsed_s);
		all_three(said.bytes, guess->bytes);
		all_three(said.iterations, guess->iterations);
		all_three(said.downtime_s, guess->downtime_s);
		guess->converged = said.converged;
	}
}

static int predict(struct accuracy *accuracy, struct error *error)
{
	for (int method = 0; method < METHOD_COUNT; method++)
		accuracy->guesses[method] = MEMORY_ARRAY(struct guess, accuracy->count);
	for (int method = METHOD_OURS; method <= METHOD_OUTSIDE; method++) {
		int result = simulate_rows(accuracy, (enum method)method, error);

		if (result)
			return result;
	}
	ask_baseline(accuracy, METHOD_MEMORY, baseline_memory);
	ask_baseline(accuracy, METHOD_GEOMETRIC, baseline_geometric);
	ask_baseline(accuracy, METHOD_SIMGRID, baseline_simgrid);
	ask_baseline(accuracy, METHOD_CURVE, baseline_curve);
	ask_baseline(accuracy, METHOD_EXPECTED, baseline_expected);
	return 0;
}

/* ------------------------------------------------------------------ the program */

static int read_rows(struct accuracy *accuracy, struct arena *arena, struct error *error)
{
	char *text;
	size_t length;
	int result = file_read(accuracy->path, &text, &length, error);

	if (result)
		return result;
	result = migrations_read(text, length, accuracy->path, arena, &accuracy->rows, &accuracy->count,
	                         error);
	free(text);
	return result;
}

static int choose_rows(struct accuracy *accuracy, bool all, struct error *error)
{
	accuracy->chosen = MEMORY_ARRAY(bool, accuracy->count);
	for (uint32_t i = 0; i < accuracy->count; i++) {
		accuracy->chosen[i] = all || accuracy->rows[i].held_out;
		accuracy->chosen_count += accuracy->chosen[i];
	}
	if (accuracy->chosen_count == 0)
		return error_set(error, ERROR_INPUT,
		                 "%s: no row is held out (use = test), expected some, or --all",
		                 accuracy->path);
	return 0;
}

static int print_scenario(const struct accuracy *accuracy, uint32_t line, struct error *error)
{
	struct replay_options how = { .seed = accuracy->seed, .runs = accuracy->runs };

	for (uint32_t i = 0; i < accuracy->count; i++) {
		char *text;

		if (accuracy->rows[i].line != line)
			continue;
		text = replay_scenario(accuracy->rows, accuracy->count, i, &how);
		fputs(text, stdout);
		free(text);
		return 0;
	}
	return error_set(error, ERROR_INPUT, "--scenario: no row begins on line %u of %s", line,
	                 accuracy->path);
}

static int write_rows(const struct accuracy *accuracy, const char *path, struct error *error)
{
	FILE *file = fopen(path, "w");
	bool failed;

	if (!file)
		return error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	report_rows(accuracy, file);
	failed = ferror(file) != 0;
	if (fclose(file) || failed)
		return error_set(error, ERROR_IO, "%s: could not be written", path);
	return 0;
}

static int run(const struct options *given, struct accuracy *accuracy, struct arena *arena,
               struct error *error)
{
	struct cli_options common = { .model = given->model };
	int result = cli_read_model(&common, &accuracy->hypervisors, error);

	if (!result)
		result = read_rows(accuracy, arena, error);
	if (!result && given->scenario)
		return print_scenario(accuracy, given->scenario, error);
	if (!result)
		result = choose_rows(accuracy, given->all, error);
	if (!result)
		result = predict(accuracy, error);
	if (!result && given->rows)
		result = write_rows(accuracy, given->rows, error);
	if (!result)
		result = report_print(accuracy, error);
	if (!result && given->docs)
		result = page_write(accuracy, given->docs, given->work, error);
	return result;
}

int main(int argc, char **argv)
{
	struct options given = {
		.path = "tests/data/lab-migrations.csv", .work = "build/accuracy", .seed = 1, .runs = 200
	};
	struct accuracy accuracy = { 0 };
	struct arena arena = { 0 };
	struct error error;
	int result;

	gsl_set_error_handler_off();
	if (argp_parse(&argp, argc, argv, 0, NULL, &given))
		return EXIT_ERROR;
	accuracy.path = given.path;
	accuracy.seed = given.seed;
	accuracy.runs = given.runs;
	result = run(&given, &accuracy, &arena, &error);
	if (result)
		fprintf(stderr, "accuracy: %s\n", error.text);
	for (int method = 0; method < METHOD_COUNT; method++)
		free(accuracy.guesses[method]);
	free(accuracy.chosen);
	arena_free(&arena);
	return result ? EXIT_ERROR : EXIT_YES;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include "import/model_file.h"
#include "system/files.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const output_words[] = { "table", "json", "csv", NULL };

struct cli_options cli_options_default(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return (struct cli_options){ .profile = PROFILE_COUNT,
		                     .seed = 1,
		                     .start_hour = -1,
		                     .threads = processors > 0 && processors < 1024 ? (unsigned)processors
		                                                                    : 1 };
}

uint64_t cli_whole(const struct argp_state *state, const char *option, const char *text, uint64_t low,
                   uint64_t high)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (end == text || *end || errno || *text == '-' || value < low || value > high)
		argp_failure(state, EXIT_ERROR, 0, "%s: \"%s\", expected a whole number from %llu to %llu",
		             option, text, (unsigned long long)low, (unsigned long long)high);
	return value;
}

double cli_number(const struct argp_state *state, const char *option, const char *text, double low,
                  double high)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !isfinite(value) || value < low || value > high)
		argp_failure(state, EXIT_ERROR, 0, "%s: \"%s\", expected a number from %g to %g", option,
		             text, low, high);
	return value;
}

unsigned cli_word(const struct argp_state *state, const char *option, const char *text,
                  const char *const *words)
{
	char list[128] = "";

	for (unsigned i = 0; words[i]; i++) {
		size_t length = strlen(list);

		if (!strcmp(words[i], text))
			return i;
		snprintf(list + length, sizeof(list) - length, "%s%s", i ? ", " : "", words[i]);
	}
	argp_failure(state, EXIT_ERROR, 0, "%s: \"%s\", expected one of %s", option, text, list);
	return 0;
}

error_t cli_one_argument(int key, char *argument, struct argp_state *state, const char *what,
                         const char **ret_argument)
{
	switch (key) {
	case ARGP_KEY_ARG:
		if (state->arg_num > 0)
			argp_error(state, "\"%s\" is too much, expected one %s", argument, what);
		*ret_argument = argument;
		return 0;
	case ARGP_KEY_END:
		if (state->arg_num == 0)
			argp_error(state, "%s is missing", what);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum { KEY_OUTPUT = 0x1000, KEY_PROFILE, KEY_SEED, KEY_FORCE, KEY_MODEL, KEY_START_HOUR };

static const struct argp_option common_options[] = {
	{ "output", KEY_OUTPUT, "FORM", 0, "table (the default), json or csv", 90 },
	{ "profile", KEY_PROFILE, "PROFILE", 0, "titanium, starlingx or nova, instead of the file's", 90 },
	{ "seed", KEY_SEED, "N", 0, "where random numbers start (= 1)", 90 },
	{ NULL, 'j', "N", 0, "threads; the result does not depend on it", 90 },
	{ "force", KEY_FORCE, NULL, 0, "overwrite files that are there", 90 },
	{ 0 },
};

static error_t parse_common(int key, char *argument, struct argp_state *state)
{
	struct cli_options *options = state->input;

	switch (key) {
	case KEY_OUTPUT:
		options->output = (enum output)cli_word(state, "--output", argument, output_words);
		return 0;
	case KEY_PROFILE:
		options->profile = (enum profile)cli_word(state, "--profile", argument, profile_words);
		return 0;
	case KEY_SEED:
		options->seed = cli_whole(state, "--seed", argument, 0, UINT64_MAX);
		options->seed_given = true;
		return 0;
	case 'j':
		options->threads = (unsigned)cli_whole(state, "-j", argument, 1, 1024);
		return 0;
	case KEY_FORCE:
		options->force = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp cli_common = { common_options, parse_common, NULL, NULL, NULL, NULL, NULL };

const struct argp_child cli_common_children[] = { { &cli_common, 0, "Common options:", 90 }, { 0 } };

#define MODEL_OPTION                                                                                \
	{                                                                                           \
		"model", KEY_MODEL, "FILE", 0, "predict with the constants that calibrate wrote", 2 \
	}

static const struct argp_option model_options[] = { MODEL_OPTION, { 0 } };

static const struct argp_option predict_options[] = {
	MODEL_OPTION,
	{ "start-hour", KEY_START_HOUR, "H", 0,
	  "it begins at this hour of the day (0 to 24; 22.5: half past ten), for guests with a load profile",
	  2 },
	{ 0 },
};

static error_t parse_model(int key, char *argument, struct argp_state *state)
{
	struct cli_options *options = state->input;

	switch (key) {
	case KEY_MODEL:
		options->model = argument;
		return 0;
	case KEY_START_HOUR:
		options->start_hour = fmod(cli_number(state, "--start-hour", argument, 0, 24), 24);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp cli_model = { model_options, parse_model, NULL, NULL, NULL, NULL, NULL };

const struct argp_child cli_model_children[] = { { &cli_common, 0, "Common options:", 90 },
	                                         { &cli_model, 0, NULL, 2 },
	                                         { 0 } };

static const struct argp cli_predict = { predict_options, parse_model, NULL, NULL, NULL, NULL, NULL };

const struct argp_child cli_predict_children[] = { { &cli_common, 0, "Common options:", 90 },
	                                           { &cli_predict, 0, NULL, 2 },
	                                           { 0 } };

void cli_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	char name[64];
	char *command = argv[0];

	snprintf(name, sizeof(name), "lockkeeper %s", command);
	argp_err_exit_status = EXIT_ERROR;
	argv[0] = name;
	argp_parse(argp, argc, argv, 0, NULL, input);
	argv[0] = command;
}

int cli_fail(const struct error *error)
{
	fflush(stdout);
	fprintf(stderr, "lockkeeper: %s\n", error->text);
	return EXIT_ERROR;
}

bool cli_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
}

void cli_print_warnings(const struct cluster *cluster)
{
	enum { SHOWN_MOST = 20 };
	uint32_t shown = cluster->warning_count > SHOWN_MOST + 1 ? SHOWN_MOST : cluster->warning_count;

	for (uint32_t i = 0; i < shown; i++)
		fprintf(stderr, "lockkeeper: warning: %s\n", cluster->warnings[i]);
	if (shown < cluster->warning_count)
		fprintf(stderr, "lockkeeper: warning: … and %u more\n", cluster->warning_count - shown);
}

void cli_keep(const char ***texts, uint32_t *count, const char *text)
{
	*texts = memory_resize(*texts, *count + 1, sizeof((*texts)[0]));
	(*texts)[(*count)++] = text;
}

int cli_find_host(const struct cluster *cluster, const char *path, const char *name, uint32_t *ret_host,
                  struct error *error)
{
	*ret_host = cluster_host(cluster, name);
	if (*ret_host == NONE)
		return error_set(error, ERROR_INPUT,
		                 "%s: no host is named \"%s\", expected one of the file's", path, name);
	return 0;
}

int cli_find_locked(const struct cluster *cluster, const char *path, const char *name, uint32_t *ret_host,
                    struct error *error)
{
	*ret_host = cluster_host(cluster, name);
	if (*ret_host == NONE)
		return error_set(error, ERROR_INPUT,
		                 "--lock: no host of %s is named \"%s\", expected one of the file's", path,
		                 name);
	return 0;
}

int cli_read_cluster(const char *path, enum profile profile, struct cluster *ret_cluster, struct error *error)
{
	struct json_doc *doc;
	int result = file_read_json(path, &doc, error);

	if (result)
		return result;
	result = cluster_read(ret_cluster, doc, profile, error);
	json_doc_free(doc);
	if (!result)
		cli_print_warnings(ret_cluster);
	return result;
}

int cli_read_model(const struct cli_options *options, struct hypervisors *ret_hypervisors,
                   struct error *error)
{
	struct json_doc *doc;
	int result;

	*ret_hypervisors = *hypervisors_shipped();
	if (!options->model)
		return 0;
	result = file_read_json(options->model, &doc, error);
	if (result)
		return result;
	result = model_file_read(doc, ret_hypervisors, error);
	json_doc_free(doc);
	return result;
}

int cli_write(const char *path, const char *bytes, size_t length, bool force, struct error *error)
{
	if (!path || !strcmp(path, "-"))
		return cli_print(bytes, length, error);
	return file_write(path, bytes, length, force, error);
}

int cli_print_json(json_t *value, struct error *error)
{
	size_t length;
	char *text = json_print(value, true, &length);
	int result = cli_print(text, length, error);

	free(text);
	json_free(value);
	return result;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli: what all commands share: options, reading and writing files, exit codes, threads. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "core/cluster.h"

#include "models/hypervisor.h"

#include <argp.h>

/* Exit codes of every command (docs/cli.md). */
enum exit_code {
	EXIT_YES = 0,
	EXIT_ERROR = 1,
	EXIT_NO = 2,
	EXIT_STALE = 3,
	EXIT_STOPPED = 4,
	EXIT_UNCLEAR = 5,
	EXIT_UNDECIDED = 6
};

enum output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_CSV };

/* Options that every command takes. */
struct cli_options {
	enum output output;
	enum profile profile; /* PROFILE_COUNT: the file's */
	uint64_t seed;
	bool seed_given;
	unsigned threads; /* at least 1; the machine's when not given */
	bool force;
	double start_hour; /* of commands that predict: of the day, in [0, 24); -1: not said */
	const char *model; /* of commands that predict: what calibrate wrote; NULL: what ships */
};

/* Start values; call before argp_parse. */
struct cli_options cli_options_default(void);

/*
 * The common options as the children of a command's argp. The parent's parser sets state->child_inputs[0] to
 * the struct cli_options in ARGP_KEY_INIT.
 */
extern const struct argp_child cli_common_children[];

/* The same with --model; child_inputs[1] is the struct cli_options too. */
extern const struct argp_child cli_model_children[];

/* The same with --model and --start-hour, for commands that predict; child_inputs[1] as well. */
extern const struct argp_child cli_predict_children[];

/* Parses a command's options with the program's name as "lockkeeper COMMAND"; exits with 1 on wrong usage. */
void cli_parse(const struct argp *argp, int argc, char **argv, void *input);

/* For option parsers: a whole number or a number in a range, or ends the program with one line. */
uint64_t cli_whole(const struct argp_state *state, const char *option, const char *text, uint64_t low,
                   uint64_t high);
double cli_number(const struct argp_state *state, const char *option, const char *text, double low,
                  double high);

/* The index of a word in a NULL-ended list, or ends the program with one line. */
unsigned cli_word(const struct argp_state *state, const char *option, const char *text,
                  const char *const *words);

/*
 * For option parsers of commands that take one argument: keeps it, or ends the program with one line.
 * what: "CLUSTER", for messages. Other keys are ARGP_ERR_UNKNOWN.
 */
error_t cli_one_argument(int key, char *argument, struct argp_state *state, const char *what,
                         const char **ret_argument);

/* Reads a cluster file and prints its warnings on standard error. */
int cli_read_cluster(const char *path, enum profile profile, struct cluster *ret_cluster,
                     struct error *error);

/* For options that may be given more than once: one more text in the list, which is the caller's to free. */
void cli_keep(const char ***texts, uint32_t *count, const char *text);

/* The host of that name. path: the cluster's file, for the error. Returns 0 or ERROR_INPUT. */
int cli_find_host(const struct cluster *cluster, const char *path, const char *name, uint32_t *ret_host,
                  struct error *error);

/* The host that --lock names. path: the cluster's file, for the error. Returns 0 or ERROR_INPUT. */
int cli_find_locked(const struct cluster *cluster, const char *path, const char *name, uint32_t *ret_host,
                    struct error *error);

/* Prints a cluster's warnings on standard error, the first ones when there are many. */
void cli_print_warnings(const struct cluster *cluster);

/* The constants to predict with: those that ship, with the file of --model put over them. */
int cli_read_model(const struct cli_options *options, struct hypervisors *ret_hypervisors,
                   struct error *error);

/* As file_write (system/files.h), and to standard output when path is NULL or "-". */
int cli_write(const char *path, const char *bytes, size_t length, bool force, struct error *error);

/* Writes to standard output; fails when it cannot be written in full. */
int cli_print(const char *bytes, size_t length, struct error *error);

/* Prints a JSON document to standard output and frees it. */
int cli_print_json(json_t *value, struct error *error);

/* Prints "lockkeeper: …" on standard error; returns EXIT_ERROR. */
int cli_fail(const struct error *error);

/* Whether standard output wants colour: a terminal, no NO_COLOR, TERM not dumb. */
bool cli_colour(void);

/*
 * Calls work(context, index, thread) for each index in [0, count), on so many threads; work must depend on
 * its index alone, so that results do not depend on the number of threads. With progress, a bar with the time
 * left appears on a terminal once a second has passed.
 */
void cli_parallel(unsigned threads, uint32_t count,
                  void (*work)(void *context, uint32_t index, unsigned thread), void *context,
                  const char *progress);

/*
 * The path of a file that ships with the program ("plots/board.gp"): in the source tree for a program run
 * from its build folder, else where it was installed; LOCKKEEPER_DATA in the environment goes before both.
 * Returns ERROR_IO when it is nowhere.
 */
int cli_data_file(const char *name, char *ret_path, size_t room, struct error *error);

/* The commands, in cli/COMMAND.c. argv[0] is the command's name. */
int command_check(int argc, char **argv);
int command_targets(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_approve(int argc, char **argv);
int command_execute(int argc, char **argv);
int command_resume(int argc, char **argv);
int command_status(int argc, char **argv);
int command_abort(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_simulate(int argc, char **argv);
int command_import(int argc, char **argv);
int command_calibrate(int argc, char **argv);
int command_sweep(int argc, char **argv);
int command_capacity(int argc, char **argv);
int command_merge(int argc, char **argv);
int command_serve(int argc, char **argv);

#endif

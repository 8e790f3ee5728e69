/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include "core/read.h"

#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <string.h>

/* The commands, in the order of the help. */
static const struct command {
	const char *name, *arguments, *does;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "check", "CLUSTER [--host H]...",
	  "can each host be locked? what stands in the way, how long it takes", command_check },
	{ "targets", "CLUSTER VM [--to H]", "where may this VM go, and why not elsewhere", command_targets },
	{ "plan", "CLUSTER --lock H...", "the fewest safe migrations that empty hosts", command_plan },
	{ "approve", "PLAN --cluster C --key K", "prove a plan, and sign it with an SSH key",
	  command_approve },
	{ "execute", "PLAN --approval A...", "carry an approved plan out on the hosts", command_execute },
	{ "resume", "JOURNAL", "go on after a stop or a crash", command_resume },
	{ "status", "JOURNAL", "where an execution stands", command_status },
	{ "abort", "JOURNAL", "ask a driver at work to stop cleanly", command_abort },
	{ "replay", "JOURNAL", "go over a journal: the same decisions?", command_replay },
	{ "simulate", "SCENARIO|CLUSTER [--lock H]", "run a scenario in virtual time", command_simulate },
	{ "capacity", "CLUSTER [--flavor F]...", "how many more VMs fit while any K hosts can still go",
	  command_capacity },
	{ "sweep", "SWEEP -o DIR", "many what-ifs, also across machines", command_sweep },
	{ "merge", "DIR", "put the shards of a sweep together", command_merge },
	{ "serve", "CLUSTER", "the operator's pages: lock board, migrations, what-ifs", command_serve },
	{ "import", "openstack DIR|-", "a cluster file from what is there", command_import },
	{ "calibrate", "MIGRATIONS.csv", "fit the model's constants to measured migrations",
	  command_calibrate },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *out)
{
	fputs("Usage: lockkeeper COMMAND [OPTION...]\n"
	      "Simulates and verifies live migrations of virtual machines before a host is locked.\n\n",
	      out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-9s %-28s %s\n", commands[i].name, commands[i].arguments, commands[i].does);
	fputs("\nEach command has --help with an example; `man lockkeeper` has the whole.\n"
	      "Exit codes: 0 yes or done, 1 error, 2 the answer is no, 3 stale or not approved, 4 stopped,\n"
	      "5 a person must look, 6 not decided.\n",
	      out);
}

static int fail_unknown(const char *name)
{
	const char *names[COMMANDS], *suggestion;

	for (size_t i = 0; i < COMMANDS; i++)
		names[i] = commands[i].name;
	suggestion = read_suggest(name, names, COMMANDS);
	fprintf(stderr, "lockkeeper: unknown command \"%s\"", name);
	if (suggestion)
		fprintf(stderr, " (did you mean \"%s\"?)", suggestion);
	fputs(", see lockkeeper --help\n", stderr);
	return EXIT_ERROR;
}

int main(int argc, char **argv)
{
	gsl_set_error_handler_off();
	argp_err_exit_status = EXIT_ERROR;
	if (argc < 2) {
		print_help(stderr);
		return EXIT_ERROR;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-?") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return EXIT_YES;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("lockkeeper " LOCKKEEPER_VERSION);
		return EXIT_YES;
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(commands[i].name, argv[1]))
			return commands[i].run(argc - 1, argv + 1);
	}
	return fail_unknown(argv[1]);
}

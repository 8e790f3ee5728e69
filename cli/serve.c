/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE /* vasprintf */
#include "cli/cli.h"
#include "cli/execution.h"
#include "core/must.h"
#include "web/web.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	KEY_LISTEN = 0x100,
	KEY_STATE,
	KEY_CONNECT,
	KEY_READ_ONLY,
	KEY_PACE,
	KEY_LIMIT,
	KEY_WINDOW,
	KEY_TOKEN,
	KEY_HOST_NAME,
	KEY_PROXY,
	KEY_PROXY_HEADER,
	KEY_CERTIFICATE,
	KEY_TLS_KEY,
	KEY_KEY,
	KEY_SIGNERS,
	KEY_APPROVALS
};

struct serve_command {
	struct cli_options common;
	struct web_options web;
	struct execution_options execution;
	const char **names;
	uint32_t name_count;
	char **words; /* of the execution's options */
	uint32_t word_count;
};

/* Of the execution's options, those that have one word each. */
enum { SINGLE_WORDS = 5 };

static const struct argp_option options[] = {
	{ "listen", KEY_LISTEN, "ADDRESS:PORT", 0, "where (= 127.0.0.1:8080); port 0: any that is free", 1 },
	{ "state", KEY_STATE, "DIR", 0, "what it has to remember (= CLUSTER.serve)", 1 },
	{ "connect", KEY_CONNECT, NULL, 0, "carry plans out on the hosts' libvirt, not in virtual time", 1 },
	{ "read-only", KEY_READ_ONLY, NULL, 0, "only show: nothing can be changed by anybody", 1 },
	{ "pace", KEY_PACE, "N", 0, "simulated: N seconds of virtual time a second (= 1)", 1 },
	{ "limit", KEY_LIMIT, "SECONDS", 0, "about so long for one host's verdict, then \"unknown\" (= 2)",
	  1 },
	{ "window", KEY_WINDOW, "SECONDS", 0, "the maintenance window of probabilities (= 1800)", 1 },
	{ "token-file", KEY_TOKEN, "FILE", 0,
	  "whoever has this token may change something; mode 0600 (= token in the state folder, made)", 2 },
	{ "host-name", KEY_HOST_NAME, "NAME", 0,
	  "a name by which it may be called (may be given more than once)", 2 },
	{ "proxy", KEY_PROXY, "ADDRESS", 0, "a reverse proxy that says who a user is", 2 },
	{ "proxy-header", KEY_PROXY_HEADER, "NAME", 0, "in which header it does (= X-Forwarded-User)", 2 },
	{ "certificate", KEY_CERTIFICATE, "FILE", 0, "serve by TLS, with this certificate (PEM)", 2 },
	{ "certificate-key", KEY_TLS_KEY, "FILE", 0, "and its key", 2 },
	{ "key", KEY_KEY, "KEY", 0, "sign approvals with this SSH key (= its own, when simulated)", 3 },
	{ "signers", KEY_SIGNERS, "FILE", 0, "who may approve: allowed signers, as ssh-keygen has them", 3 },
	{ "approvals", KEY_APPROVALS, "N", 0, "so many people have to approve a plan (= 1)", 3 },
	{ 0 },
};

static void check_complete(const struct argp_state *state, const struct web_options *web)
{
	if (!web->tls_certificate != !web->tls_key)
		argp_error(state, "--certificate and --certificate-key go together");
	if (!web->key != !web->signers)
		argp_error(state, "--key and --signers go together");
	if (web->approvals > 1 && !web->key)
		argp_error(state, "--approvals: the others are not known, expected --key and --signers");
	if (web->live && !web->key && !web->read_only)
		argp_error(state, "--connect moves real guests: expected --key and --signers, or "
		                  "--read-only");
	if (web->proxy_header && !web->proxy)
		argp_error(state, "--proxy-header is of a proxy, expected --proxy too");
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct serve_command *command = state->input;
	struct web_options *web = &command->web;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = &command->common;
		state->child_inputs[2] = &command->execution;
		return 0;
	case KEY_LISTEN:
		web->address = argument;
		return 0;
	case KEY_STATE:
		web->state_folder = argument;
		return 0;
	case KEY_CONNECT:
		web->live = true;
		return 0;
	case KEY_READ_ONLY:
		web->read_only = true;
		return 0;
	case KEY_PACE:
		web->pace = cli_number(state, "--pace", argument, 0.001, 1e6);
		return 0;
	case KEY_LIMIT:
		web->limit_s = cli_number(state, "--limit", argument, 0, 1e6);
		return 0;
	case KEY_WINDOW:
		web->window_s = cli_number(state, "--window", argument, 0, 1e9);
		return 0;
	case KEY_TOKEN:
		web->token_file = argument;
		return 0;
	case KEY_HOST_NAME:
		cli_keep(&command->names, &command->name_count, argument);
		return 0;
	case KEY_PROXY:
		web->proxy = argument;
		return 0;
	case KEY_PROXY_HEADER:
		web->proxy_header = argument;
		return 0;
	case KEY_CERTIFICATE:
		web->tls_certificate = argument;
		return 0;
	case KEY_TLS_KEY:
		web->tls_key = argument;
		return 0;
	case KEY_KEY:
		web->key = argument;
		return 0;
	case KEY_SIGNERS:
		web->signers = argument;
		return 0;
	case KEY_APPROVALS:
		web->approvals = (uint32_t)cli_whole(state, "--approvals", argument, 1, 10);
		return 0;
	case ARGP_KEY_END:
		check_complete(state, web);
		return cli_one_argument(key, argument, state, "CLUSTER", &web->cluster);
	default:
		return cli_one_argument(key, argument, state, "CLUSTER", &web->cluster);
	}
}

static const char documentation[] =
	"The operator's pages: instances and their live migration, the lock board, plans and what-ifs.\v"
	"Serves until it is interrupted. Anybody who reaches it may look; to change something, a token is "
	"needed. What is carried out is a process of its own, which goes on when the server ends and is "
	"found again by the next one. CLUSTER is not changed: the state folder has what has become of it, "
	"for as long as CLUSTER stays the same.\n\n"
	"Example:\n"
	"  lockkeeper serve scenarios/clusters/lab.json --pace 10";

static void add_word(struct serve_command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_word(struct serve_command *command, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	must(vasprintf(&command->words[command->word_count++], format, arguments) >= 0);
	va_end(arguments);
}

/* As execute is to be given them. */
static void keep_execution(struct serve_command *command)
{
	const struct execution_options *of = &command->execution;

	command->words = MEMORY_ARRAY(char *, SINGLE_WORDS + of->uri_count + of->shared_count);
	if (of->parallel_most > 0)
		add_word(command, "--parallel=%u", of->parallel_most);
	add_word(command, "--tries=%u", of->tries);
	add_word(command, "--patience=%g", of->patience_s);
	if (of->tls)
		add_word(command, "--data-tls");
	if (of->strangers)
		add_word(command, "--strangers");
	for (uint32_t i = 0; i < of->uri_count; i++)
		add_word(command, "--migration-uri=%s", of->uris[i]);
	for (uint32_t i = 0; i < of->shared_count; i++)
		add_word(command, "--shared=%s", of->shared[i]);
}

static void forget(struct serve_command *command)
{
	for (uint32_t i = 0; i < command->word_count; i++)
		free(command->words[i]);
	free(command->words);
	free(command->names);
	free(command->execution.uris);
	free(command->execution.shared);
}

int command_serve(int argc, char **argv)
{
	const struct argp_child children[] = { cli_predict_children[0],
		                               cli_predict_children[1],
		                               { &execution_argp, 0,
		                                 "With --connect, how plans are carried out:", 4 },
		                               { 0 } };
	const struct argp argp = { options, parse, "CLUSTER", documentation, children, NULL, NULL };
	struct serve_command command = { .common = cli_options_default(),
		                         .execution = execution_options_default(),
		                         .web = { .address = "127.0.0.1:8080",
		                                  .approvals = 1,
		                                  .pace = 1,
		                                  .limit_s = 2,
		                                  .window_s = 1800 } };
	char folder[PATH_MAX], program[PATH_MAX];
	struct web_options *web = &command.web;
	ssize_t length;
	struct error error;
	int result = EXIT_YES;

	cli_parse(&argp, argc, argv, &command);
	length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	program[length > 0 ? length : 0] = '\0';
	snprintf(folder, sizeof(folder), "%s.serve", web->cluster);
	web->version = LOCKKEEPER_VERSION;
	web->program = program;
	web->state_folder = web->state_folder ? web->state_folder : folder;
	web->proxy_header = web->proxy_header ? web->proxy_header : "X-Forwarded-User";
	web->host_names = command.names;
	web->host_name_count = command.name_count;
	web->seed = command.common.seed;
	web->profile = command.common.profile;
	web->model = command.common.model;
	web->start_hour = command.common.start_hour;
	web->threads = command.common.threads;
	keep_execution(&command);
	web->execute_words = (const char *const *)command.words;
	web->execute_word_count = command.word_count;
	if (!strcmp(web->cluster, "-"))
		result = error_set(&error, ERROR_INPUT, "-: expected a file: the server reads it again");
	if (!result)
		result = cli_read_model(&command.common, &web->hypervisors, &error);
	if (!result)
		result = web_serve(web, &error);
	forget(&command);
	return result ? cli_fail(&error) : EXIT_YES;
}

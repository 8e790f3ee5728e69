/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/import.h"

#include "system/files.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_document(struct openstack *import, const char *path, struct import_files *files,
                         struct error *error)
{
	const char *name = strcmp(path, "-") ? path : "<stdin>";
	struct json_doc *doc;
	char *text;
	size_t length;
	int result = file_read(path, &text, &length, error);

	if (result)
		return result;
	/* What the client leaves behind when it fails. */
	if (strspn(text, " \t\r\n") == length) {
		openstack_note(import, OPENSTACK_NOTE, "%s: empty, skipped", name);
		free(text);
		return 0;
	}
	result = json_doc_parse(&doc, name, text, length, error);
	if (result)
		return result;
	if (files->count == files->room) {
		files->room = files->room ? files->room * 2 : 32;
		files->docs = memory_resize(files->docs, files->room, sizeof(files->docs[0]));
	}
	files->docs[files->count++] = doc;
	openstack_add(import, doc);
	return 0;
}

static int path_order(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool is_json_name(const char *name)
{
	size_t length = strlen(name);

	return name[0] != '.' && length > 5 && !strcmp(name + length - 5, ".json");
}

/* Symbolic links are followed; a folder that contains itself is met once. */
static int read_tree(struct openstack *import, const char *path, struct import_files *files,
                     struct error *error)
{
	char *paths[] = { arena_text(&files->names, path, strlen(path)), NULL };
	FTS *tree = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, path_order);
	size_t seen = 0;
	FTSENT *entry;
	int result = 0;

	if (!tree)
		return error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	while (!result && (entry = fts_read(tree))) {
		if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
			result = error_set(error, ERROR_IO, "%s: %s", entry->fts_path,
			                   strerror(entry->fts_errno));
		if (entry->fts_info != FTS_F || (entry->fts_level > 0 && !is_json_name(entry->fts_name)))
			continue;
		seen++;
		result = read_document(import, entry->fts_path, files, error);
	}
	fts_close(tree);
	if (!result && seen == 0)
		result = error_set(error, ERROR_INPUT, "%s: no .json file in it, expected an export", path);
	return result;
}

int import_openstack_read(struct openstack *import, const char *path, struct import_files *files,
                          struct error *error)
{
	return strcmp(path, "-") ? read_tree(import, path, files, error)
	                         : read_document(import, path, files, error);
}

void import_files_free(struct import_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		json_doc_free(files->docs[i]);
	free(files->docs);
	arena_free(&files->names);
	*files = (struct import_files){ 0 };
}

enum { KEY_MEASURE = 256, KEY_GROUPS, KEY_SHARED, KEY_CLUSTER, KEY_COLUMNS, KEY_OFFSET };

/* "1,2,4": whole seconds, rising. libvirt measures over 60 at most. */
static void parse_periods(struct import_options *options, const struct argp_state *state, const char *text)
{
	options->period_count = 0;
	for (const char *at = text ? text : "1,2,4"; *at;) {
		const char *comma = at + strcspn(at, ",");
		char one[16];

		snprintf(one, sizeof(one), "%.*s", (int)(comma - at), at);
		if (options->period_count == IMPORT_PERIODS_MOST)
			argp_error(state, "--measure-dirty: at most %d times", IMPORT_PERIODS_MOST);
		options->periods_s[options->period_count++] = (unsigned)cli_whole(state, "--measure-dirty",
		                                                                  one, 1, 60);
		if (options->period_count > 1 && options->periods_s[options->period_count - 1] <=
		                                         options->periods_s[options->period_count - 2])
			argp_error(state, "--measure-dirty: \"%s\", expected times that rise", text);
		at = *comma ? comma + 1 : comma;
	}
	if (options->period_count == 0)
		argp_error(state, "--measure-dirty: empty, expected seconds such as 1,2,4");
}

/* "timestamp,id,avg_cpu": three names or four. */
static void parse_columns(struct import_options *options, const struct argp_state *state, char *text)
{
	const char **names[] = { &options->columns.time, &options->columns.vm, &options->columns.cpu,
		                 &options->columns.memory };
	int count = 0;

	for (char *at = text; at; count++) {
		char *comma = strchr(at, ',');

		if (count == 4 || *at == '\0' || *at == ',')
			argp_error(state, "--columns: expected three or four names, with commas between");
		*names[count] = at;
		at = comma ? comma + 1 : NULL;
		if (comma)
			*comma = '\0';
	}
	if (count < 3)
		argp_error(state, "--columns: expected three or four names, with commas between");
}

static void take_source(struct import_options *options, const struct argp_state *state, char *argument)
{
	if (state->arg_num == 0 && strcmp(argument, "openstack") != 0 && strcmp(argument, "libvirt") != 0 &&
	    strcmp(argument, "utilisation") != 0)
		argp_error(state, "unknown source \"%s\", expected openstack, libvirt or utilisation",
		           argument);
	if (state->arg_num == 0) {
		options->kind = argument;
		options->sources = memory_array((size_t)state->argc, sizeof(*options->sources));
		return;
	}
	if (state->arg_num > 1 && strcmp(options->kind, "libvirt") != 0)
		argp_error(state, "\"%s\" is too much, expected one %s or -", argument,
		           strcmp(options->kind, "openstack") ? "file" : "folder");
	options->sources[options->source_count++] = argument;
}

static void check_usage(const struct import_options *options, const struct argp_state *state)
{
	if (!options->kind) {
		argp_error(state, "nothing to read, expected openstack DIR, openstack -, libvirt URI… or "
		                  "utilisation TRACE.csv");
		return;
	}
	if (options->source_count == 0)
		argp_error(state, "nothing to read, expected %s",
		           !strcmp(options->kind, "libvirt")       ? "libvirt URI…"
		           : !strcmp(options->kind, "utilisation") ? "utilisation TRACE.csv or utilisation -"
		                                                   : "openstack DIR or openstack -");
	if (!strcmp(options->kind, "utilisation") != (options->cluster != NULL))
		argp_error(state, options->cluster ? "--cluster is for utilisation"
		                                   : "utilisation: expected --cluster CLUSTER");
	if (strcmp(options->kind, "libvirt") != 0 &&
	    (options->groups || options->shared_count || options->period_count))
		argp_error(state, "--groups, --shared and --measure-dirty are for libvirt");
}

static error_t parse_import(int key, char *argument, struct argp_state *state)
{
	struct import_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->common;
		return 0;
	case 'o':
		options->out = argument;
		return 0;
	case 'n':
		if (!*argument)
			argp_error(state, "--name: empty, expected a name");
		options->name = argument;
		return 0;
	case KEY_MEASURE:
		parse_periods(options, state, argument);
		return 0;
	case KEY_GROUPS:
		options->groups = argument;
		return 0;
	case KEY_SHARED:
		if (options->shared_count == IMPORT_SHARED_MOST)
			argp_error(state, "--shared: at most %d folders", IMPORT_SHARED_MOST);
		options->shared[options->shared_count++] = argument;
		return 0;
	case KEY_CLUSTER:
		options->cluster = argument;
		return 0;
	case KEY_COLUMNS:
		parse_columns(options, state, argument);
		return 0;
	case KEY_OFFSET:
		options->utc_offset_h = cli_number(state, "--utc-offset", argument, -14, 14);
		return 0;
	case ARGP_KEY_ARG:
		take_source(options, state, argument);
		return 0;
	case ARGP_KEY_END:
		check_usage(options, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option import_argp_options[] = {
	{ NULL, 'o', "CLUSTER", 0, "write the cluster file here instead of to standard output", 1 },
	{ "name", 'n', "NAME", 0, "the cluster's name (= openstack, libvirt)", 1 },
	{ "measure-dirty", KEY_MEASURE, "SECONDS,…", OPTION_ARG_OPTIONAL,
	  "libvirt: measure how much memory each guest dirties in these times (= 1,2,4)", 2 },
	{ "groups", KEY_GROUPS, "FILE", 0, "libvirt: server groups, an array of {name, policy, …, members}",
	  2 },
	{ "shared", KEY_SHARED, "DIR", 0, "libvirt: all hosts share the files below this folder", 2 },
	{ "cluster", KEY_CLUSTER, "CLUSTER", 0, "utilisation: the cluster whose VMs the trace is about", 3 },
	{ "columns", KEY_COLUMNS, "TIME,VM,CPU[,MEMORY]", 0,
	  "utilisation: what these are called in the file (= time,vm,cpu,memory_mib)", 3 },
	{ "utc-offset", KEY_OFFSET, "HOURS", 0, "utilisation: clocks are so far ahead of UTC (= 0)", 3 },
	{ 0 },
};

static const struct argp import_argp = {
	import_argp_options,
	parse_import,
	"openstack DIR|-\nlibvirt URI...\nutilisation TRACE.csv|- --cluster CLUSTER",
	"Makes a cluster file of what is there. What could not be known, and what was assumed, is said on "
	"standard "
	"error.\n\n"
	"openstack: of what an OpenStack says about itself: the JSON that the openstack client prints with "
	"-f json, "
	"and the bodies of the compute and placement APIs, in *.json files of any names below DIR (or one "
	"document "
	"with such bodies on standard input).\n\n"
	"libvirt: of live hosts. Each URI is kept as the host's `uri`: by it the hosts reach each other when "
	"guests "
	"migrate, so give names and addresses that hold everywhere. Nothing is changed on any host.\n\n"
	"utilisation: of a trace of what guests used (CSV: time, VM, CPU %, memory): the cluster with a load "
	"profile for each, by the hour of the day, as --start-hour of check, plan and simulate uses it."
	"\v"
	"Files of Placement, which do not say what host they are about, are named NAME-inventories.json or "
	"lie in "
	"a folder NAME; NAME is the host's name or the provider's UUID.\n\n"
	"Examples:\n"
	"  openstack server list --all-projects --long -f json > export/servers.json\n"
	"  openstack server group list --all-projects --long -f json > export/groups.json\n"
	"  openstack compute service list -f json > export/services.json\n"
	"  openstack hypervisor list --long -f json > export/hypervisors.json\n"
	"  openstack flavor list --all --long -f json > export/flavors.json\n"
	"  openstack aggregate list --long -f json > export/aggregates.json\n"
	"  openstack resource provider inventory list UUID -f json > export/HOST-inventories.json\n"
	"  lockkeeper import openstack export -o cluster.json\n\n"
	"  lockkeeper import libvirt qemu+tls://a.example/system qemu+tls://b.example/system \\\n"
	"      --measure-dirty -o cluster.json\n\n"
	"  lockkeeper import utilisation scenarios/traces/lab-two-days.csv \\\n"
	"      --cluster scenarios/clusters/lab.json -o loaded.json",
	cli_common_children,
	NULL,
	NULL,
};

static void print_notes(const struct openstack *import)
{
	size_t count;
	const struct openstack_note *notes = openstack_notes(import, &count);

	for (size_t i = 0; i < count; i++)
		fprintf(stderr, "lockkeeper: %s: %s\n",
		        notes[i].severity == OPENSTACK_WARNING ? "warning" : "note", notes[i].text);
}

/* An export may hold what a cluster file may not, such as extra specs that mean nothing: better said now. */
static void try_reading(const char *name, const char *text, size_t length)
{
	char *copy = memory_take(length + 1);
	struct cluster cluster;
	struct json_doc *doc;
	struct error error;

	memcpy(copy, text, length + 1);
	if (json_doc_parse(&doc, name, copy, length, &error)) {
		fprintf(stderr, "lockkeeper: warning: %s\n", error.text);
		return;
	}
	if (cluster_read(&cluster, doc, PROFILE_COUNT, &error))
		fprintf(stderr, "lockkeeper: warning: other commands will refuse this file: %s\n",
		        error.text);
	else
		cluster_free(&cluster);
	json_doc_free(doc);
}

int import_write(const struct import_options *options, json_t *cluster, struct error *error)
{
	size_t length;
	char *text = json_print(cluster, true, &length);
	int result;

	try_reading(options->out ? options->out : "<stdout>", text, length);
	result = cli_write(options->out, text, length, options->common.force, error);
	free(text);
	json_free(cluster);
	return result;
}

static int import_openstack(const struct import_options *options, struct error *error)
{
	struct openstack *import = openstack_new();
	struct import_files files = { 0 };
	json_t *cluster;
	int result;

	result = import_openstack_read(import, options->sources[0], &files, error);
	if (!result)
		result = openstack_cluster(import,
		                           &(struct openstack_options){
						   .name = options->name,
						   .profile = options->common.profile < PROFILE_COUNT
		                                                      ? profile_words[options->common.profile]
		                                                      : NULL },
		                           &cluster, error);
	if (!result) {
		print_notes(import);
		result = import_write(options, cluster, error);
	}
	openstack_free(import);
	import_files_free(&files);
	return result;
}

int command_import(int argc, char **argv)
{
	struct import_options options = { .common = cli_options_default(),
		                          .columns = utilisation_columns_default };
	struct error error;
	int result;

	cli_parse(&import_argp, argc, argv, &options);
	if (!strcmp(options.kind, "libvirt"))
		result = import_libvirt(&options, &error);
	else if (!strcmp(options.kind, "utilisation"))
		result = import_utilisation(&options, &error);
	else
		result = import_openstack(&options, &error);
	free(options.sources);
	return result ? cli_fail(&error) : EXIT_YES;
}

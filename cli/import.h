/* SPDX-License-Identifier: GPL-3.0-or-later */
/* import: what the sources of `lockkeeper import` share; reads the files of an export. */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "cli/cli.h"
#include "import/openstack.h"
#include "import/utilisation.h"

enum { IMPORT_PERIODS_MOST = 16, IMPORT_SHARED_MOST = 64 };

/* The command's options and arguments. */
struct import_options {
	struct cli_options common;
	const char *kind, *out, *name;
	const char **sources; /* a folder, or the URIs of hosts */
	uint32_t source_count;
	/* libvirt */
	const char *groups;                      /* a file; NULL: none */
	const char *shared[IMPORT_SHARED_MOST];  /* folders that all hosts share */
	unsigned periods_s[IMPORT_PERIODS_MOST]; /* to measure dirty memory in */
	uint32_t shared_count, period_count;
	/* utilisation */
	const char *cluster;
	struct utilisation_columns columns;
	double utc_offset_h;
};

/* The documents of an export; they must outlive the import they were added to. Zero-initialised is empty. */
struct import_files {
	struct json_doc **docs;
	size_t count, room;
	struct arena names;
};

/*
 * Reads every *.json below a directory, in the order of their paths' bytes, or one file, or standard input
 * for "-", and adds them to the import. Empty files become notes. ERROR_INPUT with file and line for what is
 * not JSON, ERROR_IO for what can't be read.
 */
int import_openstack_read(struct openstack *import, const char *path, struct import_files *files,
                          struct error *error);

void import_files_free(struct import_files *files);

/* Prints a cluster, and frees it: to the file or to standard output; warns of what other commands refuse. */
int import_write(const struct import_options *options, json_t *cluster, struct error *error);

/* `import utilisation`. */
int import_utilisation(const struct import_options *options, struct error *error);

/* `import libvirt`. */
int import_libvirt(const struct import_options *options, struct error *error);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* import: reads the files of an export for `lockkeeper import openstack`. */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "core/arena.h"
#include "core/error.h"
#include "import/openstack.h"

#include <stddef.h>

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

#endif

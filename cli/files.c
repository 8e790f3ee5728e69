/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "system/files.h"
#include "cli/cli.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cli_print(const char *bytes, size_t length, struct error *error)
{
	if (fflush(stdout) || file_put(STDOUT_FILENO, bytes, length))
		return error_set(error, ERROR_IO, "standard output: %s", strerror(errno));
	return 0;
}

/* Joins a folder and a name; whether a file is there. */
static bool file_in(const char *folder, const char *name, char *ret_path, size_t room)
{
	return (size_t)snprintf(ret_path, room, "%s/%s", folder, name) < room && !access(ret_path, R_OK);
}

int cli_data_file(const char *name, char *ret_path, size_t room, struct error *error)
{
	const char *own = getenv("LOCKKEEPER_DATA");
	char program[PATH_MAX], folder[PATH_MAX + 32];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (own && *own && file_in(own, name, ret_path, room))
		return 0;
	if (length > 0) {
		program[length] = '\0';
		/* PREFIX/bin/lockkeeper and PREFIX/share/lockkeeper, wherever PREFIX was moved to. */
		snprintf(folder, sizeof(folder), "%s/../share/lockkeeper", dirname(program));
		if (file_in(folder, name, ret_path, room))
			return 0;
	}
	if (file_in(LOCKKEEPER_SOURCE_DIR, name, ret_path, room) ||
	    file_in(LOCKKEEPER_DATA_DIR, name, ret_path, room))
		return 0;
	return error_set(error, ERROR_IO,
	                 "%s: not found, expected in " LOCKKEEPER_DATA_DIR " or $LOCKKEEPER_DATA", name);
}

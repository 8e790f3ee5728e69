/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int file, const char *path, char **ret_text, size_t *ret_length, struct error *error)
{
	struct stat status;
	size_t room = 65536, length = 0;
	char *text;

	if (!fstat(file, &status) && S_ISDIR(status.st_mode))
		return error_set(error, ERROR_IO, "%s: is a folder, expected a file", path);
	if (!fstat(file, &status) && S_ISREG(status.st_mode) && status.st_size > 0)
		room = (size_t)status.st_size + 1;
	text = memory_take(room + 1);
	for (;;) {
		ssize_t got = read(file, text + length, room - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			free(text);
			return error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
		}
		length += (size_t)got;
		if (got == 0)
			break;
		if (length == room) {
			room *= 2;
			text = memory_resize(text, room + 1, 1);
		}
	}
	text[length] = '\0';
	*ret_text = text;
	*ret_length = length;
	return 0;
}

int cli_read_file(const char *path, char **ret_text, size_t *ret_length, struct error *error)
{
	int file, result;

	if (!strcmp(path, "-"))
		return read_all(STDIN_FILENO, "<stdin>", ret_text, ret_length, error);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	result = read_all(file, path, ret_text, ret_length, error);
	close(file);
	return result;
}

static int write_all(int file, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t put = write(file, bytes, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		bytes += put;
		length -= (size_t)put;
	}
	return 0;
}

/* The rename is only safe on disk once its folder is. */
static void sync_folder(const char *path)
{
	char copy[PATH_MAX];
	int folder;

	snprintf(copy, sizeof(copy), "%s", path);
	folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0) {
		fsync(folder);
		close(folder);
	}
}

int cli_write_file(const char *path, const char *bytes, size_t length, bool force, struct error *error)
{
	char temporary[PATH_MAX];
	int file, result = 0;

	if (!force && !access(path, F_OK))
		return error_set(error, ERROR_EXISTS,
		                 "%s: is there already, expected --force to overwrite it", path);
	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= sizeof(temporary))
		return error_set(error, ERROR_IO, "%s: the path is too long", path);
	file = mkstemp(temporary);
	if (file < 0)
		return error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	if (fchmod(file, 0644) || write_all(file, bytes, length) || fsync(file))
		result = error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	if (close(file) && !result)
		result = error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	/* link() refuses what appeared in the meantime, where rename() would replace it. */
	if (!result && !force && link(temporary, path))
		result = error_set(error, errno == EEXIST ? ERROR_EXISTS : ERROR_IO, "%s: %s", path,
		                   strerror(errno));
	if (!result && force && rename(temporary, path))
		result = error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	if (result || !force)
		unlink(temporary);
	if (!result)
		sync_folder(path);
	return result;
}

int cli_make_folder(const char *path, struct error *error)
{
	char part[PATH_MAX];
	struct stat status;

	if ((size_t)snprintf(part, sizeof(part), "%s", path) >= sizeof(part))
		return error_set(error, ERROR_IO, "%s: the path is too long", path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0777) && errno != EEXIST)
			return error_set(error, ERROR_IO, "%s: %s", part, strerror(errno));
		*slash = '/';
	}
	if (mkdir(part, 0777) && errno != EEXIST)
		return error_set(error, ERROR_IO, "%s: %s", part, strerror(errno));
	if (stat(part, &status) || !S_ISDIR(status.st_mode))
		return error_set(error, ERROR_IO, "%s: is no folder", part);
	return 0;
}

int cli_print(const char *bytes, size_t length, struct error *error)
{
	if (fflush(stdout) || write_all(STDOUT_FILENO, bytes, length))
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "system/files.h"

#include "core/arena.h"

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

int file_read(const char *path, char **ret_text, size_t *ret_length, struct error *error)
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

int file_read_json(const char *path, struct json_doc **ret_doc, struct error *error)
{
	char *text;
	size_t length;
	int result = file_read(path, &text, &length, error);

	if (result)
		return result;
	return json_doc_parse(ret_doc, strcmp(path, "-") ? path : "<stdin>", text, length, error);
}

int file_put(int file, const char *bytes, size_t length)
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

int file_write(const char *path, const char *bytes, size_t length, bool force, struct error *error)
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
	if (fchmod(file, 0644) || file_put(file, bytes, length) || fsync(file))
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

int file_show(const char *path, const char *bytes, size_t length, struct error *error)
{
	char temporary[PATH_MAX];
	int file, result = 0;

	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.next", path) >= sizeof(temporary))
		return error_set(error, ERROR_IO, "%s: the path is too long", path);
	file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (file < 0)
		return error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	if (file_put(file, bytes, length))
		result = error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	if (close(file) && !result)
		result = error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	if (!result && rename(temporary, path))
		result = error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	return result;
}

int folder_make(const char *path, struct error *error)
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

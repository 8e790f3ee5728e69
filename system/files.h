/* SPDX-License-Identifier: GPL-3.0-or-later */
/* files: read whole, and written whole or not at all. */
#ifndef SYSTEM_FILES_H
#define SYSTEM_FILES_H

#include "core/json.h"

#include <stdbool.h>
#include <stddef.h>

/* A whole file, "-" for standard input; *ret_text is the caller's to free, with a NUL behind. */
int file_read(const char *path, char **ret_text, size_t *ret_length, struct error *error);

/* Reads and parses a JSON file; messages call standard input "<stdin>". */
int file_read_json(const char *path, struct json_doc **ret_doc, struct error *error);

/*
 * Writes a whole file or nothing: to a temporary file beside it, fsync, rename. Refuses to overwrite without
 * force (ERROR_EXISTS). Not for "-".
 */
int file_write(const char *path, const char *bytes, size_t length, bool force, struct error *error);

/*
 * The same for what is only looked at: over what is there, and not kept through a crash of the machine. One
 * writer a file.
 */
int file_show(const char *path, const char *bytes, size_t length, struct error *error);

/* Writes all to an open file, whatever interrupts it. Returns 0, or -1 with errno set. */
int file_put(int file, const char *bytes, size_t length);

/* Makes a folder, parents too; one that is there is fine. */
int folder_make(const char *path, struct error *error);

#endif

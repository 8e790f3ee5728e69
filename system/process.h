/* SPDX-License-Identifier: GPL-3.0-or-later */
/* process: other programs run to their end, without a shell, and a private folder for their files. */
#ifndef SYSTEM_PROCESS_H
#define SYSTEM_PROCESS_H

#include "core/error.h"

#include <limits.h>
#include <stddef.h>

/* A folder that nobody else can look into (mode 0700), below $TMPDIR, else /tmp. */
struct scratch {
	char folder[PATH_MAX / 2];
};

int scratch_create(struct scratch *ret_scratch, struct error *error);

/* Removes the folder and the files in it. A folder whose name is empty: nothing. */
void scratch_remove(struct scratch *scratch);

/* Writes a file into the folder; ret_path is where it is. bytes NULL: only the path. */
int scratch_file(const struct scratch *scratch, const char *name, const char *bytes, size_t length,
                 char ret_path[PATH_MAX], struct error *error);

struct process_result {
	int code; /* the exit code */
	char *out, *err;
	size_t out_length, err_length; /* both texts have a NUL behind */
};

/*
 * Runs a program, found in PATH unless its name has a slash, and waits for it. It reads `input` (a path;
 * NULL: nothing); what it writes is collected in the scratch folder, so that it never waits for us. It keeps
 * the terminal, for a passphrase. Fails when it cannot be started, or ends by a signal; what it says with its
 * exit code is the caller's. While it runs, an interrupt from the keyboard is its own, so that the scratch
 * folder is still removed. Free with process_free.
 */
int process_run(const char *const *argv, const char *input, const struct scratch *scratch,
                struct process_result *ret_result, struct error *error);

void process_free(struct process_result *result);

/* The first line of a text, control characters made '?', for messages. */
void process_first_line(const char *text, char *ret_line, size_t room);

#endif

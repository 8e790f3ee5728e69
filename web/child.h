/* SPDX-License-Identifier: GPL-3.0-or-later */
/* child: lockkeeper's own commands, run as processes beside the server. */
#ifndef WEB_CHILD_H
#define WEB_CHILD_H

#include "core/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* How one is started. No shell, no words of clients but as arguments of options that name them. */
struct child_options {
	const char *const *argv;         /* NULL at the end; argv[0]: the program's path */
	const char *locks;               /* LOCKKEEPER_LOCKS; NULL: as ours */
	int in, out, err;                /* files that are its own then; -1: nothing */
	const char *out_path, *err_path; /* in place of out, err: written anew */
	int kept;   /* a file that it keeps open until it ends, as a sign of life; -1: none */
	bool apart; /* it goes on when we end */
};

struct child_options child_options_none(const char *const *argv);

/* Starts it. Returns its process id, or 0 and an error. */
pid_t child_start(const struct child_options *options, struct error *error);

/* Waits for its end: its exit code; 128 and more: by a signal. */
int child_wait(pid_t child);

/* The first line of a file, or the last, for messages: empty when there is none. */
void child_line(const char *path, bool last, char *ret_line, size_t room);

#endif

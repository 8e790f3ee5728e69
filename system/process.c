/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "system/process.h"

#include "system/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* POSIX leaves this declaration to programs. */
extern char **environ;

/* ------------------------------------------------------------------ the folder */

int scratch_create(struct scratch *ret_scratch, struct error *error)
{
	const char *base = getenv("TMPDIR");
	struct scratch scratch;

	if (!base || !*base)
		base = "/tmp";
	if ((size_t)snprintf(scratch.folder, sizeof(scratch.folder), "%s/lockkeeper.XXXXXX", base) >=
	    sizeof(scratch.folder))
		return error_set(error, ERROR_IO, "%.100s…: the path is too long", base);
	/* mkdtemp makes it with mode 0700. */
	if (!mkdtemp(scratch.folder))
		return error_set(error, ERROR_IO, "%s: no folder for temporary files: %s", base,
		                 strerror(errno));
	*ret_scratch = scratch;
	return 0;
}

void scratch_remove(struct scratch *scratch)
{
	DIR *folder = *scratch->folder ? opendir(scratch->folder) : NULL;
	const struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder)
		closedir(folder);
	if (*scratch->folder)
		rmdir(scratch->folder);
	scratch->folder[0] = '\0';
}

int scratch_file(const struct scratch *scratch, const char *name, const char *bytes, size_t length,
                 char ret_path[PATH_MAX], struct error *error)
{
	snprintf(ret_path, PATH_MAX, "%s/%s", scratch->folder, name);
	return bytes ? file_write(ret_path, bytes, length, true, error) : 0;
}

/* ------------------------------------------------------------------ the program */

/* Signals of the keyboard are the child's while it runs, as with system(3). */
struct keyboard {
	struct sigaction interrupt, quit;
};

static void keyboard_leave(struct keyboard *ret_before)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGINT, &ignore, &ret_before->interrupt);
	sigaction(SIGQUIT, &ignore, &ret_before->quit);
}

static void keyboard_take(const struct keyboard *before)
{
	sigaction(SIGINT, &before->interrupt, NULL);
	sigaction(SIGQUIT, &before->quit, NULL);
}

/* Starts the program with its input, output and errors in files; returns 0 or an errno. */
static int start(const char *const *argv, const char *input, const char *out, const char *err,
                 const struct keyboard *keyboard, pid_t *ret_child)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int result;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, input ? input : "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	sigemptyset(&defaults);
	if (keyboard->interrupt.sa_handler != SIG_IGN)
		sigaddset(&defaults, SIGINT);
	if (keyboard->quit.sa_handler != SIG_IGN)
		sigaddset(&defaults, SIGQUIT);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	/* posix_spawnp wants char *, and changes none of them. */
	result = posix_spawnp(ret_child, argv[0], &files, &attributes, (char *const *)(uintptr_t)argv,
	                      environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return result;
}

static int collect(const char *out, const char *err, struct process_result *ret_result, struct error *error)
{
	if (file_read(out, &ret_result->out, &ret_result->out_length, error))
		return ERROR_IO;
	return file_read(err, &ret_result->err, &ret_result->err_length, error);
}

int process_run(const char *const *argv, const char *input, const struct scratch *scratch,
                struct process_result *ret_result, struct error *error)
{
	struct process_result result = { 0 };
	struct keyboard keyboard;
	char out[PATH_MAX], err[PATH_MAX];
	int failed, status = 0;
	pid_t child, ended;

	scratch_file(scratch, "out", NULL, 0, out, error);
	scratch_file(scratch, "err", NULL, 0, err, error);
	keyboard_leave(&keyboard);
	failed = start(argv, input, out, err, &keyboard, &child);
	do {
		ended = failed ? 0 : waitpid(child, &status, 0);
	} while (ended < 0 && errno == EINTR);
	keyboard_take(&keyboard);
	if (failed == ENOENT && !strchr(argv[0], '/'))
		return error_set(error, ERROR_IO, "%s: not found, expected in PATH", argv[0]);
	if (failed || ended < 0)
		return error_set(error, ERROR_IO, "%s: cannot be run: %s", argv[0],
		                 strerror(failed ? failed : errno));
	if (!WIFEXITED(status))
		return error_set(error, ERROR_IO, "%s: was ended by signal %d", argv[0], WTERMSIG(status));
	if (collect(out, err, &result, error)) {
		process_free(&result);
		return ERROR_IO;
	}
	result.code = WEXITSTATUS(status);
	*ret_result = result;
	return 0;
}

void process_free(struct process_result *result)
{
	free(result->out);
	free(result->err);
	*result = (struct process_result){ 0 };
}

void process_first_line(const char *text, char *ret_line, size_t room)
{
	struct error line;

	/* error_set has the rules for texts that came from elsewhere. */
	error_set(&line, ERROR_INPUT, "%.*s", (int)strcspn(text, "\r\n"), text);
	snprintf(ret_line, room, "%s", line.text);
}

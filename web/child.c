/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE /* POSIX_SPAWN_SETSID, environ */
#include "web/child.h"

#include "core/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { KEPT_AS = 3 };

#define LOCKS "LOCKKEEPER_LOCKS="

struct child_options child_options_none(const char *const *argv)
{
	return (struct child_options){ .argv = argv, .in = -1, .out = -1, .err = -1, .kept = -1 };
}

/* Our environment with another folder of locks; both are the caller's to free. */
static char **environment_of(const char *locks, char **ret_text)
{
	size_t count = 0, kept = 0, room = sizeof(LOCKS) + strlen(locks);
	char **environment;

	while (environ[count])
		count++;
	environment = MEMORY_ARRAY(char *, count + 2);
	for (size_t i = 0; i < count; i++) {
		if (strncmp(environ[i], LOCKS, sizeof(LOCKS) - 1))
			environment[kept++] = environ[i];
	}
	*ret_text = memory_take(room);
	snprintf(*ret_text, room, LOCKS "%s", locks);
	environment[kept] = *ret_text;
	return environment;
}

static void add_file(posix_spawn_file_actions_t *files, int number, int given, const char *path)
{
	if (given >= 0)
		posix_spawn_file_actions_adddup2(files, given, number);
	else
		posix_spawn_file_actions_addopen(files, number, path ? path : "/dev/null",
		                                 number == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC, 0600);
}

pid_t child_start(const struct child_options *options, struct error *error)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	char **environment = environ, *text = NULL;
	sigset_t none, defaults;
	pid_t child = 0;
	int result;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	add_file(&files, 0, options->in, NULL);
	add_file(&files, 1, options->out, options->out_path);
	add_file(&files, 2, options->err, options->err_path);
	if (options->kept >= 0)
		posix_spawn_file_actions_adddup2(&files, options->kept, KEPT_AS);
	/* What we hold back, or hear of otherwise, it has to hear of. */
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes,
	                         (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
	                                 (options->apart ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP)));
	if (options->locks)
		environment = environment_of(options->locks, &text);
	/* posix_spawn wants char *, and changes none of them. */
	result = posix_spawn(&child, options->argv[0], &files, &attributes,
	                     (char *const *)(uintptr_t)options->argv, environment);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	if (options->locks)
		free(environment);
	free(text);
	if (result == 0)
		return child;
	error_set(error, ERROR_IO, "%s: cannot be run: %s", options->argv[0], strerror(result));
	return 0;
}

int child_wait(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void child_line(const char *path, bool last, char *ret_line, size_t room)
{
	static const char own[] = "lockkeeper: ";
	FILE *file = fopen(path, "re");
	char line[1024];
	struct error text;

	ret_line[0] = '\0';
	while (file && (last || !ret_line[0]) && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (!line[0])
			continue;
		/* error_set has the rules for texts that came from elsewhere. */
		error_set(&text, ERROR_INPUT, "%s",
		          strncmp(line, own, sizeof(own) - 1) ? line : line + sizeof(own) - 1);
		snprintf(ret_line, room, "%s", text.text);
	}
	if (file)
		fclose(file);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/child.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NOT_RUN = 127 };

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

bool child_run(const char *const *arguments, const char *output, struct child *ret_child)
{
	double begun_s = now_s();
	struct rusage usage;
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (freopen(output, "w", stdout))
			execv(arguments[0], (char *const *)arguments);
		_exit(NOT_RUN);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) ||
	    WEXITSTATUS(status) == NOT_RUN) {
		printf("  FAILED: %s could not be run\n", arguments[0]);
		return false;
	}
	*ret_child = (struct child){ now_s() - begun_s, (double)usage.ru_maxrss / 1024, WEXITSTATUS(status) };
	return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/plots.h"

#include "cli/cli.h"
#include "system/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child exits with when there is no gnuplot, or no folder to draw in. */
enum { NO_PROGRAM = 127, NO_FOLDER = 126 };

/* Copies the script that draws NAME to DIR/NAME.gp. */
static int script_copy(const char *dir, const char *name, struct error *error)
{
	char relative[NAME_MAX + 16], from[PATH_MAX], to[PATH_MAX], *text;
	size_t length;
	int result;

	snprintf(relative, sizeof(relative), "plots/%s.gp", name);
	result = cli_data_file(relative, from, sizeof(from), error);
	if (result)
		return result;
	if ((size_t)snprintf(to, sizeof(to), "%s/%s.gp", dir, name) >= sizeof(to))
		return error_set(error, ERROR_IO, "%s: the path is too long", dir);
	result = file_read(from, &text, &length, error);
	if (result)
		return result;
	result = file_write(to, text, length, true, error);
	free(text);
	return result;
}

/* The child: gnuplot in DIR, nothing to read, what it says to the pipe. -d: without ~/.gnuplot. */
static void gnuplot_become(const char *dir, char *script, int says)
{
	char program[] = "gnuplot", quiet[] = "-d";
	char *arguments[] = { program, quiet, script, NULL };
	int nothing = open("/dev/null", O_RDWR);

	if (nothing < 0 || chdir(dir))
		_exit(NO_FOLDER);
	dup2(nothing, STDIN_FILENO);
	dup2(nothing, STDOUT_FILENO);
	dup2(says, STDERR_FILENO);
	execvp(arguments[0], arguments);
	_exit(NO_PROGRAM);
}

/* Reads to the end; keeps the last line that is not empty: gnuplot's warnings come before its error. */
static void last_line(int from, char *line, size_t room)
{
	char text[4096], next[256];
	size_t length = 0;
	ssize_t got;

	line[0] = '\0';
	while ((got = read(from, text, sizeof(text))) > 0 || (got < 0 && errno == EINTR)) {
		for (ssize_t i = 0; i < got; i++) {
			if (text[i] != '\n' && length + 1 < sizeof(next))
				next[length++] = text[i];
			if (text[i] != '\n' || length == 0)
				continue;
			next[length] = '\0';
			snprintf(line, room, "%s", next);
			length = 0;
		}
	}
}

/* Runs gnuplot to its end; *ret_status as waitpid() has it. */
static int gnuplot_run(const char *dir, const char *name, int *ret_status, char *says, size_t room,
                       struct error *error)
{
	char script[NAME_MAX + 1];
	int ends[2];
	pid_t child;

	snprintf(script, sizeof(script), "%s.gp", name);
	if (pipe(ends))
		return error_set(error, ERROR_IO, "gnuplot: %s", strerror(errno));
	for (int i = 0; i < 2; i++)
		fcntl(ends[i], F_SETFD, FD_CLOEXEC);
	fflush(NULL);
	child = fork();
	if (child == 0)
		gnuplot_become(dir, script, ends[1]);
	close(ends[1]);
	if (child > 0)
		last_line(ends[0], says, room);
	close(ends[0]);
	if (child < 0)
		return error_set(error, ERROR_IO, "gnuplot: %s", strerror(errno));
	while (waitpid(child, ret_status, 0) < 0) {
		if (errno != EINTR)
			return error_set(error, ERROR_IO, "gnuplot: %s", strerror(errno));
	}
	return 0;
}

static int status_error(const char *dir, const char *name, int status, const char *says, struct error *error)
{
	if (WIFSIGNALED(status))
		return error_set(error, ERROR_IO, "%s/%s.gp: gnuplot was ended by signal %d", dir, name,
		                 WTERMSIG(status));
	if (WEXITSTATUS(status) == NO_PROGRAM)
		return error_set(
			error, ERROR_IO,
			"%s/%s.svg: there is no gnuplot to draw it, expected Debian's package gnuplot-nox",
			dir, name);
	if (WEXITSTATUS(status) == NO_FOLDER)
		return error_set(error, ERROR_IO, "%s: cannot be entered to draw in it", dir);
	return error_set(error, ERROR_IO, "%s/%s.gp: gnuplot ended with exit code %d%s%s", dir, name,
	                 WEXITSTATUS(status), *says ? ": " : "", says);
}

int plots_draw(const char *dir, const char *name, struct error *error)
{
	static const char *const forms[] = { "svg", "png" };
	char path[PATH_MAX], says[256];
	int status, result;

	result = script_copy(dir, name, error);
	if (result)
		return result;
	result = gnuplot_run(dir, name, &status, says, sizeof(says), error);
	if (!result && status)
		result = status_error(dir, name, status, says, error);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s.%s", dir, name, forms[i]);
		if (result)
			unlink(path);
		else if (access(path, R_OK))
			return error_set(error, ERROR_IO, "%s: gnuplot did not write it", path);
	}
	return result;
}

int plots_write(const char *dir, const char *name, const char *csv, size_t length, struct error *error)
{
	char path[PATH_MAX];
	int result = folder_make(dir, error);

	if (result)
		return result;
	if ((size_t)snprintf(path, sizeof(path), "%s/%s.csv", dir, name) >= sizeof(path))
		return error_set(error, ERROR_IO, "%s: the path is too long", dir);
	return file_write(path, csv, length, true, error);
}

int plots_table(const char *dir, const char *name, struct table *table, struct error *error)
{
	size_t length;
	char *text = table_csv(table, &length);
	int result;

	table_free(table);
	result = plots_write(dir, name, text, length, error);
	free(text);
	return result ? result : plots_draw(dir, name, error);
}

/* Three digits, without powers of ten as far as people read on. */
static void short_text(double number, char *ret_text, size_t room)
{
	double unit = fabs(number) >= 1000 ? pow(10, floor(log10(fabs(number))) - 2) : 1;

	if (fabs(number) >= 1000 && fabs(number) < 1e9)
		snprintf(ret_text, room, "%.0f", round(number / unit) * unit);
	else
		snprintf(ret_text, room, "%.3g", number);
}

void plots_quarter_text(const struct uncertain_input *input, uint32_t quarter, char *ret_text, size_t room)
{
	char low[32], high[32];

	/* The very ends of a distribution may be without end. */
	short_text(uncertain_number(input, fmax((double)quarter / PLOTS_QUARTERS, 0.001)), low, sizeof(low));
	short_text(uncertain_number(input, fmin((quarter + 1.0) / PLOTS_QUARTERS, 0.999)), high,
	           sizeof(high));
	snprintf(ret_text, room, "%s-%s", low, high);
}

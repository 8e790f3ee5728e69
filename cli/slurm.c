/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/sweep.h"

#include "system/files.h"
#include "system/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Words of sbatch's command line, and of one that the user adds. */
enum { WORDS_MOST = 64 };

struct submission {
	const struct sweep_work *work;
	const struct slurm_options *options;
	struct scratch scratch;
	char folder[PATH_MAX]; /* the sweep's, absolute */
	char script[PATH_MAX];
	char job[64];
};

/* ------------------------------------------------------------------ submitting */

/* A text for bash, in single quotes. */
static void print_quoted(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", out);
		else
			fputc(*text, out);
	}
	fputc('\'', out);
}

/* Each job runs its shard from the whole sweep in the folder; --resume: Slurm may requeue it. */
static int write_script(struct submission *submission, struct error *error)
{
	char program[PATH_MAX], folder[PATH_MAX + 16], *text = NULL;
	ssize_t program_length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	size_t length;
	FILE *out;
	int result;

	if (program_length <= 0)
		return error_set(error, ERROR_IO, "where the program is cannot be found out");
	program[program_length] = '\0';
	snprintf(folder, sizeof(folder), "%s/slurm", submission->folder);
	result = folder_make(folder, error);
	if (result)
		return result;
	out = open_memstream(&text, &length);
	fputs("#!/bin/bash\n# One shard of a sweep: submitted by lockkeeper sweep --slurm.\nexec ", out);
	print_quoted(out, program);
	fputs(" sweep ", out);
	snprintf(folder, sizeof(folder), "%s/sweep.json", submission->folder);
	print_quoted(out, folder);
	fputs(" -o ", out);
	print_quoted(out, submission->folder);
	fprintf(out, " --shard \"$SLURM_ARRAY_TASK_ID/%u\" --resume -j \"${SLURM_CPUS_PER_TASK:-1}\"\n",
	        submission->options->shards);
	fclose(out);
	result = file_write(submission->script, text, length, true, error);
	free(text);
	return result;
}

/* Splits at white space; the words stay in text. */
static uint32_t split(char *text, const char **words, uint32_t room)
{
	char *rest = NULL;
	uint32_t count = 0;

	for (char *word = strtok_r(text, " \t\n", &rest); word && count < room;
	     word = strtok_r(NULL, " \t\n", &rest))
		words[count++] = word;
	return count;
}

/* Runs a program of Slurm's; what it says goes into text. */
static int ask(struct submission *submission, const char *const *argv, char *text, size_t room, int *ret_code,
               struct error *error)
{
	struct process_result ran;
	int result = process_run(argv, NULL, &submission->scratch, &ran, error);

	if (result)
		return result;
	*ret_code = ran.code;
	if (ran.code)
		process_first_line(ran.err, text, room);
	else
		snprintf(text, room, "%s", ran.out);
	process_free(&ran);
	return 0;
}

static int submit(struct submission *submission, struct error *error)
{
	const struct slurm_options *options = submission->options;
	char array[32], output[PATH_MAX + 32], answer[256],
		*more = strdup(options->arguments ? options->arguments : "");
	const char *words[WORDS_MOST + 8] = { "sbatch", "--parsable", array, output,
		                              "--job-name=lockkeeper-sweep" };
	uint32_t count = 5 + split(more, words + 5, WORDS_MOST);
	int result, code;

	snprintf(array, sizeof(array), "--array=1-%u", options->shards);
	snprintf(output, sizeof(output), "--output=%s/slurm/%%a.log", submission->folder);
	words[count++] = submission->script;
	words[count] = NULL;
	result = ask(submission, words, answer, sizeof(answer), &code, error);
	free(more);
	if (!result && code)
		result = error_set(error, ERROR_IO, "sbatch: %s", answer);
	if (result)
		return result;
	/* JOB, or JOB;CLUSTER. */
	snprintf(submission->job, sizeof(submission->job), "%.*s", (int)strcspn(answer, ";\n"), answer);
	fprintf(stderr, "lockkeeper: submitted as job %s: %u shards; scancel %s stops it\n", submission->job,
	        options->shards, submission->job);
	return 0;
}

/* ------------------------------------------------------------------ waiting */

/* Units that are done so far. */
static uint32_t count_done(const struct submission *submission)
{
	char path[PATH_MAX + 16];
	struct dirent *entry;
	uint32_t count = 0;
	DIR *units;

	snprintf(path, sizeof(path), "%s/units", submission->folder);
	units = opendir(path);
	if (!units)
		return 0;
	while ((entry = readdir(units)))
		count += strlen(entry->d_name) == 64 + strlen(".json");
	closedir(units);
	return count;
}

/* Whether any of its jobs waits or runs. Slurm forgets a job some minutes after its end: then it is an error.
 */
static int is_alive(struct submission *submission, bool *ret_alive, struct error *error)
{
	const char *const words[] = {
		"squeue", "--noheader", "--jobs", submission->job, "--format=%T", NULL
	};
	char answer[4096];
	int code, result = ask(submission, words, answer, sizeof(answer), &code, error);

	if (result)
		return result;
	if (code && !strstr(answer, "Invalid job id"))
		return error_set(error, ERROR_IO, "squeue: %s", answer);
	*ret_alive = !code && answer[0];
	return 0;
}

static void show_progress(const struct submission *submission, uint32_t first, double waited_s)
{
	uint32_t all = submission->work->sweep.units, done = count_done(submission);

	if (!isatty(STDERR_FILENO))
		return;
	if (done > first)
		fprintf(stderr, "\r%u of %u units of work are done, %.0f s left   ", done, all,
		        waited_s * (all - done) / (done - first));
	else
		fprintf(stderr, "\r%u of %u units of work are done   ", done, all);
}

static int wait_for(struct submission *submission, struct error *error)
{
	const struct timespec pause = { submission->options->poll_s, 0 };
	uint32_t first = count_done(submission);
	double waited_s = 0;
	bool alive = true;
	int result = 0;

	while (!result && alive) {
		nanosleep(&pause, NULL);
		waited_s += submission->options->poll_s;
		show_progress(submission, first, waited_s);
		result = is_alive(submission, &alive, error);
	}
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%70s\r", "");
	return result;
}

int slurm_run(const struct sweep_work *work, const struct slurm_options *options, struct error *error)
{
	struct submission submission = { .work = work, .options = options };
	int result;

	if (!realpath(options->folder, submission.folder))
		return error_set(error, ERROR_IO, "%s: is not there", options->folder);
	if ((size_t)snprintf(submission.script, sizeof(submission.script), "%.*s/slurm/job.sh", PATH_MAX - 32,
	                     submission.folder) >= sizeof(submission.script))
		return error_set(error, ERROR_IO, "%s: the path is too long", options->folder);
	result = scratch_create(&submission.scratch, error);
	if (result)
		return result;
	result = write_script(&submission, error);
	if (!result)
		result = submit(&submission, error);
	if (!result)
		result = wait_for(&submission, error);
	scratch_remove(&submission.scratch);
	return result;
}

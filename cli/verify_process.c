/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/verify_process.h"

#include "system/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERIFIER "lockkeeper-verify"

/* The verifier's exit codes by verdict, and its words for them (docs/cli.md). */
static const struct verdict {
	const char *word;
	int code;
} verdicts[] = {
	[VERIFY_PROVEN] = { "proven", 0 },
	[VERIFY_VIOLATED] = { "violated", 2 },
	[VERIFY_UNKNOWN] = { "unknown", 6 },
};

enum { VERDICTS = sizeof(verdicts) / sizeof(verdicts[0]) };

/* Beside our own binary: the two were built together. Else its bare name, for PATH. */
static void find_verifier(char ret_path[PATH_MAX])
{
	char own[PATH_MAX - sizeof(VERIFIER)];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	snprintf(ret_path, PATH_MAX, VERIFIER);
	if (length <= 0)
		return;
	own[length] = '\0';
	slash = strrchr(own, '/');
	if (!slash)
		return;
	slash[1] = '\0';
	snprintf(ret_path, PATH_MAX, "%s" VERIFIER, own);
	if (access(ret_path, X_OK))
		snprintf(ret_path, PATH_MAX, VERIFIER);
}

static int place_document(const struct scratch *scratch, const char *name,
                          const struct verify_document *document, char ret_path[PATH_MAX],
                          struct error *error)
{
	if (!document->path)
		return scratch_file(scratch, name, document->bytes, document->length, ret_path, error);
	/* Its own options begin with a dash, and "-" is a file to it. */
	if ((size_t)snprintf(ret_path, PATH_MAX, "%s%s", document->path[0] == '-' ? "./" : "",
	                     document->path) >= PATH_MAX)
		return error_set(error, ERROR_IO, "%.100s…: the path is too long", document->path);
	return 0;
}

/* Appends ", WORD VALUE" for a member that is there. */
static void append_member(char *text, size_t room, const json_t *finding, const char *name, const char *word)
{
	const json_t *value = json_get(finding, name);
	size_t length = strlen(text);
	char number[32];

	if (!value || json_type(value) == JSON_NULL)
		return;
	if (json_type(value) == JSON_NUMBER)
		json_number_text(json_number(value), number);
	else if (json_type(value) != JSON_TEXT)
		return;
	snprintf(text + length, room - length, "%s%s %s", length ? ", " : "", word,
	         json_type(value) == JSON_TEXT ? json_text(value) : number);
}

static void finding_text(const json_t *finding, char *ret_text, size_t room)
{
	static const char *const members[][2] = { { "move", "move" }, { "vm", "VM" }, { "host", "host" } };
	const json_t *rule = json_get(finding, "rule"), *why = json_get(finding, "why");
	size_t length;

	snprintf(ret_text, room, "%s", rule && json_type(rule) == JSON_TEXT ? json_text(rule) : "");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		append_member(ret_text, room, finding, members[i][0], members[i][1]);
	length = strlen(ret_text);
	if (why && json_type(why) == JSON_TEXT)
		snprintf(ret_text + length, room - length, ": %s", json_text(why));
}

/* What it printed; taken over. A verdict counts only when the exit code says the same. */
static int read_verdict(struct process_result *result, struct verify_answer *ret_answer, struct error *error)
{
	struct verify_answer answer = { 0 };
	const json_t *word, *findings;
	struct json_doc *doc;
	uint32_t verdict = 0;
	char *text = result->out;

	result->out = NULL;
	if (json_doc_parse(&doc, VERIFIER, text, result->out_length, error))
		return ERROR_INPUT;
	word = json_get(json_doc_root(doc), "verdict");
	findings = json_get(json_doc_root(doc), "findings");
	while (verdict < VERDICTS &&
	       (result->code != verdicts[verdict].code || !word || json_type(word) != JSON_TEXT ||
	        strcmp(json_text(word), verdicts[verdict].word)))
		verdict++;
	answer.verdict = (enum verify_verdict)verdict;
	if (findings && json_type(findings) == JSON_ARRAY && json_first(findings)) {
		answer.findings = (uint32_t)json_count(findings);
		finding_text(json_first(findings), answer.finding, sizeof(answer.finding));
	}
	json_doc_free(doc);
	if (verdict == VERDICTS)
		return error_set(error, ERROR_IO,
		                 VERIFIER ": ended with exit code %d and another verdict, expected the same",
		                 result->code);
	*ret_answer = answer;
	return 0;
}

static int ask(const struct verify_document *cluster, const struct verify_document *plan,
               enum profile profile, const struct scratch *scratch, struct verify_answer *ret_answer,
               struct error *error)
{
	char program[PATH_MAX], cluster_path[PATH_MAX], plan_path[PATH_MAX], line[512];
	const char *argv[] = { program, "--output", "json", cluster_path, plan_path, NULL, NULL, NULL };
	struct process_result result;
	int failed;

	find_verifier(program);
	if (profile < PROFILE_COUNT) {
		argv[5] = "--profile";
		argv[6] = profile_words[profile];
	}
	if (place_document(scratch, "cluster.json", cluster, cluster_path, error) ||
	    place_document(scratch, "plan.json", plan, plan_path, error))
		return ERROR_IO;
	failed = process_run(argv, NULL, scratch, &result, error);
	if (failed)
		return failed;
	if (result.out_length > 0) {
		failed = read_verdict(&result, ret_answer, error);
	} else {
		process_first_line(result.err, line, sizeof(line));
		failed = error_set(error, ERROR_IO, "%s%s", *line ? "" : VERIFIER ": says nothing", line);
	}
	process_free(&result);
	return failed;
}

int verify_process(const struct verify_document *cluster, const struct verify_document *plan,
                   enum profile profile, struct verify_answer *ret_answer, struct error *error)
{
	struct scratch scratch;
	int result = scratch_create(&scratch, error);

	if (result)
		return result;
	result = ask(cluster, plan, profile, &scratch, ret_answer, error);
	scratch_remove(&scratch);
	return result;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/approval.h"

#include "cli/cli.h"
#include "core/digest.h"
#include "core/intern.h"
#include "core/read.h"
#include "system/files.h"
#include "system/process.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APPROVAL_SCHEMA "lockkeeper.approval/1"

/* Names that one key may stand for in the signers' file; more are not asked about. */
enum { NAMES_MOST = 16 };

/* An approval as its file has it. Texts live as long as the file's document. */
struct approval {
	const char *schema, *plan_digest, *cluster_digest, *expires_at, *signature;
	int64_t expires_unix_s;
};

/* What is known of one approval. */
struct finding {
	const char *path;
	struct json_doc *doc;
	struct cluster texts; /* only its table of texts is used */
	struct approval approval;
	char *names[NAMES_MOST]; /* whom the signers' file gives this key to */
	uint32_t name_count;
	char name[256],
		key[128]; /* whose signature it is, and the key's fingerprint; empty: it does not hold */
	char why[640];    /* why it does not count; empty: it does */
};

/* ------------------------------------------------------------------ what is signed */

char *approval_bytes(const json_t *plan, int64_t expires_unix_s, size_t *ret_length)
{
	json_t *whole = json_object_new();
	char moment[MOMENT_ROOM], *bytes;

	for (const json_t *member = json_first(plan); member; member = json_next(member)) {
		if (strcmp(json_key(member), "expires_at"))
			json_add(whole, json_key(member), json_copy(member));
	}
	moment_text(expires_unix_s, moment);
	json_add_text(whole, "expires_at", moment);
	bytes = json_canonical(whole, ret_length);
	json_free(whole);
	return bytes;
}

int64_t approval_plan_expires(const json_t *plan)
{
	const json_t *value = json_get(plan, "expires_at");
	int64_t unix_s;

	if (value && json_type(value) == JSON_TEXT && moment_parse(json_text(value), &unix_s))
		return unix_s;
	return MOMENT_LAST_S;
}

/* ------------------------------------------------------------------ signing */

/* What ssh-keygen said that helps: its first line, but for frames and for what it says in any case. */
static void complaint(const struct process_result *result, char *ret_text, size_t room)
{
	static const char *const skipped[] = { "@", "\r", "\n", "Signing ", NULL };
	const char *line = *result->err ? result->err : result->out;

	for (size_t i = 0; *line && skipped[i]; i++) {
		if (strncmp(line, skipped[i], strlen(skipped[i])))
			continue;
		line += strcspn(line, "\n");
		line += *line == '\n';
		i = SIZE_MAX; /* the next line, from the first word on */
	}
	process_first_line(line, ret_text, room);
	if (!*ret_text)
		snprintf(ret_text, room, "exit code %d", result->code);
}

/*
 * *ret_signature: its text, the caller's to free. The bytes are named, not piped in: without a terminal
 * ssh-keygen would take them for the passphrase.
 */
static int sign_bytes(const char *bytes, size_t length, const char *key, const struct scratch *scratch,
                      char **ret_signature, struct error *error)
{
	char plan[PATH_MAX], signature[PATH_MAX], line[512] = "";
	const char *argv[] = { "ssh-keygen", "-Y", "sign", "-f", key, "-n", APPROVAL_NAMESPACE, plan, NULL };
	struct process_result result;
	size_t signature_length;
	int code;

	scratch_file(scratch, "plan.sig", NULL, 0, signature, error);
	if (scratch_file(scratch, "plan", bytes, length, plan, error) ||
	    process_run(argv, NULL, scratch, &result, error))
		return ERROR_IO;
	code = result.code;
	if (code)
		complaint(&result, line, sizeof(line));
	process_free(&result);
	if (code)
		return error_set(error, ERROR_IO, "%s: cannot sign: ssh-keygen: %s", key, line);
	return file_read(signature, ret_signature, &signature_length, error);
}

int approval_sign(const json_t *plan, int64_t expires_unix_s, const char *key, json_t **ret_approval,
                  struct error *error)
{
	const json_t *cluster_digest = json_get(plan, "cluster_digest");
	char digest[65], moment[MOMENT_ROOM], *bytes, *signature = NULL;
	struct scratch scratch;
	json_t *approval;
	size_t length;
	int result;

	if (access(key, R_OK))
		return error_set(error, ERROR_IO, "%s: %m", key);
	result = scratch_create(&scratch, error);
	if (result)
		return result;
	bytes = approval_bytes(plan, expires_unix_s, &length);
	result = sign_bytes(bytes, length, key, &scratch, &signature, error);
	scratch_remove(&scratch);
	digest_sha256(bytes, length, digest);
	free(bytes);
	if (result)
		return result;
	moment_text(expires_unix_s, moment);
	approval = json_object_new();
	json_add_text(approval, "schema", APPROVAL_SCHEMA);
	json_add_text(approval, "plan_digest", digest);
	json_add_text(approval, "cluster_digest", json_text(cluster_digest));
	json_add_text(approval, "expires_at", moment);
	json_add_text(approval, "signature", signature);
	free(signature);
	*ret_approval = approval;
	return 0;
}

/* ------------------------------------------------------------------ the files */

/* A text of several lines: the table's own texts have one. */
static int read_signature(struct reader *reader, const json_t *value, void *into)
{
	if (read_type(reader, value, JSON_TEXT, "an SSH signature"))
		return ERROR_INPUT;
	*(const char **)into = json_text(value);
	return 0;
}

#define TEXT(member_)                                                                              \
	{                                                                                          \
		.name = #member_, .kind = READ_TEXT, .offset = offsetof(struct approval, member_), \
		.required = true                                                                   \
	}

static const struct read_member members[] = {
	TEXT(schema),
	TEXT(plan_digest),
	TEXT(cluster_digest),
	TEXT(expires_at),
	{ .name = "signature",
	  .kind = READ_BY,
	  .offset = offsetof(struct approval, signature),
	  .by = read_signature,
	  .required = true },
	{ 0 },
};

static int read_approval(struct finding *finding, struct error *error)
{
	struct reader reader = { .cluster = &finding->texts, .error = error };
	const json_t *root;
	int result = file_read_json(finding->path, &finding->doc, error);

	if (result)
		return result;
	finding->texts.interns = interns_new(&finding->texts.arena);
	reader.doc = finding->doc;
	root = json_doc_root(finding->doc);
	if (read_object(&reader, root, members, &finding->approval, "an approval"))
		return ERROR_INPUT;
	if (strcmp(finding->approval.schema, APPROVAL_SCHEMA))
		return json_fail(finding->doc, json_get(root, "schema"), error,
		                 "\"%.80s\", expected \"" APPROVAL_SCHEMA "\"", finding->approval.schema);
	if (!moment_parse(finding->approval.expires_at, &finding->approval.expires_unix_s))
		return json_fail(finding->doc, json_get(root, "expires_at"), error,
		                 "\"%.80s\", expected a time like \"2026-11-26T12:00:00Z\"",
		                 finding->approval.expires_at);
	return 0;
}

static void finding_free(struct finding *finding)
{
	for (uint32_t i = 0; i < finding->name_count; i++)
		free(finding->names[i]);
	json_doc_free(finding->doc);
	cluster_free(&finding->texts);
}

/* ------------------------------------------------------------------ one approval */

__attribute__((format(printf, 2, 3))) static void refuse(struct finding *finding, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(finding->why, sizeof(finding->why), format, arguments);
	va_end(arguments);
}

/* What can be said without a signature. bytes: what this approval should have signed. */
static void check_claims(struct finding *finding, const struct approval_question *question, const char *bytes,
                         size_t length)
{
	const struct approval *approval = &finding->approval;
	const json_t *cluster_digest = json_get(question->plan, "cluster_digest");
	char digest[65], moment[MOMENT_ROOM];

	digest_sha256(bytes, length, digest);
	moment_text(approval_plan_expires(question->plan), moment);
	if (!cluster_digest || json_type(cluster_digest) != JSON_TEXT ||
	    strcmp(json_text(cluster_digest), approval->cluster_digest))
		refuse(finding, "it is for a plan for another state of the cluster");
	else if (strcmp(digest, approval->plan_digest))
		refuse(finding, "it is for another plan, or the plan or its expiry was altered since");
	else if (approval->expires_unix_s > approval_plan_expires(question->plan))
		refuse(finding, "it outlives the plan, which expires at %s", moment);
	else if (approval->expires_unix_s <= question->now_unix_s)
		refuse(finding, "it expired at %s", approval->expires_at);
}

/* Runs `ssh-keygen -Y`, as of `now`, not of the machine's clock. */
static int keygen(const struct approval_question *question, const char *const *arguments, const char *input,
                  const struct scratch *scratch, struct process_result *ret_result, struct error *error)
{
	enum { ARGUMENTS_MOST = 16 };
	const char *argv[ARGUMENTS_MOST] = { "ssh-keygen", "-Y" };
	char now[MOMENT_ROOM], option[64];
	size_t count = 2;

	/* 2026-11-26T12:00:00Z as ssh-keygen spells it: 20261126120000Z. */
	moment_text(question->now_unix_s, now);
	snprintf(option, sizeof(option), "-Overify-time=%.4s%.2s%.2s%.2s%.2s%.2sZ", now, now + 5, now + 8,
	         now + 11, now + 14, now + 17);
	for (; *arguments; arguments++)
		argv[count++] = *arguments;
	argv[count] = option;
	return process_run(argv, input, scratch, ret_result, error);
}

/* Whom the signers' file gives the key to. */
static int find_names(struct finding *finding, const struct approval_question *question,
                      const struct scratch *scratch, const char *signature, struct error *error)
{
	const char *arguments[] = { "find-principals", "-s", signature, "-f", question->signers, NULL };
	struct process_result result;
	char line[512];

	if (keygen(question, arguments, NULL, scratch, &result, error))
		return ERROR_IO;
	for (const char *at = result.out; !result.code && *at && finding->name_count < NAMES_MOST;) {
		size_t length = strcspn(at, "\n");

		if (length > 0)
			finding->names[finding->name_count++] = strndup(at, length);
		at += length + (at[length] == '\n');
	}
	if (finding->name_count == 0) {
		complaint(&result, line, sizeof(line));
		refuse(finding, "it is not signed by one whom %.200s allows (ssh-keygen: %.300s)",
		       question->signers, line);
	}
	process_free(&result);
	return 0;
}

/*
 * Whether the signature holds for one name. The last word of what ssh-keygen says then is the fingerprint of
 * the key, of a certificate too: `Good "lockkeeper-plan" signature for NAME with ED25519 key SHA256:…`.
 */
static int verify_name(struct finding *finding, const char *name, const struct approval_question *question,
                       const struct scratch *scratch, const char *signature, const char *bytes,
                       struct error *error)
{
	const char *arguments[] = { "verify",           "-f", question->signers, "-I", name, "-n",
		                    APPROVAL_NAMESPACE, "-s", signature,         NULL };
	struct process_result result;
	char line[512], *last;

	if (keygen(question, arguments, bytes, scratch, &result, error))
		return ERROR_IO;
	process_first_line(result.out, line, sizeof(line));
	last = strrchr(line, ' ');
	if (result.code == 0 && last && !strncmp(last, " SHA256:", 8)) {
		snprintf(finding->name, sizeof(finding->name), "%s", name);
		snprintf(finding->key, sizeof(finding->key), "%s", last + 1);
		finding->why[0] = '\0';
	} else {
		complaint(&result, line, sizeof(line));
		refuse(finding, "the signature of %.100s does not hold (ssh-keygen: %.300s)", name, line);
	}
	process_free(&result);
	return 0;
}

static int check_signature(struct finding *finding, const struct approval_question *question,
                           const char *bytes, size_t length, struct error *error)
{
	const char *text = finding->approval.signature;
	char signature[PATH_MAX], plan[PATH_MAX];
	struct scratch scratch;
	int result = scratch_create(&scratch, error);

	if (result)
		return result;
	result = scratch_file(&scratch, "signature", text, strlen(text), signature, error);
	if (!result)
		result = scratch_file(&scratch, "plan", bytes, length, plan, error);
	if (!result)
		result = find_names(finding, question, &scratch, signature, error);
	for (uint32_t i = 0; i < finding->name_count && !result && !*finding->key; i++)
		result = verify_name(finding, finding->names[i], question, &scratch, signature, plan, error);
	scratch_remove(&scratch);
	return result;
}

static int check_approval(struct finding *finding, const struct approval_question *question,
                          struct error *error)
{
	size_t length;
	char *bytes;
	int result = read_approval(finding, error);

	if (result)
		return result;
	bytes = approval_bytes(question->plan, finding->approval.expires_unix_s, &length);
	check_claims(finding, question, bytes, length);
	if (!*finding->why)
		result = check_signature(finding, question, bytes, length, error);
	free(bytes);
	return result;
}

/* ------------------------------------------------------------------ all of them */

/* Whether two approvals may be one person's: they share a key, or any name that either key stands for. */
static bool same_signer(const struct finding *a, const struct finding *b)
{
	if (!strcmp(a->key, b->key))
		return true;
	for (uint32_t i = 0; i < a->name_count; i++) {
		for (uint32_t j = 0; j < b->name_count; j++) {
			if (!strcmp(a->names[i], b->names[j]))
				return true;
		}
	}
	return false;
}

/* Counts an approval that holds, unless its signer was counted before. */
static void count_approval(struct finding *findings, uint32_t index, struct approval_answer *answer)
{
	struct finding *finding = &findings[index];
	size_t length = strlen(answer->by);

	for (uint32_t i = 0; i < index; i++) {
		if (!*findings[i].why && same_signer(&findings[i], finding)) {
			refuse(finding, "it is by the same signer as %.200s", findings[i].path);
			return;
		}
	}
	snprintf(answer->by + length, sizeof(answer->by) - length, "%s%s", length ? ", " : "", finding->name);
	answer->counted++;
	if (finding->approval.expires_unix_s < answer->expires_unix_s)
		answer->expires_unix_s = finding->approval.expires_unix_s;
}

/* Why there are too few: the first that does not count says it best. */
static void say_why(const struct approval_question *question, const struct finding *findings,
                    struct approval_answer *answer)
{
	uint32_t first = 0;
	struct error line;

	while (first < question->count && !*findings[first].why)
		first++;
	if (first == question->count)
		error_set(&line, ERROR_INPUT, "%u approval%s of %u", answer->counted,
		          answer->counted == 1 ? "" : "s", question->needed);
	else if (question->needed == 1)
		error_set(&line, ERROR_INPUT, "%s: %s", findings[first].path, findings[first].why);
	else
		error_set(&line, ERROR_INPUT, "%u approval%s of %u; %s: %s", answer->counted,
		          answer->counted == 1 ? "" : "s", question->needed, findings[first].path,
		          findings[first].why);
	snprintf(answer->why, sizeof(answer->why), "%s", line.text);
}

int approval_check(const struct approval_question *question, struct approval_answer *ret_answer,
                   struct error *error)
{
	struct finding *findings = MEMORY_ARRAY(struct finding, question->count);
	struct approval_answer answer = { .expires_unix_s = approval_plan_expires(question->plan) };
	int result = 0;

	if (access(question->signers, R_OK))
		result = error_set(error, ERROR_IO, "%s: %m", question->signers);
	for (uint32_t i = 0; i < question->count && !result; i++) {
		findings[i].path = question->paths[i];
		result = check_approval(&findings[i], question, error);
		if (!result && !*findings[i].why)
			count_approval(findings, i, &answer);
	}
	if (!result) {
		answer.approved = answer.counted >= question->needed && question->needed > 0;
		if (!answer.approved)
			say_why(question, findings, &answer);
		*ret_answer = answer;
	}
	for (uint32_t i = 0; i < question->count; i++)
		finding_free(&findings[i]);
	free(findings);
	return result;
}

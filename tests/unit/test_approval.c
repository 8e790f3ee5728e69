/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Approvals by real keys, made by ssh-keygen in a folder of the test's own. */
#include "cli/approval.h"

#include "cli/cli.h"
#include "core/digest.h"
#include "system/files.h"
#include "system/process.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define PLAN                                                                                          \
	"{\"schema\":\"lockkeeper.plan/1\",\"cluster_digest\":\"" DIGEST "\",\"x-note\":\"by hand\"," \
	"\"goal\":{\"lock\":[\"a\"]},\"moves\":[]"

enum { NOW_S = 1790000000, HOUR_S = 3600, SIGNERS_ROOM = 8192 };

static struct scratch folder;
static struct error error;
static struct json_doc *plan_doc;

static void begin(void)
{
	cr_assert_eq(scratch_create(&folder, &error), 0, "%s", error.text);
}

static void end(void)
{
	json_doc_free(plan_doc);
	scratch_remove(&folder);
}

TestSuite(approval, .init = begin, .fini = end, .timeout = 60);

/* A path in the folder; of the last eight that were asked for. */
static const char *in(const char *name)
{
	static char paths[8][PATH_MAX];
	static int next;
	char *path = paths[next++ % 8];

	snprintf(path, PATH_MAX, "%s/%s", folder.folder, name);
	return path;
}

static void run(const char *const *argv)
{
	struct process_result result;
	struct scratch scratch;

	cr_assert_eq(scratch_create(&scratch, &error), 0);
	cr_assert_eq(process_run(argv, NULL, &scratch, &result, &error), 0, "%s", error.text);
	cr_assert_eq(result.code, 0, "%s: %s", argv[0], result.err);
	process_free(&result);
	scratch_remove(&scratch);
}

static void make_key(const char *name, const char *type)
{
	run((const char *const[]){ "ssh-keygen", "-q", "-t", type, "-N", "", "-f", in(name), NULL });
}

static void put(const char *name, const char *text)
{
	cr_assert_eq(file_write(in(name), text, strlen(text), true, &error), 0, "%s", error.text);
}

static char *get(const char *name)
{
	char *text;
	size_t length;

	cr_assert_eq(file_read(in(name), &text, &length, &error), 0, "%s", error.text);
	return text;
}

/* Appends "WHO PUBLIC-KEY" to the signers' file. */
static void allow(const char *who, const char *key)
{
	char text[SIGNERS_ROOM], name[64], *public_key, *before;

	snprintf(name, sizeof(name), "%s.pub", key);
	public_key = get(name);
	before = access(in("signers"), F_OK) ? strdup("") : get("signers");
	snprintf(text, sizeof(text), "%s%s %s", before, who, public_key);
	put("signers", text);
	free(public_key);
	free(before);
}

static const json_t *plan_of(const char *text)
{
	json_doc_free(plan_doc);
	cr_assert_eq(json_doc_parse(&plan_doc, "plan.json", strdup(text), strlen(text), &error), 0, "%s",
	             error.text);
	return json_doc_root(plan_doc);
}

/* Signs the plan into a file. */
static void approve(const char *plan, int64_t expires_unix_s, const char *key, const char *name)
{
	json_t *approval = NULL;
	size_t length;
	char *text;

	cr_assert_eq(approval_sign(plan_of(plan), expires_unix_s, in(key), &approval, &error), 0, "%s",
	             error.text);
	text = json_print(approval, true, &length);
	put(name, text);
	free(text);
	json_free(approval);
}

/* Checks files, NULL at the end, at a time. */
static struct approval_answer check_at(const char *plan, int64_t now_unix_s, uint32_t needed,
                                       const char *const *names)
{
	struct approval_question question = {
		.plan = plan_of(plan), .signers = in("signers"), .needed = needed, .now_unix_s = now_unix_s
	};
	struct approval_answer answer = { 0 };
	const char *paths[8];

	for (; names[question.count]; question.count++)
		paths[question.count] = in(names[question.count]);
	question.paths = paths;
	cr_assert_eq(approval_check(&question, &answer, &error), 0, "%s", error.text);
	cr_assert_eq(answer.approved, answer.why[0] == '\0');
	return answer;
}

static struct approval_answer check(const char *plan, const char *name)
{
	return check_at(plan, NOW_S, 1, (const char *const[]){ name, NULL });
}

static void says(const struct approval_answer *answer, const char *part)
{
	cr_assert_not(answer->approved);
	cr_assert(strstr(answer->why, part), "\"%s\" does not say: %s", answer->why, part);
	cr_assert(!strchr(answer->why, '\n'));
}

/* Puts one text in another's place in a file. */
static void edit(const char *name, const char *old, const char *new)
{
	char *text = get(name), *at = strstr(text, old), changed[SIGNERS_ROOM];

	cr_assert(at, "%s is not in %s", old, text);
	snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
	put(name, changed);
	free(text);
}

Test(approval, holds_by_each_kind_of_key)
{
	static const char *const types[] = { "ed25519", "ecdsa", "rsa" };

	for (int i = 0; i < 3; i++) {
		struct approval_answer answer;

		make_key(types[i], types[i]);
		allow(types[i], types[i]);
		approve(PLAN "}", NOW_S + HOUR_S, types[i], "approval.json");
		answer = check(PLAN "}", "approval.json");
		cr_assert(answer.approved, "%s", answer.why);
		cr_assert_str_eq(answer.by, types[i]);
		cr_assert_eq(answer.expires_unix_s, NOW_S + HOUR_S);
		cr_assert_eq(answer.counted, 1);
	}
}

Test(approval, is_over_the_canonical_bytes_with_the_expiry)
{
	static const char expected[] =
		"{\"cluster_digest\":\"" DIGEST
		"\",\"expires_at\":\"2026-09-21T14:13:20Z\",\"goal\":{\"lock\":[\"a\"]},"
		"\"moves\":[],\"schema\":\"lockkeeper.plan/1\"}";
	size_t length;
	char *bytes = approval_bytes(plan_of(PLAN "}"), NOW_S, &length);

	cr_assert_str_eq(bytes, expected);
	cr_assert_eq(length, strlen(expected));
	free(bytes);
	/* What the plan says of it gives way. */
	bytes = approval_bytes(plan_of(PLAN ",\"expires_at\":\"2027-01-01T00:00:00Z\"}"), NOW_S, &length);
	cr_assert_str_eq(bytes, expected);
	free(bytes);
}

Test(approval, expires_to_the_second)
{
	struct approval_answer answer;

	make_key("k", "ed25519");
	allow("alice", "k");
	approve(PLAN "}", NOW_S + 10, "k", "approval.json");
	answer = check_at(PLAN "}", NOW_S + 9, 1, (const char *const[]){ "approval.json", NULL });
	cr_assert(answer.approved);
	answer = check_at(PLAN "}", NOW_S + 10, 1, (const char *const[]){ "approval.json", NULL });
	says(&answer, "it expired at 2026-09-21T14:13:30Z");
}

Test(approval, is_void_when_anything_is_altered)
{
	struct approval_answer answer;
	char digest[65], *text;
	size_t length;

	make_key("k", "ed25519");
	allow("alice", "k");
	approve(PLAN "}", NOW_S + HOUR_S, "k", "approval.json");
	/* the plan */
	answer = check(PLAN ",\"breaks\":[]}", "approval.json");
	says(&answer, "it is for another plan, or the plan or its expiry was altered since");
	/* what its format says does not count */
	answer = check("{\"moves\":[],\"goal\":{\"lock\":[\"a\"]},\"x-more\":1,\"cluster_digest\":\"" DIGEST
	               "\",\"schema\":\"lockkeeper.plan/1\"}",
	               "approval.json");
	cr_assert(answer.approved, "%s", answer.why);
	/* the expiry */
	edit("approval.json", "2026-09-21T15:13:20Z", "2026-09-21T16:13:20Z");
	answer = check(PLAN "}", "approval.json");
	says(&answer, "it is for another plan, or the plan or its expiry was altered since");
	/* and the digest with it */
	text = approval_bytes(plan_of(PLAN "}"), NOW_S + 2 * HOUR_S, &length);
	digest_sha256(text, length, digest);
	free(text);
	text = get("approval.json");
	strstr(text, "plan_digest")[11 + 4 + 64] = '\0';
	edit("approval.json", strstr(text, "plan_digest") + 11 + 4, digest);
	free(text);
	answer = check(PLAN "}", "approval.json");
	says(&answer, "the signature of alice does not hold (ssh-keygen: ");
	/* the cluster */
	edit("approval.json", DIGEST, "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	answer = check(PLAN "}", "approval.json");
	says(&answer, "it is for a plan for another state of the cluster");
}

Test(approval, never_outlives_the_plan)
{
	struct approval_answer answer;

	make_key("k", "ed25519");
	allow("alice", "k");
	approve(PLAN "}", NOW_S + HOUR_S, "k", "approval.json");
	answer = check(PLAN ",\"expires_at\":\"2026-09-21T15:13:19Z\"}", "approval.json");
	says(&answer, "it outlives the plan, which expires at 2026-09-21T15:13:19Z");
	answer = check(PLAN ",\"expires_at\":\"2026-09-21T15:13:20Z\"}", "approval.json");
	cr_assert(answer.approved);
}

Test(approval, counts_of_allowed_signers_alone)
{
	struct approval_answer answer;
	char *text;

	make_key("k", "ed25519");
	make_key("other", "ed25519");
	allow("bob", "other");
	approve(PLAN "}", NOW_S + HOUR_S, "k", "approval.json");
	answer = check(PLAN "}", "approval.json");
	says(&answer, "it is not signed by one whom ");
	/* revoked by then; not yet */
	unlink(in("signers"));
	allow("alice valid-before=\"20260921141319Z\"", "k");
	answer = check(PLAN "}", "approval.json");
	says(&answer, "key has expired");
	unlink(in("signers"));
	allow("alice valid-before=\"20260921141500Z\"", "k");
	answer = check(PLAN "}", "approval.json");
	cr_assert(answer.approved, "%s", answer.why);
	/* for something else */
	unlink(in("signers"));
	allow("alice namespaces=\"file\"", "k");
	answer = check(PLAN "}", "approval.json");
	says(&answer, "does not hold");
	/* of a signature that is none */
	text = get("approval.json");
	edit("approval.json", "SIGNATURE-----\\n", "SIGNATURE-----\\nAAAA");
	answer = check(PLAN "}", "approval.json");
	says(&answer, "it is not signed by one whom");
	free(text);
}

Test(approval, of_another_namespace_does_not_count)
{
	struct approval_answer answer;
	char *bytes, *signature, text[SIGNERS_ROOM], digest[65];
	size_t length;
	json_t *value;

	make_key("k", "ed25519");
	allow("alice", "k");
	bytes = approval_bytes(plan_of(PLAN "}"), NOW_S + HOUR_S, &length);
	digest_sha256(bytes, length, digest);
	put("bytes", bytes);
	run((const char *const[]){ "ssh-keygen", "-Y", "sign", "-f", in("k"), "-n", "file", in("bytes"),
	                           NULL });
	signature = get("bytes.sig");
	value = json_text_new(signature);
	free(signature);
	signature = json_print(value, false, &length);
	snprintf(text, sizeof(text),
	         "{\"schema\":\"lockkeeper.approval/1\",\"plan_digest\":\"%s\",\"cluster_digest\":\"" DIGEST
	         "\",\"expires_at\":\"2026-09-21T15:13:20Z\",\"signature\":%s}",
	         digest, signature);
	put("approval.json", text);
	answer = check(PLAN "}", "approval.json");
	says(&answer, "namespace");
	free(signature);
	free(bytes);
	json_free(value);
}

Test(approval, two_are_by_two_people_with_two_keys)
{
	static const char *const both[] = { "one.json", "two.json", NULL };
	struct approval_answer answer;

	make_key("k", "ed25519");
	make_key("l", "ecdsa");
	allow("alice", "k");
	allow("bob", "l");
	approve(PLAN "}", NOW_S + 2 * HOUR_S, "k", "one.json");
	approve(PLAN "}", NOW_S + HOUR_S, "l", "two.json");
	answer = check_at(PLAN "}", NOW_S, 2, both);
	cr_assert(answer.approved, "%s", answer.why);
	cr_assert_str_eq(answer.by, "alice, bob");
	cr_assert_eq(answer.expires_unix_s, NOW_S + HOUR_S);
	/* one is not enough; nor is none; a third is too many to ask for */
	answer = check_at(PLAN "}", NOW_S, 2, both + 1);
	says(&answer, "1 approval of 2");
	answer = check_at(PLAN "}", NOW_S, 1, both + 2);
	says(&answer, "0 approvals of 1");
	answer = check_at(PLAN "}", NOW_S, 3, both);
	says(&answer, "2 approvals of 3");
	/* one has expired by then */
	answer = check_at(PLAN "}", NOW_S + HOUR_S, 2, both);
	says(&answer, "1 approval of 2; ");
	says(&answer, "two.json: it expired at");
	answer = check_at(PLAN "}", NOW_S + HOUR_S, 1, both);
	cr_assert(answer.approved && answer.expires_unix_s == NOW_S + 2 * HOUR_S);
	/* the same file, and the same signer again */
	answer = check_at(PLAN "}", NOW_S, 2, (const char *const[]){ "one.json", "one.json", NULL });
	says(&answer, "it is by the same signer as");
	approve(PLAN "}", NOW_S + HOUR_S, "k", "two.json");
	answer = check_at(PLAN "}", NOW_S, 2, both);
	says(&answer, "two.json: it is by the same signer as");
}

Test(approval, one_person_with_two_keys_or_one_key_with_two_names_counts_once)
{
	static const char *const both[] = { "one.json", "two.json", NULL };
	struct approval_answer answer;

	make_key("k", "ed25519");
	make_key("l", "ed25519");
	allow("alice", "k");
	allow("second,alice", "l");
	approve(PLAN "}", NOW_S + HOUR_S, "k", "one.json");
	approve(PLAN "}", NOW_S + HOUR_S, "l", "two.json");
	answer = check_at(PLAN "}", NOW_S, 2, both);
	says(&answer, "it is by the same signer as");
	unlink(in("signers"));
	allow("alice", "k");
	allow("bob", "k");
	approve(PLAN "}", NOW_S + HOUR_S, "k", "two.json");
	answer = check_at(PLAN "}", NOW_S, 2, both);
	says(&answer, "it is by the same signer as");
}

/* What cannot be answered is an error. */
static void fails(const char *name, const char *signers, const char *message)
{
	const char *path = in(name);
	struct approval_question question = { .plan = plan_of(PLAN "}"),
		                              .paths = &path,
		                              .count = 1,
		                              .signers = in(signers),
		                              .needed = 1,
		                              .now_unix_s = NOW_S };
	struct approval_answer answer;

	cr_assert_lt(approval_check(&question, &answer, &error), 0);
	cr_assert(strstr(error.text, message), "\"%s\" does not say: %s", error.text, message);
}

Test(approval, files_that_are_none_are_errors)
{
	make_key("k", "ed25519");
	allow("alice", "k");
	approve(PLAN "}", NOW_S + HOUR_S, "k", "approval.json");
	fails("nowhere.json", "signers", "nowhere.json: No such file or directory");
	fails("approval.json", "nowhere", "nowhere: No such file or directory");
	put("bad.json", "{\"schema\":\"lockkeeper.approval/1\"}");
	fails("bad.json", "signers",
	      "bad.json:1: member \"plan_digest\" is missing, expected in an approval");
	edit("approval.json", "2026-09-21T15:13:20Z", "soon");
	fails("approval.json", "signers",
	      "approval.json:5: expires_at: \"soon\", expected a time like \"2026-11-26T12:00:00Z\"");
	edit("approval.json", "approval/1", "approval/2");
	edit("approval.json", "soon", "2026-09-21T15:13:20Z");
	fails("approval.json", "signers",
	      "approval.json:2: schema: \"lockkeeper.approval/2\", expected \"lockkeeper.approval/1\"");
}

Test(approval, without_ssh_keygen_nothing_is_decided)
{
	json_t *approval;

	make_key("k", "ed25519");
	allow("alice", "k");
	approve(PLAN "}", NOW_S + HOUR_S, "k", "approval.json");
	setenv("PATH", folder.folder, 1);
	fails("approval.json", "signers", "ssh-keygen: not found, expected in PATH");
	cr_assert_lt(approval_sign(plan_of(PLAN "}"), NOW_S, in("k"), &approval, &error), 0);
	cr_assert_str_eq(error.text, "ssh-keygen: not found, expected in PATH");
}

Test(approval, is_not_made_with_what_is_no_key)
{
	json_t *approval;

	put("junk", "junk\n");
	cr_assert_lt(approval_sign(plan_of(PLAN "}"), NOW_S, in("junk"), &approval, &error), 0);
	cr_assert(strstr(error.text, "junk: cannot sign: ssh-keygen: "), "%s", error.text);
	cr_assert_lt(approval_sign(plan_of(PLAN "}"), NOW_S, in("nowhere"), &approval, &error), 0);
	cr_assert(strstr(error.text, "nowhere: No such file or directory"), "%s", error.text);
	make_key("k", "ed25519");
	unlink(in("k"));
	unsetenv("SSH_AUTH_SOCK");
	cr_assert_lt(approval_sign(plan_of(PLAN "}"), NOW_S, in("k.pub"), &approval, &error), 0);
	cr_assert(strstr(error.text, "k.pub: cannot sign: ssh-keygen: No private key found"), "%s",
	          error.text);
}

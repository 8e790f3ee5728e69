/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/verify_process.h"

#include "cli/cli.h"
#include "core/plan_read.h"
#include "system/files.h"
#include "system/process.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLUSTER                                                                                 \
	"{\"schema\":\"lockkeeper.cluster/1\",\"name\":\"t\",\"profile\":\"nova\",\"hosts\":["  \
	"{\"name\":\"a\",\"cpus\":16,\"memory_mib\":8192},{\"name\":\"b\",\"cpus\":16,"         \
	"\"memory_mib\":8192}],\"flavors\":[{\"name\":\"s\",\"vcpus\":1,\"memory_mib\":1024}]," \
	"\"vms\":[{\"name\":\"v\",\"host\":\"a\",\"flavor\":\"s\"}]}"

static struct scratch folder;
static struct error error;

/* The verifier is not beside this test, but two folders up. */
static void begin(void)
{
	char own[PATH_MAX] = "", path[2 * PATH_MAX];

	cr_assert_eq(scratch_create(&folder, &error), 0);
	cr_assert_gt(readlink("/proc/self/exe", own, sizeof(own) - 1), 0);
	*strrchr(own, '/') = '\0';
	snprintf(path, sizeof(path), "%s/../..:%s", own, getenv("PATH"));
	setenv("PATH", path, 1);
	/* It runs once and frees nothing. */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
}

static void end(void)
{
	scratch_remove(&folder);
}

TestSuite(verify_process, .init = begin, .fini = end, .timeout = 60);

/* A plan for CLUSTER that locks a host by such moves. */
static const char *plan_text(const char *host, const char *moves)
{
	static char text[1024];
	struct cluster cluster;

	cluster_from_text(&cluster, CLUSTER);
	snprintf(text, sizeof(text),
	         "{\"schema\":\"lockkeeper.plan/1\",\"cluster_digest\":\"%s\",\"goal\":{\"lock\":[\"%s\"]},"
	         "\"moves\":[%s],\"expires_at\":\"2026-11-26T12:00:00Z\"}",
	         cluster.digest, host, moves);
	cluster_free(&cluster);
	return text;
}

static int ask(const char *plan, enum profile profile, struct verify_answer *ret_answer)
{
	struct verify_document cluster = { .bytes = CLUSTER, .length = strlen(CLUSTER) };
	struct verify_document document = { .bytes = plan, .length = strlen(plan) };

	return verify_process(&cluster, &document, profile, ret_answer, &error);
}

#define MOVE "{\"id\":1,\"vm\":\"v\",\"from\":\"a\",\"to\":\"b\",\"method\":\"live\"}"

Test(verify_process, proves_and_refutes_documents_in_memory)
{
	struct verify_answer answer;

	cr_assert_eq(ask(plan_text("a", MOVE), PROFILE_COUNT, &answer), 0, "%s", error.text);
	cr_assert(answer.verdict == VERIFY_PROVEN && answer.findings == 0 && !*answer.finding);
	cr_assert_eq(ask(plan_text("a", ""), PROFILE_COUNT, &answer), 0, "%s", error.text);
	cr_assert_eq(answer.verdict, VERIFY_VIOLATED);
	cr_assert_eq(answer.findings, 1);
	cr_assert_str_eq(answer.finding, "goal, VM v, host a: the VM is on a host that is to be locked");
	cr_assert_eq(ask(plan_text("b", MOVE), PROFILE_COUNT, &answer), 0, "%s", error.text);
	cr_assert_eq(answer.verdict, VERIFY_VIOLATED);
}

Test(verify_process, takes_the_profile)
{
	char plan[1100];
	struct verify_answer answer;

	snprintf(plan, sizeof(plan), "{\"profile\":\"titanium\",%s", plan_text("a", MOVE) + 1);
	cr_assert_eq(ask(plan, PROFILE_COUNT, &answer), 0, "%s", error.text);
	cr_assert_eq(answer.verdict, VERIFY_VIOLATED);
	cr_assert_str_eq(answer.finding, "profile: it was made for another profile");
	cr_assert_eq(ask(plan, PROFILE_TITANIUM, &answer), 0, "%s", error.text);
	cr_assert_eq(answer.verdict, VERIFY_PROVEN);
}

Test(verify_process, takes_files)
{
	char cluster_path[PATH_MAX], plan_path[PATH_MAX];
	const char *plan = plan_text("a", MOVE);
	struct verify_document cluster = { .path = cluster_path }, document = { .path = plan_path };
	struct verify_answer answer;

	scratch_file(&folder, "c.json", CLUSTER, strlen(CLUSTER), cluster_path, &error);
	scratch_file(&folder, "p.json", plan, strlen(plan), plan_path, &error);
	cr_assert_eq(verify_process(&cluster, &document, PROFILE_COUNT, &answer, &error), 0, "%s",
	             error.text);
	cr_assert_eq(answer.verdict, VERIFY_PROVEN);
	unlink(plan_path);
	cr_assert_lt(verify_process(&cluster, &document, PROFILE_COUNT, &answer, &error), 0);
	cr_assert(strstr(error.text, "p.json: cannot be read: No such file or directory"), "%s", error.text);
	/* Its name looks like an option. */
	cr_assert_eq(chdir(folder.folder), 0);
	cr_assert_eq(file_write("-p.json", plan, strlen(plan), true, &error), 0);
	document.path = "-p.json";
	cr_assert_eq(verify_process(&cluster, &document, PROFILE_COUNT, &answer, &error), 0, "%s",
	             error.text);
	cr_assert_eq(answer.verdict, VERIFY_PROVEN);
}

Test(verify_process, what_it_cannot_read_is_no_verdict)
{
	struct verify_answer answer;

	cr_assert_lt(ask("{\"moves\":7}", PROFILE_COUNT, &answer), 0);
	cr_assert(!strncmp(error.text, "lockkeeper-verify: ", 19), "%s", error.text);
	cr_assert(!strchr(error.text, '\n'));
}

/* A program of that name that is none of ours. */
static void impostor(const char *script)
{
	char path[PATH_MAX];

	scratch_file(&folder, "lockkeeper-verify", script, strlen(script), path, &error);
	cr_assert_eq(chmod(path, 0755), 0);
	setenv("PATH", folder.folder, 1);
}

Test(verify_process, there_must_be_one)
{
	struct verify_answer answer;

	setenv("PATH", folder.folder, 1);
	cr_assert_eq(ask(plan_text("a", MOVE), PROFILE_COUNT, &answer), ERROR_IO);
	cr_assert_str_eq(error.text, "lockkeeper-verify: not found, expected in PATH");
}

Test(verify_process, believes_a_verdict_only_with_its_exit_code)
{
	struct verify_answer answer;

	impostor("#!/bin/sh\necho '{\"verdict\":\"proven\",\"findings\":[]}'\nexit 2\n");
	cr_assert_eq(ask(plan_text("a", MOVE), PROFILE_COUNT, &answer), ERROR_IO);
	cr_assert_str_eq(error.text,
	                 "lockkeeper-verify: ended with exit code 2 and another verdict, expected "
	                 "the same");
	impostor("#!/bin/sh\nexit 0\n");
	cr_assert_eq(ask(plan_text("a", MOVE), PROFILE_COUNT, &answer), ERROR_IO);
	cr_assert_str_eq(error.text, "lockkeeper-verify: says nothing");
	impostor("#!/bin/sh\necho proven\n");
	cr_assert_eq(ask(plan_text("a", MOVE), PROFILE_COUNT, &answer), ERROR_INPUT);
	impostor("#!/bin/sh\nkill -9 $$\n");
	cr_assert_eq(ask(plan_text("a", MOVE), PROFILE_COUNT, &answer), ERROR_IO);
	cr_assert_str_eq(error.text, "lockkeeper-verify: was ended by signal 9");
}

Test(verify_process, leaves_no_files)
{
	struct verify_answer answer;
	struct stat status;

	setenv("TMPDIR", folder.folder, 1);
	cr_assert_eq(ask(plan_text("a", MOVE), PROFILE_COUNT, &answer), 0, "%s", error.text);
	cr_assert_eq(stat(folder.folder, &status), 0);
	cr_assert_eq(status.st_mode & 0777, 0700);
	/* Only an empty folder can be removed. */
	cr_assert_eq(rmdir(folder.folder), 0);
	setenv("TMPDIR", "/nowhere", 1);
	cr_assert_eq(ask(plan_text("a", MOVE), PROFILE_COUNT, &answer), ERROR_IO);
	cr_assert_str_eq(error.text, "/nowhere: no folder for temporary files: No such file or directory");
}

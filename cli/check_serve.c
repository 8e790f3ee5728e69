/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check --requests: questions come in as lines, answers go out as lines, as soon as they are known. */
#include "cli/check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * How many migrations may be simulated to find a good pace, and pairs of a VM and a host looked at for its
 * bound: when it is asked for in full, and else.
 */
enum { PACE_FULL = 200000, PAIRS_FULL = 20000000, PACE_BRIEF = 200, PAIRS_BRIEF = 0 };

/* Movers in a host's VMs beyond which predictions are of the expected run. */
enum { BRIEF_RUNS = 1 };

struct serving {
	struct check *check;
	pthread_mutex_t in, out;
	pthread_rwlock_t cluster; /* advice changes it for a while */
	bool failed;
	struct error error;
};

struct question {
	uint32_t host;
	bool full;
};

static int read_question(const struct serving *serving, char *line, size_t length,
                         struct question *ret_question, struct error *error)
{
	const struct cluster *cluster = &serving->check->cluster;
	const json_t *host;
	struct json_doc *doc;
	int result = json_doc_parse(&doc, "<stdin>", line, length, error);

	if (result)
		return result;
	host = json_get(json_doc_root(doc), "host");
	if (!host || json_type(host) != JSON_TEXT)
		result = json_fail(doc, json_doc_root(doc), error, "expected {\"host\": a host's name}");
	else if ((ret_question->host = cluster_host(cluster, json_text(host))) == NONE)
		result = json_fail(doc, host, error, "no host is named \"%s\"", json_text(host));
	ret_question->full = json_member_bool(json_doc_root(doc), "full");
	json_doc_free(doc);
	return result;
}

/* 1: there is one; 0: there are no more. */
static int next_question(struct serving *serving, struct question *ret_question, struct error *error)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	int result = 0;

	pthread_mutex_lock(&serving->in);
	if (!serving->failed && (length = getline(&line, &room, stdin)) > 0)
		result = read_question(serving, line, (size_t)length, ret_question, error) ? -1 : 1;
	else
		free(line);
	if (result < 0) {
		serving->failed = true;
		serving->error = *error;
	}
	pthread_mutex_unlock(&serving->in);
	return result;
}

static uint64_t movers(const struct check *check, uint32_t host)
{
	uint64_t count = 1;

	for (uint32_t vm = state_vms_first(&check->state, host); vm != NONE;
	     vm = state_vms_next(&check->state, vm))
		count++;
	return count;
}

static json_t *answer_json(const struct check *check, const struct checked *checked, bool full)
{
	json_t *value = json_object_new();

	json_add_text(value, "schema", "lockkeeper.check/1");
	json_add_text(value, "profile", profile_words[check->cluster.profile]);
	json_push(json_add(value, "hosts", json_array_new()), check_host_json(check, checked, full));
	return value;
}

static void print_answer(struct serving *serving, const struct checked *checked, bool full)
{
	json_t *value = answer_json(serving->check, checked, full);
	size_t length;
	char *text = json_print(value, false, &length);

	json_free(value);
	pthread_mutex_lock(&serving->out);
	if (!serving->failed && cli_print(text, length, &serving->error))
		serving->failed = true;
	pthread_mutex_unlock(&serving->out);
	free(text);
}

static void answer(struct serving *serving, const struct question *question, unsigned thread)
{
	struct check *check = serving->check;
	struct checked checked = { .host = question->host };
	struct check_how how = { .plan = question->full,
		                 .plan_instead = true,
		                 .certificate = question->full,
		                 .migrations_most = question->full ? PACE_FULL : PACE_BRIEF,
		                 .pairs_most = question->full ? PAIRS_FULL : PAIRS_BRIEF,
		                 .runs = BRIEF_RUNS };

	pthread_rwlock_rdlock(&serving->cluster);
	if (question->full)
		how.runs = check_runs(movers(check, question->host));
	check_answer(check, &checked, &how, thread);
	pthread_rwlock_unlock(&serving->cluster);
	if (question->full && checked.planned.verdict == PLANNED_NOT_LOCKABLE) {
		pthread_rwlock_wrlock(&serving->cluster);
		check_advise(check, &checked);
		pthread_rwlock_unlock(&serving->cluster);
	}
	print_answer(serving, &checked, question->full);
	check_forget(&checked);
}

static void work(void *context, uint32_t index, unsigned thread)
{
	struct serving *serving = context;
	struct question question = { 0 };
	struct error error;

	(void)index;
	while (next_question(serving, &question, &error) > 0)
		answer(serving, &question, thread);
}

int check_serve(struct check *check, struct error *error)
{
	struct serving serving = { .check = check,
		                   .in = PTHREAD_MUTEX_INITIALIZER,
		                   .out = PTHREAD_MUTEX_INITIALIZER,
		                   .cluster = PTHREAD_RWLOCK_INITIALIZER };
	bool *wanted = MEMORY_ARRAY(bool, check->cluster.host_count);
	unsigned threads = check->common.threads;

	memset(wanted, true, check->cluster.host_count);
	check_open(check, threads, wanted);
	cli_parallel(threads, threads, work, &serving, NULL);
	check_close(check);
	free(wanted);
	if (!serving.failed)
		return 0;
	*error = serving.error;
	return ERROR_INPUT;
}

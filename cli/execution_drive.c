/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The executor on real hosts: proofs before each wave, interrupts, and what people see of it. */
#include "cli/execution.h"
#include "cli/verify_process.h"
#include "core/digest.h"
#include "core/moment.h"
#include "core/plan_read.h"
#include "core/rules.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How often a wish to stop is looked for. */
enum { ASK_EVERY_MS = 500 };

/* What is left of the plan, as it was when the stock was asked for: proofs are made beside the loop. */
struct rest {
	struct driver_belief *beliefs; /* by VM */
	bool *left;                    /* by move */
	bool whole;                    /* all that the goal needs is left, or done */
};

struct drive {
	struct execution *execution;
	struct backend *backend;
	struct rest rest;
	pthread_t watcher;
	bool has_watcher;
	_Atomic bool over;
	struct execution_shown show;
};

/* ------------------------------------------------------------------ the proof of what is left */

/* The VM of the file with what is found of it now. */
static json_t *vm_now(const struct drive *drive, const json_t *vm, const struct driver_belief *belief)
{
	const struct cluster *cluster = &drive->execution->cluster;
	json_t *copy = json_object_new();

	for (const json_t *at = json_first(vm); at; at = json_next(at)) {
		if (strcmp(json_key(at), "host") && strcmp(json_key(at), "state"))
			json_add(copy, json_key(at), json_copy(at));
	}
	if (belief->host == NONE)
		json_add_null(copy, "host");
	else
		json_add_text(copy, "host", cluster->hosts[belief->host].name);
	if (belief->state != VM_DELETED)
		json_add_text(copy, "state", vm_state_words[belief->state]);
	return copy;
}

static json_t *cluster_now(const struct drive *drive, const struct driver_belief *beliefs)
{
	const json_t *root = json_doc_root(drive->execution->cluster_doc);
	json_t *copy = json_object_new();

	for (const json_t *at = json_first(root); at; at = json_next(at)) {
		uint32_t vm = 0;
		json_t *vms;

		if (strcmp(json_key(at), "vms")) {
			json_add(copy, json_key(at), json_copy(at));
			continue;
		}
		vms = json_add(copy, "vms", json_array_new());
		for (const json_t *row = json_first(at); row; row = json_next(row), vm++)
			json_push(vms, vm_now(drive, row, &beliefs[vm]));
	}
	return copy;
}

static json_t *move_json(const struct drive *drive, uint32_t move)
{
	const struct plan *plan = &drive->execution->plan;
	const struct cluster *cluster = &drive->execution->cluster;
	const struct plan_move *of = &plan->moves[move];
	json_t *object = json_object_new(), *after;

	json_add_number(object, "id", move + 1);
	json_add_text(object, "vm", cluster->vms[of->vm].name);
	json_add_text(object, "from", cluster->hosts[of->from].name);
	json_add_text(object, "to", cluster->hosts[of->to].name);
	json_add_text(object, "method", method_words[of->method]);
	after = json_add(object, "after", json_array_new());
	for (uint32_t i = 0; i < of->after_count; i++) {
		if (drive->rest.left[of->after[i]])
			json_push(after, json_number_new(of->after[i] + 1));
	}
	json_add_text(object, "why", plan_why_words[of->why]);
	return object;
}

/* The goal of the rest: that of the plan, or where its VMs end when not all of the plan can be done. */
static void add_goal(const struct drive *drive, json_t *root)
{
	const struct execution *execution = drive->execution;
	const struct plan *plan = &execution->plan;
	json_t *goal = json_add(root, "goal", json_object_new()), *part;

	if (drive->rest.whole && plan->goal_count > 0) {
		part = json_add(goal, "lock", json_array_new());
		for (uint32_t i = 0; i < plan->goal_count; i++)
			json_push(part, json_text_new(execution->cluster.hosts[plan->goal[i]].name));
		return;
	}
	part = json_add(goal, "place", json_object_new());
	for (uint32_t i = 0; i < plan->move_count; i++) {
		bool last = drive->rest.left[i];

		for (uint32_t j = i + 1; j < plan->move_count && last; j++)
			last = !(drive->rest.left[j] && plan->moves[j].vm == plan->moves[i].vm);
		if (last)
			json_add_text(part, execution->cluster.vms[plan->moves[i].vm].name,
			              execution->cluster.hosts[plan->moves[i].to].name);
	}
}

static char *rest_text(const struct drive *drive, const char *digest, size_t *ret_length)
{
	const struct plan *plan = &drive->execution->plan;
	json_t *root = json_object_new(), *moves;
	char *text;

	json_add_text(root, "schema", PLAN_SCHEMA);
	json_add_text(root, "profile", profile_words[plan->profile]);
	json_add_text(root, "cluster_digest", digest);
	add_goal(drive, root);
	moves = json_add(root, "moves", json_array_new());
	for (uint32_t i = 0; i < plan->move_count; i++) {
		if (drive->rest.left[i])
			json_push(moves, move_json(drive, i));
	}
	text = json_print(root, false, ret_length);
	json_free(root);
	return text;
}

static uint8_t prove(struct drive *drive, const struct driver_belief *beliefs, char *ret_why, size_t room)
{
	struct verify_document cluster = { 0 }, plan = { 0 };
	struct verify_answer answer;
	json_t *now = cluster_now(drive, beliefs);
	size_t length;
	char *canonical = json_canonical(now, &length), digest[65];
	char *cluster_text, *plan_text;
	struct error error;
	uint8_t result = TAKING_STALE;

	digest_sha256(canonical, length, digest);
	cluster_text = json_print(now, false, &cluster.length);
	plan_text = rest_text(drive, digest, &plan.length);
	cluster.bytes = cluster_text;
	plan.bytes = plan_text;
	if (verify_process(&cluster, &plan, drive->execution->plan.profile, &answer, &error))
		snprintf(ret_why, room, "the rest of the plan cannot be proven: %s", error.text);
	else if (answer.verdict != VERIFY_PROVEN)
		snprintf(ret_why, room, "the rest of the plan is not safe from what the hosts hold now: %s",
		         answer.finding);
	else
		result = TAKING_PROVEN;
	free(canonical);
	free(cluster_text);
	free(plan_text);
	json_free(now);
	return result;
}

/* Called beside the loop; all that it reads was put aside before. */
static uint8_t verify_rest(void *context, const struct stock_change *changes, uint32_t count, char *ret_why,
                           size_t room)
{
	struct drive *drive = context;
	const struct cluster *cluster = &drive->execution->cluster;
	int64_t expires_unix_s = drive->execution->options.expires_unix_s;
	struct driver_belief *beliefs;
	char moment[MOMENT_ROOM];
	uint8_t result;

	if (expires_unix_s > 0 && time(NULL) >= expires_unix_s) {
		moment_text(expires_unix_s, moment);
		snprintf(ret_why, room, "the approval has expired at %s", moment);
		return TAKING_STALE;
	}
	beliefs = MEMORY_ARRAY(struct driver_belief, cluster->vm_count);
	memcpy(beliefs, drive->rest.beliefs, sizeof(*beliefs) * cluster->vm_count);
	for (uint32_t i = 0; i < count; i++)
		beliefs[changes[i].vm] = (struct driver_belief){ changes[i].host, changes[i].state };
	/* A VM that moves by itself or by others is not at its next move's start: those moves are not left.
	 */
	for (uint32_t i = 0; i < drive->execution->plan.move_count; i++) {
		const struct plan_move *of = &drive->execution->plan.moves[i];

		for (uint32_t j = 0; j < count && drive->rest.left[i]; j++) {
			if (changes[j].vm == of->vm) {
				drive->rest.left[i] = false;
				drive->rest.whole = false;
			}
		}
	}
	result = prove(drive, beliefs, ret_why, room);
	free(beliefs);
	return result;
}

static void believe(void *context, struct driver_belief *ret_beliefs)
{
	struct drive *drive = context;
	const struct executor *executor = &drive->execution->executor;
	const struct plan *plan = &drive->execution->plan;
	struct rest *rest = &drive->rest;

	rest->whole = true;
	for (uint32_t vm = 0; vm < drive->execution->cluster.vm_count; vm++)
		ret_beliefs[vm] = rest->beliefs[vm] = (struct driver_belief){ executor->state.vm_host[vm],
			                                                      executor->state.vm_state[vm] };
	for (uint32_t i = 0; i < plan->move_count; i++) {
		uint8_t standing = executor->standings[i];

		rest->left[i] = executor_is_left(executor, i) && plan->moves[i].stage <= executor->stage;
		if (!rest->left[i] && standing != STANDING_DONE && standing != STANDING_SKIPPED)
			rest->whole = false;
	}
}

/* For tests: dies as by kill -9, with this record written and nothing of it sent. */
static bool see_step(void *context, const struct event *event, const struct command *commands, uint32_t count)
{
	struct drive *drive = context;
	const char *kill_at = getenv("LOCKKEEPER_TEST_DIE_AT");

	(void)commands;
	(void)count;
	if (kill_at && strtoull(kill_at, NULL, 10) == journal_count(drive->execution->journal))
		kill(getpid(), SIGKILL);
	execution_show(&drive->show, event);
	return true;
}

/* ------------------------------------------------------------------ stopping */

/* Waits for interrupts, and for the wish of `lockkeeper abort`, beside the loop. */
static void *watch_for_stop(void *context)
{
	struct drive *drive = context;
	struct timespec pause = { 0, (long)ASK_EVERY_MS * 1000000 };
	bool asked = false;
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	while (!drive->over) {
		int number = sigtimedwait(&signals, NULL, &pause);

		if (number > 0 && asked) {
			fputs("\nlockkeeper: left as it is; `lockkeeper resume` goes on\n", stderr);
			_exit(EXIT_STOPPED);
		}
		if (asked || (number <= 0 && !journal_abort_asked(drive->execution->journal)))
			continue;
		asked = true;
		fputs("\nlockkeeper: stopping: what can still be given up is; once more leaves it as it is\n",
		      stderr);
		driver_abort(drive->backend);
	}
	return NULL;
}

static void block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	/* A line that breaks while libvirt writes to it is an error like others. */
	signal(SIGPIPE, SIG_IGN);
}

/* ------------------------------------------------------------------ the drive */

static int find_uris(const struct execution *execution, const char **uris, struct error *error)
{
	const struct cluster *cluster = &execution->cluster;

	for (uint32_t i = 0; i < execution->options.uri_count; i++) {
		const char *text = execution->options.uris[i], *uri = strchr(text, '=') + 1;
		uint32_t host = NONE;

		for (uint32_t j = 0; j < cluster->host_count; j++) {
			if (strlen(cluster->hosts[j].name) == (size_t)(uri - text - 1) &&
			    !strncmp(cluster->hosts[j].name, text, (size_t)(uri - text - 1)))
				host = j;
		}
		if (host == NONE)
			return error_set(error, ERROR_INPUT,
			                 "--migration-uri: no host of the cluster is that of \"%s\"", text);
		uris[host] = uri;
	}
	return 0;
}

static void open_driver(struct drive *drive, const char **uris, struct timing *timings)
{
	struct execution *execution = drive->execution;
	const struct plan *plan = &execution->plan;
	struct driver_options options = {
		.timings = timings,
		.migration_uris = uris,
		.tls = execution->options.tls,
		.strangers = execution->options.strangers,
		.shared = { execution->options.shared, execution->options.shared_count },
		/* Whose patience is shorter waits no longer. */
		.look_s = fmin(DRIVER_LOOK_S, execution->options.patience_s),
		.context = drive,
		.believed = believe,
		.verify = verify_rest,
	};

	for (uint32_t i = 0; i < plan->move_count; i++)
		timings[i] = execution->executor.migrations[i].timing;
	drive->rest.beliefs = MEMORY_ARRAY(struct driver_belief, execution->cluster.vm_count);
	drive->rest.left = MEMORY_ARRAY(bool, plan->move_count);
	drive->backend = driver_open(&execution->cluster, plan, &options);
}

static void close_driver(struct drive *drive)
{
	drive->backend->close(drive->backend);
	free(drive->rest.beliefs);
	free(drive->rest.left);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int execution_drive(struct execution *execution, enum event_kind first, enum executor_end *ret_end,
                    struct error *error)
{
	struct drive drive = { .execution = execution, .show = execution_shown(execution) };
	struct run_watch watch = { see_step, &drive };
	const char **uris = MEMORY_ARRAY(const char *, execution->cluster.host_count);
	struct timing *timings = MEMORY_ARRAY(struct timing, execution->plan.move_count);
	int result = find_uris(execution, uris, error);

	if (result)
		goto out;
	block_signals();
	open_driver(&drive, uris, timings);
	drive.has_watcher = pthread_create(&drive.watcher, NULL, watch_for_stop, &drive) == 0;
	result = run(drive.backend, &execution->executor, execution->journal, first, now_ns(), &watch, error);
	execution_show_end(&drive.show);
	drive.over = true;
	if (drive.has_watcher)
		pthread_join(drive.watcher, NULL);
	close_driver(&drive);
	*ret_end = executor_end(&execution->executor);
out:
	free(uris);
	free(timings);
	return result;
}

/* ------------------------------------------------------------------ rehearsal */

static void say_checked(const struct execution *execution, const struct event *event)
{
	const struct plan_move *of = &execution->plan.moves[event->move];

	fprintf(stderr, "lockkeeper: %s %s > %s: %s%s%s\n", execution->cluster.vms[of->vm].name,
	        execution->cluster.hosts[of->from].name, execution->cluster.hosts[of->to].name,
	        event->ok ? "could move" : "could not move", event->why ? ": " : "",
	        event->why ? event->why : "");
}

/* The stock, then a check of each move whose VM is where it starts from. */
static void rehearse(struct drive *drive, enum executor_end *ret_end)
{
	struct execution *execution = drive->execution;
	struct backend *backend = drive->backend;
	struct command command = { .kind = COMMAND_STOCK, .move = NONE, .token = 1 };
	uint32_t awaited = 1;

	*ret_end = EXECUTOR_DONE;
	backend->submit(backend, &command);
	for (uint32_t i = 0; i < execution->plan.move_count; i++) {
		if (execution->plan.moves[i].after_count > 0)
			continue;
		command = (struct command){ .kind = COMMAND_CHECK, .move = i, .attempt = 1 };
		backend->submit(backend, &command);
		awaited++;
	}
	while (awaited > 0) {
		struct event event;

		backend->wait(backend, TIME_FOREVER, &event);
		if (event.kind == EVENT_STOCK) {
			awaited--;
			if (event.verdict == TAKING_PROVEN)
				continue;
			*ret_end = EXECUTOR_STALE;
			snprintf(execution->executor.why, sizeof(execution->executor.why), "%s",
			         event.why ? event.why : "");
		} else if (event.kind == EVENT_CHECKED) {
			awaited--;
			say_checked(execution, &event);
			if (event.ok || *ret_end != EXECUTOR_DONE)
				continue;
			*ret_end = EXECUTOR_STOPPED;
			snprintf(execution->executor.why, sizeof(execution->executor.why), "%s",
			         event.why ? event.why : "");
		}
	}
}

int execution_rehearse(struct execution *execution, enum executor_end *ret_end, struct error *error)
{
	struct drive drive = { .execution = execution };
	const char **uris = MEMORY_ARRAY(const char *, execution->cluster.host_count);
	struct timing *timings = MEMORY_ARRAY(struct timing, execution->plan.move_count);
	int result = find_uris(execution, uris, error);

	if (!result) {
		open_driver(&drive, uris, timings);
		driver_settle(drive.backend, 30);
		rehearse(&drive, ret_end);
		close_driver(&drive);
	}
	free(uris);
	free(timings);
	return result;
}

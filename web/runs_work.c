/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What threads do for runs: commands of lockkeeper, one after another, and what follows from their ends. */
#define _GNU_SOURCE /* vasprintf */
#include "web/runs_parts.h"

#include "core/arena.h"
#include "core/must.h"
#include "system/files.h"
#include "system/monotonic.h"
#include "web/child.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Exit codes of lockkeeper's commands (docs/cli.md). */
enum { CODE_YES = 0, CODE_NO = 2, CODE_STALE = 3, CODE_UNDECIDED = 6 };

enum { LOOK_EVERY_MS = 200, APPLY_EVERY_MS = 2000 };

#define APPROVAL_LASTS "1h"

/* ------------------------------------------------------------------ states */

static bool is_over(uint8_t state)
{
	return state != RUN_PLANNING && state != RUN_PLANNED && state != RUN_APPROVING && state != RUN_GOING;
}

void run_set(struct run *run, enum run_state state, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(run->why, sizeof(run->why), format, arguments);
	va_end(arguments);
	run->state = (uint8_t)state;
	run->ended_s = is_over(run->state) ? (int64_t)time(NULL) : 0;
	run_save(run);
	news_tell(run->runs->news, "run", run_json(run));
}

static void set_state(struct run *run, enum run_state state, const char *why)
{
	pthread_mutex_lock(&run->runs->lock);
	run_set(run, state, "%s", why);
	pthread_mutex_unlock(&run->runs->lock);
}

struct job {
	struct run *run;
	void (*work)(struct run *run);
};

static void *job_main(void *context)
{
	struct job job = *(struct job *)context;
	struct runs *runs = job.run->runs;

	free(context);
	job.work(job.run);
	pthread_mutex_lock(&runs->lock);
	job.run->working = false;
	runs->working--;
	pthread_cond_broadcast(&runs->idle);
	pthread_mutex_unlock(&runs->lock);
	return NULL;
}

bool run_work(struct run *run, void (*work)(struct run *run))
{
	struct job *job;
	pthread_t thread;

	if (run->runs->over || run->working)
		return false;
	job = MEMORY_ARRAY(struct job, 1);
	*job = (struct job){ run, work };
	run->working = true;
	run->runs->working++;
	if (pthread_create(&thread, NULL, job_main, job) == 0) {
		pthread_detach(thread);
		return true;
	}
	run->working = false;
	run->runs->working--;
	free(job);
	return false;
}

/* ------------------------------------------------------------------ commands */

/* A command's arguments, with a NULL at the end; texts that are made for it are its own. */
struct command_line {
	const char **argv;
	char **made;
	uint32_t count, made_count;
};

static void add(struct command_line *line, const char *word)
{
	line->argv = memory_resize(line->argv, line->count + 2, sizeof(*line->argv));
	line->argv[line->count++] = word;
	line->argv[line->count] = NULL;
}

static void add_made(struct command_line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_made(struct command_line *line, const char *format, ...)
{
	char *text = NULL;
	va_list arguments;

	va_start(arguments, format);
	must(vasprintf(&text, format, arguments) >= 0);
	va_end(arguments);
	line->made = memory_resize(line->made, line->made_count + 1, sizeof(*line->made));
	line->made[line->made_count++] = text;
	add(line, text);
}

static void add_file(struct command_line *line, const struct run *run, const char *name)
{
	char path[PATH_MAX];

	run_path(run, name, path);
	add_made(line, "%s", path);
}

static void begin(struct command_line *line, const struct run *run, const char *command)
{
	*line = (struct command_line){ 0 };
	add(line, run->runs->options->program);
	add(line, command);
}

/* What all predictions are made with. */
static void add_common(struct command_line *line, const struct web_options *options)
{
	if (options->profile < PROFILE_COUNT)
		add_made(line, "--profile=%s", profile_words[options->profile]);
	if (options->model)
		add_made(line, "--model=%s", options->model);
	add_made(line, "--seed=%llu", (unsigned long long)options->seed);
}

static void end(struct command_line *line)
{
	for (uint32_t i = 0; i < line->made_count; i++)
		free(line->made[i]);
	free(line->made);
	free(line->argv);
}

/* Runs it to its end; its output in files of those names. kept: see child.h. */
static int run_command(struct run *run, struct command_line *line, const char *name, int kept, bool apart)
{
	struct child_options options = child_options_none(line->argv);
	struct runs *runs = run->runs;
	char out[PATH_MAX], err[PATH_MAX], file[64];
	struct error error;
	pid_t child;
	int code = -1;

	snprintf(file, sizeof(file), "%s.out", name);
	run_path(run, file, out);
	snprintf(file, sizeof(file), "%s.err", name);
	run_path(run, file, err);
	options.out_path = out;
	options.err_path = err;
	options.kept = kept;
	options.apart = apart;
	options.locks = runs->options->live ? NULL : runs->locks;
	child = child_start(&options, &error);
	if (kept >= 0)
		close(kept); /* now its life alone holds it */
	if (child <= 0) {
		fprintf(stderr, "lockkeeper: warning: %s\n", error.text);
	} else {
		pthread_mutex_lock(&runs->lock);
		run->child = child;
		pthread_mutex_unlock(&runs->lock);
		code = child_wait(child);
		pthread_mutex_lock(&runs->lock);
		run->child = 0;
		pthread_mutex_unlock(&runs->lock);
	}
	end(line);
	return code;
}

/* The last thing that a command said about itself; of a refusal, the first. Never empty. */
static void said(const struct run *run, const char *name, bool last, char *ret_line, size_t room)
{
	char path[PATH_MAX], file[64];

	snprintf(file, sizeof(file), "%s.err", name);
	run_path(run, file, path);
	child_line(path, last, ret_line, room);
	if (!ret_line[0])
		snprintf(ret_line, room, "%s ended without a word; is there room in the state folder?", name);
}

static bool is_cancelled(struct run *run)
{
	bool cancelled;

	pthread_mutex_lock(&run->runs->lock);
	cancelled = run->cancelled;
	pthread_mutex_unlock(&run->runs->lock);
	return cancelled;
}

/* The cluster as it is now, for the commands of this run. */
static int take_cluster(struct run *run, struct error *error)
{
	char path[PATH_MAX];
	uint64_t revision = 0;
	int result;

	run_path(run, "cluster.json", path);
	unlink(path);
	result = site_link(run->runs->site, path, &revision, error);
	pthread_mutex_lock(&run->runs->lock);
	run->revision = revision;
	pthread_mutex_unlock(&run->runs->lock);
	return result;
}

/* ------------------------------------------------------------------ planning */

/* Takes a text out of a document's member in a member; empty: there is none. */
static void explanation_of(const struct json_doc *doc, char *ret_text, size_t room)
{
	const json_t *explanation = doc ? json_get(json_doc_root(doc), "explanation") : NULL;
	const json_t *text = explanation ? json_get(explanation, "text") : NULL;

	snprintf(ret_text, room, "%s", text && json_type(text) == JSON_TEXT ? json_text(text) : "");
}

static void refused(struct run *run)
{
	struct json_doc *doc = run_document(run, "plan.out");
	char why[RUN_WHY_ROOM], from[PATH_MAX], to[PATH_MAX];

	explanation_of(doc, why, sizeof(why));
	json_doc_free(doc);
	if (!why[0])
		said(run, "plan", false, why, sizeof(why));
	run_path(run, "plan.out", from);
	run_path(run, "refusal.json", to);
	rename(from, to);
	set_state(run, RUN_REFUSED, why);
}

void work_plan(struct run *run)
{
	const struct cluster *cluster = &run->runs->site->cluster;
	const struct web_options *options = run->runs->options;
	char why[RUN_WHY_ROOM];
	struct command_line line;
	struct error error;
	int code;

	if (take_cluster(run, &error)) {
		set_state(run, RUN_FAILED, error.text);
		return;
	}
	begin(&line, run, "plan");
	add_file(&line, run, "cluster.json");
	if (run->kind == RUN_MIGRATE)
		add_made(&line, "--place=%s=%s", cluster->vms[run->vm].name, cluster->hosts[run->to].name);
	else
		add_made(&line, "--lock=%s", cluster->hosts[run->host].name);
	add_common(&line, options);
	if (options->start_hour >= 0)
		add_made(&line, "--start-hour=%g", options->start_hour);
	add_made(&line, "--limit=%g", options->limit_s);
	add(&line, "--output=json");
	add(&line, "--force");
	add(&line, "-o");
	add_file(&line, run, "plan.json");
	code = run_command(run, &line, "plan", -1, false);
	if (is_cancelled(run)) {
		set_state(run, RUN_CANCELLED, "");
	} else if (code == CODE_NO) {
		refused(run);
	} else if (code == CODE_UNDECIDED) {
		set_state(run, RUN_REFUSED, "whether there is a plan was not decided within the limit");
	} else if (code != CODE_YES) {
		said(run, "plan", true, why, sizeof(why));
		set_state(run, RUN_FAILED, why);
	} else {
		set_state(run, RUN_PLANNED, "");
		/* Who asks for one migration has said all that there is to approve. */
		if (run->kind == RUN_MIGRATE && options->approvals <= 1) {
			set_state(run, RUN_APPROVING, "");
			work_approve(run);
		}
	}
}

/* ------------------------------------------------------------------ approval */

void work_approve(struct run *run)
{
	const struct runs *runs = run->runs;
	char why[RUN_WHY_ROOM], name[32];
	struct command_line line;
	int code;

	snprintf(name, sizeof(name), "approval-%u.json", run->approvals + 1);
	begin(&line, run, "approve");
	add_file(&line, run, "plan.json");
	add(&line, "--cluster");
	add_file(&line, run, "cluster.json");
	add(&line, "--key");
	add(&line, runs->key);
	add(&line, "--expires=" APPROVAL_LASTS);
	add(&line, "--force");
	add(&line, "-o");
	add_file(&line, run, name);
	code = run_command(run, &line, "approve", -1, false);
	said(run, "approve", true, why, sizeof(why));
	if (is_cancelled(run)) {
		set_state(run, RUN_CANCELLED, "");
		return;
	}
	if (code != CODE_YES) {
		set_state(run, code == CODE_STALE ? RUN_STALE : RUN_FAILED, why);
		return;
	}
	pthread_mutex_lock(&run->runs->lock);
	run->approvals++;
	run->is_signed = true;
	pthread_mutex_unlock(&run->runs->lock);
	if (run->approvals < runs->options->approvals)
		set_state(run, RUN_PLANNED, "");
	else
		work_execute(run);
}

/* ------------------------------------------------------------------ what the execution tells */

/* Empty where there is none. */
static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_member_text(object, name);

	return text ? text : "";
}

static void set_going(struct run *run, struct run_move *move, bool going)
{
	uint32_t *moving = run->runs->moving;

	if (move->going == going || move->vm == NONE)
		return;
	move->going = going;
	moving[move->vm] += going ? 1 : 0;
	moving[move->vm] -= !going && moving[move->vm] > 0 ? 1 : 0;
}

/* Whether it is another than before. Under the lock. */
static bool take_move(struct run *run, uint32_t index, const json_t *value)
{
	struct run_move *move = &run->moves[index];
	size_t length;
	char *text = json_print(value, false, &length);
	const char *state = text_of(value, "state");

	if (move->text && !strcmp(move->text, text)) {
		free(text);
		return false;
	}
	free(move->text);
	move->text = text;
	move->vm = cluster_vm(&run->runs->site->cluster, text_of(value, "vm"));
	move->to = cluster_host(&run->runs->site->cluster, text_of(value, "to"));
	set_going(run, move, !strcmp(state, "going"));
	move->done = !strcmp(state, "done");
	return true;
}

/* All moves; those that are others than before go to `changed`. Under the lock. */
static void take_moves(struct run *run, const json_t *moves, json_t *changed)
{
	uint32_t count = (uint32_t)json_count(moves), index = 0;

	if (count != run->move_count) {
		for (uint32_t i = 0; i < run->move_count; i++)
			free(run->moves[i].text);
		free(run->moves);
		run->moves = MEMORY_ARRAY(struct run_move, count);
		run->move_count = count;
	}
	for (const json_t *at = json_first(moves); at; at = json_next(at), index++) {
		if (take_move(run, index, at) && changed)
			json_push(changed, json_copy(at));
	}
	run->moves_done = 0;
	for (uint32_t i = 0; i < count; i++)
		run->moves_done += run->moves[i].done;
}

/* What lockkeeper.execution/1 says. Under the lock. */
static void take_execution(struct run *run, const json_t *root, json_t *changed)
{
	const json_t *moves = json_get(root, "moves");

	run->elapsed_s = json_member_number(root, "elapsed_s");
	run->left_s = json_member_number(root, "left_s");
	if (moves && json_type(moves) == JSON_ARRAY)
		take_moves(run, moves, changed);
}

/* What is done and not yet in the site. The caller free()s it. */
static struct site_change *changes_of(struct run *run, uint32_t *ret_count)
{
	struct site_change *changes = MEMORY_ARRAY(struct site_change, run->move_count + 1);
	uint32_t count = 0;

	for (uint32_t i = 0; i < run->move_count; i++) {
		struct run_move *move = &run->moves[i];

		if (!move->done || move->applied || move->vm == NONE || move->to == NONE)
			continue;
		move->applied = true;
		changes[count++] = (struct site_change){ SITE_VM_HOST, move->vm, move->to };
	}
	*ret_count = count;
	return changes;
}

static void apply(struct run *run, const struct site_change *changes, uint32_t count)
{
	struct error error;

	if (count == 0)
		return;
	if (site_change(run->runs->site, changes, count, &error))
		fprintf(stderr, "lockkeeper: warning: %s\n", error.text);
	news_tell(run->runs->news, "site", json_object_new());
}

static json_t *progress_json(const struct run *run, json_t *changed)
{
	json_t *value = run_json(run);

	json_add_number(value, "elapsed_s", run->elapsed_s);
	json_add_number(value, "left_s", run->left_s);
	json_add(value, "changed", changed);
	return value;
}

void run_look(struct run *run)
{
	struct runs *runs = run->runs;
	struct site_change *changes = NULL;
	uint32_t change_count = 0;
	struct json_doc *doc;
	struct stat status;
	char path[PATH_MAX];
	json_t *changed;

	run_path(run, "watch.json", path);
	if (stat(path, &status))
		return;
	if (run->seen_ns == (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec &&
	    run->seen_bytes == status.st_size)
		return;
	doc = run_document(run, "watch.json");
	if (!doc)
		return;
	pthread_mutex_lock(&runs->lock);
	run->seen_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
	run->seen_bytes = status.st_size;
	changed = json_array_new();
	take_execution(run, json_doc_root(doc), changed);
	if (monotonic_ms() - run->applied_ms >= APPLY_EVERY_MS) {
		run->applied_ms = monotonic_ms();
		changes = changes_of(run, &change_count);
	}
	if (run->state == RUN_GOING)
		news_tell(runs->news, "run", progress_json(run, changed));
	else
		json_free(changed);
	pthread_mutex_unlock(&runs->lock);
	json_doc_free(doc);
	if (changes)
		apply(run, changes, change_count);
	free(changes);
}

/* ------------------------------------------------------------------ ends */

/* name: of the command that has ended. Under the lock. */
static void take_end(struct run *run, const char *name, const json_t *root)
{
	static const struct {
		const char *word;
		uint8_t state;
	} ends[] = {
		{ "done", RUN_DONE },       { "stopped", RUN_STOPPED },         { "stale", RUN_STALE },
		{ "unclear", RUN_UNCLEAR }, { "interrupted", RUN_INTERRUPTED },
	};
	uint8_t state = RUN_INTERRUPTED;
	char why[RUN_WHY_ROOM];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (!strcmp(ends[i].word, text_of(root, "state")))
			state = ends[i].state;
	}
	for (uint32_t i = 0; i < run->move_count; i++)
		set_going(run, &run->moves[i], false);
	snprintf(why, sizeof(why), "%s", text_of(root, "why"));
	/* Of what broke off, its journal knows no reason. */
	if (state == RUN_INTERRUPTED && !why[0])
		said(run, name, true, why, sizeof(why));
	run_set(run, (enum run_state)state, "%s", why);
}

/* The journal says what is true; what its command says of it is what everybody sees. */
static void conclude(struct run *run, const char *name)
{
	struct runs *runs = run->runs;
	struct site_change *changes;
	struct command_line line;
	struct json_doc *doc;
	uint32_t count;

	begin(&line, run, "status");
	add_file(&line, run, "run.journal");
	add(&line, "--output=json");
	run_command(run, &line, "status", -1, false);
	doc = run_document(run, "status.out");
	/*
	 * What has become of it is in its journal: it can be looked at once more, and gone on with. Most
	 * likely both ended for the same reason, a full disk.
	 */
	if (!doc) {
		char why[RUN_WHY_ROOM];

		said(run, name, true, why, sizeof(why));
		set_state(run, RUN_INTERRUPTED, why);
		return;
	}
	pthread_mutex_lock(&runs->lock);
	take_execution(run, json_doc_root(doc), NULL);
	changes = changes_of(run, &count);
	if (run->kind == RUN_LOCK && !strcmp(text_of(json_doc_root(doc), "state"), "done"))
		changes[count++] = (struct site_change){ SITE_HOST_ADMINISTRATIVE, run->host, ADMIN_LOCKED };
	pthread_mutex_unlock(&runs->lock);
	apply(run, changes, count);
	free(changes);
	board_renew(runs->board);
	pthread_mutex_lock(&runs->lock);
	take_end(run, name, json_doc_root(doc));
	pthread_mutex_unlock(&runs->lock);
	json_doc_free(doc);
}

/* A command that ended without a journal has refused to begin. */
static void ended(struct run *run, const char *name, int code)
{
	char why[RUN_WHY_ROOM], path[PATH_MAX];

	run_path(run, "run.journal", path);
	if (!access(path, F_OK)) {
		conclude(run, name);
		return;
	}
	said(run, name, true, why, sizeof(why));
	set_state(run, code == CODE_STALE ? RUN_STALE : RUN_FAILED, why);
}

/* ------------------------------------------------------------------ carrying out */

void work_execute(struct run *run)
{
	const struct runs *runs = run->runs;
	int life = run_take_life(run);
	struct command_line line;
	bool cancelled;
	char name[32];

	if (life < 0) {
		set_state(run, RUN_FAILED, "it is carried out already");
		return;
	}
	pthread_mutex_lock(&run->runs->lock);
	run_set(run, run->cancelled ? RUN_CANCELLED : RUN_GOING, "%s", "");
	cancelled = run->cancelled;
	pthread_mutex_unlock(&run->runs->lock);
	if (cancelled) {
		close(life);
		return;
	}
	begin(&line, run, "execute");
	add_file(&line, run, "plan.json");
	add(&line, "--cluster");
	add_file(&line, run, "cluster.json");
	for (uint32_t i = 1; i <= run->approvals; i++) {
		snprintf(name, sizeof(name), "approval-%u.json", i);
		add(&line, "--approval");
		add_file(&line, run, name);
	}
	add_made(&line, "--approvals=%u", runs->options->approvals);
	add(&line, "--signers");
	add(&line, runs->signers);
	add(&line, "--journal");
	add_file(&line, run, "run.journal");
	add(&line, "--watch");
	add_file(&line, run, "watch.json");
	add_made(&line, "--seed=%llu", (unsigned long long)runs->options->seed);
	for (uint32_t i = 0; i < runs->options->execute_word_count; i++)
		add(&line, runs->options->execute_words[i]);
	if (!runs->options->live) {
		add(&line, "--simulate");
		add_made(&line, "--pace=%g", runs->options->pace);
	}
	ended(run, "execute", run_command(run, &line, "execute", life, true));
}

void work_resume(struct run *run)
{
	int life = run_take_life(run);
	struct command_line line;

	if (life < 0) {
		set_state(run, RUN_FAILED, "it is carried out already");
		return;
	}
	begin(&line, run, "resume");
	add_file(&line, run, "run.journal");
	add(&line, "--watch");
	add_file(&line, run, "watch.json");
	ended(run, "resume", run_command(run, &line, "resume", life, true));
}

/* Whoever carries it out is nobody's child any more: its life is asked for until it ends. */
void work_follow(struct run *run)
{
	const struct timespec pause = { 0, LOOK_EVERY_MS * 1000000L };
	int life;

	while ((life = run_take_life(run)) < 0) {
		bool over;

		pthread_mutex_lock(&run->runs->lock);
		over = run->runs->over;
		pthread_mutex_unlock(&run->runs->lock);
		if (over)
			return;
		nanosleep(&pause, NULL);
	}
	close(life);
	ended(run, "execute", CODE_YES);
}

/* ------------------------------------------------------------------ a forced lock */

static int write_scenario(struct run *run, struct error *error)
{
	json_t *value = json_object_new(), *action;
	char path[PATH_MAX], *text;
	size_t length;
	int result;

	json_add_text(value, "schema", "lockkeeper.scenario/1");
	json_add_text(value, "cluster", "cluster.json");
	json_add_number(value, "seed", (double)run->runs->options->seed);
	action = json_push(json_add(value, "actions", json_array_new()), json_object_new());
	json_add_text(action, "do", "force-lock");
	json_add_text(action, "host", run->runs->site->cluster.hosts[run->host].name);
	text = json_print(value, true, &length);
	json_free(value);
	run_path(run, "scenario.json", path);
	result = file_write(path, text, length, true, error);
	free(text);
	return result;
}

/* Where everybody is in the end. */
static void take_final(struct run *run, const json_t *root)
{
	struct site *site = run->runs->site;
	const json_t *final = json_get(root, "final"), *vms = final ? json_get(final, "vms") : NULL;
	struct site_change *changes = MEMORY_ARRAY(struct site_change, 2 * site->cluster.vm_count + 1);
	uint32_t count = 0;

	for (const json_t *at = vms ? json_first(vms) : NULL; at; at = json_next(at)) {
		uint32_t vm = cluster_vm(&site->cluster, json_key(at));
		const char *host = text_of(at, "host"), *state = text_of(at, "state");

		if (vm == NONE)
			continue;
		changes[count++] = (struct site_change){ SITE_VM_HOST, vm,
			                                 *host ? cluster_host(&site->cluster, host) : NONE };
		for (uint32_t i = 0; vm_state_words[i]; i++) {
			if (!strcmp(vm_state_words[i], state))
				changes[count++] = (struct site_change){ SITE_VM_STATE, vm, i };
		}
	}
	changes[count++] = (struct site_change){ SITE_HOST_ADMINISTRATIVE, run->host, ADMIN_LOCKED };
	apply(run, changes, count);
	free(changes);
}

/* On live hosts: they are not ours to reset. */
static void mark_locked(struct run *run)
{
	struct site_change change = { SITE_HOST_ADMINISTRATIVE, run->host, ADMIN_LOCKED };

	apply(run, &change, 1);
	board_renew(run->runs->board);
	set_state(run, RUN_DONE,
	          "the host is marked as locked; what runs on it goes down when it is taken out of service");
}

void work_force_lock(struct run *run)
{
	char why[RUN_WHY_ROOM];
	struct command_line line;
	struct json_doc *doc;
	struct error error;
	int code;

	if (run->runs->options->live) {
		mark_locked(run);
		return;
	}
	if (take_cluster(run, &error) || write_scenario(run, &error)) {
		set_state(run, RUN_FAILED, error.text);
		return;
	}
	begin(&line, run, "simulate");
	add_file(&line, run, "scenario.json");
	add_common(&line, run->runs->options);
	add(&line, "--output=json");
	code = run_command(run, &line, "simulate", -1, false);
	doc = run_document(run, "simulate.out");
	if (code != CODE_YES || !doc) {
		said(run, "simulate", true, why, sizeof(why));
		set_state(run, RUN_FAILED, why);
	} else {
		take_final(run, json_doc_root(doc));
		board_renew(run->runs->board);
		set_state(run, RUN_DONE, "");
	}
	json_doc_free(doc);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/runs.h"

#include "core/arena.h"
#include "core/must.h"
#include "system/files.h"
#include "web/child.h"
#include "web/runs_parts.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const kinds[] = { "lock", "migrate", "force-lock", "unlock", NULL };
static const char *const states[] = { "planning",  "refused", "planned", "approving", "going",
	                              "done",      "stopped", "stale",   "unclear",   "interrupted",
	                              "cancelled", "failed",  NULL };
const char *const *const run_kind_words = kinds;
const char *const *const run_state_words = states;

_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == RUN_KINDS + 1, "a word for each kind");
_Static_assert(sizeof(states) / sizeof(states[0]) == RUN_STATES + 1, "a word for each state");

enum { FOLLOW_EVERY_MS = 200, CLOSE_S = 3 };

/* ------------------------------------------------------------------ keys */

static int read_public_key(const char *path, char *ret_key, size_t room, struct error *error)
{
	char public[PATH_MAX + 8], *text;
	size_t length;
	int result;

	snprintf(public, sizeof(public), "%s.pub", path);
	result = file_read(public, &text, &length, error);
	if (result)
		return result;
	text[strcspn(text, "\r\n")] = '\0';
	snprintf(ret_key, room, "%s", text);
	free(text);
	return 0;
}

/* A key of this server's own, for what is only simulated: nothing on any host believes in it. */
static int make_key(struct runs *runs, struct error *error)
{
	char key[4096], line[4200], path[PATH_MAX + 8];
	const char *argv[] = { "/usr/bin/ssh-keygen", "-q", "-t",      "ed25519", "-N", "", "-C",
		               "lockkeeper serve",    "-f", runs->key, NULL };
	struct child_options options = child_options_none(argv);
	int result = 0;

	snprintf(path, sizeof(path), "%s.pub", runs->key);
	if (access(path, F_OK)) {
		pid_t child = child_start(&options, error);

		if (child <= 0)
			return ERROR_IO;
		if (child_wait(child) != 0)
			return error_set(error, ERROR_IO, "%s: ssh-keygen cannot make a key there",
			                 runs->key);
	}
	result = read_public_key(runs->key, key, sizeof(key), error);
	if (result)
		return result;
	snprintf(line, sizeof(line), "serve namespaces=\"lockkeeper-plan\" %s\n", key);
	return file_write(runs->signers, line, strlen(line), true, error);
}

static int find_keys(struct runs *runs, const char *state_folder, struct error *error)
{
	const struct web_options *options = runs->options;

	snprintf(runs->key, sizeof(runs->key), "%s/key", state_folder);
	snprintf(runs->signers, sizeof(runs->signers), "%s/signers", state_folder);
	if (!options->key)
		return make_key(runs, error);
	snprintf(runs->key, sizeof(runs->key), "%s", options->key);
	snprintf(runs->signers, sizeof(runs->signers), "%s", options->signers);
	return 0;
}

/* ------------------------------------------------------------------ the list */

static void keep(struct runs *runs, struct run *run)
{
	if (runs->count == runs->room) {
		runs->room = runs->room ? runs->room * 2 : 64;
		runs->all = memory_resize(runs->all, runs->room, sizeof(struct run *));
	}
	runs->all[runs->count++] = run;
}

static int compare_runs(const void *a, const void *b)
{
	return strcmp((*(const struct run *const *)a)->id, (*(const struct run *const *)b)->id);
}

/* Only what we name so ourselves: a date and what makes it one of a kind. */
static bool is_id(const char *text)
{
	size_t length = strlen(text);

	return length > 8 && length < RUN_ID_ROOM && strspn(text, "0123456789abcdef-") == length;
}

/* Under the lock. NULL: there is none. */
static struct run *find(struct runs *runs, const char *id)
{
	for (uint32_t i = runs->count; id && i-- > 0;) {
		if (!strcmp(runs->all[i]->id, id))
			return runs->all[i];
	}
	return NULL;
}

static struct run *going(struct runs *runs)
{
	for (uint32_t i = runs->count; i-- > 0;) {
		if (runs->all[i]->state == RUN_GOING || runs->all[i]->state == RUN_APPROVING)
			return runs->all[i];
	}
	return NULL;
}

/* Sorts by when it was begun. */
static void make_id(char ret_id[RUN_ID_ROOM])
{
	time_t now = time(NULL);
	struct tm moment;
	uint32_t luck;

	if (getrandom(&luck, sizeof(luck), 0) != sizeof(luck))
		luck = (uint32_t)getpid();
	gmtime_r(&now, &moment);
	strftime(ret_id, RUN_ID_ROOM, "%Y%m%d-%H%M%S", &moment);
	snprintf(ret_id + strlen(ret_id), RUN_ID_ROOM - strlen(ret_id), "-%08x", luck);
}

/* ------------------------------------------------------------------ following */

static void *follow_main(void *context)
{
	const struct timespec pause = { 0, FOLLOW_EVERY_MS * 1000000L };
	struct runs *runs = context;

	for (;;) {
		struct run *run;
		bool over;

		pthread_mutex_lock(&runs->lock);
		over = runs->over;
		run = going(runs);
		pthread_mutex_unlock(&runs->lock);
		if (over)
			return NULL;
		/* Runs are never freed before this thread has ended. */
		if (run)
			run_look(run);
		nanosleep(&pause, NULL);
	}
}

/* What the server before has left. Under the lock. */
static void take_up(struct run *run)
{
	switch ((enum run_state)run->state) {
	case RUN_PLANNING:
		if (run->kind == RUN_FORCE_LOCK)
			run_work(run, work_force_lock);
		else
			run_work(run, work_plan);
		break;
	case RUN_APPROVING:
		run_set(run, RUN_PLANNED, "the server ended while it was being approved");
		break;
	case RUN_GOING:
		run_work(run, work_follow);
		break;
	default:
		break;
	}
}

static int load_all(struct runs *runs, struct error *error)
{
	DIR *folder;
	const struct dirent *entry;
	int result = folder_make(runs->folder, error);

	if (!result)
		result = folder_make(runs->locks, error);
	if (result)
		return result;
	folder = opendir(runs->folder);
	while (folder && (entry = readdir(folder))) {
		struct run *run = is_id(entry->d_name) ? run_load(runs, entry->d_name) : NULL;

		if (run)
			keep(runs, run);
	}
	if (folder)
		closedir(folder);
	if (runs->count > 0)
		qsort(runs->all, runs->count, sizeof(struct run *), compare_runs);
	pthread_mutex_lock(&runs->lock);
	for (uint32_t i = 0; i < runs->count; i++)
		take_up(runs->all[i]);
	pthread_mutex_unlock(&runs->lock);
	return 0;
}

int runs_open(struct runs **ret_runs, const struct web_options *options, struct site *site,
              struct board *board, struct news *news, struct error *error)
{
	struct runs *runs = MEMORY_ARRAY(struct runs, 1);
	int result;

	runs->options = options;
	runs->site = site;
	runs->board = board;
	runs->news = news;
	runs->moving = MEMORY_ARRAY(uint32_t, site->cluster.vm_count);
	snprintf(runs->folder, sizeof(runs->folder), "%s/runs", options->state_folder);
	snprintf(runs->locks, sizeof(runs->locks), "%s/locks", options->state_folder);
	pthread_mutex_init(&runs->lock, NULL);
	pthread_cond_init(&runs->idle, NULL);
	pthread_mutex_init(&runs->journal, NULL);
	result = options->read_only ? 0 : find_keys(runs, options->state_folder, error);
	if (!result)
		result = load_all(runs, error);
	if (result) {
		runs_end(runs);
		runs_close(runs);
		return result;
	}
	runs->has_follower = pthread_create(&runs->follower, NULL, follow_main, runs) == 0;
	*ret_runs = runs;
	return 0;
}

void runs_end(struct runs *runs)
{
	pthread_mutex_lock(&runs->lock);
	runs->over = true;
	/* What plans or proves is begun anew by the next server; what executes is apart from us. */
	for (uint32_t i = 0; i < runs->count; i++) {
		struct run *run = runs->all[i];

		if (run->child > 0 && run->state != RUN_GOING)
			kill(-run->child, SIGTERM);
	}
	pthread_mutex_unlock(&runs->lock);
	if (runs->has_follower)
		pthread_join(runs->follower, NULL);
	runs->has_follower = false;
}

/* Commands that were ended give their threads back at once. */
static bool wait_idle(struct runs *runs)
{
	struct timespec until;
	bool idle;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += CLOSE_S;
	pthread_mutex_lock(&runs->lock);
	for (uint32_t i = 0; i < runs->count && runs->working > 0; i++) {
		if (runs->all[i]->state == RUN_GOING)
			until.tv_sec = 0;
	}
	while (runs->working > 0 && pthread_cond_timedwait(&runs->idle, &runs->lock, &until) == 0)
		;
	idle = runs->working == 0;
	pthread_mutex_unlock(&runs->lock);
	return idle;
}

bool runs_close(struct runs *runs)
{
	if (!runs)
		return true;
	if (!wait_idle(runs))
		return false;
	for (uint32_t i = 0; i < runs->count; i++)
		run_free(runs->all[i]);
	free(runs->all);
	free(runs->moving);
	pthread_cond_destroy(&runs->idle);
	pthread_mutex_destroy(&runs->journal);
	pthread_mutex_destroy(&runs->lock);
	free(runs);
	return true;
}

/* ------------------------------------------------------------------ beginning one */

static const char *name_of_host(const struct runs *runs, uint32_t host)
{
	return runs->site->cluster.hosts[host].name;
}

/* Whether the wish makes sense: 0, or the answer says why not. */
static int check_wish(struct runs *runs, const struct run_wish *wish, struct http_reply *reply)
{
	const struct state *state = &runs->site->state;
	uint8_t administrative = 0;
	uint32_t at = NONE;

	site_look(runs->site);
	if (wish->kind == RUN_MIGRATE)
		at = state->vm_host[wish->vm];
	else
		administrative = state->hosts[wish->host].administrative;
	site_look_away(runs->site);
	if (wish->kind == RUN_MIGRATE && at == wish->to)
		reply_error(reply, HTTP_CONFLICT, "%s is on %s already",
		            runs->site->cluster.vms[wish->vm].name, name_of_host(runs, wish->to));
	else if (wish->kind == RUN_UNLOCK && administrative != ADMIN_LOCKED)
		reply_error(reply, HTTP_CONFLICT, "Avoiding unlock action on already 'unlocked' host %s",
		            name_of_host(runs, wish->host));
	else if ((wish->kind == RUN_LOCK || wish->kind == RUN_FORCE_LOCK) && administrative == ADMIN_LOCKED)
		reply_error(reply, HTTP_CONFLICT, "Avoiding lock action on already 'locked' host %s",
		            name_of_host(runs, wish->host));
	return reply->status ? -1 : 0;
}

/* Another run that is in the way; NULL: none. Under the lock. */
static struct run *in_the_way(struct runs *runs, const struct run_wish *wish)
{
	struct run *under_way = going(runs);

	/* What moves at once needs hosts on which nothing else moves. */
	if (under_way && wish->kind != RUN_LOCK)
		return under_way;
	for (uint32_t i = 0; i < runs->count; i++) {
		struct run *run = runs->all[i];
		bool open = run->state == RUN_PLANNING || run->state == RUN_GOING ||
		            run->state == RUN_APPROVING;

		if (open && wish->host != NONE && run->host == wish->host)
			return run;
	}
	return NULL;
}

static void answer_run(const struct run *run, unsigned status, struct http_reply *reply)
{
	reply_json(reply, status, run_json(run));
}

static void reply_busy(struct http_reply *reply, const struct run *other)
{
	reply_error(reply, HTTP_CONFLICT, "%s %s is under way: wait for it, or cancel it",
	            run_kind_words[other->kind], other->id);
}

static struct run *create(struct runs *runs, const struct run_wish *wish, struct error *error)
{
	struct run *run = MEMORY_ARRAY(struct run, 1);
	char path[PATH_MAX];

	run->runs = runs;
	run->kind = wish->kind;
	run->host = wish->host;
	run->vm = wish->vm;
	run->to = wish->to;
	run->created_s = (int64_t)time(NULL);
	run->revision = runs->site->revision;
	snprintf(run->user, sizeof(run->user), "%s", wish->user);
	make_id(run->id);
	snprintf(path, sizeof(path), "%s/%s", runs->folder, run->id);
	if (mkdir(path, 0700)) {
		error_set(error, ERROR_IO, "%s: no folder can be made there", path);
		free(run);
		return NULL;
	}
	keep(runs, run);
	return run;
}

static void unlock(struct run *run, struct http_reply *reply)
{
	struct site_change change = { SITE_HOST_ADMINISTRATIVE, run->host, ADMIN_UNLOCKED };
	struct runs *runs = run->runs;
	struct error error;
	int result = site_change(runs->site, &change, 1, &error);

	board_renew(runs->board);
	news_tell(runs->news, "site", json_object_new());
	pthread_mutex_lock(&runs->lock);
	run_set(run, result ? RUN_FAILED : RUN_DONE, "%s", result ? error.text : "");
	answer_run(run, result ? HTTP_WRONG : HTTP_OK, reply);
	pthread_mutex_unlock(&runs->lock);
}

void runs_begin(struct runs *runs, const struct run_wish *wish, struct http_reply *ret_reply)
{
	struct run *run, *other;
	struct error error;

	if (check_wish(runs, wish, ret_reply))
		return;
	pthread_mutex_lock(&runs->lock);
	other = in_the_way(runs, wish);
	run = other ? NULL : create(runs, wish, &error);
	if (other) {
		reply_busy(ret_reply, other);
	} else if (!run) {
		reply_error(ret_reply, HTTP_WRONG, "%s", error.text);
	} else {
		run_set(run, RUN_PLANNING, "%s", "");
		if (wish->kind != RUN_UNLOCK)
			run_work(run, wish->kind == RUN_FORCE_LOCK ? work_force_lock : work_plan);
		answer_run(run, HTTP_ACCEPTED, ret_reply);
	}
	pthread_mutex_unlock(&runs->lock);
	if (run && wish->kind == RUN_UNLOCK) {
		free(ret_reply->bytes);
		*ret_reply = (struct http_reply){ 0 };
		unlock(run, ret_reply);
	}
}

/* ------------------------------------------------------------------ what can be done with one */

/* The run, in a state in which that makes sense; else the answer says why not. Under the lock. */
static struct run *take(struct runs *runs, const char *id, unsigned wanted_states, const char *what,
                        struct http_reply *reply)
{
	struct run *run = find(runs, id);

	if (!run) {
		reply_error(reply, HTTP_NOT_FOUND, "there is no such run");
		return NULL;
	}
	if ((wanted_states >> run->state) & 1)
		return run;
	reply_error(reply, HTTP_CONFLICT, "it is %s: it cannot be %s", run_state_words[run->state], what);
	return NULL;
}

/* What others have signed is kept beside what this server signs. */
static int keep_approval(struct run *run, const json_t *approval, struct error *error)
{
	char path[PATH_MAX], name[32], *text;
	size_t length;
	int result;

	snprintf(name, sizeof(name), "approval-%u.json", run->approvals + 1);
	run_path(run, name, path);
	text = json_print(approval, true, &length);
	result = file_write(path, text, length, true, error);
	free(text);
	if (!result)
		run->approvals++;
	return result;
}

void runs_approve(struct runs *runs, const char *id, const char *user, const json_t *approval,
                  struct http_reply *ret_reply)
{
	struct run *run, *other;
	struct error error;

	pthread_mutex_lock(&runs->lock);
	run = take(runs, id, 1u << RUN_PLANNED, "approved", ret_reply);
	other = going(runs);
	if (run && other) {
		reply_busy(ret_reply, other);
	} else if (run && run->revision != runs->site->revision) {
		run_set(run, RUN_STALE, "the cluster has changed since it was planned: plan it again");
		reply_error(ret_reply, HTTP_CONFLICT, "%s", run->why);
	} else if (run && !approval && run->is_signed) {
		reply_error(
			ret_reply, HTTP_CONFLICT,
			"this server has signed it already: others hand in what they have signed themselves");
	} else if (run && approval && keep_approval(run, approval, &error)) {
		reply_error(ret_reply, HTTP_WRONG, "%s", error.text);
	} else if (run) {
		size_t length = strlen(run->approved_by);

		snprintf(run->approved_by + length, sizeof(run->approved_by) - length, "%s%s",
		         length ? ", " : "", user);
		if (approval && run->approvals < runs->options->approvals) {
			run_set(run, RUN_PLANNED, "%s", "");
		} else {
			run_set(run, RUN_APPROVING, "%s", "");
			run_work(run, approval ? work_execute : work_approve);
		}
		answer_run(run, HTTP_ACCEPTED, ret_reply);
	}
	pthread_mutex_unlock(&runs->lock);
}

void runs_plan_again(struct runs *runs, const char *id, const char *user, struct http_reply *ret_reply)
{
	unsigned over = 1u << RUN_STALE | 1u << RUN_REFUSED | 1u << RUN_PLANNED | 1u << RUN_CANCELLED |
	                1u << RUN_FAILED;
	struct run_wish wish = { .host = NONE };
	struct run *run;

	pthread_mutex_lock(&runs->lock);
	run = take(runs, id, over, "planned again", ret_reply);
	if (run && run->kind != RUN_LOCK && run->kind != RUN_MIGRATE) {
		reply_error(ret_reply, HTTP_CONFLICT, "a %s has no plan", run_kind_words[run->kind]);
		run = NULL;
	}
	if (run)
		wish = (struct run_wish){ run->kind, run->host, run->vm, run->to, user };
	if (run && run->state == RUN_PLANNED)
		run_set(run, RUN_CANCELLED, "planned again");
	pthread_mutex_unlock(&runs->lock);
	if (run)
		runs_begin(runs, &wish, ret_reply);
}

/* The driver notices within a second; one that has only been started has no journal yet. */
static void *ask_abort(void *context)
{
	const struct timespec pause = { 0, FOLLOW_EVERY_MS * 1000000L };
	const struct run *run = context;
	char journal[PATH_MAX];
	const char *argv[] = { run->runs->options->program, "abort", journal, NULL };
	struct child_options options = child_options_none(argv);
	bool asked = false, open = true;

	run_path(run, "run.journal", journal);
	while (!asked && open) {
		struct error error;
		pid_t child = access(journal, F_OK) ? 0 : child_start(&options, &error);

		asked = child > 0 && child_wait(child) == 0;
		pthread_mutex_lock(&run->runs->lock);
		open = run->state == RUN_GOING && !run->runs->over;
		pthread_mutex_unlock(&run->runs->lock);
		if (!asked)
			nanosleep(&pause, NULL);
	}
	return NULL;
}

static void begin_abort(struct run *run)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, ask_abort, run) == 0)
		pthread_detach(thread);
}

void runs_cancel(struct runs *runs, const char *id, struct http_reply *ret_reply)
{
	unsigned open = 1u << RUN_PLANNING | 1u << RUN_PLANNED | 1u << RUN_APPROVING | 1u << RUN_GOING;
	bool abort = false;
	struct run *run;

	pthread_mutex_lock(&runs->lock);
	run = take(runs, id, open, "cancelled", ret_reply);
	if (run) {
		run->cancelled = true;
		abort = run->state == RUN_GOING;
		if (!run->working && !abort)
			run_set(run, RUN_CANCELLED, "%s", "");
		else if (run->child > 0 && !abort)
			kill(-run->child, SIGTERM);
		if (abort)
			run_set(run, RUN_GOING, "it is being stopped: what can still be given up is");
		answer_run(run, HTTP_ACCEPTED, ret_reply);
	}
	pthread_mutex_unlock(&runs->lock);
	if (abort)
		begin_abort(run);
}

void runs_resume(struct runs *runs, const char *id, const char *user, struct http_reply *ret_reply)
{
	unsigned resumable = 1u << RUN_STOPPED | 1u << RUN_UNCLEAR | 1u << RUN_INTERRUPTED;
	struct run *run, *other;

	(void)user;
	pthread_mutex_lock(&runs->lock);
	run = take(runs, id, resumable, "resumed", ret_reply);
	other = going(runs);
	if (run && other) {
		reply_busy(ret_reply, other);
	} else if (run) {
		run->cancelled = false;
		run->seen_ns = 0;
		run_set(run, RUN_GOING, "%s", "");
		run_work(run, work_resume);
		answer_run(run, HTTP_ACCEPTED, ret_reply);
	}
	pthread_mutex_unlock(&runs->lock);
}

/* ------------------------------------------------------------------ looking */

void runs_list(struct runs *runs, uint64_t offset, uint64_t limit, struct http_reply *ret_reply)
{
	json_t *value = json_object_new(), *list;

	pthread_mutex_lock(&runs->lock);
	json_add_text(value, "schema", "lockkeeper.runs/1");
	json_add_number(value, "total", runs->count);
	list = json_add(value, "runs", json_array_new());
	for (uint64_t i = offset; i < runs->count && i - offset < limit; i++)
		json_push(list, run_json(runs->all[runs->count - 1 - i]));
	pthread_mutex_unlock(&runs->lock);
	reply_json(ret_reply, HTTP_OK, value);
}

static void add_document(json_t *value, const struct run *run, const char *key, const char *name)
{
	struct json_doc *doc = run_document(run, name);

	if (doc)
		json_add(value, key, json_copy(json_doc_root(doc)));
	else
		json_add_null(value, key);
	json_doc_free(doc);
}

/* The run of that id, as it is now, without the lock: runs are never freed while requests are answered. */
static struct run *look_up(struct runs *runs, const char *id, struct http_reply *reply)
{
	struct run *run;

	pthread_mutex_lock(&runs->lock);
	run = find(runs, id);
	pthread_mutex_unlock(&runs->lock);
	if (!run)
		reply_error(reply, HTTP_NOT_FOUND, "there is no such run");
	return run;
}

void runs_show(struct runs *runs, const char *id, struct http_reply *ret_reply)
{
	struct run *run = look_up(runs, id, ret_reply);
	const char *execution = "watch.json";
	json_t *value;

	if (!run)
		return;
	pthread_mutex_lock(&runs->lock);
	value = run_json(run);
	/* What the journal's own command said at the end goes before what was last seen. */
	if (run->state != RUN_GOING && run->state != RUN_APPROVING)
		execution = "status.out";
	json_add_number(value, "elapsed_s", run->elapsed_s);
	json_add_number(value, "left_s", run->left_s);
	json_add_number(value, "approvals_needed", runs->options->approvals);
	pthread_mutex_unlock(&runs->lock);
	add_document(value, run, "plan", "plan.json");
	add_document(value, run, "refusal", "refusal.json");
	add_document(value, run, "execution", execution);
	reply_json(ret_reply, HTTP_OK, value);
}

static bool is_going(struct runs *runs, const struct run *run)
{
	bool is;

	pthread_mutex_lock(&runs->lock);
	is = run->state == RUN_GOING;
	pthread_mutex_unlock(&runs->lock);
	return is;
}

/*
 * What replay says of a journal, in a file; that of one that nobody writes to any more stays as it is. It has
 * its name once it is whole.
 */
static int go_over(struct runs *runs, const struct run *run, const char *journal, const char *out)
{
	const char *argv[] = { runs->options->program, "replay", journal, NULL };
	struct child_options options = child_options_none(argv);
	struct stat written, said;
	char next[PATH_MAX];
	struct error error;
	pid_t child;
	int code;

	if (!is_going(runs, run) && !stat(journal, &written) && !stat(out, &said) &&
	    said.st_mtime > written.st_mtime)
		return 0;
	run_path(run, "replay.next", next);
	options.out_path = next;
	child = child_start(&options, &error);
	code = child > 0 ? child_wait(child) : -1;
	return code < 0 || code >= 128 || rename(next, out) ? -1 : 0;
}

void runs_journal(struct runs *runs, const char *id, struct http_reply *ret_reply)
{
	struct run *run = look_up(runs, id, ret_reply);
	char journal[PATH_MAX], out[PATH_MAX];
	struct error error;
	int result;

	if (!run)
		return;
	run_path(run, "run.journal", journal);
	run_path(run, "replay.out", out);
	if (access(journal, F_OK)) {
		reply_error(ret_reply, HTTP_NOT_FOUND, "it has no journal: nothing was carried out");
		return;
	}
	/* Of a large cluster each takes seconds: the other threads are for those who want less. */
	if (pthread_mutex_trylock(&runs->journal)) {
		reply_error(ret_reply, HTTP_BUSY, "another journal is being gone over: try again");
		return;
	}
	result = go_over(runs, run, journal, out);
	if (!result)
		result = file_read(out, &ret_reply->bytes, &ret_reply->length, &error);
	pthread_mutex_unlock(&runs->journal);
	if (result) {
		reply_error(ret_reply, HTTP_WRONG, "its journal cannot be read");
		return;
	}
	ret_reply->status = HTTP_OK;
	ret_reply->type = "text/plain; charset=utf-8";
}

void runs_file(struct runs *runs, const char *id, const char *name, struct http_reply *ret_reply)
{
	static const char *const names[] = { "plan.json", "cluster.json", "refusal.json", "approval-1.json" };
	struct run *run = look_up(runs, id, ret_reply);
	const char *found = NULL;
	char path[PATH_MAX];
	struct error error;

	if (!run)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		found = name && !strcmp(name, names[i]) ? names[i] : found;
	if (found)
		run_path(run, found, path);
	if (!found || access(path, F_OK) || file_read(path, &ret_reply->bytes, &ret_reply->length, &error)) {
		reply_error(ret_reply, HTTP_NOT_FOUND, "it has no such file");
		return;
	}
	ret_reply->status = HTTP_OK;
	ret_reply->type = "application/json";
	ret_reply->file = found;
}

bool runs_is_moving(struct runs *runs, uint32_t vm)
{
	bool moving;

	pthread_mutex_lock(&runs->lock);
	moving = runs->moving[vm] > 0;
	pthread_mutex_unlock(&runs->lock);
	return moving;
}

void runs_of_host(struct runs *runs, uint32_t host, char ret_id[32], uint8_t *ret_state)
{
	ret_id[0] = '\0';
	pthread_mutex_lock(&runs->lock);
	for (uint32_t i = runs->count; i-- > 0 && !ret_id[0];) {
		const struct run *run = runs->all[i];

		if (run->host != host || (run->kind != RUN_LOCK && run->kind != RUN_FORCE_LOCK) ||
		    run->ended_s != 0)
			continue;
		memcpy(ret_id, run->id, RUN_ID_ROOM);
		*ret_state = run->state;
	}
	pthread_mutex_unlock(&runs->lock);
}

bool runs_are_going(struct runs *runs)
{
	bool any;

	pthread_mutex_lock(&runs->lock);
	any = going(runs) != NULL;
	pthread_mutex_unlock(&runs->lock);
	return any;
}

void runs_count(struct runs *runs, uint64_t ret_counts[RUN_STATES])
{
	memset(ret_counts, 0, sizeof(uint64_t) * RUN_STATES);
	pthread_mutex_lock(&runs->lock);
	for (uint32_t i = 0; i < runs->count; i++)
		ret_counts[runs->all[i]->state]++;
	pthread_mutex_unlock(&runs->lock);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/execution.h"

#include "core/digest.h"
#include "core/plan_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	KEY_PARALLEL = 0x2000,
	KEY_TRIES,
	KEY_PATIENCE,
	KEY_TLS,
	KEY_STRANGERS,
	KEY_URI,
	KEY_SHARED,
};

enum { TRIES_DEFAULT = 3, TRIES_MOST = 100, PARALLEL_MOST = 1000, PATIENCE_DEFAULT_S = 90 };

struct execution_options execution_options_default(void)
{
	return (struct execution_options){ .tries = TRIES_DEFAULT, .patience_s = PATIENCE_DEFAULT_S };
}

/* ------------------------------------------------------------------ options */

static const struct argp_option options[] = {
	{ "parallel", KEY_PARALLEL, "N", 0, "at most so many live migrations leave a host at a time", 2 },
	{ "tries", KEY_TRIES, "N", 0, "a move has failed after so many tries (= 3)", 2 },
	{ "patience", KEY_PATIENCE, "SECONDS", 0,
	  "ask for so long where a VM runs, then leave it to a person (= 90)", 2 },
	{ "data-tls", KEY_TLS, NULL, 0, "memory goes encrypted, by QEMU's own certificates", 2 },
	{ "migration-uri", KEY_URI, "HOST=URI", 0,
	  "where a host receives memory, like host2=tcp://10.0.1.2 (= where it says itself)", 2 },
	{ "shared", KEY_SHARED, "FOLDER", 0,
	  "all hosts share the disks below this folder (may be given more than once)", 2 },
	{ "strangers", KEY_STRANGERS, NULL, 0,
	  "the hosts may run domains that the cluster file does not know", 2 },
	{ 0 },
};

static void append(const char ***list, uint32_t *count, const char *text)
{
	*list = memory_resize(*list, *count + 1, sizeof(**list));
	(*list)[(*count)++] = text;
}

static error_t parse_options(int key, char *argument, struct argp_state *state)
{
	struct execution_options *of = state->input;

	switch (key) {
	case KEY_PARALLEL:
		of->parallel_most = (uint32_t)cli_whole(state, "--parallel", argument, 1, PARALLEL_MOST);
		return 0;
	case KEY_TRIES:
		of->tries = (uint32_t)cli_whole(state, "--tries", argument, 1, TRIES_MOST);
		return 0;
	case KEY_PATIENCE:
		of->patience_s = cli_number(state, "--patience", argument, 1, 86400);
		return 0;
	case KEY_TLS:
		of->tls = true;
		return 0;
	case KEY_STRANGERS:
		of->strangers = true;
		return 0;
	case KEY_URI:
		if (!strchr(argument, '=') || argument[0] == '=')
			argp_error(state, "--migration-uri: \"%s\", expected HOST=URI", argument);
		append(&of->uris, &of->uri_count, argument);
		return 0;
	case KEY_SHARED:
		append(&of->shared, &of->shared_count, argument);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp execution_argp = { options, parse_options, NULL, NULL, NULL, NULL, NULL };

static void add_texts(json_t *object, const char *name, const char *const *texts, uint32_t count)
{
	json_t *array = json_add(object, name, json_array_new());

	for (uint32_t i = 0; i < count; i++)
		json_push(array, json_text_new(texts[i]));
}

static char *options_text(const struct execution_options *of)
{
	json_t *object = json_object_new();
	size_t length;
	char *text, seed[24];

	json_add_number(object, "parallel", of->parallel_most);
	json_add_number(object, "tries", of->tries);
	json_add_number(object, "patience_s", of->patience_s);
	json_add_bool(object, "data_tls", of->tls);
	json_add_bool(object, "strangers", of->strangers);
	json_add_bool(object, "simulated", of->simulated);
	/* As text: a number of JSON is a double. */
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)of->seed);
	json_add_text(object, "seed", seed);
	json_add_number(object, "pace", of->pace);
	add_texts(object, "migration_uris", of->uris, of->uri_count);
	add_texts(object, "shared", of->shared, of->shared_count);
	json_add_number(object, "expires_unix_s", (double)of->expires_unix_s);
	text = json_print(object, false, &length);
	json_free(object);
	return text;
}

static void texts_of(struct arena *arena, const json_t *object, const char *name, const char ***ret_texts,
                     uint32_t *ret_count)
{
	const json_t *array = json_get(object, name);

	for (const json_t *at = array ? json_first(array) : NULL; at; at = json_next(at)) {
		if (json_type(at) == JSON_TEXT)
			append(ret_texts, ret_count, arena_text(arena, json_text(at), strlen(json_text(at))));
	}
}

static int read_options(struct execution *execution, const char *text, struct error *error)
{
	struct execution_options *of = &execution->options;
	struct json_doc *doc;
	const json_t *object, *seed;
	size_t length = strlen(text);
	int result = json_doc_parse(&doc, "journal", memcpy(memory_take(length + 1), text, length + 1),
	                            length, error);

	if (result)
		return result;
	object = json_doc_root(doc);
	of->parallel_most = (uint32_t)json_member_number(object, "parallel");
	of->tries = (uint32_t)json_member_number(object, "tries");
	of->patience_s = json_member_number(object, "patience_s");
	of->tls = json_member_bool(object, "data_tls");
	of->strangers = json_member_bool(object, "strangers");
	of->simulated = json_member_bool(object, "simulated");
	seed = json_get(object, "seed");
	of->seed = seed && json_type(seed) == JSON_TEXT ? strtoull(json_text(seed), NULL, 10) : 0;
	of->pace = json_member_number(object, "pace");
	of->expires_unix_s = (int64_t)json_member_number(object, "expires_unix_s");
	texts_of(&execution->cluster.arena, object, "migration_uris", &of->uris, &of->uri_count);
	texts_of(&execution->cluster.arena, object, "shared", &of->shared, &of->shared_count);
	json_doc_free(doc);
	if (of->tries == 0 || !(of->patience_s > 0) || !(of->pace >= 0))
		return error_set(error, ERROR_INPUT, "journal: its options are not those of an execution");
	return 0;
}

/* ------------------------------------------------------------------ reading */

static void create_executor(struct execution *execution)
{
	struct executor_options of = executor_options_default();

	of.parallel_most = execution->options.parallel_most;
	of.tries = execution->options.tries;
	of.patience.unclear_ns = (int64_t)(execution->options.patience_s * 1e9);
	executor_create(&execution->executor, &execution->cluster, &execution->plan, &of);
	execution->has_executor = true;
}

void execution_rewind(struct execution *execution)
{
	executor_free(&execution->executor);
	create_executor(execution);
}

int execution_read(struct execution *execution, const char *cluster_name, char *cluster,
                   size_t cluster_length, const char *plan_name, char *plan, size_t plan_length,
                   bool *ret_stale, struct error *error)
{
	bool is_for;
	int result;

	*ret_stale = false;
	result = json_doc_parse(&execution->cluster_doc, cluster_name, cluster, cluster_length, error);
	if (result) {
		free(plan);
		return result;
	}
	result = json_doc_parse(&execution->plan_doc, plan_name, plan, plan_length, error);
	if (!result)
		result = cluster_read(&execution->cluster, execution->cluster_doc, PROFILE_COUNT, error);
	if (result)
		return result;
	execution->has_cluster = true;
	result = plan_is_for(execution->plan_doc, &execution->cluster, &is_for, error);
	if (result)
		return result;
	if (!is_for) {
		*ret_stale = true;
		return error_set(error, ERROR_INPUT,
		                 "%s: stale: made for another state of the cluster than %s", plan_name,
		                 cluster_name);
	}
	result = plan_read(&execution->plan, execution->plan_doc, &execution->cluster, error);
	if (result)
		return result;
	execution->has_plan = true;
	/* The rules that it was made by, also where --profile had been given then. */
	execution->cluster.profile = execution->plan.profile;
	return 0;
}

static char *copy_text(const char *text)
{
	size_t length = strlen(text);

	return memcpy(memory_take(length + 1), text, length + 1);
}

/*
 * SQLite's file format, looked at before SQLite opens what may be somebody else's: how each of its files
 * begins, and where its application's mark stands. journal_open looks at the mark again, through the log.
 */
static const char sqlite_begins[16] = "SQLite format 3";
enum { SQLITE_MARK_AT = 68, SQLITE_HEADER = 100 };

int execution_check_journal(const char *path, struct error *error)
{
	static const char marks[2][4] = { "LKJ1", "" /* still in the -wal file */ };
	int file = open(path, O_RDONLY | O_CLOEXEC);
	char header[SQLITE_HEADER] = "";
	struct stat status;
	ssize_t length;

	if (file < 0)
		return error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	length = fstat(file, &status) == 0 && S_ISREG(status.st_mode) ? read(file, header, sizeof(header))
	                                                              : 0;
	close(file);
	if (length == SQLITE_HEADER && !memcmp(header, sqlite_begins, sizeof(sqlite_begins)) &&
	    (!memcmp(header + SQLITE_MARK_AT, marks[0], 4) || !memcmp(header + SQLITE_MARK_AT, marks[1], 4)))
		return 0;
	return error_set(error, ERROR_INPUT, "%s: not a journal of an execution, expected what execute wrote",
	                 path);
}

int execution_open(struct execution *execution, const char *path, bool read_only, struct error *error)
{
	struct journal_head head;
	bool stale;
	int result = execution_check_journal(path, error);

	if (!result)
		result = journal_open(&execution->journal, path, read_only, error);
	if (result)
		return result;
	head = journal_head(execution->journal);
	result = execution_read(execution, path, copy_text(head.cluster), strlen(head.cluster), path,
	                        copy_text(head.plan), strlen(head.plan), &stale, error);
	if (!result)
		result = read_options(execution, head.options, error);
	if (!result)
		create_executor(execution);
	return result;
}

static bool is_memory(const char *path)
{
	return !strcmp(path, ":memory:");
}

/* SQLite would add its tables to whatever database is there. */
static int reserve(const char *path, struct error *error)
{
	int file = is_memory(path) ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (file >= 0)
		close(file);
	if (file >= 0 || is_memory(path))
		return 0;
	if (errno == EEXIST)
		return error_set(error, ERROR_EXISTS, "%s: already there, a journal is never written over",
		                 path);
	return error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
}

/* Nothing of it is left when it cannot be begun, on a full disk. */
static void forget(const char *path)
{
	static const char *const parts[] = { "", "-wal", "-shm" };
	char part[4096];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !is_memory(path); i++) {
		snprintf(part, sizeof(part), "%s%s", path, parts[i]);
		unlink(part);
	}
}

int execution_create_journal(struct execution *execution, const char *path, const char *cluster_text,
                             const char *plan_text, const char *approvals, struct error *error)
{
	struct timespec now;
	struct journal_head head = { .plan = plan_text, .cluster = cluster_text, .approvals = approvals };
	char *text = options_text(&execution->options);
	int result;

	clock_gettime(CLOCK_REALTIME, &now);
	head.options = text;
	/* Virtual time begins at 0. */
	head.created_ns = execution->options.simulated ? 0 : (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	result = reserve(path, error);
	if (!result) {
		result = journal_create(&execution->journal, path, &head, error);
		if (result)
			forget(path);
	}
	free(text);
	if (!result)
		create_executor(execution);
	return result;
}

void execution_free(struct execution *execution)
{
	if (execution->has_executor)
		executor_free(&execution->executor);
	if (execution->has_plan)
		plan_free(&execution->plan);
	if (execution->has_cluster)
		cluster_free(&execution->cluster);
	json_doc_free(execution->plan_doc);
	json_doc_free(execution->cluster_doc);
	journal_close(execution->journal);
	free(execution->options.uris);
	free(execution->options.shared);
	*execution = (struct execution){ 0 };
}

/* ------------------------------------------------------------------ one driver a cluster */

static const char *lock_folder(void)
{
	const char *folder = getenv("LOCKKEEPER_LOCKS");

	return folder && *folder ? folder : "/run/lock/lockkeeper";
}

/* What is locked is a host's URI, or a journal's path. */
static int lock_file(const char *folder, const char *name, int flags, char *ret_path, size_t room)
{
	char digest[65];

	digest_sha256(name, strlen(name), digest);
	snprintf(ret_path, room, "%s/%s", folder, digest);
	return open(ret_path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int lock(const char *folder, const char *name, const char *what, struct error *error)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[4096], pid[32] = "";
	ssize_t length;
	int file = lock_file(folder, name, O_RDWR | O_CREAT, path, sizeof(path));

	if (file < 0)
		return error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	if (fcntl(file, F_SETLK, &lock) == 0) {
		snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
		/* Who holds it is a help for people; the lock is what counts. It is held until the end. */
		if (ftruncate(file, 0) != 0 || write(file, pid, strlen(pid)) < 0)
			return error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
		return 0;
	}
	length = read(file, pid, sizeof(pid) - 1);
	pid[length > 0 ? strcspn(pid, "\n") : 0] = '\0';
	close(file);
	return error_set(error, ERROR_IO, "%s: another driver is at work on this %s (process %s)", name, what,
	                 pid[0] ? pid : "unknown");
}

static int make_lock_folder(const char *folder, struct error *error)
{
	if (mkdir(folder, 0700) == 0 || errno == EEXIST)
		return 0;
	return error_set(error, ERROR_IO, "%s: %s (LOCKKEEPER_LOCKS names another folder)", folder,
	                 strerror(errno));
}

static int text_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int execution_lock(const struct execution *execution, struct error *error)
{
	const struct cluster *cluster = &execution->cluster;
	const char *folder = lock_folder();
	const char **uris = MEMORY_ARRAY(const char *, cluster->host_count);
	uint32_t count = 0;
	int result = make_lock_folder(folder, error);

	for (uint32_t i = 0; i < cluster->host_count; i++) {
		if (cluster->hosts[i].uri)
			uris[count++] = cluster->hosts[i].uri;
	}
	/* In one order, so that two drivers that start at once do not both give up. */
	qsort(uris, count, sizeof(*uris), text_order);
	for (uint32_t i = 0; i < count && !result; i++) {
		if (i == 0 || strcmp(uris[i], uris[i - 1]))
			result = lock(folder, uris[i], "host", error);
	}
	free(uris);
	return result;
}

int execution_lock_journal(const char *path, struct error *error)
{
	char *real = realpath(path, NULL);
	int result = real ? make_lock_folder(lock_folder(), error)
	                  : error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));

	if (!result)
		result = lock(lock_folder(), real, "journal", error);

	free(real);
	return result;
}

/* Asks, and takes nothing: a driver that starts meanwhile must not be turned away. */
bool execution_is_carried_on(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char *real = realpath(path, NULL), lock_path[4096];
	int file = real ? lock_file(lock_folder(), real, O_RDWR, lock_path, sizeof(lock_path)) : -1;
	bool locked = file >= 0 && fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;

	if (file >= 0)
		close(file);
	free(real);
	return locked;
}

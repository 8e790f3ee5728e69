/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE /* pipe2 */
#include "web/board.h"

#include "core/arena.h"
#include "planner/lockability.h"
#include "planner/planned.h"
#include "system/monotonic.h"
#include "web/child.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* Questions under way for each of the child's threads; milliseconds between two tellings of progress, and
 * before a child that has failed is tried again. */
enum { AHEAD = 2, TELL_EVERY_MS = 500, AGAIN_MS = 5000, ANSWER_ROOM = 65536 };

const char *const board_stock_words[] = { "always", "order-dependent", "never", "unknown", NULL };
const char *const board_planned_words[] = { "lockable", "not-lockable", "unknown", NULL };

enum asked { ASKED_NOT, ASKED_BRIEF, ASKED_FULL };

/* A request that is answered later. */
struct waiting {
	struct waiting *next;
	struct board *board;
	struct MHD_Connection *connection;
	uint32_t host;
	bool suspended;
};

struct board {
	const struct web_options *options;
	const char *path;
	const struct cluster *cluster; /* for names alone */
	struct news *news;
	const char *topic, *id;
	uint32_t host_count;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	struct board_row *rows;
	uint8_t *asked;   /* enum asked, by host: under way */
	char **full;      /* by host: the answer in full; NULL: not known */
	uint32_t *wanted; /* a queue of hosts that somebody looks at, the last first */
	uint32_t wanted_count;
	uint32_t next; /* of all others */
	uint32_t known, under_way;
	struct waiting *waiting;
	char wrong[BOARD_WRONG_ROOM];
	bool renewed, over;
	int wake;
	/* the thread's own */
	pid_t child;
	int in, out;
	char *line;
	size_t length, room;
	int64_t told_ms, again_ms;
};

static void wake(struct board *board)
{
	uint64_t one = 1;

	if (write(board->wake, &one, sizeof(one)) < 0)
		return; /* it is awake already */
}

/* ------------------------------------------------------------------ answers */

static uint8_t word_index(const json_t *object, const char *name, const char *const *words)
{
	const json_t *word = json_get(object, name);
	uint8_t index = 0;

	while (words[index] &&
	       !(word && json_type(word) == JSON_TEXT && !strcmp(json_text(word), words[index])))
		index++;
	return words[index] ? index : (uint8_t)(index - 1);
}

static double median(const json_t *predicted, const char *name)
{
	const json_t *values = json_get(predicted, name);

	return values ? json_member_number(values, "p50") : 0;
}

static const char *explained(const json_t *certificate)
{
	return json_member_text(json_get(certificate, "explanation"), "text");
}

/* What is in the way, the platform's lock first. NULL: nothing. */
static char *why_of(const struct board_row *row, const json_t *stock, const json_t *planned)
{
	const json_t *blocking = json_get(stock, "blocking"), *certificate = json_get(planned, "certificate");
	const json_t *first = blocking && json_type(blocking) == JSON_ARRAY ? json_first(blocking) : NULL;
	const char *why = json_member_text(planned, "why");

	if (!why && certificate)
		why = explained(certificate);
	if (!why && row->stock != STOCK_ALWAYS)
		why = json_member_text(first, "why");
	if (!why && row->stock != STOCK_ALWAYS)
		why = json_member_text(stock, "message");
	return why ? strdup(why) : NULL;
}

/* The first of the changes that a certificate's explanation has. */
static char *help_of(const json_t *planned)
{
	const json_t *certificate = json_get(planned, "certificate");
	const json_t *explanation = certificate ? json_get(certificate, "explanation") : NULL;
	const json_t *changes = explanation ? json_get(explanation, "changes") : NULL;
	const json_t *first = changes && json_type(changes) == JSON_ARRAY ? json_first(changes) : NULL;

	return first && json_type(first) == JSON_TEXT ? strdup(json_text(first)) : NULL;
}

/* full: the answer has the certificate. */
static void take_row(struct board_row *row, const json_t *host, bool full)
{
	const json_t *stock = json_get(host, "stock"), *planned = json_get(host, "planned");
	const json_t *predicted = json_get(host, "predicted");

	free(row->why);
	free(row->help);
	*row = (struct board_row){ .known = true };
	row->stock = word_index(stock, "verdict", board_stock_words);
	row->planned = word_index(planned, "verdict", board_planned_words);
	row->moves = (uint32_t)json_member_number(planned, "moves");
	row->why = why_of(row, stock, planned);
	if (predicted && json_type(predicted) == JSON_OBJECT) {
		row->predicted = true;
		row->duration_s = median(predicted, "duration_s");
		row->downtime_ms = median(predicted, "worst_downtime_ms");
	}
	row->helped = full;
	row->help = full ? help_of(planned) : NULL;
}

static void resume_waiting(struct board *board, uint32_t host)
{
	for (struct waiting *at = board->waiting; at; at = at->next) {
		if (!at->suspended || (host != NONE && at->host != host))
			continue;
		at->suspended = false;
		MHD_resume_connection(at->connection);
	}
}

/* Under the lock. */
static void take_host(struct board *board, uint32_t index, const json_t *host, char *line)
{
	struct board_row *row = &board->rows[index];

	board->known += !row->known || row->old;
	take_row(row, host, board->asked[index] == ASKED_FULL);
	if (board->asked[index] == ASKED_FULL) {
		free(board->full[index]);
		board->full[index] = strdup(line);
		resume_waiting(board, index);
	}
	board->asked[index] = ASKED_NOT;
	board->under_way--;
}

/* line: ends with a NUL. */
static void take_line(struct board *board, char *line, size_t length)
{
	const json_t *hosts, *host;
	struct json_doc *doc;
	struct error error;
	uint32_t index = NONE;

	if (json_doc_parse(&doc, "check", memcpy(memory_take(length + 1), line, length + 1), length, &error))
		return;
	hosts = json_get(json_doc_root(doc), "hosts");
	host = hosts && json_type(hosts) == JSON_ARRAY ? json_first(hosts) : NULL;
	if (host && json_member_text(host, "host"))
		index = cluster_host(board->cluster, json_member_text(host, "host"));
	pthread_mutex_lock(&board->lock);
	if (index != NONE && board->asked[index] != ASKED_NOT)
		take_host(board, index, host, line);
	pthread_mutex_unlock(&board->lock);
	json_doc_free(doc);
}

/* ------------------------------------------------------------------ questions */

static bool needs(const struct board *board, uint32_t host)
{
	return board->asked[host] == ASKED_NOT && (!board->rows[host].known || board->rows[host].old);
}

/* Whether what would help is still to be looked for: that takes longer, and is done for those in sight. */
static bool needs_help(const struct board *board, uint32_t host)
{
	const struct board_row *row = &board->rows[host];

	return board->asked[host] == ASKED_NOT && row->known && !row->old && !row->helped &&
	       row->planned == PLANNED_NOT_LOCKABLE;
}

/* The next host to be asked for; NONE: none. *ret_full: in full. Under the lock. */
static uint32_t next_host(struct board *board, bool *ret_full)
{
	for (const struct waiting *at = board->waiting; at; at = at->next) {
		*ret_full = true;
		if (at->suspended && !board->full[at->host] && board->asked[at->host] == ASKED_NOT)
			return at->host;
	}
	*ret_full = false;
	while (board->wanted_count > 0) {
		uint32_t host = board->wanted[--board->wanted_count];

		*ret_full = needs_help(board, host);
		if (needs(board, host) || *ret_full)
			return host;
	}
	*ret_full = false;
	for (; board->next < board->host_count; board->next++) {
		if (needs(board, board->next))
			return board->next++;
	}
	return NONE;
}

static int put_question(struct board *board, uint32_t host, bool full)
{
	json_t *value = json_object_new();
	size_t length, put = 0;
	char *text;

	json_add_text(value, "host", board->cluster->hosts[host].name);
	json_add_bool(value, "full", full);
	text = json_print(value, false, &length);
	json_free(value);
	while (put < length) {
		ssize_t now = write(board->in, text + put, length - put);

		if (now < 0 && errno != EINTR)
			break;
		put += now > 0 ? (size_t)now : 0;
	}
	free(text);
	return put < length ? -1 : 0;
}

/* As many as keep the child busy. Whether there is anything under way. */
static bool ask(struct board *board)
{
	bool busy;

	pthread_mutex_lock(&board->lock);
	while (board->child > 0 && board->under_way < board->options->threads * AHEAD) {
		bool full;
		uint32_t host = next_host(board, &full);

		if (host == NONE)
			break;
		board->asked[host] = full ? ASKED_FULL : ASKED_BRIEF;
		board->under_way++;
		if (put_question(board, host, full))
			break;
	}
	busy = board->under_way > 0;
	pthread_mutex_unlock(&board->lock);
	return busy;
}

/* ------------------------------------------------------------------ the child */

static int start(struct board *board, struct error *error)
{
	const struct web_options *options = board->options;
	char limit[32], window[32], seed[24], threads[16], hour[32];
	const char *argv[24] = { options->program, "check", board->path, "--requests", "--limit", limit,
		                 "--window",       window,  "--seed",    seed,         "-j",      threads };
	struct child_options child = child_options_none(argv);
	int in[2], out[2], count = 12;

	snprintf(limit, sizeof(limit), "%g", options->limit_s);
	snprintf(window, sizeof(window), "%g", options->window_s);
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)options->seed);
	snprintf(threads, sizeof(threads), "%u", options->threads);
	snprintf(hour, sizeof(hour), "%g", options->start_hour);
	if (options->profile < PROFILE_COUNT) {
		argv[count++] = "--profile";
		argv[count++] = profile_words[options->profile];
	}
	if (options->model) {
		argv[count++] = "--model";
		argv[count++] = options->model;
	}
	if (options->start_hour >= 0) {
		argv[count++] = "--start-hour";
		argv[count++] = hour;
	}
	if (pipe2(in, O_CLOEXEC))
		return error_set(error, ERROR_IO, "no pipe: %s", strerror(errno));
	if (pipe2(out, O_CLOEXEC)) {
		close(in[0]);
		close(in[1]);
		return error_set(error, ERROR_IO, "no pipe: %s", strerror(errno));
	}
	child.in = in[0];
	child.out = out[1];
	board->child = child_start(&child, error);
	close(in[0]);
	close(out[1]);
	board->in = in[1];
	board->out = out[0];
	board->length = 0;
	if (board->child > 0)
		return 0;
	close(board->in);
	close(board->out);
	return ERROR_IO;
}

/* All that was under way is not any more. */
static void stop(struct board *board)
{
	if (board->child <= 0)
		return;
	kill(board->child, SIGKILL);
	close(board->in);
	close(board->out);
	child_wait(board->child);
	board->child = 0;
	pthread_mutex_lock(&board->lock);
	memset(board->asked, ASKED_NOT, board->host_count);
	board->under_way = 0;
	board->next = 0;
	pthread_mutex_unlock(&board->lock);
}

static void set_wrong(struct board *board, const char *why)
{
	pthread_mutex_lock(&board->lock);
	snprintf(board->wrong, sizeof(board->wrong), "%s", why);
	pthread_mutex_unlock(&board->lock);
}

/* Everything is to be asked for again. */
static void begin_again(struct board *board)
{
	stop(board);
	pthread_mutex_lock(&board->lock);
	board->renewed = false;
	board->known = 0;
	for (uint32_t i = 0; i < board->host_count; i++) {
		board->rows[i].old = true;
		free(board->full[i]);
		board->full[i] = NULL;
	}
	pthread_mutex_unlock(&board->lock);
}

/* What has come; false: the child has ended. */
static bool take(struct board *board)
{
	char *end;
	ssize_t got;

	if (board->room - board->length < ANSWER_ROOM) {
		board->room += ANSWER_ROOM * 2;
		board->line = memory_resize(board->line, board->room + 1, 1);
	}
	got = read(board->out, board->line + board->length, board->room - board->length);
	if (got <= 0)
		return got < 0 && errno == EINTR;
	board->length += (size_t)got;
	while ((end = memchr(board->line, '\n', board->length))) {
		size_t length = (size_t)(end + 1 - board->line);

		*end = '\0';
		take_line(board, board->line, length - 1);
		memmove(board->line, board->line + length, board->length - length);
		board->length -= length;
	}
	return true;
}

static void tell(struct board *board, bool at_once)
{
	struct board_progress progress;
	json_t *value;

	if (!at_once && monotonic_ms() - board->told_ms < TELL_EVERY_MS)
		return;
	board->told_ms = monotonic_ms();
	progress = board_progress(board);
	value = json_object_new();
	json_add_text(value, "id", board->id);
	json_add_number(value, "known", progress.known);
	json_add_number(value, "hosts", progress.hosts);
	json_add_text(value, "wrong", progress.wrong[0] ? progress.wrong : NULL);
	news_tell(board->news, board->topic, value);
}

static void live(struct board *board)
{
	struct error error;
	bool busy;

	if (board->child <= 0 && monotonic_ms() >= board->again_ms) {
		if (start(board, &error)) {
			set_wrong(board, error.text);
			board->again_ms = monotonic_ms() + AGAIN_MS;
		}
	}
	busy = ask(board);
	struct pollfd files[] = { { board->wake, POLLIN, 0 },
		                  { board->child > 0 ? board->out : -1, POLLIN, 0 } };

	poll(files, 2, busy || board->child <= 0 ? TELL_EVERY_MS : -1);
	if (files[0].revents) {
		uint64_t count;

		if (read(board->wake, &count, sizeof(count)) < 0)
			return;
	}
	if (files[1].revents && !take(board)) {
		stop(board);
		set_wrong(board, "lockkeeper check has ended by itself");
		board->again_ms = monotonic_ms() + AGAIN_MS;
		tell(board, true);
	} else if (files[1].revents) {
		set_wrong(board, "");
		tell(board, board_progress(board).known == board->host_count);
	}
}

static void *board_main(void *context)
{
	struct board *board = context;

	for (;;) {
		bool renewed, over;

		pthread_mutex_lock(&board->lock);
		renewed = board->renewed;
		over = board->over;
		pthread_mutex_unlock(&board->lock);
		if (over)
			break;
		if (renewed)
			begin_again(board);
		live(board);
	}
	stop(board);
	return NULL;
}

/* ------------------------------------------------------------------ */

struct board *board_open(const struct web_options *options, const struct site *site, struct news *news,
                         const char *topic, const char *id)
{
	struct board *board = MEMORY_ARRAY(struct board, 1);
	uint32_t host_count = site->cluster.host_count;

	board->options = options;
	board->path = site->path;
	board->cluster = &site->cluster;
	board->news = news;
	board->topic = topic;
	board->id = id;
	board->host_count = host_count;
	board->rows = MEMORY_ARRAY(struct board_row, host_count);
	board->asked = MEMORY_ARRAY(uint8_t, host_count);
	board->full = MEMORY_ARRAY(char *, host_count);
	board->wanted = MEMORY_ARRAY(uint32_t, host_count);
	board->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&board->lock, NULL);
	board->has_thread = pthread_create(&board->thread, NULL, board_main, board) == 0;
	return board;
}

void board_end(struct board *board)
{
	pthread_mutex_lock(&board->lock);
	board->over = true;
	resume_waiting(board, NONE);
	pthread_mutex_unlock(&board->lock);
	wake(board);
	if (board->has_thread)
		pthread_join(board->thread, NULL);
	board->has_thread = false;
}

void board_close(struct board *board)
{
	if (!board)
		return;
	for (uint32_t i = 0; i < board->host_count; i++) {
		free(board->rows[i].why);
		free(board->rows[i].help);
		free(board->full[i]);
	}
	free(board->rows);
	free(board->asked);
	free(board->full);
	free(board->wanted);
	free(board->line);
	close(board->wake);
	pthread_mutex_destroy(&board->lock);
	free(board);
}

void board_renew(struct board *board)
{
	pthread_mutex_lock(&board->lock);
	board->renewed = true;
	pthread_mutex_unlock(&board->lock);
	wake(board);
}

void board_want(struct board *board, const uint32_t *hosts, uint32_t count)
{
	bool any = false;

	pthread_mutex_lock(&board->lock);
	/* The last one is taken first. */
	for (uint32_t i = count; i-- > 0;) {
		if (!needs(board, hosts[i]) && !needs_help(board, hosts[i]))
			continue;
		if (board->wanted_count == board->host_count)
			board->wanted_count = 0; /* whoever still looks will ask again */
		board->wanted[board->wanted_count++] = hosts[i];
		any = true;
	}
	pthread_mutex_unlock(&board->lock);
	if (any)
		wake(board);
}

const struct board_row *board_look(struct board *board)
{
	pthread_mutex_lock(&board->lock);
	return board->rows;
}

void board_look_away(struct board *board)
{
	pthread_mutex_unlock(&board->lock);
}

struct board_progress board_progress(struct board *board)
{
	struct board_progress progress;

	pthread_mutex_lock(&board->lock);
	progress = (struct board_progress){ .known = board->known, .hosts = board->host_count };
	memcpy(progress.wrong, board->wrong, sizeof(progress.wrong));
	pthread_mutex_unlock(&board->lock);
	return progress;
}

static void drop_waiting(void *held)
{
	struct waiting *waiting = held, **at;
	struct board *board = waiting->board;

	pthread_mutex_lock(&board->lock);
	for (at = &board->waiting; *at && *at != waiting; at = &(*at)->next)
		;
	if (*at)
		*at = waiting->next;
	pthread_mutex_unlock(&board->lock);
	free(waiting);
}

void board_answer(struct board *board, uint32_t host, struct http_request *request,
                  struct http_reply *ret_reply)
{
	struct waiting *waiting = request->held;

	pthread_mutex_lock(&board->lock);
	if (board->full[host]) {
		ret_reply->status = HTTP_OK;
		ret_reply->type = "application/json";
		ret_reply->bytes = strdup(board->full[host]);
		ret_reply->length = strlen(ret_reply->bytes);
	} else if (board->over || board->wrong[0]) {
		reply_error(ret_reply, HTTP_BUSY, "%s", board->over ? "the server is ending" : board->wrong);
	} else {
		if (!waiting) {
			waiting = MEMORY_ARRAY(struct waiting, 1);
			*waiting = (struct waiting){ board->waiting, board, request->connection, host,
				                     false };
			board->waiting = waiting;
			request->held = waiting;
			request->drop = drop_waiting;
		}
		waiting->suspended = true;
		ret_reply->later = true;
		MHD_suspend_connection(request->connection);
	}
	pthread_mutex_unlock(&board->lock);
	if (ret_reply->later)
		wake(board);
}

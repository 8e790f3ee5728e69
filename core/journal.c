/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/journal.h"

#include "core/arena.h"
#include "core/must.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

/* "LKJ1": what kind of database this is (PRAGMA application_id). */
enum { APPLICATION_ID = 0x4c4b4a31, VERSION = 1, BUSY_MS = 10000 };

static const char SCHEMA[] =
	"CREATE TABLE head (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE record (number INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, event TEXT NOT NULL,"
	" move INTEGER, body TEXT NOT NULL);"
	"CREATE TABLE command (record INTEGER NOT NULL REFERENCES record(number), place INTEGER NOT NULL,"
	" command TEXT NOT NULL, move INTEGER, attempt INTEGER NOT NULL, token INTEGER NOT NULL,"
	" number REAL NOT NULL, PRIMARY KEY (record, place)) WITHOUT ROWID;"
	"CREATE TABLE request (what TEXT PRIMARY KEY) WITHOUT ROWID;";

enum statement {
	STATEMENT_BEGIN,
	STATEMENT_COMMIT,
	STATEMENT_ROLLBACK,
	STATEMENT_RECORD,
	STATEMENT_COMMAND,
	STATEMENT_ASKED,
	STATEMENT_COUNT
};

static const char *const sql[] = {
	[STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[STATEMENT_COMMIT] = "COMMIT",
	[STATEMENT_ROLLBACK] = "ROLLBACK",
	[STATEMENT_RECORD] = "INSERT INTO record (at_ns, event, move, body) VALUES (?, ?, ?, ?)",
	[STATEMENT_COMMAND] = "INSERT INTO command VALUES (?, ?, ?, ?, ?, ?, ?)",
	[STATEMENT_ASKED] = "SELECT 1 FROM request WHERE what = 'abort'",
};

struct journal {
	sqlite3 *database;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	struct journal_head head;
	struct arena texts;
	/* reading */
	sqlite3_stmt *records, *commands;
	struct json_doc *body;
	struct stock_change *changes;
	struct command *read;
	uint32_t read_room;
};

static int fail(const struct journal *journal, const char *what, struct error *error)
{
	const char *file = sqlite3_db_filename(journal->database, "main");

	return error_set(error, ERROR_IO, "%s: %s: %s", file && *file ? file : "journal", what,
	                 sqlite3_errmsg(journal->database));
}

/* ------------------------------------------------------------------ opening */

static int prepare(struct journal *journal, struct error *error)
{
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		if (sqlite3_prepare_v3(journal->database, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
		                       &journal->statements[i], NULL) != SQLITE_OK)
			return fail(journal, "not a journal of an execution", error);
	}
	return 0;
}

static int execute(struct journal *journal, const char *text, struct error *error)
{
	if (sqlite3_exec(journal->database, text, NULL, NULL, NULL) != SQLITE_OK)
		return fail(journal, "cannot be written", error);
	return 0;
}

/* Changes what kind of database it is: only of what is ours. */
static int set_safe(struct journal *journal, struct error *error)
{
	return execute(journal, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", error);
}

static int open_database(struct journal **ret_journal, const char *path, int flags, struct error *error)
{
	struct journal *journal = MEMORY_ARRAY(struct journal, 1);
	int result = 0;

	if (sqlite3_open_v2(path, &journal->database, flags, NULL) != SQLITE_OK)
		result = error_set(error, ERROR_IO, "%s: %s", path, sqlite3_errmsg(journal->database));
	sqlite3_busy_timeout(journal->database, BUSY_MS);
	if (result)
		journal_close(journal);
	else
		*ret_journal = journal;
	return result;
}

static int write_head(struct journal *journal, const char *name, const char *value, struct error *error)
{
	sqlite3_stmt *statement;
	int result = 0;

	if (sqlite3_prepare_v2(journal->database, "INSERT INTO head VALUES (?, ?)", -1, &statement, NULL) !=
	    SQLITE_OK)
		return fail(journal, "cannot be written", error);
	sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 2, value, -1, SQLITE_STATIC);
	if (sqlite3_step(statement) != SQLITE_DONE)
		result = fail(journal, "cannot be written", error);
	sqlite3_finalize(statement);
	return result;
}

static int write_heads(struct journal *journal, const struct journal_head *head, struct error *error)
{
	char created[32];
	int result;

	sqlite3_snprintf(sizeof(created), created, "%lld", (long long)head->created_ns);
	result = write_head(journal, "plan", head->plan, error);
	if (!result)
		result = write_head(journal, "cluster", head->cluster, error);
	if (!result)
		result = write_head(journal, "options", head->options, error);
	if (!result)
		result = write_head(journal, "approvals", head->approvals, error);
	return result ? result : write_head(journal, "created_ns", created, error);
}

static void read_head(struct journal *journal, const char *name, const char *value)
{
	char *copy = arena_text(&journal->texts, value, strlen(value));

	if (!strcmp(name, "plan"))
		journal->head.plan = copy;
	else if (!strcmp(name, "cluster"))
		journal->head.cluster = copy;
	else if (!strcmp(name, "options"))
		journal->head.options = copy;
	else if (!strcmp(name, "approvals"))
		journal->head.approvals = copy;
	else if (!strcmp(name, "created_ns"))
		journal->head.created_ns = strtoll(value, NULL, 10);
}

static int read_heads(struct journal *journal, struct error *error)
{
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v2(journal->database, "SELECT name, value FROM head", -1, &statement, NULL) !=
	    SQLITE_OK)
		return fail(journal, "not a journal of an execution", error);
	while (sqlite3_step(statement) == SQLITE_ROW)
		read_head(journal, (const char *)sqlite3_column_text(statement, 0),
		          (const char *)sqlite3_column_text(statement, 1));
	sqlite3_finalize(statement);
	if (!journal->head.plan || !journal->head.cluster || !journal->head.options ||
	    !journal->head.approvals)
		return error_set(error, ERROR_INPUT, "%s: it does not say what was to be carried out",
		                 sqlite3_db_filename(journal->database, "main"));
	return 0;
}

/* Whether the database has no tables: SQLite would write to any that is there. */
static bool is_empty(struct journal *journal)
{
	sqlite3_stmt *statement;
	bool empty = false;

	if (sqlite3_prepare_v2(journal->database, "SELECT 1 FROM sqlite_master", -1, &statement, NULL) ==
	    SQLITE_OK)
		empty = sqlite3_step(statement) == SQLITE_DONE;
	sqlite3_finalize(statement);
	return empty;
}

/* The last steps of creating and of opening; result: of those before. */
static int deliver(struct journal *journal, int result, struct journal **ret_journal, struct error *error)
{
	if (!result)
		result = read_heads(journal, error);
	if (!result)
		result = prepare(journal, error);
	if (result)
		journal_close(journal);
	else
		*ret_journal = journal;
	return result;
}

int journal_create(struct journal **ret_journal, const char *path, const struct journal_head *head,
                   struct error *error)
{
	struct journal *journal;
	int result;

	result = open_database(&journal, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
	if (result)
		return result;
	result = set_safe(journal, error);
	if (!result)
		result = execute(journal, "BEGIN IMMEDIATE", error);
	if (!result && !is_empty(journal))
		result = error_set(error, ERROR_EXISTS, "%s: already there, nothing is ever written over",
		                   path);
	if (!result)
		result = execute(journal, "PRAGMA application_id=1280002609; PRAGMA user_version=1;", error);
	if (!result && sqlite3_exec(journal->database, SCHEMA, NULL, NULL, NULL) != SQLITE_OK)
		result = fail(journal, "cannot be written", error);
	if (!result)
		result = write_heads(journal, head, error);
	if (!result)
		result = execute(journal, "COMMIT", error);
	return deliver(journal, result, ret_journal, error);
}

/* The marks that journal_create gives it: others' databases are left as they are. */
static int check_marks(const struct journal *journal, const char *path, struct error *error)
{
	static const char query[] = "SELECT application_id, user_version FROM pragma_application_id,"
				    " pragma_user_version";
	sqlite3_stmt *statement;
	int id = 0, version = 0;

	if (sqlite3_prepare_v2(journal->database, query, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW) {
		id = sqlite3_column_int(statement, 0);
		version = sqlite3_column_int(statement, 1);
	}
	if (sqlite3_finalize(statement) != SQLITE_OK)
		return error_set(error, ERROR_IO, "%s: not a journal of an execution: %s", path,
		                 sqlite3_errmsg(journal->database));
	if (id != APPLICATION_ID)
		return error_set(error, ERROR_INPUT,
		                 "%s: not a journal of an execution, expected what execute wrote", path);
	if (version != VERSION)
		return error_set(error, ERROR_INPUT, "%s: a journal of version %d, expected %d", path,
		                 version, VERSION);
	return 0;
}

int journal_open(struct journal **ret_journal, const char *path, bool read_only, struct error *error)
{
	struct journal *journal;
	int result;

	result = open_database(&journal, path, read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE,
	                       error);
	if (result)
		return result;
	result = check_marks(journal, path, error);
	if (!result && !read_only)
		result = set_safe(journal, error);
	return deliver(journal, result, ret_journal, error);
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	for (int i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(journal->statements[i]);
	sqlite3_finalize(journal->records);
	sqlite3_finalize(journal->commands);
	sqlite3_close(journal->database);
	json_doc_free(journal->body);
	free(journal->changes);
	free(journal->read);
	arena_free(&journal->texts);
	free(journal);
}

struct journal_head journal_head(const struct journal *journal)
{
	return journal->head;
}

/* ------------------------------------------------------------------ events as text */

static void add_seen(json_t *object, const struct seen *seen)
{
	json_add_text(object, "source", side_words[seen->source]);
	json_add_text(object, "target", side_words[seen->target]);
	json_add_bool(object, "source_job", seen->source_job);
	json_add_bool(object, "target_job", seen->target_job);
	json_add_bool(object, "source_persistent", seen->source_persistent);
	json_add_bool(object, "target_persistent", seen->target_persistent);
}

static void add_progress(json_t *object, const struct progress *progress)
{
	json_add_number(object, "elapsed_s", progress->elapsed_s);
	json_add_number(object, "remaining_bytes", progress->remaining_bytes);
	json_add_number(object, "processed_bytes", progress->processed_bytes);
	json_add_number(object, "total_bytes", progress->total_bytes);
	json_add_number(object, "rate_bytes_s", progress->rate_bytes_s);
	json_add_number(object, "downtime_ms", progress->downtime_ms);
	json_add_number(object, "throttle_percent", progress->throttle_percent);
	json_add_number(object, "iterations", progress->iterations);
}

static void add_changes(json_t *object, const struct event *event)
{
	json_t *array = json_add(object, "changes", json_array_new());

	for (uint32_t i = 0; i < event->change_count; i++) {
		const struct stock_change *change = &event->changes[i];
		json_t *row = json_push(array, json_object_new());

		json_add_number(row, "vm", change->vm);
		if (change->host == NONE)
			json_add_null(row, "host");
		else
			json_add_number(row, "host", change->host);
		json_add_text(row, "state", vm_state_words[change->state]);
		json_add_bool(row, "twice", change->twice);
	}
}

/* What the kind of the event has beside its time and move. */
static json_t *event_body(const struct event *event)
{
	json_t *object = json_object_new();

	json_add_number(object, "attempt", event->attempt);
	json_add_number(object, "token", event->token);
	if (event->kind == EVENT_RETURNED)
		json_add_text(object, "call", command_words[event->call]);
	if (event->kind == EVENT_RETURNED || event->kind == EVENT_CHECKED) {
		json_add_bool(object, "ok", event->ok);
		json_add_bool(object, "lasting", event->lasting);
	}
	if (event->kind == EVENT_CHECKED) {
		json_add_bool(object, "persistent", event->persistent);
		json_add_bool(object, "running", event->running);
	}
	if (event->kind == EVENT_SEEN)
		add_seen(object, &event->seen);
	if (event->kind == EVENT_PROGRESS || (event->kind == EVENT_RETURNED && event->progress.elapsed_s > 0))
		add_progress(object, &event->progress);
	if (event->kind == EVENT_STOCK) {
		json_add_text(object, "verdict", taking_words[event->verdict]);
		add_changes(object, event);
	}
	if (event->why)
		json_add_text(object, "why", event->why);
	return object;
}

/* The word's index in a NULL-ended list; 255: it is none of them. */
static uint8_t word_index(const json_t *object, const char *name, const char *const *words)
{
	const json_t *value = json_get(object, name);

	for (uint8_t i = 0; value && json_type(value) == JSON_TEXT && words[i]; i++) {
		if (!strcmp(words[i], json_text(value)))
			return i;
	}
	return UINT8_MAX;
}

static uint32_t whole(const json_t *object, const char *name)
{
	double value = json_member_number(object, name);

	return value >= 0 && value <= UINT32_MAX ? (uint32_t)value : 0;
}

static void read_seen(const json_t *object, struct seen *seen)
{
	*seen = (struct seen){ .source = word_index(object, "source", side_words),
		               .target = word_index(object, "target", side_words),
		               .source_job = json_member_bool(object, "source_job"),
		               .target_job = json_member_bool(object, "target_job"),
		               .source_persistent = json_member_bool(object, "source_persistent"),
		               .target_persistent = json_member_bool(object, "target_persistent") };
}

static void read_progress(const json_t *object, struct progress *progress)
{
	*progress = (struct progress){ .elapsed_s = json_member_number(object, "elapsed_s"),
		                       .remaining_bytes = json_member_number(object, "remaining_bytes"),
		                       .processed_bytes = json_member_number(object, "processed_bytes"),
		                       .total_bytes = json_member_number(object, "total_bytes"),
		                       .rate_bytes_s = json_member_number(object, "rate_bytes_s"),
		                       .downtime_ms = json_member_number(object, "downtime_ms"),
		                       .throttle_percent = json_member_number(object, "throttle_percent"),
		                       .iterations = whole(object, "iterations") };
}

static bool read_changes(struct journal *journal, const json_t *object, struct event *event)
{
	const json_t *array = json_get(object, "changes");
	uint32_t count = 0;

	if (!array || json_type(array) != JSON_ARRAY)
		return false;
	free(journal->changes);
	journal->changes = MEMORY_ARRAY(struct stock_change, json_count(array));
	for (const json_t *row = json_first(array); row; row = json_next(row)) {
		const json_t *host = json_get(row, "host");
		struct stock_change *change = &journal->changes[count++];

		change->vm = whole(row, "vm");
		change->host = host && json_type(host) == JSON_NUMBER ? whole(row, "host") : NONE;
		change->state = word_index(row, "state", vm_state_words);
		change->twice = json_member_bool(row, "twice");
		if (change->state == UINT8_MAX)
			return false;
	}
	event->changes = journal->changes;
	event->change_count = count;
	return true;
}

/* Returns whether the words are known. */
static bool read_body(struct journal *journal, const json_t *object, struct event *event)
{
	const json_t *why = json_get(object, "why");

	event->attempt = whole(object, "attempt");
	event->token = whole(object, "token");
	event->ok = json_member_bool(object, "ok");
	event->lasting = json_member_bool(object, "lasting");
	event->persistent = json_member_bool(object, "persistent");
	event->running = json_member_bool(object, "running");
	event->why = why && json_type(why) == JSON_TEXT ? json_text(why) : NULL;
	if (json_get(object, "elapsed_s"))
		read_progress(object, &event->progress);
	if (event->kind == EVENT_RETURNED)
		event->call = word_index(object, "call", command_words);
	if (event->kind == EVENT_SEEN)
		read_seen(object, &event->seen);
	if (event->kind == EVENT_STOCK) {
		event->verdict = word_index(object, "verdict", taking_words);
		return event->verdict != UINT8_MAX && read_changes(journal, object, event);
	}
	return event->call != UINT8_MAX && event->seen.source != UINT8_MAX && event->seen.target != UINT8_MAX;
}

/* ------------------------------------------------------------------ writing */

static bool step(struct journal *journal, enum statement which)
{
	int code = sqlite3_step(journal->statements[which]);

	sqlite3_reset(journal->statements[which]);
	return code == SQLITE_DONE;
}

static void bind_move(sqlite3_stmt *statement, int place, uint32_t move)
{
	if (move == NONE)
		sqlite3_bind_null(statement, place);
	else
		sqlite3_bind_int64(statement, place, move);
}

static bool insert_event(struct journal *journal, const struct event *event)
{
	sqlite3_stmt *statement = journal->statements[STATEMENT_RECORD];
	json_t *body = event_body(event);
	size_t length;
	char *text = json_print(body, false, &length);
	bool done;

	sqlite3_bind_int64(statement, 1, event->at_ns);
	sqlite3_bind_text(statement, 2, event_words[event->kind], -1, SQLITE_STATIC);
	bind_move(statement, 3, event->move);
	sqlite3_bind_text(statement, 4, text, (int)length - 1, SQLITE_STATIC);
	done = step(journal, STATEMENT_RECORD);
	json_free(body);
	free(text);
	return done;
}

static bool insert_commands(struct journal *journal, const struct command *commands, uint32_t count)
{
	sqlite3_stmt *statement = journal->statements[STATEMENT_COMMAND];
	int64_t record = sqlite3_last_insert_rowid(journal->database);

	for (uint32_t i = 0; i < count; i++) {
		sqlite3_bind_int64(statement, 1, record);
		sqlite3_bind_int64(statement, 2, i);
		sqlite3_bind_text(statement, 3, command_words[commands[i].kind], -1, SQLITE_STATIC);
		bind_move(statement, 4, commands[i].move);
		sqlite3_bind_int64(statement, 5, commands[i].attempt);
		sqlite3_bind_int64(statement, 6, commands[i].token);
		sqlite3_bind_double(statement, 7, commands[i].number);
		if (!step(journal, STATEMENT_COMMAND))
			return false;
	}
	return true;
}

int journal_write(struct journal *journal, const struct event *event, const struct command *commands,
                  uint32_t count, struct error *error)
{
	sqlite3_mutex *mutex = sqlite3_db_mutex(journal->database);
	int result = 0;

	sqlite3_mutex_enter(mutex);
	if (!step(journal, STATEMENT_BEGIN) || !insert_event(journal, event) ||
	    !insert_commands(journal, commands, count) || !step(journal, STATEMENT_COMMIT)) {
		result = fail(journal, "cannot be written", error);
		(void)step(journal, STATEMENT_ROLLBACK);
	}
	sqlite3_mutex_leave(mutex);
	return result;
}

int journal_ask_abort(const char *path, struct error *error)
{
	struct journal *journal;
	int result = journal_open(&journal, path, false, error);

	if (result)
		return result;
	result = execute(journal, "INSERT OR IGNORE INTO request VALUES ('abort')", error);
	journal_close(journal);
	return result;
}

bool journal_abort_asked(struct journal *journal)
{
	sqlite3_stmt *statement = journal->statements[STATEMENT_ASKED];
	sqlite3_mutex *mutex = sqlite3_db_mutex(journal->database);
	bool asked;

	/* By another thread than the one that writes: a transaction must not begin in between. */
	sqlite3_mutex_enter(mutex);
	asked = sqlite3_step(statement) == SQLITE_ROW;
	sqlite3_reset(statement);
	sqlite3_mutex_leave(mutex);
	return asked;
}

int journal_forget_abort(struct journal *journal, struct error *error)
{
	return execute(journal, "DELETE FROM request WHERE what = 'abort'", error);
}

/* ------------------------------------------------------------------ reading */

int journal_rewind(struct journal *journal, struct error *error)
{
	sqlite3_finalize(journal->records);
	sqlite3_finalize(journal->commands);
	journal->records = journal->commands = NULL;
	if (sqlite3_prepare_v2(journal->database,
	                       "SELECT number, at_ns, event, move, body FROM record ORDER BY number", -1,
	                       &journal->records, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(journal->database,
	                       "SELECT command, move, attempt, token, number FROM command"
	                       " WHERE record = ? ORDER BY place",
	                       -1, &journal->commands, NULL) != SQLITE_OK)
		return fail(journal, "cannot be read", error);
	return 0;
}

static uint32_t column_move(sqlite3_stmt *statement, int column)
{
	return sqlite3_column_type(statement, column) == SQLITE_NULL
	               ? NONE
	               : (uint32_t)sqlite3_column_int64(statement, column);
}

static uint8_t column_word(sqlite3_stmt *statement, int column, const char *const *words)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	for (uint8_t i = 0; text && words[i]; i++) {
		if (!strcmp(words[i], text))
			return i;
	}
	return UINT8_MAX;
}

static bool read_commands(struct journal *journal, struct journal_record *record)
{
	sqlite3_stmt *statement = journal->commands;

	sqlite3_reset(statement);
	sqlite3_bind_int64(statement, 1, (int64_t)record->number);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		struct command *command;

		if (record->command_count == journal->read_room) {
			journal->read_room = journal->read_room ? journal->read_room * 2 : 16;
			journal->read = memory_resize(journal->read, journal->read_room,
			                              sizeof(*journal->read));
		}
		command = &journal->read[record->command_count++];
		*command = (struct command){ .kind = column_word(statement, 0, command_words),
			                     .move = column_move(statement, 1),
			                     .attempt = (uint32_t)sqlite3_column_int64(statement, 2),
			                     .token = (uint32_t)sqlite3_column_int64(statement, 3),
			                     .number = sqlite3_column_double(statement, 4) };
		if (command->kind == UINT8_MAX)
			return false;
	}
	record->commands = journal->read;
	return true;
}

static int fail_record(const struct journal *journal, const struct journal_record *record,
                       struct error *error)
{
	const char *file = sqlite3_db_filename(journal->database, "main");

	return error_set(error, ERROR_INPUT, "%s: record %llu is not one of a journal",
	                 file && *file ? file : "journal", (unsigned long long)record->number);
}

int journal_next(struct journal *journal, struct journal_record *ret_record, struct error *error)
{
	sqlite3_stmt *statement = journal->records;
	struct journal_record record = { 0 };
	const char *text;
	size_t length;
	int code;

	must(statement);
	code = sqlite3_step(statement);
	if (code == SQLITE_DONE)
		return 0;
	if (code != SQLITE_ROW)
		return fail(journal, "cannot be read", error);
	record.number = (uint64_t)sqlite3_column_int64(statement, 0);
	record.event.at_ns = sqlite3_column_int64(statement, 1);
	record.event.kind = column_word(statement, 2, event_words);
	record.event.move = column_move(statement, 3);
	text = (const char *)sqlite3_column_text(statement, 4);
	length = (size_t)sqlite3_column_bytes(statement, 4);
	json_doc_free(journal->body);
	journal->body = NULL;
	if (!text || record.event.kind == UINT8_MAX)
		return fail_record(journal, &record, error);
	if (json_doc_parse(&journal->body, "journal", memcpy(memory_take(length + 1), text, length + 1),
	                   length, error))
		return fail_record(journal, &record, error);
	if (!read_body(journal, json_doc_root(journal->body), &record.event) ||
	    !read_commands(journal, &record))
		return fail_record(journal, &record, error);
	*ret_record = record;
	return 1;
}

uint64_t journal_count(struct journal *journal)
{
	sqlite3_stmt *statement;
	uint64_t count = 0;

	if (sqlite3_prepare_v2(journal->database, "SELECT count(*) FROM record", -1, &statement, NULL) !=
	    SQLITE_OK)
		return 0;
	if (sqlite3_step(statement) == SQLITE_ROW)
		count = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return count;
}

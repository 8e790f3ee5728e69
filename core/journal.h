/* SPDX-License-Identifier: GPL-3.0-or-later */
/* journal: what an execution was given, every event and every command of it, in an SQLite database. */
/*
 * WAL, synchronous=FULL. An event and the commands that it brings about are one transaction: they are written
 * before the commands are sent, so that whatever was sent is known after a crash, and may have been sent
 * whatever is known. docs/formats.md has the tables.
 */
#ifndef CORE_JOURNAL_H
#define CORE_JOURNAL_H

#include "core/backend.h"

struct journal;

/* What an execution was given: everything that resume and replay need beside the records. */
struct journal_head {
	const char *plan, *cluster; /* documents, as text */
	const char *options;        /* JSON of the executor's options and the driver's */
	const char *approvals;      /* JSON: an array of the approvals */
	int64_t created_ns;
};

/* Makes a journal; a file that is there is refused (ERROR_EXISTS). path ":memory:": kept nowhere. */
int journal_create(struct journal **ret_journal, const char *path, const struct journal_head *head,
                   struct error *error);

/* Opens one that is there; for reading alone, beside a driver that writes, when `read_only`. */
int journal_open(struct journal **ret_journal, const char *path, bool read_only, struct error *error);

void journal_close(struct journal *journal);

/* Texts that live as long as the journal. */
struct journal_head journal_head(const struct journal *journal);

/* An event and the commands that it brought about, or nothing of both. */
int journal_write(struct journal *journal, const struct event *event, const struct command *commands,
                  uint32_t count, struct error *error);

/* Whether somebody asked for the execution to stop (`lockkeeper abort`), by any thread, and asking for it. */
int journal_ask_abort(const char *path, struct error *error);
bool journal_abort_asked(struct journal *journal);

/* It goes on nevertheless (`lockkeeper resume`). */
int journal_forget_abort(struct journal *journal, struct error *error);

/* How many records there are. */
uint64_t journal_count(struct journal *journal);

/*
 * One record after another, from the first. Returns 1 with a record, 0 at the end, or a negative code. What
 * the event points to lives until the next call; commands likewise.
 */
struct journal_record {
	uint64_t number;
	struct event event;
	const struct command *commands;
	uint32_t command_count;
};
int journal_rewind(struct journal *journal, struct error *error);
int journal_next(struct journal *journal, struct journal_record *ret_record, struct error *error);

#endif

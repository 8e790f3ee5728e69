/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run: the only loop between a world and the core: wait, step, journal, submit; and going over it again. */
#ifndef CORE_RUN_H
#define CORE_RUN_H

#include "core/executor.h"
#include "core/journal.h"

/* What a caller may want to see of it. Functions may be NULL. */
struct run_watch {
	/* After each step, before the commands are sent. false: the loop ends, as if the driver had died. */
	bool (*stepped)(void *context, const struct event *event, const struct command *commands,
	                uint32_t count);
	void *context;
};

/*
 * Carries the executor's plan out until it ends. first: EVENT_BEGIN or EVENT_RESUMED. Returns 0 when the
 * executor has ended, 1 when the watch ended it, or a negative code when the journal cannot be written: then
 * nothing more is sent.
 */
int run(struct backend *backend, struct executor *executor, struct journal *journal, enum event_kind first,
        int64_t now_ns, const struct run_watch *watch, struct error *error);

/* Where a replay differs from the journal. */
struct replay_difference {
	uint64_t record;        /* 0: nowhere */
	uint32_t command;       /* which of its commands */
	struct command was, is; /* kind COMMAND_COUNT: none there */
};

/*
 * Steps the executor through all events of a journal, and compares its commands with those that were written.
 * Sends nothing. Afterwards the executor is where the driver was. watch may be NULL.
 */
int replay(struct executor *executor, struct journal *journal, struct replay_difference *ret_difference,
           const struct run_watch *watch, struct error *error);

#endif

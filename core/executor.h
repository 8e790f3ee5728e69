/* SPDX-License-Identifier: GPL-3.0-or-later */
/* executor: the machine of one plan's execution: which moves may start, what a failed one means, when to
 * stop. */
/*
 * Pure like core/migration: events in, commands out, time comes with the events. Before any wave of moves
 * starts, the hosts are looked at afresh and the rest of the plan is proven again from there (COMMAND_STOCK);
 * a wave is over when a move has ended. A move that failed is tried again where that may help; those that
 * wait for it never start; all others go on. When a person must look at one VM, nothing new starts, and what
 * is under way goes to its end.
 */
#ifndef CORE_EXECUTOR_H
#define CORE_EXECUTOR_H

#include "core/migration.h"
#include "core/plan.h"
#include "core/state.h"
#include "core/turns.h"

struct executor_options {
	struct migration_patience patience;
	uint32_t parallel_most; /* live migrations that leave a host at a time, where the file says more; 0 */
	uint32_t tries;         /* of one move, at least 1 */
	int64_t retry_ns;       /* before a move is tried again */
};

struct executor_options executor_options_default(void);

/* How far a move is. */
enum standing {
	STANDING_WAITING, /* for others, for its turn, or to be tried again */
	STANDING_GOING,
	STANDING_DONE,
	STANDING_SKIPPED, /* the VM is there already, or needs not move any more: by other hands */
	STANDING_FAILED,
	STANDING_UNCLEAR, /* a person must look */
	STANDING_COUNT
};

extern const char *const *const standing_words;

enum executor_end {
	EXECUTOR_GOING,
	EXECUTOR_DONE,    /* every move is done or needless */
	EXECUTOR_STALE,   /* nothing has moved, and the plan is not safe from what the hosts hold now */
	EXECUTOR_STOPPED, /* stopped with something left to do; can be resumed */
	EXECUTOR_UNCLEAR  /* a person must look */
};

extern const char *const *const executor_end_words;

struct executor_commands {
	struct command *at; /* free()d by executor_commands_free */
	uint32_t count, room;
};

struct executor {
	const struct cluster *cluster;
	const struct plan *plan;
	struct executor_options options;
	struct state state; /* what is believed of the hosts */
	struct turns turns;
	struct migration *migrations; /* by move of the plan */
	uint8_t *standings;           /* enum standing */
	uint32_t *waits;              /* by move: of `after`, how many are not done yet */
	uint32_t *waiters, *waiters_first;
	uint32_t *bases;       /* by move: attempts before it was taken up again by hand */
	int64_t *retry_due_ns; /* by move: TIME_FOREVER: not */
	uint32_t stage, going; /* going: moves under way */
	uint32_t token;
	int64_t now_ns, stock_due_ns, silent_since_ns;
	bool fresh, stocking, aborting, moved;
	bool begun;    /* EVENT_BEGIN or EVENT_RESUMED has come */
	uint8_t end;   /* enum executor_end: what it will be once nothing is under way */
	char why[256]; /* of the end; empty: nothing to say */
};

/* Cluster and plan must outlive it; the plan must be for the cluster. Free with executor_free. */
void executor_create(struct executor *ret_executor, const struct cluster *cluster, const struct plan *plan,
                     const struct executor_options *options);
void executor_free(struct executor *executor);

/* One event. The commands of this event replace those in *ret_commands (zero-initialised at first). */
void executor_step(struct executor *executor, const struct event *event,
                   struct executor_commands *ret_commands);
void executor_commands_free(struct executor_commands *commands);

/* When it wants to be stepped by an EVENT_TIMER; TIME_FOREVER: never. */
int64_t executor_due_ns(const struct executor *executor);

/* How it has ended; EXECUTOR_GOING: not yet. */
enum executor_end executor_end(const struct executor *executor);

/* Whether a move is still to be proven: it waits or is under way, and nothing that it waits for has failed.
 */
bool executor_is_left(const struct executor *executor, uint32_t move);

#endif

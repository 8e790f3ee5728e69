/* SPDX-License-Identifier: GPL-3.0-or-later */
/* migration: the machine of one VM's migration: events in, commands out. */
/*
 * Here live all decisions that a hypervisor leaves open: when a migration may be said to have arrived, what
 * is done when nobody knows, the downtime steps, post-copy, the time limit. simulate and the driver of real
 * hosts both run it, so that what was simulated is what is done. The rules of safety (docs/execution.md):
 *
 * - Nothing is undefined at the source before the target was seen to run the VM and, if it was persistent, to
 *   keep it.
 * - The source is resumed only when the target was seen, twice, to have nothing of the VM, and never once
 *   post-copy was asked for.
 * - When contact is lost while it matters, the truth is looked for on both hosts before anything else is
 * done.
 * - What cannot be decided is left as it is: a person must look.
 */
#ifndef CORE_MIGRATION_H
#define CORE_MIGRATION_H

#include "core/backend.h"
#include "core/timing.h"

enum migration_state {
	MIGRATION_QUEUED,     /* not begun, or its target is being checked */
	MIGRATION_CHECKED,    /* the target can take it, the order to migrate is given */
	MIGRATION_STARTED,    /* both ends are being set up; cold: the guest shuts down */
	MIGRATION_COPYING,    /* the guest runs at the source, its memory is sent; cold: its disks */
	MIGRATION_SWITCHING,  /* the guest stands still; post-copy: it runs at the target */
	MIGRATION_CONFIRMING, /* the call has returned: both hosts are asked what is there */
	MIGRATION_DONE,
	MIGRATION_ABORTING, /* it is being given up */
	MIGRATION_FAILED,   /* it did not move; where it is, is known */
	MIGRATION_UNKNOWN,  /* contact was lost while it matters: both hosts are asked before anything else */
	MIGRATION_STATE_COUNT
};

extern const char *const *const migration_state_words;

/* What became of it, and why. */
enum migration_reason {
	REASON_NONE,
	REASON_ARRIVED,
	REASON_REFUSED,     /* the target cannot take it */
	REASON_CALL,        /* the hypervisor says that it failed */
	REASON_TIME_LIMIT,  /* it took too long */
	REASON_NO_PROGRESS, /* it made none for too long */
	REASON_STOOD_STILL, /* the guest stood still for too long in the switch-over */
	REASON_ABORTED,     /* an operator wanted it */
	REASON_GONE,        /* it runs nowhere: the guest ended, by itself or by other hands */
	REASON_NOT_BEGUN,   /* the order never reached the hypervisor */
	REASON_TWICE,       /* it runs on both hosts: a person must look */
	REASON_SILENT,      /* a host that matters does not answer: a person must look */
	REASON_STANDING,    /* no memory of a post-copy comes any more: a person must look */
	REASON_UNCLEAR,     /* what both hosts say does not fit together: a person must look */
	REASON_COUNT
};

extern const char *const *const migration_reason_words;

/* Times that no platform sets; docs/execution.md has why they are so. */
struct migration_patience {
	int64_t look_ns;     /* between two looks at hosts that are not clear yet */
	int64_t unclear_ns;  /* so long in UNKNOWN or CONFIRMING, then a person must look, as when the
	                        recovery of a post-copy brings no memory for so long; a post-copy that
	                        brings none has both hosts asked after it */
	int64_t leftover_ns; /* something incoming that nobody sends is left so long to end by itself */
	int64_t settled_ns;  /* what runs at the target is believed to stay after so long */
	int64_t cancel_ns;   /* a cancel that had no effect is repeated after so long */
	int64_t still_ns;    /* a guest that stands still for the switch-over for so long is given back */
	uint32_t recoveries; /* so many tries to resume a broken post-copy */
};

extern const struct migration_patience migration_patience_default;

/* Plain data: a copy goes on by itself. */
struct migration {
	struct timing timing;
	const struct migration_patience *patience;
	uint32_t move, attempt; /* as commands have them */
	uint8_t state;          /* enum migration_state */
	uint8_t reason;         /* enum migration_reason; of the end, or of what it is being given up for */
	uint8_t kept_reason;    /* what it was given up for before a person had to look */
	bool cold;
	bool asked;      /* QUEUED: the target is being checked */
	bool persistent; /* its definition outlived it when it was checked */
	bool was_running;
	bool stuck;   /* UNKNOWN: no more is done by itself, a person must look */
	bool lasting; /* FAILED: trying again would not help */
	bool asked_postcopy, switched;
	bool standing;                              /* of its post-copy no memory comes any more */
	bool in_vain;                               /* cancels had no effect for all of unclear_ns */
	bool carried;                               /* cold: the target has its definition */
	bool looking;                               /* the answer to `token` is awaited */
	uint8_t last_side_source, last_side_target; /* of the look before, SIDE_SILENT: none */
	uint8_t call;                               /* the one that carries the migration, as mend */
	uint8_t mend; /* the mend whose return is awaited: enum command_kind; COMMAND_COUNT: none */
	uint8_t mends, recoveries; /* how many worked */
	uint8_t broken_steps;      /* cold: how many did not */
	uint32_t token;
	int64_t begun_ns;                   /* the order to migrate was given */
	int64_t since_ns;                   /* it has been in this state since */
	int64_t leftover_since_ns;          /* two copies, one of them needless, were first seen; < 0: not */
	int64_t look_due_ns, cancel_due_ns; /* TIME_FOREVER: not */
	/* the hypervisor's decisions */
	double limit_ms;
	int64_t limit_due_ns, limit_since_ns;
	int64_t postcopy_due_ns; /* asked for post-copy: so long it has time to go over */
	double low_bytes;        /* the least that was left to send, and since when */
	int64_t low_ns;
	double synced_bytes; /* what was left after the last round */
	uint32_t iterations;
	struct progress progress; /* the last */
	int64_t moved_ns;         /* it differed from the one before */
	char why[160];            /* in the world's words; empty: none */
};

#define TIME_FOREVER INT64_MAX

/* The most commands that one event brings about for one migration. */
enum { MIGRATION_COMMANDS_MOST = 4 };

struct migration_commands {
	struct command at[MIGRATION_COMMANDS_MOST];
	uint32_t count;
};

/* A migration that has not begun. */
void migration_create(struct migration *ret_migration, uint32_t move, bool cold, const struct timing *timing,
                      const struct migration_patience *patience);

/* It may begin now: the target is checked first. Must be QUEUED and not asked yet. */
void migration_go(struct migration *migration, int64_t now_ns, struct migration_commands *ret_commands);

/* It failed, and is tried once more: QUEUED again. Must be FAILED and not lasting. */
void migration_retry(struct migration *migration, int64_t now_ns);

/*
 * One event of this migration, or one of all (TIMER, ABORT, RESUMED). Events of an earlier attempt, answers
 * that are no longer awaited and events that come twice change nothing.
 */
void migration_step(struct migration *migration, const struct event *event,
                    struct migration_commands *ret_commands);

/* When it wants to be stepped by an EVENT_TIMER; TIME_FOREVER: never. */
int64_t migration_due_ns(const struct migration *migration);

/* Whether it can still be given up: the guest runs at the source alone. */
bool migration_can_abort(const struct migration *migration);

/* Whether it has come to its end: DONE, FAILED, or stuck. */
bool migration_is_over(const struct migration *migration);

/* Why it ended, or is being given up, as a sentence without a full stop; in buffer where it has numbers. */
const char *migration_why(const struct migration *migration, char *buffer, size_t room);

/* ------------------------------------------------------------------ the table, for tests and documents */

struct migration_edge {
	uint8_t state, event, next; /* next: MIGRATION_STATE_COUNT: decided by `name`'s own rule */
	const char *when;           /* in words; NULL: always */
};

/* All edges; every pair of state and event has at least one. */
const struct migration_edge *migration_edges(size_t *ret_count);

/* How often each edge was taken by this thread. */
const uint64_t *migration_edge_counts(void);

/* The `when` of the edge that the last step of this thread took; empty: it has none. */
const char *migration_last_why(void);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backend: the one seam between the migration core and a world: commands go down, events come up. */
#ifndef CORE_BACKEND_H
#define CORE_BACKEND_H

#include "core/cluster.h"

/*
 * What the core asks a world to do. Each but LIMIT is answered by exactly one event, however it went, unless
 * the driver dies meanwhile. Commands of different moves may be answered in any order.
 */
enum command_kind {
	COMMAND_STOCK, /* look at all hosts afresh, and have the rest of the plan proven: EVENT_STOCK */
	/* of one move */
	COMMAND_CHECK,    /* whether the target can take the VM, and what the VM is now: EVENT_CHECKED */
	COMMAND_START,    /* migrate it live, its first downtime limit being `number` ms: EVENT_PROGRESS, …
	                     meanwhile, EVENT_RETURNED at the end */
	COMMAND_WATCH,    /* as START, for a migration that is already under way: EVENT_RETURNED at its end */
	COMMAND_LIMIT,    /* its downtime limit is `number` ms from now on: no answer */
	COMMAND_POSTCOPY, /* go over to post-copy: EVENT_RETURNED */
	COMMAND_CANCEL,   /* give the migration up: EVENT_RETURNED */
	COMMAND_LOOK,     /* what both hosts say of the VM: the source first, then the target: EVENT_SEEN */
	COMMAND_RECOVER,  /* resume a post-copy that broke off: EVENT_RETURNED */
	/*
	 * Mends, each ordered in one situation only (core/migration.c): EVENT_RETURNED. What makes vCPUs run
	 * (RESUME_SOURCE, BOOT_SOURCE, BOOT_TARGET) looks at every other host of the cluster first, since
	 * others may have moved the VM on: refused when one runs it, or cannot be asked.
	 */
	COMMAND_RESUME_SOURCE,   /* its vCPUs run again there */
	COMMAND_DESTROY_SOURCE,  /* what is left of it there is ended */
	COMMAND_DESTROY_TARGET,  /* what is left of it there, and never ran, is ended */
	COMMAND_PERSIST_TARGET,  /* its definition is written there */
	COMMAND_UNDEFINE_SOURCE, /* its definition is taken away there; refused while it is active there */
	/* of a cold move: EVENT_RETURNED */
	COMMAND_STOP,  /* the guest shuts down at the source */
	COMMAND_CARRY, /* its definition and disks are brought to the target; the source keeps its own */
	COMMAND_BOOT_TARGET, /* it is started at the target */
	COMMAND_BOOT_SOURCE, /* it is started at the source again */
	COMMAND_COUNT
};

struct command {
	uint8_t kind;     /* enum command_kind */
	uint32_t move;    /* index into the plan's moves; NONE: of all */
	uint32_t attempt; /* of the move: counts from 1 */
	uint32_t token;   /* LOOK, STOCK: its answer bears the same */
	double number;    /* START, LIMIT: ms */
};

enum event_kind {
	EVENT_BEGIN,    /* the driver starts, for the first time */
	EVENT_RESUMED,  /* it has started again: what was under way may have gone on without it */
	EVENT_TIMER,    /* nothing happened until the time that was waited for */
	EVENT_ABORT,    /* an operator wants it to stop */
	EVENT_STOCK,    /* what the hosts hold now */
	EVENT_CHECKED,  /* the target can take it, or not */
	EVENT_PROGRESS, /* how far it is */
	EVENT_STOPPED,  /* the vCPUs stand still for the switch-over */
	EVENT_SWITCHED, /* post-copy: they run at the target, the source cannot go on */
	EVENT_RETURNED, /* a call has come back */
	EVENT_SEEN,     /* what both hosts say of the VM */
	EVENT_CHANGED,  /* somebody else did something to the VM, or it ended by itself */
	EVENT_LOST,     /* contact with one of its hosts is lost */
	EVENT_BACK,     /* and there again */
	EVENT_COUNT
};

/* What a host says of a VM. */
enum side {
	SIDE_SILENT,   /* the host cannot be asked */
	SIDE_ABSENT,   /* it does not know the VM */
	SIDE_OFF,      /* defined, does not run */
	SIDE_RUNNING,  /* its vCPUs run */
	SIDE_PAUSED,   /* stopped by somebody, or by an error of its disks: it is a live copy, and this its
	                  state */
	SIDE_INCOMING, /* being received: its vCPUs never ran here */
	SIDE_SENT,     /* its vCPUs were stopped for the switch-over, its memory is all here */
	SIDE_POSTCOPY, /* at the source: it runs at the target since; at the target: it runs, memory still
	                  comes */
	SIDE_BROKEN,   /* a post-copy that broke off: it stands still, part of its memory is on the other host
	                */
	SIDE_COUNT
};

/* Both hosts, looked at one after the other: the source first. */
struct seen {
	uint8_t source, target;                    /* enum side */
	bool source_job, target_job;               /* a migration of it is under way there */
	bool source_persistent, target_persistent; /* its definition outlives it there */
};

/* How far a migration is, as the hypervisor's statistics say. */
struct progress {
	double elapsed_s;
	double remaining_bytes, processed_bytes, total_bytes;
	double rate_bytes_s;
	double downtime_ms; /* expected, or once it is over, real */
	double throttle_percent;
	uint32_t iterations; /* dirty-sync count: a round has ended when it is more than before */
};

/* A VM that is not where the core believes it to be, or not as it believes. */
struct stock_change {
	uint32_t vm;
	uint32_t host; /* where it is; NONE: nowhere; on two hosts at once: see `twice` */
	uint8_t state; /* enum vm_state */
	bool twice;
};

enum taking {
	TAKING_PROVEN,  /* the rest of the plan is safe from here */
	TAKING_STALE,   /* it is not, or cannot be proven: `why` */
	TAKING_UNKNOWN, /* a host that matters could not be asked: `why` */
};

struct event {
	uint8_t kind;     /* enum event_kind */
	uint32_t move;    /* NONE: of all */
	uint32_t attempt; /* as the command's that it answers or follows */
	uint32_t token;   /* SEEN, STOCK: the command's */
	uint8_t call;     /* RETURNED: enum command_kind */
	bool ok;          /* CHECKED, RETURNED */
	bool lasting;     /* CHECKED, RETURNED, not ok: trying again would not help */
	bool persistent;  /* CHECKED: the VM's definition outlives it at the source */
	bool running;     /* CHECKED: its vCPUs run; else it is paused (live) or off (cold) */
	uint8_t verdict;  /* STOCK: enum taking */
	int64_t at_ns;    /* never before that of the event before it */
	struct seen seen;
	struct progress progress;           /* PROGRESS; RETURNED of START and WATCH, when it is known */
	const struct stock_change *changes; /* STOCK */
	uint32_t change_count;
	const char *why; /* NULL: nothing to say. The core copies what it keeps */
};

/* The words of those enumerations, for journals and messages, in their order, NULL at the end. */
extern const char *const *const command_words;
extern const char *const *const event_words;
extern const char *const *const side_words;
extern const char *const *const taking_words;

/*
 * A world. The simulated one (sim/) answers in virtual time, the real one (real-driver/) by libvirt; nothing
 * above can tell which.
 */
struct backend {
	/* Never blocks, never fails: what goes wrong comes back as an event. */
	void (*submit)(struct backend *backend, const struct command *command);
	/*
	 * Waits for the next event, until the deadline at most: EVENT_TIMER then. What the event points to
	 * lives until the next call.
	 */
	void (*wait)(struct backend *backend, int64_t deadline_ns, struct event *ret_event);
	void (*close)(struct backend *backend);
};

#endif

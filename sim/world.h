/* SPDX-License-Identifier: GPL-3.0-or-later */
/* world: one run of a scenario's actions over a state, in virtual time. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "core/migration.h"
#include "core/scenario.h"
#include "core/turns.h"
#include "models/precopy.h"
#include "sim/events.h"
#include "sim/links.h"
#include "sim/loads.h"

struct hearing;
struct hypervisors; /* models/hypervisor.h */
struct recorder;
struct trace;

/* What became of an action. */
enum verdict {
	VERDICT_NONE,        /* not yet, or it never started */
	VERDICT_LOCKED,      /* lock, force-lock: the host is locked */
	VERDICT_LOCK_FAILED, /* a lock that began, then failed */
	VERDICT_REJECTED,    /* refused before anything moved */
	VERDICT_DONE,
	VERDICT_FAILED, /* began, then failed */
	VERDICT_COUNT
};

enum outcome { OUTCOME_UNDER_WAY, OUTCOME_COMPLETED, OUTCOME_ABORTED, OUTCOME_REJECTED, OUTCOME_COUNT };

extern const char *const *const verdict_words; /* in the enumerations' order, NULL at the end */
extern const char *const *const outcome_words;

/*
 * Times that no platform promises and that the models leave out, in seconds: assumptions, of the size that
 * one sees with a small Linux guest, there to make what stands still visible. docs/model.md states them.
 */
enum {
	GUEST_STOP_S = 5,  /* a guest shuts down: stop, cold migration, resize */
	GUEST_START_S = 5, /* it boots: start, boot, cold migration, resize, evacuation, recovery */
};

/* A migration as it went, or an attempt that was refused. */
struct moved {
	uint32_t activity;
	uint32_t vm, from, to; /* from, to: NONE when there is none */
	uint32_t iterations;
	uint8_t method;  /* METHOD_LIVE, METHOD_COLD */
	uint8_t outcome; /* enum outcome */
	int64_t start_ns, end_ns;
	double downtime_s, bytes;
	double throttle; /* when it ended: 0 … 1 */
	/* of a live migration that began: the row it went by, what setting it up took */
	const struct hypervisor *hypervisor;
	double setup_s;
};

/* One run as a whole. */
struct run_sums {
	double duration_s;  /* until the last action has ended; INFINITY: not all ended as asked */
	double downtime_ms; /* the longest that a guest stood still */
	double bytes;
	bool in_window; /* all ended as asked within the window */
};

struct alarm {
	const char *id, *severity;
	const char *subject, *text;
	int64_t raised_ns, cleared_ns; /* cleared_ns < 0: it stands */
	uint32_t group;                /* NONE: a host's */
};

/* One action while it runs. */
struct activity {
	const struct action *action;
	enum verdict verdict;
	const char *message;      /* NULL: none; in the world's arena */
	int64_t start_ns, end_ns; /* < 0: not yet */
	const uint32_t *allowed;  /* targets that it could have taken when it began; NULL: not asked for */
	uint32_t allowed_count;
	/* below: its own business */
	uint8_t stage;
	uint32_t vm;   /* the one it is about now */
	uint32_t move; /* the move under way, NONE */
	uint32_t *vms; /* those that it works through, vms[next] being next */
	uint32_t vm_count, next;
	uint32_t lost;            /* recovery: how many found no host */
	uint32_t queue_next;      /* the one behind it in the queue of a host's live migrations … */
	int64_t queue_most;       /* … of which so many run at a time; 0: any number */
	uint32_t blocked_next;    /* the next in the list of blocked_first … */
	bool blocked;             /* … in which it is */
	uint8_t host_operational; /* lock: what it was before */
};

enum move_stage {
	STAGE_DOOMED, /* refused by the target's late check, not told yet */
	STAGE_DISK,   /* live: local disks go first */
	STAGE_MEMORY, /* live: precopy */
	STAGE_STOP,   /* cold: the guest shuts down */
	STAGE_COPY,   /* cold: local disks */
	STAGE_START   /* cold, evacuation: the guest boots */
};

/*
 * A move under way. What every event of it asks for stands together: a hundred thousand moves do not fit in
 * the processor's caches.
 */
struct move {
	uint32_t index; /* of world.moves */
	uint32_t vm, from, to, activity;
	uint32_t flow; /* NONE: none */
	uint8_t kind;  /* enum move_kind */
	uint8_t stage; /* enum move_stage */
	bool in_use, was_active;
	bool noted;         /* in world.changed */
	bool in_setup;      /* counted in world.setup_count */
	bool hopeless;      /* it has run so long without progress that only its time limit is waited for */
	bool arrived;       /* it is at the target */
	bool is_over;       /* as the core has it, and … */
	bool heeds;         /* … whether it may do something as soon as it hears of progress, … */
	int64_t due_ns;     /* … when it wants to hear of the time, TIME_FOREVER: never, … */
	int64_t despair_ns; /* … and when it has made none for DESPAIR_NS (sim/memory.h) */
	double efficiency;  /* payload share of the wire */
	int64_t touched_ns;
	int64_t planned_ns; /* its event's time; TIME_NEVER: it has none */
	struct timing timing;
	uint32_t record;   /* of world.moved, NONE: not recorded */
	double left_bytes; /* of disks, payload */
	double copied_bytes;
	int64_t start_ns;
	int64_t memory_ns;      /* when precopy began */
	int64_t stage_ns;       /* when STAGE_DOOMED, STAGE_STOP, STAGE_START end */
	int64_t chance_ns;      /* its rate changed then: another chance */
	double vain_bytes;      /* sent while it is hopeless */
	uint32_t before_flavor; /* resize: the flavor that it had; else NONE */
	bool lost;              /* it failed and is in error */
	/* the core that decides */
	struct migration core;
	struct hearing *hearing; /* while it hears of something (sim/steer.c) */
	struct precopy precopy;  /* the last member: of its parts nothing is there before it begins */
};

struct world {
	const struct cluster *cluster;
	const struct action *actions;
	uint32_t action_count;
	struct state *state;
	struct links links;
	struct events events;
	struct arena arena; /* of this run */
	int64_t now_ns;
	uint64_t seed, sequence;
	uint32_t run;
	struct activity *activities;
	struct move **moves; /* their places are used again */
	uint32_t *moves_free;
	uint32_t move_count, move_room, move_free_count;
	uint32_t *changed; /* moves whose rate changed */
	uint32_t changed_count;
	struct moved *moved;
	uint32_t moved_count, moved_room;
	struct alarm *alarms;
	uint32_t alarm_count, alarm_room;
	uint32_t *group_alarms;             /* by group: its standing alarm, NONE */
	uint32_t *host_lock;                /* by host: the lock under way, NONE */
	uint32_t *setup_count;              /* by target: live migrations that are being set up */
	uint32_t *queue_first, *queue_last; /* by source: activities that wait for their turn */
	struct turns turns;
	uint32_t *blocked_first;      /* by link: activities that found too little left of it */
	uint32_t *freed, freed_count; /* sources of such, since something was given back */
	bool *is_freed;               /* by host: it is one of these */
	bool in_order; /* set by the caller: queues go by the actions' order, not by the time they came */
	struct loads loads;
	/* of a plan's moves: how many each action still waits for, and who waits for it, one list behind the
	 * other */
	uint32_t *waits, *waiters, *waiters_first;
	bool *stopped_by_lock; /* by VM: start it again on unlock */
	bool *born;            /* by VM: it exists */
	uint64_t steps;        /* events handled so far */
	/* what the caller wants to know, set before world_run */
	struct trace *trace;       /* NULL: nothing */
	struct recorder *recorder; /* NULL: nothing */
	bool want_allowed, want_alarms, want_moved;
	uint32_t parallel_most; /* live migrations from one host at a time, where files say more; 0: as they
	                           say */
	double start_hour;      /* of the day, at 0 ns: what guests with a load profile do depends on it; < 0:
	                           it does not */
	uint32_t vms_at_start;  /* VMs from here on do not exist before they are booted */
	const struct hypervisors *hypervisors; /* NULL: those that ship */
	/* Chooses where auto-scheduling sends a VM, when someone knows faster than schedule_best; NULL:
	 * nobody does. */
	uint32_t (*choose)(void *context, const struct request *request);
	void (*host_changed)(void *context, uint32_t host); /* called after what a host holds has changed */
	void *choose_context;
};

/* A world for a cluster; its memory is used again from run to run. Free with world_free. */
void world_create(struct world *ret_world, const struct cluster *cluster);
void world_free(struct world *world);

/*
 * Runs the actions to their ends over a state, which is changed; what came of them is in activities, moved
 * and alarms until the next run. The same actions, state, seed and run give the same results to the last bit.
 */
void world_run(struct world *world, struct state *state, const struct action *actions, uint32_t action_count,
               uint64_t seed, uint32_t run);

/* ------------------------------------------------------------------ what the parts of the world share */

static inline uint32_t activity_index(const struct world *world, const struct activity *activity)
{
	return (uint32_t)(activity - world->activities);
}

static inline const char *world_vm_name(const struct world *world, uint32_t vm)
{
	return world->cluster->vms[vm].name;
}

static inline const char *world_host_name(const struct world *world, uint32_t host)
{
	return world->cluster->hosts[host].name;
}

/* Whether a VM is there: not booted later, not deleted before. */
static inline bool world_vm_exists(const struct world *world, uint32_t vm)
{
	bool born = vm >= world->vms_at_start ? world->born[vm] : true;

	return born && world->state->vm_state[vm] != VM_DELETED;
}

static inline int64_t seconds_ns(double seconds)
{
	return seconds < 6e9 ? (int64_t)(seconds * 1e9 + 0.5) : TIME_NEVER;
}

/* printf into the run's arena. */
const char *world_text(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Three texts in one, the quick way: for what is said of each migration. */
const char *world_join(struct world *world, const char *a, const char *b, const char *c);

/* An action has ended; the one after it may start. message may be NULL. */
void activity_end(struct world *world, struct activity *activity, enum verdict verdict, const char *message);

/* Calls the activity again (its `due`) so many seconds from now. */
void activity_wait(struct world *world, struct activity *activity, double seconds);

#endif

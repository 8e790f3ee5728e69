/* SPDX-License-Identifier: GPL-3.0-or-later */
/* precopy: one live migration as QEMU does it, in closed form between the changes that others make to it. */
#ifndef MODELS_PRECOPY_H
#define MODELS_PRECOPY_H

#include "models/dirty.h"

#include <stdbool.h>

struct hypervisor; /* models/hypervisor.h: one row of constants and rules per version */

enum precopy_phase {
	PRECOPY_SETUP,     /* preparing both ends; nothing on the wire */
	PRECOPY_COPYING,   /* the guest runs at the source, rounds are sent */
	PRECOPY_SWITCHING, /* stop-and-copy: the guest stands still */
	PRECOPY_POSTCOPY,  /* the guest runs at the target, what is left is fetched */
	PRECOPY_DONE
};

/* What happened at an internal event, for traces and for the caller's decisions. */
enum precopy_event {
	PRECOPY_NOTHING,   /* a look at what is pending that changed nothing */
	PRECOPY_STARTED,   /* set-up is over, copying begins */
	PRECOPY_SYNCED,    /* the dirty bitmap was merged; the next round began */
	PRECOPY_THROTTLED, /* like SYNCED, and the throttle went up */
	PRECOPY_STOPPED,   /* the vCPUs were stopped, the residual is being sent */
	PRECOPY_SWITCHED,  /* post-copy: the guest runs at the target */
	PRECOPY_COMPLETED
};

struct precopy_input {
	const struct hypervisor *hypervisor;
	struct dirty dirty;
	double memory_pages;      /* the guest's whole memory, 4 KiB pages, > 0 */
	double used_pages;        /* of these, not zero pages: [0, memory_pages] */
	double bandwidth_bytes_s; /* the cap while copying, not in stop-and-copy; INFINITY = none */
	double setup_s;           /* >= 0 */
	double stop_s;            /* >= 0: stopping the vCPUs, device state, start on the target */
	double switchover_s;      /* >= 0: what the environment adds to the downtime (ports re-bound, …) */
	double duty_phase_s;      /* drawn by the caller: [0, duty_period_s) */
	double haste;             /* how much faster than its law the guest writes, > -1; 0: as it says */
	uint64_t luck;            /* the key of the noise of measured bandwidths; 0: there is none */
	bool auto_converge;
};

/* The guest's clocks at some time: how long its vCPUs had run, and of that while its duty was on. */
struct precopy_clocks {
	double clock_s, busy_s;
};

/*
 * A share of the guest's memory, as far as the sender's cursor is concerned. The cursor goes round through
 * the memory in address order, so that what it passed longest ago is what it sends next: the parts form a
 * queue. The pages that the laws write to are taken to be spread evenly over the addresses, but
 * the hot ones lie together, and the sequential law's are written in their order, so that the cursor follows
 * the writer, or meets it.
 */
struct precopy_part {
	double share; /* of the memory that the guest writes to, 0 … 1; 0: zero pages, firmware */
	struct precopy_clocks since; /* what was written since is dirty; clock_s < 0: never sent, all is */
	double pages, bytes;         /* dirty at the last sync: pages, and their size on the wire */
	bool zero;                   /* never used: only looked at */
};

/* What follows from the rate in force, kept until it changes: while COPYING. */
struct precopy_pace {
	bool capped;     /* the cap binds, not the link */
	double look_s;   /* from one look at what is pending to the next, when no cap binds */
	double window_s; /* how long a window that begins now will be */
	double noise;    /* of the bandwidth that it will measure: a share of it, the most */
};

enum { PRECOPY_PARTS = 16 };

/* Plain data, no pointers but the input's; a copy continues on its own. Times in seconds from the start. */
struct precopy {
	struct precopy_input input;
	enum precopy_phase phase;
	double now_s;             /* time since the start, set-up included */
	double clock_s;           /* how long the vCPUs ran: slower under throttling, 0 at the start */
	double busy_s;            /* of that, while its duty was on: the duty goes by the time of day */
	double downtime_limit_s;  /* in force now */
	double rate_bytes_s;      /* in force now, as given by precopy_set_rate */
	double cap_bytes_s;       /* what the input's cap comes to */
	double pending_bytes;     /* known to be dirty and unsent; as in QEMU, 4096 bytes for any page */
	double threshold_bytes;   /* pending below this starts a sync, and after a sync the switch-over */
	double sent_bytes;        /* libvirt's "memory processed", headers of pages included */
	double throttle;          /* [0, 0.99]: share of time that the vCPUs sleep */
	uint32_t iterations;      /* dirty-sync count so far, the first and the last included */
	double stopped_s;         /* when the vCPUs stopped; < 0: not yet */
	double downtime_s;        /* final once DONE; with post-copy once SWITCHED */
	double min_pending_bytes; /* the lowest seen: progress is when it falls */
	double min_pending_s;     /* when it last fell */
	/* below: the model's own book-keeping */
	double event_s; /* seconds from now_s to the next internal event; INFINITY = stuck until a change */
	bool stopping;  /* COPYING: the event that is due is the switch-over, else a sync */
	bool asked;     /* COPYING: post-copy begins at the next look */
	bool postcopy;  /* the switch-over is post-copy's */
	bool paused;    /* by precopy_pause */
	bool at_window_start; /* this window's bytes have not been sent yet */
	struct precopy_pace pace;
	uint32_t part_count;
	double cursor;        /* where the first part begins, a share of what is written to: [0, 1) */
	double sweep_phase;   /* DIRTY_SEQUENTIAL: where the guest wrote at clock 0, the same way */
	double known_bytes;   /* of all parts, on the wire, at the last sync */
	double taken_bytes;   /* sent of known_bytes since the last sync, by QEMU's own count */
	double ahead_bytes;   /* sent in a burst at the window's start, still to be paid by the mean rate */
	double scan_left_s;   /* looking at the zero pages will take so long; nothing is sent meanwhile */
	double socket_bytes;  /* sent by QEMU's count, but not yet over the link */
	double window_left_s; /* to the end of the current window; > 0 */
	double window_gone_s; /* since it began */
	double window_bytes;  /* sent in it so far, by QEMU's count */
	double window_rate;   /* bytes/s measured in the last complete window */
	uint64_t windows;     /* complete ones so far */
	double check_left_s;  /* to the next look at what is pending, when no rate limit binds; > 0 */
	struct precopy_clocks sync; /* at the last sync */
	double chance;              /* what the last sync's luck was: about normal, of variance 1 */
	double period_s;            /* when the last throttling decision was due */
	double period_dirty_bytes, period_sent_bytes; /* dirtied in this period; sent_bytes at its start */
	uint32_t period_high;     /* periods that dirtied too much, since the last throttling */
	double tick_left_s;       /* background syncs: to the next tick of the timer, and … */
	uint32_t tick_iterations; /* … iterations at the last one */
	double tail_s;            /* SWITCHING: what comes after the last byte */
	struct precopy_part part[PRECOPY_PARTS]; /* the next to be sent first; the last member */
};

/* Begins a migration at now_s = 0, PRECOPY_SETUP (or COPYING when setup_s is 0), the rate 0. */
void precopy_start(struct precopy *ret_precopy, const struct precopy_input *input, double downtime_limit_s);

/* The rate that the link gives from now on: payload bytes/s after wire efficiency; capped here. */
void precopy_set_rate(struct precopy *precopy, double rate_bytes_s);

/*
 * The downtime limit from now on. QEMU computes its threshold at the end of each 100 ms window, so that it
 * counts from then on.
 */
void precopy_set_downtime_limit(struct precopy *precopy, double downtime_limit_s);

/*
 * Asks for post-copy: QEMU switches when it next looks whether it should go on, so at the end of the window
 * under a cap. Must be COPYING; asking twice is nothing.
 */
void precopy_start_postcopy(struct precopy *precopy);

/*
 * Stops the guest's vCPUs now and goes on copying (a forced completion without post-copy): nothing is
 * dirtied any more, and the downtime counts from here. Must be in SETUP or COPYING; pausing twice is
 * nothing.
 */
void precopy_pause(struct precopy *precopy);

/*
 * The rate that the migration could use now: 0 in set-up, the cap while copying, INFINITY without one and
 * after; 0 when nothing is left to send after the stop. While SWITCHING it stays up until the end: there is
 * no event in between.
 */
double precopy_demand_bytes_s(const struct precopy *precopy);

/* Seconds until the next internal event at the present rate and limit; INFINITY when none will come. */
static inline double precopy_next_s(const struct precopy *precopy)
{
	return precopy->event_s;
}

/*
 * Whether that event comes by the clock, whatever the rate will be until then, and not when so many bytes
 * will have been sent.
 */
bool precopy_next_is_timed(const struct precopy *precopy);

/* Moves on by dt_s, 0 <= dt_s <= precopy_next_s(). No event is handled. */
void precopy_advance(struct precopy *precopy, double dt_s);

/*
 * The same for a time in which the rate drifted: over dt_s > 0 so many bytes were sent, and at its end the
 * rate is rate_bytes_s, as of precopy_set_rate. That is what the last window measured. look: QEMU looks at
 * what is pending now, so an event is due; else it did nothing in that time but send. Must be COPYING.
 */
void precopy_drift(struct precopy *precopy, double dt_s, double bytes, double rate_bytes_s, bool look);

/* Handles the event that is due (precopy_next_s() is 0) and says which. */
enum precopy_event precopy_step(struct precopy *precopy);

/*
 * Unsent bytes now, the newly dirtied not yet synced left out, 4096 bytes a page: what a statistics query
 * would show as remaining. The same as pending_bytes.
 */
static inline double precopy_remaining_bytes(const struct precopy *precopy)
{
	return precopy->pending_bytes;
}

/*
 * Runs to the end (or to limit_s, INFINITY = none) at one constant rate; the quick way for baselines and
 * checks.
 */
void precopy_run(struct precopy *precopy, double rate_bytes_s, double limit_s);

#endif

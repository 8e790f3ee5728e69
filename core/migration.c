/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/migration.h"

#include "core/must.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const states[] = { "queued", "checked",  "started", "copying", "switching", "confirming",
	                              "done",   "aborting", "failed",  "unknown", NULL };
static const char *const reasons[] = {
	"none",        "arrived",     "refused",         "call-failed", "time-limit",
	"no-progress", "stood-still", "aborted",         "gone",        "not-begun",
	"twice",       "silent",      "postcopy-stands", "unclear",     NULL
};
const char *const *const migration_state_words = states;
const char *const *const migration_reason_words = reasons;

_Static_assert(sizeof(states) / sizeof(states[0]) == MIGRATION_STATE_COUNT + 1, "a word a state");
_Static_assert(sizeof(reasons) / sizeof(reasons[0]) == REASON_COUNT + 1, "a word a reason");

#define SECOND_NS INT64_C(1000000000)

/*
 * libvirt's keepalive gives a silent peer up after 5 s * 5 and a little: patience must be longer. It ends a
 * QEMU within 15 s: SIGKILL when SIGTERM has not helped in ten.
 */
const struct migration_patience migration_patience_default = {
	.look_ns = 1 * SECOND_NS,
	.unclear_ns = 90 * SECOND_NS,
	.leftover_ns = 35 * SECOND_NS,
	.settled_ns = 20 * SECOND_NS,
	.cancel_ns = 10 * SECOND_NS,
	.still_ns = 30 * SECOND_NS,
	.recoveries = 5,
};

/* Nova's rule for post-copy (libvirt driver, should_switch_to_postcopy): a round that brought less than this.
 */
static const double POSTCOPY_PROGRESS = 0.10;

/* Without a time limit, one that made no progress for so long never will. */
static const double NEVER_S = 6 * 3600;

/* A page less is progress; less than that is rounding. */
static const double PAGE = 4096;

/* So many mends, or cold steps that failed, and a person must look. */
enum { MENDS_MOST = 8, COLD_TRIES = 2 };

/* What of an event decides; which of them can be depends on the event. */
enum condition {
	ALWAYS,
	STALE, /* an answer that is no longer awaited */
	/* GO */
	/* CHECKED */
	LIVE,
	COLD,
	COLD_OFF,
	REFUSED,
	/* PROGRESS */
	SETTING_UP,
	SENDING,
	POOR_ROUND,
	NO_MEMORY_COMES,
	MEMORY_COMES,
	RECOVERY_MOVES,
	/* TIMER */
	NOTHING,
	LIMIT_DUE,
	LATE,
	LATE_POSTCOPY,
	STALLED,
	STALLED_POSTCOPY,
	STILL,
	LOOK_DUE,
	CANCEL_DUE,
	PATIENCE_OVER,
	RECOVERY_STANDS,
	/* RETURNED */
	MIGRATED,
	MIGRATION_BROKE,
	STEP_DONE,
	STEP_DONE_OFF, /* as STEP_DONE, of a guest that is not to be started */
	STEP_BROKE,
	MENDED,
	POSTCOPY_REFUSED,
	/* ABORT */
	CAN_ABORT,
	/* RESUMED */
	WAS_ASKED,
	/* SEEN */
	ARRIVED,
	ARRIVED_UNKEPT,     /* the target would forget it */
	ARRIVED_DEFINED,    /* the source still has its definition */
	LEFTOVER_SOURCE,    /* what was sent is still there */
	UNDER_WAY,          /* a job is active: memory is being sent */
	UNDER_WAY_GIVEN_UP, /* and it is to be given up */
	UNDER_WAY_STILL,    /* the guest stands still */
	UNDER_WAY_SWITCHED, /* the guest runs at the target, the rest is being fetched */
	STAYED,
	LEFTOVER_TARGET_OLD, /* something incoming that nobody sends, for long */
	HALTED,              /* the source stands still, the target has nothing, seen twice */
	BROKEN_OFF,          /* a post-copy */
	GONE,
	TWICE,
	COLD_STOPPED,
	COLD_CARRIED,
	COLD_BACK, /* the step failed for good: it is started at the source again */
	TOO_MANY_MENDS,
	NOT_CLEAR, /* not yet: look again */
	CONDITION_COUNT
};

struct context {
	struct migration *m;
	const struct event *event;
	int64_t now_ns;
	struct migration_commands *out;
};

typedef void (*act_fn)(struct context *context);

/* ------------------------------------------------------------------ commands */

/* Those that carry the migration; there is never more than one of them under way. */
static bool is_main_call(enum command_kind kind)
{
	return kind == COMMAND_START || kind == COMMAND_WATCH || kind == COMMAND_STOP ||
	       kind == COMMAND_CARRY || kind == COMMAND_BOOT_TARGET;
}

static struct command *send(struct context *c, enum command_kind kind)
{
	struct command *command;

	must(c->out->count < MIGRATION_COMMANDS_MOST);
	command = &c->out->at[c->out->count++];
	*command = (struct command){ .kind = (uint8_t)kind, .move = c->m->move, .attempt = c->m->attempt };
	if (is_main_call(kind))
		c->m->call = (uint8_t)kind;
	return command;
}

static void look(struct context *c)
{
	c->m->looking = true;
	c->m->look_due_ns = TIME_FOREVER;
	send(c, COMMAND_LOOK)->token = ++c->m->token;
}

static void look_later(struct context *c)
{
	c->m->looking = false;
	c->m->look_due_ns = c->now_ns + c->m->patience->look_ns;
}

static void mend_by(struct context *c, enum command_kind kind)
{
	c->m->mend = (uint8_t)kind;
	send(c, kind);
}

static void note_why(struct migration *m, const char *why)
{
	if (why && *why)
		snprintf(m->why, sizeof(m->why), "%s", why);
}

/* ------------------------------------------------------------------ what is done on the way */

static void nothing(struct context *c)
{
	(void)c;
}

static void check_again(struct context *c)
{
	send(c, COMMAND_CHECK);
}

static void note_checked(struct context *c)
{
	struct migration *m = c->m;

	m->asked = false;
	m->persistent = c->event->persistent;
	m->was_running = c->event->running;
	m->begun_ns = c->now_ns;
}

static void start(struct context *c)
{
	struct migration *m = c->m;
	double next_s = timing_next_step_s(&m->timing, 0);

	note_checked(c);
	m->limit_ms = timing_limit_ms(&m->timing, 0);
	m->limit_since_ns = m->low_ns = c->now_ns;
	m->limit_due_ns = isfinite(next_s) ? c->now_ns + (int64_t)(next_s * 1e9 + 0.5) : TIME_FOREVER;
	send(c, COMMAND_START)->number = m->limit_ms;
}

static void stop_guest(struct context *c)
{
	note_checked(c);
	send(c, COMMAND_STOP);
}

static void carry(struct context *c)
{
	if (c->event->kind == EVENT_CHECKED)
		note_checked(c);
	send(c, COMMAND_CARRY);
}

static void boot_target(struct context *c)
{
	c->m->carried = true;
	send(c, COMMAND_BOOT_TARGET);
}

static void refuse(struct context *c)
{
	c->m->asked = false;
	c->m->reason = REASON_REFUSED;
	c->m->lasting = c->event->lasting;
	note_why(c->m, c->event->why);
}

static void abort_queued(struct context *c)
{
	c->m->asked = false;
	c->m->reason = REASON_ABORTED;
	c->m->lasting = true;
}

static void cancel(struct context *c)
{
	c->m->cancel_due_ns = c->now_ns + c->m->patience->cancel_ns;
	if (!c->m->cold)
		send(c, COMMAND_CANCEL);
}

static void give_up_for(struct context *c, enum migration_reason reason)
{
	c->m->reason = (uint8_t)reason;
	cancel(c);
}

static void abort_now(struct context *c)
{
	give_up_for(c, REASON_ABORTED);
}

static void abort_late(struct context *c)
{
	give_up_for(c, REASON_TIME_LIMIT);
}

static void abort_still(struct context *c)
{
	give_up_for(c, REASON_STOOD_STILL);
}

static void abort_stalled(struct context *c)
{
	give_up_for(c, REASON_NO_PROGRESS);
}

static void abort_seen(struct context *c)
{
	send(c, COMMAND_WATCH);
	cancel(c);
}

/* Where the guest is cannot be asked now: it is when the call has returned. */
static void remember_abort(struct context *c)
{
	if (c->m->reason == REASON_NONE)
		c->m->reason = REASON_ABORTED;
}

static void raise_limit(struct context *c)
{
	struct migration *m = c->m;
	double elapsed_s = (double)(c->now_ns - m->begun_ns) * 1e-9;
	double next_s = timing_next_step_s(&m->timing, elapsed_s);

	m->limit_ms = timing_limit_ms(&m->timing, elapsed_s);
	m->limit_due_ns = isfinite(next_s) ? m->begun_ns + (int64_t)(next_s * 1e9 + 0.5) : TIME_FOREVER;
	m->limit_since_ns = c->now_ns;
	send(c, COMMAND_LIMIT)->number = m->limit_ms;
}

static void go_postcopy(struct context *c)
{
	c->m->asked_postcopy = true;
	c->m->postcopy_due_ns = c->now_ns + c->m->patience->cancel_ns;
	send(c, COMMAND_POSTCOPY);
}

/* Whether memory was sent since it was last asked. */
static bool has_moved(const struct migration *m, const struct progress *now)
{
	return now->processed_bytes > m->progress.processed_bytes ||
	       now->remaining_bytes < m->progress.remaining_bytes;
}

static void take_progress(struct context *c)
{
	struct migration *m = c->m;
	const struct progress *now = &c->event->progress;

	if (now->remaining_bytes < m->low_bytes - PAGE || m->low_bytes < 0) {
		m->low_bytes = now->remaining_bytes;
		m->low_ns = c->event->at_ns;
	}
	if (now->iterations > m->iterations || m->iterations == 0)
		m->synced_bytes = now->remaining_bytes;
	if (now->iterations > m->iterations)
		m->iterations = now->iterations;
	if (has_moved(m, now))
		m->moved_ns = c->event->at_ns;
	m->progress = *now;
}

static void take_poor_round(struct context *c)
{
	take_progress(c);
	go_postcopy(c);
}

static void note_switched(struct context *c)
{
	c->m->switched = c->m->asked_postcopy = true;
}

/* The call has come back, or nobody knows: what is true is asked of both hosts. */
static void begin_looking(struct context *c)
{
	c->m->leftover_since_ns = -1;
	c->m->last_side_source = c->m->last_side_target = SIDE_SILENT;
	look(c);
}

/* It runs at the target, and what it still needs does not come: the link is dead, and nobody notices. */
static void stand(struct context *c)
{
	c->m->standing = true;
	take_progress(c);
	begin_looking(c);
}

/* No person is needed any more. */
static void take_back(struct migration *m)
{
	if (m->stuck)
		m->reason = m->kept_reason;
	m->stuck = false;
}

/* A QEMU may hang in its end (docs/execution.md); what does not end for as long again is for a person. */
static void doubt_cancel(struct context *c)
{
	c->m->in_vain = true;
	begin_looking(c);
}

static void note_returned(struct context *c)
{
	struct migration *m = c->m;

	take_back(m);
	m->call = COMMAND_COUNT;
	m->standing = m->in_vain = false;
	if (c->event->progress.elapsed_s > 0)
		m->progress = c->event->progress;
	if (!c->event->ok && m->reason == REASON_NONE) {
		m->reason = REASON_CALL;
		m->lasting = c->event->lasting;
	}
	if (!c->event->ok)
		note_why(m, c->event->why);
	begin_looking(c);
}

static void note_step_broke(struct context *c)
{
	c->m->broken_steps++;
	note_returned(c);
}

static void note_mended(struct context *c)
{
	take_back(c->m);
	c->m->mend = COMMAND_COUNT;
	if (c->event->ok) {
		c->m->mends++;
		c->m->since_ns = c->now_ns;
		look(c);
		return;
	}
	/* Whatever stood in its way may be gone in a while. */
	note_why(c->m, c->event->why);
	look_later(c);
}

static void note_postcopy_refused(struct context *c)
{
	/* It stays asked for: what an answer says, and what has come of the order, may be two things. */
	c->m->postcopy_due_ns = c->now_ns;
}

static bool lives(uint8_t side)
{
	return side == SIDE_RUNNING || side == SIDE_PAUSED;
}

/* Its memory was sent from there, and is there still. */
static bool was_sent(uint8_t side)
{
	return side == SIDE_SENT || side == SIDE_POSTCOPY || side == SIDE_BROKEN;
}

static bool seen_before(const struct migration *m, const struct seen *seen)
{
	return m->last_side_source == seen->source && m->last_side_target == seen->target;
}

static void look_again(struct context *c)
{
	struct migration *m = c->m;
	const struct seen *seen = &c->event->seen;
	bool leftover = (seen->target == SIDE_INCOMING && !seen->source_job) ||
	                (lives(seen->target) && was_sent(seen->source));

	if (!leftover)
		m->leftover_since_ns = -1;
	else if (m->leftover_since_ns < 0 || !seen_before(m, seen))
		m->leftover_since_ns = c->now_ns;
	m->last_side_source = seen->source;
	m->last_side_target = seen->target;
	note_why(m, c->event->why);
	look_later(c);
}

static void give_to_person(struct context *c)
{
	struct migration *m = c->m;

	m->stuck = true;
	m->kept_reason = m->reason;
	m->looking = false;
	m->look_due_ns = TIME_FOREVER;
	if (m->last_side_source == SIDE_SILENT || m->last_side_target == SIDE_SILENT)
		m->reason = REASON_SILENT;
	else if (m->standing || m->mend == COMMAND_RECOVER)
		m->reason = REASON_STANDING;
	else
		m->reason = REASON_UNCLEAR;
}

static void give_twice_to_person(struct context *c)
{
	c->m->last_side_source = c->event->seen.source;
	c->m->last_side_target = c->event->seen.target;
	give_to_person(c);
	c->m->reason = REASON_TWICE;
}

static void give_seen_to_person(struct context *c)
{
	c->m->last_side_source = c->event->seen.source;
	c->m->last_side_target = c->event->seen.target;
	give_to_person(c);
}

static void watch(struct context *c)
{
	send(c, COMMAND_WATCH);
}

static void watch_switched(struct context *c)
{
	note_switched(c);
	send(c, COMMAND_WATCH);
}

static void arrive(struct context *c)
{
	c->m->reason = REASON_ARRIVED;
	c->m->why[0] = '\0';
}

static void stay(struct context *c)
{
	if (c->m->reason == REASON_NONE)
		c->m->reason = REASON_NOT_BEGUN;
	if (c->m->reason != REASON_CALL && c->m->reason != REASON_NOT_BEGUN)
		c->m->lasting = true;
}

static void be_gone(struct context *c)
{
	c->m->reason = REASON_GONE;
	c->m->lasting = true;
}

static void persist_target(struct context *c)
{
	mend_by(c, COMMAND_PERSIST_TARGET);
}

static void undefine_source(struct context *c)
{
	mend_by(c, COMMAND_UNDEFINE_SOURCE);
}

static void destroy_source(struct context *c)
{
	mend_by(c, COMMAND_DESTROY_SOURCE);
}

static void destroy_target(struct context *c)
{
	mend_by(c, COMMAND_DESTROY_TARGET);
}

static void resume_source(struct context *c)
{
	mend_by(c, COMMAND_RESUME_SOURCE);
}

static void boot_source(struct context *c)
{
	mend_by(c, COMMAND_BOOT_SOURCE);
}

static void recover(struct context *c)
{
	c->m->recoveries++;
	c->m->standing = false;
	note_switched(c);
	c->m->mend = COMMAND_RECOVER;
	c->m->since_ns = c->now_ns;
	send(c, COMMAND_RECOVER);
}

static void resume_looking(struct context *c)
{
	take_back(c->m);
	c->m->in_vain = false;
	c->m->since_ns = c->now_ns;
	begin_looking(c);
}

/* Also of one that was left to a person: nobody had ended it. */
static void take_recovered(struct context *c)
{
	if (c->m->stuck)
		resume_looking(c);
	take_progress(c);
}

static void go_on(struct context *c)
{
	take_back(c->m);
	c->m->standing = false;
	take_progress(c);
}

/* Calls of the driver that died are answered no more. */
static void forget_calls(struct context *c)
{
	c->m->mend = c->m->call = COMMAND_COUNT;
	c->m->mends = c->m->recoveries = c->m->broken_steps = 0;
	c->m->standing = false;
	resume_looking(c);
	/* Who resumes it does not want it stopped any more. */
	if (c->m->reason == REASON_ABORTED)
		c->m->reason = REASON_NONE;
}

/* ------------------------------------------------------------------ the table */

enum { SAME = MIGRATION_STATE_COUNT, ANY_STATE = MIGRATION_STATE_COUNT };

struct edge {
	uint8_t state, event, condition, next;
	act_fn act;
	const char *when;
};

#define Q MIGRATION_QUEUED
#define K MIGRATION_CHECKED
#define S MIGRATION_STARTED
#define C MIGRATION_COPYING
#define W MIGRATION_SWITCHING
#define F MIGRATION_CONFIRMING
#define D MIGRATION_DONE
#define A MIGRATION_ABORTING
#define X MIGRATION_FAILED
#define U MIGRATION_UNKNOWN

/* The first row that fits is taken. Rows of one state and event stand together. */
static const struct edge edges[] = {
	{ Q, EVENT_CHECKED, LIVE, K, start, "the target can take it" },
	{ Q, EVENT_CHECKED, COLD, S, stop_guest, "the target can take it, cold" },
	{ Q, EVENT_CHECKED, COLD_OFF, C, carry, "the target can take it, it does not run" },
	{ Q, EVENT_CHECKED, REFUSED, X, refuse, "the target cannot" },
	{ Q, EVENT_ABORT, ALWAYS, X, abort_queued, NULL },
	{ Q, EVENT_RESUMED, WAS_ASKED, SAME, check_again, "it was being checked" },

	{ K, EVENT_PROGRESS, SETTING_UP, S, take_progress, "nothing is sent yet" },
	{ K, EVENT_PROGRESS, SENDING, C, take_progress, "memory is sent" },
	{ K, EVENT_TIMER, LIMIT_DUE, SAME, raise_limit, "the next downtime step" },
	{ K, EVENT_TIMER, LATE, A, abort_late, "the time limit" },
	{ K, EVENT_STOPPED, ALWAYS, W, nothing, NULL },
	{ K, EVENT_SWITCHED, ALWAYS, W, note_switched, NULL },
	{ K, EVENT_RETURNED, MIGRATED, F, note_returned, "it says it is done" },
	{ K, EVENT_RETURNED, MIGRATION_BROKE, F, note_returned, "it says it failed" },
	{ K, EVENT_ABORT, CAN_ABORT, A, abort_now, NULL },
	{ K, EVENT_LOST, ALWAYS, U, begin_looking, NULL },
	{ K, EVENT_CHANGED, ALWAYS, U, begin_looking, NULL },
	{ K, EVENT_RESUMED, ALWAYS, U, forget_calls, NULL },

	{ S, EVENT_PROGRESS, SETTING_UP, SAME, take_progress, "nothing is sent yet" },
	{ S, EVENT_PROGRESS, SENDING, C, take_progress, "memory is sent" },
	{ S, EVENT_TIMER, LIMIT_DUE, SAME, raise_limit, "the next downtime step" },
	{ S, EVENT_TIMER, LATE, A, abort_late, "the time limit" },
	{ S, EVENT_STOPPED, ALWAYS, W, nothing, NULL },
	{ S, EVENT_SWITCHED, ALWAYS, W, note_switched, NULL },
	{ S, EVENT_RETURNED, MIGRATED, F, note_returned, "it says it is done" },
	{ S, EVENT_RETURNED, MIGRATION_BROKE, F, note_returned, "it says it failed" },
	{ S, EVENT_RETURNED, STEP_DONE, C, carry, "cold: the guest is down" },
	{ S, EVENT_RETURNED, STEP_BROKE, F, note_step_broke, "cold: the guest does not go down" },
	{ S, EVENT_ABORT, CAN_ABORT, A, abort_now, NULL },
	{ S, EVENT_LOST, ALWAYS, U, begin_looking, NULL },
	{ S, EVENT_CHANGED, ALWAYS, U, begin_looking, NULL },
	{ S, EVENT_RESUMED, ALWAYS, U, forget_calls, NULL },

	{ C, EVENT_PROGRESS, POOR_ROUND, SAME, take_poor_round, "the last round brought less than 10 %" },
	{ C, EVENT_PROGRESS, SENDING, SAME, take_progress, "memory is sent" },
	{ C, EVENT_TIMER, LIMIT_DUE, SAME, raise_limit, "the next downtime step" },
	{ C, EVENT_TIMER, LATE, A, abort_late, "the time limit" },
	{ C, EVENT_TIMER, LATE_POSTCOPY, SAME, go_postcopy, "the time limit is reached" },
	{ C, EVENT_TIMER, STALLED, A, abort_stalled, "no progress" },
	{ C, EVENT_TIMER, STALLED_POSTCOPY, SAME, go_postcopy, "no progress" },
	{ C, EVENT_STOPPED, ALWAYS, W, nothing, NULL },
	{ C, EVENT_SWITCHED, ALWAYS, W, note_switched, NULL },
	{ C, EVENT_RETURNED, MIGRATED, F, note_returned, "it says it is done" },
	{ C, EVENT_RETURNED, MIGRATION_BROKE, F, note_returned, "it says it failed" },
	{ C, EVENT_RETURNED, POSTCOPY_REFUSED, SAME, note_postcopy_refused,
	  "it does not go over to post-copy" },
	{ C, EVENT_RETURNED, STEP_DONE, W, boot_target, "cold: the target has all" },
	{ C, EVENT_RETURNED, STEP_DONE_OFF, F, note_returned, "cold: the target has all, it stays off" },
	{ C, EVENT_RETURNED, STEP_BROKE, F, note_step_broke, "cold: it cannot be brought there" },
	{ C, EVENT_ABORT, CAN_ABORT, A, abort_now, NULL },
	{ C, EVENT_LOST, ALWAYS, U, begin_looking, NULL },
	{ C, EVENT_CHANGED, ALWAYS, U, begin_looking, NULL },
	{ C, EVENT_RESUMED, ALWAYS, U, forget_calls, NULL },

	{ W, EVENT_SWITCHED, ALWAYS, SAME, note_switched, NULL },
	{ W, EVENT_PROGRESS, NO_MEMORY_COMES, U, stand, "no memory comes any more" },
	{ W, EVENT_PROGRESS, SENDING, SAME, take_progress, "memory is sent" },
	{ W, EVENT_RETURNED, MIGRATED, F, note_returned, "it says it is done" },
	{ W, EVENT_RETURNED, MIGRATION_BROKE, F, note_returned, "it says it failed" },
	{ W, EVENT_RETURNED, STEP_DONE, F, note_returned, "cold: it is started" },
	{ W, EVENT_RETURNED, STEP_BROKE, F, note_step_broke, "cold: it does not start" },
	{ W, EVENT_TIMER, STILL, A, abort_still, "it stands still for too long" },
	{ W, EVENT_ABORT, CAN_ABORT, A, abort_now, NULL },
	{ W, EVENT_LOST, ALWAYS, U, begin_looking, NULL },
	{ W, EVENT_CHANGED, ALWAYS, U, begin_looking, NULL },
	{ W, EVENT_RESUMED, ALWAYS, U, forget_calls, NULL },

	{ A, EVENT_RETURNED, MIGRATED, F, note_returned, "it was done before it could be given up" },
	{ A, EVENT_RETURNED, MIGRATION_BROKE, F, note_returned, "it has been given up" },
	{ A, EVENT_RETURNED, STEP_DONE, F, note_returned, "cold: the step is over" },
	{ A, EVENT_RETURNED, STEP_DONE_OFF, F, note_returned, "cold: the step is over" },
	{ A, EVENT_RETURNED, STEP_BROKE, F, note_step_broke, "cold: the step failed" },
	{ A, EVENT_SWITCHED, ALWAYS, W, note_switched, NULL },
	{ A, EVENT_TIMER, PATIENCE_OVER, U, doubt_cancel, "giving it up takes too long" },
	{ A, EVENT_TIMER, CANCEL_DUE, SAME, cancel, "giving it up had no effect" },
	{ A, EVENT_LOST, ALWAYS, U, begin_looking, NULL },
	{ A, EVENT_CHANGED, ALWAYS, U, begin_looking, NULL },
	{ A, EVENT_RESUMED, ALWAYS, U, forget_calls, NULL },

/* What both hosts say decides in the same way, whether contact was lost or not. */
/* clang-format off */
#define SEEN(state, condition, next, act, when) { state, EVENT_SEEN, condition, next, act, when }
#define SEEN_ROWS(state) \
	SEEN(state, ARRIVED, D, arrive, "it runs at the target"), \
	SEEN(state, ARRIVED_UNKEPT, F, persist_target, "it runs at the target, which would forget it"), \
	SEEN(state, ARRIVED_DEFINED, F, undefine_source, "it runs at the target, the source knows it too"), \
	SEEN(state, LEFTOVER_SOURCE, F, destroy_source, "it runs at the target, it is still here too"), \
	SEEN(state, UNDER_WAY, C, watch, "it is being sent"), \
	SEEN(state, UNDER_WAY_GIVEN_UP, A, abort_seen, "it is being sent, and to be given up"), \
	SEEN(state, UNDER_WAY_STILL, W, watch, "it is being sent, and stands still"), \
	SEEN(state, UNDER_WAY_SWITCHED, W, watch_switched, "it runs at the target, memory still comes"), \
	SEEN(state, STAYED, X, stay, "it is at the source, the target has nothing"), \
	SEEN(state, LEFTOVER_TARGET_OLD, F, destroy_target, "nobody sends what the target waits for"), \
	SEEN(state, HALTED, F, resume_source, "it stands still at the source, the target has nothing"), \
	SEEN(state, BROKEN_OFF, F, recover, "its post-copy broke off"), \
	SEEN(state, GONE, X, be_gone, "it runs nowhere, seen twice"), \
	SEEN(state, TWICE, U, give_twice_to_person, "it runs on both, seen twice"), \
	SEEN(state, COLD_STOPPED, C, carry, "cold: it is down"), \
	SEEN(state, COLD_CARRIED, W, boot_target, "cold: the target has all"), \
	SEEN(state, COLD_BACK, F, boot_source, "cold: it is started at the source again"), \
	SEEN(state, TOO_MANY_MENDS, U, give_seen_to_person, "mends do not help"), \
	SEEN(state, NOT_CLEAR, SAME, look_again, "not clear yet")
	/* clang-format on */

	SEEN_ROWS(F),
	{ F, EVENT_RETURNED, MENDED, SAME, note_mended, "the mend has come back" },
	{ F, EVENT_TIMER, LOOK_DUE, SAME, look, "time to look again" },
	{ F, EVENT_PROGRESS, RECOVERY_MOVES, SAME, take_recovered, "memory comes again" },
	{ F, EVENT_TIMER, RECOVERY_STANDS, U, give_to_person, "its recovery brings nothing" },
	{ F, EVENT_TIMER, PATIENCE_OVER, U, give_to_person, "it does not get clear" },
	{ F, EVENT_ABORT, ALWAYS, SAME, remember_abort, NULL },
	{ F, EVENT_LOST, ALWAYS, U, begin_looking, NULL },
	{ F, EVENT_CHANGED, ALWAYS, SAME, look, "what was seen is old" },
	{ F, EVENT_RESUMED, ALWAYS, U, forget_calls, NULL },
	{ F, EVENT_SWITCHED, ALWAYS, SAME, note_switched, NULL },

	SEEN_ROWS(U),
	{ U, EVENT_RETURNED, MIGRATED, F, note_returned, "the call has come back" },
	{ U, EVENT_RETURNED, MIGRATION_BROKE, F, note_returned, "the call has come back" },
	{ U, EVENT_RETURNED, STEP_DONE, F, note_returned, "cold: the step is over" },
	{ U, EVENT_RETURNED, STEP_DONE_OFF, F, note_returned, "cold: the step is over" },
	{ U, EVENT_RETURNED, STEP_BROKE, F, note_step_broke, "cold: the step failed" },
	{ U, EVENT_RETURNED, MENDED, SAME, note_mended, "the mend has come back" },
	{ U, EVENT_PROGRESS, MEMORY_COMES, W, go_on, "memory comes again" },
	{ U, EVENT_PROGRESS, RECOVERY_MOVES, SAME, take_recovered, "memory comes again" },
	{ U, EVENT_BACK, ALWAYS, SAME, resume_looking, NULL },
	{ U, EVENT_CHANGED, ALWAYS, SAME, resume_looking, "what was seen is old" },
	{ U, EVENT_SWITCHED, ALWAYS, SAME, note_switched, NULL },
	{ U, EVENT_TIMER, LOOK_DUE, SAME, look, "time to look again" },
	{ U, EVENT_TIMER, RECOVERY_STANDS, SAME, give_to_person, "its recovery brings nothing" },
	{ U, EVENT_TIMER, PATIENCE_OVER, SAME, give_to_person, "it does not get clear" },
	{ U, EVENT_ABORT, ALWAYS, SAME, remember_abort, NULL },
	{ U, EVENT_RESUMED, ALWAYS, SAME, forget_calls, NULL },

	/* Everything else changes nothing: what comes late, twice, or when it is over. */
	{ ANY_STATE, EVENT_COUNT, ALWAYS, SAME, nothing, "late, twice, or nothing that matters then" },
};

enum { EDGES = sizeof(edges) / sizeof(edges[0]) };

/* ------------------------------------------------------------------ what both hosts say */

/* It does not run there, and nothing of its memory is there. */
static bool is_empty(uint8_t side)
{
	return side == SIDE_ABSENT || side == SIDE_OFF;
}

/* Nothing has been heard that speaks against going on. */
static bool is_given_up(const struct migration *m)
{
	return m->reason == REASON_ABORTED || m->reason == REASON_TIME_LIMIT ||
	       m->reason == REASON_NO_PROGRESS || m->reason == REASON_STOOD_STILL;
}

/* Seen now as in the look before, and as it is for so long. */
static bool has_been(const struct migration *m, const struct seen *seen, int64_t now_ns, int64_t long_ns)
{
	return m->leftover_since_ns >= 0 && seen_before(m, seen) && now_ns - m->leftover_since_ns >= long_ns;
}

static enum condition judge_under_way(const struct migration *m, const struct seen *seen)
{
	if (m->standing || (m->in_vain && seen->source == SIDE_SENT && is_empty(seen->target)))
		return NOT_CLEAR;
	if (seen->source == SIDE_POSTCOPY || seen->source == SIDE_BROKEN)
		return UNDER_WAY_SWITCHED;
	if (seen->source == SIDE_SENT)
		return UNDER_WAY_STILL;
	return is_given_up(m) ? UNDER_WAY_GIVEN_UP : UNDER_WAY;
}

/* It runs at the target: what is left to do? */
static enum condition judge_arrived(const struct migration *m, const struct seen *seen, int64_t now_ns)
{
	if (seen->target_job)
		return NOT_CLEAR;
	if (m->persistent && !seen->target_persistent)
		return ARRIVED_UNKEPT;
	switch (seen->source) {
	case SIDE_ABSENT:
		return ARRIVED;
	case SIDE_OFF:
		return m->persistent || m->cold ? ARRIVED_DEFINED : ARRIVED;
	case SIDE_SENT:
	case SIDE_POSTCOPY:
	case SIDE_BROKEN:
		/* A target's libvirt that lost the source's at that very moment ends what runs. */
		return has_been(m, seen, now_ns, m->patience->settled_ns) ? LEFTOVER_SOURCE : NOT_CLEAR;
	default:
		return NOT_CLEAR;
	}
}

/* The source has no job, and the target none of its vCPUs run. */
static enum condition judge_source(const struct migration *m, const struct seen *seen, int64_t now_ns)
{
	bool waits = seen->target == SIDE_INCOMING, again = seen_before(m, seen);

	if (lives(seen->source) && is_empty(seen->target))
		return STAYED;
	/* Its vCPUs never ran at the target, and the source has all of its memory. */
	if (waits && !seen->target_job &&
	    (lives(seen->source) || (seen->source == SIDE_SENT && !m->asked_postcopy)))
		return has_been(m, seen, now_ns, m->patience->leftover_ns) ? LEFTOVER_TARGET_OLD : NOT_CLEAR;
	if (seen->source == SIDE_SENT && is_empty(seen->target) && !m->asked_postcopy)
		return again ? HALTED : NOT_CLEAR;
	if (is_empty(seen->source) && is_empty(seen->target))
		return again ? GONE : NOT_CLEAR;
	/* What the target has received may be the only copy: nobody but a person ends it. */
	return NOT_CLEAR;
}

static enum condition judge_cold(const struct migration *m, const struct seen *seen, int64_t now_ns)
{
	bool back = is_given_up(m) || m->broken_steps >= COLD_TRIES;

	if (lives(seen->source))
		return is_empty(seen->target) ? STAYED : NOT_CLEAR;
	if (lives(seen->target))
		return judge_arrived(m, seen, now_ns);
	if (!is_empty(seen->source) || !is_empty(seen->target))
		return NOT_CLEAR;
	if (seen->source == SIDE_ABSENT && seen->target == SIDE_ABSENT)
		return seen_before(m, seen) ? GONE : NOT_CLEAR;
	if (!m->was_running) {
		if (seen->target == SIDE_ABSENT)
			return back ? STAYED : COLD_STOPPED;
		return seen->source == SIDE_OFF ? ARRIVED_DEFINED : ARRIVED;
	}
	if (seen->source == SIDE_ABSENT)
		return m->broken_steps < COLD_TRIES ? COLD_CARRIED : NOT_CLEAR;
	/* It was there. Somebody else has it. */
	if (m->carried && seen->target == SIDE_ABSENT)
		return NOT_CLEAR;
	if (back)
		return COLD_BACK;
	return seen->target == SIDE_OFF && m->carried ? COLD_CARRIED : COLD_STOPPED;
}

/* What to make of what both hosts say. The source was asked first. */
static enum condition judge(const struct migration *m, const struct seen *seen, int64_t now_ns)
{
	bool silent = seen->source == SIDE_SILENT || seen->target == SIDE_SILENT;

	if (seen->source_job && !m->cold)
		return judge_under_way(m, seen);
	if (silent)
		return NOT_CLEAR;
	if (lives(seen->source) && (lives(seen->target) || seen->target == SIDE_POSTCOPY))
		return seen_before(m, seen) ? TWICE : NOT_CLEAR;
	if (m->cold)
		return judge_cold(m, seen, now_ns);
	if (lives(seen->target))
		return judge_arrived(m, seen, now_ns);
	if (seen->target == SIDE_POSTCOPY || seen->target == SIDE_BROKEN) {
		/* A target that has not noticed that nothing comes any more can take nothing up again. */
		if (seen->target_job && seen->target == SIDE_POSTCOPY)
			return seen->source == SIDE_BROKEN ? NOT_CLEAR : UNDER_WAY_SWITCHED;
		if (seen->source != SIDE_POSTCOPY && seen->source != SIDE_BROKEN)
			return NOT_CLEAR;
		/* What broke it is seldom gone at once, and a try that breaks may cost the target's QEMU. */
		if (m->recoveries >= m->patience->recoveries || !seen_before(m, seen))
			return NOT_CLEAR;
		return BROKEN_OFF;
	}
	return judge_source(m, seen, now_ns);
}

static bool is_mend(enum condition condition)
{
	switch (condition) {
	case ARRIVED_UNKEPT:
	case ARRIVED_DEFINED:
	case LEFTOVER_SOURCE:
	case LEFTOVER_TARGET_OLD:
	case HALTED:
	case COLD_BACK:
		return true;
	default:
		return false;
	}
}

/* ------------------------------------------------------------------ which edge */

static enum condition condition_checked(const struct migration *m, const struct event *event)
{
	if (!m->asked)
		return STALE;
	if (!event->ok)
		return REFUSED;
	if (!m->cold)
		return LIVE;
	return event->running ? COLD : COLD_OFF;
}

/* Since when no memory has come, as long as it is in this state. */
static int64_t unmoved_since_ns(const struct migration *m)
{
	return m->moved_ns > m->since_ns ? m->moved_ns : m->since_ns;
}

/* Only what says that nothing comes counts: a source that says nothing may be at work. */
static bool has_stood(const struct migration *m, const struct event *event)
{
	return m->asked_postcopy && !has_moved(m, &event->progress) &&
	       event->at_ns - unmoved_since_ns(m) >= m->patience->unclear_ns;
}

static enum condition condition_progress(const struct migration *m, const struct event *event)
{
	const struct progress *now = &event->progress;

	if (m->cold)
		return STALE;
	if (m->mend == COMMAND_RECOVER)
		return has_moved(m, now) ? RECOVERY_MOVES : STALE;
	if (m->state == MIGRATION_UNKNOWN)
		return m->standing && has_moved(m, now) ? MEMORY_COMES : STALE;
	if (m->state == MIGRATION_SWITCHING)
		return has_stood(m, event) ? NO_MEMORY_COMES : SENDING;
	if (m->state == MIGRATION_COPYING && m->timing.post_copy && !m->asked_postcopy &&
	    now->iterations > m->iterations && now->iterations > 1 && m->synced_bytes > 0 &&
	    (m->synced_bytes - now->remaining_bytes) / m->synced_bytes < POSTCOPY_PROGRESS)
		return POOR_ROUND;
	return now->iterations > 0 || m->state == MIGRATION_COPYING ? SENDING : SETTING_UP;
}

static enum condition condition_returned(const struct migration *m, const struct event *event)
{
	bool awaited = event->call == m->call;

	switch ((enum command_kind)event->call) {
	case COMMAND_START:
	case COMMAND_WATCH:
		if (m->call != COMMAND_START && m->call != COMMAND_WATCH)
			return STALE;
		return event->ok ? MIGRATED : MIGRATION_BROKE;
	case COMMAND_POSTCOPY:
		return event->ok ? STALE : POSTCOPY_REFUSED;
	case COMMAND_STOP:
	case COMMAND_CARRY:
	case COMMAND_BOOT_TARGET:
		if (!awaited)
			return STALE;
		if (!event->ok)
			return STEP_BROKE;
		return event->call == COMMAND_CARRY && !m->was_running ? STEP_DONE_OFF : STEP_DONE;
	default:
		return event->call == m->mend ? MENDED : STALE;
	}
}

static int64_t late_ns(const struct migration *m)
{
	double timeout_s = m->timing.timeout_s;

	if (m->cold || timeout_s > 6e9)
		return TIME_FOREVER;
	return m->begun_ns + (int64_t)(timeout_s * 1e9 + 0.5);
}

/* When it will have made no new low of what is left for too long. */
static int64_t stalled_ns(const struct migration *m)
{
	int64_t since_ns = m->low_ns > m->limit_since_ns ? m->low_ns : m->limit_since_ns;

	if (m->cold || m->state != MIGRATION_COPYING)
		return TIME_FOREVER;
	if (isfinite(m->timing.no_progress_s))
		return m->low_ns + (int64_t)(m->timing.no_progress_s * 1e9 + 0.5);
	return isfinite(m->timing.timeout_s) ? TIME_FOREVER : since_ns + (int64_t)(NEVER_S * 1e9);
}

static int64_t limit_due_ns(const struct migration *m)
{
	return m->cold || m->asked_postcopy ? TIME_FOREVER : m->limit_due_ns;
}

/* Mends come back by themselves; a recovery lasts for as long as memory comes, and may wait for ever. */
static int64_t patience_ns(const struct migration *m)
{
	if (m->stuck || (m->mend != COMMAND_COUNT && m->mend != COMMAND_RECOVER))
		return TIME_FOREVER;
	return (m->mend == COMMAND_RECOVER ? unmoved_since_ns(m) : m->since_ns) + m->patience->unclear_ns;
}

/* When a guest will have stood still for too long: the link is as good as gone. */
static int64_t still_ns(const struct migration *m)
{
	return m->cold || m->asked_postcopy ? TIME_FOREVER : m->since_ns + m->patience->still_ns;
}

static bool is_sending(const struct migration *m)
{
	return m->state == MIGRATION_CHECKED || m->state == MIGRATION_STARTED ||
	       m->state == MIGRATION_COPYING;
}

static bool is_looking(const struct migration *m)
{
	return m->state == MIGRATION_CONFIRMING || m->state == MIGRATION_UNKNOWN;
}

/* When it is to be given up, or goes over to post-copy; what was asked to do so gets some time for it. */
static int64_t give_up_ns(const struct migration *m, int64_t due_ns)
{
	if (m->switched)
		return TIME_FOREVER;
	return m->asked_postcopy && due_ns < m->postcopy_due_ns ? m->postcopy_due_ns : due_ns;
}

static enum condition condition_timer(const struct migration *m, int64_t now_ns)
{
	bool may_postcopy = m->timing.post_copy && m->state == MIGRATION_COPYING && !m->asked_postcopy;

	if (is_sending(m)) {
		if (now_ns >= limit_due_ns(m))
			return LIMIT_DUE;
		if (now_ns >= give_up_ns(m, late_ns(m)))
			return may_postcopy ? LATE_POSTCOPY : LATE;
		if (now_ns >= give_up_ns(m, stalled_ns(m)))
			return may_postcopy ? STALLED_POSTCOPY : STALLED;
	}
	if (m->state == MIGRATION_SWITCHING && now_ns >= still_ns(m))
		return STILL;
	if (is_looking(m) && now_ns >= patience_ns(m))
		return m->mend == COMMAND_RECOVER ? RECOVERY_STANDS : PATIENCE_OVER;
	if (is_looking(m) && now_ns >= m->look_due_ns)
		return LOOK_DUE;
	if (m->state == MIGRATION_ABORTING && !m->cold && now_ns >= patience_ns(m))
		return PATIENCE_OVER;
	if (m->state == MIGRATION_ABORTING && !m->cold && now_ns >= m->cancel_due_ns)
		return CANCEL_DUE;
	return NOTHING;
}

static enum condition condition_of(const struct migration *m, const struct event *event, int64_t now_ns)
{
	enum condition condition;

	switch ((enum event_kind)event->kind) {
	case EVENT_CHECKED:
		return condition_checked(m, event);
	case EVENT_PROGRESS:
		return condition_progress(m, event);
	case EVENT_TIMER:
		return condition_timer(m, now_ns);
	case EVENT_RETURNED:
		return condition_returned(m, event);
	case EVENT_SEEN:
		if (!is_looking(m) || !m->looking || event->token != m->token)
			return STALE;
		if (m->mend != COMMAND_COUNT || (m->cold && m->call != COMMAND_COUNT))
			return NOT_CLEAR;
		condition = judge(m, &event->seen, now_ns);
		if (is_mend(condition) && m->mends >= MENDS_MOST)
			return TOO_MANY_MENDS;
		return condition;
	case EVENT_ABORT:
		return migration_can_abort(m) ? CAN_ABORT : STALE;
	case EVENT_RESUMED:
		return m->asked ? WAS_ASKED : ALWAYS;
	default:
		return ALWAYS;
	}
}

static _Thread_local size_t last_edge;
static _Thread_local uint64_t edge_counts[EDGES];

/*
 * The edges of each pair of a state and an event, in the table's order: a simulation takes millions of them.
 * EDGES - 1: there are no more.
 */
static uint16_t first_edges[MIGRATION_STATE_COUNT][EVENT_COUNT], next_edges[EDGES];

__attribute__((constructor)) static void edges_index(void)
{
	for (size_t state = 0; state < MIGRATION_STATE_COUNT; state++)
		for (size_t event = 0; event < EVENT_COUNT; event++)
			first_edges[state][event] = EDGES - 1;
	for (size_t i = EDGES - 1; i-- > 0;) {
		uint16_t *first = &first_edges[edges[i].state][edges[i].event];

		next_edges[i] = *first;
		*first = (uint16_t)i;
	}
}

static size_t find_edge(const struct migration *m, uint8_t event, enum condition condition)
{
	size_t edge = first_edges[m->state][event];

	while (edge != EDGES - 1 && edges[edge].condition != ALWAYS && edges[edge].condition != condition)
		edge = next_edges[edge];
	return edge;
}

/* Returns whether something changed. */
static bool take_edge(struct context *c, uint8_t event, enum condition condition)
{
	struct migration *m = c->m;
	size_t index = find_edge(m, event, condition);
	uint8_t before = m->state;

	last_edge = index;
	edge_counts[index]++;
	if (index == EDGES - 1)
		return false;
	if (edges[index].next != SAME)
		m->state = edges[index].next;
	if (m->state != before)
		m->since_ns = c->now_ns;
	if (event == EVENT_SEEN)
		m->looking = false;
	edges[index].act(c);
	if (!is_looking(m))
		m->looking = false;
	return true;
}

void migration_create(struct migration *ret_migration, uint32_t move, bool cold, const struct timing *timing,
                      const struct migration_patience *patience)
{
	*ret_migration = (struct migration){ .timing = *timing,
		                             .patience = patience,
		                             .move = move,
		                             .cold = cold,
		                             .mend = COMMAND_COUNT,
		                             .call = COMMAND_COUNT,
		                             .leftover_since_ns = -1,
		                             .look_due_ns = TIME_FOREVER,
		                             .cancel_due_ns = TIME_FOREVER,
		                             .limit_due_ns = TIME_FOREVER,
		                             .low_bytes = -1 };
}

void migration_go(struct migration *migration, int64_t now_ns, struct migration_commands *ret_commands)
{
	struct context c = { migration, NULL, now_ns, ret_commands };

	must(migration->state == MIGRATION_QUEUED && !migration->asked);
	ret_commands->count = 0;
	migration->attempt++;
	migration->asked = true;
	migration->since_ns = now_ns;
	send(&c, COMMAND_CHECK);
}

void migration_retry(struct migration *migration, int64_t now_ns)
{
	struct migration fresh;

	must(migration->state == MIGRATION_FAILED && !migration->lasting);
	migration_create(&fresh, migration->move, migration->cold, &migration->timing, migration->patience);
	fresh.attempt = migration->attempt;
	fresh.token = migration->token;
	fresh.since_ns = now_ns;
	*migration = fresh;
}

/* Of the VM, whatever the attempt. */
static bool is_of_any_attempt(uint8_t event)
{
	return event == EVENT_LOST || event == EVENT_BACK || event == EVENT_CHANGED;
}

void migration_step(struct migration *migration, const struct event *event,
                    struct migration_commands *ret_commands)
{
	struct context c = { migration, event, event->at_ns, ret_commands };
	bool old = event->move != NONE && !is_of_any_attempt(event->kind) &&
	           event->attempt != migration->attempt;

	ret_commands->count = 0;
	last_edge = EDGES - 1;
	if (old || migration->attempt == 0) {
		if (event->kind == EVENT_ABORT && migration->state == MIGRATION_QUEUED)
			take_edge(&c, EVENT_ABORT, ALWAYS);
		return;
	}
	take_edge(&c, event->kind, condition_of(migration, event, c.now_ns));
	/* Decisions that have fallen due meanwhile. */
	for (int i = 0; i < MIGRATION_COMMANDS_MOST - 1 && event->kind == EVENT_TIMER; i++) {
		enum condition due = condition_timer(migration, c.now_ns);

		if (due == NOTHING || ret_commands->count >= MIGRATION_COMMANDS_MOST - 1 ||
		    !take_edge(&c, EVENT_TIMER, due))
			break;
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t migration_due_ns(const struct migration *m)
{
	int64_t due_ns = TIME_FOREVER;

	if (is_sending(m))
		due_ns = earlier(limit_due_ns(m),
		                 earlier(give_up_ns(m, late_ns(m)), give_up_ns(m, stalled_ns(m))));
	else if (m->state == MIGRATION_SWITCHING)
		due_ns = still_ns(m);
	else if (is_looking(m))
		due_ns = earlier(patience_ns(m), m->look_due_ns);
	else if (m->state == MIGRATION_ABORTING && !m->cold)
		due_ns = earlier(patience_ns(m), m->cancel_due_ns);
	return due_ns;
}

/* Once it is asked for post-copy the hypervisor decides: it refuses to give up what has switched. */
bool migration_can_abort(const struct migration *m)
{
	return (is_sending(m) || m->state == MIGRATION_SWITCHING) && !m->switched;
}

bool migration_is_over(const struct migration *m)
{
	return m->state == MIGRATION_DONE || m->state == MIGRATION_FAILED ||
	       (m->state == MIGRATION_UNKNOWN && m->stuck);
}

const struct migration_edge *migration_edges(size_t *ret_count)
{
	static struct migration_edge shown[EDGES];

	for (size_t i = 0; i < EDGES; i++)
		shown[i] = (struct migration_edge){ edges[i].state, edges[i].event, edges[i].next,
			                            edges[i].when };
	*ret_count = EDGES;
	return shown;
}

const uint64_t *migration_edge_counts(void)
{
	return edge_counts;
}

const char *migration_last_why(void)
{
	return edges[last_edge].when ? edges[last_edge].when : "";
}

const char *migration_why(const struct migration *m, char *buffer, size_t room)
{
	double no_progress_s = isfinite(m->timing.no_progress_s) ? m->timing.no_progress_s : NEVER_S;

	switch ((enum migration_reason)m->reason) {
	case REASON_TIME_LIMIT:
		snprintf(buffer, room, "it did not finish within %.10g s", m->timing.timeout_s);
		return buffer;
	case REASON_NO_PROGRESS:
		snprintf(buffer, room, "it made no progress for %.10g s", no_progress_s);
		return buffer;
	case REASON_STOOD_STILL:
		snprintf(buffer, room, "it stood still for %.10g s", (double)m->patience->still_ns * 1e-9);
		return buffer;
	case REASON_ABORTED:
		return "it was stopped by an operator";
	case REASON_GONE:
		return "it runs nowhere any more: it ended by itself, or by other hands";
	case REASON_NOT_BEGUN:
		return "the order to migrate never reached the hypervisor";
	case REASON_TWICE:
		return "it runs on both hosts: a person must look";
	case REASON_SILENT:
		return "a host that matters does not answer: a person must look";
	case REASON_STANDING:
		return "no memory of its post-copy comes any more: a person must look";
	case REASON_UNCLEAR:
		return "what both hosts say does not fit together: a person must look";
	default:
		return m->why[0] ? m->why : migration_reason_words[m->reason];
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/steer.h"

#include "core/must.h"
#include "sim/memory.h"
#include "sim/migration.h"

#include <math.h>

/* So many things may happen to a move before its core hears of the first. */
enum { MOVE_TOLD_MOST = 6 };

/* What happens to a move while its core hears of something: it waits for its turn. */
struct hearing {
	uint32_t count;
	struct event events[MOVE_TOLD_MOST];
};

static struct event event_of(const struct world *world, const struct move *move, enum event_kind kind)
{
	return (struct event){ .kind = (uint8_t)kind,
		               .move = move->index,
		               .attempt = move->core.attempt,
		               .at_ns = world->now_ns };
}

/* What both hosts would say. Where a world has no faults, there is nothing in between. */
static struct seen see(const struct world *world, const struct move *move)
{
	uint8_t state = world->state->vm_state[move->vm];
	uint8_t side = state == VM_STOPPED ? SIDE_OFF : state == VM_PAUSED ? SIDE_PAUSED : SIDE_RUNNING;

	return (struct seen){ .source = move->arrived ? SIDE_ABSENT : side,
		              .target = move->arrived ? side : SIDE_ABSENT };
}

static void tell(struct world *world, struct move *move, const struct event *event);

/* One order of the core. */
static void obey(struct world *world, struct move *move, const struct command *command)
{
	struct event event;

	switch ((enum command_kind)command->kind) {
	case COMMAND_CHECK:
		event = event_of(world, move, EVENT_CHECKED);
		event.ok = true;
		event.running = move->was_active;
		tell(world, move, &event);
		return;
	case COMMAND_START:
	case COMMAND_STOP:
	case COMMAND_CARRY:
	case COMMAND_BOOT_TARGET:
	case COMMAND_LIMIT:
	case COMMAND_POSTCOPY:
		move_order(world, move, command);
		return;
	case COMMAND_CANCEL:
		event = event_of(world, move, EVENT_RETURNED);
		event.call = COMMAND_START;
		tell(world, move, &event);
		return;
	case COMMAND_LOOK:
		event = event_of(world, move, EVENT_SEEN);
		event.token = command->token;
		event.seen = see(world, move);
		tell(world, move, &event);
		return;
	default:
		must(false);
	}
}

static void obey_all(struct world *world, struct move *move, const struct migration_commands *commands)
{
	for (uint32_t i = 0; i < commands->count; i++)
		obey(world, move, &commands->at[i]);
}

/* When only its time limit will be waited for, as far as the core has heard of progress. */
static int64_t despair_ns(const struct move *move)
{
	const struct migration *core = &move->core;
	int64_t since_ns = core->low_ns > core->limit_since_ns ? core->low_ns : core->limit_since_ns;

	if (!isfinite(move->timing.timeout_s) || isfinite(move->timing.no_progress_s))
		return TIME_NEVER;
	return since_ns + DESPAIR_NS;
}

/*
 * What the core is now, for those that ask at every event. It heeds progress when it may do something as soon
 * as it hears of it. If not, it hears of it when it is asked what time makes of it: that a migration makes
 * none is known hours later.
 */
static void note_core(struct move *move)
{
	const struct migration *core = &move->core;

	move->due_ns = migration_due_ns(core);
	move->is_over = migration_is_over(core);
	move->heeds = core->state != MIGRATION_COPYING || move->timing.post_copy ||
	              isfinite(move->timing.no_progress_s);
	move->despair_ns = despair_ns(move);
}

/* What comes until hear_rest waits there. */
static void hear_first(struct move *move, struct hearing *hearing)
{
	hearing->count = 0;
	move->hearing = hearing;
}

/* What was told meanwhile is heard one after another. */
static void hear_rest(struct world *world, struct move *move, const struct hearing *hearing)
{
	struct migration_commands commands;

	for (uint32_t i = 0; i < hearing->count; i++) {
		migration_step(&move->core, &hearing->events[i], &commands);
		obey_all(world, move, &commands);
	}
	note_core(move);
	move->hearing = NULL;
}

/* The core hears of an event, at once unless it is hearing of another. */
static void tell(struct world *world, struct move *move, const struct event *event)
{
	struct migration_commands commands;
	struct hearing hearing;

	if (move->hearing) {
		must(move->hearing->count < MOVE_TOLD_MOST);
		move->hearing->events[move->hearing->count++] = *event;
		return;
	}
	hear_first(move, &hearing);
	migration_step(&move->core, event, &commands);
	obey_all(world, move, &commands);
	hear_rest(world, move, &hearing);
}

void steer_begin(struct world *world, struct move *move)
{
	struct migration_commands commands;
	struct hearing hearing;

	migration_create(&move->core, move->index, move->kind != MOVE_LIVE, &move->timing,
	                 &migration_patience_default);
	hear_first(move, &hearing);
	migration_go(&move->core, world->now_ns, &commands);
	obey_all(world, move, &commands);
	hear_rest(world, move, &hearing);
}

void steer_tell(struct world *world, struct move *move, enum event_kind kind)
{
	struct event event = event_of(world, move, kind);

	tell(world, move, &event);
}

void steer_returned(struct world *world, struct move *move, enum command_kind call, const char *why)
{
	struct event event = event_of(world, move, EVENT_RETURNED);

	event.call = (uint8_t)call;
	event.ok = !why;
	event.why = why;
	tell(world, move, &event);
}

void steer_progress(struct world *world, struct move *move, double remaining_bytes, int64_t at_ns)
{
	struct event event = event_of(world, move, EVENT_PROGRESS);

	event.at_ns = at_ns;
	event.progress.remaining_bytes = remaining_bytes;
	event.progress.processed_bytes = move->precopy.sent_bytes;
	event.progress.iterations = move->precopy.phase == PRECOPY_SETUP ? 0 : move->precopy.iterations;
	tell(world, move, &event);
}

void steer_timer(struct world *world, struct move *move)
{
	if (move->due_ns <= world->now_ns)
		steer_tell(world, move, EVENT_TIMER);
}

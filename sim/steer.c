/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/steer.h"

#include "core/must.h"
#include "sim/memory.h"
#include "sim/migration.h"

static void answer(struct world *world, struct move *move, struct event event)
{
	event.at_ns = world->now_ns;
	event.move = move->index;
	event.attempt = move->core.attempt;
	must(move->told_count < MOVE_TOLD_MOST);
	move->told[move->told_count++] = event;
}

/* What both hosts would say. Where a world has no faults, there is nothing in between. */
static struct seen see(const struct world *world, const struct move *move)
{
	uint8_t state = world->state->vm_state[move->vm];
	uint8_t side = state == VM_STOPPED ? SIDE_OFF : state == VM_PAUSED ? SIDE_PAUSED : SIDE_RUNNING;

	return (struct seen){ .source = move->arrived ? SIDE_ABSENT : side,
		              .target = move->arrived ? side : SIDE_ABSENT };
}

/* One order of the core. */
static void obey(struct world *world, struct move *move, const struct command *command)
{
	switch ((enum command_kind)command->kind) {
	case COMMAND_CHECK:
		answer(world, move,
		       (struct event){ .kind = EVENT_CHECKED, .ok = true, .running = move->was_active });
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
		answer(world, move, (struct event){ .kind = EVENT_RETURNED, .call = COMMAND_START });
		return;
	case COMMAND_LOOK:
		answer(world, move,
		       (struct event){
			       .kind = EVENT_SEEN, .token = command->token, .seen = see(world, move) });
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

/* What was told is heard one after another; who tells while the core hears waits. */
static void hear(struct world *world, struct move *move)
{
	struct migration_commands commands;

	if (move->hearing)
		return;
	move->hearing = true;
	for (uint32_t i = 0; i < move->told_count; i++) {
		migration_step(&move->core, &move->told[i], &commands);
		obey_all(world, move, &commands);
	}
	move->told_count = 0;
	move->hearing = false;
}

void steer_begin(struct world *world, struct move *move)
{
	struct migration_commands commands;

	migration_create(&move->core, move->index, move->kind != MOVE_LIVE, &move->timing,
	                 &migration_patience_default);
	move->hearing = true;
	migration_go(&move->core, world->now_ns, &commands);
	obey_all(world, move, &commands);
	move->hearing = false;
	hear(world, move);
}

void steer_tell(struct world *world, struct move *move, struct event event)
{
	answer(world, move, event);
	hear(world, move);
}

void steer_returned(struct world *world, struct move *move, enum command_kind call, const char *why)
{
	steer_tell(world, move,
	           (struct event){ .kind = EVENT_RETURNED, .call = (uint8_t)call, .ok = !why, .why = why });
}

void steer_progress(struct world *world, struct move *move, double remaining_bytes, int64_t at_ns)
{
	struct event event = { .kind = EVENT_PROGRESS };

	event.progress.remaining_bytes = remaining_bytes;
	event.progress.processed_bytes = move->precopy.sent_bytes;
	event.progress.iterations = move->precopy.phase == PRECOPY_SETUP ? 0 : move->precopy.iterations;
	answer(world, move, event);
	move->told[move->told_count - 1].at_ns = at_ns;
	hear(world, move);
}

void steer_timer(struct world *world, struct move *move)
{
	if (steer_due_ns(move) <= world->now_ns)
		steer_tell(world, move, (struct event){ .kind = EVENT_TIMER });
}

int64_t steer_due_ns(const struct move *move)
{
	return migration_due_ns(&move->core);
}

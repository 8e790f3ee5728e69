/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/migration.h"

#include "core/flavor.h"
#include "core/must.h"
#include "models/bounds.h"
#include "sim/actions.h"
#include "sim/alarms.h"
#include "sim/loads.h"
#include "sim/memory.h"
#include "sim/record.h"
#include "sim/steer.h"
#include "sim/trace.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static const double GIB = 1073741824;
static const double SECONDS_PER_NS = 1e-9;

/* Disks are copied when no more than this is left: less than a byte is rounding. */
static const double NOTHING_BYTES = 0.5;

/*
 * Moves' events come after actions' starts at the same time, in the order in which they were planned: what is
 * planned again for the same time, as a time limit is at each event, keeps its place.
 */
static void wake_at(struct world *world, struct move *move, int64_t time_ns)
{
	uint32_t id = world->action_count + move->index;

	if (time_ns == move->planned_ns)
		return;
	move->planned_ns = time_ns;
	if (time_ns >= TIME_NEVER)
		events_drop(&world->events, id);
	else
		events_set(&world->events, id, time_ns, (UINT64_C(1) << 32) + world->sequence++);
}

/* ------------------------------------------------------------------ stages */

double move_disk_bytes(const struct world *world, uint32_t vm)
{
	const struct state *state = world->state;

	if (!vm_has_local_disks(state, vm) || vm_backing(state, vm) == STORAGE_REMOTE)
		return 0;
	return (double)flavor_disk_gib(state_flavor(state, vm), world->cluster->vms[vm].boot) * GIB;
}

static void wait_stage(struct world *world, struct move *move, enum move_stage stage, double seconds)
{
	move->stage = (uint8_t)stage;
	move->stage_ns = world->now_ns + seconds_ns(seconds);
}

static void begin_start(struct world *world, struct move *move)
{
	trace_move(world, move, move->was_active ? "starts up" : "placed", "%s", "");
	wait_stage(world, move, STAGE_START, move->was_active ? GUEST_START_S : 0);
}

static void begin_copy(struct world *world, struct move *move, enum move_stage stage)
{
	move->stage = (uint8_t)stage;
	trace_move(world, move, "disks", "%.0f GiB to copy", move->left_bytes / GIB);
	move->copied_bytes = move->left_bytes;
}

/*
 * Nova's late check on the target (_validate_instance_group_policy): who is there and who is on the way there
 * count, the VM itself is the last of them.
 */
static bool late_check_fails(const struct world *world, const struct move *move)
{
	uint32_t index = world->cluster->vms[move->vm].group;
	const struct group *group;

	if (world->state->profile != PROFILE_NOVA || index == NONE || move->kind != MOVE_LIVE)
		return false;
	group = &world->state->groups[index];
	return group->policy == POLICY_ANTI_AFFINITY && !group->best_effort &&
	       state_members_claimed(world->state, index, move->to) > group->max_per_host;
}

static void begin_live(struct world *world, struct move *move)
{
	queue_started(world, move);
	trace_move(world, move, "migrates", "live, limit %.0f ms, time limit %.0f s",
	           move->timing.max_downtime_ms, move->timing.timeout_s);
	if (late_check_fails(world, move)) {
		wait_stage(world, move, STAGE_DOOMED, memory_setup_s(world, move));
		return;
	}
	move->flow = links_open(&world->links, move->from, move->to, move->index);
	links_weigh(&world->links, move->flow, memory_share(world, move), world->now_ns);
	move->left_bytes = move_disk_bytes(world, move->vm);
	if (move->left_bytes > 0)
		begin_copy(world, move, STAGE_DISK);
	else
		memory_start(world, move);
}

static void begin_cold(struct world *world, struct move *move)
{
	trace_move(world, move, "migrates", "cold");
	move->left_bytes = move_disk_bytes(world, move->vm);
	if (move->left_bytes > 0)
		move->flow = links_open(&world->links, move->from, move->to, move->index);
	wait_stage(world, move, STAGE_STOP, move->was_active ? GUEST_STOP_S : 0);
}

/* The target has all of it. A guest that does not run has arrived. */
static void end_carry(struct world *world, struct move *move)
{
	if (!move->was_active) {
		trace_move(world, move, "placed", "%s", "");
		move->arrived = true;
	}
	steer_returned(world, move, COMMAND_CARRY, NULL);
}

/* Its disks, when it has any; a guest that does not run takes no time to stop, but is not asked for that. */
static void carry(struct world *world, struct move *move)
{
	if (!move->was_active && move->stage != STAGE_STOP)
		begin_cold(world, move);
	else if (move->left_bytes > 0)
		begin_copy(world, move, STAGE_COPY);
	else
		end_carry(world, move);
}

void move_order(struct world *world, struct move *move, const struct command *command)
{
	switch ((enum command_kind)command->kind) {
	case COMMAND_START:
		begin_live(world, move);
		break;
	case COMMAND_STOP:
		begin_cold(world, move);
		break;
	case COMMAND_CARRY:
		carry(world, move);
		break;
	case COMMAND_BOOT_TARGET:
		begin_start(world, move);
		break;
	case COMMAND_LIMIT:
		memory_limit(world, move, command->number);
		break;
	case COMMAND_POSTCOPY:
		memory_postcopy(world, move);
		break;
	default:
		must(false);
	}
}

static double demand_of(const struct move *move)
{
	switch ((enum move_stage)move->stage) {
	case STAGE_DISK:
	case STAGE_COPY:
		return move->timing.bandwidth_bytes_s / move->efficiency;
	case STAGE_MEMORY:
		return memory_demand(move);
	default:
		return 0;
	}
}

/* When the disks are copied at the present rate; TIME_NEVER: never, or its link says when. */
static int64_t disks_next_ns(struct world *world, const struct move *move)
{
	double rate = links_rate(&world->links, move->flow) * move->efficiency,
	       left = at_least(move->left_bytes, 0);

	if (links_is_crowded(&world->links, move->flow)) {
		links_wake(&world->links, move->flow, left / move->efficiency, world->now_ns);
		return TIME_NEVER;
	}
	links_wake_drop(&world->links, move->flow, world->now_ns);
	return rate > 0 && left / rate < 6e9 ? world->now_ns + (int64_t)ceil(left / rate * 1e9) : TIME_NEVER;
}

/* Says what the move can use of the links, and when it must be looked at next. */
static void plan(struct world *world, struct move *move)
{
	int64_t next_ns = TIME_NEVER;

	if (move->flow != NONE)
		links_demand(&world->links, move->flow, demand_of(move), world->now_ns);
	switch ((enum move_stage)move->stage) {
	case STAGE_DOOMED:
	case STAGE_STOP:
	case STAGE_START:
		next_ns = move->stage_ns;
		break;
	case STAGE_DISK:
	case STAGE_COPY:
		next_ns = disks_next_ns(world, move);
		break;
	case STAGE_MEMORY:
		next_ns = memory_next_ns(world, move);
		break;
	}
	if (move->kind != MOVE_EVACUATE) {
		int64_t due_ns = move->due_ns;

		due_ns = due_ns > world->now_ns ? due_ns : world->now_ns;
		next_ns = due_ns < next_ns ? due_ns : next_ns;
	}
	record_stage(world, move);
	wake_at(world, move, next_ns);
}

/* ------------------------------------------------------------------ starts */

/* All but the parts of its memory, which precopy_start fills in: most are never looked at. */
static void clear_place(struct move *move, uint32_t index)
{
	memset(move, 0, offsetof(struct move, precopy.part));
	move->index = index;
}

static struct move *take_place(struct world *world)
{
	struct move *move;
	uint32_t index;

	if (world->move_free_count > 0) {
		index = world->moves_free[--world->move_free_count];
		clear_place(world->moves[index], index);
		return world->moves[index];
	}
	if (world->move_count == world->move_room) {
		world->move_room = world->move_room ? world->move_room * 2 : 16;
		world->moves = memory_resize(world->moves, world->move_room, sizeof(*world->moves));
		world->moves_free = memory_resize(world->moves_free, world->move_room,
		                                  sizeof(*world->moves_free));
		world->changed = memory_resize(world->changed, world->move_room, sizeof(*world->changed));
	}
	move = arena_take_raw(&world->arena, sizeof(*move));
	clear_place(move, world->move_count);
	world->moves[world->move_count++] = move;
	return move;
}

static uint32_t new_record(struct world *world, struct moved moved)
{
	if (!world->want_moved)
		return NONE;
	if (world->moved_count == world->moved_room) {
		world->moved_room = world->moved_room ? world->moved_room * 2 : 64;
		world->moved = memory_resize(world->moved, world->moved_room, sizeof(*world->moved));
	}
	world->moved[world->moved_count] = moved;
	return world->moved_count++;
}

void move_refused(struct world *world, const struct activity *activity, uint32_t vm, uint32_t to,
                  uint8_t method)
{
	new_record(world, (struct moved){ .activity = activity_index(world, activity),
	                                  .vm = vm,
	                                  .from = world->state->vm_host[vm],
	                                  .to = to,
	                                  .method = method,
	                                  .outcome = OUTCOME_REJECTED,
	                                  .start_ns = world->now_ns,
	                                  .end_ns = world->now_ns });
}

/* Recoveries after a host was lost are no migrations: they are in the trace, not in the results. */
static bool is_recovery(const struct activity *activity)
{
	return activity->action->kind == ACTION_FORCE_LOCK || activity->action->kind == ACTION_FAIL_HOST;
}

static void claim(struct world *world, struct move *move)
{
	struct state *state = world->state;

	state_claim(state, move->vm, move->to);
	state_set_vm_busy(state, move->vm, true);
	load_change(world, move->from, 1);
	load_change(world, move->to, 1);
}

uint32_t move_start(struct world *world, struct activity *activity, enum move_kind kind, uint32_t vm,
                    uint32_t to, uint32_t flavor)
{
	struct state *state = world->state;
	struct move *move = take_place(world);
	uint8_t vm_state = state->vm_state[vm];

	move->vm = vm;
	move->from = state->vm_host[vm];
	move->to = to;
	move->kind = (uint8_t)kind;
	move->activity = activity_index(world, activity);
	move->in_use = true;
	move->flow = NONE;
	move->before_flavor = NONE;
	move->start_ns = move->touched_ns = world->now_ns;
	move->planned_ns = TIME_NEVER;
	move->was_active = vm_state != VM_STOPPED;
	move->timing = timing_of(state, vm, move_disk_bytes(world, vm) > 0);
	memory_links(world, move);
	move->record = is_recovery(activity)
	                       ? NONE
	                       : new_record(world, (struct moved){ .activity = move->activity,
	                                                           .vm = vm,
	                                                           .from = move->from,
	                                                           .to = to,
	                                                           .method = kind == MOVE_LIVE ? METHOD_LIVE
	                                                                                       : METHOD_COLD,
	                                                           .start_ns = world->now_ns });
	if (kind == MOVE_RESIZE) {
		move->before_flavor = state->vm_flavor[vm];
		state_set_flavor(state, vm, flavor);
	}
	claim(world, move);
	record_start(world, move);
	if (kind == MOVE_EVACUATE) {
		trace_move(world, move, "evacuates", "%s", "");
		begin_start(world, move);
	} else {
		steer_begin(world, move);
	}
	plan(world, move);
	return move->index;
}

/* ------------------------------------------------------------------ ends */

static void fill_record(struct world *world, const struct move *move, enum outcome outcome)
{
	struct moved *moved = move->record == NONE ? NULL : &world->moved[move->record];
	const struct precopy *precopy = &move->precopy;

	if (!moved)
		return;
	moved->outcome = (uint8_t)outcome;
	moved->end_ns = world->now_ns;
	if (move->kind != MOVE_LIVE) {
		moved->bytes = fmax(move->copied_bytes - fmax(move->left_bytes, 0), 0);
		if (outcome == OUTCOME_COMPLETED && move->was_active)
			moved->downtime_s = (double)(moved->end_ns - moved->start_ns) * SECONDS_PER_NS;
	} else if (move->stage == STAGE_MEMORY) {
		moved->bytes = precopy->sent_bytes + move->vain_bytes;
		moved->iterations = precopy->iterations;
		moved->throttle = precopy->throttle;
		moved->hypervisor = precopy->input.hypervisor;
		moved->setup_s = precopy->input.setup_s;
		if (outcome == OUTCOME_COMPLETED)
			moved->downtime_s = precopy->downtime_s;
	}
}

static void let_go(struct world *world, struct move *move, enum outcome outcome, const char *why)
{
	struct move_end end = { move->vm, move->from, move->to, (uint8_t)outcome, why };
	struct activity *activity = &world->activities[move->activity];
	bool live = move->kind == MOVE_LIVE;

	fill_record(world, move, outcome);
	record_end(world, move, outcome);
	memory_leave_setup(world, move);
	if (move->flow != NONE)
		links_close(&world->links, move->flow, world->now_ns);
	events_drop(&world->events, world->action_count + move->index);
	state_set_vm_busy(world->state, move->vm, false);
	load_change(world, move->from, -1);
	load_change(world, move->to, -1);
	alarms_check(world, world->cluster->vms[move->vm].group);
	move->in_use = false;
	world->moves_free[world->move_free_count++] = move->index;
	if (live)
		queue_ended(world, move);
	conduct_of(activity->action)->moved(world, activity, &end);
	lock_wake(world, end.to);
	if (live)
		queue_next(world, end.from);
}

static void complete(struct world *world, struct move *move)
{
	struct state *state = world->state;
	double seconds = (double)(world->now_ns - move->start_ns) * SECONDS_PER_NS;

	state_arrive(state, move->vm);
	if (move->kind == MOVE_EVACUATE && move->was_active)
		state_set_vm_state(state, move->vm, VM_ACTIVE);
	if (move->kind == MOVE_LIVE)
		trace_move(world, move, "completed", "in %.3f s, downtime %.1f ms, %.1f MiB, %u rounds",
		           seconds, 1000 * move->precopy.downtime_s, move->precopy.sent_bytes / 1048576,
		           move->precopy.iterations);
	else
		trace_move(world, move, "completed", "in %.3f s", seconds);
	let_go(world, move, OUTCOME_COMPLETED, NULL);
}

void move_abort(struct world *world, struct move *move, bool lost, const char *why)
{
	trace_move(world, move, "aborted", "%s", why);
	state_unclaim(world->state, move->vm);
	if (move->before_flavor != NONE)
		state_set_flavor(world->state, move->vm, move->before_flavor);
	if (lost)
		state_set_vm_state(world->state, move->vm, VM_ERROR);
	let_go(world, move, OUTCOME_ABORTED, why);
}

/* ------------------------------------------------------------------ what happens meanwhile */

/*
 * Brings the move up to now. pace: how its rate came to what it is, when it was not the same all the time.
 * Returns whether its memory is all over.
 */
static bool settle(struct world *world, struct move *move, enum memory_pace pace)
{
	double dt_s = (double)(world->now_ns - move->touched_ns) * SECONDS_PER_NS, wire = 0;
	bool steady = true;

	if (move->flow != NONE)
		wire = links_take(&world->links, move->flow, world->now_ns, &steady);
	if (steady)
		pace = MEMORY_STEADY;
	else if (!links_is_crowded(&world->links, move->flow))
		pace = MEMORY_CHANGED;
	move->touched_ns = world->now_ns;
	if (move->stage == STAGE_MEMORY)
		return memory_pass(world, move, dt_s, wire, pace);
	if (move->stage == STAGE_DISK || move->stage == STAGE_COPY)
		move->left_bytes -= wire * move->efficiency;
	return false;
}

/* Goes on to the next stage when this one is over. */
static void pass_stage(struct world *world, struct move *move)
{
	bool over = world->now_ns >= move->stage_ns;

	switch ((enum move_stage)move->stage) {
	case STAGE_DOOMED:
		if (!over)
			return;
		move->lost = true;
		steer_returned(world, move, COMMAND_START,
		               "Anti-affinity instance group policy was violated.");
		return;
	case STAGE_DISK:
		if (move->left_bytes <= NOTHING_BYTES)
			memory_start(world, move);
		return;
	case STAGE_STOP:
		if (over && move->was_active)
			steer_returned(world, move, COMMAND_STOP, NULL);
		else if (over)
			carry(world, move);
		return;
	case STAGE_COPY:
		if (move->left_bytes <= NOTHING_BYTES)
			end_carry(world, move);
		return;
	case STAGE_START:
		if (!over)
			return;
		move->arrived = true;
		if (move->kind != MOVE_EVACUATE)
			steer_returned(world, move, COMMAND_BOOT_TARGET, NULL);
		return;
	case STAGE_MEMORY:
		return;
	}
	must(false);
}

/* Whether it has come to its end, which is carried out then. */
static bool ends(struct world *world, struct move *move)
{
	char why[160];

	if (move->kind == MOVE_EVACUATE ? !move->arrived : !move->is_over)
		return false;
	if (move->kind == MOVE_EVACUATE || move->core.state == MIGRATION_DONE)
		complete(world, move);
	else
		move_abort(world, move, move->lost,
		           world_text(world, "%s", migration_why(&move->core, why, sizeof(why))));
	return true;
}

void move_due(struct world *world, struct move *move, bool by_bytes)
{
	if (!by_bytes)
		move->planned_ns = TIME_NEVER;
	if (settle(world, move, by_bytes ? MEMORY_LOOKS : MEMORY_DRIFTED)) {
		move->arrived = true;
		steer_returned(world, move, COMMAND_START, NULL);
	} else {
		pass_stage(world, move);
		if (!by_bytes && move->kind != MOVE_EVACUATE && move->due_ns <= world->now_ns) {
			memory_catch_up(world, move);
			steer_timer(world, move);
		}
	}
	if (ends(world, move))
		return;
	memory_despair(world, move);
	plan(world, move);
}

void move_rate_changed(struct world *world, struct move *move)
{
	/* Another rate, another chance. */
	if (settle(world, move, MEMORY_CHANGED)) {
		move->arrived = true;
		steer_returned(world, move, COMMAND_START, NULL);
	}
	if (move->hopeless)
		move->chance_ns = world->now_ns;
	move->hopeless = false;
	if (!ends(world, move))
		plan(world, move);
}

struct move *move_next_at(const struct world *world, uint32_t host, uint32_t *cursor)
{
	while (*cursor < world->move_count) {
		struct move *move = world->moves[(*cursor)++];

		if (move->in_use && (host == NONE || move->from == host || move->to == host))
			return move;
	}
	return NULL;
}

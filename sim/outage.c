/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/actions.h"

#include "core/indexes.h"
#include "sim/alarms.h"
#include "sim/trace.h"

/* The guest runs at the target already: without the target it is lost. */
static bool is_over_there(const struct move *move)
{
	return move->kind == MOVE_LIVE && move->stage == STAGE_MEMORY &&
	       move->precopy.phase == PRECOPY_POSTCOPY;
}

/* The host's guests are gone with it; what moved from it or to it did so in vain. */
static void lose_guests(struct world *world, struct activity *activity, uint32_t host)
{
	struct state *state = world->state;
	uint32_t count = 0, cursor = 0;

	for (uint32_t vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm))
		count += vm_runs(state, vm);
	activity->vms = ARENA_ARRAY(&world->arena, uint32_t, count);
	activity->vm_count = activity->next = activity->lost = 0;
	for (uint32_t vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm)) {
		if (vm_runs(state, vm))
			activity->vms[activity->vm_count++] = vm;
	}
	if (count > 1)
		indexes_sort(activity->vms, count);
	for (uint32_t i = 0; i < count; i++) {
		state_set_vm_state(state, activity->vms[i], VM_ERROR);
		if (state->vm_target[activity->vms[i]] == NONE)
			state_set_vm_busy(state, activity->vms[i], false);
		trace_line(world, world_vm_name(world, activity->vms[i]), "fails", "with %s",
		           world_host_name(world, host));
	}
	for (struct move *move = move_next_at(world, host, &cursor); move;
	     move = move_next_at(world, host, &cursor))
		move_abort(world, move, is_over_there(move),
		           world_text(world, "host %s was lost", world_host_name(world, host)));
}

static void end(struct world *world, struct activity *activity)
{
	const char *message = NULL;

	if (activity->lost > 0)
		message = world_text(world, "%u of %u instances could not be recovered on another host.",
		                     activity->lost, activity->vm_count);
	activity_end(world, activity,
	             activity->action->kind == ACTION_FORCE_LOCK ? VERDICT_LOCKED : VERDICT_DONE, message);
}

/* One after another is built anew elsewhere, where its policies allow; the others stay, in error. */
static void recover_next(struct world *world, struct activity *activity)
{
	struct state *state = world->state;

	while (activity->next < activity->vm_count) {
		uint32_t vm = activity->vms[activity->next++], to;
		struct request request = request_for(state, MOVE_EVACUATE, vm);

		if (state->vm_state[vm] != VM_ERROR || request.source != activity->action->host ||
		    state->vm_target[vm] != NONE)
			continue;
		to = choose_host(world, &request);
		if (to != NONE) {
			activity->move = move_start(world, activity, MOVE_EVACUATE, vm, to, NONE);
			return;
		}
		trace_line(world, world_vm_name(world, vm), "stays", "in error: no valid host was found");
		world->stopped_by_lock[vm] = true;
		activity->lost++;
	}
	end(world, activity);
}

void recover_moved(struct world *world, struct activity *activity, const struct move_end *move)
{
	activity->move = NONE;
	if (move->outcome != OUTCOME_COMPLETED)
		activity->lost++;
	recover_next(world, activity);
}

static void lose(struct world *world, struct activity *activity, struct host_status status)
{
	uint32_t host = activity->action->host;

	state_set_host(world->state, host, status);
	if (world->host_changed)
		world->host_changed(world->choose_context, host);
	trace_line(world, world_host_name(world, host), "lost", "%s, %s, %s",
	           administrative_words[status.administrative], operational_words[status.operational],
	           availability_words[status.availability]);
	lose_guests(world, activity, host);
}

static void reject(struct world *world, struct activity *activity, const char *message)
{
	action_reject(world, activity, NONE, NONE, METHOD_NONE, message);
}

void force_lock_start(struct world *world, struct activity *activity)
{
	uint32_t host = activity->action->host;
	struct host_status status = world->state->hosts[host];

	if (status.absent) {
		reject(world, activity,
		       world_text(world, "Host %s could not be found.", world_host_name(world, host)));
		return;
	}
	if (status.administrative == ADMIN_LOCKED) {
		reject(world, activity,
		       world_text(world, "Avoiding force-lock action on already 'locked' host %s",
		                  world_host_name(world, host)));
		return;
	}
	status.administrative = ADMIN_LOCKED;
	status.operational = OPER_DISABLED;
	if (state_host_up(world->state, host))
		status.availability = AVAIL_ONLINE; /* after its reset */
	lose(world, activity, status);
	alarm_host_locked(world, host);
	recover_next(world, activity);
}

void fail_host_start(struct world *world, struct activity *activity)
{
	uint32_t host = activity->action->host;
	struct host_status status = world->state->hosts[host];

	if (status.absent) {
		reject(world, activity,
		       world_text(world, "Host %s could not be found.", world_host_name(world, host)));
		return;
	}
	status.operational = OPER_DISABLED;
	status.availability = AVAIL_FAILED;
	lose(world, activity, status);
	recover_next(world, activity);
}

/* ------------------------------------------------------------------ unlock */

static const char *unlock_refusal(struct world *world, uint32_t host)
{
	const struct host_status *status = &world->state->hosts[host];

	if (status->absent)
		return world_text(world, "Host %s could not be found.", world_host_name(world, host));
	if (status->administrative != ADMIN_LOCKED)
		return world_text(world, "Avoiding unlock action on already 'unlocked' host %s",
		                  world_host_name(world, host));
	if (!state_host_up(world->state, host))
		return world_text(world, "Can not unlock host %s, which is down (%s)",
		                  world_host_name(world, host), availability_words[status->availability]);
	return NULL;
}

void unlock_start(struct world *world, struct activity *activity)
{
	const struct state *state = world->state;
	uint32_t host = activity->action->host, count = 0;
	const char *message = unlock_refusal(world, host);

	if (message) {
		reject(world, activity, message);
		return;
	}
	state_set_host(world->state, host,
	               (struct host_status){ ADMIN_UNLOCKED, OPER_ENABLED, AVAIL_AVAILABLE, false });
	if (world->host_changed)
		world->host_changed(world->choose_context, host);
	trace_line(world, world_host_name(world, host), "unlocked", "unlocked, enabled, available");
	alarm_host_unlocked(world, host);
	for (uint32_t vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm))
		count += world->stopped_by_lock[vm];
	activity->vms = ARENA_ARRAY(&world->arena, uint32_t, count);
	for (uint32_t vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm)) {
		if (!world->stopped_by_lock[vm])
			continue;
		world->stopped_by_lock[vm] = false;
		if (state->vm_busy[vm] ||
		    (state->vm_state[vm] != VM_STOPPED && state->vm_state[vm] != VM_ERROR))
			continue;
		activity->vms[activity->vm_count++] = vm;
		state_set_vm_busy(world->state, vm, true);
		trace_line(world, world_vm_name(world, vm), "starts up", "on %s",
		           world_host_name(world, host));
	}
	activity_wait(world, activity, activity->vm_count > 0 ? GUEST_START_S : 0);
}

/* Those that the lock of the only host stopped, or that a force-lock left in error, run again. */
void unlock_due(struct world *world, struct activity *activity)
{
	struct state *state = world->state;

	for (uint32_t i = 0; i < activity->vm_count; i++) {
		uint32_t vm = activity->vms[i];

		if (state->vm_host[vm] != activity->action->host || state->vm_state[vm] == VM_DELETED)
			continue;
		state_set_vm_busy(state, vm, false);
		if (state_host_enabled(state, activity->action->host))
			state_set_vm_state(state, vm, VM_ACTIVE);
		else
			world->stopped_by_lock[vm] = true; /* locked again before it ran */
	}
	activity_end(world, activity, VERDICT_DONE, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/actions.h"

#include "sim/alarms.h"
#include "sim/loads.h"
#include "sim/trace.h"

/* What the API lets an admin do to a VM: from which states, to which, and how long the guest takes. */
static const struct change {
	const char *what;
	unsigned from;
	uint8_t to;
	uint8_t seconds;
} changes[ACTION_KINDS] = {
	[ACTION_STOP] = { "stop", 1u << VM_ACTIVE | 1u << VM_ERROR | 1u << VM_RESCUED, VM_STOPPED,
	                  GUEST_STOP_S },
	[ACTION_START] = { "start", 1u << VM_STOPPED, VM_ACTIVE, GUEST_START_S },
	[ACTION_PAUSE] = { "pause", 1u << VM_ACTIVE | 1u << VM_RESCUED, VM_PAUSED, 0 },
	[ACTION_SUSPEND] = { "suspend", 1u << VM_ACTIVE | 1u << VM_RESCUED, VM_SUSPENDED, 0 },
	[ACTION_RESUME] = { "resume", 1u << VM_SUSPENDED | 1u << VM_PAUSED, VM_ACTIVE, 0 },
};

static void reject(struct world *world, struct activity *activity, const char *message)
{
	action_reject(world, activity, NONE, NONE, METHOD_NONE, message);
}

/*
 * Why nothing can be asked of a guest on its host. A locked host runs none, but for nova, where a lock is the
 * service disabled and the guests are left alone.
 */
static const char *host_refusal(struct world *world, uint32_t host)
{
	if (host == NONE)
		return "it is on no host";
	if (!state_host_up(world->state, host))
		return "its host is down";
	if (world->state->profile != PROFILE_NOVA && world->state->hosts[host].administrative == ADMIN_LOCKED)
		return "its host is locked";
	return NULL;
}

void vm_change_start(struct world *world, struct activity *activity)
{
	const struct change *change = &changes[activity->action->kind];
	struct state *state = world->state;
	uint32_t vm = activity->action->vm, host = state->vm_host[vm];
	const char *name = world_vm_name(world, vm), *task = world->cluster->vms[vm].task, *message;

	if (!world_vm_exists(world, vm)) {
		reject(world, activity, world_text(world, "Instance %s could not be found.", name));
		return;
	}
	if (!(change->from >> state->vm_state[vm] & 1)) {
		reject(world, activity,
		       world_text(world, "Cannot '%s' instance %s while it is in vm_state %s", change->what,
		                  name, vm_state_words[state->vm_state[vm]]));
		return;
	}
	if (state->vm_busy[vm]) {
		reject(world, activity,
		       world_text(world, "Cannot '%s' instance %s while it is in task_state %s", change->what,
		                  name, task ? task : "migrating"));
		return;
	}
	message = host_refusal(world, host);
	if (message) {
		reject(world, activity,
		       world_text(world, "Cannot '%s' instance %s: %s", change->what, name, message));
		return;
	}
	activity->stage = state->vm_state[vm];
	state_set_vm_busy(state, vm, true);
	activity_wait(world, activity, change->seconds);
}

void vm_change_due(struct world *world, struct activity *activity)
{
	const struct change *change = &changes[activity->action->kind];
	uint32_t vm = activity->action->vm;
	const char *message;

	if (world->state->vm_state[vm] != activity->stage || world->state->vm_target[vm] != NONE)
		message = "it was lost or stopped meanwhile";
	else
		message = host_refusal(world, world->state->vm_host[vm]);
	if (message) {
		if (world->state->vm_target[vm] == NONE)
			state_set_vm_busy(world->state, vm, false);
		activity_end(world, activity, VERDICT_FAILED,
		             world_text(world, "Failed to '%s' instance %s: %s", change->what,
		                        world_vm_name(world, vm), message));
		return;
	}
	state_set_vm_busy(world->state, vm, false);
	state_set_vm_state(world->state, vm, change->to);
	activity_end(world, activity, VERDICT_DONE, NULL);
}

void delete_start(struct world *world, struct activity *activity)
{
	struct state *state = world->state;
	uint32_t vm = activity->action->vm, host = state->vm_host[vm];

	if (!world_vm_exists(world, vm)) {
		reject(world, activity,
		       world_text(world, "Instance %s could not be found.", world_vm_name(world, vm)));
		return;
	}
	abort_moves_of_vm(world, vm, "the instance was deleted");
	if (host != NONE)
		state_remove(state, vm);
	state_set_vm_state(state, vm, VM_DELETED);
	if (world->host_changed && host != NONE)
		world->host_changed(world->choose_context, host);
	alarms_check(world, world->cluster->vms[vm].group);
	activity_end(world, activity, VERDICT_DONE, NULL);
	if (host != NONE)
		lock_wake(world, host);
}

/* ------------------------------------------------------------------ boot */

/* How many a group takes: launched members and those being built count. */
static uint32_t group_room(const struct world *world, uint32_t group, uint32_t wanted)
{
	int64_t left;

	if (group == NONE || world->state->groups[group].size == UNLIMITED)
		return wanted;
	left = world->state->groups[group].size - (int64_t)state_group_placed(world->state, group);
	return left < 0 ? 0 : left < (int64_t)wanted ? (uint32_t)left : wanted;
}

/* Places the VMs one by one; returns how many found a host. */
static uint32_t place(struct world *world, const struct action *action, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t vm = action->vm_first + i, host;
		struct request request = request_for(world->state, MOVE_BOOT, vm);

		host = choose_host(world, &request);
		if (host == NONE)
			return i;
		state_place(world->state, vm, host);
		state_set_vm_busy(world->state, vm, true);
		load_change(world, host, 1);
	}
	return count;
}

static void take_back(struct world *world, const struct action *action, uint32_t count)
{
	while (count-- > 0) {
		uint32_t vm = action->vm_first + count;

		load_change(world, world->state->vm_host[vm], -1);
		state_set_vm_busy(world->state, vm, false);
		state_remove(world->state, vm);
	}
}

/* As many as fit, when those are at least min_count. */
void boot_start(struct world *world, struct activity *activity)
{
	const struct action *action = activity->action;
	uint32_t wanted = group_room(world, action->group, action->max_count), placed;

	if (wanted < action->min_count) {
		reject(world, activity,
		       world_text(world, "Quota exceeded, too many servers in group %s",
		                  world->cluster->groups[action->group].name));
		return;
	}
	placed = place(world, action, wanted);
	if (placed < action->min_count) {
		take_back(world, action, placed);
		reject(world, activity, "No valid host was found. There are not enough hosts available.");
		return;
	}
	activity->vm_count = placed;
	activity->vms = ARENA_ARRAY(&world->arena, uint32_t, placed);
	for (uint32_t i = 0; i < placed; i++) {
		uint32_t vm = action->vm_first + i;

		activity->vms[i] = world->state->vm_host[vm];
		world->born[vm] = true;
		trace_line(world, world_vm_name(world, vm), "builds", "on %s",
		           world_host_name(world, activity->vms[i]));
	}
	alarms_check(world, action->group);
	activity_wait(world, activity, GUEST_START_S);
}

void boot_due(struct world *world, struct activity *activity)
{
	const struct action *action = activity->action;

	for (uint32_t i = 0; i < activity->vm_count; i++) {
		load_change(world, activity->vms[i], -1);
		if (world->state->vm_target[action->vm_first + i] == NONE)
			state_set_vm_busy(world->state, action->vm_first + i, false);
	}
	if (activity->vm_count < action->max_count)
		activity_end(
			world, activity, VERDICT_DONE,
			world_text(world, "%u of %u instances fit.", activity->vm_count, action->max_count));
	else
		activity_end(world, activity, VERDICT_DONE, NULL);
}

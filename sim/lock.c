/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/actions.h"

#include "core/indexes.h"
#include "core/schedule.h"
#include "sim/alarms.h"
#include "sim/trace.h"

#include <stdlib.h>

/* Where a lock stands between its events. */
enum { LOCK_MOVING, LOCK_STOPPING, LOCK_AWAITING };

/* Those that the action's `order` names go first, in its order. vms are sorted. */
static void apply_order(struct world *world, const struct action *action, uint32_t *vms, uint32_t count)
{
	uint32_t *ordered = ARENA_ARRAY(&world->arena, uint32_t, count), taken = 0;
	bool *used = ARENA_ARRAY(&world->arena, bool, count);

	for (uint32_t i = 0; i < action->order_count; i++) {
		const uint32_t *found =
			count ? bsearch(&action->order[i], vms, count, sizeof(*vms), index_compare) : NULL;

		if (!found || used[found - vms])
			continue;
		used[found - vms] = true;
		ordered[taken++] = *found;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!used[i])
			ordered[taken++] = vms[i];
	}
	for (uint32_t i = 0; i < count; i++)
		vms[i] = ordered[i];
}

/* The VMs of the host that a lock has to do with, in the platform's order: the file's, what `order` names
 * first. */
static void collect(struct world *world, struct activity *activity)
{
	const struct state *state = world->state;
	uint32_t count = 0, host = activity->action->host, vm;

	for (vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm))
		count += !lock_leaves(state, vm);
	activity->vms = ARENA_ARRAY(&world->arena, uint32_t, count);
	activity->vm_count = activity->next = 0;
	for (vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm)) {
		if (!lock_leaves(state, vm))
			activity->vms[activity->vm_count++] = vm;
	}
	if (count > 1)
		indexes_sort(activity->vms, count);
	if (activity->action->order_count > 0)
		apply_order(world, activity->action, activity->vms, count);
}

static void set_operational(struct world *world, uint32_t host, uint8_t operational)
{
	struct host_status status = world->state->hosts[host];

	if (status.operational == operational)
		return;
	status.operational = operational;
	state_set_host(world->state, host, status);
	if (world->host_changed)
		world->host_changed(world->choose_context, host);
}

/* The host is as it was before, unless it was lost or force-locked meanwhile. */
static void enable_again(struct world *world, struct activity *activity)
{
	uint32_t host = activity->action->host;

	world->host_lock[host] = NONE;
	if (world->state->hosts[host].administrative == ADMIN_LOCKED || !state_host_up(world->state, host))
		return;
	set_operational(world, host, activity->host_operational);
	trace_line(world, world_host_name(world, host), "enabled", "takes new guests again");
}

static void fail(struct world *world, struct activity *activity, uint32_t vm)
{
	const char *host = world_host_name(world, activity->action->host);

	enable_again(world, activity);
	activity_end(world, activity, VERDICT_LOCK_FAILED,
	             world_text(world, "Migrate of instance %s from host %s failed.",
	                        world_vm_name(world, vm), host));
}

static void finish(struct world *world, struct activity *activity)
{
	uint32_t host = activity->action->host;
	struct host_status status = world->state->hosts[host];

	status.administrative = ADMIN_LOCKED;
	status.operational = OPER_DISABLED;
	if (state_host_up(world->state, host))
		status.availability = AVAIL_ONLINE;
	state_set_host(world->state, host, status);
	world->host_lock[host] = NONE;
	trace_line(world, world_host_name(world, host), "locked", "%s, %s, %s",
	           administrative_words[status.administrative], operational_words[status.operational],
	           availability_words[status.availability]);
	alarm_host_locked(world, host);
	activity_end(world, activity, VERDICT_LOCKED, NULL);
}

/* The only host there is: nobody could take its VMs, so they are stopped. */
static void stop_all(struct world *world, struct activity *activity)
{
	for (uint32_t i = 0; i < activity->vm_count; i++) {
		state_set_vm_busy(world->state, activity->vms[i], true);
		trace_line(world, world_vm_name(world, activity->vms[i]), "stops", "there is no other host");
	}
	activity->stage = LOCK_STOPPING;
	activity_wait(world, activity, activity->vm_count > 0 ? GUEST_STOP_S : 0);
}

void lock_due(struct world *world, struct activity *activity)
{
	if (activity->stage != LOCK_STOPPING)
		return;
	for (uint32_t i = 0; i < activity->vm_count; i++) {
		uint32_t vm = activity->vms[i];

		if (world->state->vm_host[vm] != activity->action->host || lock_leaves(world->state, vm))
			continue;
		state_set_vm_busy(world->state, vm, false);
		state_set_vm_state(world->state, vm, VM_STOPPED);
		world->stopped_by_lock[vm] = true;
	}
	finish(world, activity);
}

/* The lock ends here; a VM that could not even begin to move is recorded as refused. */
static void refuse(struct world *world, struct activity *activity, uint32_t vm, uint8_t method,
                   const char *why)
{
	trace_line(world, world_vm_name(world, vm), "refused", "%s", why);
	move_refused(world, activity, vm, NONE, method);
	fail(world, activity, vm);
}

static void move_now(struct world *world, struct activity *activity, uint32_t vm, enum method method)
{
	struct request request = request_for(world->state, method == METHOD_LIVE ? MOVE_LIVE : MOVE_COLD, vm);
	uint32_t to;

	if (!state_host_up(world->state, request.source)) {
		refuse(world, activity, vm, (uint8_t)method, "its host is down");
		return;
	}
	to = choose_host(world, &request);
	if (to == NONE)
		refuse(world, activity, vm, (uint8_t)method,
		       "No valid host was found. There are not enough hosts available.");
	else
		activity->move = move_start(world, activity, request.kind, vm, to, NONE);
}

/* Still there, and the lock's business. */
static bool is_concerned(const struct world *world, const struct activity *activity, uint32_t vm)
{
	return world->state->vm_host[vm] == activity->action->host && !lock_leaves(world->state, vm);
}

static void attempt(struct world *world, struct activity *activity, uint32_t vm)
{
	enum method method = lock_method(world->state, vm);

	if (world->state->vm_busy[vm])
		refuse(world, activity, vm, METHOD_LIVE, "it has a task in progress");
	else if (method == METHOD_NONE)
		refuse(world, activity, vm, (uint8_t)move_method(world->state, vm),
		       "it cannot be moved in its present state");
	else if (world->cluster->vms[vm].vote_reject && world->state->vm_state[vm] == VM_ACTIVE)
		refuse(world, activity, vm, (uint8_t)method, "the guest voted to reject");
	else if (method == METHOD_COLD || queue_may_start(world, activity, vm))
		move_now(world, activity, vm, method);
}

/* The VMs that came since the list was made are moved as well; those on their way here are awaited. */
static bool is_awaiting(const struct world *world, const struct activity *activity)
{
	const struct state *state = world->state;
	uint32_t host = activity->action->host, here = 0;

	for (uint32_t vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm))
		here++;
	return state->uses[host].vms > here;
}

static void go_on(struct world *world, struct activity *activity)
{
	activity->stage = LOCK_MOVING;
	for (;;) {
		while (activity->next < activity->vm_count) {
			uint32_t vm = activity->vms[activity->next++];

			if (is_concerned(world, activity, vm)) {
				attempt(world, activity, vm);
				return;
			}
		}
		collect(world, activity);
		if (activity->vm_count == 0)
			break;
	}
	if (is_awaiting(world, activity))
		activity->stage = LOCK_AWAITING;
	else
		finish(world, activity);
}

void lock_turn(struct world *world, struct activity *activity)
{
	if (activity->end_ns >= 0)
		return;
	if (is_concerned(world, activity, activity->vm) && !world->state->vm_busy[activity->vm])
		move_now(world, activity, activity->vm, METHOD_LIVE);
	else
		go_on(world, activity);
}

void lock_moved(struct world *world, struct activity *activity, const struct move_end *end)
{
	activity->move = NONE;
	if (end->outcome == OUTCOME_COMPLETED)
		go_on(world, activity);
	else
		fail(world, activity, end->vm);
}

void lock_wake(struct world *world, uint32_t host)
{
	uint32_t index = world->host_lock[host];

	if (index != NONE && world->activities[index].stage == LOCK_AWAITING)
		go_on(world, &world->activities[index]);
}

/* The first VM because of which the lock is refused, in the order in which the platform asks. NULL: none. */
static const char *rejection(struct world *world, const struct activity *activity)
{
	struct reason reason;

	for (uint32_t i = 0; i < activity->vm_count; i++) {
		if (rules_lock_rejected(world->state, activity->vms[i], &reason))
			return world_text(world, "%s", reason.why);
	}
	return NULL;
}

void lock_start(struct world *world, struct activity *activity)
{
	uint32_t host = activity->action->host;
	const char *name = world_host_name(world, host), *message = NULL;

	if (world->state->hosts[host].absent)
		message = world_text(world, "Host %s could not be found.", name);
	else if (world->state->hosts[host].administrative == ADMIN_LOCKED)
		message = world_text(world, "Avoiding lock action on already 'locked' host %s", name);
	else if (world->host_lock[host] != NONE)
		message = world_text(world, "Avoiding lock action on host %s, which is being locked", name);
	if (message) {
		action_reject(world, activity, NONE, NONE, METHOD_NONE, message);
		return;
	}
	world->host_lock[host] = activity_index(world, activity);
	activity->host_operational = world->state->hosts[host].operational;
	set_operational(world, host, OPER_DISABLED);
	trace_line(world, name, "disabled", "takes no new guests");
	collect(world, activity);
	if (hosts_present(world, 2) < 2) {
		stop_all(world, activity);
		return;
	}
	message = rejection(world, activity);
	if (message) {
		enable_again(world, activity);
		action_reject(world, activity, NONE, NONE, METHOD_NONE, message);
		return;
	}
	go_on(world, activity);
}

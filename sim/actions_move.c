/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/actions.h"

#include "core/schedule.h"

#include <string.h>

/* A guest that is asked before it is moved may say no (docs/rules.md, "a migration fails"). */
static const char *vote_message(struct world *world, uint32_t vm)
{
	const struct state *state = world->state;

	if (!world->cluster->vms[vm].vote_reject || state->vm_state[vm] != VM_ACTIVE)
		return NULL;
	return world_text(world, "Instance %s voted to reject the migration.", world_vm_name(world, vm));
}

/* The state's own words for what does not exist, as the API would answer. NULL: it is there. */
static const char *missing_message(struct world *world, uint32_t vm)
{
	if (world_vm_exists(world, vm))
		return NULL;
	return world_text(world, "Instance %s could not be found.", world_vm_name(world, vm));
}

static struct request live_request(const struct world *world, const struct action *action)
{
	struct request request = request_for(world->state, MOVE_LIVE, action->vm);

	request.block = action->block;
	request.forced = action->force && action->to != NONE && world->state->profile == PROFILE_NOVA;
	return request;
}

/* `block` against the storage is refused whatever the target. NULL: it is not. */
static const char *block_message(struct world *world, const struct request *request)
{
	struct reason reason = { NULL, "" };
	size_t count;
	const struct host_rule *rules = rules_host(&count);

	for (size_t i = 0; i < count && request->block != BLOCK_AUTO; i++) {
		if (rules[i].allows == NULL || strcmp(rules[i].id, "block-migration") != 0)
			continue;
		if (!rules[i].allows(request, request->source, &reason))
			return world_text(world, "%s", reason.why);
	}
	return NULL;
}

/* What a live migration is refused for before any host is looked at. */
static const char *live_refusal(struct world *world, const struct action *action)
{
	const char *message = missing_message(world, action->vm);
	struct request request;
	struct reason reason;

	if (message)
		return message;
	if (rules_live_forbidden(world->state, action->vm, &reason))
		return world_text(world, "%s", reason.why);
	request = live_request(world, action);
	message = block_message(world, &request);
	return message ? message : vote_message(world, action->vm);
}

/* The target named or chosen, NONE: *ret_message says why not. */
static uint32_t find_target(struct world *world, const struct request *request, uint32_t named,
                            const char **ret_message)
{
	uint32_t to = named;

	if (named == NONE)
		to = choose_host(world, request);
	else if (!schedule_allows_named(request, named))
		to = NONE;
	if (to != NONE)
		return to;
	if (named != NONE && named == request->source)
		*ret_message = world_text(world, "Unable to migrate instance %s to current host %s.",
		                          world_vm_name(world, request->vm), world_host_name(world, named));
	else
		*ret_message = no_host_message(world, request, named);
	return NONE;
}

/* ------------------------------------------------------------------ live */

static void live_begin(struct world *world, struct activity *activity)
{
	const struct action *action = activity->action;
	struct request request = live_request(world, action);
	const char *message;
	uint32_t to = find_target(world, &request, action->to, &message);

	if (to == NONE)
		action_reject(world, activity, action->vm, action->to, METHOD_LIVE, message);
	else
		activity->move = move_start(world, activity, MOVE_LIVE, action->vm, to, NONE);
}

void live_start(struct world *world, struct activity *activity)
{
	const struct action *action = activity->action;
	const char *message = live_refusal(world, action);

	if (message) {
		action_reject(world, activity, action->vm, action->to, METHOD_LIVE, message);
		return;
	}
	state_set_vm_busy(world->state, action->vm, true);
	if (!queue_may_start(world, activity, action->vm))
		return;
	state_set_vm_busy(world->state, action->vm, false);
	live_begin(world, activity);
}

/* It is scheduled when it starts. Meanwhile the VM or its host may have changed. */
void live_turn(struct world *world, struct activity *activity)
{
	const struct action *action = activity->action;
	const char *message;

	if (world->state->vm_target[action->vm] == NONE)
		state_set_vm_busy(world->state, action->vm, false);
	message = live_refusal(world, action);
	if (message)
		action_reject(world, activity, action->vm, action->to, METHOD_LIVE, message);
	else
		live_begin(world, activity);
}

void live_moved(struct world *world, struct activity *activity, const struct move_end *end)
{
	const char *message = "The instance is preparing the live migration to a suitable host.";

	if (end->outcome != OUTCOME_COMPLETED) {
		activity_end(world, activity, VERDICT_FAILED,
		             world_text(world, "Live migration of instance %s from %s to %s failed: %s",
		                        world_vm_name(world, end->vm), world_host_name(world, end->from),
		                        world_host_name(world, end->to), end->why));
		return;
	}
	if (activity->action->to != NONE)
		message = world_join(world, "The instance is preparing the live migration to host ",
		                     world_host_name(world, end->to), ".");
	activity_end(world, activity, VERDICT_DONE, message);
}

/* ------------------------------------------------------------------ cold, evacuation, resize */

/* 409: what the API says of a state that does not fit, or of a task in progress. NULL: it fits. */
static const char *state_refusal(struct world *world, uint32_t vm, const char *what, unsigned states)
{
	const struct state *state = world->state;
	const char *message = missing_message(world, vm), *task = world->cluster->vms[vm].task;

	if (message)
		return message;
	if (state->vm_host[vm] == NONE)
		return world_text(world, "Instance %s is on no host.", world_vm_name(world, vm));
	if (!(states >> state->vm_state[vm] & 1))
		return world_text(world, "Cannot '%s' instance %s while it is in vm_state %s", what,
		                  world_vm_name(world, vm), vm_state_words[state->vm_state[vm]]);
	if (state->vm_busy[vm])
		return world_text(world, "Cannot '%s' instance %s while it is in task_state %s", what,
		                  world_vm_name(world, vm), task ? task : "migrating");
	return NULL;
}

static const char *source_down(struct world *world, uint32_t vm)
{
	uint32_t host = world->state->vm_host[vm];

	if (state_host_up(world->state, host))
		return NULL;
	return world_text(world, "the source host %s is down (%s)", world_host_name(world, host),
	                  availability_words[world->state->hosts[host].availability]);
}

static void start_move(struct world *world, struct activity *activity, enum move_kind kind,
                       const char *refusal)
{
	const struct action *action = activity->action;
	struct request request;
	const char *message = refusal;
	uint32_t to = NONE;

	if (!message) {
		request = request_for(world->state, kind, action->vm);
		to = find_target(world, &request, action->to, &message);
	}
	if (to == NONE)
		action_reject(world, activity, action->vm, action->to, METHOD_COLD, message);
	else
		activity->move = move_start(world, activity, kind, action->vm, to, NONE);
}

/* os-migrate: active and stopped instances whose host answers. */
void cold_start(struct world *world, struct activity *activity)
{
	uint32_t vm = activity->action->vm;
	const char *message = state_refusal(world, vm, "migrate", 1u << VM_ACTIVE | 1u << VM_STOPPED);

	if (!message)
		message = source_down(world, vm);
	if (!message)
		message = vote_message(world, vm);
	start_move(world, activity, MOVE_COLD, message);
}

/* os-evacuate: only from a host whose services do not answer. */
void evacuate_start(struct world *world, struct activity *activity)
{
	uint32_t vm = activity->action->vm;
	const char *message = state_refusal(world, vm, "evacuate",
	                                    1u << VM_ACTIVE | 1u << VM_STOPPED | 1u << VM_ERROR |
	                                            1u << VM_PAUSED | 1u << VM_RESCUED |
	                                            1u << VM_VERIFY_RESIZE);

	if (!message && !source_down(world, vm))
		message = world_text(world, "Compute service of %s is still in use.",
		                     world_host_name(world, world->state->vm_host[vm]));
	start_move(world, activity, MOVE_EVACUATE, message);
}

void move_moved(struct world *world, struct activity *activity, const struct move_end *end)
{
	if (end->outcome == OUTCOME_COMPLETED)
		activity_end(world, activity, VERDICT_DONE, NULL);
	else
		activity_end(world, activity, VERDICT_FAILED,
		             world_text(world, "The move of instance %s from %s to %s failed: %s",
		                        world_vm_name(world, end->vm), world_host_name(world, end->from),
		                        world_host_name(world, end->to), end->why));
}

/* The VM may stay where it is, if its new size fits there and the scheduler likes it best. */
void resize_start(struct world *world, struct activity *activity)
{
	const struct action *action = activity->action;
	struct state *state = world->state;
	uint32_t vm = action->vm, to;
	const char *message = state_refusal(world, vm, "resize", 1u << VM_ACTIVE | 1u << VM_STOPPED);
	struct request request;

	if (!message)
		message = source_down(world, vm);
	if (!message && action->flavor == state->vm_flavor[vm])
		message = "When resizing, instances must change flavor!";
	if (message) {
		action_reject(world, activity, NONE, NONE, METHOD_COLD, message);
		return;
	}
	request = request_for(state, MOVE_RESIZE, vm);
	request.flavor = action->flavor;
	to = choose_host(world, &request);
	if (to == NONE) {
		action_reject(world, activity, NONE, NONE, METHOD_COLD,
		              "No valid host was found. There are not enough hosts available.");
		return;
	}
	if (to != state->vm_host[vm]) {
		activity->move = move_start(world, activity, MOVE_RESIZE, vm, to, action->flavor);
		return;
	}
	state_set_flavor(state, vm, action->flavor);
	state_set_vm_busy(state, vm, true);
	activity_wait(world, activity, state->vm_state[vm] == VM_STOPPED ? 0 : GUEST_STOP_S + GUEST_START_S);
}

void resize_due(struct world *world, struct activity *activity)
{
	state_set_vm_busy(world->state, activity->action->vm, false);
	activity_end(world, activity, VERDICT_DONE, NULL);
}

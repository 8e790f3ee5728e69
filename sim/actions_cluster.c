/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/actions.h"

#include "sim/alarms.h"
#include "sim/trace.h"

void add_host_start(struct world *world, struct activity *activity)
{
	uint32_t host = activity->action->host;
	struct host_status status = world->state->hosts[host];

	status.absent = false;
	state_set_host(world->state, host, status);
	activity_end(world, activity, VERDICT_DONE, NULL);
}

void link_start(struct world *world, struct activity *activity)
{
	links_set_nic(&world->links, activity->action->host, activity->action->nic_mbit_s);
	activity_end(world, activity, VERDICT_DONE, NULL);
}

/* What Nova, or the platform, says to a change of a group that it does not take. NULL: it takes it. */
static const char *group_refusal(struct world *world, const struct group *changed, uint32_t index)
{
	uint32_t placed = state_group_placed(world->state, index);

	if (changed->max_per_host != 1 && changed->policy != POLICY_ANTI_AFFINITY)
		return "Only anti-affinity policy supports rules.";
	if (changed->best_effort && changed->policy != POLICY_AFFINITY &&
	    changed->policy != POLICY_ANTI_AFFINITY)
		return world_text(world, "Policy %s has no best effort.", policy_words[changed->policy]);
	if (changed->size != UNLIMITED && changed->size < (int64_t)placed &&
	    changed->size != world->state->groups[index].size)
		return world_text(world, "Group size %lld is below the %u members that are present.",
		                  (long long)changed->size, placed);
	return NULL;
}

void set_group_start(struct world *world, struct activity *activity)
{
	const struct group_change *change = &activity->action->change;
	uint32_t index = activity->action->group;
	struct group changed = world->state->groups[index];
	const char *message;

	if (change->policy != POLICY_UNSAID) {
		/* Rules and best effort belong to the policy that they were given with. */
		if (change->policy != changed.policy) {
			changed.max_per_host = 1;
			changed.best_effort = changed.best_effort && (change->policy == POLICY_AFFINITY ||
			                                              change->policy == POLICY_ANTI_AFFINITY);
		}
		changed.policy = change->policy;
	}
	if (change->best_effort >= 0)
		changed.best_effort = change->best_effort > 0;
	if (change->max_per_host != NO_CHANGE)
		changed.max_per_host = change->max_per_host;
	if (change->size != NO_CHANGE)
		changed.size = change->size;
	message = group_refusal(world, &changed, index);
	if (message) {
		action_reject(world, activity, NONE, NONE, METHOD_NONE, message);
		return;
	}
	world->state->groups[index] = changed;
	alarms_check(world, index);
	activity_end(world, activity, VERDICT_DONE, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/actions.h"

#include "core/must.h"
#include "core/schedule.h"
#include "sim/trace.h"

#include <stdio.h>
#include <string.h>

static const struct conduct conducts[] = {
	[ACTION_LOCK] = { lock_start, lock_due, lock_turn, lock_moved },
	[ACTION_FORCE_LOCK] = { force_lock_start, NULL, NULL, recover_moved },
	[ACTION_UNLOCK] = { unlock_start, unlock_due, NULL, NULL },
	[ACTION_LIVE_MIGRATE] = { live_start, NULL, live_turn, live_moved },
	[ACTION_COLD_MIGRATE] = { cold_start, NULL, NULL, move_moved },
	[ACTION_EVACUATE] = { evacuate_start, NULL, NULL, move_moved },
	[ACTION_RESIZE] = { resize_start, resize_due, NULL, move_moved },
	[ACTION_BOOT] = { boot_start, boot_due, NULL, NULL },
	[ACTION_STOP] = { vm_change_start, vm_change_due, NULL, NULL },
	[ACTION_START] = { vm_change_start, vm_change_due, NULL, NULL },
	[ACTION_PAUSE] = { vm_change_start, vm_change_due, NULL, NULL },
	[ACTION_SUSPEND] = { vm_change_start, vm_change_due, NULL, NULL },
	[ACTION_RESUME] = { vm_change_start, vm_change_due, NULL, NULL },
	[ACTION_DELETE] = { delete_start, NULL, NULL, NULL },
	[ACTION_ADD_HOST] = { add_host_start, NULL, NULL, NULL },
	[ACTION_FAIL_HOST] = { fail_host_start, NULL, NULL, recover_moved },
	[ACTION_SET_GROUP] = { set_group_start, NULL, NULL, NULL },
	[ACTION_LINK] = { link_start, NULL, NULL, NULL },
};

_Static_assert(sizeof(conducts) / sizeof(conducts[0]) == ACTION_KINDS, "a row an action");

const struct conduct *conduct_of(const struct action *action)
{
	return &conducts[action->kind];
}

uint32_t hosts_present(const struct world *world, uint32_t most)
{
	uint32_t count = 0;

	for (uint32_t host = 0; host < world->cluster->host_count && count < most; host++)
		count += !world->state->hosts[host].absent;
	return count;
}

/*
 * The first host that passes, from the fewest moves under way up: what schedule_best takes where weights are
 * nothing else. *ret_known: false when the walk cannot tell.
 */
static uint32_t idlest_host(const struct world *world, const struct request *request, bool *ret_known)
{
	uint64_t cursor = 0, last = (uint64_t)LOADS_MOST * world->cluster->host_count;
	struct request pass = *request;

	*ret_known = true;
	pass.group_forgotten = true;
	for (;;) {
		uint32_t host = loads_next(&world->loads, &cursor);

		if (host == NONE)
			return NONE;
		if (cursor > last) {
			*ret_known = false; /* the last set is of several loads */
			return NONE;
		}
		if (rules_allow(&pass, host))
			return host;
	}
}

uint32_t choose_host(const struct world *world, const struct request *request)
{
	uint32_t group = world->cluster->vms[request->vm].group, host;
	bool known;

	if (world->choose)
		return world->choose(world->choose_context, request);
	if (request->state->profile == PROFILE_NOVA || group_has_first_pass(request->state, group))
		return schedule_best(request, NULL, 0);
	host = idlest_host(world, request, &known);
	return known ? host : schedule_best(request, NULL, 0);
}

void action_reject(struct world *world, struct activity *activity, uint32_t vm, uint32_t to, uint8_t method,
                   const char *message)
{
	if (vm != NONE)
		move_refused(world, activity, vm, to, method);
	activity_end(world, activity, VERDICT_REJECTED, message);
}

const char *no_host_message(struct world *world, const struct request *request, uint32_t named)
{
	struct request asked = *request;
	struct reason reasons[3];
	char text[900];
	size_t count, length;

	if (hosts_present(world, 2) < 2 && request->source != NONE)
		return "No other hosts available";
	if (named == NONE)
		return "No valid host was found. There are not enough hosts available.";
	asked.group_forgotten = true;
	count = rules_explain(&asked, named, reasons, sizeof(reasons) / sizeof(reasons[0]));
	length = (size_t)snprintf(text, sizeof(text), "No valid host was found. ");
	for (size_t i = 0; i < count; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", i ? "; " : "",
		                           reasons[i].why);
	return world_text(world, "%s", text);
}

void abort_moves_of_vm(struct world *world, uint32_t vm, const char *why)
{
	uint32_t cursor = 0;

	if (world->state->vm_target[vm] == NONE)
		return;
	for (struct move *move = move_next_at(world, NONE, &cursor); move;
	     move = move_next_at(world, NONE, &cursor)) {
		if (move->vm == vm) {
			move_abort(world, move, false, why);
			return;
		}
	}
}

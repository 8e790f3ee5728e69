/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/alarms.h"

#include "core/must.h"
#include "sim/trace.h"

#include <string.h>

/*
 * The alarms that the platform raises here. 200.001 is the guide's. The guide names no number for a violated
 * policy; 700.017 is that of its open-source descendant's list of alarms.
 */
enum alarm_kind { ALARM_LOCKED, ALARM_POLICY, ALARM_KINDS };

static const struct alarm_kind_row {
	const char *id, *severity;
} kinds[] = {
	[ALARM_LOCKED] = { "200.001", "warning" },
	[ALARM_POLICY] = { "700.017", "minor" },
};

_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == ALARM_KINDS, "a row an alarm");

static uint32_t raise_alarm(struct world *world, enum alarm_kind kind, const char *subject, uint32_t group,
                            const char *text)
{
	if (world->alarm_count == world->alarm_room) {
		world->alarm_room = world->alarm_room ? world->alarm_room * 2 : 16;
		world->alarms = memory_resize(world->alarms, world->alarm_room, sizeof(*world->alarms));
	}
	world->alarms[world->alarm_count] = (struct alarm){ .id = kinds[kind].id,
		                                            .severity = kinds[kind].severity,
		                                            .subject = subject,
		                                            .text = text,
		                                            .raised_ns = world->now_ns,
		                                            .cleared_ns = -1,
		                                            .group = group };
	trace_line(world, subject, "alarm", "%s %s: %s", kinds[kind].id, kinds[kind].severity, text);
	return world->alarm_count++;
}

static void clear_alarm(struct world *world, uint32_t index)
{
	struct alarm *alarm = &world->alarms[index];

	alarm->cleared_ns = world->now_ns;
	trace_line(world, alarm->subject, "cleared", "%s", alarm->id);
}

/* Whether a best-effort policy does not hold now; stopped members count. */
static bool is_violated(const struct state *state, uint32_t group)
{
	const struct group *of = &state->groups[group];
	uint32_t placed = state_group_placed(state, group), hosts = state_group_hosts(state, group);

	if (!of->best_effort)
		return false;
	return of->policy == POLICY_AFFINITY ? hosts > 1
	                                     : of->policy == POLICY_ANTI_AFFINITY && placed > hosts;
}

void alarms_check(struct world *world, uint32_t group)
{
	bool violated, standing;

	if (group == NONE || !world->want_alarms)
		return;
	violated = is_violated(world->state, group);
	standing = world->group_alarms[group] != NONE;
	if (violated && !standing) {
		const struct group *of = &world->state->groups[group];
		bool affinity = of->policy == POLICY_AFFINITY;

		const char *text = world_text(world,
		                              "Server group %s %s-best-effort policy was not satisfied, "
		                              "some instances are %s",
		                              of->name, policy_words[of->policy],
		                              affinity ? "not on the same host" : "on the same host");

		world->group_alarms[group] = raise_alarm(world, ALARM_POLICY, of->name, group, text);
	} else if (!violated && standing) {
		clear_alarm(world, world->group_alarms[group]);
		world->group_alarms[group] = NONE;
	}
}

void alarms_check_all(struct world *world)
{
	for (uint32_t group = 0; group < world->cluster->group_count; group++)
		alarms_check(world, group);
}

void alarm_host_locked(struct world *world, uint32_t host)
{
	const char *name = world_host_name(world, host);

	if (world->want_alarms)
		raise_alarm(
			world, ALARM_LOCKED, name, NONE,
			world_text(world, "%s was administratively locked to take it out-of-service.", name));
}

void alarm_host_unlocked(struct world *world, uint32_t host)
{
	const char *name = world_host_name(world, host);

	for (uint32_t i = 0; i < world->alarm_count; i++) {
		const struct alarm *alarm = &world->alarms[i];

		if (alarm->group == NONE && alarm->cleared_ns < 0 && alarm->subject == name)
			clear_alarm(world, i);
	}
}

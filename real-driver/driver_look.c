/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/driver_parts.h"

#include <stdio.h>
#include <string.h>

/*
 * libvirt 9.0: a receiving domain is paused for "migration" from its first moment to its last, a sending one
 * from the switch-over on; both are running before and after. A source that has gone over to post-copy is
 * paused for "post-copy", the target runs for that reason until all memory has come. When post-copy breaks
 * off, both say that it failed: the target may still run, until it needs a page that never came.
 */
static uint8_t paused_side(int reason, bool target, bool job)
{
	switch (reason) {
	case VIR_DOMAIN_PAUSED_MIGRATION:
		return target ? SIDE_INCOMING : SIDE_SENT;
	case VIR_DOMAIN_PAUSED_STARTING_UP:
		return target && job ? SIDE_INCOMING : SIDE_PAUSED;
	case VIR_DOMAIN_PAUSED_POSTCOPY:
		return SIDE_POSTCOPY;
	case VIR_DOMAIN_PAUSED_POSTCOPY_FAILED:
		return SIDE_BROKEN;
	default:
		return SIDE_PAUSED;
	}
}

uint8_t look_side(int state, int reason, bool target, bool job)
{
	switch (state) {
	case VIR_DOMAIN_RUNNING:
	case VIR_DOMAIN_BLOCKED:
		if (reason == VIR_DOMAIN_RUNNING_POSTCOPY)
			return SIDE_POSTCOPY;
		return reason == VIR_DOMAIN_RUNNING_POSTCOPY_FAILED ? SIDE_BROKEN : SIDE_RUNNING;
	case VIR_DOMAIN_PAUSED:
		return paused_side(reason, target, job);
	case VIR_DOMAIN_SHUTDOWN: /* it is ending, its vCPUs stand still, but it is there */
	case VIR_DOMAIN_PMSUSPENDED:
		return SIDE_PAUSED;
	default: /* shut off, crashed */
		return SIDE_OFF;
	}
}

/*
 * Whether a migration is under way there. Only the source has statistics; a target that is receiving refuses
 * to give any, while one that is idle says so.
 */
static bool has_job(struct driver *driver, virDomainPtr domain)
{
	enum job job = place_job(driver, domain, 0, NULL);
	char why[DRIVER_WHY_ROOM];

	if (job == JOB_UNSAID)
		return libvirt_error(driver->calls, why, sizeof(why)) == VIR_ERR_OPERATION_UNSUPPORTED;
	return job == JOB_MIGRATION;
}

static void look_run(struct ask *ask)
{
	struct driver *driver = ask->driver;
	struct place place;
	enum presence presence = place_open(driver, ask->host, ask->who, ask_reach_s(driver), &place,
	                                    ask->why);

	ask->side = presence == PRESENCE_SILENT ? SIDE_SILENT : SIDE_ABSENT;
	if (presence == PRESENCE_THERE) {
		int state = place.state, reason = place.reason;

		ask->job = place_active(&place) && has_job(driver, place.domain);
		ask->persistent = driver->calls->virDomainIsPersistent(place.domain) == 1;
		/* What it is has to be no older than whether it has a job. */
		if (ask->job || driver->calls->virDomainGetState(place.domain, &state, &reason, 0) < 0) {
			state = place.state;
			reason = place.reason;
		}
		ask->side = look_side(state, reason, ask->target, ask->job);
		/* libvirt keeps the job of a post-copy that broke off; nothing is under way. */
		ask->job = ask->job && ask->side != SIDE_BROKEN;
	}
	place_close(driver, &place);
}

struct looked {
	uint8_t side;
	bool job, persistent;
};

static struct looked look_at(struct task *task, uint32_t host, bool target, char *why)
{
	struct driver *driver = task->driver;
	struct looked looked = { .side = SIDE_SILENT };
	struct ask *ask = ask_start(
		driver,
		&(struct ask){ .host = host, .who = &task->tracked->who, .target = target, .run = look_run });

	if (!ask) {
		snprintf(why, DRIVER_WHY_ROOM, "this machine has no more threads");
		return looked;
	}
	if (ask_wait(ask, clock_ns() + (int64_t)(driver->options.look_s * 1e9))) {
		looked = (struct looked){ ask->side, ask->job, ask->persistent };
		if (looked.side == SIDE_SILENT)
			memcpy(why, ask->why, DRIVER_WHY_ROOM);
	} else {
		snprintf(why, DRIVER_WHY_ROOM, "%s: it has not answered for %.3g s", driver->host_names[host],
		         driver->options.look_s);
	}
	ask_drop(ask);
	return looked;
}

void task_look(struct task *task, struct answer *answer)
{
	char why[DRIVER_WHY_ROOM] = "";
	struct looked source = look_at(task, task->tracked->from, false, answer->why);
	struct looked target = look_at(task, task->tracked->to, true, why);

	if (!answer->why[0])
		memcpy(answer->why, why, sizeof(why));
	answer->event.seen = (struct seen){
		.source = source.side,
		.target = target.side,
		.source_job = source.job,
		.target_job = target.job,
		.source_persistent = source.persistent,
		.target_persistent = target.persistent,
	};
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/driver_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libvirt lets a guest run again within 30 ms; the guest stands still meanwhile. */
#define LET_RUN_S 0.5
#define LET_RUN_LOOK_S 0.005

/*
 * Mends and cold moves. Each looks once more at what it is about to change, and refuses what could cost a
 * guest: the core has decided by what it saw a moment ago. Each is done when it is done already.
 */

static bool reach(struct task *task, uint32_t host, struct place *ret_place, struct answer *answer)
{
	enum presence presence = place_open(task->driver, host, &task->tracked->who,
	                                    task->driver->options.reach_s, ret_place, answer->why);

	answer->event.ok = false;
	answer->event.lasting = presence == PRESENCE_ABSENT;
	return presence == PRESENCE_THERE;
}

static void done(struct answer *answer)
{
	answer->event.ok = true;
	answer->event.lasting = false;
	answer->why[0] = '\0';
}

static void finish(struct task *task, uint32_t host, int result, struct answer *answer)
{
	if (result < 0)
		answer_error(task->driver, host, answer);
	else
		done(answer);
}

static bool is_running(const struct place *place)
{
	return place->state == VIR_DOMAIN_RUNNING || place->state == VIR_DOMAIN_BLOCKED;
}

static bool is_off(const struct place *place)
{
	return !place_active(place);
}

/* Waits until it is so, with a look every look_s; false: not in time. */
static bool wait_until(struct task *task, const struct place *place, bool (*is_so)(const struct place *),
                       double timeout_s, double look_s)
{
	struct driver *driver = task->driver;
	int64_t deadline_ns = clock_ns() + (int64_t)(timeout_s * 1e9);

	while (clock_ns() < deadline_ns) {
		struct place now = *place;

		if (driver->calls->virDomainGetState(now.domain, &now.state, &now.reason, 0) == 0 &&
		    is_so(&now))
			return true;
		if (!driver_nap(driver, look_s))
			return false;
	}
	return false;
}

/*
 * Whether no other host of the cluster has it in any way: others may have moved it on since both of its own
 * hosts were looked at. A host that cannot be asked may have it.
 */
static bool is_alone(struct task *task, uint32_t here, struct answer *answer)
{
	struct driver *driver = task->driver;
	char why[DRIVER_WHY_ROOM];

	for (uint32_t host = 0; host < driver->host_count; host++) {
		enum presence presence;
		struct place place;
		bool has;

		if (host == here)
			continue;
		presence = place_open(driver, host, &task->tracked->who, driver->options.reach_s, &place,
		                      why);
		has = presence == PRESENCE_THERE && place_active(&place);
		place_close(driver, &place);
		if (presence == PRESENCE_SILENT)
			answer_no(answer, false, "%s cannot be asked whether %s is active there",
			          driver->host_names[host], task->tracked->who.name);
		else if (has)
			answer_no(answer, true, "%s: %s is active there, it is not started on %s as well",
			          driver->host_names[host], task->tracked->who.name,
			          driver->host_names[here]);
		if (presence == PRESENCE_SILENT || has)
			return false;
	}
	return true;
}

/* Not once it has gone over to post-copy: its memory is elsewhere. */
void task_resume_source(struct task *task, struct answer *answer)
{
	uint32_t host = task->tracked->from;
	struct place place;

	if (!reach(task, host, &place, answer))
		goto out;
	if (is_running(&place) && place.reason != VIR_DOMAIN_RUNNING_POSTCOPY)
		done(answer);
	else if (place.state != VIR_DOMAIN_PAUSED || place.reason == VIR_DOMAIN_PAUSED_POSTCOPY ||
	         place.reason == VIR_DOMAIN_PAUSED_POSTCOPY_FAILED)
		answer_no(answer, true, "%s: %s is in no state to be resumed", task->driver->host_names[host],
		          task->tracked->who.name);
	else if (is_alone(task, host, answer))
		finish(task, host, task->driver->calls->virDomainResume(place.domain), answer);
out:
	place_close(task->driver, &place);
}

static void destroy(struct task *task, uint32_t host, bool never_ran, struct answer *answer)
{
	struct place place;
	bool there = reach(task, host, &place, answer);

	/* The host does not know it, or it is off. */
	if (there ? !place_active(&place) : answer->event.lasting) {
		done(answer);
	} else if (there && (is_running(&place) || (never_ran && look_side(place.state, place.reason, true,
	                                                                   true) != SIDE_INCOMING))) {
		answer_no(answer, true, "%s: %s %s, and is not ended", task->driver->host_names[host],
		          task->tracked->who.name, is_running(&place) ? "runs" : "has run");
	} else if (there) {
		finish(task, host, task->driver->calls->virDomainDestroyFlags(place.domain, 0), answer);
	}
	place_close(task->driver, &place);
}

void task_destroy_source(struct task *task, struct answer *answer)
{
	destroy(task, task->tracked->from, false, answer);
}

void task_destroy_target(struct task *task, struct answer *answer)
{
	destroy(task, task->tracked->to, true, answer);
}

/* The source's definition, which is what an operator wrote; where it is out of reach, what runs. */
static char *definition(struct task *task, const struct place *target)
{
	const unsigned flags = VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE;
	const struct libvirt_calls *calls = task->driver->calls;
	char why[DRIVER_WHY_ROOM], *text = NULL;
	struct place source;

	if (place_open(task->driver, task->tracked->from, &task->tracked->who, 0, &source, why) ==
	            PRESENCE_THERE &&
	    calls->virDomainIsPersistent(source.domain) == 1)
		text = calls->virDomainGetXMLDesc(source.domain, flags);
	place_close(task->driver, &source);
	return text ? text : calls->virDomainGetXMLDesc(target->domain, flags);
}

void task_persist_target(struct task *task, struct answer *answer)
{
	const struct libvirt_calls *calls = task->driver->calls;
	uint32_t host = task->tracked->to;
	struct place place;
	virDomainPtr defined;
	char *text;

	if (!reach(task, host, &place, answer))
		goto out;
	if (calls->virDomainIsPersistent(place.domain) == 1) {
		done(answer);
		goto out;
	}
	text = definition(task, &place);
	defined = text ? calls->virDomainDefineXMLFlags(place.connection, text, 0) : NULL;
	finish(task, host, defined ? 0 : -1, answer);
	if (defined)
		calls->virDomainFree(defined);
	free(text);
out:
	place_close(task->driver, &place);
}

/*
 * Takes away the definition alone: what belongs to the guest (NVRAM, the state of its TPM) stays, and a saved
 * state forbids it. libvirt before 8.9 knows nothing of TPMs here.
 */
static int undefine(const struct libvirt_calls *calls, virDomainPtr domain)
{
	int result = calls->virDomainUndefineFlags(domain, VIR_DOMAIN_UNDEFINE_KEEP_NVRAM |
	                                                           VIR_DOMAIN_UNDEFINE_KEEP_TPM);

	if (result < 0 && calls->virGetLastError() && calls->virGetLastError()->code == VIR_ERR_INVALID_ARG)
		result = calls->virDomainUndefineFlags(domain, VIR_DOMAIN_UNDEFINE_KEEP_NVRAM);
	return result;
}

void task_undefine_source(struct task *task, struct answer *answer)
{
	const struct libvirt_calls *calls = task->driver->calls;
	uint32_t host = task->tracked->from;
	struct place place;

	if (!reach(task, host, &place, answer)) {
		if (answer->event.lasting)
			done(answer);
	} else if (place_active(&place)) {
		answer_no(answer, true, "%s: %s is active there, its definition is left",
		          task->driver->host_names[host], task->tracked->who.name);
	} else if (calls->virDomainHasManagedSaveImage(place.domain, 0) == 1) {
		answer_no(answer, true, "%s: %s has a saved state there, its definition is left",
		          task->driver->host_names[host], task->tracked->who.name);
	} else {
		finish(task, host, undefine(calls, place.domain), answer);
	}
	place_close(task->driver, &place);
}

static void let_libvirt_notice(struct task *task, const struct place *place, struct answer *answer)
{
	struct driver *driver = task->driver;
	uint32_t host = task->tracked->from;

	if (driver->calls->virDomainSuspend(place->domain) < 0 ||
	    (!wait_until(task, place, is_running, LET_RUN_S, LET_RUN_LOOK_S) &&
	     driver->calls->virDomainResume(place->domain) < 0)) {
		answer_error(driver, host, answer);
		return;
	}
	done(answer);
	snprintf(
		answer->why, sizeof(answer->why),
		"%s: its libvirt had missed that %s is not sent any more, and was told by a short stop of it",
		driver->host_names[host], task->tracked->who.name);
}

static bool let_qemu_go_on(struct task *task, const struct place *place, struct answer *answer)
{
	struct driver *driver = task->driver;
	char *said = NULL;
	bool hung = driver->calls->virDomainQemuMonitorCommand(
			    place->domain,
			    "{\"execute\": \"migrate-continue\", \"arguments\": {\"state\": \"cancelling\"}}",
			    &said, 0) == 0 &&
	            said && strstr(said, "\"return\"");

	free(said);
	if (hung) {
		done(answer);
		snprintf(answer->why, sizeof(answer->why),
		         "%s: the QEMU of %s hung when it was told to give up, and was let go on",
		         driver->host_names[task->tracked->from], task->tracked->who.name);
	}
	return hung;
}

/* Of a migration that has not begun there is nothing in QEMU either, but its guest never stood. */
static bool libvirt_missed(const struct place *place, const struct progress *progress)
{
	return place->state == VIR_DOMAIN_RUNNING && place->reason == VIR_DOMAIN_RUNNING_UNPAUSED &&
	       !(progress->total_bytes > 0);
}

bool mend_cancel(struct task *task, const struct place *place, const struct progress *progress,
                 struct answer *answer)
{
	struct answer unsaid = *answer;
	bool missed = libvirt_missed(place, progress);

	if (!missed && look_side(place->state, place->reason, false, true) != SIDE_SENT)
		return false;
	if (!is_alone(task, task->tracked->from, &unsaid))
		return false;
	if (!missed)
		return let_qemu_go_on(task, place, answer);
	let_libvirt_notice(task, place, answer);
	return true;
}

/* ------------------------------------------------------------------ cold moves */

void task_stop(struct task *task, struct answer *answer)
{
	struct driver *driver = task->driver;
	uint32_t host = task->tracked->from;
	struct place place;

	if (!reach(task, host, &place, answer))
		goto out;
	if (!place_active(&place)) {
		done(answer);
	} else if (driver->calls->virDomainIsPersistent(place.domain) != 1) {
		answer_no(answer, true, "%s: %s has no definition that would outlive its shut-down",
		          driver->host_names[host], task->tracked->who.name);
	} else if (driver->calls->virDomainShutdownFlags(place.domain, 0) < 0) {
		answer_error(driver, host, answer);
	} else {
		done(answer);
		if (!wait_until(task, &place, is_off, driver->options.stop_s, driver->options.poll_s))
			answer_no(answer, false, "%s: %s has not shut down within %.3g s",
			          driver->host_names[host], task->tracked->who.name, driver->options.stop_s);
	}
out:
	place_close(driver, &place);
}

static void boot(struct task *task, uint32_t host, struct answer *answer)
{
	struct place place;

	if (reach(task, host, &place, answer)) {
		if (place_active(&place))
			done(answer);
		else if (is_alone(task, host, answer))
			finish(task, host, task->driver->calls->virDomainCreate(place.domain), answer);
	}
	place_close(task->driver, &place);
}

void task_boot_target(struct task *task, struct answer *answer)
{
	boot(task, task->tracked->to, answer);
}

void task_boot_source(struct task *task, struct answer *answer)
{
	boot(task, task->tracked->from, answer);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/driver_parts.h"

#include <stdio.h>
#include <string.h>

/*
 * What hosts tell by themselves. Runs in threads of the connections, and only takes notes: nothing here asks
 * a host. An event is of the move that its VM was last ordered about, once that move has begun.
 */

static void post(struct driver *driver, uint32_t move, uint8_t kind, const char *why)
{
	struct answer answer = { .event = { .kind = kind, .move = move } };

	pthread_mutex_lock(&driver->lock);
	answer.event.attempt = driver->moves[move].attempt;
	pthread_mutex_unlock(&driver->lock);
	if (why)
		snprintf(answer.why, sizeof(answer.why), "%s", why);
	driver_post(driver, &answer);
}

/* The move that is under way with a VM of that identity on that host; NONE: none. */
static uint32_t find_move(struct driver *driver, uint32_t host, const unsigned char uuid[16],
                          const char *name, struct doing *ret_doing)
{
	uint32_t found = NONE;

	pthread_mutex_lock(&driver->lock);
	for (uint32_t i = 0; i < driver->plan_moves && found == NONE; i++) {
		const struct tracked *tracked = &driver->moves[i];

		if (tracked->doing.begun && driver->latest[tracked->vm] == i &&
		    (tracked->from == host || tracked->to == host) && who_is(&tracked->who, uuid, name)) {
			found = i;
			*ret_doing = tracked->doing;
		}
	}
	pthread_mutex_unlock(&driver->lock);
	return found;
}

static void switched(struct driver *driver, uint32_t move)
{
	bool already;

	pthread_mutex_lock(&driver->lock);
	already = driver->moves[move].doing.switched;
	driver->moves[move].doing.switched = true;
	pthread_mutex_unlock(&driver->lock);
	if (!already)
		post(driver, move, EVENT_SWITCHED, NULL);
}

/* What ended a guest, in words; NULL: that is how migrations end. */
static const char *stopped_words(int detail)
{
	switch (detail) {
	case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
		return "it has shut down";
	case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
		return "somebody has ended it";
	case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
		return "it has crashed";
	case VIR_DOMAIN_EVENT_STOPPED_SAVED:
		return "somebody has saved it";
	case VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT:
		return "somebody has reverted it to a snapshot";
	default: /* migrated, failed */
		return NULL;
	}
}

/* Whose doing it was: a guest that broke is another matter than one that somebody ended. */
static const char *shutdown_words(int detail)
{
	switch (detail) {
	case VIR_DOMAIN_EVENT_SHUTDOWN_GUEST:
		return "the guest itself shuts down";
	case VIR_DOMAIN_EVENT_SHUTDOWN_HOST:
		return "its QEMU was told to end";
	default: /* a libvirt that does not say */
		return "it is shutting down";
	}
}

static const char *suspended_words(int detail)
{
	switch (detail) {
	case VIR_DOMAIN_EVENT_SUSPENDED_PAUSED:
		return "somebody has paused it";
	case VIR_DOMAIN_EVENT_SUSPENDED_IOERROR:
		return "it stands still by an error of its disk";
	case VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG:
		return "its watchdog has stopped it";
	case VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT:
	case VIR_DOMAIN_EVENT_SUSPENDED_RESTORED:
		return "somebody has restored it";
	case VIR_DOMAIN_EVENT_SUSPENDED_API_ERROR:
		return "it stands still by an error of libvirt";
	case VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED:
		/* libvirt's call returns no sooner than the target notices, too, if ever. */
		return "its post-copy broke off";
	default: /* for a migration */
		return NULL;
	}
}

/* What somebody else did, or the guest by itself; NULL: neither. */
static const char *changed_words(const struct doing *doing, bool source, int event, int detail)
{
	bool ours = source ? doing->stopping || doing->ending_source : doing->ending_target;

	/* A receiver that ends before it ran is libvirt's own doing: the migration's call says why. */
	if (!source && !doing->arrived)
		return NULL;

	switch (event) {
	case VIR_DOMAIN_EVENT_STOPPED:
		return ours ? NULL : stopped_words(detail);
	case VIR_DOMAIN_EVENT_SHUTDOWN:
		return ours ? NULL : shutdown_words(detail);
	case VIR_DOMAIN_EVENT_CRASHED:
		return "it has crashed";
	case VIR_DOMAIN_EVENT_PMSUSPENDED:
		return "it has put itself to sleep";
	case VIR_DOMAIN_EVENT_SUSPENDED:
		return suspended_words(detail);
	default:
		return NULL;
	}
}

void events_lifecycle(void *context, uint32_t host, const unsigned char uuid[16], const char *name, int event,
                      int detail)
{
	struct driver *driver = context;
	struct doing doing;
	uint32_t move = find_move(driver, host, uuid, name, &doing);
	const char *words;
	char why[DRIVER_WHY_ROOM];
	bool source;

	if (move == NONE)
		return;
	source = driver->moves[move].from == host;
	if (source && event == VIR_DOMAIN_EVENT_SUSPENDED && detail == VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED)
		post(driver, move, EVENT_STOPPED, NULL);
	else if ((event == VIR_DOMAIN_EVENT_SUSPENDED && detail == VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY) ||
	         (event == VIR_DOMAIN_EVENT_RESUMED && detail == VIR_DOMAIN_EVENT_RESUMED_POSTCOPY))
		switched(driver, move);
	if (!source && (event == VIR_DOMAIN_EVENT_RESUMED ||
	                (event == VIR_DOMAIN_EVENT_STARTED && detail == VIR_DOMAIN_EVENT_STARTED_BOOTED))) {
		pthread_mutex_lock(&driver->lock);
		driver->moves[move].doing.arrived = true;
		pthread_mutex_unlock(&driver->lock);
	}
	words = changed_words(&doing, source, event, detail);
	if (!words)
		return;
	snprintf(why, sizeof(why), "%s: %s: %s", driver->host_names[host], driver->moves[move].who.name,
	         words);
	post(driver, move, EVENT_CHANGED, why);
}

void events_iteration(void *context, uint32_t host, const unsigned char uuid[16], const char *name,
                      int iteration)
{
	struct driver *driver = context;
	struct doing doing;
	uint32_t move = find_move(driver, host, uuid, name, &doing);

	(void)iteration;
	if (move == NONE)
		return;
	pthread_mutex_lock(&driver->lock);
	driver->moves[move].doing.news = true;
	pthread_cond_broadcast(&driver->changed);
	pthread_mutex_unlock(&driver->lock);
}

/* To all moves that the host has a part in. */
static void tell(struct driver *driver, uint32_t host, uint8_t kind, const char *why)
{
	for (uint32_t i = 0; i < driver->plan_moves; i++) {
		bool concerned;

		pthread_mutex_lock(&driver->lock);
		concerned = driver->moves[i].doing.begun && driver->latest[driver->moves[i].vm] == i &&
		            (driver->moves[i].from == host || driver->moves[i].to == host);
		pthread_mutex_unlock(&driver->lock);
		if (concerned)
			post(driver, i, kind, why);
	}
}

void events_lost(void *context, uint32_t host, const char *why)
{
	tell(context, host, EVENT_LOST, why);
}

void events_back(void *context, uint32_t host)
{
	tell(context, host, EVENT_BACK, NULL);
}

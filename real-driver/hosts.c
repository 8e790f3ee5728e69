/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/hosts.h"

#include "core/arena.h"
#include "core/must.h"
#include "real-driver/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* A host that is dead is known to be after 5 · (5 + 1) s. */
	KEEPALIVE_S = 5,
	KEEPALIVE_COUNT = 5,
	/* The loop looks at whether it shall end this often, should its wake-up be missed. */
	LOOP_MS = 500,
	WHY_ROOM = 400,
};

static const double alive_every_s = 5, backoff_first_s = 1, backoff_most_s = 30, stop_grace_s = 3;

struct slot {
	struct hosts *hosts;
	uint32_t index;
	const char *uri;          /* NULL: none */
	virConnectPtr connection; /* that others may use; NULL: none */
	virConnectPtr current;    /* that is open, or being set up */
	int lifecycle, iteration; /* handles of the events; -1: none */
	bool tried, broken;
	char why[WHY_ROOM];
};

/* Threads and libvirt's callbacks each hold a reference: the last one frees. */
struct hosts {
	const struct libvirt_calls *calls;
	struct host_listener listener;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct arena arena;
	struct slot *slots;
	uint32_t count, references, threads;
	int timer;
	bool closing, loop_ends, loop_runs;
};

static void lock(struct hosts *hosts)
{
	pthread_mutex_lock(&hosts->lock);
}

static void unlock(struct hosts *hosts)
{
	pthread_mutex_unlock(&hosts->lock);
}

static void hold(struct hosts *hosts)
{
	lock(hosts);
	hosts->references++;
	unlock(hosts);
}

/* Gives back a reference that cannot be the last. */
static void unhold(struct hosts *hosts)
{
	lock(hosts);
	must(hosts->references > 1);
	hosts->references--;
	unlock(hosts);
}

void hosts_free(struct hosts *hosts)
{
	uint32_t left;

	lock(hosts);
	must(hosts->references > 0);
	left = --hosts->references;
	unlock(hosts);
	if (left)
		return;
	pthread_mutex_destroy(&hosts->lock);
	pthread_cond_destroy(&hosts->changed);
	arena_free(&hosts->arena);
	free(hosts);
}

/* ------------------------------------------------------------------ what libvirt calls back */

static void forget(void *opaque)
{
	hosts_free(((struct slot *)opaque)->hosts);
}

static void closed(virConnectPtr connection, int reason, void *opaque)
{
	static const char *const words[] = { "the connection broke", "the host closed the connection",
		                             "the host no longer answers", "the connection was closed" };
	struct slot *slot = opaque;

	lock(slot->hosts);
	/* It may be told late, when there is another one already. */
	if (slot->current == connection) {
		slot->broken = true;
		snprintf(slot->why, sizeof(slot->why), "%s: %s", slot->uri,
		         words[reason >= 0 && reason < 4 ? reason : 0]);
	}
	pthread_cond_broadcast(&slot->hosts->changed);
	unlock(slot->hosts);
}

static bool identify(const struct libvirt_calls *calls, virDomainPtr domain, unsigned char uuid[16],
                     const char **ret_name)
{
	*ret_name = calls->virDomainGetName(domain);
	return *ret_name && calls->virDomainGetUUID(domain, uuid) == 0;
}

static int lifecycle_event(virConnectPtr connection, virDomainPtr domain, int event, int detail, void *opaque)
{
	struct slot *slot = opaque;
	struct hosts *hosts = slot->hosts;
	unsigned char uuid[16];
	const char *name;

	(void)connection;
	if (!identify(hosts->calls, domain, uuid, &name))
		return 0;
	lock(hosts);
	if (!hosts->closing && hosts->listener.lifecycle)
		hosts->listener.lifecycle(hosts->listener.context, slot->index, uuid, name, event, detail);
	unlock(hosts);
	return 0;
}

static void iteration_event(virConnectPtr connection, virDomainPtr domain, int iteration, void *opaque)
{
	struct slot *slot = opaque;
	struct hosts *hosts = slot->hosts;
	unsigned char uuid[16];
	const char *name;

	(void)connection;
	if (!identify(hosts->calls, domain, uuid, &name))
		return;
	lock(hosts);
	if (!hosts->closing && hosts->listener.iteration)
		hosts->listener.iteration(hosts->listener.context, slot->index, uuid, name, iteration);
	unlock(hosts);
}

/* ------------------------------------------------------------------ one host */

static int listen_for(struct slot *slot, virConnectPtr connection, int event,
                      virConnectDomainEventGenericCallback callback)
{
	const struct libvirt_calls *calls = slot->hosts->calls;
	int handle;

	hold(slot->hosts);
	handle = calls->virConnectDomainEventRegisterAny(connection, NULL, event, callback, slot, forget);
	if (handle < 0)
		unhold(slot->hosts);
	return handle;
}

static virConnectPtr slot_open(struct slot *slot, char *ret_why, size_t room)
{
	const struct libvirt_calls *calls = slot->hosts->calls;
	virConnectPtr connection = calls->virConnectOpen(slot->uri);
	char text[300];

	if (!connection) {
		libvirt_error(calls, text, sizeof(text));
		snprintf(ret_why, room, "%s: %s", slot->uri, text);
		return NULL;
	}
	lock(slot->hosts);
	slot->current = connection;
	unlock(slot->hosts);
	/* Drivers within this process know none of these; they cannot be lost either. */
	calls->virConnectSetKeepAlive(connection, KEEPALIVE_S, KEEPALIVE_COUNT);
	hold(slot->hosts);
	if (calls->virConnectRegisterCloseCallback(connection, closed, slot, forget) < 0)
		unhold(slot->hosts);
	slot->lifecycle = slot->iteration = -1;
	if (slot->hosts->listener.lifecycle)
		slot->lifecycle = listen_for(slot, connection, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
		                             VIR_DOMAIN_EVENT_CALLBACK(lifecycle_event));
	if (slot->hosts->listener.iteration)
		slot->iteration = listen_for(slot, connection, VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION,
		                             VIR_DOMAIN_EVENT_CALLBACK(iteration_event));
	return connection;
}

static void slot_close(struct slot *slot, virConnectPtr connection)
{
	const struct libvirt_calls *calls = slot->hosts->calls;

	if (slot->lifecycle >= 0)
		calls->virConnectDomainEventDeregisterAny(connection, slot->lifecycle);
	if (slot->iteration >= 0)
		calls->virConnectDomainEventDeregisterAny(connection, slot->iteration);
	calls->virConnectUnregisterCloseCallback(connection, closed);
	calls->virConnectClose(connection);
}

/* With the lock held; gives it away meanwhile. Returns false when it is time to stop. */
static bool doze(struct hosts *hosts, double seconds, const bool *until)
{
	struct timespec deadline = clock_deadline(seconds);

	while (!hosts->closing && !(until && *until)) {
		if (pthread_cond_timedwait(&hosts->changed, &hosts->lock, &deadline))
			break;
	}
	return !hosts->closing;
}

/* Connected, with the lock held, until it breaks. */
static void slot_stay(struct slot *slot, virConnectPtr connection)
{
	struct hosts *hosts = slot->hosts;

	while (doze(hosts, alive_every_s, &slot->broken) && !slot->broken) {
		bool alive;

		unlock(hosts);
		alive = hosts->calls->virConnectIsAlive(connection) == 1;
		lock(hosts);
		if (!alive && !slot->broken) {
			slot->broken = true;
			snprintf(slot->why, sizeof(slot->why), "%s: the connection broke", slot->uri);
		}
	}
}

static void *slot_run(void *argument)
{
	struct slot *slot = argument;
	struct hosts *hosts = slot->hosts;
	double backoff_s = backoff_first_s;
	bool lost = false;

	lock(hosts);
	while (!hosts->closing) {
		virConnectPtr connection;
		char why[WHY_ROOM];

		slot->broken = false;
		unlock(hosts);
		connection = slot_open(slot, why, sizeof(why));
		lock(hosts);
		slot->tried = true;
		slot->connection = hosts->closing ? NULL : connection;
		if (!connection)
			memcpy(slot->why, why, sizeof(why));
		pthread_cond_broadcast(&hosts->changed);
		if (!connection) {
			doze(hosts, backoff_s, NULL);
			backoff_s = backoff_s * 2 < backoff_most_s ? backoff_s * 2 : backoff_most_s;
			continue;
		}
		backoff_s = backoff_first_s;
		if (lost && !hosts->closing && hosts->listener.back)
			hosts->listener.back(hosts->listener.context, slot->index);
		slot_stay(slot, connection);
		slot->connection = slot->current = NULL;
		lost = true;
		if (!hosts->closing && hosts->listener.lost)
			hosts->listener.lost(hosts->listener.context, slot->index, slot->why);
		unlock(hosts);
		slot_close(slot, connection);
		lock(hosts);
	}
	hosts->threads--;
	pthread_cond_broadcast(&hosts->changed);
	unlock(hosts);
	hosts_free(hosts);
	return NULL;
}

/* ------------------------------------------------------------------ the event loop */

static void wake(int timer, void *opaque)
{
	(void)timer;
	(void)opaque;
}

static void *loop_run(void *argument)
{
	struct hosts *hosts = argument;

	lock(hosts);
	while (!hosts->loop_ends) {
		unlock(hosts);
		hosts->calls->virEventRunDefaultImpl();
		lock(hosts);
	}
	hosts->loop_runs = false;
	pthread_cond_broadcast(&hosts->changed);
	unlock(hosts);
	hosts_free(hosts);
	return NULL;
}

static void say_nothing(void *opaque, virErrorPtr error)
{
	(void)opaque;
	(void)error;
}

/* A thread that nobody joins: it holds a reference. */
static bool start_thread(struct hosts *hosts, void *(*run)(void *), void *argument)
{
	pthread_t thread;

	hold(hosts);
	if (pthread_create(&thread, NULL, run, argument)) {
		unhold(hosts);
		return false;
	}
	pthread_detach(thread);
	return true;
}

/* ------------------------------------------------------------------ for others */

struct hosts *hosts_open(const struct libvirt_calls *calls, const char *const *uris, uint32_t count,
                         const struct host_listener *listener)
{
	struct hosts *hosts = MEMORY_ARRAY(struct hosts, 1);

	hosts->calls = calls;
	hosts->references = 1;
	hosts->count = count;
	if (listener)
		hosts->listener = *listener;
	pthread_mutex_init(&hosts->lock, NULL);
	clock_condition(&hosts->changed);
	hosts->slots = ARENA_ARRAY(&hosts->arena, struct slot, count ? count : 1);
	/* Before there are threads: each keeps its errors apart by what this sets up. */
	calls->virInitialize();
	calls->virSetErrorFunc(NULL, say_nothing);
	calls->virEventRegisterDefaultImpl();
	hosts->timer = calls->virEventAddTimeout(LOOP_MS, wake, NULL, NULL);
	hosts->loop_runs = true;
	if (!start_thread(hosts, loop_run, hosts))
		hosts->loop_runs = false;
	for (uint32_t i = 0; i < count; i++) {
		struct slot *slot = &hosts->slots[i];

		slot->hosts = hosts;
		slot->index = i;
		slot->uri = uris[i] ? arena_text(&hosts->arena, uris[i], strlen(uris[i])) : NULL;
		snprintf(slot->why, sizeof(slot->why), "%s",
		         uris[i] ? "" : "the cluster file gives it no uri");
		lock(hosts);
		hosts->threads++;
		unlock(hosts);
		if (uris[i] && start_thread(hosts, slot_run, slot))
			continue;
		lock(hosts);
		hosts->threads--;
		slot->tried = true;
		if (uris[i])
			snprintf(slot->why, sizeof(slot->why), "%s: no more threads", uris[i]);
		unlock(hosts);
	}
	return hosts;
}

void hosts_stop(struct hosts *hosts)
{
	struct timespec deadline = clock_deadline(stop_grace_s);

	lock(hosts);
	hosts->closing = true;
	pthread_cond_broadcast(&hosts->changed);
	while (hosts->threads && !pthread_cond_timedwait(&hosts->changed, &hosts->lock, &deadline))
		;
	hosts->loop_ends = true;
	unlock(hosts);
	hosts->calls->virEventUpdateTimeout(hosts->timer, 0);
	deadline = clock_deadline(stop_grace_s);
	lock(hosts);
	while (hosts->loop_runs && !pthread_cond_timedwait(&hosts->changed, &hosts->lock, &deadline))
		;
	unlock(hosts);
	hosts->calls->virEventRemoveTimeout(hosts->timer);
}

void hosts_settle(struct hosts *hosts, double timeout_s)
{
	struct timespec deadline = clock_deadline(timeout_s);
	bool settled = false;

	lock(hosts);
	while (!settled) {
		settled = true;
		for (uint32_t i = 0; i < hosts->count; i++)
			settled = settled && hosts->slots[i].tried;
		if (!settled && pthread_cond_timedwait(&hosts->changed, &hosts->lock, &deadline))
			break;
	}
	unlock(hosts);
}

virConnectPtr hosts_take(struct hosts *hosts, uint32_t host, double timeout_s, char *ret_why, size_t room)
{
	struct timespec deadline = clock_deadline(timeout_s);
	struct slot *slot = &hosts->slots[host];
	virConnectPtr connection;

	lock(hosts);
	while (!slot->connection && !hosts->closing && slot->uri && timeout_s > 0) {
		if (pthread_cond_timedwait(&hosts->changed, &hosts->lock, &deadline))
			break;
	}
	connection = hosts->closing || slot->broken ? NULL : slot->connection;
	if (connection)
		hosts->calls->virConnectRef(connection);
	else if (slot->why[0])
		snprintf(ret_why, room, "%s", slot->why);
	else
		snprintf(ret_why, room, "%s: it has not answered yet", slot->uri);
	unlock(hosts);
	return connection;
}

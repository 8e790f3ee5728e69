/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/doors.h"

#include "core/arena.h"
#include "system/monotonic.h"

#include <math.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

struct door {
	struct door *before, *next;
	int socket;
	double until_s;
};

struct doors {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool has_thread, over;
	struct door *first;
	uint32_t count;
	uint64_t cut_off;
};

/* Shut down, not closed: libmicrohttpd finds it so, and closes it. */
static void close_late(struct doors *doors)
{
	double at_s = monotonic_s();

	for (struct door *door = doors->first; door; door = door->next) {
		if (door->until_s > at_s)
			continue;
		shutdown(door->socket, SHUT_RDWR);
		door->until_s = INFINITY;
		doors->cut_off++;
	}
}

static void *watch(void *context)
{
	struct doors *doors = context;

	pthread_mutex_lock(&doors->lock);
	while (!doors->over) {
		monotonic_wait(&doors->wake, &doors->lock, 1);
		close_late(doors);
	}
	pthread_mutex_unlock(&doors->lock);
	return NULL;
}

struct doors *doors_create(void)
{
	struct doors *doors = MEMORY_ARRAY(struct doors, 1);

	pthread_mutex_init(&doors->lock, NULL);
	monotonic_condition(&doors->wake);
	doors->has_thread = pthread_create(&doors->thread, NULL, watch, doors) == 0;
	return doors;
}

void doors_free(struct doors *doors)
{
	pthread_mutex_lock(&doors->lock);
	doors->over = true;
	pthread_cond_signal(&doors->wake);
	pthread_mutex_unlock(&doors->lock);
	if (doors->has_thread)
		pthread_join(doors->thread, NULL);
	while (doors->first) {
		struct door *next = doors->first->next;

		free(doors->first);
		doors->first = next;
	}
	pthread_cond_destroy(&doors->wake);
	pthread_mutex_destroy(&doors->lock);
	free(doors);
}

void *doors_opened(struct doors *doors, struct MHD_Connection *connection, double head_s)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection,
	                                                               MHD_CONNECTION_INFO_CONNECTION_FD);
	struct door *door = MEMORY_ARRAY(struct door, 1);

	*door = (struct door){ .socket = info ? info->connect_fd : -1, .until_s = monotonic_s() + head_s };
	pthread_mutex_lock(&doors->lock);
	door->next = doors->first;
	if (door->next)
		door->next->before = door;
	doors->first = door;
	doors->count++;
	pthread_mutex_unlock(&doors->lock);
	return door;
}

void doors_closed(struct doors *doors, void *closed)
{
	struct door *door = closed;

	if (!door)
		return;
	pthread_mutex_lock(&doors->lock);
	if (door->before)
		door->before->next = door->next;
	else
		doors->first = door->next;
	if (door->next)
		door->next->before = door->before;
	doors->count--;
	pthread_mutex_unlock(&doors->lock);
	free(door);
}

static void set(struct doors *doors, struct MHD_Connection *connection, double until_s)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection,
	                                                               MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct door *door = info ? info->socket_context : NULL;

	if (!door)
		return;
	pthread_mutex_lock(&doors->lock);
	door->until_s = until_s;
	pthread_mutex_unlock(&doors->lock);
}

void doors_head(struct doors *doors, struct MHD_Connection *connection, double body_s)
{
	set(doors, connection, monotonic_s() + body_s);
}

void doors_answering(struct doors *doors, struct MHD_Connection *connection, bool stream, double answer_s)
{
	set(doors, connection, stream ? INFINITY : monotonic_s() + answer_s);
}

void doors_idle(struct doors *doors, struct MHD_Connection *connection, double idle_s)
{
	set(doors, connection, monotonic_s() + idle_s);
}

uint32_t doors_count(struct doors *doors)
{
	uint32_t count;

	pthread_mutex_lock(&doors->lock);
	count = doors->count;
	pthread_mutex_unlock(&doors->lock);
	return count;
}

uint64_t doors_cut_off(struct doors *doors)
{
	uint64_t count;

	pthread_mutex_lock(&doors->lock);
	count = doors->cut_off;
	pthread_mutex_unlock(&doors->lock);
	return count;
}

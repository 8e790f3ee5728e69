/* SPDX-License-Identifier: GPL-3.0-or-later */
/* events: what is due when, an indexed binary heap. */
#ifndef SIM_EVENTS_H
#define SIM_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

/* Later than any time that a scenario can reach: 200 years. */
#define TIME_NEVER INT64_C(6400000000000000000)

/* 24 bytes: nothing else is touched while the heap is put in order. */
struct due {
	int64_t time_ns;
	uint64_t order; /* at one time, the smaller goes first */
	uint32_t id;
};

/* Zero-initialised is empty and ready. Grows as ids do; nothing is allocated per event. */
struct events {
	struct due *heap;
	uint32_t *place; /* by id: where in the heap, UINT32_MAX: nowhere */
	uint32_t count, heap_room, place_room;
};

void events_free(struct events *events);

/* Forgets all events; keeps the memory. */
void events_clear(struct events *events);

/* The event of that id is due at time_ns from now on, whether it was due before or not. Ids are small
 * numbers. */
void events_set(struct events *events, uint32_t id, int64_t time_ns, uint64_t order);

/* The event of that id is no longer due; if it was not, nothing happens. */
void events_drop(struct events *events, uint32_t id);

/*
 * Where many events do not fit in the processor's caches, their owners' memory is sent for some events before
 * it is their turn. The ids of those that will most likely be due next, but for the first: the very next,
 * then EVENTS_NEAR - 1 that will be soon, then such as will follow them. Returns how many, 0 where there are
 * few.
 */
enum { EVENTS_NEAR = 4, EVENTS_SOON = 20, EVENTS_MANY = 2048 };
uint32_t events_soon(const struct events *events, uint32_t *ret_ids);

/* The id of the event that is due first; UINT32_MAX: there is none. It stays until it is dropped or set. */
static inline uint32_t events_first(const struct events *events, int64_t *ret_time_ns)
{
	if (events->count == 0)
		return UINT32_MAX;
	*ret_time_ns = events->heap[0].time_ns;
	return events->heap[0].id;
}

#endif

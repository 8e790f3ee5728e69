/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/events.h"

#include "core/arena.h"
#include "core/must.h"
#include "sim/fetch.h"

#include <stdlib.h>

/* So many are below each: a heap of fewer levels, whose neighbours share cache lines. */
enum { WIDTH = 4, FIRST_ROOM = 64, MANY = 8192 };

void events_free(struct events *events)
{
	free(events->heap);
	free(events->place);
	*events = (struct events){ 0 };
}

void events_clear(struct events *events)
{
	while (events->count > 0)
		events->place[events->heap[--events->count].id] = UINT32_MAX;
}

static bool goes_before(const struct due *a, const struct due *b)
{
	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns;
	return a->order < b->order;
}

static void put(struct events *events, uint32_t at, struct due event)
{
	events->heap[at] = event;
	events->place[event.id] = at;
}

static void sift_up(struct events *events, uint32_t at, struct due event)
{
	while (at > 0) {
		uint32_t above = (at - 1) / WIDTH;

		if (!goes_before(&event, &events->heap[above]))
			break;
		put(events, at, events->heap[above]);
		at = above;
	}
	put(events, at, event);
}

/* Of the events below a place, the one that goes first. A call for each level would cost a quarter. */
static inline __attribute__((always_inline)) uint32_t first_below(const struct events *events, uint32_t below)
{
	const struct due *heap = events->heap;
	uint32_t end = below + WIDTH < events->count ? below + WIDTH : events->count, first = below;

	for (uint32_t i = below + 1; i < end; i++) {
		if (goes_before(&heap[i], &heap[first]))
			first = i;
	}
	return first;
}

/*
 * Where hundreds of thousands of events do not fit in the processor's near caches, the level after the next
 * is sent for while the next is looked at.
 */
static void fetch_level(const struct events *events, uint32_t below)
{
	fetch(&events->heap[WIDTH * below + 1], WIDTH * WIDTH * sizeof(struct due));
}

static void sift_down(struct events *events, uint32_t at, struct due event)
{
	for (;;) {
		uint32_t below = WIDTH * at + 1;

		if (below >= events->count)
			break;
		if (events->count > MANY && WIDTH * below + 1 < events->count)
			fetch_level(events, below);
		below = first_below(events, below);
		if (!goes_before(&events->heap[below], &event))
			break;
		put(events, at, events->heap[below]);
		at = below;
	}
	put(events, at, event);
}

uint32_t events_soon(const struct events *events, uint32_t *ret_ids)
{
	uint32_t next;

	_Static_assert((int)EVENTS_NEAR == (int)WIDTH && (int)EVENTS_SOON == WIDTH + WIDTH * WIDTH,
	               "two levels");
	if (events->count < EVENTS_MANY)
		return 0;
	next = first_below(events, 1);
	for (uint32_t i = 0; i < EVENTS_SOON; i++)
		ret_ids[i] = events->heap[1 + i].id;
	ret_ids[next - 1] = ret_ids[0];
	ret_ids[0] = events->heap[next].id;
	return EVENTS_SOON;
}

static void grow_places(struct events *events, uint32_t id)
{
	uint32_t room = events->place_room ? events->place_room : FIRST_ROOM;

	while (room <= id)
		room *= 2;
	events->place = memory_resize(events->place, room, sizeof(*events->place));
	for (uint32_t i = events->place_room; i < room; i++)
		events->place[i] = UINT32_MAX;
	events->place_room = room;
}

static void grow_heap(struct events *events)
{
	events->heap_room = events->heap_room ? 2 * events->heap_room : FIRST_ROOM;
	events->heap = memory_resize(events->heap, events->heap_room, sizeof(*events->heap));
}

void events_set(struct events *events, uint32_t id, int64_t time_ns, uint64_t order)
{
	struct due event = { time_ns, order, id };
	uint32_t at;

	must(id < UINT32_MAX / 2);
	if (id >= events->place_room)
		grow_places(events, id);
	at = events->place[id];
	if (at == UINT32_MAX) {
		if (events->count == events->heap_room)
			grow_heap(events);
		sift_up(events, events->count++, event);
	} else if (goes_before(&event, &events->heap[at])) {
		sift_up(events, at, event);
	} else {
		sift_down(events, at, event);
	}
}

void events_drop(struct events *events, uint32_t id)
{
	uint32_t at = id < events->place_room ? events->place[id] : UINT32_MAX;
	struct due last;

	if (at == UINT32_MAX)
		return;
	events->place[id] = UINT32_MAX;
	last = events->heap[--events->count];
	if (at == events->count)
		return;
	if (goes_before(&last, &events->heap[at]))
		sift_up(events, at, last);
	else
		sift_down(events, at, last);
}

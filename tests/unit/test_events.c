/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/events.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

Test(events, come_in_order_of_time_then_of_order)
{
	struct events events = { 0 };
	int64_t time_ns;

	cr_assert_eq(events_first(&events, &time_ns), UINT32_MAX);
	events_set(&events, 3, 20, 1);
	events_set(&events, 1, 10, 5);
	events_set(&events, 2, 10, 4);
	cr_assert_eq(events_first(&events, &time_ns), 2);
	cr_assert_eq(time_ns, 10);
	events_drop(&events, 2);
	cr_assert_eq(events_first(&events, &time_ns), 1);
	events_set(&events, 1, 30, 6);
	cr_assert_eq(events_first(&events, &time_ns), 3);
	events_drop(&events, 7);
	events_drop(&events, 5000);
	events_clear(&events);
	cr_assert_eq(events_first(&events, &time_ns), UINT32_MAX);
	events_free(&events);
}

/* Whatever was set, set again and dropped before: the first is the least of those that are left. */
Test(events, the_first_is_the_least)
{
	enum { IDS = 300 };
	struct draw draw = { 5 };
	struct events events = { 0 };
	int64_t times[IDS] = { 0 };
	uint64_t orders[IDS] = { 0 };
	bool set[IDS] = { false };

	for (uint64_t step = 0; step < 20000; step++) {
		uint32_t id = draw_below(&draw, IDS), least = UINT32_MAX;
		int64_t time_ns = 0;

		if (draw_percent(&draw, 60)) {
			set[id] = true;
			times[id] = draw_below(&draw, 50);
			orders[id] = step;
			events_set(&events, id, times[id], orders[id]);
		} else {
			set[id] = false;
			events_drop(&events, id);
		}
		for (uint32_t i = 0; i < IDS; i++) {
			if (set[i] && (least == UINT32_MAX || times[i] < times[least] ||
			               (times[i] == times[least] && orders[i] < orders[least])))
				least = i;
		}
		cr_assert_eq(events_first(&events, &time_ns), least);
		cr_assert(least == UINT32_MAX || time_ns == times[least]);
	}
	events_free(&events);
}

/* What is soon is pending and named once; the next becomes the first when the first is gone. */
Test(events, the_next_is_known_beforehand)
{
	enum { IDS = 3 * EVENTS_MANY };
	struct draw draw = { 6 };
	struct events events = { 0 };
	uint32_t soon[EVENTS_SOON];
	int64_t time_ns;

	for (uint32_t id = 0; id < IDS; id++)
		events_set(&events, id, draw_below(&draw, 1000), id);
	while (events.count >= EVENTS_MANY) {
		cr_assert_eq(events_soon(&events, soon), EVENTS_SOON);
		for (uint32_t i = 0; i < EVENTS_SOON; i++) {
			cr_assert(events.place[soon[i]] > 0 && events.place[soon[i]] < IDS);
			for (uint32_t j = 0; j < i; j++)
				cr_assert_neq(soon[i], soon[j]);
		}
		events_drop(&events, events_first(&events, &time_ns));
		cr_assert_eq(events_first(&events, &time_ns), soon[0]);
	}
	cr_assert_eq(events_soon(&events, soon), 0);
	events_free(&events);
}

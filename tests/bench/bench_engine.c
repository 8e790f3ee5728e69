/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How fast the bare engine is, its heap of events: an M/M/1 queue, and the hold model (Vaucher and Duval,
 * CACM 1975; PHOLD of one process: Fujimoto 1990), in which so many events are pending and each that comes up
 * is put back later. One event is one that comes up and one that is set. Prints medians.
 */
#include "sim/events.h"
#include "sim/random.h"
#include "tests/support/row.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RUNS = 7, DRAWS = 1 << 16 };

/* The promise, for so many pending events. */
enum { PROMISED_PENDING = 1000 };
static const double PROMISED_PER_S = 10e6;

static const double SECOND_NS = 1e9;

/* Exponential times of mean 1 s, drawn before anything is measured. */
static int64_t delays_ns[DRAWS];

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void draw_delays(void)
{
	for (uint32_t i = 0; i < DRAWS; i++)
		delays_ns[i] = 1 + (int64_t)(-log1p(-random_unit(1, 0, i, PURPOSE_WINDOWS)) * SECOND_NS);
}

/* Seconds for so many events of the hold model. */
static double hold_s(uint32_t pending, uint32_t count)
{
	struct events events = { 0 };
	uint64_t order = 0;
	int64_t now_ns = 0;
	double begun_s;

	for (uint32_t id = 0; id < pending; id++)
		events_set(&events, id, delays_ns[order++ % DRAWS], id);
	begun_s = now_s();
	for (uint32_t i = 0; i < count; i++) {
		uint32_t id = events_first(&events, &now_ns);

		events_drop(&events, id);
		events_set(&events, id, now_ns + delays_ns[order % DRAWS], order);
		order++;
	}
	begun_s = now_s() - begun_s;
	events_free(&events);
	return begun_s;
}

/* Seconds for so many arrivals and departures of a queue at a load of 0.8. */
static double queue_s(uint32_t count)
{
	enum { ARRIVAL, DEPARTURE };
	struct events events = { 0 };
	uint64_t order = 0;
	uint32_t inside = 0;
	int64_t now_ns = 0;
	double begun_s = now_s();

	events_set(&events, ARRIVAL, 0, order++);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t id = events_first(&events, &now_ns);

		events_drop(&events, id);
		if (id == ARRIVAL)
			events_set(&events, ARRIVAL, now_ns + delays_ns[order % DRAWS] * 5 / 4, order);
		if (id == ARRIVAL ? inside++ == 0 : --inside > 0)
			events_set(&events, DEPARTURE, now_ns + delays_ns[(order + 1) % DRAWS], order + 1);
		order += 2;
	}
	begun_s = now_s() - begun_s;
	events_free(&events);
	return begun_s;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* pending 0: the queue. Returns the median of events a second. */
static double measure(uint32_t pending, uint32_t count)
{
	double seconds[RUNS];

	for (int i = 0; i < RUNS; i++)
		seconds[i] = pending ? hold_s(pending, count) : queue_s(count);
	qsort(seconds, RUNS, sizeof(seconds[0]), compare);
	return count / seconds[RUNS / 2];
}

int main(void)
{
	static const uint32_t pending[] = { 100, 1000, 10000, 100000 };
	double queue_per_s, promised_per_s = 0;

	draw_delays();
	queue_per_s = measure(0, 20000000);
	printf("%-24s %7.1f million events/s on one core\n", "M/M/1, load 0.8", queue_per_s / 1e6);
	for (size_t i = 0; i < sizeof(pending) / sizeof(pending[0]); i++) {
		double per_s = measure(pending[i], 4000000);
		char what[32];

		snprintf(what, sizeof(what), "hold, %u pending", pending[i]);
		printf("%-24s %7.1f million events/s on one core\n", what, per_s / 1e6);
		if (pending[i] == PROMISED_PENDING)
			promised_per_s = per_s;
	}
	return row_print(&(struct row){ .what = "the bare engine, 1,000 pending",
	                                .value = promised_per_s / 1e6,
	                                .unit = "million events/s",
	                                .target = PROMISED_PER_S / 1e6,
	                                .at_least = true,
	                                .beside = "M/M/1, at most two pending",
	                                .ratio = promised_per_s / queue_per_s })
	               ? 0
	               : 1;
}

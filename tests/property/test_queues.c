/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Queues whose waiting times are known (Kleinrock, Queueing Systems I, 3.2 and 5.6) on the simulator's own
 * heap of events and its own random numbers: what comes out must be what the theory says, within what so many
 * customers can tell, and must not be when the server is slower by 3 %.
 */
#include "models/interval.h"
#include "sim/events.h"
#include "sim/random.h"

#include <criterion/criterion.h>

#include <math.h>

/*
 * Each replication begins with an empty queue: what its first customers meet does not count. At a load of 0.9
 * what a queue was is forgotten after some 1 / (1 - sqrt(0.9))^2 = 380 customers.
 */
enum { REPLICATIONS = 40, WARM_UP = 4000, CUSTOMERS = 20000, SEED = 1 };

static const double CONFIDENCE = 0.99;
static const double LOADS[] = { 0.3, 0.5, 0.7, 0.8, 0.9 };
enum { LOAD_COUNT = sizeof(LOADS) / sizeof(LOADS[0]) };

/* What the numbers of a customer are drawn for: none of the simulator's. */
enum { DRAWN_ARRIVAL = 100000, DRAWN_SERVICE };

/* The ids of the two events that can be due; the service rate is one a second. */
enum { ARRIVAL, DEPARTURE };
static const double SECOND_NS = 1e9;

struct queue {
	double load, speed; /* 1: the server is as fast as the theory takes it to be */
	bool even;          /* all are served for as long: M/D/1, else M/M/1 */
	uint32_t replication;
	struct events events;
	uint64_t order;
	int64_t now_ns;
	uint32_t arrived, served;
	int64_t arrived_ns[WARM_UP + CUSTOMERS]; /* by customer */
	double waited_s;                         /* all of those that count */
};

/* Exponential of mean 1, by the inverse of its distribution: one number a customer and purpose. */
static double draw(const struct queue *queue, uint32_t customer, int purpose)
{
	return -log1p(-random_unit(SEED, queue->replication, customer, (enum purpose)purpose));
}

static void plan(struct queue *queue, uint32_t id, double seconds)
{
	events_set(&queue->events, id, queue->now_ns + (int64_t)(seconds * SECOND_NS + 0.5), queue->order++);
}

static void plan_arrival(struct queue *queue)
{
	if (queue->arrived < WARM_UP + CUSTOMERS)
		plan(queue, ARRIVAL, draw(queue, queue->arrived, DRAWN_ARRIVAL) / queue->load);
}

/* The first in the queue is served now. */
static void begin_service(struct queue *queue)
{
	uint32_t customer = queue->served;

	if (customer >= WARM_UP)
		queue->waited_s += (double)(queue->now_ns - queue->arrived_ns[customer]) / SECOND_NS;
	plan(queue, DEPARTURE, (queue->even ? 1 : draw(queue, customer, DRAWN_SERVICE)) / queue->speed);
}

static void step(struct queue *queue, uint32_t id)
{
	events_drop(&queue->events, id);
	if (id == ARRIVAL) {
		queue->arrived_ns[queue->arrived++] = queue->now_ns;
		if (queue->arrived == queue->served + 1)
			begin_service(queue);
		plan_arrival(queue);
		return;
	}
	if (++queue->served < queue->arrived)
		begin_service(queue);
}

/* The mean time that a customer waits until it is served, in seconds. */
static double queue_run(struct queue *queue, uint32_t replication)
{
	queue->replication = replication;
	queue->now_ns = 0;
	queue->order = 0;
	queue->arrived = queue->served = 0;
	queue->waited_s = 0;
	plan_arrival(queue);
	for (;;) {
		uint32_t id = events_first(&queue->events, &queue->now_ns);

		if (id == UINT32_MAX)
			break;
		step(queue, id);
	}
	return queue->waited_s / CUSTOMERS;
}

static struct interval queue_measure(double load, double speed, bool even)
{
	static struct queue queue;
	double means_s[REPLICATIONS];

	queue = (struct queue){ .load = load, .speed = speed, .even = even };
	for (uint32_t i = 0; i < REPLICATIONS; i++)
		means_s[i] = queue_run(&queue, i);
	events_free(&queue.events);
	return interval_mean(means_s, REPLICATIONS, CONFIDENCE);
}

/* With a service rate mu = 1 and arrivals at lambda = rho. */
static double mm1_s(double load)
{
	return load / (1 - load);
}

static double md1_s(double load)
{
	return load / (2 * (1 - load));
}

static void compare(double (*theory)(double load), bool even)
{
	for (int i = 0; i < LOAD_COUNT; i++) {
		double expected_s = theory(LOADS[i]);
		struct interval found = queue_measure(LOADS[i], 1, even);

		cr_expect(found.low <= expected_s && expected_s <= found.high,
		          "load %.1f: waited %.4f s (%.4f to %.4f), expected %.4f s", LOADS[i], found.value,
		          found.low, found.high, expected_s);
		found = queue_measure(LOADS[i], 0.97, even);
		cr_expect(found.low > expected_s,
		          "load %.1f: a server slower by 3 %% was not noticed: %.4f s "
		          "(%.4f to %.4f) instead of %.4f s",
		          LOADS[i], found.value, found.low, found.high, expected_s);
	}
}

Test(queues, mm1_waits_as_long_as_in_theory)
{
	compare(mm1_s, false);
}

Test(queues, md1_waits_as_long_as_in_theory)
{
	compare(md1_s, true);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/capacity_parts.h"

#include "planner/alike.h"
#include "planner/places.h"

#include <stdlib.h>
#include <string.h>

/* How many steps one set's verdict may take, as a part of what is left. */
enum { STEPS_SHARE = 64 };

/* VMs being dealt out: those of one kind host by host, then those of the next kind. */
struct dealing {
	struct seeking *seek;
	struct state state; /* with those that are dealt out */
	uint32_t units, host_count;
	uint32_t *twins; /* by host: the one before it that is alike; NONE: there is none */
	uint64_t *room;  /* by kind * (host_count + 1) + host: VMs that this host and those behind it take */
	uint32_t *dealt; /* by kind * host_count + host: how many */
	bool thorough;
	bool unknown; /* some placement was not decided */
};

static bool is_over(const struct dealing *deal)
{
	return deal->seek->capacity->ticks >= deal->seek->ticks_most;
}

/* All are dealt out: is that a placement that will do? */
static bool will_do(struct dealing *deal)
{
	struct seeking *seek = deal->seek;
	uint64_t left = (seek->ticks_most - seek->capacity->ticks) / TICKS_A_STEP;
	enum withstood answer;

	for (uint32_t vm = seek->whatif.vms_at_start; vm < seek->whatif.cluster.vm_count; vm++)
		seek->whatif.cluster.vms[vm].host = deal->state.vm_host[vm];
	answer = seek_verdict(seek, (struct effort){ left / STEPS_SHARE + 1, deal->thorough });
	deal->unknown |= answer == WITHSTOOD_UNKNOWN;
	return answer == WITHSTOOD;
}

/* How many of a kind a host may get: no more than its twin did, since the two could be swapped. */
static uint32_t most_on(const struct dealing *deal, uint32_t kind, uint32_t host, uint32_t left)
{
	uint32_t twin = deal->twins[host], most = left;

	/* With a kind before, the twins may no longer be alike. */
	if (kind == 0 && twin != NONE && deal->dealt[twin] < most)
		most = deal->dealt[twin];
	return most;
}

static bool deal_on(struct dealing *deal, uint32_t kind, uint32_t host, uint32_t left);

/* Goes on with the next kind, or looks at what has come out. */
static bool deal_kind(struct dealing *deal, uint32_t kind)
{
	const struct unit *unit = deal->seek->question->unit;

	if (kind == unit->kinds)
		return will_do(deal);
	return deal_on(deal, kind, 0, deal->units * unit->counts[kind]);
}

/* The VMs of the kind that are left on this host and those behind it: as many as it takes, then fewer. */
static bool deal_on(struct dealing *deal, uint32_t kind, uint32_t host, uint32_t left)
{
	struct state *state = &deal->state;
	const struct unit *unit = deal->seek->question->unit;
	uint32_t end = whatif_first(&deal->seek->whatif, deal->seek->question->unit, kind) +
	               deal->units * unit->counts[kind],
		 count = 0, most = host < deal->host_count ? most_on(deal, kind, host, left) : 0;
	uint32_t *marks;
	bool found = false;

	deal->seek->capacity->ticks++;
	if (left == 0)
		return deal_kind(deal, kind + 1);
	if (is_over(deal) || deal->room[kind * (deal->host_count + 1) + host] < left) {
		deal->unknown |= is_over(deal);
		return false;
	}
	marks = MEMORY_ARRAY(uint32_t, most);
	for (; count < most; count++) {
		deal->seek->capacity->ticks++;
		if (!places_takes(state, end - left + count, host))
			break;
		marks[count] = state_mark(state);
		state_place(state, end - left + count, host);
	}
	for (;; count--) {
		deal->dealt[kind * deal->host_count + host] = count;
		found = deal_on(deal, kind, host + 1, left - count);
		if (found || count == 0)
			break;
		state_rollback(state, marks[count - 1]);
		state_mark(state);
	}
	deal->dealt[kind * deal->host_count + host] = 0;
	free(marks);
	return found;
}

static void find_twins(struct dealing *deal)
{
	struct seeking *seek = deal->seek;
	const struct losses *losses = seek->question->losses;
	bool *counts = MEMORY_ARRAY(bool, deal->host_count);
	struct shapes shapes;

	for (uint32_t i = 0; i < losses->host_count; i++)
		counts[losses->hosts[i]] = true;
	shapes_create(&shapes, &deal->state);
	for (uint32_t host = 0; host < deal->host_count; host++) {
		deal->twins[host] = NONE;
		for (uint32_t other = host; other-- > 0 && deal->twins[host] == NONE;) {
			if (counts[host] == counts[other] && hosts_alike(&deal->state, &shapes, host, other))
				deal->twins[host] = other;
		}
	}
	shapes_free(&shapes);
	free(counts);
}

/* What hosts take of each kind at the most, added up from the last to the first. */
static void find_room(struct dealing *deal)
{
	const struct unit *unit = deal->seek->question->unit;

	for (uint32_t kind = 0; kind < unit->kinds; kind++) {
		uint64_t *room = &deal->room[kind * (deal->host_count + 1)];
		uint32_t vm = whatif_first(&deal->seek->whatif, deal->seek->question->unit, kind);
		bool bound = state_flavor(&deal->state, vm)->numa_count > 0;

		for (uint32_t host = deal->host_count; host-- > 0;) {
			/* Others that come first may leave NUMA-bound ones better nodes. */
			room[host] =
				room[host + 1] +
				(bound && kind > 0
			                 ? places_most(&deal->state, &deal->seek->amounts, vm, NULL, host)
			                 : places_now(&deal->state, &deal->seek->amounts, vm, host));
		}
	}
}

enum withstood seek_exactly(struct seeking *seek, uint32_t units, bool thorough)
{
	const struct unit *unit = seek->question->unit;
	struct dealing deal = { .seek = seek,
		                .units = units,
		                .thorough = thorough,
		                .host_count = seek->whatif.cluster.host_count };
	bool found;

	whatif_fill(&seek->whatif, unit, units, seek->question->group);
	state_create(&deal.state, &seek->whatif.cluster);
	deal.twins = MEMORY_ARRAY(uint32_t, deal.host_count);
	deal.room = MEMORY_ARRAY(uint64_t, unit->kinds * (deal.host_count + 1));
	deal.dealt = MEMORY_ARRAY(uint32_t, unit->kinds * deal.host_count);
	find_twins(&deal);
	find_room(&deal);
	state_mark(&deal.state);
	found = deal_kind(&deal, 0);
	free(deal.twins);
	free(deal.room);
	free(deal.dealt);
	state_free(&deal.state);
	return found ? WITHSTOOD : deal.unknown ? WITHSTOOD_UNKNOWN : NOT_WITHSTOOD;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/arrange.h"

#include "core/indexes.h"
#include "core/must.h"

#include <stdlib.h>
#include <string.h>

/* Needless waits are looked for in plans of so many moves at the most, each in so many steps. */
enum { PRUNE_MOST = 100, PRUNE_STEPS = 10000 };

/* A VM on a host for a while: from the start of one move to the end of another; NONE: before, for good. */
struct stay {
	uint32_t vm, arrive, depart;
};

/* The stays of one host. */
struct stays {
	struct stay *at;
	uint32_t count, room;
};

struct arrangement {
	const struct state *state;
	const struct amounts *amounts;
	const struct order *orders;
	uint32_t count, words;
	uint32_t *hosts, host_count; /* those that moves have to do with, in order */
	struct stays *stays;         /* of each of them */
	uint64_t *before;            /* words for each move: the moves that have ended when it starts */
	uint32_t **waits;            /* by move: what it waits for */
	uint32_t *wait_count;        /* of these */
	bool changed;
};

static bool precedes(const struct arrangement *of, uint32_t move, uint32_t other)
{
	return move != NONE && other != NONE &&
	       (of->before[(size_t)other * of->words + move / 64] >> move % 64 & 1);
}

/* `move` waits for `first`, which comes before it in the sequence. */
static void wait_for(struct arrangement *of, uint32_t move, uint32_t first)
{
	uint32_t count = of->wait_count[move];

	must(first < move);
	for (uint32_t i = 0; i < count; i++) {
		if (of->waits[move][i] == first)
			return;
	}
	if ((count & (count - 1)) == 0)
		of->waits[move] = memory_resize(of->waits[move], count ? (size_t)count * 2 : 1,
		                                sizeof(uint32_t));
	of->waits[move][of->wait_count[move]++] = first;
	of->changed = true;
}

/* What precedes each move, from what each waits for: the sequence is in order. */
static void close_order(struct arrangement *of)
{
	memset(of->before, 0, sizeof(uint64_t) * of->words * of->count);
	for (uint32_t move = 0; move < of->count; move++) {
		uint64_t *bits = &of->before[(size_t)move * of->words];

		for (uint32_t i = 0; i < of->wait_count[move]; i++) {
			uint32_t first = of->waits[move][i];
			const uint64_t *more = &of->before[(size_t)first * of->words];

			for (uint32_t word = 0; word < of->words; word++)
				bits[word] |= more[word];
			bits[first / 64] |= UINT64_C(1) << first % 64;
		}
	}
}

/* The place of a host that moves have to do with. */
static uint32_t place_of(const struct arrangement *of, uint32_t host)
{
	const uint32_t *found = bsearch(&host, of->hosts, of->host_count, sizeof(host), index_compare);

	must(found);
	return (uint32_t)(found - of->hosts);
}

static struct stays *stays_of(const struct arrangement *of, uint32_t host)
{
	return &of->stays[place_of(of, host)];
}

static void add_stay(struct stays *stays, struct stay stay)
{
	if (stays->count == stays->room) {
		stays->room = stays->room ? stays->room * 2 : 8;
		stays->at = memory_resize(stays->at, stays->room, sizeof(*stays->at));
	}
	stays->at[stays->count++] = stay;
}

/* The hosts that moves have to do with, who was there, who comes and goes. */
static void find_stays(struct arrangement *of)
{
	const struct state *state = of->state;

	of->hosts = MEMORY_ARRAY(uint32_t, 2 * (size_t)of->count);
	for (uint32_t i = 0; i < of->count; i++) {
		of->hosts[of->host_count++] = of->orders[i].from;
		of->hosts[of->host_count++] = of->orders[i].to;
	}
	of->host_count = indexes_sort_once(of->hosts, of->host_count);
	of->stays = MEMORY_ARRAY(struct stays, of->host_count);
	for (uint32_t i = 0; i < of->host_count; i++) {
		uint32_t vm = state_vms_first(state, of->hosts[i]);

		for (; vm != NONE; vm = state_vms_next(state, vm))
			add_stay(&of->stays[i], (struct stay){ vm, NONE, NONE });
	}
	for (uint32_t i = 0; i < of->count; i++) {
		const struct order *order = &of->orders[i];
		struct stays *from = stays_of(of, order->from);
		uint32_t at = from->count;

		while (from->at[at - 1].vm != order->vm || from->at[at - 1].depart != NONE)
			must(--at > 0);
		from->at[at - 1].depart = i;
		if (from->at[at - 1].arrive != NONE)
			wait_for(of, i, from->at[at - 1].arrive);
		add_stay(stays_of(of, order->to), (struct stay){ order->vm, i, NONE });
	}
}

/* Whether a stay may be there when the move starts. */
static bool may_meet(const struct arrangement *of, const struct stay *stay, uint32_t move)
{
	return stay->vm != of->orders[move].vm && !precedes(of, stay->depart, move) &&
	       !precedes(of, move, stay->arrive);
}

/*
 * The largest stay that the move may meet although in the sequence it does not: it has left by then (late
 * false), or comes later (true).
 */
static const struct stay *largest_apart(const struct arrangement *of, uint32_t move, uint32_t resource,
                                        bool late)
{
	uint32_t host = of->orders[move].to;
	const struct stays *stays = stays_of(of, host);
	const struct stay *largest = NULL;
	__int128 most = 0;

	for (uint32_t i = 0; i < stays->count; i++) {
		const struct stay *stay = &stays->at[i];
		bool apart = late ? stay->arrive != NONE && stay->arrive > move
		                  : stay->depart != NONE && stay->depart < move;
		__int128 part = amount_of_vm(of->amounts, stay->vm, host, resource);

		if (apart && part > most && may_meet(of, stay, move)) {
			largest = stay;
			most = part;
		}
	}
	return largest;
}

/* All that the move may meet must leave room for its VM. */
static void make_room(struct arrangement *of, uint32_t move, uint32_t resource)
{
	uint32_t vm = of->orders[move].vm, host = of->orders[move].to;
	__int128 left = amount_of_host(of->amounts, host, resource) -
	                amount_of_vm(of->amounts, vm, host, resource);
	uint64_t *bits = &of->before[(size_t)move * of->words];
	const struct stays *stays = stays_of(of, host);

	for (uint32_t i = 0; i < stays->count; i++) {
		const struct stay *stay = &stays->at[i];

		if (may_meet(of, stay, move))
			left -= amount_of_vm(of->amounts, stay->vm, host, resource);
	}
	while (left < 0) {
		const struct stay *stay = largest_apart(of, move, resource, false);

		if (stay) {
			wait_for(of, move, stay->depart);
			bits[stay->depart / 64] |= UINT64_C(1) << stay->depart % 64;
		} else {
			stay = largest_apart(of, move, resource, true);
			must(stay);
			wait_for(of, stay->arrive, move);
			of->before[(size_t)stay->arrive * of->words + move / 64] |= UINT64_C(1) << move % 64;
		}
		left += amount_of_vm(of->amounts, stay->vm, host, resource);
	}
}

/* A member of a strict affinity group meets another for certain: the one that asks for the least waiting. */
static void keep_company(struct arrangement *of, uint32_t move)
{
	uint32_t vm = of->orders[move].vm, group = of->state->cluster->vms[vm].group, best_waits = 3;
	const struct stays *stays = stays_of(of, of->orders[move].to);
	const struct stay *best = NULL;

	if (!is_strictly_affine(of->state, vm))
		return;
	for (uint32_t i = 0; i < stays->count; i++) {
		const struct stay *stay = &stays->at[i];
		uint32_t waits;

		if (stay->vm == vm || of->state->cluster->vms[stay->vm].group != group ||
		    (stay->arrive != NONE && stay->arrive > move) ||
		    (stay->depart != NONE && stay->depart < move))
			continue;
		waits = (uint32_t)(stay->arrive != NONE && !precedes(of, stay->arrive, move)) +
		        (uint32_t)(stay->depart != NONE && !precedes(of, move, stay->depart));
		if (waits < best_waits) {
			best = stay;
			best_waits = waits;
		}
	}
	must(best);
	if (best->arrive != NONE && !precedes(of, best->arrive, move))
		wait_for(of, move, best->arrive);
	if (best->depart != NONE && !precedes(of, move, best->depart))
		wait_for(of, best->depart, move);
}

/* Moves of VMs that are bound to NUMA nodes follow one another on each host. */
static void line_up(struct arrangement *of)
{
	uint32_t *last = MEMORY_ARRAY(uint32_t, of->host_count);

	memset(last, 0xff, sizeof(*last) * of->host_count);
	for (uint32_t i = 0; i < of->count; i++) {
		const uint32_t ends[] = { of->orders[i].from, of->orders[i].to };

		if (state_flavor(of->state, of->orders[i].vm)->numa_count == 0)
			continue;
		for (int end = 0; end < 2; end++) {
			uint32_t at = place_of(of, ends[end]);

			if (last[at] != NONE)
				wait_for(of, i, last[at]);
			last[at] = i;
		}
	}
	free(last);
}

/* Until nothing more has to wait. Each round only adds, and the sequence itself waits enough. */
static void settle(struct arrangement *of)
{
	do {
		of->changed = false;
		close_order(of);
		for (uint32_t move = 0; move < of->count; move++) {
			uint32_t asked[RESOURCES_ASKED_MOST], vm = of->orders[move].vm;
			uint32_t count = amounts_asked(of->amounts, vm, of->orders[move].to, asked);

			for (uint32_t i = 0; i < count; i++)
				make_room(of, move, asked[i]);
			keep_company(of, move);
		}
	} while (of->changed);
}

/* ------------------------------------------------------------------ waits that are needless */

/* Stays that a move may meet, of which the heaviest are looked for that can be there at one time. */
struct meeting {
	const struct arrangement *of;
	const struct stay **stays;
	__int128 *parts;
	bool *in;
	uint32_t count, steps;
};

/* Whether both can be on the host at one time: neither must have left for the other to come. */
static bool coexist(const struct arrangement *of, const struct stay *a, const struct stay *b)
{
	return !precedes(of, a->depart, b->arrive) && !precedes(of, b->depart, a->arrive);
}

/* Whether some that can be there at one time weigh more than there is room for. When in doubt, yes. */
static bool is_too_heavy(struct meeting *meeting, uint32_t next, __int128 room, __int128 rest)
{
	bool fits = true, open = false;

	if (rest <= room)
		return false;
	if (room < 0 || meeting->steps++ > PRUNE_STEPS)
		return true;
	for (uint32_t i = 0; i < next; i++)
		fits &= !meeting->in[i] || coexist(meeting->of, meeting->stays[i], meeting->stays[next]);
	for (uint32_t i = next + 1; i < meeting->count; i++)
		open |= !coexist(meeting->of, meeting->stays[i], meeting->stays[next]);
	if (fits) {
		bool heavy;

		meeting->in[next] = true;
		heavy = is_too_heavy(meeting, next + 1, room - meeting->parts[next],
		                     rest - meeting->parts[next]);
		meeting->in[next] = false;
		if (heavy)
			return true;
	}
	return (!fits || open) && is_too_heavy(meeting, next + 1, room, rest - meeting->parts[next]);
}

/* Whether a move finds room for certain, as the waits are now. */
static bool has_room(const struct arrangement *of, uint32_t move, uint32_t resource)
{
	uint32_t vm = of->orders[move].vm, host = of->orders[move].to;
	const struct stays *stays = stays_of(of, host);
	struct meeting meeting = { .of = of };
	__int128 room = amount_of_host(of->amounts, host, resource) -
	                amount_of_vm(of->amounts, vm, host, resource);
	__int128 all = 0;
	bool heavy;

	meeting.stays = MEMORY_ARRAY(const struct stay *, stays->count);
	meeting.parts = MEMORY_ARRAY(__int128, stays->count);
	meeting.in = MEMORY_ARRAY(bool, stays->count);
	for (uint32_t i = 0; i < stays->count; i++) {
		__int128 part = amount_of_vm(of->amounts, stays->at[i].vm, host, resource);

		if (part == 0 || !may_meet(of, &stays->at[i], move))
			continue;
		meeting.stays[meeting.count] = &stays->at[i];
		meeting.parts[meeting.count++] = part;
		all += part;
	}
	heavy = is_too_heavy(&meeting, 0, room, all);
	free(meeting.stays);
	free(meeting.parts);
	free(meeting.in);
	return !heavy;
}

/* Whether a member of a strict affinity group meets another for certain; others always do. */
static bool has_company(const struct arrangement *of, uint32_t move)
{
	uint32_t vm = of->orders[move].vm, group = of->state->cluster->vms[vm].group;
	const struct stays *stays = stays_of(of, of->orders[move].to);

	if (!is_strictly_affine(of->state, vm))
		return true;
	for (uint32_t i = 0; i < stays->count; i++) {
		const struct stay *stay = &stays->at[i];

		if (stay->vm != vm && of->state->cluster->vms[stay->vm].group == group &&
		    (stay->arrive == NONE || precedes(of, stay->arrive, move)) &&
		    (stay->depart == NONE || precedes(of, move, stay->depart)))
			return true;
	}
	return false;
}

static bool is_safe(const struct arrangement *of)
{
	for (uint32_t move = 0; move < of->count; move++) {
		uint32_t asked[RESOURCES_ASKED_MOST];
		uint32_t count = amounts_asked(of->amounts, of->orders[move].vm, of->orders[move].to, asked);

		for (uint32_t i = 0; i < count; i++) {
			if (!has_room(of, move, asked[i]))
				return false;
		}
		if (!has_company(of, move))
			return false;
	}
	return true;
}

/* Whether a wait keeps one VM's moves, or NUMA nodes, in order: these are never needless. */
static bool is_fixed(const struct arrangement *of, uint32_t move, uint32_t first)
{
	const struct order *a = &of->orders[first], *b = &of->orders[move];

	if (a->vm == b->vm)
		return true;
	return state_flavor(of->state, a->vm)->numa_count > 0 &&
	       state_flavor(of->state, b->vm)->numa_count > 0;
}

/* Takes away waits without which every execution is legal as well: some made others needless. */
static void prune(struct arrangement *of)
{
	for (uint32_t move = 0; move < of->count; move++) {
		for (uint32_t i = 0; i < of->wait_count[move];) {
			uint32_t first = of->waits[move][i], last;

			if (is_fixed(of, move, first)) {
				i++;
				continue;
			}
			last = --of->wait_count[move];
			of->waits[move][i] = of->waits[move][last];
			close_order(of);
			if (is_safe(of))
				continue;
			of->waits[move][last] = of->waits[move][i];
			of->waits[move][i++] = first;
			of->wait_count[move]++;
		}
	}
	close_order(of);
}

static uint8_t why_of(const struct arrangement *of, uint32_t move, const bool *goal)
{
	const struct order *order = &of->orders[move];

	for (uint32_t i = move + 1; i < of->count; i++) {
		if (of->orders[i].vm == order->vm)
			return PLAN_BYPASS; /* it goes on from there */
	}
	if (of->state->vm_host[order->vm] == order->to)
		return PLAN_RETURN;
	return goal[of->state->vm_host[order->vm]] ? PLAN_EVACUATE : PLAN_MAKE_ROOM;
}

/* What a move waits for, without what follows from the rest. */
static void take_waits(struct arrangement *of, uint32_t move, struct plan *plan)
{
	struct plan_move *of_plan = &plan->moves[move];

	of_plan->after = ARENA_ARRAY(&plan->arena, uint32_t, of->wait_count[move]);
	for (uint32_t i = 0; i < of->wait_count[move]; i++) {
		bool follows = false;

		for (uint32_t j = 0; j < of->wait_count[move] && !follows; j++)
			follows = precedes(of, of->waits[move][i], of->waits[move][j]);
		if (!follows)
			of_plan->after[of_plan->after_count++] = of->waits[move][i];
	}
	if (of_plan->after_count > 1)
		indexes_sort(of_plan->after, of_plan->after_count);
}

void arrange(const struct state *state, const struct amounts *amounts, const struct order *orders,
             uint32_t count, const bool *goal, struct plan *plan)
{
	struct arrangement of = { .state = state,
		                  .amounts = amounts,
		                  .orders = orders,
		                  .count = count,
		                  .words = (count + 63) / 64 };

	of.before = MEMORY_ARRAY(uint64_t, (size_t)of.words * count);
	of.waits = MEMORY_ARRAY(uint32_t *, count);
	of.wait_count = MEMORY_ARRAY(uint32_t, count);
	find_stays(&of);
	line_up(&of);
	settle(&of);
	if (count <= PRUNE_MOST)
		prune(&of);
	plan->moves = ARENA_ARRAY(&plan->arena, struct plan_move, count);
	plan->move_count = count;
	for (uint32_t i = 0; i < count; i++) {
		plan->moves[i] = (struct plan_move){ .vm = orders[i].vm,
			                             .from = orders[i].from,
			                             .to = orders[i].to,
			                             .method = orders[i].method,
			                             .why = why_of(&of, i, goal) };
		take_waits(&of, i, plan);
		free(of.waits[i]);
	}
	for (uint32_t i = 0; i < of.host_count; i++)
		free(of.stays[i].at);
	free(of.stays);
	free(of.hosts);
	free(of.before);
	free(of.waits);
	free(of.wait_count);
}

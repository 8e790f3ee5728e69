/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/evict.h"

#include "core/must.h"

#include <stdlib.h>
#include <string.h>

/* How deep room is made for those who make room, and how many leave one host for one VM. */
enum { DEPTH_MOST = 4, LEAVERS_MOST = 6, TAKERS_MOST = 64 };

struct search {
	struct evict *evict;
	struct state *state;
	uint32_t spare;               /* moves beyond one for each mover that are left */
	bool *pinned;                 /* by VM: it has moved already, or is about to */
	uint32_t cleared[DEPTH_MOST]; /* hosts on which room is being made: nobody goes there meanwhile */
	uint32_t depth;
	uint32_t *takers, taker_room;
};

/* Takes changes back and goes on recording: rolling back to the first mark of all would end that. */
static void back_to(struct state *state, uint32_t mark)
{
	state_rollback(state, mark);
	state_mark(state);
}

static void push(struct evict *evict, struct order order)
{
	if (evict->count == evict->room) {
		evict->room = evict->room ? evict->room * 2 : 16;
		evict->orders = memory_resize(evict->orders, evict->room, sizeof(order));
	}
	evict->orders[evict->count++] = order;
}

static bool is_open(const struct search *search, uint32_t host)
{
	for (uint32_t i = 0; i < search->depth; i++) {
		if (search->cleared[i] == host)
			return false;
	}
	return !search->evict->goal->wanted[host];
}

static bool is_over(const struct search *search)
{
	return search->evict->steps >= search->evict->limit;
}

/* Whether a move there would violate a best-effort policy that the VM's group keeps elsewhere. */
static bool is_disliked(const struct search *search, uint32_t vm, uint32_t host)
{
	const struct state *state = search->state;
	uint32_t group = state->cluster->vms[vm].group;
	const struct group *of = group == NONE ? NULL : &state->groups[group];
	uint32_t members = of ? state_members(state, group, host) : 0;

	if (!of || !of->best_effort)
		return false;
	if (of->policy == POLICY_AFFINITY)
		return members == 0 && state_group_hosts(state, group) > 1;
	return members >= group_most(state, group);
}

/* Memory that a host has left, in MiB times the ratio: the less, the better it is filled by a VM that fits.
 */
static __int128 room_left(const struct search *search, uint32_t host)
{
	return amount_of_host(&search->evict->reaches->amounts, host, RESOURCE_MEMORY) -
	       (__int128)search->state->uses[host].memory_mib * RATIO_ONE;
}

/* The better of a host that takes the VM and the best so far: policies first, then the one that is fullest.
 */
static uint32_t better_taker(const struct search *search, uint32_t vm, uint32_t best, uint32_t host)
{
	bool disliked = is_disliked(search, vm, host);

	if (best == NONE || disliked != is_disliked(search, vm, best))
		return best == NONE || !disliked ? host : best;
	return room_left(search, host) < room_left(search, best) ? host : best;
}

/* A host that takes the VM as things are; NONE: there is none. */
static uint32_t find_taker(struct search *search, uint32_t vm)
{
	const struct evict *evict = search->evict;
	const struct shapes *shapes = evict->reaches->shapes;
	uint32_t best = NONE, count = 0;

	/* The hosts that had room from the start, when someone has looked; goals and cleared ones are among
	 * them. */
	if (shapes->shapes[shapes->of_vm[vm]].hosts)
		count = chooser_candidates(evict->chooser, vm, false, search->takers, search->taker_room);
	search->evict->steps += count + 1;
	for (uint32_t i = 0; i < count; i++) {
		if (is_open(search, search->takers[i]))
			best = better_taker(search, vm, best, search->takers[i]);
	}
	for (uint32_t host = 0; best == NONE && host < search->state->cluster->host_count && !is_over(search);
	     host++) {
		if (!is_open(search, host) || !reach_may_be(evict->reaches, vm, host))
			continue;
		search->evict->steps++;
		if (order_allowed(search->state, vm, host))
			best = host;
	}
	return best;
}

static void move_to(struct search *search, uint32_t vm, uint32_t host)
{
	push(search->evict, (struct order){ vm, search->state->vm_host[vm], host,
	                                    (uint8_t)order_method(search->state, vm) });
	search->pinned[vm] = true;
	chooser_move(search->evict->chooser, vm, host);
}

/* Takes back what came after: orders beyond `count`, and the state's changes. */
static void take_back(struct search *search, uint32_t count, uint32_t mark, uint32_t spare)
{
	while (search->evict->count > count)
		search->pinned[search->evict->orders[--search->evict->count].vm] = false;
	back_to(search->state, mark);
	search->spare = spare;
}

/* The VM of a host, the first but `skip`, by whose leaving alone the VM would fit; NONE: there is no other.
 */
static uint32_t find_leaver(struct search *search, uint32_t vm, uint32_t host, uint32_t skip)
{
	struct state *state = search->state;

	for (uint32_t other = state_vms_first(state, host); other != NONE;
	     other = state_vms_next(state, other)) {
		uint32_t mark = state_mark(state);
		bool helps;

		if (search->pinned[other] || order_method(state, other) == METHOD_NONE)
			continue;
		state_remove(state, other);
		helps = order_allowed(state, vm, host);
		back_to(state, mark);
		search->evict->steps++;
		if (helps && skip-- == 0)
			return other;
	}
	return NONE;
}

/* The largest VM of a host that finds another host as things are; NONE: none does. */
static uint32_t largest_free(struct search *search, uint32_t host, const uint32_t *leavers, uint32_t count)
{
	const struct state *state = search->state;
	uint32_t largest = NONE;
	int64_t most = -1;

	for (uint32_t other = state_vms_first(state, host); other != NONE;
	     other = state_vms_next(state, other)) {
		int64_t size = state_flavor(state, other)->memory_mib;
		bool free_to_go = !search->pinned[other] && size > most &&
		                  order_method(state, other) != METHOD_NONE;

		for (uint32_t i = 0; i < count; i++)
			free_to_go &= leavers[i] != other;
		if (!free_to_go || find_taker(search, other) == NONE)
			continue;
		largest = other;
		most = size;
	}
	return largest;
}

/* Several VMs of a host by whose leaving the VM would fit, the largest first. Returns how many; 0: none. */
static uint32_t find_leavers(struct search *search, uint32_t vm, uint32_t host,
                             uint32_t ret_leavers[LEAVERS_MOST])
{
	struct state *state = search->state;
	uint32_t mark = state_mark(state), count = 0;
	bool fits = false;

	search->cleared[search->depth++] = host;
	while (!fits && count < LEAVERS_MOST && count < search->spare) {
		uint32_t other = largest_free(search, host, ret_leavers, count);

		if (other == NONE)
			break;
		ret_leavers[count++] = other;
		state_remove(state, other);
		search->evict->steps++;
		fits = order_allowed(state, vm, host);
	}
	search->depth--;
	back_to(state, mark);
	return fits ? count : 0;
}

static bool place(struct search *search, uint32_t vm);

/* Moves the leavers on, then the VM to the host. */
static bool clear_for(struct search *search, uint32_t vm, uint32_t host, const uint32_t *leavers,
                      uint32_t count)
{
	uint32_t before = search->evict->count, spare = search->spare, mark = state_mark(search->state),
		 done = 0;
	bool was_pinned = search->pinned[vm];

	if (count > search->spare)
		return false;
	search->spare -= count;
	search->cleared[search->depth++] = host;
	search->pinned[vm] = true;
	while (done < count && place(search, leavers[done]))
		done++;
	search->depth--;
	search->pinned[vm] = was_pinned;
	if (done == count && order_allowed(search->state, vm, host)) {
		move_to(search, vm, host);
		return true;
	}
	take_back(search, before, mark, spare);
	return false;
}

/* One leaver if that is enough, whoever it is; else several that find hosts at once. */
static bool make_room_on(struct search *search, uint32_t vm, uint32_t host)
{
	uint32_t leavers[LEAVERS_MOST], count;

	for (uint32_t skip = 0; !is_over(search); skip++) {
		leavers[0] = find_leaver(search, vm, host, skip);
		if (leavers[0] == NONE)
			break;
		if (clear_for(search, vm, host, leavers, 1))
			return true;
	}
	count = find_leavers(search, vm, host, leavers);
	return count > 1 && clear_for(search, vm, host, leavers, count);
}

/* Finds the VM a host, making room if need be. On failure all is as before. */
static bool place(struct search *search, uint32_t vm)
{
	uint32_t host = find_taker(search, vm);

	if (host != NONE) {
		move_to(search, vm, host);
		return true;
	}
	if (search->depth == DEPTH_MOST || search->spare == 0)
		return false;
	for (host = 0; host < search->state->cluster->host_count && !is_over(search); host++) {
		if (is_open(search, host) && host != search->state->vm_host[vm] &&
		    reach_may_be(search->evict->reaches, vm, host) && make_room_on(search, vm, host))
			return true;
	}
	return false;
}

/* Those that must leave, by how many hosts can ever take them. The caller free()s them. */
static struct mover *sort_movers(struct evict *evict, const uint32_t *movers, uint32_t count)
{
	struct mover *sorted = MEMORY_ARRAY(struct mover, count);
	const struct state *state = &evict->chooser->state;

	for (uint32_t i = 0; i < count; i++) {
		sorted[i] = (struct mover){ movers[i], 0, state_flavor(state, movers[i])->memory_mib };
		for (uint32_t host = 0; host < state->cluster->host_count; host++)
			sorted[i].hosts += reach_may_end(evict->reaches, evict->goal, movers[i], host);
	}
	movers_sort(sorted, count);
	return sorted;
}

bool evict_search(struct evict *evict, const uint32_t *movers, uint32_t count, uint32_t most)
{
	struct search search = { .evict = evict, .state = &evict->chooser->state };
	struct mover *sorted = sort_movers(evict, movers, count);
	uint32_t mark = state_mark(search.state), done = 0;

	search.pinned = MEMORY_ARRAY(bool, search.state->cluster->vm_count);
	search.taker_room = TAKERS_MOST + DEPTH_MOST + evict->goal->host_count;
	search.takers = MEMORY_ARRAY(uint32_t, search.taker_room);
	for (uint32_t spare = 1; spare <= most && done < count && !is_over(&search);
	     spare += spare < 4 ? 1 : spare) {
		search.spare = spare;
		evict->count = done = 0;
		chooser_begin(evict->chooser);
		memset(search.pinned, 0, search.state->cluster->vm_count);
		for (uint32_t i = 0; i < count; i++)
			search.pinned[sorted[i].vm] = true;
		while (done < count && place(&search, sorted[done].vm))
			done++;
		back_to(search.state, mark);
	}
	state_rollback(search.state, mark);
	chooser_begin(evict->chooser);
	free(search.pinned);
	free(search.takers);
	free(sorted);
	return done == count;
}

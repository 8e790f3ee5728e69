/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/evacuate.h"

#include <stdlib.h>

struct search {
	struct state *state;
	const struct shapes *shapes;
	uint32_t *hosts, host_count; /* that are there and take anybody */
	uint32_t *vms, count;        /* the NUMA-bound ones first */
	uint32_t bound_count, left;
	bool *placed; /* by place in vms */
	uint64_t asked, most;
};

static bool allows(struct search *search, uint32_t vm, uint32_t host)
{
	struct request request = request_for(search->state, MOVE_EVACUATE, vm);

	search->asked++;
	return schedule_allows_named(&request, host);
}

static bool is_over(const struct search *search)
{
	return search->asked >= search->most;
}

static bool is_alike(const struct search *search, uint32_t a, uint32_t b)
{
	const struct vm *vms = search->state->cluster->vms;

	return vms[a].group == NONE && vms[b].group == NONE &&
	       search->shapes->of_vm[a] == search->shapes->of_vm[b];
}

/* The one before it that it might as well be; NONE: there is none. */
static uint32_t twin_of(const struct search *search, uint32_t place)
{
	for (uint32_t i = place; i-- > 0;) {
		if (is_alike(search, search->vms[i], search->vms[place]))
			return i;
	}
	return NONE;
}

static enum evacuation place_rest(struct search *search);

/* The VM on each host that takes it, then the others. */
static enum evacuation place_on_each(struct search *search, uint32_t place)
{
	uint32_t vm = search->vms[place], twin = twin_of(search, place);
	enum evacuation answer = EVACUATION_NONE;

	search->placed[place] = true;
	search->left--;
	for (uint32_t i = 0; i < search->host_count && answer == EVACUATION_NONE; i++) {
		uint32_t host = search->hosts[i], mark;

		/* Those that are alike stand in the order of their hosts: else each way is met twice. */
		if (twin != NONE && host < search->state->vm_host[search->vms[twin]])
			continue;
		if (!allows(search, vm, host))
			continue;
		mark = state_mark(search->state);
		state_move(search->state, vm, host);
		answer = place_rest(search);
		state_rollback(search->state, mark);
		state_mark(search->state);
	}
	search->placed[place] = false;
	search->left++;
	return answer;
}

/* How many hosts take the VM, not counting beyond `most`. */
static uint32_t count_hosts(struct search *search, uint32_t vm, uint32_t most)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < search->host_count && count < most; i++)
		count += allows(search, vm, search->hosts[i]);
	return count;
}

/* Those that are bound to no node: the one with the fewest hosts is next. */
static enum evacuation place_rest(struct search *search)
{
	uint32_t best = NONE, fewest = UINT32_MAX;

	if (search->left == 0)
		return EVACUATION_FOUND;
	if (is_over(search))
		return EVACUATION_UNKNOWN;
	for (uint32_t i = search->bound_count; i < search->count && fewest > 0; i++) {
		uint32_t twin = search->placed[i] ? NONE : twin_of(search, i), hosts;

		if (search->placed[i] || (twin != NONE && !search->placed[twin]))
			continue;
		hosts = count_hosts(search, search->vms[i], fewest);
		if (hosts < fewest) {
			best = i;
			fewest = hosts;
		}
	}
	return fewest == 0 ? EVACUATION_NONE : place_on_each(search, best);
}

/*
 * The NUMA-bound ones, in every order in which one host takes them: hosts do not know of each other's nodes,
 * so the first host takes all of its own first.
 */
static enum evacuation place_bound(struct search *search, uint32_t left, uint32_t first)
{
	enum evacuation answer = EVACUATION_NONE;

	if (left == 0)
		return place_rest(search);
	if (is_over(search))
		return EVACUATION_UNKNOWN;
	for (uint32_t i = first; i < search->host_count; i++) {
		for (uint32_t at = 0; at < search->bound_count && answer == EVACUATION_NONE; at++) {
			uint32_t twin = search->placed[at] ? NONE : twin_of(search, at), mark;

			if (search->placed[at] || (twin != NONE && !search->placed[twin]) ||
			    !allows(search, search->vms[at], search->hosts[i]))
				continue;
			mark = state_mark(search->state);
			state_move(search->state, search->vms[at], search->hosts[i]);
			search->placed[at] = true;
			search->left--;
			answer = place_bound(search, left - 1, i);
			search->placed[at] = false;
			search->left++;
			state_rollback(search->state, mark);
			state_mark(search->state);
		}
		if (answer != EVACUATION_NONE)
			break;
	}
	return answer;
}

enum evacuation evacuate_search(struct state *state, const struct shapes *shapes, const bool *gone,
                                const uint32_t *vms, uint32_t count, uint64_t most, uint64_t *ret_asked)
{
	struct search search = { .state = state, .shapes = shapes, .left = count, .most = most };
	uint32_t mark = state_mark(state);
	enum evacuation answer;

	search.hosts = MEMORY_ARRAY(uint32_t, state->cluster->host_count);
	search.vms = MEMORY_ARRAY(uint32_t, count);
	search.placed = MEMORY_ARRAY(bool, count);
	for (uint32_t host = 0; host < state->cluster->host_count; host++) {
		if (!gone[host] && state_host_up(state, host) && state_host_enabled(state, host))
			search.hosts[search.host_count++] = host;
	}
	for (int bound = 1; bound >= 0; bound--) {
		for (uint32_t i = 0; i < count; i++) {
			if ((state_flavor(state, vms[i])->numa_count > 0) == bound)
				search.vms[search.count++] = vms[i];
		}
		search.bound_count = bound ? search.count : search.bound_count;
	}
	answer = place_bound(&search, search.bound_count, 0);
	state_rollback(state, mark);
	*ret_asked = search.asked;
	free(search.hosts);
	free(search.vms);
	free(search.placed);
	return answer;
}

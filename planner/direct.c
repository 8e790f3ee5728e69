/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/direct.h"

#include "core/arena.h"

#include <stdlib.h>

static const double MIB = 1048576;

/* Hosts looked at for one move: enough to spread the VMs, not all of a large cluster. */
enum { CANDIDATES_MOST = 64, CANDIDATES_LATER = 4096 };

void direct_create(struct direct *ret_direct, struct chooser *chooser, const struct goal *goal,
                   const bool *later)
{
	*ret_direct = (struct direct){ .chooser = chooser, .goal = goal, .later = later };
	ret_direct->candidate_room = (later ? CANDIDATES_LATER : CANDIDATES_MOST) + goal->host_count;
	ret_direct->candidates = MEMORY_ARRAY(uint32_t, ret_direct->candidate_room);
	ret_direct->arrivals = MEMORY_ARRAY(uint32_t, chooser->state.cluster->host_count);
	traffic_create(&ret_direct->traffic, chooser->state.cluster);
}

void direct_free(struct direct *direct)
{
	free(direct->candidates);
	free(direct->arrivals);
	traffic_free(&direct->traffic);
	*direct = (struct direct){ 0 };
}

static struct state *state_of(struct direct *direct)
{
	return &direct->chooser->state;
}

/* What moving the VM sends, roughly: its memory that is not zero pages. */
static double used_bytes(const struct direct *direct, uint32_t vm)
{
	return direct->chooser->state.cluster->vms[vm].used_mib * MIB;
}

/* Hosts outside of the goal that would take the VM now. */
static uint32_t find_candidates(struct direct *direct, uint32_t vm)
{
	uint32_t count = chooser_candidates_from(direct->chooser, vm, state_of(direct)->vm_host[vm],
	                                         direct->candidates, direct->candidate_room),
		 kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (!direct->goal->wanted[direct->candidates[i]])
			direct->candidates[kept++] = direct->candidates[i];
	}
	return kept;
}

/* How a best-effort policy likes a host: 0 best. Affinity: members that do not leave draw most. */
static uint32_t dislike_of(struct direct *direct, uint32_t vm, uint32_t host)
{
	const struct state *state = state_of(direct);
	uint32_t group = state->cluster->vms[vm].group;
	const struct group *of = group == NONE ? NULL : &state->groups[group];
	uint32_t members = of ? state_members(state, group, host) : 0;

	if (!of)
		return 0;
	if (of->policy == POLICY_AFFINITY || of->policy == POLICY_SOFT_AFFINITY)
		return members > 0 ? 0 : 1;
	if (of->policy == POLICY_SOFT_ANTI_AFFINITY)
		return members;
	return members < group_most(state, group) ? 0 : members - group_most(state, group) + 1;
}

/* How much the VM had better not go to a host. */
struct drawbacks {
	uint32_t dislike; /* its policy's, then that the host is emptied later */
	struct toll toll;
	uint32_t arrivals, host;
};

static bool drawbacks_less(const struct drawbacks *a, const struct drawbacks *b)
{
	if (a->dislike != b->dislike)
		return a->dislike < b->dislike;
	if (toll_less(&a->toll, &b->toll) || toll_less(&b->toll, &a->toll))
		return toll_less(&a->toll, &b->toll);
	return a->arrivals < b->arrivals || (a->arrivals == b->arrivals && a->host < b->host);
}

/*
 * The candidate that the policies like best, then one that is not emptied later, then the one to which the
 * links are least busy (if wanted), then the one to which the plan brings least, then the first.
 */
static uint32_t best_candidate(struct direct *direct, uint32_t vm, uint32_t count, bool by_links)
{
	struct drawbacks best = { .host = NONE };

	for (uint32_t i = 0; i < count; i++) {
		uint32_t host = direct->candidates[i];
		struct drawbacks drawbacks = { .dislike = 2 * dislike_of(direct, vm, host) +
			                                  (direct->later && direct->later[host]),
			                       .arrivals = direct->arrivals[host],
			                       .host = host };

		if (by_links)
			drawbacks.toll = traffic_toll(&direct->traffic, state_of(direct)->vm_host[vm], host,
			                              used_bytes(direct, vm));
		if (best.host == NONE || drawbacks_less(&drawbacks, &best))
			best = drawbacks;
	}
	return best.host;
}

uint32_t direct_hosts(struct direct *direct, uint32_t vm)
{
	return find_candidates(direct, vm);
}

/* by_links: where the links are least busy, else only where fewest go, which may do when that does not. */
static uint32_t move_all(struct direct *direct, const struct mover *sorted, uint32_t count, bool by_links,
                         struct order *ret_orders)
{
	struct state *state = state_of(direct);
	uint32_t mark = state_mark(state), done = 0;

	for (; done < count; done++) {
		uint32_t vm = sorted[done].vm, from = state->vm_host[vm],
			 host = best_candidate(direct, vm, find_candidates(direct, vm), by_links);

		if (host == NONE)
			break;
		ret_orders[done] = (struct order){ vm, from, host, (uint8_t)order_method(state, vm) };
		direct->arrivals[host]++;
		traffic_add(&direct->traffic, from, host, used_bytes(direct, vm));
		chooser_move(direct->chooser, vm, host);
	}
	for (uint32_t i = 0; i < done; i++) {
		const struct order *order = &ret_orders[i];

		direct->arrivals[order->to] = 0;
		traffic_add(&direct->traffic, order->from, order->to, -used_bytes(direct, order->vm));
	}
	state_rollback(state, mark);
	chooser_begin(direct->chooser);
	return done;
}

uint32_t direct_find(struct direct *direct, const uint32_t *vms, uint32_t count, struct order *ret_orders)
{
	struct mover *sorted = MEMORY_ARRAY(struct mover, count);
	uint32_t done;

	for (uint32_t i = 0; i < count; i++)
		sorted[i] = (struct mover){ vms[i], find_candidates(direct, vms[i]),
			                    state_flavor(state_of(direct), vms[i])->memory_mib };
	movers_sort(sorted, count);
	done = move_all(direct, sorted, count, true, ret_orders);
	if (done < count)
		done = move_all(direct, sorted, count, false, ret_orders);
	free(sorted);
	return done;
}

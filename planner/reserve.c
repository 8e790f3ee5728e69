/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/reserve.h"

#include "core/schedule.h"
#include "planner/places.h"

#include <stdlib.h>
#include <string.h>

/* How many VMs of one shape a host has that may go. */
struct load {
	uint32_t shape, host, count;
};

struct reserving {
	struct reserve *reserve;
	const struct state *state;
	const struct shapes *shapes;
	struct reaches *reaches;
	const struct losses *losses;
	struct load *loads; /* by shape, then by host */
	uint32_t load_count;
	uint32_t *joiners, joiner_count; /* VMs that may only join others of their group */
	uint32_t *first;                 /* by shape: its first load; one more at the end */
	uint32_t *barred; /* by shape: hosts that the largest group of one of its VMs may bar */
	uint32_t *copies; /* by shape: its first copy among the whatif's VMs */
	uint32_t *order;  /* hosts, those with the most memory left first */
	uint32_t next;    /* place in order where the next shape begins */
	bool *taken;      /* by host: it has a copy of the shape */
};

static int load_compare(const void *a, const void *b)
{
	const struct load *x = a, *y = b;

	if (x->shape != y->shape)
		return x->shape < y->shape ? -1 : 1;
	return x->host < y->host ? -1 : x->host > y->host;
}

static void leave_out(struct reserving *of, uint32_t host)
{
	of->reserve->uncovered_count += !of->reserve->uncovered[host];
	of->reserve->uncovered[host] = true;
}

/* Who may have to go from where. Who cannot be moved is no case for copies. */
static void find_loads(struct reserving *of)
{
	uint32_t kept = 0;

	of->loads = MEMORY_ARRAY(struct load, of->state->cluster->vm_count);
	of->joiners = MEMORY_ARRAY(uint32_t, of->state->cluster->vm_count);
	for (uint32_t i = 0; i < of->losses->host_count; i++) {
		uint32_t host = of->losses->hosts[i], vm = state_vms_first(of->state, host);

		for (; vm != NONE; vm = state_vms_next(of->state, vm)) {
			if (!losses_must_go(of->losses->by, of->state, vm))
				continue;
			if (of->losses->by == LOSS_LOCK && order_method(of->state, vm) == METHOD_NONE)
				leave_out(of, host);
			if (is_strictly_affine(of->state, vm))
				of->joiners[of->joiner_count++] = vm;
			else
				of->loads[of->load_count++] = (struct load){ of->shapes->of_vm[vm], host, 1 };
		}
	}
	if (of->load_count > 0)
		qsort(of->loads, of->load_count, sizeof(*of->loads), load_compare);
	for (uint32_t i = 0; i < of->load_count; i++) {
		if (kept > 0 && load_compare(&of->loads[kept - 1], &of->loads[i]) == 0)
			of->loads[kept - 1].count++;
		else
			of->loads[kept++] = of->loads[i];
	}
	of->load_count = kept;
}

/* Where each shape's loads begin, and how many hosts its VMs' groups may bar: one for each member at most. */
static void index_loads(struct reserving *of)
{
	uint32_t at = 0;

	for (uint32_t shape = 0; shape <= of->shapes->count; shape++) {
		while (at < of->load_count && of->loads[at].shape < shape)
			at++;
		of->first[shape] = at;
	}
	for (uint32_t vm = 0; vm < of->state->cluster->vm_count; vm++) {
		uint32_t group = of->state->cluster->vms[vm].group,
			 *barred = &of->barred[of->shapes->of_vm[vm]];
		const struct group *with = group == NONE ? NULL : &of->state->groups[group];

		if (with && with->policy == POLICY_ANTI_AFFINITY && !with->best_effort &&
		    state_group_placed(of->state, group) > *barred)
			*barred = state_group_placed(of->state, group);
	}
}

/* Keeps the `together` largest of counts, the smallest of them first. */
static void keep_largest(uint32_t *largest, uint32_t together, uint32_t count)
{
	uint32_t at = 0;

	if (together == 0 || count <= largest[0])
		return;
	for (; at + 1 < together && largest[at + 1] < count; at++)
		largest[at] = largest[at + 1];
	largest[at] = count;
}

static uint64_t sum(const uint32_t *largest, uint32_t together)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < together; i++)
		all += largest[i];
	return all;
}

/* How many copies a shape needs when each host has one at the most: for what the fullest hosts have, for the
 * copies that go with them, and for those that are barred. */
static uint32_t copies_needed(const struct reserving *of, uint32_t shape)
{
	uint32_t together = of->losses->together, *largest = MEMORY_ARRAY(uint32_t, together), needed;

	for (uint32_t i = of->first[shape]; i < of->first[shape + 1]; i++)
		keep_largest(largest, together, of->loads[i].count);
	needed = (uint32_t)sum(largest, together) + together + of->barred[shape];
	free(largest);
	return needed;
}

/* The whatif's VMs behind those that are there: as many copies of each shape as it needs. */
static void make_copies(struct reserving *of)
{
	struct whatif *whatif = &of->reserve->whatif;

	for (uint32_t shape = 0; shape < of->shapes->count; shape++) {
		uint32_t needed = of->first[shape] < of->first[shape + 1] ? copies_needed(of, shape) : 0;

		of->copies[shape] = whatif->cluster.vm_count;
		whatif_copy(whatif, of->shapes->shapes[shape].vm, needed);
	}
	of->copies[of->shapes->count] = whatif->cluster.vm_count;
	for (uint32_t i = 0; i < of->joiner_count; i++)
		whatif_copy(whatif, of->joiners[i], of->losses->together);
}

/* ------------------------------------------------------------------ where copies stand */

/* A host and what it has left. */
struct left {
	__int128 memory;
	uint32_t host;
};

static int left_compare(const void *a, const void *b)
{
	const struct left *x = a, *y = b;

	if (x->memory != y->memory)
		return x->memory > y->memory ? -1 : 1;
	return x->host < y->host ? -1 : x->host > y->host;
}

static void sort_hosts(struct reserving *of)
{
	const struct cluster *cluster = of->state->cluster;
	struct left *left = MEMORY_ARRAY(struct left, cluster->host_count);

	for (uint32_t host = 0; host < cluster->host_count; host++)
		left[host] = (struct left){ amount_of_host(&of->reserve->amounts, host, RESOURCE_MEMORY) -
			                            (__int128)of->state->uses[host].memory_mib * RATIO_ONE,
			                    host };
	qsort(left, cluster->host_count, sizeof(*left), left_compare);
	for (uint32_t i = 0; i < cluster->host_count; i++)
		of->order[i] = left[i].host;
	free(left);
}

/* Whether a copy may stand there, beside all that stand already. */
static bool may_stand(struct reserving *of, uint32_t shape, uint32_t copy, uint32_t host)
{
	struct reserve *reserve = of->reserve;
	struct request request = request_for(&reserve->state, MOVE_BOOT, copy);

	/* Nodes are taken first-fit: of several copies, others might come first. */
	if (state_flavor(&reserve->state, copy)->numa_count > 0 && reserve->bound[host])
		return false;
	return !of->taken[host] && reach_domain(of->reaches, of->shapes->shapes[shape].vm)[host] &&
	       rules_allow_shape(&request, host);
}

static void take_down(struct reserving *of, uint32_t copy)
{
	struct state *state = &of->reserve->state;

	if (state_flavor(state, copy)->numa_count > 0)
		of->reserve->bound[state->vm_host[copy]] = false;
	state_remove(state, copy);
}

/* One copy a host, going round from where the last shape ended. Too few hosts: none, and hosts with such VMs
 * are left out. */
static void put_up(struct reserving *of, uint32_t shape)
{
	struct reserve *reserve = of->reserve;
	uint32_t host_count = of->state->cluster->host_count, copy = of->copies[shape],
		 end = of->copies[shape + 1];

	for (uint32_t i = 0; i < host_count && copy < end; i++) {
		uint32_t host = of->order[(of->next + i) % host_count];

		if (!may_stand(of, shape, copy, host))
			continue;
		state_place(&reserve->state, copy, host);
		reserve->bound[host] |= state_flavor(&reserve->state, copy)->numa_count > 0;
		of->taken[host] = true;
		copy++;
		if (copy == end)
			of->next = (of->next + i + 1) % host_count;
	}
	for (uint32_t placed = of->copies[shape]; placed < copy; placed++) {
		of->taken[reserve->state.vm_host[placed]] = false;
		if (copy < end)
			take_down(of, placed);
	}
	for (uint32_t i = of->first[shape]; i < of->first[shape + 1] && copy < end; i++)
		leave_out(of, of->loads[i].host);
}

/* Copies of a VM that may only join others of its group, on as many of their hosts as go together: one of
 * them is left when its own host is among those that go. Fewer such hosts: it is left out. */
static void put_up_joiner(struct reserving *of, uint32_t vm, uint32_t copy)
{
	const struct state *state = of->state;
	uint32_t group = state->cluster->vms[vm].group, first = copy, end = copy + of->losses->together;
	const struct shapes *shapes = of->shapes;
	bool moves = state->profile != PROFILE_TITANIUM; /* docs/rules.md: affinity-strict */

	for (uint32_t i = shapes->group_first[group]; i < shapes->group_first[group + 1] && moves; i++) {
		uint32_t host = state->vm_host[shapes->group_members[i]];

		if (copy == end || host == NONE || host == state->vm_host[vm] ||
		    !may_stand(of, shapes->of_vm[vm], copy, host))
			continue;
		state_place(&of->reserve->state, copy, host);
		of->reserve->bound[host] |= state_flavor(&of->reserve->state, copy)->numa_count > 0;
		of->taken[host] = true;
		copy++;
	}
	if (copy < end)
		leave_out(of, state->vm_host[vm]);
	for (uint32_t placed = first; placed < copy; placed++) {
		of->taken[of->reserve->state.vm_host[placed]] = false;
		if (copy < end)
			take_down(of, placed);
	}
}

/* A shape, by how many hosts could have it. */
struct scarce {
	uint32_t hosts, shape;
};

static int scarce_compare(const void *a, const void *b)
{
	const struct scarce *x = a, *y = b;

	if (x->hosts != y->hosts)
		return x->hosts < y->hosts ? -1 : 1;
	return x->shape < y->shape ? -1 : x->shape > y->shape;
}

/* Those first that can only join others, then those that could be on the fewest hosts. */
static void put_all_up(struct reserving *of)
{
	struct scarce *scarce = MEMORY_ARRAY(struct scarce, of->shapes->count);

	for (uint32_t i = 0; i < of->joiner_count; i++)
		put_up_joiner(of, of->joiners[i], of->copies[of->shapes->count] + i * of->losses->together);

	for (uint32_t shape = 0; shape < of->shapes->count; shape++) {
		const bool *domain = reach_domain(of->reaches, of->shapes->shapes[shape].vm);

		scarce[shape].shape = shape;
		for (uint32_t host = 0; host < of->state->cluster->host_count; host++)
			scarce[shape].hosts += domain[host];
	}
	qsort(scarce, of->shapes->count, sizeof(*scarce), scarce_compare);
	for (uint32_t i = 0; i < of->shapes->count; i++)
		put_up(of, scarce[i].shape);
	free(scarce);
}

void reserve_create(struct reserve *ret_reserve, const struct state *state, const struct shapes *shapes,
                    struct reaches *reaches, const struct losses *losses)
{
	uint32_t host_count = state->cluster->host_count;
	struct reserving of = {
		.reserve = ret_reserve, .state = state, .shapes = shapes, .reaches = reaches, .losses = losses
	};

	*ret_reserve = (struct reserve){ .bound = MEMORY_ARRAY(bool, host_count),
		                         .uncovered = MEMORY_ARRAY(bool, host_count) };
	whatif_create(&ret_reserve->whatif, state->cluster);
	of.taken = MEMORY_ARRAY(bool, host_count);
	of.order = MEMORY_ARRAY(uint32_t, host_count);
	of.first = MEMORY_ARRAY(uint32_t, shapes->count + 1);
	of.copies = MEMORY_ARRAY(uint32_t, shapes->count + 1);
	of.barred = MEMORY_ARRAY(uint32_t, shapes->count);
	find_loads(&of);
	index_loads(&of);
	make_copies(&of);
	amounts_create(&ret_reserve->amounts, &ret_reserve->whatif.cluster);
	state_create(&ret_reserve->state, &ret_reserve->whatif.cluster);
	sort_hosts(&of);
	put_all_up(&of);
	free(of.taken);
	free(of.order);
	free(of.first);
	free(of.copies);
	free(of.barred);
	free(of.loads);
	free(of.joiners);
}

void reserve_free(struct reserve *reserve)
{
	state_free(&reserve->state);
	amounts_free(&reserve->amounts);
	whatif_free(&reserve->whatif);
	free(reserve->bound);
	free(reserve->uncovered);
	*reserve = (struct reserve){ 0 };
}

uint32_t reserve_fill(const struct reserve *reserve, const struct losses *losses, uint32_t vm, uint32_t most,
                      uint32_t *ret_counts)
{
	const struct cluster *cluster = &reserve->whatif.cluster;
	bool bound = state_flavor(&reserve->state, vm)->numa_count > 0;
	uint32_t *largest = MEMORY_ARRAY(uint32_t, losses->together);
	uint64_t places = 0, kept, fit, left;

	for (uint32_t host = 0; host < cluster->host_count; host++) {
		ret_counts[host] = bound && reserve->bound[host]
		                           ? 0
		                           : places_now(&reserve->state, &reserve->amounts, vm, host);
		places += ret_counts[host];
	}
	for (uint32_t i = 0; i < losses->host_count; i++)
		keep_largest(largest, losses->together, ret_counts[losses->hosts[i]]);
	kept = sum(largest, losses->together);
	fit = places > kept ? places - kept : 0;
	fit = fit < most ? fit : most;
	left = fit;
	for (uint32_t host = 0; host < cluster->host_count; host++) {
		ret_counts[host] = ret_counts[host] < left ? ret_counts[host] : (uint32_t)left;
		left -= ret_counts[host];
	}
	free(largest);
	return (uint32_t)fit;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/refute.h"

#include <stdlib.h>
#include <string.h>

struct refuting {
	struct reaches *reaches; /* with what the present case assumes */
	const struct goal *goal;
	uint32_t *vms, vm_count; /* that must leave, then those that cases are about */
	uint32_t mover_count, cases_left;
	struct arena *arena;
};

static const struct state *state_of(const struct refuting *of)
{
	return of->reaches->state;
}

static bool is_open(const struct refuting *of, uint32_t vm)
{
	return of->reaches->assumed[vm] == NONE;
}

/* What the VMs that the case has on a host take of it; vm: one more, or NONE. */
static __int128 taken(const struct refuting *of, uint32_t host, uint32_t resource, uint32_t vm)
{
	const struct amounts *amounts = &of->reaches->amounts;
	__int128 sum = vm == NONE ? 0 : amount_of_vm(amounts, vm, host, resource);

	for (uint32_t i = 0; i < of->vm_count; i++) {
		if (of->vms[i] != vm && of->reaches->assumed[of->vms[i]] == host)
			sum += amount_of_vm(amounts, of->vms[i], host, resource);
	}
	return sum;
}

/* Whether a host has room for one more beside those that the case has there. */
static bool has_room(const struct refuting *of, uint32_t vm, uint32_t host)
{
	const struct amounts *amounts = &of->reaches->amounts;
	uint32_t asked[RESOURCES_ASKED_MOST], count = amounts_asked(amounts, vm, host, asked);

	if (state_of(of)->vm_host[vm] == host)
		return true;
	for (uint32_t i = 0; i < count; i++) {
		if (taken(of, host, asked[i], vm) > amount_of_host(amounts, host, asked[i]))
			return false;
	}
	return true;
}

static uint32_t count_hosts(struct refuting *of, uint32_t vm)
{
	uint32_t count = 0;

	for (uint32_t host = 0; host < state_of(of)->cluster->host_count; host++)
		count += reach_may_end(of->reaches, of->goal, vm, host) && has_room(of, vm, host);
	return count;
}

/* Keeps the one with the fewer hosts. */
static void consider(struct refuting *of, uint32_t vm, uint32_t *best, uint32_t *least)
{
	uint32_t hosts = count_hosts(of, vm);

	if (*best != NONE && hosts >= *least)
		return;
	*best = vm;
	*least = hosts;
}

/* Of those on a host who may have to make way for one that comes: the one with the fewest hosts; NONE: all
 * fit. */
static uint32_t in_the_way(struct refuting *of, uint32_t newcomer, uint32_t host)
{
	const struct amounts *amounts = &of->reaches->amounts;
	uint32_t asked[RESOURCES_ASKED_MOST], count = amounts_asked(amounts, newcomer, host, asked),
					      least = 0;
	uint32_t best = NONE;

	for (uint32_t i = 0; i < count; i++) {
		__int128 sum = taken(of, host, asked[i], NONE);
		uint32_t vm = state_vms_first(state_of(of), host);

		for (; vm != NONE; vm = state_vms_next(state_of(of), vm))
			sum += is_open(of, vm) ? amount_of_vm(amounts, vm, host, asked[i]) : 0;
		if (sum <= amount_of_host(amounts, host, asked[i]))
			continue;
		for (vm = state_vms_first(state_of(of), host); vm != NONE;
		     vm = state_vms_next(state_of(of), vm)) {
			if (is_open(of, vm) && amount_of_vm(amounts, vm, host, asked[i]) > 0)
				consider(of, vm, &best, &least);
		}
		if (best != NONE)
			return best;
	}
	return NONE;
}

/* The VM to look at next; NONE: all that must leave are somewhere, and nobody is in their way. */
static uint32_t next_vm(struct refuting *of)
{
	uint32_t best = NONE, least = 0;

	for (uint32_t i = 0; i < of->mover_count; i++) {
		if (is_open(of, of->vms[i]))
			consider(of, of->vms[i], &best, &least);
	}
	for (uint32_t i = 0; i < of->vm_count && best == NONE; i++) {
		uint32_t vm = of->vms[i], host = of->reaches->assumed[vm];

		if (host != NONE && host != state_of(of)->vm_host[vm])
			best = in_the_way(of, vm, host);
	}
	return best;
}

static enum refutation look_at(struct refuting *of, struct fact *ret_fact);

/* Wherever the VM ends, there must be a fact against it. */
static enum refutation split(struct refuting *of, uint32_t vm, struct fact *ret_fact)
{
	uint32_t host_count = state_of(of)->cluster->host_count, before = of->vm_count;
	enum refutation result = REFUTED;

	*ret_fact = (struct fact){ .kind = FACT_SPLIT, .vm = vm };
	ret_fact->hosts = ARENA_ARRAY(of->arena, uint32_t, host_count);
	ret_fact->cases = ARENA_ARRAY(of->arena, struct fact, host_count);
	if (!goal_must_leave(of->goal, state_of(of), vm)) /* else it is among them */
		of->vms[of->vm_count++] = vm;
	for (uint32_t host = 0; host < host_count && result == REFUTED; host++) {
		if (!reach_may_end(of->reaches, of->goal, vm, host))
			continue;
		of->reaches->assumed[vm] = host;
		result = look_at(of, &ret_fact->cases[ret_fact->host_count]);
		ret_fact->hosts[ret_fact->host_count++] = host;
		if (result != NOT_REFUTED)
			of->reaches->assumed[vm] = NONE;
	}
	of->vm_count = before;
	return result;
}

static enum refutation look_at(struct refuting *of, struct fact *ret_fact)
{
	uint32_t vm;

	if (of->cases_left == 0)
		return REFUTE_UNKNOWN;
	of->cases_left--;
	if (fact_find_room(of->reaches, of->goal, of->vms, of->vm_count, of->arena, ret_fact))
		return REFUTED;
	vm = next_vm(of);
	return vm == NONE ? NOT_REFUTED : split(of, vm, ret_fact);
}

/* The VMs and hosts that the tree is about, for people. */
static void gather(const struct fact *fact, bool *vms, bool *hosts)
{
	if (fact->kind == FACT_SPLIT) {
		vms[fact->vm] = true;
		for (uint32_t i = 0; i < fact->host_count; i++)
			gather(&fact->cases[i], vms, hosts);
		return;
	}
	for (uint32_t i = 0; i < fact->vm_count; i++)
		vms[fact->vms[i]] = true;
	for (uint32_t i = 0; i < fact->host_count; i++)
		hosts[fact->hosts[i]] = true;
}

static uint32_t *listed(const bool *among, uint32_t count, struct arena *arena, uint32_t *ret_count)
{
	uint32_t *list = ARENA_ARRAY(arena, uint32_t, count);

	for (uint32_t i = 0; i < count; i++) {
		if (among[i])
			list[(*ret_count)++] = i;
	}
	return list;
}

static void take_names(struct fact *fact, const struct cluster *cluster, struct arena *arena)
{
	bool *hosts = MEMORY_ARRAY(bool, cluster->host_count), *vms = MEMORY_ARRAY(bool, cluster->vm_count);

	gather(fact, vms, hosts);
	fact->vms = listed(vms, cluster->vm_count, arena, &fact->vm_count);
	fact->about = listed(hosts, cluster->host_count, arena, &fact->about_count);
	free(hosts);
	free(vms);
}

enum refutation refute(struct reaches *reaches, const struct goal *goal, const uint32_t *movers,
                       uint32_t mover_count, uint32_t *cases_left, struct arena *arena, struct fact *ret_fact,
                       uint32_t *ends)
{
	uint32_t vm_count = reaches->state->cluster->vm_count;
	struct refuting of = { .reaches = reaches,
		               .goal = goal,
		               .vms = MEMORY_ARRAY(uint32_t, vm_count),
		               .vm_count = mover_count,
		               .mover_count = mover_count,
		               .cases_left = *cases_left,
		               .arena = arena };
	enum refutation result;

	memcpy(of.vms, movers, sizeof(movers[0]) * mover_count);
	reaches->assumed = MEMORY_ARRAY(uint32_t, vm_count);
	memset(reaches->assumed, 0xff, sizeof(uint32_t) * vm_count);
	result = look_at(&of, ret_fact);
	for (uint32_t vm = 0; vm < vm_count && result == NOT_REFUTED; vm++)
		ends[vm] = is_open(&of, vm) ? reaches->state->vm_host[vm] : reaches->assumed[vm];
	*cases_left = of.cases_left;
	free(reaches->assumed);
	reaches->assumed = NULL;
	free(of.vms);
	if (result == REFUTED && ret_fact->kind == FACT_SPLIT)
		take_names(ret_fact, reaches->state->cluster, arena);
	return result;
}

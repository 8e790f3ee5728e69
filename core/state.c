/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/state.h"

#include "core/flavor.h"
#include "core/members.h"
#include "core/must.h"
#include "core/numa.h"

#include <stdlib.h>
#include <string.h>

enum undo_kind {
	UNDO_CLAIM,
	UNDO_UNCLAIM,
	UNDO_ARRIVE,
	UNDO_PLACE,
	UNDO_REMOVE,
	UNDO_FLAVOR,
	UNDO_VM_STATE,
	UNDO_VM_BUSY,
	UNDO_HOST,
	UNDO_UNDER_WAY
};

/* What takes one change back. Which members count depends on the kind. */
struct undo {
	uint8_t kind;
	uint8_t byte; /* the VM's state or business before */
	int8_t change;
	struct host_status status;
	uint32_t vm, host; /* host: where it was, or the host that changed; a flavor's index */
	uint32_t before;   /* its neighbour in the list of its host */
	struct numa_claim here, coming;
};

static struct undo *undo_push(struct state *state, enum undo_kind kind, uint32_t vm, uint32_t host)
{
	static _Thread_local struct undo nowhere;
	struct undo *undo = &nowhere;

	if (state->undo_on) {
		if (state->undo_count == state->undo_room) {
			state->undo_room = state->undo_room ? state->undo_room * 2 : 64;
			state->undo = memory_resize(state->undo, state->undo_room, sizeof(*undo));
		}
		undo = &state->undo[state->undo_count++];
	}
	*undo = (struct undo){ .kind = (uint8_t)kind, .vm = vm, .host = host };
	if (vm != NONE && state->numa_here) {
		undo->here = state->numa_here[vm];
		undo->coming = state->numa_coming[vm];
	}
	return undo;
}

/* Each host's VMs are a list in the order of arrival. */
static void list_append(struct state *state, uint32_t vm, uint32_t host)
{
	uint32_t last = state->host_vms_last[host];

	state->vm_before[vm] = last;
	state->vm_next[vm] = NONE;
	if (last == NONE)
		state->host_vms_first[host] = vm;
	else
		state->vm_next[last] = vm;
	state->host_vms_last[host] = vm;
}

static void list_unlink(struct state *state, uint32_t vm, uint32_t host)
{
	uint32_t before = state->vm_before[vm], next = state->vm_next[vm];

	if (before == NONE)
		state->host_vms_first[host] = next;
	else
		state->vm_next[before] = next;
	if (next == NONE)
		state->host_vms_last[host] = before;
	else
		state->vm_before[next] = before;
}

/* Puts a VM back behind `before`, where list_unlink took it from. */
static void list_relink(struct state *state, uint32_t vm, uint32_t host, uint32_t before)
{
	uint32_t next = before == NONE ? state->host_vms_first[host] : state->vm_next[before];

	state->vm_before[vm] = before;
	state->vm_next[vm] = next;
	if (before == NONE)
		state->host_vms_first[host] = vm;
	else
		state->vm_next[before] = vm;
	if (next == NONE)
		state->host_vms_last[host] = vm;
	else
		state->vm_before[next] = vm;
}

/* Adds or takes away what a flavor takes of a host, NUMA nodes apart. */
static void use_count(struct state *state, uint32_t host, uint32_t vm, int sign)
{
	const struct flavor *flavor = state_flavor(state, vm);
	const struct host *of = &state->cluster->hosts[host];
	struct host_use *use = &state->uses[host];

	use->shared_vcpus += sign * flavor_shared_vcpus(flavor);
	use->dedicated_vcpus += sign * flavor_dedicated_vcpus(flavor);
	use->memory_mib += sign * flavor->memory_mib;
	use->disk_gib += sign * flavor_disk_gib(flavor, state->cluster->vms[vm].boot);
	use->vms += (uint32_t)sign;
	for (uint32_t i = 0; i < flavor->pci_count; i++) {
		for (uint32_t pool = 0; pool < of->pci_count; pool++) {
			if (of->pci[pool].alias == flavor->pci[i].alias)
				state->pci[of->pci_first + pool] += sign * flavor->pci[i].count;
		}
	}
}

/* Finds nodes for a NUMA-bound VM and counts them. */
static void numa_take(struct state *state, uint32_t host, uint32_t vm, struct numa_claim *claims)
{
	const struct flavor *flavor = state_flavor(state, vm);
	const struct host *of = &state->cluster->hosts[host];

	if (flavor->numa_count == 0)
		return;
	if (!numa_fit(of, &state->numa[of->numa_first], flavor, &claims[vm]))
		numa_force(of, flavor, &claims[vm]);
	numa_count(&state->numa[of->numa_first], flavor, &claims[vm], 1);
}

static void numa_give(struct state *state, uint32_t host, uint32_t vm, const struct numa_claim *claim,
                      int sign)
{
	const struct flavor *flavor = state_flavor(state, vm);

	if (flavor->numa_count > 0)
		numa_count(&state->numa[state->cluster->hosts[host].numa_first], flavor, claim, sign);
}

static void group_count(struct state *state, uint32_t vm, uint32_t host, int here, int coming)
{
	uint32_t group = state->cluster->vms[vm].group;

	if (group != NONE)
		members_change(state->members, group, host, here, coming);
}

static void arrays_create(struct state *state, const struct cluster *cluster)
{
	bool bound = false;

	state->vm_host = MEMORY_ARRAY(uint32_t, cluster->vm_count);
	state->vm_target = MEMORY_ARRAY(uint32_t, cluster->vm_count);
	state->vm_flavor = MEMORY_ARRAY(uint32_t, cluster->vm_count);
	state->vm_state = MEMORY_ARRAY(uint8_t, cluster->vm_count);
	state->vm_busy = MEMORY_ARRAY(bool, cluster->vm_count);
	state->vm_next = MEMORY_ARRAY(uint32_t, cluster->vm_count);
	state->vm_before = MEMORY_ARRAY(uint32_t, cluster->vm_count);
	state->hosts = MEMORY_ARRAY(struct host_status, cluster->host_count);
	state->uses = MEMORY_ARRAY(struct host_use, cluster->host_count);
	state->host_vms_first = MEMORY_ARRAY(uint32_t, cluster->host_count);
	state->host_vms_last = MEMORY_ARRAY(uint32_t, cluster->host_count);
	state->numa = MEMORY_ARRAY(struct numa_use, cluster->numa_count);
	state->pci = MEMORY_ARRAY(int64_t, cluster->pci_pool_count);
	state->groups = MEMORY_ARRAY(struct group, cluster->group_count);
	state->members = members_new(cluster->group_count);
	for (uint32_t i = 0; i < cluster->flavor_count; i++)
		bound |= cluster->flavors[i].numa_count > 0;
	if (bound) {
		state->numa_here = MEMORY_ARRAY(struct numa_claim, cluster->vm_count);
		state->numa_coming = MEMORY_ARRAY(struct numa_claim, cluster->vm_count);
	}
}

void state_create(struct state *ret_state, const struct cluster *cluster)
{
	struct state *state = ret_state;

	*state = (struct state){ .cluster = cluster, .profile = cluster->profile };
	arrays_create(state, cluster);
	if (cluster->group_count)
		memcpy(state->groups, cluster->groups, sizeof(state->groups[0]) * cluster->group_count);
	for (uint32_t host = 0; host < cluster->host_count; host++) {
		const struct host *of = &cluster->hosts[host];

		state->hosts[host] = (struct host_status){ of->administrative, of->operational,
			                                   of->availability, false };
		state->host_vms_first[host] = state->host_vms_last[host] = NONE;
	}
	for (uint32_t vm = 0; vm < cluster->vm_count; vm++) {
		state->vm_host[vm] = state->vm_target[vm] = NONE;
		state->vm_flavor[vm] = cluster->vms[vm].flavor;
		state->vm_state[vm] = cluster->vms[vm].state;
		state->vm_busy[vm] = cluster->vms[vm].task;
		if (cluster->vms[vm].host != NONE)
			state_place(state, vm, cluster->vms[vm].host);
	}
}

void state_free(struct state *state)
{
	free(state->vm_host);
	free(state->vm_target);
	free(state->vm_flavor);
	free(state->vm_state);
	free(state->vm_busy);
	free(state->vm_next);
	free(state->vm_before);
	free(state->hosts);
	free(state->uses);
	free(state->host_vms_first);
	free(state->host_vms_last);
	free(state->numa);
	free(state->pci);
	free(state->groups);
	members_free(state->members);
	free(state->numa_here);
	free(state->numa_coming);
	free(state->undo);
	*state = (struct state){ 0 };
}

void state_claim(struct state *state, uint32_t vm, uint32_t target)
{
	must(state->vm_target[vm] == NONE);
	undo_push(state, UNDO_CLAIM, vm, target);
	state->vm_target[vm] = target;
	use_count(state, target, vm, 1);
	numa_take(state, target, vm, state->numa_coming);
	group_count(state, vm, target, 0, 1);
}

static void unclaim(struct state *state, uint32_t vm)
{
	uint32_t target = state->vm_target[vm];

	must(target != NONE);
	group_count(state, vm, target, 0, -1);
	if (state->numa_coming)
		numa_give(state, target, vm, &state->numa_coming[vm], -1);
	use_count(state, target, vm, -1);
	state->vm_target[vm] = NONE;
}

void state_unclaim(struct state *state, uint32_t vm)
{
	undo_push(state, UNDO_UNCLAIM, vm, state->vm_target[vm]);
	unclaim(state, vm);
}

/* Takes back an unclaim, or sets up the claim of an arrival that is taken back: the very same nodes. */
static void reclaim(struct state *state, const struct undo *undo, uint32_t target)
{
	state->vm_target[undo->vm] = target;
	use_count(state, target, undo->vm, 1);
	if (state->numa_coming) {
		state->numa_coming[undo->vm] = undo->coming;
		numa_give(state, target, undo->vm, &undo->coming, 1);
	}
	group_count(state, undo->vm, target, 0, 1);
}

void state_arrive(struct state *state, uint32_t vm)
{
	uint32_t source = state->vm_host[vm], target = state->vm_target[vm];

	must(target != NONE && source != NONE);
	undo_push(state, UNDO_ARRIVE, vm, source)->before = state->vm_before[vm];
	group_count(state, vm, target, 1, -1);
	group_count(state, vm, source, -1, 0);
	use_count(state, source, vm, -1);
	if (state->numa_here) {
		numa_give(state, source, vm, &state->numa_here[vm], -1);
		state->numa_here[vm] = state->numa_coming[vm];
	}
	list_unlink(state, vm, source);
	list_append(state, vm, target);
	state->vm_host[vm] = target;
	state->vm_target[vm] = NONE;
}

static void arrive_back(struct state *state, const struct undo *undo)
{
	uint32_t vm = undo->vm, source = undo->host, target = state->vm_host[vm];

	list_unlink(state, vm, target);
	list_relink(state, vm, source, undo->before);
	state->vm_host[vm] = source;
	state->vm_target[vm] = target;
	if (state->numa_here) {
		state->numa_here[vm] = undo->here;
		state->numa_coming[vm] = undo->coming;
		numa_give(state, source, vm, &undo->here, 1);
	}
	use_count(state, source, vm, 1);
	group_count(state, vm, source, 1, 0);
	group_count(state, vm, target, -1, 1);
}

void state_place(struct state *state, uint32_t vm, uint32_t host)
{
	must(state->vm_host[vm] == NONE);
	undo_push(state, UNDO_PLACE, vm, host);
	state->vm_host[vm] = host;
	use_count(state, host, vm, 1);
	numa_take(state, host, vm, state->numa_here);
	group_count(state, vm, host, 1, 0);
	list_append(state, vm, host);
}

static void take_off(struct state *state, uint32_t vm)
{
	uint32_t host = state->vm_host[vm];

	list_unlink(state, vm, host);
	group_count(state, vm, host, -1, 0);
	if (state->numa_here)
		numa_give(state, host, vm, &state->numa_here[vm], -1);
	use_count(state, host, vm, -1);
	state->vm_host[vm] = NONE;
}

void state_remove(struct state *state, uint32_t vm)
{
	must(state->vm_host[vm] != NONE && state->vm_target[vm] == NONE);
	undo_push(state, UNDO_REMOVE, vm, state->vm_host[vm])->before = state->vm_before[vm];
	take_off(state, vm);
}

static void remove_back(struct state *state, const struct undo *undo)
{
	uint32_t vm = undo->vm, host = undo->host;

	state->vm_host[vm] = host;
	use_count(state, host, vm, 1);
	if (state->numa_here) {
		state->numa_here[vm] = undo->here;
		numa_give(state, host, vm, &undo->here, 1);
	}
	group_count(state, vm, host, 1, 0);
	list_relink(state, vm, host, undo->before);
}

void state_move(struct state *state, uint32_t vm, uint32_t target)
{
	state_claim(state, vm, target);
	state_arrive(state, vm);
}

/* Takes the VM's claims away with the flavor that it has. */
static void claims_count(struct state *state, uint32_t vm, int sign)
{
	uint32_t host = state->vm_host[vm], target = state->vm_target[vm];

	if (host != NONE) {
		use_count(state, host, vm, sign);
		if (state->numa_here)
			numa_give(state, host, vm, &state->numa_here[vm], sign);
	}
	if (target != NONE) {
		use_count(state, target, vm, sign);
		if (state->numa_coming)
			numa_give(state, target, vm, &state->numa_coming[vm], sign);
	}
}

void state_set_flavor(struct state *state, uint32_t vm, uint32_t flavor)
{
	uint32_t host = state->vm_host[vm], target = state->vm_target[vm];

	undo_push(state, UNDO_FLAVOR, vm, state->vm_flavor[vm]);
	claims_count(state, vm, -1);
	state->vm_flavor[vm] = flavor;
	if (host != NONE) {
		use_count(state, host, vm, 1);
		numa_take(state, host, vm, state->numa_here);
	}
	if (target != NONE) {
		use_count(state, target, vm, 1);
		numa_take(state, target, vm, state->numa_coming);
	}
}

static void flavor_back(struct state *state, const struct undo *undo)
{
	claims_count(state, undo->vm, -1);
	state->vm_flavor[undo->vm] = undo->host;
	if (state->numa_here) {
		state->numa_here[undo->vm] = undo->here;
		state->numa_coming[undo->vm] = undo->coming;
	}
	claims_count(state, undo->vm, 1);
}

void state_set_vm_state(struct state *state, uint32_t vm, enum vm_state vm_state)
{
	undo_push(state, UNDO_VM_STATE, vm, NONE)->byte = state->vm_state[vm];
	state->vm_state[vm] = (uint8_t)vm_state;
}

void state_set_vm_busy(struct state *state, uint32_t vm, bool busy)
{
	undo_push(state, UNDO_VM_BUSY, vm, NONE)->byte = state->vm_busy[vm];
	state->vm_busy[vm] = busy;
}

void state_set_host(struct state *state, uint32_t host, struct host_status status)
{
	undo_push(state, UNDO_HOST, NONE, host)->status = state->hosts[host];
	state->hosts[host] = status;
}

void state_under_way(struct state *state, uint32_t host, int change)
{
	undo_push(state, UNDO_UNDER_WAY, NONE, host)->change = (int8_t)change;
	must((int64_t)state->uses[host].under_way + change >= 0);
	state->uses[host].under_way += (uint32_t)change;
}

uint32_t state_mark(struct state *state)
{
	state->undo_on = true;
	return state->undo_count;
}

static void undo_one(struct state *state, const struct undo *undo)
{
	switch ((enum undo_kind)undo->kind) {
	case UNDO_CLAIM:
		unclaim(state, undo->vm);
		break;
	case UNDO_UNCLAIM:
		reclaim(state, undo, undo->host);
		break;
	case UNDO_ARRIVE:
		arrive_back(state, undo);
		break;
	case UNDO_PLACE:
		take_off(state, undo->vm);
		break;
	case UNDO_REMOVE:
		remove_back(state, undo);
		break;
	case UNDO_FLAVOR:
		flavor_back(state, undo);
		break;
	case UNDO_VM_STATE:
		state->vm_state[undo->vm] = undo->byte;
		break;
	case UNDO_VM_BUSY:
		state->vm_busy[undo->vm] = undo->byte;
		break;
	case UNDO_HOST:
		state->hosts[undo->host] = undo->status;
		break;
	case UNDO_UNDER_WAY:
		state->uses[undo->host].under_way -= (uint32_t)undo->change;
		break;
	}
}

void state_rollback(struct state *state, uint32_t mark)
{
	must(mark <= state->undo_count);
	while (state->undo_count > mark) {
		const struct undo *undo = &state->undo[--state->undo_count];

		undo_one(state, undo);
		/* Claims that no longer count as well, so that a state is its old self byte for byte. */
		if (undo->vm != NONE && state->numa_here) {
			state->numa_here[undo->vm] = undo->here;
			state->numa_coming[undo->vm] = undo->coming;
		}
	}
	if (mark == 0)
		state->undo_on = false;
}

uint32_t state_members(const struct state *state, uint32_t group, uint32_t host)
{
	return members_here(state->members, group, host);
}

uint32_t state_members_claimed(const struct state *state, uint32_t group, uint32_t host)
{
	return members_here(state->members, group, host) + members_coming(state->members, group, host);
}

uint32_t state_group_placed(const struct state *state, uint32_t group)
{
	return members_placed(state->members, group);
}

uint32_t state_group_hosts(const struct state *state, uint32_t group)
{
	return members_hosts(state->members, group);
}

bool state_numa_fits(const struct state *state, uint32_t host, const struct flavor *flavor,
                     struct numa_claim *ret_claim)
{
	const struct host *of = &state->cluster->hosts[host];

	return flavor->numa_count == 0 || numa_fit(of, &state->numa[of->numa_first], flavor, ret_claim);
}

int64_t state_pci_left(const struct state *state, uint32_t host, const char *alias)
{
	const struct host *of = &state->cluster->hosts[host];

	for (uint32_t pool = 0; pool < of->pci_count; pool++) {
		if (of->pci[pool].alias == alias)
			return of->pci[pool].count - state->pci[of->pci_first + pool];
	}
	return 0;
}

bool state_host_up(const struct state *state, uint32_t host)
{
	uint8_t availability = state->hosts[host].availability;

	/* docs/rules.md, "A disabled source is fine, one that is down (offline, failed, power-off) is not".
	 */
	return !state->hosts[host].absent && availability != AVAIL_OFFLINE && availability != AVAIL_FAILED &&
	       availability != AVAIL_POWER_OFF;
}

bool state_host_enabled(const struct state *state, uint32_t host)
{
	const struct host_status *status = &state->hosts[host];

	return !status->absent && status->administrative == ADMIN_UNLOCKED &&
	       status->operational == OPER_ENABLED;
}

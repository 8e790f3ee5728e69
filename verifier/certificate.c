/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A certificate says why no sequence of moves empties the hosts of its goal. Its facts are about where the
 * VMs can be in the end: a host is never fuller than it may be, unless nobody has come to it
 * (docs/proofs.md).
 */
#include "verifier/verify.h"

#include <stdlib.h>
#include <string.h>

enum { STATES_MOST = 8000000, DEPTH_MOST = 200 };

struct judge {
	const struct cluster *cluster;
	struct report *report;
	bool *goal;                        /* by host: to be emptied */
	bool **domains;                    /* by VM: hosts where it can ever be; NULL: not looked at yet */
	uint32_t *assumed;                 /* by VM: where it ends in the present case; NOWHERE: open */
	uint32_t split[DEPTH_MOST], depth; /* the VMs of which that is assumed */
};

static bool refute(const struct judge *judge, const char *rule, uint32_t vm, const char *why)
{
	report(judge->report, VIOLATED, rule, NULL, NULL, vm == NOWHERE ? NULL : judge->cluster->vms[vm].name,
	       why);
	return false;
}

/* Where a VM can ever be, whatever the others do: where it is, and where it is never refused. */
static const bool *domain_of(struct judge *judge, uint32_t vm)
{
	const struct cluster *cluster = judge->cluster;
	uint32_t at = cluster->vms[vm].host;
	bool *domain = judge->domains[vm], *held;

	if (domain)
		return domain;
	domain = judge->domains[vm] = take(cluster->host_count, 1);
	if (at == NOWHERE)
		return domain;
	held = take(cluster->host_count, 1);
	/* Members of a strict affinity group only join others: never a host that held none at the beginning.
	 */
	for (uint32_t other = 0;
	     strict(cluster, cluster->vms[vm].group, AFFINITY) && other < cluster->vm_count; other++) {
		if (other != vm && cluster->vms[other].group == cluster->vms[vm].group &&
		    cluster->vms[other].host != NOWHERE)
			held[cluster->vms[other].host] = true;
	}
	for (uint32_t host = 0; host < cluster->host_count; host++)
		domain[host] = method_at(cluster, vm, at) != STUCK && !never_allowed(cluster, vm, at, host) &&
		               (held[host] || !strict(cluster, cluster->vms[vm].group, AFFINITY));
	domain[at] = true;
	return domain;
}

/* Whether a VM can be on a host in the end: not on one of the goal, but for VMs that a lock leaves there. */
static bool may_end(struct judge *judge, uint32_t vm, uint32_t host)
{
	if (judge->assumed[vm] != NOWHERE)
		return judge->assumed[vm] == host;
	return domain_of(judge, vm)[host] && (!judge->goal[host] || stays_behind(judge->cluster, vm));
}

/* The VMs or hosts that a fact is about, each once. */
static uint32_t *read_list(const cJSON *fact, const char *name, uint32_t (*find)(const char *),
                           uint32_t *ret_count)
{
	const cJSON *entry, *list = array_of(fact, name, true);
	uint32_t *indexes = take((size_t)cJSON_GetArraySize(list), sizeof(*indexes));
	struct names names = { 0 };

	cJSON_ArrayForEach(entry, list)
	{
		indexes[*ret_count] = cJSON_IsString(entry) ? find(entry->valuestring) : NOWHERE;
		if (indexes[(*ret_count)++] == NOWHERE)
			wrong(name, "names something that is not in the cluster");
		names_add(&names, entry->valuestring, 0);
	}
	names_sort(&names); /* looks for what stands twice */
	return indexes;
}

static int compare_wide(const void *a, const void *b)
{
	wide x = *(const wide *)a, y = *(const wide *)b;

	return x < y ? -1 : x > y;
}

/* Whether the present case brings somebody to a host who takes of the resource and was not there. */
static bool has_arrival(const struct judge *judge, uint32_t host, uint32_t resource)
{
	for (uint32_t i = 0; i < judge->depth; i++) {
		uint32_t vm = judge->split[i];

		if (judge->assumed[vm] == host && judge->cluster->vms[vm].host != host &&
		    demand(judge->cluster, vm, host, resource) > 0)
			return true;
	}
	return false;
}

/* How much of the resource, or how many, of the VMs can end on a host at the most. */
static wide most_on(struct judge *judge, uint32_t host, uint32_t resource, const uint32_t *vms,
                    uint32_t count, bool by_number)
{
	const struct cluster *cluster = judge->cluster;
	wide room = capacity(cluster, host, resource), *parts = take(count, sizeof(wide)), here = 0, most = 0;
	uint32_t used = 0;

	for (uint32_t i = 0; i < count; i++) {
		wide part = demand(cluster, vms[i], host, resource);

		if (may_end(judge, vms[i], host))
			parts[used++] = part;
		if (part == 0)
			here += by_number &&
			        may_end(judge, vms[i], host); /* there may be any number of them */
		else if (cluster->vms[vms[i]].host == host)
			here += by_number ? 1 : part;
	}
	qsort(parts, used, sizeof(*parts), compare_wide);
	for (uint32_t i = 0; i < used && (parts[i] == 0 || parts[i] <= room); i++, most++)
		room -= by_number ? parts[i] : 0;
	most = by_number ? most : room > 0 ? room : 0;
	/* As long as nobody has come, what was there at the beginning may be too much. */
	return here > most && !has_arrival(judge, host, resource) ? here : most;
}

/* How many of the VMs can end on a host at the most, by each resource that the first of them asks for. */
static wide number_on(struct judge *judge, uint32_t host, const uint32_t *vms, uint32_t count)
{
	uint32_t asked[ASKED_MOST];
	uint32_t resources = count ? resources_asked(judge->cluster, vms[0], host, asked) : 0;
	wide least = count, most;

	for (uint32_t i = 0; i < resources; i++) {
		most = most_on(judge, host, asked[i], vms, count, true);
		least = most < least ? most : least;
	}
	return least;
}

/* {"fact": "capacity" | "count"}: the VMs can only end on these hosts, which cannot take them all. */
static bool check_room(struct judge *judge, const cJSON *fact, bool by_number)
{
	const struct cluster *cluster = judge->cluster;
	const char *name = by_number ? "count" : text_of(fact, "resource", NULL);
	uint32_t resource = by_number ? 0 : resource_named(cluster, name), vm_count = 0, host_count = 0;
	uint32_t *vms = read_list(fact, "vms", find_vm, &vm_count);
	uint32_t *hosts = read_list(fact, "hosts", find_host, &host_count);
	bool *among = take(cluster->host_count, 1);
	wide needed = by_number ? (wide)vm_count : 0, available = 0;
	double unit = by_number ? 1 : resource_unit(resource);
	const cJSON *stated = member(fact, "needed"), *left = member(fact, "available");

	if (resource == NOWHERE || !cJSON_IsNumber(stated) || !cJSON_IsNumber(left))
		wrong("fact", "expected a resource of the cluster, and the numbers needed and available");
	for (uint32_t i = 0; i < host_count; i++) {
		among[hosts[i]] = true;
		available += by_number ? number_on(judge, hosts[i], vms, vm_count)
		                       : most_on(judge, hosts[i], resource, vms, vm_count, false);
	}
	for (uint32_t i = 0; i < vm_count; i++) {
		wide least = -1;

		for (uint32_t host = 0; host < cluster->host_count; host++) {
			wide part = demand(cluster, vms[i], host, resource);

			if (!may_end(judge, vms[i], host))
				continue;
			if (!among[host])
				return refute(judge, "domain", vms[i],
				              "the VM can end on a host that the fact leaves out");
			least = least < 0 || part < least ? part : least;
		}
		if (cluster->vms[vms[i]].host == NOWHERE)
			return refute(judge, "domain", vms[i], "the VM is on no host");
		needed += by_number || least < 0 ? 0 : least;
	}
	if (needed <= available)
		return refute(judge, name, NOWHERE, "there is room for all of them");
	if (stated->valuedouble != (double)needed / unit || left->valuedouble != (double)available / unit)
		return refute(judge, name, NOWHERE, "the numbers needed and available are others");
	return true;
}

/* ------------------------------------------------------------------------- all that some VMs can reach */

/* A state: for each of the VMs its host, then the nodes that it has there. */
struct reach {
	struct judge *judge;
	uint32_t *vms, count, width;
	bool *exact,
		*whole; /* by host, by group: all VMs that matter for its NUMA nodes, all members are known */
	uint32_t *states, state_count, *slots;
	size_t room;
};

static uint32_t *state_at(const struct reach *reach, uint32_t index)
{
	return reach->states + (size_t)index * reach->width;
}

static struct claim *claim_of(const struct reach *reach, uint32_t *state, uint32_t k)
{
	return (struct claim *)(void *)(state + reach->count) + k;
}

/* The slot of a state, or the free one where it belongs. */
static uint32_t *slot_of(const struct reach *reach, const uint32_t *state)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (uint32_t i = 0; i < reach->width; i++)
		hash = (hash ^ state[i] ^ hash >> 29) * UINT64_C(1099511628211);
	for (size_t slot = (hash ^ hash >> 32) & (reach->room - 1);; slot = (slot + 1) & (reach->room - 1)) {
		uint32_t found = reach->slots[slot];

		if (!found || !memcmp(state_at(reach, found - 1), state, reach->width * sizeof(*state)))
			return &reach->slots[slot];
	}
}

static void add_state(struct reach *reach, const uint32_t *state)
{
	uint32_t *slot;

	if ((size_t)reach->state_count * 2 >= reach->room) {
		reach->room = reach->room ? reach->room * 2 : 1024;
		reach->states = grow(reach->states, reach->state_count, reach->room,
		                     reach->width * sizeof(*state));
		reach->slots = take(reach->room, sizeof(*reach->slots));
		for (uint32_t i = 0; i < reach->state_count; i++)
			*slot_of(reach, state_at(reach, i)) = i + 1;
	}
	slot = slot_of(reach, state);
	if (*slot)
		return;
	memcpy(state_at(reach, reach->state_count), state, reach->width * sizeof(*state));
	*slot = ++reach->state_count;
}

/* Whether a VM may go to a host now. Those that are not among the reach's VMs are taken not to be in the way.
 */
static bool may_go(const struct reach *reach, uint32_t *state, uint32_t k, uint32_t to,
                   struct claim *ret_claim)
{
	const struct cluster *cluster = reach->judge->cluster;
	const struct vm *of = &cluster->vms[reach->vms[k]];
	const struct flavor *flavor = &cluster->flavors[of->flavor];
	uint32_t asked[ASKED_MOST], count = resources_asked(cluster, reach->vms[k], to, asked);
	bool joins = !strict(cluster, of->group, AFFINITY) || !reach->whole[of->group];
	struct node used[HOST_NODES_MOST] = { 0 };

	if (method_at(cluster, reach->vms[k], state[k]) == STUCK ||
	    never_allowed(cluster, reach->vms[k], state[k], to))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		wide left = capacity(cluster, to, asked[i]) - demand(cluster, reach->vms[k], to, asked[i]);

		for (uint32_t j = 0; j < reach->count; j++)
			left -= state[j] == to ? demand(cluster, reach->vms[j], to, asked[i]) : 0;
		if (left < 0)
			return false;
	}
	for (uint32_t j = 0; j < reach->count; j++) {
		const struct vm *other = &cluster->vms[reach->vms[j]];

		joins |= state[j] == to && other->group == of->group;
		if (state[j] == to)
			count_nodes(used, &cluster->flavors[other->flavor], claim_of(reach, state, j), 1);
	}
	return joins && (flavor->guest_nodes == 0 || !reach->exact[to] ||
	                 find_nodes(&cluster->hosts[to], used, flavor, ret_claim));
}

/* The cluster's state, and what is known for certain about whom the VMs can meet. */
static uint32_t *first_state(struct reach *reach)
{
	const struct cluster *cluster = reach->judge->cluster;
	struct claim *claims = take(cluster->vm_count, sizeof(*claims));
	struct node used[HOST_NODES_MOST];
	uint32_t *state = take(reach->width, sizeof(*state));
	bool *listed = take(cluster->vm_count, 1);

	reach->exact = take(cluster->host_count, 1);
	reach->whole = take(cluster->group_count, 1);
	memset(reach->exact, 1, cluster->host_count);
	memset(reach->whole, 1, cluster->group_count);
	for (uint32_t k = 0; k < reach->count; k++) {
		state[k] = cluster->vms[reach->vms[k]].host;
		listed[reach->vms[k]] = true;
		if (state[k] == NOWHERE)
			wrong("vms", "names a VM that is on no host");
		begin_nodes(cluster, state[k], used, claims);
		*claim_of(reach, state, k) = claims[reach->vms[k]];
	}
	for (uint32_t vm = 0; vm < cluster->vm_count; vm++) {
		const struct vm *of = &cluster->vms[vm];

		if (listed[vm] || of->host == NOWHERE)
			continue;
		if (of->group != NOWHERE)
			reach->whole[of->group] = false;
		for (uint32_t host = 0;
		     cluster->flavors[of->flavor].guest_nodes && host < cluster->host_count; host++)
			reach->exact[host] &= !domain_of(reach->judge, vm)[host];
	}
	return state;
}

/* {"fact": "unreachable"}: in no state that the VMs can reach are the goal's hosts without them. */
static bool check_reach(struct judge *judge, const cJSON *fact)
{
	const struct cluster *cluster = judge->cluster;
	struct reach reach = { .judge = judge };
	uint32_t *state;

	reach.vms = read_list(fact, "vms", find_vm, &reach.count);
	reach.width = reach.count * (1 + (uint32_t)(sizeof(struct claim) / sizeof(uint32_t)));
	state = first_state(&reach);
	add_state(&reach, state);
	for (uint32_t i = 0; i < reach.state_count; i++) {
		bool reached = true;

		memcpy(state, state_at(&reach, i), reach.width * sizeof(*state));
		for (uint32_t k = 0; k < reach.count; k++)
			reached &= !judge->goal[state[k]] || stays_behind(cluster, reach.vms[k]);
		if (reached)
			return refute(judge, "unreachable", NOWHERE,
			              "the VMs can leave the hosts of the goal");
		for (uint32_t k = 0; k < reach.count; k++) {
			for (uint32_t to = 0; to < cluster->host_count; to++) {
				struct claim claim = { 0 }, before = *claim_of(&reach, state, k);
				uint32_t from = state[k];

				if (!domain_of(judge, reach.vms[k])[to] ||
				    !may_go(&reach, state, k, to, &claim))
					continue;
				state[k] = to;
				*claim_of(&reach, state, k) = claim;
				add_state(&reach, state);
				state[k] = from;
				*claim_of(&reach, state, k) = before;
			}
		}
		if (reach.state_count > STATES_MOST) {
			report(judge->report, UNKNOWN, "unreachable", NULL, NULL, NULL,
			       "there are too many states");
			return false;
		}
	}
	if (whole_of(fact, "states", -1, 1e15) != reach.state_count)
		return refute(judge, "unreachable", NOWHERE, "the number of states is another");
	return true;
}

static bool check_fact(struct judge *judge, const cJSON *fact);

/* {"split": VM, "cases": […]}: wherever the VM ends, there is a fact against it. */
static bool check_split(struct judge *judge, const cJSON *fact)
{
	const struct cluster *cluster = judge->cluster;
	uint32_t vm = find_vm(text_of(fact, "split", NULL)), host;
	bool *done = take(cluster->host_count, 1);
	const cJSON *entry, *cases = array_of(fact, "cases", true);

	known(fact, "split cases");
	if (vm == NOWHERE || judge->assumed[vm] != NOWHERE)
		wrong("split", "expected a VM of the cluster that is not split yet");
	judge->split[judge->depth++] = vm;
	cJSON_ArrayForEach(entry, cases)
	{
		known(entry, "host proof");
		host = find_host(text_of(entry, "host", NULL));
		if (host == NOWHERE || done[host])
			wrong("cases", "expected each host once");
		done[host] = true;
		judge->assumed[vm] = host;
		if (!check_fact(judge, member(entry, "proof")))
			return false;
		judge->assumed[vm] = NOWHERE;
	}
	judge->depth--;
	for (host = 0; host < cluster->host_count; host++) {
		if (may_end(judge, vm, host) && !done[host])
			return refute(judge, "split", vm, "a host where the VM can end has no case");
	}
	return true;
}

static bool check_fact(struct judge *judge, const cJSON *fact)
{
	static const char *const words[] = { "no-host", "capacity", "count", "unreachable", NULL };
	uint32_t vm;

	judge->report->facts++;
	if (member(fact, "split") && judge->depth < DEPTH_MOST)
		return check_split(judge, fact);
	known(fact, "fact vm vms hosts resource needed available states rule why");
	switch (word_index(words, text_of(fact, "fact", NULL))) {
	case 0:
		vm = find_vm(text_of(fact, "vm", NULL));
		if (vm == NOWHERE || judge->cluster->vms[vm].host == NOWHERE)
			wrong("vm", "expected a VM of the cluster that is on a host");
		for (uint32_t host = 0; host < judge->cluster->host_count; host++) {
			if (may_end(judge, vm, host))
				return refute(judge, "no-host", vm, "there is a host where the VM can end");
		}
		return true;
	case 1:
		return check_room(judge, fact, false);
	case 2:
		return check_room(judge, fact, true);
	case 3:
		return check_reach(judge, fact);
	default:
		wrong("fact", "expected no-host, capacity, count, unreachable or split");
	}
}

void verify_certificate(const struct cluster *cluster, const cJSON *certificate, struct report *report)
{
	struct judge judge = { .cluster = cluster, .report = report };
	size_t mark = memory_mark();

	known(certificate, "schema cluster_digest profile goal proof explanation");
	check_origin(cluster, certificate, "lockkeeper.certificate/1", report);
	judge.goal = goal_hosts(cluster, member(certificate, "goal"));
	judge.domains = take(cluster->vm_count, sizeof(*judge.domains));
	judge.assumed = take(cluster->vm_count, sizeof(*judge.assumed));
	memset(judge.assumed, 0xff, cluster->vm_count * sizeof(*judge.assumed));
	/* A locked host needs nothing, and a cluster of one host stops its VMs. */
	for (uint32_t host = 0; host < cluster->host_count; host++)
		judge.goal[host] &= !cluster->hosts[host].locked && cluster->host_count > 1;
	check_fact(&judge, member(certificate, "proof"));
	report->certificates++;
	memory_release(mark);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/alike.h"

/* Texts are interned: equal means same pointer. */
static bool same_pairs(const struct pairs *a, const struct pairs *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		if (a->at[i].key != b->at[i].key || a->at[i].value != b->at[i].value)
			return false;
	}
	return true;
}

static bool same_texts(const char *const *a, uint32_t a_count, const char *const *b, uint32_t b_count)
{
	if (a_count != b_count)
		return false;
	for (uint32_t i = 0; i < a_count; i++) {
		if (a[i] != b[i])
			return false;
	}
	return true;
}

static bool same_aggregates(const struct host *a, const struct host *b)
{
	if (a->aggregate_count != b->aggregate_count)
		return false;
	for (uint32_t i = 0; i < a->aggregate_count; i++) {
		if (a->aggregates[i].name != b->aggregates[i].name ||
		    !same_pairs(&a->aggregates[i].metadata, &b->aggregates[i].metadata))
			return false;
	}
	return true;
}

static bool same_nodes(const struct host *a, const struct host *b)
{
	if (a->numa_count != b->numa_count)
		return false;
	for (uint32_t i = 0; i < a->numa_count; i++) {
		const struct numa_node *x = &a->numa[i], *y = &b->numa[i];

		if (x->cpus != y->cpus || x->memory_mib != y->memory_mib || x->pages_2m != y->pages_2m ||
		    x->pages_1g != y->pages_1g)
			return false;
	}
	return true;
}

static bool same_devices(const struct host *a, const struct host *b)
{
	if (a->pci_count != b->pci_count)
		return false;
	for (uint32_t i = 0; i < a->pci_count; i++) {
		if (a->pci[i].alias != b->pci[i].alias || a->pci[i].count != b->pci[i].count)
			return false;
	}
	return true;
}

static bool same_amounts(const struct host *a, const struct host *b)
{
	return a->cpus == b->cpus && a->dedicated_cpus == b->dedicated_cpus && a->cpu_ratio == b->cpu_ratio &&
	       a->memory_mib == b->memory_mib && a->memory_ratio == b->memory_ratio &&
	       a->disk_gib == b->disk_gib && a->disk_ratio == b->disk_ratio &&
	       a->reserved_cpus == b->reserved_cpus && a->reserved_memory_mib == b->reserved_memory_mib &&
	       a->reserved_disk_gib == b->reserved_disk_gib;
}

bool hosts_of_one_model(const struct host *a, const struct host *b)
{
	return same_amounts(a, b) && a->zone == b->zone && a->cpu_model == b->cpu_model &&
	       a->storage == b->storage && a->all_networks == b->all_networks && same_nodes(a, b) &&
	       same_devices(a, b) && same_aggregates(a, b) &&
	       same_texts(a->features, a->feature_count, b->features, b->feature_count) &&
	       same_texts(a->networks, a->network_count, b->networks, b->network_count);
}

static bool same_vm(const struct state *state, const struct shapes *shapes, uint32_t a, uint32_t b)
{
	const struct vm *x = &state->cluster->vms[a], *y = &state->cluster->vms[b];

	return shapes->of_vm[a] == shapes->of_vm[b] && x->group == NONE && y->group == NONE &&
	       state->vm_state[a] == state->vm_state[b] && state->vm_busy[a] == state->vm_busy[b] &&
	       x->vote_reject == y->vote_reject && vm_has_pci(state, a) == vm_has_pci(state, b);
}

bool hosts_alike(const struct state *state, const struct shapes *shapes, uint32_t a, uint32_t b)
{
	const struct host_status *x = &state->hosts[a], *y = &state->hosts[b];
	uint32_t vm = state_vms_first(state, a), other = state_vms_first(state, b);

	if (!hosts_of_one_model(&state->cluster->hosts[a], &state->cluster->hosts[b]) ||
	    x->administrative != y->administrative || x->operational != y->operational ||
	    x->availability != y->availability || x->absent != y->absent)
		return false;
	while (vm != NONE && other != NONE && same_vm(state, shapes, vm, other)) {
		vm = state_vms_next(state, vm);
		other = state_vms_next(state, other);
	}
	return vm == NONE && other == NONE;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/amounts.h"

#include "core/flavor.h"

#include <stdio.h>
#include <stdlib.h>

void amounts_create(struct amounts *ret_amounts, const struct cluster *cluster)
{
	*ret_amounts = (struct amounts){ .cluster = cluster };
	for (uint32_t i = 0; i < cluster->flavor_count; i++) {
		const struct flavor *flavor = &cluster->flavors[i];

		for (uint32_t j = 0; j < flavor->pci_count; j++) {
			uint32_t known = 0;

			while (known < ret_amounts->alias_count &&
			       ret_amounts->aliases[known] != flavor->pci[j].alias)
				known++;
			if (known < ret_amounts->alias_count)
				continue;
			ret_amounts->aliases = memory_resize(ret_amounts->aliases, known + 1,
			                                     sizeof(*ret_amounts->aliases));
			ret_amounts->aliases[ret_amounts->alias_count++] = flavor->pci[j].alias;
		}
	}
}

void amounts_free(struct amounts *amounts)
{
	free(amounts->aliases);
	*amounts = (struct amounts){ 0 };
}

__int128 amount_of_host(const struct amounts *amounts, uint32_t host, uint32_t resource)
{
	const struct cluster *cluster = amounts->cluster;
	const struct host *of = &cluster->hosts[host];

	switch (resource) {
	case RESOURCE_CPUS:
		return (__int128)(of->cpus - of->reserved_cpus) * of->cpu_ratio;
	case RESOURCE_DEDICATED:
		return of->dedicated_cpus;
	case RESOURCE_MEMORY:
		return (__int128)(of->memory_mib - of->reserved_memory_mib) * of->memory_ratio;
	case RESOURCE_DISK:
		return of->disk_gib == UNLIMITED
		               ? (__int128)1 << 100
		               : (__int128)(of->disk_gib - of->reserved_disk_gib) * of->disk_ratio;
	default:
		resource -= FIXED_RESOURCES;
	}
	if (resource < cluster->group_count)
		return cluster->profile == PROFILE_NOVA ? cluster->groups[resource].max_per_host : 1;
	for (uint32_t pool = 0; pool < of->pci_count; pool++) {
		if (of->pci[pool].alias == amounts->aliases[resource - cluster->group_count])
			return of->pci[pool].count;
	}
	return 0;
}

static bool is_apart(const struct cluster *cluster, const struct flavor *flavor, uint32_t host)
{
	return flavor->dedicated && cluster->hosts[host].dedicated_cpus >= 0;
}

static bool is_exclusive(const struct cluster *cluster, uint32_t group)
{
	return group != NONE && cluster->groups[group].policy == POLICY_ANTI_AFFINITY &&
	       !cluster->groups[group].best_effort;
}

__int128 amount_of_vm(const struct amounts *amounts, uint32_t vm, uint32_t host, uint32_t resource)
{
	const struct cluster *cluster = amounts->cluster;
	const struct vm *of = &cluster->vms[vm];
	const struct flavor *flavor = &cluster->flavors[of->flavor];

	switch (resource) {
	case RESOURCE_CPUS:
		if (is_apart(cluster, flavor, host))
			return 0;
		return (__int128)flavor->counted_vcpus *
		       (flavor->dedicated ? cluster->hosts[host].cpu_ratio : RATIO_ONE);
	case RESOURCE_DEDICATED:
		return is_apart(cluster, flavor, host) ? flavor->counted_vcpus : 0;
	case RESOURCE_MEMORY:
		return (__int128)flavor->memory_mib * RATIO_ONE;
	case RESOURCE_DISK:
		return (__int128)flavor_disk_gib(flavor, of->boot) * RATIO_ONE;
	default:
		resource -= FIXED_RESOURCES;
	}
	if (resource < cluster->group_count)
		return of->group == resource && is_exclusive(cluster, resource);
	for (uint32_t i = 0; i < flavor->pci_count; i++) {
		if (flavor->pci[i].alias == amounts->aliases[resource - cluster->group_count])
			return flavor->pci[i].count;
	}
	return 0;
}

double amount_unit(uint32_t resource)
{
	return resource == RESOURCE_DEDICATED || resource >= FIXED_RESOURCES ? 1 : RATIO_ONE;
}

uint32_t amounts_asked(const struct amounts *amounts, uint32_t vm, uint32_t host,
                       uint32_t ret_resources[RESOURCES_ASKED_MOST])
{
	const struct cluster *cluster = amounts->cluster;
	const struct flavor *flavor = &cluster->flavors[cluster->vms[vm].flavor];
	uint32_t count = 0, group = cluster->vms[vm].group;

	ret_resources[count++] = is_apart(cluster, flavor, host) ? RESOURCE_DEDICATED : RESOURCE_CPUS;
	for (uint32_t resource = RESOURCE_MEMORY; resource < FIXED_RESOURCES; resource++) {
		if (amount_of_vm(amounts, vm, host, resource) > 0)
			ret_resources[count++] = resource;
	}
	if (is_exclusive(cluster, group))
		ret_resources[count++] = FIXED_RESOURCES + group;
	for (uint32_t i = 0; i < amounts->alias_count && flavor->pci_count > 0; i++) {
		uint32_t resource = FIXED_RESOURCES + cluster->group_count + i;

		if (count < RESOURCES_ASKED_MOST && amount_of_vm(amounts, vm, host, resource) > 0)
			ret_resources[count++] = resource;
	}
	return count;
}

void amount_name(const struct amounts *amounts, uint32_t resource, char *text, size_t room)
{
	static const char *const fixed[] = { "vcpus", "dedicated_cpus", "memory_mib", "disk_gib" };
	const struct cluster *cluster = amounts->cluster;

	if (resource < FIXED_RESOURCES)
		snprintf(text, room, "%s", fixed[resource]);
	else if (resource - FIXED_RESOURCES < cluster->group_count)
		snprintf(text, room, "group:%s", cluster->groups[resource - FIXED_RESOURCES].name);
	else
		snprintf(text, room, "pci:%s",
		         amounts->aliases[resource - FIXED_RESOURCES - cluster->group_count]);
}

void amount_words(const struct amounts *amounts, uint32_t resource, char *text, size_t room)
{
	static const char *const fixed[] = { "vCPUs", "dedicated CPUs", "MiB of memory", "GiB of disk" };
	const struct cluster *cluster = amounts->cluster;

	if (resource < FIXED_RESOURCES)
		snprintf(text, room, "%s", fixed[resource]);
	else if (resource - FIXED_RESOURCES < cluster->group_count)
		snprintf(text, room, "places for members of anti-affinity group %s",
		         cluster->groups[resource - FIXED_RESOURCES].name);
	else
		snprintf(text, room, "PCI devices %s",
		         amounts->aliases[resource - FIXED_RESOURCES - cluster->group_count]);
}

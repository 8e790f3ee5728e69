/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/cluster_check.h"

#include "core/rules.h"
#include "core/timing.h"

/* One host's totals against what its VMs use; semantics as in the rules, but with nothing more asked for. */
static void check_host(struct cluster *cluster, const struct state *state, uint32_t index)
{
	const struct host *host = &cluster->hosts[index];
	const struct host_use *use = &state->uses[index];
	__int128 cpus = (__int128)use->shared_vcpus * RATIO_ONE;

	if ((__int128)use->memory_mib * RATIO_ONE >
	    (__int128)(host->memory_mib - host->reserved_memory_mib) * host->memory_ratio)
		cluster_warn(cluster, "host %s is overfull: its VMs have %lld MiB, it has %lld", host->name,
		             (long long)use->memory_mib,
		             (long long)(host->memory_mib - host->reserved_memory_mib));
	if (host->dedicated_cpus < 0)
		cpus += (__int128)use->dedicated_vcpus * host->cpu_ratio;
	else if (use->dedicated_vcpus > host->dedicated_cpus)
		cluster_warn(cluster, "host %s is overfull: its VMs have %lld dedicated vCPUs, it has %lld",
		             host->name, (long long)use->dedicated_vcpus, (long long)host->dedicated_cpus);
	if (cpus > (__int128)(host->cpus - host->reserved_cpus) * host->cpu_ratio)
		cluster_warn(cluster,
		             "host %s is overfull: its VMs have %lld vCPUs (%lld dedicated) on %lld CPUs",
		             host->name, (long long)(use->shared_vcpus + use->dedicated_vcpus),
		             (long long)use->dedicated_vcpus, (long long)(host->cpus - host->reserved_cpus));
	if (host->disk_gib != UNLIMITED &&
	    (__int128)use->disk_gib * RATIO_ONE >
	            (__int128)(host->disk_gib - host->reserved_disk_gib) * host->disk_ratio)
		cluster_warn(cluster, "host %s is overfull: its VMs have %lld GiB of disk, it has %lld",
		             host->name, (long long)use->disk_gib,
		             (long long)(host->disk_gib - host->reserved_disk_gib));
	for (uint32_t pool = 0; pool < host->pci_count; pool++) {
		int64_t used = state->pci[host->pci_first + pool];

		if (used > host->pci[pool].count)
			cluster_warn(cluster,
			             "host %s is overfull: its VMs have %lld PCI devices %s, it has %lld",
			             host->name, (long long)used, host->pci[pool].alias,
			             (long long)host->pci[pool].count);
	}
	for (uint32_t node = 0; node < host->numa_count; node++) {
		const struct numa_use *numa = &state->numa[host->numa_first + node];

		if (numa->pages_2m > host->numa[node].pages_2m || numa->pages_1g > host->numa[node].pages_1g)
			cluster_warn(cluster,
			             "host %s is overfull: NUMA node %u has not the huge pages of its VMs",
			             host->name, node);
	}
}

static void check_group(struct cluster *cluster, const struct state *state, uint32_t index)
{
	const struct group *group = &cluster->groups[index];
	uint32_t placed = state_group_placed(state, index), hosts = state_group_hosts(state, index);

	if (group->max_per_host > 1 && cluster->profile != PROFILE_NOVA)
		cluster_warn(cluster, "group %s: max_per_host is ignored by profile %s", group->name,
		             profile_words[cluster->profile]);
	if (group->policy == POLICY_AFFINITY && !group->best_effort && hosts > 1)
		cluster_warn(cluster,
		             "group %s (affinity) is already violated: its %u members are on %u host%s",
		             group->name, placed, hosts, hosts == 1 ? "" : "s");
	if (group->policy == POLICY_ANTI_AFFINITY && !group->best_effort && placed > hosts &&
	    (group->max_per_host == 1 || cluster->profile != PROFILE_NOVA))
		cluster_warn(cluster,
		             "group %s (anti-affinity) is already violated: its %u members are on %u host%s",
		             group->name, placed, hosts, hosts == 1 ? "" : "s");
}

/* nova's max_per_host: said once for each group and host, at the first of the members there. */
static void check_crowd(struct cluster *cluster, const struct state *state, uint32_t vm)
{
	uint32_t index = cluster->vms[vm].group, host = cluster->vms[vm].host, members;
	const struct group *group = index == NONE ? NULL : &cluster->groups[index];

	if (!group || host == NONE || group->max_per_host == 1 || group->best_effort ||
	    cluster->profile != PROFILE_NOVA)
		return;
	members = state_members(state, index, host);
	if (members <= group->max_per_host)
		return;
	for (uint32_t other = state_vms_first(state, host); other != vm;
	     other = state_vms_next(state, other)) {
		if (cluster->vms[other].group == index)
			return;
	}
	cluster_warn(cluster,
	             "group %s (anti-affinity) is already violated: host %s holds %u members, at most %lld "
	             "may be there",
	             group->name, cluster->hosts[host].name, members, (long long)group->max_per_host);
}

void cluster_check(struct cluster *cluster)
{
	struct state state;
	char text[256];

	state_create(&state, cluster);
	for (uint32_t host = 0; host < cluster->host_count; host++)
		check_host(cluster, &state, host);
	for (uint32_t group = 0; group < cluster->group_count; group++)
		check_group(cluster, &state, group);
	for (uint32_t vm = 0; vm < cluster->vm_count; vm++) {
		const char *ignored = timing_ignored(cluster, vm, text, sizeof(text));

		check_crowd(cluster, &state, vm);
		if (ignored)
			cluster_warn(cluster, "%s", ignored);
	}
	state_free(&state);
}

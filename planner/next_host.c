/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/next_host.h"

#include "planner/alike.h"

#include <stdlib.h>
#include <string.h>

static bool begins_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* ------------------------------------------------------------------ twice of one thing */

/* Twice the CPUs, or the memory with its pages, of each node. */
static void double_nodes(struct host *host, bool cpus, bool memory, struct arena *arena)
{
	struct numa_node *nodes = ARENA_ARRAY(arena, struct numa_node, host->numa_count);

	for (uint32_t i = 0; i < host->numa_count; i++) {
		nodes[i] = host->numa[i];
		nodes[i].cpus *= cpus ? 2 : 1;
		nodes[i].memory_mib *= memory ? 2 : 1;
		nodes[i].pages_2m *= memory ? 2 : 1;
		nodes[i].pages_1g *= memory ? 2 : 1;
	}
	host->numa = nodes;
}

static bool double_devices(struct host *host, const char *alias, struct arena *arena)
{
	struct pci_count *pci = ARENA_ARRAY(arena, struct pci_count, host->pci_count);
	bool any = false;

	for (uint32_t i = 0; i < host->pci_count; i++) {
		bool meant = !alias || !strcmp(host->pci[i].alias, alias);

		pci[i] = host->pci[i];
		any |= meant && pci[i].count > 0;
		pci[i].count *= meant ? 2 : 1;
	}
	host->pci = pci;
	return any;
}

/* false: the host has nothing of it. */
static bool double_resource(struct host *host, const char *resource, struct arena *arena)
{
	bool numa = !strcmp(resource, "numa"),
	     memory = numa || !strcmp(resource, "memory_mib") || begins_with(resource, "pages_"),
	     cpus = numa || !strcmp(resource, "vcpus") || !strcmp(resource, "dedicated_cpus");

	if (!strcmp(resource, "disk_gib")) {
		if (host->disk_gib == UNLIMITED || host->disk_gib == 0)
			return false;
		host->disk_gib *= 2;
		return true;
	}
	if (begins_with(resource, "pci"))
		return double_devices(host, resource[3] == ':' ? resource + 4 : NULL, arena);
	if (!memory && !cpus)
		return false;
	if (cpus && !strcmp(resource, "dedicated_cpus") && host->dedicated_cpus >= 0)
		host->dedicated_cpus *= 2;
	else if (cpus)
		host->cpus *= 2;
	host->memory_mib *= memory ? 2 : 1;
	double_nodes(host, cpus, memory, arena);
	return true;
}

/* ------------------------------------------------------------------ the list */

static struct next_host next_like(const struct cluster *cluster, uint32_t like)
{
	struct next_host next = { .like = like, .host = cluster->hosts[like] };

	next.host.name = "next-host";
	return next;
}

/* Keeps those of which there are most, in their order. hosts: by place, how many there are of each. */
static uint32_t keep_commonest(struct next_host *nexts, uint32_t *hosts, uint32_t count)
{
	while (count > NEXT_HOSTS_MODELS_MOST) {
		uint32_t rarest = count - 1;

		for (uint32_t i = count - 1; i-- > 0;)
			rarest = hosts[i] < hosts[rarest] ? i : rarest;
		memmove(&nexts[rarest], &nexts[rarest + 1], sizeof(*nexts) * (count - rarest - 1));
		memmove(&hosts[rarest], &hosts[rarest + 1], sizeof(*hosts) * (count - rarest - 1));
		count--;
	}
	return count;
}

static uint32_t find_models(const struct cluster *cluster, struct next_host *nexts)
{
	uint32_t *hosts = MEMORY_ARRAY(uint32_t, cluster->host_count), models = 0;

	for (uint32_t host = 0; host < cluster->host_count; host++) {
		uint32_t model = 0;

		while (model < models &&
		       !hosts_of_one_model(&cluster->hosts[nexts[model].like], &cluster->hosts[host]))
			model++;
		if (model == models)
			nexts[models++] = next_like(cluster, host);
		hosts[model]++;
	}
	models = keep_commonest(nexts, hosts, models);
	free(hosts);
	return models;
}

uint32_t next_hosts_list(const struct cluster *cluster, const char *resource, struct arena *arena,
                         struct next_host **ret_nexts)
{
	struct next_host *nexts = ARENA_ARRAY(arena, struct next_host, 2 * (size_t)cluster->host_count);
	uint32_t models = find_models(cluster, nexts), count = models;

	for (uint32_t i = 0; i < models && resource; i++) {
		struct next_host next = nexts[i];

		next.resource = resource;
		if (double_resource(&next.host, resource, arena))
			nexts[count++] = next;
	}
	*ret_nexts = nexts;
	return count;
}

/* ------------------------------------------------------------------ what it gains */

void next_host_find(const struct next_host_question *ask, struct capacity *ret_capacity)
{
	struct capacity_question question = *ask->question;
	const struct cluster *cluster = question.cluster;
	bool *except = MEMORY_ARRAY(bool, cluster->host_count + 1);
	struct capacity_now now;
	struct whatif whatif;
	struct losses losses;

	if (ask->except)
		memcpy(except, ask->except, cluster->host_count);
	whatif_create(&whatif, cluster);
	whatif_add_host(&whatif, &ask->next->host);
	losses_create(&losses, &whatif.cluster, ask->by, ask->together, except);
	capacity_look(&whatif.cluster, &losses, question.crew, question.steps, false, &now);
	question.cluster = &whatif.cluster;
	question.losses = &losses;
	question.now = &now;
	capacity_find(&question, ret_capacity);
	if (ask->known != NONE && (ret_capacity->more.lower == NONE || ret_capacity->more.lower < ask->known))
		ret_capacity->more.lower = ask->known;
	ret_capacity->stopped = false;
	ret_capacity->stop = (struct hindrance){ .vm = NONE };
	capacity_now_free(&now);
	losses_free(&losses);
	whatif_free(&whatif);
	free(except);
}

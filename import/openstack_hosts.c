/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/openstack_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* core/cluster.h's bound on a host's CPUs. */
static const int64_t CPUS_MAX = 1000000;

static bool is(const char *text, const char *word)
{
	return text && !strcmp(text, word);
}

struct openstack_host *openstack_host_find(const struct openstack *import, const char *name)
{
	struct openstack_host *host = openstack_find(&import->host_index, name);
	char first[256];
	size_t length;

	if (host || !name)
		return host;
	/*
	 * A node is often called by its full domain name, its service's host by the first part, or the
	 * other way.
	 */
	length = strcspn(name, ".");
	if (length == 0 || length >= sizeof(first))
		return NULL;
	memcpy(first, name, length);
	first[length] = '\0';
	return openstack_find(name[length] ? &import->host_index : &import->host_short, first);
}

struct openstack_host *openstack_host_add(struct openstack *import, const char *name)
{
	struct openstack_host *host = openstack_find(&import->host_index, name);
	size_t length = strcspn(name, ".");

	if (host)
		return host;
	host = ARENA_ARRAY(&import->arena, struct openstack_host, 1);
	host->name = name;
	for (int i = 0; i < RESOURCE_COUNT; i++)
		host->inventory[i].total = OPENSTACK_UNKNOWN;
	openstack_push(&import->hosts, host);
	openstack_put(&import->host_index, name, host);
	if (name[length])
		openstack_put(&import->host_short, arena_text(&import->arena, name, length), host);
	return host;
}

/*
 * Hosts of the compute services, then of hypervisors, whose own names may differ from their services'
 * hosts.
 */
static void make_from_hypervisors(struct openstack *import)
{
	struct openstack_names twice = { 0 };

	for (size_t i = 0; i < import->hypervisors.count; i++) {
		struct openstack_hypervisor *hypervisor = import->hypervisors.items[i];
		struct openstack_host *host = NULL;

		if (hypervisor->service_host)
			host = openstack_host_add(import, hypervisor->service_host);
		if (!host)
			host = openstack_host_find(import, hypervisor->hostname);
		if (!host)
			host = openstack_host_add(import, hypervisor->hostname);
		openstack_put(&import->host_index, hypervisor->hostname, host);
		openstack_put(&import->host_index, hypervisor->id, host);
		if (host->hypervisor)
			openstack_names_add(&twice, host->name);
		else
			host->hypervisor = hypervisor;
	}
	if (twice.count)
		openstack_note(
			import, OPENSTACK_WARNING,
			"several hypervisors under one compute service (bare metal?): only the first counts "
			"for %s",
			openstack_names_text(&twice));
}

static void make_from_providers(struct openstack *import)
{
	for (size_t i = 0; i < import->providers.count; i++) {
		const struct openstack_provider *provider = import->providers.items[i];
		struct openstack_host *host = openstack_host_find(import, provider->name);

		if (host && !provider->child)
			openstack_put(&import->host_index, provider->uuid, host);
	}
}

/* A host that only its VMs tell of: the export lacks hosts, or the host was removed with VMs on it. */
static void make_from_servers(struct openstack *import)
{
	bool told = import->services.count || import->hypervisors.count || import->places.count;
	struct openstack_names names = { 0 };

	for (size_t i = 0; i < import->servers.count; i++) {
		struct openstack_server *server = import->servers.items[i];
		const char *name = server->host ? server->host : server->node;

		if (!name || openstack_host_find(import, name))
			continue;
		openstack_host_add(import, name);
		openstack_names_add(&names, name);
	}
	if (names.count)
		openstack_note(
			import, OPENSTACK_WARNING,
			told ? "hosts with VMs that no list of services or hypervisors has: %s"
			     : "hosts are known from their VMs only, so hosts without VMs are missing: %s",
			openstack_names_text(&names));
}

static int host_order(const void *a, const void *b)
{
	return openstack_natural((*(struct openstack_host *const *)a)->name,
	                         (*(struct openstack_host *const *)b)->name);
}

static void note_one_sided(struct openstack *import)
{
	struct openstack_names no_service = { 0 }, no_hypervisor = { 0 };

	for (size_t i = 0; i < import->hosts.count; i++) {
		struct openstack_host *host = import->hosts.items[i];

		host->service = openstack_find(&import->service_index, host->name);
		host->place = openstack_find(&import->place_index, host->name);
		if (!host->service && host->hypervisor && import->services.count)
			openstack_names_add(&no_service, host->name);
		if (host->service && !host->hypervisor && import->hypervisors.count)
			openstack_names_add(&no_hypervisor, host->name);
	}
	if (no_service.count)
		openstack_note(import, OPENSTACK_WARNING,
		               "hypervisors without a compute service in the list: %s",
		               openstack_names_text(&no_service));
	if (no_hypervisor.count)
		openstack_note(import, OPENSTACK_WARNING,
		               "compute services without a hypervisor in the list: %s",
		               openstack_names_text(&no_hypervisor));
}

void openstack_hosts_make(struct openstack *import)
{
	for (size_t i = 0; i < import->services.count; i++)
		openstack_host_add(import, ((struct openstack_service *)import->services.items[i])->host);
	/* A server that names both its host and its node ties them together. */
	for (size_t i = 0; i < import->servers.count; i++) {
		struct openstack_server *server = import->servers.items[i];
		struct openstack_host *host = openstack_find(&import->host_index, server->host);

		if (host && server->node)
			openstack_put(&import->host_index, server->node, host);
	}
	make_from_hypervisors(import);
	for (size_t i = 0; i < import->places.count; i++) {
		const char *name = ((struct openstack_place *)import->places.items[i])->host;

		if (!openstack_host_find(import, name))
			openstack_host_add(import, name);
	}
	make_from_servers(import);
	make_from_providers(import);
	if (import->hosts.count == 0)
		openstack_placement_hosts(import);
	if (import->hosts.count)
		qsort(import->hosts.items, import->hosts.count, sizeof(void *), host_order);
	note_one_sided(import);
}

/* Nova's status is an operator's wish, its state the heartbeat: both of the best witness there is. */
static void close_state(struct openstack_host *host, struct openstack_names *unknown)
{
	const char *status = host->service ? host->service->status : NULL;
	const char *state = host->service ? host->service->state : NULL;
	const char *seen = host->server_status;

	if (!status && host->hypervisor)
		status = host->hypervisor->status;
	if (!state && host->hypervisor)
		state = host->hypervisor->state;
	if (!status && host->place)
		status = host->place->status;
	if (!state && host->place)
		state = host->place->state;
	if (!status && host->traits_known)
		status = host->trait_disabled ? "disabled" : "enabled";
	if (!status && (is(seen, "MAINTENANCE") || is(seen, "UP")))
		status = is(seen, "UP") ? "enabled" : "disabled";
	if (!state && (is(seen, "DOWN") || is(seen, "UP") || is(seen, "MAINTENANCE")))
		state = is(seen, "DOWN") ? "down" : "up";
	host->disabled = is(status, "disabled");
	host->down = is(state, "down");
	if (!status || !state)
		openstack_names_add(unknown, host->name);
}

static void close_zones(struct openstack *import)
{
	for (size_t i = 0; i < import->hosts.count; i++) {
		struct openstack_host *host = import->hosts.items[i];

		host->zone = host->service ? host->service->zone : NULL;
		if (!host->zone && host->place)
			host->zone = host->place->zone;
	}
	for (size_t i = 0; i < import->aggregates.count; i++) {
		const struct openstack_aggregate *aggregate = import->aggregates.items[i];
		const char *storage = openstack_pair(&aggregate->metadata, "storage");

		for (size_t j = 0; j < aggregate->hosts.count; j++) {
			struct openstack_host *host = openstack_host_find(import, aggregate->hosts.texts[j]);

			if (host && !host->zone)
				host->zone = aggregate->zone;
			/* StarlingX's own aggregates say what local disks are made of. */
			if (host && !host->storage &&
			    (is(storage, "remote") || is(storage, "local_image") || is(storage, "local_lvm")))
				host->storage = storage;
		}
	}
}

static int64_t at_most(int64_t value, int64_t limit)
{
	return value > limit ? limit : value;
}

static void capacity_from_placement(struct openstack_host *host)
{
	const struct openstack_inventory *cpu = &host->inventory[RESOURCE_VCPU],
					 *pcpu = &host->inventory[RESOURCE_PCPU];
	const struct openstack_inventory *memory = &host->inventory[RESOURCE_MEMORY];
	const struct openstack_inventory *disk = &host->inventory[RESOURCE_DISK];

	host->source = FROM_PLACEMENT;
	host->cpus = cpu->total < 0 ? 0 : at_most(cpu->total, CPUS_MAX);
	host->reserved_cpus = cpu->total < 0 ? 0 : at_most(cpu->reserved, host->cpus);
	host->cpu_ratio = cpu->ratio;
	/*
	 * The file has no reserve of dedicated CPUs; they are never overcommitted, so the reserve is taken
	 * off.
	 */
	if (pcpu->total >= 0)
		host->dedicated_cpus = at_most(pcpu->total - at_most(pcpu->reserved, pcpu->total), CPUS_MAX);
	host->memory_mib = memory->total;
	host->reserved_memory_mib = at_most(memory->reserved, memory->total);
	host->memory_ratio = memory->ratio;
	if (disk->total < 0)
		return;
	host->disk_gib = disk->total;
	host->reserved_disk_gib = at_most(disk->reserved, disk->total);
	host->disk_ratio = disk->ratio;
}

/* Until microversion 2.88. `used` counts the reserve too: what the VMs' flavors don't explain is reserved. */
static void capacity_from_hypervisor(struct openstack_host *host, struct openstack_names *inferred)
{
	const struct openstack_hypervisor *hypervisor = host->hypervisor;
	int64_t memory = hypervisor->memory_used_mib - host->used[RESOURCE_MEMORY];
	int64_t disk = hypervisor->disk_used_gib - host->used[RESOURCE_DISK];

	host->source = FROM_HYPERVISOR;
	host->cpus = at_most(hypervisor->vcpus, CPUS_MAX);
	host->memory_mib = hypervisor->memory_mib;
	host->disk_gib = hypervisor->disk_gib;
	if (!host->guests_known)
		return;
	if (hypervisor->memory_used_mib >= 0 && memory > 0 && memory < host->memory_mib) {
		host->reserved_memory_mib = memory;
		openstack_names_add(inferred, host->name);
	}
	if (hypervisor->disk_used_gib >= 0 && disk > 0 && disk < host->disk_gib)
		host->reserved_disk_gib = disk;
}

static void capacity_from_vms(struct openstack_host *host)
{
	host->source = host->vms.count ? FROM_VMS : FROM_NOTHING;
	host->cpus = at_most(host->used[RESOURCE_VCPU] + host->used[RESOURCE_PCPU], CPUS_MAX);
	host->memory_mib = host->used[RESOURCE_MEMORY];
	host->disk_gib = OPENSTACK_UNKNOWN;
}

static void note_capacities(struct openstack *import, struct openstack_names by_source[4],
                            struct openstack_names *inferred)
{
	if (by_source[FROM_HYPERVISOR].count)
		openstack_note(
			import, OPENSTACK_WARNING,
			"no Placement inventories for %s: overcommit ratios unknown, the profile's assumed "
			"(CPU "
			"16, memory and disk 1); vCPUs include dedicated cores, if the host has any",
			openstack_names_text(&by_source[FROM_HYPERVISOR]));
	if (inferred->count)
		openstack_note(import, OPENSTACK_NOTE,
		               "memory that is in use beyond the VMs' flavors was taken as reserved: %s",
		               openstack_names_text(inferred));
	if (by_source[FROM_VMS].count)
		openstack_note(
			import, OPENSTACK_WARNING,
			"CAPACITY UNKNOWN, assumed just what the VMs there use, so that nothing more fits: "
			"%s; "
			"export Placement's inventories, or hypervisors below microversion 2.88",
			openstack_names_text(&by_source[FROM_VMS]));
	if (by_source[FROM_NOTHING].count)
		openstack_note(import, OPENSTACK_WARNING,
		               "CAPACITY UNKNOWN and no VMs, assumed 0, so that nothing fits: %s; export "
		               "Placement's "
		               "inventories, or hypervisors below microversion 2.88",
		               openstack_names_text(&by_source[FROM_NOTHING]));
}

static void close_capacities(struct openstack *import)
{
	struct openstack_names by_source[4] = { 0 }, inferred = { 0 }, diskless = { 0 };

	for (size_t i = 0; i < import->hosts.count; i++) {
		struct openstack_host *host = import->hosts.items[i];
		const struct openstack_hypervisor *hypervisor = host->hypervisor;

		host->dedicated_cpus = host->disk_gib = OPENSTACK_UNKNOWN;
		if (host->inventory[RESOURCE_MEMORY].total >= 0)
			capacity_from_placement(host);
		else if (hypervisor && hypervisor->vcpus >= 0 && hypervisor->memory_mib >= 0)
			capacity_from_hypervisor(host, &inferred);
		else
			capacity_from_vms(host);
		openstack_names_add(&by_source[host->source], host->name);
		if (host->disk_gib < 0 && host->source >= FROM_HYPERVISOR)
			openstack_names_add(&diskless, host->name);
	}
	note_capacities(import, by_source, &inferred);
	if (diskless.count)
		openstack_note(import, OPENSTACK_WARNING, "disk size unknown, assumed without limit: %s",
		               openstack_names_text(&diskless));
}

static void note_cpu_models(struct openstack *import)
{
	struct openstack_names without = { 0 };

	for (size_t i = 0; i < import->hosts.count; i++) {
		const struct openstack_host *host = import->hosts.items[i];

		if (!host->hypervisor || !host->hypervisor->cpu_model)
			openstack_names_add(&without, host->name);
	}
	if (without.count)
		openstack_note(
			import, OPENSTACK_NOTE,
			"CPU model unknown (cpu_info is in `hypervisor show` and /os-hypervisors/detail "
			"below "
			"microversion 2.88), any assumed: %s",
			openstack_names_text(&without));
}

void openstack_hosts_close(struct openstack *import)
{
	struct openstack_names unknown = { 0 }, down = { 0 };

	for (size_t i = 0; i < import->hosts.count; i++) {
		struct openstack_host *host = import->hosts.items[i];

		close_state(host, &unknown);
		if (host->down)
			openstack_names_add(&down, host->name);
	}
	if (unknown.count)
		openstack_note(import, OPENSTACK_WARNING,
		               "status or state of the compute service unknown, assumed enabled and up: %s",
		               openstack_names_text(&unknown));
	if (down.count)
		openstack_note(import, OPENSTACK_NOTE,
		               "compute service down: %s; \"failed\" when enabled, else \"offline\"",
		               openstack_names_text(&down));
	close_zones(import);
	close_capacities(import);
	note_cpu_models(import);
}

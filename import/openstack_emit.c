/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/openstack_facts.h"

#include <stdlib.h>
#include <string.h>

static const double CPU_RATIO_DEFAULT = 16; /* docs/formats.md */

static bool is(const char *text, const char *word)
{
	return text && !strcmp(text, word);
}

static void add_amount(json_t *object, const char *name, int64_t amount)
{
	if (amount > 0)
		json_add_number(object, name, (double)amount);
}

static void add_ratio(json_t *object, const char *name, double ratio, double by_default)
{
	if (ratio > 0 && ratio != by_default)
		json_add_number(object, name, ratio);
}

/* An enabled service that is down was lost; a disabled one was taken out of service before. */
static void emit_host_state(json_t *object, const struct openstack_host *host)
{
	if (!host->disabled && !host->down)
		return;
	if (host->disabled)
		json_add_text(object, "administrative", "locked");
	json_add_text(object, "operational", "disabled");
	json_add_text(object, "availability", !host->down ? "online" : host->disabled ? "offline" : "failed");
}

static void emit_reserved(json_t *object, const struct openstack_host *host)
{
	json_t *reserved;

	if (host->reserved_cpus <= 0 && host->reserved_memory_mib <= 0 && host->reserved_disk_gib <= 0)
		return;
	reserved = json_add(object, "reserved", json_object_new());
	add_amount(reserved, "cpus", host->reserved_cpus);
	add_amount(reserved, "memory_mib", host->reserved_memory_mib);
	add_amount(reserved, "disk_gib", host->reserved_disk_gib);
}

static void emit_cpu(json_t *object, const struct openstack_hypervisor *hypervisor)
{
	json_t *features;

	if (!hypervisor || !hypervisor->cpu_model)
		return;
	json_add_text(object, "cpu_model", hypervisor->cpu_model);
	if (hypervisor->cpu_features.count == 0)
		return;
	features = json_add(object, "cpu_features", json_array_new());
	for (size_t i = 0; i < hypervisor->cpu_features.count; i++) {
		if (i == 0 ||
		    strcmp(hypervisor->cpu_features.texts[i - 1], hypervisor->cpu_features.texts[i]))
			json_push(features, json_text_new(hypervisor->cpu_features.texts[i]));
	}
}

static json_t *emit_host(const struct openstack_host *host)
{
	json_t *object = json_object_new();

	json_add_text(object, "name", host->name);
	emit_host_state(object, host);
	if (host->zone && !is(host->zone, "nova"))
		json_add_text(object, "zone", host->zone);
	if (host->aggregates)
		json_add(object, "aggregates", host->aggregates);
	json_add_number(object, "cpus", (double)host->cpus);
	add_ratio(object, "cpu_ratio", host->cpu_ratio, CPU_RATIO_DEFAULT);
	if (host->dedicated_cpus >= 0)
		json_add_number(object, "dedicated_cpus", (double)host->dedicated_cpus);
	json_add_number(object, "memory_mib", (double)host->memory_mib);
	add_ratio(object, "memory_ratio", host->memory_ratio, 1);
	if (host->disk_gib >= 0)
		json_add_number(object, "disk_gib", (double)host->disk_gib);
	add_ratio(object, "disk_ratio", host->disk_ratio, 1);
	emit_reserved(object, host);
	openstack_numa_add(object, host);
	emit_cpu(object, host->hypervisor);
	if (host->storage && !is(host->storage, "remote"))
		json_add_text(object, "storage", host->storage);
	return object;
}

static void join_aggregate(const struct openstack_aggregate *aggregate, struct openstack_host *host)
{
	json_t *entry;

	if (host->last_aggregate == aggregate)
		return;
	host->last_aggregate = aggregate;
	if (!host->aggregates)
		host->aggregates = json_array_new();
	if (aggregate->metadata.count == 0) {
		json_push(host->aggregates, json_text_new(aggregate->name));
		return;
	}
	entry = json_push(host->aggregates, json_object_new());
	json_add_text(entry, "name", aggregate->name);
	openstack_pairs_add(entry, "metadata", &aggregate->metadata);
}

/* Aggregates that a list without hosts names: hypervisors say which they are in. */
static void join_by_hypervisors(struct openstack *import, const struct openstack_aggregate *aggregate)
{
	for (size_t i = 0; i < import->hosts.count; i++) {
		struct openstack_host *host = import->hosts.items[i];

		if (host->hypervisor && openstack_texts_have(&host->hypervisor->aggregates, aggregate->name))
			join_aggregate(aggregate, host);
	}
}

static void join_aggregates(struct openstack *import)
{
	struct openstack_names hostless = { 0 };
	size_t gone = 0;

	for (size_t i = 0; i < import->aggregates.count; i++) {
		const struct openstack_aggregate *aggregate = import->aggregates.items[i];

		if (!aggregate->hosts.known) {
			openstack_names_add(&hostless, aggregate->name);
			join_by_hypervisors(import, aggregate);
		}
		for (size_t j = 0; j < aggregate->hosts.count; j++) {
			struct openstack_host *host = openstack_host_find(import, aggregate->hosts.texts[j]);

			if (host)
				join_aggregate(aggregate, host);
			else
				gone++;
		}
	}
	if (hostless.count)
		openstack_note(import, OPENSTACK_WARNING,
		               "hosts of aggregates are not in the list, only from `hypervisor show` where "
		               "exported: %s",
		               openstack_names_text(&hostless));
	if (gone)
		openstack_note(import, OPENSTACK_NOTE,
		               "%zu hosts of aggregates are no compute host here, left out", gone);
	if (import->aggregates.count == 0)
		openstack_note(import, OPENSTACK_NOTE, "no list of aggregates");
}

static json_t *emit_flavor(const struct openstack_flavor *flavor)
{
	json_t *object = json_object_new();

	json_add_text(object, "name", flavor->final_name);
	json_add_number(object, "vcpus", (double)flavor->vcpus);
	json_add_number(object, "memory_mib", (double)flavor->memory_mib);
	add_amount(object, "disk_gib", flavor->disk_gib);
	add_amount(object, "swap_mib", flavor->swap_mib);
	add_amount(object, "ephemeral_gib", flavor->ephemeral_gib);
	openstack_pairs_add(object, "extra_specs", &flavor->extra_specs);
	return object;
}

/* Nova's status, to the states that rules tell apart; a VM that is being built is active with a task. */
static const char *state_of(const char *status)
{
	static const char *const states[][2] = {
		{ "PAUSED", "paused" },
		{ "SUSPENDED", "suspended" },
		{ "SHUTOFF", "stopped" },
		{ "SHELVED", "stopped" },
		{ "SHELVED_OFFLOADED", "stopped" },
		{ "SOFT_DELETED", "stopped" },
		{ "ERROR", "error" },
		{ "RESCUE", "rescued" },
		{ "VERIFY_RESIZE", "verify-resize" },
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (is(status, states[i][0]))
			return states[i][1];
	}
	return NULL;
}

/* The task by its state, else, in lists without --long, by the status that shows it. */
static const char *task_of(const struct openstack_server *server)
{
	static const char *const tasks[][2] = {
		{ "BUILD", "building" },         { "REBUILD", "rebuilding" },
		{ "MIGRATING", "migrating" },    { "RESIZE", "resizing" },
		{ "REBOOT", "rebooting" },       { "HARD_REBOOT", "rebooting" },
		{ "REVERT_RESIZE", "resizing" }, { "PASSWORD", "updating_password" },
	};
	const char *task = server->task;

	if (task && !strncmp(task, "resize_", 7))
		return "resizing";
	if (task && !strncmp(task, "rebuild", 7))
		return "rebuilding";
	if (task)
		return task;
	for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++) {
		if (is(server->status, tasks[i][0]))
			return tasks[i][1];
	}
	return NULL;
}

static json_t *emit_vm(const struct openstack_server *server)
{
	json_t *object = json_object_new();
	const char *state = state_of(server->status), *task = task_of(server);

	json_add_text(object, "name", server->final_name);
	if (strcmp(server->final_name, server->id))
		json_add_text(object, "id", server->id);
	json_add_text(object, "host", server->on ? server->on->name : NULL);
	json_add_text(object, "flavor", server->flavor->final_name);
	if (server->group)
		json_add_text(object, "group", server->group->final_name);
	if (state)
		json_add_text(object, "state", state);
	if (task)
		json_add_text(object, "task", task);
	if (server->boot == BOOTED_IMAGE)
		json_add_text(object, "boot", "image");
	if (server->zone)
		json_add_text(object, "zone", server->zone);
	openstack_pairs_add(object, "metadata", &server->metadata);
	openstack_pairs_add(object, "image", &server->image);
	return object;
}

static json_t *emit_group(const struct openstack_group *group)
{
	json_t *object = json_object_new();
	bool soft = !strncmp(group->policy, "soft-", 5);

	json_add_text(object, "name", group->final_name);
	json_add_text(object, "policy", group->policy);
	if (group->best_effort && !soft)
		json_add_bool(object, "best_effort", true);
	if (group->max_per_host > 1 && is(group->policy, "anti-affinity"))
		json_add_number(object, "max_per_host", (double)group->max_per_host);
	if (group->size > 0)
		json_add_number(object, "size", (double)group->size);
	return object;
}

/* Where a VM is says nothing of what zone it asked for. */
static void note_zones(struct openstack *import)
{
	const char *zone = NULL;
	bool several = false;

	for (size_t i = 0; i < import->hosts.count; i++) {
		const struct openstack_host *host = import->hosts.items[i];
		const char *own = host->zone ? host->zone : "nova";

		several |= zone && strcmp(zone, own);
		zone = own;
	}
	for (size_t i = 0; i < import->servers.count && several; i++) {
		if (((struct openstack_server *)import->servers.items[i])->zone_known)
			return;
	}
	if (several && import->servers.count)
		openstack_note(
			import, OPENSTACK_WARNING,
			"the availability zone that a VM asked for is in the API from microversion 2.96 "
			"only: no "
			"VM is bound to a zone");
}

static void note_general(struct openstack *import, const char *profile)
{
	struct openstack_names images = { 0 }, odd = { 0 };
	bool storage = false;

	for (size_t i = 0; i < import->hosts.count; i++)
		storage |= ((struct openstack_host *)import->hosts.items[i])->storage != NULL;
	for (size_t i = 0; i < import->servers.count; i++) {
		const struct openstack_server *server = import->servers.items[i];
		const char *status = server->status;

		if (server->boot == BOOTED_IMAGE)
			openstack_names_add(&images, server->final_name);
		if (!is(status, "ACTIVE") && !state_of(status) && !task_of(server))
			openstack_names_add(&odd, server->final_name);
	}
	if (odd.count)
		openstack_note(import, OPENSTACK_WARNING, "status unknown, assumed active: %s",
		               openstack_names_text(&odd));
	if (images.count && !storage)
		openstack_note(
			import, OPENSTACK_WARNING,
			"what local disks are made of is not in the API: remote assumed, so that the %zu VMs "
			"booted from images move without their disks; correct hosts[].storage",
			images.count);
	if (import->contradictions)
		openstack_note(
			import, OPENSTACK_WARNING,
			"%zu times files contradict each other (exports of different moments?), the first: "
			"%s",
			import->contradictions, import->contradiction);
	if (import->saw_platform_groups && is(profile, "nova"))
		openstack_note(
			import, OPENSTACK_WARNING,
			"server groups have StarlingX's metadata: --profile starlingx would follow its "
			"rules");
	openstack_note(
		import, OPENSTACK_NOTE,
		"not in the API, left to the defaults: dirty-page rates and used memory, NIC speeds and "
		"switches, networks that hosts reach, PCI devices, virtual interfaces, migration settings");
}

static int aggregate_order(const void *a, const void *b)
{
	return openstack_natural((*(struct openstack_aggregate *const *)a)->name,
	                         (*(struct openstack_aggregate *const *)b)->name);
}

json_t *openstack_emit(struct openstack *import, const struct openstack_options *options)
{
	const char *profile = options->profile ? options->profile : "nova";
	json_t *cluster = json_object_new(), *array;

	if (import->aggregates.count)
		qsort(import->aggregates.items, import->aggregates.count, sizeof(void *), aggregate_order);
	join_aggregates(import);
	json_add_text(cluster, "schema", "lockkeeper.cluster/1");
	json_add_text(cluster, "name", options->name ? options->name : "openstack");
	json_add_text(cluster, "profile", profile);
	array = json_add(cluster, "hosts", json_array_new());
	for (size_t i = 0; i < import->hosts.count; i++)
		json_push(array, emit_host(import->hosts.items[i]));
	array = json_add(cluster, "flavors", json_array_new());
	for (size_t i = 0; i < import->flavors.count; i++)
		json_push(array, emit_flavor(import->flavors.items[i]));
	array = json_add(cluster, "vms", json_array_new());
	for (size_t i = 0; i < import->servers.count; i++)
		json_push(array, emit_vm(import->servers.items[i]));
	array = json_add(cluster, "groups", json_array_new());
	for (size_t i = 0; i < import->groups.count; i++)
		json_push(array, emit_group(import->groups.items[i]));
	note_zones(import);
	note_general(import, profile);
	return cluster;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/openstack_facts.h"

#include <stdio.h>
#include <string.h>

/* core/cluster.h's bounds on ratios. */
static const double RATIO_MIN = 1e-6, RATIO_MAX = 1e4;

static const char *const resource_names[RESOURCE_COUNT] = { "VCPU", "PCPU", "MEMORY_MB", "DISK_GB" };

static enum openstack_resource resource_of(const char *name)
{
	int resource = 0;

	while (resource < RESOURCE_COUNT && strcmp(resource_names[resource], name))
		resource++;
	return resource;
}

static const char *about_word(enum openstack_about about)
{
	static const char *const words[] = { "inventories", "usages", "allocations", "traits",
		                             "extra_specs" };

	return words[about];
}

/*
 * The word for the body at the end of a file's name, "cmp1-inventories" or "inventory": its length, 0 =
 * none.
 */
static size_t word_length(const char *name, size_t length, enum openstack_about about)
{
	static const char *const singular[] = { "inventory", "usage", "allocation", "trait", "extra_spec" };
	const char *words[] = { about_word(about), singular[about] };

	for (size_t i = 0; i < 2; i++) {
		size_t word = strlen(words[i]);

		if (length >= word && !strncmp(name + length - word, words[i], word))
			return word;
	}
	return 0;
}

/* What a body is about by its path: NAME-inventories.json, NAME/inventories.json, NAME.json. */
static const char *about_name(struct openstack *import, const struct openstack_body *body)
{
	const char *path = body->path, *start;
	size_t end = strlen(path), word;

	if (body->name)
		return body->name;
	if (end > 5 && !strcmp(path + end - 5, ".json"))
		end -= 5;
	for (;;) {
		start = path + end;
		while (start > path && start[-1] != '/')
			start--;
		word = word_length(start, (size_t)(path + end - start), body->about);
		if (word == 0 || start + word < path + end || start == path)
			break;
		end = (size_t)(start - path) - 1;
	}
	end -= word;
	while (word && path + end > start && strchr("-_. ", path[end - 1]))
		end--;
	return openstack_plain(&import->arena,
	                       arena_text(&import->arena, start, (size_t)(path + end - start)));
}

static void take_inventory(struct openstack_host *host, const char *resource_class, const json_t *value)
{
	enum openstack_resource resource = resource_of(resource_class);
	const json_t *ratio = json_get(value, "allocation_ratio");
	int64_t reserved = openstack_field_whole(value, "reserved");
	struct openstack_inventory *inventory;

	if (resource == RESOURCE_COUNT)
		return;
	inventory = &host->inventory[resource];
	if (inventory->total >= 0)
		return;
	inventory->total = openstack_field_whole(value, "total");
	inventory->reserved = reserved < 0 ? 0 : reserved;
	if (ratio && json_type(ratio) == JSON_NUMBER && json_number(ratio) >= RATIO_MIN &&
	    json_number(ratio) <= RATIO_MAX)
		inventory->ratio = json_number(ratio);
}

static void take_usage(struct openstack_host *host, const char *resource_class, const json_t *value)
{
	enum openstack_resource resource = resource_of(resource_class);
	int64_t usage = openstack_whole(value);

	host->usage_known = true;
	if (resource < RESOURCE_COUNT && usage >= 0)
		host->usage[resource] = usage;
}

static void take_host_body(struct openstack *import, struct openstack_host *host,
                           const struct openstack_body *body)
{
	const char *row_class = body->row
	                                ? openstack_field_text(&import->arena, body->value, "resource_class")
	                                : NULL;

	if (body->about == ABOUT_TRAITS) {
		struct openstack_texts traits = openstack_texts(&import->arena, body->value);

		host->traits_known = true;
		host->trait_disabled |= openstack_texts_have(&traits, "COMPUTE_STATUS_DISABLED");
		return;
	}
	if (body->row) {
		if (row_class && body->about == ABOUT_INVENTORIES)
			take_inventory(host, row_class, body->value);
		else if (row_class)
			take_usage(host, row_class, json_get(body->value, "usage"));
		return;
	}
	for (const json_t *member = json_first(body->value); member; member = json_next(member)) {
		if (body->about == ABOUT_INVENTORIES)
			take_inventory(host, json_key(member), member);
		else
			take_usage(host, json_key(member), member);
	}
}

/*
 * One consumer's part of one host. Hosts of servers that no list places (a list without --long) come from
 * here.
 */
static void take_allocation(struct openstack *import, const char *consumer, struct openstack_host *host,
                            const json_t *allocation, struct openstack_names *orphans)
{
	struct openstack_server *server = openstack_find(&import->server_index, consumer);
	const json_t *resources = json_get(allocation, "resources");

	if (!server) {
		openstack_names_add(orphans, consumer);
		return;
	}
	if (!server->host_known && !server->host && host)
		server->host = host->name;
	if (!resources || json_type(resources) != JSON_OBJECT)
		return;
	if (server->allocated_known) {
		server->allocated_twice |= server->allocated_on != host;
		return;
	}
	server->allocated_known = true;
	server->allocated_on = host;
	for (const json_t *member = json_first(resources); member; member = json_next(member)) {
		enum openstack_resource resource = resource_of(json_key(member));
		int64_t amount = openstack_whole(member);

		if (resource < RESOURCE_COUNT && amount > 0)
			server->allocated[resource] = amount;
	}
}

static void take_allocations(struct openstack *import, const struct openstack_body *body,
                             struct openstack_names *unknown, struct openstack_names *orphans)
{
	const char *name = about_name(import, body);
	struct openstack_host *host = body->by_consumer ? NULL : openstack_host_find(import, name);

	if (!body->by_consumer && !host && !openstack_find(&import->server_index, name)) {
		openstack_names_add(unknown, body->path);
		return;
	}
	for (const json_t *member = json_first(body->value); member; member = json_next(member)) {
		if (host)
			take_allocation(import, json_key(member), host, member, orphans);
		else
			take_allocation(import, name, openstack_host_find(import, json_key(member)), member,
			                orphans);
	}
}

void openstack_placement_hosts(struct openstack *import)
{
	for (size_t i = 0; i < import->bodies.count; i++) {
		const struct openstack_body *body = import->bodies.items[i];
		const struct openstack_provider *provider;
		struct openstack_host *host;
		const char *name;

		if (body->about != ABOUT_INVENTORIES || body->row || !json_get(body->value, "MEMORY_MB"))
			continue;
		name = about_name(import, body);
		provider = openstack_find(&import->provider_index, name);
		if (!*name || (provider && provider->child))
			continue;
		host = openstack_host_add(import, provider && provider->name ? provider->name : name);
		openstack_put(&import->host_index, name, host);
	}
}

void openstack_placement_take(struct openstack *import)
{
	struct openstack_names unknown = { 0 }, orphans = { 0 };

	for (size_t i = 0; i < import->bodies.count; i++) {
		const struct openstack_body *body = import->bodies.items[i];
		struct openstack_host *host;

		if (body->about == ABOUT_EXTRA_SPECS)
			continue;
		if (body->about == ABOUT_ALLOCATIONS) {
			take_allocations(import, body, &unknown, &orphans);
			continue;
		}
		host = openstack_host_find(import, about_name(import, body));
		if (host)
			take_host_body(import, host, body);
		else
			openstack_names_add(&unknown, body->path);
	}
	if (unknown.count)
		openstack_note(import, OPENSTACK_NOTE,
		               "files of Placement whose names name no host or provider, skipped: %s",
		               openstack_names_text(&unknown));
	if (orphans.count && import->saw_servers)
		openstack_note(
			import, OPENSTACK_WARNING,
			"Placement holds room for consumers that are no server here (a migration under way, "
			"or "
			"left behind), not counted: %s",
			openstack_names_text(&orphans));
}

/* The smallest text that tells where counts differ: "VCPU 5 (here 4), DISK_GB 1 (here 21)". */
static void differences(char *text, size_t room, const int64_t theirs[RESOURCE_COUNT],
                        const int64_t ours[RESOURCE_COUNT])
{
	text[0] = '\0';
	for (int i = 0; i < RESOURCE_COUNT; i++) {
		size_t length = strlen(text);

		if (theirs[i] != ours[i])
			snprintf(text + length, room - length, "%s%s %lld (here %lld)", length ? ", " : "",
			         resource_names[i], (long long)theirs[i], (long long)ours[i]);
	}
}

/*
 * A dedicated flavor on a host without PCPU inventory is counted as VCPU (before Train): then both are one.
 */
static void join_cpus(int64_t amounts[RESOURCE_COUNT])
{
	amounts[RESOURCE_VCPU] += amounts[RESOURCE_PCPU];
	amounts[RESOURCE_PCPU] = 0;
}

static void compare_hosts(struct openstack *import)
{
	for (size_t i = 0; i < import->hosts.count; i++) {
		const struct openstack_host *host = import->hosts.items[i];
		int64_t theirs[RESOURCE_COUNT], ours[RESOURCE_COUNT];
		char text[256];

		if (!host->usage_known || !import->saw_servers)
			continue;
		memcpy(theirs, host->usage, sizeof(theirs));
		memcpy(ours, host->used, sizeof(ours));
		if (host->inventory[RESOURCE_PCPU].total < 0) {
			join_cpus(theirs);
			join_cpus(ours);
		}
		if (host->inventory[RESOURCE_DISK].total < 0)
			theirs[RESOURCE_DISK] = ours[RESOURCE_DISK] = 0;
		differences(text, sizeof(text), theirs, ours);
		if (*text)
			openstack_note(import, OPENSTACK_WARNING,
			               "%s: Placement's usage is not what its VMs' flavors come to: %s",
			               host->name, text);
	}
}

static void compare_servers(struct openstack *import)
{
	struct openstack_names differ = { 0 }, without = { 0 }, elsewhere = { 0 };
	bool any = false;
	char first[256] = "";

	for (size_t i = 0; i < import->servers.count; i++)
		any |= ((struct openstack_server *)import->servers.items[i])->allocated_known;
	for (size_t i = 0; i < import->servers.count && any; i++) {
		const struct openstack_server *server = import->servers.items[i];
		int64_t ours[RESOURCE_COUNT] = { 0 }, theirs[RESOURCE_COUNT];
		char text[256];

		if (!server->allocated_known && server->on && !server->gone)
			openstack_names_add(&without, server->final_name);
		if (!server->allocated_known || server->gone)
			continue;
		if (server->allocated_on != server->on || server->allocated_twice)
			openstack_names_add(&elsewhere, server->final_name);
		ours[RESOURCE_VCPU] = server->flavor->vcpus;
		ours[RESOURCE_MEMORY] = server->flavor->memory_mib;
		ours[RESOURCE_DISK] = openstack_server_disk_gib(server);
		memcpy(theirs, server->allocated, sizeof(theirs));
		join_cpus(theirs);
		if (server->allocated_on && server->allocated_on->inventory[RESOURCE_DISK].total < 0)
			theirs[RESOURCE_DISK] = ours[RESOURCE_DISK];
		differences(text, sizeof(text), theirs, ours);
		if (*text && differ.count == 0)
			snprintf(first, sizeof(first), "%s", text);
		if (*text)
			openstack_names_add(&differ, server->final_name);
	}
	if (differ.count)
		openstack_note(import, OPENSTACK_WARNING,
		               "allocations that are not what the flavor says: %s; the first: %s",
		               openstack_names_text(&differ), first);
	if (without.count)
		openstack_note(import, OPENSTACK_WARNING,
		               "VMs on a host without an allocation in Placement: %s",
		               openstack_names_text(&without));
	if (elsewhere.count)
		openstack_note(import, OPENSTACK_WARNING,
		               "VMs with allocations on another host than theirs, not counted there: %s",
		               openstack_names_text(&elsewhere));
}

void openstack_placement_compare(struct openstack *import)
{
	compare_hosts(import);
	compare_servers(import);
}

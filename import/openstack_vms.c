/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/openstack_facts.h"

#include <stdlib.h>
#include <string.h>

static bool is(const char *text, const char *word)
{
	return text && !strcmp(text, word);
}

static int by_id(const void *a, const void *b)
{
	return strcmp((*(struct openstack_server *const *)a)->id, (*(struct openstack_server *const *)b)->id);
}

/* Where lists without hosts leave room, hypervisors since microversion 2.53 name their servers. */
static void hosts_from_hypervisors(struct openstack *import)
{
	for (size_t i = 0; i < import->hypervisors.count; i++) {
		const struct openstack_hypervisor *hypervisor = import->hypervisors.items[i];

		if (!hypervisor->servers || json_type(hypervisor->servers) != JSON_ARRAY)
			continue;
		for (const json_t *entry = json_first(hypervisor->servers); entry; entry = json_next(entry)) {
			const char *uuid = openstack_field_text(&import->arena, entry, "uuid");
			struct openstack_server *server = openstack_find(&import->server_index, uuid);

			if (server && !server->host_known && !server->host)
				server->host = hypervisor->hostname;
		}
	}
}

/* Tasks of lists without --long: a migration that is on its way. */
static void tasks_from_migrations(struct openstack *import)
{
	static const char *const under_way[] = { "accepted",      "queued",    "preparing",     "running",
		                                 "pre-migrating", "migrating", "post-migrating" };

	for (size_t i = 0; i < import->migrations.count; i++) {
		const struct openstack_migration *migration = import->migrations.items[i];
		struct openstack_server *server = openstack_find(&import->server_index, migration->server_id);

		for (size_t j = 0; j < sizeof(under_way) / sizeof(under_way[0]); j++) {
			if (server && !server->task_known && is(migration->status, under_way[j]))
				server->task = "migrating";
		}
	}
}

static void drop_deleted(struct openstack *import)
{
	size_t kept = 0;

	for (size_t i = 0; i < import->servers.count; i++) {
		struct openstack_server *server = import->servers.items[i];

		if (!is(server->status, "DELETED"))
			import->servers.items[kept++] = server;
	}
	import->servers.count = kept;
}

static void place_servers(struct openstack *import)
{
	struct openstack_names unknown = { 0 }, gone = { 0 }, unplaced = { 0 };

	for (size_t i = 0; i < import->servers.count; i++) {
		struct openstack_server *server = import->servers.items[i];
		const char *host = server->host ? server->host : server->node;
		const char *name = server->name ? server->name : server->id;

		server->gone = is(server->status, "SHELVED_OFFLOADED");
		server->on = server->gone ? NULL : openstack_host_find(import, host);
		if (server->on && server->host_status)
			server->on->server_status = server->host_status;
		if (server->gone)
			openstack_names_add(&gone, name);
		else if (!server->on && server->host_known)
			openstack_names_add(&unplaced, name);
		else if (!server->on)
			openstack_names_add(&unknown, name);
	}
	if (gone.count)
		openstack_note(import, OPENSTACK_NOTE,
		               "shelved and offloaded, written as stopped without a host: %s",
		               openstack_names_text(&gone));
	if (unplaced.count)
		openstack_note(import, OPENSTACK_NOTE, "VMs without a host: %s",
		               openstack_names_text(&unplaced));
	if (unknown.count)
		openstack_note(
			import, OPENSTACK_WARNING,
			"THE HOST OF VMS IS UNKNOWN, written as without one: %s; export `openstack server "
			"list "
			"--all-projects --long` as an administrator",
			openstack_names_text(&unknown));
}

void openstack_vms_place(struct openstack *import)
{
	drop_deleted(import);
	if (import->servers.count)
		qsort(import->servers.items, import->servers.count, sizeof(void *), by_id);
	hosts_from_hypervisors(import);
	tasks_from_migrations(import);
	place_servers(import);
	if (!import->saw_servers)
		openstack_note(import, OPENSTACK_WARNING, "no list of servers: a cluster without VMs");
}

/* What its VMs take from each host, as Placement counts: stopped ones too. */
static void count_usage(struct openstack *import)
{
	for (size_t i = 0; i < import->hosts.count; i++)
		((struct openstack_host *)import->hosts.items[i])->guests_known = import->saw_servers;
	for (size_t i = 0; i < import->servers.count; i++) {
		struct openstack_server *server = import->servers.items[i];
		struct openstack_host *host = server->on;
		int64_t dedicated = openstack_flavor_dedicated(server->flavor);

		if (!host)
			continue;
		openstack_push(&host->vms, server);
		host->used[RESOURCE_PCPU] += dedicated;
		host->used[RESOURCE_VCPU] += server->flavor->vcpus - dedicated;
		host->used[RESOURCE_MEMORY] += server->flavor->memory_mib;
		host->used[RESOURCE_DISK] += openstack_server_disk_gib(server);
		if (server->task || server->boot < BOOTED_VOLUME)
			host->guests_known = false;
	}
}

/* Of the disk that Placement has allocated, the flavor's root disk is a part only when it is local. */
static void close_boot(struct openstack *import)
{
	struct openstack_names unknown = { 0 };

	for (size_t i = 0; i < import->servers.count; i++) {
		struct openstack_server *server = import->servers.items[i];

		if (server->boot >= BOOTED_VOLUME)
			continue;
		if (server->allocated_known && server->flavor->disk_gib > 0)
			server->boot = server->allocated[RESOURCE_DISK] >= server->flavor->disk_gib
			                       ? BOOTED_IMAGE
			                       : BOOTED_VOLUME;
		else if (server->boot == BOOTED_UNKNOWN)
			openstack_names_add(&unknown, server->name ? server->name : server->id);
	}
	if (unknown.count)
		openstack_note(import, OPENSTACK_WARNING, "image unknown, assumed booted from a volume: %s",
		               openstack_names_text(&unknown));
}

/* The first 8 characters of a UUID. */
static const char *short_id(struct openstack *import, const char *id)
{
	size_t length = strlen(id) < 8 ? strlen(id) : 8;

	return openstack_plain(&import->arena, arena_text(&import->arena, id, length));
}

/*
 * Names are unique in a cluster file, not in Nova: "web (3ec19648)", with the whole id where 8 characters
 * clash.
 */
static const char *unique_name(struct openstack *import, struct openstack_index *taken, const char *name,
                               const char *id)
{
	const char *try = arena_print(&import->arena, "%s (%s)", name, short_id(import, id));

	if (openstack_find(taken, try))
		try = arena_print(&import->arena, "%s (%s)", name, id);
	for (unsigned n = 2; openstack_find(taken, try); n++)
		try = arena_print(&import->arena, "%s (%s, %u)", name, id, n);
	openstack_put(taken, try, import);
	return try;
}

/* One thing that has a name and an id. */
struct named {
	const char **name, *id, **final_name;
};

static size_t name_all(struct openstack *import, struct named *things, size_t count,
                       struct openstack_names *renamed)
{
	struct openstack_index first = { 0 }, twice = { 0 }, taken = { 0 };

	for (size_t i = 0; i < count; i++) {
		const char *name;

		if (!*things[i].name)
			*things[i].name = things[i].id;
		name = *things[i].name;
		if (openstack_find(&first, name))
			openstack_put(&twice, name, import);
		openstack_put(&first, name, import);
		openstack_put(&taken, name, import);
	}
	for (size_t i = 0; i < count; i++) {
		const char *name = *things[i].name;

		*things[i].final_name = name;
		if (!openstack_find(&twice, name))
			continue;
		*things[i].final_name = unique_name(import, &taken, name, things[i].id);
		openstack_names_add(renamed, *things[i].final_name);
	}
	free(first.slots);
	free(twice.slots);
	free(taken.slots);
	return renamed->count;
}

static int by_name(const void *a, const void *b)
{
	return openstack_natural((*(struct openstack_server *const *)a)->final_name,
	                         (*(struct openstack_server *const *)b)->final_name);
}

void openstack_vms_name(struct openstack *import)
{
	struct named *things = MEMORY_ARRAY(struct named, import->servers.count);
	struct openstack_names renamed = { 0 };

	for (size_t i = 0; i < import->servers.count; i++) {
		struct openstack_server *server = import->servers.items[i];

		things[i] = (struct named){ &server->name, server->id, &server->final_name };
		openstack_put(&import->server_by_name, server->name, server);
	}
	if (name_all(import, things, import->servers.count, &renamed))
		openstack_note(import, OPENSTACK_NOTE, "several VMs of one name, told apart by their ids: %s",
		               openstack_names_text(&renamed));
	free(things);
	if (import->servers.count)
		qsort(import->servers.items, import->servers.count, sizeof(void *), by_name);
	close_boot(import);
	count_usage(import);
}

static int group_by_id(const void *a, const void *b)
{
	return strcmp((*(struct openstack_group *const *)a)->id, (*(struct openstack_group *const *)b)->id);
}

static int group_by_name(const void *a, const void *b)
{
	return openstack_natural((*(struct openstack_group *const *)a)->final_name,
	                         (*(struct openstack_group *const *)b)->final_name);
}

static bool policy_known(const char *policy)
{
	return is(policy, "affinity") || is(policy, "anti-affinity") || is(policy, "soft-affinity") ||
	       is(policy, "soft-anti-affinity");
}

static void drop_policyless(struct openstack *import)
{
	struct openstack_names names = { 0 };
	size_t kept = 0;

	for (size_t i = 0; i < import->groups.count; i++) {
		struct openstack_group *group = import->groups.items[i];

		if (policy_known(group->policy))
			import->groups.items[kept++] = group;
		else
			openstack_names_add(&names, group->name ? group->name : group->id);
	}
	import->groups.count = kept;
	if (names.count)
		openstack_note(import, OPENSTACK_WARNING,
		               "server groups without a policy that is known, left out: %s",
		               openstack_names_text(&names));
}

static void join(struct openstack_server *server, struct openstack_group *group,
                 struct openstack_names *several)
{
	if (!server->group) {
		server->group = group;
		group->joined++;
	} else if (server->group != group) {
		openstack_names_add(several, server->final_name);
	}
}

/*
 * Members by UUID, as older clients print them also by name; a group remembers members that are long
 * deleted.
 */
static void join_members(struct openstack *import, struct openstack_names *several,
                         struct openstack_names *memberless)
{
	size_t deleted = 0;

	for (size_t i = 0; i < import->groups.count; i++) {
		struct openstack_group *group = import->groups.items[i];

		if (!group->members.known)
			openstack_names_add(memberless, group->final_name);
		for (size_t j = 0; j < group->members.count; j++) {
			const char *member = group->members.texts[j];
			struct openstack_server *server = openstack_find(&import->server_index, member);

			if (!server)
				server = openstack_find(&import->server_by_name, member);
			if (server && !is(server->status, "DELETED"))
				join(server, group, several);
			else
				deleted++;
		}
	}
	if (deleted && import->saw_servers)
		openstack_note(import, OPENSTACK_NOTE,
		               "%zu members of server groups are no server here, left out", deleted);
}

/* Since microversion 2.71 a server says which groups it is in. */
static void join_by_servers(struct openstack *import, struct openstack_names *several, bool *ret_any)
{
	for (size_t i = 0; i < import->servers.count; i++) {
		struct openstack_server *server = import->servers.items[i];

		*ret_any |= server->group_ids.known;
		for (size_t j = 0; j < server->group_ids.count; j++) {
			struct openstack_group *group = openstack_find(&import->group_index,
			                                               server->group_ids.texts[j]);

			if (group && policy_known(group->policy))
				join(server, group, several);
		}
	}
}

/* A strict group whose members share a host: either its rules allow it, or it is violated. */
static void note_rules(struct openstack *import)
{
	struct openstack_names unknown = { 0 }, sharing = { 0 };

	for (size_t i = 0; i < import->groups.count; i++) {
		const struct openstack_group *group = import->groups.items[i];

		if (is(group->policy, "anti-affinity") && !group->rules_known && group->joined > 1)
			openstack_names_add(&unknown, group->final_name);
	}
	for (size_t i = 0; i < import->hosts.count; i++) {
		const struct openstack_host *host = import->hosts.items[i];

		for (size_t j = 0; j < host->vms.count; j++) {
			struct openstack_group *group =
				((struct openstack_server *)host->vms.items[j])->group;

			if (!group || !is(group->policy, "anti-affinity") || group->rules_known)
				continue;
			if (group->seen_on == host && !group->sharing) {
				group->sharing = true;
				openstack_names_add(&sharing, group->final_name);
			}
			group->seen_on = host;
		}
	}
	if (unknown.count)
		openstack_note(
			import, OPENSTACK_WARNING,
			"max_server_per_host unknown, 1 assumed: %s; rules are in `server group show` and "
			"REST "
			"from microversion 2.64",
			openstack_names_text(&unknown));
	if (sharing.count)
		openstack_note(import, OPENSTACK_WARNING,
		               "members of strict anti-affinity groups share a host, so the groups count as "
		               "violated "
		               "unless their rules allow it: %s",
		               openstack_names_text(&sharing));
}

void openstack_groups_make(struct openstack *import)
{
	struct openstack_names renamed = { 0 }, several = { 0 }, memberless = { 0 };
	struct named *things;
	bool by_servers = false;

	drop_policyless(import);
	if (import->groups.count)
		qsort(import->groups.items, import->groups.count, sizeof(void *), group_by_id);
	things = MEMORY_ARRAY(struct named, import->groups.count);
	for (size_t i = 0; i < import->groups.count; i++) {
		struct openstack_group *group = import->groups.items[i];

		things[i] = (struct named){ &group->name, group->id, &group->final_name };
	}
	if (name_all(import, things, import->groups.count, &renamed))
		openstack_note(import, OPENSTACK_NOTE,
		               "several server groups of one name, told apart by their ids: %s",
		               openstack_names_text(&renamed));
	free(things);
	if (import->groups.count)
		qsort(import->groups.items, import->groups.count, sizeof(void *), group_by_name);
	join_members(import, &several, &memberless);
	join_by_servers(import, &several, &by_servers);
	if (memberless.count && !by_servers)
		openstack_note(
			import, OPENSTACK_WARNING,
			"members of server groups unknown: %s; export `openstack server group list --long`",
			openstack_names_text(&memberless));
	if (several.count)
		openstack_note(import, OPENSTACK_WARNING,
		               "in several server groups, only the first by name counts: %s",
		               openstack_names_text(&several));
	note_rules(import);
	if (import->saw_servers && !import->saw_groups)
		openstack_note(import, OPENSTACK_WARNING,
		               "no list of server groups: no VM is bound by affinity or anti-affinity");
}

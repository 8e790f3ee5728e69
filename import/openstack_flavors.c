/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/openstack_facts.h"

#include <stdlib.h>
#include <string.h>

enum { VCPUS_MAX = 1000000 };

static int64_t known(int64_t amount)
{
	return amount < 0 ? 0 : amount;
}

int64_t openstack_flavor_dedicated(const struct openstack_flavor *flavor)
{
	const char *policy = openstack_pair(&flavor->extra_specs, "hw:cpu_policy");

	return policy && !strcmp(policy, "dedicated") ? flavor->vcpus : 0;
}

/* The root disk of a VM booted from a volume is the volume; swap is rounded up to whole GiB. */
int64_t openstack_server_disk_gib(const struct openstack_server *server)
{
	const struct openstack_flavor *flavor = server->flavor;
	int64_t root = server->boot == BOOTED_IMAGE ? known(flavor->disk_gib) : 0;

	return root + known(flavor->ephemeral_gib) + (known(flavor->swap_mib) + 1023) / 1024;
}

/* A flavor's path ends in …/NAME or …/NAME-extra-specs.json; its member beside says all. */
static void take_extra_specs(struct openstack *import, const struct openstack_body *body)
{
	const char *slash = strrchr(body->path, '/'), *name = slash ? slash + 1 : body->path;
	static const char *const ends[] = { "", ".json", "-extra-specs.json", "-extra_specs.json",
		                            "_extra_specs.json" };
	struct openstack_pairs specs = openstack_pairs(&import->arena, body->value);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t length = strlen(name), end = strlen(ends[i]);
		const char *start;
		struct openstack_flavor *flavor;

		if (length <= end || strcmp(name + length - end, ends[i]))
			continue;
		start = arena_text(&import->arena, name, length - end);
		flavor = openstack_find(&import->flavor_by_name, start);
		if (!flavor)
			flavor = openstack_find(&import->flavor_by_id, start);
		if (!flavor)
			continue;
		if (!flavor->extra_specs.known)
			flavor->extra_specs = specs;
		return;
	}
	openstack_note(import, OPENSTACK_NOTE, "%s: extra specs of a flavor that no file describes, skipped",
	               body->path);
}

void openstack_flavors_take(struct openstack *import)
{
	for (size_t i = 0; i < import->bodies.count; i++) {
		const struct openstack_body *body = import->bodies.items[i];

		if (body->about == ABOUT_EXTRA_SPECS)
			take_extra_specs(import, body);
	}
}

static bool amounts_agree(int64_t a, int64_t b)
{
	return a == b || a < 0 || b < 0;
}

/* Equal as far as both are known; then each learns from the other what it lacks. */
static bool same_flavor(struct openstack_flavor *flavor, const struct openstack_flavor *other)
{
	if (!amounts_agree(flavor->vcpus, other->vcpus) ||
	    !amounts_agree(flavor->memory_mib, other->memory_mib) ||
	    !amounts_agree(flavor->disk_gib, other->disk_gib) ||
	    !amounts_agree(flavor->swap_mib, other->swap_mib) ||
	    !amounts_agree(flavor->ephemeral_gib, other->ephemeral_gib))
		return false;
	if (flavor->extra_specs.known && other->extra_specs.known &&
	    !openstack_pairs_equal(&flavor->extra_specs, &other->extra_specs))
		return false;
	if (!flavor->extra_specs.known)
		flavor->extra_specs = other->extra_specs;
	flavor->vcpus = flavor->vcpus < 0 ? other->vcpus : flavor->vcpus;
	flavor->memory_mib = flavor->memory_mib < 0 ? other->memory_mib : flavor->memory_mib;
	flavor->disk_gib = flavor->disk_gib < 0 ? other->disk_gib : flavor->disk_gib;
	flavor->swap_mib = flavor->swap_mib < 0 ? other->swap_mib : flavor->swap_mib;
	flavor->ephemeral_gib = flavor->ephemeral_gib < 0 ? other->ephemeral_gib : flavor->ephemeral_gib;
	return true;
}

/* What a server carries is what it was built with, whatever became of the flavor since. */
static struct openstack_flavor *resolve_embedded(struct openstack *import, struct openstack_flavor *embedded)
{
	struct openstack_flavor *first = openstack_find(&import->flavor_by_name, embedded->name),
				*last = NULL;

	for (struct openstack_flavor *flavor = first; flavor; flavor = flavor->next) {
		if (same_flavor(flavor, embedded))
			return flavor;
		last = flavor;
	}
	openstack_push(&import->flavors, embedded);
	if (last)
		last->next = embedded;
	else
		openstack_put(&import->flavor_by_name, embedded->name, embedded);
	return embedded;
}

static struct openstack_flavor *resolve_name(const struct openstack *import,
                                             const struct openstack_server *server)
{
	struct openstack_flavor *flavor = openstack_find(&import->flavor_by_id, server->flavor_id);

	if (!flavor)
		flavor = openstack_find(&import->flavor_by_name, server->flavor_name);
	if (!flavor)
		flavor = openstack_find(&import->flavor_by_name, server->flavor_any);
	if (!flavor)
		flavor = openstack_find(&import->flavor_by_id, server->flavor_any);
	return flavor;
}

static const char *flavor_label(struct openstack *import, const struct openstack_server *server)
{
	if (server->flavor_name)
		return server->flavor_name;
	if (server->flavor_any)
		return server->flavor_any;
	if (server->flavor_id)
		return server->flavor_id;
	return arena_print(&import->arena, "of %s", server->name ? server->name : server->id);
}

static bool was_allocated(const struct openstack_server *server)
{
	const int64_t *allocated = server->allocated;
	int64_t vcpus = allocated[RESOURCE_VCPU] + allocated[RESOURCE_PCPU];

	return server->allocated_known && allocated[RESOURCE_MEMORY] > 0 && vcpus > 0 && vcpus <= VCPUS_MAX;
}

/*
 * No file describes the flavor: what Placement has allocated, else the largest there is, so that no room is
 * made up.
 */
static struct openstack_flavor *guess(struct openstack *import, const struct openstack_server *server,
                                      const struct openstack_flavor *largest,
                                      struct openstack_names guessed[2])
{
	struct openstack_flavor *flavor = server->flavor;

	if (!flavor) {
		flavor = openstack_flavor_new(import);
		flavor->name = flavor_label(import, server);
		openstack_push(&import->flavors, flavor);
		openstack_put(&import->flavor_by_name, flavor->name, flavor);
		openstack_put(&import->flavor_by_id, server->flavor_id, flavor);
	}
	flavor->extra_specs.known = true;
	if (was_allocated(server)) {
		flavor->vcpus = server->allocated[RESOURCE_VCPU] + server->allocated[RESOURCE_PCPU];
		flavor->memory_mib = server->allocated[RESOURCE_MEMORY];
		flavor->disk_gib = server->allocated[RESOURCE_DISK];
		openstack_names_add(&guessed[0], flavor->name);
	} else {
		flavor->vcpus = largest->vcpus;
		flavor->memory_mib = largest->memory_mib;
		flavor->disk_gib = largest->disk_gib;
		openstack_names_add(&guessed[1], flavor->name);
	}
	return flavor;
}

static bool is_whole(const struct openstack_flavor *flavor)
{
	return flavor->vcpus > 0 && flavor->vcpus <= VCPUS_MAX && flavor->memory_mib > 0;
}

/* The largest in each amount, of those that are known. */
static struct openstack_flavor *largest_of(struct openstack *import)
{
	struct openstack_flavor *largest = openstack_flavor_new(import);

	for (size_t i = 0; i < import->flavors.count; i++) {
		const struct openstack_flavor *flavor = import->flavors.items[i];

		if (!is_whole(flavor))
			continue;
		largest->vcpus = flavor->vcpus > largest->vcpus ? flavor->vcpus : largest->vcpus;
		largest->memory_mib = flavor->memory_mib > largest->memory_mib ? flavor->memory_mib
		                                                               : largest->memory_mib;
		largest->disk_gib = flavor->disk_gib > largest->disk_gib ? flavor->disk_gib
		                                                         : largest->disk_gib;
	}
	return largest;
}

static int flavor_order(const void *a, const void *b)
{
	const struct openstack_flavor *one = *(struct openstack_flavor *const *)a;
	const struct openstack_flavor *two = *(struct openstack_flavor *const *)b;
	int64_t amounts[][2] = {
		{ two->listed, one->listed },
		{ one->vcpus, two->vcpus },
		{ one->memory_mib, two->memory_mib },
		{ one->disk_gib, two->disk_gib },
		{ one->swap_mib, two->swap_mib },
		{ one->ephemeral_gib, two->ephemeral_gib },
		{ (int64_t)one->extra_specs.count, (int64_t)two->extra_specs.count },
	};
	int order = openstack_natural(one->name, two->name);

	for (size_t i = 0; !order && i < sizeof(amounts) / sizeof(amounts[0]); i++)
		order = amounts[i][0] < amounts[i][1] ? -1 : amounts[i][0] > amounts[i][1];
	for (size_t i = 0; !order && i < one->extra_specs.count; i++) {
		order = strcmp(one->extra_specs.pairs[i].key, two->extra_specs.pairs[i].key);
		if (!order)
			order = strcmp(one->extra_specs.pairs[i].value, two->extra_specs.pairs[i].value);
	}
	return order;
}

static void name_flavors(struct openstack *import)
{
	struct openstack_names again = { 0 }, unlisted = { 0 }, unknown = { 0 };
	struct openstack_index taken = { 0 };
	unsigned number = 2;

	for (size_t i = 0; i < import->flavors.count; i++)
		openstack_put(&taken, ((struct openstack_flavor *)import->flavors.items[i])->name, import);
	for (size_t i = 0; i < import->flavors.count; i++) {
		struct openstack_flavor *flavor = import->flavors.items[i],
					*before = i ? import->flavors.items[i - 1] : NULL;

		flavor->final_name = flavor->name;
		if (before && !strcmp(before->name, flavor->name)) {
			for (; openstack_find(&taken, flavor->final_name); number++)
				flavor->final_name = arena_print(&import->arena, "%s (%u)", flavor->name,
				                                 number);
			openstack_put(&taken, flavor->final_name, import);
			openstack_names_add(&again, flavor->final_name);
		} else {
			number = 2;
			if (!flavor->listed)
				openstack_names_add(&unlisted, flavor->name);
		}
		if (!flavor->extra_specs.known)
			openstack_names_add(&unknown, flavor->final_name);
	}
	free(taken.slots);
	if (again.count)
		openstack_note(
			import, OPENSTACK_NOTE,
			"VMs were built with an earlier content of a flavor of that name, kept apart: %s",
			openstack_names_text(&again));
	if (unlisted.count)
		openstack_note(import, OPENSTACK_NOTE,
		               "flavors that are in no list, taken from their VMs: %s",
		               openstack_names_text(&unlisted));
	if (unknown.count)
		openstack_note(
			import, OPENSTACK_WARNING,
			"extra specs unknown, assumed none: %s; export `openstack flavor list --all --long`",
			openstack_names_text(&unknown));
}

static void drop_sizeless(struct openstack *import)
{
	size_t kept = 0;

	for (size_t i = 0; i < import->flavors.count; i++) {
		struct openstack_flavor *flavor = import->flavors.items[i];

		if (is_whole(flavor))
			import->flavors.items[kept++] = flavor;
		else
			openstack_note(import, OPENSTACK_WARNING, "flavor %.80s: without size, left out",
			               flavor->name);
	}
	import->flavors.count = kept;
}

static void note_guessed(struct openstack *import, struct openstack_names guessed[2])
{
	if (guessed[0].count)
		openstack_note(
			import, OPENSTACK_WARNING,
			"flavors that no file describes: %s; their size is what Placement has allocated, "
			"their "
			"extra specs are unknown",
			openstack_names_text(&guessed[0]));
	if (guessed[1].count)
		openstack_note(import, OPENSTACK_WARNING,
		               "FLAVORS THAT NO FILE DESCRIBES, assumed as large as the largest: %s; export "
		               "`openstack "
		               "flavor list --all --long`, or servers from microversion 2.47",
		               openstack_names_text(&guessed[1]));
}

int openstack_flavors_resolve(struct openstack *import, struct error *error)
{
	struct openstack_names guessed[2] = { 0 };
	const struct openstack_flavor *largest;

	for (size_t i = 0; i < import->servers.count; i++) {
		struct openstack_server *server = import->servers.items[i];

		if (server->embedded && !server->embedded->name)
			server->embedded->name = flavor_label(import, server);
		if (server->embedded && is_whole(server->embedded))
			server->flavor = resolve_embedded(import, server->embedded);
	}
	largest = largest_of(import);
	for (size_t i = 0; i < import->servers.count; i++) {
		struct openstack_server *server = import->servers.items[i];

		if (!server->flavor)
			server->flavor = resolve_name(import, server);
		if (server->flavor && is_whole(server->flavor))
			continue;
		if (largest->vcpus < 0 && !was_allocated(server))
			return error_set(
				error, ERROR_INPUT,
				"no file says how large flavors are, expected what `openstack flavor list "
				"--all --long -f json` prints");
		server->flavor = guess(import, server, largest, guessed);
	}
	drop_sizeless(import);
	if (import->flavors.count)
		qsort(import->flavors.items, import->flavors.count, sizeof(void *), flavor_order);
	name_flavors(import);
	note_guessed(import, guessed);
	return 0;
}

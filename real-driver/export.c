/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/export.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct exported {
	const struct inventory_host *hosts;
	uint32_t host_count;
	const struct inventory_notes *notes;
	const char **host_names;
	struct exported_vm *vms;
	uint32_t vm_count;
	struct arena arena;
};

struct exported_vm {
	const struct inventory_domain *domain;
	uint32_t host;
	const char *name;
	char *flavor;
	const char *group; /* NULL: none */
};

/* ------------------------------------------------------------------ names */

static void name_hosts(struct exported *exported)
{
	exported->host_names = ARENA_ARRAY(&exported->arena, const char *, exported->host_count + 1);
	for (uint32_t i = 0; i < exported->host_count; i++) {
		const char *name = exported->hosts[i].name;
		unsigned same = 1;

		for (uint32_t k = 0; k < i; k++)
			same += strcmp(exported->hosts[k].name, name) == 0;
		exported->host_names[i] = same == 1 ? name
		                                    : arena_print(&exported->arena, "%s-%u", name, same);
		if (same > 1)
			inventory_note(exported->notes,
			               "%s says that its name is %s, as another does: %s here",
			               exported->hosts[i].uri, name, exported->host_names[i]);
	}
}

struct by_uuid {
	const struct inventory_domain *domain;
	uint32_t host;
};

/* The same UUID: what runs, and sends rather than receives, first; then by the hosts' order. */
static int compare_uuid(const void *a, const void *b)
{
	const struct by_uuid *one = a, *two = b;
	int order = strcmp(one->domain->uuid, two->domain->uuid);
	int rank_one = one->domain->active ? one->domain->incoming : 2;
	int rank_two = two->domain->active ? two->domain->incoming : 2;

	if (order || rank_one != rank_two)
		return order ? order : rank_one - rank_two;
	return one->host < two->host ? -1 : one->host > two->host;
}

static int compare_place(const void *a, const void *b)
{
	const struct exported_vm *one = a, *two = b;

	if (one->host != two->host)
		return one->host < two->host ? -1 : 1;
	return strcmp(one->domain->name, two->domain->name);
}

static int compare_name(const void *a, const void *b)
{
	const struct exported_vm *one = *(const struct exported_vm *const *)a;
	const struct exported_vm *two = *(const struct exported_vm *const *)b;
	int order = strcmp(one->domain->name, two->domain->name);

	return order ? order : compare_place(one, two);
}

static void note_left(const struct exported *exported, const struct by_uuid *kept, const struct by_uuid *left)
{
	const char *where = exported->host_names[left->host];

	if (left->domain->active && !left->domain->incoming && !kept->domain->migrating)
		inventory_note(exported->notes, "%s runs on %s and on %s at once: a person must look",
		               kept->domain->name, exported->host_names[kept->host], where);
	else if (left->domain->active)
		inventory_note(exported->notes, "%s is migrating from %s to %s: taken as where it comes from",
		               kept->domain->name, exported->host_names[kept->host], where);
	else
		inventory_note(exported->notes, "%s is on %s; %s has a definition of it too, left out",
		               kept->domain->name, exported->host_names[kept->host], where);
}

static void name_vms(struct exported *exported)
{
	struct exported_vm **sorted = ARENA_ARRAY(&exported->arena, struct exported_vm *,
	                                          exported->vm_count + 1);

	for (uint32_t i = 0; i < exported->vm_count; i++)
		sorted[i] = &exported->vms[i];
	qsort(sorted, exported->vm_count, sizeof(*sorted), compare_name);
	for (uint32_t i = 0; i < exported->vm_count; i++) {
		const char *name = sorted[i]->domain->name;
		bool same = (i > 0 && !strcmp(sorted[i - 1]->domain->name, name)) ||
		            (i + 1 < exported->vm_count && !strcmp(sorted[i + 1]->domain->name, name));

		sorted[i]->name = same ? arena_print(&exported->arena, "%s@%s", name,
		                                     exported->host_names[sorted[i]->host])
		                       : name;
		if (same)
			inventory_note(exported->notes, "%s: another domain has that name: %s here", name,
			               sorted[i]->name);
	}
}

static void collect_vms(struct exported *exported)
{
	struct by_uuid *all;
	uint32_t total = 0, at = 0;

	for (uint32_t i = 0; i < exported->host_count; i++)
		total += exported->hosts[i].domain_count;
	all = ARENA_ARRAY(&exported->arena, struct by_uuid, total + 1);
	exported->vms = ARENA_ARRAY(&exported->arena, struct exported_vm, total + 1);
	for (uint32_t i = 0; i < exported->host_count; i++) {
		for (uint32_t k = 0; k < exported->hosts[i].domain_count; k++)
			all[at++] = (struct by_uuid){ &exported->hosts[i].domains[k], i };
	}
	qsort(all, total, sizeof(*all), compare_uuid);
	for (uint32_t i = 0, kept = 0; i < total; i++) {
		if (i > 0 && !strcmp(all[i].domain->uuid, all[kept].domain->uuid)) {
			note_left(exported, &all[kept], &all[i]);
			continue;
		}
		kept = i;
		exported->vms[exported->vm_count++] = (struct exported_vm){ .domain = all[i].domain,
			                                                    .host = all[i].host };
	}
	qsort(exported->vms, exported->vm_count, sizeof(*exported->vms), compare_place);
	name_vms(exported);
}

/* ------------------------------------------------------------------ hosts */

static void add_hugepages(json_t *node, const struct inventory_cell *cell)
{
	json_t *pages;

	if (!cell->pages_2m && !cell->pages_1g)
		return;
	pages = json_add(node, "hugepages", json_object_new());
	if (cell->pages_2m)
		json_add_number(pages, "2048", (double)cell->pages_2m);
	if (cell->pages_1g)
		json_add_number(pages, "1048576", (double)cell->pages_1g);
}

static void add_numa(json_t *into, const struct inventory_host *host)
{
	bool wanted = host->cell_count > 1;
	json_t *numa;

	for (uint32_t i = 0; i < host->cell_count; i++)
		wanted = wanted || host->cells[i].pages_2m || host->cells[i].pages_1g;
	if (!wanted)
		return;
	numa = json_add(into, "numa", json_array_new());
	for (uint32_t i = 0; i < host->cell_count; i++) {
		json_t *node = json_push(numa, json_object_new());

		json_add_number(node, "cpus", (double)host->cells[i].cpus);
		json_add_number(node, "memory_mib", (double)host->cells[i].memory_mib);
		add_hugepages(node, &host->cells[i]);
	}
}

static void add_texts(json_t *into, const char *key, const char *const *texts, uint32_t count)
{
	json_t *array = json_add(into, key, json_array_new());

	for (uint32_t i = 0; i < count; i++)
		json_push(array, json_text_new(texts[i]));
}

static bool has_local_disks(const struct inventory_host *host)
{
	for (uint32_t i = 0; i < host->domain_count; i++) {
		if (host->domains[i].disks.local)
			return true;
	}
	return false;
}

static void add_hosts(const struct exported *exported, json_t *cluster)
{
	json_t *hosts = json_add(cluster, "hosts", json_array_new());
	bool local = false;

	/* Where one host's guests have disks of their own, the others are taken to be built alike. */
	for (uint32_t i = 0; i < exported->host_count; i++)
		local = local || has_local_disks(&exported->hosts[i]);
	for (uint32_t i = 0; i < exported->host_count; i++) {
		const struct inventory_host *host = &exported->hosts[i];
		json_t *into = json_push(hosts, json_object_new());

		json_add_text(into, "name", exported->host_names[i]);
		json_add_text(into, "uri", host->uri);
		json_add_number(into, "cpus", (double)host->cpus);
		json_add_number(into, "memory_mib", (double)host->memory_mib);
		add_numa(into, host);
		if (host->cpu_model)
			json_add_text(into, "cpu_model", host->cpu_model);
		if (host->feature_count)
			add_texts(into, "cpu_features", host->features, host->feature_count);
		if (local)
			json_add_text(into, "storage", "local_image");
		if (host->networks_known)
			add_texts(into, "networks", host->networks, host->network_count);
	}
}

/* ------------------------------------------------------------------ flavors */

/* Flavors of one name are one flavor: the name says all that there is. */
static char *flavor_name(struct arena *arena, const struct inventory_domain *domain)
{
	char *name = arena_print(arena, "c%lld-m%lld", (long long)domain->vcpus,
	                         (long long)domain->memory_mib);

	if (domain->local_gib)
		name = arena_print(arena, "%s-d%lld", name, (long long)domain->local_gib);
	if (domain->pages)
		name = arena_print(arena, "%s-pages-%s", name, domain->pages);
	if (domain->dedicated)
		name = arena_print(arena, "%s-dedicated", name);
	if (domain->host_cpu)
		name = arena_print(arena, "%s-host-cpu", name);
	for (uint32_t i = 0; i < domain->cell_count; i++)
		name = arena_print(arena, "%s-numa-%s-%lld", name,
		                   domain->cells[i].cpu_set ? domain->cells[i].cpu_set : "",
		                   (long long)domain->cells[i].memory_mib);
	return name;
}

static void add_cells(json_t *specs, const struct inventory_domain *domain)
{
	char key[40], value[40];
	int64_t cpus = 0, memory_mib = 0;

	for (uint32_t i = 0; i < domain->cell_count; i++) {
		cpus += domain->cells[i].cpus;
		memory_mib += domain->cells[i].memory_mib;
	}
	if (domain->cell_count == 0)
		return;
	snprintf(value, sizeof(value), "%u", domain->cell_count);
	json_add_text(specs, "hw:numa_nodes", value);
	/* Nodes that are not the whole guest mean nothing to the platform: then equal shares. */
	if (cpus != domain->vcpus || memory_mib != domain->memory_mib)
		return;
	for (uint32_t i = 0; i < domain->cell_count; i++) {
		snprintf(key, sizeof(key), "hw:numa_cpus.%u", i);
		json_add_text(specs, key, domain->cells[i].cpu_set);
		snprintf(key, sizeof(key), "hw:numa_mem.%u", i);
		snprintf(value, sizeof(value), "%lld", (long long)domain->cells[i].memory_mib);
		json_add_text(specs, key, value);
	}
}

static void add_flavor(json_t *flavors, const struct exported_vm *vm)
{
	const struct inventory_domain *domain = vm->domain;
	json_t *flavor = json_push(flavors, json_object_new()), *specs;

	json_add_text(flavor, "name", vm->flavor);
	json_add_number(flavor, "vcpus", (double)domain->vcpus);
	json_add_number(flavor, "memory_mib", (double)domain->memory_mib);
	if (domain->local_gib)
		json_add_number(flavor, "disk_gib", (double)domain->local_gib);
	specs = json_object_new();
	if (domain->dedicated)
		json_add_text(specs, "hw:cpu_policy", "dedicated");
	if (domain->host_cpu)
		json_add_text(specs, "hw:cpu_model", "Passthrough");
	if (domain->pages)
		json_add_text(specs, "hw:mem_page_size", domain->pages);
	add_cells(specs, domain);
	if (json_count(specs))
		json_add(flavor, "extra_specs", specs);
	else
		json_free(specs);
}

static void add_flavors(struct exported *exported, json_t *cluster)
{
	json_t *flavors = json_add(cluster, "flavors", json_array_new());

	for (uint32_t i = 0; i < exported->vm_count; i++) {
		bool known = false;

		exported->vms[i].flavor = flavor_name(&exported->arena, exported->vms[i].domain);
		for (uint32_t k = 0; k < i && !known; k++)
			known = !strcmp(exported->vms[k].flavor, exported->vms[i].flavor);
		if (!known)
			add_flavor(flavors, &exported->vms[i]);
	}
}

/* ------------------------------------------------------------------ VMs */

static void add_vifs(json_t *into, const struct inventory_domain *domain)
{
	json_t *vifs;

	if (!domain->vif_count)
		return;
	vifs = json_add(into, "vifs", json_array_new());
	for (uint32_t i = 0; i < domain->vif_count; i++) {
		json_t *vif = json_push(vifs, json_object_new());

		json_add_text(vif, "model", vif_model_words[domain->vifs[i].model]);
		if (domain->vifs[i].network)
			json_add_text(vif, "network", domain->vifs[i].network);
	}
}

static void add_dirty(json_t *into, const struct inventory_domain *domain)
{
	json_t *dirty, *points;

	if (!domain->point_count)
		return;
	dirty = json_add(into, "dirty", json_object_new());
	json_add_text(dirty, "model", dirty_model_words[DIRTY_MODEL_MEASURED]);
	points = json_add(dirty, "points", json_array_new());
	for (uint32_t i = 0; i < domain->point_count; i++) {
		json_t *point = json_push(points, json_array_new());

		json_push(point, json_number_new(domain->points[i][0]));
		json_push(point, json_number_new(domain->points[i][1]));
	}
}

static void add_vms(const struct exported *exported, json_t *cluster)
{
	json_t *vms = json_add(cluster, "vms", json_array_new());

	for (uint32_t i = 0; i < exported->vm_count; i++) {
		const struct exported_vm *vm = &exported->vms[i];
		json_t *into = json_push(vms, json_object_new());

		json_add_text(into, "name", vm->name);
		json_add_text(into, "id", vm->domain->uuid);
		json_add_text(into, "host", exported->host_names[vm->host]);
		json_add_text(into, "flavor", vm->flavor);
		if (vm->group)
			json_add_text(into, "group", vm->group);
		if (vm->domain->state != VM_ACTIVE)
			json_add_text(into, "state", vm_state_words[vm->domain->state]);
		if (vm->domain->migrating)
			json_add_text(into, "task", "migrating");
		if (vm->domain->disks.local)
			json_add_text(into, "boot", boot_words[BOOT_IMAGE]);
		add_vifs(into, vm->domain);
		if (!isnan(vm->domain->used_mib))
			json_add_number(into, "used_mib", vm->domain->used_mib);
		add_dirty(into, vm->domain);
	}
}

/* ------------------------------------------------------------------ groups */

static struct exported_vm *find_vm(const struct exported *exported, const char *name)
{
	for (uint32_t i = 0; i < exported->vm_count; i++) {
		struct exported_vm *vm = &exported->vms[i];

		if (!strcmp(vm->name, name) || !strcmp(vm->domain->uuid, name))
			return vm;
	}
	return NULL;
}

/* Members are told to their VMs; everything else is the cluster's own affair, and checked there. */
static int take_members(const struct exported *exported, const struct json_doc *doc, const json_t *group,
                        struct error *error)
{
	const json_t *members = json_get(group, "members"), *name = json_get(group, "name");

	if (json_type(group) != JSON_OBJECT || !name || json_type(name) != JSON_TEXT)
		return json_fail(doc, group, error, "expected a group, an object with a name");
	if (!members || json_type(members) != JSON_ARRAY)
		return json_fail(doc, group, error, "expected members, an array of VMs' names or UUIDs");
	for (const json_t *one = json_first(members); one; one = json_next(one)) {
		struct exported_vm *vm;

		if (json_type(one) != JSON_TEXT)
			return json_fail(doc, one, error, "expected a VM's name or UUID, found %s",
			                 json_type_name(one));
		vm = find_vm(exported, json_text(one));
		if (!vm)
			return json_fail(doc, one, error, "no domain \"%s\" on these hosts", json_text(one));
		if (vm->group)
			return json_fail(doc, one, error, "%s is in %s already", vm->name, vm->group);
		vm->group = json_text(name);
	}
	return 0;
}

static int add_file_groups(const struct exported *exported, const struct json_doc *doc, json_t *groups,
                           struct error *error)
{
	const json_t *root = json_doc_root(doc);

	if (json_type(root) != JSON_ARRAY)
		return json_fail(doc, root, error, "expected an array of groups, found %s",
		                 json_type_name(root));
	for (const json_t *group = json_first(root); group; group = json_next(group)) {
		json_t *into;
		int result = take_members(exported, doc, group, error);

		if (result)
			return result;
		into = json_push(groups, json_object_new());
		for (const json_t *member = json_first(group); member; member = json_next(member)) {
			if (strcmp(json_key(member), "members") != 0)
				json_add(into, json_key(member), json_copy(member));
		}
	}
	return 0;
}

static json_t *find_group(json_t *groups, const char *name)
{
	for (const json_t *group = json_first(groups); group; group = json_next(group)) {
		if (!strcmp(json_text(json_get(group, "name")), name))
			return (json_t *)group;
	}
	return NULL;
}

static const char *policy_of(const json_t *group)
{
	const json_t *policy = json_get(group, "policy");

	return policy && json_type(policy) == JSON_TEXT ? json_text(policy) : "";
}

static bool is_policy(const char *text)
{
	for (size_t i = 0; text && policy_words[i]; i++) {
		if (!strcmp(policy_words[i], text))
			return true;
	}
	return false;
}

/* What the domains themselves say of their groups, unless a file has said it. */
static void add_own_groups(struct exported *exported, json_t *groups)
{
	for (uint32_t i = 0; i < exported->vm_count; i++) {
		struct exported_vm *vm = &exported->vms[i];
		const struct inventory_group *own = &vm->domain->group;
		json_t *group;

		if (!own->name || vm->group)
			continue;
		group = find_group(groups, own->name);
		if (!is_policy(own->policy)) {
			inventory_note(exported->notes,
			               "%s: its group %s has no policy that is known, left out", vm->name,
			               own->name);
			continue;
		}
		vm->group = own->name;
		if (group) {
			if (strcmp(policy_of(group), own->policy) != 0)
				inventory_note(exported->notes,
				               "%s says that %s is %s, others say %s: that holds", vm->name,
				               own->name, own->policy, policy_of(group));
			continue;
		}
		group = json_push(groups, json_object_new());
		json_add_text(group, "name", own->name);
		json_add_text(group, "policy", own->policy);
		if (own->best_effort)
			json_add_bool(group, "best_effort", true);
		if (own->max_per_host > 1)
			json_add_number(group, "max_per_host", (double)own->max_per_host);
	}
}

static void add_hypervisor(const struct exported *exported, json_t *cluster)
{
	uint32_t oldest = 0;
	bool differs = false;
	char text[40];

	for (uint32_t i = 0; i < exported->host_count; i++) {
		uint32_t qemu = exported->hosts[i].qemu;

		differs = differs || (i > 0 && qemu != exported->hosts[0].qemu);
		if (qemu && (oldest == 0 || qemu < oldest))
			oldest = qemu;
	}
	if (differs)
		inventory_note(exported->notes,
		               "the hosts' versions of QEMU differ: predictions go by the oldest");
	if (oldest == 0)
		return;
	snprintf(text, sizeof(text), "qemu-%u.%u", oldest / 1000, oldest % 1000);
	json_add_text(json_add(cluster, "migration", json_object_new()), "hypervisor", text);
}

int export_cluster(const struct inventory_host *hosts, uint32_t count, const struct export_options *options,
                   const struct inventory_notes *notes, json_t **ret_cluster, struct error *error)
{
	struct exported exported = { .hosts = hosts, .host_count = count, .notes = notes };
	json_t *cluster = json_object_new(), *groups = json_array_new();
	int result = 0;

	json_add_text(cluster, "schema", "lockkeeper.cluster/1");
	json_add_text(cluster, "name", options->name ? options->name : "libvirt");
	json_add_text(cluster, "profile", options->profile ? options->profile : profile_words[PROFILE_NOVA]);
	add_hypervisor(&exported, cluster);
	name_hosts(&exported);
	collect_vms(&exported);
	if (options->groups)
		result = add_file_groups(&exported, options->groups, groups, error);
	add_own_groups(&exported, groups);
	add_hosts(&exported, cluster);
	add_flavors(&exported, cluster);
	add_vms(&exported, cluster);
	if (json_count(groups))
		json_add(cluster, "groups", groups);
	else
		json_free(groups);
	arena_free(&exported.arena);
	if (result)
		json_free(cluster);
	else
		*ret_cluster = cluster;
	return result;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/openstack_facts.h"

#include <stdlib.h>
#include <string.h>

enum { NODES_MAX = 16, PAGE_2M = 0, PAGE_1G = 1, PAGE_SIZES = 2 };

/*
 * Nova's API tells nothing of NUMA nodes and huge pages. What VMs use must be there, though, and hosts of
 * the same CPUs and memory are taken to be alike: one layout for each kind of host, with as many nodes as
 * the widest VM on one of them, and on each node as many pages as on the fullest node of all.
 */
struct openstack_layout {
	int64_t nodes;
	int64_t pages[PAGE_SIZES]; /* on each node */
};

/* How many guest nodes a flavor has; 0: NUMA rules do not bind it. */
static int64_t guest_nodes(const struct openstack_flavor *flavor)
{
	const char *nodes = openstack_pair(&flavor->extra_specs, "hw:numa_nodes");
	long count = nodes ? strtol(nodes, NULL, 10) : 0;

	return count < 0 ? 0 : count > NODES_MAX ? NODES_MAX : count;
}

/*
 * The page size that a flavor's VMs have: PAGE_2M, PAGE_1G, or -1 for small ones. "large" is taken for 2
 * MiB.
 */
static int page_of(const struct openstack_flavor *flavor)
{
	const char *size = openstack_pair(&flavor->extra_specs, "hw:mem_page_size");

	if (!size)
		return -1;
	if (!strcmp(size, "1048576") || !strcmp(size, "1GB") || !strcmp(size, "1024MB"))
		return PAGE_1G;
	if (!strcmp(size, "large") || !strcmp(size, "2048") || !strcmp(size, "2MB") ||
	    !strcmp(size, "2048KB"))
		return PAGE_2M;
	return -1;
}

static int64_t pages_needed(const struct openstack_flavor *flavor, int page)
{
	int64_t nodes = guest_nodes(flavor), page_mib = page == PAGE_1G ? 1024 : 2;
	int64_t memory = nodes > 1 ? (flavor->memory_mib + nodes - 1) / nodes : flavor->memory_mib;

	return (memory + page_mib - 1) / page_mib;
}

static int by_need(const void *a, const void *b)
{
	const struct openstack_server *one = *(struct openstack_server *const *)a;
	const struct openstack_server *two = *(struct openstack_server *const *)b;

	if (one->flavor->memory_mib != two->flavor->memory_mib)
		return one->flavor->memory_mib > two->flavor->memory_mib ? -1 : 1;
	return strcmp(one->id, two->id);
}

static int least(const int64_t *amounts, int64_t count, const bool *taken)
{
	int best = -1;

	for (int i = 0; i < count; i++) {
		if (!taken[i] && (best < 0 || amounts[i] < amounts[best]))
			best = i;
	}
	return best;
}

/* Spreads a host's VMs over the layout's nodes, the largest first, each guest node to the emptiest one. */
static void fill_nodes(struct openstack_host *host)
{
	struct openstack_layout *layout = host->layout;
	int64_t pages[PAGE_SIZES][NODES_MAX] = { 0 };

	if (host->vms.count)
		qsort(host->vms.items, host->vms.count, sizeof(void *), by_need);
	for (size_t i = 0; i < host->vms.count; i++) {
		const struct openstack_flavor *flavor =
			((struct openstack_server *)host->vms.items[i])->flavor;
		int page = page_of(flavor);
		int64_t guests = guest_nodes(flavor);
		bool taken[NODES_MAX] = { false };

		for (int64_t guest = 0; page >= 0 && guest < (guests ? guests : 1); guest++) {
			int node = least(pages[page], layout->nodes, taken);

			if (node < 0)
				break;
			taken[node] = true;
			pages[page][node] += pages_needed(flavor, page);
			if (pages[page][node] > layout->pages[page])
				layout->pages[page] = pages[page][node];
		}
	}
}

static struct openstack_layout *layout_of(struct openstack *import, struct openstack_index *layouts,
                                          const struct openstack_host *host)
{
	const char *key = arena_print(&import->arena, "%lld %lld %lld", (long long)host->cpus,
	                              (long long)host->dedicated_cpus, (long long)host->memory_mib);
	struct openstack_layout *layout = openstack_find(layouts, key);

	if (!layout) {
		layout = ARENA_ARRAY(&import->arena, struct openstack_layout, 1);
		layout->nodes = 1;
		openstack_put(layouts, key, layout);
	}
	return layout;
}

static void note_layouts(struct openstack *import)
{
	struct openstack_names nodes = { 0 }, pages = { 0 }, vms = { 0 };

	for (size_t i = 0; i < import->hosts.count; i++) {
		const struct openstack_host *host = import->hosts.items[i];

		if (host->layout->nodes > 1)
			openstack_names_add(&nodes, host->name);
		if (host->layout->pages[PAGE_2M] || host->layout->pages[PAGE_1G])
			openstack_names_add(&pages, host->name);
	}
	for (size_t i = 0; i < import->servers.count; i++) {
		const struct openstack_server *server = import->servers.items[i];

		if (page_of(server->flavor) >= 0 || guest_nodes(server->flavor) > 1)
			openstack_names_add(&vms, server->final_name);
	}
	if (vms.count == 0)
		return;
	openstack_note(
		import, OPENSTACK_WARNING,
		"NUMA nodes and huge pages are not in the API: assumed what VMs there use, the same on hosts "
		"of "
		"the same size, and no more; where %s may go depends on it; correct hosts[].numa",
		openstack_names_text(&vms));
	if (nodes.count)
		openstack_note(import, OPENSTACK_NOTE, "several NUMA nodes assumed: %s",
		               openstack_names_text(&nodes));
	if (pages.count)
		openstack_note(import, OPENSTACK_NOTE, "huge pages assumed (\"large\" taken for 2 MiB): %s",
		               openstack_names_text(&pages));
}

void openstack_numa_infer(struct openstack *import)
{
	struct openstack_index layouts = { 0 };

	for (size_t i = 0; i < import->hosts.count; i++) {
		struct openstack_host *host = import->hosts.items[i];

		host->layout = layout_of(import, &layouts, host);
		for (size_t j = 0; j < host->vms.count; j++) {
			int64_t nodes = guest_nodes(((struct openstack_server *)host->vms.items[j])->flavor);

			if (nodes > host->layout->nodes)
				host->layout->nodes = nodes;
		}
	}
	for (size_t i = 0; i < import->hosts.count; i++)
		fill_nodes(import->hosts.items[i]);
	note_layouts(import);
	free(layouts.slots);
}

static int64_t share(int64_t amount, int64_t nodes, int64_t node)
{
	return amount / nodes + (node < amount % nodes);
}

void openstack_numa_add(json_t *object, const struct openstack_host *host)
{
	static const char *const names[] = { [PAGE_2M] = "2048", [PAGE_1G] = "1048576" };
	const struct openstack_layout *layout = host->layout;
	int64_t cpus = host->cpus + (host->dedicated_cpus > 0 ? host->dedicated_cpus : 0);
	json_t *numa;

	if (layout->nodes == 1 && !layout->pages[PAGE_2M] && !layout->pages[PAGE_1G])
		return;
	numa = json_add(object, "numa", json_array_new());
	for (int64_t node = 0; node < layout->nodes; node++) {
		json_t *entry = json_push(numa, json_object_new()), *pages = NULL;
		int64_t memory = share(host->memory_mib, layout->nodes, node);

		json_add_number(entry, "cpus", (double)share(cpus, layout->nodes, node));
		json_add_number(entry, "memory_mib", (double)memory);
		for (int page = 0; page < PAGE_SIZES; page++) {
			int64_t room = memory / (page == PAGE_1G ? 1024 : 2);

			if (!layout->pages[page])
				continue;
			if (!pages)
				pages = json_add(entry, "hugepages", json_object_new());
			json_add_number(pages, names[page],
			                (double)(layout->pages[page] < room ? layout->pages[page] : room));
		}
	}
}

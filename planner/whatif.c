/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/whatif.h"

#include "core/names.h"

#include <stdlib.h>
#include <string.h>

void whatif_create(struct whatif *ret_whatif, const struct cluster *cluster)
{
	*ret_whatif = (struct whatif){ .cluster = *cluster, .vms_at_start = cluster->vm_count };
	ret_whatif->vm_room = cluster->vm_count + 1;
	ret_whatif->vms = MEMORY_ARRAY(struct vm, ret_whatif->vm_room);
	if (cluster->vm_count > 0)
		memcpy(ret_whatif->vms, cluster->vms, sizeof(struct vm) * cluster->vm_count);
	ret_whatif->cluster.vms = ret_whatif->vms;
}

void whatif_free(struct whatif *whatif)
{
	free(whatif->vms);
	free(whatif->names);
	arena_free(&whatif->arena);
	*whatif = (struct whatif){ 0 };
}

uint32_t unit_vms(const struct unit *unit)
{
	uint32_t vms = 0;

	for (uint32_t i = 0; i < unit->kinds; i++)
		vms += unit->counts[i];
	return vms;
}

uint32_t whatif_first(const struct whatif *whatif, const struct unit *unit, uint32_t kind)
{
	uint32_t vm = whatif->vms_at_start, units = (whatif->cluster.vm_count - vm) / unit_vms(unit);

	for (uint32_t i = 0; i < kind; i++)
		vm += units * unit->counts[i];
	return vm;
}

/* Names for so many new VMs. */
static void make_names(struct whatif *whatif, uint32_t count)
{
	if (count <= whatif->named)
		return;
	whatif->names = memory_resize(whatif->names, count, sizeof(*whatif->names));
	for (; whatif->named < count; whatif->named++)
		whatif->names[whatif->named] = arena_print(&whatif->arena, "new-%u", whatif->named + 1);
}

static void make_room(struct whatif *whatif, uint32_t vms)
{
	if (vms > whatif->vm_room) {
		whatif->vm_room = vms > 2 * whatif->vm_room ? vms : 2 * whatif->vm_room;
		whatif->vms = memory_resize(whatif->vms, whatif->vm_room, sizeof(*whatif->vms));
	}
	whatif->cluster.vms = whatif->vms;
}

void whatif_fill(struct whatif *whatif, const struct unit *unit, uint32_t count, uint32_t group)
{
	uint32_t vm = whatif->vms_at_start, end = vm + count * unit_vms(unit);

	make_names(whatif, end - vm);
	make_room(whatif, end);
	for (uint32_t kind = 0; kind < unit->kinds; kind++) {
		for (uint32_t i = 0; i < count * unit->counts[kind]; i++, vm++)
			whatif->vms[vm] = cluster_new_vm(&whatif->cluster,
			                                 whatif->names[vm - whatif->vms_at_start],
			                                 unit->flavors[kind], group);
	}
	whatif->cluster.vm_count = end;
}

void whatif_copy(struct whatif *whatif, uint32_t vm, uint32_t count)
{
	uint32_t at = whatif->cluster.vm_count, end = at + count;

	make_room(whatif, end);
	for (; at < end; at++) {
		struct vm *copy = &whatif->vms[at];

		*copy = whatif->vms[vm];
		copy->host = copy->group = NONE;
		copy->state = VM_ACTIVE;
		copy->task = NULL;
	}
	whatif->cluster.vm_count = whatif->vms_at_start = end;
}

void whatif_add_host(struct whatif *whatif, const struct host *host)
{
	struct cluster *cluster = &whatif->cluster;
	struct host *hosts = ARENA_ARRAY(&whatif->arena, struct host, cluster->host_count + 1),
		    *added = &hosts[cluster->host_count];

	memcpy(hosts, cluster->hosts, sizeof(*hosts) * cluster->host_count);
	*added = *host;
	added->uri = NULL;
	added->administrative = ADMIN_UNLOCKED;
	added->operational = OPER_ENABLED;
	added->availability = AVAIL_AVAILABLE;
	added->numa_first = cluster->numa_count;
	added->pci_first = cluster->pci_pool_count;
	cluster->numa_count += added->numa_count;
	cluster->pci_pool_count += added->pci_count;
	cluster->hosts = hosts;
	cluster->host_count++;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/cluster.h"

#include "core/intern.h"
#include "core/names.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void cluster_free(struct cluster *cluster)
{
	arena_free(&cluster->arena);
	*cluster = (struct cluster){ 0 };
}

void cluster_move(struct cluster *ret_cluster, struct cluster *cluster)
{
	*ret_cluster = *cluster;
	*cluster = (struct cluster){ 0 };
	if (ret_cluster->interns)
		interns_move(ret_cluster->interns, &ret_cluster->arena);
}

uint32_t cluster_host(const struct cluster *cluster, const char *name)
{
	return intern_find(cluster->interns, NAME_HOST, name);
}

uint32_t cluster_vm(const struct cluster *cluster, const char *name)
{
	uint32_t vm = intern_find(cluster->interns, NAME_VM, name);

	return vm != NONE ? vm : intern_find(cluster->interns, NAME_VM_ID, name);
}

uint32_t cluster_flavor(const struct cluster *cluster, const char *name)
{
	return intern_find(cluster->interns, NAME_FLAVOR, name);
}

uint32_t cluster_group(const struct cluster *cluster, const char *name)
{
	return intern_find(cluster->interns, NAME_GROUP, name);
}

const char *cluster_intern(struct cluster *cluster, const char *text)
{
	return intern(cluster->interns, text);
}

void cluster_warn(struct cluster *cluster, const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (cluster->warning_count == cluster->warning_room) {
		uint32_t room = cluster->warning_room ? cluster->warning_room * 2 : 16;
		const char **warnings = ARENA_ARRAY(&cluster->arena, const char *, room);

		if (cluster->warning_count)
			memcpy(warnings, cluster->warnings, sizeof(*warnings) * cluster->warning_count);
		cluster->warnings = warnings;
		cluster->warning_room = room;
	}
	cluster->warnings[cluster->warning_count++] = arena_text(&cluster->arena, line, strlen(line));
}

struct vm cluster_new_vm(const struct cluster *cluster, const char *name, uint32_t flavor, uint32_t group)
{
	return (struct vm){ .name = name,
		            .id = name,
		            .host = NONE,
		            .flavor = flavor,
		            .group = group,
		            .load = NONE,
		            .used_mib = (double)cluster->flavors[flavor].memory_mib,
		            .dirty = dirty_default() };
}

uint32_t cluster_add_vm(struct cluster *cluster, const char *name, uint32_t flavor, uint32_t group)
{
	uint32_t index = cluster->vm_count;

	/* The old array stays in the arena, so that twice the size each time is what many additions need. */
	if (index >= cluster->vm_room) {
		uint32_t room = index < 8 ? 16 : index * 2;
		struct vm *vms = ARENA_ARRAY(&cluster->arena, struct vm, room);

		if (index)
			memcpy(vms, cluster->vms, sizeof(*vms) * index);
		cluster->vms = vms;
		cluster->vm_room = room;
	}
	cluster->vms[index] = cluster_new_vm(cluster, cluster_intern(cluster, name), flavor, group);
	intern_bind(cluster->interns, NAME_VM, name, index);
	cluster->vm_count++;
	return index;
}

const char *pairs_get(const struct pairs *pairs, const char *key)
{
	for (uint32_t i = 0; i < pairs->count; i++) {
		if (!strcmp(pairs->at[i].key, key))
			return pairs->at[i].value;
	}
	return NULL;
}

struct migration_settings migration_settings_none(void)
{
	return (struct migration_settings){ .bandwidth_mib_s = NAN,
		                            .max_downtime_ms = NAN,
		                            .timeout_s = NAN,
		                            .setup_ms = NAN,
		                            .switchover_ms = NAN,
		                            .wire_efficiency = NAN,
		                            .parallel_per_host = -1,
		                            .downtime_steps = -1,
		                            .auto_converge = -1,
		                            .post_copy = -1 };
}

static void overlay_number(double *setting, double over)
{
	if (!isnan(over))
		*setting = over;
}

void migration_overlay(struct migration_settings *settings, const struct migration_settings *over)
{
	if (over->hypervisor)
		settings->hypervisor = over->hypervisor;
	overlay_number(&settings->bandwidth_mib_s, over->bandwidth_mib_s);
	overlay_number(&settings->max_downtime_ms, over->max_downtime_ms);
	overlay_number(&settings->timeout_s, over->timeout_s);
	overlay_number(&settings->setup_ms, over->setup_ms);
	overlay_number(&settings->switchover_ms, over->switchover_ms);
	overlay_number(&settings->wire_efficiency, over->wire_efficiency);
	if (over->parallel_per_host >= 0)
		settings->parallel_per_host = over->parallel_per_host;
	if (over->downtime_steps >= 0)
		settings->downtime_steps = over->downtime_steps;
	if (over->auto_converge >= 0)
		settings->auto_converge = over->auto_converge;
	if (over->post_copy >= 0)
		settings->post_copy = over->post_copy;
}

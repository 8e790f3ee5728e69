/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/inventory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	struct arena *arena;
	struct inventory_domain *domain;
	struct vif *vifs;
	struct inventory_cell *cells;
	uint32_t pinned;
};

static const char *keep(struct arena *arena, char *text)
{
	const char *kept = text ? arena_text(arena, text, strlen(text)) : NULL;

	free(text);
	return kept;
}

static void count_one(void *context, const struct xml *element)
{
	(void)element;
	(*(uint32_t *)context)++;
}

static uint32_t count(const struct xml *xml, const char *path)
{
	uint32_t found = 0;

	xml_each(xml, path, count_one, &found);
	return found;
}

static void take_vif(void *context, const struct xml *element)
{
	struct reading *reading = context;
	struct vif *vif = &reading->vifs[reading->domain->vif_count++];
	char *type = xml_text(element, "@type"), *model = xml_text(element, "model/@type");

	vif->network = keep(reading->arena, xml_text(element, "source/@network"));
	if (!vif->network)
		vif->network = keep(reading->arena, xml_text(element, "source/@bridge"));
	if (!vif->network && type && !strcmp(type, "direct"))
		vif->network = keep(reading->arena, xml_text(element, "source/@dev"));
	vif->model = VIF_VIRTIO;
	if (type && !strcmp(type, "hostdev"))
		vif->model = VIF_PCI_SRIOV;
	else if (model && !strncmp(model, "e1000", 5))
		vif->model = VIF_E1000;
	else if (model && !strcmp(model, "rtl8139"))
		vif->model = VIF_RTL8139;
	free(type);
	free(model);
}

/* cpus='0-2,4': how many. */
static int64_t count_cpus(const char *text)
{
	int64_t total = 0;
	char *end;

	for (const char *at = text; at && *at; at = *end ? end + 1 : end) {
		long first = strtol(at, &end, 10), last = first;

		if (end == at)
			return total;
		if (*end == '-')
			last = strtol(end + 1, &end, 10);
		total += last >= first ? last - first + 1 : 0;
	}
	return total;
}

static void take_cell(void *context, const struct xml *element)
{
	struct reading *reading = context;
	struct inventory_cell *cell = &reading->cells[reading->domain->cell_count++];
	char *cpus = xml_text(element, "@cpus"), *unit = xml_text(element, "@unit");
	double memory = xml_number(element, "@memory", 0);

	/* libvirt prints KiB, whatever was written. */
	if (unit && !strcmp(unit, "MiB"))
		memory *= 1024;
	else if (unit && !strcmp(unit, "GiB"))
		memory *= 1048576;
	cell->cpus = count_cpus(cpus);
	cell->memory_mib = (int64_t)ceil(memory / 1024);
	cell->cpu_set = keep(reading->arena, cpus);
	free(unit);
}

static void take_pin(void *context, const struct xml *element)
{
	struct reading *reading = context;
	char *cpus = xml_text(element, "@cpuset");

	reading->pinned += count_cpus(cpus) == 1;
	free(cpus);
}

/* Pages that are spread over guest nodes in several sizes count as the platform's word for any of them. */
static void read_pages(struct reading *reading, const struct xml *xml)
{
	struct inventory_domain *domain = reading->domain;
	int64_t kib;
	char text[32];

	if (!xml_has(xml, "/domain/memoryBacking/hugepages"))
		return;
	kib = (int64_t)xml_number(xml, "/domain/memoryBacking/hugepages/page/@size", -1);
	if (xml_has(xml, "/domain/memoryBacking/hugepages/page[@unit='MiB' or @unit='M']"))
		kib *= 1024;
	else if (xml_has(xml, "/domain/memoryBacking/hugepages/page[@unit='GiB' or @unit='G']"))
		kib *= 1048576;
	snprintf(text, sizeof(text), "%lld", (long long)kib);
	domain->pages = kib == 2048 || kib == 1048576 ? arena_text(reading->arena, text, strlen(text))
	                                              : "large";
}

static void read_xml(struct reading *reading, const struct xml *xml)
{
	struct inventory_domain *domain = reading->domain;
	int64_t kib = xml_kib(xml, "/domain/memory");

	domain->vcpus = (int64_t)xml_number(xml, "/domain/vcpu/@current", xml_number(xml, "/domain/vcpu", 1));
	domain->memory_mib = kib > 0 ? (kib + 1023) / 1024 : 1;
	domain->host_cpu = xml_has(xml, "/domain/cpu[@mode='host-passthrough']");
	read_pages(reading, xml);
	reading->vifs = ARENA_ARRAY(reading->arena, struct vif, count(xml, "/domain/devices/interface") + 1);
	xml_each(xml, "/domain/devices/interface", take_vif, reading);
	domain->vifs = reading->vifs;
	reading->cells = ARENA_ARRAY(reading->arena, struct inventory_cell,
	                             count(xml, "/domain/cpu/numa/cell") + 1);
	xml_each(xml, "/domain/cpu/numa/cell", take_cell, reading);
	domain->cells = reading->cells;
	xml_each(xml, "/domain/cputune/vcpupin", take_pin, reading);
	domain->dedicated = domain->vcpus > 0 && reading->pinned >= (uint64_t)domain->vcpus;
	if (!xml_has(xml, "/domain/metadata/lockkeeper:group[@name]"))
		return;
	domain->group = (struct inventory_group){
		.name = keep(reading->arena, xml_text(xml, "/domain/metadata/lockkeeper:group/@name")),
		.policy = keep(reading->arena, xml_text(xml, "/domain/metadata/lockkeeper:group/@policy")),
		.best_effort = xml_has(xml, "/domain/metadata/lockkeeper:group[@best_effort='true']"),
		.max_per_host = (int64_t)xml_number(xml, "/domain/metadata/lockkeeper:group/@max_per_host",
		                                    0),
	};
}

uint8_t inventory_state(const struct libvirt_calls *calls, virDomainPtr domain, int state)
{
	switch (state) {
	case VIR_DOMAIN_RUNNING:
	case VIR_DOMAIN_BLOCKED:
		return VM_ACTIVE;
	case VIR_DOMAIN_PAUSED:
	case VIR_DOMAIN_SHUTDOWN:
		return VM_PAUSED;
	case VIR_DOMAIN_PMSUSPENDED:
		return VM_SUSPENDED;
	case VIR_DOMAIN_CRASHED:
		return VM_ERROR;
	default:
		return calls->virDomainHasManagedSaveImage(domain, 0) == 1 ? VM_SUSPENDED : VM_STOPPED;
	}
}

static void read_state(const struct libvirt_calls *calls, virDomainPtr domain, struct inventory_domain *into)
{
	int state = VIR_DOMAIN_NOSTATE, reason = 0, type = VIR_DOMAIN_JOB_NONE, count_of = 0;
	virTypedParameterPtr parameters = NULL;

	calls->virDomainGetState(domain, &state, &reason, 0);
	into->active = state != VIR_DOMAIN_SHUTOFF && state != VIR_DOMAIN_CRASHED &&
	               state != VIR_DOMAIN_NOSTATE;
	into->state = inventory_state(calls, domain, state);
	into->persistent = calls->virDomainIsPersistent(domain) == 1;
	into->incoming = state == VIR_DOMAIN_PAUSED &&
	                 (reason == VIR_DOMAIN_PAUSED_MIGRATION || reason == VIR_DOMAIN_PAUSED_STARTING_UP);
	if (!into->active || calls->virDomainGetJobStats(domain, &type, &parameters, &count_of, 0) < 0)
		return;
	/* Statistics are the source's alone: one that has them is no receiver. */
	into->incoming = into->incoming && type == VIR_DOMAIN_JOB_NONE;
	into->migrating = type != VIR_DOMAIN_JOB_NONE;
	calls->virTypedParamsFree(parameters, count_of);
}

double inventory_resident_kib(const struct libvirt_calls *calls, virDomainPtr domain)
{
	virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];
	int found = calls->virDomainMemoryStats(domain, stats, VIR_DOMAIN_MEMORY_STAT_NR, 0);

	for (int i = 0; i < found; i++) {
		if (stats[i].tag == VIR_DOMAIN_MEMORY_STAT_RSS)
			return (double)stats[i].val;
	}
	return 0;
}

/* Pages that were touched once stay with the guest. */
static double read_used(const struct libvirt_calls *calls, virDomainPtr domain,
                        const struct inventory_domain *of)
{
	double mib = of->active && !of->pages ? inventory_resident_kib(calls, domain) / 1024 : 0;

	if (!(mib > 0))
		return NAN;
	return mib < (double)of->memory_mib ? round(mib) : (double)of->memory_mib;
}

static int64_t read_local_gib(const struct libvirt_calls *calls, virDomainPtr domain,
                              const struct disks *disks)
{
	double bytes = 0;

	for (uint32_t i = 0; i < disks->count; i++) {
		virDomainBlockInfo info;

		if (disks->at[i].local &&
		    !calls->virDomainGetBlockInfo(domain, disks->at[i].target, &info, 0))
			bytes += (double)info.capacity;
	}
	return (int64_t)ceil(bytes / 1073741824);
}

bool inventory_read_domain(const struct libvirt_calls *calls, virConnectPtr connection, virDomainPtr domain,
                           const struct shared_paths *shared, struct arena *arena,
                           struct inventory_domain *ret_domain)
{
	struct inventory_domain into = { .name = calls->virDomainGetName(domain) };
	struct reading reading = { .arena = arena, .domain = &into };
	char *text = calls->virDomainGetXMLDesc(domain, 0);
	struct xml *xml = text ? xml_parse(text) : NULL;
	unsigned char uuid[16];
	size_t at = 0;

	free(text);
	if (!xml || !into.name || calls->virDomainGetUUID(domain, uuid) < 0) {
		xml_free(xml);
		return false;
	}
	into.name = arena_text(arena, into.name, strlen(into.name));
	for (int i = 0; i < 16; i++)
		at += (size_t)snprintf(into.uuid + at, sizeof(into.uuid) - at,
		                       i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", uuid[i]);
	read_xml(&reading, xml);
	read_state(calls, domain, &into);
	into.used_mib = read_used(calls, domain, &into);
	into.disks = disks_read(calls, connection, xml, shared, arena);
	into.local_gib = read_local_gib(calls, domain, &into.disks);
	xml_free(xml);
	*ret_domain = into;
	return true;
}

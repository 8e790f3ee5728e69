/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/driver_parts.h"
#include "real-driver/inventory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is asked of the target. */
struct checking {
	struct task *task;
	struct answer *answer;
	struct driver *driver;
	struct place source;
	virConnectPtr target;
	const char *target_name, *vm;
	struct xml *xml; /* the guest's, live */
	char *arch, *machine, *type;
	bool refused;
	char unsaid[DRIVER_WHY_ROOM]; /* what could not be told */
};

static void refuse(struct checking *checking, bool lasting, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void refuse(struct checking *checking, bool lasting, const char *format, ...)
{
	char text[DRIVER_WHY_ROOM - 100];
	va_list arguments;

	if (checking->refused)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	answer_no(checking->answer, lasting, "%s: %s", checking->target_name, text);
	checking->refused = true;
}

/*
 * An answer of libvirt that is an error: what it cannot tell is noted, and left to the migration itself; what
 * it says about the question is a refusal.
 */
static void judge_error(struct checking *checking, const char *what)
{
	char text[200];
	int code = libvirt_error(checking->driver->calls, text, sizeof(text));

	if (!libvirt_error_unsaid(code))
		refuse(checking, libvirt_error_lasts(code), "%s: %s", what, text);
	else if (!checking->unsaid[0])
		snprintf(checking->unsaid, sizeof(checking->unsaid), "%s: not checked: %s",
		         checking->target_name, what);
}

/* ------------------------------------------------------------------ in the way */

static void check_twin(struct checking *checking, virDomainPtr twin, const char *name,
                       const unsigned char uuid[16], bool by_uuid)
{
	const struct libvirt_calls *calls = checking->driver->calls;
	const char *its_name = calls->virDomainGetName(twin);
	unsigned char its_uuid[16];
	int state = VIR_DOMAIN_NOSTATE, reason;

	if (!its_name || calls->virDomainGetUUID(twin, its_uuid) < 0 ||
	    calls->virDomainGetState(twin, &state, &reason, 0) < 0)
		judge_error(checking, "what is there by that name");
	else if (by_uuid && strcmp(its_name, name) != 0)
		refuse(checking, true, "it has the UUID of %s under the name %s", name, its_name);
	else if (memcmp(its_uuid, uuid, sizeof(its_uuid)) != 0)
		refuse(checking, true, "it has another domain of the name %s", name);
	else if (state != VIR_DOMAIN_SHUTOFF && state != VIR_DOMAIN_CRASHED)
		refuse(checking, false, "%s is active there too", name);
	else if (calls->virDomainHasManagedSaveImage(twin, 0) == 1)
		refuse(checking, true, "it has a saved state of %s, which would be lost", name);
}

static void check_twins(struct checking *checking)
{
	const struct libvirt_calls *calls = checking->driver->calls;
	const char *name = calls->virDomainGetName(checking->source.domain);
	unsigned char uuid[16];

	if (!name || calls->virDomainGetUUID(checking->source.domain, uuid) < 0) {
		judge_error(checking, "the guest's name");
		return;
	}
	for (int by_uuid = 0; by_uuid < 2; by_uuid++) {
		virDomainPtr twin = by_uuid ? calls->virDomainLookupByUUID(checking->target, uuid)
		                            : calls->virDomainLookupByName(checking->target, name);
		const virError *error = twin ? NULL : calls->virGetLastError();

		if (twin) {
			check_twin(checking, twin, name, uuid, by_uuid);
			calls->virDomainFree(twin);
		} else if (error && error->code != VIR_ERR_NO_DOMAIN) {
			judge_error(checking, "what is there by that name");
		}
	}
}

/* ------------------------------------------------------------------ the processor */

static void check_machine(struct checking *checking)
{
	char *text = checking->driver->calls->virConnectGetDomainCapabilities(
		checking->target, NULL, checking->arch, checking->machine, checking->type, 0);

	if (!text)
		judge_error(checking, "its kind of machine");
	free(text);
}

/* A guest that sees its host's processor as it is needs all that the source has. */
static char *needed_cpu(struct checking *checking)
{
	const struct libvirt_calls *calls = checking->driver->calls;
	struct xml *capabilities;
	char *text, *cpu = NULL;

	if (!xml_has(checking->xml, "/domain/cpu[@mode='host-passthrough' or @mode='maximum']"))
		return xml_part(checking->xml, "/domain/cpu[model]");
	text = calls->virConnectGetCapabilities(checking->source.connection);
	capabilities = text ? xml_parse(text) : NULL;
	if (capabilities)
		cpu = xml_part(capabilities, "/capabilities/host/cpu");
	xml_free(capabilities);
	free(text);
	return cpu;
}

static void check_cpu(struct checking *checking)
{
	const struct libvirt_calls *calls = checking->driver->calls;
	char *cpu = needed_cpu(checking);
	int result;

	if (!cpu)
		return;
	result = calls->virConnectCompareHypervisorCPU(checking->target, NULL, checking->arch,
	                                               checking->machine, checking->type, cpu, 0);
	/* Libraries before 4.4 only know the host itself, which is the question under KVM alone. */
	if (result == VIR_CPU_COMPARE_ERROR && checking->type && !strcmp(checking->type, "kvm") &&
	    calls->virGetLastError() && libvirt_error_unsaid(calls->virGetLastError()->code))
		result = calls->virConnectCompareCPU(checking->target, cpu, 0);
	if (result == VIR_CPU_COMPARE_INCOMPATIBLE)
		refuse(checking, true, "its processor lacks what %s has", checking->vm);
	else if (result == VIR_CPU_COMPARE_ERROR)
		judge_error(checking, "its processor");
	free(cpu);
}

/* ------------------------------------------------------------------ networks */

static void check_network(struct checking *checking, const char *name)
{
	const struct libvirt_calls *calls = checking->driver->calls;
	virNetworkPtr network = calls->virNetworkLookupByName(checking->target, name);

	if (!network && calls->virGetLastError() && calls->virGetLastError()->code == VIR_ERR_NO_NETWORK)
		refuse(checking, true, "it has no network %s", name);
	else if (!network)
		judge_error(checking, "its networks");
	else if (calls->virNetworkIsActive(network) == 0)
		refuse(checking, false, "its network %s is not active", name);
	if (network)
		calls->virNetworkFree(network);
}

static void check_bridge(struct checking *checking, const char *name)
{
	const struct libvirt_calls *calls = checking->driver->calls;
	virInterfacePtr interface = calls->virInterfaceLookupByName(checking->target, name);

	if (!interface && calls->virGetLastError() && calls->virGetLastError()->code == VIR_ERR_NO_INTERFACE)
		refuse(checking, true, "it has no interface %s", name);
	else if (!interface)
		judge_error(checking, "its interfaces");
	else if (calls->virInterfaceIsActive(interface) == 0)
		refuse(checking, false, "its interface %s is down", name);
	if (interface)
		calls->virInterfaceFree(interface);
}

static void check_vif(void *context, const struct xml *element)
{
	struct checking *checking = context;
	char *type = xml_text(element, "@type"), *network = xml_text(element, "source/@network");
	char *bridge = xml_text(element, "source/@bridge");
	char *device = xml_text(element, "source/@dev");

	if (network)
		check_network(checking, network);
	else if (type && !strcmp(type, "bridge") && bridge)
		check_bridge(checking, bridge);
	else if (type && !strcmp(type, "direct") && device)
		check_bridge(checking, device);
	free(type);
	free(network);
	free(bridge);
	free(device);
}

/* ------------------------------------------------------------------ memory */

/* Free pages of one size over all nodes; -1: it did not say. */
static double free_pages(struct checking *checking, unsigned page_kib)
{
	unsigned long long counts[64] = { 0 };
	unsigned pages[] = { page_kib };
	double sum = 0;
	int found = checking->driver->calls->virNodeGetFreePages(checking->target, 1, pages, 0, 64, counts,
	                                                         0);

	for (int i = 0; i < found && i < 64; i++)
		sum += (double)counts[i];
	return found < 0 ? -1 : sum;
}

static unsigned page_kib(const struct xml *xml)
{
	static const struct {
		const char *path;
		double kib;
	} units[] = {
		{ "/domain/memoryBacking/hugepages/page[@unit='GiB' or @unit='G']/@size", 1048576 },
		{ "/domain/memoryBacking/hugepages/page[@unit='MiB' or @unit='M']/@size", 1024 },
		{ "/domain/memoryBacking/hugepages/page/@size", 1 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		double size = xml_number(xml, units[i].path, 0);

		if (size > 0 && size * units[i].kib < 1e8)
			return (unsigned)(size * units[i].kib);
	}
	return 2048;
}

static void check_hugepages(struct checking *checking, double need_kib)
{
	unsigned kib = page_kib(checking->xml);
	double there = free_pages(checking, kib);

	if (there < 0)
		judge_error(checking, "its huge pages");
	else if (there * kib < need_kib)
		refuse(checking, false, "it has %.0f huge pages of %u KiB free, %s needs %.0f", there, kib,
		       checking->vm, need_kib / kib);
}

/*
 * What the kernel would give up for it counts as free. Where the target promises more than it has, what the
 * guest uses must be there, else all that it may use.
 */
static void check_memory(struct checking *checking)
{
	const struct libvirt_calls *calls = checking->driver->calls;
	double need_kib = (double)xml_kib(checking->xml, "/domain/memory"), there_kib = 0;
	double used_kib = checking->task->tracked->overcommitted
	                          ? inventory_resident_kib(calls, checking->source.domain)
	                          : 0;
	virNodeMemoryStats stats[16];
	int count = 0;

	if (xml_has(checking->xml, "/domain/memoryBacking/hugepages")) {
		check_hugepages(checking, need_kib);
		return;
	}
	if (calls->virNodeGetMemoryStats(checking->target, VIR_NODE_MEMORY_STATS_ALL_CELLS, NULL, &count, 0) <
	            0 ||
	    count > 16 ||
	    calls->virNodeGetMemoryStats(checking->target, VIR_NODE_MEMORY_STATS_ALL_CELLS, stats, &count,
	                                 0) < 0) {
		judge_error(checking, "its memory");
		return;
	}
	for (int i = 0; i < count; i++) {
		if (!strcmp(stats[i].field, VIR_NODE_MEMORY_STATS_FREE) ||
		    !strcmp(stats[i].field, VIR_NODE_MEMORY_STATS_BUFFERS) ||
		    !strcmp(stats[i].field, VIR_NODE_MEMORY_STATS_CACHED))
			there_kib += (double)stats[i].value;
	}
	if (used_kib > 0 && used_kib < need_kib)
		need_kib = used_kib;
	if (there_kib < need_kib)
		refuse(checking, false, "it has %.0f MiB free, %s needs %.0f", there_kib / 1024, checking->vm,
		       need_kib / 1024);
}

/* ------------------------------------------------------------------ disks */

static void note_unsaid(struct checking *checking, const char *what, const char *path)
{
	if (!checking->unsaid[0])
		snprintf(checking->unsaid, sizeof(checking->unsaid), "%s: not checked: %s %s",
		         checking->target_name, what, path);
}

/* A disk that will be copied, as far as can be told, and of which the target has nothing yet. */
static void check_room(struct checking *checking, const struct disk *disk, struct arena *arena)
{
	const struct libvirt_calls *calls = checking->driver->calls;
	virStoragePoolPtr pool = disk_pool(calls, checking->target, disk->source, arena);
	virStoragePoolInfo info;
	virDomainBlockInfo block;

	/* It may be a file that is made by hand before, or on a share that has no pool. */
	if (!pool)
		note_unsaid(checking, "whether it has a place for", disk->source);
	else if (!calls->virStoragePoolGetInfo(pool, &info) &&
	         !calls->virDomainGetBlockInfo(checking->source.domain, disk->target, &block, 0) &&
	         info.available < block.allocation)
		refuse(checking, false,
		       "its storage pool has %.0f MiB free, %s of %s needs %.0f (--shared names shares)",
		       (double)info.available / MIB, disk->target, checking->vm,
		       (double)block.allocation / MIB);
	if (pool)
		calls->virStoragePoolFree(pool);
}

/* Shared disks must be there, others have room there; that a host sees a path is known of pools alone. */
static void check_disks(struct checking *checking)
{
	const struct libvirt_calls *calls = checking->driver->calls;
	struct arena arena = { 0 };
	struct disks disks = disks_read(calls, checking->source.connection, checking->xml,
	                                &checking->driver->options.shared, &arena);

	for (uint32_t i = 0; i < disks.count; i++) {
		const struct disk *disk = &disks.at[i];
		virStorageVolPtr volume;

		if (!disk->source || disk->source[0] != '/')
			continue;
		volume = calls->virStorageVolLookupByPath(checking->target, disk->source);
		if (volume)
			calls->virStorageVolFree(volume);
		else if (disk->local)
			check_room(checking, disk, &arena);
		else
			note_unsaid(checking, "whether it reaches", disk->source);
	}
	arena_free(&arena);
}

/* ------------------------------------------------------------------ all of it */

/* What the VM is now; false: there is nothing that could move. */
static bool check_source(struct checking *checking)
{
	struct driver *driver = checking->driver;
	struct answer *answer = checking->answer;
	const char *host = driver->host_names[checking->task->tracked->from];
	enum presence presence = place_open(driver, checking->task->tracked->from,
	                                    &checking->task->tracked->who, driver->options.reach_s,
	                                    &checking->source, answer->why);
	char *text;

	answer->event.ok = false;
	answer->event.lasting = presence == PRESENCE_ABSENT;
	if (presence != PRESENCE_THERE)
		return false;
	answer->event.persistent = driver->calls->virDomainIsPersistent(checking->source.domain) == 1;
	answer->event.running = checking->source.state == VIR_DOMAIN_RUNNING ||
	                        checking->source.state == VIR_DOMAIN_BLOCKED;
	if (place_active(&checking->source)) {
		enum job job = place_job(driver, checking->source.domain, 0, NULL);

		if (job == JOB_MIGRATION || job == JOB_OTHER) {
			answer_no(answer, false, "%s: a %s of %s is under way", host,
			          job == JOB_MIGRATION ? "migration" : "job", checking->vm);
			return false;
		}
	}
	text = driver->calls->virDomainGetXMLDesc(checking->source.domain, VIR_DOMAIN_XML_MIGRATABLE);
	checking->xml = text ? xml_parse(text) : NULL;
	if (!text)
		answer_error(driver, checking->task->tracked->from, answer);
	else if (!checking->xml)
		answer_no(answer, true, "%s: the definition of %s is no XML", host, checking->vm);
	free(text);
	return checking->xml != NULL;
}

static bool check_reach(struct checking *checking)
{
	struct driver *driver = checking->driver;

	checking->target = hosts_take(driver->hosts, checking->task->tracked->to, driver->options.reach_s,
	                              checking->answer->why, sizeof(checking->answer->why));
	if (!checking->target)
		checking->answer->event.lasting = !driver->uris[checking->task->tracked->to];
	return checking->target != NULL;
}

static void check_target(struct checking *checking)
{
	checking->arch = xml_text(checking->xml, "/domain/os/type/@arch");
	checking->machine = xml_text(checking->xml, "/domain/os/type/@machine");
	checking->type = xml_text(checking->xml, "/domain/@type");
	check_twins(checking);
	check_machine(checking);
	check_cpu(checking);
	xml_each(checking->xml, "/domain/devices/interface", check_vif, checking);
	check_memory(checking);
	check_disks(checking);
	free(checking->arch);
	free(checking->machine);
	free(checking->type);
}

void task_check(struct task *task, struct answer *answer)
{
	struct driver *driver = task->driver;
	struct checking checking = { .task = task,
		                     .answer = answer,
		                     .driver = driver,
		                     .target_name = driver->host_names[task->tracked->to],
		                     .vm = task->tracked->who.name };

	if (check_source(&checking) && check_reach(&checking)) {
		check_target(&checking);
		answer->event.ok = !checking.refused;
		if (!checking.refused)
			memcpy(answer->why, checking.unsaid, sizeof(answer->why));
	}
	if (checking.target)
		driver->calls->virConnectClose(checking.target);
	xml_free(checking.xml);
	place_close(driver, &checking.source);
}

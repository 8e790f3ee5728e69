/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/fake_libvirt.h"

#include "core/arena.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake_host fake_hosts[FAKE_HOSTS];

const char fake_xml[] =
	"<domain type='kvm'><name>v</name><memory unit='KiB'>1048576</memory><vcpu>2</vcpu>"
	"<os><type arch='x86_64' machine='pc'>hvm</type></os><cpu mode='custom'><model>Haswell</model></cpu>"
	"<devices><interface type='bridge'><source bridge='br0'/><model type='virtio'/></interface>"
	"</devices></domain>";

/* What a pointer to a domain points to. */
struct handle {
	struct fake_host *host;
	struct fake_domain *domain;
	struct fake_domain copy; /* of its name and UUID, for events */
};

enum { NAMES_MOST = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct {
	const char *failing[NAMES_MOST];
	int codes[NAMES_MOST];
	struct {
		char name[48];
		unsigned count;
	} calls[NAMES_MOST];
	const char *holding;
	unsigned held, handles, flags;
	unsigned long long number;
	char text[4096];
	char parameters[16][2][128];
} world;
static _Thread_local virError last;

static void say(int code)
{
	static _Thread_local char text[64];

	snprintf(text, sizeof(text), "fake error %d", code);
	last = (virError){ .code = code, .message = text };
}

/* Each call begins so: counts, waits when it is held, and fails when it shall. */
static bool fails(const char *function)
{
	int code = VIR_ERR_OK;

	pthread_mutex_lock(&lock);
	last.code = VIR_ERR_OK;
	for (int i = 0; i < NAMES_MOST; i++) {
		if (world.calls[i].name[0] && strcmp(world.calls[i].name, function) != 0)
			continue;
		snprintf(world.calls[i].name, sizeof(world.calls[i].name), "%s", function);
		world.calls[i].count++;
		break;
	}
	while (world.holding && !strcmp(world.holding, function)) {
		world.held++;
		pthread_cond_broadcast(&changed);
		pthread_cond_wait(&changed, &lock);
		world.held--;
	}
	for (int i = 0; i < NAMES_MOST; i++) {
		if (world.failing[i] && !strcmp(world.failing[i], function))
			code = world.codes[i];
	}
	pthread_mutex_unlock(&lock);
	if (code != VIR_ERR_OK)
		say(code);
	return code != VIR_ERR_OK;
}

#define FAILS fails(__func__ + strlen("fake_"))

static struct fake_host *host_of(virConnectPtr connection)
{
	return (struct fake_host *)(void *)connection;
}

static struct handle *handle_of(virDomainPtr domain)
{
	return (struct handle *)(void *)domain;
}

static virDomainPtr handle_new(struct fake_host *host, struct fake_domain *domain)
{
	struct handle *handle = memory_take(sizeof(*handle));

	handle->host = host;
	handle->domain = domain;
	handle->copy = *domain;
	world.handles++;
	return (virDomainPtr)(void *)handle;
}

static char *text_copy(const char *text)
{
	char *copy = memory_take(strlen(text) + 1);

	memcpy(copy, text, strlen(text) + 1);
	return copy;
}

/* ------------------------------------------------------------------ the event loop, errors */

static int fake_virEventRegisterDefaultImpl(void)
{
	return 0;
}

static int fake_virEventRunDefaultImpl(void)
{
	usleep(1000);
	return 0;
}

static int fake_virEventAddTimeout(int ms, virEventTimeoutCallback callback, void *opaque,
                                   virFreeCallback forget)
{
	(void)ms;
	(void)forget;
	callback(1, opaque);
	return 1;
}

static void fake_virEventUpdateTimeout(int timer, int ms)
{
	(void)timer;
	(void)ms;
}

static int fake_virEventRemoveTimeout(int timer)
{
	(void)timer;
	return 0;
}

static virErrorPtr fake_virGetLastError(void)
{
	return last.code == VIR_ERR_OK ? NULL : &last;
}

static void fake_virResetLastError(void)
{
	last.code = VIR_ERR_OK;
}

static void fake_virSetErrorFunc(void *opaque, virErrorFunc handler)
{
	handler(opaque, NULL);
}

/* ------------------------------------------------------------------ connections */

static virConnectPtr fake_virConnectOpen(const char *uri)
{
	struct fake_host *host = &fake_hosts[uri[strlen("fake://")] - '0'];
	bool down;

	if (FAILS)
		return NULL;
	pthread_mutex_lock(&lock);
	down = host->down;
	host->references += !down;
	host->alive = !down;
	pthread_mutex_unlock(&lock);
	if (down)
		say(VIR_ERR_NO_CONNECT);
	return down ? NULL : (virConnectPtr)(void *)host;
}

static int fake_virConnectRef(virConnectPtr connection)
{
	pthread_mutex_lock(&lock);
	host_of(connection)->references++;
	pthread_mutex_unlock(&lock);
	return 0;
}

static int fake_virConnectClose(virConnectPtr connection)
{
	pthread_mutex_lock(&lock);
	host_of(connection)->references--;
	pthread_mutex_unlock(&lock);
	return 0;
}

static int fake_virConnectIsAlive(virConnectPtr connection)
{
	return host_of(connection)->alive;
}

static int fake_virConnectSetKeepAlive(virConnectPtr connection, int interval, unsigned count)
{
	(void)connection;
	(void)interval;
	(void)count;
	return 0;
}

static int fake_virConnectRegisterCloseCallback(virConnectPtr connection, virConnectCloseFunc callback,
                                                void *opaque, virFreeCallback forget)
{
	struct fake_host *host = host_of(connection);

	if (FAILS)
		return -1;
	pthread_mutex_lock(&lock);
	host->closed = callback;
	host->closed_opaque = opaque;
	host->closed_forget = forget;
	pthread_mutex_unlock(&lock);
	return 0;
}

static int fake_virConnectUnregisterCloseCallback(virConnectPtr connection, virConnectCloseFunc callback)
{
	struct fake_host *host = host_of(connection);
	bool registered;

	(void)callback;
	pthread_mutex_lock(&lock);
	registered = host->closed != NULL;
	host->closed = NULL;
	pthread_mutex_unlock(&lock);
	if (registered)
		host->closed_forget(host->closed_opaque);
	return registered ? 0 : -1;
}

static int fake_virConnectDomainEventRegisterAny(virConnectPtr connection, virDomainPtr domain, int event,
                                                 virConnectDomainEventGenericCallback callback, void *opaque,
                                                 virFreeCallback forget)
{
	struct fake_host *host = host_of(connection);
	int which = event != VIR_DOMAIN_EVENT_ID_LIFECYCLE;

	(void)domain;
	if (FAILS)
		return -1;
	pthread_mutex_lock(&lock);
	*(which ? &host->iteration : &host->lifecycle) = callback;
	host->opaque[which] = opaque;
	host->forget[which] = forget;
	pthread_mutex_unlock(&lock);
	return which;
}

static int fake_virConnectDomainEventDeregisterAny(virConnectPtr connection, int which)
{
	struct fake_host *host = host_of(connection);

	pthread_mutex_lock(&lock);
	*(which ? &host->iteration : &host->lifecycle) = NULL;
	pthread_mutex_unlock(&lock);
	host->forget[which](host->opaque[which]);
	return 0;
}

/* ------------------------------------------------------------------ hosts */

static char *fake_virConnectGetHostname(virConnectPtr connection)
{
	char name[16];

	snprintf(name, sizeof(name), "h%u", host_of(connection)->index);
	return FAILS ? NULL : text_copy(name);
}

static const char *fake_virConnectGetType(virConnectPtr connection)
{
	(void)connection;
	return "QEMU";
}

static int fake_virConnectGetVersion(virConnectPtr connection, unsigned long *version)
{
	*version = 7002000 + host_of(connection)->index * 1000ul;
	return FAILS ? -1 : 0;
}

static char *fake_virConnectGetCapabilities(virConnectPtr connection)
{
	const char *text = host_of(connection)->capabilities;

	return FAILS ? NULL : text_copy(text);
}

static char *fake_virConnectGetDomainCapabilities(virConnectPtr connection, const char *emulator,
                                                  const char *arch, const char *machine, const char *type,
                                                  unsigned flags)
{
	(void)connection;
	(void)emulator;
	(void)arch;
	(void)machine;
	(void)type;
	(void)flags;
	return FAILS ? NULL
	             : text_copy("<domainCapabilities><cpu><mode name='host-model' supported='yes'>"
	                         "<model>Haswell</model><feature policy='require' name='aes'/>"
	                         "<feature policy='disable' name='hle'/></mode></cpu></domainCapabilities>");
}

static int fake_virConnectCompareCPU(virConnectPtr connection, const char *xml, unsigned flags)
{
	(void)xml;
	(void)flags;
	return FAILS ? VIR_CPU_COMPARE_ERROR : host_of(connection)->compare;
}

static int fake_virConnectCompareHypervisorCPU(virConnectPtr connection, const char *emulator,
                                               const char *arch, const char *machine, const char *type,
                                               const char *xml, unsigned flags)
{
	(void)emulator;
	(void)arch;
	(void)machine;
	(void)type;
	(void)flags;
	snprintf(world.text, sizeof(world.text), "%s", xml);
	return FAILS ? VIR_CPU_COMPARE_ERROR : host_of(connection)->compare;
}

static int fake_virNodeGetInfo(virConnectPtr connection, virNodeInfoPtr info)
{
	(void)connection;
	*info = (virNodeInfo){ .memory = 8388608, .cpus = 8 };
	return FAILS ? -1 : 0;
}

static int fake_virNodeGetMemoryStats(virConnectPtr connection, int cell, virNodeMemoryStatsPtr stats,
                                      int *count, unsigned flags)
{
	(void)cell;
	(void)flags;
	if (FAILS)
		return -1;
	if (stats) {
		snprintf(stats[0].field, sizeof(stats[0].field), "%s", VIR_NODE_MEMORY_STATS_TOTAL);
		stats[0].value = 99999999;
		snprintf(stats[1].field, sizeof(stats[1].field), "%s", VIR_NODE_MEMORY_STATS_FREE);
		stats[1].value = host_of(connection)->free_kib;
	}
	*count = 2;
	return 0;
}

static int fake_virNodeGetFreePages(virConnectPtr connection, unsigned pages_count, unsigned *pages,
                                    int start, unsigned cells, unsigned long long *counts, unsigned flags)
{
	(void)pages_count;
	(void)start;
	(void)cells;
	(void)flags;
	world.number = pages[0];
	counts[0] = host_of(connection)->free_pages;
	return FAILS ? -1 : 1;
}

static int fake_virConnectListAllInterfaces(virConnectPtr connection, virInterfacePtr **interfaces,
                                            unsigned flags)
{
	static char names[][8] = { "vnet3", "eth0", "br0", "lo" };

	(void)connection;
	(void)flags;
	if (FAILS)
		return -1;
	*interfaces = memory_array(5, sizeof(**interfaces));
	for (int i = 0; i < 4; i++)
		(*interfaces)[i] = (virInterfacePtr)(void *)names[i];
	return 4;
}

static const char *fake_virInterfaceGetName(virInterfacePtr interface)
{
	return (const char *)(void *)interface;
}

static int fake_virInterfaceFree(virInterfacePtr interface)
{
	(void)interface;
	return 0;
}

static virInterfacePtr fake_virInterfaceLookupByName(virConnectPtr connection, const char *name)
{
	(void)name;
	if (FAILS)
		return NULL;
	if (host_of(connection)->no_interface)
		say(VIR_ERR_NO_INTERFACE);
	return host_of(connection)->no_interface ? NULL : (virInterfacePtr)(void *)connection;
}

static int fake_virInterfaceIsActive(virInterfacePtr interface)
{
	return !((struct fake_host *)(void *)interface)->interface_down;
}

static int fake_virConnectListAllNetworks(virConnectPtr connection, virNetworkPtr **networks, unsigned flags)
{
	static char names[][8] = { "default", "br0" };

	(void)connection;
	(void)flags;
	if (FAILS)
		return -1;
	*networks = memory_array(3, sizeof(**networks));
	for (int i = 0; i < 2; i++)
		(*networks)[i] = (virNetworkPtr)(void *)names[i];
	return 2;
}

static const char *fake_virNetworkGetName(virNetworkPtr network)
{
	return (const char *)(void *)network;
}

static int fake_virNetworkFree(virNetworkPtr network)
{
	(void)network;
	return 0;
}

static virNetworkPtr fake_virNetworkLookupByName(virConnectPtr connection, const char *name)
{
	(void)name;
	if (FAILS)
		return NULL;
	if (host_of(connection)->no_network)
		say(VIR_ERR_NO_NETWORK);
	return host_of(connection)->no_network ? NULL : (virNetworkPtr)(void *)connection;
}

static int fake_virNetworkIsActive(virNetworkPtr network)
{
	return !((struct fake_host *)(void *)network)->network_down;
}

static virStoragePoolPtr fake_virStoragePoolLookupByName(virConnectPtr connection, const char *name)
{
	(void)name;
	return !FAILS && host_of(connection)->pool_xml ? (virStoragePoolPtr)(void *)connection : NULL;
}

static virStoragePoolPtr fake_virStoragePoolLookupByTargetPath(virConnectPtr connection, const char *path)
{
	return !FAILS && host_of(connection)->pool_xml && !strcmp(path, "/pool")
	               ? (virStoragePoolPtr)(void *)connection
	               : NULL;
}

static char *fake_virStoragePoolGetXMLDesc(virStoragePoolPtr pool, unsigned flags)
{
	(void)flags;
	return FAILS ? NULL : text_copy(((struct fake_host *)(void *)pool)->pool_xml);
}

static int fake_virStoragePoolGetInfo(virStoragePoolPtr pool, virStoragePoolInfoPtr info)
{
	*info = (virStoragePoolInfo){ .available = ((struct fake_host *)(void *)pool)->pool_bytes };
	return FAILS ? -1 : 0;
}

static int fake_virStoragePoolFree(virStoragePoolPtr pool)
{
	(void)pool;
	return 0;
}

static virStorageVolPtr fake_virStorageVolLookupByPath(virConnectPtr connection, const char *path)
{
	(void)path;
	return !FAILS && !host_of(connection)->volume_missing ? (virStorageVolPtr)(void *)connection : NULL;
}

static int fake_virStorageVolFree(virStorageVolPtr volume)
{
	(void)volume;
	return 0;
}

/* ------------------------------------------------------------------ domains */

static int fake_virConnectListAllDomains(virConnectPtr connection, virDomainPtr **domains, unsigned flags)
{
	struct fake_host *host = host_of(connection);
	int count = 0;

	(void)flags;
	if (FAILS)
		return -1;
	*domains = memory_array(FAKE_DOMAINS + 1, sizeof(**domains));
	pthread_mutex_lock(&lock);
	for (int i = 0; i < FAKE_DOMAINS; i++) {
		if (host->domains[i].here)
			(*domains)[count++] = handle_new(host, &host->domains[i]);
	}
	pthread_mutex_unlock(&lock);
	return count;
}

static virDomainPtr find(struct fake_host *host, const unsigned char *uuid, const char *name)
{
	virDomainPtr found = NULL;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < FAKE_DOMAINS && !found; i++) {
		struct fake_domain *domain = &host->domains[i];

		if (domain->here && (uuid ? !memcmp(domain->uuid, uuid, 16) : !strcmp(domain->name, name)))
			found = handle_new(host, domain);
	}
	pthread_mutex_unlock(&lock);
	if (!found)
		say(VIR_ERR_NO_DOMAIN);
	return found;
}

static virDomainPtr fake_virDomainLookupByUUID(virConnectPtr connection, const unsigned char *uuid)
{
	return FAILS ? NULL : find(host_of(connection), uuid, NULL);
}

static virDomainPtr fake_virDomainLookupByName(virConnectPtr connection, const char *name)
{
	return FAILS ? NULL : find(host_of(connection), NULL, name);
}

static int fake_virDomainFree(virDomainPtr domain)
{
	pthread_mutex_lock(&lock);
	world.handles--;
	pthread_mutex_unlock(&lock);
	free(handle_of(domain));
	last.code = VIR_ERR_OK;
	return 0;
}

static const char *fake_virDomainGetName(virDomainPtr domain)
{
	return FAILS ? NULL : handle_of(domain)->copy.name;
}

static int fake_virDomainGetUUID(virDomainPtr domain, unsigned char *uuid)
{
	memcpy(uuid, handle_of(domain)->copy.uuid, 16);
	return FAILS ? -1 : 0;
}

static int fake_virDomainGetState(virDomainPtr domain, int *state, int *reason, unsigned flags)
{
	bool here;

	(void)flags;
	if (FAILS)
		return -1;
	pthread_mutex_lock(&lock);
	*state = handle_of(domain)->domain->state;
	*reason = handle_of(domain)->domain->reason;
	here = handle_of(domain)->domain->here;
	pthread_mutex_unlock(&lock);
	if (!here)
		say(VIR_ERR_NO_DOMAIN);
	return here ? 0 : -1;
}

static int fake_virDomainIsPersistent(virDomainPtr domain)
{
	return FAILS ? -1 : handle_of(domain)->domain->persistent;
}

static int fake_virDomainHasManagedSaveImage(virDomainPtr domain, unsigned flags)
{
	(void)flags;
	return FAILS ? -1 : handle_of(domain)->domain->saved;
}

static char *fake_virDomainGetXMLDesc(virDomainPtr domain, unsigned flags)
{
	const char *xml = handle_of(domain)->domain->xml;

	(void)flags;
	return FAILS ? NULL : text_copy(xml ? xml : fake_xml);
}

static int fake_virDomainMemoryStats(virDomainPtr domain, virDomainMemoryStatPtr stats, unsigned count,
                                     unsigned flags)
{
	(void)count;
	(void)flags;
	stats[0].tag = VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON;
	stats[1].tag = VIR_DOMAIN_MEMORY_STAT_RSS;
	stats[1].val = (unsigned long long)(handle_of(domain)->domain->rss_mib * 1024);
	return FAILS ? -1 : 2;
}

static int fake_virDomainGetBlockInfo(virDomainPtr domain, const char *disk, virDomainBlockInfoPtr info,
                                      unsigned flags)
{
	(void)domain;
	(void)disk;
	(void)flags;
	*info = (virDomainBlockInfo){ .capacity = 10737418240ull, .allocation = 1048576 };
	return FAILS ? -1 : 0;
}

static int fake_virDomainGetJobStats(virDomainPtr domain, int *type, virTypedParameterPtr *parameters,
                                     int *count, unsigned flags)
{
	struct fake_domain *of = handle_of(domain)->domain;
	int room = 0;

	if (FAILS)
		return -1;
	*parameters = NULL;
	*count = 0;
	pthread_mutex_lock(&lock);
	*type = flags & VIR_DOMAIN_JOB_STATS_COMPLETED
	                ? (of->total ? VIR_DOMAIN_JOB_COMPLETED : VIR_DOMAIN_JOB_NONE)
	                : of->job;
	if (*type != VIR_DOMAIN_JOB_NONE) {
		virTypedParamsAddInt(parameters, count, &room, VIR_DOMAIN_JOB_OPERATION, of->operation);
		virTypedParamsAddULLong(parameters, count, &room, VIR_DOMAIN_JOB_TIME_ELAPSED, 1500);
		virTypedParamsAddULLong(parameters, count, &room, VIR_DOMAIN_JOB_DATA_REMAINING, of->left);
		virTypedParamsAddULLong(parameters, count, &room, VIR_DOMAIN_JOB_DATA_TOTAL, of->total);
		virTypedParamsAddULLong(parameters, count, &room, VIR_DOMAIN_JOB_MEMORY_ITERATION,
		                        of->iterations);
		virTypedParamsAddInt(parameters, count, &room, VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE, 20);
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

static int fake_virDomainStartDirtyRateCalc(virDomainPtr domain, int seconds, unsigned flags)
{
	(void)domain;
	(void)flags;
	world.number = (unsigned long long)seconds;
	return FAILS ? -1 : 0;
}

static int fake_virDomainListGetStats(virDomainPtr *domains, unsigned stats,
                                      virDomainStatsRecordPtr **records, unsigned flags)
{
	virDomainStatsRecordPtr record;
	int count = 0, room = 0;

	(void)stats;
	(void)flags;
	if (FAILS)
		return -1;
	record = memory_array(1, sizeof(*record));
	record->dom = domains[0];
	virTypedParamsAddInt(&record->params, &count, &room, "dirtyrate.calc_status",
	                     VIR_DOMAIN_DIRTYRATE_MEASURED);
	virTypedParamsAddLLong(&record->params, &count, &room, "dirtyrate.megabytes_per_second", 7);
	record->nparams = count;
	*records = memory_array(2, sizeof(**records));
	(*records)[0] = record;
	return 1;
}

static void fake_virDomainStatsRecordListFree(virDomainStatsRecordPtr *records)
{
	virTypedParamsFree(records[0]->params, records[0]->nparams);
	free(records[0]);
	free(records);
}

/* ------------------------------------------------------------------ what changes something */

/* Whether all of a domain's own disks are copied. */
static bool copies_own(virDomainPtr domain, const virTypedParameter *parameters, unsigned count)
{
	const char *own = handle_of(domain)->domain->own;
	bool all = true;

	for (const char *at = own; at && *at; at += strcspn(at, ","), at += *at == ',') {
		bool found = false;

		for (unsigned i = 0; i < count; i++)
			found = found || (!strcmp(parameters[i].field, VIR_MIGRATE_PARAM_MIGRATE_DISKS) &&
			                  !strncmp(parameters[i].value.s, at, strlen(parameters[i].value.s)));
		all = all && found;
	}
	return all;
}

static int fake_virDomainMigrateToURI3(virDomainPtr domain, const char *uri, virTypedParameterPtr parameters,
                                       unsigned count, unsigned flags)
{
	if (!copies_own(domain, parameters, count)) {
		say(VIR_ERR_MIGRATE_UNSAFE);
		return -1;
	}
	pthread_mutex_lock(&lock);
	world.flags = flags;
	snprintf(world.text, sizeof(world.text), "%s", uri);
	memset(world.parameters, 0, sizeof(world.parameters));
	for (unsigned i = 0; i < count && i < 16; i++) {
		snprintf(world.parameters[i][0], sizeof(world.parameters[i][0]), "%s", parameters[i].field);
		if (parameters[i].type == VIR_TYPED_PARAM_STRING)
			snprintf(world.parameters[i][1], sizeof(world.parameters[i][1]), "%s",
			         parameters[i].value.s);
		else
			snprintf(world.parameters[i][1], sizeof(world.parameters[i][1]), "%llu",
			         parameters[i].value.ul);
	}
	pthread_mutex_unlock(&lock);
	return FAILS ? -1 : 0;
}

static int fake_virDomainMigrateSetMaxDowntime(virDomainPtr domain, unsigned long long ms, unsigned flags)
{
	(void)domain;
	(void)flags;
	pthread_mutex_lock(&lock);
	world.number = ms;
	pthread_mutex_unlock(&lock);
	return FAILS ? -1 : 0;
}

static int fake_virDomainMigrateStartPostCopy(virDomainPtr domain, unsigned flags)
{
	(void)domain;
	(void)flags;
	return FAILS ? -1 : 0;
}

static int fake_virDomainAbortJob(virDomainPtr domain)
{
	(void)domain;
	return FAILS ? -1 : 0;
}

static int fake_virDomainQemuMonitorCommand(virDomainPtr domain, const char *command, char **result,
                                            unsigned flags)
{
	struct fake_domain *of = handle_of(domain)->domain;

	(void)flags;
	if (FAILS)
		return -1;
	pthread_mutex_lock(&lock);
	snprintf(world.text, sizeof(world.text), "%s", command);
	*result = text_copy(of->hangs ? "{\"return\":{},\"id\":\"libvirt-9\"}"
	                              : "{\"id\":\"libvirt-9\",\"error\":{\"class\":\"GenericError\"}}");
	if (of->hangs) {
		of->job = VIR_DOMAIN_JOB_NONE;
		of->state = VIR_DOMAIN_RUNNING;
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

static int fake_virDomainSuspend(virDomainPtr domain)
{
	struct fake_domain *of = handle_of(domain)->domain;

	if (FAILS)
		return -1;
	pthread_mutex_lock(&lock);
	if (of->waits_for_stop)
		of->job = VIR_DOMAIN_JOB_NONE;
	of->state = of->waits_for_stop ? VIR_DOMAIN_RUNNING : VIR_DOMAIN_PAUSED;
	of->reason = of->waits_for_stop ? (int)VIR_DOMAIN_RUNNING_MIGRATION_CANCELED
	                                : (int)VIR_DOMAIN_PAUSED_MIGRATION;
	pthread_mutex_unlock(&lock);
	return 0;
}

static int fake_virDomainResume(virDomainPtr domain)
{
	if (FAILS)
		return -1;
	fake_state(handle_of(domain)->domain, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNPAUSED);
	return 0;
}

static int fake_virDomainShutdownFlags(virDomainPtr domain, unsigned flags)
{
	(void)flags;
	if (FAILS)
		return -1;
	if (!handle_of(domain)->domain->saved)
		fake_state(handle_of(domain)->domain, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_SHUTDOWN);
	return 0;
}

static int fake_virDomainDestroyFlags(virDomainPtr domain, unsigned flags)
{
	(void)flags;
	if (FAILS)
		return -1;
	fake_state(handle_of(domain)->domain, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_DESTROYED);
	return 0;
}

static int fake_virDomainCreate(virDomainPtr domain)
{
	if (FAILS)
		return -1;
	fake_state(handle_of(domain)->domain, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED);
	return 0;
}

static virDomainPtr fake_virDomainDefineXMLFlags(virConnectPtr connection, const char *xml, unsigned flags)
{
	struct fake_host *host = host_of(connection);

	(void)flags;
	if (FAILS)
		return NULL;
	snprintf(world.text, sizeof(world.text), "%s", xml);
	host->domains[0].persistent = true;
	pthread_mutex_lock(&lock);
	virDomainPtr defined = handle_new(host, &host->domains[0]);
	pthread_mutex_unlock(&lock);
	return defined;
}

static int fake_virDomainUndefineFlags(virDomainPtr domain, unsigned flags)
{
	if (FAILS)
		return -1;
	if (handle_of(domain)->domain->operation == -1 && (flags & VIR_DOMAIN_UNDEFINE_KEEP_TPM)) {
		say(VIR_ERR_INVALID_ARG);
		return -1;
	}
	world.flags = flags;
	handle_of(domain)->domain->here = false;
	return 0;
}

/* Typed parameters are libvirt's own: nothing of them needs a host. */
#define fake_virInitialize virInitialize
#define fake_virTypedParamsAddULLong virTypedParamsAddULLong
#define fake_virTypedParamsAddString virTypedParamsAddString
#define fake_virTypedParamsGetULLong virTypedParamsGetULLong
#define fake_virTypedParamsGetLLong virTypedParamsGetLLong
#define fake_virTypedParamsGetInt virTypedParamsGetInt
#define fake_virTypedParamsFree virTypedParamsFree

const struct libvirt_calls fake_calls = {
#define X(name) .name = fake_##name,
	LIBVIRT_CALLS(X)
#undef X
};

/* ------------------------------------------------------------------ for tests */

void fake_reset(void)
{
	/* Typed parameters are the library's own, and need it. */
	virInitialize();
	memset(&world, 0, sizeof(world));
	memset(fake_hosts, 0, sizeof(fake_hosts));
	for (uint32_t i = 0; i < FAKE_HOSTS; i++) {
		fake_hosts[i].index = i;
		fake_hosts[i].compare = VIR_CPU_COMPARE_SUPERSET;
		fake_hosts[i].free_kib = 4194304;
		fake_hosts[i].capabilities =
			"<capabilities><host><cpu><model>Broadwell</model><feature name='aes'/></cpu>"
			"</host></capabilities>";
	}
}

static void make_uuid(const char *name, unsigned char uuid[16])
{
	memset(uuid, 0x5a, 16);
	for (int i = 0; name[i] && i < 16; i++)
		uuid[i] = (unsigned char)name[i];
}

const char *fake_uuid(const char *name)
{
	static _Thread_local char text[37];
	unsigned char uuid[16];

	make_uuid(name, uuid);
	snprintf(text, sizeof(text), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02X%02X-%02x%02x%02x%02x%02x%02x",
	         uuid[0], uuid[1], uuid[2], uuid[3], uuid[4], uuid[5], uuid[6], uuid[7], uuid[8], uuid[9],
	         uuid[10], uuid[11], uuid[12], uuid[13], uuid[14], uuid[15]);
	return text;
}

const char *fake_uri(uint32_t host)
{
	static const char *const uris[] = { "fake://0", "fake://1", "fake://2" };

	return uris[host];
}

struct fake_domain *fake_add(uint32_t host, const char *name)
{
	struct fake_domain *domain = fake_hosts[host].domains;

	pthread_mutex_lock(&lock);
	while (domain->here)
		domain++;
	*domain = (struct fake_domain){ .here = true,
		                        .persistent = true,
		                        .rss_mib = 300,
		                        .state = VIR_DOMAIN_RUNNING,
		                        .reason = VIR_DOMAIN_RUNNING_BOOTED,
		                        .operation = VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT };
	snprintf(domain->name, sizeof(domain->name), "%s", name);
	make_uuid(name, domain->uuid);
	pthread_mutex_unlock(&lock);
	return domain;
}

void fake_fail(const char *function, int code)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < NAMES_MOST; i++) {
		if (!world.failing[i] || !strcmp(world.failing[i], function)) {
			world.failing[i] = function;
			world.codes[i] = code;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
}

void fake_hold(const char *function)
{
	pthread_mutex_lock(&lock);
	world.holding = function;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

void fake_held(void)
{
	pthread_mutex_lock(&lock);
	while (world.held == 0)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

unsigned fake_called(const char *function)
{
	unsigned count = 0;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < NAMES_MOST; i++) {
		if (!strcmp(world.calls[i].name, function))
			count = world.calls[i].count;
	}
	pthread_mutex_unlock(&lock);
	return count;
}

unsigned fake_flags(void)
{
	return world.flags;
}

const char *fake_text(void)
{
	return world.text;
}

unsigned long long fake_number(void)
{
	unsigned long long number;

	pthread_mutex_lock(&lock);
	number = world.number;
	pthread_mutex_unlock(&lock);
	return number;
}

const char *fake_parameter(const char *name)
{
	for (int i = 0; i < 16; i++) {
		if (!strcmp(world.parameters[i][0], name))
			return world.parameters[i][1];
	}
	return NULL;
}

unsigned fake_parameter_count(const char *name)
{
	unsigned count = 0;

	for (int i = 0; i < 16; i++)
		count += !strcmp(world.parameters[i][0], name);
	return count;
}

void fake_state(struct fake_domain *domain, int state, int reason)
{
	pthread_mutex_lock(&lock);
	domain->state = state;
	domain->reason = reason;
	pthread_mutex_unlock(&lock);
}

static virDomainPtr named(struct fake_host *host, const char *name)
{
	struct fake_domain domain = { 0 };
	virDomainPtr handle;

	snprintf(domain.name, sizeof(domain.name), "%s", name);
	make_uuid(name, domain.uuid);
	pthread_mutex_lock(&lock);
	handle = handle_new(host, &domain);
	handle_of(handle)->domain = NULL;
	pthread_mutex_unlock(&lock);
	return handle;
}

void fake_lifecycle(uint32_t host, const char *name, int event, int detail)
{
	struct fake_host *of = &fake_hosts[host];
	virDomainPtr domain = named(of, name);

	((virConnectDomainEventCallback)(void *)of->lifecycle)((virConnectPtr)(void *)of, domain, event,
	                                                       detail, of->opaque[0]);
	fake_virDomainFree(domain);
}

void fake_iteration(uint32_t host, const char *name)
{
	struct fake_host *of = &fake_hosts[host];
	virDomainPtr domain = named(of, name);

	((virConnectDomainEventMigrationIterationCallback)(void *)of->iteration)((virConnectPtr)(void *)of,
	                                                                         domain, 2, of->opaque[1]);
	fake_virDomainFree(domain);
}

void fake_break(uint32_t host)
{
	struct fake_host *of = &fake_hosts[host];

	of->alive = false;
	of->closed((virConnectPtr)(void *)of, VIR_CONNECT_CLOSE_REASON_KEEPALIVE, of->closed_opaque);
}

unsigned fake_open(void)
{
	unsigned open;

	pthread_mutex_lock(&lock);
	open = world.handles;
	for (uint32_t i = 0; i < FAKE_HOSTS; i++)
		open += fake_hosts[i].references;
	pthread_mutex_unlock(&lock);
	return open;
}

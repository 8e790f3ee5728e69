/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/inventory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	const struct libvirt_calls *calls;
	virConnectPtr connection;
	const char *uri;
	const struct inventory_notes *notes;
	struct arena *arena;
	struct inventory_host *host;
	const char **features;
	struct inventory_cell *cells;
};

void inventory_note(const struct inventory_notes *notes, const char *format, ...)
{
	char text[512];
	va_list arguments;

	if (!notes || !notes->note)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	notes->note(notes->context, text);
}

static const char *keep(struct arena *arena, char *text)
{
	const char *kept = text ? arena_text(arena, text, strlen(text)) : NULL;

	free(text);
	return kept;
}

static int fail(const struct reading *reading, const char *what, struct error *error)
{
	char why[300];

	libvirt_error(reading->calls, why, sizeof(why));
	return error_set(error, ERROR_IO, "%s: %s: %s", reading->uri, what, why);
}

/* ------------------------------------------------------------------ processors and memory */

static void take_feature(void *context, const struct xml *element)
{
	struct reading *reading = context;
	char *policy = xml_text(element, "@policy");

	if (!policy || !strcmp(policy, "require") || !strcmp(policy, "force"))
		reading->features[reading->host->feature_count++] = keep(reading->arena,
		                                                         xml_text(element, "@name"));
	free(policy);
}

static void count_one(void *context, const struct xml *element)
{
	(void)element;
	(*(uint32_t *)context)++;
}

static void take_features(struct reading *reading, const struct xml *xml, const char *path)
{
	uint32_t room = 0;

	xml_each(xml, path, count_one, &room);
	reading->features = ARENA_ARRAY(reading->arena, const char *, room + 1);
	xml_each(xml, path, take_feature, reading);
	reading->host->features = reading->features;
}

static void take_cell(void *context, const struct xml *element)
{
	struct reading *reading = context;
	struct inventory_cell *cell = &reading->cells[reading->host->cell_count++];
	double small = xml_number(element, "pages[@size='4']", -1);
	int64_t kib = xml_kib(element, "memory");

	cell->cpus = (int64_t)xml_number(element, "cpus/@num", 0);
	cell->memory_mib = small >= 0 ? (int64_t)(small / 256) : kib / 1024;
	cell->pages_2m = (int64_t)xml_number(element, "pages[@size='2048']", 0);
	cell->pages_1g = (int64_t)xml_number(element, "pages[@size='1048576']", 0);
}

static void read_cells(struct reading *reading, const struct xml *xml)
{
	struct inventory_host *host = reading->host;
	uint32_t room = 0;

	xml_each(xml, "/capabilities/host/topology/cells/cell", count_one, &room);
	reading->cells = ARENA_ARRAY(reading->arena, struct inventory_cell, room + 1);
	xml_each(xml, "/capabilities/host/topology/cells/cell", take_cell, reading);
	host->cells = reading->cells;
	if (host->cell_count == 0)
		return;
	host->cpus = host->memory_mib = 0;
	for (uint32_t i = 0; i < host->cell_count; i++) {
		host->cpus += host->cells[i].cpus;
		host->memory_mib += host->cells[i].memory_mib;
	}
}

/* What guests can be given, as the hypervisor sees it; where it cannot say, what the host has. */
static int read_cpu(struct reading *reading, struct error *error)
{
	static const char model[] = "/domainCapabilities/cpu/mode[@name='host-model'][@supported='yes']";
	char *text = reading->calls->virConnectGetCapabilities(reading->connection), *guests;
	struct xml *xml = text ? xml_parse(text) : NULL, *capable;

	free(text);
	if (!xml)
		return fail(reading, "its capabilities", error);
	read_cells(reading, xml);
	guests = reading->calls->virConnectGetDomainCapabilities(reading->connection, NULL, NULL, NULL, NULL,
	                                                         0);
	capable = guests ? xml_parse(guests) : NULL;
	free(guests);
	if (capable && xml_has(capable, model)) {
		reading->host->cpu_model =
			keep(reading->arena,
		             xml_text(capable, "/domainCapabilities/cpu/mode[@name='host-model']/model"));
		take_features(reading, capable, "/domainCapabilities/cpu/mode[@name='host-model']/feature");
	} else {
		reading->host->cpu_model = keep(reading->arena,
		                                xml_text(xml, "/capabilities/host/cpu/model"));
		take_features(reading, xml, "/capabilities/host/cpu/feature");
	}
	xml_free(capable);
	xml_free(xml);
	return 0;
}

/* ------------------------------------------------------------------ networks */

/* Ends of guests' own wires are no networks. */
static bool is_network(const char *name)
{
	static const char *const ours[] = { "lo", "vnet", "tap", "macvtap", "macvlan" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		size_t length = strlen(ours[i]);

		if (!strncmp(name, ours[i], length) &&
		    strspn(name + length, "0123456789") == strlen(name + length))
			return false;
	}
	return true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_networks(struct reading *reading)
{
	const struct libvirt_calls *calls = reading->calls;
	virInterfacePtr *interfaces = NULL;
	virNetworkPtr *networks = NULL;
	int interface_count = calls->virConnectListAllInterfaces(reading->connection, &interfaces,
	                                                         VIR_CONNECT_LIST_INTERFACES_ACTIVE);
	int network_count = calls->virConnectListAllNetworks(reading->connection, &networks,
	                                                     VIR_CONNECT_LIST_NETWORKS_ACTIVE);
	size_t room = (size_t)(interface_count > 0 ? interface_count : 0) +
	              (size_t)(network_count > 0 ? network_count : 0);
	const char **names = ARENA_ARRAY(reading->arena, const char *, room + 1);
	uint32_t count = 0, unique = 0;

	for (int i = 0; i < interface_count; i++) {
		const char *name = calls->virInterfaceGetName(interfaces[i]);

		if (name && is_network(name))
			names[count++] = arena_text(reading->arena, name, strlen(name));
		calls->virInterfaceFree(interfaces[i]);
	}
	for (int i = 0; i < network_count; i++) {
		const char *name = calls->virNetworkGetName(networks[i]);

		if (name)
			names[count++] = arena_text(reading->arena, name, strlen(name));
		calls->virNetworkFree(networks[i]);
	}
	free(interfaces);
	free(networks);
	qsort(names, count, sizeof(*names), by_text);
	for (uint32_t i = 0; i < count; i++) {
		if (unique == 0 || strcmp(names[unique - 1], names[i]) != 0)
			names[unique++] = names[i];
	}
	reading->host->networks = names;
	reading->host->network_count = unique;
	reading->host->networks_known = interface_count >= 0;
	if (interface_count < 0)
		inventory_note(reading->notes,
		               "%s: its interfaces cannot be listed; it is taken to reach every network",
		               reading->host->name);
}

/* ------------------------------------------------------------------ domains */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct inventory_domain *)a)->name, ((const struct inventory_domain *)b)->name);
}

static void note_disks(const struct reading *reading, const struct inventory_domain *domain)
{
	for (uint32_t i = 0; i < domain->disks.count; i++) {
		const struct disk *disk = &domain->disks.at[i];

		if (disk->unsaid)
			inventory_note(
				reading->notes,
				"%s: whether %s is on a share cannot be told, taken as local (--shared "
				"says otherwise)",
				domain->name, disk->source);
	}
}

static int read_domains(struct reading *reading, const struct shared_paths *shared, struct error *error)
{
	const struct libvirt_calls *calls = reading->calls;
	struct inventory_host *host = reading->host;
	virDomainPtr *domains = NULL;
	int count = calls->virConnectListAllDomains(reading->connection, &domains, 0);

	if (count < 0)
		return fail(reading, "its domains", error);
	host->domains = ARENA_ARRAY(reading->arena, struct inventory_domain, count + 1);
	for (int i = 0; i < count; i++) {
		struct inventory_domain *domain = &host->domains[host->domain_count];

		if (inventory_read_domain(calls, reading->connection, domains[i], shared, reading->arena,
		                          domain))
			host->domain_count++;
		else
			inventory_note(reading->notes, "%s: a domain vanished while it was read", host->name);
		calls->virDomainFree(domains[i]);
	}
	free(domains);
	qsort(host->domains, host->domain_count, sizeof(*host->domains), by_name);
	for (uint32_t i = 0; i < host->domain_count; i++)
		note_disks(reading, &host->domains[i]);
	return 0;
}

int inventory_read(const struct libvirt_calls *calls, virConnectPtr connection, const char *uri,
                   const struct shared_paths *shared, const struct inventory_notes *notes,
                   struct arena *arena, struct inventory_host *ret_host, struct error *error)
{
	struct inventory_host host = { .uri = uri };
	struct reading reading = { calls, connection, uri, notes, arena, &host, NULL, NULL };
	const char *type = calls->virConnectGetType(connection);
	unsigned long version = 0;
	virNodeInfo node;
	int result;

	host.name = keep(arena, calls->virConnectGetHostname(connection));
	if (!host.name)
		return fail(&reading, "its name", error);
	if (calls->virNodeGetInfo(connection, &node) < 0)
		return fail(&reading, "its size", error);
	host.cpus = node.cpus;
	host.memory_mib = (int64_t)(node.memory / 1024);
	if (type && !strcmp(type, "QEMU") && calls->virConnectGetVersion(connection, &version) == 0)
		host.qemu = (uint32_t)(version / 1000);
	result = read_cpu(&reading, error);
	if (result)
		return result;
	read_networks(&reading);
	result = read_domains(&reading, shared, error);
	if (!result)
		*ret_host = host;
	return result;
}

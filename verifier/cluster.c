/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verifier/verify.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The largest amounts that a file may have: sums of them stay exact. */
#define CPUS_MOST 1e6
#define MIB_MOST 1e11
#define GIB_MOST 1e9

const char *const profile_names[] = { "titanium", "starlingx", "nova", NULL };
static const char *const policies[] = { "affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity",
	                                NULL };
static const char *const states[] = { "active",    "paused",  "stopped",       "error",
	                              "suspended", "rescued", "verify-resize", NULL };
static const char *const storages[] = { "remote", "local_image", "local_lvm", NULL };
/* In the first three the host's services do not answer. */
static const char *const availabilities[] = { "failed",   "offline", "power-off", "available",
	                                      "degraded", "online",  "intest",    NULL };

static struct names host_names, vm_names, group_names, flavor_names;

static int word_of(const cJSON *object, const char *name, const char *const *words, const char *fallback)
{
	int index = word_index(words, text_of(object, name, fallback));

	if (index < 0)
		wrong(name, "expected one of the words of the format");
	return index;
}

/* Which of two words; the first is the default. */
static bool is_second(const cJSON *object, const char *name, const char *first, const char *second)
{
	return word_of(object, name, (const char *const[]){ first, second, NULL }, first);
}

static int64_t ratio_of(const cJSON *object, const char *name, double fallback)
{
	const cJSON *value = member(object, name);
	double ratio = value ? value->valuedouble : fallback;

	if ((value && !cJSON_IsNumber(value)) || !(ratio >= 1e-6 && ratio <= 1e4))
		wrong(name, "expected a ratio");
	return llrint(ratio * MILLION);
}

static uint32_t refer(const cJSON *object, const char *name, const struct names *names)
{
	uint32_t index = member(object, name) ? names_find(names, text_of(object, name, NULL)) : NOWHERE;

	if (member(object, name) && index == NOWHERE)
		wrong(name, "names nothing that is in the file");
	return index;
}

/* The value of a flavor's extra spec; NULL: it has none. */
static const char *spec_of(const struct flavor *flavor, const char *key)
{
	return pair_of(flavor->specs, key);
}

/* A whole number within the range and nothing behind it. */
static int64_t number_in(const char *text, int64_t low, int64_t high)
{
	char *end = NULL;
	long long number = isdigit((unsigned char)*text) ? strtoll(text, &end, 10) : -1;

	if (number < low || number > high || *end)
		wrong("extra_specs", "expected a whole number within its range");
	return number;
}

/* hw:mem_page_size: a word, or KiB, or a number with a binary unit. */
static int page_size(const char *text)
{
	static const char *const words[] = { "small", "large", "any", NULL };
	static const int sizes[] = { PAGES_4K, PAGES_LARGE, PAGES_ANY };
	int word = word_index(words, text), unit;
	char *end;
	long long kib = strtoll(text, &end, 10);

	unit = toupper((unsigned char)*end);
	if (word >= 0)
		return sizes[word];
	if (kib > 0 && kib < 10 && unit != 'K' && unit)
		kib *= unit == 'G' ? PAGES_1G : unit == 'M' ? 1024 : 0;
	if (kib != PAGES_4K && kib != PAGES_2M && kib != PAGES_1G)
		wrong("extra_specs", "hw:mem_page_size is no page size");
	return (int)kib;
}

/* How many CPUs a set like "0,2-3" has. */
static int64_t set_size(const char *text)
{
	int64_t size = 0;

	for (const char *comma = text; comma; text = comma + 1) {
		char range[64], *dash;
		int64_t from;

		comma = strchr(text, ',');
		snprintf(range, sizeof(range), "%.*s", (int)(comma ? comma - text : 60), text);
		dash = strchr(range, '-');
		if (dash)
			*dash = '\0';
		from = number_in(range, 0, 65536);
		size += dash ? number_in(dash + 1, from, 65536) - from + 1 : 1;
	}
	return size;
}

/* Equal shares, the first nodes taking what does not divide, unless each node's is said. */
static void read_guest_nodes(struct flavor *flavor)
{
	const char *text = spec_of(flavor, "hw:numa_nodes");
	int64_t nodes = text ? number_in(text, 1, GUEST_NODES_MOST) : 1, cpus = 0, mib = 0;

	flavor->guest_nodes = (uint32_t)nodes;
	for (int i = 0; i < (int)nodes; i++) {
		char key[32];

		snprintf(key, sizeof(key), "hw:numa_cpus.%d", i);
		text = spec_of(flavor, key);
		flavor->guest_cpus[i] = text ? set_size(text)
		                             : flavor->vcpus / nodes + (i < flavor->vcpus % nodes);
		snprintf(key, sizeof(key), "hw:numa_mem.%d", i);
		text = spec_of(flavor, key);
		flavor->guest_mib[i] = text ? number_in(text, 1, flavor->memory_mib)
		                            : flavor->memory_mib / nodes + (i < flavor->memory_mib % nodes);
		cpus += flavor->guest_cpus[i];
		mib += flavor->guest_mib[i];
	}
	if (cpus != flavor->vcpus || mib != flavor->memory_mib || nodes > cpus || nodes > mib)
		wrong("extra_specs", "the NUMA nodes together are not the flavor");
}

/* pci_passthrough:alias, like "gpu:1, nic:2"; one device when no number is given. */
static void read_aliases(struct cluster *cluster, struct flavor *flavor, const char *text)
{
	for (size_t length; *text; text += length + (text[length] == ',')) {
		char part[256], *name = part, *colon;
		uint32_t alias = 0;

		length = strcspn(text, ",");
		snprintf(part, sizeof(part), "%.*s", (int)length, text);
		name += strspn(name, " ");
		colon = strchr(name, ':');
		if (colon)
			*colon++ = '\0';
		if (!*name || flavor->alias_count == ALIASES_MOST || length >= sizeof(part))
			wrong("extra_specs", "pci_passthrough:alias is no list of aliases");
		while (alias < cluster->alias_count && strcmp(cluster->aliases[alias], name))
			alias++;
		if (alias == cluster->alias_count) {
			cluster->aliases = grow(cluster->aliases, alias, alias + 1,
			                        sizeof(cluster->aliases[0]));
			cluster->aliases[cluster->alias_count++] = memcpy(take(strlen(name) + 1, 1), name,
			                                                  strlen(name));
		}
		flavor->aliases[flavor->alias_count] = alias;
		flavor->devices[flavor->alias_count++] =
			colon ? number_in(colon + strspn(colon, " "), 1, 1024) : 1;
	}
}

static void read_flavor(struct cluster *cluster, const cJSON *entry, struct flavor *flavor)
{
	const char *text;

	known(entry, "name vcpus memory_mib disk_gib swap_mib ephemeral_gib extra_specs");
	flavor->vcpus = whole_of(entry, "vcpus", -1, CPUS_MOST);
	flavor->memory_mib = whole_of(entry, "memory_mib", -1, MIB_MOST);
	flavor->disk_gib = whole_of(entry, "disk_gib", 0, GIB_MOST);
	flavor->extra_gib = whole_of(entry, "ephemeral_gib", 0, GIB_MOST) +
	                    (whole_of(entry, "swap_mib", 0, MIB_MOST) + 1023) / 1024;
	flavor->specs = member(entry, "extra_specs");
	text = spec_of(flavor, "aggregate_instance_extra_specs:storage");
	text = text ? text : spec_of(flavor, "storage");
	flavor->storage = text && word_index(storages, text) >= 0 ? word_index(storages, text) : UNSAID;
	text = spec_of(flavor, "hw:cpu_policy");
	flavor->dedicated = text && strcmp(text, "shared"); /* "mixed" counts as dedicated */
	flavor->counted_vcpus = flavor->vcpus - (spec_of(flavor, "hw:wrs:shared_vcpu") ? 1 : 0);
	text = spec_of(flavor, "hw:cpu_model");
	flavor->passthrough = text && !strcasecmp(text, "passthrough");
	flavor->cpu_model = flavor->passthrough ? NULL : text;
	text = spec_of(flavor, "hw:mem_page_size");
	flavor->page_kib = text ? page_size(text) : PAGES_UNSAID;
	if (text || spec_of(flavor, "hw:numa_nodes"))
		read_guest_nodes(flavor);
	if (spec_of(flavor, "pci_passthrough:alias"))
		read_aliases(cluster, flavor, spec_of(flavor, "pci_passthrough:alias"));
}

static void read_nodes(struct host *host, const cJSON *array)
{
	const cJSON *entry, *pages;

	host->nodes = take((size_t)cJSON_GetArraySize(array) + 1, sizeof(host->nodes[0]));
	cJSON_ArrayForEach(entry, array)
	{
		known(entry, "cpus memory_mib hugepages");
		pages = member(entry, "hugepages");
		host->nodes[host->node_count++] =
			(struct node){ .cpus = whole_of(entry, "cpus", -1, CPUS_MOST),
			               .memory_mib = whole_of(entry, "memory_mib", -1, MIB_MOST),
			               .pages_2m = whole_of(pages, "2048", 0, MIB_MOST),
			               .pages_1g = whole_of(pages, "1048576", 0, MIB_MOST) };
	}
	if (!array)
		host->nodes[host->node_count++] = (struct node){
			.cpus = host->cpus + (host->dedicated_cpus > 0 ? host->dedicated_cpus : 0),
			.memory_mib = host->memory_mib
		};
	if (host->node_count < 1 || host->node_count > HOST_NODES_MOST)
		wrong("numa", "expected 1 to 64 nodes");
}

static void read_host(const cJSON *entry, struct host *host)
{
	const cJSON *reserved = member(entry, "reserved");

	known(entry, "name administrative operational availability zone aggregates cpus cpu_ratio "
	             "dedicated_cpus memory_mib memory_ratio disk_gib disk_ratio reserved numa cpu_model "
	             "cpu_features storage networks pci nic_mbit_s switch uri");
	host->locked = is_second(entry, "administrative", "unlocked", "locked");
	host->enabled = !host->locked && !is_second(entry, "operational", "enabled", "disabled");
	host->up = word_of(entry, "availability", availabilities, "available") >= 3;
	host->zone = text_of(entry, "zone", "nova");
	host->cpus = whole_of(entry, "cpus", -1, CPUS_MOST);
	host->cpu_ratio = ratio_of(entry, "cpu_ratio", 16);
	host->dedicated_cpus = member(entry, "dedicated_cpus")
	                               ? whole_of(entry, "dedicated_cpus", 0, CPUS_MOST)
	                               : -1;
	host->memory_mib = whole_of(entry, "memory_mib", -1, MIB_MOST);
	host->memory_ratio = ratio_of(entry, "memory_ratio", 1);
	host->disk_gib = member(entry, "disk_gib") ? whole_of(entry, "disk_gib", 0, GIB_MOST) : -1;
	host->disk_ratio = ratio_of(entry, "disk_ratio", 1);
	host->reserved_cpus = whole_of(reserved, "cpus", 0, CPUS_MOST);
	host->reserved_memory_mib = whole_of(reserved, "memory_mib", 0, MIB_MOST);
	host->reserved_disk_gib = whole_of(reserved, "disk_gib", 0, GIB_MOST);
	host->cpu_model = member(entry, "cpu_model") ? text_of(entry, "cpu_model", NULL) : NULL;
	host->storage = word_of(entry, "storage", storages, "remote");
	host->aggregates = array_of(entry, "aggregates", false);
	host->features = array_of(entry, "cpu_features", false);
	host->networks = array_of(entry, "networks", false);
	host->pci = member(entry, "pci");
	read_nodes(host, array_of(entry, "numa", false));
}

static void read_group(const cJSON *entry, struct group *group)
{
	known(entry, "name policy best_effort max_per_host size");
	group->policy = word_of(entry, "policy", policies, NULL);
	group->best_effort = cJSON_IsTrue(member(entry, "best_effort"));
	group->max_per_host = whole_of(entry, "max_per_host", 1, 1e6);
}

static void read_vm(const cJSON *entry, struct vm *vm)
{
	known(entry, "name id host flavor group state task boot vifs zone metadata image heartbeat_vote "
	             "used_mib dirty migration load_profile");
	vm->host = refer(entry, "host", &host_names);
	vm->flavor = refer(entry, "flavor", &flavor_names);
	if (vm->flavor == NOWHERE)
		wrong("flavor", "expected the name of a flavor");
	vm->group = refer(entry, "group", &group_names);
	vm->state = word_of(entry, "state", states, "active");
	vm->busy = member(entry, "task");
	vm->image = is_second(entry, "boot", "volume", "image");
	vm->vifs = array_of(entry, "vifs", false);
	vm->zone = member(entry, "zone") ? text_of(entry, "zone", NULL) : NULL;
	vm->votes_no = is_second(entry, "heartbeat_vote", "allow", "reject");
}

/* Each host's VMs, in the file's order. */
static void list_vms(struct cluster *cluster)
{
	for (uint32_t vm = 0; vm < cluster->vm_count; vm++) {
		if (cluster->vms[vm].host != NOWHERE)
			cluster->hosts[cluster->vms[vm].host].vm_count++;
	}
	for (uint32_t host = 0; host < cluster->host_count; host++) {
		cluster->hosts[host].vms = take(cluster->hosts[host].vm_count, sizeof(uint32_t));
		cluster->hosts[host].vm_count = 0;
	}
	for (uint32_t vm = 0; vm < cluster->vm_count; vm++) {
		if (cluster->vms[vm].host != NOWHERE) {
			struct host *host = &cluster->hosts[cluster->vms[vm].host];

			host->vms[host->vm_count++] = vm;
		}
	}
}

/* Makes room for the entries of an array and binds their names. */
static void *open_array(const cJSON *root, const char *name, bool required, size_t size, struct names *names,
                        uint32_t *ret_count)
{
	const cJSON *array = array_of(root, name, required), *entry;

	cJSON_ArrayForEach(entry, array)
	{
		read_place(name, *ret_count);
		names_add(names, text_of(entry, "name", NULL), (*ret_count)++);
	}
	names_sort(names);
	read_place("", 0);
	return take(*ret_count, size);
}

void read_cluster(struct cluster *ret_cluster, const cJSON *root, int profile)
{
	struct cluster *c = ret_cluster;
	const cJSON *entry;
	uint32_t i;

	*c = (struct cluster){ 0 };
	host_names = vm_names = group_names = flavor_names = (struct names){ 0 };
	known(root, "schema name profile migration switches hosts flavors vms groups load_profiles");
	if (strcmp(text_of(root, "schema", NULL), "lockkeeper.cluster/1"))
		wrong("schema", "expected \"lockkeeper.cluster/1\"");
	digest_of(root, c->digest);
	c->profile = (enum profile)(profile < 0 ? word_of(root, "profile", profile_names, "starlingx")
	                                        : profile);
	c->hosts = open_array(root, "hosts", true, sizeof(*c->hosts), &host_names, &c->host_count);
	c->flavors = open_array(root, "flavors", true, sizeof(*c->flavors), &flavor_names, &c->flavor_count);
	c->groups = open_array(root, "groups", false, sizeof(*c->groups), &group_names, &c->group_count);
	c->vms = open_array(root, "vms", true, sizeof(*c->vms), &vm_names, &c->vm_count);
#define READ(array, read)                              \
	i = 0;                                         \
	cJSON_ArrayForEach(entry, member(root, array)) \
	{                                              \
		read_place(array, i);                  \
		read;                                  \
		i++;                                   \
	}
	READ("hosts", read_host(entry, &c->hosts[i]); c->hosts[i].name = text_of(entry, "name", NULL))
	READ("flavors", read_flavor(c, entry, &c->flavors[i]))
	READ("groups", read_group(entry, &c->groups[i]); c->groups[i].name = text_of(entry, "name", NULL))
	READ("vms", read_vm(entry, &c->vms[i]); c->vms[i].name = text_of(entry, "name", NULL))
	list_vms(c);
	read_place("", 0);
}

uint32_t find_host(const char *name)
{
	return names_find(&host_names, name);
}

uint32_t find_vm(const char *name)
{
	return names_find(&vm_names, name);
}

uint32_t find_group(const char *name)
{
	return names_find(&group_names, name);
}

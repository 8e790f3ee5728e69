/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/cluster.h"

#include "core/cluster_check.h"
#include "core/digest.h"
#include "core/flavor.h"
#include "core/intern.h"
#include "core/names.h"
#include "core/read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CLUSTER_SCHEMA "lockkeeper.cluster/1"

/* Bounds that no cluster comes near, so that sums and products stay exact. */
#define CPUS_MAX 1e6
#define MIB_MAX 1e11
#define GIB_MAX 1e9
#define RATIO_MAX 1e4
#define LOAD_MAX 1e6

/* What a value of the root holds until its turn comes: sections refer to each other, whatever their order. */
struct sections {
	const json_t *migration, *switches, *hosts, *flavors, *groups, *vms, *load_profiles;
};

struct root {
	const char *schema, *name;
	uint8_t profile;
	struct sections sections;
};

static int keep_value(struct reader *reader, const json_t *value, void *into)
{
	(void)reader;
	*(const json_t **)into = value;
	return 0;
}

#define SECTION(section)                                                                              \
	{                                                                                             \
		.name = #section, .kind = READ_BY, .offset = offsetof(struct root, sections.section), \
		.by = keep_value                                                                      \
	}
#define REQUIRED_SECTION(section)                                                                     \
	{                                                                                             \
		.name = #section, .kind = READ_BY, .offset = offsetof(struct root, sections.section), \
		.by = keep_value, .required = true                                                    \
	}

static const struct read_member root_members[] = {
	{ .name = "schema", .kind = READ_TEXT, .offset = offsetof(struct root, schema), .required = true },
	{ .name = "name", .kind = READ_TEXT, .offset = offsetof(struct root, name), .required = true },
	{ .name = "profile",
	  .kind = READ_WORD,
	  .offset = offsetof(struct root, profile),
	  .words = &profile_words },
	SECTION(migration),
	SECTION(switches),
	REQUIRED_SECTION(hosts),
	REQUIRED_SECTION(flavors),
	REQUIRED_SECTION(vms),
	SECTION(groups),
	SECTION(load_profiles),
	{ 0 },
};

/* qemu-MAJOR.MINOR; which rules a version has is the models' business. */
static int read_hypervisor(struct reader *reader, const json_t *value, void *into)
{
	const char *text = json_type(value) == JSON_TEXT ? json_text(value) : "";
	size_t digits = strspn(text + (strncmp(text, "qemu-", 5) ? 0 : 5), "0123456789"), minor = 0;

	if (!strncmp(text, "qemu-", 5) && digits > 0 && digits < 4 && text[5 + digits] == '.')
		minor = strspn(text + 6 + digits, "0123456789");
	if (minor == 0 || minor > 3 || text[6 + digits + minor])
		return json_fail(reader->doc, value, reader->error,
		                 "unknown hypervisor, expected qemu-MAJOR.MINOR like \"qemu-7.2\"");
	*(const char **)into = cluster_intern(reader->cluster, text);
	return 0;
}

#define SETTING(member_, kind_, min_, max_)                                                              \
	{                                                                                                \
		.name = #member_, .kind = kind_, .offset = offsetof(struct migration_settings, member_), \
		.min = min_, .max = max_                                                                 \
	}

static const struct read_member migration_members[] = {
	{ .name = "hypervisor",
	  .kind = READ_BY,
	  .offset = offsetof(struct migration_settings, hypervisor),
	  .by = read_hypervisor },
	SETTING(bandwidth_mib_s, READ_NUMBER, 0, 1e9),
	SETTING(max_downtime_ms, READ_NUMBER, 0, 2e6),
	SETTING(timeout_s, READ_NUMBER, 0, 1e9),
	SETTING(setup_ms, READ_NUMBER, 0, 1e9),
	SETTING(switchover_ms, READ_NUMBER, 0, 1e9),
	{ .name = "wire_efficiency",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct migration_settings, wire_efficiency),
	  .max = 1,
	  .above = true },
	SETTING(parallel_per_host, READ_COUNT, 0, 1e6),
	SETTING(downtime_steps, READ_COUNT, 0, 1000),
	SETTING(auto_converge, READ_BOOL, 0, 0),
	SETTING(post_copy, READ_BOOL, 0, 0),
	{ 0 },
};

static int read_migration(struct reader *reader, const json_t *value, struct migration_settings *settings)
{
	return read_object(reader, value, migration_members, settings, "migration settings");
}

static int read_array(struct reader *reader, const json_t *array, const char *expected, uint32_t *ret_count)
{
	size_t count;

	if (read_type(reader, array, JSON_ARRAY, expected))
		return ERROR_INPUT;
	count = json_count(array);
	if (count > 100 * 1000 * 1000)
		return json_fail(reader->doc, array, reader->error,
		                 "too many entries, expected at most 100000000");
	*ret_count = (uint32_t)count;
	return 0;
}

/* Binds a name; two of a kind are an error at the later one. */
static int bind_name(struct reader *reader, const json_t *entity, unsigned kind, const char *name,
                     const char *key, uint32_t index)
{
	const json_t *member = json_get(entity, key);

	if (intern_bind(reader->cluster->interns, kind, name, index) == NONE)
		return 0;
	return json_fail(reader->doc, member ? member : entity, reader->error,
	                 "%s \"%.80s\" stands twice, expected unique %ss", key, name, key);
}

/* The index that a name refers to. */
static int refer(struct reader *reader, const json_t *value, unsigned kind, const char *what, uint32_t *into)
{
	uint32_t index;

	if (read_type(reader, value, JSON_TEXT, "a name"))
		return ERROR_INPUT;
	index = intern_find(reader->cluster->interns, kind, json_text(value));
	if (index == NONE)
		return json_fail(reader->doc, value, reader->error,
		                 "no %s is named \"%.80s\", expected one of the file's", what,
		                 json_text(value));
	*into = index;
	return 0;
}

static int refer_switch(struct reader *reader, const json_t *value, void *into)
{
	return refer(reader, value, NAME_SWITCH, "switch", into);
}

static int refer_host(struct reader *reader, const json_t *value, void *into)
{
	return refer(reader, value, NAME_HOST, "host", into);
}

static int refer_flavor(struct reader *reader, const json_t *value, void *into)
{
	return refer(reader, value, NAME_FLAVOR, "flavor", into);
}

static int refer_group(struct reader *reader, const json_t *value, void *into)
{
	return refer(reader, value, NAME_GROUP, "group", into);
}

static int refer_load(struct reader *reader, const json_t *value, void *into)
{
	return refer(reader, value, NAME_LOAD, "load profile", into);
}

static const struct read_member switch_members[] = {
	{ .name = "name", .kind = READ_TEXT, .offset = offsetof(struct switch_node, name), .required = true },
	{ .name = "uplink",
	  .kind = READ_BY,
	  .offset = offsetof(struct switch_node, uplink),
	  .by = refer_switch,
	  .nullable = true },
	{ .name = "uplink_mbit_s",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct switch_node, uplink_mbit_s),
	  .max = 1e12,
	  .above = true },
	{ 0 },
};

/* Names first, since a switch may name an uplink that comes after it. */
static int bind_switches(struct reader *reader, const json_t *array)
{
	uint32_t index = 0;

	for (const json_t *entry = json_first(array); entry; entry = json_next(entry), index++) {
		const json_t *name = json_get(entry, "name");

		if (name && json_type(name) == JSON_TEXT &&
		    bind_name(reader, entry, NAME_SWITCH, json_text(name), "name", index))
			return ERROR_INPUT;
	}
	return 0;
}

static int check_switch_tree(struct reader *reader, const json_t *array)
{
	const struct cluster *cluster = reader->cluster;
	uint32_t index = 0;

	for (const json_t *entry = json_first(array); entry; entry = json_next(entry), index++) {
		uint32_t steps = 0;

		for (uint32_t at = index; at != NONE; at = cluster->switches[at].uplink) {
			if (steps++ > cluster->switch_count)
				return json_fail(
					reader->doc, json_get(entry, "uplink"), reader->error,
					"the uplinks from switch \"%.80s\" go in a circle, expected a tree",
					cluster->switches[index].name);
		}
	}
	return 0;
}

static int read_switches(struct reader *reader, const json_t *array)
{
	struct cluster *cluster = reader->cluster;
	uint32_t index = 0;

	if (!array)
		return 0;
	if (read_array(reader, array, "an array of switches", &cluster->switch_count) ||
	    bind_switches(reader, array))
		return ERROR_INPUT;
	cluster->switches = ARENA_ARRAY(&cluster->arena, struct switch_node, cluster->switch_count);
	for (const json_t *entry = json_first(array); entry; entry = json_next(entry), index++) {
		struct switch_node *node = &cluster->switches[index];

		*node = (struct switch_node){ .uplink = NONE };
		if (read_object(reader, entry, switch_members, node, "a switch"))
			return ERROR_INPUT;
		if (node->uplink != NONE && node->uplink_mbit_s == 0)
			return json_fail(reader->doc, entry, reader->error,
			                 "member \"uplink_mbit_s\" is missing, expected the uplink's speed");
		if (node->uplink == NONE && node->uplink_mbit_s != 0)
			return json_fail(reader->doc, entry, reader->error,
			                 "\"uplink_mbit_s\" without \"uplink\", expected both or none");
	}
	return check_switch_tree(reader, array);
}

static const struct read_member reserved_members[] = {
	{ .name = "cpus",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct host, reserved_cpus),
	  .max = CPUS_MAX },
	{ .name = "memory_mib",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct host, reserved_memory_mib),
	  .max = MIB_MAX },
	{ .name = "disk_gib",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct host, reserved_disk_gib),
	  .max = GIB_MAX },
	{ 0 },
};

static int read_reserved(struct reader *reader, const json_t *value, void *into)
{
	return read_object(reader, value, reserved_members, into, "what is reserved");
}

static const struct read_member hugepage_members[] = {
	{ .name = "2048",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct numa_node, pages_2m),
	  .max = MIB_MAX },
	{ .name = "1048576",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct numa_node, pages_1g),
	  .max = MIB_MAX },
	{ 0 },
};

static int read_hugepages(struct reader *reader, const json_t *value, void *into)
{
	return read_object(reader, value, hugepage_members, (char *)into, "page counts by size in KiB");
}

static const struct read_member numa_members[] = {
	{ .name = "cpus",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct numa_node, cpus),
	  .max = CPUS_MAX,
	  .required = true },
	{ .name = "memory_mib",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct numa_node, memory_mib),
	  .max = MIB_MAX,
	  .required = true },
	{ .name = "hugepages", .kind = READ_BY, .offset = 0, .by = read_hugepages },
	{ 0 },
};

static int read_numa(struct reader *reader, const json_t *value, void *into)
{
	struct host *host = into;
	struct numa_node *nodes;
	uint32_t count;

	if (read_array(reader, value, "an array of NUMA nodes", &count))
		return ERROR_INPUT;
	if (count == 0 || count > 64)
		return json_fail(reader->doc, value, reader->error, "%u NUMA nodes, expected 1 to 64", count);
	nodes = ARENA_ARRAY(&reader->cluster->arena, struct numa_node, count);
	host->numa = nodes;
	host->numa_count = count;
	for (const json_t *entry = json_first(value); entry; entry = json_next(entry)) {
		if (read_object(reader, entry, numa_members, nodes++, "a NUMA node"))
			return ERROR_INPUT;
	}
	return 0;
}

static const struct read_member aggregate_members[] = {
	{ .name = "name", .kind = READ_TEXT, .offset = offsetof(struct aggregate, name), .required = true },
	{ .name = "metadata", .kind = READ_PAIRS, .offset = offsetof(struct aggregate, metadata) },
	{ 0 },
};

static int read_aggregates(struct reader *reader, const json_t *value, void *into)
{
	static const struct read_member name = { .name = "", .kind = READ_TEXT };
	struct host *host = into;
	struct aggregate *aggregates;
	uint32_t count;

	if (read_array(reader, value, "an array of aggregates", &count))
		return ERROR_INPUT;
	aggregates = ARENA_ARRAY(&reader->cluster->arena, struct aggregate, count);
	host->aggregates = aggregates;
	host->aggregate_count = count;
	for (const json_t *entry = json_first(value); entry; entry = json_next(entry), aggregates++) {
		int result = json_type(entry) == JSON_TEXT
		                     ? read_value(reader, entry, &name, &aggregates->name)
		                     : read_object(reader, entry, aggregate_members, aggregates,
		                                   "an aggregate's name");

		if (result)
			return result;
	}
	return 0;
}

static int read_texts(struct reader *reader, const json_t *value, const char *expected,
                      const char *const **ret_texts, uint32_t *ret_count)
{
	static const struct read_member text = { .name = "", .kind = READ_TEXT };
	const char **texts;
	uint32_t count, index = 0;

	if (read_array(reader, value, expected, &count))
		return ERROR_INPUT;
	texts = ARENA_ARRAY(&reader->cluster->arena, const char *, count);
	for (const json_t *entry = json_first(value); entry; entry = json_next(entry)) {
		if (read_value(reader, entry, &text, &texts[index++]))
			return ERROR_INPUT;
	}
	*ret_texts = texts;
	*ret_count = count;
	return 0;
}

static int text_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_features(struct reader *reader, const json_t *value, void *into)
{
	struct host *host = into;
	const char *const *features;
	const char **sorted;
	uint32_t count, kept = 0;

	if (read_texts(reader, value, "an array of CPU features", &features, &count))
		return ERROR_INPUT;
	sorted = (const char **)(uintptr_t)features;
	qsort(sorted, count, sizeof(sorted[0]), text_compare);
	for (uint32_t i = 0; i < count; i++) {
		if (kept == 0 || sorted[kept - 1] != sorted[i])
			sorted[kept++] = sorted[i];
	}
	host->features = sorted;
	host->feature_count = kept;
	return 0;
}

static int read_networks(struct reader *reader, const json_t *value, void *into)
{
	struct host *host = into;

	host->all_networks = false;
	return read_texts(reader, value, "an array of networks", &host->networks, &host->network_count);
}

static int read_pci(struct reader *reader, const json_t *value, void *into)
{
	static const struct read_member count = { .name = "", .kind = READ_COUNT, .max = 1e6 };
	struct host *host = into;
	struct pci_count *pools;

	if (read_type(reader, value, JSON_OBJECT, "an object of device counts by alias"))
		return ERROR_INPUT;
	pools = ARENA_ARRAY(&reader->cluster->arena, struct pci_count, json_count(value));
	host->pci = pools;
	host->pci_count = (uint32_t)json_count(value);
	for (const json_t *entry = json_first(value); entry; entry = json_next(entry), pools++) {
		pools->alias = cluster_intern(reader->cluster, json_key(entry));
		if (read_value(reader, entry, &count, &pools->count))
			return ERROR_INPUT;
	}
	return 0;
}

#define HOST(member_, kind_, max_)                                                                     \
	{                                                                                              \
		.name = #member_, .kind = kind_, .offset = offsetof(struct host, member_), .max = max_ \
	}
#define HOST_RATIO(member_)                                                                                  \
	{                                                                                                    \
		.name = #member_, .kind = READ_RATIO, .offset = offsetof(struct host, member_), .min = 1e-6, \
		.max = RATIO_MAX                                                                             \
	}
#define HOST_WORD(member_, words_)                                                             \
	{                                                                                      \
		.name = #member_, .kind = READ_WORD, .offset = offsetof(struct host, member_), \
		.words = &words_                                                               \
	}
#define HOST_BY(member_, by_)                                             \
	{                                                                 \
		.name = #member_, .kind = READ_BY, .offset = 0, .by = by_ \
	}

static const struct read_member host_members[] = {
	{ .name = "name", .kind = READ_TEXT, .offset = offsetof(struct host, name), .required = true },
	HOST_WORD(administrative, administrative_words),
	HOST_WORD(operational, operational_words),
	HOST_WORD(availability, availability_words),
	{ .name = "zone", .kind = READ_TEXT, .offset = offsetof(struct host, zone) },
	HOST_BY(aggregates, read_aggregates),
	{ .name = "cpus",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct host, cpus),
	  .max = CPUS_MAX,
	  .required = true },
	HOST_RATIO(cpu_ratio),
	{ .name = "dedicated_cpus",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct host, dedicated_cpus),
	  .max = CPUS_MAX,
	  .nullable = true },
	{ .name = "memory_mib",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct host, memory_mib),
	  .max = MIB_MAX,
	  .required = true },
	HOST_RATIO(memory_ratio),
	{ .name = "disk_gib",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct host, disk_gib),
	  .max = GIB_MAX,
	  .nullable = true },
	HOST_RATIO(disk_ratio),
	HOST_BY(reserved, read_reserved),
	HOST_BY(numa, read_numa),
	{ .name = "cpu_model",
	  .kind = READ_TEXT,
	  .offset = offsetof(struct host, cpu_model),
	  .nullable = true },
	HOST_BY(cpu_features, read_features),
	HOST_WORD(storage, storage_words),
	{ .name = "networks", .kind = READ_BY, .offset = 0, .by = read_networks, .nullable = true },
	HOST_BY(pci, read_pci),
	{ .name = "nic_mbit_s",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct host, nic_mbit_s),
	  .max = 1e12,
	  .above = true },
	{ .name = "switch",
	  .kind = READ_BY,
	  .offset = offsetof(struct host, switch_index),
	  .by = refer_switch,
	  .nullable = true },
	{ .name = "uri", .kind = READ_TEXT, .offset = offsetof(struct host, uri), .nullable = true },
	{ 0 },
};

/* The first root: where a host is that names no switch. NONE without switches. */
static uint32_t switch_root(const struct cluster *cluster)
{
	for (uint32_t i = 0; i < cluster->switch_count; i++) {
		if (cluster->switches[i].uplink == NONE)
			return i;
	}
	return NONE;
}

static int read_host(struct reader *reader, const json_t *value, uint32_t index, struct host *host)
{
	struct cluster *cluster = reader->cluster;

	*host = (struct host){ .zone = cluster_intern(cluster, "nova"),
		               .cpu_ratio = 16 * RATIO_ONE,
		               .memory_ratio = RATIO_ONE,
		               .disk_ratio = RATIO_ONE,
		               .dedicated_cpus = -1,
		               .disk_gib = UNLIMITED,
		               .all_networks = true,
		               .nic_mbit_s = 10000,
		               .switch_index = switch_root(cluster) };
	if (read_object(reader, value, host_members, host, "a host") ||
	    bind_name(reader, value, NAME_HOST, host->name, "name", index))
		return ERROR_INPUT;
	if (!host->numa) {
		struct numa_node *node = ARENA_ARRAY(&cluster->arena, struct numa_node, 1);

		node->cpus = host->cpus + (host->dedicated_cpus > 0 ? host->dedicated_cpus : 0);
		node->memory_mib = host->memory_mib;
		host->numa = node;
		host->numa_count = 1;
	}
	host->numa_first = cluster->numa_count;
	host->pci_first = cluster->pci_pool_count;
	cluster->numa_count += host->numa_count;
	cluster->pci_pool_count += host->pci_count;
	return 0;
}

static int read_hosts(struct reader *reader, const json_t *array)
{
	struct cluster *cluster = reader->cluster;
	uint32_t index = 0;

	if (read_array(reader, array, "an array of hosts", &cluster->host_count))
		return ERROR_INPUT;
	cluster->hosts = ARENA_ARRAY(&cluster->arena, struct host, cluster->host_count);
	for (const json_t *entry = json_first(array); entry; entry = json_next(entry), index++) {
		if (read_host(reader, entry, index, &cluster->hosts[index]))
			return ERROR_INPUT;
	}
	return 0;
}

#define FLAVOR_COUNT(member_, min_, max_, required_)                                              \
	{                                                                                         \
		.name = #member_, .kind = READ_COUNT, .offset = offsetof(struct flavor, member_), \
		.min = min_, .max = max_, .required = required_                                   \
	}

static const struct read_member flavor_members[] = {
	{ .name = "name", .kind = READ_TEXT, .offset = offsetof(struct flavor, name), .required = true },
	FLAVOR_COUNT(vcpus, 1, CPUS_MAX, true),
	FLAVOR_COUNT(memory_mib, 1, MIB_MAX, true),
	FLAVOR_COUNT(disk_gib, 0, GIB_MAX, false),
	FLAVOR_COUNT(swap_mib, 0, MIB_MAX, false),
	FLAVOR_COUNT(ephemeral_gib, 0, GIB_MAX, false),
	{ .name = "extra_specs", .kind = READ_PAIRS, .offset = offsetof(struct flavor, extra_specs) },
	{ 0 },
};

static int read_flavors(struct reader *reader, const json_t *array)
{
	struct cluster *cluster = reader->cluster;
	uint32_t index = 0;

	if (read_array(reader, array, "an array of flavors", &cluster->flavor_count))
		return ERROR_INPUT;
	cluster->flavors = ARENA_ARRAY(&cluster->arena, struct flavor, cluster->flavor_count);
	for (const json_t *entry = json_first(array); entry; entry = json_next(entry), index++) {
		struct flavor *flavor = &cluster->flavors[index];
		const char *wrong;

		if (read_object(reader, entry, flavor_members, flavor, "a flavor") ||
		    bind_name(reader, entry, NAME_FLAVOR, flavor->name, "name", index))
			return ERROR_INPUT;
		wrong = flavor_derive(cluster, flavor);
		if (wrong)
			return json_fail(reader->doc, json_get(entry, "extra_specs"), reader->error, "%s",
			                 wrong);
	}
	return 0;
}

static const struct read_member group_members[] = {
	{ .name = "name", .kind = READ_TEXT, .offset = offsetof(struct group, name), .required = true },
	{ .name = "policy",
	  .kind = READ_WORD,
	  .offset = offsetof(struct group, policy),
	  .words = &policy_words,
	  .required = true },
	{ .name = "best_effort", .kind = READ_BOOL, .offset = offsetof(struct group, best_effort) },
	{ .name = "max_per_host",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct group, max_per_host),
	  .min = 1,
	  .max = 1e6 },
	{ .name = "size",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct group, size),
	  .min = 0,
	  .max = 1e9,
	  .nullable = true },
	{ 0 },
};

static int read_groups(struct reader *reader, const json_t *array)
{
	struct cluster *cluster = reader->cluster;
	uint32_t index = 0;

	if (!array)
		return 0;
	if (read_array(reader, array, "an array of groups", &cluster->group_count))
		return ERROR_INPUT;
	cluster->groups = ARENA_ARRAY(&cluster->arena, struct group, cluster->group_count);
	for (const json_t *entry = json_first(array); entry; entry = json_next(entry), index++) {
		struct group *group = &cluster->groups[index];

		*group = (struct group){ .max_per_host = 1, .size = UNLIMITED };
		if (read_object(reader, entry, group_members, group, "a server group") ||
		    bind_name(reader, entry, NAME_GROUP, group->name, "name", index))
			return ERROR_INPUT;
		/* Nova's words, when `rules` come with another policy (os-server-groups, 2.64). */
		if (group->max_per_host != 1 && group->policy != POLICY_ANTI_AFFINITY)
			return json_fail(
				reader->doc, json_get(entry, "max_per_host"), reader->error,
				"Only anti-affinity policy supports rules. (expected policy anti-affinity)");
		if (group->best_effort && group->policy != POLICY_AFFINITY &&
		    group->policy != POLICY_ANTI_AFFINITY)
			return json_fail(reader->doc, json_get(entry, "best_effort"), reader->error,
			                 "best_effort with policy %s, expected affinity or anti-affinity",
			                 policy_words[group->policy]);
	}
	return 0;
}

static int read_hours(struct reader *reader, const json_t *value, void *into)
{
	static const struct read_member hour = { .name = "", .kind = READ_NUMBER, .max = LOAD_MAX };
	double *hours = into;

	if (read_type(reader, value, JSON_ARRAY, "an array of 24 numbers"))
		return ERROR_INPUT;
	if (json_count(value) != DAY_HOURS)
		return json_fail(reader->doc, value, reader->error, "%zu numbers, expected 24, one an hour",
		                 json_count(value));
	for (const json_t *entry = json_first(value); entry; entry = json_next(entry)) {
		if (read_value(reader, entry, &hour, hours++))
			return ERROR_INPUT;
	}
	return 0;
}

static const struct read_member load_members[] = {
	{ .name = "name",
	  .kind = READ_TEXT,
	  .offset = offsetof(struct load_profile, name),
	  .required = true },
	{ .name = "hours",
	  .kind = READ_BY,
	  .offset = offsetof(struct load_profile, hours),
	  .by = read_hours,
	  .required = true },
	{ 0 },
};

static int read_loads(struct reader *reader, const json_t *array)
{
	struct cluster *cluster = reader->cluster;
	uint32_t index = 0;

	if (!array)
		return 0;
	if (read_array(reader, array, "an array of load profiles", &cluster->load_count))
		return ERROR_INPUT;
	cluster->loads = ARENA_ARRAY(&cluster->arena, struct load_profile, cluster->load_count);
	for (const json_t *entry = json_first(array); entry; entry = json_next(entry), index++) {
		struct load_profile *load = &cluster->loads[index];

		if (read_object(reader, entry, load_members, load, "a load profile") ||
		    bind_name(reader, entry, NAME_LOAD, load->name, "name", index))
			return ERROR_INPUT;
	}
	return 0;
}

static const struct read_member vif_members[] = {
	{ .name = "model",
	  .kind = READ_WORD,
	  .offset = offsetof(struct vif, model),
	  .words = &vif_model_words,
	  .required = true },
	{ .name = "network", .kind = READ_TEXT, .offset = offsetof(struct vif, network), .nullable = true },
	{ 0 },
};

static int read_vifs(struct reader *reader, const json_t *value, void *into)
{
	struct vm *vm = into;
	struct vif *vifs;

	if (read_array(reader, value, "an array of vifs", &vm->vif_count))
		return ERROR_INPUT;
	vifs = ARENA_ARRAY(&reader->cluster->arena, struct vif, vm->vif_count);
	vm->vifs = vifs;
	for (const json_t *entry = json_first(value); entry; entry = json_next(entry)) {
		if (read_object(reader, entry, vif_members, vifs++, "a vif"))
			return ERROR_INPUT;
	}
	return 0;
}

static int read_vote(struct reader *reader, const json_t *value, void *into)
{
	static const char *const votes[] = { "allow", "reject", NULL };
	static const char *const *const words = votes;
	static const struct read_member vote = { .name = "", .kind = READ_WORD, .words = &words };
	uint8_t word = 0;

	if (read_value(reader, value, &vote, &word))
		return ERROR_INPUT;
	*(bool *)into = word == 1;
	return 0;
}

static int read_vm_dirty(struct reader *reader, const json_t *value, void *into)
{
	return dirty_read(reader, value, into);
}

static int read_vm_migration(struct reader *reader, const json_t *value, void *into)
{
	struct migration_settings *settings = ARENA_ARRAY(&reader->cluster->arena, struct migration_settings,
	                                                  1);

	*settings = migration_settings_none();
	if (read_migration(reader, value, settings))
		return ERROR_INPUT;
	*(const struct migration_settings **)into = settings;
	return 0;
}

#define VM(member_, kind_)                                                              \
	{                                                                               \
		.name = #member_, .kind = kind_, .offset = offsetof(struct vm, member_) \
	}
#define VM_NULLABLE(member_, kind_, by_)                                                            \
	{                                                                                           \
		.name = #member_, .kind = kind_, .offset = offsetof(struct vm, member_), .by = by_, \
		.nullable = true                                                                    \
	}

static const struct read_member vm_members[] = {
	{ .name = "name", .kind = READ_TEXT, .offset = offsetof(struct vm, name), .required = true },
	VM(id, READ_TEXT),
	{ .name = "host",
	  .kind = READ_BY,
	  .offset = offsetof(struct vm, host),
	  .by = refer_host,
	  .nullable = true,
	  .required = true },
	{ .name = "flavor",
	  .kind = READ_BY,
	  .offset = offsetof(struct vm, flavor),
	  .by = refer_flavor,
	  .required = true },
	VM_NULLABLE(group, READ_BY, refer_group),
	{ .name = "load_profile",
	  .kind = READ_BY,
	  .offset = offsetof(struct vm, load),
	  .by = refer_load,
	  .nullable = true },
	{ .name = "state",
	  .kind = READ_WORD,
	  .offset = offsetof(struct vm, state),
	  .words = &vm_state_words },
	VM_NULLABLE(task, READ_TEXT, NULL),
	{ .name = "boot", .kind = READ_WORD, .offset = offsetof(struct vm, boot), .words = &boot_words },
	{ .name = "vifs", .kind = READ_BY, .offset = 0, .by = read_vifs },
	VM_NULLABLE(zone, READ_TEXT, NULL),
	VM(metadata, READ_PAIRS),
	VM(image, READ_PAIRS),
	{ .name = "heartbeat_vote",
	  .kind = READ_BY,
	  .offset = offsetof(struct vm, vote_reject),
	  .by = read_vote },
	{ .name = "used_mib", .kind = READ_NUMBER, .offset = offsetof(struct vm, used_mib), .max = MIB_MAX },
	{ .name = "dirty", .kind = READ_BY, .offset = offsetof(struct vm, dirty), .by = read_vm_dirty },
	{ .name = "migration",
	  .kind = READ_BY,
	  .offset = offsetof(struct vm, migration),
	  .by = read_vm_migration },
	{ 0 },
};

static int read_vm(struct reader *reader, const json_t *value, uint32_t index, struct vm *vm)
{
	const struct cluster *cluster = reader->cluster;
	int64_t memory_mib;

	*vm = (struct vm){ .host = NONE, .flavor = NONE, .group = NONE, .load = NONE, .used_mib = -1 };
	if (read_object(reader, value, vm_members, vm, "a VM") ||
	    bind_name(reader, value, NAME_VM, vm->name, "name", index))
		return ERROR_INPUT;
	if (!vm->id)
		vm->id = vm->name;
	else if (vm->id != vm->name && bind_name(reader, value, NAME_VM_ID, vm->id, "id", index))
		return ERROR_INPUT;
	memory_mib = cluster->flavors[vm->flavor].memory_mib;
	/* A drawn one fills the memory at the most. */
	if (vm->used_mib > (double)memory_mib && read_is_distribution(json_get(value, "used_mib")))
		vm->used_mib = (double)memory_mib;
	if (vm->used_mib > (double)memory_mib)
		return json_fail(reader->doc, json_get(value, "used_mib"), reader->error,
		                 "more than the flavor's memory, expected at most %lld",
		                 (long long)memory_mib);
	if (vm->used_mib < 0)
		vm->used_mib = (double)memory_mib;
	if (!vm->dirty)
		vm->dirty = dirty_default();
	return 0;
}

static int read_vms(struct reader *reader, const json_t *array)
{
	struct cluster *cluster = reader->cluster;
	uint32_t index = 0;

	if (read_array(reader, array, "an array of VMs", &cluster->vm_count))
		return ERROR_INPUT;
	cluster->vms = ARENA_ARRAY(&cluster->arena, struct vm, cluster->vm_count);
	for (const json_t *entry = json_first(array); entry; entry = json_next(entry), index++) {
		if (read_vm(reader, entry, index, &cluster->vms[index]))
			return ERROR_INPUT;
	}
	return 0;
}

static int read_root(struct reader *reader, const json_t *value, enum profile profile)
{
	struct cluster *cluster = reader->cluster;
	struct root root = { .profile = PROFILE_STARLINGX };

	if (read_object(reader, value, root_members, &root, "a cluster"))
		return ERROR_INPUT;
	if (strcmp(root.schema, CLUSTER_SCHEMA))
		return json_fail(reader->doc, json_get(value, "schema"), reader->error,
		                 "\"%.80s\", expected \"" CLUSTER_SCHEMA "\"", root.schema);
	cluster->name = root.name;
	cluster->profile = profile < PROFILE_COUNT ? profile : root.profile;
	cluster->migration = migration_settings_none();
	if (root.sections.migration && read_migration(reader, root.sections.migration, &cluster->migration))
		return ERROR_INPUT;
	if (read_switches(reader, root.sections.switches) || read_hosts(reader, root.sections.hosts) ||
	    read_flavors(reader, root.sections.flavors) || read_groups(reader, root.sections.groups) ||
	    read_loads(reader, root.sections.load_profiles) || read_vms(reader, root.sections.vms))
		return ERROR_INPUT;
	return 0;
}

int cluster_read_value(struct cluster *ret_cluster, const struct json_doc *doc, const json_t *value,
                       enum profile profile, const struct read_numbers *numbers, struct error *error)
{
	struct reader reader = { .doc = doc, .cluster = ret_cluster, .error = error, .numbers = numbers };
	size_t length;
	char *canonical;

	*ret_cluster = (struct cluster){ 0 };
	ret_cluster->interns = interns_new(&ret_cluster->arena);
	if (read_root(&reader, value, profile)) {
		cluster_free(ret_cluster);
		return ERROR_INPUT;
	}
	if (!numbers) {
		canonical = json_canonical(value, &length);
		digest_sha256(canonical, length, ret_cluster->digest);
		free(canonical);
	}
	cluster_check(ret_cluster);
	return 0;
}

int cluster_read(struct cluster *ret_cluster, const struct json_doc *doc, enum profile profile,
                 struct error *error)
{
	return cluster_read_value(ret_cluster, doc, json_doc_root(doc), profile, NULL, error);
}

int cluster_add_host(struct cluster *cluster, const struct json_doc *doc, const json_t *value,
                     const struct read_numbers *numbers, uint32_t *ret_host, struct error *error)
{
	struct reader reader = { .doc = doc, .cluster = cluster, .error = error, .numbers = numbers };
	struct host host;
	int result = read_host(&reader, value, cluster->host_count, &host);

	if (result)
		return result;
	if (cluster->host_count >= cluster->host_room) {
		uint32_t room = cluster->host_count < 8 ? 16 : cluster->host_count * 2;
		struct host *hosts = ARENA_ARRAY(&cluster->arena, struct host, room);

		if (cluster->host_count)
			memcpy(hosts, cluster->hosts, sizeof(*hosts) * cluster->host_count);
		cluster->hosts = hosts;
		cluster->host_room = room;
	}
	cluster->hosts[cluster->host_count] = host;
	*ret_host = cluster->host_count++;
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/flavor.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A whole number in [low, high] and nothing else. */
static bool whole_number(const char *text, int64_t low, int64_t high, int64_t *ret)
{
	char *end;
	long long number;

	if (!isdigit((unsigned char)*text))
		return false;
	number = strtoll(text, &end, 10);
	if (*end || number < low || number > high)
		return false;
	*ret = number;
	return true;
}

/* hw:mem_page_size: small, large, any, or a size in KiB, or with a unit (KB, MB, GB; Nova's units are
 * binary). */
static bool page_size(const char *text, int32_t *ret_kib)
{
	char *end;
	long long number;

	if (!strcmp(text, "small"))
		return *ret_kib = PAGE_SMALL, true;
	if (!strcmp(text, "large"))
		return *ret_kib = PAGE_LARGE, true;
	if (!strcmp(text, "any"))
		return *ret_kib = PAGE_ANY, true;
	number = strtoll(text, &end, 10);
	if (end == text || number <= 0 || number > PAGE_1G)
		return false;
	if (!strcasecmp(end, "GB") || !strcasecmp(end, "G") || !strcasecmp(end, "GiB"))
		number *= 1024 * 1024;
	else if (!strcasecmp(end, "MB") || !strcasecmp(end, "M") || !strcasecmp(end, "MiB"))
		number *= 1024;
	else if (*end && strcasecmp(end, "KB") && strcasecmp(end, "K") && strcasecmp(end, "KiB"))
		return false;
	if (number != PAGE_SMALL && number != PAGE_2M && number != PAGE_1G)
		return false;
	*ret_kib = (int32_t)number;
	return true;
}

/* pci_passthrough:alias: "gpu:1, nic:2"; a count left out is 1. */
static bool pci_requests(struct cluster *cluster, const char *text, struct flavor *flavor)
{
	struct pci_count *requests = ARENA_ARRAY(&cluster->arena, struct pci_count, strlen(text) / 2 + 1);
	char *copy = arena_text(&cluster->arena, text, strlen(text)), *rest = NULL;
	uint32_t count = 0;

	for (char *part = strtok_r(copy, ",", &rest); part; part = strtok_r(NULL, ",", &rest)) {
		char *colon = strchr(part, ':');

		while (*part == ' ')
			part++;
		requests[count].count = 1;
		if (colon) {
			*colon++ = '\0';
			while (*colon == ' ')
				colon++;
			if (!whole_number(colon, 1, 1024, &requests[count].count))
				return false;
		}
		if (!*part)
			return false;
		requests[count++].alias = cluster_intern(cluster, part);
	}
	flavor->pci = requests;
	flavor->pci_count = count;
	return count > 0;
}

/* The number of items in Nova's CPU set text, "0,2-3"; -1: not such a text. */
static int64_t set_size(const char *text)
{
	int64_t size = 0;

	for (;;) {
		char *end;
		long long from, to;

		if (!isdigit((unsigned char)*text))
			return -1;
		from = to = strtoll(text, &end, 10);
		if (*end == '-') {
			text = end + 1;
			if (!isdigit((unsigned char)*text))
				return -1;
			to = strtoll(text, &end, 10);
		}
		if (to < from || to > 65536)
			return -1;
		size += to - from + 1;
		if (!*end)
			return size;
		if (*end != ',')
			return -1;
		text = end + 1;
	}
}

/*
 * Guest NUMA nodes: equal shares, the first nodes taking what does not divide, unless hw:numa_cpus.N and
 * hw:numa_mem.N (MiB) say otherwise for every node.
 */
static const char *numa_demands(struct cluster *cluster, struct flavor *flavor, int64_t nodes)
{
	struct numa_demand *demands = ARENA_ARRAY(&cluster->arena, struct numa_demand, nodes);
	int64_t cpus = 0, memory_mib = 0;

	if (nodes > flavor->vcpus || nodes > flavor->memory_mib)
		return "hw:numa_nodes: more nodes than the flavor has vCPUs";
	for (int64_t i = 0; i < nodes; i++) {
		char key[32];
		const char *text;

		demands[i].cpus = flavor->vcpus / nodes + (i < flavor->vcpus % nodes);
		demands[i].memory_mib = flavor->memory_mib / nodes + (i < flavor->memory_mib % nodes);
		snprintf(key, sizeof(key), "hw:numa_cpus.%d", (int)i);
		text = pairs_get(&flavor->extra_specs, key);
		if (text && (demands[i].cpus = set_size(text)) < 0)
			return arena_print(&cluster->arena, "%s: \"%.40s\", expected a set of vCPUs like 0-1",
			                   key, text);
		snprintf(key, sizeof(key), "hw:numa_mem.%d", (int)i);
		text = pairs_get(&flavor->extra_specs, key);
		if (text && !whole_number(text, 1, flavor->memory_mib, &demands[i].memory_mib))
			return arena_print(&cluster->arena,
			                   "%s: \"%.40s\", expected MiB within the flavor's memory", key,
			                   text);
		cpus += demands[i].cpus;
		memory_mib += demands[i].memory_mib;
	}
	if (cpus != flavor->vcpus || memory_mib != flavor->memory_mib)
		return "hw:numa_cpus and hw:numa_mem: the nodes together are not the flavor";
	flavor->numa = demands;
	flavor->numa_count = (uint32_t)nodes;
	return NULL;
}

/* Nova's AggregateInstanceExtraSpecsFilter looks at keys of that scope and at keys with no scope at all. */
static void aggregate_spec(struct cluster *cluster, struct flavor *flavor, const struct pair *pair)
{
	static const char scope[] = "aggregate_instance_extra_specs:";
	const char *key = pair->key;

	if (!strncmp(key, scope, sizeof(scope) - 1))
		key = cluster_intern(cluster, key + sizeof(scope) - 1);
	else if (strchr(key, ':'))
		return;
	flavor->aggregate_specs[flavor->aggregate_spec_count++] = (struct pair){ key, pair->value };
	if (strcmp(key, "storage"))
		return;
	for (uint8_t i = 0; storage_words[i]; i++) {
		if (!strcmp(storage_words[i], pair->value))
			flavor->storage = i;
	}
}

/* hw:cpu_policy and hw:cpu_model. "mixed" counts as dedicated: what the mask leaves shared is not known to
 * fit. */
static const char *cpu_specs(struct cluster *cluster, struct flavor *flavor)
{
	const char *policy = pairs_get(&flavor->extra_specs, "hw:cpu_policy");
	const char *model = pairs_get(&flavor->extra_specs, "hw:cpu_model");

	flavor->counted_vcpus = flavor->vcpus;
	if (policy && strcmp(policy, "shared") && strcmp(policy, "dedicated") && strcmp(policy, "mixed"))
		return arena_print(&cluster->arena, "hw:cpu_policy: \"%.40s\", expected shared or dedicated",
		                   policy);
	flavor->dedicated = policy && strcmp(policy, "shared");
	if (pairs_get(&flavor->extra_specs, "hw:wrs:shared_vcpu") && flavor->counted_vcpus > 0)
		flavor->counted_vcpus--;
	if (model && !strcasecmp(model, "passthrough"))
		flavor->passthrough = true;
	else
		flavor->cpu_model = model;
	return NULL;
}

const char *flavor_derive(struct cluster *cluster, struct flavor *flavor)
{
	const char *pages = pairs_get(&flavor->extra_specs, "hw:mem_page_size");
	const char *nodes = pairs_get(&flavor->extra_specs, "hw:numa_nodes");
	const char *pci = pairs_get(&flavor->extra_specs, "pci_passthrough:alias");
	const char *wrong = cpu_specs(cluster, flavor);
	int64_t node_count = 1;

	flavor->storage = STORAGE_UNSAID;
	flavor->page_kib = PAGE_UNSAID;
	flavor->aggregate_specs = ARENA_ARRAY(&cluster->arena, struct pair, flavor->extra_specs.count);
	for (uint32_t i = 0; i < flavor->extra_specs.count; i++)
		aggregate_spec(cluster, flavor, &flavor->extra_specs.at[i]);
	if (wrong)
		return wrong;
	if (pages && !page_size(pages, &flavor->page_kib))
		return arena_print(
			&cluster->arena,
			"hw:mem_page_size: \"%.40s\", expected small, large, any, 4, 2048 or 1048576", pages);
	if (nodes && !whole_number(nodes, 1, NUMA_GUEST_MAX, &node_count))
		return arena_print(&cluster->arena, "hw:numa_nodes: \"%.40s\", expected 1 to %d", nodes,
		                   NUMA_GUEST_MAX);
	if (pci && !pci_requests(cluster, pci, flavor))
		return arena_print(&cluster->arena,
		                   "pci_passthrough:alias: \"%.40s\", expected like gpu:1,nic:2", pci);
	return pages || nodes ? numa_demands(cluster, flavor, node_count) : NULL;
}

int64_t flavor_disk_gib(const struct flavor *flavor, enum boot boot)
{
	/* Nova's request to placement: swap is rounded up to whole GiB, a volume's root disk is not local. */
	return (boot == BOOT_VOLUME ? 0 : flavor->disk_gib) + flavor->ephemeral_gib +
	       (flavor->swap_mib + 1023) / 1024;
}

int64_t flavor_shared_vcpus(const struct flavor *flavor)
{
	return flavor->dedicated ? 0 : flavor->counted_vcpus;
}

int64_t flavor_dedicated_vcpus(const struct flavor *flavor)
{
	return flavor->dedicated ? flavor->counted_vcpus : 0;
}

/* "<or> a <or> b": any of the words. */
static bool matches_or(const char *value, const char *words)
{
	size_t length = strlen(value);

	while (*words) {
		const char *end = strstr(words, "<or>");
		const char *last = end ? end : words + strlen(words);

		while (*words == ' ')
			words++;
		while (last > words && last[-1] == ' ')
			last--;
		if ((size_t)(last - words) == length && !strncmp(words, value, length))
			return true;
		words = end ? end + 4 : "";
	}
	return false;
}

static bool matches_number(const char *value, const char *operator, const char * wanted)
{
	double have = strtod(value, NULL), want = strtod(wanted, NULL);

	if (!strcmp(operator, "=") || !strcmp(operator, ">="))
		return have >= want;
	if (!strcmp(operator, "<="))
		return have <= want;
	if (!strcmp(operator, "=="))
		return have == want;
	return have != want;
}

bool spec_matches(const char *value, const char *requirement)
{
	static const char *const numeric[] = { "=", "==", "!=", ">=", "<=" };
	const char *space = strchr(requirement, ' '), *rest = space ? space + 1 : "";
	size_t length = space ? (size_t)(space - requirement) : 0;
	char operator[8] = "";

	if (length == 0 || length >= sizeof(operator))
		return !strcmp(value, requirement);
	memcpy(operator, requirement, length);
	for (size_t i = 0; i < sizeof(numeric) / sizeof(numeric[0]); i++) {
		if (!strcmp(operator, numeric[i]))
			return matches_number(value, operator, rest);
	}
	if (!strcmp(operator, "s=="))
		return !strcmp(value, rest);
	if (!strcmp(operator, "s!="))
		return strcmp(value, rest);
	if (!strcmp(operator, "s<"))
		return strcmp(value, rest) < 0;
	if (!strcmp(operator, "s<="))
		return strcmp(value, rest) <= 0;
	if (!strcmp(operator, "s>"))
		return strcmp(value, rest) > 0;
	if (!strcmp(operator, "s>="))
		return strcmp(value, rest) >= 0;
	if (!strcmp(operator, "<in>"))
		return strstr(value, rest);
	if (!strcmp(operator, "<or>"))
		return matches_or(value, rest);
	return !strcmp(value, requirement);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules of docs/rules.md once more, independently. */
#include "verifier/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct flavor *flavor_of(const struct cluster *cluster, uint32_t vm)
{
	return &cluster->flavors[cluster->vms[vm].flavor];
}

static bool has_devices(const struct cluster *cluster, uint32_t vm)
{
	const cJSON *vif;

	cJSON_ArrayForEach(vif, cluster->vms[vm].vifs)
	{
		if (!strncmp(text_of(vif, "model", NULL), "pci-", 4))
			return true;
	}
	return flavor_of(cluster, vm)->alias_count > 0;
}

/* "A live migration ordered by an admin"; else cold where the lock would ("Method"). */
enum method method_at(const struct cluster *cluster, uint32_t vm, uint32_t host)
{
	const struct vm *of = &cluster->vms[vm];
	const struct flavor *flavor = flavor_of(cluster, vm);
	bool devices = has_devices(cluster, vm), local = of->image || flavor->extra_gib > 0;
	int backing = flavor->storage == UNSAID ? cluster->hosts[host].storage : flavor->storage;

	if ((of->state != ACTIVE && of->state != PAUSED) || of->busy || !cluster->hosts[host].up ||
	    (of->votes_no && of->state == ACTIVE))
		return STUCK;
	if (!devices &&
	    (!local || backing == REMOTE || (cluster->profile != TITANIUM && backing == LOCAL_IMAGE)))
		return LIVE;
	/* A paused guest does not survive it, and an image's root disk must not be too large to be copied. */
	if (of->state == PAUSED ||
	    (of->image && backing != REMOTE && flavor->disk_gib > (backing == LOCAL_IMAGE ? 60 : 20)))
		return STUCK;
	return COLD;
}

bool stays_behind(const struct cluster *cluster, uint32_t vm)
{
	return cluster->vms[vm].state == STOPPED || cluster->vms[vm].state == IN_ERROR;
}

bool strict(const struct cluster *cluster, uint32_t group, enum policy policy)
{
	return group != NOWHERE && cluster->groups[group].policy == (int)policy &&
	       !cluster->groups[group].best_effort;
}

/* "<or> a <or> b": whether the value is one of the words, blanks around them not counting. */
static bool among_words(const char *value, const char *words)
{
	for (const char *end; *words; words = *end ? end + 4 : end) {
		size_t length;

		end = strstr(words, "<or>") ? strstr(words, "<or>") : words + strlen(words);
		words += strspn(words, " ");
		length = end > words ? (size_t)(end - words) : 0;
		while (length > 0 && words[length - 1] == ' ')
			length--;
		if (length == strlen(value) && !strncmp(words, value, length))
			return true;
	}
	return false;
}

/* Whether a value is what is required: plain text, or an operator, a blank, and what it compares with. */
static bool satisfies(const char *value, const char *required)
{
	size_t length = strcspn(required, " ");
	const char *with = required + length + 1, *operator= required;
	bool text = *required == 's';
	double have = strtod(value, NULL), want;
	int order;

	if (!required[length] || length == 0)
		return !strcmp(value, required);
	want = strtod(with, NULL);
	order = text ? strcmp(value, with) : (have > want) - (have < want);
	operator+= text;
	length -= text;
#define IS(what) (length == strlen(what) && !strncmp(operator, what, length))
	if (!text && IS("<in>"))
		return strstr(value, with);
	if (!text && IS("<or>"))
		return among_words(value, with);
	if (IS("=="))
		return order == 0;
	if (IS("!="))
		return order != 0;
	if (IS(">=") || (!text && IS("=")))
		return order >= 0;
	if (IS("<="))
		return order <= 0;
	if (text && IS("<"))
		return order < 0;
	if (text && IS(">"))
		return order > 0;
	return !strcmp(value, required);
}

/* An aggregate's value is a list with commas, of which one must do. */
static bool any_satisfies(const char *values, const char *required)
{
	while (*values) {
		size_t length = strcspn(values, ","), from = strspn(values, " "), to = length;
		char word[256];

		while (to > from && values[to - 1] == ' ')
			to--;
		if (to >= from && to - from < sizeof(word)) {
			snprintf(word, sizeof(word), "%.*s", (int)(to - from), values + from);
			if (satisfies(word, required))
				return true;
		}
		values += length + (values[length] == ',');
	}
	return false;
}

/* Keys of the aggregates' scope and keys of no scope must stand in an aggregate; `storage` also in the host.
 */
static bool aggregates_allow(const struct host *host, const struct flavor *flavor)
{
	static const char scope[] = "aggregate_instance_extra_specs:";
	static const char *const storages[] = { "remote", "local_image", "local_lvm" };
	const cJSON *spec, *aggregate;

	cJSON_ArrayForEach(spec, flavor->specs)
	{
		const char *key = spec->string, *required = pair_of(flavor->specs, key);
		bool found = false, ok = false;

		if (!strncmp(key, scope, strlen(scope)))
			key += strlen(scope);
		else if (strchr(key, ':'))
			continue;
		cJSON_ArrayForEach(aggregate, host->aggregates)
		{
			const cJSON *metadata = member(aggregate, "metadata");

			found |= member(metadata, key) != NULL;
			ok |= member(metadata, key) && any_satisfies(pair_of(metadata, key), required);
		}
		if (!ok && (found || strcmp(key, "storage") || !satisfies(storages[host->storage], required)))
			return false;
	}
	return true;
}

/* The number of the longest word that the name is, or is a variant of ("-…"); -1: none. */
static int generation(const char *words, const char *name)
{
	int best = -1, number = 0;
	size_t longest = 0;

	for (size_t length; *words; words += length + (words[length] == ' '), number++) {
		length = strcspn(words, " ");
		if (length > longest && !strncasecmp(words, name, length) &&
		    (!name[length] || name[length] == '-')) {
			best = number;
			longest = length;
		}
	}
	return best;
}

/* A guest's CPU model runs on its maker's same or a later generation; oldest first. */
static bool runs_guest(const char *host, const char *guest)
{
	static const char anywhere[] = "qemu32 kvm32 qemu64 kvm64 cpu64-rhel5 cpu64-rhel6";
	static const char *const makers[] = {
		"486 pentium pentium2 pentium3 pentiumpro coreduo core2duo Conroe Penryn Nehalem Westmere "
		"SandyBridge IvyBridge Haswell Broadwell Skylake Skylake-Client Skylake-Server Cascadelake "
		"Cooperlake Icelake Icelake-Client Icelake-Server SapphireRapids GraniteRapids",
		"athlon phenom Opteron_G1 Opteron_G2 Opteron_G3 Opteron_G4 Opteron_G5 EPYC EPYC-Rome "
		"EPYC-Milan EPYC-Genoa",
	};

	if (!strcasecmp(host, guest) || generation(anywhere, guest) >= 0)
		return true;
	for (int i = 0; i < 2; i++) {
		if (generation(makers[i], host) >= 0 && generation(makers[i], guest) >= 0)
			return generation(makers[i], host) >= generation(makers[i], guest);
	}
	return false;
}

static bool has_text(const cJSON *array, const char *text)
{
	const cJSON *entry;

	cJSON_ArrayForEach(entry, array)
	{
		if (cJSON_IsString(entry) && !strcmp(entry->valuestring, text))
			return true;
	}
	return false;
}

static bool all_among(const cJSON *some, const cJSON *array)
{
	const cJSON *entry;

	cJSON_ArrayForEach(entry, some)
	{
		if (!cJSON_IsString(entry) || !has_text(array, entry->valuestring))
			return false;
	}
	return true;
}

static bool cpu_allows(const struct flavor *flavor, const struct host *from, const struct host *to)
{
	const char *before = from->cpu_model, *after = to->cpu_model;

	if (!flavor->passthrough)
		return !flavor->cpu_model || !after || runs_guest(after, flavor->cpu_model);
	return !before == !after && (!before || !strcmp(before, after)) &&
	       all_among(from->features, to->features) && all_among(to->features, from->features);
}

static bool networks_allow(const struct host *host, const struct vm *vm)
{
	const cJSON *vif;

	if (host->networks && !host->networks->child)
		return false;
	cJSON_ArrayForEach(vif, vm->vifs)
	{
		if (host->networks && member(vif, "network") &&
		    !has_text(host->networks, text_of(vif, "network", NULL)))
			return false;
	}
	return true;
}

const char *never_allowed(const struct cluster *cluster, uint32_t vm, uint32_t from, uint32_t to)
{
	const struct host *host = &cluster->hosts[to];
	const struct vm *of = &cluster->vms[vm];
	const struct flavor *flavor = flavor_of(cluster, vm);
	uint32_t asked[ASKED_MOST], count = resources_asked(cluster, vm, to, asked);
	const struct node empty[HOST_NODES_MOST] = { 0 };
	struct claim claim;

	if (from == to)
		return "current-host";
	if (!host->up)
		return "host-down";
	if (!host->enabled)
		return "host-disabled";
	if (of->zone && strcmp(of->zone, host->zone))
		return "zone";
	if (!aggregates_allow(host, flavor))
		return "aggregate";
	/* One VM alone must not need more than the host's total, whatever the ratio. */
	if (flavor->memory_mib > host->memory_mib)
		return "ram";
	if (host->disk_gib >= 0 && demand(cluster, vm, to, DISK) > (wide)host->disk_gib * MILLION)
		return "disk";
	if (asked[0] == CPUS && flavor->counted_vcpus > host->cpus)
		return "cpu";
	if (!cpu_allows(flavor, &cluster->hosts[from], host))
		return "cpu-model";
	if (!networks_allow(host, of))
		return "network";
	if (strict(cluster, of->group, AFFINITY) && cluster->profile == TITANIUM)
		return "affinity-strict";
	for (uint32_t i = 0; i < count; i++) {
		if (demand(cluster, vm, to, asked[i]) > capacity(cluster, to, asked[i]))
			return resource_rule(cluster, asked[i]);
	}
	return flavor->guest_nodes > 0 && !find_nodes(host, empty, flavor, &claim) ? "numa" : NULL;
}

wide capacity(const struct cluster *cluster, uint32_t host, uint32_t resource)
{
	const struct host *of = &cluster->hosts[host];

	switch (resource) {
	case CPUS:
		return (wide)(of->cpus - of->reserved_cpus) * of->cpu_ratio;
	case DEDICATED:
		return of->dedicated_cpus;
	case MEMORY:
		return (wide)(of->memory_mib - of->reserved_memory_mib) * of->memory_ratio;
	case DISK:
		return of->disk_gib < 0 ? (wide)1 << 100
		                        : (wide)(of->disk_gib - of->reserved_disk_gib) * of->disk_ratio;
	default:
		resource -= FIXED_RESOURCES;
	}
	if (resource < cluster->group_count)
		return cluster->profile == NOVA ? cluster->groups[resource].max_per_host : 1;
	return whole_of(of->pci, cluster->aliases[resource - cluster->group_count], 0, 1e6);
}

wide demand(const struct cluster *cluster, uint32_t vm, uint32_t host, uint32_t resource)
{
	const struct vm *of = &cluster->vms[vm];
	const struct flavor *flavor = flavor_of(cluster, vm);
	bool apart = flavor->dedicated && cluster->hosts[host].dedicated_cpus >= 0;

	switch (resource) {
	case CPUS: /* a dedicated vCPU takes a whole CPU: the ratio's worth of shared ones, or one set apart
	            */
		return apart ? 0
		             : (wide)flavor->counted_vcpus *
		                       (flavor->dedicated ? cluster->hosts[host].cpu_ratio : MILLION);
	case DEDICATED:
		return apart ? flavor->counted_vcpus : 0;
	case MEMORY:
		return (wide)flavor->memory_mib * MILLION;
	case DISK:
		return (wide)((of->image ? flavor->disk_gib : 0) + flavor->extra_gib) * MILLION;
	default:
		resource -= FIXED_RESOURCES;
	}
	if (resource < cluster->group_count)
		return of->group == resource && strict(cluster, resource, ANTI_AFFINITY);
	for (uint32_t i = 0; i < flavor->alias_count; i++) {
		if (flavor->aliases[i] == resource - cluster->group_count)
			return flavor->devices[i];
	}
	return 0;
}

/* What the VM takes nothing of is not asked for, but CPUs are in any case. */
uint32_t resources_asked(const struct cluster *cluster, uint32_t vm, uint32_t host, uint32_t ret[ASKED_MOST])
{
	const struct flavor *flavor = flavor_of(cluster, vm);
	uint32_t count = 0;

	ret[count++] = flavor->dedicated && cluster->hosts[host].dedicated_cpus >= 0 ? DEDICATED : CPUS;
	ret[count++] = MEMORY;
	if (demand(cluster, vm, host, DISK) > 0)
		ret[count++] = DISK;
	if (strict(cluster, cluster->vms[vm].group, ANTI_AFFINITY))
		ret[count++] = FIXED_RESOURCES + cluster->vms[vm].group;
	for (uint32_t i = 0; i < flavor->alias_count; i++)
		ret[count++] = FIXED_RESOURCES + cluster->group_count + flavor->aliases[i];
	return count;
}

const char *resource_rule(const struct cluster *cluster, uint32_t resource)
{
	static const char *const rules[] = { "cpu", "cpu", "ram", "disk" };

	if (resource < FIXED_RESOURCES)
		return rules[resource];
	return resource < FIXED_RESOURCES + cluster->group_count ? "anti-affinity-strict" : "pci";
}

double resource_unit(uint32_t resource)
{
	return resource == DEDICATED || resource >= FIXED_RESOURCES ? 1 : MILLION;
}

uint32_t resource_named(const struct cluster *cluster, const char *name)
{
	static const char *const fixed[] = { "vcpus", "dedicated_cpus", "memory_mib", "disk_gib", NULL };
	uint32_t index = NOWHERE;

	if (word_index(fixed, name) >= 0)
		return (uint32_t)word_index(fixed, name);
	if (!strncmp(name, "group:", 6) && (index = find_group(name + 6)) != NOWHERE)
		return FIXED_RESOURCES + index;
	for (uint32_t i = 0; !strncmp(name, "pci:", 4) && i < cluster->alias_count; i++)
		index = strcmp(cluster->aliases[i], name + 4) ? index : i;
	return index == NOWHERE ? NOWHERE : FIXED_RESOURCES + cluster->group_count + index;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/certificate.h"

#include "core/indexes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_SHOWN = 6 };

static void add_vms(json_t *object, const uint32_t *vms, uint32_t count, const struct cluster *cluster)
{
	json_t *array = json_add(object, "vms", json_array_new());

	for (uint32_t i = 0; i < count; i++)
		json_push(array, json_text_new(cluster->vms[vms[i]].name));
}

static void add_hosts(json_t *object, const char *key, const uint32_t *hosts, uint32_t count,
                      const struct cluster *cluster)
{
	json_t *array = json_add(object, key, json_array_new());

	for (uint32_t i = 0; i < count; i++)
		json_push(array, json_text_new(cluster->hosts[hosts[i]].name));
}

/* The hosts that the fact is about, whichever kind it is. */
static const uint32_t *hosts_of(const struct fact *fact, uint32_t *ret_count)
{
	*ret_count = fact->kind == FACT_SPLIT ? fact->about_count : fact->host_count;
	return fact->kind == FACT_SPLIT ? fact->about : fact->hosts;
}

static json_t *split_json(const struct fact *fact, const struct amounts *amounts);

static json_t *fact_json(const struct fact *fact, const struct amounts *amounts)
{
	const struct cluster *cluster = amounts->cluster;
	json_t *object;
	char name[1024];

	if (fact->kind == FACT_SPLIT)
		return split_json(fact, amounts);
	object = json_object_new();
	json_add_text(object, "fact", fact_words[fact->kind]);
	switch (fact->kind) {
	case FACT_NO_HOST:
		json_add_text(object, "vm", cluster->vms[fact->vm].name);
		json_add_text(object, "rule", fact->rule);
		json_add_text(object, "why", fact->why);
		break;
	case FACT_CAPACITY:
		amount_name(amounts, fact->resource, name, sizeof(name));
		json_add_text(object, "resource", name);
		/* fall through */
	case FACT_COUNT:
		json_add_number(object, "needed", fact->needed);
		json_add_number(object, "available", fact->available);
		add_vms(object, fact->vms, fact->vm_count, cluster);
		add_hosts(object, "hosts", fact->hosts, fact->host_count, cluster);
		break;
	case FACT_UNREACHABLE:
		json_add_number(object, "states", fact->states);
		add_vms(object, fact->vms, fact->vm_count, cluster);
		break;
	case FACT_SPLIT:
		break;
	}
	return object;
}

static json_t *split_json(const struct fact *fact, const struct amounts *amounts)
{
	const struct cluster *cluster = amounts->cluster;
	json_t *object = json_object_new(), *array;

	json_add_text(object, "split", cluster->vms[fact->vm].name);
	array = json_add(object, "cases", json_array_new());
	for (uint32_t i = 0; i < fact->host_count; i++) {
		json_t *entry = json_push(array, json_object_new());

		json_add_text(entry, "host", cluster->hosts[fact->hosts[i]].name);
		json_add(entry, "proof", fact_json(&fact->cases[i], amounts));
	}
	return object;
}

json_t *certificate_json(const struct fact *fact, const struct amounts *amounts, const uint32_t *hosts,
                         uint32_t host_count)
{
	const struct cluster *cluster = amounts->cluster;
	json_t *root = json_object_new();

	json_add_text(root, "schema", "lockkeeper.certificate/1");
	json_add_text(root, "profile", profile_words[cluster->profile]);
	json_add_text(root, "cluster_digest", cluster->digest);
	add_hosts(json_add(root, "goal", json_object_new()), "lock", hosts, host_count, cluster);
	json_add(root, "proof", fact_json(fact, amounts));
	return root;
}

/* "a, b, c and 4 more" */
static void name_list(const struct cluster *cluster, const uint32_t *indexes, uint32_t count, bool vms,
                      char *text, size_t room)
{
	size_t length = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < count && i < NAMES_SHOWN && length < room; i++)
		length += (size_t)snprintf(text + length, room - length, "%s%s", i ? ", " : "",
		                           vms ? cluster->vms[indexes[i]].name
		                               : cluster->hosts[indexes[i]].name);
	if (count > NAMES_SHOWN && length < room)
		snprintf(text + length, room - length, " and %u more", count - NAMES_SHOWN);
}

void fact_text(const struct fact *fact, const struct amounts *amounts, char *text, size_t room)
{
	const struct cluster *cluster = amounts->cluster;
	char vms[400], hosts[400], name[300];
	uint32_t host_count;
	const uint32_t *about = hosts_of(fact, &host_count);

	name_list(cluster, fact->vms, fact->vm_count, true, vms, sizeof(vms));
	name_list(cluster, about, host_count, false, hosts, sizeof(hosts));
	switch (fact->kind) {
	case FACT_NO_HOST:
		snprintf(text, room, "%s (%s): %s", cluster->vms[fact->vm].name, fact->rule, fact->why);
		break;
	case FACT_CAPACITY:
		amount_words(amounts, fact->resource, name, sizeof(name));
		snprintf(text, room, "%s can only end on %s: %.15g %s are needed, %.15g are there", vms,
		         hosts, fact->needed, name, fact->available);
		break;
	case FACT_COUNT:
		snprintf(text, room, "%s can only end on %s, which have room for %.15g of them", vms, hosts,
		         fact->available);
		break;
	case FACT_UNREACHABLE:
		snprintf(text, room, "of all %u placements that moves of %s can reach, none empties the host",
		         fact->states, vms);
		break;
	case FACT_SPLIT:
		snprintf(text, room, "wherever %s end, some of %s lack room", vms, hosts);
		break;
	}
}

void certificate_explain(json_t *certificate, const struct fact *fact, const struct amounts *amounts,
                         const char *const *texts, uint32_t count)
{
	const struct cluster *cluster = amounts->cluster;
	json_t *object = json_add(certificate, "explanation", json_object_new()), *array;
	uint32_t vm_count = fact->kind == FACT_NO_HOST ? 1 : fact->vm_count, host_count, group_count = 0;
	const uint32_t *vms = fact->kind == FACT_NO_HOST ? &fact->vm : fact->vms;
	const uint32_t *hosts = hosts_of(fact, &host_count);
	uint32_t *groups = MEMORY_ARRAY(uint32_t, vm_count);
	char text[2048];

	fact_text(fact, amounts, text, sizeof(text));
	json_add_text(object, "text", text);
	add_vms(object, vms, vm_count, cluster);
	for (uint32_t i = 0; i < vm_count; i++) {
		if (cluster->vms[vms[i]].group != NONE)
			groups[group_count++] = cluster->vms[vms[i]].group;
	}
	group_count = indexes_sort_once(groups, group_count);
	array = json_add(object, "groups", json_array_new());
	for (uint32_t i = 0; i < group_count; i++)
		json_push(array, json_text_new(cluster->groups[groups[i]].name));
	add_hosts(object, "hosts", hosts, host_count, cluster);
	array = json_add(object, "changes", json_array_new());
	for (uint32_t i = 0; i < count; i++)
		json_push(array, json_text_new(texts[i]));
	free(groups);
}

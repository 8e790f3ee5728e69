/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/openstack_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 6 }; /* of bodies in objects and arrays of bodies */

/* How a document went: what was recognised, and entries beside that were not. */
struct reading {
	size_t taken, unknown;
};

static const char *field(struct openstack *import, const json_t *object, const char *names)
{
	return openstack_field_text(&import->arena, object, names);
}

/* Keeps what is known; when another file says something else, remembers that. */
static void merge(struct openstack *import, const char **kept, const char *value, const char *what,
                  const char *name)
{
	if (!value)
		return;
	if (!*kept) {
		*kept = value;
		return;
	}
	if (!strcmp(*kept, value))
		return;
	if (import->contradictions++ == 0)
		snprintf(import->contradiction, sizeof(import->contradiction),
		         "%s of %s: \"%s\" was taken, \"%s\" in %s was not", what, name, *kept, value,
		         import->doc_name);
}

static void merge_whole(int64_t *kept, int64_t value)
{
	if (*kept == OPENSTACK_UNKNOWN)
		*kept = value;
}

static void merge_pairs(struct openstack_pairs *kept, struct openstack_pairs value)
{
	if (!kept->known)
		*kept = value;
}

static void merge_texts(struct openstack_texts *kept, struct openstack_texts value)
{
	if (!kept->known)
		*kept = value;
}

static const char *or_other(const char *text, const char *other)
{
	return text ? text : other;
}

/* From an image's name or id. The client prints "N/A (booted from volume)", or "" in older versions. */
static enum openstack_boot boot_of_text(const json_t *value, bool strong)
{
	if (json_type(value) == JSON_OBJECT)
		return json_first(value) ? BOOTED_IMAGE : BOOTED_VOLUME;
	if (json_type(value) == JSON_TEXT && *json_text(value) && strncmp(json_text(value), "N/A", 3))
		return BOOTED_IMAGE;
	if (json_type(value) == JSON_TEXT && *json_text(value))
		return BOOTED_VOLUME;
	return strong ? BOOTED_VOLUME : BOOTED_MAYBE_VOLUME;
}

/* An image's name may be empty because it wasn't looked up or is gone: only its id is sure. */
static enum openstack_boot boot_of(const json_t *server)
{
	const json_t *value;

	value = openstack_field(server, "Image ID|image");
	if (value)
		return boot_of_text(value, true);
	value = openstack_field(server, "Image|Image Name");
	return value ? boot_of_text(value, false) : BOOTED_UNKNOWN;
}

struct openstack_flavor *openstack_flavor_new(struct openstack *import)
{
	struct openstack_flavor *flavor = ARENA_ARRAY(&import->arena, struct openstack_flavor, 1);

	flavor->vcpus = flavor->memory_mib = flavor->disk_gib = OPENSTACK_UNKNOWN;
	flavor->swap_mib = flavor->ephemeral_gib = OPENSTACK_UNKNOWN;
	return flavor;
}

/* Older microversions print a swap of nothing as "". */
static int64_t swap_of(const json_t *value)
{
	if (value && json_type(value) == JSON_TEXT && !*json_text(value))
		return 0;
	return openstack_whole(value);
}

/* A flavor of the client's list or show, of /flavors/detail, or in a server since microversion 2.47. */
static struct openstack_flavor *flavor_of(struct openstack *import, const json_t *object)
{
	struct openstack_flavor *flavor = openstack_flavor_new(import);

	flavor->id = field(import, object, "ID|id");
	flavor->name = field(import, object, "Name|original_name|name");
	flavor->vcpus = openstack_field_whole(object, "VCPUs|vcpus");
	flavor->memory_mib = openstack_field_whole(object, "RAM|ram");
	flavor->disk_gib = openstack_field_whole(object, "Disk|disk");
	flavor->swap_mib = swap_of(openstack_field(object, "Swap|swap"));
	flavor->ephemeral_gib = openstack_field_whole(object,
	                                              "Ephemeral|OS-FLV-EXT-DATA:ephemeral|ephemeral");
	flavor->extra_specs = openstack_pairs(&import->arena,
	                                      openstack_field(object, "Properties|properties|extra_specs"));
	return flavor;
}

/*
 * The older client's text of an embedded flavor: "disk='1', extra_specs.hw:…='…', original_name='m1.tiny',
 * …".
 */
static struct openstack_flavor *flavor_of_pairs(struct openstack *import, const struct openstack_pairs *pairs)
{
	static const char prefix[] = "extra_specs.";
	json_t *object = json_object_new(), *specs = json_object_new();
	struct openstack_flavor *flavor;
	char *text;
	size_t length;
	struct json_doc *doc;

	for (size_t i = 0; i < pairs->count; i++) {
		const char *key = pairs->pairs[i].key;

		if (!strncmp(key, prefix, strlen(prefix)))
			json_add_text(specs, key + strlen(prefix), pairs->pairs[i].value);
		else if (strcmp(key, "extra_specs"))
			json_add_text(object, key, pairs->pairs[i].value);
	}
	json_add(object, "extra_specs", specs);
	text = json_print(object, false, &length);
	json_free(object);
	if (json_doc_parse(&doc, "flavor", text, length, NULL))
		return NULL;
	openstack_push(&import->docs, doc);
	flavor = flavor_of(import, json_doc_root(doc));
	return flavor;
}

static void server_flavor(struct openstack *import, struct openstack_server *server, const json_t *object)
{
	const json_t *value = openstack_field(object, "Flavor|flavor");
	const char *text = openstack_text(&import->arena, value), *name = NULL, *id = NULL;
	struct openstack_flavor *embedded = NULL;

	merge(import, &server->flavor_id, field(import, object, "Flavor ID"), "flavor", server->id);
	merge(import, &server->flavor_name, field(import, object, "Flavor Name"), "flavor", server->id);
	if (value && json_type(value) == JSON_OBJECT) {
		if (openstack_field(value, "vcpus") && openstack_field(value, "ram"))
			embedded = flavor_of(import, value);
		else
			merge(import, &server->flavor_id, field(import, value, "id"), "flavor", server->id);
	} else if (text && strstr(text, "original_name='")) {
		struct openstack_pairs pairs = openstack_pairs(&import->arena, value);

		embedded = flavor_of_pairs(import, &pairs);
	} else if (text) {
		openstack_name_and_id(&import->arena, text, &name, &id);
		merge(import, &server->flavor_id, id, "flavor", server->id);
		if (id)
			merge(import, &server->flavor_name, name, "flavor", server->id);
		else if (!server->flavor_any)
			server->flavor_any = name;
	}
	if (embedded && embedded->vcpus >= 0 && embedded->memory_mib >= 0 && !server->embedded)
		server->embedded = embedded;
}

static void server_host(struct openstack *import, struct openstack_server *server, const json_t *object)
{
	static const char host[] = "OS-EXT-SRV-ATTR:host",
			  node[] = "OS-EXT-SRV-ATTR:hypervisor_hostname|Host";

	merge(import, &server->host_status, field(import, object, "host_status|Host Status"), "host status",
	      server->id);
	if (openstack_field(object, host) || openstack_field(object, node))
		server->host_known = true;
	merge(import, &server->host, field(import, object, host), "host", server->id);
	merge(import, &server->node, field(import, object, node), "host", server->id);
}

static void server_take(struct openstack *import, const json_t *object)
{
	static const char zones[] = "pinned_availability_zone|Pinned Availability Zone";
	const char *id = field(import, object, "ID|id"), *name = field(import, object, "Name|name");
	const json_t *image = openstack_field(object, "image");
	struct openstack_server *server;

	import->saw_servers = true;
	id = or_other(id, name);
	server = openstack_find(&import->server_index, id);
	if (!id)
		return;
	if (!server) {
		server = ARENA_ARRAY(&import->arena, struct openstack_server, 1);
		server->id = id;
		openstack_push(&import->servers, server);
		openstack_put(&import->server_index, id, server);
	}
	merge(import, &server->name, name, "name", id);
	merge(import, &server->status, field(import, object, "Status|status"), "status", id);
	merge(import, &server->vm_state, field(import, object, "OS-EXT-STS:vm_state"), "state", id);
	if (openstack_field(object, "OS-EXT-STS:task_state|Task State")) {
		server->task_known = true;
		merge(import, &server->task, field(import, object, "OS-EXT-STS:task_state|Task State"),
		      "task", id);
	}
	if (openstack_field(object, zones)) {
		server->zone_known = true;
		merge(import, &server->zone, field(import, object, zones), "pinned zone", id);
	}
	server_host(import, server, object);
	server_flavor(import, server, object);
	if (boot_of(object) > server->boot)
		server->boot = boot_of(object);
	merge_pairs(
		&server->metadata,
		openstack_pairs(&import->arena, openstack_field(object, "metadata|Properties|properties")));
	if (image && json_type(image) == JSON_OBJECT)
		merge_pairs(&server->image,
		            openstack_pairs(&import->arena, openstack_field(image, "properties")));
	merge_texts(&server->group_ids,
	            openstack_texts(&import->arena, openstack_field(object, "server_groups")));
}

static bool is_true(const char *text)
{
	return text && (!strcmp(text, "true") || !strcmp(text, "True") || !strcmp(text, "1"));
}

/* The best-effort flag and the size are StarlingX's, in the group's metadata. */
static void group_metadata(struct openstack *import, struct openstack_group *group, const json_t *value)
{
	struct openstack_pairs metadata = openstack_pairs(&import->arena, value);
	const char *best_effort = openstack_pair(&metadata, "wrs-sg:best_effort");
	const char *size = openstack_pair(&metadata, "wrs-sg:group_size");

	if (best_effort || size)
		import->saw_platform_groups = true;
	if (is_true(best_effort))
		group->best_effort = true;
	if (size) {
		char *end;
		unsigned long long number = strtoull(size, &end, 10);

		if (!*end && *size >= '0' && *size <= '9' && number > 0 && number <= 1000000)
			merge_whole(&group->size, (int64_t)number);
	}
}

static void group_take(struct openstack *import, const json_t *object)
{
	const char *id = field(import, object, "ID|id|Id"), *name = field(import, object, "Name|name");
	const json_t *rules = openstack_field(object, "rules|Rules");
	struct openstack_texts policies;
	struct openstack_group *group;

	import->saw_groups = true;
	id = or_other(id, name);
	if (!id)
		return;
	group = openstack_find(&import->group_index, id);
	if (!group) {
		group = ARENA_ARRAY(&import->arena, struct openstack_group, 1);
		group->id = id;
		group->max_per_host = group->size = OPENSTACK_UNKNOWN;
		openstack_push(&import->groups, group);
		openstack_put(&import->group_index, id, group);
	}
	merge(import, &group->name, name, "name", id);
	policies = openstack_texts(&import->arena,
	                           openstack_field(object, "policy|Policy|policies|Policies"));
	if (policies.count)
		merge(import, &group->policy, policies.texts[0], "policy", id);
	merge_texts(&group->members,
	            openstack_texts(&import->arena, openstack_field(object, "members|Members")));
	if (rules) {
		struct openstack_pairs pairs = openstack_pairs(&import->arena, rules);
		const char *most = openstack_pair(&pairs, "max_server_per_host");
		int64_t number = most ? strtoll(most, NULL, 10) : OPENSTACK_UNKNOWN;

		group->rules_known = true;
		if (number >= 1 && number <= 1000000)
			merge_whole(&group->max_per_host, number);
	}
	group_metadata(import, group, openstack_field(object, "metadata|Metadata"));
}

static int text_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* cpu_info: an object, or text that is JSON (before microversion 2.28), or "". */
static void hypervisor_cpu(struct openstack *import, struct openstack_hypervisor *hypervisor,
                           const json_t *info)
{
	struct openstack_texts features;

	if (info && json_type(info) == JSON_TEXT && *json_text(info)) {
		size_t length = strlen(json_text(info));
		char *copy = memory_take(length + 1);
		struct json_doc *doc;

		memcpy(copy, json_text(info), length + 1);
		if (json_doc_parse(&doc, "cpu_info", copy, length, NULL))
			return;
		openstack_push(&import->docs, doc);
		info = json_doc_root(doc);
	}
	if (!info || json_type(info) != JSON_OBJECT)
		return;
	merge(import, &hypervisor->cpu_model, field(import, info, "model"), "CPU model",
	      hypervisor->hostname);
	features = openstack_texts(&import->arena, openstack_field(info, "features"));
	if (features.count)
		qsort(features.texts, features.count, sizeof(features.texts[0]), text_order);
	merge_texts(&hypervisor->cpu_features, features);
}

static void hypervisor_take(struct openstack *import, const json_t *object)
{
	const char *name = field(import, object, "Hypervisor Hostname|hypervisor_hostname");
	const json_t *service = openstack_field(object, "service|service_details");
	struct openstack_hypervisor *hypervisor = openstack_find(&import->hypervisor_index, name);
	const char *id = field(import, object, "ID|id");

	if (!name)
		return;
	if (!hypervisor) {
		hypervisor = ARENA_ARRAY(&import->arena, struct openstack_hypervisor, 1);
		hypervisor->hostname = name;
		hypervisor->vcpus = hypervisor->memory_mib = hypervisor->disk_gib = OPENSTACK_UNKNOWN;
		hypervisor->memory_used_mib = hypervisor->disk_used_gib = OPENSTACK_UNKNOWN;
		openstack_push(&import->hypervisors, hypervisor);
		openstack_put(&import->hypervisor_index, name, hypervisor);
	}
	/* A whole number before microversion 2.53, then the UUID that Placement calls the provider by. */
	if (id && strlen(id) == 36)
		merge(import, &hypervisor->id, id, "id", name);
	if (service)
		merge(import, &hypervisor->service_host, field(import, service, "host"), "service", name);
	merge(import, &hypervisor->service_host, field(import, object, "service_host"), "service", name);
	merge(import, &hypervisor->status, field(import, object, "Status|status"), "status", name);
	merge(import, &hypervisor->state, field(import, object, "State|state"), "state", name);
	merge_whole(&hypervisor->vcpus, openstack_field_whole(object, "vcpus|vCPUs"));
	merge_whole(&hypervisor->memory_mib,
	            openstack_field_whole(object, "memory_mb|Memory MB|memory_size"));
	merge_whole(&hypervisor->memory_used_mib,
	            openstack_field_whole(object, "memory_mb_used|Memory MB Used|memory_used"));
	merge_whole(&hypervisor->disk_gib, openstack_field_whole(object, "local_gb|local_disk_size"));
	merge_whole(&hypervisor->disk_used_gib,
	            openstack_field_whole(object, "local_gb_used|local_disk_used"));
	hypervisor_cpu(import, hypervisor, openstack_field(object, "cpu_info"));
	merge_texts(&hypervisor->aggregates,
	            openstack_texts(&import->arena, openstack_field(object, "aggregates")));
	if (!hypervisor->servers)
		hypervisor->servers = openstack_field(object, "servers");
}

static void service_take(struct openstack *import, const json_t *object)
{
	const char *host = field(import, object, "Host|host"),
		   *binary = field(import, object, "Binary|binary");
	const json_t *forced = openstack_field(object, "forced_down|Forced Down");
	struct openstack_service *service = openstack_find(&import->service_index, host);

	if (!host || !binary || strcmp(binary, "nova-compute"))
		return;
	if (!service) {
		service = ARENA_ARRAY(&import->arena, struct openstack_service, 1);
		service->host = host;
		openstack_push(&import->services, service);
		openstack_put(&import->service_index, host, service);
	}
	merge(import, &service->zone, field(import, object, "Zone|zone"), "zone", host);
	merge(import, &service->status, field(import, object, "Status|status"), "status", host);
	merge(import, &service->state, field(import, object, "State|state"), "state", host);
	if (forced && json_type(forced) == JSON_BOOL && json_bool(forced))
		service->state = "down";
}

static void place_add(struct openstack *import, const char *host, const char *zone, const char *status,
                      const char *state)
{
	struct openstack_place *place = openstack_find(&import->place_index, host);

	if (!host || !zone)
		return;
	if (!place) {
		place = ARENA_ARRAY(&import->arena, struct openstack_place, 1);
		place->host = host;
		openstack_push(&import->places, place);
		openstack_put(&import->place_index, host, place);
	}
	merge(import, &place->zone, zone, "zone", host);
	merge(import, &place->status, status, "status", host);
	merge(import, &place->state, state, "state", host);
}

static const char *flag_text(const json_t *value, const char *yes, const char *no)
{
	return value && json_type(value) == JSON_BOOL ? (json_bool(value) ? yes : no) : NULL;
}

/* The client prints a line per service: "enabled :-) TIME", XXX instead of the face when it is down. */
static void zone_take(struct openstack *import, const json_t *object)
{
	const char *zone = field(import, object, "Zone Name|zoneName"),
		   *host = field(import, object, "Host Name");
	const char *service = field(import, object, "Service Name"),
		   *line = field(import, object, "Service Status");
	const json_t *hosts = openstack_field(object, "hosts");

	if (host && service && !strcmp(service, "nova-compute"))
		place_add(import, host, zone,
		          line ? (strncmp(line, "enabled", 7) ? "disabled" : "enabled") : NULL,
		          line ? (strstr(line, "XXX") ? "down" : "up") : NULL);
	if (!hosts || json_type(hosts) != JSON_OBJECT)
		return;
	for (const json_t *member = json_first(hosts); member; member = json_next(member)) {
		const json_t *compute = json_get(member, "nova-compute");

		if (compute)
			place_add(import, openstack_plain(&import->arena, json_key(member)), zone,
			          flag_text(json_get(compute, "active"), "enabled", "disabled"),
			          flag_text(json_get(compute, "available"), "up", "down"));
	}
}

static void aggregate_take(struct openstack *import, const json_t *object)
{
	const char *name = field(import, object, "Name|name");
	struct openstack_aggregate *aggregate = openstack_find(&import->aggregate_index, name);
	struct openstack_pairs metadata;
	size_t kept = 0;

	if (!name)
		return;
	if (!aggregate) {
		aggregate = ARENA_ARRAY(&import->arena, struct openstack_aggregate, 1);
		aggregate->name = name;
		openstack_push(&import->aggregates, aggregate);
		openstack_put(&import->aggregate_index, name, aggregate);
	}
	metadata = openstack_pairs(&import->arena, openstack_field(object, "metadata|Properties|properties"));
	merge(import, &aggregate->zone, field(import, object, "availability_zone|Availability Zone"), "zone",
	      name);
	merge(import, &aggregate->zone, openstack_pair(&metadata, "availability_zone"), "zone", name);
	/* REST says the zone twice, the client takes it out of the metadata. */
	for (size_t i = 0; i < metadata.count; i++) {
		if (strcmp(metadata.pairs[i].key, "availability_zone"))
			metadata.pairs[kept++] = metadata.pairs[i];
	}
	metadata.count = kept;
	merge_pairs(&aggregate->metadata, metadata);
	merge_texts(&aggregate->hosts,
	            openstack_texts(&import->arena, openstack_field(object, "hosts|Hosts")));
}

static void flavor_take(struct openstack *import, const json_t *object)
{
	struct openstack_flavor *flavor = flavor_of(import, object), *old;

	flavor->name = or_other(flavor->name, flavor->id);
	flavor->listed = true;
	if (!flavor->name)
		return;
	old = openstack_find(&import->flavor_by_name, flavor->name);
	if (!old) {
		openstack_push(&import->flavors, flavor);
		openstack_put(&import->flavor_by_name, flavor->name, flavor);
		old = flavor;
	}
	merge(import, &old->id, flavor->id, "id", old->name);
	merge_whole(&old->vcpus, flavor->vcpus);
	merge_whole(&old->memory_mib, flavor->memory_mib);
	merge_whole(&old->disk_gib, flavor->disk_gib);
	merge_whole(&old->swap_mib, flavor->swap_mib);
	merge_whole(&old->ephemeral_gib, flavor->ephemeral_gib);
	merge_pairs(&old->extra_specs, flavor->extra_specs);
	openstack_put(&import->flavor_by_id, old->id, old);
}

static void provider_take(struct openstack *import, const json_t *object)
{
	struct openstack_provider *provider = ARENA_ARRAY(&import->arena, struct openstack_provider, 1);

	provider->uuid = field(import, object, "uuid");
	provider->name = field(import, object, "name");
	provider->child = field(import, object, "parent_provider_uuid") != NULL;
	if (!provider->uuid || openstack_find(&import->provider_index, provider->uuid))
		return;
	openstack_push(&import->providers, provider);
	openstack_put(&import->provider_index, provider->uuid, provider);
}

static void migration_take(struct openstack *import, const json_t *object)
{
	struct openstack_migration *migration = ARENA_ARRAY(&import->arena, struct openstack_migration, 1);

	migration->server_id = field(import, object, "Server UUID|instance_uuid|server_uuid");
	migration->status = field(import, object, "Status|status");
	openstack_push(&import->migrations, migration);
}

/* An object is of the first kind of which it has one member of each set. */
static const struct kind {
	const char *has[3];
	void (*take)(struct openstack *, const json_t *);
} kinds[] = {
	{ { "ID|id", "Status|status", "Flavor|Flavor Name|Flavor ID|flavor|Networks|addresses" },
	  server_take },
	{ { "Binary|binary", "Host|host", NULL }, service_take },
	{ { "Name|name", "Policies|Policy|policies|policy", NULL }, group_take },
	{ { "Source Compute|source_compute|Source Node|source_node", "Status|status", NULL },
	  migration_take },
	{ { "Hypervisor Hostname|hypervisor_hostname", NULL, NULL }, hypervisor_take },
	{ { "Name|name", "VCPUs|vcpus", "RAM|ram" }, flavor_take },
	{ { "Zone Name|zoneName", NULL, NULL }, zone_take },
	{ { "Name|name", "Availability Zone|availability_zone", NULL }, aggregate_take },
	{ { "uuid", "name", "generation|root_provider_uuid" }, provider_take },
};

static const struct kind *kind_of(const json_t *object)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		bool all = true;

		for (size_t j = 0; j < 3 && all; j++)
			all = !kinds[i].has[j] || openstack_field(object, kinds[i].has[j]);
		if (all)
			return &kinds[i];
	}
	return NULL;
}

/* Members of REST bodies: known though they may be empty. */
static const char *const body_names[] = {
	"servers",
	"server_groups",
	"hypervisors",
	"flavors",
	"aggregates",
	"services",
	"availabilityZoneInfo",
	"migrations",
	"resource_providers",
};

static bool is_body_name(const char *name)
{
	for (size_t i = 0; i < sizeof(body_names) / sizeof(body_names[0]); i++) {
		if (!strcmp(body_names[i], name))
			return true;
	}
	return false;
}

static void body_push(struct openstack *import, enum openstack_about about, const char *path,
                      const json_t *value, const json_t *parent)
{
	struct openstack_body *body = ARENA_ARRAY(&import->arena, struct openstack_body, 1);

	*body = (struct openstack_body){
		.about = about, .path = path, .value = value, .row = value == parent
	};
	body->name = parent == value ? NULL : field(import, parent, "resource_provider|uuid|name");
	/* GET /allocations/{consumer} names whom the allocations belong to, the providers' body doesn't. */
	body->by_consumer = !body->row && openstack_field(parent, "project_id|consumer_generation");
	openstack_push(&import->bodies, body);
}

/* Bodies that don't say what they are about. Returns whether the member is one. */
static bool member_body(struct openstack *import, const char *path, const json_t *parent,
                        const json_t *member)
{
	static const struct {
		const char *name;
		enum json_type type;
		enum openstack_about about;
	} bodies[] = {
		{ "inventories", JSON_OBJECT, ABOUT_INVENTORIES }, { "usages", JSON_OBJECT, ABOUT_USAGES },
		{ "allocations", JSON_OBJECT, ABOUT_ALLOCATIONS }, { "traits", JSON_ARRAY, ABOUT_TRAITS },
		{ "extra_specs", JSON_OBJECT, ABOUT_EXTRA_SPECS },
	};
	const json_t *first = json_type(member) == JSON_ARRAY ? json_first(member) : NULL;

	/* Placement's aggregates are UUIDs only; Nova's say all of it. */
	if (!strcmp(json_key(member), "aggregates") && first && json_type(first) == JSON_TEXT)
		return true;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		if (strcmp(bodies[i].name, json_key(member)) || json_type(member) != bodies[i].type)
			continue;
		body_push(import, bodies[i].about, path, member, parent);
		return true;
	}
	return false;
}

static void read_value(struct openstack *import, const char *path, const json_t *value, int depth,
                       struct reading *reading);

static void read_object(struct openstack *import, const char *path, const json_t *object, int depth,
                        struct reading *reading)
{
	const struct kind *kind = kind_of(object);

	if (kind) {
		kind->take(import, object);
		reading->taken++;
		if (kind->take != provider_take)
			return;
	}
	if (json_get(object, "resource_class") && openstack_field(object, "total|usage")) {
		body_push(import, json_get(object, "total") ? ABOUT_INVENTORIES : ABOUT_USAGES, path, object,
		          object);
		reading->taken++;
		return;
	}
	for (const json_t *member = json_first(object); member; member = json_next(member)) {
		if (json_type(member) != JSON_OBJECT && json_type(member) != JSON_ARRAY)
			continue;
		if (member_body(import, path, object, member)) {
			reading->taken++;
		} else if (is_body_name(json_key(member))) {
			import->saw_servers |= !strcmp(json_key(member), "servers");
			import->saw_groups |= !strcmp(json_key(member), "server_groups");
			reading->taken += json_type(member) == JSON_ARRAY && !json_first(member);
			read_value(import, path, member, depth + 1, reading);
		} else if (!kind) {
			read_value(import, arena_print(&import->arena, "%s/%.200s", path, json_key(member)),
			           member, depth + 1, reading);
		}
	}
}

static void read_value(struct openstack *import, const char *path, const json_t *value, int depth,
                       struct reading *reading)
{
	if (depth > DEPTH_MAX)
		return;
	if (json_type(value) == JSON_OBJECT)
		read_object(import, path, value, depth, reading);
	if (json_type(value) != JSON_ARRAY)
		return;
	for (const json_t *element = json_first(value); element; element = json_next(element)) {
		size_t before = reading->taken;

		read_value(import, path, element, depth + 1, reading);
		if (reading->taken == before && json_type(element) == JSON_OBJECT)
			reading->unknown++;
	}
}

void openstack_read(struct openstack *import, const struct json_doc *doc)
{
	const json_t *root = json_doc_root(doc);
	struct reading reading = { 0 };

	import->doc_name = json_doc_name(doc);
	read_value(import, import->doc_name, root, 0, &reading);
	if (json_type(root) == JSON_ARRAY && !json_first(root))
		openstack_note(import, OPENSTACK_NOTE, "%s: an empty list: nothing in it", import->doc_name);
	else if (reading.taken == 0)
		openstack_note(import, OPENSTACK_NOTE, "%s: nothing that is recognised, skipped",
		               import->doc_name);
	else if (reading.unknown > 0)
		openstack_note(import, OPENSTACK_NOTE, "%s: %zu entries are not recognised, skipped",
		               import->doc_name, reading.unknown);
}

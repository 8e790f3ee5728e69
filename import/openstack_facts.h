/* SPDX-License-Identifier: GPL-3.0-or-later */
/* openstack_facts: what the files of an export say, merged, before a cluster is made of it. */
#ifndef IMPORT_OPENSTACK_FACTS_H
#define IMPORT_OPENSTACK_FACTS_H

#include "import/openstack.h"
#include "import/openstack_value.h"

/* Placement's resource classes that hosts' capacities are made of. */
enum openstack_resource { RESOURCE_VCPU, RESOURCE_PCPU, RESOURCE_MEMORY, RESOURCE_DISK, RESOURCE_COUNT };

struct openstack_inventory {
	int64_t total, reserved; /* total OPENSTACK_UNKNOWN: no such inventory */
	double ratio;            /* 0: unknown */
};

/* Amounts are OPENSTACK_UNKNOWN where no file tells. */
struct openstack_flavor {
	const char *id, *name, *final_name;
	int64_t vcpus, memory_mib, disk_gib, swap_mib, ephemeral_gib;
	struct openstack_pairs extra_specs;
	bool listed; /* not only known from a server */
	struct openstack_flavor
		*next; /* another content under this name: deleted and made anew, or changed */
};

/* Each next one is better evidence than the one before. */
enum openstack_boot { BOOTED_UNKNOWN, BOOTED_MAYBE_VOLUME, BOOTED_VOLUME, BOOTED_IMAGE };

struct openstack_group {
	const char *id, *name, *final_name, *policy;
	int64_t max_per_host, size; /* OPENSTACK_UNKNOWN: none given */
	bool rules_known, best_effort, sharing;
	size_t joined; /* members */
	const struct openstack_host *seen_on;
	struct openstack_texts members;
};

struct openstack_server {
	const char *id, *name, *final_name, *status, *vm_state, *task, *zone;
	const char *host, *node, *host_status; /* node: a hypervisor's name, or in the client's list either */
	bool task_known, host_known, zone_known, gone;    /* gone: shelved away, holds nothing on any host */
	const char *flavor_id, *flavor_name, *flavor_any; /* any: a name or an id */
	struct openstack_flavor *embedded, *flavor;
	enum openstack_boot boot;
	struct openstack_pairs metadata, image;
	struct openstack_texts group_ids;
	struct openstack_host *on;
	struct openstack_group *group;
	int64_t allocated[RESOURCE_COUNT];   /* by Placement, on all hosts together */
	struct openstack_host *allocated_on; /* NULL: on a provider that is no host here */
	bool allocated_known, allocated_twice;
};

struct openstack_hypervisor {
	const char *hostname, *id, *service_host, *status, *state, *cpu_model;
	int64_t vcpus, memory_mib, memory_used_mib, disk_gib, disk_used_gib;
	struct openstack_texts cpu_features, aggregates;
	const json_t *servers;
};

struct openstack_service {
	const char *host, *zone, *status, *state;
};

/* One host in the list of availability zones. */
struct openstack_place {
	const char *host, *zone, *status, *state;
};

struct openstack_aggregate {
	const char *name, *zone;
	struct openstack_texts hosts;
	struct openstack_pairs metadata;
};

struct openstack_provider {
	const char *uuid, *name;
	bool child; /* below another provider: no host of its own */
};

enum openstack_about { ABOUT_INVENTORIES, ABOUT_USAGES, ABOUT_ALLOCATIONS, ABOUT_TRAITS, ABOUT_EXTRA_SPECS };

/* A body that doesn't say what it is about. row: one line of the client's table, else the whole body. */
struct openstack_body {
	enum openstack_about about;
	const char *path; /* the document's name, and the members' names on the way to the body */
	const json_t *value;
	const char *name; /* of the provider, when it stands beside */
	bool row, by_consumer;
};

struct openstack_migration {
	const char *server_id, *status;
};

enum openstack_source { FROM_NOTHING, FROM_VMS, FROM_HYPERVISOR, FROM_PLACEMENT };

struct openstack_host {
	const char *name;
	const struct openstack_service *service;
	const struct openstack_hypervisor *hypervisor;
	const struct openstack_place *place;
	const char *server_status; /* host_status of a server there */
	bool trait_disabled, traits_known, disabled, down;
	const char *zone, *storage;
	struct openstack_inventory inventory[RESOURCE_COUNT];
	int64_t usage[RESOURCE_COUNT]; /* as Placement counts */
	bool usage_known;
	int64_t used[RESOURCE_COUNT]; /* as the VMs' flavors come to */
	bool guests_known; /* every VM here has a known flavor and boot device, and none is on the move */
	enum openstack_source source;
	int64_t cpus, dedicated_cpus, memory_mib, disk_gib; /* OPENSTACK_UNKNOWN: none */
	int64_t reserved_cpus, reserved_memory_mib, reserved_disk_gib;
	double cpu_ratio, memory_ratio, disk_ratio; /* 0: the format's default */
	struct openstack_list vms;                  /* struct openstack_server */
	struct openstack_layout *layout;
	const struct openstack_aggregate *last_aggregate; /* the last that this host was put in */
	json_t *aggregates;
};

struct openstack {
	struct arena arena;
	union {
		struct {
			struct openstack_list servers, groups, hypervisors, services, places, aggregates,
				flavors;
			struct openstack_list providers, bodies, migrations, hosts;
			struct openstack_list docs; /* struct json_doc: JSON inside strings of JSON */
		};
		struct openstack_list lists[12];
	};
	union {
		struct {
			struct openstack_index server_index, server_by_name, group_index, hypervisor_index;
			struct openstack_index service_index, place_index, aggregate_index, flavor_by_name;
			struct openstack_index flavor_by_id, provider_index;
			struct openstack_index host_index; /* names, node names and UUIDs */
			struct openstack_index host_short; /* names up to the first dot */
		};
		struct openstack_index indexes[12];
	};
	struct openstack_note *notes;
	size_t note_count, note_room;
	const char *doc_name; /* of the document being read */
	size_t contradictions;
	char contradiction[320]; /* the first one */
	bool saw_servers, saw_groups, saw_platform_groups;
};

/* Names for a note: "a, b, c and 12 more". */
struct openstack_names {
	char text[200];
	size_t count;
};

void openstack_names_add(struct openstack_names *names, const char *name);
const char *openstack_names_text(struct openstack_names *names); /* closes it */

/* openstack_read.c */
void openstack_read(struct openstack *import, const struct json_doc *doc);

/*
 * openstack_hosts.c: the hosts there are, by any of their names; then what they have.
 * host_find takes a service's host, a hypervisor's name, a provider's UUID or name.
 */
void openstack_hosts_make(struct openstack *import);
struct openstack_host *openstack_host_find(const struct openstack *import, const char *name);
struct openstack_host *openstack_host_add(struct openstack *import, const char *name);
void openstack_hosts_close(struct openstack *import);

/*
 * openstack_placement.c: gives bodies to the hosts that they are about, makes hosts of what has memory
 * when nothing else tells of any, and compares Placement's counts with the VMs'.
 */
void openstack_placement_hosts(struct openstack *import);
void openstack_placement_take(struct openstack *import);
void openstack_placement_compare(struct openstack *import);

/* openstack_flavors.c */
void openstack_flavors_take(struct openstack *import);
int openstack_flavors_resolve(struct openstack *import, struct error *error);
struct openstack_flavor *openstack_flavor_new(struct openstack *import);
int64_t openstack_flavor_dedicated(
	const struct openstack_flavor *flavor);                           /* vCPUs with a core of their own */
int64_t openstack_server_disk_gib(const struct openstack_server *server); /* as Placement counts */

/* openstack_vms.c: servers' hosts, states and names; groups and their members. */
void openstack_vms_place(struct openstack *import);
void openstack_vms_name(struct openstack *import);
void openstack_groups_make(struct openstack *import);

/*
 * openstack_numa.c: nodes and huge pages that must be there, since VMs use them. NULL layout: nothing to
 * say.
 */
void openstack_numa_infer(struct openstack *import);
void openstack_numa_add(json_t *object, const struct openstack_host *host);

/* openstack_emit.c */
json_t *openstack_emit(struct openstack *import, const struct openstack_options *options);

#endif

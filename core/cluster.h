/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cluster: a cluster file (lockkeeper.cluster/1) in memory, checked and with every default filled in. */
#ifndef CORE_CLUSTER_H
#define CORE_CLUSTER_H

#include "core/arena.h"
#include "core/json.h"

#include <stdbool.h>
#include <stdint.h>

/* "No such index", for every kind of entity. */
#define NONE UINT32_MAX

/* Ratios (overcommit) are kept exact, in millionths. */
enum { RATIO_ONE = 1000000 };

/* An amount that has no end. */
#define UNLIMITED INT64_MAX

enum profile { PROFILE_TITANIUM, PROFILE_STARLINGX, PROFILE_NOVA, PROFILE_COUNT };
enum administrative { ADMIN_UNLOCKED, ADMIN_LOCKED };
enum operational { OPER_ENABLED, OPER_DISABLED };
enum availability {
	AVAIL_AVAILABLE,
	AVAIL_DEGRADED,
	AVAIL_FAILED,
	AVAIL_OFFLINE,
	AVAIL_ONLINE,
	AVAIL_INTEST,
	AVAIL_POWER_OFF
};
enum storage { STORAGE_REMOTE, STORAGE_LOCAL_IMAGE, STORAGE_LOCAL_LVM, STORAGE_UNSAID };
enum policy { POLICY_AFFINITY, POLICY_ANTI_AFFINITY, POLICY_SOFT_AFFINITY, POLICY_SOFT_ANTI_AFFINITY };
enum vm_state {
	VM_ACTIVE,
	VM_PAUSED,
	VM_SUSPENDED,
	VM_STOPPED,
	VM_ERROR,
	VM_RESCUED,
	VM_VERIFY_RESIZE,
	VM_DELETED /* by a scenario; never in a file */
};
enum boot { BOOT_VOLUME, BOOT_IMAGE };
enum vif_model {
	VIF_VIRTIO,
	VIF_AVP,
	VIF_AVP_DPDK,
	VIF_E1000,
	VIF_RTL8139,
	VIF_PCI_SRIOV,
	VIF_PCI_PASSTHROUGH
};
enum dirty_model {
	DIRTY_MODEL_IDLE,
	DIRTY_MODEL_UNIFORM,
	DIRTY_MODEL_HOTCOLD,
	DIRTY_MODEL_ZIPF,
	DIRTY_MODEL_SEQUENTIAL,
	DIRTY_MODEL_MEASURED
};

/* The words of those enumerations as files spell them, in the enumerations' order, NULL at the end. */
extern const char *const *const profile_words;
extern const char *const *const administrative_words;
extern const char *const *const operational_words;
extern const char *const *const availability_words;
extern const char *const *const storage_words;
extern const char *const *const policy_words;
extern const char *const *const vm_state_words;
extern const char *const *const boot_words;
extern const char *const *const vif_model_words;
extern const char *const *const dirty_model_words;

/* Free-form text members (metadata, extra specs), in the file's order. Texts are interned: equal means same
 * pointer. */
struct pair {
	const char *key, *value;
};

struct pairs {
	const struct pair *at;
	uint32_t count;
};

/* `migration`: what is not given is NAN, -1 or NULL, so that overrides can be laid over defaults. */
struct migration_settings {
	const char *hypervisor;
	double bandwidth_mib_s; /* 0: no cap */
	double max_downtime_ms;
	double timeout_s; /* 0: none */
	double setup_ms, switchover_ms, wire_efficiency;
	int64_t parallel_per_host; /* 0: no limit */
	int64_t downtime_steps;    /* 0: the whole limit holds from the start */
	int8_t auto_converge, post_copy;
};

struct switch_node {
	const char *name;
	uint32_t uplink; /* NONE: a root */
	double uplink_mbit_s;
};

struct aggregate {
	const char *name;
	struct pairs metadata;
};

/* One NUMA node's share of a host. */
struct numa_node {
	int64_t cpus, memory_mib;
	int64_t pages_2m, pages_1g;
};

struct pci_count {
	const char *alias; /* interned */
	int64_t count;
};

struct host {
	const char *name;
	const char *zone;
	const char *cpu_model; /* NULL: any */
	const char *uri;       /* NULL: none */
	uint8_t administrative, operational, availability, storage;
	bool all_networks;
	int64_t cpus, dedicated_cpus; /* dedicated_cpus < 0: dedicated vCPUs take from cpus */
	int64_t cpu_ratio, memory_ratio, disk_ratio;
	int64_t memory_mib, disk_gib; /* disk_gib may be UNLIMITED */
	int64_t reserved_cpus, reserved_memory_mib, reserved_disk_gib;
	const struct numa_node *numa; /* at least one */
	uint32_t numa_count,
		numa_first; /* numa_first: this host's first in the cluster's numbering of all nodes */
	const struct aggregate *aggregates;
	const char *const *features; /* interned, sorted by text */
	const char *const *networks; /* interned */
	const struct pci_count *pci;
	uint32_t aggregate_count, feature_count, network_count, pci_count;
	uint32_t pci_first;    /* this host's first in the cluster's numbering of all PCI pools */
	uint32_t switch_index; /* NONE: the one non-blocking switch */
	double nic_mbit_s;
};

/* Guest page sizes of hw:mem_page_size, in KiB, or one of these. */
enum { PAGE_UNSAID = 0, PAGE_SMALL = 4, PAGE_2M = 2048, PAGE_1G = 1048576, PAGE_ANY = -1, PAGE_LARGE = -2 };

/* The most guest NUMA nodes that a flavor may ask for. */
enum { NUMA_GUEST_MAX = 16 };

/* What one guest NUMA node takes from one node of the host. */
struct numa_demand {
	int64_t cpus, memory_mib;
};

struct flavor {
	const char *name;
	int64_t vcpus, memory_mib, disk_gib, swap_mib, ephemeral_gib;
	struct pairs extra_specs;
	/* derived from extra_specs */
	bool dedicated;        /* hw:cpu_policy=dedicated */
	bool passthrough;      /* hw:cpu_model=Passthrough */
	int64_t counted_vcpus; /* vcpus, one less with hw:wrs:shared_vcpu */
	const char *cpu_model; /* hw:cpu_model, NULL: none or Passthrough */
	int32_t page_kib;      /* hw:mem_page_size: KiB or PAGE_… */
	const struct numa_demand
		*numa;       /* what each guest node takes; only with hw:mem_page_size or hw:numa_nodes */
	uint32_t numa_count; /* 0: the NUMA and page rules do not bind it */
	uint8_t storage;     /* aggregate_instance_extra_specs:storage, STORAGE_UNSAID */
	const struct pci_count *pci; /* pci_passthrough:alias */
	uint32_t pci_count;
	struct pair *aggregate_specs; /* keys without their scope; values are what is required */
	uint32_t aggregate_spec_count;
};

/* `dirty`, as written. Rates in 4 KiB pages a second. */
struct dirty_settings {
	uint8_t model; /* enum dirty_model */
	double working_set_mib, rate_pages_s, hot_fraction, hot_probability, exponent;
	double background_pages_s;
	double duty_period_s, duty_on_fraction; /* period 0: always on */
	const double (*points)[2];              /* measured: seconds, unique MiB */
	uint32_t point_count;
};

struct vif {
	uint8_t model;       /* enum vif_model */
	const char *network; /* interned, NULL: not said */
};

struct vm {
	const char *name, *id;
	const char *zone;             /* requested; NULL: none */
	const char *task;             /* NULL: none */
	uint32_t host, flavor, group; /* NONE: none */
	uint32_t load;                /* a load profile; NONE: the same at any hour */
	uint8_t state, boot;
	bool vote_reject;
	uint32_t vif_count;
	const struct vif *vifs;
	struct pairs metadata, image;
	double used_mib;
	const struct dirty_settings *dirty;
	const struct migration_settings *migration; /* NULL: no overrides */
};

_Static_assert(sizeof(struct vm) <= 256, "a million VMs must fit in memory");

struct group {
	const char *name;
	uint8_t policy;
	bool best_effort;
	int64_t max_per_host;
	int64_t size; /* UNLIMITED: none */
};

enum { DAY_HOURS = 24 };

/* How a guest's load goes through the day: in each hour, so many times what its `dirty` says. */
struct load_profile {
	const char *name;
	double hours[DAY_HOURS]; /* >= 0 */
};

struct interns; /* the table of texts met so far */

struct cluster {
	struct arena arena; /* owns everything below */
	struct interns *interns;
	const char *name;
	enum profile profile;
	struct migration_settings migration;
	struct switch_node *switches;
	struct host *hosts;
	struct flavor *flavors;
	struct vm *vms;
	struct group *groups;
	struct load_profile *loads;
	uint32_t switch_count, host_count, flavor_count, vm_count, group_count, load_count;
	uint32_t host_room, vm_room;         /* 0: the arrays are as long as their counts */
	uint32_t numa_count, pci_pool_count; /* over all hosts */
	const char **warnings; /* one line each, about what real clusters have but rules forbid */
	uint32_t warning_count, warning_room;
	char digest[65]; /* SHA-256 of the canonical bytes, hexadecimal */
};

/*
 * Reads a parsed document. Every member is checked: types, ranges, unknown names (with a suggestion),
 * duplicate names, dangling references, cycles. What the platforms' own clusters can have (a host overfull, a
 * group in violation) is a warning; profile < PROFILE_COUNT takes the place of the file's, as --profile does.
 * The document is not needed afterwards. A cluster that is added to must stay where it was read: its table of
 * names points into it. Free with cluster_free.
 */
int cluster_read(struct cluster *ret_cluster, const struct json_doc *doc, enum profile profile,
                 struct error *error);

struct read_numbers; /* core/read.h */

/*
 * The same for a value inside a document (a scenario's cluster in place). The digest is that of the value.
 * numbers: of a cluster whose numbers may be distributions; NULL: they are numbers. The digest, which all
 * draws of one file share, is left empty then.
 */
int cluster_read_value(struct cluster *ret_cluster, const struct json_doc *doc, const json_t *value,
                       enum profile profile, const struct read_numbers *numbers, struct error *error);

void cluster_free(struct cluster *cluster);

/* Moves a cluster to another place; the old one is empty then. A plain copy would still point to the old
 * one's arena. */
void cluster_move(struct cluster *ret_cluster, struct cluster *cluster);

/* Index by name; NONE when there is none. cluster_vm also finds by id. */
uint32_t cluster_host(const struct cluster *cluster, const char *name);
uint32_t cluster_vm(const struct cluster *cluster, const char *name);
uint32_t cluster_flavor(const struct cluster *cluster, const char *name);
uint32_t cluster_group(const struct cluster *cluster, const char *name);

/* The one copy of a text; equal texts give the same pointer. */
const char *cluster_intern(struct cluster *cluster, const char *text);

/* Adds a line to the warnings. */
void cluster_warn(struct cluster *cluster, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * For scenarios that add to a cluster: appends a host read from a value (add-host), or a VM made of a flavor
 * and a group (boot). Returns the new index. Pointers into the arrays of that kind do not survive it.
 */
int cluster_add_host(struct cluster *cluster, const struct json_doc *doc, const json_t *value,
                     const struct read_numbers *numbers, uint32_t *ret_host, struct error *error);
uint32_t cluster_add_vm(struct cluster *cluster, const char *name, uint32_t flavor, uint32_t group);

/* A VM as it is built of a flavor: active, volume-booted, nowhere yet. The name is kept as it is; group:
 * NONE: none. */
struct vm cluster_new_vm(const struct cluster *cluster, const char *name, uint32_t flavor, uint32_t group);

/* The value for a key, NULL when absent. */
const char *pairs_get(const struct pairs *pairs, const char *key);

/* The settings with every member that `over` gives put in place. */
void migration_overlay(struct migration_settings *settings, const struct migration_settings *over);

/* Settings with nothing given. */
struct migration_settings migration_settings_none(void);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verify: what the parts of lockkeeper-verify share. */
/*
 * The program reads the files that lockkeeper reads by code of its own (libc and cJSON), so that a mistake
 * there is not made here as well. docs/rules.md has the rules, docs/proofs.md what is proven and why that is
 * enough. It runs once: memory is not freed, and bad input ends it with one line and exit code 1.
 */
#ifndef VERIFIER_VERIFY_H
#define VERIFIER_VERIFY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOWHERE UINT32_MAX

/* Amounts times ratios, which are in millionths: sums are exact. */
typedef __int128 wide;
enum { MILLION = 1000000 };

enum profile { TITANIUM, STARLINGX, NOVA };
enum method { LIVE, COLD, STUCK };
enum policy { AFFINITY, ANTI_AFFINITY, SOFT_AFFINITY, SOFT_ANTI_AFFINITY };
enum state { ACTIVE, PAUSED, STOPPED, IN_ERROR, SUSPENDED, RESCUED, VERIFY_RESIZE };
enum storage { REMOTE, LOCAL_IMAGE, LOCAL_LVM, UNSAID };
enum { GUEST_NODES_MOST = 16, HOST_NODES_MOST = 64, ALIASES_MOST = 64 };

/* hw:mem_page_size in KiB, or: not said, any that fits, the largest that fits. */
enum {
	PAGES_UNSAID = 0,
	PAGES_4K = 4,
	PAGES_2M = 2048,
	PAGES_1G = 1048576,
	PAGES_ANY = -1,
	PAGES_LARGE = -2
};

/* One NUMA node of a host, or what guests use of it; memory_mib: in small pages. */
struct node {
	int64_t cpus, dedicated, memory_mib, pages_2m, pages_1g;
};

struct host {
	const char *name, *zone, *cpu_model; /* cpu_model NULL: any */
	const cJSON *aggregates, *features, *networks, *pci;
	bool up, enabled, locked;
	int storage;
	int64_t cpus, memory_mib, disk_gib, dedicated_cpus; /* the last two < 0: no limit; none set apart */
	int64_t cpu_ratio, memory_ratio, disk_ratio;        /* millionths */
	int64_t reserved_cpus, reserved_memory_mib, reserved_disk_gib;
	struct node *nodes;
	uint32_t node_count, vm_count;
	uint32_t *vms; /* who is there */
};

struct flavor {
	const cJSON *specs;
	int64_t vcpus, counted_vcpus, memory_mib, disk_gib, extra_gib; /* extra: ephemeral and swap */
	bool dedicated, passthrough;
	const char *cpu_model;
	int storage, page_kib;
	uint32_t guest_nodes, alias_count; /* guest_nodes 0: not bound to NUMA nodes */
	int64_t guest_cpus[GUEST_NODES_MOST], guest_mib[GUEST_NODES_MOST];
	uint32_t aliases[ALIASES_MOST]; /* of PCI devices: indexes into cluster.aliases */
	int64_t devices[ALIASES_MOST];
};

struct group {
	const char *name;
	int policy;
	bool best_effort;
	int64_t max_per_host;
};

struct vm {
	const char *name, *zone;
	const cJSON *vifs;
	int state;
	bool busy, image, votes_no;
	uint32_t host, flavor, group; /* NOWHERE: none */
};

struct cluster {
	char digest[65];
	enum profile profile;
	struct host *hosts;
	struct flavor *flavors;
	struct vm *vms;
	struct group *groups;
	const char **aliases;
	uint32_t host_count, flavor_count, vm_count, group_count, alias_count;
};

/* read.c: files and the values in them. Whatever is not as it should be ends the program. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void wrong(const char *member, const char *expected); /* with the file and the place read last */
void *take(size_t count, size_t size);                          /* zeroes; never NULL */
void *grow(const void *memory, size_t before, size_t after, size_t size); /* a copy with more room */
size_t memory_mark(void);
void memory_release(size_t mark); /* gives back what was taken since */
const cJSON *read_json(const char *path);
void digest_of(const cJSON *value, char ret_hex[65]); /* SHA-256 of the canonical bytes (docs/formats.md) */
void read_place(const char *array, uint32_t index);   /* where the values asked for now stand */
const cJSON *member(const cJSON *object, const char *name); /* NULL: absent, or null */
const cJSON *array_of(const cJSON *object, const char *name, bool required);
const char *text_of(const cJSON *object, const char *name, const char *fallback);
const char *pair_of(const cJSON *object, const char *key); /* free-form texts, numbers, truths; NULL: none */
int64_t whole_of(const cJSON *object, const char *name, int64_t fallback, double most); /* < 0: required */
void known(const cJSON *object, const char *names); /* no other members than these words and "x-…" */
int word_index(const char *const *words, const char *word); /* < 0: none of them */

struct names {
	struct name {
		const char *text;
		uint32_t index;
	} * at;
	size_t count;
};
void names_add(struct names *names, const char *text, uint32_t index);
void names_sort(struct names *names); /* before the first find; names that stand twice are wrong */
uint32_t names_find(const struct names *names, const char *text);

/* cluster.c: who is where. profile < 0: the file's. */
void read_cluster(struct cluster *ret_cluster, const cJSON *root, int profile);
uint32_t find_host(const char *name);
uint32_t find_vm(const char *name);
uint32_t find_group(const char *name);
extern const char *const profile_names[];

/* rules.c: what may move, where to, and how much there is of what. */

/* How the VM leaves a host by an admin's order; STUCK: not at all. */
enum method method_at(const struct cluster *cluster, uint32_t vm, uint32_t host);

/* Whether the lock of its host leaves the VM there. */
bool stays_behind(const struct cluster *cluster, uint32_t vm);

/* Whether a group has that policy and is strict. */
bool strict(const struct cluster *cluster, uint32_t group, enum policy policy);

/* The first rule by which the VM can never go from a host to another, whoever is there; NULL: none. */
const char *never_allowed(const struct cluster *cluster, uint32_t vm, uint32_t from, uint32_t to);

/*
 * What hosts have a limited amount of: vCPUs, CPUs set apart, memory, disk, places for members of a strict
 * anti-affinity group, PCI devices. The unit is a millionth where ratios come in.
 */
enum { CPUS, DEDICATED, MEMORY, DISK, FIXED_RESOURCES };
enum { ASKED_MOST = FIXED_RESOURCES + 1 + ALIASES_MOST };
wide capacity(const struct cluster *cluster, uint32_t host, uint32_t resource);
wide demand(const struct cluster *cluster, uint32_t vm, uint32_t host, uint32_t resource);
uint32_t resources_asked(const struct cluster *cluster, uint32_t vm, uint32_t host, uint32_t ret[ASKED_MOST]);
uint32_t resource_named(const struct cluster *cluster, const char *name); /* NOWHERE: none */
const char *resource_rule(const struct cluster *cluster, uint32_t resource);
double resource_unit(uint32_t resource);

/* numa.c: guest nodes on a host's nodes. A claim: for each guest node the host's node and the page size. */
struct claim {
	uint8_t nodes[GUEST_NODES_MOST];
};
bool find_nodes(const struct host *host, const struct node *used, const struct flavor *flavor,
                struct claim *ret_claim);
void count_nodes(struct node *used, const struct flavor *flavor, const struct claim *claim, int sign);

/* The claims of the VMs on a host, first-fit in the file's order, as no file says where they are. */
void begin_nodes(const struct cluster *cluster, uint32_t host, struct node *used, struct claim *claims);

/* plan.c, certificate.c: the proofs. */
enum verdict { PROVEN, UNKNOWN, VIOLATED };

struct finding {
	const char *rule, *host, *vm, *why; /* NULL: none */
	const cJSON *move;                  /* its id */
	cJSON *events;                      /* a sequence that ends in the violation */
};

struct report {
	enum verdict verdict;
	struct finding *findings;
	uint32_t finding_count, moves, plans, certificates;
	uint64_t facts;
};

/* Adds a finding; the report's verdict is the worst. Returns NULL if it is the 101st: enough is enough. */
struct finding *report(struct report *report, enum verdict verdict, const char *rule, const cJSON *move,
                       const char *host, const char *vm, const char *why);
void verify_plan(const struct cluster *cluster, const cJSON *plan, struct report *report);
void verify_certificate(const struct cluster *cluster, const cJSON *certificate, struct report *report);

/* What plans and certificates have in common: schema, digest, profile; and the hosts of {"lock": […]}. */
void check_origin(const struct cluster *cluster, const cJSON *root, const char *schema,
                  struct report *report);
bool *goal_hosts(const struct cluster *cluster, const cJSON *goal);

#endif

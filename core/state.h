/* SPDX-License-Identifier: GPL-3.0-or-later */
/* state: who is where right now and what each host has left, with every change undoable. */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include "core/cluster.h"

/* What a host's VMs take from it: all of them, stopped ones too, and what moves under way have claimed. */
struct host_use {
	int64_t shared_vcpus, dedicated_vcpus; /* counted vCPUs */
	int64_t memory_mib, disk_gib;
	uint32_t vms;       /* claims: VMs here and VMs on their way here */
	uint32_t under_way; /* builds and migrations under way, from here or to here */
};

/* What the NUMA-bound VMs take from one node. */
struct numa_use {
	int64_t shared_cpus, dedicated_cpus, memory_mib; /* memory_mib: in small pages */
	int64_t pages_2m, pages_1g;
};

/* What of a host can change. */
struct host_status {
	uint8_t administrative, operational, availability;
	bool absent; /* added later by a scenario */
};

/*
 * A VM's nodes on one host: the node's number in the low six bits, the page size in the two above
 * (0 small, 1 2 MiB, 2 1 GiB), one entry a guest node.
 */
struct numa_claim {
	uint8_t nodes[NUMA_GUEST_MAX];
};

struct state {
	const struct cluster *cluster;
	enum profile profile;
	uint32_t *vm_host;   /* where it runs or is stopped; NONE: nowhere */
	uint32_t *vm_target; /* where a move under way will take it; NONE: no move */
	uint32_t *vm_flavor;
	uint8_t *vm_state; /* enum vm_state */
	bool *vm_busy;     /* a task in progress: the file's, or a move under way */
	struct host_status *hosts;
	struct host_use *uses;
	struct numa_use *numa;                          /* host->numa_first + node */
	int64_t *pci;                                   /* devices used: host->pci_first + pool */
	struct group *groups;                           /* copies: a scenario may change them */
	struct members *members;                        /* how many members of a group a host holds */
	uint32_t *host_vms_first, *vm_next, *vm_before; /* each host's VMs, in the order of arrival */
	uint32_t *host_vms_last;
	struct numa_claim *numa_here, *numa_coming; /* by VM; NULL when no flavor is NUMA-bound */
	struct undo *undo;
	uint32_t undo_count, undo_room;
	bool undo_on;
};

/*
 * The state that the file describes. VMs with NUMA needs are put on nodes first-fit in the file's order,
 * since no file says where they are; what fits nowhere goes to the first nodes (the host is overfull). The
 * cluster must outlive the state and keep its counts. Free with state_free.
 */
void state_create(struct state *ret_state, const struct cluster *cluster);
void state_free(struct state *state);

/*
 * Undo: state_mark begins to record and returns a mark; state_rollback takes everything back that came after
 * it. Marks nest, but rolling back to a mark at which nothing was recorded ends the recording: who wants to
 * go on asks for a mark again. Group and status changes are recorded too.
 */
uint32_t state_mark(struct state *state);
void state_rollback(struct state *state, uint32_t mark);

/* A move begins: the VM claims its target beside its source (resources at both ends, docs/rules.md "A request
 * fits"). */
void state_claim(struct state *state, uint32_t vm, uint32_t target);

/* The move ended at the target: the source is released. */
void state_arrive(struct state *state, uint32_t vm);

/* The move ended at the source: the claim on the target is released. */
void state_unclaim(struct state *state, uint32_t vm);

/* Puts a VM that is nowhere on a host (boot), or takes it off its host (delete). */
void state_place(struct state *state, uint32_t vm, uint32_t host);
void state_remove(struct state *state, uint32_t vm);

/* In one step, what state_claim and state_arrive do. */
void state_move(struct state *state, uint32_t vm, uint32_t target);

/* Another flavor from now on; the VM's claims are counted anew. */
void state_set_flavor(struct state *state, uint32_t vm, uint32_t flavor);

void state_set_vm_state(struct state *state, uint32_t vm, enum vm_state vm_state);
void state_set_vm_busy(struct state *state, uint32_t vm, bool busy);
void state_set_host(struct state *state, uint32_t host, struct host_status status);

/* One more or one less build or migration under way at a host. */
void state_under_way(struct state *state, uint32_t host, int change);

/* Members of a group that a host holds: those that run or are stopped there. */
uint32_t state_members(const struct state *state, uint32_t group, uint32_t host);

/* The same and those on their way to it. */
uint32_t state_members_claimed(const struct state *state, uint32_t group, uint32_t host);

/* How many VMs of a group are on some host, and on how many hosts. */
uint32_t state_group_placed(const struct state *state, uint32_t group);
uint32_t state_group_hosts(const struct state *state, uint32_t group);

/*
 * Whether a NUMA-bound flavor finds room on a host's nodes, each guest node on a node of its own, first-fit
 * in the host's order. ret_claim may be NULL. Flavors that are not bound always do.
 */
bool state_numa_fits(const struct state *state, uint32_t host, const struct flavor *flavor,
                     struct numa_claim *ret_claim);

/* Devices of an alias that a host has left; 0 when it has no such pool. */
int64_t state_pci_left(const struct state *state, uint32_t host, const char *alias);

/* Whether a host is up (services answer) and enabled (unlocked and in service). */
bool state_host_up(const struct state *state, uint32_t host);
bool state_host_enabled(const struct state *state, uint32_t host);

static inline const struct flavor *state_flavor(const struct state *state, uint32_t vm)
{
	return &state->cluster->flavors[state->vm_flavor[vm]];
}

/* The VMs of a host (not those on their way): state_vms_first, then state_vms_next; NONE at the end. */
static inline uint32_t state_vms_first(const struct state *state, uint32_t host)
{
	return state->host_vms_first[host];
}

static inline uint32_t state_vms_next(const struct state *state, uint32_t vm)
{
	return state->vm_next[vm];
}

#endif

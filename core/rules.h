/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rules: what the platforms allow, one row a rule, for the three profiles (docs/rules.md has the same in
 * words). */
#ifndef CORE_RULES_H
#define CORE_RULES_H

#include "core/state.h"

enum move_kind { MOVE_LIVE, MOVE_COLD, MOVE_EVACUATE, MOVE_BOOT, MOVE_RESIZE };

/* `block` of a live migration: whether local disks are copied along. */
enum block { BLOCK_AUTO, BLOCK_YES, BLOCK_NO };

/* How a profile's lock moves a VM. */
enum method { METHOD_LIVE, METHOD_COLD, METHOD_NONE };

extern const char *const *const method_words;

/* What is asked for: one VM that wants a host. */
struct request {
	const struct state *state;
	enum move_kind kind;
	uint32_t vm;
	uint32_t flavor;      /* the flavor that must fit: another than the VM's for a resize */
	uint32_t source;      /* where it is; NONE for a boot */
	enum block block;     /* MOVE_LIVE */
	bool group_forgotten; /* best-effort groups and soft preferences no longer count */
	bool forced;          /* nova below 2.68: filters are skipped, facts are not */
};

/* A reason why not: which rule, and in words that an operator understands. */
struct reason {
	const char *rule; /* the row's id */
	char why[256];
};

/* Which profiles a row holds for: a bit per enum profile. */
enum {
	TITANIUM = 1u << PROFILE_TITANIUM,
	STARLINGX = 1u << PROFILE_STARLINGX,
	NOVA = 1u << PROFILE_NOVA,
	EVERY = TITANIUM | STARLINGX | NOVA
};

/* A rule about one host as a target. */
struct host_rule {
	const char *id;
	unsigned profiles; /* bit per enum profile */
	bool by_force;     /* holds even for a forced move */
	const char *law;   /* the rule in one sentence */
	const char *source;
	/* Whether the host may take the VM. NULL reason: only the answer; else it is filled in when the
	 * answer is no. */
	bool (*allows)(const struct request *request, uint32_t host, struct reason *reason);
};

/* A rule about the VM itself, whatever the target. */
struct vm_rule {
	const char *id;
	unsigned profiles;
	const char *law;
	const char *source;
	/* Whether it forbids; fills reason->why then (never NULL). */
	bool (*forbids)(const struct state *state, uint32_t vm, struct reason *reason);
};

/* The tables, for tests and for the documentation; *ret_count rows. */
const struct host_rule *rules_host(size_t *ret_count);
const struct vm_rule *rules_live(size_t *ret_count);
const struct vm_rule *rules_lock(size_t *ret_count);

/* A request for a VM as it is: from where it is, with the flavor that it has. */
struct request request_for(const struct state *state, enum move_kind kind, uint32_t vm);

/* Whether every rule lets the VM go to the host. No words: the fast way. */
bool rules_allow(const struct request *request, uint32_t host);

/* The same without the rules about server groups: what all VMs of one shape have in common. */
bool rules_allow_shape(const struct request *request, uint32_t host);

/* Only the rules about server groups. */
bool rules_allow_group(const struct request *request, uint32_t host);

/* All rules that say no; at most room reasons. Returns how many. */
size_t rules_explain(const struct request *request, uint32_t host, struct reason *ret_reasons, size_t room);

/*
 * The first rule that forbids a live migration that an admin orders, whatever the target (API errors 400 and
 * 409, refusals before any host is tried); NULL: none.
 */
const struct vm_rule *rules_live_forbidden(const struct state *state, uint32_t vm, struct reason *ret_reason);

/*
 * The first rule by which the lock of the VM's host is rejected before anything moves; NULL: none.
 * ret_reason->why is the platform's own message.
 */
const struct vm_rule *rules_lock_rejected(const struct state *state, uint32_t vm, struct reason *ret_reason);

/* Whether a lock leaves the VM where it is: stopped, in error, deleted. */
bool lock_leaves(const struct state *state, uint32_t vm);

/* Whether the VM goes down with its host, so that it has to be built anew elsewhere when the host fails. */
bool vm_runs(const struct state *state, uint32_t vm);

/* Whether the lock may move the VM cold: an image's root disk must not be too large to be copied. */
bool lock_cold_allowed(const struct state *state, uint32_t vm);

/* How the profile's lock moves the VM; METHOD_NONE: it stays, or the lock is rejected or fails because of it.
 */
enum method lock_method(const struct state *state, uint32_t vm);

/* Live or cold by storage, disks and devices alone, whatever the VM's state. */
enum method move_method(const struct state *state, uint32_t vm);

/* Whether a VM has a PCI device: a vif of SR-IOV or passthrough, or an alias in its flavor. */
bool vm_has_pci(const struct state *state, uint32_t vm);

/* Whether a VM has disks on its host: an image's root disk, swap or ephemeral. */
bool vm_has_local_disks(const struct state *state, uint32_t vm);

/* Where the VM's local disks are: its flavor's storage, else its host's. */
enum storage vm_backing(const struct state *state, uint32_t vm);

/* Whether a best-effort group makes the scheduler try once more without it (docs/rules.md, best effort rows).
 */
bool group_has_first_pass(const struct state *state, uint32_t group);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Fills a reason and returns true, so that a rule can `return forbid(…)`. */
__attribute__((format(printf, 2, 3))) static bool forbid(struct reason *reason, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason->why, sizeof(reason->why), format, arguments);
	va_end(arguments);
	return true;
}

static const char *vm_name(const struct state *state, uint32_t vm)
{
	return state->cluster->vms[vm].name;
}

static const char *host_name(const struct state *state, uint32_t vm)
{
	return state->cluster->hosts[state->vm_host[vm]].name;
}

static bool live_unplaced(const struct state *state, uint32_t vm, struct reason *reason)
{
	return state->vm_host[vm] == NONE && forbid(reason, "%s is on no host", vm_name(state, vm));
}

/* 409 of os-migrateLive: only active and paused instances. */
static bool live_state(const struct state *state, uint32_t vm, struct reason *reason)
{
	uint8_t vm_state = state->vm_state[vm];

	if (vm_state == VM_ACTIVE || vm_state == VM_PAUSED)
		return false;
	return forbid(reason, "Cannot 'os-migrateLive' instance %s while it is in vm_state %s",
	              vm_name(state, vm), vm_state == VM_DELETED ? "deleted" : vm_state_words[vm_state]);
}

static bool live_task(const struct state *state, uint32_t vm, struct reason *reason)
{
	const char *task = state->cluster->vms[vm].task;

	if (!state->vm_busy[vm])
		return false;
	return forbid(reason, "Cannot 'os-migrateLive' instance %s while it is in task_state %s",
	              vm_name(state, vm), task ? task : "migrating");
}

static bool live_source_down(const struct state *state, uint32_t vm, struct reason *reason)
{
	if (state->vm_host[vm] == NONE || state_host_up(state, state->vm_host[vm]))
		return false;
	return forbid(reason, "the source host %s is down (%s)", host_name(state, vm),
	              availability_words[state->hosts[state->vm_host[vm]].availability]);
}

static bool live_pci(const struct state *state, uint32_t vm, struct reason *reason)
{
	return vm_has_pci(state, vm) &&
	       forbid(reason, "Live migration of instance %s is not supported with PCI devices attached.",
	              vm_name(state, vm));
}

static bool live_local_lvm(const struct state *state, uint32_t vm, struct reason *reason)
{
	if (!vm_has_local_disks(state, vm) || vm_backing(state, vm) != STORAGE_LOCAL_LVM)
		return false;
	return forbid(reason, "%s has local LVM disks, which cannot be migrated live", vm_name(state, vm));
}

static bool live_local_storage(const struct state *state, uint32_t vm, struct reason *reason)
{
	if (!vm_has_local_disks(state, vm) || vm_backing(state, vm) == STORAGE_REMOTE)
		return false;
	return forbid(reason, "%s has disks on its host's local storage, which are never migrated live",
	              vm_name(state, vm));
}

/* What the guest's vote or a rule of the lock makes fail after the lock has begun is not in these tables. */
static bool lock_paused(const struct state *state, uint32_t vm, struct reason *reason)
{
	if (state->vm_state[vm] != VM_PAUSED || move_method(state, vm) == METHOD_LIVE)
		return false;
	return forbid(reason, "Lock of host %s rejected because instance %s is paused.", host_name(state, vm),
	              vm_name(state, vm));
}

static bool lock_suspended(const struct state *state, uint32_t vm, struct reason *reason)
{
	return state->vm_state[vm] == VM_SUSPENDED &&
	       forbid(reason, "Lock of host %s rejected because instance %s is suspended.",
	              host_name(state, vm), vm_name(state, vm));
}

/* The file's task, or the move under way in a simulation. NULL: none. */
static const char *task_of(const struct state *state, uint32_t vm)
{
	if (!state->vm_busy[vm])
		return NULL;
	return state->cluster->vms[vm].task ? state->cluster->vms[vm].task : "migrating";
}

static bool lock_migrating(const struct state *state, uint32_t vm, struct reason *reason)
{
	const char *task = task_of(state, vm);

	return task && !strcmp(task, "migrating") &&
	       forbid(reason, "Lock of host %s rejected because instance %s is migrating.",
	              host_name(state, vm), vm_name(state, vm));
}

static bool lock_rebuilding(const struct state *state, uint32_t vm, struct reason *reason)
{
	const char *task = task_of(state, vm);

	return task && !strcmp(task, "rebuilding") &&
	       forbid(reason, "Lock of host %s rejected because instance %s is rebuilding.",
	              host_name(state, vm), vm_name(state, vm));
}

static bool lock_task(const struct state *state, uint32_t vm, struct reason *reason)
{
	return task_of(state, vm) &&
	       forbid(reason, "Lock of host %s rejected because instance %s action in progress.",
	              host_name(state, vm), vm_name(state, vm));
}

static bool lock_verify_resize(const struct state *state, uint32_t vm, struct reason *reason)
{
	return state->vm_state[vm] == VM_VERIFY_RESIZE &&
	       forbid(reason, "Lock of host %s rejected because instance %s is resizing.",
	              host_name(state, vm), vm_name(state, vm));
}

static bool lock_alone(const struct state *state, uint32_t vm, struct reason *reason)
{
	for (uint32_t host = 0; host < state->cluster->host_count; host++) {
		if (host != state->vm_host[vm] && state_host_up(state, host) &&
		    state_host_enabled(state, host))
			return false;
	}
	return forbid(reason, "Lock of host %s rejected because there are no other hypervisors available.",
	              host_name(state, vm));
}

/* GiB of root disk that a lock copies at the most, by backing. */
static int64_t cold_disk_most_gib(enum storage backing)
{
	switch (backing) {
	case STORAGE_LOCAL_IMAGE:
		return 60;
	case STORAGE_LOCAL_LVM:
		return 20;
	default:
		return UNLIMITED;
	}
}

bool lock_cold_allowed(const struct state *state, uint32_t vm)
{
	return state->cluster->vms[vm].boot != BOOT_IMAGE ||
	       state_flavor(state, vm)->disk_gib <= cold_disk_most_gib(vm_backing(state, vm));
}

static bool lock_cold_too_large(const struct state *state, uint32_t vm, struct reason *reason)
{
	const char *host = host_name(state, vm);

	if (move_method(state, vm) != METHOD_COLD || lock_cold_allowed(state, vm))
		return false;
	return forbid(reason,
	              "Lock of host %s rejected because instance %s can't be cold-migrated by the system.  "
	              "Manually move the instance off of host %s.",
	              host, vm_name(state, vm), host);
}

/* A live migration that an admin orders: what is refused whatever the target. */
static const struct vm_rule live_rules[] = {
	{ "not-placed", EVERY, "Only a VM on a host can be moved.", "nova: API", live_unplaced },
	{ "state", EVERY, "Only an active or paused VM is migrated live.", "nova: API, 409", live_state },
	{ "task", EVERY, "A VM with a task in progress is left alone.", "nova: API, 409", live_task },
	{ "source-down", EVERY, "The source's services answer; that it is disabled does not matter.",
	  "nova: live migration task", live_source_down },
	{ "pci", EVERY, "No live migration with PCI devices.", "guide; code: API, 400", live_pci },
	{ "local-lvm", STARLINGX | NOVA, "Local LVM disks are not migrated live; no other host is tried.",
	  "code: pre-check", live_local_lvm },
	{ "local-storage", TITANIUM, "Disks on local storage are not migrated live.", "guide",
	  live_local_storage },
};

/* The lock's check of each VM, in the order in which the platform asks. */
static const struct vm_rule lock_rules[] = {
	{ "paused", EVERY, "A paused VM that would have to move cold.", "code: instance director",
	  lock_paused },
	{ "suspended", EVERY, "A suspended VM.", "code: instance director", lock_suspended },
	{ "migrating", EVERY, "A VM that is migrating already.", "code: instance director", lock_migrating },
	{ "rebuilding", EVERY, "A VM that is being rebuilt.", "code: instance director", lock_rebuilding },
	{ "task", EVERY, "A VM with any other task in progress.", "code: instance director", lock_task },
	{ "verify-resize", EVERY, "A resized VM that waits for confirmation.", "code: instance director",
	  lock_verify_resize },
	{ "no-other-host", EVERY, "At least one other host is up and enabled; asked per VM.",
	  "code: instance director", lock_alone },
	{ "cold-too-large", EVERY, "An image's root disk that is too large to be copied.",
	  "code: can_cold_migrate", lock_cold_too_large },
};

const struct vm_rule *rules_live(size_t *ret_count)
{
	*ret_count = sizeof(live_rules) / sizeof(live_rules[0]);
	return live_rules;
}

const struct vm_rule *rules_lock(size_t *ret_count)
{
	*ret_count = sizeof(lock_rules) / sizeof(lock_rules[0]);
	return lock_rules;
}

static const struct vm_rule *first_that_forbids(const struct vm_rule *rules, size_t count,
                                                const struct state *state, uint32_t vm,
                                                struct reason *ret_reason)
{
	for (size_t i = 0; i < count; i++) {
		if ((rules[i].profiles >> state->profile & 1) && rules[i].forbids(state, vm, ret_reason)) {
			ret_reason->rule = rules[i].id;
			return &rules[i];
		}
	}
	return NULL;
}

const struct vm_rule *rules_live_forbidden(const struct state *state, uint32_t vm, struct reason *ret_reason)
{
	return first_that_forbids(live_rules, sizeof(live_rules) / sizeof(live_rules[0]), state, vm,
	                          ret_reason);
}

const struct vm_rule *rules_lock_rejected(const struct state *state, uint32_t vm, struct reason *ret_reason)
{
	if (state->vm_host[vm] == NONE || lock_leaves(state, vm))
		return NULL;
	return first_that_forbids(lock_rules, sizeof(lock_rules) / sizeof(lock_rules[0]), state, vm,
	                          ret_reason);
}

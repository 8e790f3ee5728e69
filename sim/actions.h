/* SPDX-License-Identifier: GPL-3.0-or-later */
/* actions: how each kind of action goes, a row of functions each. */
#ifndef SIM_ACTIONS_H
#define SIM_ACTIONS_H

#include "sim/migration.h"
#include "sim/world.h"

/* How one kind of action goes. Functions that a kind does not need are NULL. */
struct conduct {
	void (*start)(struct world *world, struct activity *activity);
	void (*due)(struct world *world, struct activity *activity);  /* after activity_wait */
	void (*turn)(struct world *world, struct activity *activity); /* its live migration may start now */
	/* Its move ended; why: NULL or what went wrong. */
	void (*moved)(struct world *world, struct activity *activity, const struct move_end *end);
};

/* The row of an action's kind. */
const struct conduct *conduct_of(const struct action *action);

void live_start(struct world *world, struct activity *activity);
void live_turn(struct world *world, struct activity *activity);
void live_moved(struct world *world, struct activity *activity, const struct move_end *end);
void cold_start(struct world *world, struct activity *activity);
void evacuate_start(struct world *world, struct activity *activity);
void resize_start(struct world *world, struct activity *activity);
void resize_due(struct world *world, struct activity *activity);
void move_moved(struct world *world, struct activity *activity, const struct move_end *end);

void boot_start(struct world *world, struct activity *activity);
void boot_due(struct world *world, struct activity *activity);
void vm_change_start(struct world *world, struct activity *activity); /* stop … resume */
void vm_change_due(struct world *world, struct activity *activity);
void delete_start(struct world *world, struct activity *activity);

void lock_start(struct world *world, struct activity *activity);
void lock_due(struct world *world, struct activity *activity);
void lock_turn(struct world *world, struct activity *activity);
void lock_moved(struct world *world, struct activity *activity, const struct move_end *end);

void force_lock_start(struct world *world, struct activity *activity);
void fail_host_start(struct world *world, struct activity *activity);
void recover_moved(struct world *world, struct activity *activity, const struct move_end *end);
void unlock_start(struct world *world, struct activity *activity);
void unlock_due(struct world *world, struct activity *activity);
void add_host_start(struct world *world, struct activity *activity);
void link_start(struct world *world, struct activity *activity);
void set_group_start(struct world *world, struct activity *activity);

/* ------------------------------------------------------------------ what the kinds share */

/* Refuses the action: verdict rejected. An attempt to move a VM is recorded; vm NONE: there was none. */
void action_reject(struct world *world, struct activity *activity, uint32_t vm, uint32_t to, uint8_t method,
                   const char *message);

/* How many hosts there are (not more than `most` are counted). */
uint32_t hosts_present(const struct world *world, uint32_t most);

/* Where auto-scheduling sends the VM of a request; NONE: no valid host. */
uint32_t choose_host(const struct world *world, const struct request *request);

/* Why no host was found: the platform's words, and for a named target what speaks against it. */
const char *no_host_message(struct world *world, const struct request *request, uint32_t named);

/* Lets go of a VM whose host was lost or who is deleted: a move under way ends. */
void abort_moves_of_vm(struct world *world, uint32_t vm, const char *why);

/* A lock that waits for VMs on their way to its host looks again. */
void lock_wake(struct world *world, uint32_t host);

/* The targets that the action could take now (allowed_hosts). */
void allowed_find(struct world *world, struct activity *activity);

#endif

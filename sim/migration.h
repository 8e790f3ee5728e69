/* SPDX-License-Identifier: GPL-3.0-or-later */
/* migration: moves of VMs from host to host, live or cold, from their start to their end. */
#ifndef SIM_MIGRATION_H
#define SIM_MIGRATION_H

#include "sim/world.h"

/* How a move ended. */
struct move_end {
	uint32_t vm, from, to;
	uint8_t outcome; /* OUTCOME_COMPLETED or OUTCOME_ABORTED */
	const char *why; /* NULL when it completed */
};

/*
 * Begins a move: the VM claims the target beside its source and is busy until the end, when the activity's
 * `moved` is called. kind: MOVE_LIVE, MOVE_COLD, MOVE_EVACUATE, or MOVE_RESIZE with the new flavor. Returns
 * its index.
 */
uint32_t move_start(struct world *world, struct activity *activity, enum move_kind kind, uint32_t vm,
                    uint32_t to, uint32_t flavor);

/* Bytes of local disks that a move of the VM copies along. */
double move_disk_bytes(const struct world *world, uint32_t vm);

/* Records an attempt to move a VM that was refused. to: NONE when there is no target. */
void move_refused(struct world *world, const struct activity *activity, uint32_t vm, uint32_t to,
                  uint8_t method);

/* Ends a move; the VM stays on its source, in state error when `lost`. */
void move_abort(struct world *world, struct move *move, bool lost, const char *why);

/* Carries out an order of the core: START, STOP, CARRY, BOOT_TARGET, LIMIT, POSTCOPY. */
void move_order(struct world *world, struct move *move, const struct command *command);

/* Something of the move is due. by_bytes: since it was given as many as it waited for (links_wake). */
void move_due(struct world *world, struct move *move, bool by_bytes);

/* Its rate on the links is not what it was. */
void move_rate_changed(struct world *world, struct move *move);

/*
 * The next move from or to a host that is under way, NONE host: any. *cursor: 0 at first. NULL: no more.
 */
struct move *move_next_at(const struct world *world, uint32_t host, uint32_t *cursor);

/*
 * Whether a live migration of the VM may start now: parallel_per_host at a time from its host, and what its
 * action reserves must be left on the links to its target. If not, the activity is put in the host's queue,
 * and its `turn` is called when it may. Some that reserve less may go before one that reserves more.
 */
bool queue_may_start(struct world *world, struct activity *activity, uint32_t vm);

/* A live migration has begun; it has ended. */
void queue_started(struct world *world, const struct move *move);
void queue_ended(struct world *world, const struct move *move);

/* A live migration from the host has ended; those that wait get their turn. */
void queue_next(struct world *world, uint32_t host);

#endif

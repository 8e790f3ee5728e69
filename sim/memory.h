/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory: the pre-copy of one live migration, driven by what the links give it. */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include "sim/world.h"

/* Begins to copy memory: the model starts, at the move's downtime limit in force now. */
void memory_start(struct world *world, struct move *move);

/*
 * Lets dt_s seconds go by in which wire_bytes were sent, at a steady rate or not, and handles what fell due.
 * Returns whether the migration has completed.
 */
bool memory_pass(struct world *world, struct move *move, double dt_s, double wire_bytes, bool steady);

/* Why the migration must be given up now; NULL: it goes on. May switch to post-copy instead. */
const char *memory_given_up(struct world *world, struct move *move);

/* A higher downtime limit that is due takes hold. */
void memory_limit(struct world *world, struct move *move);

/* When something happens next, at a rate between the present one and the most that the links may give. */
int64_t memory_next_ns(const struct world *world, struct move *move);

/* What the model can use of the links now, in bytes/s on the wire. */
double memory_demand(const struct move *move);

/* Whether the migration can still be given up: the guest runs at the source alone. */
bool memory_can_abort(const struct move *move);

#endif

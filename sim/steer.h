/* SPDX-License-Identifier: GPL-3.0-or-later */
/* steer: the migration core at the wheel of simulated moves: what happens is told to it, it orders. */
#ifndef SIM_STEER_H
#define SIM_STEER_H

#include "sim/world.h"

/* Puts the core at the wheel of a move, and lets it begin. */
void steer_begin(struct world *world, struct move *move);

/* Tells that something happened to the move. The core's orders are carried out before this returns. */
void steer_tell(struct world *world, struct move *move, enum event_kind kind);

/* Tells that a call has come back. why: NULL, or what went wrong. */
void steer_returned(struct world *world, struct move *move, enum command_kind call, const char *why);

/* Tells how far the memory is; at_ns: when it was so. */
void steer_progress(struct world *world, struct move *move, double remaining_bytes, int64_t at_ns);

/* Tells that time has gone by. */
void steer_timer(struct world *world, struct move *move);

#endif

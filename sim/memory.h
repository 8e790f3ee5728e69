/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory: the pre-copy of one live migration, driven by what the links give it. */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include "sim/world.h"

/*
 * A migration that has made no progress for so long, and whose limit did not rise, never will as long as its
 * rate stays the same. QEMU would go on round by round: we wait for its time limit.
 */
static const int64_t DESPAIR_NS = INT64_C(6) * 3600 * 1000000000;

/* How long the set-up of the move's live migration takes in this run. */
double memory_setup_s(const struct world *world, const struct move *move);

/* Draws what the move's flow gets beside others in this run: a weight. TCP is fair on average only. */
double memory_share(const struct world *world, const struct move *move);

/* Draws how well the move uses the links in this run. */
void memory_links(const struct world *world, struct move *move);

/* What the model is given for the move's live migration in this run. */
struct precopy_input memory_input(struct world *world, const struct move *move);

/* Begins to copy memory: the model starts, at the move's downtime limit in force now. */
void memory_start(struct world *world, struct move *move);

/* The move is no longer being set up, if it was. */
void memory_leave_setup(struct world *world, struct move *move);

/* At which rates bytes were sent. */
enum memory_pace {
	MEMORY_STEADY,  /* at the one that was set */
	MEMORY_CHANGED, /* at another */
	MEMORY_DRIFTED, /* at one that got, little by little, to what it is now */
	MEMORY_LOOKS    /* so too, and as many as were waited for are there */
};

/*
 * Lets dt_s seconds go by in which wire_bytes were sent, and handles what fell due. Returns whether the
 * migration has completed.
 */
bool memory_pass(struct world *world, struct move *move, double dt_s, double wire_bytes,
                 enum memory_pace pace);

/* Tells the core of progress that it has not heard of yet. */
void memory_catch_up(struct world *world, struct move *move);

/* The downtime limit is so many ms from now on. */
void memory_limit(struct world *world, struct move *move, double limit_ms);

/* Goes over to post-copy, if it can. */
void memory_postcopy(struct world *world, struct move *move);

/*
 * Stops to follow a migration that has made no progress for hours, at the same rate and limit: it never will,
 * and only its time limit is waited for.
 */
void memory_despair(struct world *world, struct move *move);

/*
 * When something happens next at the present rate; TIME_NEVER: nothing, or its link says when (links_wake).
 */
int64_t memory_next_ns(struct world *world, struct move *move);

/* What the model can use of the links now, in bytes/s on the wire. */
double memory_demand(const struct move *move);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lockability: whether the platform's own lock of a host succeeds, over every order in which it may take the
 * VMs. */
#ifndef PLANNER_LOCKABILITY_H
#define PLANNER_LOCKABILITY_H

#include "planner/chooser.h"

enum stock_verdict { STOCK_ALWAYS, STOCK_ORDER_DEPENDENT, STOCK_NEVER, STOCK_UNKNOWN };

extern const char *const *const stock_verdict_words;

/* A VM that stands in the way, by which rule, and in words. Texts live in the stock's arena. */
struct blocker {
	uint32_t vm;
	const char *rule, *why;
};

struct stock {
	struct arena arena;
	enum stock_verdict verdict;
	const char *message; /* the platform's own words when it refuses; NULL: it does not */
	struct blocker *blockers;
	uint32_t blocker_count;
	uint32_t *movers;     /* VMs that the lock moves, in the file's order */
	uint32_t *good_order; /* all movers in an order that succeeds; NULL: none is known */
	uint32_t *bad_order;  /* an order that fails at its last VM or before; NULL: none is known */
	uint32_t mover_count;
	bool rejected;  /* refused before anything moves */
	uint64_t steps; /* placements tried, for measurements */
};

/* How many placements a verdict may try a second of --limit: a count, so that answers do not depend on the
 * machine. */
enum { STOCK_STEPS_PER_SECOND = 100000 };

/*
 * The verdict for one host. The chooser's state must be the file's, and the shapes of the host's VMs filled;
 * both are as before afterwards. steps: placements to try at the most; beyond them the verdict is
 * STOCK_UNKNOWN.
 *
 * Exact, without trying n! orders: a VM that others cannot crowd out, whatever they do, never fails; a state
 * in which nobody can be crowded out succeeds in any order, and one in which somebody has no host left fails
 * in any; in between, only VMs that can get in each other's way are searched, and states that differ by equal
 * VMs are one.
 */
void stock_find(struct chooser *chooser, uint32_t host, uint64_t steps, struct stock *ret_stock);

void stock_free(struct stock *stock);

/* Marks the shapes that the verdict for a host needs. */
void stock_want(struct shapes *shapes, uint32_t host);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* search: which orders of draining a host succeed, by reasoning about who can crowd out whom. */
#ifndef PLANNER_SEARCH_H
#define PLANNER_SEARCH_H

#include "planner/chooser.h"

/* One drain: the VMs that must leave a host, each by auto-scheduling when its turn comes. */
struct search {
	struct chooser *chooser;
	const uint32_t *movers;
	uint32_t count;
	uint32_t crowd; /* how many VMs leave the host in all: these, and those that went before */
	uint32_t
		*kinds; /* movers of one kind are interchangeable: kinds[i] is the first such mover's place */
	bool *firm;     /* by mover: finds a host whatever the others do (set by search_parts) */
	uint64_t steps, limit; /* placements tried, and to try at the most */
	struct arena arena;
	uint32_t *scratch_hosts; /* count + 1 of room each */
	__int128 *scratch_needs;
	uint32_t *scratch_lists; /* FEW of room for each mover */
};

void search_create(struct search *ret_search, struct chooser *chooser, const uint32_t *movers, uint32_t count,
                   uint64_t limit);
void search_free(struct search *search);

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };

/*
 * Whether some order makes every VM of the subset find a host, resp. makes one of them find none. The subset:
 * places in movers. ret_order gets the order (for a failing one: up to the VM that fails, *ret_length of
 * them).
 */
enum answer search_good(struct search *search, const uint32_t *subset, uint32_t count, uint32_t *ret_order);
enum answer search_bad(struct search *search, const uint32_t *subset, uint32_t count, uint32_t *ret_order,
                       uint32_t *ret_length);

/* Whether a mover finds a host whatever those of the others (places, its own among them) do first. */
bool search_safe(struct search *search, uint32_t mover, const uint32_t *others, uint32_t count);

/*
 * Splits the movers into parts that cannot influence each other: ret_part[i] is the part of mover i. Returns
 * how many parts there are. Also finds movers that all others together could not bar from every host
 * (search->firm).
 */
uint32_t search_parts(struct search *search, uint32_t *ret_part);

#endif

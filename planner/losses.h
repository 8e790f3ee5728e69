/* SPDX-License-Identifier: GPL-3.0-or-later */
/* losses: which hosts may be gone together: every so many of those that count. */
#ifndef PLANNER_LOSSES_H
#define PLANNER_LOSSES_H

#include "planner/orders.h"

/* How hosts go: their VMs moved away before, or built anew elsewhere afterwards. */
enum loss { LOSS_LOCK, LOSS_FAIL };

extern const char *const *const loss_words; /* "lock", "fail" */

struct losses {
	enum loss by;
	uint32_t *hosts, host_count; /* that may go, in the file's order */
	uint32_t together;           /* so many at a time: what was asked for, or all there are */
	uint64_t set_count;          /* how many sets of so many; UINT64_MAX: that many or more */
};

/*
 * Of the cluster's unlocked hosts but those with except[host] (NULL: none), every `together`. (Of the only
 * host of a cluster nobody asks whether it can be emptied: its lock stops its VMs.) Fewer at a time
 * are part of these: what can do without a set can do without any part of it. Free with losses_free.
 */
void losses_create(struct losses *ret_losses, const struct cluster *cluster, enum loss by, uint32_t together,
                   const bool *except);
void losses_free(struct losses *losses);

/*
 * A set by its number, below set_count: the places in losses.hosts of its hosts, rising, `together` of them.
 * Sets are sorted by their first place, then by their second, and so on.
 */
void losses_set(const struct losses *losses, uint64_t number, uint32_t *ret_places);

/* From a set to the one with the next number; false: it was the last. */
bool losses_next(const struct losses *losses, uint32_t *places);

/* The number of the first set that has a place in it. */
uint64_t losses_first_with(const struct losses *losses, uint32_t place);

/* Whether the VM has to be somewhere else once the host where it is is gone. */
bool losses_must_go(enum loss by, const struct state *state, uint32_t vm);

/* Hosts that are gone together, for the time being, and the VMs on them that have to be somewhere else. */
struct gone {
	struct goal goal;
	uint32_t *movers, mover_count;
};

/* None are gone. Free with gone_free. */
void gone_create(struct gone *ret_gone, const struct cluster *cluster);
void gone_free(struct gone *gone);

/* These go, until gone_leave: none may be gone. hosts must outlive that. */
void gone_enter(struct gone *gone, enum loss by, const struct state *state, const uint32_t *hosts,
                uint32_t count);
void gone_leave(struct gone *gone);

#endif

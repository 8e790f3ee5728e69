/* SPDX-License-Identifier: GPL-3.0-or-later */
/* chooser: what auto-scheduling takes while one host is drained, fast because little else changes meanwhile.
 */
#ifndef PLANNER_CHOOSER_H
#define PLANNER_CHOOSER_H

#include "planner/shapes.h"

/*
 * Gives the same answers as schedule_best on the same state (a property test holds them side by side), but
 * looks again only at the hosts that moves have touched. One thread each.
 */
struct chooser {
	const struct shapes *shapes;
	struct state state; /* its own copy, changed through chooser_move only */
	uint32_t *touched;  /* hosts that moves have changed since chooser_begin, each once */
	uint32_t touched_count;
	uint32_t *stamps, stamp; /* stamps[host] == stamp: touched */
	bool recheck;         /* shapes are not of the present state: their lists may have too many hosts */
	uint32_t *list;       /* hosts of group members, for affinity */
	double **weights;     /* nova, by shape: a copy of ram, cpu and disk that can be patched */
	uint32_t *exceptions; /* nova: hosts weighed one by one */
	double *saved;
};

void chooser_create(struct chooser *ret_chooser, const struct shapes *shapes);
void chooser_free(struct chooser *chooser);

/* Forgets what was touched; the state must be the file's again. */
void chooser_begin(struct chooser *chooser);

/* Where auto-scheduling sends the VM now; NONE: no valid host. The VM's shape must be filled. */
uint32_t chooser_choose(struct chooser *chooser, uint32_t vm);

/* To be called when somebody else than chooser_move has changed what a host of chooser->state holds. */
void chooser_touch(struct chooser *chooser, uint32_t host);

/* Moves it there at once. Undo with state_rollback on chooser->state. */
void chooser_move(struct chooser *chooser, uint32_t vm, uint32_t target);

/*
 * Hosts that could take the VM now, in the file's order: at most `room` of them. first_pass: only those that
 * the scheduler's first pass leaves; else best-effort groups do not count. Returns how many were found.
 */
uint32_t chooser_candidates(struct chooser *chooser, uint32_t vm, bool first_pass, uint32_t *ret_hosts,
                            uint32_t room);

/* The same with best-effort groups not counting, from the first host that is not before `first`, and round.
 */
uint32_t chooser_candidates_from(struct chooser *chooser, uint32_t vm, uint32_t first, uint32_t *ret_hosts,
                                 uint32_t room);

/*
 * nova: whether the VM may ever be sent to the host in a drain of `movers` VMs in all: not when so many
 * untouched hosts are better in every term that the others cannot touch them all. Does not hold for hosts of
 * members of its affinity group, best effort or soft: these are preferred whatever they weigh. Other
 * profiles: true.
 */
bool chooser_may_prefer(struct chooser *chooser, uint32_t vm, uint32_t host, uint32_t movers);

/* Whether the VM could go to the host now, best-effort groups not counting: whether it is one of the
 * candidates. */
bool chooser_takes(struct chooser *chooser, uint32_t vm, uint32_t host);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* facts: why no sequence of moves empties hosts, each a thing that lockkeeper-verify can check
 * (docs/proofs.md). */
#ifndef PLANNER_FACTS_H
#define PLANNER_FACTS_H

#include "planner/amounts.h"
#include "planner/orders.h"

/* Where VMs can ever be, whoever else is there: made once for a cluster, for one thread. */
struct reaches {
	const struct shapes *shapes;
	const struct state *state; /* as the file describes it, when facts are looked for */
	struct state empty;        /* the same hosts without VMs */
	struct amounts amounts;
	bool *movable;      /* by VM: whether it can be moved at all from … */
	uint32_t *asked_at; /* … this host; NONE: not asked yet */
	uint32_t *assumed;  /* by VM: where it ends, for one case of many; NONE: it is open; NULL: nobody's */
	bool **domains; /* by shape: hosts that would take such a VM if they were empty; NULL: not asked yet
	                 */
};

void reaches_create(struct reaches *ret_reaches, const struct shapes *shapes, const struct state *state);
void reaches_free(struct reaches *reaches);

/* By host: whether it would take a VM of that VM's shape if it was empty, the VM's own host not left out. */
const bool *reach_domain(struct reaches *reaches, uint32_t vm);

/* Whether a VM that is somewhere can ever be on a host. Only for states in which nothing has moved. */
bool reach_may_be(struct reaches *reaches, uint32_t vm, uint32_t host);

/* The same, once the goal is reached: not on its hosts, but for VMs that a lock leaves there. */
bool reach_may_end(struct reaches *reaches, const struct goal *goal, uint32_t vm, uint32_t host);

enum fact_kind { FACT_NO_HOST, FACT_CAPACITY, FACT_COUNT, FACT_UNREACHABLE, FACT_SPLIT };

extern const char *const *const fact_words; /* in the enumeration's order */

/*
 * FACT_NO_HOST: the VM has to leave, and there is no host where it can end.
 * FACT_CAPACITY: the VMs can only end on these hosts, which do not have as much of the resource as they need.
 * FACT_COUNT: the same by number: each host takes so many of them at the most, since none can be cut in two,
 * by each resource that the first of them asks for. resource: one of these, by which the VMs were chosen.
 * FACT_UNREACHABLE: of all the placements that the VMs can reach, none has them off the goal's hosts.
 * FACT_SPLIT: wherever the VM ends (hosts[i]), there is a fact against it (cases[i]); a case may be a split.
 * The first of them names the VMs of all splits, and the hosts that all facts are about.
 */
struct fact {
	enum fact_kind kind;
	uint32_t vm;           /* FACT_NO_HOST, FACT_SPLIT */
	uint32_t *vms, *hosts; /* in order; in the arena that it was found with */
	uint32_t vm_count, host_count;
	uint32_t resource;        /* of amounts; FACT_CAPACITY, FACT_COUNT */
	double needed, available; /* in vCPUs, MiB, … */
	uint32_t states;          /* FACT_UNREACHABLE */
	const char *rule, *why;   /* for people; NULL: none */
	struct fact *cases;       /* FACT_SPLIT: as many as hosts */
	uint32_t *about, about_count;
};

/* Looks for a fact about each VM that has to leave. */
bool fact_find_no_host(struct reaches *reaches, const struct goal *goal, const uint32_t *movers,
                       uint32_t mover_count, struct arena *arena, struct fact *ret_fact);

/*
 * Looks for VMs that have too little room on all the hosts where they can end together: those hosts where one
 * of the movers can end, or any of them. What is not needed for the contradiction is left out.
 */
bool fact_find_room(struct reaches *reaches, const struct goal *goal, const uint32_t *movers,
                    uint32_t mover_count, struct arena *arena, struct fact *ret_fact);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* withstand: whether a cluster can do without any few of its hosts, and what is in the way. */
#ifndef PLANNER_WITHSTAND_H
#define PLANNER_WITHSTAND_H

#include "planner/crew.h"
#include "planner/losses.h"
#include "planner/planned.h"

enum withstood { WITHSTOOD, NOT_WITHSTOOD, WITHSTOOD_UNKNOWN };

/* Sets of hosts that were in the way elsewhere, and are looked at first. Start with zeros. */
enum { SUSPECTS_MOST = 8 };

struct suspects {
	uint64_t sets[SUSPECTS_MOST];
	uint32_t count;
};

struct withstand_worker; /* what a thread has of its own */

/* Made for one cluster, all VMs where they are to be. It must stay where it was created. */
struct withstand {
	const struct cluster *cluster;
	const struct losses *losses;
	const struct crew *crew;
	struct state state;
	struct shapes shapes;
	struct withstand_worker *workers; /* by thread */
	bool *uncovered;         /* by host: it was left out of a reserve (reserve.h); NULL: all were */
	struct packing *singles; /* by place in losses.hosts: where the VMs of that host alone can go */
};

/*
 * What is asked, and what it took. A tick is a question to the rules, about: TICKS_A_STEP of them are a step
 * of a --limit. Counted, so that answers depend on no machine.
 */
enum { TICKS_A_STEP = 64 };

struct withstand_question {
	uint64_t steps_each;       /* for one set's verdict, where a look does not do; 0: a look must do */
	uint64_t ticks_most;       /* for all of them, roughly */
	bool thorough;             /* proofs are looked for however large the cluster is */
	struct suspects *suspects; /* NULL: none */
	uint64_t ticks;            /* added to */
};

/* All must outlive it. Free with withstand_free. */
void withstand_create(struct withstand *ret_withstand, const struct cluster *cluster,
                      const struct losses *losses, const struct crew *crew);
void withstand_free(struct withstand *withstand);

/*
 * Whether each of the sets can go. By LOSS_LOCK, as planned_find says: by any safe moves of any VMs. By
 * LOSS_FAIL, as evacuate_search says: those that ran there are built anew elsewhere, all others stay.
 * NOT_WITHSTOOD, WITHSTOOD_UNKNOWN: *ret_set is one that cannot, or for which that was not decided.
 *
 * Most sets need no search. Where there are many, a reserve is looked for that will do for most. Else each VM
 * goes to the first host that takes it, or to the fullest. With two and more hosts at a time, what was found
 * for each of them alone will do where these do not meet.
 */
enum withstood withstand_all(struct withstand *withstand, struct withstand_question *question,
                             uint64_t *ret_set);

/* Why a set of hosts cannot go. */
struct hindrance {
	const uint32_t *hosts; /* the set, or of it those that are in the way whatever room there is */
	uint32_t host_count;
	const char *rule;     /* NULL: none; a VM is kept by this rule (docs/rules.md) */
	const char *resource; /* NULL: none; what is short, as certificates call it */
	const char *why;      /* for people */
	uint32_t vm;          /* NONE: not one alone */
	bool decided;         /* false: it was not decided whether it can */
	json_t *certificate;  /* LOSS_LOCK, if asked for: the caller json_free()s it; NULL: none */
};

/* How much is to be found out. */
enum explanation {
	EXPLAIN_ROUGHLY,  /* who finds no host when the most restricted VMs go first */
	EXPLAIN_CLOSELY,  /* why none could, in any order */
	EXPLAIN_CERTIFIED /* with a certificate */
};

/* Says why. Texts go into the arena. steps: for one set's verdict. */
void withstand_explain(struct withstand *withstand, uint64_t set, uint64_t steps, enum explanation how,
                       struct arena *arena, struct hindrance *ret_hindrance);

/*
 * The hosts that cannot go even alone, whatever room there is: a VM on them can end nowhere. They are what
 * --except is for. By host: ret_pinned; returns how many.
 */
uint32_t withstand_pinned(struct withstand *withstand, bool *ret_pinned);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* planned: whether any sequence of moves empties hosts: the fewest that do, or why none does. */
#ifndef PLANNER_PLANNED_H
#define PLANNER_PLANNED_H

#include "core/plan.h"
#include "planner/chooser.h"
#include "planner/facts.h"
#include "planner/judge.h"

enum planned_verdict { PLANNED_LOCKABLE, PLANNED_NOT_LOCKABLE, PLANNED_UNKNOWN };

extern const char *const *const planned_verdict_words;

struct planned {
	struct arena arena; /* owns what follows */
	enum planned_verdict verdict;
	struct order *orders; /* lockable: each legal when the ones before have ended */
	uint32_t order_count;
	uint32_t orders_least;          /* no sequence has fewer moves */
	uint32_t *broken, broken_count; /* best-effort groups that are violated more afterwards */
	struct fact fact;               /* not lockable: why */
	uint64_t steps;                 /* placements tried, for measurements */
	uint64_t cases;                 /* of a proof that was looked for, likewise */
};

/* How many placements a verdict may try a second of --limit: a count, as for stock verdicts. */
enum { PLANNED_STEPS_PER_SECOND = 100000 };

/*
 * The verdict for hosts to be emptied together. The chooser's state must be the file's, the shapes of the
 * hosts' VMs filled, and reaches made for that state; all are as before afterwards. judge: says what a move
 * sends, of plans that differ in nothing else; NULL: as much as the guest uses. later: by host, it will be
 * emptied itself later on, so that VMs had better go elsewhere; NULL: none will. Free with planned_free.
 *
 * Moves that need no room made are looked for first: there can be no fewer than one for each VM that must
 * leave. Then small clusters are searched exactly. In larger ones room is made by moving others away, and
 * shortages are looked for.
 */
void planned_find(struct chooser *chooser, struct reaches *reaches, const uint32_t *hosts, uint32_t count,
                  const struct judge *judge, const bool *later, uint64_t steps, struct planned *ret_planned);

/*
 * The same without a judge, when moves are wanted: why there are none is not looked for beyond what is seen
 * at once; PLANNED_UNKNOWN then.
 */
void planned_try(struct chooser *chooser, struct reaches *reaches, const uint32_t *hosts, uint32_t count,
                 uint64_t steps, struct planned *ret_planned);

void planned_free(struct planned *planned);

/*
 * The plan of a lockable verdict, with what each move has to wait for (arrange.h). state and amounts: those
 * that it was found for. hosts and the cluster must outlive the plan, the verdict too. Free with plan_free.
 */
void planned_plan(const struct planned *planned, const struct state *state, const struct amounts *amounts,
                  const uint32_t *hosts, uint32_t count, struct plan *ret_plan);

#endif

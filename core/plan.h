/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan: an ordered set of migrations (lockkeeper.plan/1), as it is planned, written, approved and carried
 * out. */
#ifndef CORE_PLAN_H
#define CORE_PLAN_H

#include "core/cluster.h"

/* Why a VM moves. */
enum plan_why { PLAN_EVACUATE, PLAN_MAKE_ROOM, PLAN_BYPASS, PLAN_RETURN };

extern const char *const *const plan_why_words;

/* What a move is predicted to do, over many runs: 10th, 50th and 90th percentile. */
struct plan_predicted {
	double start_s; /* median */
	double duration_s[3], downtime_ms[3];
	double bytes;     /* median */
	double completes; /* in what share of the runs; the others count for nothing else */
};

/* What a move does when nobody shares its links: what schedules are made of. */
struct plan_alone {
	double setup_s;              /* before anything is sent */
	double duration_s;           /* set-up included; INFINITY: it would not complete */
	double wire_bytes;           /* what the links carry meanwhile */
	double wire_bytes_s;         /* the most that it can use of a link */
	double again;                /* of its memory's bytes, the share that is sent again: [0, 1) */
	double bytes;                /* as a prediction counts them */
	double least_s, least_bytes; /* duration_s and wire_bytes, or less where post-copy may cut it short */
};

struct plan_move {
	int64_t id; /* as its file has it, where plan.own_ids says so */
	uint32_t vm, from, to;
	uint32_t stage; /* of a rolling plan; else 0 */
	uint8_t method; /* METHOD_LIVE, METHOD_COLD (core/rules.h) */
	uint8_t why;    /* enum plan_why */
	/* It starts when all of these have ended: indexes of moves before it. The whole truth of the order.
	 */
	uint32_t *after;
	uint32_t after_count;
	/*
	 * What a live migration reserves on each link that it crosses, on the wire: it starts when that much
	 * is left there, or when nobody else reserves anything. 0: nothing. A slower link is reserved whole.
	 * This is for speed alone: any order is safe.
	 */
	double reserve_mbit_s;
	struct plan_predicted predicted;
};

/* Hosts that are locked together and unlocked again before the next stage. */
struct plan_stage {
	uint32_t *hosts, count;
	struct plan_stage *next;
};

/* Where a VM is to be in the end. */
struct plan_place {
	uint32_t vm, host;
};

/* Everything lives in the arena. */
struct plan {
	struct arena arena;
	enum profile profile;
	const char *digest; /* of the cluster that it is for */
	const uint32_t *goal;
	uint32_t goal_count;             /* hosts to be locked */
	const struct plan_place *places; /* the goal, too */
	uint32_t place_count;
	struct plan_move *moves;
	uint32_t move_count;
	bool own_ids;         /* the moves' ids are those of a file; else 1, 2, … in their order */
	uint32_t moves_least; /* no plan has fewer */
	/* of a rolling plan; else parallel_most is 0 */
	struct plan_stage *stages, *stages_last;
	uint32_t stage_count, stages_least, parallel_most; /* stages_least: no rolling plan has fewer */
	uint32_t *broken, broken_count; /* best-effort groups that are violated more afterwards */
	bool predicted;                 /* the moves' predictions, and the makespan, are filled in */
	double makespan_s[3];
	double makespan_least_s; /* no plan for this goal ends sooner, by the model's expectation */
	int64_t expires_unix_s;  /* nothing of it may start from then on; 0: never */
};

void plan_free(struct plan *plan);

/* What a move reserves of each link that it crosses, in bytes/s on the wire. */
int64_t plan_reserve_bytes_s(const struct plan_move *move);

/* The id by which documents and messages know a move. */
int64_t plan_move_id(const struct plan *plan, uint32_t move);

/* The plan as a document. The caller json_free()s it. */
json_t *plan_json(const struct plan *plan, const struct cluster *cluster);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/pace.h"

#include "core/indexes.h"
#include "core/rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A plan that ends so near to its lower bound is not made better: luck makes more of a difference. */
static const double NEAR_ENOUGH = 1.01;

/* In one run alone, guests that hardly converge may be lucky. Among many moves luck evens out. */
enum { RUNS = 3, MOVES_MANY = 1000 };

/* Who sends no more than this share again need not be alone on a link. */
static const double AGAIN_LEAST = 0.03;

/* Less than half of a link: two of them leave something. */
static const double HALF = 0.49;

/* Longer than any plan. */
static const double LONGEST_S = 1e9;

/* Which moves go first: those that others wait for longest, after (or before) the greedy. */
enum order_by { BY_TAIL, GREEDY_FIRST, GREEDY_LAST, SHORT_FIRST, ORDERS };

/* One way to pace the moves from one source. */
struct way {
	double parts;    /* so many share a link, … */
	uint32_t greedy; /* … but of those that send much again so many eighths get it alone … */
	uint32_t beside; /* … or with so many others beside */
	enum order_by by;
};

static const struct way FIRST_WAY = { 2, 0, 0, BY_TAIL };

enum { EIGHTHS = 8, BESIDE_MOST = 2 };

/* What comes of it for one move. The highest keys go first. */
struct setting {
	double key, reserve_mbit_s;
};

/* The moves from one host (in one stage of a rolling plan). */
struct source {
	struct way way, best;      /* being tried; the best so far */
	double end_s, best_s;      /* when the last of its moves ends, after the stages before */
	bool better;               /* than ever, in this try */
	double above[EIGHTHS + 1]; /* who sends more than this share again is among so many eighths */
};

struct paces {
	struct plan *plan;
	const struct judge *judge;
	struct plan_move *moves;  /* as the plan was */
	struct plan_alone *alone; /* by move as the plan was, as is what follows */
	double *speed;            /* of the slowest link on its way, bytes/s */
	double *again;            /* scratch */
	double *tail_s;           /* from its start to the end of the last that waits for it */
	uint32_t *source_of;
	struct setting *now, *best, *kept; /* being tried; the best for its source; those of best_s */
	uint32_t *order, *place;           /* the moves in their new order; where each is in it */
	uint32_t *after;                   /* room for what the plan's moves wait for */
	double *ends_s;                    /* by place: when it ends */
	struct source *sources;
	uint32_t source_count;
	bool some_greedy; /* some send much again */
	uint64_t left;    /* migrations that may still be simulated */
	double best_s;    /* the least makespan so far */
};

/* ------------------------------------------------------------------ what moves are like */

static void find_alone(struct paces *of, const struct network *network)
{
	uint32_t *path = MEMORY_ARRAY(uint32_t, network->path_most);

	for (uint32_t i = of->plan->move_count; i-- > 0;) {
		const struct plan_move *move = &of->moves[i];
		uint32_t links = network_path(network, move->from, move->to, path);
		struct plan_alone *alone = &of->alone[i];

		of->speed[i] = network_slowest_bytes_s(network, path, links);
		of->judge->alone(of->judge->context, move->vm, move->method, of->speed[i], 1, alone);
		of->tail_s[i] += isfinite(alone->duration_s) ? alone->duration_s : alone->least_s;
		for (uint32_t j = 0; j < move->after_count; j++) {
			if (of->moves[move->after[j]].stage == move->stage)
				of->tail_s[move->after[j]] = fmax(of->tail_s[move->after[j]], of->tail_s[i]);
		}
	}
	free(path);
}

static void find_sources(struct paces *of, uint32_t host_count)
{
	/* By host: its source, and one more, in the stage of … */
	uint32_t *number = MEMORY_ARRAY(uint32_t, host_count), *stage = MEMORY_ARRAY(uint32_t, host_count);

	for (uint32_t i = 0; i < of->plan->move_count; i++) {
		const struct plan_move *move = &of->moves[i];

		if (number[move->from] == 0 || stage[move->from] != move->stage) {
			of->sources[of->source_count] = (struct source){ .way = FIRST_WAY,
				                                         .best_s = INFINITY };
			number[move->from] = ++of->source_count;
			stage[move->from] = move->stage;
		}
		of->source_of[i] = number[move->from] - 1;
	}
	free(number);
	free(stage);
}

static int compare_numbers(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Where the line may be drawn between the greedy of a source and its others. */
static void find_greedy(struct paces *of, uint32_t source)
{
	double *above = of->sources[source].above, *again = of->again;
	uint32_t count = 0;

	for (uint32_t i = 0; i < of->plan->move_count; i++) {
		if (of->source_of[i] == source && of->alone[i].again > AGAIN_LEAST)
			again[count++] = of->alone[i].again;
	}
	qsort(again, count, sizeof(again[0]), compare_numbers);
	of->some_greedy |= count > 0;
	above[0] = 1;
	for (uint32_t i = 1; i <= EIGHTHS; i++) {
		uint32_t chosen = (count * i + EIGHTHS - 1) / EIGHTHS; /* one at the least, if there is one */

		above[i] = chosen > 0 ? nextafter(again[count - chosen], 0) : 1;
	}
}

/* ------------------------------------------------------------------ one try */

/* A move and its key; a stage's moves stay together. */
struct ranked {
	double key;
	uint32_t stage, move;
};

static int compare_ranks(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->stage != y->stage)
		return x->stage < y->stage ? -1 : 1;
	if (x->key != y->key)
		return x->key > y->key ? -1 : 1;
	return x->move < y->move ? -1 : 1;
}

/* Highest keys first, but none before those that it waits for. */
static void put_in_order(struct paces *of)
{
	struct plan *plan = of->plan;
	struct ranked *ranked = MEMORY_ARRAY(struct ranked, plan->move_count);
	uint32_t *after = of->after;

	for (uint32_t i = 0; i < plan->move_count; i++) {
		const struct plan_move *move = &of->moves[i];

		ranked[i] = (struct ranked){ of->now[i].key, move->stage, i };
		for (uint32_t j = 0; j < move->after_count; j++) {
			if (of->moves[move->after[j]].stage == move->stage)
				ranked[i].key = fmin(ranked[i].key, ranked[move->after[j]].key);
		}
	}
	qsort(ranked, plan->move_count, sizeof(ranked[0]), compare_ranks);
	for (uint32_t i = 0; i < plan->move_count; i++) {
		of->order[i] = ranked[i].move;
		of->place[ranked[i].move] = i;
	}
	for (uint32_t i = 0; i < plan->move_count; i++) {
		const struct plan_move *move = &of->moves[of->order[i]];

		plan->moves[i] = *move;
		plan->moves[i].reserve_mbit_s = of->now[of->order[i]].reserve_mbit_s;
		plan->moves[i].after = after;
		for (uint32_t j = 0; j < move->after_count; j++)
			*after++ = of->place[move->after[j]];
		if (move->after_count > 1)
			indexes_sort(plan->moves[i].after, move->after_count);
	}
	free(ranked);
}

/* What each source's way means for its moves. */
static void set_by_ways(struct paces *of)
{
	for (uint32_t i = 0; i < of->plan->move_count; i++) {
		const struct plan_alone *alone = &of->alone[i];
		const struct way *way = &of->sources[of->source_of[i]].way;
		double part = fmin(1 / way->parts, way->beside > 0 ? HALF : 1);
		bool greedy = alone->again > of->sources[of->source_of[i]].above[way->greedy];
		double share = greedy ? 1 - fmin(part * way->beside, HALF) : part;

		of->now[i] = (struct setting){ .key = of->tail_s[i] };
		if (of->moves[i].method == METHOD_LIVE)
			of->now[i].reserve_mbit_s = fmin(of->speed[i] * share, alone->wire_bytes_s) /
			                            BYTES_PER_MBIT;
		if (way->by == SHORT_FIRST)
			of->now[i].key = -of->tail_s[i];
		if (way->by == GREEDY_FIRST || way->by == GREEDY_LAST)
			of->now[i].key += greedy == (way->by == GREEDY_FIRST) ? LONGEST_S : 0;
	}
}

/* When the last of each source's moves ended, counted from the end of the stage before. */
static void find_ends(struct paces *of)
{
	double begin_s = 0, end_s = 0;
	uint32_t stage = 0;

	for (uint32_t i = 0; i < of->source_count; i++)
		of->sources[i].end_s = 0;
	for (uint32_t i = 0; i < of->plan->move_count; i++) {
		struct source *source = &of->sources[of->source_of[of->order[i]]];

		if (of->plan->moves[i].stage != stage)
			begin_s = end_s;
		stage = of->plan->moves[i].stage;
		end_s = fmax(end_s, of->ends_s[i]);
		source->end_s = fmax(source->end_s, of->ends_s[i] - begin_s);
	}
}

/* Carries the plan out as it is set now, and keeps what is the best so far, for a source and for all. */
static void try_settings(struct paces *of)
{
	uint32_t count = of->plan->move_count, runs = count < MOVES_MANY ? RUNS : 1;
	double makespan_s;

	if (of->left < (uint64_t)runs * count || of->best_s <= of->plan->makespan_least_s * NEAR_ENOUGH)
		return;
	of->left -= (uint64_t)runs * count;
	put_in_order(of);
	makespan_s = of->judge->run(of->judge->context, of->plan, runs, of->ends_s);
	find_ends(of);
	for (uint32_t i = 0; i < of->source_count; i++) {
		struct source *source = &of->sources[i];

		source->better = source->end_s < source->best_s;
		if (!source->better)
			continue;
		source->best_s = source->end_s;
		source->best = source->way;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (of->sources[of->source_of[i]].better)
			of->best[i] = of->now[i];
	}
	if (makespan_s >= of->best_s)
		return;
	of->best_s = makespan_s;
	memcpy(of->kept, of->now, sizeof(of->kept[0]) * count);
}

/* ------------------------------------------------------------------ the search */

static void try_for_all(struct paces *of, struct way way)
{
	for (uint32_t i = 0; i < of->source_count; i++)
		of->sources[i].way = way;
	set_by_ways(of);
	try_settings(of);
}

/* Each source as it was best for it, when others went in other ways: so it is tried. */
static void try_best(struct paces *of)
{
	memcpy(of->now, of->best, sizeof(of->now[0]) * of->plan->move_count);
	try_settings(of);
}

static void try_orders(struct paces *of)
{
	for (int by = BY_TAIL + 1; by < ORDERS; by++) {
		for (uint32_t i = 0; i < of->source_count; i++) {
			of->sources[i].way = of->sources[i].best;
			of->sources[i].way.by = (enum order_by)by;
		}
		set_by_ways(of);
		try_settings(of);
	}
}

static void search(struct paces *of)
{
	static const double parts[] = { 2, 1, 3, 4, 6 };
	enum { PARTS = sizeof(parts) / sizeof(parts[0]) };
	static const uint32_t greedy[] = { 4, 2, 6, 8, 1 };

	for (int i = 0; i < PARTS; i++)
		try_for_all(of, (struct way){ parts[i], 0, 0, BY_TAIL });
	for (size_t i = 0; i < sizeof(greedy) / sizeof(greedy[0]) && of->some_greedy; i++) {
		for (int j = 0; j < PARTS; j++) {
			for (uint32_t beside = 0; beside <= BESIDE_MOST; beside++)
				try_for_all(of, (struct way){ parts[j], greedy[i], beside, BY_TAIL });
		}
	}
	try_best(of);
	try_orders(of);
	try_best(of);
}

static void paces_create(struct paces *of, struct plan *plan, const struct judge *judge)
{
	uint32_t count = plan->move_count, waits = 0;

	*of = (struct paces){ .plan = plan, .judge = judge, .best_s = INFINITY };
	of->moves = MEMORY_ARRAY(struct plan_move, count);
	memcpy(of->moves, plan->moves, sizeof(of->moves[0]) * count);
	for (uint32_t i = 0; i < count; i++)
		waits += of->moves[i].after_count;
	of->after = ARENA_ARRAY(&plan->arena, uint32_t, waits);
	of->alone = MEMORY_ARRAY(struct plan_alone, count);
	of->speed = MEMORY_ARRAY(double, count);
	of->again = MEMORY_ARRAY(double, count);
	of->tail_s = MEMORY_ARRAY(double, count);
	of->now = MEMORY_ARRAY(struct setting, count);
	of->best = MEMORY_ARRAY(struct setting, count);
	of->kept = MEMORY_ARRAY(struct setting, count);
	of->ends_s = MEMORY_ARRAY(double, count);
	of->source_of = MEMORY_ARRAY(uint32_t, count);
	of->order = MEMORY_ARRAY(uint32_t, count);
	of->place = MEMORY_ARRAY(uint32_t, count);
	of->sources = MEMORY_ARRAY(struct source, count);
}

static void paces_free(struct paces *of)
{
	free(of->moves);
	free(of->alone);
	free(of->speed);
	free(of->again);
	free(of->tail_s);
	free(of->now);
	free(of->best);
	free(of->kept);
	free(of->ends_s);
	free(of->source_of);
	free(of->order);
	free(of->place);
	free(of->sources);
}

void pace(struct plan *plan, const struct network *network, const struct judge *judge,
          uint64_t migrations_most)
{
	struct paces of;

	if (plan->move_count == 0)
		return;
	paces_create(&of, plan, judge);
	of.left = migrations_most;
	find_sources(&of, network->cluster->host_count);
	find_alone(&of, network);
	for (uint32_t i = 0; i < of.source_count; i++)
		find_greedy(&of, i);
	set_by_ways(&of);
	memcpy(of.kept, of.now, sizeof(of.kept[0]) * plan->move_count);
	memcpy(of.best, of.now, sizeof(of.best[0]) * plan->move_count);
	search(&of);
	memcpy(of.now, of.kept, sizeof(of.now[0]) * plan->move_count);
	put_in_order(&of);
	paces_free(&of);
}

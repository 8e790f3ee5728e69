/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/withstand.h"

#include "core/indexes.h"
#include "core/must.h"
#include "planner/evacuate.h"
#include "planner/reserve.h"

#include <stdlib.h>
#include <string.h>

/* Sets looked at before what was found is read: few at first; and hosts among which the fullest is taken. */
enum { BLOCK_FIRST = 8, BLOCK = 1024, CANDIDATES_MOST = 64 };

/* Hosts times VMs; and how many sets make a reserve worth its while. */
enum { SMALL_MOST = 2000, RESERVE_FROM = 500 };

/* Pairs of a host and a VM that a proof compares in a tick. */
enum { TICKS_PAIRS = 2 };

/* Where the VMs of one host can go, each by one move. */
struct packing {
	uint32_t *targets, count; /* in order, each once */
	bool found;
};

struct withstand_worker {
	struct chooser chooser;
	struct reaches reaches; /* made when first needed */
	bool reaching;
	struct gone gone; /* the set that is looked at */
	struct mover *sorted;
	uint32_t *candidates, *targets;
};

/* What one piece of work came to. */
struct proof {
	enum withstood answer;
	uint64_t ticks;
};

/* What the crew works on. */
struct round {
	struct withstand *withstand;
	const struct withstand_question *question;
	const uint32_t *places; /* sets, one after another */
	struct proof *proofs;
	bool thorough;
};

/* ------------------------------------------------------------------ making it */

static void fill_shape(void *context, uint32_t index, unsigned thread)
{
	struct withstand *withstand = context;

	(void)thread;
	withstand->shapes.shapes[index].wanted = true;
	shapes_fill(&withstand->shapes, index);
}

static void make_worker(void *context, uint32_t index, unsigned thread)
{
	struct withstand *withstand = context;
	struct withstand_worker *worker = &withstand->workers[index];
	uint32_t vm_count = withstand->cluster->vm_count;

	(void)thread;
	chooser_create(&worker->chooser, &withstand->shapes);
	gone_create(&worker->gone, withstand->cluster);
	worker->targets = MEMORY_ARRAY(uint32_t, vm_count);
	worker->sorted = MEMORY_ARRAY(struct mover, vm_count);
	worker->candidates = MEMORY_ARRAY(uint32_t, CANDIDATES_MOST + withstand->losses->together);
}

void withstand_create(struct withstand *ret_withstand, const struct cluster *cluster,
                      const struct losses *losses, const struct crew *crew)
{
	struct withstand *withstand = ret_withstand;

	*withstand = (struct withstand){ .cluster = cluster, .losses = losses, .crew = crew };
	state_create(&withstand->state, cluster);
	shapes_create(&withstand->shapes, &withstand->state);
	withstand->shapes.unweighed = true;
	crew_run(crew, withstand->shapes.count, fill_shape, withstand);
	withstand->workers = MEMORY_ARRAY(struct withstand_worker, crew->threads);
	crew_run(crew, crew->threads, make_worker, withstand);
	withstand->singles = MEMORY_ARRAY(struct packing, losses->host_count);
}

void withstand_free(struct withstand *withstand)
{
	for (unsigned i = 0; withstand->workers && i < withstand->crew->threads; i++) {
		struct withstand_worker *worker = &withstand->workers[i];

		chooser_free(&worker->chooser);
		if (worker->reaching)
			reaches_free(&worker->reaches);
		gone_free(&worker->gone);
		free(worker->targets);
		free(worker->sorted);
		free(worker->candidates);
	}
	free(withstand->workers);
	for (uint32_t i = 0; withstand->singles && i < withstand->losses->host_count; i++)
		free(withstand->singles[i].targets);
	free(withstand->singles);
	free(withstand->uncovered);
	shapes_free(&withstand->shapes);
	state_free(&withstand->state);
	*withstand = (struct withstand){ 0 };
}

static struct reaches *reaches_of(struct withstand *withstand, struct withstand_worker *worker)
{
	if (!worker->reaching)
		reaches_create(&worker->reaches, &withstand->shapes, &withstand->state);
	worker->reaching = true;
	return &worker->reaches;
}

/* ------------------------------------------------------------------ one set: a look */

/* Memory that a host has left, in MiB times the ratio. */
static __int128 room_left(const struct state *state, uint32_t host)
{
	const struct host *of = &state->cluster->hosts[host];

	return (__int128)(of->memory_mib - of->reserved_memory_mib) * of->memory_ratio -
	       (__int128)state->uses[host].memory_mib * RATIO_ONE;
}

/* A host that takes the VM now; tight: the fullest of some, else the next one in the file. NONE: there is
 * none.
 */
static uint32_t find_target(struct withstand_worker *worker, uint32_t vm, bool tight, uint64_t *ticks)
{
	struct chooser *chooser = &worker->chooser;
	uint32_t room = worker->gone.goal.host_count + (tight ? CANDIDATES_MOST : 1), best = NONE;
	uint32_t count = chooser_candidates_from(chooser, vm, tight ? 0 : chooser->state.vm_host[vm],
	                                         worker->candidates, room);

	/* Who asks for fewer than there are looks through the whole list. */
	*ticks += count < room ? chooser->shapes->shapes[chooser->shapes->of_vm[vm]].count + 1 : count;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t host = worker->candidates[i];

		if (worker->gone.goal.wanted[host] || (best != NONE && !tight))
			continue;
		if (best == NONE || room_left(&chooser->state, host) < room_left(&chooser->state, best))
			best = host;
	}
	return best;
}

/* One move for each that has to go, none of them to make room. worker->targets: where each goes. */
static bool pack(struct withstand_worker *worker, bool tight, uint64_t *ticks)
{
	struct chooser *chooser = &worker->chooser;
	uint32_t mark, done = 0;

	chooser_begin(chooser);
	mark = state_mark(&chooser->state);
	for (; done < worker->gone.mover_count; done++) {
		uint32_t vm = worker->sorted[done].vm, host = find_target(worker, vm, tight, ticks);

		if (host == NONE)
			break;
		worker->targets[done] = host;
		chooser_move(chooser, vm, host);
	}
	state_rollback(&chooser->state, mark);
	chooser_begin(chooser);
	return done == worker->gone.mover_count;
}

/* ------------------------------------------------------------------ one set: its verdict */

/* A lock: VMs that nobody moves are in the way whatever happens. */
static bool is_hopeless(const struct withstand *withstand, const struct withstand_worker *worker)
{
	for (uint32_t i = 0; i < worker->gone.mover_count && withstand->losses->by == LOSS_LOCK; i++) {
		if (order_method(&withstand->state, worker->gone.movers[i]) == METHOD_NONE)
			return true;
	}
	return false;
}

static uint64_t pairs_of(const struct withstand *withstand)
{
	return (uint64_t)withstand->cluster->host_count * withstand->cluster->vm_count;
}

/* Small enough that planned_find walks through placements. */
static bool is_small(const struct withstand *withstand)
{
	return pairs_of(withstand) <= SMALL_MOST;
}

/* By any moves; thorough: else by a proof that there are none. */
static enum withstood search_plan(struct withstand *withstand, struct withstand_worker *worker,
                                  uint64_t steps, bool thorough, uint64_t *ticks)
{
	static const enum withstood answers[] = { [PLANNED_LOCKABLE] = WITHSTOOD,
		                                  [PLANNED_NOT_LOCKABLE] = NOT_WITHSTOOD,
		                                  [PLANNED_UNKNOWN] = WITHSTOOD_UNKNOWN };
	struct reaches *reaches = reaches_of(withstand, worker);
	const struct goal *goal = &worker->gone.goal;
	struct planned planned;
	enum withstood answer;

	if (thorough)
		planned_find(&worker->chooser, reaches, goal->hosts, goal->host_count, NULL, NULL, steps,
		             &planned);
	else
		planned_try(&worker->chooser, reaches, goal->hosts, goal->host_count, steps, &planned);
	answer = answers[planned.verdict];
	/* In a large cluster a step is little more than a question to the rules; before, each VM that goes is
	 * compared with each host; and for a case each of them with all that are anywhere. */
	*ticks += planned.steps * (is_small(withstand) ? TICKS_A_STEP : 2) +
	          (uint64_t)worker->gone.mover_count * withstand->cluster->host_count / 4 +
	          (planned.cases + is_small(withstand)) * worker->gone.mover_count * pairs_of(withstand) /
	                  TICKS_PAIRS;
	planned_free(&planned);
	return answer;
}

static enum withstood search_evacuation(struct withstand *withstand, struct withstand_worker *worker,
                                        uint64_t steps, uint64_t *ticks)
{
	static const enum withstood answers[] = { [EVACUATION_FOUND] = WITHSTOOD,
		                                  [EVACUATION_NONE] = NOT_WITHSTOOD,
		                                  [EVACUATION_UNKNOWN] = WITHSTOOD_UNKNOWN };
	uint64_t asked;
	enum evacuation answer = evacuate_search(&worker->chooser.state, &withstand->shapes,
	                                         worker->gone.goal.wanted, worker->gone.movers,
	                                         worker->gone.mover_count, steps * TICKS_A_STEP, &asked);

	*ticks += asked;
	return answers[answer];
}

/* The verdict on the set that the worker is to look at; *ret_packed: worker->targets are where all go. */
static enum withstood decide(struct withstand *withstand, struct withstand_worker *worker, uint64_t steps,
                             bool thorough, bool *ret_packed, uint64_t *ticks)
{
	*ticks += worker->gone.mover_count + 1;
	*ret_packed = false;
	if (is_hopeless(withstand, worker))
		return NOT_WITHSTOOD;
	movers_by_shape(&withstand->shapes, worker->gone.movers, worker->gone.mover_count, worker->sorted);
	*ret_packed = pack(worker, false, ticks) || pack(worker, true, ticks);
	if (*ret_packed || steps == 0)
		return *ret_packed ? WITHSTOOD : WITHSTOOD_UNKNOWN;
	return withstand->losses->by == LOSS_LOCK ? search_plan(withstand, worker, steps, thorough, ticks)
	                                          : search_evacuation(withstand, worker, steps, ticks);
}

/* Each host alone, and where its VMs go. */
static void look_at_single(void *context, uint32_t index, unsigned thread)
{
	struct round *round = context;
	struct withstand *withstand = round->withstand;
	struct withstand_worker *worker = &withstand->workers[thread];
	struct packing *packing = &withstand->singles[index];
	struct proof *proof = &round->proofs[index];
	bool packed;

	gone_enter(&worker->gone, withstand->losses->by, &withstand->state, &withstand->losses->hosts[index],
	           1);
	proof->answer = decide(withstand, worker, round->question->steps_each, round->thorough, &packed,
	                       &proof->ticks);
	packing->found = packed;
	if (packed) {
		packing->targets = MEMORY_ARRAY(uint32_t, worker->gone.mover_count);
		if (worker->gone.mover_count > 0)
			memcpy(packing->targets, worker->targets,
			       sizeof(uint32_t) * worker->gone.mover_count);
		packing->count = indexes_sort_once(packing->targets, worker->gone.mover_count);
	}
	gone_leave(&worker->gone);
}

static bool has(const struct packing *packing, uint32_t host)
{
	return packing->count > 0 &&
	       bsearch(&host, packing->targets, packing->count, sizeof(host), index_compare) != NULL;
}

/* Whether what was found for two hosts alone can be done for both: neither goes where the other does, or is.
 */
static bool do_not_meet(const struct withstand *withstand, uint32_t a, uint32_t b)
{
	const struct packing *x = &withstand->singles[a], *y = &withstand->singles[b];
	uint32_t i = 0, j = 0;

	if (!x->found || !y->found || has(x, withstand->losses->hosts[b]) ||
	    has(y, withstand->losses->hosts[a]))
		return false;
	while (i < x->count && j < y->count) {
		if (x->targets[i] == y->targets[j])
			return false;
		if (x->targets[i] < y->targets[j])
			i++;
		else
			j++;
	}
	return true;
}

/* Whether a reserve is there for all of a set. */
static bool is_covered(const struct withstand *withstand, const uint32_t *places)
{
	bool covered = withstand->uncovered != NULL;

	for (uint32_t i = 0; i < withstand->losses->together && covered; i++)
		covered = !withstand->uncovered[withstand->losses->hosts[places[i]]];
	return covered;
}

static bool none_meet(const struct withstand *withstand, const uint32_t *places)
{
	uint32_t together = withstand->losses->together;

	if (together < 2)
		return false;
	for (uint32_t i = 0; i < together; i++) {
		for (uint32_t j = i + 1; j < together; j++) {
			if (!do_not_meet(withstand, places[i], places[j]))
				return false;
		}
	}
	return true;
}

static void look_at_set(void *context, uint32_t index, unsigned thread)
{
	struct round *round = context;
	struct withstand *withstand = round->withstand;
	struct withstand_worker *worker = &withstand->workers[thread];
	uint32_t together = withstand->losses->together, *hosts;
	const uint32_t *places = &round->places[(size_t)index * together];
	struct proof *proof = &round->proofs[index];
	bool packed;

	*proof = (struct proof){ WITHSTOOD, 1 };
	if (is_covered(withstand, places) || none_meet(withstand, places))
		return;
	hosts = MEMORY_ARRAY(uint32_t, together);
	for (uint32_t i = 0; i < together; i++)
		hosts[i] = withstand->losses->hosts[places[i]];
	gone_enter(&worker->gone, withstand->losses->by, &withstand->state, hosts, together);
	proof->answer = decide(withstand, worker, round->question->steps_each, round->thorough, &packed,
	                       &proof->ticks);
	gone_leave(&worker->gone);
	free(hosts);
}

/* ------------------------------------------------------------------ all sets */

/* The first that cannot, else the first of which it is not known; WITHSTOOD: all can. */
static enum withstood read_proofs(struct withstand_question *question, const struct proof *proofs,
                                  uint32_t count, uint32_t *ret_index)
{
	enum withstood answer = WITHSTOOD;

	for (uint32_t i = 0; i < count; i++) {
		question->ticks += proofs[i].ticks;
		if (answer == NOT_WITHSTOOD || proofs[i].answer == WITHSTOOD || proofs[i].answer == answer)
			continue;
		answer = proofs[i].answer;
		*ret_index = i;
	}
	return answer;
}

/* Looks at all of them; what is not known then, one after another, once more and thoroughly if that is asked
 * for, until one cannot. */
static enum withstood look(struct round *round, struct withstand_question *question, uint32_t count,
                           crew_work work, uint32_t *ret_index)
{
	enum withstood answer;

	round->thorough = false;
	crew_run(round->withstand->crew, count, work, round);
	answer = read_proofs(question, round->proofs, count, ret_index);
	if (answer != WITHSTOOD_UNKNOWN || !question->thorough)
		return answer;
	round->thorough = true;
	answer = WITHSTOOD;
	for (uint32_t i = 0; i < count && answer != NOT_WITHSTOOD; i++) {
		if (round->proofs[i].answer != WITHSTOOD_UNKNOWN)
			continue;
		round->proofs[i].ticks = 0;
		work(round, i, 0);
		question->ticks += round->proofs[i].ticks;
		if (round->proofs[i].answer == WITHSTOOD)
			continue;
		if (answer == WITHSTOOD || round->proofs[i].answer == NOT_WITHSTOOD)
			*ret_index = i;
		answer = round->proofs[i].answer;
		if (question->ticks > question->ticks_most)
			break;
	}
	return answer;
}

static enum withstood look_at_singles(struct withstand *withstand, struct withstand_question *question,
                                      uint64_t *ret_set)
{
	uint32_t count = withstand->losses->host_count, index = 0;
	struct proof *proofs = MEMORY_ARRAY(struct proof, count);
	struct round round = { .withstand = withstand, .question = question, .proofs = proofs };
	enum withstood answer = look(&round, question, count, look_at_single, &index);

	*ret_set = answer == WITHSTOOD ? 0 : losses_first_with(withstand->losses, index);
	free(proofs);
	return answer;
}

static void suspect(struct suspects *suspects, uint64_t set)
{
	if (!suspects)
		return;
	for (uint32_t i = 0; i < suspects->count; i++) {
		if (suspects->sets[i] == set)
			return;
	}
	/* The oldest makes way. */
	if (suspects->count == SUSPECTS_MOST)
		memmove(suspects->sets, suspects->sets + 1, sizeof(uint64_t) * --suspects->count);
	suspects->sets[suspects->count++] = set;
}

static enum withstood look_at_suspects(struct round *round, struct withstand_question *question,
                                       uint64_t *ret_set)
{
	const struct losses *losses = round->withstand->losses;
	const struct suspects *suspects = question->suspects;
	uint32_t *places = MEMORY_ARRAY(uint32_t, SUSPECTS_MOST * (size_t)losses->together), index = 0;
	enum withstood answer = WITHSTOOD;

	for (uint32_t i = 0; suspects && i < suspects->count; i++)
		losses_set(losses, suspects->sets[i], &places[(size_t)i * losses->together]);
	if (suspects && suspects->count > 0) {
		round->places = places;
		answer = look(round, question, suspects->count, look_at_set, &index);
		if (answer != WITHSTOOD)
			*ret_set = suspects->sets[index];
	}
	free(places);
	return answer;
}

/* Block by block, so that how much is done does not depend on how many do it. */
static enum withstood look_at_sets(struct round *round, struct withstand_question *question,
                                   uint64_t *ret_set)
{
	const struct losses *losses = round->withstand->losses;
	uint32_t *places = MEMORY_ARRAY(uint32_t, BLOCK * (size_t)losses->together), index = 0;
	uint32_t *next = MEMORY_ARRAY(uint32_t, losses->together), block = BLOCK_FIRST;
	enum withstood answer = WITHSTOOD;
	bool more = true;

	losses_set(losses, 0, next);
	round->places = places;
	for (uint64_t first = 0; more && answer == WITHSTOOD;) {
		uint32_t count = 0;

		if (question->ticks > question->ticks_most) {
			answer = WITHSTOOD_UNKNOWN;
			*ret_set = first;
			break;
		}
		for (; more && count < block; more = losses_next(losses, next))
			memcpy(&places[(size_t)count++ * losses->together], next,
			       sizeof(uint32_t) * losses->together);
		answer = look(round, question, count, look_at_set, &index);
		if (answer != WITHSTOOD)
			*ret_set = first + index;
		first += count;
		block = block < BLOCK ? 2 * block : BLOCK;
	}
	free(places);
	free(next);
	return answer;
}

/* Hosts for whose VMs room can be kept, whichever of them go. Returns whether these are all. */
static bool cover(struct withstand *withstand, struct withstand_question *question)
{
	const struct losses *losses = withstand->losses;
	struct reserve reserve;
	bool all;

	if (losses->set_count < RESERVE_FROM)
		return false;
	reserve_create(&reserve, &withstand->state, &withstand->shapes,
	               reaches_of(withstand, &withstand->workers[0]), losses);
	withstand->uncovered = MEMORY_ARRAY(bool, withstand->cluster->host_count);
	memcpy(withstand->uncovered, reserve.uncovered, withstand->cluster->host_count);
	all = reserve.uncovered_count == 0;
	question->ticks += withstand->cluster->vm_count;
	reserve_free(&reserve);
	return all;
}

enum withstood withstand_all(struct withstand *withstand, struct withstand_question *question,
                             uint64_t *ret_set)
{
	struct round round = { .withstand = withstand, .question = question };
	enum withstood answer = WITHSTOOD;

	*ret_set = 0;
	question->ticks += withstand->cluster->vm_count / 4 + 1 +
	                   (uint64_t)withstand->shapes.count * withstand->cluster->host_count / 4;
	if (withstand->losses->together == 0)
		return WITHSTOOD;
	round.proofs = MEMORY_ARRAY(struct proof, BLOCK);
	answer = look_at_suspects(&round, question, ret_set);
	if (answer == WITHSTOOD && !cover(withstand, question)) {
		if (withstand->losses->together > 1)
			answer = look_at_singles(withstand, question, ret_set);
		if (answer == WITHSTOOD)
			answer = look_at_sets(&round, question, ret_set);
	}
	if (answer != WITHSTOOD)
		suspect(question->suspects, *ret_set);
	free(round.proofs);
	return answer;
}

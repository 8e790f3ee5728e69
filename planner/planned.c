/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/planned.h"

#include "core/indexes.h"
#include "core/must.h"
#include "planner/arrange.h"
#include "planner/direct.h"
#include "planner/evict.h"
#include "planner/exact.h"
#include "planner/refute.h"

#include <stdlib.h>
#include <string.h>

static const char *const verdicts[] = { "lockable", "not-lockable", "unknown", NULL };
const char *const *const planned_verdict_words = verdicts;

static const double MIB = 1048576;

/*
 * Many placements cannot be reached, so there may be more of them than steps. Where all else fails, a small
 * cluster (hosts times VMs) is searched whatever their number.
 */
enum { FEW_PLACEMENTS = 16, SMALL_MOST = 2000 };

/* Cases of a proof, so many steps each, and placements on the way to one that would do, at the most. */
enum { CASES_FEW = 100, CASES_MOST = 50000, CASE_STEPS = 10, PLACEMENTS_MOST = 20000 };

/* How many others are moved out of the way at the most: so many, and so many for each that must leave. */
enum { EVICTIONS_MOST = 64, EVICTIONS_EACH = 2 };

struct finding {
	struct chooser *chooser;
	struct reaches *reaches;
	struct goal goal;
	const struct judge *judge;
	struct direct direct;
	bool only_moves; /* why there are none is not asked */
	uint64_t steps_left;
	struct planned *planned;
	uint32_t *movers, mover_count;
};

void planned_free(struct planned *planned)
{
	arena_free(&planned->arena);
	*planned = (struct planned){ 0 };
}

static struct state *state_of(struct finding *finding)
{
	return &finding->chooser->state;
}

/* What moving the VM sends, by who knows; else its memory that is not zero pages. */
static int64_t bytes_of(struct finding *finding, uint32_t vm)
{
	const struct state *state = state_of(finding);
	const struct network *network = &finding->direct.traffic.network;
	struct plan_alone alone;

	if (!finding->judge)
		return (int64_t)(state->cluster->vms[vm].used_mib * MIB);
	finding->judge->alone(finding->judge->context, vm, (uint8_t)order_method(state, vm),
	                      network_bytes_s(network, network_host(state->vm_host[vm], false)), 1, &alone);
	return (int64_t)alone.bytes;
}

static void find_broken(struct finding *finding)
{
	struct planned *planned = finding->planned;

	planned->broken = orders_broken(finding->reaches->shapes, state_of(finding), planned->orders,
	                                planned->order_count, &planned->arena, &planned->broken_count);
}

/* One move for each VM that must leave, as if room need not be made. false: one of them finds no host so. */
static bool find_direct(struct finding *finding)
{
	struct planned *planned = finding->planned;

	planned->orders = ARENA_ARRAY(&planned->arena, struct order, finding->mover_count);
	planned->order_count = direct_find(&finding->direct, finding->movers, finding->mover_count,
	                                   planned->orders);
	return planned->order_count == finding->mover_count;
}

/* ------------------------------------------------------------------ small clusters: every placement */

/* VMs that can move at all, and hosts that take any; false: too many placements for an exact answer. */
static bool find_movable(struct finding *finding, uint64_t most, uint32_t **ret_vms, uint32_t *ret_count,
                         bool *targets)
{
	const struct state *state = state_of(finding);
	uint64_t placements = 1;

	*ret_vms = MEMORY_ARRAY(uint32_t, state->cluster->vm_count);
	*ret_count = 0;
	for (uint32_t vm = 0; vm < state->cluster->vm_count; vm++) {
		uint32_t hosts = 0;

		if (order_method(state, vm) == METHOD_NONE)
			continue;
		for (uint32_t host = 0; host < state->cluster->host_count; host++) {
			if (reach_may_be(finding->reaches, vm, host)) {
				targets[host] = true;
				hosts++;
			}
		}
		if (hosts < 2)
			continue;
		(*ret_vms)[(*ret_count)++] = vm;
		if (placements > most / hosts)
			return false;
		placements *= hosts;
	}
	return true;
}

/* The sequence is the plan's: what it breaks is found out. */
static void take_orders(struct finding *finding, const struct order *orders, uint32_t count, uint32_t least)
{
	struct planned *planned = finding->planned;

	planned->verdict = PLANNED_LOCKABLE;
	planned->order_count = count;
	planned->orders_least = least;
	planned->orders = ARENA_ARRAY(&planned->arena, struct order, count);
	memcpy(planned->orders, orders, sizeof(*orders) * count);
	find_broken(finding);
}

/* Takes a VM away if nothing can be reached without it either; *states is how many placements can, then. */
static void leave_out_one(struct finding *finding, uint32_t vm, const bool *targets, uint32_t *states)
{
	struct state *state = state_of(finding);
	uint32_t *vms = MEMORY_ARRAY(uint32_t, state->cluster->vm_count), count = 0, mark = state_mark(state);
	int64_t *bytes = MEMORY_ARRAY(int64_t, state->cluster->vm_count);
	enum exact_answer answer;
	struct exact exact;

	state_remove(state, vm);
	for (uint32_t other = 0; other < state->cluster->vm_count; other++) {
		if (state->vm_host[other] != NONE)
			vms[count++] = other;
	}
	answer = exact_search(state, finding->reaches->shapes, &finding->goal, vms, count, bytes, targets,
	                      *states * 8, &exact);
	if (answer == EXACT_FOUND)
		free(exact.orders);
	/* Kept away from now on; else it is put back. */
	if (answer == EXACT_NONE)
		*states = exact.states;
	else
		state_rollback(state, mark);
	state_mark(state);
	free(vms);
	free(bytes);
}

/* Leaves out VMs as long as nothing can be reached without them either. NUMA nodes need all who are on them.
 */
static uint32_t leave_out(struct finding *finding, const bool *targets, uint32_t states)
{
	struct state *state = state_of(finding);

	for (uint32_t vm = 0; vm < state->cluster->vm_count && !state->numa_here; vm++) {
		/* All members of these stay: without one, others might seem to have company anywhere. */
		if (state->vm_host[vm] != NONE && !is_strictly_affine(state, vm))
			leave_out_one(finding, vm, targets, &states);
	}
	return states;
}

/* Nothing simpler was found to be wrong: that nothing can be reached is a fact about those who are in it. */
static void take_unreachable(struct finding *finding, const bool *targets, uint32_t states)
{
	struct state *state = state_of(finding);
	struct planned *planned = finding->planned;
	struct fact *fact = &planned->fact;
	uint32_t mark = state_mark(state);

	states = leave_out(finding, targets, states);
	*fact = (struct fact){ .kind = FACT_UNREACHABLE, .vm = NONE, .states = states };
	fact->vms = ARENA_ARRAY(&planned->arena, uint32_t, state->cluster->vm_count);
	for (uint32_t vm = 0; vm < state->cluster->vm_count; vm++) {
		if (state->vm_host[vm] != NONE)
			fact->vms[fact->vm_count++] = vm;
	}
	state_rollback(state, mark);
}

static enum refutation find_cases(struct finding *finding, uint32_t most, uint32_t *ends)
{
	uint32_t left = most;
	enum refutation answer = refute(finding->reaches, &finding->goal, finding->movers,
	                                finding->mover_count, &left, &finding->planned->arena,
	                                &finding->planned->fact, ends);

	finding->planned->cases += most - left;
	return answer;
}

/* A few cases say more to people than that nothing can be reached. */
static bool take_cases(struct finding *finding)
{
	uint32_t *ends = MEMORY_ARRAY(uint32_t, state_of(finding)->cluster->vm_count);
	bool refuted = find_cases(finding, CASES_FEW, ends) == REFUTED;

	free(ends);
	return refuted;
}

/* Every placement, if there are no more than so many. Returns whether it gave the answer. */
static bool search_exactly(struct finding *finding, uint64_t placements_most)
{
	struct state *state = state_of(finding);
	struct planned *planned = finding->planned;
	uint32_t *vms, count,
		most = finding->steps_left > UINT32_MAX / 4 ? UINT32_MAX / 4 : (uint32_t)finding->steps_left;
	bool *targets = MEMORY_ARRAY(bool, state->cluster->host_count), answered = false;
	int64_t *bytes = NULL;
	struct exact exact;

	if (find_movable(finding, placements_most, &vms, &count, targets)) {
		enum exact_answer answer;

		bytes = MEMORY_ARRAY(int64_t, count);
		for (uint32_t i = 0; i < count; i++)
			bytes[i] = bytes_of(finding, vms[i]);
		answer = exact_search(state, finding->reaches->shapes, &finding->goal, vms, count, bytes,
		                      targets, most, &exact);
		planned->steps += exact.states;
		answered = answer != EXACT_UNKNOWN;
		if (answer == EXACT_FOUND) {
			take_orders(finding, exact.orders, exact.cost.moves, exact.cost.moves);
			free(exact.orders);
		}
		if (answer == EXACT_NONE) {
			planned->verdict = PLANNED_NOT_LOCKABLE;
			if (!take_cases(finding))
				take_unreachable(finding, targets, exact.states);
		}
	}
	free(bytes);
	free(vms);
	free(targets);
	return answered;
}

/* ------------------------------------------------------------------ large clusters: others make room */

/* Whether some VM that must leave finds no host as things are: then one more has to move before. */
static bool is_blocked(struct finding *finding)
{
	for (uint32_t i = 0; i < finding->mover_count; i++) {
		if (direct_hosts(&finding->direct, finding->movers[i]) == 0)
			return true;
	}
	return false;
}

static bool make_room(struct finding *finding)
{
	struct evict evict = { .chooser = finding->chooser,
		               .reaches = finding->reaches,
		               .goal = &finding->goal,
		               .limit = finding->steps_left };
	bool found = evict_search(&evict, finding->movers, finding->mover_count,
	                          EVICTIONS_MOST + EVICTIONS_EACH * finding->mover_count);

	finding->planned->steps += evict.steps;
	if (found)
		take_orders(finding, evict.orders, evict.count, finding->mover_count + is_blocked(finding));
	free(evict.orders);
	return found;
}

/* ------------------------------------------------------------------ case by case */

static uint64_t size_of(const struct finding *finding)
{
	const struct cluster *cluster = finding->chooser->state.cluster;

	return (uint64_t)cluster->host_count * cluster->vm_count;
}

/* Whether the first so many of all placements, however many there are, are worth a look. */
static bool is_small(const struct finding *finding)
{
	return size_of(finding) <= SMALL_MOST;
}

/* Moves of these VMs alone, to the hosts where they are to end and through them, that reach the goal. */
static void move_towards(struct finding *finding, const uint32_t *ends)
{
	struct state *state = state_of(finding);
	const struct cluster *cluster = state->cluster;
	uint32_t *vms = MEMORY_ARRAY(uint32_t, cluster->vm_count), count = 0;
	int64_t *bytes = MEMORY_ARRAY(int64_t, cluster->vm_count);
	bool *targets = MEMORY_ARRAY(bool, cluster->host_count);
	uint32_t most = finding->steps_left < PLACEMENTS_MOST ? (uint32_t)finding->steps_left
	                                                      : PLACEMENTS_MOST;
	enum exact_answer answer = EXACT_UNKNOWN;
	struct exact exact;

	for (uint32_t vm = 0; vm < cluster->vm_count; vm++) {
		if (ends[vm] == state->vm_host[vm])
			continue;
		targets[ends[vm]] = targets[state->vm_host[vm]] = true;
		bytes[count] = bytes_of(finding, vm);
		vms[count++] = vm;
	}
	/* Nobody may be needed for a while where nobody ends: then, anywhere. */
	for (int anywhere = 0; anywhere < 2 && answer != EXACT_FOUND; anywhere++) {
		for (uint32_t host = 0; host < cluster->host_count; host++)
			targets[host] |= anywhere > 0;
		answer = exact_search(state, finding->reaches->shapes, &finding->goal, vms, count, bytes,
		                      targets, most, &exact);
		finding->planned->steps += exact.states;
	}
	if (answer == EXACT_FOUND) {
		take_orders(finding, exact.orders, exact.cost.moves,
		            finding->mover_count + is_blocked(finding));
		free(exact.orders);
	}
	free(vms);
	free(bytes);
	free(targets);
}

/* No end has the hosts empty, or there is one to which moves may lead. */
static void look_at_ends(struct finding *finding)
{
	/* A case takes as long as the cluster is large; one is looked at in any case. */
	uint64_t most = 1 + finding->steps_left / CASE_STEPS / (1 + size_of(finding) / SMALL_MOST);
	uint32_t *ends = MEMORY_ARRAY(uint32_t, state_of(finding)->cluster->vm_count);

	finding->planned->verdict = PLANNED_UNKNOWN;
	switch (find_cases(finding, most < CASES_MOST ? (uint32_t)most : CASES_MOST, ends)) {
	case REFUTED:
		finding->planned->verdict = PLANNED_NOT_LOCKABLE;
		break;
	case NOT_REFUTED:
		move_towards(finding, ends);
		break;
	case REFUTE_UNKNOWN:
		break;
	}
	free(ends);
}

/* ------------------------------------------------------------------ all of it */

static void find_answer(struct finding *finding)
{
	struct planned *planned = finding->planned;

	finding->movers = goal_movers(&finding->goal, state_of(finding), &finding->mover_count);
	planned->verdict = PLANNED_LOCKABLE;
	planned->orders_least = finding->mover_count;
	if (finding->mover_count == 0)
		return;
	if (fact_find_no_host(finding->reaches, &finding->goal, finding->movers, finding->mover_count,
	                      &planned->arena, &planned->fact)) {
		planned->verdict = PLANNED_NOT_LOCKABLE;
		return;
	}
	if (find_direct(finding)) {
		find_broken(finding);
		if (planned->broken_count == 0)
			return;
	}
	if (planned->order_count < finding->mover_count && is_small(finding) &&
	    fact_find_room(finding->reaches, &finding->goal, finding->movers, finding->mover_count,
	                   &planned->arena, &planned->fact)) {
		planned->verdict = PLANNED_NOT_LOCKABLE;
		return;
	}
	if (search_exactly(finding, finding->steps_left * FEW_PLACEMENTS))
		return;
	/* They can leave, if only against a policy. */
	if (planned->order_count == finding->mover_count || make_room(finding))
		return;
	planned->verdict = PLANNED_UNKNOWN;
	if (!finding->only_moves)
		look_at_ends(finding);
	if (planned->verdict == PLANNED_UNKNOWN && is_small(finding))
		search_exactly(finding, UINT64_MAX);
}

static void find(struct finding *finding, const uint32_t *hosts, uint32_t count, const bool *later)
{
	struct chooser *chooser = finding->chooser;
	struct planned *planned = finding->planned;

	*planned = (struct planned){ 0 };
	chooser_begin(chooser);
	goal_create(&finding->goal, &chooser->state, hosts, count);
	direct_create(&finding->direct, chooser, &finding->goal, later);
	find_answer(finding);
	if (planned->verdict != PLANNED_LOCKABLE)
		planned->order_count = planned->broken_count = 0;
	direct_free(&finding->direct);
	goal_free(&finding->goal);
	free(finding->movers);
	chooser_begin(chooser);
}

void planned_find(struct chooser *chooser, struct reaches *reaches, const uint32_t *hosts, uint32_t count,
                  const struct judge *judge, const bool *later, uint64_t steps, struct planned *ret_planned)
{
	struct finding finding = { .chooser = chooser,
		                   .reaches = reaches,
		                   .judge = judge,
		                   .steps_left = steps,
		                   .planned = ret_planned };

	find(&finding, hosts, count, later);
}

void planned_try(struct chooser *chooser, struct reaches *reaches, const uint32_t *hosts, uint32_t count,
                 uint64_t steps, struct planned *ret_planned)
{
	struct finding finding = { .chooser = chooser,
		                   .reaches = reaches,
		                   .only_moves = true,
		                   .steps_left = steps,
		                   .planned = ret_planned };

	find(&finding, hosts, count, NULL);
}

void planned_plan(const struct planned *planned, const struct state *state, const struct amounts *amounts,
                  const uint32_t *hosts, uint32_t count, struct plan *ret_plan)
{
	struct goal goal;

	for (uint32_t i = 0; i < planned->order_count; i++)
		must(planned->orders[i].method != METHOD_NONE);
	*ret_plan = (struct plan){ .profile = state->profile,
		                   .digest = state->cluster->digest,
		                   .goal = hosts,
		                   .goal_count = count,
		                   .moves_least = planned->orders_least,
		                   .broken = planned->broken,
		                   .broken_count = planned->broken_count };
	goal_create(&goal, state, hosts, count);
	arrange(state, amounts, planned->orders, planned->order_count, goal.wanted, ret_plan);
	goal_free(&goal);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/capacity.h"

#include "planner/capacity_parts.h"
#include "planner/reserve.h"

#include <stdlib.h>
#include <string.h>

/*
 * Where the ticks go, in percent of all, each part beginning where the one before ended: bounds, what
 * auto-scheduling reaches, the other ways to place VMs, all ends, all placements.
 */
enum { UNTIL_BOUNDS = 20, UNTIL_SCHEDULED = 45, UNTIL_WAYS = 65, UNTIL_ENDS = 80, UNTIL_EXACT = 100 };

/* Steps for one set's verdict, as parts of all: for the cluster as it is, and where another number will do
 * too.
 */
enum { STEPS_SHARE_NOW = 10, STEPS_SHARE_FEW = 500 };

/* Hosts times VMs beyond which there are too many placements to begin with. */
enum { PAIRS_MOST = 20000 };

uint64_t seek_ticks_of(uint64_t steps)
{
	return steps > UINT64_MAX / TICKS_A_STEP / 100 ? UINT64_MAX / 100 : steps * TICKS_A_STEP;
}

void capacity_free(struct capacity *capacity)
{
	arena_free(&capacity->arena);
	*capacity = (struct capacity){ 0 };
}

static void spend_until(struct seeking *seek, unsigned percent)
{
	seek->ticks_most = seek_ticks_of(seek->question->steps) / 100 * percent;
}

uint64_t seek_steps_few(const struct seeking *seek)
{
	return seek->question->steps / STEPS_SHARE_FEW + 1;
}

enum withstood seek_verdict(struct seeking *seek, struct effort effort)
{
	const struct capacity_question *question = seek->question;
	uint64_t spent = seek->capacity->ticks;
	struct withstand_question ask = { .steps_each = effort.steps_each,
		                          .thorough = effort.thorough,
		                          .ticks_most = seek->ticks_most - spent,
		                          .suspects = &seek->suspects };
	struct withstand withstand;
	enum withstood answer;
	uint64_t set;

	if (question->losses->together == 0)
		return WITHSTOOD;
	if (spent >= seek->ticks_most)
		return WITHSTOOD_UNKNOWN;
	withstand_create(&withstand, &seek->whatif.cluster, question->losses, question->crew);
	answer = withstand_all(&withstand, &ask, &set);
	seek->capacity->ticks += ask.ticks;
	withstand_free(&withstand);
	return answer;
}

void seek_take(struct seeking *seek, uint32_t units)
{
	struct capacity *capacity = seek->capacity;
	const struct unit *unit = seek->question->unit;
	const struct cluster *cluster = &seek->whatif.cluster;
	uint32_t vm = seek->whatif.vms_at_start;

	capacity->more.lower = units;
	if (!capacity->placement)
		capacity->placement = ARENA_ARRAY(&capacity->arena, uint32_t,
		                                  unit->kinds * cluster->host_count);
	memset(capacity->placement, 0, sizeof(uint32_t) * unit->kinds * cluster->host_count);
	for (uint32_t kind = 0; kind < unit->kinds; kind++) {
		for (uint32_t i = 0; i < units * unit->counts[kind]; i++, vm++)
			capacity->placement[kind * cluster->host_count + cluster->vms[vm].host]++;
	}
}

/* ------------------------------------------------------------------ bounds */

/*
 * By host: how many VMs that may have to go could come to it, each divided by the hosts to which it could:
 * where hosts are few, new VMs had better not be.
 */
static void find_pressure(struct seeking *seek, struct reaches *reaches, const struct state *state)
{
	const struct shapes *shapes = reaches->shapes;
	const struct losses *losses = seek->question->losses;
	uint32_t host_count = state->cluster->host_count, *vms = MEMORY_ARRAY(uint32_t, shapes->count);

	seek->pressure = MEMORY_ARRAY(double, host_count);
	for (uint32_t i = 0; i < losses->host_count; i++) {
		uint32_t vm = state_vms_first(state, losses->hosts[i]);

		for (; vm != NONE; vm = state_vms_next(state, vm))
			vms[shapes->of_vm[vm]] += !lock_leaves(state, vm);
	}
	for (uint32_t i = 0; i < shapes->count; i++) {
		const bool *domain = reach_domain(reaches, shapes->shapes[i].vm);
		uint32_t count = 0;

		for (uint32_t host = 0; host < host_count; host++)
			count += domain[host];
		for (uint32_t host = 0; host < host_count; host++)
			seek->pressure[host] += domain[host] ? (double)vms[i] / count : 0;
	}
	free(vms);
}

/* Puts VMs of one flavor where there is room beside a reserve. Returns how many units that are. */
static uint32_t place_beside_reserve(struct seeking *seek, const struct state *state,
                                     const struct shapes *shapes, struct reaches *reaches)
{
	const struct capacity_question *question = seek->question;
	uint32_t host_count = state->cluster->host_count, vms = unit_vms(question->unit), units, vm, end;
	uint32_t *counts = MEMORY_ARRAY(uint32_t, host_count);
	struct reserve reserve;

	reserve_create(&reserve, state, shapes, reaches, question->losses);
	vm = seek->whatif.vms_at_start;
	units = reserve_fill(&reserve, question->losses, vm, HEADROOM_MOST / vms * vms, counts) / vms;
	reserve_free(&reserve);
	whatif_fill(&seek->whatif, question->unit, units, question->group);
	end = vm + units * vms;
	for (uint32_t host = 0; host < host_count; host++) {
		for (uint32_t i = 0; i < counts[host] && vm < end; i++)
			seek->whatif.vms[vm++].host = host;
	}
	seek->capacity->ticks += (uint64_t)shapes->count * host_count / 4 + state->cluster->vm_count;
	free(counts);
	return units;
}

/* What is found by adding up, and what fits beside a reserve. */
static void find_bounds(struct seeking *seek)
{
	const struct capacity_question *question = seek->question;
	struct whatif *whatif = &seek->whatif;
	struct headroom_question ask = {
		.whatif = whatif, .unit = question->unit, .group = question->group, .losses = question->losses
	};
	uint32_t units = 0;
	struct reaches reaches;
	struct shapes shapes;
	struct state state;

	whatif_fill(whatif, question->unit, 1, question->group);
	state_create(&state, &whatif->cluster);
	shapes_create(&shapes, &state);
	reaches_create(&reaches, &shapes, &state);
	ask.state = &state;
	ask.reaches = &reaches;
	headroom_find(&ask, &seek->capacity->arena, &seek->headroom);
	seek->capacity->ticks += (uint64_t)shapes.count * whatif->cluster.host_count / 4;
	seek->capacity->more.upper = seek->capacity->scheduled.upper = seek->headroom.most;
	seek->capacity->tightest = seek->headroom.resource;
	find_pressure(seek, &reaches, &state);
	seek->hints = (struct spread_hints){ seek->pressure, seek->first };
	if (question->now->answer == WITHSTOOD)
		seek_take(seek, 0);
	if (question->now->answer == WITHSTOOD && question->losses->together > 0 &&
	    question->unit->kinds == 1 && question->group == NONE)
		units = place_beside_reserve(seek, &state, &shapes, &reaches);
	reaches_free(&reaches);
	shapes_free(&shapes);
	state_free(&state);
	if (units > 0 && seek_verdict(seek, (struct effort){ seek_steps_few(seek), false }) == WITHSTOOD)
		seek_take(seek, units);
}

/* Whether some placement of so many will do: by moves that are found soon, then by proofs that there are
 * none. */
static enum withstood try_exactly(struct seeking *seek, uint32_t units)
{
	enum withstood answer = seek_exactly(seek, units, false);

	return answer == WITHSTOOD_UNKNOWN ? seek_exactly(seek, units, true) : answer;
}

/* Numbers for which the bounds leave it open are decided by all their placements, as long as steps are left.
 */
static void close_gap(struct seeking *seek)
{
	struct capacity_range *more = &seek->capacity->more;
	bool decided = (uint64_t)seek->whatif.cluster.host_count * seek->whatif.cluster.vm_count <=
	               PAIRS_MOST;

	/* Where no number is out of reach below one that is not, the next one tells. */
	while (seek->gapless && more->lower < more->upper && decided) {
		enum withstood answer = try_exactly(seek, more->lower + 1);

		decided = answer == WITHSTOOD;
		if (decided)
			seek_take(seek, more->lower + 1);
		else if (answer == NOT_WITHSTOOD)
			more->upper = more->lower;
	}
	while (!seek->gapless && more->lower < more->upper && decided) {
		enum withstood answer = try_exactly(seek, more->upper);

		decided = answer == NOT_WITHSTOOD;
		if (decided)
			more->upper--;
		else if (answer == WITHSTOOD)
			seek_take(seek, more->upper);
	}
}

/* ------------------------------------------------------------------ all of it */

/* What is in the way, and of which hosts that will always be so. */
static void find_stuck(struct withstand *withstand, uint64_t set, uint64_t steps, bool certified,
                       struct capacity_now *now)
{
	uint32_t host_count = withstand->cluster->host_count;
	bool *pinned = MEMORY_ARRAY(bool, host_count);

	withstand_explain(withstand, set, steps, certified ? EXPLAIN_CERTIFIED : EXPLAIN_CLOSELY, &now->arena,
	                  &now->stop);
	now->pinned = ARENA_ARRAY(&now->arena, uint32_t, withstand_pinned(withstand, pinned));
	for (uint32_t host = 0; host < host_count; host++) {
		if (pinned[host])
			now->pinned[now->pinned_count++] = host;
	}
	free(pinned);
}

void capacity_look(const struct cluster *cluster, const struct losses *losses, const struct crew *crew,
                   uint64_t steps, bool certified, struct capacity_now *ret_now)
{
	struct withstand_question ask = { .steps_each = steps / STEPS_SHARE_NOW + 1,
		                          .ticks_most = seek_ticks_of(steps),
		                          .thorough = true };
	struct withstand withstand;
	uint64_t set;

	*ret_now = (struct capacity_now){ .answer = WITHSTOOD };
	if (losses->together == 0)
		return;
	withstand_create(&withstand, cluster, losses, crew);
	ret_now->answer = withstand_all(&withstand, &ask, &set);
	ret_now->ticks = ask.ticks;
	if (ret_now->answer != WITHSTOOD)
		find_stuck(&withstand, set, ask.steps_each, certified, ret_now);
	withstand_free(&withstand);
}

void capacity_now_free(struct capacity_now *now)
{
	arena_free(&now->arena);
	*now = (struct capacity_now){ 0 };
}

/* Members that stay together: only where nobody has to go can the first of them be put. */
static void prepare_first(struct seeking *seek)
{
	const struct capacity_question *question = seek->question;
	const struct group *group = question->group == NONE ? NULL
	                                                    : &question->cluster->groups[question->group];
	bool together = group && group->policy == POLICY_AFFINITY && !group->best_effort;

	seek->gapless = !together;
	for (uint32_t kind = 0; kind < question->unit->kinds; kind++)
		seek->gapless &= question->cluster->flavors[question->unit->flavors[kind]].numa_count == 0;
	if (!together)
		return;
	seek->first = MEMORY_ARRAY(bool, question->cluster->host_count);
	memset(seek->first, true, question->cluster->host_count);
	for (uint32_t i = 0; i < question->losses->host_count; i++)
		seek->first[question->losses->hosts[i]] = false;
}

/* The cluster as it is withstands what it has to. */
static void seek_all(struct seeking *seek)
{
	const struct capacity_question *question = seek->question;

	spend_until(seek, UNTIL_SCHEDULED);
	seek_way(seek, SPREAD_SCHEDULED, &seek->capacity->scheduled);
	spend_until(seek, UNTIL_WAYS);
	for (enum spread_way way = SPREAD_WIDE; way < SPREAD_WAYS; way++)
		seek_way(seek, way, NULL);
	spend_until(seek, UNTIL_ENDS);
	seek_ends(seek);
	spend_until(seek, UNTIL_EXACT);
	if (!question->bounds_only)
		close_gap(seek);
	if (seek->capacity->scheduled.upper > seek->capacity->more.upper)
		seek->capacity->scheduled.upper = seek->capacity->more.upper;
	seek_stop(seek);
}

void capacity_find(const struct capacity_question *question, struct capacity *ret_capacity)
{
	struct seeking seek = { .question = question, .capacity = ret_capacity };
	struct capacity *capacity = ret_capacity;

	*capacity = (struct capacity){ .more = { NONE, 0 }, .scheduled = { NONE, 0 } };
	capacity->stopped = question->now->answer != WITHSTOOD;
	if (question->now->answer == NOT_WITHSTOOD) {
		capacity->more = capacity->scheduled = (struct capacity_range){ 0, 0 };
		return;
	}
	whatif_create(&seek.whatif, question->cluster);
	amounts_create(&seek.amounts, &seek.whatif.cluster);
	prepare_first(&seek);
	spend_until(&seek, UNTIL_BOUNDS);
	find_bounds(&seek);
	if (question->now->answer == WITHSTOOD)
		seek_all(&seek);
	free(seek.first);
	free(seek.pressure);
	amounts_free(&seek.amounts);
	whatif_free(&seek.whatif);
}

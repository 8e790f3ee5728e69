/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/rolling.h"

#include "core/must.h"
#include "planner/arrange.h"

#include <stdlib.h>
#include <string.h>

/* How many hosts are tried for a place in a stage that has one, beyond those that fit at once. */
enum { TRIES_MOST = 16 };

/* How often all is begun anew, with a host first that could not be emptied when its turn came. */
enum { ATTEMPTS_MOST = 8 };

struct round {
	const struct cluster *cluster;
	struct state initial; /* the file's, with no VM anywhere: shapes list whatever host could be had */
	struct shapes shapes;
	struct chooser chooser; /* its state goes from stage to stage */
	struct reaches reaches;
	uint64_t steps;
	uint32_t parallel_most;
	struct rolling *rolling;
	uint32_t *left, left_count; /* hosts still to come, in order */
	bool *later;                /* by host: it is one of them */
	uint32_t *stage, stage_count;
	uint32_t move_room;
	uint32_t *group_host; /* by group: a host of the stage that holds a member, NONE */
};

static void round_create(struct round *round, const struct cluster *cluster)
{
	round->cluster = cluster;
	state_create(&round->initial, cluster);
	shapes_create(&round->shapes, &round->initial);
	for (uint32_t vm = 0; vm < cluster->vm_count; vm++) {
		if (round->initial.vm_host[vm] != NONE)
			state_remove(&round->initial, vm);
	}
	for (uint32_t i = 0; i < round->shapes.count; i++) {
		round->shapes.shapes[i].wanted = true;
		shapes_fill(&round->shapes, i);
	}
	chooser_create(&round->chooser, &round->shapes);
	round->chooser.recheck = true;
	reaches_create(&round->reaches, &round->shapes, &round->chooser.state);
	round->group_host = MEMORY_ARRAY(uint32_t, cluster->group_count);
	round->stage = MEMORY_ARRAY(uint32_t, cluster->host_count);
	round->left = MEMORY_ARRAY(uint32_t, cluster->host_count);
	round->later = MEMORY_ARRAY(bool, cluster->host_count);
}

static void round_free(struct round *round)
{
	reaches_free(&round->reaches);
	chooser_free(&round->chooser);
	shapes_free(&round->shapes);
	state_free(&round->initial);
	free(round->group_host);
	free(round->stage);
	free(round->left);
	free(round->later);
}

static bool is_exclusive(const struct round *round, uint32_t vm)
{
	uint32_t group = round->cluster->vms[vm].group;

	return group != NONE && round->cluster->groups[group].policy == POLICY_ANTI_AFFINITY;
}

/* Whether a host of the stage holds a member of an anti-affinity group of which this one does too. */
static bool shares_group(const struct round *round, uint32_t host)
{
	const struct state *state = &round->chooser.state;

	for (uint32_t vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm)) {
		if (is_exclusive(round, vm) && round->group_host[round->cluster->vms[vm].group] != NONE)
			return true;
	}
	return false;
}

static bool in_aggregate(const struct host *host, const char *name)
{
	for (uint32_t i = 0; i < host->aggregate_count; i++) {
		if (!strcmp(host->aggregates[i].name, name))
			return true;
	}
	return false;
}

static uint32_t aggregate_size(const struct cluster *cluster, const char *name)
{
	uint32_t size = 0;

	for (uint32_t host = 0; host < cluster->host_count; host++)
		size += in_aggregate(&cluster->hosts[host], name);
	return size;
}

static uint32_t aggregate_most(uint32_t size)
{
	return size < 4 ? 1 : size / 2;
}

/* Whether one more host leaves at least half of each of its aggregates in service. */
static bool fits_aggregates(const struct round *round, uint32_t host)
{
	const struct host *of = &round->cluster->hosts[host];

	for (uint32_t i = 0; i < of->aggregate_count; i++) {
		uint32_t together = 1;

		for (uint32_t j = 0; j < round->stage_count; j++)
			together += in_aggregate(&round->cluster->hosts[round->stage[j]],
			                         of->aggregates[i].name);
		if (together > aggregate_most(aggregate_size(round->cluster, of->aggregates[i].name)))
			return false;
	}
	return true;
}

/* Whether the stage's hosts can be emptied together as things are. The caller frees the verdict. */
static bool can_empty(struct round *round, struct planned *ret_planned)
{
	planned_find(&round->chooser, &round->reaches, round->stage, round->stage_count, NULL, round->later,
	             round->steps, ret_planned);
	return ret_planned->verdict == PLANNED_LOCKABLE;
}

static void note_groups(struct round *round, uint32_t host)
{
	const struct state *state = &round->chooser.state;

	for (uint32_t vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm)) {
		if (is_exclusive(round, vm))
			round->group_host[round->cluster->vms[vm].group] = host;
	}
}

/* Fills the stage from the hosts that are left; *planned empties it. false: not one of them can be emptied.
 */
static bool fill_stage(struct round *round, struct planned *planned)
{
	uint32_t tries = TRIES_MOST + round->parallel_most;

	memset(round->group_host, 0xff, sizeof(uint32_t) * round->cluster->group_count);
	round->stage_count = 0;
	for (uint32_t i = 0; i < round->left_count && round->stage_count < round->parallel_most && tries > 0;
	     i++) {
		struct planned more;

		if (shares_group(round, round->left[i]) || !fits_aggregates(round, round->left[i]))
			continue;
		round->stage[round->stage_count++] = round->left[i];
		if (!can_empty(round, &more)) {
			planned_free(&more);
			round->stage_count--;
			/* The first of a stage must be found, however many there are. */
			tries -= round->stage_count > 0;
			continue;
		}
		planned_free(planned);
		*planned = more;
		note_groups(round, round->left[i]);
	}
	return round->stage_count > 0;
}

/* The moves of the stage behind those of the stages before, which all have to end first. */
static void append_moves(struct round *round, const struct planned *planned, uint32_t number)
{
	struct plan *plan = &round->rolling->plan, stage;
	uint32_t first = plan->move_count, sinks = 0, *last = ARENA_ARRAY(&plan->arena, uint32_t, first);
	bool *waited_for = MEMORY_ARRAY(bool, first);

	for (uint32_t i = 0; i < first; i++) {
		for (uint32_t j = 0; j < plan->moves[i].after_count; j++)
			waited_for[plan->moves[i].after[j]] = true;
	}
	for (uint32_t i = 0; i < first; i++) {
		if (!waited_for[i])
			last[sinks++] = i;
	}
	free(waited_for);
	planned_plan(planned, &round->chooser.state, &round->reaches.amounts, round->stage,
	             round->stage_count, &stage);
	if (first + stage.move_count > round->move_room) {
		struct plan_move *moves;

		round->move_room = 2 * (first + stage.move_count);
		moves = ARENA_ARRAY(&plan->arena, struct plan_move, round->move_room);
		if (first > 0)
			memcpy(moves, plan->moves, sizeof(*moves) * first);
		plan->moves = moves;
	}
	for (uint32_t i = 0; i < stage.move_count; i++) {
		struct plan_move *move = &plan->moves[plan->move_count++];

		*move = stage.moves[i];
		move->stage = number;
		move->after = last;
		if (stage.moves[i].after_count == 0) {
			move->after_count = sinks;
			continue;
		}
		move->after = ARENA_ARRAY(&plan->arena, uint32_t, move->after_count);
		for (uint32_t j = 0; j < move->after_count; j++)
			move->after[j] = first + stage.moves[i].after[j];
	}
	plan_free(&stage);
}

static void append_stage(struct round *round, const struct planned *planned)
{
	struct plan *plan = &round->rolling->plan;
	uint32_t number = plan->stage_count++, kept = 0;
	struct plan_stage *stages = ARENA_ARRAY(&plan->arena, struct plan_stage, 1);

	append_moves(round, planned, number);
	stages->hosts = ARENA_ARRAY(&plan->arena, uint32_t, round->stage_count);
	stages->count = round->stage_count;
	memcpy(stages->hosts, round->stage, sizeof(uint32_t) * round->stage_count);
	if (plan->stages_last)
		plan->stages_last->next = stages;
	else
		plan->stages = stages;
	plan->stages_last = stages;
	for (uint32_t i = 0; i < planned->order_count; i++)
		state_move(&round->chooser.state, planned->orders[i].vm, planned->orders[i].to);
	for (uint32_t i = 0; i < round->left_count; i++) {
		bool done = false;

		for (uint32_t j = 0; j < round->stage_count && !done; j++)
			done = round->stage[j] == round->left[i];
		round->later[round->left[i]] = !done;
		if (!done)
			round->left[kept++] = round->left[i];
	}
	round->left_count = kept;
}

/* Unlocked hosts: those without VMs, then those that were found hard to empty, then the file's order. */
static void list_hosts(struct round *round, const uint32_t *hard, uint32_t hard_count)
{
	const struct state *state = &round->chooser.state;
	bool *listed = MEMORY_ARRAY(bool, round->cluster->host_count);

	for (int pass = 0; pass < 3; pass++) {
		uint32_t count = pass == 1 ? hard_count : round->cluster->host_count;

		for (uint32_t i = 0; i < count; i++) {
			uint32_t host = pass == 1 ? hard[i] : i;

			if (listed[host] || state->hosts[host].administrative != ADMIN_UNLOCKED ||
			    (pass == 0 && state_vms_first(state, host) != NONE))
				continue;
			listed[host] = round->later[host] = true;
			round->left[round->left_count++] = host;
		}
	}
	free(listed);
}

static uint32_t least_stages(const struct round *round)
{
	uint32_t least = (round->left_count + round->parallel_most - 1) / round->parallel_most;

	for (uint32_t i = 0; i < round->left_count; i++) {
		const struct host *host = &round->cluster->hosts[round->left[i]];

		for (uint32_t j = 0; j < host->aggregate_count; j++) {
			const char *name = host->aggregates[j].name;
			uint32_t most = aggregate_most(aggregate_size(round->cluster, name)), own = 0;

			/* Asked once for each aggregate: at the first of its hosts. */
			for (uint32_t k = 0; k < i; k++)
				own += in_aggregate(&round->cluster->hosts[round->left[k]], name);
			for (uint32_t k = i; own == 0 && k < round->left_count; k++)
				own += in_aggregate(&round->cluster->hosts[round->left[k]], name);
			least = (own + most - 1) / most > least && own > 0 ? (own + most - 1) / most : least;
		}
	}
	return least;
}

/* VMs that have to leave a host in its stage: each moves once at least. */
static uint32_t movers_of(const struct round *round, uint32_t host)
{
	const struct state *state = &round->chooser.state;
	uint32_t count = 0;

	for (uint32_t vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm))
		count += !lock_leaves(state, vm) && round->cluster->host_count > 1;
	return count;
}

/* Why a host that is left cannot be emptied: for certain if not even in the cluster's own state. */
static void explain_stuck(const struct cluster *cluster, uint32_t host, uint64_t steps,
                          struct rolling *rolling)
{
	struct round fresh = { .steps = steps, .parallel_most = 1 };

	round_create(&fresh, cluster);
	fresh.stage[fresh.stage_count++] = host;
	rolling->stuck = host;
	can_empty(&fresh, &rolling->planned);
	rolling->verdict = rolling->planned.verdict == PLANNED_NOT_LOCKABLE ? PLANNED_NOT_LOCKABLE
	                                                                    : PLANNED_UNKNOWN;
	round_free(&fresh);
}

/* One attempt. Returns a host that could not be emptied where the stages led; NONE: all were. */
static uint32_t attempt(struct round *round, const uint32_t *hard, uint32_t hard_count)
{
	struct plan *plan = &round->rolling->plan;
	struct planned planned = { 0 };
	uint32_t *goal, stuck = NONE;

	list_hosts(round, hard, hard_count);
	plan->profile = round->cluster->profile;
	plan->digest = round->cluster->digest;
	plan->parallel_most = round->parallel_most;
	plan->goal_count = round->left_count;
	plan->goal = goal = ARENA_ARRAY(&plan->arena, uint32_t, round->left_count);
	if (round->left_count > 0)
		memcpy(goal, round->left, sizeof(uint32_t) * round->left_count);
	plan->stages_least = least_stages(round);
	for (uint32_t i = 0; i < round->left_count; i++)
		plan->moves_least += movers_of(round, round->left[i]);
	while (round->left_count > 0 && stuck == NONE) {
		if (fill_stage(round, &planned))
			append_stage(round, &planned);
		else
			stuck = round->left[0];
	}
	planned_free(&planned);
	return stuck;
}

void rolling_plan(const struct cluster *cluster, uint32_t parallel_most, uint64_t steps,
                  struct rolling *ret_rolling)
{
	uint32_t hard[ATTEMPTS_MOST], hard_count = 0;

	must(parallel_most > 0);
	for (;;) {
		struct round round = { .steps = steps,
			               .parallel_most = parallel_most,
			               .rolling = ret_rolling };
		uint32_t stuck;

		*ret_rolling = (struct rolling){ .verdict = PLANNED_LOCKABLE, .stuck = NONE };
		round_create(&round, cluster);
		stuck = attempt(&round, hard, hard_count);
		round_free(&round);
		if (stuck == NONE)
			return;
		explain_stuck(cluster, stuck, steps, ret_rolling);
		if (ret_rolling->verdict == PLANNED_NOT_LOCKABLE || hard_count == ATTEMPTS_MOST)
			return;
		/* It can be emptied at first: it had better be. */
		memmove(hard + 1, hard, sizeof(hard[0]) * hard_count++);
		hard[0] = stuck;
		rolling_free(ret_rolling);
	}
}

void rolling_free(struct rolling *rolling)
{
	plan_free(&rolling->plan);
	planned_free(&rolling->planned);
	*rolling = (struct rolling){ 0 };
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stock verdicts against a judge that tries every order of the VMs, on random small clusters. */
#include "planner/lockability.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOVERS_MOST = 7, CLUSTERS = 20000 };

/* What the judge finds out about one host. */
struct judgement {
	uint32_t movers[MOVERS_MOST], count;
	bool rejected, good, bad;
};

/* Whether the lock's own rules of a VM's state refuse it, by the platform's table: before anything moves. */
static bool judge_rejects(const struct state *state, uint32_t vm)
{
	const struct vm *of = &state->cluster->vms[vm];
	uint8_t vm_state = state->vm_state[vm];
	uint32_t others = 0;

	for (uint32_t host = 0; host < state->cluster->host_count; host++) {
		const struct host *at = &state->cluster->hosts[host];
		bool down = at->availability == AVAIL_OFFLINE || at->availability == AVAIL_FAILED ||
		            at->availability == AVAIL_POWER_OFF;

		others += host != state->vm_host[vm] && !down && at->administrative == ADMIN_UNLOCKED &&
		          at->operational == OPER_ENABLED;
	}
	if (others == 0 || vm_state == VM_SUSPENDED || vm_state == VM_VERIFY_RESIZE || of->task)
		return true;
	if (move_method(state, vm) == METHOD_LIVE)
		return false;
	if (vm_state == VM_PAUSED)
		return true;
	if (of->boot != BOOT_IMAGE)
		return false;
	return state_flavor(state, vm)->disk_gib > (vm_backing(state, vm) == STORAGE_LOCAL_IMAGE ? 60
	                                            : vm_backing(state, vm) == STORAGE_LOCAL_LVM ? 20
	                                                                                         : INT64_MAX);
}

/* One VM's turn: where the scheduler sends it, NONE when its migration fails. */
static uint32_t judge_target(const struct state *state, uint32_t vm)
{
	struct request request = request_for(state, MOVE_LIVE, vm);

	if (state->cluster->vms[vm].vote_reject || state->vm_state[vm] == VM_RESCUED)
		return NONE;
	if (!state_host_up(state, state->vm_host[vm]))
		return NONE;
	return schedule_best(&request, NULL, 0);
}

/* Tries each VM that is left as the next one. */
static void judge_orders(struct state *state, struct judgement *judgement, unsigned gone)
{
	if (gone == (1u << judgement->count) - 1) {
		judgement->good = true;
		return;
	}
	for (uint32_t i = 0; i < judgement->count && !(judgement->good && judgement->bad); i++) {
		uint32_t target, mark;

		if (gone >> i & 1)
			continue;
		target = judge_target(state, judgement->movers[i]);
		if (target == NONE) {
			judgement->bad = true;
			continue;
		}
		mark = state_mark(state);
		state_move(state, judgement->movers[i], target);
		judge_orders(state, judgement, gone | 1u << i);
		state_rollback(state, mark);
	}
}

static bool judge(struct state *state, uint32_t host, struct judgement *ret)
{
	*ret = (struct judgement){ 0 };
	for (uint32_t vm = 0; vm < state->cluster->vm_count; vm++) {
		if (state->vm_host[vm] != host || state->vm_state[vm] == VM_STOPPED ||
		    state->vm_state[vm] == VM_ERROR)
			continue;
		if (ret->count == MOVERS_MOST)
			return false;
		ret->movers[ret->count++] = vm;
	}
	if (state->hosts[host].administrative == ADMIN_LOCKED || state->cluster->host_count == 1 ||
	    ret->count == 0) {
		ret->count = 0;
		ret->good = true;
		return true;
	}
	for (uint32_t i = 0; i < ret->count && !ret->rejected; i++)
		ret->rejected = judge_rejects(state, ret->movers[i]);
	if (ret->rejected)
		ret->bad = true;
	else
		judge_orders(state, ret, 0);
	return true;
}

/* Whether an order of all movers, carried out, empties the host. */
static bool order_succeeds(struct state *state, const uint32_t *order, uint32_t count)
{
	uint32_t mark = state_mark(state), i = 0;

	for (; i < count; i++) {
		uint32_t target = judge_target(state, order[i]);

		if (target == NONE)
			break;
		state_move(state, order[i], target);
	}
	state_rollback(state, mark);
	return i == count;
}

static bool is_permutation(const struct judgement *judgement, const uint32_t *order)
{
	for (uint32_t i = 0; i < judgement->count; i++) {
		uint32_t times = 0;

		for (uint32_t k = 0; k < judgement->count; k++)
			times += order[k] == judgement->movers[i];
		if (times != 1)
			return false;
	}
	return true;
}

/* What is wrong with a verdict; NULL: nothing. */
static const char *compare(struct state *state, const struct judgement *judgement, const struct stock *stock)
{
	enum stock_verdict expected = !judgement->good ? STOCK_NEVER
	                              : judgement->bad ? STOCK_ORDER_DEPENDENT
	                                               : STOCK_ALWAYS;

	if (stock->verdict != expected)
		return stock_verdict_words[expected];
	if (judgement->count != stock->mover_count)
		return "another number of movers";
	if (judgement->count == 0)
		return NULL;
	if (judgement->good != (stock->good_order != NULL))
		return "a good order";
	if (judgement->rejected != stock->rejected)
		return "rejected or not";
	if ((judgement->bad && !judgement->rejected) != (stock->bad_order != NULL))
		return "a bad order";
	if (stock->good_order && (!is_permutation(judgement, stock->good_order) ||
	                          !order_succeeds(state, stock->good_order, stock->mover_count)))
		return "a good order that succeeds";
	if (stock->bad_order && (!is_permutation(judgement, stock->bad_order) ||
	                         order_succeeds(state, stock->bad_order, stock->mover_count)))
		return "a bad order that fails";
	if (judgement->bad != (stock->message != NULL) || judgement->bad != (stock->blocker_count > 0))
		return "a message and a blocker when it may fail";
	return NULL;
}

/* The verdicts met, by profile, so that a run that tests nothing is seen. */
struct tally {
	uint64_t verdicts[PROFILE_COUNT][4], rejected, skipped;
};

static void check_cluster(uint64_t seed, const struct draw_size *size, struct tally *tally)
{
	char *text = draw_cluster_text(seed, size);
	struct cluster cluster;
	struct state state;
	struct shapes shapes;
	struct chooser chooser;

	cluster_from_text(&cluster, text);
	state_create(&state, &cluster);
	shapes_create(&shapes, &state);
	for (uint32_t host = 0; host < cluster.host_count; host++)
		stock_want(&shapes, host);
	for (uint32_t shape = 0; shape < shapes.count; shape++)
		shapes_fill(&shapes, shape);
	chooser_create(&chooser, &shapes);
	for (uint32_t host = 0; host < cluster.host_count; host++) {
		struct judgement judgement;
		struct stock stock;
		const char *wrong;

		if (!judge(&state, host, &judgement)) {
			tally->skipped++;
			continue;
		}
		stock_find(&chooser, host, UINT64_C(1) << 40, &stock);
		wrong = compare(&state, &judgement, &stock);
		cr_assert(!wrong, "seed %llu, host %s: %s, expected %s\n%s", (unsigned long long)seed,
		          cluster.hosts[host].name, stock_verdict_words[stock.verdict], wrong, text);
		tally->verdicts[cluster.profile][stock.verdict]++;
		tally->rejected += stock.rejected;
		stock_free(&stock);
	}
	chooser_free(&chooser);
	shapes_free(&shapes);
	state_free(&state);
	cluster_free(&cluster);
	free(text);
}

static uint64_t clusters_wanted(uint64_t otherwise)
{
	const char *wanted = getenv("LOCKKEEPER_CLUSTERS");

	return wanted ? strtoull(wanted, NULL, 10) : otherwise;
}

/* LOCKKEEPER_SEED: the first seed (= 1); LOCKKEEPER_CLUSTERS: how many clusters. */
Test(stock, verdicts_are_those_of_all_orders, .timeout = 100000)
{
	static const struct draw_size sizes[] = {
		{ .hosts_most = 5, .first_host_vms_most = 6, .other_host_vms_most = 3, .moves = true },
		{ .hosts_most = 14, .first_host_vms_most = 4, .other_host_vms_most = 1, .moves = true },
		{ .hosts_most = 3, .first_host_vms_most = 7, .other_host_vms_most = 2, .moves = true },
		{ .hosts_most = 8, .first_host_vms_most = 4, .other_host_vms_most = 2, .moves = true },
		{ .hosts_most = 4, .first_host_vms_most = 4, .other_host_vms_most = 3, .moves = false },
		{ .hosts_most = 3,
		  .first_host_vms_most = 7,
		  .other_host_vms_most = 1,
		  .moves = true,
		  .numa = true },
	};
	const char *first = getenv("LOCKKEEPER_SEED");
	uint64_t seed = first ? strtoull(first, NULL, 10) : 1, count = clusters_wanted(CLUSTERS);
	struct tally tally = { 0 };

	for (uint64_t end = seed + count; seed < end; seed++)
		check_cluster(seed, &sizes[seed % 6], &tally);
	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		if (getenv("LOCKKEEPER_CLUSTERS"))
			fprintf(stderr, "%s: %llu always, %llu order-dependent, %llu never\n",
			        profile_words[profile],
			        (unsigned long long)tally.verdicts[profile][STOCK_ALWAYS],
			        (unsigned long long)tally.verdicts[profile][STOCK_ORDER_DEPENDENT],
			        (unsigned long long)tally.verdicts[profile][STOCK_NEVER]);
		for (int verdict = STOCK_ALWAYS; count >= CLUSTERS && verdict <= STOCK_NEVER; verdict++)
			cr_assert(tally.verdicts[profile][verdict] > 20);
	}
}

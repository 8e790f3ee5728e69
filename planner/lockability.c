/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/lockability.h"

#include "core/indexes.h"
#include "core/must.h"
#include "planner/search.h"

#include <string.h>

static const char *const verdicts[] = { "always", "order-dependent", "never", "unknown", NULL };
const char *const *const stock_verdict_words = verdicts;

/* The reasons that one host may give. */
enum { REASONS_MOST = 24 };

void stock_free(struct stock *stock)
{
	arena_free(&stock->arena);
	*stock = (struct stock){ 0 };
}

void stock_want(struct shapes *shapes, uint32_t host)
{
	const struct state *state = shapes->state;

	for (uint32_t vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm)) {
		if (!lock_leaves(state, vm))
			shapes->shapes[shapes->of_vm[vm]].wanted = true;
	}
}

/* The VMs that a lock has to move, in the file's order. */
static void find_movers(const struct state *state, uint32_t host, struct stock *stock)
{
	stock->movers = ARENA_ARRAY(&stock->arena, uint32_t, state->uses[host].vms);
	for (uint32_t vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm)) {
		if (!lock_leaves(state, vm))
			stock->movers[stock->mover_count++] = vm;
	}
	indexes_sort(stock->movers, stock->mover_count);
	stock->blockers = ARENA_ARRAY(&stock->arena, struct blocker, stock->mover_count);
}

static void block(struct stock *stock, uint32_t vm, const char *rule, const char *why)
{
	stock->blockers[stock->blocker_count++] =
		(struct blocker){ vm, rule, arena_text(&stock->arena, why, strlen(why)) };
}

static void refuse(struct stock *stock, const struct state *state, uint32_t vm)
{
	const struct cluster *cluster = state->cluster;

	stock->verdict = STOCK_NEVER;
	if (!stock->message)
		stock->message = arena_print(&stock->arena, "Migrate of instance %s from host %s failed.",
		                             cluster->vms[vm].name, cluster->hosts[state->vm_host[vm]].name);
}

/* Step 2 of the lock: each VM is asked for before anything moves. */
static bool find_rejections(const struct state *state, struct stock *stock)
{
	for (uint32_t i = 0; i < stock->mover_count; i++) {
		struct reason reason;

		if (!rules_lock_rejected(state, stock->movers[i], &reason))
			continue;
		if (!stock->message)
			stock->message = arena_text(&stock->arena, reason.why, strlen(reason.why));
		block(stock, stock->movers[i], reason.rule, reason.why);
	}
	stock->rejected = stock->blocker_count > 0;
	if (stock->rejected)
		stock->verdict = STOCK_NEVER;
	return stock->rejected;
}

/* VMs whose migration fails wherever it would go. */
static bool find_failures(const struct state *state, struct stock *stock)
{
	for (uint32_t i = 0; i < stock->mover_count; i++) {
		uint32_t vm = stock->movers[i];
		const struct vm *of = &state->cluster->vms[vm];
		const char *host = state->cluster->hosts[state->vm_host[vm]].name;

		if (!state_host_up(state, state->vm_host[vm]))
			block(stock, vm, "source-down",
			      arena_print(&stock->arena, "the source host %s is down (%s)", host,
			                  availability_words[state->hosts[state->vm_host[vm]].availability]));
		else if (of->vote_reject &&
		         state->vm_state[vm] == VM_ACTIVE) /* a paused guest cannot be asked */
			block(stock, vm, "heartbeat-vote",
			      arena_print(&stock->arena, "the guest of %s votes against being migrated",
			                  of->name));
		else if (lock_method(state, vm) == METHOD_NONE)
			block(stock, vm, "state",
			      arena_print(&stock->arena,
			                  "%s is %s, which can be migrated neither live nor cold", of->name,
			                  vm_state_words[state->vm_state[vm]]));
		else
			continue;
		refuse(stock, state, vm);
	}
	return stock->blocker_count > 0;
}

/* How many hosts each rule keeps a VM from, and one host's words for it. */
struct tally {
	const char *rule;
	uint32_t hosts;
	char why[256];
};

static void tally_add(struct tally *tallies, size_t *count, const struct reason *reason)
{
	size_t i = 0;

	while (i < *count && strcmp(tallies[i].rule, reason->rule))
		i++;
	if (i == REASONS_MOST)
		return;
	if (i == *count) {
		tallies[i] = (struct tally){ .rule = reason->rule };
		memcpy(tallies[i].why, reason->why, sizeof(tallies[i].why));
		(*count)++;
	}
	tallies[i].hosts++;
}

/* A member of a split strict-affinity group may only join another member: what is wrong there is the reason.
 */
static bool explain_kept(const struct request *request, struct stock *stock)
{
	const struct state *state = request->state;
	uint32_t group = state->cluster->vms[request->vm].group;
	const struct group *of = group == NONE ? NULL : &state->groups[group];
	struct reason reason;

	if (!of || of->policy != POLICY_AFFINITY || of->best_effort || state->profile == PROFILE_TITANIUM)
		return false;
	for (uint32_t host = 0; host < state->cluster->host_count; host++) {
		if (host == request->source || state_members(state, group, host) == 0 ||
		    rules_explain(request, host, &reason, 1) == 0)
			continue;
		block(stock, request->vm, "affinity-strict",
		      arena_print(&stock->arena,
		                  "strict affinity group %s lets it join another member only, but %s",
		                  of->name, reason.why));
		return true;
	}
	return false;
}

/*
 * Why nobody takes a VM, in one line: the rule that keeps it from every host that runs at all, the groups'
 * first since no resource helps against them; else the rules by how many hosts they bar.
 */
static void explain(const struct state *state, uint32_t vm, struct stock *stock)
{
	struct request request = request_for(state, MOVE_LIVE, vm);
	struct tally tallies[REASONS_MOST];
	struct reason reasons[REASONS_MOST];
	size_t count = 0, best = 0;
	uint32_t open = 0, most = state->cluster->host_count > 2000 ? 2000 : state->cluster->host_count;
	char *text;

	request.group_forgotten = true;
	if (explain_kept(&request, stock))
		return;
	for (uint32_t host = 0; host < most; host++) {
		size_t found;

		if (host == request.source || !state_host_up(state, host) || !state_host_enabled(state, host))
			continue;
		open++;
		found = rules_explain(&request, host, reasons, REASONS_MOST);
		for (size_t i = 0; i < found; i++)
			tally_add(tallies, &count, &reasons[i]);
	}
	if (open == 0 || count == 0) {
		block(stock, vm, "no-other-host", "no other host is up and enabled");
		return;
	}
	for (size_t i = 1; i < count; i++) {
		bool group = strstr(tallies[i].rule, "affinity");

		if (tallies[i].hosts > tallies[best].hosts ||
		    (group && tallies[i].hosts == tallies[best].hosts))
			best = i;
	}
	if (open == 1 || !strcmp(tallies[best].rule, "affinity-strict"))
		text = arena_print(&stock->arena, "%s", tallies[best].why);
	else
		text = arena_print(&stock->arena, "refused by %u of the %u other hosts that are up: %s",
		                   tallies[best].hosts, open, tallies[best].why);
	block(stock, vm, tallies[best].rule, text);
}

/* VMs that no host can take even before anything has moved: nothing that a lock does makes room elsewhere. */
static bool find_hopeless(struct chooser *chooser, struct stock *stock)
{
	for (uint32_t i = 0; i < stock->mover_count; i++) {
		uint32_t candidate;

		if (chooser_candidates(chooser, stock->movers[i], false, &candidate, 1) > 0)
			continue;
		refuse(stock, &chooser->state, stock->movers[i]);
		explain(&chooser->state, stock->movers[i], stock);
	}
	return stock->blocker_count > 0;
}

/* VMs that fail whatever comes before them: any order fails, so the first of them goes first, as the message
 * says. */
static void fail_first(struct stock *stock)
{
	uint32_t used = 0;

	stock->bad_order = ARENA_ARRAY(&stock->arena, uint32_t, stock->mover_count);
	stock->bad_order[used++] = stock->blockers[0].vm;
	for (uint32_t i = 0; i < stock->mover_count; i++) {
		if (stock->movers[i] != stock->blockers[0].vm)
			stock->bad_order[used++] = stock->movers[i];
	}
}

/* What the parts of the movers, which do not influence each other, make together. */
struct parts {
	struct search search;
	uint32_t *part;   /* by mover */
	uint32_t *subset; /* one part's movers */
	uint32_t *order;
	uint32_t *good, good_count;
	uint32_t *bad, bad_count;
	bool good_known, never, bad_found, unknown;
};

static void part_search(struct parts *parts, uint32_t number)
{
	struct search *search = &parts->search;
	uint32_t count = 0, length;
	bool safe = true;
	enum answer good, bad;

	for (uint32_t i = 0; i < search->count; i++) {
		if (parts->part[i] == number)
			parts->subset[count++] = i;
	}
	for (uint32_t i = 0; i < count && safe; i++)
		safe = search_safe(search, parts->subset[i], parts->subset, count);
	if (safe) {
		for (uint32_t i = 0; i < count; i++)
			parts->good[parts->good_count++] = parts->subset[i];
		return;
	}
	good = search_good(search, parts->subset, count, parts->order);
	for (uint32_t i = 0; good == ANSWER_YES && i < count; i++)
		parts->good[parts->good_count++] = parts->order[i];
	parts->good_known &= good == ANSWER_YES;
	bad = search_bad(search, parts->subset, count, parts->order, &length);
	if (bad == ANSWER_YES && !parts->bad_found) {
		memcpy(parts->bad, parts->order, sizeof(parts->bad[0]) * length);
		parts->bad_count = length;
		parts->bad_found = true;
	}
	if (good == ANSWER_NO) {
		parts->never = true;
		memcpy(parts->bad, parts->order, sizeof(parts->bad[0]) * length);
		parts->bad_count = length;
	}
	parts->unknown |= good == ANSWER_UNKNOWN || bad == ANSWER_UNKNOWN;
}

/* The mover that fails last in the bad order, explained where it fails. */
static void explain_bad(struct chooser *chooser, const struct parts *parts, struct stock *stock)
{
	uint32_t mark = state_mark(&chooser->state);

	for (uint32_t i = 0; i < parts->bad_count; i++) {
		uint32_t vm = stock->movers[parts->bad[i]], target = chooser_choose(chooser, vm);

		if (target == NONE) {
			enum stock_verdict verdict = stock->verdict;

			refuse(stock, &chooser->state, vm);
			stock->verdict = verdict;
			explain(&chooser->state, vm, stock);
			break;
		}
		chooser_move(chooser, vm, target);
	}
	state_rollback(&chooser->state, mark);
}

/* The movers in an order, those that are not in it behind. */
static uint32_t *whole_order(struct stock *stock, const uint32_t *order, uint32_t count)
{
	uint32_t *whole = ARENA_ARRAY(&stock->arena, uint32_t, stock->mover_count), used = 0;
	bool *taken = ARENA_ARRAY(&stock->arena, bool, stock->mover_count);

	for (uint32_t i = 0; i < count; i++) {
		taken[order[i]] = true;
		whole[used++] = stock->movers[order[i]];
	}
	for (uint32_t i = 0; i < stock->mover_count; i++) {
		if (!taken[i])
			whole[used++] = stock->movers[i];
	}
	must(used == stock->mover_count);
	return whole;
}

static void parts_judge(struct chooser *chooser, struct parts *parts, struct stock *stock)
{
	bool certain_bad = parts->never || (parts->bad_found && parts->good_known);

	if (parts->never)
		stock->verdict = STOCK_NEVER;
	else if (certain_bad)
		stock->verdict = STOCK_ORDER_DEPENDENT;
	else
		stock->verdict = parts->unknown ? STOCK_UNKNOWN : STOCK_ALWAYS;
	if (parts->good_known && !parts->never)
		stock->good_order = whole_order(stock, parts->good, parts->good_count);
	if (parts->bad_count > 0) {
		stock->bad_order = whole_order(stock, parts->bad, parts->bad_count);
		explain_bad(chooser, parts, stock);
	}
}

/* Whether every mover is safe from all the others: true for nearly every host of a cluster with room. */
static bool all_safe(struct search *search)
{
	for (uint32_t i = 0; i < search->count; i++) {
		uint32_t found = chooser_candidates(search->chooser, search->movers[i], false,
		                                    search->scratch_hosts, search->count);

		if (found < search->count)
			return false;
	}
	return true;
}

static void search_orders(struct chooser *chooser, uint64_t steps, struct stock *stock)
{
	struct parts parts = { .good_known = true };
	uint32_t count = stock->mover_count, part_count;

	search_create(&parts.search, chooser, stock->movers, count, steps);
	if (all_safe(&parts.search)) {
		stock->verdict = STOCK_ALWAYS;
		stock->good_order = whole_order(stock, NULL, 0);
		search_free(&parts.search);
		return;
	}
	parts.part = ARENA_ARRAY(&parts.search.arena, uint32_t, count);
	parts.subset = ARENA_ARRAY(&parts.search.arena, uint32_t, count);
	parts.order = ARENA_ARRAY(&parts.search.arena, uint32_t, count);
	parts.good = ARENA_ARRAY(&parts.search.arena, uint32_t, count);
	parts.bad = ARENA_ARRAY(&parts.search.arena, uint32_t, count);
	part_count = search_parts(&parts.search, parts.part);
	for (uint32_t number = 0; number < part_count; number++)
		part_search(&parts, number);
	parts_judge(chooser, &parts, stock);
	stock->steps = parts.search.steps;
	search_free(&parts.search);
}

void stock_find(struct chooser *chooser, uint32_t host, uint64_t steps, struct stock *ret_stock)
{
	const struct state *state = &chooser->state;

	*ret_stock = (struct stock){ .verdict = STOCK_ALWAYS };
	chooser_begin(chooser);
	/* Already locked: nothing to do. A cluster of one host stops its VMs and locks. */
	if (state->hosts[host].administrative == ADMIN_LOCKED || state->cluster->host_count == 1)
		return;
	find_movers(state, host, ret_stock);
	if (ret_stock->mover_count == 0)
		return;
	if (find_rejections(state, ret_stock))
		return;
	if (find_failures(state, ret_stock) || find_hopeless(chooser, ret_stock)) {
		fail_first(ret_stock);
		return;
	}
	search_orders(chooser, steps, ret_stock);
	chooser_begin(chooser);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/search.h"

#include "core/flavor.h"
#include "core/indexes.h"
#include "core/must.h"

#include <stdlib.h>
#include <string.h>

/* So many candidates are few: then those that compete for them are held against what they have left. */
enum { FEW = 16 };

static const struct vm *vm_at(const struct search *search, uint32_t mover)
{
	return &search->chooser->state.cluster->vms[search->movers[mover]];
}

static bool same_kind(const struct search *search, uint32_t a, uint32_t b)
{
	const struct shapes *shapes = search->chooser->shapes;

	return shapes->of_vm[search->movers[a]] == shapes->of_vm[search->movers[b]] &&
	       vm_at(search, a)->group == vm_at(search, b)->group;
}

void search_create(struct search *ret_search, struct chooser *chooser, const uint32_t *movers, uint32_t count,
                   uint64_t limit)
{
	*ret_search = (struct search){ .chooser = chooser, .movers = movers, .count = count, .limit = limit };
	ret_search->crowd = count;
	ret_search->kinds = ARENA_ARRAY(&ret_search->arena, uint32_t, count);
	ret_search->firm = ARENA_ARRAY(&ret_search->arena, bool, count);
	ret_search->scratch_hosts = ARENA_ARRAY(&ret_search->arena, uint32_t, count + 1);
	ret_search->scratch_needs = ARENA_ARRAY(&ret_search->arena, __int128, count + 1);
	ret_search->scratch_lists = ARENA_ARRAY(&ret_search->arena, uint32_t, (size_t)FEW * count);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t kind = 0;

		while (kind < i && !same_kind(ret_search, kind, i))
			kind++;
		ret_search->kinds[i] = kind;
	}
}

void search_free(struct search *search)
{
	arena_free(&search->arena);
}

/* What is left of a host in one dimension, minus one VM's own need; the others' needs are held against it. */
struct slack {
	__int128 ram, disk, cpu, dedicated; /* in millionths; dedicated: whole CPUs set apart */
	bool limits_disk, apart;
};

static struct slack slack_of(const struct search *search, uint32_t mover, uint32_t host)
{
	const struct state *state = &search->chooser->state;
	const struct host *of = &state->cluster->hosts[host];
	const struct host_use *use = &state->uses[host];
	const struct flavor *flavor = state_flavor(state, search->movers[mover]);
	struct slack slack = { .limits_disk = of->disk_gib != UNLIMITED, .apart = of->dedicated_cpus >= 0 };
	int64_t shared = use->shared_vcpus + flavor_shared_vcpus(flavor);
	int64_t dedicated = use->dedicated_vcpus + flavor_dedicated_vcpus(flavor);

	slack.ram = (__int128)(of->memory_mib - of->reserved_memory_mib) * of->memory_ratio -
	            (__int128)(use->memory_mib + flavor->memory_mib) * RATIO_ONE;
	if (slack.limits_disk)
		slack.disk = (__int128)(of->disk_gib - of->reserved_disk_gib) * of->disk_ratio -
		             (__int128)(use->disk_gib + flavor_disk_gib(flavor, vm_at(search, mover)->boot)) *
		                     RATIO_ONE;
	slack.cpu = (__int128)(of->cpus - of->reserved_cpus) * of->cpu_ratio - (__int128)shared * RATIO_ONE;
	if (slack.apart)
		slack.dedicated = of->dedicated_cpus - dedicated;
	else
		slack.cpu -= (__int128)dedicated * of->cpu_ratio;
	return slack;
}

/* One VM's need in one dimension of a host, on the slack's scale. */
static __int128 need_of(const struct search *search, uint32_t mover, uint32_t host, int dimension)
{
	const struct state *state = &search->chooser->state;
	const struct host *of = &state->cluster->hosts[host];
	const struct flavor *flavor = state_flavor(state, search->movers[mover]);

	switch (dimension) {
	case 0:
		return (__int128)flavor->memory_mib * RATIO_ONE;
	case 1:
		return (__int128)flavor_disk_gib(flavor, vm_at(search, mover)->boot) * RATIO_ONE;
	case 2:
		return (__int128)flavor_shared_vcpus(flavor) * RATIO_ONE +
		       (of->dedicated_cpus < 0 ? (__int128)flavor_dedicated_vcpus(flavor) * of->cpu_ratio
		                               : 0);
	default:
		return of->dedicated_cpus < 0 ? 0 : flavor_dedicated_vcpus(flavor);
	}
}

static int need_compare(const void *a, const void *b)
{
	__int128 x = *(const __int128 *)a, y = *(const __int128 *)b;

	return x > y ? -1 : x < y;
}

/* How many of the largest needs it takes to exceed the slack; count + 1: all together do not. */
static uint32_t fewest_over(__int128 *needs, uint32_t count, __int128 slack)
{
	__int128 sum = 0;

	qsort(needs, count, sizeof(needs[0]), need_compare);
	for (uint32_t i = 0; i < count; i++) {
		sum += needs[i];
		if (sum > slack)
			return i + 1;
	}
	return count + 1;
}

/* Whether another mover may bar the host to a mover by itself: same group, or devices and nodes that both
 * need. */
static bool may_bar_alone(const struct search *search, uint32_t mover, uint32_t other)
{
	const struct state *state = &search->chooser->state;
	const struct flavor *a = state_flavor(state, search->movers[mover]);
	const struct flavor *b = state_flavor(state, search->movers[other]);
	uint32_t group = vm_at(search, mover)->group;

	if (group != NONE && group == vm_at(search, other)->group &&
	    state->groups[group].policy == POLICY_ANTI_AFFINITY && !state->groups[group].best_effort)
		return true;
	return (a->pci_count > 0 && b->pci_count > 0) || (a->numa_count > 0 && b->numa_count > 0);
}

/* Whether two movers are of one anti-affinity group: either makes a host unwelcome to the other in a first
 * pass. */
static bool repel(const struct search *search, uint32_t mover, uint32_t other)
{
	uint32_t group = vm_at(search, mover)->group;

	return group != NONE && group == vm_at(search, other)->group &&
	       search->chooser->state.groups[group].policy == POLICY_ANTI_AFFINITY;
}

/*
 * The fewest of the others that could, by going to a host, bar it to the mover; count + 1: none of them can.
 * first_pass: barred is also what a first pass leaves out.
 */
static uint32_t fewest_to_bar(struct search *search, uint32_t mover, uint32_t host, const uint32_t *others,
                              uint32_t count, bool first_pass)
{
	struct slack slack = slack_of(search, mover, host);
	__int128 *needs = search->scratch_needs;
	uint32_t fewest = count + 1;

	for (uint32_t i = 0; i < count; i++) {
		if (others[i] != mover && (may_bar_alone(search, mover, others[i]) ||
		                           (first_pass && repel(search, mover, others[i]))))
			return 1;
	}
	for (int dimension = 0; dimension < 4; dimension++) {
		__int128 left = dimension == 0   ? slack.ram
		                : dimension == 1 ? slack.disk
		                : dimension == 2 ? slack.cpu
		                                 : slack.dedicated;
		uint32_t used = 0, over;

		if ((dimension == 1 && !slack.limits_disk) || (dimension == 3 && !slack.apart))
			continue;
		for (uint32_t i = 0; i < count; i++) {
			if (others[i] != mover)
				needs[used++] = need_of(search, others[i], host, dimension);
		}
		over = fewest_over(needs, used, left);
		if (over <= used && over < fewest)
			fewest = over;
	}
	return fewest;
}

bool search_safe(struct search *search, uint32_t mover, const uint32_t *others, uint32_t count)
{
	uint32_t *candidates = search->scratch_hosts, found, bars = 0;

	if (search->firm[mover])
		return true;
	/* Each candidate takes at least one other mover to bar it, and there are at most count - 1 of them.
	 */
	found = chooser_candidates(search->chooser, search->movers[mover], false, candidates, count);
	if (found >= count)
		return true;
	for (uint32_t i = 0; i < found; i++) {
		uint32_t fewest = fewest_to_bar(search, mover, candidates[i], others, count, false);

		if (fewest > count)
			return true;
		bars += fewest;
	}
	return bars >= count;
}

/* States seen, by their targets with equal movers' sorted: open addressing over copies of keys. */
struct seen {
	uint32_t **keys;
	uint32_t room, used, length;
};

static uint64_t key_hash(const uint32_t *key, uint32_t length)
{
	uint64_t hash = 0;

	for (uint32_t i = 0; i < length; i++) {
		hash = (hash ^ key[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 31;
	}
	return hash;
}

static uint32_t **seen_place(const struct seen *seen, const uint32_t *key)
{
	uint64_t at = key_hash(key, seen->length) & (seen->room - 1);

	while (seen->keys[at] && memcmp(seen->keys[at], key, sizeof(key[0]) * seen->length))
		at = (at + 1) & (seen->room - 1);
	return &seen->keys[at];
}

static void seen_grow(struct seen *seen)
{
	uint32_t **old = seen->keys, room = seen->room;

	seen->room = room ? room * 2 : 1024;
	seen->keys = MEMORY_ARRAY(uint32_t *, seen->room);
	for (uint32_t i = 0; i < room; i++) {
		if (old[i])
			*seen_place(seen, old[i]) = old[i];
	}
	free(old);
}

/* Whether the key is new; it is remembered. */
static bool seen_add(struct seen *seen, struct arena *arena, const uint32_t *key)
{
	uint32_t **place;

	if (seen->used * 2 >= seen->room)
		seen_grow(seen);
	place = seen_place(seen, key);
	if (*place)
		return false;
	*place = ARENA_ARRAY(arena, uint32_t, seen->length);
	memcpy(*place, key, sizeof(key[0]) * seen->length);
	seen->used++;
	return true;
}

/* One depth-first search, for a good or for a bad order. */
struct quest {
	struct search *search;
	const uint32_t *subset;
	uint32_t count;
	bool good;
	uint32_t *targets; /* by place in the subset; NONE: still to go */
	uint32_t *path;    /* places in the subset, in the order in which they went */
	uint32_t *key;
	uint32_t **levels; /* by depth: who is left, as movers and as places; made when first needed */
	struct seen seen;
	bool out_of_steps;
};

/* Where one mover is, for the key: its host, and with NUMA its nodes there, which depend on who came before
 * it. */
struct landed {
	uint32_t target;
	struct numa_claim claim; /* zeros when it is not NUMA-bound */
};

enum { LANDED_WORDS = sizeof(struct landed) / sizeof(uint32_t) };
_Static_assert(sizeof(struct landed) == sizeof(uint32_t) * LANDED_WORDS, "keys are words");

static int landed_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct landed));
}

static void landed_fill(struct quest *quest, struct landed *landed)
{
	const struct state *state = &quest->search->chooser->state;

	for (uint32_t place = 0; place < quest->count; place++) {
		uint32_t vm = quest->search->movers[quest->subset[place]];

		landed[place] = (struct landed){ .target = quest->targets[place] };
		if (quest->targets[place] != NONE)
			memcpy(landed[place].claim.nodes, state->numa_here[vm].nodes,
			       state_flavor(state, vm)->numa_count);
	}
}

/* The state's key: targets, those of interchangeable movers (neighbours in the subset) sorted. */
static const uint32_t *quest_key(struct quest *quest)
{
	bool numa = quest->search->chooser->state.numa_here;
	size_t size = numa ? sizeof(struct landed) : sizeof(quest->key[0]);
	uint32_t from = 0;

	if (numa)
		landed_fill(quest, (struct landed *)(void *)quest->key);
	else
		memcpy(quest->key, quest->targets, size * quest->count);
	while (from < quest->count) {
		uint32_t to = from + 1;

		while (to < quest->count &&
		       quest->search->kinds[quest->subset[to]] == quest->search->kinds[quest->subset[from]])
			to++;
		qsort((char *)quest->key + from * size, to - from, size,
		      numa ? landed_compare : index_compare);
		from = to;
	}
	return quest->key;
}

static bool list_has(const uint32_t *list, uint32_t count, uint32_t host)
{
	for (uint32_t i = 0; i < count; i++) {
		if (list[i] == host)
			return true;
	}
	return false;
}

static bool list_within(const uint32_t *list, uint32_t count, const uint32_t *of, uint32_t of_count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!list_has(of, of_count, list[i]))
			return false;
	}
	return true;
}

/* Whether VMs that need so much together cannot all fit a few hosts. Dedicated vCPUs are left out: too little
 * is safe. */
static bool too_much(const struct state *state, const uint32_t *hosts, uint32_t count, int64_t need_mib,
                     int64_t need_vcpus)
{
	__int128 free_mib = 0, free_vcpus = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct host *of = &state->cluster->hosts[hosts[i]];
		const struct host_use *use = &state->uses[hosts[i]];

		free_mib += (__int128)(of->memory_mib - of->reserved_memory_mib) * of->memory_ratio -
		            (__int128)use->memory_mib * RATIO_ONE;
		free_vcpus += (__int128)(of->cpus - of->reserved_cpus) * of->cpu_ratio -
		              (__int128)use->shared_vcpus * RATIO_ONE;
		if (of->dedicated_cpus < 0)
			free_vcpus -= (__int128)use->dedicated_vcpus * of->cpu_ratio;
	}
	return (__int128)need_mib * RATIO_ONE > free_mib ||
	       (need_vcpus > 0 && (__int128)need_vcpus * RATIO_ONE > free_vcpus);
}

/* Whether some of those that are left, who may go to the same few hosts only, need more than is free there.
 */
static bool overfull(struct quest *quest, const uint32_t *left, uint32_t count)
{
	struct search *search = quest->search;
	const struct state *state = &search->chooser->state;
	uint32_t *lists = search->scratch_lists, *counts = search->scratch_hosts;

	for (uint32_t i = 0; i < count; i++)
		counts[i] = chooser_candidates(search->chooser, search->movers[left[i]], false,
		                               &lists[i * FEW], FEW);
	for (uint32_t i = 0; i < count; i++) {
		int64_t need_mib = 0, need_vcpus = 0;

		for (uint32_t j = 0; counts[i] < FEW && j < count; j++) {
			const struct flavor *flavor = state_flavor(state, search->movers[left[j]]);

			if (counts[j] > counts[i] ||
			    !list_within(&lists[j * FEW], counts[j], &lists[i * FEW], counts[i]))
				continue;
			need_mib += flavor->memory_mib;
			need_vcpus += flavor_shared_vcpus(flavor);
		}
		if (counts[i] < FEW && too_much(state, &lists[i * FEW], counts[i], need_mib, need_vcpus))
			return true;
	}
	return false;
}

/* Whether those that are left cannot bar each other, by the closer look that search_parts takes. */
static bool all_firm(const struct search *search, const uint32_t *left, uint32_t count)
{
	struct search rest;
	bool firm = true;
	uint32_t *movers = MEMORY_ARRAY(uint32_t, count), *part = MEMORY_ARRAY(uint32_t, count);

	for (uint32_t i = 0; i < count; i++)
		movers[i] = search->movers[left[i]];
	search_create(&rest, search->chooser, movers, count, 0);
	rest.crowd = search->crowd;
	search_parts(&rest, part);
	for (uint32_t i = 0; i < count && firm; i++)
		firm = rest.firm[i];
	search_free(&rest);
	free(movers);
	free(part);
	return firm;
}

enum outlook { OUTLOOK_FAILS, OUTLOOK_SUCCEEDS, OUTLOOK_OPEN };

/* What is certain of a state; *ret_stuck is a place (in left) of somebody who has no host, or NONE. */
static enum outlook outlook(struct quest *quest, const uint32_t *left, uint32_t count, uint32_t *ret_stuck)
{
	bool all_safe = true;

	*ret_stuck = NONE;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t candidate;

		if (chooser_candidates(quest->search->chooser, quest->search->movers[left[i]], false,
		                       &candidate, 1) == 0) {
			*ret_stuck = i;
			return OUTLOOK_FAILS;
		}
	}
	for (uint32_t i = 0; i < count && all_safe; i++)
		all_safe = search_safe(quest->search, left[i], left, count);
	if (all_safe || all_firm(quest->search, left, count))
		return OUTLOOK_SUCCEEDS;
	return overfull(quest, left, count) ? OUTLOOK_FAILS : OUTLOOK_OPEN;
}

/* Fills the path with those that are left, in the subset's order, as far as they find hosts. Returns its
 * length. */
static uint32_t finish_path(struct quest *quest, uint32_t depth, uint32_t first)
{
	struct chooser *chooser = quest->search->chooser;
	uint32_t mark = state_mark(&chooser->state), length = depth;
	bool stuck = false;

	for (uint32_t turn = 0; turn <= quest->count && !stuck; turn++) {
		uint32_t place = turn == 0 ? first : turn - 1, target;

		if (place == NONE || quest->targets[place] != NONE || (turn > 0 && place == first))
			continue;
		quest->path[length++] = place;
		target = chooser_choose(chooser, quest->search->movers[quest->subset[place]]);
		stuck = target == NONE;
		if (!stuck)
			chooser_move(chooser, quest->search->movers[quest->subset[place]], target);
	}
	state_rollback(&chooser->state, mark);
	return length;
}

static bool quest_step(struct quest *quest, uint32_t depth, uint32_t *ret_length);

/* Tries each kind of mover that is left as the next. */
static bool quest_branch(struct quest *quest, uint32_t depth, uint32_t *ret_length)
{
	struct search *search = quest->search;
	struct chooser *chooser = search->chooser;

	for (uint32_t place = 0; place < quest->count; place++) {
		uint32_t vm = search->movers[quest->subset[place]], mark, target;
		bool twin = false, found;

		if (quest->targets[place] != NONE)
			continue;
		for (uint32_t other = 0; other < place && !twin; other++)
			twin = quest->targets[other] == NONE &&
			       search->kinds[quest->subset[other]] == search->kinds[quest->subset[place]];
		if (twin)
			continue;
		/* Who can bar whom is looked at anew for every pair of movers: that is what a placement
		 * costs. */
		search->steps += 1 + (uint64_t)quest->count * quest->count / 32;
		if (search->steps > search->limit) {
			quest->out_of_steps = true;
			return false;
		}
		target = chooser_choose(chooser, vm);
		must(target != NONE);
		mark = state_mark(&chooser->state);
		chooser_move(chooser, vm, target);
		quest->targets[place] = target;
		quest->path[depth] = place;
		found = quest_step(quest, depth + 1, ret_length);
		quest->targets[place] = NONE;
		state_rollback(&chooser->state, mark);
		if (found || quest->out_of_steps)
			return found;
	}
	return false;
}

static bool quest_step(struct quest *quest, uint32_t depth, uint32_t *ret_length)
{
	uint32_t *left, *places, count = 0, stuck;

	if (!quest->levels[depth])
		quest->levels[depth] = ARENA_ARRAY(&quest->search->arena, uint32_t,
		                                   2 * (size_t)quest->count + 2);
	left = quest->levels[depth];
	places = left + quest->count + 1;
	for (uint32_t place = 0; place < quest->count; place++) {
		if (quest->targets[place] == NONE) {
			places[count] = place;
			left[count++] = quest->subset[place];
		}
	}
	if (count == 0) {
		*ret_length = depth;
		return quest->good;
	}
	switch (outlook(quest, left, count, &stuck)) {
	case OUTLOOK_FAILS:
		if (!quest->good)
			*ret_length = finish_path(quest, depth, stuck == NONE ? NONE : places[stuck]);
		return !quest->good;
	case OUTLOOK_SUCCEEDS:
		if (quest->good)
			*ret_length = finish_path(quest, depth, NONE);
		return quest->good;
	case OUTLOOK_OPEN:
		break;
	}
	if (!seen_add(&quest->seen, &quest->search->arena, quest_key(quest)))
		return false;
	return quest_branch(quest, depth, ret_length);
}

struct ranked {
	uint32_t mover, kind, candidates;
	int64_t size;
};

/* Few candidates and much memory first; interchangeable movers side by side. */
static int tight_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->candidates != y->candidates)
		return x->candidates < y->candidates ? -1 : 1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->mover < y->mover ? -1 : x->mover > y->mover;
}

/* For a bad order the other way round: those that take much and can go anywhere first. */
static int loose_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->candidates != y->candidates)
		return x->candidates > y->candidates ? -1 : 1;
	return tight_first(a, b);
}

static void subset_sort(struct search *search, const uint32_t *subset, uint32_t count, bool good,
                        uint32_t *ret_sorted)
{
	struct ranked *ranked = ARENA_ARRAY(&search->arena, struct ranked, count);
	uint32_t candidates[64];

	for (uint32_t i = 0; i < count; i++)
		ranked[i] = (struct ranked){
			subset[i], search->kinds[subset[i]],
			chooser_candidates(search->chooser, search->movers[subset[i]], false, candidates, 64),
			state_flavor(&search->chooser->state, search->movers[subset[i]])->memory_mib
		};
	qsort(ranked, count, sizeof(ranked[0]), good ? tight_first : loose_first);
	for (uint32_t i = 0; i < count; i++)
		ret_sorted[i] = ranked[i].mover;
}

static enum answer quest_run(struct search *search, const uint32_t *subset, uint32_t count, bool good,
                             uint32_t *ret_order, uint32_t *ret_length)
{
	struct quest quest = { .search = search, .count = count, .good = good };
	uint32_t *sorted = ARENA_ARRAY(&search->arena, uint32_t, count), length = 0;
	bool found;

	subset_sort(search, subset, count, good, sorted);
	quest.subset = sorted;
	quest.targets = ARENA_ARRAY(&search->arena, uint32_t, count);
	quest.path = ARENA_ARRAY(&search->arena, uint32_t, count + 1);
	quest.seen.length = count * (search->chooser->state.numa_here ? LANDED_WORDS : 1);
	quest.key = ARENA_ARRAY(&search->arena, uint32_t, quest.seen.length);
	quest.levels = ARENA_ARRAY(&search->arena, uint32_t *, count + 1);
	for (uint32_t i = 0; i < count; i++)
		quest.targets[i] = NONE;
	found = quest_step(&quest, 0, &length);
	free(quest.seen.keys);
	for (uint32_t i = 0; found && i < length; i++)
		ret_order[i] = sorted[quest.path[i]];
	*ret_length = length;
	return found ? ANSWER_YES : quest.out_of_steps ? ANSWER_UNKNOWN : ANSWER_NO;
}

enum answer search_good(struct search *search, const uint32_t *subset, uint32_t count, uint32_t *ret_order)
{
	uint32_t length;
	enum answer answer = quest_run(search, subset, count, true, ret_order, &length);

	must(answer != ANSWER_YES || length == count);
	return answer;
}

enum answer search_bad(struct search *search, const uint32_t *subset, uint32_t count, uint32_t *ret_order,
                       uint32_t *ret_length)
{
	return quest_run(search, subset, count, false, ret_order, ret_length);
}

/*
 * Where a mover may land, whatever the others do first. Others' moves only take room away, so that is always
 * one of its candidates now; in the file's order it never gets past the first that the others cannot bar.
 */
struct reached {
	uint32_t *hosts, *fewest; /* its first candidates, and how many others it takes to bar each */
	uint32_t count;
	bool any_order;  /* a later host may be taken before an earlier one, even one that is not listed */
	bool first_pass; /* the list is of a best-effort group's first pass, which never comes out empty */
};

/* Whether another mover is of the mover's group. */
static bool has_companion(const struct search *search, uint32_t mover)
{
	for (uint32_t other = 0; other < search->count; other++) {
		if (other != mover && vm_at(search, other)->group == vm_at(search, mover)->group)
			return true;
	}
	return false;
}

/*
 * A best-effort group's first pass leaves out some hosts; the others are taken in the file's order. The list
 * holds when it is as long as there are movers, so that they cannot bar it whole and force the second pass;
 * or when it is empty and nobody changes that. An affinity group's list grows with the hosts that its members
 * go to.
 */
static void reach_first_pass(struct search *search, uint32_t mover, struct reached *reached)
{
	const struct state *state = &search->chooser->state;
	const struct group *group = &state->groups[vm_at(search, mover)->group];
	bool companion = has_companion(search, mover);

	if (group->policy == POLICY_AFFINITY && companion)
		return;
	reached->count = chooser_candidates(search->chooser, search->movers[mover], true, reached->hosts,
	                                    search->count);
	reached->first_pass = reached->count == search->count;
	reached->any_order = !reached->first_pass && (reached->count > 0 || companion);
}

static void reach_begin(struct search *search, uint32_t mover, struct reached *reached)
{
	const struct state *state = &search->chooser->state;

	reached->hosts = ARENA_ARRAY(&search->arena, uint32_t, search->count);
	reached->fewest = ARENA_ARRAY(&search->arena, uint32_t, search->count);
	reached->first_pass = false;
	reached->any_order = state->profile == PROFILE_NOVA ||
	                     group_has_first_pass(state, vm_at(search, mover)->group);
	if (reached->any_order && state->profile != PROFILE_NOVA)
		reach_first_pass(search, mover, reached);
	if (!reached->first_pass)
		reached->count = chooser_candidates(search->chooser, search->movers[mover], false,
		                                    reached->hosts, search->count);
	/* Each other mover lands on one host only, and there are count - 1 of them. */
	search->firm[mover] = reached->count == search->count;
}

/* Whether a mover may land on a host that it takes, other than to follow members of its group. */
static bool reaches_alone(struct search *search, const struct reached *reached, uint32_t mover, uint32_t host)
{
	const struct state *state = &search->chooser->state;
	uint32_t group = vm_at(search, mover)->group;

	if (state->profile == PROFILE_NOVA)
		return chooser_may_prefer(search->chooser, search->movers[mover], host, search->crowd);
	if (list_has(reached[mover].hosts, reached[mover].count, host))
		return true;
	/* A first pass with a list that is too short to hold, before a second pass in the file's order. */
	return reached[mover].any_order && state->groups[group].policy == POLICY_ANTI_AFFINITY &&
	       state_members(state, group, host) == 0;
}

/* Whether the scheduler sends a mover after other members of its group, but not only there. */
static bool follows(const struct search *search, const struct reached *reached, uint32_t mover)
{
	uint32_t group = vm_at(search, mover)->group;
	const struct group *of = group == NONE ? NULL : &search->chooser->state.groups[group];

	return of && reached[mover].any_order &&
	       ((of->policy == POLICY_AFFINITY && of->best_effort) || of->policy == POLICY_SOFT_AFFINITY);
}

/* A mover that follows lands where a member is, or where another of its group may have landed first. */
static bool reaches(struct search *search, const struct reached *reached, uint32_t mover, uint32_t host)
{
	uint32_t group = vm_at(search, mover)->group;

	if (reached[mover].any_order && !chooser_takes(search->chooser, search->movers[mover], host))
		return false;
	if (reaches_alone(search, reached, mover, host))
		return true;
	if (!follows(search, reached, mover))
		return false;
	if (state_members(&search->chooser->state, group, host) > 0)
		return true;
	for (uint32_t other = 0; other < search->count; other++) {
		if (vm_at(search, other)->group == group && reaches_alone(search, reached, other, host))
			return true;
	}
	return false;
}

/* Kuhn's augmenting path: one more mover that helps to bar `slots[slot]`, each mover at one host only. */
struct barring {
	struct search *search;
	const struct reached *reached;
	const uint32_t *slots; /* hosts, one entry per mover that it takes */
	uint32_t *by;          /* by mover: the slot that it is needed for, NONE */
	bool *seen;
	uint32_t mover; /* who is to be barred */
};

static bool bar(struct barring *barring, uint32_t slot)
{
	for (uint32_t other = 0; other < barring->search->count; other++) {
		if (other == barring->mover || barring->seen[other] ||
		    !reaches(barring->search, barring->reached, other, barring->slots[slot]))
			continue;
		barring->seen[other] = true;
		if (barring->by[other] == NONE || bar(barring, barring->by[other])) {
			barring->by[other] = slot;
			return true;
		}
	}
	return false;
}

/*
 * How many of a mover's hosts, from the first on, the others can bar together, even if each could choose
 * freely among the hosts that it may reach.
 */
static uint32_t barred_together(struct search *search, const struct reached *reached, uint32_t mover,
                                uint32_t *slots, uint32_t *by, bool *seen)
{
	struct barring barring = { search, reached, slots, by, seen, mover };
	uint32_t slot_count = 0;

	for (uint32_t i = 0; i < reached[mover].count; i++) {
		uint32_t host = reached[mover].hosts[i], comers = 0;

		for (uint32_t other = 0; other < search->count; other++) {
			if (other != mover && reaches(search, reached, other, host))
				slots[comers++] = other;
		}
		reached[mover].fewest[i] = fewest_to_bar(search, mover, host, slots, comers,
		                                         reached[mover].first_pass);
		/* Nobody who may come can bar it: say so in a way that no number of movers reaches. */
		if (reached[mover].fewest[i] > comers)
			reached[mover].fewest[i] = search->count + 1;
	}
	for (uint32_t i = 0; i < search->count; i++)
		by[i] = NONE;
	for (uint32_t i = 0; i < reached[mover].count; i++) {
		for (uint32_t n = 0; n < reached[mover].fewest[i]; n++) {
			if (slot_count == search->count)
				return i;
			memset(seen, 0, sizeof(seen[0]) * search->count);
			slots[slot_count] = reached[mover].hosts[i];
			if (!bar(&barring, slot_count++))
				return i;
		}
	}
	return reached[mover].count;
}

/* Cuts a mover's reach behind the first host that cannot be barred together with all before it. Whether it
 * did. */
static bool reach_cut(struct search *search, struct reached *reached, uint32_t mover, uint32_t *slots,
                      uint32_t *by, bool *seen)
{
	uint32_t barred;

	if (reached[mover].any_order && search->firm[mover])
		return false;
	barred = barred_together(search, reached, mover, slots, by, seen);
	if (barred < reached[mover].count)
		search->firm[mover] = true;
	if (reached[mover].any_order || barred + 1 >= reached[mover].count)
		return false;
	reached[mover].count = barred + 1;
	return true;
}

static void reach_all(struct search *search, struct reached *reached)
{
	uint32_t *scratch = ARENA_ARRAY(&search->arena, uint32_t, 2 * (size_t)search->count);
	bool *seen = ARENA_ARRAY(&search->arena, bool, search->count), cut = true;

	for (uint32_t i = 0; i < search->count; i++)
		reach_begin(search, i, &reached[i]);
	while (cut) {
		cut = false;
		for (uint32_t i = 0; i < search->count; i++)
			cut |= reach_cut(search, reached, i, scratch, scratch + search->count, seen);
	}
}

static uint32_t part_of(uint32_t *parts, uint32_t i)
{
	while (parts[i] != i)
		i = parts[i] = parts[parts[i]];
	return i;
}

/*
 * Whether another mover, by going somewhere first, may change where a mover goes: a group in common, or a
 * host that the other may go to and that the mover then finds barred, or weighs anew.
 */
static bool influences(struct search *search, const struct reached *reached, uint32_t other, uint32_t mover)
{
	uint32_t group = vm_at(search, mover)->group;
	bool nova = search->chooser->state.profile == PROFILE_NOVA;

	if (group != NONE && group == vm_at(search, other)->group)
		return true;
	/* Then the list does not hold all hosts that it may go to. */
	if (reached[mover].any_order && reached[mover].count == search->count)
		return true;
	for (uint32_t i = 0; i < reached[mover].count; i++) {
		if ((nova || reached[mover].fewest[i] <= search->count) &&
		    reaches(search, reached, other, reached[mover].hosts[i]))
			return true;
	}
	return false;
}

/* Joins to each mover that may fail all that influence it, and to these again; others are of no consequence.
 */
static void parts_join(struct search *search, const struct reached *reached, uint32_t *parts)
{
	bool *matters = ARENA_ARRAY(&search->arena, bool, search->count), more = true;

	for (uint32_t i = 0; i < search->count; i++)
		matters[i] = !search->firm[i];
	while (more) {
		more = false;
		for (uint32_t i = 0; i < search->count; i++) {
			for (uint32_t other = 0; matters[i] && other < search->count; other++) {
				if (part_of(parts, other) == part_of(parts, i) ||
				    !influences(search, reached, other, i))
					continue;
				parts[part_of(parts, other)] = part_of(parts, i);
				more |= !matters[other];
				matters[other] = true;
			}
		}
	}
}

uint32_t search_parts(struct search *search, uint32_t *ret_part)
{
	struct reached *reached = ARENA_ARRAY(&search->arena, struct reached, search->count);
	uint32_t *all = ARENA_ARRAY(&search->arena, uint32_t, search->count), parts = 0;
	uint32_t *numbers = ARENA_ARRAY(&search->arena, uint32_t, search->count);

	for (uint32_t i = 0; i < search->count; i++)
		ret_part[i] = i;
	reach_all(search, reached);
	parts_join(search, reached, ret_part);
	for (uint32_t i = 0; i < search->count; i++)
		numbers[i] = part_of(ret_part, i) == i ? parts++ : NONE;
	for (uint32_t i = 0; i < search->count; i++) {
		uint32_t root = part_of(ret_part, i);

		all[i] = numbers[root];
	}
	memcpy(ret_part, all, sizeof(all[0]) * search->count);
	return parts;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/advice.h"

#include "core/indexes.h"
#include "planner/planned.h"
#include "planner/planning.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hosts on which more is tried, how often it is doubled, and hosts that are tried unlocked. */
enum { HOSTS_MOST = 12, DOUBLED_MOST = 4, UNLOCKED_MOST = 12 };

/* Groups tried; gaps tried closed, the smallest of each resource; and of how many they are the smallest. */
enum { GROUPS_MOST = 8, GAPS_TRIED = 3, GAPS_MOST = 100000 };

/* Each change that might help gets this part of the verdict's steps. */
enum { STEPS_SHARE = 10 };

struct asking {
	struct cluster *cluster;
	const struct fact *fact;
	const uint32_t *hosts;
	uint32_t count;
	uint64_t steps;
	struct advice *advice;
};

void advice_free(struct advice *advice)
{
	arena_free(&advice->arena);
	*advice = (struct advice){ 0 };
}

/* Whether the hosts can be emptied in the cluster as it is changed now. */
static bool helps(const struct asking *asking)
{
	struct planning planning;
	struct planned planned;
	bool lockable;

	planning_create(&planning, asking->cluster, NULL, 0);
	planned_find(&planning.chooser, &planning.reaches, asking->hosts, asking->count, NULL, NULL,
	             asking->steps, &planned);
	lockable = planned.verdict == PLANNED_LOCKABLE;
	planned_free(&planned);
	planning_free(&planning);
	return lockable;
}

static void add(struct asking *asking, const char *text)
{
	struct advice *advice = asking->advice;

	for (uint32_t i = 0; i < advice->count; i++) {
		if (!strcmp(advice->texts[i], text))
			return;
	}
	if (advice->count < ADVICE_MOST)
		advice->texts[advice->count++] = arena_text(&advice->arena, text, strlen(text));
}

/* What a host has of a resource in all, and its ratio in millionths; NULL: nothing of the host's own. */
static int64_t *total_of(struct host *host, uint32_t resource, int64_t *ret_ratio)
{
	switch (resource) {
	case RESOURCE_CPUS:
		*ret_ratio = host->cpu_ratio;
		return &host->cpus;
	case RESOURCE_DEDICATED:
		*ret_ratio = RATIO_ONE;
		return &host->dedicated_cpus;
	case RESOURCE_MEMORY:
		*ret_ratio = host->memory_ratio;
		return &host->memory_mib;
	case RESOURCE_DISK:
		*ret_ratio = host->disk_ratio;
		return &host->disk_gib;
	default:
		return NULL;
	}
}

/* Gives a host more of a resource; false: that cannot be given. Ratios are taken off, and it is rounded up.
 */
static bool give(struct host *host, uint32_t resource, double amount)
{
	int64_t ratio, *total = total_of(host, resource, &ratio);

	if (!total)
		return false;
	*total += (int64_t)ceil(amount * RATIO_ONE / (double)ratio);
	return *total >= 0; /* no CPUs are set apart: -1 */
}

/* More of what is short: as much as is missing, else twice that, … on one host, whichever it may be. */
static void try_more(struct asking *asking)
{
	const struct fact *fact = asking->fact;
	double missing = fact->kind == FACT_COUNT ? 0 : fact->needed - fact->available;
	struct amounts amounts;
	char words[256], text[1024];

	amounts_create(&amounts, asking->cluster);
	amount_words(&amounts, fact->resource, words, sizeof(words));
	/* None can be cut in two: the smallest of them at least has to find room. */
	for (uint32_t i = 0; fact->kind == FACT_COUNT && i < fact->vm_count; i++) {
		double part = (double)amount_of_vm(&amounts, fact->vms[i], fact->hosts[0], fact->resource) /
		              amount_unit(fact->resource);

		missing = i == 0 || part < missing ? part : missing;
	}
	amounts_free(&amounts);
	for (int doubled = 0; doubled < DOUBLED_MOST && missing > 0; doubled++, missing *= 2) {
		size_t length = (size_t)snprintf(text, sizeof(text), "%.15g %s more on ", missing, words);
		uint32_t found = 0;

		for (uint32_t i = 0; i < fact->host_count && i < HOSTS_MOST; i++) {
			struct host *host = &asking->cluster->hosts[fact->hosts[i]], before = *host;
			bool better = give(host, fact->resource, missing) && helps(asking);

			*host = before;
			if (better && length < sizeof(text))
				length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s",
				                           found++ ? " or " : "", host->name);
		}
		if (found > 0) {
			add(asking, text);
			return;
		}
	}
}

/* What a VM lacks on a host, when that is one thing only: one that must leave, or that the fact is about. */
struct gap {
	double amount;
	uint32_t resource, host;
};

/* How much more of a resource a host must have in all for the VM alone, whatever the ratio; <= 0: it has. */
static __int128 missing_alone(const struct host *host, uint32_t resource, __int128 part)
{
	struct host of = *host;
	int64_t ratio, *total = total_of(&of, resource, &ratio);

	if (!total || resource == RESOURCE_DEDICATED || *total == UNLIMITED)
		return 0;
	return part * ratio / RATIO_ONE - (__int128)*total * ratio;
}

static bool find_gap(const struct state *state, const struct amounts *amounts, uint32_t vm, uint32_t host,
                     struct gap *ret_gap)
{
	const struct host *of = &state->cluster->hosts[host];
	uint32_t asked[RESOURCES_ASKED_MOST], count = amounts_asked(amounts, vm, host, asked), gaps = 0;

	for (uint32_t i = 0; i < count; i++) {
		__int128 part = amount_of_vm(amounts, vm, host, asked[i]), alone;
		__int128 missing = part - amount_of_host(amounts, host, asked[i]);

		for (uint32_t other = state_vms_first(state, host); other != NONE;
		     other = state_vms_next(state, other))
			missing += amount_of_vm(amounts, other, host, asked[i]);
		alone = missing_alone(of, asked[i], part);
		missing = alone > missing ? alone : missing;
		if (missing <= 0)
			continue;
		*ret_gap = (struct gap){ ceil((double)missing / amount_unit(asked[i])), asked[i], host };
		gaps++;
	}
	return gaps == 1 && ret_gap->resource < FIXED_RESOURCES;
}

static int compare_gaps(const void *a, const void *b)
{
	const struct gap *x = a, *y = b;

	if (x->resource != y->resource)
		return x->resource < y->resource ? -1 : 1;
	if (x->amount != y->amount)
		return x->amount < y->amount ? -1 : 1;
	return x->host < y->host ? -1 : x->host > y->host;
}

static uint32_t find_gaps(const struct asking *asking, const struct amounts *amounts, struct gap *gaps)
{
	struct state state;
	struct goal goal;
	uint32_t count = 0;
	bool *concerned = MEMORY_ARRAY(bool, asking->cluster->vm_count);

	state_create(&state, asking->cluster);
	goal_create(&goal, &state, asking->hosts, asking->count);
	for (uint32_t i = 0; i < asking->fact->vm_count; i++)
		concerned[asking->fact->vms[i]] = true;
	for (uint32_t vm = 0; vm < asking->cluster->vm_count; vm++) {
		if (!concerned[vm] && !goal_must_leave(&goal, &state, vm))
			continue;
		for (uint32_t host = 0; host < asking->cluster->host_count && count < GAPS_MOST; host++) {
			if (!goal.wanted[host] && host != state.vm_host[vm] &&
			    state_host_enabled(&state, host))
				count += find_gap(&state, amounts, vm, host, &gaps[count]);
		}
	}
	goal_free(&goal);
	state_free(&state);
	free(concerned);
	qsort(gaps, count, sizeof(gaps[0]), compare_gaps);
	return count;
}

/* The least that is missing somewhere, whether the fact is about that host or not. */
static void try_gaps(struct asking *asking)
{
	struct gap *gaps = MEMORY_ARRAY(struct gap, GAPS_MOST);
	uint32_t count, tried = 0;
	struct amounts amounts;
	bool better = false;

	amounts_create(&amounts, asking->cluster);
	count = find_gaps(asking, &amounts, gaps);
	for (uint32_t i = 0; i < count; i++) {
		const struct gap *gap = &gaps[i];
		struct host *host = &asking->cluster->hosts[gap->host], before = *host;
		char words[256], text[1024];

		if (i == 0 || gap->resource != gaps[i - 1].resource) {
			better = false;
			tried = 0;
		}
		if (better || tried == GAPS_TRIED || (i > 0 && compare_gaps(gap, &gaps[i - 1]) == 0))
			continue;
		tried++;
		better = give(host, gap->resource, gap->amount) && helps(asking);
		*host = before;
		if (!better)
			continue;
		amount_words(&amounts, gap->resource, words, sizeof(words));
		snprintf(text, sizeof(text), "%.15g %s more on %s", gap->amount, words, host->name);
		add(asking, text);
	}
	amounts_free(&amounts);
	free(gaps);
}

static void try_group(struct asking *asking, uint32_t group)
{
	struct group *of = group == NONE ? NULL : &asking->cluster->groups[group];
	char text[512];

	if (!of || of->best_effort || (of->policy != POLICY_AFFINITY && of->policy != POLICY_ANTI_AFFINITY))
		return;
	of->best_effort = true;
	if (helps(asking)) {
		snprintf(text, sizeof(text), "group %s set to best effort", of->name);
		add(asking, text);
	}
	of->best_effort = false;
}

/* The groups of the VMs that the fact is about, each once. */
static void try_groups(struct asking *asking)
{
	const struct fact *fact = asking->fact;
	uint32_t *groups = MEMORY_ARRAY(uint32_t, fact->vm_count), count = 0;

	for (uint32_t i = 0; i < fact->vm_count; i++) {
		uint32_t group = asking->cluster->vms[fact->vms[i]].group;

		if (group != NONE)
			groups[count++] = group;
	}
	count = indexes_sort_once(groups, count);
	for (uint32_t i = 0; i < count && i < GROUPS_MOST; i++)
		try_group(asking, groups[i]);
	free(groups);
}

/* The VM made active, without a task, willing. */
static void try_vm(struct asking *asking, uint32_t vm)
{
	struct vm *of = &asking->cluster->vms[vm], before = *of;
	char text[512];

	if (of->state == VM_ACTIVE && !of->task && !of->vote_reject)
		return;
	of->state = VM_ACTIVE;
	of->task = NULL;
	of->vote_reject = false;
	if (helps(asking)) {
		snprintf(text, sizeof(text), "%s active, without a task, and not voting against it",
		         before.name);
		add(asking, text);
	}
	*of = before;
}

static void try_unlocking(struct asking *asking)
{
	uint32_t tried = 0;

	for (uint32_t i = 0; i < asking->cluster->host_count && tried < UNLOCKED_MOST; i++) {
		struct host *host = &asking->cluster->hosts[i], before = *host;
		char text[512];

		if (host->administrative != ADMIN_LOCKED || host->availability == AVAIL_OFFLINE ||
		    host->availability == AVAIL_FAILED || host->availability == AVAIL_POWER_OFF)
			continue;
		tried++;
		host->administrative = ADMIN_UNLOCKED;
		host->operational = OPER_ENABLED;
		if (helps(asking)) {
			snprintf(text, sizeof(text), "%s unlocked", host->name);
			add(asking, text);
		}
		*host = before;
	}
}

void advice_find(struct cluster *cluster, const struct fact *fact, const uint32_t *hosts, uint32_t count,
                 uint64_t steps, struct advice *ret_advice)
{
	struct asking asking = { cluster, fact, hosts, count, steps / STEPS_SHARE, ret_advice };
	bool room = fact->kind == FACT_CAPACITY || fact->kind == FACT_COUNT;

	*ret_advice = (struct advice){ 0 };
	if (room && fact->host_count > 0)
		try_more(&asking);
	if (fact->kind == FACT_NO_HOST) {
		try_group(&asking, cluster->vms[fact->vm].group);
		try_vm(&asking, fact->vm);
	} else if (fact->kind == FACT_CAPACITY && fact->resource >= FIXED_RESOURCES &&
	           fact->resource - FIXED_RESOURCES < cluster->group_count) {
		try_group(&asking, fact->resource - FIXED_RESOURCES);
	} else if (fact->kind != FACT_CAPACITY) {
		try_groups(&asking);
	}
	try_gaps(&asking);
	try_unlocking(&asking);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/advice.h"

#include "planner/planned.h"
#include "planner/planning.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hosts on which more is tried, how often it is doubled, and hosts that are tried unlocked. */
enum { HOSTS_MOST = 12, DOUBLED_MOST = 4, UNLOCKED_MOST = 12 };

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

	if (advice->count < ADVICE_MOST)
		advice->texts[advice->count++] = arena_text(&advice->arena, text, strlen(text));
}

/* Gives a host more of a resource; false: that cannot be given. Ratios are taken off, and it is rounded up.
 */
static bool give(struct host *host, uint32_t resource, double amount)
{
	switch (resource) {
	case RESOURCE_CPUS:
		host->cpus += (int64_t)ceil(amount * RATIO_ONE / (double)host->cpu_ratio);
		return true;
	case RESOURCE_DEDICATED:
		host->dedicated_cpus += (int64_t)amount;
		return host->dedicated_cpus >= 0;
	case RESOURCE_MEMORY:
		host->memory_mib += (int64_t)ceil(amount * RATIO_ONE / (double)host->memory_ratio);
		return true;
	case RESOURCE_DISK:
		host->disk_gib += (int64_t)ceil(amount * RATIO_ONE / (double)host->disk_ratio);
		return true;
	default:
		return false;
	}
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
	struct asking asking = { cluster, fact, hosts, count, steps, ret_advice };
	bool room = fact->kind == FACT_CAPACITY || fact->kind == FACT_COUNT;

	*ret_advice = (struct advice){ 0 };
	if (room && fact->host_count > 0)
		try_more(&asking);
	if (fact->kind == FACT_NO_HOST) {
		try_group(&asking, cluster->vms[fact->vm].group);
		try_vm(&asking, fact->vm);
	} else if (room && fact->resource >= FIXED_RESOURCES &&
	           fact->resource - FIXED_RESOURCES < cluster->group_count) {
		try_group(&asking, fact->resource - FIXED_RESOURCES);
	}
	try_unlocking(&asking);
}

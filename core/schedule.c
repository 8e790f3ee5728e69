/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/schedule.h"

#include "core/flavor.h"
#include "core/must.h"

#include <stdlib.h>

static double free_ram(const struct request *request, uint32_t host)
{
	const struct host *of = &request->state->cluster->hosts[host];

	return (double)(of->memory_mib - of->reserved_memory_mib - request->state->uses[host].memory_mib);
}

static double free_cpu(const struct request *request, uint32_t host)
{
	const struct host *of = &request->state->cluster->hosts[host];
	const struct host_use *use = &request->state->uses[host];
	double ratio = (double)of->cpu_ratio / RATIO_ONE;
	double used = (double)use->shared_vcpus +
	              (of->dedicated_cpus < 0 ? ratio * (double)use->dedicated_vcpus : 0);

	return ratio * (double)(of->cpus - of->reserved_cpus) - used;
}

/* A host without a limit on its disk has as much as the largest: its term is 1, that of hosts with a limit is
 * 0. */
static double free_disk(const struct request *request, uint32_t host)
{
	const struct host *of = &request->state->cluster->hosts[host];

	if (of->disk_gib == UNLIMITED)
		return 1e300;
	return (double)(of->disk_gib - of->reserved_disk_gib - request->state->uses[host].disk_gib);
}

/* nova's soft policies: more or fewer members are better. Others give them a multiplier of 0. */
static double soft_members(const struct request *request, uint32_t host)
{
	uint32_t group = request->state->cluster->vms[request->vm].group;
	enum policy policy;
	double members;

	if (group == NONE || request->state->profile != PROFILE_NOVA)
		return 0;
	policy = request->state->groups[group].policy;
	members = (double)state_members(request->state, group, host);
	return policy == POLICY_SOFT_AFFINITY ? members : policy == POLICY_SOFT_ANTI_AFFINITY ? -members : 0;
}

static double largest(double a, double b)
{
	return a > b ? a : b;
}

struct weight_terms weight_terms_of(const struct request *request, uint32_t host)
{
	return (struct weight_terms){ free_ram(request, host), free_cpu(request, host),
		                      free_disk(request, host), (double)request->state->uses[host].under_way,
		                      soft_members(request, host) };
}

void weight_scale_add(struct weight_terms *scale, const struct weight_terms *terms)
{
	scale->ram = largest(scale->ram, terms->ram);
	scale->cpu = largest(scale->cpu, terms->cpu);
	scale->disk = largest(scale->disk, terms->disk);
	scale->under_way = largest(scale->under_way, terms->under_way);
	scale->soft = largest(scale->soft, terms->soft < 0 ? -terms->soft : terms->soft);
}

double weight_of(enum profile profile, const struct weight_terms *scale, const struct weight_terms *terms)
{
	if (profile != PROFILE_NOVA)
		return -terms->under_way;
	return weight_part(terms->ram, scale->ram) + weight_part(terms->cpu, scale->cpu) +
	       weight_part(terms->disk, scale->disk) - weight_part(terms->under_way, scale->under_way) +
	       weight_part(terms->soft, scale->soft);
}

/* Weighing by nova needs the largest of each term among the hosts that are left, so they are collected first.
 */
static uint32_t pass_best_nova(const struct request *request, const uint32_t *hosts, uint32_t count)
{
	uint32_t best = NONE, *left = MEMORY_ARRAY(uint32_t, count), left_count = 0;
	struct weight_terms scale = { 0 };
	double best_weight = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t host = hosts ? hosts[i] : i;

		if (rules_allow(request, host)) {
			struct weight_terms terms = weight_terms_of(request, host);

			left[left_count++] = host;
			weight_scale_add(&scale, &terms);
		}
	}
	for (uint32_t i = 0; i < left_count; i++) {
		struct weight_terms terms = weight_terms_of(request, left[i]);
		double weight = weight_of(PROFILE_NOVA, &scale, &terms);

		if (best == NONE || weight > best_weight) {
			best = left[i];
			best_weight = weight;
		}
	}
	free(left);
	return best;
}

/* The other profiles weigh nothing that depends on the others, so the first idle host is the best. */
static uint32_t pass_best(const struct request *request, const uint32_t *hosts, uint32_t count)
{
	uint32_t best = NONE, best_under_way = 0;

	if (request->state->profile == PROFILE_NOVA)
		return pass_best_nova(request, hosts, count);
	for (uint32_t i = 0; i < count && (best == NONE || best_under_way > 0); i++) {
		uint32_t host = hosts ? hosts[i] : i, under_way = request->state->uses[host].under_way;

		if ((best == NONE || under_way < best_under_way) && rules_allow(request, host)) {
			best = host;
			best_under_way = under_way;
		}
	}
	return best;
}

uint32_t schedule_best(const struct request *request, const uint32_t *hosts, uint32_t count)
{
	const struct state *state = request->state;
	struct request pass = *request;
	uint32_t best;

	if (!hosts)
		count = state->cluster->host_count;
	pass.group_forgotten = !group_has_first_pass(state, state->cluster->vms[request->vm].group);
	best = pass_best(&pass, hosts, count);
	if (best == NONE && !pass.group_forgotten) {
		pass.group_forgotten = true;
		best = pass_best(&pass, hosts, count);
	}
	return best;
}

struct ranked {
	double weight;
	uint32_t host;
};

static int ranked_compare(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return x->host < y->host ? -1 : x->host > y->host;
}

static uint32_t pass_rank(const struct request *request, uint32_t *ret_ranks)
{
	uint32_t host_count = request->state->cluster->host_count, count = 0;
	struct ranked *ranked = MEMORY_ARRAY(struct ranked, host_count);
	struct weight_terms scale = { 0 };

	for (uint32_t host = 0; host < host_count; host++) {
		ret_ranks[host] = 0;
		if (rules_allow(request, host)) {
			struct weight_terms terms = weight_terms_of(request, host);

			weight_scale_add(&scale, &terms);
			ranked[count++].host = host;
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		struct weight_terms terms = weight_terms_of(request, ranked[i].host);

		ranked[i].weight = weight_of(request->state->profile, &scale, &terms);
	}
	qsort(ranked, count, sizeof(ranked[0]), ranked_compare);
	for (uint32_t i = 0; i < count; i++)
		ret_ranks[ranked[i].host] = i + 1;
	free(ranked);
	return count;
}

uint32_t schedule_rank(const struct request *request, uint32_t *ret_ranks)
{
	const struct state *state = request->state;
	struct request pass = *request;
	uint32_t count;

	pass.group_forgotten = !group_has_first_pass(state, state->cluster->vms[request->vm].group);
	count = pass_rank(&pass, ret_ranks);
	if (count == 0 && !pass.group_forgotten) {
		pass.group_forgotten = true;
		count = pass_rank(&pass, ret_ranks);
	}
	return count;
}

bool schedule_allows_named(const struct request *request, uint32_t host)
{
	struct request named = *request;

	named.group_forgotten = true;
	return rules_allow(&named, host);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/chooser.h"

#include "core/indexes.h"
#include "core/must.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void chooser_create(struct chooser *ret_chooser, const struct shapes *shapes)
{
	const struct cluster *cluster = shapes->state->cluster;
	uint32_t largest_group = 0;

	*ret_chooser = (struct chooser){ .shapes = shapes, .stamp = 1 };
	state_create(&ret_chooser->state, cluster);
	for (uint32_t group = 0; group < cluster->group_count; group++) {
		uint32_t size = shapes->group_first[group + 1] - shapes->group_first[group];

		largest_group = size > largest_group ? size : largest_group;
	}
	ret_chooser->touched = MEMORY_ARRAY(uint32_t, cluster->host_count);
	ret_chooser->stamps = MEMORY_ARRAY(uint32_t, cluster->host_count);
	ret_chooser->list = MEMORY_ARRAY(uint32_t, largest_group + 1);
	ret_chooser->exceptions = MEMORY_ARRAY(uint32_t, cluster->host_count + 1);
	ret_chooser->saved = MEMORY_ARRAY(double, 3 * ((size_t)cluster->host_count + 1));
	ret_chooser->weights = MEMORY_ARRAY(double *, shapes->count);
}

void chooser_free(struct chooser *chooser)
{
	for (uint32_t i = 0; chooser->shapes && i < chooser->shapes->count; i++)
		free(chooser->weights[i]);
	free(chooser->weights);
	free(chooser->touched);
	free(chooser->stamps);
	free(chooser->list);
	free(chooser->exceptions);
	free(chooser->saved);
	state_free(&chooser->state);
	*chooser = (struct chooser){ 0 };
}

void chooser_begin(struct chooser *chooser)
{
	chooser->touched_count = 0;
	chooser->stamp++;
}

void chooser_touch(struct chooser *chooser, uint32_t host)
{
	if (chooser->stamps[host] == chooser->stamp)
		return;
	chooser->stamps[host] = chooser->stamp;
	chooser->touched[chooser->touched_count++] = host;
}

void chooser_move(struct chooser *chooser, uint32_t vm, uint32_t target)
{
	chooser_touch(chooser, chooser->state.vm_host[vm]);
	chooser_touch(chooser, target);
	state_move(&chooser->state, vm, target);
}

static const struct shape *shape_of(const struct chooser *chooser, uint32_t vm)
{
	const struct shape *shape = &chooser->shapes->shapes[chooser->shapes->of_vm[vm]];

	must(shape->hosts);
	return shape;
}

/* Whether a host of the shape's list still takes the VM. */
static bool passes(const struct chooser *chooser, const struct request *request, uint32_t host)
{
	if (host == request->source)
		return false;
	if ((chooser->recheck || chooser->stamps[host] == chooser->stamp) &&
	    !rules_allow_shape(request, host))
		return false;
	return rules_allow_group(request, host);
}

/* The hosts of the other members of the VM's group, in order, each once. */
static uint32_t member_hosts(struct chooser *chooser, uint32_t vm)
{
	const struct shapes *shapes = chooser->shapes;
	uint32_t group = chooser->state.cluster->vms[vm].group, count = 0;

	for (uint32_t i = shapes->group_first[group]; i < shapes->group_first[group + 1]; i++) {
		uint32_t member = shapes->group_members[i], host = chooser->state.vm_host[member];

		if (member != vm && host != NONE)
			chooser->list[count++] = host;
	}
	return indexes_sort_once(chooser->list, count);
}

/* Whether only hosts of other members can pass: then they are looked at instead of all. */
static bool only_members(const struct chooser *chooser, const struct request *request)
{
	uint32_t group = chooser->state.cluster->vms[request->vm].group;
	const struct group *of = group == NONE ? NULL : &chooser->state.groups[group];

	if (!of || of->policy != POLICY_AFFINITY)
		return false;
	if (!of->best_effort)
		return true;
	/* A first pass that no other member narrows lets every host pass. */
	return !request->group_forgotten && state_group_placed(&chooser->state, group) >
	                                            state_members(&chooser->state, group, request->source);
}

static uint32_t first_of_list(struct chooser *chooser, const struct request *request)
{
	const struct shape *shape = shape_of(chooser, request->vm);
	uint32_t count = member_hosts(chooser, request->vm);

	for (uint32_t i = 0; i < count; i++) {
		if (shape_position(shape, chooser->list[i]) != NONE &&
		    passes(chooser, request, chooser->list[i]))
			return chooser->list[i];
	}
	return NONE;
}

static uint32_t pass_first(struct chooser *chooser, const struct request *request)
{
	const struct shape *shape = shape_of(chooser, request->vm);

	if (only_members(chooser, request))
		return first_of_list(chooser, request);
	for (uint32_t i = 0; i < shape->count; i++) {
		if (passes(chooser, request, shape->hosts[i]))
			return shape->hosts[i];
	}
	return NONE;
}

/* The shape's weights as this thread may patch them: ram, then cpu, then disk. */
static double *own_weights(struct chooser *chooser, uint32_t vm)
{
	const struct shape *shape = shape_of(chooser, vm);
	double **own = &chooser->weights[chooser->shapes->of_vm[vm]];
	size_t bytes = sizeof(double) * shape->count;

	if (!*own) {
		*own = MEMORY_ARRAY(double, 3 * (size_t)shape->count);
		if (shape->count > 0) {
			memcpy(*own, shape->ram, bytes);
			memcpy(*own + shape->count, shape->cpu, bytes);
			memcpy(*own + 2 * (size_t)shape->count, shape->disk, bytes);
		}
	}
	return *own;
}

/* Hosts whose terms are not what the file says, or that may be out of the question: the source, touched,
 * members'. */
static uint32_t find_exceptions(struct chooser *chooser, const struct request *request)
{
	uint32_t group = chooser->state.cluster->vms[request->vm].group, count = 0, members = 0;

	chooser->exceptions[count++] = request->source;
	for (uint32_t i = 0; i < chooser->touched_count; i++)
		chooser->exceptions[count++] = chooser->touched[i];
	if (group != NONE)
		members = member_hosts(chooser, request->vm);
	/* A host may be in both lists: sorting makes each stand once, so the room for all hosts suffices. */
	for (uint32_t i = 0; i < members; i++) {
		if (chooser->stamps[chooser->list[i]] != chooser->stamp &&
		    chooser->list[i] != request->source)
			chooser->exceptions[count++] = chooser->list[i];
	}
	return indexes_sort_once(chooser->exceptions, count);
}

/*
 * The positions that matter once so many hosts of the shape are out: those that no other goes before, come
 * what may, and for each term one that has the most of it. *ret_band NULL: all of the list, in its order.
 */
static uint32_t band_of(const struct shape *shape, uint32_t exceptions, const uint32_t **ret_band)
{
	uint32_t low = 0, high = shape->band_count;

	*ret_band = shape->band;
	if (!shape->dominators || exceptions >= DOMINATORS_MOST) {
		*ret_band = NULL;
		return shape->count;
	}
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (shape->dominators[shape->band[middle]] <= exceptions)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static double largest_of(const double *values, const uint32_t *band, uint32_t count)
{
	double largest = 0;

	for (uint32_t i = 0; i < count; i++) {
		double value = values[band ? band[i] : i];

		largest = value > largest ? value : largest;
	}
	return largest;
}

/*
 * The best of the hosts that are no exceptions; *ret_weight is its weight. The sums are made in the order in
 * which weight_of makes them, so that ties are the same ties: nothing is under way, the soft term is 0.
 */
static uint32_t best_of_rest(const struct shape *shape, const uint32_t *band, uint32_t count,
                             const double *own, const struct weight_terms *scale, double *ret_weight)
{
	const double *ram = own, *cpu = own + shape->count, *disk = own + 2 * (size_t)shape->count;
	uint32_t best = NONE;
	double best_weight = -INFINITY;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = band ? band[i] : i;
		double weight = weight_part(ram[at], scale->ram) + weight_part(cpu[at], scale->cpu) +
		                weight_part(disk[at], scale->disk);

		if (ram[at] > -INFINITY && (weight > best_weight || (weight == best_weight && at < best))) {
			best = at;
			best_weight = weight;
		}
	}
	*ret_weight = best_weight;
	return best == NONE ? NONE : shape->hosts[best];
}

/* Takes the exceptions out of the arrays (or puts them back). A host of no weight at all never wins. */
static void patch(struct chooser *chooser, const struct shape *shape, double *own, uint32_t count, bool out)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = shape_position(shape, chooser->exceptions[i]);

		for (size_t term = 0; at != NONE && term < 3; term++) {
			double *value = &own[term * shape->count + at],
			       *saved = &chooser->saved[3 * (size_t)i + term];

			if (out) {
				*saved = *value;
				*value = -INFINITY;
			} else {
				*value = *saved;
			}
		}
	}
}

static uint32_t pass_weighed(struct chooser *chooser, const struct request *request)
{
	const struct shape *shape = shape_of(chooser, request->vm);
	double *own = own_weights(chooser, request->vm), best_weight = -INFINITY;
	uint32_t exceptions = find_exceptions(chooser, request), best = NONE;
	bool members_only = only_members(chooser, request);
	struct weight_terms scale = { 0 };
	const uint32_t *band = NULL;
	uint32_t count = 0;

	patch(chooser, shape, own, exceptions, true);
	if (!members_only) {
		count = band_of(shape, exceptions, &band);
		scale.ram = largest_of(own, band, count);
		scale.cpu = largest_of(own + shape->count, band, count);
		scale.disk = largest_of(own + 2 * (size_t)shape->count, band, count);
	}
	for (uint32_t i = 0; i < exceptions; i++) {
		struct weight_terms terms;

		if (shape_position(shape, chooser->exceptions[i]) == NONE ||
		    !passes(chooser, request, chooser->exceptions[i])) {
			chooser->exceptions[i] |= UINT32_C(1) << 31;
			continue;
		}
		terms = weight_terms_of(request, chooser->exceptions[i]);
		weight_scale_add(&scale, &terms);
	}
	if (!members_only)
		best = best_of_rest(shape, band, count, own, &scale, &best_weight);
	if (best_weight == -INFINITY)
		best = NONE;
	for (uint32_t i = 0; i < exceptions; i++) {
		uint32_t host = chooser->exceptions[i];
		struct weight_terms terms;
		double weight;

		if (host >> 31) {
			chooser->exceptions[i] = host & ~(UINT32_C(1) << 31);
			continue;
		}
		terms = weight_terms_of(request, host);
		weight = weight_of(PROFILE_NOVA, &scale, &terms);
		if (best == NONE || weight > best_weight || (weight == best_weight && host < best)) {
			best = host;
			best_weight = weight;
		}
	}
	patch(chooser, shape, own, exceptions, false);
	return best;
}

uint32_t chooser_choose(struct chooser *chooser, uint32_t vm)
{
	struct request request = request_for(&chooser->state, MOVE_LIVE, vm);
	uint32_t (*pass)(struct chooser *, const struct request *) = chooser->state.profile == PROFILE_NOVA
	                                                                     ? pass_weighed
	                                                                     : pass_first;
	uint32_t best;

	if (!group_has_first_pass(&chooser->state, chooser->state.cluster->vms[vm].group)) {
		request.group_forgotten = true;
		return pass(chooser, &request);
	}
	best = pass(chooser, &request);
	if (best == NONE) {
		request.group_forgotten = true;
		best = pass(chooser, &request);
	}
	return best;
}

/* Those that pass, round through the shape's list from a host on; members' hosts in their order. */
static uint32_t find_candidates(struct chooser *chooser, const struct request *request, uint32_t first,
                                uint32_t *ret_hosts, uint32_t room)
{
	const struct shape *shape = shape_of(chooser, request->vm);
	uint32_t found = 0, begin;

	if (only_members(chooser, request)) {
		uint32_t count = member_hosts(chooser, request->vm);

		for (uint32_t i = 0; i < count && found < room; i++) {
			if (shape_position(shape, chooser->list[i]) != NONE &&
			    passes(chooser, request, chooser->list[i]))
				ret_hosts[found++] = chooser->list[i];
		}
		return found;
	}
	begin = shape_place_from(shape, first);
	for (uint32_t i = 0; i < shape->count && found < room; i++) {
		uint32_t place = begin + i < shape->count ? begin + i : begin + i - shape->count;

		if (passes(chooser, request, shape->hosts[place]))
			ret_hosts[found++] = shape->hosts[place];
	}
	return found;
}

uint32_t chooser_candidates(struct chooser *chooser, uint32_t vm, bool first_pass, uint32_t *ret_hosts,
                            uint32_t room)
{
	struct request request = request_for(&chooser->state, MOVE_LIVE, vm);

	request.group_forgotten = !first_pass;
	return find_candidates(chooser, &request, 0, ret_hosts, room);
}

uint32_t chooser_candidates_from(struct chooser *chooser, uint32_t vm, uint32_t first, uint32_t *ret_hosts,
                                 uint32_t room)
{
	struct request request = request_for(&chooser->state, MOVE_LIVE, vm);

	request.group_forgotten = true;
	return find_candidates(chooser, &request, first, ret_hosts, room);
}

bool chooser_may_prefer(struct chooser *chooser, uint32_t vm, uint32_t host, uint32_t movers)
{
	const struct shape *shape = shape_of(chooser, vm);
	uint32_t group = chooser->state.cluster->vms[vm].group, at = shape_position(shape, host), out = 1;

	if (chooser->state.profile != PROFILE_NOVA || !shape->dominators || at == NONE)
		return true;
	if (group != NONE) {
		const struct group *of = &chooser->state.groups[group];

		/* A strict affinity group leaves members' hosts only, whatever they weigh. */
		if (of->policy == POLICY_AFFINITY && !of->best_effort)
			return true;
		/* Hosts of members, which the group's rules may take out or a soft group's term make worse.
		 */
		out += chooser->shapes->group_first[group + 1] - chooser->shapes->group_first[group];
	}
	/* One mover may touch its target, and all of them their source, which is out anyway. */
	return shape->dominators[at] < movers + out || movers + out > DOMINATORS_MOST;
}

bool chooser_takes(struct chooser *chooser, uint32_t vm, uint32_t host)
{
	struct request request = request_for(&chooser->state, MOVE_LIVE, vm);

	request.group_forgotten = true;
	return shape_position(shape_of(chooser, vm), host) != NONE && passes(chooser, &request, host);
}

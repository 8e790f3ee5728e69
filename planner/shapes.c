/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/shapes.h"

#include "core/must.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

/* A guest that saw its host's CPU needs that very CPU: only VMs of one host are of one shape then. */
static uint32_t shape_source(const struct state *state, uint32_t vm)
{
	return state_flavor(state, vm)->passthrough ? state->vm_host[vm] : NONE;
}

static uint64_t shape_hash(const struct state *state, uint32_t vm)
{
	const struct vm *of = &state->cluster->vms[vm];
	uint64_t hash = mix(state->vm_flavor[vm], of->boot);

	hash = mix(mix(hash, (uint64_t)(uintptr_t)of->zone), shape_source(state, vm));
	for (uint32_t i = 0; i < of->vif_count; i++)
		hash = mix(hash, (uint64_t)(uintptr_t)of->vifs[i].network);
	return hash;
}

static bool same_shape(const struct state *state, uint32_t a, uint32_t b)
{
	const struct vm *x = &state->cluster->vms[a], *y = &state->cluster->vms[b];

	if (state->vm_flavor[a] != state->vm_flavor[b] || x->boot != y->boot || x->zone != y->zone ||
	    x->vif_count != y->vif_count || shape_source(state, a) != shape_source(state, b))
		return false;
	for (uint32_t i = 0; i < x->vif_count; i++) {
		if (x->vifs[i].network != y->vifs[i].network)
			return false;
	}
	return true;
}

static void sort_members(struct shapes *shapes)
{
	const struct cluster *cluster = shapes->state->cluster;

	shapes->group_first = MEMORY_ARRAY(uint32_t, cluster->group_count + 2);
	for (uint32_t vm = 0; vm < cluster->vm_count; vm++) {
		if (cluster->vms[vm].group != NONE)
			shapes->group_first[cluster->vms[vm].group + 2]++;
	}
	for (uint32_t group = 1; group < cluster->group_count + 2; group++)
		shapes->group_first[group] += shapes->group_first[group - 1];
	shapes->group_members = MEMORY_ARRAY(uint32_t, shapes->group_first[cluster->group_count + 1]);
	for (uint32_t vm = 0; vm < cluster->vm_count; vm++) {
		if (cluster->vms[vm].group != NONE)
			shapes->group_members[shapes->group_first[cluster->vms[vm].group + 1]++] = vm;
	}
}

void shapes_create(struct shapes *ret_shapes, const struct state *state)
{
	uint32_t vm_count = state->cluster->vm_count, room = 64, shape_room = 64;
	uint32_t *table;

	while (room < vm_count * 2)
		room *= 2;
	*ret_shapes = (struct shapes){ .state = state };
	ret_shapes->of_vm = MEMORY_ARRAY(uint32_t, vm_count);
	ret_shapes->shapes = MEMORY_ARRAY(struct shape, shape_room);
	table = MEMORY_ARRAY(uint32_t, room); /* shape + 1; 0: free */
	for (uint32_t vm = 0; vm < vm_count; vm++) {
		uint32_t at = (uint32_t)shape_hash(state, vm) & (room - 1);

		while (table[at] && !same_shape(state, ret_shapes->shapes[table[at] - 1].vm, vm))
			at = (at + 1) & (room - 1);
		if (!table[at]) {
			if (ret_shapes->count == shape_room) {
				shape_room *= 2;
				ret_shapes->shapes = memory_resize(ret_shapes->shapes, shape_room,
				                                   sizeof(struct shape));
			}
			ret_shapes->shapes[ret_shapes->count++] = (struct shape){ .vm = vm };
			table[at] = ret_shapes->count;
		}
		ret_shapes->of_vm[vm] = table[at] - 1;
	}
	free(table);
	sort_members(ret_shapes);
}

void shapes_free(struct shapes *shapes)
{
	for (uint32_t i = 0; i < shapes->count; i++) {
		free(shapes->shapes[i].hosts);
		free(shapes->shapes[i].ram);
		free(shapes->shapes[i].cpu);
		free(shapes->shapes[i].disk);
		free(shapes->shapes[i].dominators);
		free(shapes->shapes[i].band);
	}
	free(shapes->shapes);
	free(shapes->of_vm);
	free(shapes->group_first);
	free(shapes->group_members);
	*shapes = (struct shapes){ 0 };
}

/* A host of the list and the sum of its terms, each by the largest: a host that is better in every term has
 * more. */
struct summed {
	double sum;
	uint32_t at;
};

static int summed_compare(const void *a, const void *b)
{
	const struct summed *x = a, *y = b;

	if (x->sum != y->sum)
		return x->sum > y->sum ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/*
 * Whether a host goes before another whatever else is left: nothing of it is less, and it either comes first
 * in the file or has so much more of something that the sum of the scaled terms, rounded, is more. A term of
 * which nobody has anything left, or in which one host has more than all others can be told from, adds
 * nothing.
 */
static bool dominates(const struct shape *shape, const struct weight_terms *most, uint32_t a, uint32_t b)
{
	static const double told_apart = 1e-9;

	if (shape->ram[a] < shape->ram[b] || shape->cpu[a] < shape->cpu[b] || shape->disk[a] < shape->disk[b])
		return false;
	return a < b || (shape->ram[a] > 0 && shape->ram[a] - shape->ram[b] > told_apart * most->ram) ||
	       (shape->cpu[a] > 0 && shape->cpu[a] - shape->cpu[b] > told_apart * most->cpu) ||
	       (shape->disk[a] > 0 && shape->disk[a] - shape->disk[b] > told_apart * most->disk);
}

static double largest_of(const double *values, uint32_t count)
{
	double largest = 1;

	for (uint32_t i = 0; i < count; i++)
		largest = values[i] > largest ? values[i] : largest;
	return largest;
}

static struct summed *order_by_sum(const struct shape *shape, const struct weight_terms *most)
{
	struct summed *order = MEMORY_ARRAY(struct summed, shape->count);

	for (uint32_t i = 0; i < shape->count; i++)
		order[i] = (struct summed){
			shape->ram[i] / most->ram + shape->cpu[i] / most->cpu + shape->disk[i] / most->disk, i
		};
	qsort(order, shape->count, sizeof(order[0]), summed_compare);
	return order;
}

/* Sorts the band by how many dominators its hosts have, stable in the order of sums. */
static void band_sort(struct shape *shape)
{
	uint32_t *sorted = MEMORY_ARRAY(uint32_t, shape->band_count), used = 0;

	for (uint32_t dominators = 0; dominators < DOMINATORS_MOST; dominators++) {
		for (uint32_t i = 0; i < shape->band_count; i++) {
			if (shape->dominators[shape->band[i]] == dominators)
				sorted[used++] = shape->band[i];
		}
	}
	free(shape->band);
	shape->band = sorted;
}

/*
 * Counts dominators, best hosts first: those of a host that has fewer than the most are themselves such
 * hosts, so only these (the band) are compared. A band that grows too large is given up.
 */
static void fill_dominators(struct shape *shape)
{
	enum { BAND_MOST = 2000 };
	const struct weight_terms most = { .ram = largest_of(shape->ram, shape->count),
		                           .cpu = largest_of(shape->cpu, shape->count),
		                           .disk = largest_of(shape->disk, shape->count) };
	struct summed *order = order_by_sum(shape, &most);

	shape->dominators = MEMORY_ARRAY(uint8_t, shape->count);
	shape->band = MEMORY_ARRAY(uint32_t, BAND_MOST);
	for (uint32_t i = 0; i < shape->count; i++) {
		uint32_t at = order[i].at, found = 0;

		for (uint32_t j = 0; j < shape->band_count && found < DOMINATORS_MOST; j++)
			found += dominates(shape, &most, shape->band[j], at);
		shape->dominators[at] = (uint8_t)found;
		if (found == DOMINATORS_MOST)
			continue;
		if (shape->band_count == BAND_MOST) {
			free(shape->dominators);
			shape->dominators = NULL;
			break;
		}
		shape->band[shape->band_count++] = at;
	}
	free(order);
	if (shape->dominators)
		band_sort(shape);
}

static void fill_weights(struct shape *shape, const struct request *request)
{
	shape->ram = MEMORY_ARRAY(double, shape->count);
	shape->cpu = MEMORY_ARRAY(double, shape->count);
	shape->disk = MEMORY_ARRAY(double, shape->count);
	for (uint32_t i = 0; i < shape->count; i++) {
		struct weight_terms terms = weight_terms_of(request, shape->hosts[i]);

		shape->ram[i] = terms.ram;
		shape->cpu[i] = terms.cpu;
		shape->disk[i] = terms.disk;
	}
	fill_dominators(shape);
}

void shapes_fill(struct shapes *shapes, uint32_t index)
{
	struct shape *shape = &shapes->shapes[index];
	struct request request = request_for(shapes->state, MOVE_LIVE, shape->vm);
	uint32_t host_count = shapes->state->cluster->host_count;

	if (!shape->wanted || shape->hosts)
		return;
	if (!state_flavor(shapes->state, shape->vm)->passthrough)
		request.source = NONE;
	shape->hosts = MEMORY_ARRAY(uint32_t, host_count);
	for (uint32_t host = 0; host < host_count; host++) {
		if (rules_allow_shape(&request, host))
			shape->hosts[shape->count++] = host;
	}
	shape->hosts = memory_resize(shape->hosts, shape->count, sizeof(shape->hosts[0]));
	if (shapes->state->profile == PROFILE_NOVA && !shapes->unweighed)
		fill_weights(shape, &request);
}

uint32_t shape_place_from(const struct shape *shape, uint32_t host)
{
	uint32_t low = 0, high = shape->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (shape->hosts[middle] < host)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t shape_position(const struct shape *shape, uint32_t host)
{
	uint32_t place = shape_place_from(shape, host);

	return place < shape->count && shape->hosts[place] == host ? place : NONE;
}

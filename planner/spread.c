/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/spread.h"

#include "core/schedule.h"
#include "planner/places.h"

#include <math.h>
#include <stdlib.h>

/* A host, and how many VMs like the next one still find a place on it. */
struct offer {
	uint32_t places, host;
	uint32_t size; /* how many an empty host like that would take */
	double pressure;
	bool first;
};

struct spreading {
	struct spread *spread;
	struct state *state;
	const struct whatif *whatif;
	const struct amounts *amounts;
	struct offer *offers; /* a heap: the next one at its root */
	uint32_t offer_count;
	enum spread_way way;
	const struct spread_hints *hints;
	const bool *nobody; /* by VM: it is not there */
};

/* The VMs from one on that are of its flavor end before this one. */
static uint32_t kind_end(const struct cluster *cluster, uint32_t vm)
{
	uint32_t end = vm;

	while (end < cluster->vm_count && cluster->vms[end].flavor == cluster->vms[vm].flavor)
		end++;
	return end;
}

/* ------------------------------------------------------------------ wide and dense */

static bool goes_before(const struct spreading *of, const struct offer *a, const struct offer *b)
{
	bool spare = of->way == SPREAD_SPARE_WIDE || of->way == SPREAD_SPARE_DENSE,
	     wide = of->way == SPREAD_WIDE || of->way == SPREAD_SPARE_WIDE;

	if (a->first != b->first)
		return a->first;
	if (spare && a->pressure != b->pressure)
		return a->pressure < b->pressure;
	if (of->way == SPREAD_HEAVY && a->size != b->size)
		return a->size > b->size;
	if (a->places != b->places)
		return wide ? a->places > b->places : a->places < b->places;
	return a->host < b->host;
}

/* Lets the offer at a place sink to where it belongs. */
static void sink(struct spreading *of, uint32_t at)
{
	struct offer offer = of->offers[at];

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < of->offer_count &&
		    goes_before(of, &of->offers[child + 1], &of->offers[child]))
			child++;
		if (child >= of->offer_count || !goes_before(of, &of->offers[child], &offer))
			break;
		of->offers[at] = of->offers[child];
		at = child;
	}
	of->offers[at] = offer;
}

static void collect_offers(struct spreading *of, uint32_t vm)
{
	const struct spread_hints *hints = of->hints;

	of->offer_count = 0;
	for (uint32_t host = 0; host < of->state->cluster->host_count; host++) {
		struct offer *offer = &of->offers[of->offer_count];

		*offer = (struct offer){ places_now(of->state, of->amounts, vm, host), host,
			                 places_most(of->state, of->amounts, vm, of->nobody, host),
			                 hints->pressure[host], hints->first && hints->first[host] };
		of->offer_count += offer->places > 0;
	}
	for (uint32_t i = of->offer_count / 2; i-- > 0;)
		sink(of, i);
}

/* The next VM, on the best host that takes it. false: none does. */
static bool place_next(struct spreading *of, uint32_t vm)
{
	while (of->offer_count > 0) {
		struct offer *root = &of->offers[0];

		of->spread->ticks++;
		if (root->places > 0 && places_takes(of->state, vm, root->host)) {
			state_place(of->state, vm, root->host);
			root->places--;
			sink(of, 0);
			return true;
		}
		*root = of->offers[--of->offer_count];
		sink(of, 0);
	}
	return false;
}

static void place_kinds(struct spreading *of)
{
	const struct cluster *cluster = of->state->cluster;
	uint32_t vm = of->whatif->vms_at_start;

	of->offers = MEMORY_ARRAY(struct offer, cluster->host_count + 1);
	while (vm < cluster->vm_count) {
		uint32_t end = kind_end(cluster, vm);

		collect_offers(of, vm);
		of->spread->ticks += cluster->host_count;
		while (vm < end && place_next(of, vm))
			vm++;
		if (vm < end)
			break;
	}
	of->spread->placed = vm - of->whatif->vms_at_start;
	free(of->offers);
}

/* ------------------------------------------------------------------ as the platform does */

/* By the platform's scheduler itself, who asks every host each time: for members of groups, which change what
 * it says of other hosts than the one that is taken. */
static void schedule_members(struct spreading *of)
{
	const struct cluster *cluster = of->state->cluster;
	uint32_t vm = of->whatif->vms_at_start;

	for (; vm < cluster->vm_count; vm++) {
		struct request request = request_for(of->state, MOVE_BOOT, vm);
		uint32_t host = schedule_best(&request, NULL, 0);

		of->spread->ticks += cluster->host_count;
		if (host == NONE)
			break;
		state_place(of->state, vm, host);
	}
	of->spread->placed = vm - of->whatif->vms_at_start;
}

/* What the scheduler knows of each host, renewed only for the one that was taken. */
struct remembered {
	bool *takes;
	struct weight_terms *terms;
	uint32_t first; /* no host before this one takes any more of the kind */
};

static void remember(struct spreading *of, struct remembered *known, uint32_t vm, uint32_t host)
{
	struct request request = request_for(of->state, MOVE_BOOT, vm);

	request.group_forgotten = true;
	known->takes[host] = rules_allow(&request, host);
	known->terms[host] = weight_terms_of(&request, host);
}

/* The same host as schedule_best takes: the highest weight, then the first. */
static uint32_t best_host(const struct spreading *of, struct remembered *known)
{
	uint32_t host_count = of->state->cluster->host_count, best = NONE;
	struct weight_terms scale = { 0 };
	double best_weight = -INFINITY;

	while (known->first < host_count && !known->takes[known->first])
		known->first++;
	/* Nothing is under way, and no other profile weighs anything else. */
	if (of->state->profile != PROFILE_NOVA)
		return known->first < host_count ? known->first : NONE;
	for (uint32_t host = known->first; host < host_count; host++) {
		if (known->takes[host])
			weight_scale_add(&scale, &known->terms[host]);
	}
	for (uint32_t host = known->first; host < host_count; host++) {
		double weight;

		if (!known->takes[host])
			continue;
		weight = weight_of(of->state->profile, &scale, &known->terms[host]);
		if (best == NONE || weight > best_weight) {
			best = host;
			best_weight = weight;
		}
	}
	return best;
}

static void schedule_kinds(struct spreading *of)
{
	const struct cluster *cluster = of->state->cluster;
	uint32_t vm = of->whatif->vms_at_start, host = 0;
	struct remembered known = { MEMORY_ARRAY(bool, cluster->host_count),
		                    MEMORY_ARRAY(struct weight_terms, cluster->host_count), 0 };
	bool nova = cluster->profile == PROFILE_NOVA;

	while (vm < cluster->vm_count && host != NONE) {
		uint32_t end = kind_end(cluster, vm);

		for (uint32_t i = 0; i < cluster->host_count; i++)
			remember(of, &known, vm, i);
		known.first = 0;
		of->spread->ticks += cluster->host_count;
		for (; vm < end; vm++) {
			host = best_host(of, &known);
			of->spread->ticks += 1 + (nova ? cluster->host_count / 16 : 0);
			if (host == NONE)
				break;
			state_place(of->state, vm, host);
			if (vm + 1 < end)
				remember(of, &known, vm + 1, host);
		}
	}
	of->spread->placed = vm - of->whatif->vms_at_start;
	free(known.takes);
	free(known.terms);
}

/* ------------------------------------------------------------------ all ways */

void spread_create(struct spread *ret_spread, const struct whatif *whatif, const struct amounts *amounts,
                   enum spread_way way, const struct spread_hints *hints)
{
	const struct cluster *cluster = &whatif->cluster;
	struct spreading of = { .spread = ret_spread,
		                .state = &ret_spread->state,
		                .whatif = whatif,
		                .amounts = amounts,
		                .hints = hints,
		                .way = way };
	bool grouped = cluster->vm_count > whatif->vms_at_start &&
	               cluster->vms[whatif->vms_at_start].group != NONE;

	bool *nobody = MEMORY_ARRAY(bool, cluster->vm_count);

	*ret_spread = (struct spread){ 0 };
	state_create(&ret_spread->state, cluster);
	of.nobody = nobody;
	if (way != SPREAD_SCHEDULED)
		place_kinds(&of);
	else if (grouped)
		schedule_members(&of);
	else
		schedule_kinds(&of);
	free(nobody);
}

void spread_free(struct spread *spread)
{
	state_free(&spread->state);
}

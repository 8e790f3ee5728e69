/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/links.h"

#include "core/arena.h"
#include "core/must.h"
#include "models/bounds.h"
#include "sim/fetch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double SECONDS_PER_NS = 1e-9;

static void set_speeds(struct links *links)
{
	for (uint32_t link = 0; link < links->link_count; link++)
		links->links[link].capacity_bytes_s = network_bytes_s(&links->network, link);
	links->nics_changed = false;
}

void links_create(struct links *ret_links, const struct cluster *cluster)
{
	uint32_t count;

	*ret_links = (struct links){ .flow_free = NONE };
	network_create(&ret_links->network, cluster);
	ret_links->link_count = count = ret_links->network.link_count;
	ret_links->links = MEMORY_ARRAY(struct link, count);
	ret_links->dirty = MEMORY_ARRAY(uint32_t, count);
	ret_links->moved = MEMORY_ARRAY(uint32_t, count);
	ret_links->part_links = MEMORY_ARRAY(uint32_t, count);
	ret_links->heap = MEMORY_ARRAY(struct share, count);
	ret_links->stride = ret_links->network.path_most;
	ret_links->path = MEMORY_ARRAY(uint32_t, ret_links->stride);
	for (uint32_t i = 0; i < count; i++)
		ret_links->links[i].first_hop = ret_links->links[i].component = NONE;
	set_speeds(ret_links);
}

void links_free(struct links *links)
{
	for (uint32_t i = 0; i < links->link_count; i++)
		events_free(&links->links[i].wakes);
	events_free(&links->due);
	free(links->links);
	free(links->flows);
	free(links->hops);
	free(links->path);
	network_free(&links->network);
	free(links->dirty);
	free(links->moved);
	free(links->part_links);
	free(links->part_flows);
	free(links->heap);
	free(links->caps);
	*links = (struct links){ 0 };
}

void links_reset(struct links *links)
{
	for (uint32_t i = 0; i < links->dirty_count; i++)
		links->links[links->dirty[i]].dirty = false;
	for (uint32_t i = 0; i < links->moved_count; i++)
		links->links[links->moved[i]].moved = false;
	links->dirty_count = links->moved_count = 0;
	for (uint32_t i = 0; i < links->flow_count; i++)
		must(!links->flows[i].in_use);
	links->flow_count = 0;
	links->flow_free = NONE;
	links->wake_order = 0;
	links->stirred = false;
	if (links->nics_changed)
		set_speeds(links);
}

double links_service(const struct link *link, int64_t now_ns)
{
	return link->service + link->level * ((double)(now_ns - link->service_ns) * SECONDS_PER_NS);
}

void links_mark(struct links *links, uint32_t link)
{
	if (links->links[link].dirty)
		return;
	links->links[link].dirty = true;
	links->dirty[links->dirty_count++] = link;
}

static void set_path(struct links *links, uint32_t flow, uint32_t source, uint32_t target)
{
	uint32_t count = network_path(&links->network, source, target, links->path);

	for (uint32_t i = 0; i < count; i++)
		links->hops[flow * links->stride + i].link = links->path[i];
	links->flows[flow].hop_count = count;
}

static void grow(struct links *links)
{
	uint32_t room = links->flow_room ? links->flow_room * 2 : 16;

	must((uint64_t)room * links->stride < NONE);
	links->flows = memory_resize(links->flows, room, sizeof(*links->flows));
	links->hops = memory_resize(links->hops, (size_t)room * links->stride, sizeof(*links->hops));
	links->part_flows = memory_resize(links->part_flows, room, sizeof(*links->part_flows));
	links->caps = memory_resize(links->caps, room, sizeof(*links->caps));
	links->flow_room = room;
}

uint32_t links_open(struct links *links, uint32_t source, uint32_t target, uint32_t owner)
{
	uint32_t flow = links->flow_free;

	if (flow != NONE) {
		links->flow_free = links->flows[flow].next_free;
	} else {
		if (links->flow_count == links->flow_room)
			grow(links);
		flow = links->flow_count++;
	}
	links->flows[flow] = (struct flow){ .owner = owner, .bottleneck = NONE, .weight = 1, .in_use = true };
	set_path(links, flow, source, target);
	return flow;
}

static void attach(struct links *links, uint32_t flow)
{
	struct hop *hops = &links->hops[flow * links->stride];

	for (uint32_t i = 0; i < links->flows[flow].hop_count; i++) {
		struct link *link = &links->links[hops[i].link];
		uint32_t at = flow * links->stride + i;

		hops[i].before = NONE;
		hops[i].next = link->first_hop;
		if (link->first_hop != NONE)
			links->hops[link->first_hop].before = at;
		link->first_hop = at;
		link->flows++;
		link->weight += links->flows[flow].weight;
	}
}

static void detach(struct links *links, uint32_t flow)
{
	struct hop *hops = &links->hops[flow * links->stride];

	for (uint32_t i = 0; i < links->flows[flow].hop_count; i++) {
		struct link *link = &links->links[hops[i].link];

		if (hops[i].before != NONE)
			links->hops[hops[i].before].next = hops[i].next;
		else
			link->first_hop = hops[i].next;
		if (hops[i].next != NONE)
			links->hops[hops[i].next].before = hops[i].before;
		/* Nobody's weight is 0, whatever rounding left. */
		link->weight = --link->flows > 0 ? link->weight - links->flows[flow].weight : 0;
	}
}

/* ------------------------------------------------------------------ crowds */

/* The service is counted in so many parts of a byte where wakes are put in order. */
static const double WAKE_PARTS = 1024;

/* The link's level is another, or the first of its wakes: so is the time of it. */
void links_plan_wakes(struct links *links, uint32_t link, int64_t now_ns)
{
	const struct link *of = &links->links[link];
	int64_t parts;
	double left_s;

	if (events_first(&of->wakes, &parts) == UINT32_MAX || of->level <= 0) {
		events_drop(&links->due, link);
		return;
	}
	left_s = ((double)parts / WAKE_PARTS - links_service(of, now_ns)) / of->level;
	if (left_s < 6e9)
		events_set(&links->due, link, now_ns + whole_above(at_least(left_s, 0) * 1e9), link);
	else
		events_drop(&links->due, link);
}

void links_wake(struct links *links, uint32_t flow, double bytes, int64_t now_ns)
{
	const struct flow *of = &links->flows[flow];
	struct link *link = &links->links[of->bottleneck];
	double parts = (links_service(link, now_ns) + bytes / of->weight) * WAKE_PARTS;
	int64_t first = 0, before = 0;
	uint32_t was = events_first(&link->wakes, &before);

	must(links_is_crowded(links, flow));
	if (parts < (double)INT64_MAX / 2)
		events_set(&link->wakes, flow, (int64_t)parts, links->wake_order++);
	else
		events_drop(&link->wakes, flow);
	if (events_first(&link->wakes, &first) != was || first != before)
		links_plan_wakes(links, of->bottleneck, now_ns);
}

void links_wake_drop(struct links *links, uint32_t flow, int64_t now_ns)
{
	uint32_t bottleneck = links->flows[flow].bottleneck;
	int64_t parts;
	bool first;

	if (bottleneck == NONE)
		return;
	first = events_first(&links->links[bottleneck].wakes, &parts) == flow;
	events_drop(&links->links[bottleneck].wakes, flow);
	if (first)
		links_plan_wakes(links, bottleneck, now_ns);
}

uint32_t links_due_owner(const struct links *links)
{
	int64_t ignored;
	uint32_t link = events_first(&links->due, &ignored);

	must(link != UINT32_MAX);
	return links->flows[events_first(&links->links[link].wakes, &ignored)].owner;
}

uint32_t links_soon_owners(const struct links *links, uint32_t *ret_owners)
{
	uint32_t soon[EVENTS_SOON], count = 0, link;
	int64_t ignored;

	link = events_first(&links->due, &ignored);
	if (link != UINT32_MAX)
		count = events_soon(&links->links[link].wakes, soon);
	for (uint32_t i = EVENTS_NEAR; i < count; i++)
		fetch(&links->flows[soon[i]], sizeof(struct flow));
	count = count < EVENTS_NEAR ? count : EVENTS_NEAR;
	for (uint32_t i = 0; i < count; i++)
		ret_owners[i] = links->flows[soon[i]].owner;
	return count;
}

/* ------------------------------------------------------------------ coming and going */

/* The level of a link that alone holds back its component changes; nothing else does. */
static void set_level(struct links *links, uint32_t index, double level, int64_t now_ns)
{
	struct link *link = &links->links[index];

	link->service = links_service(link, now_ns);
	link->service_ns = now_ns;
	link->level = level;
	link->epoch++;
	if (link->wakes.count > 0)
		links_plan_wakes(links, index, now_ns);
	if (!link->moved) {
		link->moved = true;
		links->moved[links->moved_count++] = index;
	}
}

/*
 * The one link that holds back all that the flow's links hang together with, when the flow crosses it, else
 * NONE. own: how many of each link's flows are the flow itself, 1 when it is attached.
 */
static uint32_t sole_bottleneck(const struct links *links, uint32_t flow, uint32_t own)
{
	const struct hop *hops = &links->hops[flow * links->stride];
	uint32_t sole = NONE, count = links->flows[flow].hop_count;

	for (uint32_t i = 0; i < count; i++) {
		const struct link *link = &links->links[hops[i].link];

		if (link->dirty)
			return NONE;
		if (link->flows == own)
			continue; /* nobody else's */
		if (link->component == NONE || link->component == LINK_FREE ||
		    (sole != NONE && sole != link->component))
			return NONE;
		sole = link->component;
	}
	for (uint32_t i = 0; i < count && sole != NONE; i++) {
		if (hops[i].link == sole)
			return links->links[sole].dirty ? NONE : sole;
	}
	return NONE;
}

static bool is_watched(const struct link *bottleneck, uint32_t link)
{
	for (uint32_t i = 0; i < bottleneck->watched_count; i++) {
		if (bottleneck->watched[i] == link)
			return true;
	}
	return false;
}

/* What the flow was given under its present rate goes to what it is owed. */
static void bring_up(struct links *links, struct flow *of, int64_t now_ns)
{
	if (of->bottleneck != NONE) {
		double service = links_service(&links->links[of->bottleneck], now_ns);

		of->owed += (service - of->base) * of->weight;
		of->base = service;
	} else {
		of->owed += of->rate * ((double)(now_ns - of->since_ns) * SECONDS_PER_NS);
	}
	of->since_ns = now_ns;
	of->mixed = true;
}

/* A flow that comes to its component's one bottleneck, goes, or wants more or less than before. */
struct shift {
	uint32_t sole;
	bool was_member, was_capped;
	bool is_member, is_capped;
	bool none_capped; /* of the others that cross the bottleneck */
	uint32_t own;     /* of each link's flows: 1 when it was there */
	uint32_t members;
	double weight; /* of the members */
	double fixed;  /* of the bottleneck's flows */
	double cap_bytes_s, level, low, high;
};

/* What capped flows have of a link on the flow's way, and the weight of those that share the rest, after it.
 */
static void link_after(const struct shift *shift, const struct flow *of, const struct link *link,
                       double *ret_fixed, double *ret_fixed_weight, double *ret_open)
{
	bool alone = link->flows == shift->own;
	double fixed = alone ? 0 : link->fixed - (shift->was_capped ? of->rate : 0),
	       weight = alone ? 0 : link->fixed_weight - (shift->was_capped ? of->weight : 0),
	       open = alone ? 0 : link->weight - (shift->own ? of->weight : 0) - weight;

	*ret_fixed = fixed + (shift->is_capped ? shift->cap_bytes_s : 0);
	*ret_fixed_weight = weight + (shift->is_capped ? of->weight : 0);
	*ret_open = open + (shift->is_member ? of->weight : 0);
}

/* Links in a row that all flows cross are full together: rounding must not tell them apart. */
static bool is_overfull(const struct link *link, double used_bytes_s)
{
	return used_bytes_s > link->capacity_bytes_s * (1 + 1e-12);
}

/* Whether the sole bottleneck stays the only one, the links on the flow's way being as they are afterwards.
 */
static bool holds_after(const struct links *links, uint32_t flow, struct shift *shift)
{
	const struct flow *of = &links->flows[flow];
	const struct hop *hops = &links->hops[flow * links->stride];
	const struct link *bottleneck = &links->links[shift->sole];

	for (uint32_t i = 0; i < of->hop_count; i++) {
		const struct link *link = &links->links[hops[i].link];
		double fixed, fixed_weight, open;

		if (hops[i].link == shift->sole)
			continue;
		link_after(shift, of, link, &fixed, &fixed_weight, &open);
		if (is_overfull(link, fixed + (open > 0 ? shift->level * open : 0)))
			return false;
		if (!is_watched(bottleneck, hops[i].link))
			shift->high = at_most(shift->high,
			                      links_full_at(link->capacity_bytes_s, fixed, open));
	}
	for (uint32_t i = 0; i < bottleneck->watched_count; i++) {
		const struct link *link = &links->links[bottleneck->watched[i]];
		double open = link->weight - link->fixed_weight;
		bool own = false;

		for (uint32_t j = 0; j < of->hop_count; j++)
			own |= hops[j].link == bottleneck->watched[i];
		if (!own && is_overfull(link, link->fixed + shift->level * open))
			return false;
	}
	return shift->members == 0 || (shift->level >= shift->low && shift->level <= shift->high);
}

/* What becomes of the flow and the level. */
static void find_level(const struct links *links, const struct flow *of, struct shift *shift)
{
	const struct link *bottleneck = &links->links[shift->sole];
	double room = bottleneck->capacity_bytes_s - shift->fixed;

	shift->is_member = shift->cap_bytes_s > 0 &&
	                   shift->cap_bytes_s / of->weight > room / (shift->weight + of->weight);
	shift->is_capped = !shift->is_member && shift->cap_bytes_s > 0;
	shift->low = bottleneck->low;
	shift->high = bottleneck->high;
	if (shift->is_member) {
		shift->members++;
		shift->weight += of->weight;
		shift->high = at_most(shift->high, shift->cap_bytes_s / of->weight);
	} else if (shift->is_capped) {
		shift->fixed += shift->cap_bytes_s;
		room -= shift->cap_bytes_s;
		shift->low = at_least(shift->low, shift->cap_bytes_s / of->weight);
	}
	shift->level = shift->members > 0 ? room / shift->weight : at_least(room, 0);
}

static void take_shift(struct links *links, uint32_t flow, const struct shift *shift, int64_t now_ns)
{
	struct flow *of = &links->flows[flow];
	const struct hop *hops = &links->hops[flow * links->stride];
	struct link *bottleneck = &links->links[shift->sole];

	if (shift->own && of->since_ns != now_ns)
		bring_up(links, of, now_ns);
	if (shift->was_member && !shift->is_member)
		links_wake_drop(links, flow, now_ns);
	for (uint32_t i = 0; i < of->hop_count; i++) {
		struct link *link = &links->links[hops[i].link];
		double open;

		link_after(shift, of, link, &link->fixed, &link->fixed_weight, &open);
		link->component = shift->sole;
	}
	/* From 0 when nobody looks at it, as after a solution. */
	if (bottleneck->members == 0) {
		bottleneck->service = 0;
		bottleneck->service_ns = now_ns;
	}
	bottleneck->members = shift->members;
	bottleneck->members_weight = shift->weight;
	bottleneck->fixed = shift->fixed;
	if (shift->none_capped)
		bottleneck->fixed_weight = shift->is_capped ? of->weight : 0;
	bottleneck->low = shift->low;
	bottleneck->high = shift->high;
	set_level(links, shift->sole, shift->level, now_ns);
	of->since_ns = now_ns;
	of->bottleneck = shift->is_member ? shift->sole : NONE;
	of->rate = shift->is_capped ? shift->cap_bytes_s : 0;
	of->base = bottleneck->service;
	of->mixed = true;
	links->stirred = true;
}

/*
 * The flow wants so much from now on, and no more than its component's one bottleneck has another level. Its
 * links' lists and counts are as before. What it was given so far must be counted already. false: nothing is
 * done.
 */
static bool shift_quickly(struct links *links, uint32_t flow, double cap_bytes_s, int64_t now_ns)
{
	const struct flow *of = &links->flows[flow];
	struct shift shift = { .own = of->cap_bytes_s > 0, .cap_bytes_s = cap_bytes_s };
	const struct link *bottleneck;

	shift.sole = sole_bottleneck(links, flow, shift.own);
	if (shift.sole == NONE || (shift.own && of->bottleneck != NONE && of->bottleneck != shift.sole))
		return false;
	bottleneck = &links->links[shift.sole];
	shift.was_member = shift.own && of->bottleneck == shift.sole;
	shift.was_capped = shift.own && of->bottleneck == NONE;
	shift.members = bottleneck->members - shift.was_member;
	shift.weight = shift.members > 0 ? bottleneck->members_weight - (shift.was_member ? of->weight : 0)
	                                 : 0;
	/* All gone is all gone, whatever rounding left. */
	shift.none_capped = bottleneck->flows - shift.own == shift.members;
	shift.fixed = shift.none_capped ? 0 : bottleneck->fixed - (shift.was_capped ? of->rate : 0);
	find_level(links, of, &shift);
	if (!holds_after(links, flow, &shift))
		return false;
	take_shift(links, flow, &shift, now_ns);
	return true;
}

/* What others use of a link that holds back none of them. own: as of sole_bottleneck. */
static double used_by_others(const struct link *link, const struct flow *of, uint32_t own)
{
	return link->flows == own ? 0 : link->fixed - (own ? of->rate : 0);
}

/* Whether so much more or less of a flow changes nothing for others: no link of its holds back any. */
static bool is_free(const struct links *links, uint32_t flow, double cap_bytes_s, uint32_t own)
{
	const struct flow *of = &links->flows[flow];
	const struct hop *hops = &links->hops[flow * links->stride];

	if (of->bottleneck != NONE)
		return false;
	for (uint32_t i = 0; i < of->hop_count; i++) {
		const struct link *link = &links->links[hops[i].link];

		if (link->dirty || (link->component != LINK_FREE && link->flows != own))
			return false;
		if (used_by_others(link, of, own) + cap_bytes_s > link->capacity_bytes_s * (1 - LINK_ROOM))
			return false;
	}
	return true;
}

/* The flow gets all that it wants. own: 1 when it was there before. */
static void demand_freely(struct links *links, uint32_t flow, double cap_bytes_s, uint32_t own,
                          int64_t now_ns)
{
	struct flow *of = &links->flows[flow];
	const struct hop *hops = &links->hops[flow * links->stride];

	if (own && of->since_ns != now_ns)
		bring_up(links, of, now_ns);
	for (uint32_t i = 0; i < of->hop_count; i++) {
		struct link *link = &links->links[hops[i].link];

		link->fixed_weight = (link->flows == own ? 0 : link->fixed_weight - (own ? of->weight : 0)) +
		                     of->weight;
		link->fixed = used_by_others(link, of, own) + cap_bytes_s;
		link->component = LINK_FREE;
	}
	of->since_ns = now_ns;
	of->cap_bytes_s = of->rate = cap_bytes_s;
	links->stirred = true;
	if (!own)
		attach(links, flow);
}

static void leave_freely(struct links *links, uint32_t flow)
{
	const struct flow *of = &links->flows[flow];
	const struct hop *hops = &links->hops[flow * links->stride];

	for (uint32_t i = 0; i < of->hop_count; i++) {
		struct link *link = &links->links[hops[i].link];

		link->fixed = used_by_others(link, of, 1);
		link->fixed_weight = link->flows == 1 ? 0 : link->fixed_weight - of->weight;
	}
	links->stirred = true;
}

static void stop_flow(struct links *links, uint32_t flow, int64_t now_ns)
{
	struct flow *of = &links->flows[flow];
	const struct hop *hops = &links->hops[flow * links->stride];
	bool quick;

	bring_up(links, of, now_ns);
	links_wake_drop(links, flow, now_ns);
	quick = is_free(links, flow, 0, 1);
	if (quick)
		leave_freely(links, flow);
	else
		quick = shift_quickly(links, flow, 0, now_ns);
	detach(links, flow);
	if (!quick && of->bottleneck != NONE) {
		struct link *link = &links->links[of->bottleneck];

		link->members_weight = --link->members > 0 ? link->members_weight - of->weight : 0;
	}
	of->bottleneck = NONE;
	of->rate = 0;
	of->cap_bytes_s = 0;
	for (uint32_t i = 0; i < of->hop_count && !quick; i++) {
		if (links->links[hops[i].link].flows > 0)
			links_mark(links, hops[i].link);
	}
}

/* What it wants is not all there is to it: others are in the way, or it is in theirs. */
static void demand_shared(struct links *links, uint32_t flow, double cap_bytes_s, int64_t now_ns)
{
	struct flow *of = &links->flows[flow];
	bool quick, own = of->cap_bytes_s > 0;

	quick = shift_quickly(links, flow, cap_bytes_s, now_ns);
	of->cap_bytes_s = cap_bytes_s;
	if (!own) {
		of->since_ns = now_ns;
		attach(links, flow);
	}
	if (!quick)
		links_mark(links, links->hops[flow * links->stride].link);
}

void links_demand(struct links *links, uint32_t flow, double cap_bytes_s, int64_t now_ns)
{
	struct flow *of = &links->flows[flow];
	double before = of->cap_bytes_s;

	must(of->in_use && cap_bytes_s >= 0);
	if (cap_bytes_s == before)
		return;
	if (cap_bytes_s == 0) {
		stop_flow(links, flow, now_ns);
		return;
	}
	if (is_free(links, flow, cap_bytes_s, before > 0)) {
		demand_freely(links, flow, cap_bytes_s, before > 0, now_ns);
		return;
	}
	if (before > 0 && of->bottleneck != NONE &&
	    cap_bytes_s >= links->links[of->bottleneck].level * of->weight) {
		struct link *link = &links->links[of->bottleneck];

		of->cap_bytes_s = cap_bytes_s;
		link->high = at_most(link->high, cap_bytes_s / of->weight);
		return;
	}
	demand_shared(links, flow, cap_bytes_s, now_ns);
}

void links_weigh(struct links *links, uint32_t flow, double weight, int64_t now_ns)
{
	struct flow *of = &links->flows[flow];
	double cap_bytes_s = of->cap_bytes_s;

	must(of->in_use && weight > 0);
	if (weight == of->weight)
		return;
	if (cap_bytes_s > 0)
		stop_flow(links, flow, now_ns);
	of->weight = weight;
	links_demand(links, flow, cap_bytes_s, now_ns);
}

void links_close(struct links *links, uint32_t flow, int64_t now_ns)
{
	struct flow *of = &links->flows[flow];

	must(of->in_use);
	if (of->cap_bytes_s > 0)
		stop_flow(links, flow, now_ns);
	of->in_use = false;
	of->next_free = links->flow_free;
	links->flow_free = flow;
}

void links_set_nic(struct links *links, uint32_t host, double nic_mbit_s)
{
	links->nics_changed = true;
	for (int down = 0; down < 2; down++) {
		uint32_t link = network_host(host, down);

		links->links[link].capacity_bytes_s = nic_mbit_s * BYTES_PER_MBIT;
		links_mark(links, link);
	}
}

double links_take(struct links *links, uint32_t flow, int64_t now_ns, bool *ret_steady)
{
	struct flow *of = &links->flows[flow];
	double seconds = (double)(now_ns - of->since_ns) * SECONDS_PER_NS, bytes;

	*ret_steady = !of->mixed &&
	              (of->bottleneck == NONE || of->epoch == links->links[of->bottleneck].epoch);
	if (*ret_steady) {
		bytes = links_rate(links, flow) * seconds;
		of->since_ns = now_ns;
		if (of->bottleneck != NONE)
			of->base = links_service(&links->links[of->bottleneck], now_ns);
		return bytes;
	}
	bring_up(links, of, now_ns);
	bytes = of->owed;
	of->owed = 0;
	of->mixed = false;
	if (of->bottleneck != NONE)
		of->epoch = links->links[of->bottleneck].epoch;
	return bytes;
}

double links_used(const struct links *links, uint32_t link)
{
	double used = 0;

	for (uint32_t hop = links->links[link].first_hop; hop != NONE; hop = links->hops[hop].next)
		used += links_rate(links, hop / links->stride);
	return used;
}

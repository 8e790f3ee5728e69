/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/links.h"

#include "core/must.h"
#include "models/bounds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * A crowd is told of its level when that is so many times the level told before, or that part of it: n flows
 * that end one after another cost n of such words, not n^2.
 */
static const double TOLD = 4;

/* Differences of rates that are rounding only. */
static const double SAME = 1e-12;

/* ------------------------------------------------------------------ what hangs together */

static void part_add_link(struct links *links, uint32_t index)
{
	struct link *link = &links->links[index];

	if (link->stamp == links->stamp)
		return;
	link->stamp = links->stamp;
	link->open = 0;
	link->open_weight = 0;
	link->left = link->capacity_bytes_s;
	link->next_level = 0;
	links->part_links[links->part_link_count++] = index;
}

static void part_add_flow(struct links *links, uint32_t index)
{
	struct flow *flow = &links->flows[index];
	const struct hop *hops = &links->hops[index * links->stride];

	if (flow->stamp == links->stamp)
		return;
	flow->stamp = links->stamp;
	flow->next_rate = -1;
	links->part_flows[links->part_flow_count++] = index;
	for (uint32_t i = 0; i < flow->hop_count; i++) {
		part_add_link(links, hops[i].link);
		links->links[hops[i].link].open++;
		links->links[hops[i].link].open_weight += flow->weight;
	}
}

/* All flows and links that hang together with a link, through whatever others. */
static void gather(struct links *links, uint32_t from)
{
	links->stamp++;
	links->part_link_count = links->part_flow_count = 0;
	part_add_link(links, from);
	for (uint32_t i = 0; i < links->part_link_count; i++) {
		uint32_t hop = links->links[links->part_links[i]].first_hop;

		for (; hop != NONE; hop = links->hops[hop].next)
			part_add_flow(links, hop / links->stride);
	}
}

/* ------------------------------------------------------------------ progressive filling */

static bool share_before(struct share a, struct share b)
{
	return a.share < b.share || (a.share == b.share && a.link < b.link);
}

static void heap_down(struct share *heap, uint32_t count, uint32_t at)
{
	struct share share = heap[at];

	for (;;) {
		uint32_t below = 2 * at + 1;

		if (below >= count)
			break;
		if (below + 1 < count && share_before(heap[below + 1], heap[below]))
			below++;
		if (!share_before(heap[below], share))
			break;
		heap[at] = heap[below];
		at = below;
	}
	heap[at] = share;
}

static void heap_order(struct share *heap, uint32_t count)
{
	for (uint32_t i = count / 2; i-- > 0;)
		heap_down(heap, count, i);
}

static uint32_t heap_pop(struct share *heap, uint32_t count)
{
	heap[0] = heap[count - 1];
	heap_down(heap, count - 1, 0);
	return count - 1;
}

static double share_of(const struct link *link)
{
	return at_least(link->left, 0) / link->open_weight;
}

/* Whether a link has room for all that its flows want, by more than rounding could make of it: it holds back
 * none. wanted: stands in next_level meanwhile. */
static bool has_room(const struct link *link)
{
	return link->next_level < link->capacity_bytes_s * (1 - LINK_ROOM);
}

static void sum_wanted(struct links *links)
{
	for (uint32_t i = 0; i < links->part_flow_count; i++) {
		const struct flow *flow = &links->flows[links->part_flows[i]];
		const struct hop *hops = &links->hops[links->part_flows[i] * links->stride];

		for (uint32_t hop = 0; hop < flow->hop_count; hop++)
			links->links[hops[hop].link].next_level += flow->cap_bytes_s;
	}
}

/* Of the links that may hold back flows. */
static void heap_fill(struct links *links)
{
	links->heap_count = 0;
	sum_wanted(links);
	for (uint32_t i = 0; i < links->part_link_count; i++) {
		struct link *link = &links->links[links->part_links[i]];

		if (link->open > 0 && !has_room(link))
			links->heap[links->heap_count++] = (struct share){ share_of(link),
				                                           links->part_links[i] };
		link->next_level = 0;
	}
	heap_order(links->heap, links->heap_count);
}

/*
 * The link with the smallest share, NONE: all flows have their rate. Shares only grow while flows are settled
 * at the smallest, so that what stands in the heap is put right only when it comes to the top.
 */
static uint32_t heap_first(struct links *links)
{
	while (links->heap_count > 0) {
		const struct link *link = &links->links[links->heap[0].link];

		if (link->open > 0) {
			double share = share_of(link);

			if (share <= links->heap[0].share)
				return links->heap[0].link;
			links->heap[0].share = share;
			heap_down(links->heap, links->heap_count, 0);
		} else {
			links->heap_count = heap_pop(links->heap, links->heap_count);
		}
	}
	return NONE;
}

static void settle(struct links *links, uint32_t index, double rate, uint32_t bottleneck)
{
	struct flow *flow = &links->flows[index];
	const struct hop *hops = &links->hops[index * links->stride];

	flow->next_rate = rate;
	flow->next_bottleneck = bottleneck;
	for (uint32_t i = 0; i < flow->hop_count; i++) {
		struct link *link = &links->links[hops[i].link];

		link->left -= rate;
		/* All gone is all gone, whatever rounding left. */
		link->open_weight = --link->open > 0 ? link->open_weight - flow->weight : 0;
	}
}

static void settle_link(struct links *links, uint32_t index)
{
	struct link *link = &links->links[index];
	double level = share_of(link);

	link->next_level = level;
	for (uint32_t hop = link->first_hop; hop != NONE; hop = links->hops[hop].next) {
		const struct flow *flow = &links->flows[hop / links->stride];

		if (flow->next_rate < 0)
			settle(links, hop / links->stride, level * flow->weight, index);
	}
}

/* The level at which a flow reaches its cap. */
static double cap_level(const struct links *links, uint32_t flow)
{
	const struct flow *of = &links->flows[flow];

	return of->weight == 1 ? of->cap_bytes_s : of->cap_bytes_s / of->weight;
}

/*
 * The capped flows of the part, the one that reaches its cap at the lowest level first: a heap, since often a
 * link holds back all of them before any does. Of equals, the flow with the smaller number.
 */
static void caps_fill(struct links *links)
{
	links->cap_count = 0;
	for (uint32_t i = 0; i < links->part_flow_count; i++) {
		uint32_t flow = links->part_flows[i];

		if (isfinite(links->flows[flow].cap_bytes_s))
			links->caps[links->cap_count++] = (struct share){ cap_level(links, flow), flow };
	}
	heap_order(links->caps, links->cap_count);
}

/* Takes out the first that has no rate yet and its cap no higher than that level; NONE: there is none. */
static uint32_t caps_take(struct links *links, double level)
{
	while (links->cap_count > 0 && links->caps[0].share <= level) {
		uint32_t flow = links->caps[0].link;

		links->cap_count = heap_pop(links->caps, links->cap_count);
		if (links->flows[flow].next_rate < 0)
			return flow;
	}
	return NONE;
}

/* No link holds back any of those that are left. */
static void settle_caps(struct links *links)
{
	for (uint32_t i = 0; i < links->part_flow_count; i++) {
		struct flow *flow = &links->flows[links->part_flows[i]];

		if (flow->next_rate >= 0)
			continue;
		flow->next_rate = flow->cap_bytes_s;
		flow->next_bottleneck = NONE;
	}
}

static void fill(struct links *links)
{
	caps_fill(links);
	heap_fill(links);
	for (uint32_t link = heap_first(links); link != NONE; link = heap_first(links)) {
		uint32_t flow = caps_take(links, share_of(&links->links[link]));

		if (flow != NONE)
			settle(links, flow, links->flows[flow].cap_bytes_s, NONE);
		else
			settle_link(links, link);
	}
	settle_caps(links);
}

/* ------------------------------------------------------------------ the new rates take hold */

static bool is_same(const struct links *links, const struct flow *flow)
{
	double rate = flow->bottleneck == NONE ? flow->rate
	                                       : links->links[flow->bottleneck].level * flow->weight;

	return flow->bottleneck == flow->next_bottleneck &&
	       fabs(flow->next_rate - rate) <= SAME * flow->next_rate && flow->cap_bytes_s > 0;
}

/* What was given under the old rates is kept apart. Flows that go on as before are marked by a next rate
 * below 0. */
static void leave_old(struct links *links, int64_t now_ns)
{
	for (uint32_t i = 0; i < links->part_flow_count; i++) {
		struct flow *flow = &links->flows[links->part_flows[i]];

		if (is_same(links, flow)) {
			flow->next_rate = -1;
			continue;
		}
		if (flow->bottleneck != NONE) {
			double service = links_service(&links->links[flow->bottleneck], now_ns);

			links_wake_drop(links, links->part_flows[i], now_ns);
			flow->owed += (service - flow->base) * flow->weight;
		} else {
			flow->owed += flow->rate * ((double)(now_ns - flow->since_ns) * 1e-9);
		}
		flow->since_ns = now_ns;
		flow->mixed = true;
	}
}

static void take_levels(struct links *links, int64_t now_ns)
{
	for (uint32_t i = 0; i < links->part_link_count; i++) {
		struct link *link = &links->links[links->part_links[i]];

		/* From 0 when nobody looks at it: the same run gives the same bytes, whatever ran before it.
		 */
		link->service = link->members == 0 ? 0 : links_service(link, now_ns);
		link->service_ns = now_ns;
		if (fabs(link->next_level - link->level) > SAME * link->next_level) {
			link->level = link->told = link->next_level;
			link->epoch++;
		}
		link->members = 0;
		link->members_weight = 0;
		link->fixed = link->fixed_weight = 0;
		link->low = 0;
		link->high = INFINITY;
		link->component = NONE;
		link->dirty = false;
	}
}

/*
 * Counts who holds back whom. Returns the only link that holds back any, NONE: several do, LINK_FREE: none
 * does, so all have what they want.
 */
static uint32_t take_bottlenecks(struct links *links)
{
	uint32_t sole = NONE;
	bool several = false;

	for (uint32_t i = 0; i < links->part_flow_count; i++) {
		struct flow *flow = &links->flows[links->part_flows[i]];
		const struct hop *hops = &links->hops[links->part_flows[i] * links->stride];

		if (flow->next_rate >= 0) {
			flow->bottleneck = flow->next_bottleneck;
			flow->rate = flow->next_rate;
			if (flow->bottleneck != NONE)
				flow->base = links->links[flow->bottleneck].service;
		}
		if (flow->bottleneck != NONE) {
			links->links[flow->bottleneck].members++;
			links->links[flow->bottleneck].members_weight += flow->weight;
			several |= sole != NONE && sole != flow->bottleneck;
			sole = flow->bottleneck;
			continue;
		}
		for (uint32_t hop = 0; hop < flow->hop_count; hop++) {
			links->links[hops[hop].link].fixed += flow->rate;
			links->links[hops[hop].link].fixed_weight += flow->weight;
		}
	}
	if (several)
		return NONE;
	return sole == NONE ? LINK_FREE : sole;
}

static double full_at(const struct link *link)
{
	return links_full_at(link->capacity_bytes_s, link->fixed, link->weight - link->fixed_weight);
}

/* Keeps the links that would be full first, the fullest first; what does not get among them bounds the level.
 */
static void watch(struct links *links, struct link *bottleneck, uint32_t index)
{
	uint32_t at = bottleneck->watched_count;

	if (at == LINK_WATCHED) {
		const struct link *last = &links->links[bottleneck->watched[at - 1]];

		if (full_at(&links->links[index]) >= full_at(last)) {
			bottleneck->high = at_most(bottleneck->high, full_at(&links->links[index]));
			return;
		}
		bottleneck->high = at_most(bottleneck->high, full_at(last));
		at--;
	} else {
		bottleneck->watched_count++;
	}
	for (; at > 0 && full_at(&links->links[index]) < full_at(&links->links[bottleneck->watched[at - 1]]);
	     at--)
		bottleneck->watched[at] = bottleneck->watched[at - 1];
	bottleneck->watched[at] = index;
}

/* Within which levels the sole bottleneck stays the only one, as long as nothing else changes. */
static void take_range(struct links *links, uint32_t sole)
{
	struct link *bottleneck = &links->links[sole];

	bottleneck->watched_count = 0;
	for (uint32_t i = 0; i < links->part_flow_count; i++) {
		const struct flow *flow = &links->flows[links->part_flows[i]];

		if (flow->bottleneck == NONE)
			bottleneck->low = at_least(bottleneck->low, flow->cap_bytes_s / flow->weight);
		else
			bottleneck->high = at_most(bottleneck->high, flow->cap_bytes_s / flow->weight);
	}
	for (uint32_t i = 0; i < links->part_link_count; i++) {
		struct link *link = &links->links[links->part_links[i]];

		link->component = sole;
		if (links->part_links[i] != sole && link->flows > 0)
			watch(links, bottleneck, links->part_links[i]);
	}
}

static void solve_part(struct links *links, uint32_t from, int64_t now_ns, links_changed changed,
                       void *context)
{
	uint32_t sole;

	gather(links, from);
	fill(links);
	links->solves++;
	leave_old(links, now_ns);
	take_levels(links, now_ns);
	sole = take_bottlenecks(links);
	if (sole != NONE && sole != LINK_FREE)
		take_range(links, sole);
	for (uint32_t i = 0; i < links->part_link_count; i++) {
		struct link *link = &links->links[links->part_links[i]];

		if (sole == LINK_FREE)
			link->component = LINK_FREE;
		if (link->wakes.count > 0)
			links_plan_wakes(links, links->part_links[i], now_ns);
	}
	for (uint32_t i = 0; i < links->part_flow_count; i++) {
		const struct flow *flow = &links->flows[links->part_flows[i]];

		if (flow->next_rate >= 0)
			changed(context, flow->owner);
	}
}

/* A sole bottleneck whose level changed by a division. */
static void tell_members(struct links *links, uint32_t index, links_changed changed, void *context)
{
	struct link *link = &links->links[index];

	if (link->members >= LINK_CROWD && link->level <= link->told * TOLD &&
	    link->level * TOLD >= link->told) {
		/* Only those that came since the last time do not know their rate yet; they come first. */
		for (uint32_t hop = link->first_hop; hop != NONE; hop = links->hops[hop].next) {
			if (!links->flows[hop / links->stride].mixed)
				break;
			changed(context, links->flows[hop / links->stride].owner);
		}
		return;
	}
	link->told = link->level;
	for (uint32_t hop = link->first_hop; hop != NONE; hop = links->hops[hop].next) {
		const struct flow *flow = &links->flows[hop / links->stride];

		if (flow->bottleneck == index)
			changed(context, flow->owner);
	}
}

void links_solve(struct links *links, int64_t now_ns, links_changed changed, void *context)
{
	for (uint32_t i = 0; i < links->dirty_count; i++) {
		if (links->links[links->dirty[i]].dirty)
			solve_part(links, links->dirty[i], now_ns, changed, context);
	}
	links->dirty_count = 0;
	for (uint32_t i = 0; i < links->moved_count; i++) {
		struct link *link = &links->links[links->moved[i]];

		link->moved = false;
		if (link->members > 0 && link->component == links->moved[i])
			tell_members(links, links->moved[i], changed, context);
	}
	links->moved_count = 0;
	links->stirred = false;
}

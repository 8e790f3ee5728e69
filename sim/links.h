/* SPDX-License-Identifier: GPL-3.0-or-later */
/* links: what the switch tree's links give to each of the flows that share them, max-min fair. */
#ifndef SIM_LINKS_H
#define SIM_LINKS_H

#include "core/network.h"
#include "sim/events.h"

#include <math.h>

/*
 * The links are those of core/network.h, and so are their numbers. Rates are weighted max-min fair by
 * progressive filling (Bertsekas, Gallager, Data Networks, 6.5.2) with a cap on each flow. Levels are rates
 * of a flow of weight 1.
 *
 * What costs: a flow that comes or goes is free for flows that it shares no link with, directly or through
 * others. Flows that are held back by the same link have one rate, which is kept once, with what it has given
 * so far; so where one link holds back all flows that hang together but those at their caps, one more or one
 * less is a division. Only when that does not do is the part of the network that hangs together computed
 * anew. Speeds and bytes are those on the wire: a caller divides by its wire efficiency on the way in, and
 * multiplies on the way out.
 *
 * Where one link holds back many flows (a crowd), none of them is told of each change of their rate: that
 * would be n^2 for n flows that end one after another. What comes when a flow has been given so many bytes is
 * left to the link instead (links_wake): it comes when the link's service, the bytes that a flow of weight 1
 * has been given, has got so far, and the order in which that happens is the same at any rate. As in virtual
 * time for fair queueing (Parekh, Gallager, IEEE/ACM Transactions on Networking 1993), a change of the rate
 * costs nothing then but another time for the first of them.
 */
enum { LINK_WATCHED = 4, LINK_CROWD = 48 };
#define LINK_FREE (NONE - 1)

/* So much of a link left over is no rounding. */
#define LINK_ROOM 1e-9

/*
 * What almost everything asks for comes first: hundreds of thousands of links do not fit in the processor's
 * caches.
 */
struct link {
	double capacity_bytes_s;
	double fixed;        /* the sum of the rates of capped flows here, and … */
	double fixed_weight; /* … of their weights */
	double weight;       /* the sum of the flows' */
	double level;        /* the rate of a flow of weight 1 that this link holds back */
	uint32_t flows;      /* crossing */
	uint32_t members;    /* of these, held back here */
	uint32_t first_hop;
	uint32_t component; /* the one link that holds back any that hang together with this one (or did, as
	                       long as its flows all have what they want), LINK_FREE: none does, NONE: not so
	                       simple */
	bool dirty, moved;
	uint32_t epoch; /* counts the level's changes */
	double members_weight;
	double told;         /* the level that a crowd's callers know */
	double service;      /* bytes that the level has given since the start, up to … */
	int64_t service_ns;  /* … this time */
	struct events wakes; /* flows that are due when the service has got so far: 1024ths of bytes */
	/*
	 * While this link alone holds back its component: where its level may be, as far as caps and all
	 * links but the watched are concerned; the watched are those that would hold back flows next, and are
	 * looked at.
	 */
	double low, high;
	uint32_t watched[LINK_WATCHED], watched_count;
	/* while a component is computed */
	uint32_t stamp, open;
	double left, next_level, open_weight;
};

struct flow {
	uint32_t owner;
	uint32_t hop_count;  /* hops[id * stride …] */
	uint32_t bottleneck; /* the link that holds it back; NONE: its cap */
	uint32_t epoch;      /* the bottleneck's when last taken */
	double weight;       /* > 0: what it gets of a link beside flows of weight 1 */
	double cap_bytes_s;  /* 0: idle, on no link */
	double rate;         /* without a bottleneck */
	int64_t since_ns;    /* when last taken */
	double base;         /* the bottleneck's service when last taken */
	double owed;         /* bytes from before the bottleneck changed */
	bool mixed;          /* the bottleneck changed since it was last taken */
	bool in_use;
	uint32_t next_free;
	uint32_t stamp;
	uint32_t next_bottleneck;
	double next_rate;
};

/* One link of a flow's path, and its neighbours in the list of the link's flows. */
struct hop {
	uint32_t link, before, next;
};

/* What a link has for a flow of weight 1, or the level at which a flow reaches its cap. */
struct share {
	double share;
	uint32_t link; /* or the flow */
};

struct links {
	struct network network;
	struct link *links;
	struct flow *flows;
	struct hop *hops;
	uint32_t *path; /* scratch */
	uint32_t link_count, flow_count, flow_room, flow_free, stride;
	bool nics_changed;
	bool stirred; /* a flow came, went or changed that no link holds back, since the last links_solve */
	uint32_t *dirty, *moved;
	uint32_t dirty_count, moved_count, stamp;
	struct events due; /* by link: when the first of its wakes comes, at its level now */
	uint64_t wake_order;
	/* scratch of the computation */
	uint32_t *part_links, *part_flows;
	uint32_t part_link_count, part_flow_count;
	struct share *heap, *caps; /* of the links, and of the flows that are capped */
	uint32_t heap_count, cap_count;
	uint64_t solves; /* how often a component was computed anew */
};

/* Called with a flow's owner when its rate is not what was said before. */
typedef void (*links_changed)(void *context, uint32_t owner);

/* The cluster must outlive the links and keep its counts. Free with links_free. */
void links_create(struct links *ret_links, const struct cluster *cluster);
void links_free(struct links *links);

/* As after links_create. All flows must be closed. */
void links_reset(struct links *links);

/* A new flow, idle. source != target. owner: what links_changed is called with. */
uint32_t links_open(struct links *links, uint32_t source, uint32_t target, uint32_t owner);

/*
 * What the flow gets beside others from now on: twice as much as a flow of weight 1 when it is 2. 1 when it
 * was opened.
 */
void links_weigh(struct links *links, uint32_t flow, double weight, int64_t now_ns);

/* The most that the flow can use from now on: 0 = idle, INFINITY = as much as it gets. */
void links_demand(struct links *links, uint32_t flow, double cap_bytes_s, int64_t now_ns);

void links_close(struct links *links, uint32_t flow, int64_t now_ns);

/* A host's connection changes its speed: Mbit/s = 10^6 bit/s. 0: the link is down. */
void links_set_nic(struct links *links, uint32_t host, double nic_mbit_s);

/*
 * Computes what changed since the last call; rates hold from now_ns on. Must be called before time goes on
 * after any change. `changed` may take and look at flows, not change them.
 */
void links_solve(struct links *links, int64_t now_ns, links_changed changed, void *context);

/* The flow's rate now, in bytes/s on the wire. */
static inline double links_rate(const struct links *links, uint32_t flow)
{
	const struct flow *of = &links->flows[flow];

	return of->bottleneck == NONE ? of->rate : links->links[of->bottleneck].level * of->weight;
}

/*
 * Whether a link holds the flow back together with so many others that its rate changes without a word:
 * links_changed is called for it only when the rate is some half above or below the last that was told.
 */
static inline bool links_is_crowded(const struct links *links, uint32_t flow)
{
	uint32_t bottleneck = links->flows[flow].bottleneck;

	return bottleneck != NONE && links->links[bottleneck].members >= LINK_CROWD;
}

/*
 * The flow's owner is due when the flow has been given so many more bytes, instead of what was said before.
 * Only of a flow that is crowded, and forgotten when links_changed is called for it.
 */
void links_wake(struct links *links, uint32_t flow, double bytes, int64_t now_ns);

/* The flow's owner is not due by bytes any more; if it was not, nothing happens. */
void links_wake_drop(struct links *links, uint32_t flow, int64_t now_ns);

/* When the first flow is due by its bytes, as long as nothing changes before; TIME_NEVER: none is. */
static inline int64_t links_due_ns(const struct links *links)
{
	int64_t time_ns = TIME_NEVER;

	events_first(&links->due, &time_ns);
	return time_ns;
}

/* Its owner. It stays due until it waits for other bytes or for none. */
uint32_t links_due_owner(const struct links *links);

/*
 * As events_soon: the owners that are due after it, most likely, the very next first; returns how many, at
 * most EVENTS_NEAR. Their flows are sent for.
 */
uint32_t links_soon_owners(const struct links *links, uint32_t *ret_owners);

/*
 * Bytes on the wire since the flow was last taken (or opened). *ret_steady: the rate was the same all the
 * time.
 */
double links_take(struct links *links, uint32_t flow, int64_t now_ns, bool *ret_steady);

/* What all flows on a link use together now. Walks them. */
double links_used(const struct links *links, uint32_t link);

/* links.c and links_solve.c share these. The level at which a link is full, when so much of it is given to
 * capped flows and flows of that weight share the rest: */
static inline double links_full_at(double capacity_bytes_s, double fixed, double open_weight)
{
	return open_weight > 0 ? (capacity_bytes_s - fixed) / open_weight : INFINITY;
}

void links_mark(struct links *links, uint32_t link);
double links_service(const struct link *link, int64_t now_ns);
void links_plan_wakes(struct links *links, uint32_t link, int64_t now_ns);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* traffic: what a plan's moves send over each link, so that targets can be taken where there is least. */
#ifndef PLANNER_TRAFFIC_H
#define PLANNER_TRAFFIC_H

#include "core/network.h"

struct traffic {
	struct network network;
	double *seconds; /* by link: how long what is sent keeps it busy */
	uint32_t *path;  /* scratch */
};

/* What a move to a host would cost. */
struct toll {
	double busy_s;  /* how long the busiest link on its way would be busy, its source's apart */
	uint32_t links; /* that it crosses */
};

/* The cluster must outlive it. Free with traffic_free. */
void traffic_create(struct traffic *ret_traffic, const struct cluster *cluster);
void traffic_free(struct traffic *traffic);

/* A move sends so many bytes, and takes them back when they are negative. */
void traffic_add(struct traffic *traffic, uint32_t from, uint32_t to, double bytes);

/* What a move of so many bytes would cost beside those added. */
struct toll traffic_toll(struct traffic *traffic, uint32_t from, uint32_t to, double bytes);

/* Whether one is cheaper: the busiest link, then the shorter way. */
bool toll_less(const struct toll *a, const struct toll *b);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* schedule: which host the platform's scheduler takes, by its filters (rules) and weights. */
#ifndef CORE_SCHEDULE_H
#define CORE_SCHEDULE_H

#include "core/rules.h"

/* The terms of a host's weight, not yet scaled: free amounts may be below 0. */
struct weight_terms {
	double ram, cpu, disk, under_way, soft;
};

/*
 * The host that auto-scheduling takes; NONE: no valid host. hosts[0 … count): the hosts to look at, in the
 * file's order (NULL: all). Best-effort groups: a first pass with the group, a second without
 * (docs/rules.md).
 */
uint32_t schedule_best(const struct request *request, const uint32_t *hosts, uint32_t count);

/*
 * Ranks all hosts: ret_ranks[host] is 1 for the one that is taken first, 0 for hosts that would not be taken.
 * Returns how many would be.
 */
uint32_t schedule_rank(const struct request *request, uint32_t *ret_ranks);

/* Whether an admin may name the host: every rule, best-effort groups and soft policies not counting. */
bool schedule_allows_named(const struct request *request, uint32_t host);

struct weight_terms weight_terms_of(const struct request *request, uint32_t host);

/* Makes each term of scale the larger of the two (soft: of its size); start with zeros. Over hosts that are
 * left. */
void weight_scale_add(struct weight_terms *scale, const struct weight_terms *terms);

/* A term divided by the largest; when nobody has anything of it, it tells nothing. */
static inline double weight_part(double value, double largest)
{
	return largest > 0 ? value / largest : 0;
}

/*
 * The weight of a host that is left; the highest wins, then the file's order. nova: free RAM, vCPUs and disk,
 * each by the largest, minus migrations under way by the largest, plus the soft policy's term. Others: minus
 * migrations under way.
 */
double weight_of(enum profile profile, const struct weight_terms *scale, const struct weight_terms *terms);

#endif

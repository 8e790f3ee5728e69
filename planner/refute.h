/* SPDX-License-Identifier: GPL-3.0-or-later */
/* refute: proofs that hosts cannot be emptied, case by case, where no single fact says so. */
#ifndef PLANNER_REFUTE_H
#define PLANNER_REFUTE_H

#include "planner/facts.h"

enum refutation { REFUTED, NOT_REFUTED, REFUTE_UNKNOWN };

/*
 * Looks for an end in which the hosts are empty: each VM that must leave, and those that are in its way, on
 * hosts that have room for all of them together. None: REFUTED, and *ret_fact is a tree of cases, each of
 * which ends in a fact. There is one: NOT_REFUTED; ends[vm] is then where each VM is in it, which says
 * nothing about whether moves lead there. REFUTE_UNKNOWN: after so many cases it is not known.
 */
enum refutation refute(struct reaches *reaches, const struct goal *goal, const uint32_t *movers,
                       uint32_t mover_count, uint32_t *cases_left, struct arena *arena, struct fact *ret_fact,
                       uint32_t *ends);

#endif

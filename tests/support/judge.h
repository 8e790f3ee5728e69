/* SPDX-License-Identifier: GPL-3.0-or-later */
/* judge: whether hosts can be emptied, or can fail, by walking through everything that can happen. */
#ifndef TESTS_SUPPORT_JUDGE_H
#define TESTS_SUPPORT_JUDGE_H

#include "core/rules.h"

/* Whether the platform moves the VM at all, written once more: by what stands in docs/rules.md. */
bool judge_movable(const struct state *state, uint32_t vm);

/* Whether a lock of the hosts in goal (by host) leaves the VM no choice. */
bool judge_must_leave(const struct state *state, const bool *goal, uint32_t vm);

enum judgement { JUDGED_NO, JUDGED_YES, JUDGED_TOO_LARGE };

/*
 * Whether any sequence of moves, of whomever, empties the hosts in goal, by every placement that can be
 * reached, the NUMA nodes that VMs have taken being part of it. The state is the same afterwards.
 * JUDGED_TOO_LARGE: there are more than `most` of them.
 */
enum judgement judge_empty(struct state *state, const bool *goal, uint32_t most);

/* The same of hosts that fail, for those who ran there, who are built anew on hosts that are left. */
enum judgement judge_fail(struct state *state, const bool *gone, uint32_t most);

#endif

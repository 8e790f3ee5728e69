/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ending: whether there is any way at all to deal VMs out to the hosts that are left, however it is come by.
 */
#ifndef PLANNER_ENDING_H
#define PLANNER_ENDING_H

#include "planner/facts.h"
#include "planner/losses.h"

enum ending { ENDING_FOUND, ENDING_NONE, ENDING_UNKNOWN };

/* New VMs of one kind, which are nowhere yet. */
struct newcomers {
	uint32_t vm, count; /* one of them, and how many */
	const bool *where;  /* by host: may be there */
};

struct ending_question {
	struct reaches *reaches; /* of the state, whose VMs are where they are at first */
	enum loss by;
	const bool *gone; /* by host */
	const struct newcomers *newcomers;
	uint32_t kinds;      /* of newcomers */
	uint64_t ticks_most; /* about; ENDING_UNKNOWN then */
};

/*
 * Tries every way to deal out, kind by kind, the newcomers and all that may be elsewhere than now once the
 * hosts are gone. LOSS_LOCK: everybody who can be moved; LOSS_FAIL: those that ran on these hosts. By amounts
 * alone, and by which hosts may have whom: ENDING_NONE is a proof that they cannot go, ENDING_FOUND is none
 * that they can. *ret_ticks: what it took (withstand.h).
 */
enum ending ending_search(const struct ending_question *question, uint64_t *ret_ticks);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* headroom: how many new VMs there can be at the very most, and by what: bounds that no placement beats. */
#ifndef PLANNER_HEADROOM_H
#define PLANNER_HEADROOM_H

#include "planner/facts.h"
#include "planner/losses.h"
#include "planner/whatif.h"

/* Units beyond which nobody counts, and VMs. */
enum { HEADROOM_MOST = 1000000 };

enum headroom_kind {
	HEADROOM_PLACES, /* by how many VMs find a place one after another, as things are */
	HEADROOM_ROOM,   /* by what the hosts have of a resource, once some are gone */
	HEADROOM_COUNT,  /* by how many VMs of a flavor each host can have, once some are gone */
	HEADROOM_SIZE    /* by the size of their group */
};

/* The tightest of the bounds. */
struct headroom {
	uint32_t most;   /* units; HEADROOM_MOST: that many, or more */
	uint32_t places; /* by HEADROOM_PLACES alone */
	enum headroom_kind kind;
	uint32_t flavor;             /* PLACES, COUNT: of which VMs find none; else NONE */
	uint32_t *hosts, host_count; /* ROOM, COUNT: that are gone; in the arena */
	const char *resource;        /* ROOM: as certificates call it, and pages_2048, pages_1048576 */
	const char *words;           /* ROOM: "MiB of memory" */
	double left, needed, each;   /* ROOM: of it: left elsewhere, needed by those that are
	                                there or have to go there, taken by a unit */
};

struct headroom_question {
	const struct whatif *whatif; /* filled with VMs of each kind, nowhere yet */
	const struct unit *unit;
	uint32_t group; /* of the new VMs; NONE */
	const struct losses *losses;
	const struct state *state; /* of the whatif's cluster */
	struct reaches *reaches;   /* made for it */
};

/*
 * Bounds, each by adding up alone, so that they hold whatever order things happen in: a host ends with no
 * more of anything than it has, or with what it had at first (docs/proofs.md, Certificates); hosts that are
 * gone are those that leave least. Texts and lists go into the arena.
 */
void headroom_find(const struct headroom_question *question, struct arena *arena,
                   struct headroom *ret_headroom);

/* Where a new VM can ever be, by host: adds them to those that are true already. */
void headroom_where(const struct headroom_question *question, uint32_t vm, bool *ret_where);

#endif

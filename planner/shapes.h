/* SPDX-License-Identifier: GPL-3.0-or-later */
/* shapes: VMs that are the same to the scheduler, groups apart, and the hosts that could take each shape. */
#ifndef PLANNER_SHAPES_H
#define PLANNER_SHAPES_H

#include "core/schedule.h"

/* One shape: flavor, boot, requested zone, networks. Filled in by shapes_fill. */
struct shape {
	uint32_t vm;     /* one VM of it */
	uint32_t *hosts; /* that pass every rule but the groups', in the file's order, the VM's own host not
	                    left out */
	uint32_t count;
	bool wanted; /* someone will ask for it */
	/* nova: what weighing needs, by position in hosts */
	double *ram, *cpu, *disk;
	/*
	 * nova: how many hosts of the list go before this one whatever else is in the list: DOMINATORS_MOST
	 * at the most. As long as one of them is as it was, the host is not taken. NULL: not known.
	 */
	uint8_t *dominators;
	uint32_t *band; /* positions of those with fewer than DOMINATORS_MOST, by how many they have */
	uint32_t band_count;
};

enum { DOMINATORS_MOST = 128 };

struct shapes {
	const struct state *state; /* as the file describes it */
	struct shape *shapes;
	uint32_t count;
	bool unweighed;        /* nobody asks what auto-scheduling prefers: hosts are not weighed */
	uint32_t *of_vm;       /* shape by VM */
	uint32_t *group_first; /* members of group g: group_members[group_first[g] … group_first[g + 1]) */
	uint32_t *group_members;
};

/* Sorts the VMs into shapes. The state must stay as it is, and outlive them. Free with shapes_free. */
void shapes_create(struct shapes *ret_shapes, const struct state *state);
void shapes_free(struct shapes *shapes);

/* Finds the hosts of one shape (if wanted). Different shapes may be filled by different threads. */
void shapes_fill(struct shapes *shapes, uint32_t index);

/* The first place in a filled shape's list whose host is not before that one; the list's count: there is
 * none. */
uint32_t shape_place_from(const struct shape *shape, uint32_t host);

/* Where a host stands in a filled shape's list; NONE: not in it. */
uint32_t shape_position(const struct shape *shape, uint32_t host);

#endif

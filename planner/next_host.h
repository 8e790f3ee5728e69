/* SPDX-License-Identifier: GPL-3.0-or-later */
/* next_host: what the next host bought should be: each model that there is, as it is or with twice of one
 * thing. */
#ifndef PLANNER_NEXT_HOST_H
#define PLANNER_NEXT_HOST_H

#include "planner/capacity.h"

struct next_host {
	uint32_t like;        /* the first host of that model */
	const char *resource; /* NULL: as it is; else it has twice as much of that */
	struct host host;     /* named "next-host"; its lists are the cluster's or the arena's */
};

/* What is to be found out with one host more. */
struct next_host_question {
	const struct capacity_question *question; /* as things are; its `now` and losses are not used */
	const struct next_host *next;
	enum loss by;
	uint32_t together;
	const bool *except; /* by host of the cluster, NULL: none; the new host may go */
	uint32_t known;     /* so many units fit without it; NONE: that is not known */
};

/* Where there are more models than this, those of which there are most hosts. */
enum { NEXT_HOSTS_MODELS_MOST = 8 };

/*
 * Each model of host in the file's order, then each again with twice of the resource that hindrances name
 * (withstand.h; NULL, "group:…": none), where it has any: of vcpus and dedicated_cpus the CPUs and those of
 * its nodes; of memory_mib, and of pages, memory with the nodes' and all their pages; of numa both; disk_gib;
 * pci devices of that alias, or all. The list is in the arena. Returns how many.
 */
uint32_t next_hosts_list(const struct cluster *cluster, const char *resource, struct arena *arena,
                         struct next_host **ret_nexts);

/* How many more fit with it, never fewer than without it: who need not go there is not in the way; also where
 * the cluster as it is cannot do without some hosts. What stops one more is not said. Free with
 * capacity_free. */
void next_host_find(const struct next_host_question *ask, struct capacity *ret_capacity);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* draw: random numbers for tests, and random small clusters in which hosts are tight and VMs get in each
 * other's way. */
#ifndef TESTS_SUPPORT_DRAW_H
#define TESTS_SUPPORT_DRAW_H

#include "core/cluster.h"

/* The same seed gives the same draws (splitmix64). */
struct draw {
	uint64_t state;
};

uint64_t draw_bits(struct draw *draw);

/* 0 … below - 1; below > 0. */
uint32_t draw_below(struct draw *draw, uint32_t below);

/* low … high. */
uint32_t draw_between(struct draw *draw, uint32_t low, uint32_t high);

/* True in so many of 100. */
bool draw_percent(struct draw *draw, uint32_t percent);

/* How large a random cluster gets. */
struct draw_size {
	uint32_t hosts_most;
	uint32_t first_host_vms_most; /* VMs on host h0 */
	uint32_t other_host_vms_most; /* on each other host, besides strays */
	bool moves;                   /* no VM has anything that rejects a lock at once */
	bool roomy;                   /* each host has room for a VM or two more */
	bool numa;                    /* hosts have several NUMA nodes and little else that matters */
};

/*
 * The text of a cluster file: hosts h0 …, VMs v0 …. Each cluster has a few traits of its own (NUMA, PCI,
 * zones, dedicated CPUs, groups of every policy, …), so that each trait is met alone and with others. The
 * caller free()s it.
 */
char *draw_cluster_text(uint64_t seed, const struct draw_size *size);

/* Reads a cluster from text; fails the program when it is refused. */
void cluster_from_text(struct cluster *ret_cluster, const char *text);

/* The same for text that may be wrong: 0, or a negative code with *error filled in. The file is called
 * "c.json". */
int cluster_try_text(struct cluster *ret_cluster, const char *text, struct error *error);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* big_cluster: cluster files as large as one likes, the same for the same numbers, for measurements. */
#ifndef TESTS_SUPPORT_BIG_CLUSTER_H
#define TESTS_SUPPORT_BIG_CLUSTER_H

#include <stdint.h>
#include <stdio.h>

struct big_cluster {
	uint32_t hosts, vms;
	uint32_t fill_percent; /* of the hosts' memory that the VMs take, on average */
	uint64_t seed;
	const char *profile;
};

/*
 * Writes a cluster file: racks of 40 hosts under two levels of switches, three generations of hosts, three
 * zones, a few aggregates, dozens of flavors (dedicated CPUs, huge pages and PCI devices among them), a
 * server group of each policy for every 40 VMs or so, and members placed as their policy wants it.
 */
void big_cluster_write(FILE *file, const struct big_cluster *big);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* network: the links of the switch tree, and which of them a flow between two hosts crosses. */
#ifndef CORE_NETWORK_H
#define CORE_NETWORK_H

#include "core/cluster.h"

/* Mbit/s are 10^6 bit/s. */
enum { BYTES_PER_MBIT = 125000 };

/*
 * Each host's connection and each switch's uplink is two links, one a direction: up is towards the root.
 * Links are numbered hosts first, then switches, up before down. Roots are joined without limit.
 */
struct network {
	const struct cluster *cluster;
	uint32_t *depths;    /* of switches below their roots */
	uint32_t link_count; /* of all links */
	uint32_t path_most;  /* links of the longest path */
};

/* The cluster must outlive the network. Free with network_free. */
void network_create(struct network *ret_network, const struct cluster *cluster);
void network_free(struct network *network);

/*
 * The links from source to target, another host: up to the lowest switch that they have in common, and down;
 * the source's own first, the target's last. ret_links has room for path_most. Returns how many there are.
 */
uint32_t network_path(const struct network *network, uint32_t source, uint32_t target, uint32_t *ret_links);

/* A link's speed as the file says, in bytes/s on the wire; a root's own uplink, which nobody crosses: 0. */
double network_bytes_s(const struct network *network, uint32_t link);

/* The same of the slowest of a path's links. */
double network_slowest_bytes_s(const struct network *network, const uint32_t *links, uint32_t count);

static inline uint32_t network_host(uint32_t host, bool down)
{
	return 2 * host + (down ? 1 : 0);
}

static inline uint32_t network_switch(const struct network *network, uint32_t switch_index, bool down)
{
	return 2 * (network->cluster->host_count + switch_index) + (down ? 1 : 0);
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* turns: whether one more live migration may start: limits per host, and what moves reserve of the links. */
#ifndef CORE_TURNS_H
#define CORE_TURNS_H

#include "core/network.h"

/*
 * Live migrations under way, by their sources and by the links that they cross. simulate and execute ask the
 * same (docs/formats.md, reserve_mbit_s): a migration starts when not more than so many leave its host, and
 * when what it reserves is left on each link of its path, or nobody else reserves anything there. Of a
 * link that is slower than that it reserves the whole.
 */
struct turns {
	struct network network;
	double *speeds;    /* by link, bytes/s on the wire: may be changed by the owner */
	int64_t *reserved; /* by link, bytes/s */
	uint32_t *leaving; /* by host: live migrations that leave it */
	uint32_t *path;
};

/* How many of those that wait at one host are looked at when the first cannot start. */
enum { TURNS_LOOKS = 16 };

/* The cluster must outlive it. Free with turns_free. */
void turns_create(struct turns *ret_turns, const struct cluster *cluster);
void turns_free(struct turns *turns);

/* Whether the host may send one more; most 0: any number. */
static inline bool turns_host_open(const struct turns *turns, uint32_t host, int64_t most)
{
	return most <= 0 || turns->leaving[host] < most;
}

/* The first link on the way that has too little left; NONE: none has. */
uint32_t turns_short(struct turns *turns, uint32_t from, uint32_t to, int64_t reserve_bytes_s);

/* A live migration starts, it ends. */
void turns_take(struct turns *turns, uint32_t from, uint32_t to, int64_t reserve_bytes_s);
void turns_give(struct turns *turns, uint32_t from, uint32_t to, int64_t reserve_bytes_s);

#endif

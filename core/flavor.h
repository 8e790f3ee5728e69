/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flavor: what a flavor's extra specs mean for scheduling. */
#ifndef CORE_FLAVOR_H
#define CORE_FLAVOR_H

#include "core/cluster.h"

/*
 * Fills in what follows from flavor->extra_specs. Returns NULL, or what is wrong with which key (in the
 * cluster's arena) and leaves the flavor half filled in. Source of the keys: Nova's and StarlingX's flavor
 * extra specs.
 */
const char *flavor_derive(struct cluster *cluster, struct flavor *flavor);

/* GiB of local disk that a VM of the flavor takes: the root disk unless it boots from a volume, ephemeral,
 * swap. */
int64_t flavor_disk_gib(const struct flavor *flavor, enum boot boot);

/* vCPUs that are counted against shared CPUs, and against whole CPUs. One of the two is 0. */
int64_t flavor_shared_vcpus(const struct flavor *flavor);
int64_t flavor_dedicated_vcpus(const struct flavor *flavor);

/* Whether an aggregate's value satisfies what a flavor requires: Nova's extra-spec operators, or equality. */
bool spec_matches(const char *value, const char *requirement);

#endif

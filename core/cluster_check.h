/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cluster_check: warnings about what real clusters have although the rules forbid it. */
#ifndef CORE_CLUSTER_CHECK_H
#define CORE_CLUSTER_CHECK_H

#include "core/cluster.h"

/* Adds to cluster->warnings: hosts that are overfull, groups in violation, settings that will be ignored. */
void cluster_check(struct cluster *cluster);

#endif

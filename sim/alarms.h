/* SPDX-License-Identifier: GPL-3.0-or-later */
/* alarms: what the platform tells its operator, and takes back. */
#ifndef SIM_ALARMS_H
#define SIM_ALARMS_H

#include "sim/world.h"

/* Raises or clears a best-effort group's alarm, as the group is now. NONE: no group. */
void alarms_check(struct world *world, uint32_t group);

/* The same for all groups, at the start. */
void alarms_check_all(struct world *world);

/* A host was locked, or unlocked. */
void alarm_host_locked(struct world *world, uint32_t host);
void alarm_host_unlocked(struct world *world, uint32_t host);

#endif

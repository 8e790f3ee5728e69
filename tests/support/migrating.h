/* SPDX-License-Identifier: GPL-3.0-or-later */
/* migrating: guests on their way, for tests of the model. */
#ifndef TESTS_SUPPORT_MIGRATING_H
#define TESTS_SUPPORT_MIGRATING_H

#include "models/precopy.h"
#include "tests/support/ideal.h"

/* A guest of that many MiB, all used and idle, of an ideal hypervisor; no cap, no set-up, 35 ms of stop. */
struct precopy_input migrating_idle(double memory_mib);

/* The same, writing to a quarter of its memory, all over. */
struct precopy_input migrating_busy(double memory_mib, double rate_pages_s);

/* Goes to the next event and handles it. */
enum precopy_event migrating_next(struct precopy *precopy);

/* On to the first event of that kind. */
void migrating_go_to(struct precopy *precopy, enum precopy_event event);

#endif

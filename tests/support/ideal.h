/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ideal: a hypervisor without all that makes real ones inexact, for tests that compute to the last digit. */
#ifndef TESTS_SUPPORT_IDEAL_H
#define TESTS_SUPPORT_IDEAL_H

#include "models/hypervisor.h"

/*
 * A row as it would be if nothing was lost or noisy: a set-up that others do not delay, the sender as fast as
 * the link, no sockets in between, looks every 50 ms, windows of just 100 ms, zero pages behind all others
 * and seen at once, no firmware, a guest that writes by its law alone, no spreads.
 */
struct hypervisor ideal_of(const struct hypervisor *row);

/* All rows that ship, made ideal; always the same place. */
const struct hypervisors *ideal_hypervisors(void);

/* The first of them. */
const struct hypervisor *ideal_hypervisor(void);

#endif

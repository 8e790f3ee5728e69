/* SPDX-License-Identifier: GPL-3.0-or-later */
/* expect: what the model expects of a migration that was measured alone, by many draws of its luck. */
#ifndef MODELS_EXPECT_H
#define MODELS_EXPECT_H

#include "models/hypervisor.h"
#include "models/measured.h"

enum { EXPECT_DRAWS_MOST = 64 };

/* One draw. Seconds, bytes. */
struct expected {
	double elapsed_s, bytes, downtime_s, iterations, throttle;
	bool completed; /* within the row's time limit */
};

/* What is drawn beside the luck of windows and duty phases. */
enum expect_spread { EXPECT_PLAIN, EXPECT_SPREAD };

/*
 * draws of the row with the constants of `hypervisor`, each with a duty phase and a luck of its own (the
 * phases divide the period evenly); with EXPECT_SPREAD each also with factors of the hypervisor's spreads.
 * haste: how much faster than its law the guest writes. The same arguments give the same results. Post-copy
 * and batches are not looked at: the row runs alone, by pre-copy. draws in [1, EXPECT_DRAWS_MOST].
 */
void expect_row(const struct measured *row, const struct hypervisor *hypervisor, enum expect_spread spread,
                double haste, unsigned draws, struct expected *ret_expected);

/* The rate at which the row's pages go, in bytes/s: its cap, its link, or the sender. */
double expect_rate_bytes_s(const struct measured *row, const struct hypervisor *hypervisor);

/* The mean of the draws that completed; completed: at least half did. */
struct expected expect_mean(const struct expected *expected, unsigned draws);

#endif

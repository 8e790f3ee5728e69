/* SPDX-License-Identifier: GPL-3.0-or-later */
/* baselines: what simpler rules predict of a live migration, to be measured against. */
#ifndef MODELS_BASELINES_H
#define MODELS_BASELINES_H

#include "models/measured.h"

/* What a rule predicts. NAN: it says nothing of that. */
struct baseline {
	double elapsed_s, bytes, downtime_s;
	double iterations; /* counted as QEMU counts dirty syncs */
	double converged;  /* 1: it completes before its time limit; 0: it does not */
};

enum { BASELINE_PHASES = 8, BASELINE_ROUNDS_MOST = 30 };

/*
 * All take of the row only what it was given (baseline_expected: what QEMU said while it ran), the payload
 * rate that the migration has when it is alone, > 0 and finite, and the same constant for the set-up. A
 * guest's memory is what is in use of it: zero pages cost next to nothing. None knows of links that are
 * shared, of headers, of throttling, or of post-copy.
 */

/* The memory divided by the bandwidth: what one does on a napkin. */
struct baseline baseline_memory(const struct measured *row, double rate_bytes_s, double setup_s);

/*
 * The geometric series, as in most papers (Liu et al., Performance and energy modeling for live migration of
 * virtual machines, HPDC 2011): memory is dirtied at one rate, that of the first second, so each round is the
 * one before times dirty rate over bandwidth. It stops when what is left fits the downtime limit; when it no
 * longer shrinks, or after BASELINE_ROUNDS_MOST rounds, the rest is sent with the guest stopped, and the
 * migration counts as not converged.
 */
struct baseline baseline_geometric(const struct measured *row, double rate_bytes_s, double setup_s);

/*
 * SimGrid 3.32's live-migration plugin (src/plugins/vm/VmLiveMigration.cpp): the memory; then rounds of what
 * was dirtied meanwhile, at one rate but never more than the working set, until that is no more than what the
 * downtime limit allows; then the rest with the guest stopped. What the plugin calls dirty page intensity is
 * set to the dirty rate of the first second.
 */
struct baseline baseline_simgrid(const struct measured *row, double rate_bytes_s, double setup_s);

/*
 * The guest's own law, iterated: a round takes as long as it takes to send what was dirtied in the round
 * before, D(T), averaged over BASELINE_PHASES phases of a duty, until it fits the downtime limit.
 */
struct baseline baseline_curve(const struct measured *row, double rate_bytes_s, double setup_s);

/* The downtime that QEMU expected when it was last asked; nothing else. */
struct baseline baseline_expected(const struct measured *row, double rate_bytes_s, double setup_s);

#endif

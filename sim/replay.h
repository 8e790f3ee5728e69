/* SPDX-License-Identifier: GPL-3.0-or-later */
/* replay: measured migrations, predicted through the simulator as a user's `simulate` would. */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H

#include "core/error.h"
#include "models/measured.h"

/* Where nothing limits the link: what a cluster file has for a host of which it says nothing. */
#define REPLAY_LINK_MBIT_S 10000.0

struct hypervisors; /* models/hypervisor.h */

struct replay_options {
	uint64_t seed;
	uint32_t runs;                         /* at least 1 */
	bool outside;                          /* what was seen from outside in place of the guest's law */
	const struct hypervisors *hypervisors; /* NULL: those that ship */
};

/* Of three numbers: 10th, 50th and 90th percentile over the runs, as `simulate` has them. */
struct replayed {
	bool known; /* false: nothing was seen from outside, of this row or of its batch; all else is 0 */
	double duration_s[3], bytes[3], iterations[3];
	double downtime_s[3]; /* of the runs that completed; 0 when none did */
	double probability_converged;
};

/*
 * Predicts each row into ret_replayed, which has as many places. Rows of one batch run together, over one
 * pair of hosts, whatever their order in the array; every other row has the hosts for itself.
 */
int replay_rows(const struct measured *rows, uint32_t count, const struct replay_options *options,
                struct replayed *ret_replayed, struct error *error);

/*
 * The scenario file (lockkeeper.scenario/1) in which the row runs, with those of its batch; the caller
 * free()s it. For looking into one prediction with `simulate --trace`.
 */
char *replay_scenario(const struct measured *rows, uint32_t count, uint32_t row,
                      const struct replay_options *options);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/unfairness.h"

#include "core/arena.h"
#include "sim/replay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 61, STEPS = 9 };

static const double HELD = 0.80;
static const double SPREAD_LEAST = 0.003, SPREAD_MOST = 0.8;

struct together {
	struct measured *rows;
	struct replayed *replayed;
	uint32_t count;
	struct hypervisors hypervisors;
	struct hypervisor *row; /* of hypervisors */
	struct replay_options options;
};

static int share_held(struct together *together, double *ret_share, struct error *error)
{
	uint32_t held = 0;
	int result = replay_rows(together->rows, together->count, &together->options, together->replayed,
	                         error);

	for (uint32_t i = 0; i < together->count && !result; i++) {
		const double *duration_s = together->replayed[i].duration_s;

		held += together->rows[i].elapsed_s >= duration_s[0] &&
		        together->rows[i].elapsed_s <= duration_s[2];
	}
	*ret_share = (double)held / together->count;
	return result;
}

static int find_spread(struct together *together, struct error *error)
{
	double low = log(SPREAD_LEAST), high = log(SPREAD_MOST);

	for (int step = 0; step < STEPS; step++) {
		double share;

		together->row->share_spread = exp((low + high) / 2);
		if (share_held(together, &share, error))
			return ERROR_INPUT;
		if (share < HELD)
			low = (low + high) / 2;
		else
			high = (low + high) / 2;
	}
	return 0;
}

static void take_rows(const struct measured *rows, uint32_t count, const char *hypervisor,
                      struct together *together)
{
	together->rows = MEMORY_ARRAY(struct measured, count);
	together->replayed = MEMORY_ARRAY(struct replayed, count);
	for (uint32_t i = 0; i < count; i++)
		if (*rows[i].batch && !rows[i].held_out && rows[i].completed && !rows[i].post_copy &&
		    !strcmp(rows[i].hypervisor, hypervisor))
			together->rows[together->count++] = rows[i];
}

int unfairness_fit(const struct measured *rows, uint32_t count, struct hypervisor *hypervisor, uint64_t seed,
                   bool *ret_fitted, struct error *error)
{
	struct together together = { .hypervisors = *hypervisors_shipped() };
	int result = 0;

	together.options =
		(struct replay_options){ .seed = seed, .runs = RUNS, .hypervisors = &together.hypervisors };
	take_rows(rows, count, hypervisor->name, &together);
	*ret_fitted = together.count >= UNFAIRNESS_ROWS_LEAST;
	together.row = hypervisors_named(&together.hypervisors, hypervisor->name);
	if (*ret_fitted && together.row) {
		*together.row = *hypervisor;
		result = find_spread(&together, error);
		if (!result)
			hypervisor->share_spread = together.row->share_spread;
	}
	free(together.rows);
	free(together.replayed);
	return result;
}

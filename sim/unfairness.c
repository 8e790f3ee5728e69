/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/unfairness.h"

#include "core/arena.h"
#include "models/held.h"
#include "sim/replay.h"

#include <stdlib.h>
#include <string.h>

enum { RUNS = 61, STEPS = 9 };

static const double SPREAD_LEAST = 0.003, SPREAD_MOST = 0.8;

struct together {
	struct measured *rows;
	struct replayed *replayed;
	uint32_t count;
	struct hypervisors hypervisors;
	struct hypervisor *row; /* of hypervisors */
	struct replay_options options;
	struct error *error;
};

static double share_held(void *context, double share_spread)
{
	struct together *together = context;
	uint32_t held = 0;

	together->row->share_spread = share_spread;
	if (replay_rows(together->rows, together->count, &together->options, together->replayed,
	                together->error))
		return -1;
	for (uint32_t i = 0; i < together->count; i++) {
		const double *duration_s = together->replayed[i].duration_s;

		held += together->rows[i].elapsed_s >= duration_s[0] &&
		        together->rows[i].elapsed_s <= duration_s[2];
	}
	return (double)held / together->count;
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
	struct together together = { .hypervisors = *hypervisors_shipped(), .error = error };
	double spread = 0;

	together.options =
		(struct replay_options){ .seed = seed, .runs = RUNS, .hypervisors = &together.hypervisors };
	take_rows(rows, count, hypervisor->name, &together);
	*ret_fitted = together.count >= UNFAIRNESS_ROWS_LEAST;
	together.row = hypervisors_named(&together.hypervisors, hypervisor->name);
	if (*ret_fitted && together.row) {
		*together.row = *hypervisor;
		/* The other constants were fitted to migrations that ran alone: to them these rows are
		 * others. */
		spread = held_find(held_of_others, SPREAD_LEAST, SPREAD_MOST, STEPS, share_held, &together);
		if (spread > 0)
			hypervisor->share_spread = spread;
	}
	free(together.rows);
	free(together.replayed);
	return spread < 0 ? ERROR_INPUT : 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/baselines.h"

#include "core/must.h"

#include <math.h>

static const double PAGE = 4096;

/*
 * QEMU counts a sync when it begins, one after each round, and one more when the guest has been stopped: two
 * more than there are rounds with the guest running.
 */
static const double SYNCS_BESIDE_ROUNDS = 2;

/* Where a rule has no end of its own: rounds can become shorter for ever. */
static const uint32_t ROUNDS_MOST = 100000;

/* The rounds of a pre-copy as far as they have come. */
struct rounds {
	double rate, limit_bytes, timeout_s;
	double elapsed_s, bytes;
	uint32_t count;
};

static struct rounds rounds_begin(const struct measured *row, double rate_bytes_s, double setup_s)
{
	must(rate_bytes_s > 0 && isfinite(rate_bytes_s) && setup_s >= 0);
	return (struct rounds){ .rate = rate_bytes_s,
		                .limit_bytes = rate_bytes_s * row->downtime_limit_s,
		                .timeout_s = row->timeout_s,
		                .elapsed_s = setup_s };
}

/* Sends so much with the guest running; returns how long it took. */
static double rounds_send(struct rounds *rounds, double bytes)
{
	double took_s = bytes / rounds->rate;

	rounds->bytes += bytes;
	rounds->elapsed_s += took_s;
	rounds->count++;
	return took_s;
}

/* Whether what is left may be sent with the guest stopped. */
static bool rounds_fit(const struct rounds *rounds, double left_bytes)
{
	return left_bytes <= rounds->limit_bytes;
}

/* The rest, with the guest stopped. */
static struct baseline rounds_end(const struct rounds *rounds, double left_bytes, bool converged)
{
	double downtime_s = left_bytes / rounds->rate, elapsed_s = rounds->elapsed_s + downtime_s;

	return (struct baseline){ .elapsed_s = elapsed_s,
		                  .bytes = rounds->bytes + left_bytes,
		                  .downtime_s = downtime_s,
		                  .iterations = rounds->count + SYNCS_BESIDE_ROUNDS,
		                  .converged = converged && elapsed_s <= rounds->timeout_s };
}

/* D(t), the mean over the phases at which the migration may meet the duty. */
static double dirty_bytes(const struct measured *row, double interval_s)
{
	const struct dirty *dirty = &row->dirty;
	int phases = dirty->duty_period_s > 0 ? BASELINE_PHASES : 1;
	double pages = 0;

	for (int i = 0; i < phases; i++)
		pages += dirty_unique_pages(dirty, dirty->duty_period_s * i / phases, 0, interval_s);
	return pages / phases * PAGE;
}

static double used_bytes(const struct measured *row)
{
	return row->used_pages * PAGE;
}

struct baseline baseline_memory(const struct measured *row, double rate_bytes_s, double setup_s)
{
	struct rounds rounds = rounds_begin(row, rate_bytes_s, setup_s);

	rounds_send(&rounds, used_bytes(row));
	return (struct baseline){ .elapsed_s = rounds.elapsed_s,
		                  .bytes = rounds.bytes,
		                  .downtime_s = NAN,
		                  .iterations = NAN,
		                  .converged = rounds.elapsed_s <= row->timeout_s };
}

struct baseline baseline_geometric(const struct measured *row, double rate_bytes_s, double setup_s)
{
	struct rounds rounds = rounds_begin(row, rate_bytes_s, setup_s);
	double dirty_s = dirty_bytes(row, 1), left = used_bytes(row);

	while (!rounds_fit(&rounds, left)) {
		double next = rounds_send(&rounds, left) * dirty_s;

		if (!rounds_fit(&rounds, next) && (next >= left || rounds.count >= BASELINE_ROUNDS_MOST))
			return rounds_end(&rounds, next, false);
		left = next;
	}
	return rounds_end(&rounds, left, true);
}

struct baseline baseline_simgrid(const struct measured *row, double rate_bytes_s, double setup_s)
{
	struct rounds rounds = rounds_begin(row, rate_bytes_s, setup_s);
	double dirty_s = dirty_bytes(row, 1), cap = row->dirty.working_set_pages * PAGE;
	double left = fmin(rounds_send(&rounds, used_bytes(row)) * dirty_s, cap);

	/* The plugin goes on for 1e7 s, then stops the guest all the same: no answer to be waited for. */
	while (!rounds_fit(&rounds, left)) {
		if (rounds.elapsed_s > row->timeout_s || rounds.count > ROUNDS_MOST)
			return rounds_end(&rounds, left, false);
		left = fmin(rounds_send(&rounds, left) * dirty_s, cap);
	}
	return rounds_end(&rounds, left, true);
}

struct baseline baseline_curve(const struct measured *row, double rate_bytes_s, double setup_s)
{
	struct rounds rounds = rounds_begin(row, rate_bytes_s, setup_s);
	double left = used_bytes(row);

	while (!rounds_fit(&rounds, left)) {
		if (rounds.elapsed_s > row->timeout_s || rounds.count > ROUNDS_MOST)
			return rounds_end(&rounds, left, false);
		left = dirty_bytes(row, rounds_send(&rounds, left));
	}
	return rounds_end(&rounds, left, true);
}

struct baseline baseline_expected(const struct measured *row, double rate_bytes_s, double setup_s)
{
	(void)rate_bytes_s;
	(void)setup_s;
	return (struct baseline){ .elapsed_s = NAN,
		                  .bytes = NAN,
		                  .downtime_s = row->expected_downtime_s,
		                  .iterations = NAN,
		                  .converged = NAN };
}

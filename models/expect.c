/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/expect.h"

#include "core/must.h"
#include "models/luck.h"
#include "models/precopy.h"
#include "models/spread.h"

#include <math.h>

/* The first of the keys by which draws are told apart. */
static const uint64_t FIRST_KEY = 0x6c6f636b;

/* A number in [0, 1) for one of the things that are drawn, evenly spread over the draws and shuffled. */
static double stratum(unsigned draw, unsigned draws, uint64_t what)
{
	/* Steps of a golden ratio's multiple visit all strata, each purpose in an order of its own. */
	double at = fmod(((double)draw + 0.5) * 0.6180339887498949 * (double)(2 * what + 1) +
	                         luck_unit(FIRST_KEY, what),
	                 1);

	return draws > 1 ? at : 0.5;
}

static double factor(const struct hypervisor *hypervisor, enum spread_of of, enum expect_spread spread,
                     unsigned draw, unsigned draws)
{
	if (spread == EXPECT_PLAIN)
		return 1;
	return spread_factor(hypervisor, of, stratum(draw, draws, 1 + (uint64_t)of));
}

static void expect_draw(const struct measured *row, const struct hypervisor *hypervisor,
                        enum expect_spread spread, double haste, unsigned draw, unsigned draws,
                        struct expected *ret_expected)
{
	struct precopy_input input = {
		.hypervisor = hypervisor,
		.dirty = row->dirty,
		.memory_pages = row->memory_pages,
		.bandwidth_bytes_s = row->bandwidth_bytes_s,
		.setup_s = hypervisor->setup_ms / 1000 *
		           factor(hypervisor, SPREAD_SETUP, spread, draw, draws),
		.stop_s = hypervisor->stop_ms / 1000 * factor(hypervisor, SPREAD_STOP, spread, draw, draws),
		.switchover_s = hypervisor->switchover_ms / 1000,
		.duty_phase_s = row->dirty.duty_period_s * (((double)draw + 0.5) / draws),
		.haste = (1 + haste) * factor(hypervisor, SPREAD_DIRTY, spread, draw, draws) - 1,
		.luck = FIRST_KEY + 1 + draw,
		.auto_converge = row->auto_converge,
	};
	/* A link gives no more than it has, however well it was used. */
	double share =
		fmin(hypervisor->wire_efficiency * factor(hypervisor, SPREAD_RATE, spread, draw, draws), 1);
	struct precopy precopy;

	input.used_pages = fmin(row->used_pages * factor(hypervisor, SPREAD_USED, spread, draw, draws),
	                        row->memory_pages);
	input.dirty.limit_pages = input.used_pages;
	precopy_start(&precopy, &input, row->downtime_limit_s);
	precopy_run(&precopy, row->link_bytes_s * share, row->timeout_s);
	*ret_expected = (struct expected){ .elapsed_s = precopy.now_s,
		                           .bytes = precopy.sent_bytes,
		                           .downtime_s = precopy.downtime_s,
		                           .iterations = precopy.iterations,
		                           .throttle = precopy.throttle,
		                           .completed = precopy.phase == PRECOPY_DONE };
}

void expect_row(const struct measured *row, const struct hypervisor *hypervisor, enum expect_spread spread,
                double haste, unsigned draws, struct expected *ret_expected)
{
	must(draws >= 1 && draws <= EXPECT_DRAWS_MOST);
	for (unsigned draw = 0; draw < draws; draw++)
		expect_draw(row, hypervisor, spread, haste, draw, draws, &ret_expected[draw]);
}

double expect_rate_bytes_s(const struct measured *row, const struct hypervisor *hypervisor)
{
	double rate = fmin(row->bandwidth_bytes_s, row->link_bytes_s * hypervisor->wire_efficiency);

	return fmin(rate, hypervisor->sender_bytes_s);
}

struct expected expect_mean(const struct expected *expected, unsigned draws)
{
	struct expected mean = { 0 };
	unsigned count = 0;

	for (unsigned draw = 0; draw < draws; draw++) {
		if (!expected[draw].completed)
			continue;
		count++;
		mean.elapsed_s += expected[draw].elapsed_s;
		mean.bytes += expected[draw].bytes;
		mean.downtime_s += expected[draw].downtime_s;
		mean.iterations += expected[draw].iterations;
		mean.throttle += expected[draw].throttle;
	}
	mean.completed = count * 2 >= draws && count > 0;
	if (count > 0) {
		mean.elapsed_s /= count;
		mean.bytes /= count;
		mean.downtime_s /= count;
		mean.iterations /= count;
		mean.throttle /= count;
	}
	return mean;
}

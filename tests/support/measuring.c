/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/measuring.h"

#include "core/must.h"
#include "models/expect.h"
#include "tests/support/draw.h"

#include <math.h>

static const double PAGES_PER_MIB = 256;
static const double MIB = 1048576;
static const double BYTES_PER_MBIT = 1e6 / 8;

static double between(struct draw *luck, double low, double high)
{
	return low + (high - low) * draw_below(luck, 1 << 20) / (1 << 20);
}

static double one_of(struct draw *luck, const double *values, uint32_t count)
{
	return values[draw_below(luck, count)];
}

/* What it writes, as a share of what the migration can send: most converge, in some rounds. */
static void draw_law(struct draw *luck, double speed_bytes_s, struct measured *row)
{
	static const enum dirty_law laws[] = { DIRTY_IDLE, DIRTY_UNIFORM, DIRTY_HOTCOLD, DIRTY_SEQUENTIAL };
	struct dirty *dirty = &row->dirty;

	*dirty = (struct dirty){ .law = laws[draw_below(luck, 4)],
		                 .background_pages_s = 40,
		                 .duty_on_fraction = 1,
		                 .limit_pages = row->used_pages };
	if (dirty->law == DIRTY_IDLE)
		return;
	dirty->working_set_pages = row->used_pages * between(luck, 0.1, 0.6);
	dirty->rate_pages_s = speed_bytes_s / 4096 * between(luck, 0.05, 0.4);
	if (dirty->law == DIRTY_HOTCOLD) {
		dirty->hot_fraction = 0.1;
		dirty->hot_probability = 0.9;
	}
	if (draw_percent(luck, 25)) {
		dirty->duty_period_s = 2;
		dirty->duty_on_fraction = 0.5;
	}
}

struct measured measuring_guest(uint32_t n, enum measuring_by by)
{
	static const double memory_mib[] = { 192, 256, 384, 512 }, caps_mib[] = { 16, 24, 32, 48, 64, 96 },
			    links_mbit[] = { 150, 200, 300, 500, 700 }, limits_s[] = { 0.05, 0.1, 0.3, 0.5 };
	struct draw luck = { 1000 + n };
	struct measured row = {
		.cell = "", .batch = "", .kind = "", .hypervisor = "qemu-7.2", .machine = "", .line = n + 2
	};
	double speed;

	row.memory_pages = PAGES_PER_MIB * one_of(&luck, memory_mib, 4);
	row.used_pages = round(row.memory_pages * between(&luck, 0.3, 0.8));
	row.downtime_limit_s = one_of(&luck, limits_s, 4);
	row.timeout_s = row.bandwidth_bytes_s = row.link_bytes_s = INFINITY;
	if (by == MEASURING_BY_CAP)
		speed = row.bandwidth_bytes_s = MIB * one_of(&luck, caps_mib, 6);
	else
		speed = row.link_bytes_s = BYTES_PER_MBIT * one_of(&luck, links_mbit, 5);
	draw_law(&luck, speed, &row);
	return row;
}

void measuring_happen(struct measured *row, const struct hypervisor *truth, uint32_t n, double noise_s)
{
	struct draw luck = { 77 * (uint64_t)n + 5 };
	struct expected draws[EXPECT_DRAWS_MOST], *drawn = &draws[draw_below(&luck, EXPECT_DRAWS_MOST)];

	expect_row(row, truth, EXPECT_SPREAD, 0, EXPECT_DRAWS_MOST, draws);
	row->completed = drawn->completed;
	row->elapsed_s = drawn->elapsed_s + between(&luck, -noise_s, noise_s);
	row->bytes = drawn->bytes;
	row->downtime_s = drawn->downtime_s;
	row->iterations = drawn->iterations;
	row->throttle = drawn->throttle;
}

void measuring_make(struct measured *ret_rows, uint32_t count, const struct hypervisor *truth, double noise_s)
{
	for (uint32_t n = 0; n < count; n++) {
		ret_rows[n] = measuring_guest(n, n % 2 ? MEASURING_BY_LINK : MEASURING_BY_CAP);
		measuring_happen(&ret_rows[n], truth, n, noise_s);
		must(ret_rows[n].completed);
	}
}

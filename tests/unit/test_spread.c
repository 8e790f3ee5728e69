/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/spread.h"

#include "models/luck.h"
#include "tests/support/ideal.h"

#include <criterion/criterion.h>
#include <math.h>

/* A spread of its own for each thing that is drawn. */
static struct hypervisor make_spreads(void)
{
	struct hypervisor row = *ideal_hypervisor();

	row.setup_spread = 0.1;
	row.rate_spread = 0.2;
	row.used_spread = 0.3;
	row.dirty_spread = 0.4;
	row.stop_spread = 0.5;
	row.share_spread = 0.6;
	row.window_spread = 0.7;
	return row;
}

static void assert_near(double actual, double expected, double share)
{
	cr_assert(fabs(actual - expected) <= share * fabs(expected), "%.15g is not %.15g", actual, expected);
}

Test(spread, is_log_normal_with_the_spread_of_its_name)
{
	static const double SIGMA[SPREAD_COUNT] = {
		[SPREAD_SETUP] = 0.1, [SPREAD_RATE] = 0.2, [SPREAD_USED] = 0.3,
		[SPREAD_DIRTY] = 0.4, [SPREAD_STOP] = 0.5, [SPREAD_SHARE] = 0.6,
	};
	/* Quantiles of the standard normal distribution, from its tables. */
	static const double UNIT[] = { 0.5, 0.9, 0.1, 0.975, 0.001 };
	static const double NORMAL[] = { 0, 1.2815515655446004, -1.2815515655446004, 1.959963984540054,
		                         -3.090232306167813 };
	struct hypervisor row = make_spreads();

	for (int of = 0; of < SPREAD_COUNT; of++)
		for (int i = 0; i < 5; i++)
			assert_near(spread_factor(&row, (enum spread_of)of, UNIT[i]),
			            exp(SIGMA[of] * NORMAL[i]), 1e-12);
	cr_assert_eq(spread_factor(&row, SPREAD_SHARE, 0.5), 1);
}

Test(spread, rises_with_the_unit_up_to_its_ends)
{
	struct hypervisor row = make_spreads();
	double last = 0, low = spread_factor(&row, SPREAD_STOP, 0.001),
	       high = spread_factor(&row, SPREAD_STOP, 0.999);

	for (double unit = 0.001; unit < 0.999; unit += 0.001) {
		double factor = spread_factor(&row, SPREAD_STOP, unit);

		cr_assert(factor > last && factor > 0 && isfinite(factor));
		last = factor;
	}
	/* The tails are cut: no run is drawn beyond three standard deviations. */
	for (double unit = 0; unit < 0.001; unit += 0.0001)
		cr_assert_eq(spread_factor(&row, SPREAD_STOP, unit), low);
	for (double unit = 0.9991; unit < 1; unit += 0.0001)
		cr_assert_eq(spread_factor(&row, SPREAD_STOP, unit), high);
	cr_assert_eq(spread_factor(&row, SPREAD_STOP, 1 - 0x1p-53), high);
	assert_near(high * low, 1, 1e-12);
}

Test(spread, of_zero_is_none)
{
	for (int of = 0; of < SPREAD_COUNT; of++)
		for (double unit = 0; unit < 1; unit += 0.01)
			cr_assert_eq(spread_factor(ideal_hypervisor(), (enum spread_of)of, unit), 1);
}

/* The published sequence of splitmix64 from state 0: the same on any machine, for ever. */
Test(luck, is_splitmix64)
{
	static const uint64_t OUTPUT[] = { UINT64_C(0xe220a8397b1dcdaf), UINT64_C(0x6e789e6aa1b965f4),
		                           UINT64_C(0x06c45d188009454f) };

	for (uint64_t i = 0; i < 3; i++)
		cr_assert_eq(luck_unit(0, i), (double)(OUTPUT[i] >> 11) / 9007199254740992.0);
	cr_assert_eq(luck_unit(1, 0), 0x1.22145bd91204bp-1);
	cr_assert_eq(luck_unit(0x6c6f636b, 41), 0x1.e5b8b3cd994ecp-1);
	cr_assert(luck_unit(UINT64_MAX, UINT64_MAX) >= 0 && luck_unit(UINT64_MAX, UINT64_MAX) < 1);
}

/* Over the numbers of a key, and over keys: each of 20 equal parts gets its share, neighbours do not hang
 * together. */
static void assert_uniform(bool by_key)
{
	enum { COUNT = 20000, BINS = 20 };
	double bins[BINS] = { 0 }, expected = (double)COUNT / BINS, squares = 0, product = 0, last = 0.5;

	for (uint64_t i = 0; i < COUNT; i++) {
		double unit = by_key ? luck_unit(i, 7) : luck_unit(7, i);

		cr_assert(unit >= 0 && unit < 1);
		bins[(int)(unit * BINS)]++;
		product += (unit - 0.5) * (last - 0.5);
		last = unit;
	}
	for (int i = 0; i < BINS; i++)
		squares += (bins[i] - expected) * (bins[i] - expected) / expected;
	/* Chi squared with 19 degrees of freedom is below 43.8 in 999 of 1000 cases. */
	cr_assert(squares < 43.8, "%g", squares);
	cr_assert(fabs(product / COUNT * 12) < 0.03, "%g", product / COUNT * 12);
}

Test(luck, is_uniform)
{
	assert_uniform(false);
	assert_uniform(true);
}

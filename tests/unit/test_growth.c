/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Growth over the months: what is read, what is needed, and when it is full, computed by hand. */
#include "planner/growth.h"

#include <criterion/criterion.h>

Test(growth, reads_numbers_and_percents)
{
	struct growth growth;

	cr_assert(growth_read("5/month", &growth));
	cr_assert(growth.rate == 5 && !growth.percent);
	cr_assert(growth_read("2.5%/month", &growth));
	cr_assert(growth.rate == 2.5 && growth.percent);
}

Test(growth, refuses_what_is_none)
{
	static const char *const wrong[] = { "",          "5",         "/month",    "%/month",
		                             "0/month",   "-1/month",  "5/months",  "5 /month",
		                             "nan/month", "inf/month", "0x5/month", "1e3/month",
		                             "5/year",    "5%%/month", ".5./month", "2000000/month" };
	struct growth growth;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert(!growth_read(wrong[i], &growth), "\"%s\"", wrong[i]);
}

Test(growth, units_come_evenly_and_what_is_begun_counts)
{
	const struct growth whole = { 5, false }, half = { 2.5, false }, tenth = { 0.1, false };

	cr_assert_eq(growth_needed(&whole, 100, 1, 0), 0);
	cr_assert_eq(growth_needed(&whole, 100, 1, 3), 15);
	cr_assert_eq(growth_needed(&whole, 0, 4, 3), 15);
	cr_assert_eq(growth_needed(&half, 100, 1, 1), 3);
	cr_assert_eq(growth_needed(&half, 100, 1, 2), 5);
	/* Ten times a tenth is one, whatever floating point says. */
	cr_assert_eq(growth_needed(&tenth, 100, 1, 10), 1);
	cr_assert_eq(growth_needed(&tenth, 100, 1, 30), 3);
	cr_assert_eq(growth_needed(&tenth, 100, 1, 1), 1);
}

Test(growth, percents_compound)
{
	const struct growth tenth = { 10, true }, huge = { 100, true };

	/* 200 VMs: 20 after one month, 42 after two, 66.2 after three; in units of four VMs 5, 10.5, 16.55.
	 */
	cr_assert_eq(growth_needed(&tenth, 200, 1, 1), 20);
	cr_assert_eq(growth_needed(&tenth, 200, 1, 2), 42);
	cr_assert_eq(growth_needed(&tenth, 200, 1, 3), 67);
	cr_assert_eq(growth_needed(&tenth, 200, 4, 1), 5);
	cr_assert_eq(growth_needed(&tenth, 200, 4, 2), 11);
	cr_assert_eq(growth_needed(&tenth, 0, 1, 12), 0);
	cr_assert_eq(growth_needed(&huge, 1000000, 1, 1000), UINT32_MAX);
}

Test(growth, is_full_in_the_first_month_in_which_more_is_needed)
{
	const struct growth whole = { 5, false }, tenth = { 10, true };

	cr_assert_eq(growth_full(&whole, 100, 1, 15, 24), 4);
	cr_assert_eq(growth_full(&whole, 100, 1, 14, 24), 3);
	cr_assert_eq(growth_full(&whole, 100, 1, 0, 24), 1);
	cr_assert_eq(growth_full(&whole, 100, 1, 120, 24), 0);
	cr_assert_eq(growth_full(&whole, 100, 1, 119, 24), 24);
	cr_assert_eq(growth_full(&tenth, 200, 1, 41, 24), 2);
}

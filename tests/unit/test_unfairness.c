/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/unfairness.h"

#include "sim/replay.h"
#include "tests/support/measuring.h"
#include "tests/support/same.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BATCHES = 12, TOGETHER = 3, ROWS = BATCHES * TOGETHER };

static struct measured rows[ROWS];
static char names[BATCHES][16];
static struct error error;

/* Three guests at a time over one link, one shortly after another; nothing came of them yet. */
static void make_batches(void)
{
	for (uint32_t i = 0; i < ROWS; i++) {
		uint32_t batch = i / TOGETHER;

		rows[i] = measuring_guest(i, MEASURING_BY_LINK);
		rows[i].link_bytes_s = rows[batch * TOGETHER].link_bytes_s;
		rows[i].dirty.rate_pages_s *= 0.3; /* of the whole link, of which each has a part only */
		rows[i].start_s = 0.1 * (i % TOGETHER);
		snprintf(names[batch], sizeof(names[batch]), "b%u", batch);
		rows[i].batch = names[batch];
	}
}

TestSuite(unfairness, .init = make_batches);

/*
 * What came of them in one run of the simulator with these constants. Its first run is the expected one, so
 * the second is wanted: the median of two is half-way between them.
 */
static void happen(const struct hypervisor *truth)
{
	struct hypervisors hypervisors = *hypervisors_shipped();
	struct replay_options how = { .seed = 4242, .runs = 1, .hypervisors = &hypervisors };
	struct replayed first[ROWS], both[ROWS];

	hypervisors.rows[0] = *truth;
	cr_assert_eq(replay_rows(rows, ROWS, &how, first, &error), 0, "%s", error.text);
	how.runs = 2;
	cr_assert_eq(replay_rows(rows, ROWS, &how, both, &error), 0, "%s", error.text);
	for (uint32_t i = 0; i < ROWS; i++) {
		cr_assert(both[i].probability_converged >= 1);
		rows[i].completed = true;
		rows[i].elapsed_s = 2 * both[i].duration_s[1] - first[i].duration_s[1];
		rows[i].bytes = 2 * both[i].bytes[1] - first[i].bytes[1];
	}
}

static bool fit(struct hypervisor *hypervisor, uint32_t count)
{
	bool fitted;

	cr_assert_eq(unfairness_fit(rows, count, hypervisor, 1, &fitted, &error), 0, "%s", error.text);
	return fitted;
}

static void find_spread(double share_spread, double low, double high)
{
	struct hypervisor truth = *hypervisor_find("qemu-7.2"), found;

	truth.share_spread = share_spread;
	happen(&truth);
	found = truth;
	found.share_spread = 0.01;
	cr_assert(fit(&found, ROWS));
	cr_assert(found.share_spread > low && found.share_spread < high, "%g became %g", share_spread,
	          found.share_spread);
	/* Nothing else is this fit's business. */
	found.share_spread = truth.share_spread;
	cr_assert(same_hypervisor(&found, &truth));
}

Test(unfairness, finds_a_wide_spread)
{
	find_spread(0.25, 0.15, 0.4);
}

Test(unfairness, finds_a_narrow_spread)
{
	find_spread(0.06, 0.03, 0.11);
}

Test(unfairness, too_few_rows_change_nothing)
{
	const struct hypervisor *shipped = hypervisor_find("qemu-7.2");
	struct hypervisor found = *shipped;

	happen(shipped);
	cr_assert(!fit(&found, UNFAIRNESS_ROWS_LEAST - 1));
	cr_assert(same_hypervisor(&found, shipped));
	cr_assert(fit(&found, UNFAIRNESS_ROWS_LEAST));
}

/* Alone, held out, given up, by post-copy, of others: none of these says how links are shared. */
Test(unfairness, looks_at_plain_rows_of_batches_only)
{
	const struct hypervisor *shipped = hypervisor_find("qemu-7.2");
	struct hypervisor found = *shipped;

	happen(shipped);
	for (uint32_t i = 0; i < ROWS; i++) {
		switch (i % 5) {
		case 0:
			rows[i].batch = "";
			break;
		case 1:
			rows[i].held_out = true;
			break;
		case 2:
			rows[i].completed = false;
			break;
		case 3:
			rows[i].post_copy = true;
			break;
		default:
			rows[i].hypervisor = "qemu-8.2";
			break;
		}
	}
	cr_assert(!fit(&found, ROWS));
	cr_assert(same_hypervisor(&found, shipped));
}

Test(unfairness, the_same_rows_give_the_same_bits)
{
	struct hypervisor truth = *hypervisor_find("qemu-7.2"), first, second;

	truth.share_spread = 0.1;
	happen(&truth);
	first = second = truth;
	cr_assert(fit(&first, 9));
	cr_assert(fit(&second, 9));
	cr_assert(same_hypervisor(&first, &second));
}

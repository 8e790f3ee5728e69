/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which live migrations may start beside others. */
#include "core/turns.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

static const char CLUSTER[] = "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"t\", \"hosts\": ["
			      "{\"name\": \"a\", \"cpus\": 8, \"memory_mib\": 1024, \"nic_mbit_s\": 1000},"
			      "{\"name\": \"b\", \"cpus\": 8, \"memory_mib\": 1024, \"nic_mbit_s\": 1000},"
			      "{\"name\": \"c\", \"cpus\": 8, \"memory_mib\": 1024, \"nic_mbit_s\": 100}],"
			      "\"flavors\": [], \"vms\": []}";

enum { MBIT = BYTES_PER_MBIT };

Test(turns, a_link_takes_as_much_as_it_has)
{
	struct cluster cluster;
	struct turns turns;

	cluster_from_text(&cluster, CLUSTER);
	turns_create(&turns, &cluster);
	cr_assert_eq(turns_short(&turns, 0, 1, 600 * MBIT), NONE);
	turns_take(&turns, 0, 1, 600 * MBIT);
	cr_assert_eq(turns_short(&turns, 0, 1, 400 * MBIT), NONE, "an exact fit fits");
	cr_assert_eq(turns_short(&turns, 0, 1, 400 * MBIT + 1), network_host(0, false));
	cr_assert_eq(turns_short(&turns, 0, 1, 0), NONE, "what reserves nothing never waits");
	/* A slower link is reserved whole, and taken when nobody else has any of it. */
	cr_assert_eq(turns_short(&turns, 1, 2, 600 * MBIT), NONE);
	turns_take(&turns, 1, 2, 600 * MBIT);
	cr_assert_eq(turns_short(&turns, 0, 2, 1), network_host(2, true));
	turns_give(&turns, 1, 2, 600 * MBIT);
	turns_give(&turns, 0, 1, 600 * MBIT);
	for (uint32_t i = 0; i < turns.network.link_count; i++)
		cr_assert_eq(turns.reserved[i], 0);
	turns_free(&turns);
	cluster_free(&cluster);
}

Test(turns, a_host_sends_so_many_at_a_time)
{
	struct cluster cluster;
	struct turns turns;

	cluster_from_text(&cluster, CLUSTER);
	turns_create(&turns, &cluster);
	cr_assert(turns_host_open(&turns, 0, 1));
	turns_take(&turns, 0, 1, 0);
	cr_assert_not(turns_host_open(&turns, 0, 1));
	cr_assert(turns_host_open(&turns, 0, 2));
	cr_assert(turns_host_open(&turns, 0, 0), "0 is no limit");
	cr_assert(turns_host_open(&turns, 1, 1), "only who leaves counts");
	turns_give(&turns, 0, 1, 0);
	cr_assert(turns_host_open(&turns, 0, 1));
	turns_free(&turns);
	cluster_free(&cluster);
}

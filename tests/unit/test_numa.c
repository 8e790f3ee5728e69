/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Guest nodes on a host's nodes. */
#include "core/numa.h"

#include <criterion/criterion.h>

#include <string.h>

/* A host of up to three nodes and a flavor of up to three guest nodes, without a cluster around them. */
struct fit {
	struct numa_node nodes[3];
	struct numa_use uses[3];
	struct numa_demand demands[3];
	struct host host;
	struct flavor flavor;
	struct numa_claim claim;
};

static void fit_create(struct fit *fit, uint32_t nodes, uint32_t guests)
{
	*fit = (struct fit){ .host = { .numa = fit->nodes,
		                       .numa_count = nodes,
		                       .cpu_ratio = RATIO_ONE,
		                       .memory_ratio = RATIO_ONE },
		             .flavor = { .numa = fit->demands, .numa_count = guests } };
	for (uint32_t i = 0; i < 3; i++) {
		fit->nodes[i] = (struct numa_node){ .cpus = 4, .memory_mib = 4096 };
		fit->demands[i] = (struct numa_demand){ .cpus = 2, .memory_mib = 1024 };
	}
}

static bool fits(struct fit *fit)
{
	memset(&fit->claim, 0, sizeof(fit->claim));
	return numa_fit(&fit->host, fit->uses, &fit->flavor, &fit->claim);
}

static void take(struct fit *fit)
{
	cr_assert(fits(fit));
	numa_count(fit->uses, &fit->flavor, &fit->claim, 1);
}

Test(numa, guests_take_the_first_nodes_that_have_room)
{
	struct fit fit;

	fit_create(&fit, 3, 1);
	take(&fit);
	take(&fit);
	cr_assert_eq(fit.uses[0].shared_cpus, 4);
	cr_assert_eq(fit.uses[0].memory_mib, 2048);
	take(&fit);
	cr_assert_eq(fit.uses[1].shared_cpus, 2);
	numa_count(fit.uses, &fit.flavor, &fit.claim, -1);
	cr_assert(fit.uses[1].shared_cpus == 0 && fit.uses[1].memory_mib == 0);
}

Test(numa, each_guest_node_needs_a_node_of_its_own)
{
	struct fit fit;

	fit_create(&fit, 1, 2);
	cr_assert(!fits(&fit));
	fit_create(&fit, 2, 2);
	take(&fit);
	cr_assert_eq(fit.uses[0].shared_cpus, 2);
	cr_assert_eq(fit.uses[1].shared_cpus, 2);
	fit.uses[1].shared_cpus = 3;
	cr_assert(!fits(&fit));
}

/* The first guest node would take the only node that the second fits on. */
Test(numa, guests_make_room_for_each_other)
{
	struct fit fit;

	fit_create(&fit, 2, 2);
	fit.demands[1].memory_mib = 3000;
	fit.nodes[1].memory_mib = 2000;
	take(&fit);
	cr_assert_eq(fit.uses[0].memory_mib, 3000);
	cr_assert_eq(fit.uses[1].memory_mib, 1024);
}

Test(numa, cpus_fit_by_the_ratio_but_one_guest_never_more_than_a_node)
{
	struct fit fit;

	fit_create(&fit, 1, 1);
	fit.host.cpu_ratio = 3 * RATIO_ONE / 2;
	fit.uses[0].shared_cpus = 4;
	cr_assert(fits(&fit));
	fit.uses[0].shared_cpus = 5;
	cr_assert(!fits(&fit));
	fit.uses[0].shared_cpus = 0;
	fit.demands[0].cpus = 4;
	cr_assert(fits(&fit));
	fit.demands[0].cpus = 5;
	cr_assert(!fits(&fit));
}

Test(numa, dedicated_cpus_take_the_ratios_worth)
{
	struct fit fit;

	fit_create(&fit, 1, 1);
	fit.host.cpu_ratio = 16 * RATIO_ONE;
	fit.flavor.dedicated = true;
	fit.uses[0].shared_cpus = 32;
	cr_assert(fits(&fit));
	fit.uses[0].shared_cpus = 33;
	cr_assert(!fits(&fit));
	fit.uses[0].shared_cpus = 0;
	take(&fit);
	take(&fit);
	cr_assert_eq(fit.uses[0].dedicated_cpus, 4);
	cr_assert(!fits(&fit));
}

struct page_case {
	int32_t page_kib;
	int64_t memory_mib, pages_2m, pages_1g, node_mib;
	bool fits;
	int64_t used_2m, used_1g, used_mib;
};

Test(numa, pages_of_the_size_that_is_asked_for)
{
	static const struct page_case cases[] = {
		{ PAGE_UNSAID, 1024, 0, 0, 1024, true, 0, 0, 1024 },
		{ PAGE_UNSAID, 1024, 512, 1, 1023, false, 0, 0, 0 },
		{ PAGE_SMALL, 1024, 0, 0, 1024, true, 0, 0, 1024 },
		{ PAGE_SMALL, 1024, 512, 1, 1023, false, 0, 0, 0 },
		{ PAGE_2M, 1024, 512, 9, 0, true, 512, 0, 0 },
		{ PAGE_2M, 1024, 511, 9, 9999, false, 0, 0, 0 },
		{ PAGE_2M, 1023, 999, 0, 0, false, 0, 0, 0 },
		{ PAGE_1G, 2048, 9999, 2, 0, true, 0, 2, 0 },
		{ PAGE_1G, 2048, 9999, 1, 9999, false, 0, 0, 0 },
		{ PAGE_1G, 1536, 9999, 2, 9999, false, 0, 0, 0 },
		{ PAGE_LARGE, 2048, 9999, 2, 9999, true, 0, 2, 0 },
		{ PAGE_LARGE, 2048, 1024, 1, 9999, true, 1024, 0, 0 },
		{ PAGE_LARGE, 2048, 1023, 1, 9999, false, 0, 0, 0 },
		{ PAGE_ANY, 2048, 1023, 1, 2048, true, 0, 0, 2048 },
		{ PAGE_ANY, 2048, 1024, 1, 2048, true, 1024, 0, 0 },
		{ PAGE_ANY, 2048, 1023, 1, 2047, false, 0, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fit fit;

		fit_create(&fit, 1, 1);
		fit.flavor.page_kib = cases[i].page_kib;
		fit.demands[0].memory_mib = cases[i].memory_mib;
		fit.nodes[0] = (struct numa_node){ 4, cases[i].node_mib, cases[i].pages_2m,
			                           cases[i].pages_1g };
		cr_expect_eq(fits(&fit), cases[i].fits, "case %zu", i);
		if (!cases[i].fits || !fits(&fit))
			continue;
		numa_count(fit.uses, &fit.flavor, &fit.claim, 1);
		cr_expect_eq(fit.uses[0].pages_2m, cases[i].used_2m, "case %zu", i);
		cr_expect_eq(fit.uses[0].pages_1g, cases[i].used_1g, "case %zu", i);
		cr_expect_eq(fit.uses[0].memory_mib, cases[i].used_mib, "case %zu", i);
		numa_count(fit.uses, &fit.flavor, &fit.claim, -1);
		cr_expect(fit.uses[0].pages_2m == 0 && fit.uses[0].pages_1g == 0 &&
		          fit.uses[0].memory_mib == 0);
	}
}

Test(numa, small_memory_without_a_page_size_fits_by_the_ratio)
{
	struct fit fit;

	fit_create(&fit, 1, 1);
	fit.host.memory_ratio = 3 * RATIO_ONE / 2;
	fit.uses[0].memory_mib = 5120;
	cr_assert(fits(&fit));
	fit.uses[0].memory_mib = 5121;
	cr_assert(!fits(&fit));
	fit.flavor.page_kib = PAGE_SMALL; /* pages are not overcommitted */
	fit.uses[0].memory_mib = 3072;
	cr_assert(fits(&fit));
	fit.uses[0].memory_mib = 3073;
	cr_assert(!fits(&fit));
}

/* What is on a host without fitting is counted all the same, and can be taken away again. */
Test(numa, a_forced_claim_goes_round_the_nodes)
{
	struct fit fit;

	fit_create(&fit, 2, 3);
	fit.flavor.page_kib = PAGE_2M;
	cr_assert(!fits(&fit));
	numa_force(&fit.host, &fit.flavor, &fit.claim);
	numa_count(fit.uses, &fit.flavor, &fit.claim, 1);
	cr_assert_eq(fit.uses[0].pages_2m, 1024);
	cr_assert_eq(fit.uses[1].pages_2m, 512);
	numa_count(fit.uses, &fit.flavor, &fit.claim, -1);
	cr_assert(fit.uses[0].pages_2m == 0 && fit.uses[0].shared_cpus == 0);
}

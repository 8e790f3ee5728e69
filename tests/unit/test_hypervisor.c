/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/hypervisor.h"
#include "tests/support/ideal.h"
#include "tests/support/same.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

Test(hypervisor, rows_by_name)
{
	cr_assert_eq(hypervisor_find("qemu-7.2"), &hypervisors_shipped()->rows[0]);
	cr_assert_eq(hypervisor_find("qemu-10.0"), &hypervisors_shipped()->rows[HYPERVISORS - 1]);
	cr_assert_eq(hypervisor_find("qemu-7.3"), hypervisor_find("qemu-7.2"));
	cr_assert_eq(hypervisor_find("qemu-9.0"), hypervisor_find("qemu-8.2"));
	cr_assert_eq(hypervisor_find("qemu-9.10"), hypervisor_find("qemu-9.2"));
	cr_assert_eq(hypervisor_find("qemu-11.0"), hypervisor_find("qemu-10.0"));
	cr_assert_eq(hypervisor_find("qemu-2.5"), hypervisor_find("qemu-7.2"));
	cr_assert_null(hypervisor_find("xen-4.17"));
	cr_assert_null(hypervisor_find("qemu-7"));
	cr_assert_null(hypervisor_find("qemu-7.2.1"));
	cr_assert_null(hypervisor_find(""));
	cr_assert_null(hypervisor_find(NULL));
	for (size_t i = 0; i < HYPERVISORS; i++)
		cr_assert_eq(hypervisor_find(hypervisors_shipped()->rows[i].name),
		             &hypervisors_shipped()->rows[i]);
}

/* A calibrated set is found by its own names, and what ships is as it was. */
Test(hypervisor, rows_of_a_changed_set)
{
	struct hypervisors changed = *hypervisors_shipped();

	changed.rows[1].name = "qemu-8.0";
	changed.rows[1].setup_ms = 1;
	cr_assert_eq(hypervisors_find(&changed, "qemu-8.1"), &changed.rows[1]);
	cr_assert_eq(hypervisors_find(&changed, "qemu-7.9"), &changed.rows[0]);
	cr_assert_eq(hypervisors_find(&changed, "qemu-1.0"), &changed.rows[0]);
	cr_assert_eq(hypervisors_find(&changed, "qemu-9.2"), &changed.rows[2]);
	cr_assert_null(hypervisors_find(&changed, "kvm"));
	cr_assert_eq(hypervisor_find("qemu-8.1"), hypervisor_find("qemu-7.2"));
	cr_assert_neq(hypervisor_find("qemu-8.2")->setup_ms, 1);
}

/* Newer versions do what older ones do; the timer came with 9.2. */
Test(hypervisor, rows_differ_in_the_background_sync_only)
{
	const struct hypervisors *shipped = hypervisors_shipped();

	for (size_t i = 0; i < HYPERVISORS; i++) {
		struct hypervisor row = shipped->rows[i];

		cr_assert_eq(row.background_sync_s, i < 2 ? 0 : 5);
		row.name = shipped->rows[0].name;
		row.background_sync_s = shipped->rows[0].background_sync_s;
		cr_assert(same_hypervisor(&row, &shipped->rows[0]));
	}
}

#define AT(name_, member_, scale_)                                                             \
	{                                                                                      \
		.name = name_, .offset = offsetof(struct hypervisor, member_), .scale = scale_ \
	}

/* Where each constant of a model file belongs, written once more. */
static const struct hypervisor_constant EXPECTED[] = {
	AT("setup_ms", setup_ms, 1),
	AT("setup_crowd", setup_crowd, 1),
	AT("switchover_ms", switchover_ms, 1),
	AT("stop_ms", stop_ms, 1),
	AT("wire_efficiency", wire_efficiency, 1),
	AT("sender_mib_s", sender_bytes_s, 1048576),
	AT("socket_mib", socket_bytes, 1048576),
	AT("socket_ms", socket_s, 0.001),
	AT("window_more_ms", window_more_s, 0.001),
	AT("kernel_pages", kernel_pages, 1),
	AT("firmware_pages", firmware_pages, 1),
	AT("setup_spread", setup_spread, 1),
	AT("rate_spread", rate_spread, 1),
	AT("used_spread", used_spread, 1),
	AT("dirty_spread", dirty_spread, 1),
	AT("stop_spread", stop_spread, 1),
	AT("share_spread", share_spread, 1),
	AT("window_spread", window_spread, 1),
};

static const struct hypervisor_constant *expected_of(const char *name)
{
	for (size_t i = 0; i < sizeof(EXPECTED) / sizeof(EXPECTED[0]); i++) {
		if (!strcmp(EXPECTED[i].name, name))
			return &EXPECTED[i];
	}
	return NULL;
}

static double value_of(const struct hypervisor *row, const struct hypervisor_constant *constant)
{
	return *(const double *)((const char *)row + constant->offset);
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);

	return length >= strlen(end) && !strcmp(text + length - strlen(end), end);
}

Test(hypervisor, constants_are_the_members_of_their_names)
{
	size_t count = 0;

	for (const struct hypervisor_constant *of = hypervisor_constants; of->name; of++, count++) {
		const struct hypervisor_constant *expected = expected_of(of->name);

		cr_assert_not_null(expected, "%s: this test does not know it", of->name);
		cr_assert_eq(of->offset, expected->offset, "%s", of->name);
		cr_assert_eq(of->scale, expected->scale, "%s", of->name);
		cr_assert_eq(of->spread, ends_with(of->name, "_spread"), "%s", of->name);
		cr_assert(!ends_with(of->name, "_ms") || !strcmp(of->unit, "ms"), "%s", of->name);
		cr_assert(!ends_with(of->name, "_pages") || !strcmp(of->unit, "pages"), "%s", of->name);
		for (const struct hypervisor_constant *other = hypervisor_constants; other < of; other++)
			cr_assert(strcmp(of->name, other->name) && of->offset != other->offset, "%s",
			          of->name);
	}
	cr_assert_eq(count, sizeof(EXPECTED) / sizeof(EXPECTED[0]));
}

/* A model file with what ships is one that can be read. */
Test(hypervisor, constants_that_ship_are_in_their_ranges)
{
	for (size_t i = 0; i < HYPERVISORS; i++) {
		const struct hypervisor *row = &hypervisors_shipped()->rows[i];

		for (const struct hypervisor_constant *of = hypervisor_constants; of->name; of++) {
			double value = value_of(row, of) / of->scale;

			cr_assert(of->low < of->high && of->scale > 0 && isfinite(of->high), "%s", of->name);
			cr_assert(value >= of->low && value <= of->high, "%s: %s is %g", row->name, of->name,
			          value);
		}
	}
}

/* All spreads are constants: what a test takes out by the table is all there is. */
Test(hypervisor, all_spreads_are_constants)
{
	struct hypervisor ideal = *ideal_hypervisor();

	cr_assert(ideal.setup_spread == 0 && ideal.rate_spread == 0 && ideal.used_spread == 0);
	cr_assert(ideal.dirty_spread == 0 && ideal.stop_spread == 0 && ideal.share_spread == 0);
	cr_assert_eq(ideal.window_spread, 0);
}

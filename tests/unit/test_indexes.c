/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/indexes.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(indexes, are_sorted_by_value_up_to_the_largest)
{
	uint32_t list[] = { 7, UINT32_MAX, 0, 7, 3 };
	static const uint32_t sorted[] = { 0, 3, 7, 7, UINT32_MAX };
	uint32_t three = 3, four = 4;

	indexes_sort(list, 5);
	cr_assert_eq(memcmp(list, sorted, sizeof(list)), 0);
	cr_assert_eq(bsearch(&three, list, 5, sizeof(list[0]), index_compare), &list[1]);
	cr_assert_null(bsearch(&four, list, 5, sizeof(list[0]), index_compare));
	indexes_sort(NULL, 0);
}

Test(indexes, stand_once)
{
	uint32_t list[] = { 9, 2, 9, 9, 2, 5 };
	static const uint32_t once[] = { 2, 5, 9 };

	cr_assert_eq(indexes_sort_once(list, 6), 3);
	cr_assert_eq(memcmp(list, once, sizeof(once)), 0);
	cr_assert_eq(indexes_sort_once(list, 1), 1);
	cr_assert_eq(indexes_sort_once(NULL, 0), 0);
}

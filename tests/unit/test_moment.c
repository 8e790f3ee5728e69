/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/moment.h"

#include <criterion/criterion.h>
#include <time.h>

Test(moment, reads_what_it_writes_over_all_days_and_as_the_c_library_does)
{
	for (int64_t day = 0; day * 86400 <= MOMENT_LAST_S; day++) {
		int64_t unix_s = day * 86400 + day * 7919 % 86400, back = -1;
		char text[MOMENT_ROOM], theirs[64];
		time_t moment = unix_s;
		struct tm parts;

		moment_text(unix_s, text);
		gmtime_r(&moment, &parts);
		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%SZ", &parts);
		cr_assert_str_eq(text, theirs);
		cr_assert(moment_parse(text, &back));
		cr_assert_eq(back, unix_s);
	}
}

Test(moment, knows_its_ends)
{
	int64_t unix_s = -1;

	cr_assert(moment_parse("1970-01-01T00:00:00Z", &unix_s));
	cr_assert_eq(unix_s, 0);
	cr_assert(moment_parse("9999-12-31T23:59:59Z", &unix_s));
	cr_assert_eq(unix_s, MOMENT_LAST_S);
}

Test(moment, refuses_what_is_no_moment_or_spelt_otherwise)
{
	static const char *const wrong[] = {
		"",
		"2026-11-26",
		"2026-11-26T12:00:00",
		"2026-11-26T12:00:00z",
		"2026-11-26 12:00:00Z",
		"2026-11-26T12:00:00+00:00",
		"2026-11-26T12:00:00.0Z",
		"2026-11-26T24:00:00Z",
		"2026-11-26T12:60:00Z",
		"2026-11-26T12:00:60Z",
		"2026-00-26T12:00:00Z",
		"2026-13-26T12:00:00Z",
		"2026-11-00T12:00:00Z",
		"2026-11-31T12:00:00Z",
		"2026-02-29T12:00:00Z",
		"1900-02-28T12:00:00Z",
		"2026-11-26T12:00:00Z ",
		"+026-11-26T12:00:00Z",
		"2026-11-2\xd9\xa6T12:00:0Z",
	};
	int64_t unix_s = 77;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_not(moment_parse(wrong[i], &unix_s), "%s", wrong[i]);
	cr_assert_eq(unix_s, 77);
	cr_assert(moment_parse("2024-02-29T12:00:00Z", &unix_s));
	cr_assert(moment_parse("2000-02-29T12:00:00Z", &unix_s));
}

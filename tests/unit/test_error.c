/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/error.h"
#include "core/must.h"

#include <criterion/criterion.h>

#include <signal.h>
#include <string.h>

Test(error, says_why_and_returns_the_code)
{
	struct error error = { "before" };

	cr_assert(error_set(&error, ERROR_IO, "%s: %d", "disk", 7) == ERROR_IO);
	cr_assert(!strcmp(error.text, "disk: 7"));
	cr_assert(error_set(NULL, ERROR_LIMIT, "not kept") == ERROR_LIMIT);
}

/* Names come from files: a newline or an escape sequence in one must not reach the terminal. */
Test(error, is_one_line_without_control_characters)
{
	struct error error;

	error_set(&error, ERROR_INPUT, "vms[0].%s: \"%s\"", "a\nb\r", "\x1b[31m\t\x7f\x01");
	cr_assert(!strcmp(error.text, "vms[0].a?b?: \"?[31m???\""), "%s", error.text);
	/* U+0080 … U+009F are control characters as well; other text stays as it is */
	error_set(&error, ERROR_INPUT, "%s",
	          "\xc2\x9b"
	          "31m caf\xc3\xa9 \xc2\xa0\xe2\x82\xac");
	cr_assert(!strcmp(error.text, "??31m caf\xc3\xa9 \xc2\xa0\xe2\x82\xac"), "%s", error.text);
}

Test(error, is_cut_between_characters)
{
	static const char euro[] = "\xe2\x82\xac", smile[] = "\xf0\x9f\x98\x80";
	struct error error;
	char text[2048];

	for (size_t lead = 1010; lead < 1024; lead++) {
		memset(text, 'a', lead);
		memcpy(text + lead, lead % 2 ? euro : smile, lead % 2 ? 4 : 5);
		error_set(&error, ERROR_INPUT, "%sbbbb", text);
		size_t whole = lead + strlen(text + lead);
		size_t wanted = whole <= 1023 ? (whole + 4 < 1023 ? whole + 4 : 1023) : lead;
		cr_assert(strlen(error.text) == wanted, "after %zu: %zu", lead, strlen(error.text));
	}
}

Test(error, a_code_of_success_is_a_broken_assumption, .signal = SIGABRT)
{
	error_set(NULL, 0, "no");
}

Test(must, holds)
{
	must(1 + 1 == 2);
}

Test(must, fails, .signal = SIGABRT)
{
	must_context(1500000000, 7);
	must(1 + 1 == 3);
}

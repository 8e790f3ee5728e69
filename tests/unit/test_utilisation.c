/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/utilisation.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char CLUSTER[] =
	"{\"name\":\"c\",\"flavors\":[{\"name\":\"f\",\"memory_mib\":1000}],\"vms\":["
	"{\"name\":\"a\",\"flavor\":\"f\"},{\"name\":\"b\",\"id\":\"uuid-b\",\"flavor\":\"f\"},"
	"{\"name\":\"c\",\"flavor\":\"f\",\"load_profile\":\"old\"}],\"load_profiles\":[{\"name\":\"old\"}]}";

static struct utilisation_report report;

/* The canonical text of the cluster with this trace, or what is wrong with the trace. */
static char *loaded(const char *csv, double utc_offset_h)
{
	struct utilisation *utilisation;
	struct json_doc *doc;
	struct error error;
	json_t *value;
	size_t length;
	char *text;

	if (utilisation_read(&utilisation, csv, strlen(csv), "t.csv", &utilisation_columns_default,
	                     utc_offset_h, &error))
		return strdup(error.text);
	cr_assert_eq(json_doc_parse(&doc, "c.json", strdup(CLUSTER), strlen(CLUSTER), &error), 0);
	value = utilisation_cluster(utilisation, json_doc_root(doc), &report);
	text = json_canonical(value, &length);
	report.first_unknown = report.first_unknown ? strdup(report.first_unknown) : NULL;
	json_free(value);
	json_doc_free(doc);
	utilisation_free(utilisation);
	return text;
}

static void has(const char *csv, double utc_offset_h, const char *part)
{
	char *text = loaded(csv, utc_offset_h);

	cr_expect(strstr(text, part), "%s\nin %s", part, text);
	free(text);
}

/* 24 hours, all 1 but one. */
static const char *hours(int hour, const char *number)
{
	static char text[128];
	size_t length = 0;

	for (int i = 0; i < 24; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", i ? "," : "",
		                           i == hour ? number : "1");
	return text;
}

Test(utilisation, hours_are_compared_with_their_mean)
{
	/* 10 at 3, 30 at 4: the mean is 20; twice at 4 counts once. */
	char *text = loaded("time,vm,cpu\n10800,a,10\n14400,a,20\n14401,a,40\n", 0);

	cr_assert(strstr(text, "{\"hours\":[1,1,1,0.5,1.5,1,"), "%s", text);
	cr_assert(strstr(text, "{\"flavor\":\"f\",\"load_profile\":\"a\",\"name\":\"a\"}"), "%s", text);
	cr_assert_eq(report.known, 1);
	cr_assert_eq(report.untraced, 2);
	cr_assert_eq(report.gaps, 1);
	cr_assert_eq(report.profiles, 1);
	free(text);
}

Test(utilisation, old_profiles_go)
{
	char *text = loaded("time,vm,cpu\n0,a,1\n", 0);

	cr_assert_not(strstr(text, "old"), "%s", text);
	free(text);
}

Test(utilisation, vms_of_the_same_hours_share_a_profile_and_ids_are_known)
{
	char *text = loaded("vm,cpu,time\nuuid-b,50,0\nuuid-b,150,3600\na,1,0\na,3,3600\nz,1,0\n", 0);

	cr_assert(strstr(text, "\"load_profile\":\"a\",\"name\":\"b\""), "%s", text);
	cr_assert_eq(report.profiles, 1);
	cr_assert_eq(report.known, 2);
	cr_assert_eq(report.unknown, 1);
	cr_assert_str_eq(report.first_unknown, "z");
	free(text);
}

Test(utilisation, times_are_of_many_kinds)
{
	static const char *const times[] = {
		"1772460000",
		"1772460000000",
		"2026-03-02T14:00:00Z",
		"2026-03-02 14:00:00",
		"2026-03-02T14:00",
		"2026-03-02T16:00:00.25+02:00",
		"2026-03-02T08:30-0530",
	};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		char csv[256];

		snprintf(csv, sizeof(csv), "time,vm,cpu\n%s,a,30\n0,a,10\n", times[i]);
		/* The other row is at 0 o'clock: 10 and 30 have the mean 20. */
		has(csv, 0, "[0.5,1,1,1,1,1,1,1,1,1,1,1,1,1,1.5,1,");
		has(csv, 2, "[1,1,0.5,1,1,1,1,1,1,1,1,1,1,1,1,1,1.5,1,");
		has(csv, -14.5, "1,1.5]");
	}
}

Test(utilisation, memory_is_the_mean_up_to_the_flavors)
{
	has("time,vm,cpu,memory_mib\n0,a,1,200\n1,a,1,301\n2,a,1,\n", 0, "\"name\":\"a\",\"used_mib\":251");
	has("time,vm,cpu,memory_mib\n0,a,1,5000\n", 0, "\"used_mib\":1000");
	cr_expect_not(strstr(loaded("time,vm,cpu\n0,a,1\n", 0), "used_mib"));
}

Test(utilisation, a_guest_that_used_nothing_is_as_written)
{
	has("time,vm,cpu\n0,a,0\n3600,a,0\n", 0, hours(-1, ""));
}

Test(utilisation, empty_fields_are_passed_over)
{
	has("time,vm,cpu\n0,a,\n0,a,10\n3600,a,30\n", 0, "[0.5,1.5,1,");
}

Test(utilisation, says_what_is_wrong)
{
	has("time,vm\n0,a\n", 0, "t.csv:1: no column \"cpu\", expected it in the heading");
	has("time,vm,cpu\n0,a,x\n", 0, "t.csv:2: CPU: \"x\", expected a number of at least 0");
	has("time,vm,cpu\n0,a,-1\n", 0, "t.csv:2: CPU: \"-1\", expected a number of at least 0");
	has("time,vm,cpu,memory_mib\n0,a,1,?\n", 0, "t.csv:2: memory: \"?\", expected a number");
	has("time,vm,cpu\nyesterday,a,1\n", 0, "t.csv:2: \"yesterday\", expected a time: seconds, or as");
	has("time,vm,cpu\n2026-02-30T00:00Z,a,1\n", 0, "expected a time");
	has("time,vm,cpu\n2026-02-03T25:00Z,a,1\n", 0, "expected a time");
	has("time,vm,cpu\n2026-02-03T05:00:99Z,a,1\n", 0, "expected a time");
	has("time,vm,cpu\n2026-02-03T05:00:00X,a,1\n", 0, "expected a time");
	has("time,vm,cpu\n0,,1\n", 0, "t.csv:2: no VM, expected its name or id");
}

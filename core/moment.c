/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/moment.h"

#include "core/must.h"

#include <stdio.h>
#include <string.h>

enum { DAY_S = 86400, HOUR_S = 3600, MINUTE_S = 60, YEAR_FIRST = 1970, YEAR_LAST = 9999 };

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970 to a year's first. */
static int64_t days_before(int year)
{
	int64_t last = year - 1;

	return 365 * (int64_t)(year - YEAR_FIRST) + last / 4 - last / 100 + last / 400 - 477;
}

bool moment_parse(const char *text, int64_t *ret_unix_s)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
	int part[6] = { 0 }, at = 0;
	int64_t days;

	if (strlen(text) != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; shape[i]; i++) {
		if (shape[i] != 'd') {
			at++;
			if (text[i] != shape[i])
				return false;
		} else if (text[i] < '0' || text[i] > '9') {
			return false;
		} else {
			part[at] = part[at] * 10 + text[i] - '0';
		}
	}
	if (part[0] < YEAR_FIRST || part[1] < 1 || part[1] > 12 || part[2] < 1 ||
	    part[2] > days_of(part[0], part[1]) || part[3] > 23 || part[4] > 59 || part[5] > 59)
		return false;
	days = days_before(part[0]) + part[2] - 1;
	for (int month = 1; month < part[1]; month++)
		days += days_of(part[0], month);
	*ret_unix_s = days * DAY_S + part[3] * HOUR_S + part[4] * MINUTE_S + part[5];
	return true;
}

void moment_text(int64_t unix_s, char ret_text[MOMENT_ROOM])
{
	int64_t day = unix_s / DAY_S;
	int second = (int)(unix_s % DAY_S), year = YEAR_FIRST, month = 1;

	must(unix_s >= 0 && unix_s <= MOMENT_LAST_S);
	while (year < YEAR_LAST && days_before(year + 1) <= day)
		year++;
	day -= days_before(year);
	while (day >= days_of(year, month))
		day -= days_of(year, month++);
	snprintf(ret_text, MOMENT_ROOM, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, (int)day + 1,
	         second / HOUR_S, second / MINUTE_S % 60, second % 60);
}

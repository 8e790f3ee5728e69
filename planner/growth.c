/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/growth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double RATE_MOST = 1e6;

/* A part of a unit so small is a sum's own error. */
static const double SLACK = 1e-9;

bool growth_read(const char *text, struct growth *ret_growth)
{
	char *end;

	/* strtod would take hexadecimals, infinities and blanks, too. */
	if (strspn(text, "0123456789.") == 0)
		return false;
	ret_growth->rate = strtod(text, &end);
	if (end != text + strspn(text, "0123456789.") ||
	    !(ret_growth->rate > 0 && ret_growth->rate <= RATE_MOST))
		return false;
	ret_growth->percent = *end == '%';
	return strcmp(end + ret_growth->percent, "/month") == 0;
}

uint32_t growth_needed(const struct growth *growth, uint32_t present_vms, uint32_t unit_vms, uint32_t month)
{
	double units = growth->rate * month;

	if (growth->percent)
		units = present_vms * (pow(1 + growth->rate / 100, month) - 1) / unit_vms;
	units = ceil(units * (1 - SLACK) - SLACK);
	return units < 0 ? 0 : units < UINT32_MAX ? (uint32_t)units : UINT32_MAX;
}

uint32_t growth_full(const struct growth *growth, uint32_t present_vms, uint32_t unit_vms, uint32_t units,
                     uint32_t months)
{
	for (uint32_t month = 1; month <= months; month++) {
		if (growth_needed(growth, present_vms, unit_vms, month) > units)
			return month;
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/same.h"

#include <math.h>
#include <string.h>

/* Behind its name a row is doubles only. */
bool same_hypervisor(const struct hypervisor *a, const struct hypervisor *b)
{
	size_t first = offsetof(struct hypervisor, setup_ms), count = (sizeof(*a) - first) / sizeof(double);
	const double *x = (const double *)(const void *)((const char *)a + first);
	const double *y = (const double *)(const void *)((const char *)b + first);

	if (strcmp(a->name, b->name) != 0)
		return false;
	for (size_t i = 0; i < count; i++)
		if (x[i] != y[i])
			return false;
	return true;
}

bool same_hypervisors(const struct hypervisors *a, const struct hypervisors *b)
{
	for (size_t i = 0; i < HYPERVISORS; i++)
		if (!same_hypervisor(&a->rows[i], &b->rows[i]))
			return false;
	return true;
}

static bool same_number(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

bool same_calibrated(const struct calibrated *a, const struct calibrated *b)
{
	return same_number(a->value, b->value) && same_number(a->error, b->error);
}

bool same_residuals(const struct residuals *a, const struct residuals *b)
{
	return a->rows == b->rows && a->wrong == b->wrong && same_number(a->time_bias, b->time_bias) &&
	       same_number(a->time_error, b->time_error) && same_number(a->bytes_error, b->bytes_error) &&
	       same_number(a->downtime_ms, b->downtime_ms) && same_number(a->iterations, b->iterations);
}

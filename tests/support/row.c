/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/row.h"

#include <stdio.h>
#include <stdlib.h>

bool row_print(const struct row *row)
{
	bool reached = row->at_least ? row->value >= row->target : row->value <= row->target;
	const char *path = getenv("ROWS"), *verdict = reached ? "reached" : "NOT reached",
		   *beside = row->beside ? row->beside : "the target", *space = row->unit[0] ? " " : "",
		   *side = row->at_least ? ">=" : "<=";
	double ratio = row->beside ? row->ratio : row->value / row->target;
	char times[32];
	FILE *file;

	snprintf(times, sizeof(times), ratio < 1000 ? "%.3g" : "%.0f", ratio);
	printf("%s: %.4g%s%s (target %s %.4g%s%s: %s), %s times %s\n", row->what, row->value, space,
	       row->unit, side, row->target, space, row->unit, verdict, times, beside);
	if (!path)
		return true;
	file = fopen(path, "a");
	if (!file) {
		perror(path);
		return false;
	}
	fprintf(file, "%s\t%.4g%s%s\t%s %.4g%s%s\t%s\t%s\t%s\n", row->what, row->value, space, row->unit,
	        side, row->target, space, row->unit, verdict, times, beside);
	return fclose(file) == 0;
}

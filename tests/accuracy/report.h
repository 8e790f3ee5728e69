/* SPDX-License-Identifier: GPL-3.0-or-later */
/* report: the scores of all methods, group by group, for people and for docs/. */
#ifndef TESTS_ACCURACY_REPORT_H
#define TESTS_ACCURACY_REPORT_H

#include "cli/table.h"
#include "models/hypervisor.h"
#include "tests/support/score.h"

/* Who predicts. */
enum method {
	METHOD_OURS,    /* the simulator, told the guest's law */
	METHOD_OUTSIDE, /* the simulator, told what was seen from outside */
	METHOD_MEMORY,  /* models/baselines.h, one each */
	METHOD_GEOMETRIC,
	METHOD_SIMGRID,
	METHOD_CURVE,
	METHOD_EXPECTED,
	METHOD_COUNT
};

extern const char *const method_names[METHOD_COUNT];

/* The measured rows, and what each method says of those that were chosen. */
struct accuracy {
	const char *path;
	struct hypervisors hypervisors;
	struct measured *rows;
	struct guess *guesses[METHOD_COUNT]; /* by row */
	bool *chosen;                        /* by row: to be scored */
	uint32_t count, chosen_count;
	uint32_t runs;
	uint64_t seed;
};

/* Groups of rows: by law, by kind, and so on; some may have no row. */
uint32_t report_groups(void);
const char *report_group_name(uint32_t group);

/* The group's chosen rows; returns how many. ret_which has room for all rows. */
uint32_t report_group_rows(const struct accuracy *accuracy, uint32_t group, uint32_t *ret_which);

/*
 * The group's table: a line a method, the targets above where there are some, and what repeats differ by
 * below, over all rows of the group, chosen or not. Free with table_free.
 */
void report_group_table(const struct accuracy *accuracy, uint32_t group, struct table *ret_table);

/* Tables of all groups on standard output. */
int report_print(const struct accuracy *accuracy, struct error *error);

/* A CSV with a line a chosen row: what was measured, what was predicted, and how far apart they are. */
void report_rows(const struct accuracy *accuracy, FILE *out);

#endif

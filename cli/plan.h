/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan: what the parts of the plan command share. */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include "cli/cli.h"
#include "core/plan.h"
#include "planner/advice.h"
#include "planner/placed.h"
#include "planner/planned.h"
#include "sim/predict.h"

struct plan_command {
	struct cli_options common;
	const char *path, *out;
	const char **locks, **wishes; /* wishes: "VM=HOST" */
	uint32_t lock_count, place_count;
	struct plan_place *places;
	struct placed_refusal refusal; /* of a place, which cannot be */
	bool rolling, by_hour;
	const char *plots;
	uint32_t parallel_most, stuck; /* stuck: the host of a rolling plan that cannot be emptied */
	double limit_s;
	struct hypervisors hypervisors;
	struct cluster cluster;
	uint32_t *hosts;
	struct planned planned;
	struct plan plan;
	struct prediction prediction;
	json_t *certificate; /* not lockable */
	char why[2048];
	struct advice advice; /* what would help */
};

/*
 * What a rolling plan does when it begins at each hour of the day (cli/plan_rolling.c), on standard output;
 * the plan's own predictions are those of the best hour then. plots: drawn as well, NULL: not.
 */
int plan_by_hour(struct plan_command *command, uint32_t runs, struct error *error);

/* Draws a rolling plan's timeline into the folder: rolling.svg, rolling.png, and what they were drawn from.
 */
int plan_draw_rolling(const struct plan_command *command, struct error *error);

#endif

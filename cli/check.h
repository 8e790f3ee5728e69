/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check: what the check command finds out, and how it is written. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "cli/cli.h"
#include "planner/advice.h"
#include "planner/lockability.h"
#include "planner/planned.h"
#include "sim/predict.h"

/* One host's answers. */
struct checked {
	uint32_t host;
	struct stock stock;
	struct planned planned;
	struct plan plan;     /* lockable, when it is printed */
	json_t *certificate;  /* not lockable, when it is printed */
	char *planned_why;    /* not lockable: in words */
	struct advice advice; /* not lockable, when the host was asked for: what would help */
	struct prediction prediction;
	bool predicted; /* a prediction was made: some order locks the host, or … */
	bool of_plan;   /* … none does, but the plan empties it */
};

struct check {
	struct cli_options common;
	const char *path, *plots;
	const char **names;
	uint32_t name_count;
	double limit_s, window_s;
	struct hypervisors hypervisors;
	struct cluster cluster;
	struct state state;
	struct shapes shapes;
	struct chooser *choosers;     /* one a thread */
	struct reaches *reaches;      /* one a thread */
	struct predictor *predictors; /* one a thread */
	struct checked *checked;
	uint32_t count, runs;
};

/* Prints the answers on standard output in the form asked for. */
int check_print(const struct check *check, struct error *error);

/* The lock board as CSV; the caller free()s it. */
char *check_board_csv(const struct check *check, size_t *ret_length);

#endif

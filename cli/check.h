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

/* How thoroughly one host is looked at. */
struct check_how {
	bool plan;                            /* make the plan, not only say that there is one … */
	bool plan_instead;                    /* … at least where the platform's lock never works */
	bool certificate;                     /* not lockable: make the proof */
	uint64_t migrations_most, pairs_most; /* see struct pacing_options */
	uint32_t runs;                        /* of predictions */
};

struct check {
	struct cli_options common;
	const char *path, *plots, *requests;
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
	unsigned threads;
	struct checked *checked;
	uint32_t count, runs;
};

/* What answers are found with, for so many threads and the hosts that are marked. */
void check_open(struct check *check, unsigned threads, const bool *wanted);
void check_close(struct check *check);

/* All about checked->host but advice, by one thread of them. Free with check_forget. */
void check_answer(struct check *check, struct checked *checked, const struct check_how *how, unsigned thread);
void check_forget(struct checked *checked);

/* What would help a host that cannot be emptied; changes the cluster meanwhile, so that no other thread may
 * look at it. */
void check_advise(struct check *check, struct checked *checked);

/* Runs of predictions in which something is drawn, for so many VMs that move: many, or the expected one. */
uint32_t check_runs(uint64_t movers);

/*
 * Answers questions on standard input, a line each: {"host": "h1", "full": true}, by a line of
 * lockkeeper.check/1 each, as soon as it is known (docs/cli.md, check --requests).
 */
int check_serve(struct check *check, struct error *error);

/* One host of the document; what it holds goes over to it. plan: with the plan or the certificate, else in
 * words why there is none. */
json_t *check_host_json(const struct check *check, const struct checked *checked, bool plan);

/* Prints the answers on standard output in the form asked for. */
int check_print(const struct check *check, struct error *error);

/* The lock board as CSV; the caller free()s it. */
char *check_board_csv(const struct check *check, size_t *ret_length);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sweep: many what-ifs of one thing (lockkeeper.sweep/1), shared among machines. */
/*
 * Factors by their levels, or spread evenly over distributions, each cell with many seeds. What belongs to
 * which cell and unit of work depends on the document alone, so that any number of machines comes to the same
 * bytes.
 */
#ifndef SIM_SWEEP_H
#define SIM_SWEEP_H

#include "core/edit.h"
#include "models/distribution.h"
#include "sim/histogram.h"
#include "sim/uncertain.h"

/* One thing that varies. */
struct sweep_factor {
	const char *name;
	const char **paths; /* in the scenario; all get the same value */
	uint32_t path_count;
	enum edit_how how;
	const json_t **levels; /* NULL: a distribution, in `input` */
	uint32_t level_count;
	struct uncertain_input input;
};

/* The most of each; a row a cell has to stay something that people can work with. */
enum { SWEEP_FACTORS = 64, SWEEP_CELLS = 10000000, SWEEP_SEEDS = 1000000, SWEEP_POINTS = 100000 };

/* Runs of one unit of work, about: so much is lost when a machine dies. */
enum { SWEEP_UNIT_RUNS = 1000 };

enum sweep_kind { SWEEP_SCENARIO, SWEEP_ROLLING };

struct sweep {
	const struct json_doc *doc;
	const json_t
		*scenario;     /* SWEEP_SCENARIO: a path or a scenario in place; SWEEP_ROLLING: its cluster */
	const json_t *rolling; /* SWEEP_ROLLING: an object */
	const json_t *model;   /* the constants to predict with, as calibrate writes them; NULL: what ships */
	const char *program;   /* the version that began it; NULL: it is not begun */
	enum profile profile;  /* PROFILE_COUNT: the scenario's */
	enum sweep_kind kind;
	struct sweep_factor *factors;
	uint32_t factor_count;
	uint32_t points; /* evenly spread points of the factors that are distributions; 1 without such */
	uint32_t cells;  /* the factors' levels times the points; the last factor varies first */
	uint32_t seeds;  /* runs of each cell */
	uint64_t seed;
	uint32_t blocks, block_seeds; /* a cell's runs go in so many blocks, of so many each but the last */
	uint32_t parts_a_unit, units; /* a unit of work has so many blocks, of cells that follow each other */
	char digest[65];              /* of the document */
	struct uncertain uncertain;   /* owns what the distributions are made of */
	double *spread;               /* by point and dimension: the share of the chances at which it is */
	struct arena arena;
};

/* A part of a unit: these runs of this cell. */
struct sweep_part {
	uint32_t cell, first_run, runs;
};

/* The document must outlive it. column: as of uncertain_create. Free with sweep_free, also after a failure.
 */
int sweep_read(struct sweep *ret_sweep, const struct json_doc *doc, uncertain_column column,
               void *column_context, struct error *error);
void sweep_free(struct sweep *sweep);

/* The parts of a unit: how many, at most parts_a_unit. */
uint32_t sweep_parts(const struct sweep *sweep, uint32_t unit, struct sweep_part *ret_parts);

/* Which of a factor's levels a cell has; 0 for a distribution, of which each cell has its own value. */
uint32_t sweep_place(const struct sweep *sweep, uint32_t cell, uint32_t factor);

/* What a factor is in a cell: a new value, the caller json_free()s it. */
json_t *sweep_level(const struct sweep *sweep, uint32_t cell, uint32_t factor);

/* Changes a copy of the scenario (with "cluster" in place) to the cell's. */
int sweep_apply(const struct sweep *sweep, uint32_t cell, json_t *scenario, struct error *error);

/* ------------------------------------------------------------------ results */

enum sweep_measure {
	MEASURE_DURATION_US, /* of runs in which all ended as asked */
	MEASURE_DOWNTIME_US, /* the longest of each run */
	MEASURE_BYTES,
	MEASURE_COUNT
};

/* What runs of a cell came to: integers, which merge in any order. */
struct sweep_result {
	uint64_t runs, done, in_window;
	struct histogram measures[MEASURE_COUNT];
	/* rolling: the same for all runs of a cell; stages 0: it cannot be done, or not decided */
	uint32_t stages, moves;
	bool undecided;
};

void sweep_result_free(struct sweep_result *result);
void sweep_result_merge(struct sweep_result *result, const struct sweep_result *other);

/* A number of seconds or milliseconds as a whole number of microseconds. */
uint64_t sweep_us(double seconds);

/* The name of a unit's file: what its result depends on, as 64 hexadecimal digits. */
void sweep_unit_key(const struct sweep *sweep, uint32_t unit, char ret_key[65]);

/* The text of a unit's file; the caller free()s it. results: one a part. */
char *sweep_unit_text(const struct sweep *sweep, uint32_t unit, const struct sweep_result *results,
                      size_t *ret_length);

/* Merges what such a file says into the results of the cells (NULL: it is only looked at). Refused: what is
 * not that unit's, or was changed. */
int sweep_unit_read(const struct sweep *sweep, uint32_t unit, const struct json_doc *doc,
                    struct sweep_result *cells, struct error *error);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* uncertain: the numbers of a scenario that are distributions, and what they are in each run. */
#ifndef SIM_UNCERTAIN_H
#define SIM_UNCERTAIN_H

#include "core/read.h"
#include "models/distribution.h"

/*
 * How runs are spread over what the inputs may be: each on its own, or by Sobol's points, which fill the
 * space of the inputs more evenly. Those come in batches (run r belongs to batch r % UNCERTAIN_BATCHES), each
 * shifted by a draw of its own (Cranley and Patterson 1976), so that the batches tell how sure a result is.
 * Inputs beyond the first SOBOL_DIMENSIONS are drawn.
 */
enum sampling { SAMPLING_PLAIN, SAMPLING_SOBOL };
enum { UNCERTAIN_BATCHES = 16 };

extern const char *const *const sampling_words;

/*
 * The numbers of a column of a CSV file that a scenario names. column NULL: its only one. ret_values: the
 * caller free()s them; at least one. Fills *error and returns a negative code when it can't.
 */
typedef int (*uncertain_column)(void *context, const char *path, const char *column, double **ret_values,
                                uint32_t *ret_count, struct error *error);

struct uncertain_input {
	const struct json_doc *doc;
	const json_t *value; /* where it stands in the document */
	struct distribution distribution;
	double times; /* what is drawn counts so many times */
	struct read_bounds bounds;
	uint32_t dimension; /* those of one name share it: when one is high, all are */
	bool counts;        /* it says how many VMs a boot makes */
	const char *name;   /* NULL: none */
};

struct uncertain {
	struct arena arena;
	struct uncertain_input *inputs; /* in the order in which they were met */
	uint32_t count, room, dimensions;
	bool counts; /* some say how many VMs a boot makes */
	uncertain_column column;
	void *column_context;
};

/* column: NULL: there are no files. Free with uncertain_free; documents in which inputs are must live as
 * long. */
void uncertain_create(struct uncertain *ret_uncertain, uncertain_column column, void *column_context);
void uncertain_free(struct uncertain *uncertain);

/*
 * For the first reading of a scenario: takes note of every distribution that is met, and gives its median for
 * it. Lasts as long as uncertain.
 */
struct read_numbers uncertain_learn(struct uncertain *uncertain);

/* One run's numbers. One a thread; uncertain must not learn any more. Free with uncertain_draw_free. */
struct uncertain_draw {
	const struct uncertain *uncertain;
	uint32_t next; /* the input that is met next, when documents are read as they were first */
	struct sobol *sobol;
	double *units, *point; /* by dimension: the share of the chances at which its inputs are */
	enum sampling sampling;
	uint64_t seed;
};

void uncertain_draw_create(struct uncertain_draw *ret_draw, const struct uncertain *uncertain,
                           enum sampling sampling, uint64_t seed);
void uncertain_draw_free(struct uncertain_draw *draw);

/* From now on it is about this run: the same numbers for the same seed, run and sampling. */
void uncertain_draw_run(struct uncertain_draw *draw, uint32_t run);

/* From now on all inputs are at their medians, but those of one dimension at this share of the chances. */
void uncertain_draw_one(struct uncertain_draw *draw, uint32_t dimension, double unit);

/* From now on all inputs are at their medians, but those that say how many VMs a boot makes: at the largest
 * that they have in any of so many runs. */
void uncertain_draw_largest(struct uncertain_draw *draw, uint32_t runs);

/* What a reader of the same documents is given. Lasts as long as draw. */
struct read_numbers uncertain_drawn(struct uncertain_draw *draw);

/* An input's number at a share of the chances: whole where it has to be, and within its bounds. */
double uncertain_number(const struct uncertain_input *input, double unit);

#endif

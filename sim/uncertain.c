/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/uncertain.h"

#include "core/intern.h"
#include "core/must.h"
#include "models/sobol.h"
#include "sim/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = { "plain", "sobol", NULL };
const char *const *const sampling_words = words;

void uncertain_create(struct uncertain *ret_uncertain, uncertain_column column, void *column_context)
{
	*ret_uncertain = (struct uncertain){ .column = column, .column_context = column_context };
}

void uncertain_free(struct uncertain *uncertain)
{
	arena_free(&uncertain->arena);
	free(uncertain->inputs);
	*uncertain = (struct uncertain){ 0 };
}

/* ------------------------------------------------------------------ reading a distribution */

struct raw {
	uint8_t kind;
	const char *name, *csv, *column;
	const json_t *values, *weights;
	double times;
	double given[PARAMETERS];
};

static int keep_value(struct reader *reader, const json_t *value, void *into)
{
	(void)reader;
	*(const json_t **)into = value;
	return 0;
}

#define TEXT(member_)                                                                        \
	{                                                                                    \
		.name = #member_, .kind = READ_TEXT, .offset = offsetof(struct raw, member_) \
	}
#define KEEP(member_)                                                                                        \
	{                                                                                                    \
		.name = #member_, .kind = READ_BY, .offset = offsetof(struct raw, member_), .by = keep_value \
	}
#define GIVEN(member_, parameter_)                                                               \
	{                                                                                        \
		.name = member_, .kind = READ_NUMBER,                                            \
		.offset = offsetof(struct raw, given) + sizeof(double) * PARAMETER_##parameter_, \
		.min = -1e300, .max = 1e300                                                      \
	}

static const struct read_member members[] = {
	{ .name = "dist",
	  .kind = READ_WORD,
	  .offset = offsetof(struct raw, kind),
	  .words = &distribution_words,
	  .required = true },
	TEXT(name),
	TEXT(csv),
	TEXT(column),
	KEEP(values),
	KEEP(weights),
	{ .name = "times",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct raw, times),
	  .max = 1e300,
	  .above = true },
	GIVEN("mean", MEAN),
	GIVEN("sd", SD),
	GIVEN("p50", P50),
	GIVEN("p90", P90),
	GIVEN("min", MIN),
	GIVEN("max", MAX),
	GIVEN("mode", MODE),
	GIVEN("shape", SHAPE),
	GIVEN("scale", SCALE),
	GIVEN("alpha", ALPHA),
	GIVEN("beta", BETA),
	GIVEN("degrees", DEGREES),
	GIVEN("trials", TRIALS),
	GIVEN("probability", PROBABILITY),
	{ 0 },
};

static int read_numbers(struct reader *reader, const json_t *array, double **ret_numbers, uint32_t *ret_count)
{
	static const struct read_member number = {
		.name = "", .kind = READ_NUMBER, .min = -1e300, .max = 1e300
	};
	uint32_t count = 0;

	if (read_type(reader, array, JSON_ARRAY, "an array of numbers"))
		return ERROR_INPUT;
	if (json_count(array) == 0)
		return json_fail(reader->doc, array, reader->error, "no number, expected at least one");
	*ret_numbers = MEMORY_ARRAY(double, json_count(array));
	for (const json_t *entry = json_first(array); entry; entry = json_next(entry)) {
		if (read_value(reader, entry, &number, &(*ret_numbers)[count++]))
			return ERROR_INPUT;
	}
	*ret_count = count;
	return 0;
}

struct seen {
	double *values, *weights;
	uint32_t count;
};

static int read_seen(struct uncertain *uncertain, struct reader *reader, const json_t *value,
                     const struct raw *raw, struct seen *seen)
{
	uint32_t weights = 0;

	if (raw->csv && !uncertain->column)
		return json_fail(reader->doc, value, reader->error, "a file, expected values in place");
	if (raw->csv)
		return uncertain->column(uncertain->column_context, raw->csv, raw->column, &seen->values,
		                         &seen->count, reader->error);
	if (!raw->values)
		return json_fail(reader->doc, value, reader->error, "needs values, or csv and column");
	if (read_numbers(reader, raw->values, &seen->values, &seen->count))
		return ERROR_INPUT;
	if (raw->weights && read_numbers(reader, raw->weights, &seen->weights, &weights))
		return ERROR_INPUT;
	if (raw->weights && weights != seen->count)
		return json_fail(reader->doc, raw->weights, reader->error,
		                 "%u weights, expected as many as values", weights);
	return 0;
}

static int make_empirical(struct uncertain *uncertain, struct reader *reader, const json_t *value,
                          const struct raw *raw, struct distribution *ret_distribution)
{
	double min = isnan(raw->given[PARAMETER_MIN]) ? -INFINITY : raw->given[PARAMETER_MIN];
	double max = isnan(raw->given[PARAMETER_MAX]) ? INFINITY : raw->given[PARAMETER_MAX];
	struct seen seen = { 0 };
	const char *wrong = NULL;
	int result = read_seen(uncertain, reader, value, raw, &seen);

	if (!result) {
		wrong = distribution_make_empirical(
			ret_distribution, seen.values, seen.weights, seen.count,
			ARENA_ARRAY(&uncertain->arena, struct distribution_value, seen.count));
		if (!wrong && !distribution_restrict(ret_distribution, min, max))
			wrong = "no part of it lies from min to max";
		if (wrong)
			result = json_fail(reader->doc, value, reader->error, "%s", wrong);
	}
	free(seen.values);
	free(seen.weights);
	return result;
}

static int make_distribution(struct uncertain *uncertain, struct reader *reader, const json_t *value,
                             const struct raw *raw, struct distribution *ret_distribution)
{
	const char *wrong;

	if (raw->kind == DISTRIBUTION_EMPIRICAL)
		return make_empirical(uncertain, reader, value, raw, ret_distribution);
	if (raw->values || raw->weights || raw->csv || raw->column)
		return json_fail(reader->doc, value, reader->error,
		                 "has values, expected with \"dist\": \"empirical\" only");
	wrong = distribution_make(ret_distribution, (enum distribution_kind)raw->kind, raw->given);
	return wrong ? json_fail(reader->doc, value, reader->error, "%s", wrong) : 0;
}

/* What is drawn has to be a number that may stand there. A whole one is rounded, so half a step more is fine.
 */
static bool bound_distribution(struct uncertain_input *input)
{
	double half = input->bounds.whole ? 0.5 : 0, min = input->bounds.min, max = input->bounds.max;

	if (input->bounds.above)
		min = input->bounds.whole ? min + 1 : nextafter(min, INFINITY);
	input->bounds.min = min;
	return distribution_restrict(&input->distribution, (min - half) / input->times,
	                             (max + half) / input->times);
}

/* ------------------------------------------------------------------ inputs */

static uint32_t dimension_of(struct uncertain *uncertain, const char *name)
{
	for (uint32_t i = 0; name && i < uncertain->count; i++) {
		if (uncertain->inputs[i].name && !strcmp(uncertain->inputs[i].name, name))
			return uncertain->inputs[i].dimension;
	}
	return uncertain->dimensions++;
}

static void add_input(struct uncertain *uncertain, const struct uncertain_input *input)
{
	struct uncertain_input *added;

	if (uncertain->count == uncertain->room) {
		uncertain->room = uncertain->room ? uncertain->room * 2 : 16;
		uncertain->inputs = memory_resize(uncertain->inputs, uncertain->room,
		                                  sizeof(*uncertain->inputs));
	}
	added = &uncertain->inputs[uncertain->count];
	*added = *input;
	added->name = input->name ? arena_text(&uncertain->arena, input->name, strlen(input->name)) : NULL;
	added->dimension = dimension_of(uncertain, added->name);
	uncertain->count++;
	uncertain->counts |= added->counts;
}

static int learn(void *context, const struct json_doc *doc, const json_t *value,
                 const struct read_bounds *bounds, double *ret_number, struct error *error)
{
	struct uncertain *uncertain = context;
	struct uncertain_input input = { .doc = doc, .value = value, .bounds = *bounds };
	struct raw raw = { .times = 1 };
	struct cluster texts = { 0 };
	struct reader reader = { .doc = doc, .cluster = &texts, .error = error };
	int result;

	for (int i = 0; i < PARAMETERS; i++)
		raw.given[i] = NAN;
	texts.interns = interns_new(&texts.arena);
	result = read_object(&reader, value, members, &raw, "a distribution");
	if (!result)
		result = make_distribution(uncertain, &reader, value, &raw, &input.distribution);
	input.times = raw.times;
	input.counts = json_key(value) &&
	               (!strcmp(json_key(value), "min_count") || !strcmp(json_key(value), "max_count"));
	if (!result && !bound_distribution(&input))
		result = json_fail(doc, value, error, "no part of it lies where the number may be");
	if (!result) {
		input.name = raw.name;
		add_input(uncertain, &input);
		*ret_number = uncertain_number(&input, 0.5);
	}
	cluster_free(&texts);
	return result;
}

struct read_numbers uncertain_learn(struct uncertain *uncertain)
{
	return (struct read_numbers){ learn, uncertain };
}

double uncertain_number(const struct uncertain_input *input, double unit)
{
	double number = input->times * distribution_quantile(&input->distribution, unit);

	if (input->bounds.whole)
		number = rint(number);
	return fmin(fmax(number, input->bounds.min), input->bounds.max);
}

/* ------------------------------------------------------------------ draws */

void uncertain_draw_create(struct uncertain_draw *ret_draw, const struct uncertain *uncertain,
                           enum sampling sampling, uint64_t seed)
{
	uint32_t dimensions = uncertain->dimensions;

	*ret_draw = (struct uncertain_draw){ .uncertain = uncertain, .sampling = sampling, .seed = seed };
	ret_draw->units = MEMORY_ARRAY(double, dimensions);
	ret_draw->point = MEMORY_ARRAY(double, dimensions);
	if (sampling == SAMPLING_SOBOL && dimensions > 0)
		ret_draw->sobol = sobol_new(dimensions < SOBOL_DIMENSIONS ? dimensions : SOBOL_DIMENSIONS);
}

void uncertain_draw_free(struct uncertain_draw *draw)
{
	sobol_free(draw->sobol);
	free(draw->units);
	free(draw->point);
	*draw = (struct uncertain_draw){ 0 };
}

/* Never the very ends, which a distribution without end does not have. */
static double open_unit(double unit)
{
	return fmin(fmax(unit, 0x1p-54), 1 - 0x1p-53);
}

void uncertain_draw_run(struct uncertain_draw *draw, uint32_t run)
{
	uint32_t batch = run % UNCERTAIN_BATCHES, dimensions = draw->uncertain->dimensions;

	if (draw->sobol)
		sobol_point(draw->sobol, run / UNCERTAIN_BATCHES, draw->point);
	for (uint32_t i = 0; i < dimensions; i++) {
		double unit;

		if (draw->sobol && i < SOBOL_DIMENSIONS) {
			unit = draw->point[i] + random_unit(draw->seed, batch, i, PURPOSE_SHIFT);
			unit -= floor(unit);
		} else {
			unit = random_unit(draw->seed, run, i, PURPOSE_INPUT);
		}
		draw->units[i] = open_unit(unit);
	}
}

void uncertain_draw_one(struct uncertain_draw *draw, uint32_t dimension, double unit)
{
	for (uint32_t i = 0; i < draw->uncertain->dimensions; i++)
		draw->units[i] = i == dimension ? open_unit(unit) : 0.5;
}

void uncertain_draw_largest(struct uncertain_draw *draw, uint32_t runs)
{
	const struct uncertain *uncertain = draw->uncertain;
	double *largest = MEMORY_ARRAY(double, uncertain->dimensions);

	for (uint32_t run = 0; run < runs; run++) {
		uncertain_draw_run(draw, run);
		for (uint32_t i = 0; i < uncertain->dimensions; i++)
			largest[i] = fmax(largest[i], draw->units[i]);
	}
	for (uint32_t i = 0; i < uncertain->dimensions; i++)
		draw->units[i] = 0.5;
	for (uint32_t i = 0; i < uncertain->count; i++) {
		if (uncertain->inputs[i].counts)
			draw->units[uncertain->inputs[i].dimension] = largest[uncertain->inputs[i].dimension];
	}
	free(largest);
}

static int drawn(void *context, const struct json_doc *doc, const json_t *value,
                 const struct read_bounds *bounds, double *ret_number, struct error *error)
{
	struct uncertain_draw *draw = context;
	const struct uncertain *uncertain = draw->uncertain;

	(void)bounds;
	for (uint32_t i = 0; i < uncertain->count; i++) {
		uint32_t at = (draw->next + i) % uncertain->count;
		const struct uncertain_input *input = &uncertain->inputs[at];

		if (input->value != value)
			continue;
		draw->next = at + 1;
		*ret_number = uncertain_number(input, draw->units[input->dimension]);
		return 0;
	}
	return json_fail(doc, value, error, "a distribution that was not there before");
}

struct read_numbers uncertain_drawn(struct uncertain_draw *draw)
{
	return (struct read_numbers){ drawn, draw };
}

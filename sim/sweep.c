/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/sweep.h"

#include "core/digest.h"
#include "core/intern.h"
#include "core/must.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_SCHEMA "lockkeeper.sweep/1"

struct root {
	const char *schema, *program;
	const json_t *scenario, *rolling, *factors, *lock, *model;
	int64_t seeds, seed, points;
	uint8_t profile;
};

/* ------------------------------------------------------------------ factors */

struct raw_factor {
	const char *name, *path;
	const json_t *paths, *set, *scale;
};

static int keep_value(struct reader *reader, const json_t *value, void *into)
{
	(void)reader;
	*(const json_t **)into = value;
	return 0;
}

#define KEEP(type_, member_)                                                                            \
	{                                                                                               \
		.name = #member_, .kind = READ_BY, .offset = offsetof(type_, member_), .by = keep_value \
	}
#define COUNT(member_, min_, max_)                                                                           \
	{                                                                                                    \
		.name = #member_, .kind = READ_COUNT, .offset = offsetof(struct root, member_), .min = min_, \
		.max = max_                                                                                  \
	}

static const struct read_member factor_members[] = {
	{ .name = "name", .kind = READ_TEXT, .offset = offsetof(struct raw_factor, name), .required = true },
	{ .name = "path", .kind = READ_TEXT, .offset = offsetof(struct raw_factor, path) },
	KEEP(struct raw_factor, paths),
	KEEP(struct raw_factor, set),
	KEEP(struct raw_factor, scale),
	{ 0 },
};

static int read_paths(struct sweep *sweep, struct reader *reader, const json_t *value,
                      const struct raw_factor *raw, struct sweep_factor *factor)
{
	static const struct read_member text = { .name = "", .kind = READ_TEXT };
	const json_t *array = raw->paths;

	if ((raw->path != NULL) == (array != NULL))
		return json_fail(reader->doc, value, reader->error, "expected either \"path\" or \"paths\"");
	if (array && (json_type(array) != JSON_ARRAY || json_count(array) == 0))
		return json_fail(reader->doc, array, reader->error, "expected an array of paths");
	factor->paths = ARENA_ARRAY(&sweep->arena, const char *, array ? json_count(array) : 1);
	if (raw->path)
		factor->paths[factor->path_count++] = raw->path;
	for (const json_t *entry = array ? json_first(array) : NULL; entry; entry = json_next(entry)) {
		if (read_value(reader, entry, &text, &factor->paths[factor->path_count++]))
			return ERROR_INPUT;
	}
	return 0;
}

static int read_levels(struct sweep *sweep, struct reader *reader, const json_t *levels,
                       struct sweep_factor *factor)
{
	if (json_type(levels) != JSON_ARRAY || json_count(levels) == 0)
		return json_fail(reader->doc, levels, reader->error,
		                 "%s, expected an array of levels or a distribution", json_type_name(levels));
	factor->levels = ARENA_ARRAY(&sweep->arena, const json_t *, json_count(levels));
	for (const json_t *level = json_first(levels); level; level = json_next(level)) {
		if (factor->how == EDIT_SCALE && json_type(level) != JSON_NUMBER)
			return json_fail(reader->doc, level, reader->error,
			                 "%s, expected a number to scale by", json_type_name(level));
		factor->levels[factor->level_count++] = level;
	}
	return 0;
}

/* A distribution becomes an input of its own dimension. */
static int read_spread(struct sweep *sweep, const json_t *value, struct sweep_factor *factor,
                       struct error *error)
{
	static const struct read_bounds anything = { -INFINITY, INFINITY, false, false };
	struct read_numbers numbers = uncertain_learn(&sweep->uncertain);
	double median;

	if (numbers.draw(numbers.context, sweep->doc, value, &anything, &median, error))
		return ERROR_INPUT;
	factor->input = sweep->uncertain.inputs[sweep->uncertain.count - 1];
	return 0;
}

static int read_factor(struct sweep *sweep, struct reader *reader, const json_t *value,
                       struct sweep_factor *factor)
{
	struct raw_factor raw = { 0 };
	const json_t *levels;

	if (read_object(reader, value, factor_members, &raw, "a factor") ||
	    read_paths(sweep, reader, value, &raw, factor))
		return ERROR_INPUT;
	factor->name = raw.name;
	for (const struct sweep_factor *other = sweep->factors; other < factor; other++) {
		if (!strcmp(other->name, factor->name))
			return json_fail(reader->doc, json_get(value, "name"), reader->error,
			                 "\"%.80s\" is there already, expected unique names", factor->name);
	}
	if ((raw.set != NULL) == (raw.scale != NULL))
		return json_fail(reader->doc, value, reader->error, "expected either \"set\" or \"scale\"");
	factor->how = raw.set ? EDIT_SET : EDIT_SCALE;
	levels = raw.set ? raw.set : raw.scale;
	return read_is_distribution(levels) ? read_spread(sweep, levels, factor, reader->error)
	                                    : read_levels(sweep, reader, levels, factor);
}

static int read_factors(struct sweep *sweep, struct reader *reader, const json_t *array)
{
	if (read_type(reader, array, JSON_ARRAY, "an array of factors"))
		return ERROR_INPUT;
	if (json_count(array) > SWEEP_FACTORS)
		return json_fail(reader->doc, array, reader->error, "%zu factors, expected at most %d",
		                 json_count(array), SWEEP_FACTORS);
	sweep->factors = ARENA_ARRAY(&sweep->arena, struct sweep_factor, json_count(array));
	for (const json_t *entry = json_first(array); entry; entry = json_next(entry)) {
		if (read_factor(sweep, reader, entry, &sweep->factors[sweep->factor_count]))
			return ERROR_INPUT;
		sweep->factor_count++;
	}
	return 0;
}

/* ------------------------------------------------------------------ the root */

static const struct read_member root_members[] = {
	{ .name = "schema", .kind = READ_TEXT, .offset = offsetof(struct root, schema), .required = true },
	KEEP(struct root, scenario),
	KEEP(struct root, lock),
	KEEP(struct root, rolling),
	KEEP(struct root, model),
	{ .name = "program", .kind = READ_TEXT, .offset = offsetof(struct root, program) },
	{ .name = "profile",
	  .kind = READ_WORD,
	  .offset = offsetof(struct root, profile),
	  .words = &profile_words },
	{ .name = "factors",
	  .kind = READ_BY,
	  .offset = offsetof(struct root, factors),
	  .by = keep_value,
	  .required = true },
	COUNT(seeds, 1, SWEEP_SEEDS),
	COUNT(seed, 0, 9007199254740991.0),
	COUNT(points, 1, SWEEP_POINTS),
	{ 0 },
};

static int count_cells(struct sweep *sweep, const struct root *root, struct reader *reader)
{
	uint64_t cells = 1;
	uint32_t flats;

	if (root->points > 0 && sweep->uncertain.count == 0)
		return json_fail(reader->doc, json_get(json_doc_root(sweep->doc), "points"), reader->error,
		                 "no factor is a distribution, expected levels alone or points of one");
	sweep->points = sweep->uncertain.count == 0 ? 1 : root->points ? (uint32_t)root->points : 128;
	for (uint32_t i = 0; i < sweep->factor_count && cells <= SWEEP_CELLS; i++)
		cells *= sweep->factors[i].levels ? sweep->factors[i].level_count : 1;
	cells *= sweep->points;
	if (cells > SWEEP_CELLS)
		return json_fail(reader->doc, root->factors, reader->error, "more than %d cells",
		                 SWEEP_CELLS);
	sweep->cells = (uint32_t)cells;
	sweep->seeds = (uint32_t)root->seeds;
	sweep->block_seeds = sweep->seeds < SWEEP_UNIT_RUNS ? sweep->seeds : SWEEP_UNIT_RUNS;
	sweep->blocks = (sweep->seeds + sweep->block_seeds - 1) / sweep->block_seeds;
	if ((uint64_t)sweep->cells * sweep->blocks > UINT32_MAX / 2)
		return json_fail(reader->doc, root->factors, reader->error, "too many cells times seeds");
	flats = sweep->cells * sweep->blocks;
	sweep->parts_a_unit = SWEEP_UNIT_RUNS / sweep->block_seeds;
	sweep->units = (flats + sweep->parts_a_unit - 1) / sweep->parts_a_unit;
	return 0;
}

/* One batch of evenly spread points, shifted by the seed's draw. */
static void spread_points(struct sweep *sweep)
{
	uint32_t dimensions = sweep->uncertain.dimensions;
	struct uncertain_draw draw;

	sweep->spread = ARENA_ARRAY(&sweep->arena, double, (size_t)sweep->points *dimensions);
	uncertain_draw_create(&draw, &sweep->uncertain, SAMPLING_SOBOL, sweep->seed);
	for (uint32_t point = 0; point < sweep->points; point++) {
		/* Runs of the first batch: a point each. */
		uncertain_draw_run(&draw, point * UNCERTAIN_BATCHES);
		for (uint32_t i = 0; i < dimensions; i++)
			sweep->spread[(size_t)point * dimensions + i] = draw.units[i];
	}
	uncertain_draw_free(&draw);
}

static void digest_of(struct sweep *sweep)
{
	size_t length;
	char *canonical = json_canonical(json_doc_root(sweep->doc), &length);

	digest_sha256(canonical, length, sweep->digest);
	free(canonical);
}

int sweep_read(struct sweep *ret_sweep, const struct json_doc *doc, uncertain_column column,
               void *column_context, struct error *error)
{
	const json_t *value = json_doc_root(doc);
	struct root root = { .seeds = 1, .seed = 1, .profile = PROFILE_COUNT };
	struct sweep *sweep = ret_sweep;
	struct cluster texts = { 0 };
	struct reader reader = { .doc = doc, .cluster = &texts, .error = error };
	int result;

	*sweep = (struct sweep){ .doc = doc };
	uncertain_create(&sweep->uncertain, column, column_context);
	/* Names and paths live as long as the sweep. */
	texts.interns = interns_new(&sweep->arena);
	result = read_object(&reader, value, root_members, &root, "a sweep");
	if (!result && strcmp(root.schema, SWEEP_SCHEMA))
		result = json_fail(doc, json_get(value, "schema"), error,
		                   "\"%.80s\", expected \"" SWEEP_SCHEMA "\"", root.schema);
	if (!result && !root.scenario)
		result = json_fail(doc, value, error, "member \"scenario\" is missing, expected in a sweep");
	sweep->scenario = root.scenario;
	sweep->rolling = root.rolling;
	sweep->model = root.model;
	sweep->profile = (enum profile)root.profile;
	sweep->program = root.program;
	sweep->kind = root.rolling ? SWEEP_ROLLING : SWEEP_SCENARIO;
	sweep->seed = (uint64_t)root.seed;
	if (!result)
		result = read_factors(sweep, &reader, root.factors);
	if (!result)
		result = count_cells(sweep, &root, &reader);
	if (!result) {
		spread_points(sweep);
		digest_of(sweep);
	}
	arena_free(&texts.arena);
	return result;
}

void sweep_free(struct sweep *sweep)
{
	uncertain_free(&sweep->uncertain);
	arena_free(&sweep->arena);
	*sweep = (struct sweep){ 0 };
}

/* ------------------------------------------------------------------ cells and units */

uint32_t sweep_parts(const struct sweep *sweep, uint32_t unit, struct sweep_part *ret_parts)
{
	uint32_t flats = sweep->cells * sweep->blocks, first = unit * sweep->parts_a_unit, count = 0;

	must(unit < sweep->units);
	for (uint32_t flat = first; flat < flats && count < sweep->parts_a_unit; flat++, count++) {
		uint32_t first_run = flat % sweep->blocks * sweep->block_seeds,
			 left = sweep->seeds - first_run;

		ret_parts[count] = (struct sweep_part){ flat / sweep->blocks, first_run,
			                                left < sweep->block_seeds ? left
			                                                          : sweep->block_seeds };
	}
	return count;
}

uint32_t sweep_place(const struct sweep *sweep, uint32_t cell, uint32_t factor)
{
	cell /= sweep->points;
	for (uint32_t i = sweep->factor_count - 1; i > factor; i--)
		cell /= sweep->factors[i].levels ? sweep->factors[i].level_count : 1;
	return sweep->factors[factor].levels ? cell % sweep->factors[factor].level_count : 0;
}

json_t *sweep_level(const struct sweep *sweep, uint32_t cell, uint32_t factor)
{
	const struct sweep_factor *of = &sweep->factors[factor];
	double unit;

	must(cell < sweep->cells && factor < sweep->factor_count);
	if (of->levels)
		return json_copy(of->levels[sweep_place(sweep, cell, factor)]);
	unit = sweep->spread[(size_t)(cell % sweep->points) * sweep->uncertain.dimensions +
	                     of->input.dimension];
	return json_number_new(uncertain_number(&of->input, unit));
}

int sweep_apply(const struct sweep *sweep, uint32_t cell, json_t *scenario, struct error *error)
{
	int result = 0;

	for (uint32_t i = 0; i < sweep->factor_count && !result; i++) {
		const struct sweep_factor *factor = &sweep->factors[i];
		json_t *level = sweep_level(sweep, cell, i);

		for (uint32_t j = 0; j < factor->path_count && !result; j++) {
			struct edit edit = { factor->paths[j], factor->how, level };

			result = edit_apply(scenario, &edit, NULL, error);
		}
		json_free(level);
	}
	return result;
}

/* ------------------------------------------------------------------ results */

static const char *const measure_words[] = { "duration_us", "worst_downtime_us", "bytes" };

_Static_assert(sizeof(measure_words) / sizeof(measure_words[0]) == MEASURE_COUNT, "a word a measure");

void sweep_result_free(struct sweep_result *result)
{
	for (int i = 0; i < MEASURE_COUNT; i++)
		histogram_free(&result->measures[i]);
}

void sweep_result_merge(struct sweep_result *result, const struct sweep_result *other)
{
	result->runs += other->runs;
	result->done += other->done;
	result->in_window += other->in_window;
	result->stages = other->stages;
	result->moves = other->moves;
	result->undecided = other->undecided;
	for (int i = 0; i < MEASURE_COUNT; i++)
		histogram_merge(&result->measures[i], &other->measures[i]);
}

uint64_t sweep_us(double seconds)
{
	double us = rint(seconds * 1e6);

	return us <= 0 ? 0 : us < (double)HISTOGRAM_LARGEST ? (uint64_t)us : HISTOGRAM_LARGEST;
}

void sweep_unit_key(const struct sweep *sweep, uint32_t unit, char ret_key[65])
{
	char text[96];
	int length = snprintf(text, sizeof(text), "%s unit %u", sweep->digest, unit);

	digest_sha256(text, (size_t)length, ret_key);
}

static json_t *result_json(const struct sweep_part *part, const struct sweep_result *result)
{
	json_t *value = json_object_new();

	json_add_number(value, "cell", part->cell);
	json_add_number(value, "first_run", part->first_run);
	json_add_number(value, "runs", (double)result->runs);
	json_add_number(value, "done", (double)result->done);
	json_add_number(value, "in_window", (double)result->in_window);
	json_add_number(value, "stages", result->stages);
	json_add_number(value, "moves", result->moves);
	json_add_bool(value, "undecided", result->undecided);
	for (int i = 0; i < MEASURE_COUNT; i++)
		json_add(value, measure_words[i], histogram_json(&result->measures[i]));
	return value;
}

static void digest_parts(const json_t *parts, char ret_digest[65])
{
	size_t length;
	char *canonical = json_canonical(parts, &length);

	digest_sha256(canonical, length, ret_digest);
	free(canonical);
}

char *sweep_unit_text(const struct sweep *sweep, uint32_t unit, const struct sweep_result *results,
                      size_t *ret_length)
{
	struct sweep_part *parts = MEMORY_ARRAY(struct sweep_part, sweep->parts_a_unit);
	uint32_t count = sweep_parts(sweep, unit, parts);
	json_t *value = json_object_new(), *array = json_array_new();
	char digest[65], *text;

	for (uint32_t i = 0; i < count; i++)
		json_push(array, result_json(&parts[i], &results[i]));
	digest_parts(array, digest);
	json_add_text(value, "schema", "lockkeeper.sweep-unit/1");
	json_add_text(value, "sweep", sweep->digest);
	json_add_number(value, "unit", unit);
	json_add_text(value, "digest", digest);
	json_add(value, "parts", array);
	text = json_print(value, false, ret_length);
	json_free(value);
	free(parts);
	return text;
}

static bool is_text(const json_t *object, const char *key, const char *text)
{
	const json_t *value = json_get(object, key);

	return value && json_type(value) == JSON_TEXT && !strcmp(json_text(value), text);
}

static int read_result(const struct json_doc *doc, const json_t *value, struct sweep_result *ret_result,
                       struct error *error)
{
	struct sweep_result result = { .runs = (uint64_t)json_member_number(value, "runs"),
		                       .done = (uint64_t)json_member_number(value, "done"),
		                       .in_window = (uint64_t)json_member_number(value, "in_window"),
		                       .stages = (uint32_t)json_member_number(value, "stages"),
		                       .moves = (uint32_t)json_member_number(value, "moves"),
		                       .undecided = json_member_bool(value, "undecided") };

	for (int i = 0; i < MEASURE_COUNT; i++) {
		const json_t *histogram = json_get(value, measure_words[i]);

		if (!histogram || histogram_read(&result.measures[i], doc, histogram, error)) {
			sweep_result_free(&result);
			return histogram ? ERROR_INPUT
			                 : json_fail(doc, value, error, "member \"%s\" is missing",
			                             measure_words[i]);
		}
	}
	*ret_result = result;
	return 0;
}

int sweep_unit_read(const struct sweep *sweep, uint32_t unit, const struct json_doc *doc,
                    struct sweep_result *cells, struct error *error)
{
	const json_t *root = json_doc_root(doc), *array = json_get(root, "parts"), *entry;
	struct sweep_part *parts;
	uint32_t count;
	char digest[65];
	int result = 0;

	if (!is_text(root, "schema", "lockkeeper.sweep-unit/1") || !is_text(root, "sweep", sweep->digest) ||
	    json_member_number(root, "unit") != unit || !array)
		return json_fail(doc, root, error, "is not unit %u of this sweep", unit);
	digest_parts(array, digest);
	if (!is_text(root, "digest", digest))
		return json_fail(doc, root, error,
		                 "was changed after it was written: remove it, and --resume");
	parts = MEMORY_ARRAY(struct sweep_part, sweep->parts_a_unit);
	count = sweep_parts(sweep, unit, parts);
	entry = json_first(array);
	for (uint32_t i = 0; i < count && !result; i++, entry = json_next(entry)) {
		struct sweep_result one;

		if (!entry || json_member_number(entry, "cell") != parts[i].cell ||
		    json_member_number(entry, "first_run") != parts[i].first_run)
			result = json_fail(doc, array, error, "has other parts than unit %u", unit);
		else
			result = read_result(doc, entry, &one, error);
		if (result)
			break;
		if (cells)
			sweep_result_merge(&cells[parts[i].cell], &one);
		sweep_result_free(&one);
	}
	free(parts);
	return result;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/sweep.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc;
	struct error error;

	cr_assert_eq(json_doc_parse(&doc, "w.json", strdup(text), strlen(text), &error), 0, "%s", error.text);
	return doc;
}

#define HEAD "{\"schema\":\"lockkeeper.sweep/1\",\"scenario\":{\"a\":1,\"b\":{\"c\":5}},"

static struct json_doc *read_sweep(struct sweep *sweep, const char *text)
{
	struct json_doc *doc = parse(text);
	struct error error;

	cr_assert_eq(sweep_read(sweep, doc, NULL, NULL, &error), 0, "%s", error.text);
	return doc;
}

static void refused(const char *text, const char *why)
{
	struct json_doc *doc = parse(text);
	struct error error = { "" };
	struct sweep sweep;

	cr_expect_neq(sweep_read(&sweep, doc, NULL, NULL, &error), 0, "%s", text);
	cr_expect(strstr(error.text, why), "%s", error.text);
	sweep_free(&sweep);
	json_doc_free(doc);
}

static void level_is(const struct sweep *sweep, uint32_t cell, uint32_t factor, const char *expected)
{
	json_t *level = sweep_level(sweep, cell, factor);
	size_t length;
	char *text = json_canonical(level, &length);

	cr_assert_str_eq(text, expected, "cell %u: %s", cell, text);
	free(text);
	json_free(level);
}

static void scenario_is(const struct sweep *sweep, uint32_t cell, const char *expected)
{
	json_t *scenario = json_copy(sweep->scenario);
	struct error error;
	size_t length;
	char *text;

	cr_assert_eq(sweep_apply(sweep, cell, scenario, &error), 0, "%s", error.text);
	text = json_canonical(scenario, &length);
	cr_assert_str_eq(text, expected, "cell %u: %s", cell, text);
	free(text);
	json_free(scenario);
}

Test(sweep, cells_are_the_levels_combined)
{
	struct sweep sweep;
	struct json_doc *doc =
		read_sweep(&sweep, HEAD "\"factors\":[{\"name\":\"x\",\"path\":\"a\",\"set\":[7,\"w\",true]},"
	                                "{\"name\":\"y\",\"paths\":[\"b.c\",\"d\"],\"set\":[1,2]}],"
	                                "\"seeds\":3}");

	cr_assert_eq(sweep.cells, 6);
	cr_assert_eq(sweep.seeds, 3);
	level_is(&sweep, 0, 0, "7");
	level_is(&sweep, 1, 0, "7");
	level_is(&sweep, 2, 0, "\"w\"");
	level_is(&sweep, 5, 0, "true");
	level_is(&sweep, 0, 1, "1");
	level_is(&sweep, 1, 1, "2");
	level_is(&sweep, 4, 1, "1");
	scenario_is(&sweep, 3, "{\"a\":\"w\",\"b\":{\"c\":2},\"d\":2}");
	sweep_free(&sweep);
	json_doc_free(doc);
}

Test(sweep, factors_may_scale)
{
	struct sweep sweep;
	struct json_doc *doc =
		read_sweep(&sweep, HEAD "\"factors\":[{\"name\":\"x\",\"path\":\"b.c\",\"scale\":[0.5,2]}]}");

	scenario_is(&sweep, 0, "{\"a\":1,\"b\":{\"c\":2.5}}");
	scenario_is(&sweep, 1, "{\"a\":1,\"b\":{\"c\":10}}");
	sweep_free(&sweep);
	json_doc_free(doc);
}

Test(sweep, distributions_are_filled_evenly)
{
	struct sweep sweep;
	struct json_doc *doc = read_sweep(
		&sweep,
		HEAD "\"factors\":[{\"name\":\"x\",\"path\":\"a\",\"set\":[1,2]},"
		     "{\"name\":\"y\",\"path\":\"d\",\"set\":{\"dist\":\"uniform\",\"min\":10,\"max\":20}}],"
		     "\"points\":32}");
	double sum = 0;

	cr_assert_eq(sweep.cells, 64);
	for (uint32_t cell = 0; cell < 64; cell++) {
		json_t *level = sweep_level(&sweep, cell, 1);

		cr_assert(json_number(level) >= 10 && json_number(level) <= 20);
		sum += json_number(level);
		json_free(level);
		level_is(&sweep, cell, 0, cell < 32 ? "1" : "2");
	}
	/* Both levels of x meet the same points, whose mean is within a part of the middle. */
	cr_assert_float_eq(sum / 64, 15, 10.0 / 32);
	sweep_free(&sweep);
	json_doc_free(doc);
}

/* Every run of every cell belongs to one part of one unit. */
static void parts_cover(const char *text)
{
	struct sweep sweep;
	struct json_doc *doc = read_sweep(&sweep, text);
	uint8_t *seen = calloc((size_t)sweep.cells * sweep.seeds, 1);
	struct sweep_part *parts = calloc(sweep.parts_a_unit, sizeof(*parts));
	size_t all = 0;

	for (uint32_t unit = 0; unit < sweep.units; unit++) {
		uint32_t count = sweep_parts(&sweep, unit, parts), runs = 0;

		cr_assert(count > 0 && count <= sweep.parts_a_unit);
		for (uint32_t i = 0; i < count; i++) {
			for (uint32_t run = 0; run < parts[i].runs; run++) {
				uint8_t *one =
					&seen[(size_t)parts[i].cell * sweep.seeds + parts[i].first_run + run];

				cr_assert_eq(*one, 0);
				*one = 1;
				all++;
			}
			runs += parts[i].runs;
		}
		cr_assert(runs <= SWEEP_UNIT_RUNS);
	}
	cr_assert_eq(all, (size_t)sweep.cells * sweep.seeds);
	free(seen);
	free(parts);
	sweep_free(&sweep);
	json_doc_free(doc);
}

#define TWELVE "\"factors\":[{\"name\":\"x\",\"path\":\"a\",\"set\":[1,2,3,4,5,6,7,8,9,10,11,12]}]"

Test(sweep, units_have_each_run_once)
{
	parts_cover(HEAD TWELVE ",\"seeds\":1}");
	parts_cover(HEAD TWELVE ",\"seeds\":100}");
	parts_cover(HEAD TWELVE ",\"seeds\":333}");
	parts_cover(HEAD TWELVE ",\"seeds\":1000}");
	parts_cover(HEAD TWELVE ",\"seeds\":2345}");
	parts_cover(HEAD "\"factors\":[],\"seeds\":5000}");
}

static void fill(struct sweep_result *result, uint64_t by)
{
	*result = (struct sweep_result){ .runs = 3, .done = 2, .in_window = 1 };
	histogram_add(&result->measures[MEASURE_DURATION_US], 1000000 * by);
	histogram_add(&result->measures[MEASURE_DURATION_US], 2000000 * by);
	for (uint64_t i = 0; i < 3; i++) {
		histogram_add(&result->measures[MEASURE_DOWNTIME_US], 50000 * by + i);
		histogram_add(&result->measures[MEASURE_BYTES], 1 << 30);
	}
}

static struct json_doc *unit_doc(const struct sweep *sweep, uint32_t unit, const struct sweep_result *results)
{
	size_t length;
	char *text = sweep_unit_text(sweep, unit, results, &length);
	struct json_doc *doc = parse(text);

	free(text);
	return doc;
}

Test(sweep, results_come_back_from_their_files)
{
	struct sweep sweep;
	struct json_doc *doc = read_sweep(&sweep, HEAD TWELVE ",\"seeds\":3}"), *unit;
	struct sweep_result results[12], cells[12] = { 0 };
	struct error error;

	cr_assert_eq(sweep.units, 1);
	for (uint64_t i = 0; i < 12; i++)
		fill(&results[i], i + 1);
	unit = unit_doc(&sweep, 0, results);
	cr_assert_eq(sweep_unit_read(&sweep, 0, unit, cells, &error), 0, "%s", error.text);
	cr_assert_eq(sweep_unit_read(&sweep, 0, unit, NULL, &error), 0);
	for (uint64_t i = 0; i < 12; i++) {
		cr_assert_eq(cells[i].runs, 3);
		cr_assert_eq(cells[i].done, 2);
		cr_assert_eq(cells[i].in_window, 1);
		cr_assert_eq(cells[i].measures[MEASURE_DURATION_US].most, 2000000 * (i + 1));
		cr_assert_eq(cells[i].measures[MEASURE_BYTES].numbers, 3);
		sweep_result_free(&results[i]);
		sweep_result_free(&cells[i]);
	}
	json_doc_free(unit);
	sweep_free(&sweep);
	json_doc_free(doc);
}

Test(sweep, a_file_that_was_changed_is_told_from_one_that_was_not)
{
	struct sweep sweep, other;
	struct json_doc *doc = read_sweep(&sweep, HEAD TWELVE ",\"seeds\":2000}");
	struct json_doc *other_doc = read_sweep(&other, HEAD TWELVE ",\"seeds\":2001}");
	struct sweep_result result, cells[12] = { 0 };
	struct json_doc *unit;
	struct error error;
	size_t length;
	char *text, *place, key[65], other_key[65];

	fill(&result, 1);
	unit = unit_doc(&sweep, 1, &result);
	cr_assert_neq(sweep_unit_read(&sweep, 2, unit, cells, &error), 0);
	cr_assert(strstr(error.text, "is not unit 2 of this sweep"), "%s", error.text);
	cr_assert_neq(sweep_unit_read(&other, 1, unit, cells, &error), 0);
	cr_assert(strstr(error.text, "is not unit 1 of this sweep"), "%s", error.text);
	json_doc_free(unit);
	text = sweep_unit_text(&sweep, 1, &result, &length);
	place = strstr(text, "\"done\":");
	cr_assert(place);
	place[7 + strspn(place + 7, " ")] = '1';
	unit = parse(text);
	cr_assert_neq(sweep_unit_read(&sweep, 1, unit, cells, &error), 0);
	cr_assert(strstr(error.text, "was changed after it was written"), "%s", error.text);
	json_doc_free(unit);
	free(text);
	sweep_unit_key(&sweep, 1, key);
	sweep_unit_key(&sweep, 2, other_key);
	cr_assert_str_neq(key, other_key);
	sweep_unit_key(&other, 1, other_key);
	cr_assert_str_neq(key, other_key);
	sweep_result_free(&result);
	sweep_free(&sweep);
	sweep_free(&other);
	json_doc_free(doc);
	json_doc_free(other_doc);
}

Test(sweep, times_are_whole_microseconds)
{
	cr_assert_eq(sweep_us(1.5), 1500000);
	cr_assert_eq(sweep_us(-1), 0);
	cr_assert_eq(sweep_us(1e300), HISTOGRAM_LARGEST);
}

Test(sweep, says_what_is_wrong)
{
	refused("{\"schema\":\"lockkeeper.sweep/1\",\"factors\":[]}", "member \"scenario\" is missing");
	refused("{\"schema\":\"lockkeeper.sweep/2\",\"scenario\":{},\"factors\":[]}",
	        "w.json:1: schema: \"lockkeeper.sweep/2\", expected \"lockkeeper.sweep/1\"");
	refused(HEAD "\"factors\":[{\"name\":\"x\",\"path\":\"a\"}]}",
	        "expected either \"set\" or \"scale\"");
	refused(HEAD "\"factors\":[{\"name\":\"x\",\"set\":[1]}]}", "expected either \"path\" or \"paths\"");
	refused(HEAD "\"factors\":[{\"name\":\"x\",\"path\":\"a\",\"set\":1}]}",
	        "a number, expected an array of levels or a distribution");
	refused(HEAD "\"factors\":[{\"name\":\"x\",\"path\":\"a\",\"set\":[]}]}",
	        "expected an array of levels or a distribution");
	refused(HEAD "\"factors\":[{\"name\":\"x\",\"path\":\"a\",\"scale\":[\"y\"]}]}",
	        "a string, expected a number to scale by");
	refused(HEAD "\"factors\":[{\"name\":\"x\",\"path\":\"a\",\"set\":[1]},"
	             "{\"name\":\"x\",\"path\":\"b\",\"set\":[1]}]}",
	        "factors[1].name: \"x\" is there already, expected unique names");
	refused(HEAD TWELVE ",\"points\":4}", "no factor is a distribution");
	refused(HEAD TWELVE ",\"seeds\":0}", "seeds: 0 is out of range");
	refused(HEAD
	        "\"factors\":[{\"name\":\"x\",\"path\":\"a\",\"set\":{\"dist\":\"uniform\",\"min\":1}}]}",
	        "factors[0].set: needs min and max");
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/uncertain.h"

#include "core/scenario.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HEAD[] =
	"{\"schema\":\"lockkeeper.scenario/1\",\"cluster\":{\"schema\":\"lockkeeper.cluster/1\","
	"\"name\":\"c\",\"flavors\":[{\"name\":\"f\",\"vcpus\":1,\"memory_mib\":1024}],"
	"\"hosts\":[{\"name\":\"h0\",\"cpus\":8,\"memory_mib\":8192},"
	"{\"name\":\"h1\",\"cpus\":8,\"memory_mib\":8192}],"
	"\"vms\":[{\"name\":\"v\",\"host\":\"h0\",\"flavor\":\"f\",";

/* A scenario with what stands in its one VM, and what stands beside its cluster. */
struct given {
	struct json_doc *doc;
	struct uncertain uncertain;
	struct scenario scenario;
	struct error error;
};

static int column(void *context, const char *path, const char *name, double **ret_values, uint32_t *ret_count,
                  struct error *error)
{
	(void)context;
	if (strcmp(path, "rates.csv") || (name && strcmp(name, "pages_s")))
		return error_set(error, ERROR_IO, "%s: no column %s", path, name);
	*ret_values = calloc(2, sizeof(double));
	(*ret_values)[0] = 100;
	(*ret_values)[1] = 300;
	*ret_count = 2;
	return 0;
}

static int give(struct given *given, const char *vm, const char *rest)
{
	struct read_numbers numbers;
	struct scenario_source source = { .numbers = &numbers };
	size_t room = strlen(HEAD) + strlen(vm) + strlen(rest) + 128;
	char *text = malloc(room);

	memset(given, 0, sizeof(*given));
	snprintf(text, room, "%s%s}]},\"actions\":[{\"do\":\"lock\",\"host\":\"h0\"}]%s}", HEAD, vm, rest);
	cr_assert_eq(json_doc_parse(&given->doc, "s.json", text, strlen(text), &given->error), 0, "%s",
	             given->error.text);
	uncertain_create(&given->uncertain, column, NULL);
	numbers = uncertain_learn(&given->uncertain);
	return scenario_read(&given->scenario, given->doc, PROFILE_COUNT, &source, &given->error);
}

static void take_away(struct given *given)
{
	scenario_free(&given->scenario);
	uncertain_free(&given->uncertain);
	json_doc_free(given->doc);
}

/* The scenario as it is in a run. */
static void draw(struct given *given, enum sampling sampling, uint64_t seed, uint32_t run)
{
	struct uncertain_draw drawing;
	struct read_numbers numbers;
	struct scenario_source source = { .numbers = &numbers };

	uncertain_draw_create(&drawing, &given->uncertain, sampling, seed);
	uncertain_draw_run(&drawing, run);
	numbers = uncertain_drawn(&drawing);
	scenario_free(&given->scenario);
	cr_assert_eq(scenario_read(&given->scenario, given->doc, PROFILE_COUNT, &source, &given->error), 0,
	             "%s", given->error.text);
	uncertain_draw_free(&drawing);
}

static void refused(const char *vm, const char *rest, const char *why)
{
	struct given given;

	cr_expect_neq(give(&given, vm, rest), 0, "%s", vm);
	cr_expect(strstr(given.error.text, why), "%s", given.error.text);
	take_away(&given);
}

static double used(const struct given *given)
{
	return given->scenario.cluster.vms[0].used_mib;
}

Test(uncertain, the_first_reading_has_medians)
{
	struct given given;

	cr_assert_eq(give(&given, "\"used_mib\":{\"dist\":\"uniform\",\"min\":100,\"max\":300}", ""), 0, "%s",
	             given.error.text);
	cr_assert_eq(given.uncertain.count, 1);
	cr_assert_float_eq(used(&given), 200, 1e-9);
	take_away(&given);
}

Test(uncertain, runs_differ_and_come_again)
{
	struct given given;
	double first, second;

	cr_assert_eq(give(&given, "\"used_mib\":{\"dist\":\"uniform\",\"min\":100,\"max\":300}", ""), 0);
	for (int sampling = SAMPLING_PLAIN; sampling <= SAMPLING_SOBOL; sampling++) {
		draw(&given, (enum sampling)sampling, 7, 3);
		first = used(&given);
		cr_assert(first >= 100 && first <= 300);
		draw(&given, (enum sampling)sampling, 7, 4);
		second = used(&given);
		cr_assert_neq(first, second);
		draw(&given, (enum sampling)sampling, 8, 3);
		cr_assert_neq(first, used(&given));
		draw(&given, (enum sampling)sampling, 7, 3);
		cr_assert_eq(first, used(&given));
	}
	take_away(&given);
}

/* Each batch of evenly spread points has one in each of as many equal parts: a (0, m, 1)-net, shifted. */
Test(uncertain, sobol_points_are_spread_evenly)
{
	enum { POINTS = 64 };
	struct given given;
	struct uncertain_draw drawing;

	cr_assert_eq(give(&given, "\"used_mib\":{\"dist\":\"uniform\",\"min\":0,\"max\":1000}", ""), 0);
	uncertain_draw_create(&drawing, &given.uncertain, SAMPLING_SOBOL, 1);
	for (uint32_t batch = 0; batch < UNCERTAIN_BATCHES; batch++) {
		double sum = 0;

		for (uint32_t i = 0; i < POINTS; i++) {
			uncertain_draw_run(&drawing, i * UNCERTAIN_BATCHES + batch);
			sum += drawing.units[0];
		}
		/* The mean of such a net is within half a part of the middle; of plain draws it is not. */
		cr_assert_float_eq(sum / POINTS, 0.5, 1.5 / POINTS, "%g", sum / POINTS);
	}
	uncertain_draw_free(&drawing);
	take_away(&given);
}

#define DIRTY(rate_, set_) \
	"\"dirty\":{\"model\":\"uniform\",\"rate_pages_s\":" rate_ ",\"working_set_mib\":" set_ "}"

Test(uncertain, those_of_one_name_rise_together)
{
	static const char VM[] =
		"\"dirty\":{\"model\":\"uniform\","
		"\"rate_pages_s\":{\"dist\":\"lognormal\",\"mean\":100,\"sd\":30,\"name\":\"load\"},"
		"\"working_set_mib\":{\"dist\":\"uniform\",\"min\":1,\"max\":2,\"name\":\"load\"}},"
		"\"used_mib\":{\"dist\":\"uniform\",\"min\":1,\"max\":2}";
	struct given given;

	cr_assert_eq(give(&given, VM, ""), 0, "%s", given.error.text);
	cr_assert_eq(given.uncertain.count, 3);
	cr_assert_eq(given.uncertain.dimensions, 2);
	for (uint32_t run = 0; run < 20; run++) {
		const struct uncertain_input *rate = &given.uncertain.inputs[0];
		const struct dirty_settings *dirty;

		draw(&given, SAMPLING_PLAIN, 1, run);
		dirty = given.scenario.cluster.vms[0].dirty;
		cr_assert_float_eq(distribution_share(&rate->distribution, dirty->rate_pages_s),
		                   dirty->working_set_mib - 1, 1e-9);
		cr_assert_neq(dirty->working_set_mib, used(&given));
	}
	take_away(&given);
}

Test(uncertain, what_is_drawn_may_stand_there)
{
	struct given given;

	/* A third of it lies below 0; used memory fills the VM at the most. */
	cr_assert_eq(give(&given,
	                  DIRTY("{\"dist\":\"normal\",\"mean\":5,\"sd\":10}",
	                        "1") ","
	                             "\"used_mib\":{\"dist\":\"normal\",\"mean\":1000,\"sd\":100}",
	                  ",\"window_s\":{\"dist\":\"uniform\",\"min\":-10,\"max\":10}"),
	             0, "%s", given.error.text);
	for (uint32_t run = 0; run < 200; run++) {
		draw(&given, SAMPLING_PLAIN, 1, run);
		cr_assert(given.scenario.cluster.vms[0].dirty->rate_pages_s >= 0);
		cr_assert(used(&given) <= 1024);
		cr_assert(given.scenario.window_s > 0 && given.scenario.window_s <= 10);
	}
	take_away(&given);
}

Test(uncertain, counts_are_whole_and_texts_are_numbers)
{
	struct given given;

	cr_assert_eq(give(&given,
	                  "\"migration\":{\"downtime_steps\":{\"dist\":\"uniform\",\"min\":0,\"max\":3}},"
	                  "\"metadata\":{\"key\":{\"dist\":\"poisson\",\"mean\":5}}",
	                  ""),
	             0, "%s", given.error.text);
	cr_assert_eq(given.scenario.cluster.vms[0].migration->downtime_steps, 2);
	cr_assert_str_eq(pairs_get(&given.scenario.cluster.vms[0].metadata, "key"), "5");
	take_away(&given);
}

Test(uncertain, times_and_files)
{
	struct given given;

	cr_assert_eq(
		give(&given,
	             "\"used_mib\":{\"dist\":\"uniform\",\"min\":1,\"max\":3,\"times\":100}," DIRTY(
			     "{\"dist\":\"empirical\",\"csv\":\"rates.csv\",\"column\":\"pages_s\"}", "1"),
	             ""),
		0, "%s", given.error.text);
	cr_assert_float_eq(used(&given), 200, 1e-9);
	cr_assert_eq(given.scenario.cluster.vms[0].dirty->rate_pages_s, 100);
	take_away(&given);
	cr_assert_eq(
		give(&given, DIRTY("{\"dist\":\"empirical\",\"values\":[5,1],\"weights\":[3,1]}", "1"), ""),
		0, "%s", given.error.text);
	cr_assert_eq(given.scenario.cluster.vms[0].dirty->rate_pages_s, 5);
	take_away(&given);
}

Test(uncertain, says_what_is_wrong)
{
	refused("\"used_mib\":{\"dist\":\"gaussian\",\"mean\":1}", "",
	        "s.json:1: cluster.vms[0].used_mib.dist: unknown word \"gaussian\"");
	refused("\"used_mib\":{\"dist\":\"normal\",\"mean\":1}", "",
	        "s.json:1: cluster.vms[0].used_mib: needs mean and sd, or p50 and p90");
	refused("\"used_mib\":{\"dist\":\"normal\",\"mean\":1,\"sdd\":1}", "",
	        "unknown member \"sdd\" (did you mean \"sd\"?)");
	refused("\"used_mib\":{\"dist\":\"uniform\",\"min\":-5,\"max\":-1}", "",
	        "cluster.vms[0].used_mib: no part of it lies where the number may be");
	refused("\"used_mib\":{\"dist\":\"uniform\",\"min\":5,\"max\":9,\"values\":[1]}", "",
	        "has values, expected with \"dist\": \"empirical\" only");
	refused("\"used_mib\":{\"dist\":\"empirical\"}", "", "needs values, or csv and column");
	refused("\"used_mib\":{\"dist\":\"empirical\",\"values\":[]}", "",
	        "no number, expected at least one");
	refused("\"used_mib\":{\"dist\":\"empirical\",\"values\":[1],\"weights\":[1,2]}", "",
	        "2 weights, expected as many as values");
	refused("\"used_mib\":{\"dist\":\"empirical\",\"csv\":\"x.csv\",\"column\":\"y\"}", "",
	        "x.csv: no column y");
	refused("\"used_mib\":{\"mean\":1}", "", "cluster.vms[0].used_mib: an object, expected a number");
	refused("\"used_mib\":1", ",\"seed\":{\"dist\":\"poisson\",\"mean\":1}",
	        "seed: a distribution, expected an integer: draws depend on it");
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a simulation says of uncertain scenarios, against what is known of them: a guest that is stopped at a
 * time that is drawn (a shutdown takes GUEST_STOP_S), and random clusters whose numbers are drawn.
 */
#include "core/arena.h"
#include "core/read.h"
#include "sim/simulation.h"
#include "sim/uncertain.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A scenario, read and ready to be drawn. */
struct drawn {
	struct json_doc *doc;
	struct uncertain uncertain;
	struct scenario scenario;
	struct simulation_draws draws;
};

static void drawn_create(struct drawn *drawn, const char *text, enum sampling sampling)
{
	struct read_numbers numbers = uncertain_learn(&drawn->uncertain);
	struct scenario_source source = { .numbers = &numbers };
	struct error error;

	cr_assert_eq(json_doc_parse(&drawn->doc, "s.json", strdup(text), strlen(text), &error), 0, "%s",
	             error.text);
	uncertain_create(&drawn->uncertain, NULL, NULL);
	cr_assert_eq(scenario_read(&drawn->scenario, drawn->doc, PROFILE_COUNT, &source, &error), 0, "%s",
	             error.text);
	drawn->draws = (struct simulation_draws){ .uncertain = &drawn->uncertain,
		                                  .sampling = (uint8_t)sampling,
		                                  .doc = drawn->doc,
		                                  .profile = PROFILE_COUNT };
}

static void drawn_free(struct drawn *drawn)
{
	scenario_free(&drawn->scenario);
	uncertain_free(&drawn->uncertain);
	json_doc_free(drawn->doc);
}

/* The runs in an order and by threads of their own: whatever these are, the result is the same. */
static void drawn_run(const struct drawn *drawn, uint64_t seed, uint32_t runs, unsigned threads,
                      struct simulation *ret_simulation)
{
	struct simulation_options options = {
		.seed = seed, .runs = runs, .threads = threads, .draws = &drawn->draws
	};
	struct error error;

	simulation_create(ret_simulation, &drawn->scenario, &options);
	for (uint32_t i = 0; i < runs; i++) {
		uint32_t run = threads == 1 ? i : runs - 1 - i;

		simulation_run(ret_simulation, run, run % threads);
	}
	cr_assert_eq(simulation_failed(ret_simulation, &error), 0, "%s", error.text);
}

/* A guest on a host of its own is stopped at that time. */
#define STOPPED(at_)                                                          \
	"{\"schema\":\"lockkeeper.scenario/1\",\"window_s\":12,\"cluster\":{" \
	"\"schema\":\"lockkeeper.cluster/1\",\"name\":\"c\","                 \
	"\"flavors\":[{\"name\":\"f\",\"vcpus\":1,\"memory_mib\":64}],"       \
	"\"hosts\":[{\"name\":\"h\",\"cpus\":4,\"memory_mib\":4096}],"        \
	"\"vms\":[{\"name\":\"v\",\"host\":\"h\",\"flavor\":\"f\"}]},"        \
	"\"actions\":[{\"do\":\"stop\",\"vm\":\"v\",\"at_s\":" at_ "}]}"

static bool holds(const struct interval *interval, double truth)
{
	return interval->low <= truth && truth <= interval->high;
}

/* How often, of so many experiments, the intervals of p50, p90 and the window's share miss the truth. */
struct misses {
	uint32_t p50, p90, window;
	double width; /* of p90's, the mean */
};

/* at_s is exponential with the mean 5: its p is -5 ln(1 - p); 12 s are the window. */
static struct misses experiment(enum sampling sampling, uint32_t experiments, uint32_t runs)
{
	struct misses misses = { 0 };
	struct drawn drawn;

	drawn_create(&drawn, STOPPED("{\"dist\":\"exponential\",\"mean\":5}"), sampling);
	for (uint32_t i = 0; i < experiments; i++) {
		struct simulation simulation;
		struct simulation_summary summary;

		drawn_run(&drawn, 1000 + i, runs, 1, &simulation);
		simulation_sum(&simulation, &summary);
		misses.p50 += !holds(&summary.duration_s[0], GUEST_STOP_S - 5 * log(0.5));
		misses.p90 += !holds(&summary.duration_s[1], GUEST_STOP_S - 5 * log(0.1));
		misses.window += !holds(&summary.probability_in_window, 1 - exp(-(12.0 - GUEST_STOP_S) / 5));
		misses.width += (summary.duration_s[1].high - summary.duration_s[1].low) / experiments;
		cr_assert_eq(summary.probability_done.value, 1);
		simulation_free(&simulation);
	}
	drawn_free(&drawn);
	return misses;
}

Test(uncertain_runs, intervals_hold_as_often_as_they_say)
{
	enum { EXPERIMENTS = 400, RUNS = 160 };
	struct misses plain = experiment(SAMPLING_PLAIN, EXPERIMENTS, RUNS);
	struct misses sobol = experiment(SAMPLING_SOBOL, EXPERIMENTS, RUNS);

	/* 20 of 400 expected; more than 35 in about one of a thousand. Intervals between runs are a bit wide.
	 */
	cr_assert(plain.p50 <= 35 && plain.p90 <= 35 && plain.window <= 35, "%u %u %u", plain.p50, plain.p90,
	          plain.window);
	cr_assert(plain.p50 + plain.p90 + plain.window >= 15, "never wrong: too wide");
	cr_assert(sobol.p50 <= 35 && sobol.window <= 35, "%u %u", sobol.p50, sobol.window);
	/* Evenly spread, one input: as many runs say it more than twice as well. */
	cr_assert(sobol.width < plain.width / 2, "%g, plain %g", sobol.width, plain.width);
}

/* Puts "{"dist":"uniform","min":n,"max":n(1+1e-12)}" in place of the number behind each such key. */
static char *with_drawn(const char *text, const char *key)
{
	size_t room = 64 * strlen(text) + 1, length = 0;
	char *drawn = memory_take(room);

	while (*text) {
		const char *next = strstr(text, key);
		char *end;
		double number;

		if (!next) {
			length += (size_t)snprintf(drawn + length, room - length, "%s", text);
			break;
		}
		next += strlen(key);
		number = strtod(next, &end);
		length += (size_t)snprintf(drawn + length, room - length,
		                           "%.*s{\"dist\":\"uniform\",\"min\":%.17g,\"max\":%.17g}",
		                           (int)(next - text), text, number, number * (1 + 1e-12) + 1e-12);
		text = end;
	}
	drawn[length] = '\0';
	return drawn;
}

static char *scenario_text(const char *cluster)
{
	size_t room = strlen(cluster) + 256;
	char *text = memory_take(room);

	snprintf(text, room,
	         "{\"schema\":\"lockkeeper.scenario/1\",\"cluster\":%s,"
	         "\"actions\":[{\"do\":\"lock\",\"host\":\"h0\"}]}",
	         cluster);
	return text;
}

static void same_summary(const struct simulation *one, const struct simulation *other, double share)
{
	struct simulation_summary a, b;

	simulation_sum(one, &a);
	simulation_sum(other, &b);
	for (int i = 0; i < SUMMARY_PERCENTILES; i++) {
		cr_assert(isinf(a.duration_s[i].value) == isinf(b.duration_s[i].value));
		if (isfinite(a.duration_s[i].value))
			cr_assert_float_eq(a.duration_s[i].value, b.duration_s[i].value,
			                   share * (1 + a.duration_s[i].value));
		cr_assert_float_eq(a.bytes[i].value, b.bytes[i].value, share * (1 + a.bytes[i].value));
	}
	cr_assert_eq(a.probability_done.value, b.probability_done.value);
}

/* The text with the speed of the first host's link in it. */
static char *with_link(const char *text, const char *speed)
{
	static const char HOST[] = "\"hosts\": [{";
	const char *host = strstr(text, HOST);
	size_t room = strlen(text) + strlen(speed) + 64;
	char *linked = memory_take(room);

	cr_assert(host);
	host += strlen(HOST);
	snprintf(linked, room, "%.*s\"nic_mbit_s\": %s, %s", (int)(host - text), text, speed, host);
	return linked;
}

/* A lock of the first host of a random cluster. */
static char *random_scenario(uint64_t seed, const char *speed)
{
	static const struct draw_size size = { .hosts_most = 5,
		                               .first_host_vms_most = 6,
		                               .other_host_vms_most = 3 };
	char *cluster = draw_cluster_text(seed, &size), *linked = with_link(cluster, speed);
	char *text = scenario_text(linked);

	free(cluster);
	free(linked);
	return text;
}

/* A number that may be one of two that are all but the same is as good as the number, a whole one too. */
Test(uncertain_runs, a_number_that_hardly_varies_is_a_number)
{
	enum { CLUSTERS = 150, RUNS = 3 };
	uint32_t inputs = 0;

	for (uint64_t seed = 0; seed < CLUSTERS; seed++) {
		char *plain = random_scenario(seed, "700.5"), *half = with_drawn(plain, "\"memory_mib\": ");
		char *text = with_drawn(half, "\"nic_mbit_s\": ");
		struct simulation_options options = { .seed = 5, .runs = RUNS, .threads = 1 };
		struct simulation certain, uncertain;
		struct drawn fixed, drawn;

		drawn_create(&fixed, plain, SAMPLING_PLAIN);
		simulation_create(&certain, &fixed.scenario, &options);
		for (uint32_t run = 0; run < RUNS; run++)
			simulation_run(&certain, run, 0);
		drawn_create(&drawn, text, SAMPLING_SOBOL);
		inputs += drawn.uncertain.count;
		drawn_run(&drawn, 5, RUNS, 1, &uncertain);
		same_summary(&certain, &uncertain, 1e-6);
		simulation_free(&certain);
		simulation_free(&uncertain);
		drawn_free(&fixed);
		drawn_free(&drawn);
		free(plain);
		free(half);
		free(text);
	}
	cr_assert(inputs > 5 * CLUSTERS, "%u", inputs);
}

/* Numbers that do vary: whatever order the runs are in, and whoever runs them. */
Test(uncertain_runs, neither_order_nor_threads_matter)
{
	enum { CLUSTERS = 60, RUNS = 40 };

	for (uint64_t seed = 0; seed < CLUSTERS; seed++) {
		char *text = random_scenario(seed, "{\"dist\": \"lognormal\", \"p50\": 1000, \"p90\": 4000}");
		struct simulation one, other;
		struct drawn drawn;

		drawn_create(&drawn, text, seed % 2 ? SAMPLING_SOBOL : SAMPLING_PLAIN);
		drawn_run(&drawn, seed, RUNS, 1, &one);
		drawn_run(&drawn, seed, RUNS, 3, &other);
		same_summary(&one, &other, 0);
		simulation_free(&one);
		simulation_free(&other);
		drawn_free(&drawn);
		free(text);
	}
}

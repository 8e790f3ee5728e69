/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is drawn for each run, and what is not. */
#include "models/spread.h"
#include "sim/predict.h"
#include "sim/random.h"
#include "tests/support/ideal.h"
#include "tests/support/simulated.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEED = 11, RUNS = 20 };

static const double LINK = 1.25e9;

#define HOST(name) "{'name':'" name "','cpus':8,'memory_mib':8192}"
#define CLUSTER(migration)                                                      \
	"'hosts':[" HOST("h0") "," HOST("h1") "," HOST("h2") "," HOST(          \
		"h3") "],'flavors':[{'name':'m','vcpus':1,'memory_mib':1024}]," \
		      "'migration':{'parallel_per_host':0," migration "},"      \
		      "'vms':[" VM("v1", "h0") "," VM("v2", "h0") "," VM("v3", "h1") "]"
#define VM(name, host)                                                              \
	"{'name':'" name "','host':'" host "','flavor':'m','used_mib':700,'dirty':" \
	"{'model':'idle','background_pages_s':0}}"
#define GO(vm, to) "{'do':'live-migrate','vm':'" vm "','to':'" to "','concurrent':true}"

/* A scenario that is run by number. */
struct runs {
	struct scenario scenario;
	struct world world;
	struct state state;
	struct hypervisors hypervisors; /* ideal ones; the test changes the first */
};

static void runs_create(struct runs *ret_runs, const char *cluster, const char *actions)
{
	struct error error = { "" };
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	fprintf(file,
	        "{'schema':'lockkeeper.scenario/1','cluster':{'schema':'lockkeeper.cluster/1','name':'c',"
	        "%s},'actions':[%s]}",
	        cluster, actions);
	fclose(file);
	cr_assert_eq(scenario_try_text(&ret_runs->scenario, text, PROFILE_NOVA, &error), 0, "%s", error.text);
	free(text);
	state_create(&ret_runs->state, &ret_runs->scenario.cluster);
	world_create(&ret_runs->world, &ret_runs->scenario.cluster);
	ret_runs->hypervisors = *ideal_hypervisors();
	ret_runs->world.hypervisors = &ret_runs->hypervisors;
}

static void runs_free(struct runs *runs)
{
	world_free(&runs->world);
	state_free(&runs->state);
	scenario_free(&runs->scenario);
}

/* The n-th migration of a run, which must complete. */
static struct moved take(struct runs *runs, uint32_t run, uint32_t index)
{
	uint32_t mark = state_mark(&runs->state);

	world_run(&runs->world, &runs->state, runs->scenario.actions, runs->scenario.action_count, SEED, run);
	state_rollback(&runs->state, mark);
	cr_assert_lt(index, runs->world.moved_count);
	cr_assert_eq(runs->world.moved[index].outcome, OUTCOME_COMPLETED);
	return runs->world.moved[index];
}

static double duration_s(struct runs *runs, uint32_t run, uint32_t index)
{
	struct moved moved = take(runs, run, index);

	return (double)(moved.end_ns - moved.start_ns) * 1e-9;
}

/* What a spread comes to in a run: drawn by seed, run, VM and purpose, whatever else happens. */
static double factor_of(const struct runs *runs, enum spread_of of, uint32_t run, uint32_t vm)
{
	if (run == 0)
		return 1;
	return spread_factor(&runs->hypervisors.rows[0], of, random_unit(SEED, run, vm, PURPOSE_SPREAD + of));
}

static void near_to(double got, double expected, double tolerance)
{
	cr_assert(fabs(got - expected) <= tolerance, "%.12g, expected %.12g", got, expected);
}

/* Nothing has a spread and nothing dirties memory: each run is the expected one. */
Test(luck, has_nothing_to_say_without_spreads)
{
	struct runs runs;
	double first_s;

	runs_create(&runs, CLUSTER("'setup_ms':0,'timeout_s':0"), GO("v1", "h1") "," GO("v2", "h2"));
	first_s = duration_s(&runs, 0, 0);
	for (uint32_t run = 1; run < RUNS; run++)
		cr_assert_eq(duration_s(&runs, run, 0), first_s);
	runs_free(&runs);
}

/* Spreads or none: the first run is the same. */
Test(luck, leaves_the_first_run_alone)
{
	struct runs runs;
	struct moved before[2];

	runs_create(&runs, CLUSTER("'setup_ms':0,'timeout_s':0"), GO("v1", "h1") "," GO("v2", "h2"));
	for (uint32_t i = 0; i < 2; i++)
		before[i] = take(&runs, 0, i);
	for (const struct hypervisor_constant *of = hypervisor_constants; of->name; of++) {
		struct hypervisor *row = &runs.hypervisors.rows[0];

		/* But for the noise of windows, which has no middle either. */
		if (of->spread && &row->window_spread != (double *)((char *)row + of->offset))
			*(double *)((char *)row + of->offset) = 0.3;
	}
	for (uint32_t i = 0; i < 2; i++) {
		struct moved after = take(&runs, 0, i);

		cr_assert_eq(after.end_ns, before[i].end_ns);
		cr_assert(after.bytes == before[i].bytes && after.downtime_s == before[i].downtime_s);
		for (uint32_t run = 1; run < RUNS; run++) {
			after = take(&runs, run, i);
			cr_assert_neq(after.end_ns, before[i].end_ns);
			cr_assert_neq(after.bytes, before[i].bytes);
			cr_assert_neq(after.downtime_s, before[i].downtime_s);
		}
	}
	runs_free(&runs);
}

Test(luck, of_set_up_and_stop_is_time)
{
	struct runs runs;
	struct hypervisor *row = &runs.hypervisors.rows[0];
	struct moved expected;

	runs_create(&runs, CLUSTER("'setup_ms':1000,'bandwidth_mib_s':64"), GO("v1", "h1"));
	expected = take(&runs, 0, 0);
	row->setup_spread = 0.2;
	for (uint32_t run = 0; run < RUNS; run++) {
		struct moved moved = take(&runs, run, 0);

		near_to((double)(moved.end_ns - expected.end_ns) * 1e-9,
		        factor_of(&runs, SPREAD_SETUP, run, 0) - 1, 1e-6);
		near_to(moved.downtime_s, expected.downtime_s, 1e-6);
	}
	row->setup_spread = 0;
	row->stop_spread = 0.2;
	for (uint32_t run = 0; run < RUNS; run++) {
		struct moved moved = take(&runs, run, 0);
		double more_s = row->stop_ms / 1000 * (factor_of(&runs, SPREAD_STOP, run, 0) - 1);

		near_to((double)(moved.end_ns - expected.end_ns) * 1e-9, more_s, 1e-6);
		near_to(moved.downtime_s - expected.downtime_s, more_s, 1e-6);
		near_to(moved.bytes, expected.bytes, 1);
	}
	runs_free(&runs);
}

Test(luck, of_rate_and_used_memory_is_what_goes_over_the_link)
{
	struct runs runs;
	struct hypervisor *row = &runs.hypervisors.rows[0];
	double bytes = 700 * 256 * 4104.0 + 324 * 256 * 9, stop_s;

	runs_create(&runs, CLUSTER("'setup_ms':0,'timeout_s':0"), GO("v1", "h1"));
	stop_s = row->stop_ms / 1000;
	row->rate_spread = 0.1;
	for (uint32_t run = 0; run < RUNS; run++) {
		/* No payload is more than what is on the wire. */
		double rate = LINK * fmin(row->wire_efficiency * factor_of(&runs, SPREAD_RATE, run, 0), 1);

		near_to(duration_s(&runs, run, 0), bytes / rate + stop_s, 1e-6);
		near_to(runs.world.moved[0].bytes, bytes, 1);
	}
	row->rate_spread = 0;
	row->used_spread = 0.1;
	for (uint32_t run = 0; run < RUNS; run++) {
		double used_mib = 700 * factor_of(&runs, SPREAD_USED, run, 0);

		near_to(take(&runs, run, 0).bytes, used_mib * 256 * 4104 + (1024 - used_mib) * 256 * 9, 1);
	}
	/* Never more than there is. */
	row->used_spread = 3;
	for (uint32_t run = 0; run < RUNS; run++)
		cr_assert_leq(take(&runs, run, 0).bytes, 1024 * 256 * 4104.0 + 1);
	runs_free(&runs);
}

/* Two at once over one link: it is shared by their weights, and what the first leaves the second has alone.
 */
Test(luck, of_shares_counts_where_others_hold_a_flow_back)
{
	struct runs runs;
	struct hypervisor *row = &runs.hypervisors.rows[0];
	double bytes = 700 * 256 * 4104.0 + 324 * 256 * 9;

	runs_create(&runs, CLUSTER("'setup_ms':0,'timeout_s':0"), GO("v1", "h1") "," GO("v2", "h2"));
	row->share_spread = 0.2;
	row->stop_ms = 0;
	for (uint32_t run = 0; run < RUNS; run++) {
		double shares[2], rate = LINK * row->wire_efficiency, first_s, last_s;
		uint32_t first;

		for (uint32_t vm = 0; vm < 2; vm++)
			shares[vm] = factor_of(&runs, SPREAD_SHARE, run, vm);
		first = shares[1] > shares[0];
		first_s = bytes / rate * (shares[0] + shares[1]) / shares[first];
		last_s = 2 * bytes / rate;
		near_to(duration_s(&runs, run, first), first_s, 2e-3);
		near_to(duration_s(&runs, run, !first), last_s, 2e-3);
	}
	runs_free(&runs);
}

/* Alone, capped, or with a link of its own, a flow has no others that it could get less than. */
Test(luck, of_shares_does_not_count_where_nobody_shares)
{
	static const char *const clusters[] = { CLUSTER("'setup_ms':0,'timeout_s':0"),
		                                CLUSTER("'setup_ms':0,'timeout_s':0"),
		                                CLUSTER("'setup_ms':0,'timeout_s':0,'bandwidth_mib_s':64") };
	static const char *const actions[] = { GO("v1", "h1"), GO("v1", "h2") "," GO("v3", "h3"),
		                               GO("v1", "h1") "," GO("v2", "h2") };

	for (int i = 0; i < 3; i++) {
		struct runs runs;
		double expected_s;

		runs_create(&runs, clusters[i], actions[i]);
		runs.hypervisors.rows[0].share_spread = 0.2;
		expected_s = duration_s(&runs, 0, 0);
		for (uint32_t run = 1; run < RUNS; run++)
			cr_assert_eq(duration_s(&runs, run, 0), expected_s, "%d", i);
		runs_free(&runs);
	}
}

/* The sender's own limit is not the others' doing either, though they are there. */
Test(luck, of_shares_does_not_count_where_the_sender_is_the_limit)
{
	struct runs runs;
	double expected_s;

	runs_create(&runs, CLUSTER("'setup_ms':0,'timeout_s':0"), GO("v1", "h1") "," GO("v2", "h2"));
	runs.hypervisors.rows[0].share_spread = 0.2;
	runs.hypervisors.rows[0].sender_bytes_s = 1e8;
	expected_s = duration_s(&runs, 0, 0);
	cr_assert_gt(expected_s, 7);
	for (uint32_t run = 1; run < RUNS; run++)
		cr_assert_eq(duration_s(&runs, run, 0), expected_s);
	runs_free(&runs);
}

#define BUSY                                                                                     \
	"'hosts':[" HOST("h0") "," HOST(                                                         \
		"h1") "],'flavors':[{'name':'m','vcpus':1,'memory_mib':1024}],"                  \
		      "'migration':{'setup_ms':0,'bandwidth_mib_s':100,"                         \
		      "'max_downtime_ms':100,'timeout_s':0},"                                    \
		      "'vms':[{'name':'v1','host':'h0','flavor':'m','dirty':{'model':'uniform'," \
		      "'working_set_mib':600,'rate_pages_s':6000}}]"

/* A guest in haste writes more: bytes go with the factor, beside the chance of which pages are hit. */
Test(luck, of_writing_is_more_bytes)
{
	struct runs runs;
	double low = INFINITY, high = 0, low_bytes = 0, high_bytes = 0, expected, noise = 0;

	runs_create(&runs, BUSY, GO("v1", "h1"));
	expected = take(&runs, 0, 0).bytes;
	for (uint32_t run = 1; run < RUNS; run++) {
		double bytes = take(&runs, run, 0).bytes;

		cr_assert_neq(bytes, expected); /* which pages were hit is drawn for each run */
		noise = fmax(noise, fabs(bytes - expected));
	}
	cr_assert_lt(noise, 0.02 * expected);
	runs.hypervisors.rows[0].dirty_spread = 0.2;
	for (uint32_t run = 1; run < RUNS; run++) {
		double factor = factor_of(&runs, SPREAD_DIRTY, run, 0), bytes = take(&runs, run, 0).bytes;

		if (factor < low) {
			low = factor;
			low_bytes = bytes;
		}
		if (factor > high) {
			high = factor;
			high_bytes = bytes;
		}
	}
	cr_assert(low < 0.8 && high > 1.2);
	cr_assert(low_bytes < expected - 3 * noise && high_bytes > expected + 3 * noise, "%g, %g, %g",
	          low_bytes, expected, high_bytes);
	runs_free(&runs);
}

/* The percentiles lie around the expected run; the same seed gives the same ones, another seed others. */
Test(luck, is_the_seed_s)
{
	enum { MANY = 101 };
	double durations[3][3], first_s = 0;

	for (int i = 0; i < 3; i++) {
		struct simulation_options options = { .seed = i < 2 ? 5 : 6, .runs = MANY, .threads = 1 };
		struct simulation simulation;
		struct runs runs;

		runs_create(&runs, BUSY, GO("v1", "h1"));
		simulation_create(&simulation, &runs.scenario, &options);
		cr_assert_eq(simulation.runs, MANY);
		for (uint32_t run = 0; run < MANY; run++)
			simulation_run(&simulation, run, 0);
		simulation_summarise(&simulation);
		for (int p = 0; p < 3; p++)
			durations[i][p] = simulation.migrations[0].duration_s[p];
		runs.world.hypervisors = NULL;
		first_s = duration_s(&runs, 0, 0);
		simulation_free(&simulation);
		runs_free(&runs);
	}
	for (int p = 0; p < 3; p++) {
		cr_assert_eq(durations[0][p], durations[1][p]);
		cr_assert_neq(durations[0][p], durations[2][p]);
	}
	cr_assert(durations[0][0] < durations[0][1] && durations[0][1] < durations[0][2]);
	cr_assert(durations[0][0] < first_s && first_s < durations[0][2]);
	near_to(durations[0][1], first_s, 0.02 * first_s);
}

/* ------------------------------------------------------------------ set-ups beside each other */

#define CROWD CLUSTER("'bandwidth_mib_s':64")

static void crowd_create(struct runs *ret_runs, const char *cluster, const char *actions)
{
	runs_create(ret_runs, cluster, actions);
	ret_runs->hypervisors.rows[0].setup_ms = 1000;
	ret_runs->hypervisors.rows[0].setup_crowd = 0.5;
}

#define GO_AT(vm, to, at) "{'do':'live-migrate','vm':'" vm "','to':'" to "','at_s':" at ",'concurrent':true}"

/* A set-up takes longer beside another one on its target; the one that was there first does not. */
Test(set_up, takes_longer_in_a_crowd)
{
	struct runs runs;
	double alone_s;

	crowd_create(&runs, CROWD, GO("v1", "h2"));
	alone_s = duration_s(&runs, 0, 0);
	runs_free(&runs);
	crowd_create(&runs, CROWD, GO("v1", "h2") "," GO("v3", "h2") "," GO_AT("v2", "h2", "1.25"));
	near_to(duration_s(&runs, 0, 0), alone_s, 1e-6);
	near_to(duration_s(&runs, 0, 1), alone_s + 0.5, 1e-6);
	near_to(duration_s(&runs, 0, 2), alone_s + 0.5, 1e-6); /* beside v3 only */
	runs_free(&runs);
	/* On another target, or after the others' set-up. */
	crowd_create(&runs, CROWD, GO("v1", "h2") "," GO("v3", "h3") "," GO_AT("v2", "h2", "1.25"));
	for (uint32_t i = 0; i < 3; i++)
		near_to(duration_s(&runs, 0, i), alone_s, 1e-6);
	runs_free(&runs);
}

/* Whoever says how long it takes has said it. */
Test(set_up, that_is_given_is_what_it_is)
{
	struct runs runs;
	double first_s;

	crowd_create(&runs, CLUSTER("'bandwidth_mib_s':64,'setup_ms':1000"),
	             GO("v1", "h2") "," GO("v3", "h2"));
	first_s = duration_s(&runs, 0, 0);
	near_to(duration_s(&runs, 0, 1), first_s, 1e-6);
	runs_free(&runs);
}

/* One that is given up in its set-up is none any more. */
Test(set_up, that_was_given_up_crowds_nobody)
{
	struct runs runs;
	double alone_s;

	crowd_create(&runs, CROWD, GO("v3", "h2"));
	alone_s = duration_s(&runs, 0, 0);
	runs_free(&runs);
	crowd_create(&runs, CROWD,
	             GO("v1", "h2") ",{'do':'fail-host','host':'h0','at_s':0.5,'concurrent':true}," GO_AT(
			     "v3", "h2", "0.75"));
	for (int again = 0; again < 2; again++) { /* the world is used again */
		near_to(duration_s(&runs, 0, 1), alone_s, 1e-6);
		cr_assert_eq(runs.world.moved[0].outcome, OUTCOME_ABORTED);
	}
	runs_free(&runs);
}

/* A prediction takes the hypervisors that it is given. */
Test(predict, goes_by_its_hypervisors)
{
	struct runs runs;
	struct predictor predictor;
	struct prediction shipped, slow;
	struct hypervisors hypervisors = *hypervisors_shipped();

	runs_create(&runs, BUSY, "");
	predictor_create(&predictor);
	predict_lock(&predictor, &runs.state, 0, NULL, 0, 1, SEED, 1e9, &shipped);
	hypervisors.rows[0].stop_ms += 5000;
	predictor.hypervisors = &hypervisors;
	predict_lock(&predictor, &runs.state, 0, NULL, 0, 1, SEED, 1e9, &slow);
	near_to(slow.duration_s[1] - shipped.duration_s[1], 5, 1e-6);
	near_to(slow.worst_downtime_ms[1] - shipped.worst_downtime_ms[1], 5000, 1e-3);
	predictor_free(&predictor);
	runs_free(&runs);
}

/* One run is the expected one; how far others would lie from it is computed, and about as far as they do. */
Test(predict, of_one_run_has_the_width_of_many)
{
	enum { MANY = 101 };
	struct runs runs;
	struct predictor predictor;
	struct prediction one, many, again;

	runs_create(&runs, BUSY, "");
	predictor_create(&predictor);
	predict_lock(&predictor, &runs.state, 0, NULL, 0, 1, SEED, 1e9, &one);
	predict_lock(&predictor, &runs.state, 0, NULL, 0, MANY, SEED, 1e9, &many);
	cr_assert_eq(one.probability_in_window, 1);
	cr_assert(one.duration_s[0] < one.duration_s[1] && one.duration_s[1] < one.duration_s[2]);
	near_to(one.duration_s[1], many.duration_s[1], 0.02 * many.duration_s[1]);
	near_to(log((one.duration_s[2] - one.duration_s[0]) / (many.duration_s[2] - many.duration_s[0])), 0,
	        log(3));
	/* The probability is that of the same distribution. */
	for (int p = 0; p < 3; p++) {
		static const double EXPECTED[] = { 0.1, 0.5, 0.9 };

		predict_lock(&predictor, &runs.state, 0, NULL, 0, 1, SEED, one.duration_s[p], &again);
		near_to(again.probability_in_window, EXPECTED[p], 1e-9);
		cr_assert_eq(again.duration_s[p], one.duration_s[p]);
	}
	/* Without spreads there is no width. */
	predictor.hypervisors = &runs.hypervisors;
	predict_lock(&predictor, &runs.state, 0, NULL, 0, 1, SEED, 1e9, &one);
	cr_assert(one.duration_s[0] == one.duration_s[1] && one.duration_s[1] == one.duration_s[2]);
	predictor_free(&predictor);
	runs_free(&runs);
}

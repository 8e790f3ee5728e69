/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/hypervisor.h"
#include "sim/percentile.h"
#include "sim/predict.h"
#include "sim/random.h"
#include "tests/support/ideal.h"
#include "tests/support/simulated.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS                                                                                          \
	"'hosts':[{'name':'h0','cpus':8,'memory_mib':8192},{'name':'h1','cpus':8,'memory_mib':8192}]," \
	"'flavors':[{'name':'m','vcpus':1,'memory_mib':1024}],'migration':{'bandwidth_mib_s':100},"
#define DUTY                                                                     \
	"'dirty':{'model':'uniform','working_set_mib':200,'rate_pages_s':30000," \
	"'duty':{'period_s':10,'on_fraction':0.3}}"

Test(percentiles, are_those_of_type_7)
{
	double values[] = { 40, 10, 30, 20 }, got[3];

	percentiles_take(values, 4, got);
	cr_assert(fabs(got[0] - 13) < 1e-12 && fabs(got[1] - 25) < 1e-12 && fabs(got[2] - 37) < 1e-12);
	percentiles_take(values, 1, got);
	cr_assert(got[0] == 10 && got[1] == 10 && got[2] == 10);
	percentiles_take(values, 0, got);
	cr_assert(got[0] == 0 && got[2] == 0);
}

/* Uniform enough, and a key of its own for each part. */
Test(random, is_drawn_by_its_key)
{
	double sum = 0;

	for (uint32_t i = 0; i < 10000; i++) {
		double unit = random_unit(7, i, 3, PURPOSE_DUTY_PHASE);

		cr_assert(unit >= 0 && unit < 1);
		sum += unit;
	}
	cr_assert(fabs(sum / 10000 - 0.5) < 0.02, "%g", sum / 10000);
	cr_assert_eq(random_unit(7, 1, 3, PURPOSE_DUTY_PHASE), random_unit(7, 1, 3, PURPOSE_DUTY_PHASE));
	cr_assert_neq(random_unit(7, 1, 3, PURPOSE_DUTY_PHASE), random_unit(8, 1, 3, PURPOSE_DUTY_PHASE));
	cr_assert_neq(random_unit(7, 1, 3, PURPOSE_DUTY_PHASE), random_unit(7, 2, 3, PURPOSE_DUTY_PHASE));
	cr_assert_neq(random_unit(7, 1, 3, PURPOSE_DUTY_PHASE), random_unit(7, 1, 2, PURPOSE_DUTY_PHASE));
	cr_assert_neq(random_unit(7, 1, 3, PURPOSE_DUTY_PHASE), random_unit(7, 1, 3, PURPOSE_WINDOWS));
	cr_assert_neq(random_unit(7, 1, 3, PURPOSE_WINDOWS), random_unit(7, 1, 3, PURPOSE_SPREAD));
}

/* The unit is the key's first 53 bits; 0 would mean no luck at all. */
Test(random, keys_are_never_zero)
{
	for (uint32_t i = 0; i < 10000; i++) {
		uint64_t key = random_key(7, i, 3, PURPOSE_WINDOWS);

		cr_assert_neq(key, 0);
		cr_assert_eq((double)(key >> 11) * 0x1p-53, random_unit(7, i, 3, PURPOSE_WINDOWS));
	}
	/* The one entity of this run whose key would be 0: computed backwards. */
	cr_assert_eq(random_key(7, 1, UINT64_C(0x5168894f05457858), PURPOSE_WINDOWS), 1);
}

static void read_duty(struct scenario *ret_scenario)
{
	struct error error = { "" };

	cr_assert_eq(scenario_try_text(ret_scenario,
	                               "{'schema':'lockkeeper.scenario/1','cluster':{'schema':"
	                               "'lockkeeper.cluster/1','name':'c'," HOSTS
	                               "'vms':[{'name':'v1','host':'h0','flavor':'m'," DUTY "},"
	                               "{'name':'v2','host':'h0','flavor':'m'," DUTY "}]},"
	                               "'actions':[{'do':'lock','host':'h0'}]}",
	                               PROFILE_COUNT, &error),
	             0, "%s", error.text);
}

/* Runs differ by their luck; which thread runs which, and in which order, does not show. */
Test(runs, differ_and_do_not_depend_on_threads)
{
	enum { RUNS = 40 };
	struct scenario scenario;
	struct simulation one, three;
	struct simulation_options options = { .seed = 5, .runs = RUNS, .threads = 1 };
	const struct migration_summary *a, *b;

	read_duty(&scenario);
	simulation_create(&one, &scenario, &options);
	cr_assert_eq(one.runs, RUNS);
	options.threads = 3;
	simulation_create(&three, &scenario, &options);
	for (uint32_t run = 0; run < RUNS; run++) {
		simulation_run(&one, run, 0);
		simulation_run(&three, RUNS - 1 - run, run % 3);
	}
	simulation_summarise(&one);
	simulation_summarise(&three);
	cr_assert_eq(one.migration_count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		a = &one.migrations[i];
		b = &three.migrations[i];
		for (int p = 0; p < 3; p++) {
			cr_assert_eq(a->duration_s[p], b->duration_s[p]);
			cr_assert_eq(a->downtime_ms[p], b->downtime_ms[p]);
			cr_assert_eq(a->bytes[p], b->bytes[p]);
		}
		cr_assert(a->bytes[0] < a->bytes[2]);
		cr_assert_eq(a->probability_converged, 1);
	}
	simulation_free(&one);
	simulation_free(&three);
	scenario_free(&scenario);
}

/* Where nothing is drawn, all of them are like the one. (Once, only one was run then.) */
Test(runs, are_all_the_same_when_nothing_is_drawn)
{
	enum { RUNS = 30 };
	struct simulated run;
	struct simulation again;
	struct simulation_options options = {
		.seed = 5, .runs = RUNS, .threads = 1, .hypervisors = ideal_hypervisors()
	};
	const struct migration_summary *one, *all;

	simulated_run_with(&run, ideal_hypervisors(), PROFILE_STARLINGX,
	                   HOSTS "'vms':[{'name':'v1','host':'h0','flavor':'m','dirty':{'model':'idle',"
	                         "'background_pages_s':0}}]",
	                   "{'do':'lock','host':'h0'}");
	simulation_create(&again, &run.scenario, &options);
	cr_assert_eq(again.runs, RUNS);
	for (uint32_t i = 0; i < RUNS; i++)
		simulation_run(&again, i, 0);
	simulation_summarise(&again);
	one = &run.simulation.migrations[0];
	all = &again.migrations[0];
	for (int p = 0; p < 3; p++) {
		cr_assert_eq(all->duration_s[p], one->duration_s[1]);
		cr_assert_eq(all->bytes[p], one->bytes[1]);
		cr_assert_eq(all->downtime_ms[p], one->downtime_ms[1]);
	}
	simulation_free(&again);
	simulated_free(&run);
}

Test(predict, is_the_simulated_lock_over_many_runs)
{
	enum { RUNS = 25 };
	struct scenario scenario;
	struct simulation simulation;
	struct simulation_options options = { .seed = 9, .runs = RUNS, .threads = 1 };
	struct predictor predictor;
	struct prediction prediction, again;
	struct state state;

	read_duty(&scenario);
	simulation_create(&simulation, &scenario, &options);
	for (uint32_t run = 0; run < RUNS; run++)
		simulation_run(&simulation, run, 0);
	simulation_summarise(&simulation);
	state_create(&state, &scenario.cluster);
	predictor_create(&predictor);
	predict_lock(&predictor, &state, 0, NULL, 0, RUNS, 9, 1800, &prediction);
	cr_assert(prediction.completed && prediction.probability_in_window == 1);
	cr_assert_eq(prediction.duration_s[1], simulation.actions[0].end_s);
	cr_assert(prediction.duration_s[0] < prediction.duration_s[2]);
	predict_lock(&predictor, &state, 0, NULL, 0, RUNS, 9, prediction.duration_s[1], &again);
	cr_assert(again.probability_in_window >= 0.5 && again.probability_in_window < 0.6, "%g",
	          again.probability_in_window);
	for (int p = 0; p < 3; p++)
		cr_assert_eq(again.duration_s[p], prediction.duration_s[p]);
	cr_assert_eq(state.vm_host[0], 0);
	cr_assert(state_host_enabled(&state, 0));
	predictor_free(&predictor);
	state_free(&state);
	simulation_free(&simulation);
	scenario_free(&scenario);
}

Test(predict, says_when_a_guest_never_converges)
{
	struct simulated run;
	struct predictor predictor;
	struct prediction prediction;
	struct state state;

	simulated_run(&run, PROFILE_STARLINGX,
	              HOSTS "'vms':[{'name':'v1','host':'h0','flavor':'m','dirty':{'model':'uniform',"
	                    "'working_set_mib':1000,'rate_pages_s':1000000}}]",
	              "");
	state_create(&state, &run.scenario.cluster);
	predictor_create(&predictor);
	predict_lock(&predictor, &state, 0, NULL, 0, 1, 1, 1800, &prediction);
	cr_assert(!prediction.completed && prediction.probability_in_window == 0);
	predict_lock(&predictor, &state, 1, NULL, 0, 1, 1, 1800, &prediction);
	cr_assert(prediction.completed && prediction.duration_s[2] == 0 && prediction.bytes == 0);
	predictor_free(&predictor);
	state_free(&state);
	simulated_free(&run);
}

/* The form of traces is a promise: golden tests compare them byte by byte. */
Test(trace, is_a_line_an_event)
{
	static const char expected[] =
		"[     0.000000] h0           lock       begins\n"
		"[     0.000000] h0           disabled   takes no new guests\n"
		"[     0.000000] v1           migrates   h0 > h1  cold\n"
		"[     5.000000] v1           starts up  h0 > h1\n"
		"[    10.000000] v1           completed  h0 > h1  in 10.000 s\n"
		"[    10.000000] h0           locked     locked, disabled, online\n"
		"[    10.000000] h0           alarm      200.001 warning: h0 was administratively "
		"locked to take it "
		"out-of-service.\n"
		"[    10.000000] h0           lock       locked\n";
	struct simulation_options options = {
		.seed = 1, .runs = 1, .threads = 1, .trace = true, .record = true
	};
	struct simulated run;
	struct simulation traced;
	size_t length;
	char *csv;

	simulated_run(&run, PROFILE_TITANIUM,
	              HOSTS "'vms':[{'name':'v1','host':'h0','flavor':'m','vifs':[{'model':'pci-sriov'}]}]",
	              "{'do':'lock','host':'h0'}");
	simulation_create(&traced, &run.scenario, &options);
	simulation_run(&traced, 0, 0);
	cr_assert(traced.trace.length == strlen(expected) &&
	                  !memcmp(traced.trace.text, expected, traced.trace.length),
	          "%.*s", (int)traced.trace.length, traced.trace.text);
	csv = recorder_csv(&traced.recorder, &run.scenario.cluster, RECORD_TIMELINE, &length);
	cr_assert_str_eq(csv, "vm,from,to,phase,start_s,end_s,outcome\n"
	                      "v1,h0,h1,switch-over,0.000000,10.000000,completed\n");
	free(csv);
	csv = recorder_csv(&traced.recorder, &run.scenario.cluster, RECORD_LINKS, &length);
	cr_assert_str_eq(csv, "time_s,link,direction,used_mbit_s,capacity_mbit_s\n");
	free(csv);
	simulation_free(&traced);
	simulated_free(&run);
}

static uint32_t lines_with(const char *text, const char *word)
{
	uint32_t count = 0;

	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
		count++;
	return count;
}

Test(record, has_phases_samples_and_links)
{
	struct simulation_options options = { .seed = 1, .runs = 1, .threads = 1, .record = true };
	struct simulated run;
	struct simulation recorded;
	double setup_s = hypervisor_find("qemu-7.2")->setup_ms / 1000;
	char *csv, line[64];
	size_t length;

	simulated_run(&run, PROFILE_NOVA,
	              "'hosts':[{'name':'h0','cpus':8,'memory_mib':8192},{'name':'a,b','cpus':8,"
	              "'memory_mib':8192}],'flavors':[{'name':'m','vcpus':1,'memory_mib':1024}],"
	              "'migration':{'bandwidth_mib_s':10,'max_downtime_ms':50,'timeout_s':4000},"
	              "'vms':[{'name':'v1','host':'h0','flavor':'m','dirty':{'model':'uniform',"
	              "'working_set_mib':100,'rate_pages_s':10000}}]",
	              "{'do':'live-migrate','vm':'v1'}");
	simulation_create(&recorded, &run.scenario, &options);
	simulation_run(&recorded, 0, 0);
	csv = recorder_csv(&recorded.recorder, &run.scenario.cluster, RECORD_TIMELINE, &length);
	snprintf(line, sizeof(line), ",setup,0.000000,%.6f,aborted", setup_s);
	cr_assert_eq(lines_with(csv, line), 1, "%s", csv);
	snprintf(line, sizeof(line), ",copying,%.6f,4000.000000,aborted", setup_s);
	cr_assert_eq(lines_with(csv, line), 1, "%s", csv);
	free(csv);
	csv = recorder_csv(&recorded.recorder, &run.scenario.cluster, RECORD_REMAINING, &length);
	cr_assert(lines_with(csv, "\n") <= RECORD_SAMPLES + 1 && lines_with(csv, "\n") > 20, "%u",
	          lines_with(csv, "\n"));
	free(csv);
	csv = recorder_csv(&recorded.recorder, &run.scenario.cluster, RECORD_LINKS, &length);
	cr_assert_eq(lines_with(csv, "h0,up,"), 2, "%s", csv);
	cr_assert_eq(lines_with(csv, ",down,0.000,"), 1, "%s", csv);
	free(csv);
	simulation_free(&recorded);
	simulated_free(&run);
}

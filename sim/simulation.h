/* SPDX-License-Identifier: GPL-3.0-or-later */
/* simulation: a scenario run many times, and what that came to. */
#ifndef SIM_SIMULATION_H
#define SIM_SIMULATION_H

#include "models/interval.h"
#include "sim/record.h"
#include "sim/trace.h"
#include "sim/world.h"

struct json_doc;
struct run_result;
struct uncertain;
struct worker;

/*
 * A scenario whose numbers are distributions: it is read anew for each run. uncertain has learned what the
 * document says; source's numbers are not used.
 */
struct simulation_draws {
	const struct uncertain *uncertain;
	uint8_t sampling; /* enum sampling */
	const struct json_doc *doc;
	enum profile profile; /* as of scenario_read */
	struct scenario_source source;
};

struct simulation_options {
	uint64_t seed;
	uint32_t runs;            /* at least 1 */
	uint32_t first_run;       /* by which the first one's luck is drawn; for parts of a whole */
	const double *start_hour; /* of the day; NULL: the scenario's */
	bool sums_only;           /* of each run nothing is kept but its sums */
	unsigned threads;         /* at least 1 */
	bool trace, record;       /* of run 0 */
	const struct hypervisors *hypervisors; /* NULL: those that ship */
	bool allowed; /* find the allowed hosts of each action, unless that would be too many */
	const struct simulation_draws *draws; /* NULL: all runs are of the same numbers */
};

/* What the scenario comes to over all runs: each number with the interval in which it lies for sure so far.
 */
enum { SUMMARY_PERCENTILES = 3 };
extern const double summary_shares[SUMMARY_PERCENTILES]; /* 0.5, 0.9, 0.99 */
extern const double summary_confidence;                  /* 0.95 */

struct simulation_summary {
	/* until the last action has ended; INFINITY: not all end as asked */
	struct interval duration_s[SUMMARY_PERCENTILES];
	struct interval worst_downtime_ms[SUMMARY_PERCENTILES], bytes[SUMMARY_PERCENTILES];
	struct interval probability_done;      /* that all actions end as asked … */
	struct interval probability_in_window; /* … and within the window */
};

/* How one action went over all runs. */
struct action_summary {
	enum verdict verdict;    /* the most frequent */
	const char *message;     /* of the first run with that verdict; NULL: none */
	double start_s, end_s;   /* medians */
	const uint32_t *allowed; /* run 0; NULL: not known */
	uint32_t allowed_count;
};

/* One VM's migration by one action over all runs. Of three numbers: 10th, 50th and 90th percentile. */
struct migration_summary {
	uint32_t action;       /* as written in the file */
	uint32_t vm, from, to; /* of the first run with the outcome */
	enum method method;
	enum outcome outcome; /* the most frequent */
	double start_s;       /* median */
	double duration_s[3], bytes[3], iterations[3];
	double downtime_ms[3];        /* of the runs that completed */
	double throttle_percent;      /* median, when it ended */
	double probability_converged; /* of the runs in which it was tried */
};

struct final_state {
	struct host_status *hosts;
	uint32_t *vm_hosts;
	uint8_t *vm_states;
	bool *vm_exists;
};

struct simulation {
	const struct scenario *scenario;
	struct simulation_options options;
	uint32_t runs;
	struct worker *workers;
	struct run_result *results;
	struct trace trace;
	struct recorder recorder;
	struct final_state final; /* run 0 */
	struct arena arena;
	/* filled in by simulation_summarise */
	struct action_summary *actions; /* as written in the file */
	struct migration_summary
		*migrations;  /* in the order in which run 0 started them, others after them */
	struct alarm *alarms; /* run 0 */
	uint32_t migration_count, migration_room, alarm_count;
};

/*
 * The scenario must outlive the simulation; with draws it is the one that was read when uncertain learned,
 * and what draws points to must outlive it too. Free with simulation_free.
 */
void simulation_create(struct simulation *ret_simulation, const struct scenario *scenario,
                       const struct simulation_options *options);
void simulation_free(struct simulation *simulation);

/*
 * One run of [0, simulation->runs), by the given thread of [0, threads); the runs may come in any order and
 * on any thread, with the same result.
 */
void simulation_run(struct simulation *simulation, uint32_t run, unsigned thread);

/*
 * The scenario of a simulation with draws in which it is drawn how many VMs a boot makes
 * (uncertain->counts): as many as in any of so many runs, all else at its median. As scenario_read.
 */
int simulation_read_largest(const struct simulation_draws *draws, uint64_t seed, uint32_t runs,
                            struct scenario *ret_scenario, struct error *error);

/* More runs than before, which are yet to be run. */
void simulation_extend(struct simulation *simulation, uint32_t runs);

/*
 * What was wrong with the numbers that were drawn, of the first run in which something was; 0: nothing.
 * After such, there is nothing to sum up.
 */
int simulation_failed(const struct simulation *simulation, struct error *error);

/* One run's sums, after it. */
const struct run_sums *simulation_run_sums(const struct simulation *simulation, uint32_t run);

/* After all runs, once; not with sums_only. */
void simulation_summarise(struct simulation *simulation);

/* After all runs so far. */
void simulation_sum(const struct simulation *simulation, struct simulation_summary *ret_summary);

/* How much an input's rank tells of the rank of what takes how long (Spearman's coefficient, -1 … 1), by
 * dimension of the inputs; runs that did not end as asked took longest. With draws. */
void simulation_correlate(const struct simulation *simulation, double *ret_coefficients);

/*
 * How long it takes on the average of the runs in which an input is in each quarter of its chances:
 * ret_means_s[4 * dimension + quarter]; NAN where no run ended as asked. ret_mean_s: of all runs. With draws.
 */
void simulation_quarters(const struct simulation *simulation, double *ret_means_s, double *ret_mean_s);

/* Whether every action ended as asked. */
bool simulation_succeeded(const struct simulation *simulation);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* simulate: how the outcome of a simulation is written. */
#ifndef CLI_SIMULATE_H
#define CLI_SIMULATE_H

#include "cli/cli.h"
#include "sim/simulation.h"

/* What many runs came to; made by simulate_report. */
struct simulate_report {
	struct simulation_summary summary;
	double until;         /* the looseness at which it was to stop, a share; 0: none */
	double looseness;     /* of the loosest interval */
	double *coefficients; /* by dimension of the uncertain inputs; NULL: there are none */
	double chance;        /* what the largest of them may well be by chance */
};

/* Sums up all runs. Free with simulate_report_free. */
void simulate_report(const struct simulation *simulation, double until, struct simulate_report *ret_report);
void simulate_report_free(struct simulate_report *report);

/* How loose its loosest interval is: of percentiles as a share of the value, of probabilities as it is. */
double simulate_looseness(const struct simulation_summary *summary);

/* What a summarised simulation came to on standard output, in the form asked for. */
int simulate_print(const struct simulation *simulation, const struct simulate_report *report,
                   enum output output, struct error *error);

/* The report's part of it: as a value, and for people. */
json_t *simulate_report_json(const struct simulation *simulation, const struct simulate_report *report);
int simulate_report_print(const struct simulation *simulation, const struct simulate_report *report,
                          struct error *error);

/* Draws what many runs came to into the folder: how long it takes; which of the uncertain inputs matters. */
int simulate_draw(const struct simulation *simulation, const char *folder, struct error *error);

#endif

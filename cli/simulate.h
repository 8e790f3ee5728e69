/* SPDX-License-Identifier: GPL-3.0-or-later */
/* simulate: how the outcome of a simulation is written. */
#ifndef CLI_SIMULATE_H
#define CLI_SIMULATE_H

#include "cli/cli.h"
#include "sim/simulation.h"

/* Prints what a summarised simulation came to on standard output, in the form asked for. */
int simulate_print(const struct simulation *simulation, enum output output, struct error *error);

#endif

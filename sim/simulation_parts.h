/* SPDX-License-Identifier: GPL-3.0-or-later */
/* simulation_parts: what simulation.c keeps of each run, and summary.c sums up. */
#ifndef SIM_SIMULATION_PARTS_H
#define SIM_SIMULATION_PARTS_H

#include "sim/simulation.h"

struct action_result {
	enum verdict verdict;
	const char *message;
	int64_t start_ns, end_ns;
	const uint32_t *allowed;
	uint32_t allowed_count;
};

/* What is kept of one run. Actions are by where they stand in the file, VMs by the simulation's scenario. */
struct run_result {
	struct arena arena;
	struct action_result *actions;
	struct moved *moved;
	uint32_t moved_count;
	struct run_sums sums;
};

#endif

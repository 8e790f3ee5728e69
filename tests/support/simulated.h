/* SPDX-License-Identifier: GPL-3.0-or-later */
/* simulated: scenarios written in tests, run at once. */
#ifndef TESTS_SUPPORT_SIMULATED_H
#define TESTS_SUPPORT_SIMULATED_H

#include "sim/simulation.h"

/* Reads a scenario; single quotes in the text stand for double ones. 0, or a negative code with *error filled
 * in. */
int scenario_try_text(struct scenario *ret_scenario, const char *text, enum profile profile,
                      struct error *error);

/* A scenario that ran. */
struct simulated {
	struct scenario scenario;
	struct simulation simulation;
};

/*
 * Runs actions (the inside of an array) over a cluster (the inside of an object, without schema and name),
 * both with single quotes. Whatever is wrong with the text ends the test. Free with simulated_free.
 */
void simulated_run(struct simulated *ret_simulated, enum profile profile, const char *cluster,
                   const char *actions);

/* The same with these hypervisors instead of those that ship; they must outlive it. */
void simulated_run_with(struct simulated *ret_simulated, const struct hypervisors *hypervisors,
                        enum profile profile, const char *cluster, const char *actions);

void simulated_free(struct simulated *simulated);

/* What became of the n-th action, and its message ("" when there is none). */
enum verdict simulated_verdict(const struct simulated *simulated, uint32_t action);
const char *simulated_message(const struct simulated *simulated, uint32_t action);

/* Where a VM is at the end ("" nowhere), and in which state. */
const char *simulated_host(const struct simulated *simulated, const char *vm);
const char *simulated_state(const struct simulated *simulated, const char *vm);

/* "unlocked/enabled/available", … of a host at the end. */
const char *simulated_status(const struct simulated *simulated, const char *host, char text[64]);

/* The n-th migration as text: "v1 h0>h1 live completed". */
const char *simulated_move(const struct simulated *simulated, uint32_t index, char text[256]);

#endif

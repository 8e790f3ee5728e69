/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread: how far one migration may lie from the next in the same place. */
#ifndef MODELS_SPREAD_H
#define MODELS_SPREAD_H

struct hypervisor;

/* What is drawn for a migration. */
enum spread_of {
	SPREAD_SETUP,
	SPREAD_RATE,
	SPREAD_USED,
	SPREAD_DIRTY,
	SPREAD_STOP,
	SPREAD_SHARE,
	SPREAD_COUNT
};

/*
 * The factor on what the model expects (1: just that), for a uniform number in [0, 1): log-normal with the
 * hypervisor's spread, by inverse CDF; beyond the 0.1 % at either end it stays what it is there.
 */
double spread_factor(const struct hypervisor *hypervisor, enum spread_of of, double unit);

#endif

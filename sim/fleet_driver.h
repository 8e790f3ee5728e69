/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fleet_driver: a backend whose world is a fleet of simulated hosts, and whose lines to them can fail. */
#ifndef SIM_FLEET_DRIVER_H
#define SIM_FLEET_DRIVER_H

#include "core/executor.h"
#include "sim/fleet.h"

struct fleet_order; /* under way to a host, or an answer under way back */

/* What makes a run bad. */
struct fleet_faults {
	double late_share; /* of the answers: up to `late_s` late */
	double late_s;
	double twice_share; /* of the answers come twice */
};

struct fleet_driver {
	struct backend backend; /* first: what core/run is given */
	struct fleet *fleet;
	const struct executor *executor;
	struct fleet_faults faults;
	struct fleet_order *orders;
	uint32_t order_count, order_room;
	uint64_t sequence;
	int64_t *cut_ns; /* by host: it cannot be reached until then; 0: it can */
	/* Called at times that the owner wants, to let things befall the fleet; TIME_NEVER: no more. */
	int64_t (*befall)(void *context, struct fleet_driver *driver);
	void *befall_context;
	int64_t befall_ns;
	char why[256];
	struct stock_change *changes; /* of the stock with … */
	uint32_t stock_token;
};

/* Fleet and executor must outlive it. It listens to the fleet until it is closed (backend.close). */
void fleet_driver_create(struct fleet_driver *ret_driver, struct fleet *fleet,
                         const struct executor *executor, const struct fleet_faults *faults);

/* Contact with a host is lost for so long. */
void fleet_driver_cut(struct fleet_driver *driver, uint32_t host, double seconds);

#endif

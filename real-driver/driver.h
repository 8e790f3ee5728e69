/* SPDX-License-Identifier: GPL-3.0-or-later */
/* driver: a backend (core/backend.h) of real hosts: what the migration core orders is done by libvirt. */
#ifndef REAL_DRIVER_DRIVER_H
#define REAL_DRIVER_DRIVER_H

#include "core/backend.h"
#include "core/plan.h"
#include "core/timing.h"
#include "real-driver/disks.h"

/* Where a VM is, as the core believes. */
struct driver_belief {
	uint32_t host; /* NONE: nowhere */
	uint8_t state; /* enum vm_state */
};

enum { DRIVER_LOOK_S = 10 };

struct driver_options {
	const struct libvirt_calls *calls; /* NULL: the library's */
	const struct timing *timings;      /* of each of the plan's moves */
	/* Where each host receives memory, "tcp://10.0.0.1"; NULL, or NULL in it: it says so itself. */
	const char *const *migration_uris;
	bool tls; /* the memory goes encrypted, by certificates that QEMU has */
	/* Domains that the cluster does not know may run on its hosts; else a plan is stale by them. */
	bool strangers;
	/* A host that does not answer leaves the stock unknown, also when the plan has nothing to do with it.
	 */
	bool every_host;
	struct shared_paths shared;
	void *context; /* of the functions below */
	/* Fills in one belief a VM. Called within submit, by its thread. NULL: the cluster file's. */
	void (*believed)(void *context, struct driver_belief *ret_beliefs);
	/*
	 * Whether the rest of the plan is safe after these changes: an enum taking; why not in ret_why.
	 * Called by a thread of the driver; it may take its time. NULL: safe when nothing has changed.
	 */
	uint8_t (*verify)(void *context, const struct stock_change *changes, uint32_t count, char *ret_why,
	                  size_t room);
	/* Seconds; 0: what stands behind. */
	double poll_s;  /* between two looks at a migration's statistics: 0.5 */
	double look_s;  /* a host that takes longer to say what it has is silent: 10 */
	double reach_s; /* a host is waited for so long when something is to be done on it: 10 */
	double stop_s;  /* a guest that takes longer to shut down does not: 120 */
	double grace_s; /* at the end, calls that libvirt has not answered are waited for: 3 */
};

/*
 * Connects in the background; needs cluster, plan and what the options point to until it is closed. Times of
 * events are of the day, and never go back. No EVENT_BEGIN, EVENT_RESUMED: those are the caller's.
 *
 * close() gives nothing up: migrations under way go on between the hosts. It returns after grace_s at most;
 * threads that libvirt still keeps waiting then are left behind, and touch nothing of the caller's.
 */
struct backend *driver_open(const struct cluster *cluster, const struct plan *plan,
                            const struct driver_options *options);

/* EVENT_ABORT, as an operator wants it. By any thread, but not by a signal's handler. */
void driver_abort(struct backend *backend);

/* Waits until each host was reached, or has failed, once; so long at most. */
void driver_settle(struct backend *backend, double timeout_s);

#endif

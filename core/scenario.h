/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scenario: a scenario file (lockkeeper.scenario/1) in memory: what happens to a cluster, and when. */
#ifndef CORE_SCENARIO_H
#define CORE_SCENARIO_H

#include "core/rules.h"

enum action_kind {
	ACTION_LOCK,
	ACTION_FORCE_LOCK,
	ACTION_UNLOCK,
	ACTION_LIVE_MIGRATE,
	ACTION_COLD_MIGRATE,
	ACTION_EVACUATE,
	ACTION_RESIZE,
	ACTION_BOOT,
	ACTION_STOP,
	ACTION_START,
	ACTION_PAUSE,
	ACTION_SUSPEND,
	ACTION_RESUME,
	ACTION_DELETE,
	ACTION_ADD_HOST,
	ACTION_FAIL_HOST,
	ACTION_SET_GROUP,
	ACTION_LINK,
	ACTION_KINDS
};

/* The words of `do`, in the enumeration's order, NULL at the end. */
extern const char *const *const action_words;

/* What a set-group changes; what it does not name is NO_CHANGE, for best_effort -1, for the policy
 * POLICY_UNSAID. */
enum { NO_CHANGE = -1, POLICY_UNSAID = 255 };

struct group_change {
	int64_t max_per_host;
	int64_t size; /* UNLIMITED: null, no limit */
	uint8_t policy;
	int8_t best_effort;
};

/* One action. Indexes that its kind does not use are NONE. */
struct action {
	uint8_t kind;
	uint8_t block; /* live-migrate: enum block */
	bool force, concurrent;
	int64_t at_ns;
	uint32_t host, vm;
	uint32_t to; /* NONE: the platform chooses */
	uint32_t flavor, group;
	const uint32_t *order; /* lock: VMs that come first, in this order */
	uint32_t order_count;
	/* Of a plan's moves, not of files: it begins when these have ended as asked. No index is before its
	 * own. */
	const uint32_t *after;
	uint32_t after_count;
	/* Of a plan's live migrations: it waits until each link on its way has so much left to reserve, or
	 * all. 0: it reserves nothing. */
	int64_t reserve_bytes_s;
	uint32_t min_count, max_count; /* boot … */
	uint32_t vm_first;             /* … its VMs are vm_first … vm_first + max_count - 1 */
	double nic_mbit_s;
	struct group_change change;
	const char *name; /* boot: the name as written */
};

struct scenario {
	struct cluster cluster;  /* with the hosts that are added later and the VMs that are booted later at
	                            the end */
	uint32_t hosts_at_start; /* hosts from here on are added by an action */
	uint32_t vms_at_start;   /* VMs from here on are booted by an action */
	struct action *actions;  /* in the order in which they run; in the cluster's arena */
	uint32_t *as_written;    /* actions[i] is the file's as_written[i]-th */
	uint32_t action_count;
	uint64_t seed;
	uint32_t runs;
	double window_s;
	double start_hour; /* the hour of the day at 0 s, in [0, 24); -1: not said, loads are as written */
};

struct read_numbers; /* core/read.h */

/*
 * Reads the cluster that a scenario names by its path. path: as written in the scenario. numbers: as of
 * cluster_read_value; the document that they were read from must outlive their context. Fills *error and
 * returns a negative code when it can't. Called by several threads at a time when they share a context, for
 * a path that was loaded before.
 */
typedef int (*scenario_load)(void *context, const char *path, enum profile profile,
                             const struct read_numbers *numbers, struct cluster *ret_cluster,
                             struct error *error);

/* What a scenario's file leaves to others. */
struct scenario_source {
	scenario_load load;                 /* NULL: its cluster must be in place */
	void *context;                      /* for load */
	const struct read_numbers *numbers; /* NULL: its numbers are no distributions */
};

/*
 * Reads a parsed scenario: every member is checked as in cluster_read, names must be those of the cluster or
 * of an add-host or boot of the scenario. profile < PROFILE_COUNT goes before the file's. source's load is
 * called at most once; NULL: it has none of anything. The document is not needed afterwards. Free with
 * scenario_free.
 */
int scenario_read(struct scenario *ret_scenario, const struct json_doc *doc, enum profile profile,
                  const struct scenario_source *source, struct error *error);

/* A scenario in memory: locks hosts of a cluster, one after another. The cluster is taken over. */
void scenario_lock(struct scenario *ret_scenario, struct cluster *cluster, const uint32_t *hosts,
                   uint32_t count);

void scenario_free(struct scenario *scenario);

/* Moves a scenario to another place; the old one is empty then. */
void scenario_move(struct scenario *ret_scenario, struct scenario *scenario);

#endif

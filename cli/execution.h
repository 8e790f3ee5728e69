/* SPDX-License-Identifier: GPL-3.0-or-later */
/* execution: what execute, resume, status and replay share: a plan, its journal, and the core in between. */
#ifndef CLI_EXECUTION_H
#define CLI_EXECUTION_H

#include "cli/cli.h"
#include "core/run.h"
#include "real-driver/driver.h"

#include <time.h>

/* What the driver of real hosts is told beside the plan; kept in the journal, so that resume does the same.
 */
struct execution_options {
	uint32_t parallel_most; /* live migrations that leave a host at a time; 0: as the files say */
	uint32_t tries;         /* of one move */
	double patience_s;      /* so long what is unclear is looked at */
	bool tls, strangers;
	bool simulated;    /* in virtual time: no host knows of it … */
	uint64_t seed;     /* … with this luck … */
	double pace;       /* … so many seconds of it a second; 0: as fast as it goes */
	const char *watch; /* how it stands is written there while it goes on; NULL: nowhere */
	const char **uris; /* "HOST=tcp://…" */
	uint32_t uri_count;
	const char **shared;
	uint32_t shared_count;
	int64_t expires_unix_s; /* nothing starts from then on; 0: never */
};

struct execution {
	struct execution_options options;
	struct json_doc *cluster_doc, *plan_doc;
	struct cluster cluster;
	struct plan plan;
	struct executor executor;
	struct journal *journal;
	bool has_cluster, has_plan, has_executor;
};

struct execution_options execution_options_default(void);

/* The options of execute as children of its argp; input: a struct execution_options. */
extern const struct argp execution_argp;

/* Documents as text; taken over. The plan must be for the cluster: if not, *ret_stale and an error. */
int execution_read(struct execution *execution, const char *cluster_name, char *cluster,
                   size_t cluster_length, const char *plan_name, char *plan, size_t plan_length,
                   bool *ret_stale, struct error *error);

/* Whether the file may be a journal: SQLite would say little, and change what belongs to somebody else. */
int execution_check_journal(const char *path, struct error *error);

/* Opens a journal and reads all that it was given. The executor is where it was before the first event. */
int execution_open(struct execution *execution, const char *path, bool read_only, struct error *error);

/* The journal's head. The caller json_free()s the value and free()s the texts of *ret_head. */
int execution_create_journal(struct execution *execution, const char *path, const char *cluster_text,
                             const char *plan_text, const char *approvals, struct error *error);

/* The executor where it was before the first event, again. */
void execution_rewind(struct execution *execution);

void execution_free(struct execution *execution);

/*
 * Carries it out on the hosts' libvirt: first is EVENT_BEGIN or EVENT_RESUMED. Says on standard error how it
 * goes. *ret_end: how it ended. Interrupts stop it cleanly; a second one leaves it as a crash would.
 */
int execution_drive(struct execution *execution, enum event_kind first, enum executor_end *ret_end,
                    struct error *error);

/*
 * Looks at the hosts, has the plan proven from there, and checks the target of each move that waits for no
 * other; starts nothing. *ret_end: EXECUTOR_DONE, all could start; EXECUTOR_STALE; EXECUTOR_STOPPED: not all.
 */
int execution_rehearse(struct execution *execution, enum executor_end *ret_end, struct error *error);

/*
 * Carries it out in virtual time, on hosts that always answer (sim/fleet.h): first is EVENT_BEGIN, or
 * EVENT_RESUMED with a journal that was written so: its hosts are brought to where they were. With a pace,
 * interrupts and `lockkeeper abort` stop it as they stop a driver.
 */
int execution_simulate(struct execution *execution, enum event_kind first, enum executor_end *ret_end,
                       struct error *error);

/* How it is shown while it goes on. */
struct execution_shown {
	struct execution *execution;
	bool terminal, failed; /* failed: the file cannot be written, which was said */
	uint32_t lines;        /* on the terminal, to be written over */
	time_t said_s;
	int64_t written_ms;
};

struct execution_shown execution_shown(struct execution *execution);

/* After each step: on standard error, and in options.watch. */
void execution_show(struct execution_shown *shown, const struct event *event);

/* Writes options.watch a last time. */
void execution_show_end(struct execution_shown *shown);

/* What is left of the plan's predicted time: until the latest end that its moves to come were predicted, s.
 */
double execution_left_s(const struct execution *execution);

/* How it stands: lockkeeper.execution/1. The caller json_free()s it. */
json_t *execution_json(const struct execution *execution, bool is_running);

/* The same on standard output, or as a table or CSV. */
int execution_print(const struct execution *execution, enum output output, bool is_running,
                    struct error *error);

/* The program's exit code for an end, with one line that says why on standard error. */
int execution_exit(const struct execution *execution, enum executor_end end);

/*
 * One driver a cluster: takes the locks of all its hosts, by their URIs, until the program ends. Fails when
 * another process holds one.
 */
int execution_lock(const struct execution *execution, struct error *error);

/* Says to others that this process carries on what the journal is of, until it ends; fails as above. */
int execution_lock_journal(const char *path, struct error *error);

/* Whether a process does, as far as the locks tell. */
bool execution_is_carried_on(const char *path);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* runs_parts: what the parts of runs share. */
#ifndef WEB_RUNS_PARTS_H
#define WEB_RUNS_PARTS_H

#include "web/runs.h"

#include <sys/types.h>

enum { RUN_ID_ROOM = 32, RUN_USER_ROOM = 128, RUN_WHY_ROOM = 1024 };

/* One move, as the execution last told of it. */
struct run_move {
	char *text; /* of lockkeeper.execution/1 */
	uint32_t vm, to;
	bool going, done, applied; /* applied: the site knows that it is done */
};

struct run {
	struct runs *runs;
	char id[RUN_ID_ROOM];
	char user[RUN_USER_ROOM], approved_by[RUN_USER_ROOM];
	char why[RUN_WHY_ROOM]; /* why it is not done; empty: nothing to say */
	uint8_t kind, state;    /* enum run_kind, run_state */
	uint32_t host, vm, to;
	int64_t created_s, ended_s; /* of the day; 0: not yet */
	uint64_t revision;          /* of the site that it was planned for */
	uint32_t approvals;
	bool is_signed; /* by this server's key: one approval of them */
	bool cancelled; /* somebody wants it to end */
	/* What runs now. */
	bool working; /* a thread is at it */
	pid_t child;
	/* What is seen of the execution. */
	struct run_move *moves;
	uint32_t move_count, moves_done;
	double elapsed_s, left_s;
	int64_t seen_ns, seen_bytes; /* of the file in which it tells */
	int64_t applied_ms;
};

struct runs {
	const struct web_options *options;
	struct site *site;
	struct board *board;
	struct news *news;
	char folder[PATH_MAX / 2], locks[PATH_MAX / 2];
	char key[PATH_MAX], signers[PATH_MAX];
	pthread_mutex_t lock;    /* of all runs; never held while something is waited for */
	pthread_cond_t idle;     /* a thread has ended */
	pthread_mutex_t journal; /* one journal is gone over at a time */
	struct run **all;        /* by their beginning */
	uint32_t count, room, working;
	bool over;
	uint32_t *moving; /* by VM: how many runs are moving it */
	pthread_t follower;
	bool has_follower;
};

/* ------------------------------------------------------------------ files (web/runs_files.c) */

/* The path of a file of a run. */
void run_path(const struct run *run, const char *name, char ret_path[PATH_MAX]);

/* Writes run.json. Under the lock. */
void run_save(struct run *run);

/* Reads run.json: NULL when it is none. */
struct run *run_load(struct runs *runs, const char *id);

/* A document of a run; NULL: it is not there, or no document. The caller frees it. */
struct json_doc *run_document(const struct run *run, const char *name);

/* A file that is locked as long as a run's execution lives; -1: it lives. */
int run_take_life(const struct run *run);

/* ------------------------------------------------------------------ work (web/runs_work.c) */

/* Another state, written down and told. Under the lock. */
void run_set(struct run *run, enum run_state state, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Begins what a thread does for a run; false: the server ends. Under the lock. */
bool run_work(struct run *run, void (*work)(struct run *run));

void work_plan(struct run *run);
void work_approve(struct run *run); /* and carry out, once there are enough approvals */
void work_execute(struct run *run);
void work_resume(struct run *run);
void work_follow(struct run *run); /* of an execution that an earlier server began */
void work_force_lock(struct run *run);

/* What the execution tells, when that is new. */
void run_look(struct run *run);

/* One run in short. Under the lock. */
json_t *run_json(const struct run *run);

void run_free(struct run *run);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* runs: what operators have done with the cluster: planned, approved, carried out, and what came of it. */
/*
 * Each has a folder with the files that the command line would have made: cluster, plan, approval, journal.
 * The commands that make them run as processes; what executes goes on when the server ends, and is found
 * again. run.json says how far it is; what it says is never ahead of the other files.
 */
#ifndef WEB_RUNS_H
#define WEB_RUNS_H

#include "web/board.h"
#include "web/news.h"
#include "web/site.h"
#include "web/web.h"

enum run_kind { RUN_LOCK, RUN_MIGRATE, RUN_FORCE_LOCK, RUN_UNLOCK, RUN_KINDS };

enum run_state {
	RUN_PLANNING,
	RUN_REFUSED,   /* there is no plan, and why */
	RUN_PLANNED,   /* waits for approval */
	RUN_APPROVING, /* is being proven and signed */
	RUN_GOING,
	RUN_DONE,
	RUN_STOPPED,     /* something is left to do: can be resumed */
	RUN_STALE,       /* the cluster is not as the plan has it: plan again */
	RUN_UNCLEAR,     /* a person must look */
	RUN_INTERRUPTED, /* nobody carries it on: can be resumed */
	RUN_CANCELLED,   /* before anything moved */
	RUN_FAILED,      /* a command could not do its work, and why */
	RUN_STATES
};

extern const char *const *const run_kind_words;
extern const char *const *const run_state_words;

/* What is wanted. */
struct run_wish {
	uint8_t kind;    /* enum run_kind */
	uint32_t host;   /* to be locked, unlocked; NONE: of a migration */
	uint32_t vm, to; /* of a migration; else NONE */
	const char *user;
};

struct runs;

/* Finds what earlier servers have left, and goes on with it. */
int runs_open(struct runs **ret_runs, const struct web_options *options, struct site *site,
              struct board *board, struct news *news, struct error *error);

/* Nothing new is begun, and what follows executions ends; they go on. */
void runs_end(struct runs *runs);

/* false: a thread waits for an execution still, and nothing was freed. */
bool runs_close(struct runs *runs);

/*
 * Begins one: its answer is the run, or an error (HTTP_CONFLICT: the wish makes no sense now). A migration is
 * approved by whoever wants it, a lock waits for approval.
 */
void runs_begin(struct runs *runs, const struct run_wish *wish, struct http_reply *ret_reply);

/* What can be done with one; each answers with the run as it is then. */
void runs_approve(struct runs *runs, const char *id, const char *user, const json_t *approval,
                  struct http_reply *ret_reply);
void runs_plan_again(struct runs *runs, const char *id, const char *user, struct http_reply *ret_reply);
void runs_cancel(struct runs *runs, const char *id, struct http_reply *ret_reply);
void runs_resume(struct runs *runs, const char *id, const char *user, struct http_reply *ret_reply);

/* All of them in short, the last first; one of them in full; its journal, step by step. */
void runs_list(struct runs *runs, uint64_t offset, uint64_t limit, struct http_reply *ret_reply);
void runs_show(struct runs *runs, const char *id, struct http_reply *ret_reply);
void runs_journal(struct runs *runs, const char *id, struct http_reply *ret_reply);

/* A file of one: "plan.json", "cluster.json", "refusal.json" (why there is no plan), "approval-1.json". */
void runs_file(struct runs *runs, const char *id, const char *name, struct http_reply *ret_reply);

/* Whether a VM is moving right now, as far as a run of ours moves it. */
bool runs_is_moving(struct runs *runs, uint32_t vm);

/* The run that is under way on a host (to be locked); empty: none. */
void runs_of_host(struct runs *runs, uint32_t host, char ret_id[32], uint8_t *ret_state);

/* Whether one carries something out. */
bool runs_are_going(struct runs *runs);

/* For /metrics: how many there are in each state. */
void runs_count(struct runs *runs, uint64_t ret_counts[RUN_STATES]);

#endif

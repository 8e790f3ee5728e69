/* SPDX-License-Identifier: GPL-3.0-or-later */
/* board: the lock board: for each host whether it can be locked, found out beside the server. */
/*
 * A process of its own (lockkeeper check --requests) answers, over the cluster as it is now: hosts that
 * somebody looks at first, then all others. When the cluster changes it is begun anew.
 */
#ifndef WEB_BOARD_H
#define WEB_BOARD_H

#include "web/news.h"
#include "web/site.h"
#include "web/web.h"

/* What is known of one host, in short. */
struct board_row {
	bool known;      /* the rest is filled in … */
	bool old;        /* … of the cluster as it was before, and is looked at again */
	uint8_t stock;   /* an index of board_stock_words */
	uint8_t planned; /* of board_planned_words */
	uint32_t moves;  /* of the plan */
	bool predicted;
	double duration_s, downtime_ms; /* medians */
	char *why;                      /* why not, in words; NULL: it can be locked */
	bool helped;                    /* what would help was looked for … */
	char *help;                     /* … the smallest change; NULL: none is known */
};

extern const char *const board_stock_words[], *const board_planned_words[];

struct board;

/* For a site, which must outlive it. topic: the name of the event that tells how far it is, with `id` as its
 * member (NULL: none). Free with board_close. */
struct board *board_open(const struct web_options *options, const struct site *site, struct news *news,
                         const char *topic, const char *id);

/* No question is waited for any more. Before the server of HTTP is closed. */
void board_end(struct board *board);
void board_close(struct board *board);

/* The cluster's file is another. */
void board_renew(struct board *board);

/* Somebody looks at these hosts: they come first; for those that cannot be emptied, also what would help. */
void board_want(struct board *board, const uint32_t *hosts, uint32_t count);

/* Rows are looked at between these two. */
const struct board_row *board_look(struct board *board);
void board_look_away(struct board *board);

enum { BOARD_WRONG_ROOM = 1024 };

/* How far it is. */
struct board_progress {
	uint32_t known, hosts;        /* known: of the cluster as it is now */
	char wrong[BOARD_WRONG_ROOM]; /* why it cannot go on; empty: nothing is wrong */
};
struct board_progress board_progress(struct board *board);

/* lockkeeper.check/1 of one host, in full: answered at once when it is known, else later. */
void board_answer(struct board *board, uint32_t host, struct http_request *request,
                  struct http_reply *ret_reply);

#endif

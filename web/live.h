/* SPDX-License-Identifier: GPL-3.0-or-later */
/* live: what the hosts' libvirt says is there, looked at again and again, so that the site is as they are. */
#ifndef WEB_LIVE_H
#define WEB_LIVE_H

#include "web/board.h"
#include "web/runs.h"

struct live;

enum { LIVE_WRONG_ROOM = 256 };

/* Looks at all hosts now and every few seconds, by a thread of its own. All hosts must have a uri. */
struct live *live_open(struct site *site, struct board *board, struct runs *runs, struct news *news);

/* No more is looked at, but what is known can still be asked for; then it is freed. */
void live_end(struct live *live);
void live_free(struct live *live);

/* What cannot be known: a host that does not answer, an instance that runs twice; empty: nothing. */
void live_wrong(struct live *live, char ret_wrong[LIVE_WRONG_ROOM]);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* whatifs: the cluster as it would be, changed in memory and in a folder of its own, with its lock board. */
#ifndef WEB_WHATIFS_H
#define WEB_WHATIFS_H

#include "web/board.h"
#include "web/runs.h"

struct whatifs;

struct whatifs *whatifs_create(const struct web_options *options, struct site *site, struct runs *runs,
                               struct news *news);
void whatifs_end(struct whatifs *whatifs); /* before the server of HTTP is closed */
void whatifs_free(struct whatifs *whatifs);

/*
 * Begins one from the body's "edits": [{"path", "value"} or {"path", "scale"}], paths as in a sweep's
 * factors, below "cluster" ("cluster.hosts[compute-1].memory_mib"). Answers {"id", "changed"}: how many
 * values. The oldest ones go when there are too many.
 */
void whatifs_begin(struct whatifs *whatifs, const struct http_request *request, struct http_reply *ret_reply);

/* Of ?id=: its hosts, as list_hosts; one host in full, ?host=; the scenario file that says the same, which
 * locks ?host= where that is given. */
void whatifs_hosts(struct whatifs *whatifs, const struct http_request *request, struct http_reply *ret_reply);
void whatifs_check(struct whatifs *whatifs, struct http_request *request, struct http_reply *ret_reply);
void whatifs_scenario(struct whatifs *whatifs, const struct http_request *request,
                      struct http_reply *ret_reply);

#endif

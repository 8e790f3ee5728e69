/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lists: instances, hosts and groups, page by page: searched, filtered and sorted here, not in browsers. */
#ifndef WEB_LISTS_H
#define WEB_LISTS_H

#include "web/board.h"
#include "web/runs.h"

/*
 * Each answers {"schema", "revision", "total", "offset", the list}. Members of the query: `search` (any of
 * what is shown has it), `sort` (a column, "-" before it: the other way round), `offset`, `limit` (= 50, at
 * most 500), and filters by column.
 */
void list_instances(struct site *site, struct runs *runs, const struct http_request *request,
                    struct http_reply *ret_reply);
void list_hosts(struct site *site, struct board *board, struct runs *runs, const struct http_request *request,
                struct http_reply *ret_reply);
void list_groups(struct site *site, const struct http_request *request, struct http_reply *ret_reply);

/* One group: its members, where they are, whether it holds. */
void show_group(struct site *site, const struct http_request *request, struct http_reply *ret_reply);

#endif

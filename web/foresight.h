/* SPDX-License-Identifier: GPL-3.0-or-later */
/* foresight: where an instance could go, and what its migration would do, answered at once. */
#ifndef WEB_FORESIGHT_H
#define WEB_FORESIGHT_H

#include "web/http.h"
#include "web/site.h"
#include "web/web.h"

struct foresight;

struct foresight *foresight_create(const struct web_options *options, struct site *site);
void foresight_free(struct foresight *foresight);

/*
 * lockkeeper.targets/1 of ?vm=. With `limit` one page of it: hosts that may be taken first, by their rank,
 * `search` in their names; `total` and `offset` are members then, and `reason` the VM's own when it cannot
 * move at all.
 */
void answer_targets(struct site *site, const struct http_request *request, struct http_reply *ret_reply);

/*
 * lockkeeper.prediction/1: what the migration of ?vm= to ?to= would do, as `plan --place` says it: "method",
 * "duration_s", "downtime_ms", "bytes", "completes", "broken_groups"; or "reasons" why it cannot be.
 */
void answer_prediction(struct foresight *foresight, const struct http_request *request,
                       struct http_reply *ret_reply);

#endif

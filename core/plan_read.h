/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan_read: a plan file (lockkeeper.plan/1), read against the cluster that it is carried out on. */
#ifndef CORE_PLAN_READ_H
#define CORE_PLAN_READ_H

#include "core/plan.h"

/*
 * Whether a plan was made for the cluster in this very state: the digests are the same. To be asked before
 * plan_read, which knows nothing of what the cluster no longer has. Fails when the document is no plan.
 */
int plan_is_for(const struct json_doc *doc, const struct cluster *cluster, bool *ret_is, struct error *error);

/*
 * Reads a plan. What it says is well formed and about this cluster, but not proven: that is
 * lockkeeper-verify's to do. Moves are put in an order in which `after` points backwards; those of which
 * neither has to wait for the other stay as they were in the file, but for what is pulled before one that
 * waits for it. Ids stay. The document is not needed afterwards. Free with plan_free, not after a failure.
 */
int plan_read(struct plan *ret_plan, const struct json_doc *doc, const struct cluster *cluster,
              struct error *error);

/* The schema, for those who write and sign plans. */
#define PLAN_SCHEMA "lockkeeper.plan/1"

#endif

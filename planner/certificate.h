/* SPDX-License-Identifier: GPL-3.0-or-later */
/* certificate: why hosts cannot be emptied, as a document that lockkeeper-verify checks (docs/proofs.md). */
#ifndef PLANNER_CERTIFICATE_H
#define PLANNER_CERTIFICATE_H

#include "planner/facts.h"

/* The document (lockkeeper.certificate/1) of a fact. The caller json_free()s it. */
json_t *certificate_json(const struct fact *fact, const struct amounts *amounts, const uint32_t *hosts,
                         uint32_t host_count);

/*
 * Adds what people want to know: the VMs, groups and hosts that stand in each other's way, the fact in words,
 * and what would help. texts[0 … count): of advice.h.
 */
void certificate_explain(json_t *certificate, const struct fact *fact, const struct amounts *amounts,
                         const char *const *texts, uint32_t count);

/* The fact in one line, for people. */
void fact_text(const struct fact *fact, const struct amounts *amounts, char *text, size_t room);

#endif

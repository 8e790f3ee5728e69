/* SPDX-License-Identifier: GPL-3.0-or-later */
/* approval: plans signed by people with their SSH keys, and whether those signatures hold
 * (lockkeeper.approval/1). */
#ifndef CLI_APPROVAL_H
#define CLI_APPROVAL_H

#include "core/json.h"
#include "core/moment.h"

/* What a signature is for: one made for anything else does not count (PROTOCOL.sshsig). */
#define APPROVAL_NAMESPACE "lockkeeper-plan"

/*
 * The bytes that are signed: the canonical bytes of the plan with its `expires_at` put in; the caller
 * free()s them.
 */
char *approval_bytes(const json_t *plan, int64_t expires_unix_s, size_t *ret_length);

/* When a plan expires by itself: its `expires_at`; MOMENT_LAST_S when it has none, or none that can be read.
 */
int64_t approval_plan_expires(const json_t *plan);

/*
 * Signs a plan that plan_read takes, and that expires no earlier by itself. key: a file as `ssh-keygen -Y
 * sign -f` takes it, a private key, or a public one whose other half is in ssh-agent; ssh-keygen asks for a
 * passphrase on the terminal. *ret_approval is the document; the caller json_free()s it.
 */
int approval_sign(const json_t *plan, int64_t expires_unix_s, const char *key, json_t **ret_approval,
                  struct error *error);

struct approval_question {
	const json_t *plan;
	const char *const *paths; /* files of approvals */
	uint32_t count;
	const char *
		signers; /* who may approve: a file as `ssh-keygen -Y verify -f` takes it (ALLOWED SIGNERS) */
	uint32_t needed; /* at least 1: approvals by so many people, each with another key */
	int64_t now_unix_s;
};

struct approval_answer {
	bool approved;
	int64_t expires_unix_s; /* the first of those that count; nothing may start from then on */
	uint32_t counted;
	char by[512];   /* whose approvals count: "alice, bob" */
	char why[1024]; /* not approved: one line that says why */
};

/*
 * Whether a plan is approved: each approval is for exactly these bytes, has not expired, outlives no
 * expires_at of the plan itself, and is signed by a key that the signers' file allows for APPROVAL_NAMESPACE
 * now. Two of them count as one when they have a key or a name in common. "No" is an answer, not a failure;
 * it fails when a file cannot be read or is malformed, or ssh-keygen is not there.
 */
int approval_check(const struct approval_question *question, struct approval_answer *ret_answer,
                   struct error *error);

#endif

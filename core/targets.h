/* SPDX-License-Identifier: GPL-3.0-or-later */
/* targets: where a VM may go, why not elsewhere, and which host auto-scheduling takes. */
#ifndef CORE_TARGETS_H
#define CORE_TARGETS_H

#include "core/schedule.h"

/* The most reasons that are given about one host. */
enum { TARGETS_REASONS_MOST = 24 };

/* What is known of one VM's targets, in a state that must outlive it and stay as it is. */
struct targets {
	const struct state *state;
	uint32_t vm, best;      /* best: what auto-scheduling takes; NONE: no host */
	enum method method;     /* how the profile's lock would move it */
	bool forbidden;         /* no live migration at all … */
	struct reason reason;   /* … and why */
	struct request request; /* as the profile's lock would move it */
	uint32_t *ranks;        /* by host: what auto-scheduling would consider, 1 first; 0: not this one */
	bool *allowed;          /* by host: the platform accepts a live migration there, named by the admin */
};

/* Asks every rule for every host. Free with targets_free. */
void targets_find(struct targets *ret_targets, const struct state *state, uint32_t vm);
void targets_free(struct targets *targets);

/* All reasons about one host, the VM's own first. Returns how many. */
size_t targets_reasons(const struct targets *targets, uint32_t host,
                       struct reason ret_reasons[TARGETS_REASONS_MOST]);

/* One host as the document has it (docs/cli.md, targets). The caller json_free()s it. */
json_t *targets_host_json(const struct targets *targets, uint32_t host);

/* lockkeeper.targets/1 with no host in it yet; *ret_hosts: the array for them. The caller json_free()s it. */
json_t *targets_json(const struct targets *targets, json_t **ret_hosts);

/* The whole document: every host but the VM's own. */
json_t *targets_json_all(const struct targets *targets);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* refusal: which rule keeps a VM from most hosts, and what is short there. */
#ifndef PLANNER_REFUSAL_H
#define PLANNER_REFUSAL_H

#include "core/rules.h"

struct refusal {
	const char *rule;     /* NULL: no host is up and enabled at all, or one takes it */
	const char *resource; /* what is short by that rule, as certificates call it; NULL: nothing is. For
	                         pci without the alias, for numa without the page size */
	uint32_t hosts, open; /* that it keeps it from, of so many that are up and enabled */
	char why[256];        /* of the first of them */
};

/* Asks the rules about every host but the request's source and those of left_out (by host; NULL: none). */
void refusal_find(const struct request *request, const bool *left_out, struct refusal *ret_refusal);

/* "refused by 3 of the 4 hosts: compute-1 has …"; where there is but one, what it says. */
void refusal_text(const struct refusal *refusal, char *text, size_t room);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* edit: values of a JSON document changed by their paths, for what-ifs. */
/*
 * A path is the names of members, one in the other: cluster.migration.bandwidth_mib_s. What is an array is
 * followed by which of its elements are meant, in brackets: [*] all of them, a pattern (* and ?, as of file
 * names) those whose "name" it fits, as in cluster.vms[web-*].dirty.rate_pages_s; where elements have no
 * names, a number, from 0: actions[0].at_s.
 */
#ifndef CORE_EDIT_H
#define CORE_EDIT_H

#include "core/json.h"

enum edit_how {
	EDIT_SET,  /* the value takes the place of what is there, or is added where its object is */
	EDIT_SCALE /* what is there, a number, is multiplied; by a distribution: it counts so many times */
};

struct edit {
	const char *path;
	enum edit_how how;
	const json_t *value; /* EDIT_SCALE: a number or a distribution (an object with "dist") */
};

/*
 * Carries it out on a document of our own (json_copy). Objects that are missing on the way to what is set are
 * made. Numbers below what is not there are left out by EDIT_SCALE, but one at least must be there. Fills
 * *error ("PATH: …") and returns ERROR_INPUT when there is no such place, or no number there; the document
 * may then be changed in part. ret_count: how many values were changed; may be NULL.
 */
int edit_apply(json_t *root, const struct edit *edit, uint32_t *ret_count, struct error *error);

#endif

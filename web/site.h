/* SPDX-License-Identifier: GPL-3.0-or-later */
/* site: the cluster as it is now: read by many at a time, changed by what was done, and kept in a file. */
#ifndef WEB_SITE_H
#define WEB_SITE_H

#include "core/state.h"

#include <limits.h>
#include <pthread.h>

/* Something of the cluster that has become different. */
enum site_change_kind {
	SITE_VM_HOST,            /* it is on that host now */
	SITE_VM_STATE,           /* enum vm_state */
	SITE_HOST_ADMINISTRATIVE /* enum administrative */
};

struct site_change {
	uint8_t kind;
	uint32_t index; /* of the VM or host */
	uint32_t value;
};

struct site {
	/* For those who look: read. Cluster and state are the same then; of the cluster only names, hosts and
	 * states ever change. */
	pthread_rwlock_t lock;
	struct cluster cluster;
	struct state state;
	_Atomic uint64_t revision; /* counts its changes, over restarts too */
	/* The orders of names as people read them (web-2 before web-10). */
	uint32_t *vms_by_name, *hosts_by_name;
	/* What is kept: the whole cluster, as a file that others can read while it is replaced. */
	char folder[PATH_MAX / 2], path[PATH_MAX];
	pthread_mutex_t writing;
	bool stale; /* the file is not as the memory is: it could not be written */
};

/*
 * Begins with what the folder keeps, or with the file where that is newer: of another cluster than the folder
 * began with. ret_began: it began with the file. Free with site_close.
 */
int site_open(struct site *ret_site, const char *file, const char *folder, enum profile profile,
              bool *ret_began, struct error *error);
void site_close(struct site *site);

void site_look(const struct site *site);      /* takes the lock for reading */
void site_look_away(const struct site *site); /* and gives it back */

/*
 * Makes it so, in memory and then in the file. Changes that are so already do not count: without others
 * nothing is done. A file that cannot be written is an error, and tried again with the next change.
 */
int site_change(struct site *site, const struct site_change *changes, uint32_t count, struct error *error);

/* Gives the file as it is now, with all changes, another name; ret_revision: which it is. */
int site_link(struct site *site, const char *path, uint64_t *ret_revision, struct error *error);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* export: the cluster file of what is on live hosts. */
#ifndef REAL_DRIVER_EXPORT_H
#define REAL_DRIVER_EXPORT_H

#include "core/json.h"
#include "real-driver/inventory.h"

struct export_options {
	const char *name;    /* of the cluster; NULL: libvirt */
	const char *profile; /* NULL: nova */
	/* A document whose root is an array as a cluster's `groups`, each with `members`, names or UUIDs of
	 * VMs; it goes before what the domains' metadata say. NULL: none. */
	const struct json_doc *groups;
};

/*
 * The cluster: hosts in their order, each host's VMs by name. A domain that several hosts know is one VM,
 * where it runs; two domains of one name get their hosts' names behind. The caller json_free()s it. Returns
 * ERROR_INPUT for groups that are wrong.
 */
int export_cluster(const struct inventory_host *hosts, uint32_t count, const struct export_options *options,
                   const struct inventory_notes *notes, json_t **ret_cluster, struct error *error);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disks: which disks of a domain go along when it moves, and which are where all hosts reach them. */
#ifndef REAL_DRIVER_DISKS_H
#define REAL_DRIVER_DISKS_H

#include "core/arena.h"
#include "real-driver/calls.h"
#include "real-driver/xml.h"

#include <stdint.h>

struct disk {
	const char *target; /* "vda" */
	const char *source; /* a path, or NULL */
	bool local;         /* on its host alone, and written to: it has to be copied */
	bool unsaid;        /* a file: that it is no share's could not be told */
};

struct disks {
	const struct disk *at;
	uint32_t count, local;
};

/* The pool of a host in which a file lies, or would be made; virStoragePoolFree it. NULL: none. */
virStoragePoolPtr disk_pool(const struct libvirt_calls *calls, virConnectPtr connection, const char *path,
                            struct arena *arena);

/* Folders of which an operator knows that all hosts share them. */
struct shared_paths {
	const char *const *at;
	uint32_t count;
};

/*
 * The disks of a domain's XML: with a source, not read-only. Files lie on a share when their folder is one of
 * `shared`, or a storage pool of the host that is on the network; block devices when their name says iSCSI or
 * Fibre Channel, or in `shared`; disks of network protocols always.
 */
struct disks disks_read(const struct libvirt_calls *calls, virConnectPtr connection, const struct xml *domain,
                        const struct shared_paths *shared, struct arena *arena);

#endif

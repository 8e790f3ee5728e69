/* SPDX-License-Identifier: GPL-3.0-or-later */
/* openstack: makes a cluster file out of what an OpenStack's command line or REST interface printed. */
#ifndef IMPORT_OPENSTACK_H
#define IMPORT_OPENSTACK_H

#include "core/error.h"
#include "core/json.h"

#include <stddef.h>

/* A warning can change a verdict; a note says where something came from. */
enum openstack_severity { OPENSTACK_NOTE, OPENSTACK_WARNING };

struct openstack_note {
	enum openstack_severity severity;
	const char *text; /* one line, without control characters */
};

struct openstack_options {
	const char *name;    /* of the cluster; NULL = "openstack" */
	const char *profile; /* titanium, starlingx or nova; NULL = "nova" */
};

/* What has been read so far. One thread at a time. */
struct openstack;

struct openstack *openstack_new(void);

/* Frees everything, the notes too, but not the documents. */
void openstack_free(struct openstack *import);

/*
 * Takes what a document says; the document must live as long as the import. Its kind is told from its
 * content: rows of the command line's `list` and `show` commands (-f json), REST bodies of Nova and
 * Placement, or objects and arrays of such. Only bodies that don't say what they are about (Placement's
 * inventories, usages, allocations and traits of a provider, a flavor's extra_specs) are about what the
 * document's name says: NAME-inventories.json, NAME/inventories.json or NAME.json, and in an object of
 * bodies the member's name; NAME is a host, a provider or a UUID. Several documents may describe one thing
 * at several microversions: what the first, in the order of adding, doesn't know the next fills in, and
 * contradictions become a warning. What isn't recognised becomes a note.
 */
void openstack_add(struct openstack *import, const struct json_doc *doc);

/* For what the reader of files has to say beside: "x.json: empty, skipped". */
void openstack_note(struct openstack *import, enum openstack_severity severity, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The cluster (docs/formats.md), in an order of its own: hosts, flavors, VMs and groups by name, numbers
 * in names as numbers; the caller json_free()s it. Call it once, after the last document. Fails with
 * ERROR_INPUT when no host is described, or when no file says how large any VM's flavor is.
 */
int openstack_cluster(struct openstack *import, const struct openstack_options *options, json_t **ret_cluster,
                      struct error *error);

/* What could not be known and what was assumed instead; valid until openstack_free. */
const struct openstack_note *openstack_notes(const struct openstack *import, size_t *ret_count);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/openstack.h"

#include "import/openstack_facts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_SHOWN = 5 };

struct openstack *openstack_new(void)
{
	return MEMORY_ARRAY(struct openstack, 1);
}

void openstack_free(struct openstack *import)
{
	if (!import)
		return;
	for (size_t i = 0; i < import->docs.count; i++)
		json_doc_free(import->docs.items[i]);
	for (size_t i = 0; i < import->hosts.count; i++)
		free(((struct openstack_host *)import->hosts.items[i])->vms.items);
	for (size_t i = 0; i < sizeof(import->lists) / sizeof(import->lists[0]); i++)
		free(import->lists[i].items);
	for (size_t i = 0; i < sizeof(import->indexes) / sizeof(import->indexes[0]); i++)
		free(import->indexes[i].slots);
	free(import->notes);
	arena_free(&import->arena);
	free(import);
}

void openstack_add(struct openstack *import, const struct json_doc *doc)
{
	openstack_read(import, doc);
}

void openstack_note(struct openstack *import, enum openstack_severity severity, const char *format, ...)
{
	char line[1024];
	const char *text;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	text = arena_text(&import->arena, line, strlen(line));
	if (import->note_count == import->note_room) {
		import->note_room = import->note_room ? import->note_room * 2 : 16;
		import->notes = memory_resize(import->notes, import->note_room, sizeof(import->notes[0]));
	}
	import->notes[import->note_count++] =
		(struct openstack_note){ severity, openstack_plain(&import->arena, text) };
}

const struct openstack_note *openstack_notes(const struct openstack *import, size_t *ret_count)
{
	*ret_count = import->note_count;
	return import->notes;
}

void openstack_names_add(struct openstack_names *names, const char *name)
{
	size_t length = strlen(names->text), room = sizeof(names->text) - length;

	if (names->count++ < NAMES_SHOWN)
		snprintf(names->text + length, room, "%s%.40s", length ? ", " : "", name);
}

const char *openstack_names_text(struct openstack_names *names)
{
	size_t length = strlen(names->text), room = sizeof(names->text) - length;

	if (names->count > NAMES_SHOWN)
		snprintf(names->text + length, room, " and %zu more", names->count - NAMES_SHOWN);
	return names->text;
}

int openstack_cluster(struct openstack *import, const struct openstack_options *options, json_t **ret_cluster,
                      struct error *error)
{
	int result;

	openstack_hosts_make(import);
	if (import->hosts.count == 0)
		return error_set(error, ERROR_INPUT,
		                 "no host is described, expected what `openstack compute service list`, "
		                 "`openstack hypervisor list --long` or Placement print as JSON");
	openstack_placement_take(import);
	openstack_flavors_take(import);
	openstack_vms_place(import);
	result = openstack_flavors_resolve(import, error);
	if (result)
		return result;
	openstack_vms_name(import);
	openstack_groups_make(import);
	openstack_hosts_close(import);
	openstack_numa_infer(import);
	openstack_placement_compare(import);
	*ret_cluster = openstack_emit(import, options);
	return 0;
}

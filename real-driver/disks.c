/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/disks.h"

#include <stdlib.h>
#include <string.h>

struct reading {
	const struct libvirt_calls *calls;
	virConnectPtr connection;
	const struct shared_paths *shared;
	struct arena *arena;
	struct disk *at;
	uint32_t count, room, local;
};

static const char *keep(struct arena *arena, char *text)
{
	const char *kept = text ? arena_text(arena, text, strlen(text)) : NULL;

	free(text);
	return kept;
}

static bool is_below(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	while (length > 1 && folder[length - 1] == '/')
		length--;
	return !strncmp(path, folder, length) && (path[length] == '/' || path[length] == '\0' || length == 1);
}

static bool is_declared(const struct shared_paths *shared, const char *path)
{
	for (uint32_t i = 0; shared && i < shared->count; i++) {
		if (is_below(path, shared->at[i]))
			return true;
	}
	return false;
}

/* Whether a pool is where other hosts reach it too; takes the pool. */
static bool pool_is_shared(struct reading *reading, virStoragePoolPtr pool)
{
	static const char *const types[] = { "netfs",   "iscsi",    "iscsi-direct", "rbd",
		                             "gluster", "sheepdog", "vstorage" };
	char *text = pool ? reading->calls->virStoragePoolGetXMLDesc(pool, 0) : NULL;
	struct xml *xml = text ? xml_parse(text) : NULL;
	char *type = xml ? xml_text(xml, "/pool/@type") : NULL;
	bool shared = false;

	for (size_t i = 0; type && i < sizeof(types) / sizeof(types[0]); i++)
		shared = shared || !strcmp(type, types[i]);
	free(type);
	xml_free(xml);
	free(text);
	if (pool)
		reading->calls->virStoragePoolFree(pool);
	return shared;
}

virStoragePoolPtr disk_pool(const struct libvirt_calls *calls, virConnectPtr connection, const char *path,
                            struct arena *arena)
{
	const char *slash = strrchr(path, '/');

	return slash && slash != path ? calls->virStoragePoolLookupByTargetPath(
						connection, arena_text(arena, path, (size_t)(slash - path)))
	                              : NULL;
}

static void judge_file(struct reading *reading, struct disk *disk)
{
	if (is_declared(reading->shared, disk->source) ||
	    pool_is_shared(reading,
	                   disk_pool(reading->calls, reading->connection, disk->source, reading->arena)))
		return;
	disk->local = disk->unsaid = true;
}

/* udev names the paths of storage networks so: /dev/disk/by-path/ip-…-iscsi-…, pci-…-fc-…. */
static void judge_block(struct reading *reading, struct disk *disk)
{
	disk->local = !is_declared(reading->shared, disk->source) && !strstr(disk->source, "-iscsi-") &&
	              !strstr(disk->source, "-fc-");
}

static void take_disk(void *context, const struct xml *element)
{
	struct reading *reading = context;
	char *type = xml_text(element, "@type"), *pool = xml_text(element, "source/@pool");
	char *target = xml_text(element, "target/@dev");
	char *source = xml_text(element, "source/@file | source/@dev | source/@dir | source/@volume");
	struct disk *disk;

	if (reading->count == reading->room || xml_has(element, "readonly") || !type || !target ||
	    !xml_has(element, "source")) {
		free(type);
		free(pool);
		free(target);
		free(source);
		return;
	}
	disk = &reading->at[reading->count++];
	disk->target = keep(reading->arena, target);
	disk->source = keep(reading->arena, source);
	if (!disk->source || xml_has(element, "shareable"))
		disk->local = false;
	else if (!strcmp(type, "file"))
		judge_file(reading, disk);
	else if (!strcmp(type, "block"))
		judge_block(reading, disk);
	else if (!strcmp(type, "volume"))
		disk->local = !pool || !pool_is_shared(reading, reading->calls->virStoragePoolLookupByName(
									reading->connection, pool));
	else
		disk->local = strcmp(type, "network") != 0;
	reading->local += disk->local;
	free(type);
	free(pool);
}

static void count_disk(void *context, const struct xml *element)
{
	(void)element;
	(*(uint32_t *)context)++;
}

struct disks disks_read(const struct libvirt_calls *calls, virConnectPtr connection, const struct xml *domain,
                        const struct shared_paths *shared, struct arena *arena)
{
	struct reading reading = {
		.calls = calls, .connection = connection, .shared = shared, .arena = arena
	};

	xml_each(domain, "/domain/devices/disk", count_disk, &reading.room);
	reading.at = ARENA_ARRAY(arena, struct disk, reading.room + 1);
	xml_each(domain, "/domain/devices/disk", take_disk, &reading);
	return (struct disks){ .at = reading.at, .count = reading.count, .local = reading.local };
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/members.h"

#include "core/arena.h"
#include "core/must.h"

#include <stdlib.h>

/* A hash table by (group, host), open addressing. Entries whose counts fell to 0 stay: they come back. */
struct entry {
	uint32_t group, host;
	uint32_t here, coming;
};

struct total {
	uint32_t placed, hosts;
};

struct members {
	struct entry *entries; /* host UINT32_MAX: free */
	struct total *totals;
	uint32_t room, used;
};

static struct entry *entries_new(uint32_t room)
{
	struct entry *entries = MEMORY_ARRAY(struct entry, room);

	for (uint32_t i = 0; i < room; i++)
		entries[i].host = UINT32_MAX;
	return entries;
}

struct members *members_new(uint32_t group_count)
{
	struct members *members = MEMORY_ARRAY(struct members, 1);

	members->room = 256;
	members->entries = entries_new(members->room);
	members->totals = MEMORY_ARRAY(struct total, group_count);
	return members;
}

void members_free(struct members *members)
{
	if (!members)
		return;
	free(members->entries);
	free(members->totals);
	free(members);
}

static struct entry *entry_place(const struct members *members, uint32_t group, uint32_t host)
{
	uint64_t hash = ((uint64_t)group << 32 | host) * UINT64_C(0x9e3779b97f4a7c15);

	for (uint32_t at = (uint32_t)(hash >> 40) & (members->room - 1);;
	     at = (at + 1) & (members->room - 1)) {
		struct entry *entry = &members->entries[at];

		if (entry->host == UINT32_MAX || (entry->group == group && entry->host == host))
			return entry;
	}
}

static void members_grow(struct members *members)
{
	struct entry *old = members->entries;
	uint32_t room = members->room;

	members->room *= 2;
	members->entries = entries_new(members->room);
	for (uint32_t i = 0; i < room; i++) {
		if (old[i].host != UINT32_MAX)
			*entry_place(members, old[i].group, old[i].host) = old[i];
	}
	free(old);
}

void members_change(struct members *members, uint32_t group, uint32_t host, int here, int coming)
{
	struct entry *entry = entry_place(members, group, host);
	struct total *total = &members->totals[group];

	must(host != UINT32_MAX);
	if (entry->host == UINT32_MAX) {
		if (members->used * 2 >= members->room) {
			members_grow(members);
			entry = entry_place(members, group, host);
		}
		members->used++;
		*entry = (struct entry){ .group = group, .host = host };
	}
	must((int64_t)entry->here + here >= 0 && (int64_t)entry->coming + coming >= 0);
	total->hosts -= entry->here > 0;
	entry->here += (uint32_t)here;
	entry->coming += (uint32_t)coming;
	total->hosts += entry->here > 0;
	total->placed += (uint32_t)here;
}

uint32_t members_here(const struct members *members, uint32_t group, uint32_t host)
{
	const struct entry *entry = entry_place(members, group, host);

	return entry->host == UINT32_MAX ? 0 : entry->here;
}

uint32_t members_coming(const struct members *members, uint32_t group, uint32_t host)
{
	const struct entry *entry = entry_place(members, group, host);

	return entry->host == UINT32_MAX ? 0 : entry->coming;
}

uint32_t members_placed(const struct members *members, uint32_t group)
{
	return members->totals[group].placed;
}

uint32_t members_hosts(const struct members *members, uint32_t group)
{
	return members->totals[group].hosts;
}

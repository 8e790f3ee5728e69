/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/intern.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	const char *text; /* NULL: free */
	uint32_t hash, kind, index;
};

/* kind 0 is for texts alone; bindings have kind + 1. */
struct interns {
	struct arena *arena;
	struct entry *entries; /* in the arena as well: old tables stay until the end, half the memory at the
	                          most */
	size_t room, used;
};

static uint32_t text_hash(const char *text, uint32_t kind)
{
	uint32_t hash = 2166136261u ^ (kind * 0x9e3779b9u); /* FNV-1a */

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash ^ hash >> 15;
}

struct interns *interns_new(struct arena *arena)
{
	struct interns *interns = ARENA_ARRAY(arena, struct interns, 1);

	interns->arena = arena;
	interns->room = 1024;
	interns->entries = ARENA_ARRAY(arena, struct entry, interns->room);
	return interns;
}

void interns_move(struct interns *interns, struct arena *arena)
{
	interns->arena = arena;
}

static struct entry *entry_place(const struct interns *interns, const char *text, uint32_t kind,
                                 uint32_t hash)
{
	for (size_t at = hash & (interns->room - 1);; at = (at + 1) & (interns->room - 1)) {
		struct entry *entry = &interns->entries[at];

		if (!entry->text ||
		    (entry->hash == hash && entry->kind == kind && !strcmp(entry->text, text)))
			return entry;
	}
}

static void interns_grow(struct interns *interns)
{
	struct entry *old = interns->entries;
	size_t room = interns->room;

	interns->room *= 2;
	interns->entries = ARENA_ARRAY(interns->arena, struct entry, interns->room);
	for (size_t i = 0; i < room; i++) {
		if (old[i].text)
			*entry_place(interns, old[i].text, old[i].kind, old[i].hash) = old[i];
	}
}

static struct entry *entry_make(struct interns *interns, const char *text, uint32_t kind, const char *kept)
{
	uint32_t hash = text_hash(text, kind);
	struct entry *entry = entry_place(interns, text, kind, hash);

	if (entry->text)
		return entry;
	if (interns->used * 4 >= interns->room * 3) {
		interns_grow(interns);
		entry = entry_place(interns, text, kind, hash);
	}
	interns->used++;
	*entry = (struct entry){ kept ? kept : arena_text(interns->arena, text, strlen(text)), hash, kind,
		                 UINT32_MAX };
	return entry;
}

const char *intern(struct interns *interns, const char *text)
{
	return entry_make(interns, text, 0, NULL)->text;
}

uint32_t intern_bind(struct interns *interns, unsigned kind, const char *text, uint32_t index)
{
	struct entry *entry = entry_make(interns, text, kind + 1, intern(interns, text));
	uint32_t before = entry->index;

	if (before == UINT32_MAX)
		entry->index = index;
	return before;
}

uint32_t intern_find(const struct interns *interns, unsigned kind, const char *text)
{
	const struct entry *entry = entry_place(interns, text, kind + 1, text_hash(text, kind + 1));

	return entry->text ? entry->index : UINT32_MAX; /* a free place says nothing */
}

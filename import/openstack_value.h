/* SPDX-License-Identifier: GPL-3.0-or-later */
/* openstack_value: values of OpenStack's JSON in the shapes that its versions give them. */
#ifndef IMPORT_OPENSTACK_VALUE_H
#define IMPORT_OPENSTACK_VALUE_H

#include "core/arena.h"
#include "core/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pointers, kept in the order of pushing. Zero-initialised is empty. */
struct openstack_list {
	void **items;
	size_t count, room;
};

void openstack_push(struct openstack_list *list, void *item);

/* From a text to a pointer. Zero-initialised is empty; keys must outlive it. */
struct openstack_index {
	struct openstack_slot {
		const char *key;
		void *item;
	} * slots;
	size_t count, room;
};

void *openstack_find(const struct openstack_index *index,
                     const char *key); /* NULL: not there, or key is NULL */
void openstack_put(struct openstack_index *index, const char *key, void *item); /* a key's first item stays */

/* Texts, as a set of properties; sorted by key, each key once. */
struct openstack_pair {
	const char *key, *value;
};

struct openstack_pairs {
	struct openstack_pair *pairs;
	size_t count;
	bool known;
};

struct openstack_texts {
	const char **texts;
	size_t count;
	bool known;
};

enum { OPENSTACK_UNKNOWN = -1 };

/* The first member there is of "Name|name|…"; NULL: none. */
const json_t *openstack_field(const json_t *object, const char *names);

/*
 * The text itself, or a copy with question marks for control characters and what is not UTF-8 (names of
 * files): neither may stand in a cluster file's names, nor reach a terminal.
 */
const char *openstack_plain(struct arena *arena, const char *text);

/* A text, made plain; a number is printed; NULL for null, "", "None" and whatever else. value may be NULL. */
const char *openstack_text(struct arena *arena, const json_t *value);
const char *openstack_field_text(struct arena *arena, const json_t *object, const char *names);

/* A whole number 0 … 10^9, or a text of its digits, else OPENSTACK_UNKNOWN. value may be NULL. */
int64_t openstack_whole(const json_t *value);
int64_t openstack_field_whole(const json_t *object, const char *names);

/* An object, or the client's older text "a='b', c='d'". Not known: absent, null or something else. */
struct openstack_pairs openstack_pairs(struct arena *arena, const json_t *value);
const char *openstack_pair(const struct openstack_pairs *pairs, const char *key); /* NULL: not there */
bool openstack_pairs_equal(const struct openstack_pairs *a, const struct openstack_pairs *b);
void openstack_pairs_add(json_t *object, const char *key,
                         const struct openstack_pairs *pairs); /* {} is left out */

/* An array of texts, or the client's older texts "a, b" and "[u'a', u'b']". */
struct openstack_texts openstack_texts(struct arena *arena, const json_t *value);
bool openstack_texts_have(const struct openstack_texts *texts, const char *text);

/* Splits the client's "m1.tiny (0a75f211-…)"; without brackets *ret_id is NULL. */
void openstack_name_and_id(struct arena *arena, const char *text, const char **ret_name, const char **ret_id);

/* By strcmp, but runs of digits by their number: cmp2 before cmp10. */
int openstack_natural(const char *a, const char *b);

#endif

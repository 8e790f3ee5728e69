/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/openstack_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double WHOLE_MAX = 1e9;

void openstack_push(struct openstack_list *list, void *item)
{
	if (list->count == list->room) {
		list->room = list->room ? list->room * 2 : 16;
		list->items = memory_resize(list->items, list->room, sizeof(list->items[0]));
	}
	list->items[list->count++] = item;
}

/* FNV-1a, 64 bits (Fowler, Noll, Vo; RFC 9923). */
static size_t slot_of(const struct openstack_index *index, const char *key)
{
	uint64_t hash = 0xcbf29ce484222325u;
	size_t at;

	for (const char *c = key; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
	at = (size_t)(hash ^ (hash >> 32)) & (index->room - 1);
	while (index->slots[at].key && strcmp(index->slots[at].key, key))
		at = (at + 1) & (index->room - 1);
	return at;
}

void *openstack_find(const struct openstack_index *index, const char *key)
{
	return key && index->room ? index->slots[slot_of(index, key)].item : NULL;
}

static void index_grow(struct openstack_index *index)
{
	struct openstack_index old = *index;

	index->room = old.room ? old.room * 2 : 64;
	index->slots = MEMORY_ARRAY(struct openstack_slot, index->room);
	for (size_t i = 0; i < old.room; i++) {
		if (old.slots[i].key)
			index->slots[slot_of(index, old.slots[i].key)] = old.slots[i];
	}
	free(old.slots);
}

void openstack_put(struct openstack_index *index, const char *key, void *item)
{
	size_t at;

	if (!key)
		return;
	if (index->count * 2 >= index->room)
		index_grow(index);
	at = slot_of(index, key);
	if (index->slots[at].key)
		return;
	index->slots[at] = (struct openstack_slot){ key, item };
	index->count++;
}

const json_t *openstack_field(const json_t *object, const char *names)
{
	char name[64];

	for (const char *at = names; *at;) {
		size_t length = strcspn(at, "|");
		const json_t *member;

		if (length < sizeof(name)) {
			memcpy(name, at, length);
			name[length] = '\0';
			member = json_get(object, name);
			if (member)
				return member;
		}
		at += length + (at[length] == '|');
	}
	return NULL;
}

/* The bytes of the UTF-8 character at c, 0 when it is none (RFC 3629, table 3-7 of Unicode). */
static size_t character_length(const unsigned char *c)
{
	static const struct {
		unsigned char first, last, low, high, length;
	} forms[] = {
		{ 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (*c < forms[i].first || *c > forms[i].last)
			continue;
		for (size_t j = 1; j < forms[i].length; j++) {
			if (c[j] < (j == 1 ? forms[i].low : 0x80) || c[j] > (j == 1 ? forms[i].high : 0xbf))
				return 0;
		}
		return forms[i].length;
	}
	return 0;
}

static bool is_plain(const unsigned char *c, size_t length)
{
	return length > 0 && *c >= 0x20 && *c != 0x7f && !(*c == 0xc2 && c[1] < 0xa0);
}

const char *openstack_plain(struct arena *arena, const char *text)
{
	const unsigned char *c = (const unsigned char *)text;
	char *copy;
	size_t at = 0;

	while (c[at] && is_plain(c + at, character_length(c + at)))
		at += character_length(c + at);
	if (!c[at])
		return text;
	copy = arena_text(arena, text, strlen(text));
	while (c[at]) {
		size_t length = character_length(c + at);

		if (!is_plain(c + at, length))
			memset(copy + at, '?', length ? length : 1);
		at += length ? length : 1;
	}
	return copy;
}

const char *openstack_text(struct arena *arena, const json_t *value)
{
	char number[32];

	if (!value)
		return NULL;
	if (json_type(value) == JSON_NUMBER)
		return arena_text(arena, number, (size_t)json_number_text(json_number(value), number));
	if (json_type(value) != JSON_TEXT || !*json_text(value) || !strcmp(json_text(value), "None"))
		return NULL;
	return openstack_plain(arena, json_text(value));
}

const char *openstack_field_text(struct arena *arena, const json_t *object, const char *names)
{
	return openstack_text(arena, openstack_field(object, names));
}

int64_t openstack_whole(const json_t *value)
{
	double number = NAN;

	if (value && json_type(value) == JSON_NUMBER) {
		number = json_number(value);
	} else if (value && json_type(value) == JSON_TEXT) {
		const char *text = json_text(value);
		size_t length = strlen(text);

		if (length > 0 && length <= 10 && strspn(text, "0123456789") == length)
			number = strtod(text, NULL);
	}
	return number >= 0 && number <= WHOLE_MAX && number == floor(number) ? (int64_t)number
	                                                                     : OPENSTACK_UNKNOWN;
}

int64_t openstack_field_whole(const json_t *object, const char *names)
{
	return openstack_whole(openstack_field(object, names));
}

static int pair_compare(const void *a, const void *b)
{
	return strcmp(((const struct openstack_pair *)a)->key, ((const struct openstack_pair *)b)->key);
}

/*
 * Sorts; of pairs with one key the one with the smallest value stays, so that the order of reading doesn't
 * matter.
 */
static void pairs_close(struct openstack_pairs *pairs)
{
	size_t kept = 0;

	if (pairs->count == 0)
		return;
	qsort(pairs->pairs, pairs->count, sizeof(pairs->pairs[0]), pair_compare);
	for (size_t i = 1; i < pairs->count; i++) {
		if (strcmp(pairs->pairs[i].key, pairs->pairs[kept].key))
			pairs->pairs[++kept] = pairs->pairs[i];
		else if (strcmp(pairs->pairs[i].value, pairs->pairs[kept].value) < 0)
			pairs->pairs[kept] = pairs->pairs[i];
	}
	pairs->count = kept + 1;
}

static void pairs_of_object(struct arena *arena, const json_t *object, struct openstack_pairs *pairs)
{
	pairs->pairs = ARENA_ARRAY(arena, struct openstack_pair, json_count(object));
	for (const json_t *member = json_first(object); member; member = json_next(member)) {
		struct openstack_pair *pair = &pairs->pairs[pairs->count];

		pair->key = json_key(member);
		switch (json_type(member)) {
		case JSON_TEXT:
			pair->value = json_text(member);
			break;
		case JSON_NUMBER:
			pair->value = openstack_text(arena, member);
			break;
		case JSON_BOOL:
			pair->value = json_bool(member) ? "true" : "false";
			break;
		default:
			continue;
		}
		pairs->count++;
	}
}

/* The end of a value that begins at text: the quote before the end, or before ", KEY='". */
static const char *quote_end(const char *text)
{
	for (const char *quote = strchr(text, '\''); quote; quote = strchr(quote + 1, '\'')) {
		const char *equals;

		if (!quote[1])
			return quote;
		if (strncmp(quote + 1, ", ", 2))
			continue;
		equals = strstr(quote + 3, "='");
		if (equals && equals > quote + 3)
			return quote;
	}
	return NULL;
}

static void pairs_of_text(struct arena *arena, const char *text, struct openstack_pairs *pairs)
{
	size_t room = 0;

	for (const char *c = text; *c; c++)
		room += *c == '=';
	pairs->pairs = ARENA_ARRAY(arena, struct openstack_pair, room);
	while (*text) {
		const char *equals = strstr(text, "='"), *end = equals ? quote_end(equals + 2) : NULL;

		if (!end)
			return;
		pairs->pairs[pairs->count++] = (struct openstack_pair){
			arena_text(arena, text, (size_t)(equals - text)),
			arena_text(arena, equals + 2, (size_t)(end - equals - 2)),
		};
		text = end + 1;
		text += strspn(text, ", ");
	}
}

struct openstack_pairs openstack_pairs(struct arena *arena, const json_t *value)
{
	struct openstack_pairs pairs = { 0 };

	if (value && json_type(value) == JSON_OBJECT)
		pairs_of_object(arena, value, &pairs);
	else if (value && json_type(value) == JSON_TEXT)
		pairs_of_text(arena, json_text(value), &pairs);
	else
		return pairs;
	pairs.known = true;
	pairs_close(&pairs);
	return pairs;
}

const char *openstack_pair(const struct openstack_pairs *pairs, const char *key)
{
	for (size_t i = 0; i < pairs->count; i++) {
		if (!strcmp(pairs->pairs[i].key, key))
			return pairs->pairs[i].value;
	}
	return NULL;
}

bool openstack_pairs_equal(const struct openstack_pairs *a, const struct openstack_pairs *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->pairs[i].key, b->pairs[i].key) || strcmp(a->pairs[i].value, b->pairs[i].value))
			return false;
	}
	return true;
}

void openstack_pairs_add(json_t *object, const char *key, const struct openstack_pairs *pairs)
{
	json_t *inner;

	if (pairs->count == 0)
		return;
	inner = json_add(object, key, json_object_new());
	for (size_t i = 0; i < pairs->count; i++)
		json_add_text(inner, pairs->pairs[i].key, pairs->pairs[i].value);
}

/* One of the texts between commas, without spaces, quotes and Python's u'…'; NULL when nothing is left. */
static const char *item_text(struct arena *arena, const char *from, size_t length)
{
	while (length > 0 && strchr(" '\"[]", from[length - 1]))
		length--;
	while (length > 0 && strchr(" [", *from))
		from++, length--;
	if (length > 1 && from[0] == 'u' && from[1] == '\'')
		from++, length--;
	while (length > 0 && strchr("'\"", *from))
		from++, length--;
	return length ? openstack_plain(arena, arena_text(arena, from, length)) : NULL;
}

struct openstack_texts openstack_texts(struct arena *arena, const json_t *value)
{
	struct openstack_texts list = { 0 };

	if (!value || (json_type(value) != JSON_ARRAY && json_type(value) != JSON_TEXT))
		return list;
	list.known = true;
	if (json_type(value) == JSON_ARRAY) {
		list.texts = ARENA_ARRAY(arena, const char *, json_count(value));
		for (const json_t *element = json_first(value); element; element = json_next(element)) {
			const char *text = openstack_text(arena, element);

			if (text)
				list.texts[list.count++] = text;
		}
		return list;
	}
	list.texts = ARENA_ARRAY(arena, const char *, strlen(json_text(value)) / 2 + 1);
	for (const char *at = json_text(value); *at;) {
		size_t length = strcspn(at, ",");
		const char *text = item_text(arena, at, length);

		if (text)
			list.texts[list.count++] = text;
		at += length + (at[length] == ',');
	}
	return list;
}

bool openstack_texts_have(const struct openstack_texts *texts, const char *text)
{
	for (size_t i = 0; i < texts->count; i++) {
		if (!strcmp(texts->texts[i], text))
			return true;
	}
	return false;
}

void openstack_name_and_id(struct arena *arena, const char *text, const char **ret_name, const char **ret_id)
{
	const char *open = strrchr(text, '(');
	size_t length = strlen(text);

	*ret_name = text;
	*ret_id = NULL;
	if (!open || open <= text + 1 || open[-1] != ' ' || text[length - 1] != ')')
		return;
	*ret_name = arena_text(arena, text, (size_t)(open - text - 1));
	*ret_id = arena_text(arena, open + 1, length - (size_t)(open - text) - 2);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int openstack_natural(const char *a, const char *b)
{
	const char *whole_a = a, *whole_b = b;

	while (*a && *b) {
		size_t digits_a, digits_b;
		int order;

		if (!is_digit(*a) || !is_digit(*b)) {
			if (*a != *b)
				return (unsigned char)*a - (unsigned char)*b;
			a++;
			b++;
			continue;
		}
		a += strspn(a, "0");
		b += strspn(b, "0");
		digits_a = strspn(a, "0123456789");
		digits_b = strspn(b, "0123456789");
		if (digits_a != digits_b)
			return digits_a < digits_b ? -1 : 1;
		order = strncmp(a, b, digits_a);
		if (order)
			return order;
		a += digits_a;
		b += digits_b;
	}
	if (*a || *b)
		return *a ? 1 : -1;
	return strcmp(whole_a, whole_b);
}

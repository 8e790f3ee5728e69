/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verifier/verify.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *file_name = "", *place_array = "";
static uint32_t place_index;

_Noreturn void fail(const char *format, ...)
{
	va_list arguments;

	fputs("lockkeeper-verify: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

void read_place(const char *array, uint32_t index)
{
	place_array = array;
	place_index = index;
}

_Noreturn void wrong(const char *name, const char *expected)
{
	char place[64] = "";

	if (*place_array)
		snprintf(place, sizeof(place), "%s[%u]%s", place_array, place_index, *name ? "." : "");
	fail("%s: %s%.80s: %s", file_name, place, name, expected);
}

/* All memory that was taken, the newest last, so that what a proof has used can be given back at once. */
static void **taken;
static size_t taken_count;

void *take(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size), **more = taken;

	if ((taken_count & (taken_count - 1)) == 0)
		more = realloc(taken, (taken_count * 2 + 1) * sizeof(*taken));
	if (!memory || !more)
		fail("out of memory");
	taken = more;
	taken[taken_count++] = memory;
	return memory;
}

size_t memory_mark(void)
{
	return taken_count;
}

void memory_release(size_t mark)
{
	while (taken_count > mark)
		free(taken[--taken_count]);
}

void *grow(const void *memory, size_t before, size_t after, size_t size)
{
	void *grown = take(after, size);

	return before ? memcpy(grown, memory, before * size) : grown;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

void names_add(struct names *names, const char *text, uint32_t index)
{
	if ((names->count & (names->count - 1)) == 0)
		names->at = grow(names->at, names->count, names->count * 2 + 1, sizeof(names->at[0]));
	names->at[names->count++] = (struct name){ text, index };
}

void names_sort(struct names *names)
{
	if (names->count)
		qsort(names->at, names->count, sizeof(names->at[0]), compare_names);
	for (size_t i = 1; i < names->count; i++) {
		if (!strcmp(names->at[i - 1].text, names->at[i].text))
			wrong(names->at[i].text, "stands twice, expected unique names");
	}
}

uint32_t names_find(const struct names *names, const char *text)
{
	const struct name wanted = { text, 0 }, *found = NULL;

	if (names->count)
		found = bsearch(&wanted, names->at, names->count, sizeof(wanted), compare_names);
	return found ? found->index : NOWHERE;
}

int word_index(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], word))
			return i;
	}
	return -1;
}

/* SHA-256, FIPS 180-4. */
struct sha256 {
	uint32_t state[8];
	unsigned char block[64];
	uint64_t length;
};

static const uint32_t round_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t word, int bits)
{
	return word >> bits | word << (32 - bits);
}

static void sha256_block(struct sha256 *sha)
{
	const unsigned char *b = sha->block;
	uint32_t w[64], s[8];

	for (int i = 0; i < 16; i++, b += 4)
		w[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	for (int i = 16; i < 64; i++)
		w[i] = w[i - 16] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
		       w[i - 7] + (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
	memcpy(s, sha->state, sizeof(s));
	for (int i = 0; i < 64; i++) {
		uint32_t one = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
		               ((s[4] & s[5]) ^ (~s[4] & s[6])) + round_constants[i] + w[i];
		uint32_t two = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
		               ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

		memmove(s + 1, s, sizeof(s) - sizeof(s[0]));
		s[4] += one;
		s[0] = one + two;
	}
	for (int i = 0; i < 8; i++)
		sha->state[i] += s[i];
}

static void sha256_add(struct sha256 *sha, const char *bytes, size_t length)
{
	for (; length > 0; bytes++, length--) {
		sha->block[sha->length++ % 64] = (unsigned char)*bytes;
		if (sha->length % 64 == 0)
			sha256_block(sha);
	}
}

static void add_text(struct sha256 *sha, const char *text)
{
	sha256_add(sha, text, strlen(text));
}

static void add_quoted(struct sha256 *sha, const char *text)
{
	static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";

	add_text(sha, "\"");
	for (; *text; text++) {
		const char *found = strchr(special, *text);
		char escape[8] = { *text };

		if (found)
			snprintf(escape, sizeof(escape), "\\%c", letters[found - special]);
		else if ((unsigned char)*text < 0x20)
			snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)*text);
		add_text(sha, escape);
	}
	add_text(sha, "\"");
}

/* Whole numbers below 1e15 in full, others with the fewest of 15 to 17 digits that read back as the same. */
static void number_text(double number, char text[40])
{
	bool whole = number == rint(number) && fabs(number) < 1e15;

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, 40, whole ? "%.*f" : "%.*g", whole ? 0 : digits, number == 0 ? 0 : number);
		if (strtod(text, NULL) == number)
			break;
	}
}

static int compare_members(const void *a, const void *b)
{
	return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

static void add_value(struct sha256 *sha, const cJSON *value);

/* Members by their names' bytes, without "x-…"; none may stand twice. */
static void add_object(struct sha256 *sha, const cJSON *object)
{
	size_t mark = memory_mark(), count = 0;
	const cJSON **members = take((size_t)cJSON_GetArraySize(object), sizeof(*members)), *child;
	const char *between = "";

	cJSON_ArrayForEach(child, object)
	{
		members[count++] = child;
	}
	qsort(members, count, sizeof(*members), compare_members);
	add_text(sha, "{");
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && !strcmp(members[i - 1]->string, members[i]->string))
			wrong(members[i]->string, "stands twice, expected once");
		if (!strncmp(members[i]->string, "x-", 2))
			continue;
		add_text(sha, between);
		add_quoted(sha, members[i]->string);
		add_text(sha, ":");
		add_value(sha, members[i]);
		between = ",";
	}
	add_text(sha, "}");
	memory_release(mark);
}

static void add_value(struct sha256 *sha, const cJSON *value)
{
	const cJSON *child;
	char number[40];

	if (cJSON_IsObject(value)) {
		add_object(sha, value);
	} else if (cJSON_IsArray(value)) {
		add_text(sha, "[");
		cJSON_ArrayForEach(child, value)
		{
			add_value(sha, child);
			add_text(sha, child->next ? "," : "");
		}
		add_text(sha, "]");
	} else if (cJSON_IsString(value)) {
		add_quoted(sha, value->valuestring);
	} else if (cJSON_IsNumber(value)) {
		number_text(value->valuedouble, number);
		add_text(sha, number);
	} else {
		add_text(sha, cJSON_IsTrue(value) ? "true" : cJSON_IsFalse(value) ? "false" : "null");
	}
}

void digest_of(const cJSON *value, char ret_hex[65])
{
	struct sha256 sha = { .state = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
		                         0x9b05688c, 0x1f83d9ab, 0x5be0cd19 } };
	uint64_t bits;

	add_value(&sha, value);
	bits = sha.length * 8;
	sha256_add(&sha, "\x80", 1);
	while (sha.length % 64 != 56)
		sha256_add(&sha, "", 1);
	for (int i = 56; i >= 0; i -= 8)
		sha256_add(&sha, &(const char){ (char)(bits >> i) }, 1);
	for (int i = 0; i < 8; i++)
		snprintf(ret_hex + 8 * i, 9, "%08x", sha.state[i]);
}

const cJSON *read_json(const char *path)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "rb") : stdin;
	size_t room = 0, length = 0, got = 1, line = 1, mark = memory_mark();
	char *text = NULL, digest[65];
	const char *end = NULL;
	const cJSON *root;

	while (file && got > 0) {
		text = grow(text, length, (room = room * 2 + 65536) + 1, 1);
		got = fread(text + length, 1, room - length, file);
		length += got;
	}
	if (!file || ferror(file))
		fail("%s: cannot be read: %m", path);
	text[length] = '\0';
	root = cJSON_ParseWithLengthOpts(text, length, &end, false);
	end += root ? strspn(end, " \t\r\n") : 0;
	for (const char *at = text; end && at < end; at++)
		line += *at == '\n';
	if (!root || end != text + length || strstr(text, "\\u0000"))
		fail("%s:%zu: not valid JSON", path, line);
	memory_release(mark);
	file_name = path;
	read_place("", 0);
	digest_of(root, digest); /* looks for members that stand twice */
	return root;
}

const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *value = cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;

	return cJSON_IsNull(value) ? NULL : value;
}

const cJSON *array_of(const cJSON *object, const char *name, bool required)
{
	const cJSON *value = member(object, name);

	if ((value || required) && !cJSON_IsArray(value))
		wrong(name, "expected an array");
	return value;
}

const char *text_of(const cJSON *object, const char *name, const char *fallback)
{
	const cJSON *value = member(object, name);

	if ((value || !fallback) && !cJSON_IsString(value))
		wrong(name, "expected a text");
	return value ? value->valuestring : fallback;
}

const char *pair_of(const cJSON *object, const char *key)
{
	const cJSON *value = member(object, key);
	char number[40];

	if (!value || cJSON_IsString(value))
		return value ? value->valuestring : NULL;
	if (cJSON_IsNumber(value))
		number_text(value->valuedouble, number);
	else if (!cJSON_IsBool(value))
		wrong(key, "expected a text");
	return strdup(cJSON_IsNumber(value) ? number : cJSON_IsTrue(value) ? "true" : "false");
}

int64_t whole_of(const cJSON *object, const char *name, int64_t fallback, double most)
{
	const cJSON *value = member(object, name);
	double number = value ? value->valuedouble : (double)fallback;

	if ((value || fallback < 0) &&
	    (!cJSON_IsNumber(value) || !(number >= 0 && number <= most) || number != rint(number)))
		wrong(name, "expected a whole number within its range");
	return (int64_t)number;
}

void known(const cJSON *object, const char *names)
{
	const cJSON *child;
	char word[64], all[512]; /* a blank before and behind each */

	if (!cJSON_IsObject(object))
		wrong("", "expected an object");
	snprintf(all, sizeof(all), " %s ", names);
	cJSON_ArrayForEach(child, object)
	{
		snprintf(word, sizeof(word), " %.60s ", child->string);
		if (strncmp(child->string, "x-", 2) && (!strstr(all, word) || strchr(child->string, ' ')))
			wrong(child->string, "unknown member");
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/histogram.h"

#include "core/arena.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXACT_BITS = 10 };

_Static_assert(1 << EXACT_BITS == HISTOGRAM_EXACT, "a power of two");

/* Bucket HISTOGRAM_EXACT * e + m has the numbers of e more bits that begin as HISTOGRAM_EXACT + m does. */
static uint32_t bucket_of(uint64_t number)
{
	unsigned more;

	if (number < HISTOGRAM_EXACT)
		return (uint32_t)number;
	more = 63 - EXACT_BITS - (unsigned)__builtin_clzll(number);
	return (more + 1) * HISTOGRAM_EXACT + (uint32_t)((number >> more) - HISTOGRAM_EXACT);
}

static uint64_t bucket_first(uint32_t bucket)
{
	unsigned more = bucket / HISTOGRAM_EXACT;

	return more == 0 ? bucket : (uint64_t)(bucket % HISTOGRAM_EXACT + HISTOGRAM_EXACT) << (more - 1);
}

static uint32_t bucket_most(void)
{
	return bucket_of(HISTOGRAM_LARGEST);
}

void histogram_free(struct histogram *histogram)
{
	free(histogram->at);
	*histogram = (struct histogram){ 0 };
}

/* The first bucket that is not before this one. */
static uint32_t find(const struct histogram *histogram, uint32_t bucket)
{
	uint32_t low = 0, high = histogram->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (histogram->at[middle].bucket < bucket)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void count_more(struct histogram *histogram, uint32_t bucket, uint64_t count)
{
	uint32_t place = find(histogram, bucket);

	if (place == histogram->count || histogram->at[place].bucket != bucket) {
		if (histogram->count == histogram->room) {
			histogram->room = histogram->room ? histogram->room * 2 : 32;
			histogram->at = memory_resize(histogram->at, histogram->room, sizeof(*histogram->at));
		}
		memmove(&histogram->at[place + 1], &histogram->at[place],
		        sizeof(*histogram->at) * (histogram->count - place));
		histogram->at[place] = (struct histogram_bucket){ .bucket = bucket };
		histogram->count++;
	}
	histogram->at[place].count += count;
}

static void sum_more(struct histogram *histogram, uint64_t low, uint64_t high)
{
	histogram->sum_low += low;
	histogram->sum_high += high + (histogram->sum_low < low);
}

static void take_ends(struct histogram *histogram, uint64_t least, uint64_t most)
{
	if (histogram->numbers == 0 || least < histogram->least)
		histogram->least = least;
	if (histogram->numbers == 0 || most > histogram->most)
		histogram->most = most;
}

void histogram_add(struct histogram *histogram, uint64_t number)
{
	number = number < HISTOGRAM_LARGEST ? number : HISTOGRAM_LARGEST;
	take_ends(histogram, number, number);
	histogram->numbers++;
	sum_more(histogram, number, 0);
	count_more(histogram, bucket_of(number), 1);
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
	if (other->numbers == 0)
		return;
	take_ends(histogram, other->least, other->most);
	histogram->numbers += other->numbers;
	sum_more(histogram, other->sum_low, other->sum_high);
	for (uint32_t i = 0; i < other->count; i++)
		count_more(histogram, other->at[i].bucket, other->at[i].count);
}

double histogram_quantile(const struct histogram *histogram, double share)
{
	uint64_t rank = (uint64_t)ceil(share * (double)histogram->numbers), before = 0;
	double first, next, middle;
	uint32_t i = 0;

	if (histogram->numbers == 0)
		return 0;
	rank = rank ? rank : 1;
	while (before + histogram->at[i].count < rank && i + 1 < histogram->count)
		before += histogram->at[i++].count;
	first = (double)bucket_first(histogram->at[i].bucket);
	next = (double)bucket_first(histogram->at[i].bucket + 1);
	middle = (first + next - 1) / 2;
	return fmin(fmax(middle, (double)histogram->least), (double)histogram->most);
}

double histogram_mean(const struct histogram *histogram)
{
	if (histogram->numbers == 0)
		return 0;
	return ((double)histogram->sum_high * 0x1p64 + (double)histogram->sum_low) /
	       (double)histogram->numbers;
}

/* ------------------------------------------------------------------ files */

/* What does not fit a double goes as a text. */
json_t *histogram_json(const struct histogram *histogram)
{
	json_t *value = json_object_new(), *buckets;
	char sum[40];

	snprintf(sum, sizeof(sum), "%016llx%016llx", (unsigned long long)histogram->sum_high,
	         (unsigned long long)histogram->sum_low);
	json_add_number(value, "least", (double)histogram->least);
	json_add_number(value, "most", (double)histogram->most);
	json_add_text(value, "sum", sum);
	buckets = json_add(value, "buckets", json_array_new());
	for (uint32_t i = 0; i < histogram->count; i++) {
		json_push(buckets, json_number_new(histogram->at[i].bucket));
		json_push(buckets, json_number_new((double)histogram->at[i].count));
	}
	return value;
}

/* A whole number from 0 to most; false: it is none. */
static bool whole(const json_t *value, double most, uint64_t *ret_number)
{
	double number;

	if (!value || json_type(value) != JSON_NUMBER)
		return false;
	number = json_number(value);
	if (!(number >= 0 && number <= most && number == floor(number)))
		return false;
	*ret_number = (uint64_t)number;
	return true;
}

/* 32 hexadecimal digits, as histogram_json writes them. */
static bool read_sum(struct histogram *histogram, const json_t *value)
{
	char half[17] = "";

	if (!value || json_type(value) != JSON_TEXT || strlen(json_text(value)) != 32 ||
	    strspn(json_text(value), "0123456789abcdef") != 32)
		return false;
	memcpy(half, json_text(value), 16);
	histogram->sum_high = strtoull(half, NULL, 16);
	histogram->sum_low = strtoull(json_text(value) + 16, NULL, 16);
	return true;
}

static bool read_buckets(struct histogram *histogram, const json_t *array)
{
	uint64_t last = 0;

	if (!array || json_type(array) != JSON_ARRAY || json_count(array) % 2 != 0)
		return false;
	for (const json_t *entry = json_first(array); entry; entry = json_next(json_next(entry))) {
		uint64_t bucket, count;

		if (!whole(entry, bucket_most(), &bucket) || !whole(json_next(entry), 9e15, &count) ||
		    count == 0 || (histogram->count > 0 && bucket <= last))
			return false;
		count_more(histogram, (uint32_t)bucket, count);
		histogram->numbers += count;
		last = bucket;
	}
	return true;
}

int histogram_read(struct histogram *ret_histogram, const struct json_doc *doc, const json_t *value,
                   struct error *error)
{
	struct histogram histogram = { 0 };

	if (read_buckets(&histogram, json_get(value, "buckets")) &&
	    read_sum(&histogram, json_get(value, "sum")) &&
	    whole(json_get(value, "least"), (double)HISTOGRAM_LARGEST, &histogram.least) &&
	    whole(json_get(value, "most"), (double)HISTOGRAM_LARGEST, &histogram.most)) {
		*ret_histogram = histogram;
		return 0;
	}
	histogram_free(&histogram);
	return json_fail(doc, value, error, "is no histogram, expected what sweep wrote");
}

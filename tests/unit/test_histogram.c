/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/histogram.h"

#include "models/luck.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *text_of(const struct histogram *histogram)
{
	json_t *value = histogram_json(histogram);
	size_t length;
	char *text = json_canonical(value, &length);

	json_free(value);
	return text;
}

static int read_text(struct histogram *ret_histogram, const char *text)
{
	struct json_doc *doc;
	struct error error;
	int result;

	cr_assert_eq(json_doc_parse(&doc, "h.json", strdup(text), strlen(text), &error), 0);
	result = histogram_read(ret_histogram, doc, json_doc_root(doc), &error);
	json_doc_free(doc);
	return result;
}

Test(histogram, small_numbers_are_exact)
{
	struct histogram h = { 0 };

	cr_assert_eq(histogram_quantile(&h, 0.5), 0);
	cr_assert_eq(histogram_mean(&h), 0);
	for (uint64_t i = 1; i <= 1000; i++)
		histogram_add(&h, 1001 - i);
	cr_assert_eq(histogram_quantile(&h, 0.5), 500);
	cr_assert_eq(histogram_quantile(&h, 0.99), 990);
	cr_assert_eq(histogram_quantile(&h, 0), 1);
	cr_assert_eq(histogram_quantile(&h, 1), 1000);
	cr_assert_eq(histogram_mean(&h), 500.5);
	histogram_free(&h);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Of numbers from 1 to 1e14, each size as often as any other. */
Test(histogram, percentiles_are_true_to_half_a_thousandth)
{
	enum { COUNT = 5000 };
	uint64_t numbers[COUNT];
	struct histogram h = { 0 };

	for (uint64_t i = 0; i < COUNT; i++) {
		numbers[i] = (uint64_t)pow(10, 14 * luck_unit(7, i));
		histogram_add(&h, numbers[i]);
	}
	qsort(numbers, COUNT, sizeof(numbers[0]), compare);
	for (int i = 1; i <= COUNT; i++) {
		double got = histogram_quantile(&h, (i - 0.5) / COUNT), truth = (double)numbers[i - 1];

		cr_assert(fabs(got - truth) <= 0.0005 * truth, "%g, truth %g", got, truth);
	}
	histogram_free(&h);
}

Test(histogram, merges_in_any_order_to_the_same_bytes)
{
	enum { PARTS = 5 };
	struct histogram parts[PARTS] = { 0 }, all = { 0 }, forth = { 0 }, back = { 0 };
	char *texts[3];

	for (uint64_t i = 0; i < 3000; i++) {
		uint64_t number = (uint64_t)pow(10, 18 * luck_unit(3, i));

		histogram_add(&all, number);
		histogram_add(&parts[i % PARTS], number);
	}
	for (int i = 0; i < PARTS; i++) {
		histogram_merge(&forth, &parts[i]);
		histogram_merge(&back, &parts[PARTS - 1 - i]);
	}
	texts[0] = text_of(&all);
	texts[1] = text_of(&forth);
	texts[2] = text_of(&back);
	cr_assert_str_eq(texts[0], texts[1]);
	cr_assert_str_eq(texts[0], texts[2]);
	for (int i = 0; i < PARTS; i++)
		histogram_free(&parts[i]);
	for (int i = 0; i < 3; i++)
		free(texts[i]);
	histogram_free(&all);
	histogram_free(&forth);
	histogram_free(&back);
}

Test(histogram, comes_back_from_its_file)
{
	struct histogram h = { 0 }, back = { 0 };
	char *text, *again;

	for (uint64_t i = 0; i < 100; i++)
		histogram_add(&h, i * i * i * 1000);
	histogram_add(&h, UINT64_MAX);
	cr_assert_eq(h.most, HISTOGRAM_LARGEST);
	text = text_of(&h);
	cr_assert_eq(read_text(&back, text), 0);
	again = text_of(&back);
	cr_assert_str_eq(text, again);
	cr_assert_eq(back.numbers, 101);
	free(text);
	free(again);
	histogram_free(&h);
	histogram_free(&back);
}

Test(histogram, refuses_what_is_none)
{
	static const char *const texts[] = {
		"1",
		"{}",
		"{\"buckets\":[1],\"least\":1,\"most\":1,\"sum\":\"00000000000000000000000000000001\"}",
		"{\"buckets\":[1,0],\"least\":1,\"most\":1,\"sum\":\"00000000000000000000000000000001\"}",
		"{\"buckets\":[1,1,1,1],\"least\":1,\"most\":1,\"sum\":\"00000000000000000000000000000001\"}",
		"{\"buckets\":[1,1],\"least\":-1,\"most\":1,\"sum\":\"00000000000000000000000000000001\"}",
		"{\"buckets\":[1,1],\"least\":1,\"most\":1,\"sum\":\"1\"}",
		"{\"buckets\":[1e9,1],\"least\":1,\"most\":1,\"sum\":\"00000000000000000000000000000001\"}",
	};
	struct histogram h;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cr_assert_eq(read_text(&h, texts[i]), ERROR_INPUT, "%s", texts[i]);
}

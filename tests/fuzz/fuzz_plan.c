/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plans for one small cluster: what is read is written, and reads as the same. */
#include "core/must.h"
#include "core/plan_read.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char cluster_text[] =
	"{\"schema\":\"lockkeeper.cluster/1\",\"name\":\"c\",\"hosts\":["
	"{\"name\":\"a\",\"cpus\":16,\"memory_mib\":8192},{\"name\":\"b\",\"cpus\":16,\"memory_mib\":8192},"
	"{\"name\":\"c\",\"cpus\":16,\"memory_mib\":8192}],"
	"\"flavors\":[{\"name\":\"f\",\"vcpus\":1,\"memory_mib\":1024}],"
	"\"groups\":[{\"name\":\"g\",\"policy\":\"affinity\",\"best_effort\":true}],"
	"\"vms\":[{\"name\":\"v\",\"host\":\"a\",\"flavor\":\"f\"},"
	"{\"name\":\"w\",\"id\":\"u\",\"host\":\"a\",\"flavor\":\"f\",\"group\":\"g\"}]}";

static struct json_doc *parsed(const char *text, size_t length)
{
	char *copy = memory_take(length);
	struct json_doc *doc;

	memcpy(copy, text, length);
	return json_doc_parse(&doc, "fuzz.json", copy, length, NULL) ? NULL : doc;
}

static char *written(const struct plan *plan, const struct cluster *cluster, size_t *ret_length)
{
	json_t *value = plan_json(plan, cluster);
	char *text = json_print(value, true, ret_length);

	json_free(value);
	return text;
}

/* Every wait is for a move before it, and what is written reads as the same plan. */
static void check_plan(const struct plan *plan, const struct cluster *cluster)
{
	size_t length, length_again;
	char *text = written(plan, cluster, &length), *again;
	struct json_doc *doc = parsed(text, length);
	struct error error;
	struct plan back;

	for (uint32_t i = 0; i < plan->move_count; i++) {
		for (uint32_t j = 0; j < plan->moves[i].after_count; j++)
			must(plan->moves[i].after[j] < i);
	}
	must(doc);
	must(!plan_read(&back, doc, cluster, &error));
	again = written(&back, cluster, &length_again);
	must(length == length_again && !memcmp(text, again, length));
	plan_free(&back);
	json_doc_free(doc);
	free(text);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc *doc = parsed((const char *)data, size),
			*cluster_doc = parsed(cluster_text, strlen(cluster_text));
	struct error error = { "" };
	struct cluster cluster;
	struct plan plan;

	must(!cluster_read(&cluster, cluster_doc, PROFILE_COUNT, &error));
	if (doc && plan_read(&plan, doc, &cluster, &error)) {
		must(!strncmp(error.text, "fuzz.json:", 10));
		must(!strchr(error.text, '\n'));
	} else if (doc) {
		check_plan(&plan, &cluster);
		plan_free(&plan);
	}
	cluster_free(&cluster);
	json_doc_free(cluster_doc);
	json_doc_free(doc);
	return 0;
}

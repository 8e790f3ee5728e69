/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Traces of what guests used: read, and put into a cluster, which must be one that can be read then. */
#include "core/arena.h"
#include "core/cluster.h"
#include "core/must.h"
#include "import/utilisation.h"

#include <stdlib.h>
#include <string.h>

static const char CLUSTER[] =
	"{\"schema\":\"lockkeeper.cluster/1\",\"name\":\"c\",\"hosts\":[],"
	"\"flavors\":[{\"name\":\"f\",\"vcpus\":1,\"memory_mib\":64}],\"vms\":["
	"{\"name\":\"a\",\"host\":null,\"flavor\":\"f\"},{\"name\":\"b\",\"host\":null,\"flavor\":\"f\"}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json_doc *parse(char *text, size_t length)
{
	struct json_doc *doc;

	must(!json_doc_parse(&doc, "c.json", text, length, NULL));
	return doc;
}

static void put_in(const struct utilisation *utilisation)
{
	struct utilisation_report report;
	struct json_doc *doc, *loaded;
	struct cluster cluster;
	json_t *value;
	size_t length;
	char *text = memory_take(sizeof(CLUSTER));

	memcpy(text, CLUSTER, sizeof(CLUSTER));
	doc = parse(text, sizeof(CLUSTER) - 1);
	value = utilisation_cluster(utilisation, json_doc_root(doc), &report);
	text = json_print(value, true, &length);
	loaded = parse(text, length);
	must(!cluster_read(&cluster, loaded, PROFILE_COUNT, NULL));
	must(report.known + report.untraced == cluster.vm_count);
	cluster_free(&cluster);
	json_doc_free(loaded);
	json_free(value);
	json_doc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct utilisation *utilisation;
	struct error error = { "" };

	if (utilisation_read(&utilisation, (const char *)data, size, "fuzz.csv", &utilisation_columns_default,
	                     0, &error)) {
		must(!strncmp(error.text, "fuzz.csv:", 9));
		must(!strchr(error.text, '\n'));
		return 0;
	}
	put_in(utilisation);
	utilisation_free(utilisation);
	return 0;
}

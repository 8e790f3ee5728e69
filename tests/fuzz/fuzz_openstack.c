/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/cluster.h"
#include "core/must.h"
#include "import/openstack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input is one document, or several with a NUL between; each begins with a line that is its name. */
static struct json_doc *next_doc(const uint8_t **data, size_t *size)
{
	const uint8_t *end = memchr(*data, '\0', *size), *line;
	size_t length = end ? (size_t)(end - *data) : *size;
	struct json_doc *doc = NULL;
	char name[64] = "x", *text;
	size_t skip = 0;

	line = memchr(*data, '\n', length);
	if (line && length > 0 && (*data)[0] == '/' && line - *data < (ptrdiff_t)sizeof(name)) {
		skip = (size_t)(line - *data) + 1;
		memcpy(name, *data + 1, skip - 2);
		name[skip - 2] = '\0';
	}
	text = memory_take(length - skip + 1);
	memcpy(text, *data + skip, length - skip);
	text[length - skip] = '\0';
	if (json_doc_parse(&doc, name, text, length - skip, NULL))
		doc = NULL;
	*data += length + (end != NULL);
	*size -= length + (end != NULL);
	return doc;
}

/* What import writes every other command must read; only extra specs are not import's to judge. */
static void read_back(const json_t *cluster)
{
	struct cluster back;
	struct json_doc *doc;
	struct error error;
	size_t length;
	char *text = json_print(cluster, true, &length);

	if (json_doc_parse(&doc, "imported", text, length, &error))
		must_fail(error.text, __FILE__, __LINE__);
	if (!cluster_read(&back, doc, PROFILE_COUNT, &error))
		cluster_free(&back);
	else if (!strstr(error.text, "extra_specs"))
		must_fail(error.text, __FILE__, __LINE__);
	json_doc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct openstack *import = openstack_new();
	struct json_doc *docs[8];
	json_t *cluster;
	size_t count = 0, notes;
	struct error error;

	while (size > 0 && count < 8) {
		docs[count] = next_doc(&data, &size);
		if (docs[count])
			openstack_add(import, docs[count++]);
	}
	if (!openstack_cluster(import, &(struct openstack_options){ 0 }, &cluster, &error)) {
		read_back(cluster);
		json_free(cluster);
	}
	openstack_notes(import, &notes);
	openstack_free(import);
	while (count > 0)
		json_doc_free(docs[--count]);
	return 0;
}

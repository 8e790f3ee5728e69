/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sweeps: read, and their factors put into the scenario of some cells; what a unit's file says. */
#include "core/arena.h"
#include "core/must.h"
#include "sim/sweep.h"

#include <stdlib.h>
#include <string.h>

enum { CELLS_LOOKED_AT = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_cells(const struct sweep *sweep)
{
	for (uint32_t i = 0; i < CELLS_LOOKED_AT && i < sweep->cells; i++) {
		uint32_t cell = (uint32_t)((uint64_t)i * sweep->cells / CELLS_LOOKED_AT);
		json_t *scenario = json_copy(sweep->scenario);
		struct error error = { "" };

		if (sweep_apply(sweep, cell, scenario, &error))
			must(error.text[0] && !strchr(error.text, '\n'));
		json_free(scenario);
	}
}

/* The same document as a result: none of these may be taken. */
static void look_at_result(const struct sweep *sweep, const struct json_doc *doc)
{
	struct histogram histogram;
	struct error error = { "" };

	must(sweep_unit_read(sweep, 0, doc, NULL, &error));
	must(!strncmp(error.text, "fuzz.json:", 10));
	if (!histogram_read(&histogram, doc, json_doc_root(doc), &error))
		histogram_free(&histogram);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = memory_take(size);
	struct error error = { "" };
	struct json_doc *doc;
	struct sweep sweep;

	memcpy(copy, data, size);
	if (json_doc_parse(&doc, "fuzz.json", copy, size, &error))
		return 0;
	if (sweep_read(&sweep, doc, NULL, NULL, &error)) {
		must(!strncmp(error.text, "fuzz.json:", 10));
		must(!strchr(error.text, '\n'));
	} else {
		look_at_cells(&sweep);
		look_at_result(&sweep, doc);
	}
	sweep_free(&sweep);
	json_doc_free(doc);
	return 0;
}

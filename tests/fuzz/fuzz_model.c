/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Model files: read, and what was read moves one guest. */
#include "core/arena.h"
#include "core/must.h"
#include "import/model_file.h"
#include "models/expect.h"
#include "tests/support/same.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_constants(const struct hypervisor *row)
{
	for (const struct hypervisor_constant *of = hypervisor_constants; of->name; of++) {
		double value = *(const double *)(const void *)((const char *)row + of->offset) / of->scale;

		must(value >= of->low * (1 - 1e-12) && value <= of->high * (1 + 1e-12));
	}
}

/* Whatever the constants are: it ends by its time limit, and sends no more than there is to send. */
static void move_a_guest(const struct hypervisor *row)
{
	struct measured guest = { .cell = "",
		                  .batch = "",
		                  .kind = "",
		                  .hypervisor = row->name,
		                  .dirty = { .law = DIRTY_UNIFORM,
		                             .working_set_pages = 4096,
		                             .rate_pages_s = 900,
		                             .background_pages_s = 40,
		                             .duty_on_fraction = 1,
		                             .limit_pages = 20000 },
		                  .memory_pages = 49152,
		                  .used_pages = 20000,
		                  .bandwidth_bytes_s = 32e6,
		                  .link_bytes_s = INFINITY,
		                  .downtime_limit_s = 0.3,
		                  .timeout_s = 20 };
	struct expected said[2];

	for (int by_link = 0; by_link < 2; by_link++) {
		expect_row(&guest, row, EXPECT_SPREAD, 0, 2, said);
		for (int i = 0; i < 2; i++) {
			must(isfinite(said[i].elapsed_s) && isfinite(said[i].bytes) &&
			     isfinite(said[i].downtime_s));
			must(said[i].bytes >= 0 && said[i].downtime_s >= 0);
			must(said[i].elapsed_s <= guest.timeout_s * (1 + 1e-9));
		}
		guest.bandwidth_bytes_s = INFINITY;
		guest.link_bytes_s = 40e6;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hypervisors hypervisors = *hypervisors_shipped();
	char *copy = memory_take(size);
	struct error error = { "" };
	struct json_doc *doc;
	int result;

	memcpy(copy, data, size);
	if (json_doc_parse(&doc, "fuzz.json", copy, size, &error))
		return 0;
	result = model_file_read(doc, &hypervisors, &error);
	json_doc_free(doc);
	if (result) {
		must(!strncmp(error.text, "fuzz.json:", 10));
		must(!strchr(error.text, '\n'));
		must(same_hypervisors(&hypervisors, hypervisors_shipped()));
		return 0;
	}
	for (size_t i = 0; i < HYPERVISORS; i++) {
		bool changed = !same_hypervisor(&hypervisors.rows[i], &hypervisors_shipped()->rows[i]);

		check_constants(&hypervisors.rows[i]);
		if (changed)
			move_a_guest(&hypervisors.rows[i]);
	}
	return 0;
}

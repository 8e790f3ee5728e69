/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/must.h"
#include "import/migrations.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read must be what a model may be given. */
static void check_row(const struct measured *row)
{
	must(row->memory_pages > 0 && row->used_pages >= 0 && row->used_pages <= row->memory_pages);
	must(row->dirty.law < DIRTY_MEASURED && row->dirty.rate_pages_s >= 0);
	must(row->dirty.duty_on_fraction > 0 && row->dirty.duty_on_fraction <= 1);
	must(row->dirty.hot_fraction >= 0 && row->dirty.hot_probability >= 0 && row->dirty.exponent >= 0);
	must(row->bandwidth_bytes_s > 0 && row->link_bytes_s > 0 && row->timeout_s > 0);
	must(row->downtime_limit_s >= 0 && row->start_s >= 0);
	must(!row->completed || row->elapsed_s > 0);
	must(row->cell && row->batch && row->kind && row->hypervisor);
	must(dirty_unique_pages(&row->dirty, 0, 0, 1) <= row->used_pages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct measured *rows;
	uint32_t count;
	struct error error;

	if (!migrations_read((const char *)data, size, "input", &arena, &rows, &count, &error)) {
		must(count > 0);
		for (uint32_t i = 0; i < count; i++)
			check_row(&rows[i]);
	}
	arena_free(&arena);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The constants that ship are those of models/qemu-7.2.json, which calibrate wrote. */
#include "import/model_file.h"
#include "models/hypervisor.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct json_doc *read_doc(const char *path)
{
	FILE *file = fopen(path, "r");
	struct json_doc *doc;
	struct error error;
	char *text = malloc(1 << 16);
	size_t length;

	cr_assert(file != NULL && text != NULL, "run from the top of the repository");
	length = fread(text, 1, (1 << 16) - 1, file);
	fclose(file);
	text[length] = '\0';
	cr_assert_eq(json_doc_parse(&doc, path, text, length, &error), 0, "%s", error.text);
	return doc;
}

Test(shipped_model, is_the_file_that_was_fitted)
{
	struct json_doc *doc = read_doc("models/qemu-7.2.json");
	struct hypervisors read = *hypervisors_shipped();
	const struct hypervisor *shipped = hypervisors_shipped()->rows;
	size_t members = json_count(json_get(json_doc_root(doc), "constants")), constants = 0;
	struct error error;

	cr_assert_eq(model_file_read(doc, &read, &error), 0, "%s", error.text);
	for (const struct hypervisor_constant *constant = hypervisor_constants; constant->name; constant++) {
		double of_file =
			*(const double *)(const void *)((const char *)&read.rows[0] + constant->offset);

		constants++;
		for (size_t i = 0; i < HYPERVISORS; i++) {
			const char *row = (const char *)&shipped[i];
			double of_row = *(const double *)(const void *)(row + constant->offset);

			cr_assert_float_eq(of_row, of_file, 1e-12 * of_file,
			                   "%s of %s: %.17g, the file says %.17g", constant->name,
			                   shipped[i].name, of_row, of_file);
		}
	}
	cr_assert_eq(members, constants, "the file has %zu constants, expected all %zu", members, constants);
	json_doc_free(doc);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/model_file.h"
#include "tests/support/same.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hypervisors hypervisors;
static struct error error;

static void begin(void)
{
	hypervisors = *hypervisors_shipped();
}

TestSuite(model_file, .init = begin);

/* Single quotes in the text stand for double ones. */
static int try_text(const char *text)
{
	char *copy = malloc(strlen(text) + 1);
	struct json_doc *doc;
	int result;

	cr_assert_not_null(copy);
	for (size_t i = 0; i <= strlen(text); i++)
		copy[i] = text[i] == '\'' ? '"' : text[i];
	if (json_doc_parse(&doc, "m.json", copy, strlen(text), &error))
		return ERROR_INPUT;
	result = model_file_read(doc, &hypervisors, &error);
	json_doc_free(doc);
	return result;
}

static bool is_untouched(void)
{
	return same_hypervisors(&hypervisors, hypervisors_shipped());
}

static void refuse(const char *text, const char *message)
{
	cr_assert_eq(try_text(text), ERROR_INPUT, "%s was taken", text);
	cr_assert_str_eq(error.text, message);
	cr_assert(is_untouched(), "%s: refused, but something was changed", text);
}

/* The constants of a model that is fine besides. */
static void refuse_constants(const char *constants, const char *message)
{
	char text[1024];

	snprintf(text, sizeof(text),
	         "{'schema':'lockkeeper.model/1','hypervisor':'qemu-7.2','constants':{\n"
	         "'stop_ms':{'value':11},\n%s}}",
	         constants);
	refuse(text, message);
}

static double value_of(const struct hypervisor *row, const struct hypervisor_constant *constant)
{
	return *(const double *)(const void *)((const char *)row + constant->offset) / constant->scale;
}

/* ------------------------------------------------------------------ reading */

Test(model_file, takes_its_constants_and_leaves_the_rest)
{
	struct hypervisors before = hypervisors;

	cr_assert_eq(try_text("{'schema':'lockkeeper.model/1','hypervisor':'qemu-8.2','x-site':'north',\n"
	                      "'fitted':{'to':'site.csv','rows':40},\n"
	                      "'constants':{'setup_ms':{'value':1234.5,'error':10},\n"
	                      "'sender_mib_s':{'value':500,'error':null},'dirty_spread':{'value':0.125}}}"),
	             0, "%s", error.text);
	cr_assert_eq(hypervisors.rows[1].setup_ms, 1234.5);
	cr_assert_eq(hypervisors.rows[1].sender_bytes_s, 500 * 1048576.0);
	cr_assert_eq(hypervisors.rows[1].dirty_spread, 0.125);
	before.rows[1].setup_ms = 1234.5;
	before.rows[1].sender_bytes_s = 500 * 1048576.0;
	before.rows[1].dirty_spread = 0.125;
	cr_assert(same_hypervisors(&hypervisors, &before));
	/* And another one on top of it. */
	cr_assert_eq(try_text("{'schema':'lockkeeper.model/1','hypervisor':'qemu-8.2',"
	                      "'constants':{'setup_ms':{'value':0}}}"),
	             0, "%s", error.text);
	cr_assert_eq(hypervisors.rows[1].setup_ms, 0);
	cr_assert_eq(hypervisors.rows[1].dirty_spread, 0.125);
}

Test(model_file, a_model_without_constants_changes_nothing)
{
	cr_assert_eq(try_text("{'schema':'lockkeeper.model/1','hypervisor':'qemu-7.2',"
	                      "'constants':{'x-why':1}}"),
	             0);
	cr_assert(is_untouched());
}

Test(model_file, the_ends_of_a_range_belong_to_it)
{
	for (const struct hypervisor_constant *of = hypervisor_constants; of->name; of++) {
		const double ends[] = { of->low, of->high };

		for (int i = 0; i < 2; i++) {
			char text[256];

			snprintf(text, sizeof(text),
			         "{'schema':'lockkeeper.model/1','hypervisor':'qemu-7.2','constants':{'%s':"
			         "{'value':%.17g}}}",
			         of->name, ends[i]);
			cr_assert_eq(try_text(text), 0, "%s", error.text);
			cr_assert_float_eq(value_of(&hypervisors.rows[0], of), ends[i], 1e-12 * ends[i]);
		}
	}
}

Test(model_file, refuses_what_is_no_model)
{
	refuse("[]", "m.json:1: an array, expected a model (an object)");
	refuse("{}", "m.json:1: expected schema \"lockkeeper.model/1\"");
	refuse("{'schema':1,'hypervisor':'qemu-7.2','constants':{}}",
	       "m.json:1: schema: expected schema \"lockkeeper.model/1\"");
	refuse("{\n'schema':'lockkeeper.cluster/1'}",
	       "m.json:2: schema: expected schema \"lockkeeper.model/1\"");
	refuse("{'schema':'lockkeeper.model/1','hypervisor':'qemu-7.2'}",
	       "m.json:1: member \"constants\" is missing, expected in a model");
	refuse("{'schema':'lockkeeper.model/1','constants':{}}",
	       "m.json:1: member \"hypervisor\" is missing, expected in a model");
	refuse("{'schema':'lockkeeper.model/1','hypervisor':72,'constants':{}}",
	       "m.json:1: hypervisor: a number, expected a string");
	refuse("{'schema':'lockkeeper.model/1','hypervisor':'qemu-7.2',\n'constants':[]}",
	       "m.json:2: constants: an array, expected an object of constants");
	refuse("{'schema':'lockkeeper.model/1','hypervisor':'qemu-7.2','constants':{}",
	       "m.json:1: not valid JSON: the file ends inside an object");
}

Test(model_file, refuses_unknown_members)
{
	refuse("{'schema':'lockkeeper.model/1','hypervisor':'qemu-7.2',\n'constnats':{},'constants':{}}",
	       "m.json:2: constnats: unknown member \"constnats\" (did you mean \"constants\"?)");
	refuse("{'schema':'lockkeeper.model/1','hypervisor':'qemu-7.2','colour':1,'constants':{}}",
	       "m.json:1: colour: unknown member \"colour\", expected one of the format's");
	refuse_constants("'setup_ms':{'value':1,'eror':2}",
	                 "m.json:3: constants.setup_ms.eror: unknown member \"eror\" (did you mean "
	                 "\"error\"?)");
}

Test(model_file, a_hypervisor_must_be_a_row_of_its_own)
{
	refuse("{'schema':'lockkeeper.model/1',\n'hypervisor':'xen','constants':{}}",
	       "m.json:2: hypervisor: no such hypervisor \"xen\", expected qemu-7.2, qemu-8.2, qemu-9.2 or "
	       "qemu-10.0");
	/* 7.2 stands in for it when nothing is known, but these constants would not be 7.2's. */
	refuse("{'schema':'lockkeeper.model/1','hypervisor':'qemu-7.1','constants':{}}",
	       "m.json:1: hypervisor: no such hypervisor \"qemu-7.1\", expected qemu-7.2, qemu-8.2, qemu-9.2 "
	       "or qemu-10.0");
}

Test(model_file, refuses_bad_constants)
{
	refuse_constants("'setup_sm':{'value':1}",
	                 "m.json:3: constants.setup_sm: unknown constant \"setup_sm\" (did you mean "
	                 "\"setup_ms\"?)");
	refuse_constants("'colour':{'value':1}",
	                 "m.json:3: constants.colour: unknown constant \"colour\", expected one of "
	                 "docs/formats.md");
	refuse_constants("'setup_ms':800", "m.json:3: constants.setup_ms: a number, expected a constant (an "
	                                   "object)");
	refuse_constants("'setup_ms':{}", "m.json:3: constants.setup_ms: member \"value\" is missing, "
	                                  "expected in a constant");
	refuse_constants("'setup_ms':{'value':null}",
	                 "m.json:3: constants.setup_ms.value: null, expected a number");
	refuse_constants("'setup_ms':{'value':'800'}",
	                 "m.json:3: constants.setup_ms.value: a string, expected a number");
	refuse_constants("'setup_ms':{'value':800,'error':'10'}",
	                 "m.json:3: constants.setup_ms.error: a string, expected a number");
	refuse_constants("'setup_ms':{'value':800,\n'error':-1}",
	                 "m.json:4: constants.setup_ms.error: -1 is out of range, expected at least 0 and at "
	                 "most 1000000000000");
	refuse_constants("'setup_ms':{'value':1},'setup_ms':{'value':2}",
	                 "m.json:3: constants.setup_ms: member \"setup_ms\" stands twice, expected once");
}

Test(model_file, refuses_what_is_out_of_range)
{
	refuse_constants("'wire_efficiency':{'value':1.5}",
	                 "m.json:3: constants.wire_efficiency.value: 1.5, expected 0.001 to 1");
	refuse_constants("'wire_efficiency':{'value':0}",
	                 "m.json:3: constants.wire_efficiency.value: 0, expected 0.001 to 1");
	refuse_constants("'setup_ms':{\n'value':1000001}",
	                 "m.json:4: constants.setup_ms.value: 1000001, expected 0 to 1000000 ms");
	refuse_constants("'setup_ms':{'value':-1}",
	                 "m.json:3: constants.setup_ms.value: -1, expected 0 to 1000000 ms");
	refuse_constants("'dirty_spread':{'value':3.1}",
	                 "m.json:3: constants.dirty_spread.value: 3.1, expected 0 to 3");
}

/* ------------------------------------------------------------------ writing */

/* A calibration of made-up numbers, every other constant fitted. */
static struct calibration made_up(void)
{
	struct calibration calibration = {
		.hypervisor = *hypervisor_find("qemu-9.2"),
		.rows_fitted = 42,
		.rows_together = 7,
		.overall = { .time_error = 0.0123456789, .bytes_error = 0.02, .downtime_ms = 3.25 }
	};

	for (size_t i = 0; hypervisor_constants[i].name; i++) {
		const struct hypervisor_constant *of = &hypervisor_constants[i];
		double value = fmin(of->low + (double)(i + 1) / 7, of->high);

		*(double *)(void *)((char *)&calibration.hypervisor + of->offset) = value * of->scale;
		calibration.constants[i].value = value;
		calibration.constants[i].error = i % 2 ? NAN : value / 30;
	}
	return calibration;
}

Test(model_file, what_is_written_is_read_again)
{
	struct calibration calibration = made_up();
	json_t *model = model_file_write(&calibration, "site.csv");
	size_t length;
	char *text = json_print(model, true, &length);

	json_free(model);
	cr_assert_eq(try_text(text), 0, "%s", error.text);
	for (size_t i = 0; hypervisor_constants[i].name; i++) {
		const struct hypervisor_constant *of = &hypervisor_constants[i];
		double value = calibration.constants[i].value, off = 1e-5 * value;

		/* The error's first digit and two more. */
		if (!isnan(calibration.constants[i].error))
			off += calibration.constants[i].error / 100;
		cr_assert_float_eq(value_of(&hypervisors.rows[2], of), value, off, "%s: %g became %g",
		                   of->name, value, value_of(&hypervisors.rows[2], of));
	}
	/* All but the constants is the row's own. */
	hypervisors.rows[2] = hypervisors_shipped()->rows[2];
	cr_assert(is_untouched());
	free(text);
}

Test(model_file, a_file_s_own_digits_come_back_to_the_bit)
{
	struct calibration calibration = made_up();
	json_t *first = model_file_write(&calibration, "site.csv"), *second;
	size_t length;
	char *text = json_print(first, true, &length), *again;

	cr_assert_eq(try_text(text), 0, "%s", error.text);
	for (size_t i = 0; hypervisor_constants[i].name; i++)
		calibration.constants[i].value = value_of(&hypervisors.rows[2], &hypervisor_constants[i]);
	second = model_file_write(&calibration, "site.csv");
	again = json_print(second, true, &length);
	cr_assert_str_eq(text, again);
	json_free(first);
	json_free(second);
	free(text);
	free(again);
}

Test(model_file, says_what_it_was_fitted_to)
{
	struct calibration calibration = made_up();
	json_t *model = model_file_write(&calibration, "site.csv");
	const json_t *fitted = json_get(model, "fitted"), *constants = json_get(model, "constants");

	cr_assert_str_eq(json_text(json_get(model, "schema")), "lockkeeper.model/1");
	cr_assert_str_eq(json_text(json_get(model, "hypervisor")), "qemu-9.2");
	cr_assert_str_eq(json_text(json_get(fitted, "to")), "site.csv");
	cr_assert_eq(json_number(json_get(fitted, "rows")), 42);
	cr_assert_eq(json_number(json_get(fitted, "rows_together")), 7);
	cr_assert_float_eq(json_number(json_get(fitted, "time_error_percent")), 1.23457, 1e-9);
	cr_assert_eq(json_number(json_get(fitted, "bytes_error_percent")), 2);
	cr_assert_eq(json_number(json_get(fitted, "downtime_error_ms")), 3.25);
	for (size_t i = 0; hypervisor_constants[i].name; i++) {
		const json_t *constant = json_get(constants, hypervisor_constants[i].name);

		cr_assert_not_null(constant, "%s", hypervisor_constants[i].name);
		cr_assert_eq(json_type(json_get(constant, "error")), i % 2 ? JSON_NULL : JSON_NUMBER);
	}
	json_free(model);
}

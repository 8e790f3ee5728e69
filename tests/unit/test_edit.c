/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/edit.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc;
	struct error error;

	cr_assert_eq(json_doc_parse(&doc, "t.json", strdup(text), strlen(text), &error), 0, "%s", error.text);
	return doc;
}

/* The document's canonical text after the edit, or what is wrong with it. */
static void edited(const char *text, const char *path, enum edit_how how, const char *value,
                   const char *expected)
{
	struct json_doc *doc = parse(text), *with = parse(value);
	json_t *root = json_copy(json_doc_root(doc));
	struct edit edit = { path, how, json_doc_root(with) };
	struct error error;
	size_t length;
	char *got;

	if (edit_apply(root, &edit, NULL, &error)) {
		cr_expect_str_eq(error.text, expected);
	} else {
		got = json_canonical(root, &length);
		cr_expect_str_eq(got, expected, "%s", got);
		free(got);
	}
	json_free(root);
	json_doc_free(doc);
	json_doc_free(with);
}

#define CLUSTER                                                        \
	"{\"vms\":[{\"name\":\"web-1\",\"n\":2},{\"name\":\"web-2\"}," \
	"{\"name\":\"db\",\"n\":3}],\"list\":[5,6]}"

Test(edit, sets_what_is_there_and_what_is_not)
{
	edited("{\"a\":1}", "a", EDIT_SET, "2", "{\"a\":2}");
	edited("{\"a\":1}", "b", EDIT_SET, "true", "{\"a\":1,\"b\":true}");
	edited("{\"a\":1}", "b.c.d", EDIT_SET, "\"x\"", "{\"a\":1,\"b\":{\"c\":{\"d\":\"x\"}}}");
	edited("{\"a\":{\"b\":1,\"c\":2,\"d\":3}}", "a.c", EDIT_SET, "[1]",
	       "{\"a\":{\"b\":1,\"c\":[1],\"d\":3}}");
}

Test(edit, means_elements_by_name_or_number)
{
	edited(CLUSTER, "vms[web-*].n", EDIT_SET, "7",
	       "{\"list\":[5,6],\"vms\":[{\"n\":7,\"name\":\"web-1\"},{\"n\":7,\"name\":\"web-2\"},"
	       "{\"n\":3,\"name\":\"db\"}]}");
	edited(CLUSTER, "vms[db].n", EDIT_SCALE, "2",
	       "{\"list\":[5,6],\"vms\":[{\"n\":2,\"name\":\"web-1\"},{\"name\":\"web-2\"},"
	       "{\"n\":6,\"name\":\"db\"}]}");
	edited(CLUSTER, "list[1]", EDIT_SET, "9",
	       "{\"list\":[5,9],\"vms\":[{\"n\":2,\"name\":\"web-1\"},{\"name\":\"web-2\"},"
	       "{\"n\":3,\"name\":\"db\"}]}");
	edited("{\"a\":[[1,2],[3]]}", "a[*][0]", EDIT_SCALE, "10", "{\"a\":[[10,2],[30]]}");
}

Test(edit, scales_what_is_there)
{
	edited(CLUSTER, "vms[*].n", EDIT_SCALE, "0.5",
	       "{\"list\":[5,6],\"vms\":[{\"n\":1,\"name\":\"web-1\"},{\"name\":\"web-2\"},"
	       "{\"n\":1.5,\"name\":\"db\"}]}");
	edited("{\"a\":4}", "a", EDIT_SCALE, "{\"dist\":\"uniform\",\"min\":1,\"max\":2}",
	       "{\"a\":{\"dist\":\"uniform\",\"max\":2,\"min\":1,\"times\":4}}");
}

Test(edit, says_what_is_wrong_with_a_path)
{
	edited(CLUSTER, "vms[nobody].n", EDIT_SET, "1", "vms[nobody].n: fits nothing that is there");
	edited(CLUSTER, "vms[web-2].n", EDIT_SCALE, "1", "vms[web-2].n: fits nothing that is there");
	edited(CLUSTER, "vms.n", EDIT_SET, "1",
	       "vms.n: goes through an array, expected [*], [NAME] or [NUMBER] behind it");
	edited(CLUSTER, "vms[*.n", EDIT_SET, "1", "vms[*.n: expected [*], [NAME] or [NUMBER]");
	edited(CLUSTER, "vms[]", EDIT_SET, "1", "vms[]: expected [*], [NAME] or [NUMBER]");
	edited(CLUSTER, "", EDIT_SET, "1", ": expected the names of members, with dots between");
	edited(CLUSTER, "list..n", EDIT_SET, "1",
	       "list..n: expected the names of members, with dots between");
	edited(CLUSTER, "vms[db].n.x", EDIT_SET, "1", "vms[db].n.x: goes through what is no object");
	edited(CLUSTER, "vms[db].name", EDIT_SCALE, "2", "vms[db].name: is no number, expected one to scale");
	edited(CLUSTER, "hosts[*].n", EDIT_SET, "1", "hosts[*].n: is not there");
	edited(CLUSTER, "hosts[*].n", EDIT_SCALE, "1", "hosts[*].n: fits nothing that is there");
}

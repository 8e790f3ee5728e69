/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every row about the VM itself: what an admin's live migration and a lock refuse whatever the target. */
#include "core/rules.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

/* VM v on host a, host b beside it; members of the objects as JSON text with a comma before it. */
struct question {
	const char *rule;
	unsigned profiles;
	const char *why; /* NULL: not forbidden */
	const char *v, *a, *b, *flavor;
	const char *host; /* NULL: "a" */
};

#define REMOTE ", \"storage\": \"remote\""
#define IMAGE ", \"storage\": \"local_image\""
#define LVM ", \"storage\": \"local_lvm\""
#define BOOT_FROM_IMAGE ", \"boot\": \"image\""
#define STATE(state) ", \"state\": \"" state "\""
#define TASK(task) ", \"task\": \"" task "\""
#define DISK(gib) ", \"disk_gib\": " gib
#define SRIOV ", \"vifs\": [{\"model\": \"pci-sriov\"}]"
#define PASSTHROUGH ", \"vifs\": [{\"model\": \"virtio\"}, {\"model\": \"pci-passthrough\"}]"
#define ALIAS ", \"extra_specs\": {\"pci_passthrough:alias\": \"gpu:1\"}"
#define REJECTED "Lock of host a rejected because instance v "
#define NO_PCI "Live migration of instance v is not supported with PCI devices attached."
#define TOO_LARGE REJECTED "can't be cold-migrated by the system.  Manually move the instance off of host a."
#define ALONE "Lock of host a rejected because there are no other hypervisors available."
#define OFFLINE ", \"availability\": \"offline\""

static const struct question live_questions[] = {
	{ .rule = "not-placed", EVERY, "v is on no host", .host = "" },
	{ .rule = "not-placed", EVERY, NULL },
	{ .rule = "state",
	  EVERY,
	  "Cannot 'os-migrateLive' instance v while it is in vm_state stopped",
	  STATE("stopped") },
	{ .rule = "state",
	  EVERY,
	  "Cannot 'os-migrateLive' instance v while it is in vm_state error",
	  STATE("error") },
	{ .rule = "state",
	  EVERY,
	  "Cannot 'os-migrateLive' instance v while it is in vm_state suspended",
	  STATE("suspended") },
	{ .rule = "state",
	  EVERY,
	  "Cannot 'os-migrateLive' instance v while it is in vm_state rescued",
	  STATE("rescued") },
	{ .rule = "state", EVERY, NULL, STATE("paused") },
	{ .rule = "task",
	  EVERY,
	  "Cannot 'os-migrateLive' instance v while it is in task_state rebuilding",
	  TASK("rebuilding") },
	{ .rule = "task", EVERY, NULL, ", \"task\": null" },
	{ .rule = "source-down", EVERY, "the source host a is down (offline)", .a = OFFLINE },
	{ .rule = "source-down",
	  EVERY,
	  "the source host a is down (failed)",
	  .a = ", \"availability\": \"failed\"" },
	{ .rule = "source-down",
	  EVERY,
	  NULL,
	  .a = ", \"administrative\": \"locked\", \"availability\": \"online\"" },
	{ .rule = "source-down", EVERY, NULL, .a = ", \"operational\": \"disabled\"" },
	{ .rule = "pci", EVERY, NO_PCI, SRIOV },
	{ .rule = "pci", EVERY, NO_PCI, PASSTHROUGH },
	{ .rule = "pci", EVERY, NO_PCI, .flavor = ALIAS },
	{ .rule = "pci",
	  EVERY,
	  NULL,
	  ", \"vifs\": [{\"model\": \"virtio\"}, {\"model\": \"avp\"}, {\"model\": \"avp-dpdk\"}]" },
	{ .rule = "local-lvm",
	  STARLINGX | NOVA,
	  "v has local LVM disks, which cannot be migrated live",
	  BOOT_FROM_IMAGE,
	  LVM },
	{ .rule = "local-lvm",
	  STARLINGX | NOVA,
	  "v has local LVM disks, which cannot be migrated live",
	  .a = LVM,
	  .flavor = ", \"swap_mib\": 1" },
	{ .rule = "local-lvm", STARLINGX | NOVA, NULL, BOOT_FROM_IMAGE, IMAGE },
	{ .rule = "local-lvm", STARLINGX | NOVA, NULL, .a = LVM },
	{ .rule = "local-storage",
	  TITANIUM,
	  "v has disks on its host's local storage, which are never migrated live",
	  BOOT_FROM_IMAGE,
	  IMAGE },
	{ .rule = "local-storage",
	  TITANIUM,
	  "v has disks on its host's local storage, which are never migrated live",
	  BOOT_FROM_IMAGE,
	  LVM },
	{ .rule = "local-storage", TITANIUM, NULL, BOOT_FROM_IMAGE, REMOTE },
	{ .rule = "local-storage", TITANIUM, NULL, .a = IMAGE },
	{ .rule = "local-storage",
	  TITANIUM,
	  NULL,
	  BOOT_FROM_IMAGE,
	  IMAGE,
	  .flavor = ", \"extra_specs\": {\"aggregate_instance_extra_specs:storage\": \"remote\"}" },
};

static const struct question lock_questions[] = {
	{ .rule = "paused", EVERY, REJECTED "is paused.", STATE("paused") SRIOV },
	{ .rule = "paused", EVERY, REJECTED "is paused.", STATE("paused") BOOT_FROM_IMAGE, LVM },
	{ .rule = "paused", TITANIUM, REJECTED "is paused.", STATE("paused") BOOT_FROM_IMAGE, IMAGE },
	{ .rule = "paused", STARLINGX | NOVA, NULL, STATE("paused") BOOT_FROM_IMAGE, IMAGE },
	{ .rule = "paused", EVERY, NULL, STATE("paused") },
	{ .rule = "suspended", EVERY, REJECTED "is suspended.", STATE("suspended") },
	{ .rule = "suspended", EVERY, NULL, STATE("active") },
	{ .rule = "migrating", EVERY, REJECTED "is migrating.", TASK("migrating") },
	{ .rule = "migrating", EVERY, NULL },
	{ .rule = "rebuilding", EVERY, REJECTED "is rebuilding.", TASK("rebuilding") },
	{ .rule = "rebuilding", EVERY, NULL },
	{ .rule = "task", EVERY, REJECTED "action in progress.", TASK("powering-off") },
	{ .rule = "task", EVERY, REJECTED "action in progress.", TASK("resizing") },
	{ .rule = "task", EVERY, NULL },
	{ .rule = "verify-resize", EVERY, REJECTED "is resizing.", STATE("verify-resize") },
	{ .rule = "verify-resize", EVERY, NULL },
	{ .rule = "no-other-host", EVERY, ALONE, .b = ", \"administrative\": \"locked\"" },
	{ .rule = "no-other-host", EVERY, ALONE, .b = ", \"operational\": \"disabled\"" },
	{ .rule = "no-other-host", EVERY, ALONE, .b = OFFLINE },
	{ .rule = "no-other-host", EVERY, NULL, .b = ", \"availability\": \"degraded\"" },
	{ .rule = "cold-too-large", EVERY, TOO_LARGE, BOOT_FROM_IMAGE, LVM, .flavor = DISK("21") },
	{ .rule = "cold-too-large", EVERY, NULL, BOOT_FROM_IMAGE, LVM, .flavor = DISK("20") },
	{ .rule = "cold-too-large", EVERY, TOO_LARGE, BOOT_FROM_IMAGE SRIOV, IMAGE, .flavor = DISK("61") },
	{ .rule = "cold-too-large", EVERY, NULL, BOOT_FROM_IMAGE SRIOV, IMAGE, .flavor = DISK("60") },
	{ .rule = "cold-too-large", TITANIUM, TOO_LARGE, BOOT_FROM_IMAGE, IMAGE, .flavor = DISK("61") },
	{ .rule = "cold-too-large", STARLINGX | NOVA, NULL, BOOT_FROM_IMAGE, IMAGE, .flavor = DISK("61") },
	{ .rule = "cold-too-large", EVERY, NULL, BOOT_FROM_IMAGE SRIOV, REMOTE, .flavor = DISK("500") },
	{ .rule = "cold-too-large", EVERY, NULL, SRIOV, LVM, .flavor = DISK("500") },
	/* What stays where it is does not block, whatever else is with it. */
	{ .rule = "task", EVERY, NULL, STATE("stopped") TASK("powering-on") },
	{ .rule = "task", EVERY, NULL, STATE("error") TASK("migrating") },
	{ .rule = "no-other-host", EVERY, NULL, STATE("stopped"), .b = OFFLINE },
};

static const char *or_nothing(const char *text)
{
	return text ? text : "";
}

static void ask_cluster(struct cluster *ret_cluster, const struct question *question, enum profile profile)
{
	const char *host = question->host ? question->host : "a";
	char text[2048];

	snprintf(text, sizeof(text),
	         "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"q\", \"profile\": \"%s\", \"hosts\": ["
	         "{\"name\": \"a\", \"cpus\": 8, \"memory_mib\": 8192%s},"
	         "{\"name\": \"b\", \"cpus\": 8, \"memory_mib\": 8192%s}],"
	         "\"flavors\": [{\"name\": \"f\", \"vcpus\": 2, \"memory_mib\": 2048%s}],"
	         "\"vms\": [{\"name\": \"v\", \"flavor\": \"f\", \"host\": %s%s%s%s}]}",
	         profile_words[profile], or_nothing(question->a), or_nothing(question->b),
	         or_nothing(question->flavor), *host ? "\"" : "", *host ? host : "null", *host ? "\"" : "",
	         or_nothing(question->v));
	cluster_from_text(ret_cluster, text);
}

typedef const struct vm_rule *first_rule(const struct state *state, uint32_t vm, struct reason *ret_reason);

static void check_answers(const struct question *questions, int count, first_rule *ask)
{
	for (int i = 0; i < count; i++) {
		for (int profile = 0; profile < PROFILE_COUNT; profile++) {
			const struct vm_rule *rule;
			struct reason reason = { .rule = "none" };
			struct cluster cluster;
			struct state state;

			if (!(questions[i].profiles >> profile & 1))
				continue;
			ask_cluster(&cluster, &questions[i], (enum profile)profile);
			state_create(&state, &cluster);
			rule = ask(&state, 0, &reason);
			cr_expect_eq(rule != NULL, questions[i].why != NULL, "question %d (%s), %s", i,
			             questions[i].rule, profile_words[profile]);
			if (rule && questions[i].why) {
				cr_expect_str_eq(rule->id, questions[i].rule, "question %d", i);
				cr_expect_str_eq(reason.rule, questions[i].rule);
				cr_expect_str_eq(reason.why, questions[i].why, "question %d: %s", i,
				                 reason.why);
			}
			state_free(&state);
			cluster_free(&cluster);
		}
	}
}

static void check_rows(const struct vm_rule *rows, size_t row_count, const struct question *questions,
                       int count)
{
	for (size_t row = 0; row < row_count; row++) {
		unsigned allowed = 0, refused = 0;

		for (int i = 0; i < count; i++) {
			if (strcmp(questions[i].rule, rows[row].id))
				continue;
			if (questions[i].why)
				refused |= questions[i].profiles;
			else
				allowed |= questions[i].profiles;
		}
		cr_expect_eq(allowed & rows[row].profiles, rows[row].profiles, "%s is not asked with a yes",
		             rows[row].id);
		cr_expect_eq(refused & rows[row].profiles, rows[row].profiles, "%s is not asked with a no",
		             rows[row].id);
	}
}

enum {
	LIVE_QUESTIONS = sizeof(live_questions) / sizeof(live_questions[0]),
	LOCK_QUESTIONS = sizeof(lock_questions) / sizeof(lock_questions[0])
};

Test(rules_vm, a_live_migration_is_refused_by_the_rule_in_question)
{
	check_answers(live_questions, LIVE_QUESTIONS, rules_live_forbidden);
}

Test(rules_vm, a_lock_is_rejected_by_the_rule_in_question)
{
	check_answers(lock_questions, LOCK_QUESTIONS, rules_lock_rejected);
}

Test(rules_vm, every_row_has_questions_on_both_sides_in_each_of_its_profiles)
{
	size_t count;
	const struct vm_rule *rows = rules_live(&count);

	check_rows(rows, count, live_questions, LIVE_QUESTIONS);
	rows = rules_lock(&count);
	check_rows(rows, count, lock_questions, LOCK_QUESTIONS);
}

/* How a lock moves a VM: storage of the host, boot, extra disks and devices. */
struct method_case {
	const char *v, *a, *flavor;
	enum method methods[PROFILE_COUNT]; /* titanium, starlingx, nova */
};

#define L METHOD_LIVE
#define C METHOD_COLD
#define N METHOD_NONE

static const struct method_case method_cases[] = {
	{ "", REMOTE, "", { L, L, L } },
	{ "", IMAGE, "", { L, L, L } },
	{ "", LVM, "", { L, L, L } },
	{ BOOT_FROM_IMAGE, REMOTE, "", { L, L, L } },
	{ BOOT_FROM_IMAGE, IMAGE, "", { C, L, L } },
	{ BOOT_FROM_IMAGE, LVM, "", { C, C, C } },
	{ "", REMOTE, ", \"swap_mib\": 512", { L, L, L } },
	{ "", IMAGE, ", \"swap_mib\": 512", { C, C, C } },
	{ "", LVM, ", \"ephemeral_gib\": 1", { C, C, C } },
	{ "", IMAGE, ", \"ephemeral_gib\": 1", { C, C, C } },
	{ BOOT_FROM_IMAGE, IMAGE, ", \"ephemeral_gib\": 1", { C, L, L } },
	{ SRIOV, REMOTE, "", { C, C, C } },
	{ PASSTHROUGH, IMAGE, "", { C, C, C } },
	{ "", REMOTE, ALIAS, { C, C, C } },
	{ BOOT_FROM_IMAGE, LVM, DISK("21"), { N, N, N } },
	{ BOOT_FROM_IMAGE, IMAGE, DISK("61"), { N, L, L } },
	{ BOOT_FROM_IMAGE,
	  LVM,
	  ", \"extra_specs\": {\"aggregate_instance_extra_specs:storage\": \"remote\"}",
	  { L, L, L } },
	{ BOOT_FROM_IMAGE,
	  REMOTE,
	  ", \"extra_specs\": {\"aggregate_instance_extra_specs:storage\": \"local_lvm\"}",
	  { C, C, C } },
	{ STATE("paused"), REMOTE, "", { L, L, L } },
	{ STATE("paused") BOOT_FROM_IMAGE, LVM, "", { N, N, N } },
	{ STATE("stopped"), REMOTE, "", { N, N, N } },
	{ STATE("rescued"), REMOTE, "", { N, N, N } },
	{ TASK("migrating"), REMOTE, "", { N, N, N } },
};

Test(rules_vm, the_method_follows_storage_boot_and_devices)
{
	for (size_t i = 0; i < sizeof(method_cases) / sizeof(method_cases[0]); i++) {
		struct question question = { .v = method_cases[i].v,
			                     .a = method_cases[i].a,
			                     .flavor = method_cases[i].flavor };

		for (int profile = 0; profile < PROFILE_COUNT; profile++) {
			struct cluster cluster;
			struct state state;

			ask_cluster(&cluster, &question, (enum profile)profile);
			state_create(&state, &cluster);
			cr_expect_eq(lock_method(&state, 0), method_cases[i].methods[profile],
			             "case %zu, %s: %s", i, profile_words[profile],
			             method_words[lock_method(&state, 0)]);
			state_free(&state);
			cluster_free(&cluster);
		}
	}
}

Test(rules_vm, a_lock_leaves_what_is_stopped_or_in_error)
{
	static const char *const states[] = {
		"active", "paused", "suspended", "stopped", "error", "rescued"
	};

	for (int i = 0; i < 6; i++) {
		char text[64];
		struct question question = { .v = text };
		struct cluster cluster;
		struct state state;

		snprintf(text, sizeof(text), ", \"state\": \"%s\"", states[i]);
		ask_cluster(&cluster, &question, PROFILE_STARLINGX);
		state_create(&state, &cluster);
		cr_expect_eq(lock_leaves(&state, 0), i == 3 || i == 4, "%s", states[i]);
		state_free(&state);
		cluster_free(&cluster);
	}
}

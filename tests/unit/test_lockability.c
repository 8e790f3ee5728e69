/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stock verdicts of hand-made clusters: each blocker, orders, and where the profiles differ. */
#include "planner/lockability.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

enum { STEPS = 100000 };

/* Host a is asked for. */
struct question {
	struct cluster cluster;
	struct state state;
	struct shapes shapes;
	struct chooser chooser;
	struct stock stock;
};

static void ask(struct question *question, enum profile profile, const char *hosts, const char *groups,
                const char *vms)
{
	char text[8192];

	snprintf(text, sizeof(text),
	         "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"q\", \"profile\": \"%s\", \"hosts\":"
	         " [%s],"
	         "\"flavors\": [{\"name\": \"s\", \"vcpus\": 1, \"memory_mib\": 1024, \"disk_gib\": 30},"
	         "{\"name\": \"m\", \"vcpus\": 2, \"memory_mib\": 2048},"
	         "{\"name\": \"l\", \"vcpus\": 4, \"memory_mib\": 4096}],"
	         "\"groups\": [%s], \"vms\": [%s]}",
	         profile_words[profile], hosts, groups, vms);
	cluster_from_text(&question->cluster, text);
	state_create(&question->state, &question->cluster);
	shapes_create(&question->shapes, &question->state);
	stock_want(&question->shapes, 0);
	for (uint32_t shape = 0; shape < question->shapes.count; shape++)
		shapes_fill(&question->shapes, shape);
	chooser_create(&question->chooser, &question->shapes);
	stock_find(&question->chooser, 0, STEPS, &question->stock);
}

static void ask_end(struct question *question)
{
	stock_free(&question->stock);
	chooser_free(&question->chooser);
	shapes_free(&question->shapes);
	state_free(&question->state);
	cluster_free(&question->cluster);
}

#define HOST(name, mib, rest) "{\"name\": \"" name "\", \"cpus\": 8, \"memory_mib\": " mib rest "}"
#define TWO HOST("a", "16384", "") "," HOST("b", "16384", "")
#define VM(name, flavor, host, rest) \
	"{\"name\": \"" name "\", \"flavor\": \"" flavor "\", \"host\": \"" host "\"" rest "}"
#define IN_G ", \"group\": \"g\""
#define POLICY(rest) "{\"name\": \"g\", \"policy\": " rest "}"
#define FAILED "Migrate of instance v from host a failed."

/* What one question comes to. */
struct expected {
	const char *hosts, *groups, *vms;
	enum stock_verdict verdict[PROFILE_COUNT];
	const char *message, *rule, *why; /* of the first blocker; NULL: not looked at */
	unsigned profiles;                /* that the words are for; 0: all with a blocker */
};

#define A STOCK_ALWAYS
#define O STOCK_ORDER_DEPENDENT
#define N STOCK_NEVER

static const struct expected cases[] = {
	/* Nothing in the way. */
	{ TWO, "", "", { A, A, A }, NULL, NULL, NULL, 0 },
	{ TWO, "", VM("v", "s", "a", "") "," VM("w", "m", "a", ""), { A, A, A }, NULL, NULL, NULL, 0 },
	/* An empty host can always be locked, even the last one. */
	{ HOST("a", "4096", "") "," HOST("b", "4096", ", \"administrative\": \"locked\""),
	  "",
	  "",
	  { A, A, A },
	  NULL,
	  NULL,
	  NULL,
	  0 },
	/* What is stopped or in error stays. */
	{ HOST("a", "4096", "") "," HOST("b", "0", ""),
	  "",
	  VM("v", "s", "a", ", \"state\": \"stopped\"") "," VM("w", "s", "a", ", \"state\": \"error\""),
	  { A, A, A },
	  NULL,
	  NULL,
	  NULL,
	  0 },
	/* Already locked, and a cluster of one host. */
	{ HOST("a", "4096",
	       ", \"administrative\": \"locked\", \"availability\": \"online\"") "," HOST("b", "0", ""),
	  "",
	  VM("v", "s", "a", ""),
	  { A, A, A },
	  NULL,
	  NULL,
	  NULL,
	  0 },
	{ HOST("a", "4096", ""),
	  "",
	  VM("v", "s", "a", ", \"state\": \"suspended\""),
	  { A, A, A },
	  NULL,
	  NULL,
	  NULL,
	  0 },
	/* Rejected before anything moves. */
	{ TWO,
	  "",
	  VM("v", "s", "a", ", \"state\": \"suspended\""),
	  { N, N, N },
	  "Lock of host a rejected because instance v is suspended.",
	  "suspended",
	  NULL,
	  0 },
	{ TWO,
	  "",
	  VM("u", "s", "a", "") "," VM("v", "s", "a", ", \"task\": \"migrating\""),
	  { N, N, N },
	  "Lock of host a rejected because instance v is migrating.",
	  "migrating",
	  NULL,
	  0 },
	{ TWO,
	  "",
	  VM("v", "s", "a", ", \"task\": \"spawning\""),
	  { N, N, N },
	  "Lock of host a rejected because instance v action in progress.",
	  "task",
	  NULL,
	  0 },
	{ HOST("a", "4096", "") "," HOST("b", "4096", ", \"availability\": \"failed\""),
	  "",
	  VM("v", "s", "a", ""),
	  { N, N, N },
	  "Lock of host a rejected because there are no other hypervisors available.",
	  "no-other-host",
	  NULL,
	  0 },
	{ HOST("a", "4096", ", \"storage\": \"local_lvm\"") "," HOST("b", "4096", ""),
	  "",
	  VM("v", "s", "a", ", \"boot\": \"image\""),
	  { N, N, N },
	  "Lock of host a rejected because instance v can't be cold-migrated by the system.  Manually "
	  "move the instance "
	  "off of host a.",
	  "cold-too-large",
	  NULL,
	  0 },
	/* Fails wherever it would go. */
	{ TWO,
	  "",
	  VM("v", "s", "a", ", \"heartbeat_vote\": \"reject\""),
	  { N, N, N },
	  FAILED,
	  "heartbeat-vote",
	  "the guest of v votes against being migrated",
	  0 },
	{ TWO,
	  "",
	  VM("v", "s", "a", ", \"state\": \"rescued\""),
	  { N, N, N },
	  FAILED,
	  "state",
	  "v is rescued, which can be migrated neither live nor cold",
	  0 },
	{ HOST("a", "4096", ", \"availability\": \"failed\"") "," HOST("b", "4096", ""),
	  "",
	  VM("v", "s", "a", ""),
	  { N, N, N },
	  FAILED,
	  "source-down",
	  "the source host a is down (failed)",
	  0 },
	/* No host has room. */
	{ HOST("a", "4096", "") "," HOST("b", "1023", ""),
	  "",
	  VM("v", "s", "a", ""),
	  { N, N, N },
	  FAILED,
	  "ram",
	  "b has 1023 MiB of memory, one VM alone needs 1024",
	  0 },
	{ HOST("a", "4096", "") "," HOST("b", "4096", ", \"cpu_model\": \"Haswell\", \"networks\": []"),
	  "",
	  VM("v", "s", "a", ""),
	  { N, N, N },
	  FAILED,
	  "network",
	  "b reaches no provider network at all",
	  0 },
	/* Strict affinity: a group of one, on one host, split. */
	{ TWO,
	  POLICY("\"affinity\""),
	  VM("v", "s", "a", IN_G),
	  { N, N, N },
	  FAILED,
	  "affinity-strict",
	  NULL,
	  0 },
	{ TWO,
	  POLICY("\"affinity\""),
	  VM("v", "s", "a", IN_G) "," VM("w", "s", "b", IN_G),
	  { N, A, A },
	  FAILED,
	  "affinity-strict",
	  NULL,
	  1u << PROFILE_TITANIUM },
	{ TWO,
	  POLICY("\"affinity\", \"best_effort\": true"),
	  VM("v", "s", "a", IN_G) "," VM("w", "s", "a", IN_G),
	  { A, A, A },
	  NULL,
	  NULL,
	  NULL,
	  0 },
	/* Strict anti-affinity: no free host, a stopped member counts, a third host. */
	{ TWO,
	  POLICY("\"anti-affinity\""),
	  VM("v", "s", "a", IN_G) "," VM("w", "s", "b", IN_G),
	  { N, N, N },
	  FAILED,
	  "anti-affinity-strict",
	  NULL,
	  0 },
	{ TWO,
	  POLICY("\"anti-affinity\""),
	  VM("v", "s", "a", IN_G) "," VM("w", "s", "b", IN_G ", \"state\": \"stopped\""),
	  { N, N, N },
	  FAILED,
	  "anti-affinity-strict",
	  NULL,
	  0 },
	{ TWO "," HOST("c", "16384", ""),
	  POLICY("\"anti-affinity\""),
	  VM("v", "s", "a", IN_G) "," VM("w", "s", "b", IN_G),
	  { A, A, A },
	  NULL,
	  NULL,
	  NULL,
	  0 },
	{ TWO,
	  POLICY("\"anti-affinity\", \"best_effort\": true"),
	  VM("v", "s", "a", IN_G) "," VM("w", "s", "b", IN_G),
	  { A, A, A },
	  NULL,
	  NULL,
	  NULL,
	  0 },
	{ TWO,
	  POLICY("\"anti-affinity\", \"max_per_host\": 2"),
	  VM("v", "s", "a", IN_G) "," VM("w", "s", "b", IN_G),
	  { N, N, A },
	  FAILED,
	  "anti-affinity-strict",
	  NULL,
	  (1u << PROFILE_TITANIUM) | (1u << PROFILE_STARLINGX) },
	/* Two members that violate the group already, and one free host: one of them fails, in any order. */
	{ TWO,
	  POLICY("\"anti-affinity\""),
	  VM("v", "s", "a", IN_G) "," VM("w", "s", "a", IN_G),
	  { N, N, N },
	  NULL,
	  "anti-affinity-strict",
	  NULL,
	  0 },
	/*
	 * Two holes of 4 and 3 GiB, a large and a small VM: when the small one goes first it takes the first
	 * hole. nova spreads: it goes to b, which has more left.
	 */
	{ HOST("a", "16384", "") "," HOST("b", "4096", "") "," HOST("c", "3072", ""),
	  "",
	  VM("u", "s", "a", "") "," VM("v", "l", "a", ""),
	  { O, O, O },
	  FAILED,
	  "ram",
	  NULL,
	  0 },
	/* The other way round in the file: the small one fills c first, but in nova it goes to b. */
	{ HOST("a", "16384", "") "," HOST("c", "3072", "") "," HOST("b", "4096", ""),
	  "",
	  VM("u", "s", "a", "") "," VM("v", "l", "a", ""),
	  { A, A, O },
	  NULL,
	  NULL,
	  NULL,
	  0 },
	/* Room for one of two. */
	{ HOST("a", "16384", "") "," HOST("b", "6144", ""),
	  "",
	  VM("u", "l", "a", "") "," VM("v", "l", "a", ""),
	  { N, N, N },
	  NULL,
	  "ram",
	  NULL,
	  0 },
	/* Best-effort members lead a VM away from its first host or to it: the large one needs b. */
	{ HOST("a", "16384", "") "," HOST("b", "4096", "") "," HOST("c", "2048", ""),
	  POLICY("\"affinity\", \"best_effort\": true"),
	  VM("u", "s", "a", IN_G) "," VM("v", "l", "a", "") "," VM("w", "s", "c", IN_G),
	  { O, A, A },
	  FAILED,
	  "ram",
	  NULL,
	  1u << PROFILE_TITANIUM },
};

static void check_words(const struct question *question, const struct expected *expected, size_t number)
{
	const struct stock *stock = &question->stock;

	cr_assert_gt(stock->blocker_count, 0, "case %zu", number);
	if (expected->message)
		cr_expect_str_eq(stock->message, expected->message, "case %zu: %s", number, stock->message);
	if (expected->rule)
		cr_expect_str_eq(stock->blockers[0].rule, expected->rule, "case %zu: %s (%s)", number,
		                 stock->blockers[0].rule, stock->blockers[0].why);
	if (expected->why)
		cr_expect_str_eq(stock->blockers[0].why, expected->why, "case %zu: %s", number,
		                 stock->blockers[0].why);
}

Test(lockability, verdicts_and_their_words)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int profile = 0; profile < PROFILE_COUNT; profile++) {
			struct question question;
			enum stock_verdict verdict;

			ask(&question, (enum profile)profile, cases[i].hosts, cases[i].groups, cases[i].vms);
			verdict = question.stock.verdict;
			cr_expect_eq(verdict, cases[i].verdict[profile], "case %zu, %s: %s", i,
			             profile_words[profile], stock_verdict_words[verdict]);
			cr_expect_eq(verdict == STOCK_ALWAYS, question.stock.blocker_count == 0, "case %zu",
			             i);
			cr_expect_eq(verdict == STOCK_ALWAYS, question.stock.message == NULL, "case %zu", i);
			if (verdict != STOCK_ALWAYS &&
			    (cases[i].profiles == 0 || cases[i].profiles >> profile & 1))
				check_words(&question, &cases[i], i);
			ask_end(&question);
		}
	}
}

static const char *mover_name(const struct question *question, const uint32_t *order, uint32_t at)
{
	return question->cluster.vms[order[at]].name;
}

Test(lockability, orders_are_witnesses)
{
	struct question question;

	ask(&question, PROFILE_STARLINGX,
	    HOST("a", "16384", "") "," HOST("b", "4096", "") "," HOST("c", "3072", ""), "",
	    VM("u", "s", "a", "") "," VM("v", "l", "a", "") "," VM("x", "s", "a",
	                                                           ", \"state\": \"stopped\""));
	cr_assert_eq(question.stock.mover_count, 2);
	cr_assert_str_eq(mover_name(&question, question.stock.good_order, 0), "v");
	cr_assert_str_eq(mover_name(&question, question.stock.good_order, 1), "u");
	cr_assert_str_eq(mover_name(&question, question.stock.bad_order, 0), "u");
	cr_assert_str_eq(mover_name(&question, question.stock.bad_order, 1), "v");
	cr_assert(!question.stock.rejected);
	ask_end(&question);
}

Test(lockability, a_rejected_lock_has_no_orders)
{
	struct question question;

	ask(&question, PROFILE_STARLINGX, TWO, "",
	    VM("u", "s", "a", "") "," VM("v", "s", "a", ", \"state\": \"suspended\"") "," VM(
		    "w", "s", "a", ", \"task\": \"rebuilding\""));
	cr_assert(question.stock.rejected && !question.stock.good_order && !question.stock.bad_order);
	cr_assert_eq(question.stock.blocker_count, 2);
	cr_assert_str_eq(question.stock.blockers[1].rule, "rebuilding");
	ask_end(&question);
}

/* Every VM that cannot go is named, and the bad order begins with the one of the message. */
Test(lockability, all_that_cannot_go_are_named)
{
	struct question question;

	ask(&question, PROFILE_STARLINGX, HOST("a", "16384", "") "," HOST("b", "2048", ""), "",
	    VM("u", "s", "a", "") "," VM("v", "l", "a", "") "," VM("w", "l", "a", ""));
	cr_assert_eq(question.stock.verdict, STOCK_NEVER);
	cr_assert_eq(question.stock.blocker_count, 2);
	cr_assert_str_eq(question.stock.message, FAILED);
	cr_assert_str_eq(mover_name(&question, question.stock.bad_order, 0), "v");
	cr_assert_null(question.stock.good_order);
	ask_end(&question);
}

/* Parts that do not meet: one pair competes for host b, another for c; zones keep them apart. */
Test(lockability, parts_that_do_not_meet_are_judged_apart)
{
	static const char hosts[] =
		HOST("a", "65536", "") "," HOST("b", "4096", ", \"zone\": \"x\"") "," HOST(
			"d", "3072",
			", \"zone\": \"x\"") "," HOST("c", "4096",
	                                              ", \"zone\": \"y\"") "," HOST("e", "3072",
	                                                                            ", \"zone\": \"y\"");
	static const char pair_x[] = VM("s1", "s", "a", ", \"zone\": \"x\"") "," VM("l1", "l", "a",
	                                                                            ", \"zone\": \"x\"");
	char vms[1024];
	struct question question;

	ask(&question, PROFILE_STARLINGX, hosts, "", pair_x);
	cr_assert_eq(question.stock.verdict, STOCK_ORDER_DEPENDENT);
	ask_end(&question);
	snprintf(vms, sizeof(vms), "%s, %s", pair_x,
	         VM("s2", "s", "a", ", \"zone\": \"y\"") "," VM("l2", "l", "a", ", \"zone\": \"y\""));
	ask(&question, PROFILE_STARLINGX, hosts, "", vms);
	cr_assert_eq(question.stock.verdict, STOCK_ORDER_DEPENDENT);
	cr_assert_eq(question.stock.mover_count, 4);
	ask_end(&question);
	/* Two large ones and one hole: never, whatever the other part does. */
	snprintf(vms, sizeof(vms), "%s, %s", pair_x,
	         VM("l2", "l", "a", ", \"zone\": \"y\"") "," VM("l3", "l", "a", ", \"zone\": \"y\""));
	ask(&question, PROFILE_STARLINGX, hosts, "", vms);
	cr_assert_eq(question.stock.verdict, STOCK_NEVER);
	cr_assert_null(question.stock.good_order);
	ask_end(&question);
}

/* Thirty equal VMs that just fit, and one too many: no order needs to be tried one by one. */
Test(lockability, equal_vms_are_one_kind)
{
	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		for (int count = 30; count <= 31; count++) {
			char vms[4096] = "";
			struct question question;

			for (int i = 0; i < count; i++)
				snprintf(vms + strlen(vms), sizeof(vms) - strlen(vms),
				         "%s" VM("v%d", "s", "a", ""), i ? ", " : "", i);
			ask(&question, (enum profile)profile,
			    HOST("a", "65536", "") "," HOST("b", "10240", "") "," HOST(
				    "c", "10240", "") "," HOST("d", "10240", ""),
			    "", vms);
			cr_assert_eq(question.stock.verdict, count == 30 ? STOCK_ALWAYS : STOCK_NEVER,
			             "%s, %d: %s", profile_words[profile], count,
			             stock_verdict_words[question.stock.verdict]);
			cr_assert_lt(question.stock.steps, 2000);
			ask_end(&question);
		}
	}
}

/* Without steps the answer is unknown, not wrong. */
Test(lockability, beyond_the_limit_the_verdict_is_unknown)
{
	struct question question;

	ask(&question, PROFILE_STARLINGX,
	    HOST("a", "16384", "") "," HOST("b", "4096", "") "," HOST("c", "3072", ""), "",
	    VM("u", "s", "a", "") "," VM("v", "l", "a", ""));
	stock_free(&question.stock);
	stock_find(&question.chooser, 0, 0, &question.stock);
	cr_assert_eq(question.stock.verdict, STOCK_UNKNOWN);
	stock_free(&question.stock);
	stock_find(&question.chooser, 0, STEPS, &question.stock);
	cr_assert_eq(question.stock.verdict, STOCK_ORDER_DEPENDENT);
	ask_end(&question);
}

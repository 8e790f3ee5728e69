/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/driver.h"
#include "real-driver/driver_parts.h"
#include "tests/support/fake_libvirt.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { V, W, X, VMS };

/* Two moves from h0 to h1: v by its UUID, w by its name; x stays on h2. */
static struct scene {
	struct cluster cluster;
	struct plan plan;
	struct plan_move moves[2];
	struct timing timings[2];
	struct driver_options options;
	struct backend *backend;
	struct fake_domain *v, *w;
	struct event event;
	char why[DRIVER_WHY_ROOM];
} scene;

static void read_cluster(bool uris)
{
	char text[2048], *copy;
	struct json_doc *doc;
	struct error error;

	snprintf(text, sizeof(text),
	         "{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"c\", \"hosts\": ["
	         "{\"name\": \"h0\", \"cpus\": 8, \"memory_mib\": 8192, \"uri\": \"fake://0\"},"
	         "{\"name\": \"h1\", \"cpus\": 8, \"memory_mib\": 8192%s},"
	         "{\"name\": \"h2\", \"cpus\": 8, \"memory_mib\": 8192, \"uri\": \"fake://2\"}],"
	         "\"flavors\": [{\"name\": \"f\", \"vcpus\": 1, \"memory_mib\": 1024}], \"vms\": ["
	         "{\"name\": \"v\", \"id\": \"%s\", \"host\": \"h0\", \"flavor\": \"f\"},"
	         "{\"name\": \"w\", \"host\": \"h0\", \"flavor\": \"f\"},"
	         "{\"name\": \"x\", \"host\": \"h2\", \"flavor\": \"f\"}]}",
	         uris ? ", \"uri\": \"fake://1\"" : "", fake_uuid("v"));
	copy = memory_take(strlen(text) + 1);
	memcpy(copy, text, strlen(text) + 1);
	cr_assert_eq(json_doc_parse(&doc, "c", copy, strlen(text), &error), 0, "%s", error.text);
	cr_assert_eq(cluster_read(&scene.cluster, doc, PROFILE_COUNT, &error), 0, "%s", error.text);
	json_doc_free(doc);
}

static void set(bool uris)
{
	/* A test's own beginning comes after the suite's. */
	if (scene.backend) {
		scene.backend->close(scene.backend);
		cluster_free(&scene.cluster);
	}
	fake_reset();
	read_cluster(uris);
	scene.plan = (struct plan){ .moves = scene.moves, .move_count = 2 };
	for (uint32_t i = 0; i < 2; i++) {
		scene.moves[i] = (struct plan_move){ .vm = i, .from = 0, .to = 1 };
		scene.timings[i] = (struct timing){ .bandwidth_bytes_s = INFINITY };
	}
	scene.v = fake_add(0, "v");
	scene.w = fake_add(0, "w");
	fake_add(2, "x");
	scene.options = (struct driver_options){ .calls = &fake_calls,
		                                 .timings = scene.timings,
		                                 .poll_s = 0.01,
		                                 .look_s = 0.2,
		                                 .reach_s = 0.2,
		                                 .stop_s = 0.1,
		                                 .grace_s = 1 };
}

static void begin(void)
{
	scene.backend = driver_open(&scene.cluster, &scene.plan, &scene.options);
	driver_settle(scene.backend, 5);
}

static void open_scene(void)
{
	set(true);
	begin();
}

static void close_scene(void)
{
	scene.backend->close(scene.backend);
	cluster_free(&scene.cluster);
	cr_assert_eq(fake_open(), 0, "%u connections or handles are left open", fake_open());
}

static void submit(uint8_t kind, uint32_t move)
{
	scene.backend->submit(scene.backend,
	                      &(struct command){ .kind = kind, .move = move, .attempt = 3, .token = 7 });
}

/* The next event of that kind, within two seconds; others pass. */
static const struct event *await(uint8_t kind)
{
	int64_t deadline_ns = clock_ns() + clock_offset_ns() + INT64_C(2000000000);

	do {
		int64_t before_ns = scene.event.at_ns;

		scene.backend->wait(scene.backend, deadline_ns, &scene.event);
		cr_assert_geq(scene.event.at_ns, before_ns, "time goes back");
		cr_assert(scene.event.kind != EVENT_TIMER || kind == EVENT_TIMER, "no %s came",
		          event_words[kind]);
	} while (scene.event.kind != kind);
	snprintf(scene.why, sizeof(scene.why), "%s", scene.event.why ? scene.event.why : "");
	return &scene.event;
}

/* Has a command carried out; returns its answer. */
static const struct event *order(uint8_t kind)
{
	submit(kind, V);
	await(kind == COMMAND_CHECK ? EVENT_CHECKED : kind == COMMAND_LOOK ? EVENT_SEEN : EVENT_RETURNED);
	cr_assert_eq(scene.event.attempt, 3);
	cr_assert_eq(scene.event.move, V);
	cr_assert(scene.event.kind != EVENT_RETURNED || scene.event.call == kind);
	return &scene.event;
}

#define expect_ok(kind) cr_expect(order(kind)->ok, "%s: %s", command_words[kind], scene.why)
#define expect_no(kind, is_lasting, words)                                                        \
	do {                                                                                      \
		cr_expect(!order(kind)->ok, "%s", command_words[kind]);                           \
		cr_expect_eq(scene.event.lasting, is_lasting, "%s", scene.why);                   \
		cr_expect(strstr(scene.why, words), "\"%s\" is not in \"%s\"", words, scene.why); \
	} while (0)

/* Nothing comes for a while. */
static void expect_quiet(void)
{
	struct event event;

	scene.backend->wait(scene.backend, clock_ns() + clock_offset_ns() + 50000000, &event);
	cr_expect_eq(event.kind, EVENT_TIMER, "%s came", event_words[event.kind]);
	cr_expect_eq(event.move, NONE);
}

TestSuite(driver, .init = open_scene, .fini = close_scene, .timeout = 60);

/* ------------------------------------------------------------------ time, threads */

Test(driver, a_deadline_that_has_passed_is_a_timer_at_once)
{
	struct event event;

	scene.backend->wait(scene.backend, 0, &event);
	cr_expect_eq(event.kind, EVENT_TIMER);
	scene.backend->wait(scene.backend, INT64_MIN, &event);
	cr_expect_eq(event.kind, EVENT_TIMER);
	cr_expect_geq(event.at_ns, clock_ns() + clock_offset_ns() - INT64_C(1000000000));
}

Test(driver, an_operator_can_stop_it)
{
	driver_abort(scene.backend);
	scene.backend->wait(scene.backend, INT64_MAX, &scene.event);
	cr_expect_eq(scene.event.kind, EVENT_ABORT);
	cr_expect_eq(scene.event.move, NONE);
}

Test(driver, closes_while_answers_wait)
{
	submit(COMMAND_LOOK, V);
	submit(COMMAND_LOOK, W);
	await(EVENT_SEEN);
}

/* What libvirt keeps waiting is left behind, and ends by itself. */
Test(driver, closes_while_a_call_hangs)
{
	scene.backend->close(scene.backend);
	scene.options.grace_s = 0.05;
	begin();
	fake_hold("virDomainMigrateToURI3");
	submit(COMMAND_START, V);
	fake_held();
	scene.backend->close(scene.backend);
	fake_hold(NULL);
	while (fake_open())
		usleep(1000);
	begin();
}

/* ------------------------------------------------------------------ START */

Test(driver, starts_a_migration)
{
	scene.v->total = 1000;
	expect_ok(COMMAND_START);
	cr_expect_eq(fake_flags(),
	             (unsigned)(VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_PERSIST_DEST));
	cr_expect_str_eq(fake_text(), "fake://1");
	cr_expect_null(fake_parameter(VIR_MIGRATE_PARAM_BANDWIDTH));
	cr_expect_null(fake_parameter(VIR_MIGRATE_PARAM_URI));
	cr_expect_eq(scene.event.progress.total_bytes, 1000, "the completed job's statistics");
	cr_expect_eq(scene.event.progress.elapsed_s, 1.5);
}

static void set_everything(void)
{
	static const char *const uris[] = { NULL, "tcp://10.0.0.1", NULL };
	static const char *const shared[] = { "/srv/share/" };

	set(true);
	scene.options.migration_uris = uris;
	scene.options.tls = true;
	scene.options.shared = (struct shared_paths){ shared, 1 };
	scene.timings[V] = (struct timing){ .bandwidth_bytes_s = 48.4 * 1048576,
		                            .auto_converge = true,
		                            .post_copy = true };
	scene.v->persistent = false;
	scene.v->xml =
		"<domain type='kvm'><devices>"
		"<disk type='file'><source file='/var/a.img'/><target dev='vda'/></disk>"
		"<disk type='file'><source file='/srv/share/b.img'/><target dev='vdb'/></disk>"
		"<disk type='file'><source file='/pool/c.img'/><target dev='vdc'/></disk>"
		"<disk type='network'><source protocol='rbd' name='d'/><target dev='vdd'/></disk>"
		"<disk type='file'><source file='/iso'/><target dev='hda'/><readonly/></disk>"
		"<disk type='block'><source dev='/dev/disk/by-path/ip-1-iscsi-2'/><target dev='vde'/></disk>"
		"<disk type='file'><source file='/s'/><target dev='vdf'/><shareable/></disk>"
		"<disk type='file'><target dev='fda'/></disk>"
		"<disk type='volume'><source pool='p' volume='v'/><target dev='vdg'/></disk>"
		"</devices></domain>";
	scene.v->own = "vda";
	fake_hosts[0].pool_xml = "<pool type='netfs'/>";
	begin();
}

Test(driver, gives_a_migration_all_that_its_timing_says, .init = set_everything)
{
	expect_ok(COMMAND_START);
	cr_expect_eq(fake_flags(), (unsigned)(VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_TLS |
	                                      VIR_MIGRATE_AUTO_CONVERGE | VIR_MIGRATE_POSTCOPY |
	                                      VIR_MIGRATE_NON_SHARED_DISK));
	cr_expect_str_eq(fake_parameter(VIR_MIGRATE_PARAM_BANDWIDTH), "48");
	cr_expect_str_eq(fake_parameter(VIR_MIGRATE_PARAM_URI), "tcp://10.0.0.1");
	cr_expect_str_eq(fake_parameter(VIR_MIGRATE_PARAM_MIGRATE_DISKS), "vda",
	                 "only what is the host's own");
}

static void set_unsaid(void)
{
	set(true);
	scene.v->xml = "<domain type='kvm'><devices>"
		       "<disk type='file'><source file='/a/a.img'/><target dev='vda'/></disk>"
		       "<disk type='file'><source file='/b/b.img'/><target dev='vdb'/></disk>"
		       "<disk type='block'><source dev='/dev/sdc'/><target dev='vdc'/></disk>"
		       "<disk type='file'><source file='/d/d.img'/><target dev='vdd'/></disk>"
		       "</devices></domain>";
	begin();
}

/* It would be copied onto itself. */
Test(driver, does_not_copy_what_libvirt_knows_to_be_shared, .init = set_unsaid)
{
	scene.v->own = "vdb,vdc";
	expect_ok(COMMAND_START);
	cr_expect_eq(fake_parameter_count(VIR_MIGRATE_PARAM_MIGRATE_DISKS), 2);
	cr_expect_str_eq(fake_parameter(VIR_MIGRATE_PARAM_MIGRATE_DISKS), "vdb");
	scene.v->own = "vda,vdb,vdc,vdd";
	expect_ok(COMMAND_START);
	cr_expect_eq(fake_parameter_count(VIR_MIGRATE_PARAM_MIGRATE_DISKS), 4);
	scene.v->own = "vdc";
	expect_ok(COMMAND_START);
	cr_expect_eq(fake_parameter_count(VIR_MIGRATE_PARAM_MIGRATE_DISKS), 1);
	cr_expect_str_eq(fake_parameter(VIR_MIGRATE_PARAM_MIGRATE_DISKS), "vdc",
	                 "a block device is no share");
}

Test(driver, what_is_unsafe_in_any_case_does_not_start, .init = set_unsaid)
{
	scene.v->own = "vdz";
	expect_no(COMMAND_START, true, "h0: ");
	cr_expect_eq(scene.event.progress.total_bytes, 0);
}

static void set_many_unsaid(void)
{
	set(true);
	scene.v->xml = "<domain type='kvm'><devices>"
		       "<disk type='file'><source file='/a/1'/><target dev='vda'/></disk>"
		       "<disk type='file'><source file='/a/2'/><target dev='vdb'/></disk>"
		       "<disk type='file'><source file='/a/3'/><target dev='vdc'/></disk>"
		       "<disk type='file'><source file='/a/4'/><target dev='vdd'/></disk>"
		       "<disk type='file'><source file='/a/5'/><target dev='vde'/></disk>"
		       "<disk type='file'><source file='/a/6'/><target dev='vdf'/></disk>"
		       "<disk type='file'><source file='/a/7'/><target dev='vdg'/></disk>"
		       "</devices></domain>";
	begin();
}

Test(driver, too_many_disks_that_may_be_shared_are_named, .init = set_many_unsaid)
{
	expect_no(COMMAND_START, true, "h0: v has 7 disks of which it cannot be told");
	cr_expect_eq(fake_called("virDomainMigrateToURI3"), 0);
}

Test(driver, tells_how_far_a_migration_is)
{
	fake_hold("virDomainMigrateToURI3");
	submit(COMMAND_START, V);
	fake_held();
	scene.v->job = VIR_DOMAIN_JOB_UNBOUNDED;
	usleep(30000);
	scene.v->left = 600;
	scene.v->iterations = 2;
	scene.v->total = 1000;
	await(EVENT_PROGRESS);
	cr_expect_eq(scene.event.progress.remaining_bytes, 600);
	cr_expect_eq(scene.event.progress.iterations, 2);
	cr_expect_eq(scene.event.progress.throttle_percent, 20);
	fake_iteration(0, "v");
	await(EVENT_PROGRESS);
	fake_hold(NULL);
	cr_expect(await(EVENT_RETURNED)->ok);
}

Test(driver, says_why_a_migration_failed)
{
	fake_fail("virDomainMigrateToURI3", VIR_ERR_OPERATION_FAILED);
	expect_no(COMMAND_START, false, "h0: fake error 9");
	/* The target's word, when its QEMU died after all was sent: seen in the lab. */
	fake_fail("virDomainMigrateToURI3", VIR_ERR_NO_DOMAIN);
	expect_no(COMMAND_START, false, "h0: ");
	fake_fail("virDomainMigrateToURI3", VIR_ERR_MIGRATE_UNSAFE);
	expect_no(COMMAND_START, true, "h0: ");
	fake_fail("virDomainMigrateToURI3", VIR_ERR_OK);
	fake_fail("virDomainGetXMLDesc", VIR_ERR_RPC);
	expect_no(COMMAND_START, false, "h0: ");
	fake_fail("virDomainGetXMLDesc", VIR_ERR_OK);
	scene.v->xml = "no XML";
	expect_no(COMMAND_START, true, "is no XML");
	fake_fail("virDomainGetState", VIR_ERR_RPC);
	expect_no(COMMAND_START, false, "h0: ");
	fake_fail("virDomainGetState", VIR_ERR_OK);
	fake_fail("virDomainLookupByUUID", VIR_ERR_RPC);
	expect_no(COMMAND_START, false, "h0: ");
	fake_fail("virDomainLookupByUUID", VIR_ERR_OK);
	scene.v->here = false;
	expect_no(COMMAND_START, true, "it does not know v");
}

static void without_target(void)
{
	set(false);
	begin();
}

Test(driver, needs_the_target_s_uri, .init = without_target)
{
	expect_no(COMMAND_START, true, "h1: the cluster file gives it no uri");
	expect_no(COMMAND_CHECK, true, "the cluster file gives it no uri");
}

static void submit_number(uint8_t kind, double number)
{
	scene.backend->submit(scene.backend,
	                      &(struct command){ .kind = kind, .move = V, .attempt = 3, .number = number });
}

Test(driver, limits_hold_before_and_while)
{
	fake_hold("virDomainMigrateToURI3");
	submit_number(COMMAND_START, 70);
	fake_held();
	cr_expect_eq(fake_number(), 70, "from its first byte on");
	scene.v->job = VIR_DOMAIN_JOB_UNBOUNDED;
	submit_number(COMMAND_LIMIT, 400.4);
	while (fake_number() != 400)
		usleep(1000);
	fake_hold(NULL);
	await(EVENT_RETURNED);
	expect_quiet();
}

Test(driver, a_limit_that_is_refused_before_holds_once_it_migrates)
{
	fake_fail("virDomainMigrateSetMaxDowntime", VIR_ERR_OPERATION_INVALID);
	fake_hold("virDomainMigrateToURI3");
	submit_number(COMMAND_START, 70);
	fake_held();
	usleep(50000);
	cr_expect_eq(fake_called("virDomainMigrateSetMaxDowntime"), 1);
	scene.v->job = VIR_DOMAIN_JOB_UNBOUNDED;
	fake_fail("virDomainMigrateSetMaxDowntime", VIR_ERR_OK);
	while (fake_called("virDomainMigrateSetMaxDowntime") < 2)
		usleep(1000);
	usleep(50000);
	cr_expect_eq(fake_called("virDomainMigrateSetMaxDowntime"), 2, "no more often");
	fake_hold(NULL);
	await(EVENT_RETURNED);
}

/* ------------------------------------------------------------------ WATCH, orders */

Test(driver, watches_a_migration_to_its_end)
{
	scene.v->job = VIR_DOMAIN_JOB_UNBOUNDED;
	scene.v->total = 1000;
	submit(COMMAND_WATCH, V);
	await(EVENT_PROGRESS);
	fake_state(scene.v, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_MIGRATED);
	await(EVENT_RETURNED);
	cr_expect(scene.event.ok);
	cr_expect_eq(scene.event.call, COMMAND_WATCH);
	cr_expect_eq(scene.event.progress.total_bytes, 1000);
}

Test(driver, a_watched_migration_may_not_arrive)
{
	expect_no(COMMAND_WATCH, false, "no migration of v is under way");
	fake_state(scene.v, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY_FAILED);
	scene.v->job = VIR_DOMAIN_JOB_UNBOUNDED;
	expect_no(COMMAND_WATCH, false, "the post-copy of v broke off");
	scene.v->here = false;
	expect_ok(COMMAND_WATCH);
}

Test(driver, watching_outlives_errors)
{
	fake_fail("virDomainGetJobStats", VIR_ERR_RPC);
	submit(COMMAND_WATCH, V);
	usleep(50000);
	fake_fail("virDomainLookupByUUID", VIR_ERR_RPC);
	usleep(50000);
	scene.backend->submit(scene.backend,
	                      &(struct command){ .kind = COMMAND_LIMIT, .attempt = 3, .number = 9 });
	expect_quiet();
	fake_fail("virDomainLookupByUUID", VIR_ERR_OK);
	fake_fail("virDomainGetJobStats", VIR_ERR_OK);
	cr_expect_not(await(EVENT_RETURNED)->ok);
	cr_expect_eq(fake_number(), 9);
}

Test(driver, closing_ends_a_watch)
{
	scene.v->job = VIR_DOMAIN_JOB_UNBOUNDED;
	submit(COMMAND_WATCH, V);
	usleep(20000);
}

Test(driver, orders_what_is_under_way)
{
	expect_ok(COMMAND_POSTCOPY);
	expect_ok(COMMAND_CANCEL);
	expect_ok(COMMAND_RECOVER);
	cr_expect(fake_flags() & VIR_MIGRATE_POSTCOPY_RESUME);
	fake_fail("virDomainMigrateStartPostCopy", VIR_ERR_OPERATION_INVALID);
	expect_no(COMMAND_POSTCOPY, false, "h0: ");
	fake_fail("virDomainAbortJob", VIR_ERR_OPERATION_INVALID);
	expect_no(COMMAND_CANCEL, false, "h0: ");
	fake_fail("virDomainMigrateToURI3", VIR_ERR_OPERATION_FAILED);
	expect_no(COMMAND_RECOVER, false, "h0: ");
	scene.v->job = VIR_DOMAIN_JOB_UNBOUNDED;
	scene.v->operation = VIR_DOMAIN_JOB_OPERATION_SAVE;
	expect_no(COMMAND_CANCEL, false, "is no migration");
	scene.v->here = false;
	expect_no(COMMAND_POSTCOPY, true, "does not know v");
	expect_no(COMMAND_CANCEL, true, "does not know v");
	expect_no(COMMAND_RECOVER, true, "does not know v");
}

/* QEMU has given its migration up and lets the guest run on; libvirt has taken an abort, its job goes on. */
static void miss_a_cancel(void)
{
	scene.v->job = VIR_DOMAIN_JOB_UNBOUNDED;
	fake_state(scene.v, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNPAUSED);
	expect_ok(COMMAND_CANCEL);
	cr_expect_eq(fake_called("virDomainSuspend"), 0, "the first abort may still have its effect");
	cr_expect_eq(fake_called("virDomainAbortJob"), 1);
}

Test(driver, a_cancel_that_libvirt_missed_is_brought_to_its_notice)
{
	scene.v->waits_for_stop = true;
	miss_a_cancel();
	expect_ok(COMMAND_CANCEL);
	cr_expect(strstr(scene.why, "had missed"), "%s", scene.why);
	cr_expect_eq(fake_called("virDomainSuspend"), 1);
	cr_expect_eq(fake_called("virDomainResume"), 0);
	cr_expect_eq(scene.v->state, VIR_DOMAIN_RUNNING);
	/* And whatever comes now is an abort like any other. */
	fake_fail("virDomainAbortJob", VIR_ERR_OPERATION_INVALID);
	expect_no(COMMAND_CANCEL, false, "h0: ");
	cr_expect_eq(fake_called("virDomainSuspend"), 1);
}

Test(driver, a_guest_that_it_stopped_for_a_moment_runs_again)
{
	miss_a_cancel();
	expect_ok(COMMAND_CANCEL);
	cr_expect_eq(fake_called("virDomainSuspend"), 1);
	cr_expect_eq(fake_called("virDomainResume"), 1);
	cr_expect_eq(scene.v->state, VIR_DOMAIN_RUNNING);
	fake_fail("virDomainResume", VIR_ERR_OPERATION_FAILED);
	expect_no(COMMAND_CANCEL, false, "h0: ");
	cr_expect_eq(scene.v->state, VIR_DOMAIN_PAUSED);
}

/* Also when the driver is being closed. */
Test(driver, a_guest_that_it_stopped_runs_again_before_it_closes)
{
	miss_a_cancel();
	fake_hold("virDomainSuspend");
	submit(COMMAND_CANCEL, V);
	fake_held();
	scene.backend->close(scene.backend);
	fake_hold(NULL);
	while (fake_open())
		usleep(1000);
	cr_expect_eq(fake_called("virDomainResume"), 1);
	cr_expect_eq(scene.v->state, VIR_DOMAIN_RUNNING);
	begin();
}

/* It is an abort like any other. */
static void expect_abort(void)
{
	unsigned before = fake_called("virDomainAbortJob");

	expect_ok(COMMAND_CANCEL);
	cr_expect_str_eq(scene.why, "");
	cr_expect_eq(fake_called("virDomainAbortJob"), before + 1);
	cr_expect_eq(fake_called("virDomainSuspend"), 0);
}

Test(driver, no_guest_is_stopped_whose_migration_goes_on)
{
	miss_a_cancel();
	scene.v->total = 1000;
	expect_abort();
	scene.v->total = 0;
	scene.v->reason = VIR_DOMAIN_RUNNING_BOOTED;
	expect_abort();
	scene.v->reason = VIR_DOMAIN_RUNNING_UNPAUSED;
	scene.v->job = VIR_DOMAIN_JOB_NONE;
	expect_abort();
}

Test(driver, no_guest_is_stopped_that_another_host_may_have)
{
	miss_a_cancel();
	fake_add(1, "v");
	fake_state(&fake_hosts[1].domains[0], VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION);
	expect_abort();
	fake_hosts[1].domains[0].here = false;
	fake_hosts[2].down = true;
	fake_break(2);
	expect_abort();
}

Test(driver, a_qemu_that_hangs_in_its_end_is_let_go_on)
{
	miss_a_cancel();
	scene.v->total = 1000;
	scene.v->hangs = true;
	fake_state(scene.v, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION);
	expect_ok(COMMAND_CANCEL);
	cr_expect(strstr(scene.why, "QEMU of v hung"), "%s", scene.why);
	cr_expect_str_eq(fake_text(),
	                 "{\"execute\": \"migrate-continue\", \"arguments\": {\"state\": \"cancelling\"}}");
	cr_expect_eq(scene.v->state, VIR_DOMAIN_RUNNING);
	cr_expect_eq(fake_called("virDomainAbortJob"), 1);
}

Test(driver, a_qemu_that_does_not_hang_or_cannot_be_asked_is_told_to_give_up_again)
{
	miss_a_cancel();
	scene.v->total = 1000;
	fake_state(scene.v, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION);
	expect_abort();
	fake_fail("virDomainQemuMonitorCommand", VIR_ERR_OPERATION_TIMEOUT);
	expect_abort();
	fake_fail("virDomainQemuMonitorCommand", VIR_ERR_OK);
	scene.v->hangs = true;
	fake_add(1, "v");
	expect_abort();
	fake_hosts[1].domains[0].here = false;
	fake_state(scene.v, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER);
	expect_abort();
}

Test(driver, a_cancel_of_another_attempt_is_none_of_this_one)
{
	miss_a_cancel();
	scene.backend->submit(scene.backend,
	                      &(struct command){ .kind = COMMAND_CANCEL, .move = V, .attempt = 4 });
	cr_expect(await(EVENT_RETURNED)->ok);
	cr_expect_eq(fake_called("virDomainSuspend"), 0);
}

/* ------------------------------------------------------------------ LOOK */

Test(driver, states_are_sides)
{
	static const struct {
		int state, reason;
		bool target, job;
		uint8_t side;
	} cases[] = {
		{ VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED, false, false, SIDE_RUNNING },
		{ VIR_DOMAIN_BLOCKED, 0, false, false, SIDE_RUNNING },
		{ VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_MIGRATED, true, false, SIDE_RUNNING },
		{ VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY, true, true, SIDE_POSTCOPY },
		{ VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY_FAILED, true, true, SIDE_BROKEN },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, true, true, SIDE_INCOMING },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, false, true, SIDE_SENT },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP, true, true, SIDE_INCOMING },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP, true, false, SIDE_PAUSED },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY, false, true, SIDE_POSTCOPY },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY_FAILED, false, true, SIDE_BROKEN },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER, false, false, SIDE_PAUSED },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR, false, false, SIDE_PAUSED },
		{ VIR_DOMAIN_PMSUSPENDED, 0, false, false, SIDE_PAUSED },
		{ VIR_DOMAIN_SHUTDOWN, 0, false, false, SIDE_PAUSED },
		{ VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_MIGRATED, false, false, SIDE_OFF },
		{ VIR_DOMAIN_CRASHED, 0, false, false, SIDE_OFF },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(look_side(cases[i].state, cases[i].reason, cases[i].target, cases[i].job),
		             cases[i].side, "case %zu", i);
}

Test(driver, looks_at_both_hosts)
{
	struct fake_domain *there = fake_add(1, "v");

	scene.v->job = VIR_DOMAIN_JOB_UNBOUNDED;
	there->persistent = false;
	fake_state(there, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION);
	order(COMMAND_LOOK);
	cr_expect_eq(scene.event.token, 7);
	cr_expect_eq(scene.event.seen.source, SIDE_RUNNING);
	cr_expect(scene.event.seen.source_job && scene.event.seen.source_persistent);
	cr_expect_eq(scene.event.seen.target, SIDE_INCOMING);
	cr_expect_not(scene.event.seen.target_persistent);
	scene.v->operation = VIR_DOMAIN_JOB_OPERATION_BACKUP;
	there->here = false;
	order(COMMAND_LOOK);
	cr_expect_not(scene.event.seen.source_job, "a backup is no migration");
	cr_expect_eq(scene.event.seen.target, SIDE_ABSENT);
	/* A receiver gives no statistics. */
	fake_fail("virDomainGetJobStats", VIR_ERR_OPERATION_UNSUPPORTED);
	cr_expect(order(COMMAND_LOOK)->seen.source_job);
	fake_fail("virDomainGetJobStats", VIR_ERR_OPERATION_INVALID);
	cr_expect_not(order(COMMAND_LOOK)->seen.source_job);
}

Test(driver, a_host_that_hangs_is_silent)
{
	int64_t before_ns = clock_ns();

	fake_hold("virDomainLookupByUUID");
	order(COMMAND_LOOK);
	cr_expect_eq(scene.event.seen.source, SIDE_SILENT);
	cr_expect_eq(scene.event.seen.target, SIDE_SILENT);
	cr_expect(strstr(scene.why, "h0: it has not answered for 0.2 s"), "%s", scene.why);
	cr_expect_lt(clock_ns() - before_ns, INT64_C(1000000000));
	fake_hold(NULL);
	fake_fail("virDomainGetState", VIR_ERR_RPC);
	cr_expect_eq(order(COMMAND_LOOK)->seen.source, SIDE_SILENT);
	fake_fail("virDomainGetState", VIR_ERR_NO_DOMAIN);
	cr_expect_eq(order(COMMAND_LOOK)->seen.source, SIDE_ABSENT);
}

/* ------------------------------------------------------------------ CHECK */

Test(driver, a_target_that_can_take_it)
{
	expect_ok(COMMAND_CHECK);
	cr_expect(scene.event.persistent && scene.event.running);
	cr_expect_str_eq(scene.why, "");
	cr_expect(strstr(fake_text(), "Haswell"), "%s", fake_text());
	fake_state(scene.v, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER);
	scene.v->persistent = false;
	expect_ok(COMMAND_CHECK);
	cr_expect_not(scene.event.persistent || scene.event.running);
	fake_state(scene.v, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_SHUTDOWN);
	expect_ok(COMMAND_CHECK);
}

Test(driver, a_guest_that_is_busy_does_not_go)
{
	scene.v->job = VIR_DOMAIN_JOB_UNBOUNDED;
	expect_no(COMMAND_CHECK, false, "h0: a migration of v is under way");
	scene.v->operation = VIR_DOMAIN_JOB_OPERATION_SAVE;
	expect_no(COMMAND_CHECK, false, "h0: a job of v is under way");
	scene.v->job = VIR_DOMAIN_JOB_NONE;
	fake_fail("virDomainGetXMLDesc", VIR_ERR_RPC);
	expect_no(COMMAND_CHECK, false, "h0: ");
	fake_fail("virDomainGetXMLDesc", VIR_ERR_OK);
	scene.v->xml = "no XML";
	expect_no(COMMAND_CHECK, true, "is no XML");
	scene.v->here = false;
	expect_no(COMMAND_CHECK, true, "does not know v");
}

Test(driver, who_is_in_the_way)
{
	struct fake_domain *twin = fake_add(1, "v");

	expect_no(COMMAND_CHECK, false, "h1: v is active there too");
	fake_state(twin, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_MIGRATED);
	expect_ok(COMMAND_CHECK);
	twin->saved = true;
	expect_no(COMMAND_CHECK, true, "a saved state of v");
	twin->saved = false;
	twin->uuid[0] ^= 1;
	expect_no(COMMAND_CHECK, true, "another domain of the name v");
	twin->uuid[0] ^= 1;
	snprintf(twin->name, sizeof(twin->name), "z");
	expect_no(COMMAND_CHECK, true, "the UUID of v under the name z");
	twin->here = false;
	fake_fail("virDomainLookupByName", VIR_ERR_RPC);
	expect_no(COMMAND_CHECK, false, "what is there by that name");
	fake_fail("virDomainLookupByName", VIR_ERR_OK);
	fake_fail("virDomainGetUUID", VIR_ERR_RPC);
	expect_no(COMMAND_CHECK, false, "the guest's name");
}

Test(driver, processors_and_machines)
{
	fake_hosts[1].compare = VIR_CPU_COMPARE_INCOMPATIBLE;
	expect_no(COMMAND_CHECK, true, "h1: its processor lacks what v has");
	fake_fail("virConnectCompareHypervisorCPU", VIR_ERR_NO_SUPPORT);
	expect_no(COMMAND_CHECK, true, "its processor lacks");
	fake_fail("virConnectCompareCPU", VIR_ERR_NO_SUPPORT);
	expect_ok(COMMAND_CHECK);
	cr_expect_str_eq(scene.why, "h1: not checked: its processor");
	fake_fail("virConnectCompareHypervisorCPU", VIR_ERR_INTERNAL_ERROR);
	expect_no(COMMAND_CHECK, false, "its processor: fake error 1");
	scene.v->xml = "<domain type='kvm'><memory>4</memory><cpu mode='host-passthrough'/></domain>";
	fake_fail("virConnectCompareHypervisorCPU", VIR_ERR_OK);
	expect_no(COMMAND_CHECK, true, "its processor lacks");
	cr_expect(strstr(fake_text(), "Broadwell"), "the source's own: %s", fake_text());
	fake_fail("virConnectGetCapabilities", VIR_ERR_RPC);
	expect_ok(COMMAND_CHECK);
	fake_fail("virConnectGetDomainCapabilities", VIR_ERR_INVALID_ARG);
	expect_no(COMMAND_CHECK, true, "its kind of machine");
}

Test(driver, networks_must_be_there)
{
	fake_hosts[1].interface_down = true;
	expect_no(COMMAND_CHECK, false, "h1: its interface br0 is down");
	fake_hosts[1].no_interface = true;
	expect_no(COMMAND_CHECK, true, "h1: it has no interface br0");
	fake_fail("virInterfaceLookupByName", VIR_ERR_NO_SUPPORT);
	expect_ok(COMMAND_CHECK);
	cr_expect_str_eq(scene.why, "h1: not checked: its interfaces");
	scene.v->xml = "<domain type='kvm'><memory>4</memory><devices>"
		       "<interface type='direct'><source dev='eth0'/></interface>"
		       "<interface type='network'><source network='default'/></interface></devices></domain>";
	fake_hosts[1].network_down = true;
	expect_no(COMMAND_CHECK, false, "h1: its network default is not active");
	fake_hosts[1].no_network = true;
	expect_no(COMMAND_CHECK, true, "h1: it has no network default");
	fake_fail("virNetworkLookupByName", VIR_ERR_RPC);
	expect_no(COMMAND_CHECK, false, "its networks");
}

Test(driver, memory_must_be_free)
{
	fake_hosts[1].free_kib = 1048576;
	expect_ok(COMMAND_CHECK);
	fake_hosts[1].free_kib = 1048575;
	expect_no(COMMAND_CHECK, false, "h1: it has 1024 MiB free, v needs 1024");
	scene.v->rss_mib = 100;
	expect_no(COMMAND_CHECK, false, "v needs 1024");
	fake_fail("virNodeGetMemoryStats", VIR_ERR_NO_SUPPORT);
	expect_ok(COMMAND_CHECK);
	scene.v->xml = "<domain type='kvm'><memory unit='MiB'>64</memory><memoryBacking><hugepages>"
		       "<page size='2' unit='MiB'/></hugepages></memoryBacking></domain>";
	fake_hosts[1].free_pages = 31;
	expect_no(COMMAND_CHECK, false, "it has 31 huge pages of 2048 KiB free, v needs 32");
	fake_hosts[1].free_pages = 32;
	expect_ok(COMMAND_CHECK);
	scene.v->xml = "<domain type='kvm'><memory unit='GiB'>2</memory><memoryBacking><hugepages>"
		       "<page size='1048576' unit='KiB'/></hugepages></memoryBacking></domain>";
	fake_hosts[1].free_pages = 2;
	expect_ok(COMMAND_CHECK);
	cr_expect_eq(fake_number(), 1048576);
	fake_fail("virNodeGetFreePages", VIR_ERR_RPC);
	expect_no(COMMAND_CHECK, false, "its huge pages");
}

/* As clouds do it: what the guest uses has to be there. */
Test(driver, a_host_may_promise_more_memory_than_it_has)
{
	set(true);
	scene.cluster.hosts[1].memory_ratio = RATIO_ONE * 3 / 2;
	begin();
	fake_hosts[1].free_kib = 102400;
	scene.v->rss_mib = 0;
	expect_no(COMMAND_CHECK, false, "h1: it has 100 MiB free, v needs 1024");
	scene.v->rss_mib = 100;
	expect_ok(COMMAND_CHECK);
	scene.v->rss_mib = 101;
	expect_no(COMMAND_CHECK, false, "h1: it has 100 MiB free, v needs 101");
	fake_hosts[1].free_kib = 1048576;
	scene.v->rss_mib = 2000;
	expect_ok(COMMAND_CHECK);
	fake_hosts[1].free_kib = 102400;
	fake_fail("virDomainMemoryStats", VIR_ERR_NO_SUPPORT);
	expect_no(COMMAND_CHECK, false, "v needs 1024");
}

Test(driver, copies_of_disks_must_have_room)
{
	scene.v->xml = "<domain type='kvm'><memory>4</memory><devices><disk type='file'>"
		       "<source file='/pool/v.img'/><target dev='vda'/></disk></devices></domain>";
	fake_hosts[1].pool_xml = "<pool type='dir'/>";
	expect_ok(COMMAND_CHECK);
	cr_expect_str_eq(scene.why, "", "it is there already");
	fake_hosts[1].volume_missing = true;
	fake_hosts[1].pool_bytes = 1048576;
	expect_ok(COMMAND_CHECK);
	cr_expect_str_eq(scene.why, "");
	fake_hosts[1].pool_bytes = 524288;
	expect_no(COMMAND_CHECK, false, "h1: its storage pool has 0 MiB free, vda of v needs 1");
	fake_fail("virStoragePoolGetInfo", VIR_ERR_NO_SUPPORT);
	expect_ok(COMMAND_CHECK);
	fake_hosts[1].pool_xml = NULL;
	expect_ok(COMMAND_CHECK);
	cr_expect_str_eq(scene.why, "h1: not checked: whether it has a place for /pool/v.img");
}

Test(driver, shared_disks_are_looked_for)
{
	scene.v->xml =
		"<domain type='kvm'><memory>4</memory><devices><disk type='block'>"
		"<source dev='/dev/disk/by-path/fc-fc-1'/><target dev='vda'/></disk></devices></domain>";
	expect_ok(COMMAND_CHECK);
	cr_expect_str_eq(scene.why, "");
	fake_hosts[1].volume_missing = true;
	expect_ok(COMMAND_CHECK);
	cr_expect_str_eq(scene.why, "h1: not checked: whether it reaches /dev/disk/by-path/fc-fc-1");
}

/* ------------------------------------------------------------------ mends */

Test(driver, resumes_what_may_run)
{
	expect_ok(COMMAND_RESUME_SOURCE);
	cr_expect_eq(fake_called("virDomainResume"), 0);
	fake_state(scene.v, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION);
	fake_fail("virDomainResume", VIR_ERR_OPERATION_TIMEOUT);
	expect_no(COMMAND_RESUME_SOURCE, false, "h0: ");
	fake_fail("virDomainResume", VIR_ERR_OK);
	expect_ok(COMMAND_RESUME_SOURCE);
	cr_expect_eq(scene.v->state, VIR_DOMAIN_RUNNING);
	fake_state(scene.v, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY);
	expect_no(COMMAND_RESUME_SOURCE, true, "in no state to be resumed");
	fake_state(scene.v, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY_FAILED);
	expect_no(COMMAND_RESUME_SOURCE, true, "in no state to be resumed");
	fake_state(scene.v, VIR_DOMAIN_SHUTOFF, 0);
	expect_no(COMMAND_RESUME_SOURCE, true, "in no state to be resumed");
	scene.v->here = false;
	expect_no(COMMAND_RESUME_SOURCE, true, "does not know v");
}

/* Others may have moved it on: every host of the cluster is asked before its vCPUs run again. */
Test(driver, starts_nothing_that_any_host_may_have)
{
	struct fake_domain *third;

	fake_state(scene.v, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION);
	third = fake_add(2, "v");
	expect_no(COMMAND_RESUME_SOURCE, true, "h2: v is active there, it is not started on h0 as well");
	cr_expect_eq(fake_called("virDomainResume"), 0);
	fake_state(scene.v, VIR_DOMAIN_SHUTOFF, 0);
	expect_no(COMMAND_BOOT_SOURCE, true, "h2: v is active there, it is not started on h0 as well");
	cr_expect_eq(fake_called("virDomainCreate"), 0);
	fake_state(third, VIR_DOMAIN_SHUTOFF, 0);
	expect_ok(COMMAND_BOOT_SOURCE);
}

/* Silence is not absence. */
Test(driver, starts_nothing_while_a_host_cannot_be_asked)
{
	set(true);
	fake_hosts[2].down = true;
	begin();
	fake_state(scene.v, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION);
	expect_no(COMMAND_RESUME_SOURCE, false, "h2 cannot be asked whether v is active there");
	cr_expect_eq(fake_called("virDomainResume"), 0);
}

Test(driver, destroys_what_is_left)
{
	struct fake_domain *there = fake_add(1, "v");

	expect_no(COMMAND_DESTROY_SOURCE, true, "h0: v runs");
	expect_no(COMMAND_DESTROY_TARGET, true, "h1: v runs");
	fake_state(there, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER);
	expect_no(COMMAND_DESTROY_TARGET, true, "h1: v has run");
	fake_state(there, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION);
	expect_ok(COMMAND_DESTROY_TARGET);
	cr_expect_eq(there->state, VIR_DOMAIN_SHUTOFF);
	expect_ok(COMMAND_DESTROY_TARGET);
	fake_state(scene.v, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION);
	fake_fail("virDomainDestroyFlags", VIR_ERR_SYSTEM_ERROR);
	expect_no(COMMAND_DESTROY_SOURCE, false, "h0: ");
	fake_fail("virDomainDestroyFlags", VIR_ERR_OK);
	expect_ok(COMMAND_DESTROY_SOURCE);
	scene.v->here = there->here = false;
	expect_ok(COMMAND_DESTROY_SOURCE);
	expect_ok(COMMAND_DESTROY_TARGET);
	fake_fail("virDomainLookupByUUID", VIR_ERR_RPC);
	expect_no(COMMAND_DESTROY_SOURCE, false, "h0: ");
}

Test(driver, keeps_the_definition_at_the_target)
{
	struct fake_domain *there = fake_add(1, "v");

	expect_ok(COMMAND_PERSIST_TARGET);
	cr_expect_eq(fake_called("virDomainDefineXMLFlags"), 0);
	there->persistent = false;
	there->xml = "<domain>there</domain>";
	scene.v->xml = "<domain>here</domain>";
	expect_ok(COMMAND_PERSIST_TARGET);
	cr_expect_str_eq(fake_text(), "<domain>here</domain>");
	there->persistent = scene.v->here = false;
	expect_ok(COMMAND_PERSIST_TARGET);
	cr_expect_str_eq(fake_text(), "<domain>there</domain>");
	there->persistent = false;
	fake_fail("virDomainDefineXMLFlags", VIR_ERR_RPC);
	expect_no(COMMAND_PERSIST_TARGET, false, "h1: ");
	fake_fail("virDomainGetXMLDesc", VIR_ERR_RPC);
	expect_no(COMMAND_PERSIST_TARGET, false, "h1: ");
	there->here = false;
	expect_no(COMMAND_PERSIST_TARGET, true, "does not know v");
}

Test(driver, undefines_what_is_off)
{
	expect_no(COMMAND_UNDEFINE_SOURCE, true, "h0: v is active there");
	fake_state(scene.v, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_MIGRATED);
	scene.v->saved = true;
	expect_no(COMMAND_UNDEFINE_SOURCE, true, "v has a saved state there");
	scene.v->saved = false;
	fake_fail("virDomainUndefineFlags", VIR_ERR_OPERATION_INVALID);
	expect_no(COMMAND_UNDEFINE_SOURCE, false, "h0: ");
	fake_fail("virDomainUndefineFlags", VIR_ERR_OK);
	expect_ok(COMMAND_UNDEFINE_SOURCE);
	cr_expect_eq(fake_flags(), (unsigned)(VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_TPM));
	cr_expect_not(scene.v->here);
	expect_ok(COMMAND_UNDEFINE_SOURCE);
	scene.v->here = true;
	scene.v->operation = -1;
	expect_ok(COMMAND_UNDEFINE_SOURCE);
	cr_expect_eq(fake_flags(), (unsigned)VIR_DOMAIN_UNDEFINE_KEEP_NVRAM, "an older library");
	fake_fail("virDomainLookupByUUID", VIR_ERR_RPC);
	expect_no(COMMAND_UNDEFINE_SOURCE, false, "h0: ");
}

/* ------------------------------------------------------------------ cold */

Test(driver, shuts_a_guest_down)
{
	scene.v->persistent = false;
	expect_no(COMMAND_STOP, true, "no definition that would outlive");
	scene.v->persistent = true;
	fake_fail("virDomainShutdownFlags", VIR_ERR_OPERATION_FAILED);
	expect_no(COMMAND_STOP, false, "h0: ");
	fake_fail("virDomainShutdownFlags", VIR_ERR_OK);
	scene.v->saved = true; /* the fake's guest does not listen then */
	expect_no(COMMAND_STOP, false, "v has not shut down within 0.1 s");
	scene.v->saved = false;
	expect_ok(COMMAND_STOP);
	expect_ok(COMMAND_STOP);
	scene.v->here = false;
	expect_no(COMMAND_STOP, true, "does not know v");
}

Test(driver, carries_what_is_off)
{
	expect_no(COMMAND_CARRY, false, "v is not shut off");
	fake_state(scene.v, VIR_DOMAIN_SHUTOFF, 0);
	expect_ok(COMMAND_CARRY);
	cr_expect_eq(fake_flags(),
	             (unsigned)(VIR_MIGRATE_OFFLINE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_PERSIST_DEST));
	fake_fail("virDomainMigrateToURI3", VIR_ERR_OPERATION_FAILED);
	expect_no(COMMAND_CARRY, false, "h0: ");
	scene.v->xml = "<domain><devices><disk type='file'><source file='/a'/><target dev='vda'/></disk>"
		       "</devices></domain>";
	expect_no(COMMAND_CARRY, true, "disks of its host's own");
	scene.v->here = false;
	expect_no(COMMAND_CARRY, true, "does not know v");
}

Test(driver, boots_once_only)
{
	struct fake_domain *there = fake_add(1, "v");

	fake_state(there, VIR_DOMAIN_SHUTOFF, 0);
	expect_ok(COMMAND_BOOT_SOURCE);
	expect_no(COMMAND_BOOT_TARGET, true, "h0: v is active there, it is not started on h1 as well");
	fake_state(scene.v, VIR_DOMAIN_SHUTOFF, 0);
	fake_fail("virDomainCreate", VIR_ERR_INTERNAL_ERROR);
	expect_no(COMMAND_BOOT_TARGET, false, "h1: ");
	fake_fail("virDomainCreate", VIR_ERR_OK);
	expect_ok(COMMAND_BOOT_TARGET);
	cr_expect_eq(there->state, VIR_DOMAIN_RUNNING);
	scene.v->here = there->here = false;
	expect_no(COMMAND_BOOT_TARGET, true, "h1: it does not know v");
	expect_no(COMMAND_BOOT_SOURCE, true, "h0: it does not know v");
}

/* ------------------------------------------------------------------ what hosts tell */

Test(driver, hears_of_the_switch_over)
{
	fake_lifecycle(0, "v", VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED);
	expect_quiet();
	expect_ok(COMMAND_START);
	fake_lifecycle(0, "v", VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED);
	cr_expect_eq(await(EVENT_STOPPED)->attempt, 3);
	fake_lifecycle(0, "v", VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY);
	await(EVENT_SWITCHED);
	fake_lifecycle(1, "v", VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_POSTCOPY);
	fake_lifecycle(0, "v", VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_MIGRATED);
	fake_lifecycle(1, "v", VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_MIGRATED);
	fake_lifecycle(2, "v", VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
	fake_lifecycle(0, "u", VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
	expect_quiet();
}

Test(driver, hears_of_what_others_do)
{
	static const struct {
		int event, detail;
		const char *words;
	} cases[] = {
		{ VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN, "h0: v: it has shut down" },
		{ VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED,
		  "h0: v: somebody has ended it" },
		{ VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_CRASHED, "h0: v: it has crashed" },
		{ VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_SAVED, "h0: v: somebody has saved it" },
		{ VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT, "reverted it" },
		{ VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN_FINISHED,
		  "h0: v: it is shutting down" },
		{ VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN_GUEST,
		  "h0: v: the guest itself shuts down" },
		{ VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN_HOST,
		  "h0: v: its QEMU was told to end" },
		{ VIR_DOMAIN_EVENT_CRASHED, 0, "h0: v: it has crashed" },
		{ VIR_DOMAIN_EVENT_PMSUSPENDED, 0, "put itself to sleep" },
		{ VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED, "somebody has paused it" },
		{ VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_IOERROR, "an error of its disk" },
		{ VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG, "its watchdog" },
		{ VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_RESTORED, "restored it" },
		{ VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_API_ERROR, "an error of libvirt" },
	};

	expect_ok(COMMAND_START);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_lifecycle(0, "v", cases[i].event, cases[i].detail);
		await(EVENT_CHANGED);
		cr_expect(strstr(scene.why, cases[i].words), "case %zu: %s", i, scene.why);
	}
	fake_lifecycle(0, "v", VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_FAILED);
	expect_quiet();
	/* libvirt's call may not return before the target notices, too. */
	fake_lifecycle(0, "v", VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED);
	cr_expect_str_eq(await(EVENT_CHANGED)->why, "h0: v: its post-copy broke off");
}

Test(driver, a_receiver_is_no_guest_before_it_runs)
{
	struct fake_domain *there = fake_add(1, "v");

	expect_ok(COMMAND_START);
	fake_lifecycle(1, "v", VIR_DOMAIN_EVENT_SHUTDOWN, 0);
	fake_lifecycle(1, "v", VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
	expect_quiet();
	fake_lifecycle(1, "v", VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_MIGRATED);
	fake_lifecycle(1, "v", VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
	await(EVENT_CHANGED);
	cr_expect_str_eq(scene.why, "h1: v: somebody has ended it");
	/* A driver that came later has only looked. */
	scene.backend->close(scene.backend);
	begin();
	fake_state(there, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION);
	order(COMMAND_LOOK);
	fake_lifecycle(1, "v", VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
	expect_quiet();
	fake_state(there, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_MIGRATED);
	order(COMMAND_LOOK);
	fake_lifecycle(1, "v", VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
	await(EVENT_CHANGED);
}

Test(driver, knows_its_own_doing)
{
	fake_state(scene.v, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION);
	expect_ok(COMMAND_START);
	expect_ok(COMMAND_DESTROY_SOURCE);
	fake_lifecycle(0, "v", VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
	expect_ok(COMMAND_DESTROY_TARGET);
	fake_lifecycle(1, "v", VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
	expect_quiet();
	submit(COMMAND_STOP, W);
	await(EVENT_RETURNED);
	fake_lifecycle(0, "w", VIR_DOMAIN_EVENT_SHUTDOWN, 0);
	fake_lifecycle(0, "w", VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
	expect_quiet();
	/* Once it is booted somewhere, its end is a change again. */
	fake_lifecycle(1, "w", VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED);
	fake_lifecycle(1, "w", VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_CRASHED);
	await(EVENT_CHANGED);
	submit(COMMAND_BOOT_SOURCE, W);
	await(EVENT_RETURNED);
	fake_lifecycle(0, "w", VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_CRASHED);
	await(EVENT_CHANGED);
}

Test(driver, loses_a_host_and_finds_it_again)
{
	expect_ok(COMMAND_START);
	fake_hosts[1].down = true;
	fake_break(1);
	await(EVENT_LOST);
	cr_expect_str_eq(scene.why, "fake://1: the host no longer answers");
	cr_expect_eq(scene.event.move, V);
	order(COMMAND_LOOK);
	cr_expect_eq(scene.event.seen.target, SIDE_SILENT);
	cr_expect_eq(scene.event.seen.source, SIDE_RUNNING);
	fake_hosts[1].down = false;
	await(EVENT_BACK);
	/* What broke before is told late: it is not of this connection. */
	fake_hosts[1].closed((virConnectPtr)(void *)&scene, 0, fake_hosts[1].closed_opaque);
	expect_quiet();
	cr_expect_eq(order(COMMAND_LOOK)->seen.target, SIDE_ABSENT);
}

static void open_deaf(void)
{
	set(true);
	fake_fail("virConnectRegisterCloseCallback", VIR_ERR_NO_SUPPORT);
	fake_fail("virConnectDomainEventRegisterAny", VIR_ERR_NO_SUPPORT);
	begin();
}

Test(driver, works_with_hosts_that_tell_nothing, .init = open_deaf)
{
	expect_ok(COMMAND_START);
}

static void open_dead(void)
{
	set(true);
	fake_hosts[1].down = true;
	begin();
}

Test(driver, a_dead_host_keeps_nobody_waiting, .init = open_dead)
{
	cr_expect_eq(order(COMMAND_LOOK)->seen.source, SIDE_RUNNING);
	cr_expect_eq(scene.event.seen.target, SIDE_SILENT);
	cr_expect_str_eq(scene.why, "fake://1: fake error 5", "%s", scene.why);
}

/* ------------------------------------------------------------------ STOCK */

static struct driver_belief beliefs[VMS];
static uint8_t verdict;

static void believed(void *context, struct driver_belief *ret_beliefs)
{
	cr_assert_eq(context, &scene);
	memcpy(ret_beliefs, beliefs, sizeof(beliefs));
}

static uint8_t verify(void *context, const struct stock_change *changes, uint32_t count, char *ret_why,
                      size_t room)
{
	cr_assert_eq(context, &scene);
	snprintf(ret_why, room, "%u changes, the first of %u", count, count ? changes[0].vm : NONE);
	return verdict;
}

static void open_stock(void)
{
	set(true);
	for (uint32_t i = 0; i < VMS; i++)
		beliefs[i] = (struct driver_belief){ i == X ? 2 : 0, VM_ACTIVE };
	scene.options.context = &scene;
	scene.options.believed = believed;
	begin();
}

static const struct event *stock(uint8_t expected, uint32_t changes)
{
	submit(COMMAND_STOCK, NONE);
	await(EVENT_STOCK);
	cr_expect_eq(scene.event.token, 7);
	cr_expect_eq(scene.event.verdict, expected, "%s: %s", taking_words[scene.event.verdict], scene.why);
	cr_expect_eq(scene.event.change_count, changes, "%u changes", scene.event.change_count);
	return &scene.event;
}

Test(driver, stock_of_what_is_as_believed, .init = open_stock)
{
	struct fake_domain *left;

	stock(TAKING_PROVEN, 0);
	left = fake_add(1, "v");
	fake_state(left, VIR_DOMAIN_SHUTOFF, 0);
	stock(TAKING_PROVEN, 0);
	/* One end of a migration that is under way. */
	fake_state(left, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION);
	stock(TAKING_PROVEN, 0);
	beliefs[V].state = VM_RESCUED;
	stock(TAKING_PROVEN, 0);
}

Test(driver, stock_of_what_has_changed, .init = open_stock)
{
	struct fake_domain *there = fake_add(1, "v");
	const struct event *event = stock(TAKING_STALE, 1);

	cr_expect(event->changes[0].twice);
	cr_expect_eq(event->changes[0].host, 0);
	scene.v->here = false;
	cr_expect_eq(stock(TAKING_STALE, 1)->changes[0].host, 1);
	cr_expect_not(scene.event.changes[0].twice);
	cr_expect_str_eq(scene.why, "v is not where it was");
	fake_state(there, VIR_DOMAIN_SHUTOFF, 0);
	cr_expect_eq(stock(TAKING_STALE, 1)->changes[0].state, VM_STOPPED);
	there->saved = true;
	cr_expect_eq(stock(TAKING_STALE, 1)->changes[0].state, VM_SUSPENDED);
	fake_state(there, VIR_DOMAIN_CRASHED, 0);
	cr_expect_eq(stock(TAKING_STALE, 1)->changes[0].state, VM_ERROR);
	fake_state(there, VIR_DOMAIN_PMSUSPENDED, 0);
	cr_expect_eq(stock(TAKING_STALE, 1)->changes[0].state, VM_SUSPENDED);
	there->here = false;
	cr_expect_eq(stock(TAKING_STALE, 1)->changes[0].host, NONE);
	fake_state(scene.w, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER);
	cr_expect_eq(stock(TAKING_STALE, 2)->changes[1].state, VM_PAUSED);
	cr_expect_eq(scene.event.changes[1].vm, W);
}

Test(driver, strangers_make_a_plan_stale, .init = open_stock)
{
	struct fake_domain *stranger = fake_add(2, "u");

	stock(TAKING_STALE, 0);
	cr_expect_str_eq(scene.why, "h2: u runs there, and is not in the cluster file");
	fake_state(stranger, VIR_DOMAIN_SHUTOFF, 0);
	stock(TAKING_PROVEN, 0);
}

static void open_verified(void)
{
	open_stock();
	scene.backend->close(scene.backend);
	scene.options.verify = verify;
	scene.options.strangers = true;
	begin();
}

Test(driver, the_proof_is_another_s, .init = open_verified)
{
	fake_add(2, "u");
	scene.w->here = false;
	verdict = TAKING_PROVEN;
	stock(TAKING_PROVEN, 1);
	cr_expect_str_eq(scene.why, "1 changes, the first of 1");
	verdict = TAKING_STALE;
	stock(TAKING_STALE, 1);
}

Test(driver, a_silent_host_that_matters, .init = open_stock)
{
	fake_hosts[2].down = true;
	fake_break(2);
	usleep(50000);
	stock(TAKING_PROVEN, 0);
	/* Where v is now, nobody can say. */
	scene.v->here = false;
	stock(TAKING_UNKNOWN, 1);
	cr_expect_str_eq(scene.why, "v is nowhere, and h2 does not answer");
	fake_add(0, "v");
	fake_hosts[1].down = true;
	fake_break(1);
	usleep(50000);
	stock(TAKING_UNKNOWN, 0);
	cr_expect(strstr(scene.why, "fake://1"), "%s", scene.why);
	/* The moves are done: what is left needs no host. */
	beliefs[V].host = beliefs[W].host = 1;
	scene.v->here = scene.w->here = false;
	for (int i = 0; i < FAKE_DOMAINS; i++)
		fake_hosts[0].domains[i].here = false;
	stock(TAKING_PROVEN, 0);
}

Test(driver, a_silent_host_where_every_one_matters)
{
	set(true);
	for (uint32_t i = 0; i < VMS; i++)
		beliefs[i] = (struct driver_belief){ i == X ? 2 : 0, VM_ACTIVE };
	scene.options.every_host = true;
	scene.options.context = &scene;
	scene.options.believed = believed;
	begin();
	stock(TAKING_PROVEN, 0);
	fake_hosts[2].down = true;
	fake_break(2);
	usleep(50000);
	scene.w->here = false;
	fake_add(1, "w");
	/* What is otherwise on the others is said all the same. */
	cr_expect_eq(stock(TAKING_UNKNOWN, 1)->changes[0].host, 1);
	cr_expect(strstr(scene.why, "fake://2"), "%s", scene.why);
}

Test(driver, a_host_that_cannot_list_is_silent, .init = open_stock)
{
	fake_fail("virConnectListAllDomains", VIR_ERR_RPC);
	stock(TAKING_UNKNOWN, 0);
	cr_expect_str_eq(scene.why, "h0: fake error 39");
	fake_fail("virConnectListAllDomains", VIR_ERR_OK);
	fake_hold("virConnectListAllDomains");
	submit(COMMAND_STOCK, NONE);
	cr_expect_eq(await(EVENT_STOCK)->verdict, TAKING_UNKNOWN);
	cr_expect_str_eq(scene.why, "h0: it has not answered for 0.2 s");
	fake_hold(NULL);
}

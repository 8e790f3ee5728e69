/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/simulated.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Three hosts that are alike, one flavor; the test adds VMs and groups. */
#define HOSTS                                                                                         \
	"'hosts':[{'name':'h0','cpus':8,'memory_mib':8192},{'name':'h1','cpus':8,'memory_mib':8192}," \
	"{'name':'h2','cpus':8,'memory_mib':8192}],'flavors':[{'name':'m','vcpus':1,'memory_mib':1024}],"
#define VM(name, host, extra) "{'name':'" name "','host':'" host "','flavor':'m'" extra "}"

static void cr_verdict(const struct simulated *simulated, uint32_t action, enum verdict verdict,
                       const char *message)
{
	cr_assert_eq(simulated_verdict(simulated, action), verdict, "%s: %s",
	             verdict_words[simulated_verdict(simulated, action)],
	             simulated_message(simulated, action));
	cr_assert_str_eq(simulated_message(simulated, action), message);
}

static void cr_move(const struct simulated *simulated, uint32_t index, const char *expected)
{
	char text[256];

	cr_assert_str_eq(simulated_move(simulated, index, text), expected);
}

static void cr_status(const struct simulated *simulated, const char *host, const char *expected)
{
	char text[64];

	cr_assert_str_eq(simulated_status(simulated, host, text), expected);
}

Test(lock, empties_the_host_one_by_one)
{
	struct simulated run;
	const struct simulation *simulation = &run.simulation;
	const struct action_summary *lock;

	simulated_run(&run, PROFILE_STARLINGX,
	              HOSTS "'vms':[" VM("v1", "h0", "") "," VM("v2", "h0", "") "," VM(
			      "v3", "h0", ",'state':'stopped'") "]",
	              "{'do':'lock','host':'h0'}");
	cr_verdict(&run, 0, VERDICT_LOCKED, "");
	cr_status(&run, "h0", "locked/disabled/online");
	cr_assert_eq(simulation->migration_count, 2);
	cr_move(&run, 0, "v1 h0>h1 live completed");
	cr_move(&run, 1, "v2 h0>h1 live completed");
	cr_assert(simulation->migrations[1].start_s >= simulation->migrations[0].duration_s[1]);
	cr_assert_str_eq(simulated_host(&run, "v3"), "h0");
	cr_assert_str_eq(simulated_state(&run, "v3"), "stopped");
	lock = &simulation->actions[0];
	cr_assert_eq(lock->allowed_count, 2);
	cr_assert_eq(lock->allowed[0], 1);
	cr_assert_eq(simulation->alarm_count, 1);
	cr_assert_str_eq(simulation->alarms[0].id, "200.001");
	cr_assert_str_eq(simulation->alarms[0].severity, "warning");
	cr_assert_str_eq(simulation->alarms[0].subject, "h0");
	cr_assert_str_eq(simulation->alarms[0].text,
	                 "h0 was administratively locked to take it out-of-service.");
	cr_assert_eq(simulation->alarms[0].cleared_ns, -1);
	simulated_free(&run);
}

Test(lock, takes_the_order_that_it_is_given)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX,
	              HOSTS "'vms':[" VM("v1", "h0", "") "," VM("v2", "h0", "") "," VM("v3", "h0", "") "," VM(
			      "w", "h1", "") "]",
	              "{'do':'lock','host':'h0','order':['v3','w','v2','v3']}");
	cr_move(&run, 0, "v3 h0>h1 live completed");
	cr_move(&run, 1, "v2 h0>h1 live completed");
	cr_move(&run, 2, "v1 h0>h1 live completed");
	simulated_free(&run);
}

Test(lock, is_rejected_before_anything_moves)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX,
	              HOSTS "'vms':[" VM("v1", "h0", "") "," VM("v2", "h0", ",'state':'suspended'") "]",
	              "{'do':'lock','host':'h0'}");
	cr_verdict(&run, 0, VERDICT_REJECTED, "Lock of host h0 rejected because instance v2 is suspended.");
	cr_assert_eq(run.simulation.migration_count, 0);
	cr_status(&run, "h0", "unlocked/enabled/available");
	simulated_free(&run);
}

Test(lock, that_finds_no_target_ends_there)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX,
	              HOSTS "'groups':[{'name':'g','policy':'affinity'}],'vms':[" VM("v1", "h0", "") "," VM(
			      "v2", "h0", ",'group':'g'") "," VM("v3", "h0", "") "]",
	              "{'do':'lock','host':'h0'}");
	cr_verdict(&run, 0, VERDICT_LOCK_FAILED, "Migrate of instance v2 from host h0 failed.");
	cr_assert_eq(run.simulation.migration_count, 2);
	cr_move(&run, 0, "v1 h0>h1 live completed");
	cr_move(&run, 1, "v2 h0> live rejected");
	cr_status(&run, "h0", "unlocked/enabled/available");
	cr_assert_str_eq(simulated_host(&run, "v1"), "h1");
	cr_assert_str_eq(simulated_host(&run, "v3"), "h0");
	cr_assert_eq(run.simulation.alarm_count, 0);
	simulated_free(&run);
}

Test(lock, fails_when_a_guest_votes_against_it)
{
	struct simulated run;

	simulated_run(&run, PROFILE_TITANIUM,
	              HOSTS "'vms':[" VM("v1", "h0", ",'heartbeat_vote':'reject'") "]",
	              "{'do':'lock','host':'h0'},{'do':'live-migrate','vm':'v1'}");
	cr_verdict(&run, 0, VERDICT_LOCK_FAILED, "Migrate of instance v1 from host h0 failed.");
	cr_verdict(&run, 1, VERDICT_REJECTED, "Instance v1 voted to reject the migration.");
	simulated_free(&run);
}

Test(lock, fails_when_a_rescued_vm_is_its_turn)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX, HOSTS "'vms':[" VM("v1", "h0", ",'state':'rescued'") "]",
	              "{'do':'lock','host':'h0'}");
	cr_verdict(&run, 0, VERDICT_LOCK_FAILED, "Migrate of instance v1 from host h0 failed.");
	simulated_free(&run);
}

#define BUSY ",'dirty':{'model':'uniform','working_set_mib':900,'rate_pages_s':500000}"

/* A guest that writes faster than the link sends: each profile gives up in its own time. */
Test(lock, gives_up_a_guest_that_never_converges)
{
	static const double ends_s[] = { [PROFILE_STARLINGX] = 180, [PROFILE_NOVA] = 1600 };
	struct simulated run;

	for (enum profile profile = PROFILE_TITANIUM; profile <= PROFILE_NOVA; profile++) {
		const struct migration_summary *move;

		simulated_run(&run, profile,
		              HOSTS "'migration':{'bandwidth_mib_s':50},'vms':[" VM("v1", "h0", BUSY) "]",
		              "{'do':'lock','host':'h0'}");
		cr_verdict(&run, 0, VERDICT_LOCK_FAILED, "Migrate of instance v1 from host h0 failed.");
		move = &run.simulation.migrations[0];
		cr_assert_eq(move->outcome, OUTCOME_ABORTED);
		cr_assert_eq(move->probability_converged, 0);
		if (profile != PROFILE_TITANIUM)
			cr_assert_eq(move->duration_s[1], ends_s[profile]);
		else
			/* 150 s after the last progress: the end of the first round, 20 s, or of a later one
			 * that by chance left less than all before it. */
			cr_assert(move->duration_s[1] > 160 && move->duration_s[1] < 300, "%g",
			          move->duration_s[1]);
		cr_assert_str_eq(simulated_host(&run, "v1"), "h0");
		cr_assert_str_eq(simulated_state(&run, "v1"), "active");
		simulated_free(&run);
	}
}

Test(lock, throttles_only_where_auto_converge_is_on)
{
	struct simulated run;

	for (enum profile profile = PROFILE_TITANIUM; profile <= PROFILE_STARLINGX; profile++) {
		simulated_run(&run, profile,
		              HOSTS "'migration':{'bandwidth_mib_s':50},'vms':[" VM("v1", "h0", BUSY) "]",
		              "{'do':'lock','host':'h0'}");
		cr_assert_eq(run.simulation.migrations[0].throttle_percent > 0, profile == PROFILE_STARLINGX);
		simulated_free(&run);
	}
}

Test(lock, post_copy_takes_a_guest_that_would_not_converge)
{
	struct simulated run;
	const struct migration_summary *move;

	simulated_run(&run, PROFILE_NOVA,
	              HOSTS
	              "'migration':{'bandwidth_mib_s':50,'post_copy':true},'vms':[" VM("v1", "h0", BUSY) "]",
	              "{'do':'lock','host':'h0'}");
	cr_verdict(&run, 0, VERDICT_LOCKED, "");
	move = &run.simulation.migrations[0];
	cr_assert(move->downtime_ms[1] < 200 && move->duration_s[1] < 120);
	simulated_free(&run);
}

Test(lock, of_a_locked_host_is_avoided)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX, HOSTS "'vms':[]",
	              "{'do':'lock','host':'h0'},{'do':'lock','host':'h0'},{'do':'unlock','host':'h0'},"
	              "{'do':'unlock','host':'h0'},{'do':'force-lock','host':'h0'},{'do':'force-lock','host':"
	              "'h0'}");
	cr_verdict(&run, 0, VERDICT_LOCKED, "");
	cr_verdict(&run, 1, VERDICT_REJECTED, "Avoiding lock action on already 'locked' host h0");
	cr_verdict(&run, 2, VERDICT_DONE, "");
	cr_verdict(&run, 3, VERDICT_REJECTED, "Avoiding unlock action on already 'unlocked' host h0");
	cr_verdict(&run, 4, VERDICT_LOCKED, "");
	cr_verdict(&run, 5, VERDICT_REJECTED, "Avoiding force-lock action on already 'locked' host h0");
	cr_assert_eq(run.simulation.alarm_count, 2);
	cr_assert(run.simulation.alarms[0].cleared_ns >= 0 && run.simulation.alarms[1].cleared_ns < 0);
	simulated_free(&run);
}

#define ONE_HOST                                              \
	"'hosts':[{'name':'h0','cpus':8,'memory_mib':8192}]," \
	"'flavors':[{'name':'m','vcpus':1,'memory_mib':1024}],"

Test(lock, of_the_only_host_stops_its_vms)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX,
	              ONE_HOST "'vms':[" VM("v1", "h0", "") "," VM("v2", "h0", ",'state':'stopped'") "]",
	              "{'do':'lock','host':'h0'}");
	cr_verdict(&run, 0, VERDICT_LOCKED, "");
	cr_assert_str_eq(simulated_state(&run, "v1"), "stopped");
	cr_assert_eq(run.simulation.migration_count, 0);
	simulated_free(&run);
	simulated_run(&run, PROFILE_STARLINGX,
	              ONE_HOST "'vms':[" VM("v1", "h0", "") "," VM("v2", "h0", ",'state':'stopped'") "]",
	              "{'do':'lock','host':'h0'},{'do':'unlock','host':'h0'}");
	cr_assert_str_eq(simulated_state(&run, "v1"), "active");
	cr_assert_str_eq(simulated_state(&run, "v2"), "stopped");
	simulated_free(&run);
}

Test(lock, without_an_available_other_host_is_rejected_unless_empty)
{
	struct simulated run;

	simulated_run(
		&run, PROFILE_STARLINGX,
		"'hosts':[{'name':'h0','cpus':8,'memory_mib':8192},{'name':'h1','cpus':8,'memory_mib':8192}],"
		"'flavors':[{'name':'m','vcpus':1,'memory_mib':1024}],'vms':[" VM("v1", "h0", "") "]",
		"{'do':'lock','host':'h1'},{'do':'lock','host':'h0'}");
	cr_verdict(&run, 0, VERDICT_LOCKED, "");
	cr_verdict(&run, 1, VERDICT_REJECTED,
	           "Lock of host h0 rejected because there are no other hypervisors available.");
	simulated_free(&run);
}

/* A VM that arrives while the host is being locked leaves again before the host is locked. */
Test(lock, waits_for_vms_on_their_way_to_the_host)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX, HOSTS "'vms':[" VM("v1", "h0", "") "," VM("w", "h1", "") "]",
	              "{'do':'live-migrate','vm':'w','to':'h0'},{'do':'lock','host':'h0','concurrent':true,"
	              "'at_s':1}");
	cr_verdict(&run, 0, VERDICT_DONE, "The instance is preparing the live migration to host h0.");
	cr_verdict(&run, 1, VERDICT_LOCKED, "");
	cr_assert_eq(run.simulation.migration_count, 3);
	cr_assert(strcmp(simulated_host(&run, "w"), "h0") != 0);
	simulated_free(&run);
}

Test(force_lock, recovers_what_may_go_elsewhere)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX,
	              HOSTS "'groups':[{'name':'g','policy':'affinity'}],'vms':[" VM("v1", "h0", "") "," VM(
			      "v2", "h0", ",'group':'g'") "," VM("v3", "h0", ",'state':'stopped'") "]",
	              "{'do':'force-lock','host':'h0'}");
	cr_verdict(&run, 0, VERDICT_LOCKED, "1 of 2 instances could not be recovered on another host.");
	cr_status(&run, "h0", "locked/disabled/online");
	cr_assert_eq(run.simulation.migration_count, 0);
	cr_assert_str_eq(simulated_host(&run, "v1"), "h1");
	cr_assert_str_eq(simulated_state(&run, "v1"), "active");
	cr_assert_str_eq(simulated_host(&run, "v2"), "h0");
	cr_assert_str_eq(simulated_state(&run, "v2"), "error");
	cr_assert_str_eq(simulated_state(&run, "v3"), "stopped");
	cr_assert_eq(run.simulation.alarm_count, 1);
	simulated_free(&run);
}

Test(force_lock, ends_migrations_from_and_to_the_host)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX, HOSTS "'vms':[" VM("v1", "h0", "") "," VM("w", "h1", "") "]",
	              "{'do':'live-migrate','vm':'v1','to':'h1'},"
	              "{'do':'live-migrate','vm':'w','to':'h0','concurrent':true},"
	              "{'do':'force-lock','host':'h0','at_s':1,'concurrent':true}");
	cr_assert_eq(simulated_verdict(&run, 0), VERDICT_FAILED);
	cr_assert_str_eq(simulated_message(&run, 0),
	                 "Live migration of instance v1 from h0 to h1 failed: host h0 was lost");
	cr_assert_eq(simulated_verdict(&run, 1), VERDICT_FAILED);
	cr_verdict(&run, 2, VERDICT_LOCKED, "");
	cr_move(&run, 0, "v1 h0>h1 live aborted");
	cr_move(&run, 1, "w h1>h0 live aborted");
	cr_assert_str_eq(simulated_host(&run, "w"), "h1");
	cr_assert_str_eq(simulated_state(&run, "w"), "active");
	cr_assert_str_eq(simulated_host(&run, "v1"), "h1");
	simulated_free(&run);
}

Test(fail_host, leaves_it_disabled_and_failed)
{
	struct simulated run;

	simulated_run(&run, PROFILE_NOVA, HOSTS "'vms':[" VM("v1", "h0", "") "]",
	              "{'do':'fail-host','host':'h0'},{'do':'lock','host':'h0'},{'do':'unlock','host':'h0'}");
	cr_verdict(&run, 0, VERDICT_DONE, "");
	cr_verdict(&run, 1, VERDICT_LOCKED, "");
	cr_verdict(&run, 2, VERDICT_REJECTED, "Can not unlock host h0, which is down (failed)");
	cr_status(&run, "h0", "locked/disabled/failed");
	cr_assert(strcmp(simulated_host(&run, "v1"), "h0") != 0);
	simulated_free(&run);
}

Test(fail_host, ends_the_lock_that_is_under_way)
{
	struct simulated run;

	simulated_run(&run, PROFILE_STARLINGX, HOSTS "'vms':[" VM("v1", "h0", "") "," VM("v2", "h0", "") "]",
	              "{'do':'lock','host':'h0'},{'do':'fail-host','host':'h0','at_s':1,'concurrent':true}");
	cr_verdict(&run, 0, VERDICT_LOCK_FAILED, "Migrate of instance v1 from host h0 failed.");
	cr_verdict(&run, 1, VERDICT_DONE, "");
	cr_status(&run, "h0", "unlocked/disabled/failed");
	cr_assert_str_eq(simulated_state(&run, "v1"), "active");
	cr_assert(strcmp(simulated_host(&run, "v1"), "h0") != 0);
	simulated_free(&run);
}

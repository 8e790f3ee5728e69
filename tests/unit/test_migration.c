/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine of one migration, edge by edge where safety hangs on it. */
#include "core/migration.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)

/* A migration and what it ordered last. */
struct driven {
	struct migration m;
	struct migration_commands commands;
	int64_t now_ns;
};

static struct timing timing_for(double timeout_s)
{
	return (struct timing){ .hypervisor = "qemu-7.2",
		                .bandwidth_bytes_s = INFINITY,
		                .timeout_s = timeout_s,
		                .no_progress_s = INFINITY,
		                .max_downtime_ms = 300 };
}

static struct driven begin(bool cold)
{
	struct timing timing = timing_for(180);
	struct driven d = { .now_ns = SECOND_NS };

	migration_create(&d.m, 7, cold, &timing, &migration_patience_default);
	migration_go(&d.m, d.now_ns, &d.commands);
	return d;
}

static void tell(struct driven *d, struct event event)
{
	event.at_ns = d->now_ns;
	event.attempt = d->m.attempt;
	event.move = 7;
	migration_step(&d->m, &event, &d->commands);
}

static void checked(struct driven *d, bool persistent)
{
	tell(d,
	     (struct event){ .kind = EVENT_CHECKED, .ok = true, .running = true, .persistent = persistent });
}

static void sent(struct driven *d, double processed, double remaining, uint32_t iterations)
{
	struct event event = { .kind = EVENT_PROGRESS };

	event.progress.processed_bytes = processed;
	event.progress.remaining_bytes = remaining;
	event.progress.iterations = iterations;
	tell(d, event);
}

static void progress(struct driven *d, double remaining, uint32_t iterations)
{
	sent(d, 0, remaining, iterations);
}

static void returned(struct driven *d, enum command_kind call, bool ok)
{
	tell(d, (struct event){
			.kind = EVENT_RETURNED, .call = (uint8_t)call, .ok = ok, .why = ok ? NULL : "no" });
}

static void seen_with(struct driven *d, enum side source, enum side target, bool source_job)
{
	tell(d, (struct event){ .kind = EVENT_SEEN,
	                        .token = d->m.token,
	                        .seen = { .source = (uint8_t)source,
	                                  .target = (uint8_t)target,
	                                  .source_job = source_job } });
}

static void seen(struct driven *d, enum side source, enum side target)
{
	seen_with(d, source, target, false);
}

static void timer_after(struct driven *d, double seconds)
{
	d->now_ns += (int64_t)(seconds * 1e9);
	tell(d, (struct event){ .kind = EVENT_TIMER });
}

static bool ordered(const struct driven *d, enum command_kind kind)
{
	for (uint32_t i = 0; i < d->commands.count; i++) {
		if (d->commands.at[i].kind == kind)
			return true;
	}
	return false;
}

/* Up to the point where both hosts are asked. */
static struct driven confirming(bool persistent, bool ok)
{
	struct driven d = begin(false);

	checked(&d, persistent);
	progress(&d, 1e9, 1);
	tell(&d, (struct event){ .kind = EVENT_STOPPED });
	returned(&d, COMMAND_START, ok);
	cr_assert_eq(d.m.state, MIGRATION_CONFIRMING);
	cr_assert(ordered(&d, COMMAND_LOOK));
	return d;
}

Test(migration, goes_through_all_its_states)
{
	struct driven d = begin(false);

	cr_assert(ordered(&d, COMMAND_CHECK));
	cr_assert_eq(d.m.state, MIGRATION_QUEUED);
	checked(&d, false);
	cr_assert_eq(d.m.state, MIGRATION_CHECKED);
	cr_assert(ordered(&d, COMMAND_START));
	progress(&d, 1e9, 0);
	cr_assert_eq(d.m.state, MIGRATION_STARTED);
	progress(&d, 9e8, 1);
	cr_assert_eq(d.m.state, MIGRATION_COPYING);
	tell(&d, (struct event){ .kind = EVENT_STOPPED });
	cr_assert_eq(d.m.state, MIGRATION_SWITCHING);
	returned(&d, COMMAND_START, true);
	seen(&d, SIDE_ABSENT, SIDE_RUNNING);
	cr_assert_eq(d.m.state, MIGRATION_DONE);
	cr_assert_eq(d.m.reason, REASON_ARRIVED);
}

Test(migration, a_refused_target_is_no_start)
{
	struct driven d = begin(false);

	tell(&d, (struct event){ .kind = EVENT_CHECKED, .why = "no bridge", .lasting = true });
	cr_assert_eq(d.m.state, MIGRATION_FAILED);
	cr_assert_eq(d.m.reason, REASON_REFUSED);
	cr_assert_eq(d.commands.count, 0);
	cr_assert_str_eq(d.m.why, "no bridge");
}

Test(migration, nothing_is_undefined_before_the_target_keeps_it)
{
	struct driven d = confirming(true, true);

	seen(&d, SIDE_OFF, SIDE_RUNNING);
	cr_assert(ordered(&d, COMMAND_PERSIST_TARGET));
	cr_assert_not(ordered(&d, COMMAND_UNDEFINE_SOURCE));
	returned(&d, COMMAND_PERSIST_TARGET, true);
	tell(&d, (struct event){
			 .kind = EVENT_SEEN,
			 .token = d.m.token,
			 .seen = { .source = SIDE_OFF, .target = SIDE_RUNNING, .target_persistent = true } });
	cr_assert(ordered(&d, COMMAND_UNDEFINE_SOURCE));
	returned(&d, COMMAND_UNDEFINE_SOURCE, true);
	tell(&d,
	     (struct event){
		     .kind = EVENT_SEEN,
		     .token = d.m.token,
		     .seen = { .source = SIDE_ABSENT, .target = SIDE_RUNNING, .target_persistent = true } });
	cr_assert_eq(d.m.state, MIGRATION_DONE);
}

/* Whatever both hosts say: what the machine orders is allowed by what they say. */
Test(migration, every_pair_of_sides_is_answered_safely)
{
	for (int bits = 0; bits < 64; bits++) {
		for (int source = 0; source < SIDE_COUNT; source++) {
			for (int target = 0; target < SIDE_COUNT; target++) {
				struct driven d = confirming(bits & 1, bits & 2);
				struct seen both = { .source = (uint8_t)source,
					             .target = (uint8_t)target,
					             .source_job = bits & 4,
					             .target_job = bits & 8,
					             .target_persistent = bits & 16 };

				d.m.asked_postcopy = d.m.switched = bits & 32;
				for (int i = 0; i < 60 && d.m.looking; i++) {
					bool runs = target == SIDE_RUNNING || target == SIDE_PAUSED;
					bool empty = target == SIDE_ABSENT || target == SIDE_OFF;

					tell(&d, (struct event){ .kind = EVENT_SEEN,
					                         .token = d.m.token,
					                         .seen = both });
					if (ordered(&d, COMMAND_RESUME_SOURCE))
						cr_assert(i > 0 && source == SIDE_SENT && empty &&
						          !(bits & 32) && !both.source_job);
					if (ordered(&d, COMMAND_UNDEFINE_SOURCE))
						cr_assert(source == SIDE_OFF && runs &&
						          (!(bits & 1) || both.target_persistent));
					if (ordered(&d, COMMAND_DESTROY_SOURCE))
						cr_assert(runs && source != SIDE_RUNNING &&
						          source != SIDE_PAUSED && source != SIDE_INCOMING);
					if (ordered(&d, COMMAND_DESTROY_TARGET))
						cr_assert(target == SIDE_INCOMING && !both.source_job &&
						          (source == SIDE_RUNNING || source == SIDE_PAUSED ||
						           source == SIDE_SENT));
					if (d.m.state == MIGRATION_DONE)
						cr_assert(runs &&
						          (source == SIDE_ABSENT || source == SIDE_OFF));
					if (d.m.state == MIGRATION_FAILED)
						cr_assert(source != SIDE_SILENT && target != SIDE_SILENT &&
						          empty);
					timer_after(&d, 1);
				}
			}
		}
	}
}

Test(migration, the_source_is_resumed_only_when_it_was_seen_twice)
{
	struct driven d = confirming(false, false);

	seen(&d, SIDE_SENT, SIDE_ABSENT);
	cr_assert_eq(d.commands.count, 0);
	timer_after(&d, 1);
	cr_assert(ordered(&d, COMMAND_LOOK));
	seen(&d, SIDE_SENT, SIDE_ABSENT);
	cr_assert(ordered(&d, COMMAND_RESUME_SOURCE));
}

Test(migration, a_silent_target_is_waited_for_and_then_a_person_must_look)
{
	struct driven d = confirming(false, false);

	for (int i = 0; i < 200 && !d.m.stuck; i++) {
		if (d.m.looking)
			seen(&d, SIDE_SENT, SIDE_SILENT);
		cr_assert_not(ordered(&d, COMMAND_RESUME_SOURCE));
		timer_after(&d, 1);
	}
	cr_assert(d.m.stuck);
	cr_assert_eq(d.m.state, MIGRATION_UNKNOWN);
	cr_assert_eq(d.m.reason, REASON_SILENT);
	/* Whoever resumes it has it looked at again. */
	tell(&d, (struct event){ .kind = EVENT_RESUMED });
	cr_assert(ordered(&d, COMMAND_LOOK));
	seen(&d, SIDE_RUNNING, SIDE_ABSENT);
	cr_assert_eq(d.m.state, MIGRATION_FAILED);
	cr_assert_eq(d.m.reason, REASON_CALL);
}

Test(migration, two_running_copies_are_for_a_person_at_once)
{
	struct driven d = confirming(false, true);

	seen(&d, SIDE_RUNNING, SIDE_RUNNING);
	timer_after(&d, 1);
	seen(&d, SIDE_RUNNING, SIDE_RUNNING);
	cr_assert(d.m.stuck);
	cr_assert_eq(d.m.reason, REASON_TWICE);
	cr_assert_eq(d.commands.count, 0);
}

Test(migration, lost_contact_is_looked_into_before_anything_else)
{
	struct driven d = begin(false);

	checked(&d, false);
	progress(&d, 1e9, 1);
	tell(&d, (struct event){ .kind = EVENT_LOST });
	cr_assert_eq(d.m.state, MIGRATION_UNKNOWN);
	cr_assert(ordered(&d, COMMAND_LOOK));
	seen_with(&d, SIDE_RUNNING, SIDE_INCOMING, true);
	cr_assert_eq(d.m.state, MIGRATION_COPYING);
	cr_assert(ordered(&d, COMMAND_WATCH));
}

Test(migration, the_time_limit_gives_it_up_and_the_hosts_say_what_came_of_that)
{
	struct driven d = begin(false);

	checked(&d, false);
	progress(&d, 1e9, 1);
	timer_after(&d, 180);
	cr_assert_eq(d.m.state, MIGRATION_ABORTING);
	cr_assert(ordered(&d, COMMAND_CANCEL));
	/* The cancel came too late. */
	returned(&d, COMMAND_START, true);
	seen(&d, SIDE_ABSENT, SIDE_RUNNING);
	cr_assert_eq(d.m.state, MIGRATION_DONE);
	cr_assert_eq(d.m.reason, REASON_ARRIVED);
}

Test(migration, downtime_steps_go_by_the_platforms_times)
{
	struct timing timing = timing_for(180);
	struct driven d = { .now_ns = SECOND_NS };

	timing.steps = 10;
	timing.base_ms = 30;
	timing.offset_ms = 27;
	timing.step_delay_s = 12;
	migration_create(&d.m, 7, false, &timing, &migration_patience_default);
	migration_go(&d.m, d.now_ns, &d.commands);
	checked(&d, false);
	cr_assert_eq(d.commands.at[0].kind, COMMAND_START);
	cr_assert_eq(d.commands.at[0].number, 30);
	progress(&d, 1e9, 1);
	cr_assert_eq(migration_due_ns(&d.m), SECOND_NS + (int64_t)(12.5 * 1e9));
	timer_after(&d, 12.5);
	cr_assert(ordered(&d, COMMAND_LIMIT));
	cr_assert_eq(d.commands.at[0].number, 57);
}

Test(migration, a_poor_round_goes_over_to_post_copy_which_is_never_taken_back)
{
	struct driven d = begin(false);

	d.m.timing.post_copy = true;
	checked(&d, false);
	progress(&d, 1e9, 1);
	progress(&d, 5e8, 2);
	cr_assert_not(ordered(&d, COMMAND_POSTCOPY));
	progress(&d, 4.9e8, 3);
	cr_assert(ordered(&d, COMMAND_POSTCOPY));
	tell(&d, (struct event){ .kind = EVENT_SWITCHED });
	tell(&d, (struct event){ .kind = EVENT_ABORT });
	cr_assert_neq(d.m.state, MIGRATION_ABORTING);
	returned(&d, COMMAND_START, false);
	seen(&d, SIDE_BROKEN, SIDE_BROKEN);
	cr_assert_eq(d.commands.count, 0, "what broke it is seldom gone at once");
	timer_after(&d, 1);
	seen(&d, SIDE_BROKEN, SIDE_BROKEN);
	cr_assert(ordered(&d, COMMAND_RECOVER));
}

Test(migration, post_copy_that_does_not_come_about_is_given_up)
{
	struct driven d = begin(false);

	d.m.timing.post_copy = true;
	checked(&d, false);
	progress(&d, 1e9, 1);
	timer_after(&d, 180);
	cr_assert(ordered(&d, COMMAND_POSTCOPY));
	cr_assert_eq(d.m.state, MIGRATION_COPYING);
	timer_after(&d, 9);
	cr_assert_eq(d.commands.count, 0);
	timer_after(&d, 1);
	cr_assert(ordered(&d, COMMAND_CANCEL));
	/* It may have gone over all the same: nobody but a person resumes the source. */
	returned(&d, COMMAND_START, false);
	for (int i = 0; i < 5; i++) {
		seen(&d, SIDE_SENT, SIDE_ABSENT);
		cr_assert_not(ordered(&d, COMMAND_RESUME_SOURCE));
		timer_after(&d, 1);
	}
}

static void sent_after(struct driven *d, double seconds, double processed, double remaining)
{
	d->now_ns += (int64_t)(seconds * 1e9);
	sent(d, processed, remaining, 2);
}

/* In post-copy, 30 MB of 100 are left. */
static struct driven fetching(void)
{
	struct driven d = begin(false);

	d.m.timing.post_copy = true;
	checked(&d, false);
	sent(&d, 1e6, 1e8, 2);
	tell(&d, (struct event){ .kind = EVENT_SWITCHED });
	cr_assert_eq(d.m.state, MIGRATION_SWITCHING);
	sent_after(&d, 1, 7e7, 3e7);
	return d;
}

/* And nothing comes any more, until that has been noticed. */
static struct driven standing(void)
{
	struct driven d = fetching();

	for (int i = 0; i < 89; i++)
		sent_after(&d, 1, 7e7, 3e7);
	cr_assert_eq(d.m.state, MIGRATION_SWITCHING);
	sent_after(&d, 1, 7e7, 3e7);
	cr_assert_eq(d.m.state, MIGRATION_UNKNOWN);
	cr_assert(ordered(&d, COMMAND_LOOK));
	return d;
}

static void seen_fetching(struct driven *d)
{
	seen_with(d, SIDE_POSTCOPY, SIDE_POSTCOPY, true);
}

Test(migration, what_was_sent_is_kept_until_the_target_has_settled)
{
	struct driven d = confirming(false, false);
	int looks = 0;

	/* Whatever interrupts it, its twenty seconds begin anew. */
	for (int i = 0; i < 15; i++) {
		seen(&d, SIDE_SENT, SIDE_RUNNING);
		timer_after(&d, 1);
	}
	seen(&d, SIDE_SENT, SIDE_SILENT);
	timer_after(&d, 1);
	for (; !ordered(&d, COMMAND_DESTROY_SOURCE) && looks < 100; looks++) {
		cr_assert_eq(d.m.state, MIGRATION_CONFIRMING);
		timer_after(&d, looks ? 1 : 0);
		seen(&d, SIDE_SENT, SIDE_RUNNING);
	}
	cr_assert_eq(looks, 21);
	returned(&d, COMMAND_DESTROY_SOURCE, true);
	seen(&d, SIDE_ABSENT, SIDE_RUNNING);
	cr_assert_eq(d.m.state, MIGRATION_DONE);
}

Test(migration, what_was_sent_is_resumed_when_the_target_does_not_stay)
{
	struct driven d = confirming(false, false);

	seen(&d, SIDE_SENT, SIDE_RUNNING);
	timer_after(&d, 1);
	seen(&d, SIDE_SENT, SIDE_OFF);
	timer_after(&d, 1);
	seen(&d, SIDE_SENT, SIDE_OFF);
	cr_assert(ordered(&d, COMMAND_RESUME_SOURCE));
}

Test(migration, a_postcopy_that_brings_nothing_any_more_is_left_to_a_person)
{
	struct driven d = standing();
	char buffer[200];

	for (int i = 0; i < 200 && !d.m.stuck; i++) {
		seen_fetching(&d);
		cr_assert_eq(d.m.state, MIGRATION_UNKNOWN);
		cr_assert_eq(d.commands.count, 0);
		timer_after(&d, 1);
		sent(&d, 7e7, 3e7, 2);
	}
	cr_assert(d.m.stuck);
	cr_assert_eq(d.m.reason, REASON_STANDING);
	cr_assert(strstr(migration_why(&d.m, buffer, sizeof(buffer)), "a person must look"));
}

Test(migration, a_postcopy_that_brings_memory_again_goes_on)
{
	for (int with_person = 0; with_person < 2; with_person++) {
		struct driven d = standing();

		if (with_person)
			timer_after(&d, 90);
		cr_assert_eq(d.m.stuck, with_person);
		sent_after(&d, 1, 7.1e7, 2.9e7);
		cr_assert_eq(d.m.state, MIGRATION_SWITCHING);
		cr_assert_not(d.m.stuck);
		cr_assert_eq(d.m.reason, REASON_NONE);
		/* An answer to the look from before is none any more. */
		seen_fetching(&d);
		cr_assert_eq(d.commands.count, 0);
		returned(&d, COMMAND_START, true);
		seen(&d, SIDE_ABSENT, SIDE_RUNNING);
		cr_assert_eq(d.m.state, MIGRATION_DONE);
	}
}

Test(migration, a_postcopy_that_breaks_off_after_it_stood_is_recovered)
{
	struct driven d = standing();

	returned(&d, COMMAND_START, false);
	cr_assert_eq(d.m.state, MIGRATION_CONFIRMING);
	seen(&d, SIDE_BROKEN, SIDE_BROKEN);
	timer_after(&d, 1);
	seen(&d, SIDE_BROKEN, SIDE_BROKEN);
	cr_assert(ordered(&d, COMMAND_RECOVER));
}

/* A post-copy that broke off, with 30 MB of 100 left, and is being recovered. */
static struct driven recovering(void)
{
	struct driven d = fetching();

	returned(&d, COMMAND_START, false);
	seen(&d, SIDE_BROKEN, SIDE_BROKEN);
	timer_after(&d, 1);
	seen(&d, SIDE_BROKEN, SIDE_BROKEN);
	cr_assert(ordered(&d, COMMAND_RECOVER));
	return d;
}

/* The target's QEMU waits for a page with its lock held: nothing answers the recovery. */
Test(migration, a_recovery_that_brings_nothing_is_left_to_a_person)
{
	for (int moves = 0; moves < 2; moves++) {
		struct driven d = recovering();

		for (int i = 0; i < 89; i++) {
			timer_after(&d, 1);
			sent(&d, 7e7, 3e7, 2);
			seen_with(&d, SIDE_BROKEN, SIDE_BROKEN, true);
			cr_assert_not(d.m.stuck);
		}
		if (moves) {
			/* It lasts for as long as something comes. */
			for (int i = 0; i < 1000; i++) {
				sent_after(&d, 1, 7e7 + 4096 * i + 1, 3e7);
				timer_after(&d, 0);
			}
			cr_assert_eq(d.m.state, MIGRATION_CONFIRMING);
			timer_after(&d, 89);
			cr_assert_not(d.m.stuck);
		}
		timer_after(&d, 1);
		cr_assert_eq(d.m.state, MIGRATION_UNKNOWN);
		cr_assert(d.m.stuck);
		cr_assert(migration_is_over(&d.m));
		cr_assert_eq(d.m.reason, REASON_STANDING);
		cr_assert_eq(migration_due_ns(&d.m), TIME_FOREVER);
	}
}

Test(migration, a_recovery_that_brings_memory_after_all_is_taken_up_again)
{
	struct driven d = recovering();

	timer_after(&d, 90);
	cr_assert(d.m.stuck);
	sent_after(&d, 1, 7.1e7, 2.9e7);
	cr_assert_not(d.m.stuck);
	cr_assert(ordered(&d, COMMAND_LOOK));
	seen_fetching(&d);
	cr_assert_eq(d.commands.count, 0, "it is not watched as well");
	returned(&d, COMMAND_RECOVER, true);
	cr_assert(ordered(&d, COMMAND_LOOK));
	seen(&d, SIDE_ABSENT, SIDE_RUNNING);
	cr_assert_eq(d.m.state, MIGRATION_DONE);
	cr_assert_eq(d.m.reason, REASON_ARRIVED);
}

Test(migration, a_recovery_is_not_believed_to_go_on_when_a_host_was_lost)
{
	struct driven d = recovering();

	tell(&d, (struct event){ .kind = EVENT_LOST });
	cr_assert_eq(d.m.state, MIGRATION_UNKNOWN);
	sent_after(&d, 60, 7.1e7, 2.9e7);
	timer_after(&d, 89);
	cr_assert_not(d.m.stuck);
	timer_after(&d, 1);
	cr_assert(d.m.stuck);
}

Test(migration, a_recovery_that_comes_back_after_all_is_looked_at)
{
	struct driven d = recovering();

	timer_after(&d, 90);
	cr_assert(d.m.stuck);
	returned(&d, COMMAND_RECOVER, false);
	cr_assert_not(d.m.stuck);
	timer_after(&d, 1);
	seen(&d, SIDE_BROKEN, SIDE_BROKEN);
	cr_assert(ordered(&d, COMMAND_RECOVER));
}

Test(migration, a_postcopy_whose_source_says_nothing_is_not_thought_to_stand)
{
	struct driven d = fetching();

	timer_after(&d, 1000);
	cr_assert_eq(d.m.state, MIGRATION_SWITCHING);
	/* It was slow: what it says then is new. */
	sent(&d, 7.1e7, 2.9e7, 2);
	cr_assert_eq(d.m.state, MIGRATION_SWITCHING);
	for (int i = 0; i < 1000; i++) {
		sent_after(&d, 1, 7.1e7 + 4096 * i, 2.9e7);
		cr_assert_eq(d.m.state, MIGRATION_SWITCHING);
	}
}

Test(migration, who_resumes_a_postcopy_that_stood_watches_it_anew)
{
	struct driven d = standing();

	tell(&d, (struct event){ .kind = EVENT_RESUMED });
	seen_fetching(&d);
	cr_assert_eq(d.m.state, MIGRATION_SWITCHING);
	cr_assert(ordered(&d, COMMAND_WATCH));
}

/* The guest stands at the source, was told to be given up, and nothing comes of it. */
static struct driven cancelled_in_vain(void)
{
	struct driven d = begin(false);

	checked(&d, true);
	progress(&d, 1e9, 1);
	tell(&d, (struct event){ .kind = EVENT_STOPPED });
	tell(&d, (struct event){ .kind = EVENT_ABORT });
	cr_assert(ordered(&d, COMMAND_CANCEL));
	for (int i = 0; i < 8; i++) {
		timer_after(&d, 10);
		cr_assert(ordered(&d, COMMAND_CANCEL));
		returned(&d, COMMAND_CANCEL, true);
	}
	timer_after(&d, 10);
	cr_assert_eq(d.m.state, MIGRATION_UNKNOWN);
	return d;
}

Test(migration, a_guest_that_stands_and_cannot_be_given_up_is_left_to_a_person)
{
	struct driven d = cancelled_in_vain();

	for (int i = 0; i < 90; i++) {
		cr_assert_not(d.m.stuck);
		seen_with(&d, SIDE_SENT, SIDE_ABSENT, true);
		cr_assert_eq(d.commands.count, 0);
		timer_after(&d, 1);
	}
	cr_assert(d.m.stuck);
	cr_assert_eq(d.m.reason, REASON_UNCLEAR);
	/* Somebody has had QEMU go on. */
	returned(&d, COMMAND_START, false);
	seen(&d, SIDE_RUNNING, SIDE_ABSENT);
	cr_assert_eq(d.m.state, MIGRATION_FAILED);
	cr_assert_eq(d.m.reason, REASON_ABORTED);
}

Test(migration, what_may_still_be_received_is_given_up_again_and_again)
{
	struct driven d = cancelled_in_vain();

	seen_with(&d, SIDE_SENT, SIDE_INCOMING, true);
	cr_assert_eq(d.m.state, MIGRATION_SWITCHING);
	d = cancelled_in_vain();
	seen_with(&d, SIDE_RUNNING, SIDE_ABSENT, true);
	cr_assert_eq(d.m.state, MIGRATION_ABORTING);
	cr_assert(ordered(&d, COMMAND_CANCEL));
	/* A host that is back may do now what it did not. */
	d = cancelled_in_vain();
	tell(&d, (struct event){ .kind = EVENT_BACK });
	seen_with(&d, SIDE_SENT, SIDE_ABSENT, true);
	cr_assert_eq(d.m.state, MIGRATION_SWITCHING);
}

Test(migration, a_cold_guest_that_another_host_has_is_not_started_again_and_again)
{
	struct driven d = begin(true);

	checked(&d, true);
	returned(&d, COMMAND_STOP, true);
	returned(&d, COMMAND_CARRY, true);
	for (int i = 0; i < 300 && !d.m.stuck; i++) {
		if (ordered(&d, COMMAND_BOOT_TARGET))
			returned(&d, COMMAND_BOOT_TARGET, false);
		if (d.m.looking)
			seen(&d, SIDE_ABSENT, SIDE_OFF);
		if (!ordered(&d, COMMAND_BOOT_TARGET))
			timer_after(&d, 1);
	}
	cr_assert(d.m.stuck);
}

Test(migration, answers_of_an_earlier_attempt_and_old_looks_change_nothing)
{
	struct driven d = confirming(false, false);
	struct event old = { .kind = EVENT_SEEN,
		             .move = 7,
		             .attempt = d.m.attempt,
		             .token = d.m.token - 1,
		             .at_ns = d.now_ns,
		             .seen = { .source = SIDE_ABSENT, .target = SIDE_RUNNING } };

	migration_step(&d.m, &old, &d.commands);
	cr_assert_eq(d.m.state, MIGRATION_CONFIRMING);
	seen(&d, SIDE_RUNNING, SIDE_ABSENT);
	cr_assert_eq(d.m.state, MIGRATION_FAILED);
	migration_retry(&d.m, d.now_ns);
	migration_go(&d.m, d.now_ns, &d.commands);
	old.kind = EVENT_CHECKED;
	old.ok = true;
	migration_step(&d.m, &old, &d.commands);
	cr_assert_eq(d.m.state, MIGRATION_QUEUED);
}

Test(migration, a_cold_guest_goes_step_by_step)
{
	struct driven d = begin(true);

	checked(&d, true);
	cr_assert(ordered(&d, COMMAND_STOP));
	returned(&d, COMMAND_STOP, true);
	cr_assert(ordered(&d, COMMAND_CARRY));
	/* An answer that comes twice does not start it before its definition is there. */
	returned(&d, COMMAND_STOP, true);
	cr_assert_eq(d.commands.count, 0);
	returned(&d, COMMAND_CARRY, true);
	cr_assert(ordered(&d, COMMAND_BOOT_TARGET));
	returned(&d, COMMAND_BOOT_TARGET, true);
	tell(&d, (struct event){
			 .kind = EVENT_SEEN,
			 .token = d.m.token,
			 .seen = { .source = SIDE_OFF, .target = SIDE_RUNNING, .target_persistent = true } });
	cr_assert(ordered(&d, COMMAND_UNDEFINE_SOURCE));
}

Test(migration, a_cold_guest_that_cannot_start_there_starts_at_home)
{
	struct driven d = begin(true);

	checked(&d, true);
	returned(&d, COMMAND_STOP, true);
	returned(&d, COMMAND_CARRY, true);
	returned(&d, COMMAND_BOOT_TARGET, false);
	seen(&d, SIDE_OFF, SIDE_OFF);
	cr_assert(ordered(&d, COMMAND_BOOT_TARGET));
	returned(&d, COMMAND_BOOT_TARGET, false);
	seen(&d, SIDE_OFF, SIDE_OFF);
	cr_assert(ordered(&d, COMMAND_BOOT_SOURCE));
	returned(&d, COMMAND_BOOT_SOURCE, true);
	seen(&d, SIDE_RUNNING, SIDE_OFF);
	cr_assert_eq(d.m.state, MIGRATION_FAILED);
}

Test(migration, every_edge_has_words)
{
	size_t count;
	const struct migration_edge *edges = migration_edges(&count);

	cr_assert_gt(count, 100);
	for (size_t i = 0; i < count; i++)
		cr_assert(edges[i].next <= MIGRATION_STATE_COUNT && edges[i].event <= EVENT_COUNT);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * QEMU's migration thread (migration/migration.c and ram.c), as a fluid that flows at the link's rate
 * between the moments at which QEMU looks at what is pending:
 *
 * - A rate limit holds per window of 100 ms: the window's bytes go out at its start, then the sender waits.
 *   So when the cap binds, QEMU looks at window starts only, and whatever is pending and fits in a window's
 *   bytes is gone right then (`ahead_bytes`: the fluid pays for it until the window's end).
 * - When the cap does not bind it looks every 50 ms, and when it has sent all.
 * - The threshold is the bandwidth of the last complete window times the downtime limit, so it is 0 in the
 *   first one.
 */
#include "models/precopy.h"

#include "core/must.h"
#include "models/hypervisor.h"

#include <math.h>
#include <stddef.h>

static const double PAGE = 4096.0;
/* Faster than any link; keeps infinities out of the arithmetic. */
static const double RATE_MAX = 1e15;
/* Numbers closer together than this share of them are the same. */
static const double SAME = 1e-9;
/* So are times: callers may count in whole nanoseconds, rounded up or down. */
static const double SAME_S = 2e-9;
/* Chunks of the dirty log are told apart in at most this many groups a round. */
enum { CHUNK_GROUPS = 3 };

static double at_most(double x, double limit)
{
	return x < limit ? x : limit;
}

static double at_least(double x, double limit)
{
	return x > limit ? x : limit;
}

static double page_bytes(const struct precopy *precopy)
{
	return PAGE + precopy->input.hypervisor->page_header_bytes;
}

static double wire_bytes(const struct precopy *precopy)
{
	return at_least(precopy->known_bytes - precopy->taken_bytes, 0);
}

/* The rate at which the fluid flows now. */
static double flow_bytes_s(const struct precopy *precopy)
{
	if (precopy->phase == PRECOPY_SETUP || precopy->phase == PRECOPY_DONE)
		return 0;
	if (precopy->phase == PRECOPY_COPYING)
		return at_most(precopy->rate_bytes_s, precopy->input.bandwidth_bytes_s);
	return precopy->rate_bytes_s;
}

static bool is_capped(const struct precopy *precopy)
{
	return precopy->input.bandwidth_bytes_s < RATE_MAX &&
	       precopy->rate_bytes_s >= precopy->input.bandwidth_bytes_s * (1 - SAME);
}

/* Pages, at 4096 bytes each, of that many bytes still to be sent. Parts never sent before go first. */
static double pending_of(const struct precopy *precopy, double wire)
{
	if (wire > precopy->again_bytes)
		return PAGE *
		       (precopy->again_pages + (wire - precopy->again_bytes) / precopy->first_page_bytes);
	return PAGE * (wire / page_bytes(precopy));
}

/* The other way round: how many bytes are on the wire's side of a threshold in pages' bytes. */
static double wire_of(const struct precopy *precopy, double pending)
{
	double again = PAGE * precopy->again_pages;

	if (pending > again)
		return precopy->again_bytes + (pending - again) / PAGE * precopy->first_page_bytes;
	return pending / PAGE * page_bytes(precopy);
}

static void note_pending(struct precopy *precopy)
{
	precopy->pending_bytes = pending_of(precopy, wire_bytes(precopy));
	if (precopy->pending_bytes < precopy->min_pending_bytes) {
		precopy->min_pending_bytes = precopy->pending_bytes;
		precopy->min_pending_s = precopy->now_s;
	}
}

/* -------------------------------------------------------------------------------- the next event */

/* A cap that binds: seconds to the first window start at which QEMU syncs or has sent all. */
static double next_capped_s(const struct precopy *precopy, double flow, double wire)
{
	double window_s = precopy->input.hypervisor->window_s, burst = flow * window_s, left, threshold,
	       windows;

	if (wire <= flow * precopy->window_left_s - precopy->ahead_bytes)
		return precopy->at_window_start ? 0 : (wire + precopy->ahead_bytes) / flow;
	left = at_least(wire - at_least(flow * precopy->window_left_s - precopy->ahead_bytes, 0), 0);
	threshold = (precopy->window_bytes + flow * precopy->window_left_s) / window_s *
	            precopy->downtime_limit_s;
	if (left <= burst || left < wire_of(precopy, threshold))
		return precopy->window_left_s;
	threshold = wire_of(precopy, flow * precopy->downtime_limit_s);
	windows = at_most(floor((left - threshold) / burst) + 1, ceil(left / burst) - 1);
	return precopy->window_left_s + at_least(windows, 1) * window_s;
}

/*
 * Seconds to the first look, in [from_s, to_s), at which less than that many bytes are unsent; INFINITY:
 * none.
 */
static double first_look_s(const struct precopy *precopy, double below_s, double from_s, double to_s)
{
	double step = precopy->input.hypervisor->iterate_s, at = at_least(below_s, from_s), looks, look_s;

	if (at >= to_s)
		return INFINITY;
	looks = at_least(ceil((at - precopy->check_left_s) / step), 0);
	look_s = precopy->check_left_s + looks * step;
	if (look_s <= below_s)
		look_s += step;
	return look_s < to_s ? look_s : INFINITY;
}

/* No cap binds: seconds to the first look at which the threshold is not reached, or until all is sent. */
static double next_uncapped_s(const struct precopy *precopy, double flow, double wire)
{
	double window_s = precopy->input.hypervisor->window_s, all_s = (wire + precopy->ahead_bytes) / flow;
	double first_s = precopy->window_left_s, second_s = first_s + window_s, threshold, look_s;

	threshold = wire_of(precopy, precopy->threshold_bytes) / flow;
	look_s = first_look_s(precopy, all_s - threshold, 0, first_s);
	if (look_s < INFINITY)
		return at_most(look_s, all_s);
	threshold = (precopy->window_bytes + flow * first_s) / window_s * precopy->downtime_limit_s;
	look_s = first_look_s(precopy, all_s - wire_of(precopy, threshold) / flow, first_s, second_s);
	if (look_s < INFINITY)
		return at_most(look_s, all_s);
	threshold = wire_of(precopy, flow * precopy->downtime_limit_s) / flow;
	return at_most(first_look_s(precopy, all_s - threshold, second_s, INFINITY), all_s);
}

/*
 * Seconds to the background sync (cpu-throttle.c): a tick that finds no sync since the last tick, nor only
 * the first.
 */
static double next_tick_s(const struct precopy *precopy)
{
	if (precopy->input.hypervisor->background_sync_s <= 0 || !precopy->input.auto_converge)
		return INFINITY;
	if (precopy->iterations <= 1)
		return INFINITY;
	if (precopy->iterations == precopy->tick_iterations)
		return precopy->tick_left_s;
	return precopy->tick_left_s + precopy->input.hypervisor->background_sync_s;
}

static double next_copying_s(const struct precopy *precopy)
{
	double flow = flow_bytes_s(precopy), wire = wire_bytes(precopy), next_s;

	if (precopy->stopping)
		return 0;
	if (flow <= 0)
		return INFINITY;
	next_s = is_capped(precopy) ? next_capped_s(precopy, flow, wire)
	                            : next_uncapped_s(precopy, flow, wire);
	return at_most(next_s, next_tick_s(precopy));
}

static void plan_event(struct precopy *precopy)
{
	double wire = wire_bytes(precopy);

	switch (precopy->phase) {
	case PRECOPY_SETUP:
		precopy->event_s = at_least(precopy->input.setup_s - precopy->now_s, 0);
		break;
	case PRECOPY_COPYING:
		precopy->event_s = next_copying_s(precopy);
		break;
	case PRECOPY_SWITCHING:
		if (precopy->postcopy || wire <= 0)
			precopy->event_s = precopy->tail_s;
		else
			precopy->event_s = precopy->rate_bytes_s > 0
			                           ? wire / precopy->rate_bytes_s + precopy->tail_s
			                           : INFINITY;
		break;
	case PRECOPY_POSTCOPY:
		precopy->event_s = wire <= 0                   ? 0
		                   : precopy->rate_bytes_s > 0 ? wire / precopy->rate_bytes_s
		                                               : INFINITY;
		break;
	case PRECOPY_DONE:
		precopy->event_s = INFINITY;
		break;
	}
}

/* -------------------------------------------------------------------------------- time goes by */

static void advance_windows(struct precopy *precopy, double flow, double dt_s)
{
	double window_s = precopy->input.hypervisor->window_s, rest, windows;

	if (dt_s < precopy->window_left_s - SAME_S) {
		precopy->window_left_s -= dt_s;
		precopy->window_bytes += flow * dt_s;
		return;
	}
	rest = at_least(dt_s - precopy->window_left_s, 0);
	windows = floor((rest + SAME_S) / window_s);
	precopy->window_rate = windows > 0
	                               ? flow
	                               : (precopy->window_bytes + flow * precopy->window_left_s) / window_s;
	precopy->threshold_bytes = precopy->window_rate * precopy->downtime_limit_s;
	rest = at_least(rest - windows * window_s, 0);
	/* A remainder that is rounding only: the window has just begun, and its burst is still to come. */
	precopy->at_window_start = rest <= SAME_S + SAME * dt_s;
	if (precopy->at_window_start)
		rest = 0;
	precopy->window_left_s = window_s - rest;
	precopy->window_bytes = flow * rest;
	if (precopy->ahead_bytes <= SAME * flow * window_s) {
		precopy->sent_bytes += precopy->ahead_bytes; /* paid but for rounding */
		precopy->ahead_bytes = 0;
	}
}

static void advance_checks(struct precopy *precopy, double dt_s)
{
	double step = precopy->input.hypervisor->iterate_s, rest = precopy->check_left_s - dt_s;

	if (rest <= SAME_S)
		rest += step * (floor((SAME_S - rest) / step) + 1);
	precopy->check_left_s = at_most(rest, step);
	step = precopy->input.hypervisor->background_sync_s;
	if (step <= 0)
		return;
	rest = precopy->tick_left_s - dt_s;
	if (rest < -SAME_S) {
		precopy->tick_iterations = precopy->iterations;
		rest += step * ceil(-rest / step);
	}
	precopy->tick_left_s = at_least(rest, 0);
}

/* What of `bytes` pays for the burst at the window's start, and what is new. */
static void advance_bytes(struct precopy *precopy, double bytes)
{
	double burst = at_most(bytes, precopy->ahead_bytes),
	       fresh = at_most(bytes - burst, wire_bytes(precopy));

	precopy->ahead_bytes -= burst;
	precopy->taken_bytes += fresh;
	precopy->sent_bytes += burst + fresh;
}

void precopy_advance(struct precopy *precopy, double dt_s)
{
	double flow = flow_bytes_s(precopy), wire, sending_s;

	must(dt_s >= 0 && dt_s <= precopy->event_s * (1 + SAME) + SAME_S);
	if (dt_s <= 0)
		return;
	precopy->now_s += dt_s;
	if (precopy->event_s < INFINITY)
		precopy->event_s = at_least(precopy->event_s - dt_s, 0);
	switch (precopy->phase) {
	case PRECOPY_SETUP:
		precopy->clock_s += precopy->paused ? 0 : dt_s;
		break;
	case PRECOPY_COPYING:
		precopy->clock_s += precopy->paused ? 0 : dt_s * (1 - precopy->throttle);
		precopy->at_window_start = false;
		advance_bytes(precopy, flow * dt_s);
		advance_windows(precopy, flow, dt_s);
		advance_checks(precopy, dt_s);
		note_pending(precopy);
		break;
	case PRECOPY_SWITCHING:
		wire = precopy->postcopy ? 0 : wire_bytes(precopy);
		sending_s = wire <= 0 ? 0 : flow > 0 ? at_most(wire / flow, dt_s) : dt_s;
		precopy->tail_s = at_least(precopy->tail_s - (dt_s - sending_s), 0);
		advance_bytes(precopy, flow * sending_s);
		note_pending(precopy);
		break;
	case PRECOPY_POSTCOPY:
		advance_bytes(precopy, flow * dt_s);
		note_pending(precopy);
		break;
	case PRECOPY_DONE:
		break;
	}
}

/* -------------------------------------------------------------------------------- syncs */

/* Unique pages written in the whole guest on its clock from from_s to now. */
static double written_since(const struct precopy *precopy, double from_s)
{
	const struct dirty *dirty = &precopy->input.dirty;
	double pages = dirty_unique_pages(dirty, precopy->input.duty_phase_s, from_s, precopy->clock_s);

	return at_most(pages, precopy->input.used_pages);
}

static void size_part(const struct precopy *precopy, struct precopy_part *part)
{
	const struct precopy_input *input = &precopy->input;

	if (part->since_clock_s < 0) {
		part->pages = part->share * input->memory_pages;
		part->bytes = part->pages * precopy->first_page_bytes;
		return;
	}
	part->pages = at_least(part->pages, part->share * written_since(precopy, part->since_clock_s));
	part->bytes = part->pages * page_bytes(precopy);
}

/*
 * Takes what was sent since the last sync out of the queue. The share of memory that the cursor passed is
 * returned; *ret_since is the oldest clock of what it passed (< 0: never sent before).
 */
static double pass_parts(struct precopy *precopy, double *ret_since)
{
	double taken = precopy->taken_bytes, passed = 0;
	uint32_t first = 0;

	*ret_since = precopy->sync_clock_s;
	for (; first < precopy->part_count; first++) {
		struct precopy_part *part = &precopy->part[first];

		if (taken > 0 && first == 0)
			*ret_since = part->since_clock_s;
		if (taken < part->bytes * (1 - SAME)) {
			double left = 1 - taken / part->bytes;

			passed += part->share * (1 - left);
			part->share *= left;
			part->pages *= left;
			break;
		}
		taken = at_least(taken - part->bytes, 0);
		passed += part->share;
	}
	precopy->part_count -= first;
	for (uint32_t i = 0; i < precopy->part_count; i++)
		precopy->part[i] = precopy->part[i + first];
	return passed;
}

/* Makes room: the two neighbours that were last passed at the most similar times become one. */
static void join_parts(struct precopy *precopy)
{
	struct precopy_part *best = NULL;
	double best_gap = INFINITY, share;

	for (uint32_t i = 0; i + 1 < precopy->part_count; i++) {
		struct precopy_part *part = &precopy->part[i];
		double gap = part[1].since_clock_s - part->since_clock_s;

		if (part->since_clock_s >= 0 && gap < best_gap) {
			best = part;
			best_gap = gap;
		}
	}
	must(best != NULL);
	share = best[0].share + best[1].share;
	if (share > 0)
		best->since_clock_s += best_gap * (best[1].share / share);
	best->share = share;
	best->pages += best[1].pages;
	best->bytes += best[1].bytes;
	precopy->part_count--;
	for (struct precopy_part *part = best + 1; part < precopy->part + precopy->part_count; part++)
		*part = part[1];
}

static void append_part(struct precopy *precopy, double share, double since_clock_s)
{
	if (precopy->part_count == PRECOPY_PARTS)
		join_parts(precopy);
	precopy->part[precopy->part_count++] = (struct precopy_part){ .share = share,
		                                                      .since_clock_s = since_clock_s };
}

/*
 * The dirty log of a guest beyond one chunk is cleared chunk by chunk, each when its first page is about to
 * be sent (migration_clear_memory_region_dirty_bitmap). What was written between the sync and the clear to
 * a page known to be dirty is thus forgotten, and rightly so; to a page that was not known to be, it is
 * kept. In terms of unions, the known ones being those written since `since_s`, the share w of the pages
 * written between sync and clear that were not known counts from the sync, and the part's beginning lies
 * that much before the clear.
 */
static void append_chunks(struct precopy *precopy, double passed, double since_s, double chunks)
{
	const struct dirty *dirty = &precopy->input.dirty;
	double sync_s = precopy->sync_clock_s, round_s = precopy->clock_s - sync_s,
	       phase_s = precopy->input.duty_phase_s;
	double groups = at_least(1, at_most(CHUNK_GROUPS, ceil(chunks * (1 - SAME)))), unknown = 0;

	if (since_s >= 0 && chunks > 1) {
		double clear_s = sync_s + round_s / 2;
		double written = dirty_unique_pages(dirty, phase_s, sync_s, clear_s);

		if (written > 0)
			unknown = (dirty_unique_pages(dirty, phase_s, since_s, clear_s) -
			           dirty_unique_pages(dirty, phase_s, since_s, sync_s)) /
			          written;
		unknown = at_most(at_least(unknown, 0), 1);
	}
	for (double group = 0; group < groups; group++) {
		double place = at_least((group + 0.5) / groups - 0.5 / chunks, 0);

		append_part(precopy, passed / groups, sync_s + round_s * place * (1 - unknown));
	}
}

static void sum_parts(struct precopy *precopy)
{
	precopy->known_bytes = 0;
	precopy->again_bytes = 0;
	precopy->again_pages = 0;
	for (uint32_t i = 0; i < precopy->part_count; i++) {
		const struct precopy_part *part = &precopy->part[i];

		precopy->known_bytes += part->bytes;
		if (part->since_clock_s >= 0) {
			precopy->again_bytes += part->bytes;
			precopy->again_pages += part->pages;
		}
	}
	precopy->taken_bytes = 0;
}

/* Merges the dirty log. */
static void sync_pages(struct precopy *precopy)
{
	double memory_bytes = precopy->input.memory_pages * PAGE,
	       chunk_bytes = precopy->input.hypervisor->clear_chunk_bytes;
	double since_s, passed, before = precopy->pending_bytes;

	precopy->iterations++;
	if (precopy->clock_s <= precopy->sync_clock_s && precopy->taken_bytes <= 0)
		return; /* again at the same moment: nothing new */
	passed = pass_parts(precopy, &since_s);
	if (passed > 0) {
		if (chunk_bytes > 0 && memory_bytes > chunk_bytes)
			append_chunks(precopy, passed, since_s, passed * memory_bytes / chunk_bytes);
		else
			append_part(precopy, passed, precopy->sync_clock_s);
	}
	for (uint32_t i = 0; i < precopy->part_count; i++)
		size_part(precopy, &precopy->part[i]);
	sum_parts(precopy);
	precopy->sync_clock_s = precopy->clock_s;
	note_pending(precopy);
	precopy->period_dirty_bytes += at_least(precopy->pending_bytes - before, 0);
}

/* migration_trigger_throttle: at most once a period; too much was dirtied twice, not necessarily in a row. */
static bool raise_throttle(struct precopy *precopy)
{
	const struct hypervisor *row = precopy->input.hypervisor;
	double sent = precopy->sent_bytes - precopy->period_sent_bytes, dirty = precopy->period_dirty_bytes;

	if (precopy->now_s <= precopy->period_s + row->throttle_period_s)
		return false;
	precopy->period_s = precopy->now_s;
	precopy->period_dirty_bytes = 0;
	precopy->period_sent_bytes = precopy->sent_bytes;
	if (!precopy->input.auto_converge || dirty <= sent * row->throttle_trigger ||
	    ++precopy->period_high < 2)
		return false;
	precopy->period_high = 0;
	if (precopy->throttle >= row->throttle_max)
		return false;
	precopy->throttle = precopy->throttle > 0 ? precopy->throttle + row->throttle_increment
	                                          : row->throttle_initial;
	precopy->throttle = at_most(precopy->throttle, row->throttle_max);
	return true;
}

/* -------------------------------------------------------------------------------- events */

static enum precopy_event begin_copying(struct precopy *precopy)
{
	const struct hypervisor *row = precopy->input.hypervisor;

	precopy->phase = PRECOPY_COPYING;
	precopy->iterations = 1;
	precopy->window_left_s = row->window_s;
	precopy->check_left_s = row->iterate_s;
	precopy->tick_left_s = row->background_sync_s;
	precopy->at_window_start = true;
	precopy->sync_clock_s = precopy->clock_s;
	precopy->period_s = precopy->now_s;
	return PRECOPY_STARTED;
}

/* The vCPUs stand still; the last sync. What a burst has already sent of this window is no longer owed. */
static void stop_guest(struct precopy *precopy)
{
	precopy->sent_bytes += precopy->ahead_bytes;
	precopy->ahead_bytes = 0;
	sync_pages(precopy);
	precopy->phase = PRECOPY_SWITCHING;
	precopy->stopping = false;
	precopy->tail_s = precopy->input.hypervisor->stop_ms / 1000 + precopy->input.switchover_s;
	if (precopy->stopped_s < 0)
		precopy->stopped_s = precopy->now_s;
}

/* All was sent, in a burst when the cap binds: those bytes are now paid for by the rest of the window. */
static void send_burst(struct precopy *precopy)
{
	double wire = wire_bytes(precopy),
	       burst = flow_bytes_s(precopy) * precopy->window_left_s - precopy->ahead_bytes;

	if (wire <= SAME * precopy->known_bytes + SAME_S * flow_bytes_s(precopy)) {
		precopy->sent_bytes += wire; /* nothing is left but rounding */
		precopy->taken_bytes = precopy->known_bytes;
		note_pending(precopy);
		return;
	}
	if (!precopy->at_window_start || !is_capped(precopy) || wire > burst * (1 + SAME))
		return;
	if (precopy->pending_bytes < precopy->threshold_bytes)
		return; /* looked at before the burst */
	precopy->ahead_bytes += wire;
	precopy->taken_bytes = precopy->known_bytes;
	note_pending(precopy);
}

static enum precopy_event handle_copying(struct precopy *precopy)
{
	enum precopy_event event = PRECOPY_SYNCED;

	if (!precopy->stopping) {
		send_burst(precopy);
		/* With a threshold of 0 nothing is below it: the migration ends when nothing is pending. */
		precopy->stopping = !(precopy->threshold_bytes > 0) && precopy->pending_bytes <= 0;
	}
	if (precopy->stopping) {
		stop_guest(precopy);
		return PRECOPY_STOPPED;
	}
	sync_pages(precopy);
	if (raise_throttle(precopy))
		event = PRECOPY_THROTTLED;
	precopy->stopping = precopy->pending_bytes <= 0 || precopy->pending_bytes < precopy->threshold_bytes;
	precopy->check_left_s = precopy->input.hypervisor->iterate_s;
	return event;
}

static enum precopy_event finish(struct precopy *precopy)
{
	precopy->phase = PRECOPY_DONE;
	precopy->sent_bytes += wire_bytes(precopy);
	precopy->taken_bytes = precopy->known_bytes;
	note_pending(precopy);
	return PRECOPY_COMPLETED;
}

enum precopy_event precopy_step(struct precopy *precopy)
{
	enum precopy_event event = PRECOPY_NOTHING;

	must(precopy->event_s <= SAME_S);
	switch (precopy->phase) {
	case PRECOPY_SETUP:
		event = begin_copying(precopy);
		break;
	case PRECOPY_COPYING:
		event = handle_copying(precopy);
		break;
	case PRECOPY_SWITCHING:
		precopy->downtime_s = precopy->now_s - precopy->stopped_s;
		if (precopy->postcopy) {
			precopy->phase = PRECOPY_POSTCOPY;
			event = PRECOPY_SWITCHED;
		} else {
			event = finish(precopy);
		}
		break;
	case PRECOPY_POSTCOPY:
		event = finish(precopy);
		break;
	case PRECOPY_DONE:
		break;
	}
	plan_event(precopy);
	return event;
}

/* -------------------------------------------------------------------------------- from outside */

void precopy_start(struct precopy *ret_precopy, const struct precopy_input *input, double downtime_limit_s)
{
	double zero_pages = input->memory_pages - input->used_pages, bytes;

	must(input->memory_pages > 0 && zero_pages >= 0 && input->used_pages >= 0);
	must(input->bandwidth_bytes_s >= 0 && input->setup_s >= 0 && input->switchover_s >= 0);
	*ret_precopy = (struct precopy){ .input = *input, .stopped_s = -1, .part_count = 1 };
	bytes = input->used_pages * page_bytes(ret_precopy) + zero_pages * input->hypervisor->zero_page_bytes;
	ret_precopy->input.bandwidth_bytes_s = at_most(input->bandwidth_bytes_s, RATE_MAX);
	ret_precopy->downtime_limit_s = at_least(downtime_limit_s, 0);
	ret_precopy->first_page_bytes = bytes / input->memory_pages;
	ret_precopy->part[0] = (struct precopy_part){ .share = 1, .since_clock_s = -1 };
	size_part(ret_precopy, &ret_precopy->part[0]);
	sum_parts(ret_precopy);
	ret_precopy->min_pending_bytes = INFINITY;
	note_pending(ret_precopy);
	if (!(input->setup_s > 0))
		begin_copying(ret_precopy);
	plan_event(ret_precopy);
}

void precopy_set_rate(struct precopy *precopy, double rate_bytes_s)
{
	must(rate_bytes_s >= 0);
	rate_bytes_s = at_most(rate_bytes_s, RATE_MAX);
	if (rate_bytes_s == precopy->rate_bytes_s)
		return;
	precopy->rate_bytes_s = rate_bytes_s;
	/* An event that is due is due; the new rate is for the time after it. */
	if (precopy->phase != PRECOPY_SETUP && !(precopy->event_s <= 0))
		plan_event(precopy);
}

void precopy_set_downtime_limit(struct precopy *precopy, double downtime_limit_s)
{
	precopy->downtime_limit_s = at_least(downtime_limit_s, 0);
	if (precopy->phase == PRECOPY_COPYING && !(precopy->event_s <= 0))
		plan_event(precopy);
}

void precopy_start_postcopy(struct precopy *precopy)
{
	must(precopy->phase == PRECOPY_COPYING);
	precopy->postcopy = true;
	stop_guest(precopy);
	plan_event(precopy);
}

void precopy_pause(struct precopy *precopy)
{
	must(precopy->phase == PRECOPY_SETUP || precopy->phase == PRECOPY_COPYING);
	if (precopy->paused)
		return;
	precopy->paused = true;
	precopy->stopped_s = precopy->now_s;
}

double precopy_demand_bytes_s(const struct precopy *precopy)
{
	switch (precopy->phase) {
	case PRECOPY_COPYING:
		return precopy->input.bandwidth_bytes_s < RATE_MAX ? precopy->input.bandwidth_bytes_s
		                                                   : INFINITY;
	case PRECOPY_SWITCHING:
		return !precopy->postcopy && wire_bytes(precopy) > 0 ? INFINITY : 0;
	case PRECOPY_POSTCOPY:
		return wire_bytes(precopy) > 0 ? INFINITY : 0;
	case PRECOPY_SETUP:
	case PRECOPY_DONE:
		break;
	}
	return 0;
}

double precopy_next_s(const struct precopy *precopy)
{
	return precopy->event_s;
}

double precopy_remaining_bytes(const struct precopy *precopy)
{
	return precopy->pending_bytes;
}

void precopy_run(struct precopy *precopy, double rate_bytes_s, double limit_s)
{
	precopy_set_rate(precopy, rate_bytes_s);
	while (precopy->phase != PRECOPY_DONE) {
		double next_s = precopy_next_s(precopy), left_s = at_least(limit_s - precopy->now_s, 0);

		if (next_s > left_s || next_s == INFINITY) {
			if (left_s < INFINITY)
				precopy_advance(precopy, left_s);
			return;
		}
		precopy_advance(precopy, next_s);
		precopy_step(precopy);
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * QEMU's migration thread (migration/migration.c and ram.c), as a fluid that flows at the link's rate
 * between the moments at which QEMU looks at what is pending:
 *
 * - A rate limit holds per window of 100 ms: the window's bytes go out at its start, then the sender waits.
 *   So when the cap binds, QEMU looks at window starts only, and whatever is pending and fits in a window's
 *   bytes is gone right then (`ahead_bytes`: the fluid pays for it until the window's end).
 * - When the link binds, the sender fills the sockets and then goes at the link's pace: by QEMU's count the
 *   sockets' bytes are sent (`socket_bytes`), and after the stop they must get over the link first. It looks
 *   when 50 ms are over and a multiple of 64 pages is sent, and when it has sent all; a window ends at the
 *   first look after its 100 ms.
 * - The threshold is the bandwidth of the last complete window times the downtime limit, so it is 0 in the
 *   first one. What a window measures when the link binds comes in lumps: it is noisy.
 */
#include "models/precopy.h"

#include "core/must.h"
#include "models/hypervisor.h"
#include "models/luck.h"
#include "models/precopy_parts.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* Faster than any link; keeps infinities out of the arithmetic. */
static const double RATE_MAX = 1e15;
/* Times closer together than this are the same: callers may count in whole nanoseconds, up or down. */
static const double SAME_S = 2e-9;
/* The measured bandwidth's standard deviation is at most this share of it, on slow links. */
static const double NOISE_MOST = 0.08;

/* What the cap comes to: its bytes a window, and the wait for the window's end takes a little longer. */
static double cap_of(const struct precopy_input *input)
{
	const struct hypervisor *row = input->hypervisor;

	return input->bandwidth_bytes_s * (row->window_s / (row->window_s + row->window_more_s));
}

/* What of a link's rate the sender can use. */
static double within_reach(const struct precopy *precopy, double rate_bytes_s)
{
	return at_most(rate_bytes_s, at_most(precopy->input.hypervisor->sender_bytes_s, RATE_MAX));
}

/* The rate at which the fluid flows now. */
static double flow_bytes_s(const struct precopy *precopy)
{
	if (precopy->phase == PRECOPY_SETUP || precopy->phase == PRECOPY_DONE)
		return 0;
	if (precopy->phase == PRECOPY_COPYING)
		return at_most(precopy->rate_bytes_s, precopy->cap_bytes_s);
	return precopy->rate_bytes_s;
}

/* From one look to the next when no cap binds. */
static double look_step_s(const struct hypervisor *row, double flow)
{
	/* Half of the lump on average; on a slow link pages go singly. */
	return row->iterate_s + (flow > 0 ? at_most(row->iterate_bytes / 2 / flow, row->window_s / 4) : 0);
}

/*
 * The noise of the bandwidth that a window measures, as a share of it: uniform, of two parts. The bytes come
 * in multiples of 64 pages, and the link hands out its rate in lumps of its own.
 */
static double window_noise(const struct hypervisor *row, double rate)
{
	double lump = row->iterate_bytes / 2 / (rate * row->window_s) / sqrt(12);

	return sqrt(3) * at_most(sqrt(lump * lump + row->window_spread * row->window_spread), NOISE_MOST);
}

static void set_pace(struct precopy *precopy)
{
	const struct precopy_input *input = &precopy->input;
	const struct hypervisor *row = input->hypervisor;
	double rate = precopy->rate_bytes_s, cap = precopy->cap_bytes_s;
	struct precopy_pace *pace = &precopy->pace;

	pace->capped = input->bandwidth_bytes_s < RATE_MAX && rate >= cap * (1 - SAME);
	pace->look_s = look_step_s(row, at_most(rate, cap));
	pace->window_s = pace->capped ? row->window_s + row->window_more_s
	                              : pace->look_s * ceil(row->window_s / pace->look_s * (1 - SAME));
	pace->noise = input->luck == 0 || pace->capped || !(rate > 0) ? 0 : window_noise(row, rate);
}

/* Of dt_s, the time in which the sender looks at zero pages and sends nothing. */
static double scanning_s(const struct precopy *precopy, double flow, double dt_s)
{
	double before = precopy_parts_before_zeros(precopy);

	if (before == INFINITY || !(flow > 0))
		return 0;
	return at_most(at_least(dt_s - (before + precopy->ahead_bytes) / flow, 0), precopy->scan_left_s);
}

/* -------------------------------------------------------------------------------- the next event */

/*
 * The largest threshold until the window after this one ends: nothing is looked for above it. What is in
 * force may come from a time with another rate or limit.
 */
static double threshold_most(const struct precopy *precopy, double flow)
{
	double window_s = precopy->input.hypervisor->window_s, noise = 1 + precopy->pace.noise,
	       this_s = precopy->window_left_s + precopy->window_gone_s, rate = flow;

	if (this_s > 0)
		rate = at_least(rate, (precopy->window_bytes + flow * precopy->window_left_s) /
		                              at_least(this_s, window_s / 2));
	return at_least(precopy->threshold_bytes, rate * precopy->downtime_limit_s * noise);
}

/* A cap that binds: seconds to the first window start at which QEMU may sync or has sent all. */
static double next_capped_s(const struct precopy *precopy, double flow, double wire)
{
	double step_s = precopy->pace.window_s, burst = flow * step_s, left, below, windows;

	if (wire <= flow * precopy->window_left_s - precopy->ahead_bytes)
		return precopy->at_window_start ? 0 : (wire + precopy->ahead_bytes) / flow;
	left = at_least(wire - at_least(flow * precopy->window_left_s - precopy->ahead_bytes, 0), 0);
	below = precopy_parts_last(precopy, threshold_most(precopy, flow));
	if (left <= burst || left < below)
		return precopy->window_left_s;
	windows = at_most(floor((left - below) / burst) + 1, ceil(left / burst) - 1);
	return precopy->window_left_s + at_least(windows, 1) * step_s;
}

/* No cap binds: seconds to the first look at which QEMU may sync, or until all is sent. */
static double next_uncapped_s(const struct precopy *precopy, double flow, double wire)
{
	double step_s = precopy->pace.look_s, all_s = (wire + precopy->ahead_bytes) / flow,
	       below_s = all_s - precopy_parts_last(precopy, threshold_most(precopy, flow)) / flow, looks,
	       look_s;

	looks = at_least(ceil((below_s - precopy->check_left_s) / step_s), 0);
	look_s = precopy->check_left_s + looks * step_s;
	return at_most(look_s, all_s);
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

/* Post-copy was asked for: the next look, or when nothing is left to be sent before it. */
static double next_switch_s(const struct precopy *precopy, double flow, double wire)
{
	double look_s = precopy->pace.capped ? precopy->window_left_s : precopy->check_left_s;

	return flow > 0 ? at_most(look_s, (wire + precopy->ahead_bytes) / flow) : look_s;
}

static double next_copying_s(const struct precopy *precopy)
{
	double flow = flow_bytes_s(precopy), wire = precopy_parts_unsent(precopy), next_s;

	if (precopy->stopping)
		return 0;
	if (precopy->asked)
		return next_switch_s(precopy, flow, wire);
	if (flow <= 0)
		return INFINITY;
	next_s = precopy->pace.capped ? next_capped_s(precopy, flow, wire)
	                              : next_uncapped_s(precopy, flow, wire);
	if (flow * next_s > precopy_parts_before_zeros(precopy) + precopy->ahead_bytes)
		next_s += precopy->scan_left_s;
	return at_most(next_s, next_tick_s(precopy));
}

/* What is left to look at after the stop. */
static double stopped_scan_s(const struct precopy *precopy)
{
	return precopy->postcopy || precopy_parts_before_zeros(precopy) == INFINITY ? 0
	                                                                            : precopy->scan_left_s;
}

/*
 * The sockets take in what they hold at once, when it is the link that the sender waits for. When the link is
 * slower than before they hold less: the fluid pays for the rest before anything new.
 */
static void fill_sockets(struct precopy *precopy)
{
	const struct hypervisor *row = precopy->input.hypervisor;
	double room, fill, surplus;

	if (precopy->phase != PRECOPY_COPYING || !(precopy->rate_bytes_s > 0) || precopy->pace.capped ||
	    precopy->rate_bytes_s >= row->sender_bytes_s)
		return;
	room = row->socket_bytes + row->socket_s * precopy->rate_bytes_s - precopy->socket_bytes;
	surplus = at_least(-room, 0);
	precopy->socket_bytes -= surplus;
	precopy->ahead_bytes += surplus;
	fill = at_most(at_least(room, 0), precopy_parts_unsent(precopy));
	precopy->taken_bytes += fill;
	precopy->socket_bytes += fill;
	precopy->window_bytes += fill;
}

/*
 * The next event while copying, the sockets filled. They are so only when time goes on: a caller may ask what
 * another rate would do.
 */
static double next_filled_s(struct precopy *precopy)
{
	double socket = precopy->socket_bytes, ahead = precopy->ahead_bytes, taken = precopy->taken_bytes,
	       window = precopy->window_bytes, next_s;

	fill_sockets(precopy);
	next_s = next_copying_s(precopy);
	precopy->socket_bytes = socket;
	precopy->ahead_bytes = ahead;
	precopy->taken_bytes = taken;
	precopy->window_bytes = window;
	return next_s;
}

static void plan_event(struct precopy *precopy)
{
	double wire = precopy_parts_unsent(precopy) + precopy->socket_bytes;

	switch (precopy->phase) {
	case PRECOPY_SETUP:
		precopy->event_s = at_least(precopy->input.setup_s - precopy->now_s, 0);
		break;
	case PRECOPY_COPYING:
		precopy->event_s = next_filled_s(precopy);
		break;
	case PRECOPY_SWITCHING:
		if (precopy->postcopy)
			wire = precopy->socket_bytes;
		if (wire <= 0)
			precopy->event_s = precopy->tail_s;
		else
			precopy->event_s = precopy->rate_bytes_s > 0
			                           ? wire / precopy->rate_bytes_s + stopped_scan_s(precopy) +
			                                     precopy->tail_s
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

static void begin_window(struct precopy *precopy, double gone_s, double flow)
{
	precopy->window_left_s = at_least(precopy->pace.window_s - gone_s, SAME_S);
	precopy->window_gone_s = gone_s;
	precopy->window_bytes = flow * gone_s;
}

/* The noise of the bandwidth that this window measured, as a factor. */
static double drawn_noise(const struct precopy *precopy)
{
	if (!(precopy->pace.noise > 0))
		return 1;
	return 1 + precopy->pace.noise * (2 * luck_unit(precopy->input.luck, precopy->windows) - 1);
}

static void advance_windows(struct precopy *precopy, double flow, double dt_s)
{
	double step_s = precopy->pace.window_s, rest, windows;

	if (dt_s < precopy->window_left_s - SAME_S) {
		precopy->window_left_s -= dt_s;
		precopy->window_gone_s += dt_s;
		precopy->window_bytes += flow * dt_s;
		return;
	}
	rest = at_least(dt_s - precopy->window_left_s, 0);
	windows = floor((rest + SAME_S) / step_s);
	precopy->windows += 1 + (uint64_t)at_most(windows, 1e15);
	precopy->window_rate = windows > 0 ? flow
	                                   : (precopy->window_bytes + flow * precopy->window_left_s) /
	                                             (precopy->window_gone_s + precopy->window_left_s);
	precopy->threshold_bytes = precopy->window_rate * drawn_noise(precopy) * precopy->downtime_limit_s;
	rest = at_least(rest - windows * step_s, 0);
	/* A remainder that is rounding only: the window has just begun, and its burst is still to come. */
	precopy->at_window_start = rest <= SAME_S + SAME * dt_s;
	begin_window(precopy, precopy->at_window_start ? 0 : rest, flow);
	if (precopy->ahead_bytes <= SAME * flow * step_s) {
		precopy->sent_bytes += precopy->ahead_bytes; /* paid but for rounding */
		precopy->ahead_bytes = 0;
	}
}

static void advance_checks(struct precopy *precopy, double dt_s)
{
	double step = precopy->pace.look_s, rest = precopy->check_left_s - dt_s;

	if (rest <= SAME_S)
		rest = at_most(rest + step * (floor((SAME_S - rest) / step) + 1), step);
	precopy->check_left_s = rest;
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

/* What of `bytes` pays for the burst at the window's start, what is new, and what empties the sockets. */
static void advance_bytes(struct precopy *precopy, double bytes, double wire)
{
	double burst = at_most(bytes, precopy->ahead_bytes), fresh = at_most(bytes - burst, wire),
	       drained = 0;

	if (precopy->phase != PRECOPY_COPYING)
		drained = at_most(bytes - burst - fresh, precopy->socket_bytes);
	precopy->ahead_bytes -= burst;
	precopy->taken_bytes += fresh;
	precopy->socket_bytes -= drained;
	precopy->sent_bytes += burst + fresh + drained;
}

/* Of the time, what the throttle lets the guest run: stopping it and letting it go cost a little each time.
 */
static double run_share(const struct precopy *precopy)
{
	double loss = precopy->throttle > 0 ? precopy->input.hypervisor->throttle_loss : 0;

	return (1 - precopy->throttle) * (1 - loss);
}

/*
 * The guest's clocks go on while it runs. Under a throttle its vCPUs get less of the time, but its duty is on
 * and off by the time of day: what it does each second stays in that second, only slower.
 */
static void let_guest_run(struct precopy *precopy, double dt_s)
{
	const struct dirty *dirty = &precopy->input.dirty;
	double pace = (1 + precopy->input.haste) * run_share(precopy), phase_s = precopy->input.duty_phase_s,
	       on_s = dt_s;

	if (precopy->paused || precopy->phase > PRECOPY_COPYING)
		return;
	if (dirty->duty_period_s > 0)
		on_s = dirty_busy_s(dirty, phase_s, precopy->now_s + dt_s) -
		       dirty_busy_s(dirty, phase_s, precopy->now_s);
	precopy->clock_s += dt_s * pace;
	precopy->busy_s += on_s * pace;
}

/* While copying: mean, the rate over the time; flow, the one at its end. */
static void advance_copying(struct precopy *precopy, double mean, double flow, double dt_s)
{
	double scan_s = scanning_s(precopy, mean, dt_s);

	precopy->at_window_start = false;
	precopy->scan_left_s -= scan_s;
	advance_bytes(precopy, mean * (dt_s - scan_s), precopy_parts_unsent(precopy));
	advance_windows(precopy, flow, dt_s);
	advance_checks(precopy, dt_s);
	precopy_parts_note(precopy);
}

void precopy_advance(struct precopy *precopy, double dt_s)
{
	double flow = flow_bytes_s(precopy), wire, left, sending_s, scan_s;

	must(dt_s >= 0 && dt_s <= precopy->event_s * (1 + SAME) + SAME_S);
	if (dt_s <= 0)
		return;
	fill_sockets(precopy);
	let_guest_run(precopy, dt_s);
	precopy->now_s += dt_s;
	if (precopy->event_s < INFINITY)
		precopy->event_s = at_least(precopy->event_s - dt_s, 0);
	switch (precopy->phase) {
	case PRECOPY_SETUP:
		break;
	case PRECOPY_COPYING:
		advance_copying(precopy, flow, flow, dt_s);
		break;
	case PRECOPY_SWITCHING:
		wire = precopy->postcopy ? 0 : precopy_parts_unsent(precopy);
		left = wire + precopy->socket_bytes;
		scan_s = at_most(stopped_scan_s(precopy), dt_s);
		precopy->scan_left_s -= scan_s;
		dt_s -= scan_s;
		sending_s = left <= 0 ? 0 : flow > 0 ? at_most(left / flow, dt_s) : dt_s;
		precopy->tail_s = at_least(precopy->tail_s - (dt_s - sending_s), 0);
		advance_bytes(precopy, flow * sending_s, wire);
		precopy_parts_note(precopy);
		break;
	case PRECOPY_POSTCOPY:
		advance_bytes(precopy, flow * dt_s, precopy_parts_unsent(precopy));
		precopy_parts_note(precopy);
		break;
	case PRECOPY_DONE:
		break;
	}
}

void precopy_drift(struct precopy *precopy, double dt_s, double bytes, double rate_bytes_s, bool look)
{
	must(precopy->phase == PRECOPY_COPYING && dt_s > 0 && bytes >= 0 && rate_bytes_s >= 0);
	fill_sockets(precopy);
	precopy->rate_bytes_s = within_reach(precopy, rate_bytes_s);
	set_pace(precopy);
	let_guest_run(precopy, dt_s);
	precopy->now_s += dt_s;
	advance_copying(precopy, bytes / dt_s, flow_bytes_s(precopy), dt_s);
	if (look) {
		precopy->check_left_s = precopy->pace.look_s;
		precopy->event_s = 0;
	} else {
		plan_event(precopy);
	}
}

/* -------------------------------------------------------------------------------- throttling */

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
	precopy->phase = PRECOPY_COPYING;
	precopy->iterations = 1;
	begin_window(precopy, 0, 0);
	precopy->check_left_s = precopy->pace.look_s;
	precopy->tick_left_s = precopy->input.hypervisor->background_sync_s;
	precopy->at_window_start = true;
	precopy->sync = (struct precopy_clocks){ precopy->clock_s, precopy->busy_s };
	precopy->period_s = precopy->now_s;
	return PRECOPY_STARTED;
}

/*
 * The vCPUs stand still; the last sync. What a burst has already sent of this window is no longer owed; what
 * a slower link has not yet taken from the sockets is.
 */
static void stop_guest(struct precopy *precopy)
{
	if (precopy->pace.capped)
		precopy->sent_bytes += precopy->ahead_bytes;
	else
		precopy->socket_bytes += precopy->ahead_bytes;
	precopy->ahead_bytes = 0;
	precopy_parts_sync(precopy);
	precopy->phase = PRECOPY_SWITCHING;
	precopy->stopping = false;
	precopy->tail_s = precopy->input.stop_s + precopy->input.switchover_s;
	if (precopy->stopped_s < 0)
		precopy->stopped_s = precopy->now_s;
}

/* All was sent, in a burst when the cap binds: those bytes are now paid for by the rest of the window. */
static void send_burst(struct precopy *precopy)
{
	double wire = precopy_parts_unsent(precopy),
	       burst = flow_bytes_s(precopy) * precopy->window_left_s - precopy->ahead_bytes;

	if (wire <= SAME * precopy->known_bytes + SAME_S * flow_bytes_s(precopy)) {
		precopy->sent_bytes += wire; /* nothing is left but rounding */
		precopy->taken_bytes = precopy->known_bytes;
		precopy_parts_note(precopy);
		return;
	}
	if (!precopy->at_window_start || !precopy->pace.capped || wire > burst * (1 + SAME))
		return;
	if (precopy->pending_bytes < precopy->threshold_bytes)
		return; /* looked at before the burst */
	precopy->ahead_bytes += wire;
	precopy->taken_bytes = precopy->known_bytes;
	precopy_parts_note(precopy);
}

static enum precopy_event handle_copying(struct precopy *precopy)
{
	enum precopy_event event = PRECOPY_SYNCED;
	bool tick = next_tick_s(precopy) <= SAME_S;

	if (precopy->asked && !precopy->stopping) {
		precopy->postcopy = true;
		stop_guest(precopy);
		return PRECOPY_STOPPED;
	}
	if (!precopy->stopping) {
		send_burst(precopy);
		/* With a threshold of 0 nothing is below it: the migration ends when nothing is pending. */
		precopy->stopping = !(precopy->threshold_bytes > 0) && precopy->pending_bytes <= 0;
	}
	if (precopy->stopping) {
		stop_guest(precopy);
		return PRECOPY_STOPPED;
	}
	if (!tick && precopy->pending_bytes > 0 && precopy->pending_bytes >= precopy->threshold_bytes)
		return PRECOPY_NOTHING; /* what the last window measured was less than it might have been */
	precopy_parts_sync(precopy);
	if (raise_throttle(precopy))
		event = PRECOPY_THROTTLED;
	precopy->stopping = precopy->pending_bytes <= 0 || precopy->pending_bytes < precopy->threshold_bytes;
	precopy->check_left_s = precopy->pace.look_s;
	return event;
}

static enum precopy_event finish(struct precopy *precopy)
{
	precopy->phase = PRECOPY_DONE;
	precopy->sent_bytes += precopy_parts_unsent(precopy) + precopy->socket_bytes;
	precopy->taken_bytes = precopy->known_bytes;
	precopy->socket_bytes = 0;
	precopy_parts_note(precopy);
	return PRECOPY_COMPLETED;
}

enum precopy_event precopy_step(struct precopy *precopy)
{
	enum precopy_event event = PRECOPY_NOTHING;
	double taken = precopy->taken_bytes;

	must(precopy->event_s <= SAME_S);
	fill_sockets(precopy);
	if (precopy->taken_bytes != taken)
		precopy_parts_note(precopy);
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
	must(input->memory_pages > 0 && input->used_pages >= 0 && input->used_pages <= input->memory_pages);
	must(input->bandwidth_bytes_s >= 0 && input->setup_s >= 0);
	must(input->stop_s >= 0 && input->switchover_s >= 0);
	must(input->haste > -1);
	/* Parts are what part_count says: millions of migrations need not clear them all. */
	memset(ret_precopy, 0, offsetof(struct precopy, part));
	ret_precopy->input = *input;
	ret_precopy->stopped_s = -1;
	ret_precopy->input.bandwidth_bytes_s = at_most(input->bandwidth_bytes_s, RATE_MAX);
	ret_precopy->cap_bytes_s = cap_of(&ret_precopy->input);
	ret_precopy->downtime_limit_s = at_least(downtime_limit_s, 0);
	precopy_parts_start(ret_precopy);
	set_pace(ret_precopy);
	if (!(input->setup_s > 0))
		begin_copying(ret_precopy);
	plan_event(ret_precopy);
}

void precopy_set_rate(struct precopy *precopy, double rate_bytes_s)
{
	bool looked;

	must(rate_bytes_s >= 0);
	rate_bytes_s = within_reach(precopy, rate_bytes_s);
	if (rate_bytes_s == precopy->rate_bytes_s)
		return;
	looked = fabs(precopy->check_left_s - precopy->pace.look_s) <= SAME_S;
	precopy->rate_bytes_s = rate_bytes_s;
	set_pace(precopy);
	/* A window or the way to a look that has just begun is as long as the new rate makes it. */
	if (precopy->phase == PRECOPY_COPYING && precopy->window_gone_s <= 0)
		precopy->window_left_s = precopy->pace.window_s;
	if (precopy->phase == PRECOPY_COPYING && looked)
		precopy->check_left_s = precopy->pace.look_s;
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
	precopy->asked = true;
	if (!(precopy->event_s <= 0))
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
	double most = precopy->input.hypervisor->sender_bytes_s;

	switch (precopy->phase) {
	case PRECOPY_COPYING:
		return precopy->input.bandwidth_bytes_s < RATE_MAX
		               ? at_most(precopy->input.bandwidth_bytes_s, most)
		               : most;
	case PRECOPY_SWITCHING:
		return (!precopy->postcopy && precopy_parts_unsent(precopy) > 0) || precopy->socket_bytes > 0
		               ? most
		               : 0;
	case PRECOPY_POSTCOPY:
		return precopy_parts_unsent(precopy) > 0 ? most : 0;
	case PRECOPY_SETUP:
	case PRECOPY_DONE:
		break;
	}
	return 0;
}

bool precopy_next_is_timed(const struct precopy *precopy)
{
	if (precopy->phase == PRECOPY_COPYING)
		return precopy->stopping || precopy->asked || precopy->event_s >= next_tick_s(precopy);
	if (precopy->phase == PRECOPY_SWITCHING && precopy->postcopy)
		return precopy->socket_bytes <= 0;
	return precopy->phase != PRECOPY_POSTCOPY &&
	       precopy_parts_unsent(precopy) + precopy->socket_bytes <= 0;
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

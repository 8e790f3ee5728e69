/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fleet: simulated hosts as a driver meets them: libvirt's and QEMU's behaviour, and what can befall them. */
/*
 * Where world.h simulates platforms that work, this simulates hypervisors that fail. A migration's memory
 * goes by the same model over the same links. What libvirt 9 does when a part of it dies is in fleet.c, case
 * by case; docs/execution.md says where that was seen. Everything is drawn from the seed.
 *
 * Small: a few VMs on a few hosts, looked at one by one; of a large cluster those that a plan is about.
 */
#ifndef SIM_FLEET_H
#define SIM_FLEET_H

#include "core/backend.h"
#include "core/plan.h"
#include "sim/world.h"

/* What a host has of a VM. */
struct fleet_copy {
	uint8_t side;     /* enum side, never SIDE_SILENT */
	bool defined;     /* its definition outlives it */
	int64_t clean_ns; /* what is incoming there is ended then; TIME_NEVER: not */
};

enum flight_phase {
	FLIGHT_NONE,
	FLIGHT_MEMORY, /* precopy is at work, or post-copy */
	FLIGHT_FINISH, /* the guest runs at the target, the source is to be told */
	FLIGHT_BROKEN, /* a post-copy that broke off */
	FLIGHT_ORPHAN  /* the source's daemon is gone: QEMU goes on by itself until that is back */
};

/* A live migration under way between two hosts, whoever ordered it. */
struct flight {
	struct precopy precopy;
	uint32_t vm, from, to;
	uint32_t flow;   /* NONE: none */
	uint32_t number; /* counts from 1 */
	uint8_t phase;
	bool switched, persist;
	double efficiency;
	int64_t start_ns, due_ns; /* due_ns: of FINISH */
};

struct fleet_host {
	bool dead, daemon_down;
	int64_t silent_ns; /* since when */
	double mbit;
};

/* What somebody did to the fleet that must never be: the first. */
struct fleet_violation {
	int64_t at_ns;
	char text[256]; /* empty: none */
};

/* Who wants to hear of a flight (STOPPED, SWITCHED, RETURNED: ok), and of what others do (CHANGED). */
enum { FLEET_LISTENERS_MOST = 2 };

struct fleet_listener {
	void (*told)(void *context, uint32_t vm, enum event_kind kind, bool ok, const char *why);
	void *context;
};

struct fleet {
	const struct cluster *cluster;
	struct state state; /* of the file; where VMs are is in copies */
	struct world world; /* its links and its model's inputs; never run */
	/* Those that it is about, in the file's order, and where each stands in that list; NONE: it is not.
	 */
	uint32_t *vms, *vm_places, vm_count;
	uint32_t *host_list, *host_places, host_count;
	struct fleet_host *hosts;  /* by host of the cluster */
	struct fleet_copy *copies; /* by place of the VM, by place of the host */
	struct flight *flights;    /* by VM */
	bool *left_over;           /* by VM: what one of its copies was receiving is to be ended, or was */
	bool *touched;             /* by VM: somebody else did something to it, or it ended … */
	int64_t *touched_ns;       /* … last at that time */
	uint32_t flight_number;
	int64_t now_ns;
	uint64_t seed, draws;
	double stubborn; /* the share of orders that fail, and of leftovers that stay */
	double deaf;     /* the share of recoveries of a post-copy that the target does not answer */
	double lying;    /* the share of mends that say they worked, and did not */
	bool *doubled;   /* by VM: somebody else made two of it */
	bool *full;      /* by host: definitions cannot be written */
	struct fleet_violation violation;
	struct fleet_listener listeners[FLEET_LISTENERS_MOST];
	uint32_t listener_count;
};

/*
 * Every VM where the file says, defined on its host when `persistent`. plan: it is about the plan's VMs and
 * hosts alone, and nothing else may be asked for; NULL: about all. Free with fleet_free.
 */
void fleet_create(struct fleet *ret_fleet, const struct cluster *cluster, const struct plan *plan,
                  uint64_t seed, bool persistent);
void fleet_free(struct fleet *fleet);

void fleet_listen(struct fleet *fleet, struct fleet_listener listener);
void fleet_listen_no_more(struct fleet *fleet, const void *context);

/* When something happens next by itself; TIME_NEVER: nothing will. */
int64_t fleet_next_ns(struct fleet *fleet);

/* Goes on to that time. */
void fleet_advance(struct fleet *fleet, int64_t to_ns);

/* A number in [0, 1): the next of the seed's. */
double fleet_draw(struct fleet *fleet);

static inline struct fleet_copy *fleet_copy(struct fleet *fleet, uint32_t vm, uint32_t host)
{
	return &fleet->copies[(size_t)fleet->vm_places[vm] * fleet->host_count + fleet->host_places[host]];
}

/* One after another of those that it is about; at the end, any. */
static inline uint32_t fleet_vm_at(const struct fleet *fleet, uint32_t place)
{
	return place < fleet->vm_count ? fleet->vms[place] : NONE;
}

static inline uint32_t fleet_host_at(const struct fleet *fleet, uint32_t place)
{
	return place < fleet->host_count ? fleet->host_list[place] : NONE;
}

#define FLEET_EACH_VM(fleet, vm)                                                              \
	for (uint32_t vm##_at = 0, vm = fleet_vm_at((fleet), 0); vm##_at < (fleet)->vm_count; \
	     vm = fleet_vm_at((fleet), ++vm##_at))

#define FLEET_EACH_HOST(fleet, host)                                                                    \
	for (uint32_t host##_at = 0, host = fleet_host_at((fleet), 0); host##_at < (fleet)->host_count; \
	     host = fleet_host_at((fleet), ++host##_at))

/* Whether the guest is there: its vCPUs run, or would when they are let. */
static inline bool fleet_lives(const struct fleet_copy *copy)
{
	return copy->side == SIDE_RUNNING || copy->side == SIDE_PAUSED;
}

/* Whether a host's daemon answers. */
static inline bool fleet_answers(const struct fleet *fleet, uint32_t host)
{
	return !fleet->hosts[host].dead && !fleet->hosts[host].daemon_down;
}

/* ------------------------------------------------------------------ what a driver can order: NULL, or why
 * not */

const char *fleet_start(struct fleet *fleet, uint32_t vm, uint32_t from, uint32_t to, double limit_ms);
void fleet_limit(struct fleet *fleet, uint32_t vm, double limit_ms);
const char *fleet_postcopy(struct fleet *fleet, uint32_t vm);
const char *fleet_cancel(struct fleet *fleet, uint32_t vm, uint32_t from);
const char *fleet_recover(struct fleet *fleet, uint32_t vm, uint32_t from, uint32_t to);
const char *fleet_mend(struct fleet *fleet, enum command_kind mend, uint32_t vm, uint32_t from, uint32_t to);
const char *fleet_cold(struct fleet *fleet, enum command_kind step, uint32_t vm, uint32_t from, uint32_t to);

/*
 * Looks at an order before anything that the host itself would look at: a violation when it should never have
 * been given.
 */
void fleet_judge_order(struct fleet *fleet, enum command_kind kind, uint32_t vm, uint32_t from, uint32_t to);

/* ------------------------------------------------------------------ what can befall it */

void fleet_daemon_dies(struct fleet *fleet, uint32_t host);
void fleet_daemon_starts(struct fleet *fleet, uint32_t host);
void fleet_host_dies(struct fleet *fleet, uint32_t host);
void fleet_host_boots(struct fleet *fleet, uint32_t host);
void fleet_qemu_dies(struct fleet *fleet, uint32_t vm, uint32_t host);
void fleet_flight_breaks(struct fleet *fleet, uint32_t vm); /* its connection is reset */
void fleet_link(struct fleet *fleet, uint32_t host, double mbit);
void fleet_guest_stops(struct fleet *fleet, uint32_t vm);
void fleet_guest_moves(struct fleet *fleet, uint32_t vm, uint32_t to); /* by other hands, at once */

void fleet_guest_doubles(struct fleet *fleet, uint32_t vm, uint32_t host); /* started there, by other hands */

/* ------------------------------------------------------------------ what must always hold */

/* How many copies of a VM run. */
uint32_t fleet_running(struct fleet *fleet, uint32_t vm);

/* Looks at all VMs; fills in `violation` when something does not hold. */
void fleet_check(struct fleet *fleet);

#endif

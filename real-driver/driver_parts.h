/* SPDX-License-Identifier: GPL-3.0-or-later */
/* driver_parts: what the files of the driver share; nobody else's. */
#ifndef REAL_DRIVER_DRIVER_PARTS_H
#define REAL_DRIVER_DRIVER_PARTS_H

#include "real-driver/clock.h"
#include "real-driver/driver.h"
#include "real-driver/hosts.h"

enum { DRIVER_WHY_ROOM = 400 };

#define MIB 1048576.0

/* An event with what it points to. */
struct answer {
	struct answer *next;
	struct event event;
	char why[DRIVER_WHY_ROOM];    /* empty: nothing to say */
	struct stock_change *changes; /* malloc()ed, NULL: none */
};

/* A VM, as hosts know it. */
struct who {
	const char *name;
	unsigned char uuid[16];
	bool has_uuid; /* its id in the cluster is one; else it goes by its name */
};

/* What is being done to a move's VM in this attempt. */
struct doing {
	bool begun;     /* a migration was started or watched, or the guest told to stop */
	bool switched;  /* EVENT_SWITCHED was given */
	bool arrived;   /* it was seen to run at the target: what ends there from now on is the guest */
	bool cancelled; /* libvirt has taken an abort */
	bool stopping, ending_source, ending_target; /* what happens to the guest is our own doing */
	bool news;                                   /* a round has ended, or there is a limit, since … */
	double limit_ms;                             /* … the last look; not yet in force; 0: none is */
};

/* A move, in copies of what the caller may free after close(). */
struct tracked {
	uint32_t vm, from, to;
	bool overcommitted; /* the target's memory: more may be promised than it has */
	struct who who;
	struct timing timing;
	uint32_t attempt;
	struct doing doing;
};

struct driver {
	struct backend backend;
	const struct libvirt_calls *calls;
	const struct cluster *cluster;
	const struct plan *plan;
	struct driver_options options; /* its paths and URIs are copies too */
	struct arena arena;
	const char **host_names, **uris;
	uint32_t host_count;
	struct hosts *hosts;
	pthread_mutex_t lock; /* of all below; hosts_… must not be called with it */
	pthread_cond_t changed;
	struct answer *first, *last, *held;
	int64_t offset_ns, last_ns;
	struct tracked *moves;
	uint32_t plan_moves; /* how many */
	uint32_t *latest;    /* of each VM: the move that events are about; NONE */
	uint32_t threads, references;
	uint32_t borrowers; /* threads that use the caller's cluster, plan or functions */
	bool closing;
};

/* One command under way, in a thread of its own. */
struct task {
	struct driver *driver;
	struct command command;
	struct tracked *tracked;       /* NULL: of all */
	struct driver_belief *beliefs; /* STOCK */
};

/* Files an event; answer is copied, its changes taken over. Any thread. */
void driver_post(struct driver *driver, const struct answer *answer);

/* A thread that is counted and holds a reference to the driver; false: there are no more. */
bool driver_thread(struct driver *driver, void *(*run)(void *), void *argument);
/* The last thing that such a thread does. */
void driver_thread_ends(struct driver *driver);

/* Waits, woken by what changes; false: the driver is closing. Without the lock. */
bool driver_nap(struct driver *driver, double seconds);
bool driver_closing(struct driver *driver);

/* Puts the newest error of this thread behind the host's name; returns its code. */
int driver_error(struct driver *driver, uint32_t host, char *ret_why);
/* An answer that says no. */
void answer_no(struct answer *answer, bool lasting, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, by the newest error of libvirt; returns its code. */
int answer_error(struct driver *driver, uint32_t host, struct answer *answer);

/* ------------------------------------------------------------------ a VM on a host */

enum presence { PRESENCE_SILENT, PRESENCE_ABSENT, PRESENCE_THERE };

struct place {
	virConnectPtr connection;
	virDomainPtr domain; /* NULL unless PRESENCE_THERE */
	int state, reason;
};

/* Finds a VM on a host that is connected within so long; place_close whatever it returns. */
enum presence place_open(struct driver *driver, uint32_t host, const struct who *who, double timeout_s,
                         struct place *ret_place, char *ret_why);
void place_close(struct driver *driver, struct place *place);
bool place_active(const struct place *place);

/* What a job is. */
enum job {
	JOB_UNSAID = -1, /* the host did not say: see libvirt_error */
	JOB_NONE,
	JOB_MIGRATION,
	JOB_OTHER, /* a save, a dump, a backup, … */
	JOB_DONE,  /* of one that has ended, when flags ask for that */
};

/* The job of a domain, and how far it is; ret_progress may be NULL, and is zeroed when there is none. */
enum job place_job(struct driver *driver, virDomainPtr domain, unsigned flags, struct progress *ret_progress);

/* Whether a text is a UUID; its bytes. */
bool uuid_parse(const char *text, unsigned char ret_uuid[16]);
bool who_is(const struct who *who, const unsigned char uuid[16], const char *name);

/* ------------------------------------------------------------------ asking with a limit of time */

struct ask {
	struct driver *driver;
	uint32_t host, references;
	const struct who *who;
	bool target, done;
	void (*run)(struct ask *ask);    /* without the lock; fills in the members below */
	void (*forget)(struct ask *ask); /* frees what they point to; NULL: nothing */
	char why[DRIVER_WHY_ROOM];
	/* LOOK */
	uint8_t side;
	bool job, persistent;
	/* STOCK */
	struct stocked *found;
	uint32_t found_count;
	bool answered;
};

/* Starts to ask; NULL: no thread. ask_drop it. */
struct ask *ask_start(struct driver *driver, const struct ask *pattern);
/* Whether it was answered by then; only then may its members be looked at. */
bool ask_wait(struct ask *ask, int64_t deadline_ns);

void ask_drop(struct ask *ask);
/* How long it may wait for a connection: enough of its time is left to say that there is none. */
double ask_connect_s(const struct driver *driver);

/* ------------------------------------------------------------------ commands */

void task_start(struct task *task, struct answer *answer);
void task_watch(struct task *task, struct answer *answer);
void task_recover(struct task *task, struct answer *answer);
void task_postcopy(struct task *task, struct answer *answer);
void task_cancel(struct task *task, struct answer *answer);
/*
 * Whether a migration was in one of two ends that do not end by themselves, and was helped out of it; then
 * the answer says which. Only for one whose abort libvirt took a while ago, and when no other host has the
 * guest, which runs when this returns, unless the host says no. Both were seen of libvirt 9.0 and QEMU 7.2 in
 * the lab.
 *
 * The libvirt that missed it: an abort meets QEMU between its stop of the guest and its pause before the
 * switch-over. libvirt takes the pause for its turn to go on and first waits for the guest to stop, but QEMU,
 * which gives up, has let it run again. It waits for ever, also on further aborts and on SIGTERM. Any stop is
 * what it waits for: it is told by QEMU that there is no migration any more, lets the guest run and returns.
 *
 * The QEMU that hangs: it is told to give up at the very moment at which it goes over to its pause. It waits
 * for leave to go on, with status "cancelling", which libvirt has no way to give, and the guest stands still.
 * QEMU refuses that leave in any other state.
 */
bool mend_cancel(struct task *task, const struct place *place, const struct progress *progress,
                 struct answer *answer);
void task_carry(struct task *task, struct answer *answer);
void task_check(struct task *task, struct answer *answer);
void task_look(struct task *task, struct answer *answer);
void task_stock(struct task *task, struct answer *answer);
void task_resume_source(struct task *task, struct answer *answer);
void task_destroy_source(struct task *task, struct answer *answer);
void task_destroy_target(struct task *task, struct answer *answer);
void task_persist_target(struct task *task, struct answer *answer);
void task_undefine_source(struct task *task, struct answer *answer);
void task_stop(struct task *task, struct answer *answer);
void task_boot_target(struct task *task, struct answer *answer);
void task_boot_source(struct task *task, struct answer *answer);

/* What a host says of a VM (core/backend.h); job: a migration of it is under way there. */
uint8_t look_side(int state, int reason, bool target, bool job);

/* ------------------------------------------------------------------ what hosts tell by themselves */

void events_lifecycle(void *context, uint32_t host, const unsigned char uuid[16], const char *name, int event,
                      int detail);
void events_iteration(void *context, uint32_t host, const unsigned char uuid[16], const char *name,
                      int iteration);
void events_lost(void *context, uint32_t host, const char *why);
void events_back(void *context, uint32_t host);

#endif

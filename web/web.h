/* SPDX-License-Identifier: GPL-3.0-or-later */
/* web: the operator's pages: a server of HTTP for one cluster, simulated or live. */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include "core/cluster.h"
#include "models/hypervisor.h"

struct web_options {
	const char *cluster;      /* the cluster file that it begins with */
	const char *state_folder; /* what it has to remember: made when it is not there */
	const char *version;
	const char *program;      /* lockkeeper itself, for what runs as a process of its own */
	const char *address;      /* "127.0.0.1:8080", "[::1]:0"; port 0: any that is free */
	const char *token_file;   /* NULL: `token` in the state folder, made when it is not there */
	const char *proxy;        /* the address of a reverse proxy that says who a user is; NULL: none … */
	const char *proxy_header; /* … in this header */
	const char *tls_certificate, *tls_key; /* PEM files; NULL: no TLS */
	const char *key, *signers;             /* signs approvals; NULL: a key of its own, made */
	const char *const *host_names;         /* by which it may be called, beside the address's own */
	uint32_t host_name_count;
	uint32_t approvals; /* so many people have to approve a plan */
	bool read_only;     /* nothing can be changed */
	bool live;          /* on the hosts' libvirt, else in virtual time … */
	double pace;        /* … so many seconds of it a second */
	uint64_t seed;
	enum profile profile;             /* PROFILE_COUNT: the file's */
	const char *model;                /* what calibrate wrote; NULL: what ships … */
	struct hypervisors hypervisors;   /* … either way read */
	double limit_s, window_s;         /* of the lock board's verdicts, as `check` has them */
	double start_hour;                /* -1: not said */
	const char *const *execute_words; /* live: more options of `execute` */
	uint32_t execute_word_count;
	unsigned threads;
};

/*
 * Serves until SIGINT or SIGTERM. Prints where it listens, and where the token is, on standard error. What
 * runs (executions) goes on without it, and is found again by the next server of that state folder.
 */
int web_serve(const struct web_options *options, struct error *error);

#endif

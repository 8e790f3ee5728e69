/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fake_libvirt: hosts that are none, behind the table of calls: what they hold and how they fail is the
 * test's. */
#ifndef TESTS_SUPPORT_FAKE_LIBVIRT_H
#define TESTS_SUPPORT_FAKE_LIBVIRT_H

#include "real-driver/calls.h"

#include <stdint.h>

enum { FAKE_HOSTS = 3, FAKE_DOMAINS = 8 };

struct fake_domain {
	bool here; /* the host has it */
	char name[32];
	unsigned char uuid[16];
	int state, reason;
	bool persistent, saved;
	bool waits_for_stop; /* libvirt has missed that its migration was cancelled; a stop ends it */
	bool hangs;          /* QEMU hangs in its end, and can be let go on */
	int job, operation;  /* VIR_DOMAIN_JOB_… */
	unsigned long long left, total, iterations;
	const char *xml; /* NULL: fake_xml */
	const char *own; /* "vda,vdb": disks that do not migrate but as copies; NULL: none */
	double rss_mib;
};

struct fake_host {
	uint32_t index, references;
	bool down; /* cannot be connected to */
	struct fake_domain domains[FAKE_DOMAINS];
	virConnectDomainEventGenericCallback lifecycle, iteration;
	void *opaque[2];
	virFreeCallback forget[2];
	virConnectCloseFunc closed;
	void *closed_opaque;
	virFreeCallback closed_forget;
	bool alive, no_network, network_down, no_interface, interface_down, volume_missing;
	int compare; /* virCPUCompareResult */
	unsigned long long free_kib, free_pages, pool_bytes;
	const char *capabilities, *pool_xml;
};

/* Everything is as at the start: hosts that are up and empty. */
void fake_reset(void);

extern const struct libvirt_calls fake_calls;
extern struct fake_host fake_hosts[FAKE_HOSTS];
extern const char fake_xml[];

/* A domain on a host, running, persistent; its UUID is made of its name. Under the fake's lock until… */
struct fake_domain *fake_add(uint32_t host, const char *name);
/* "http" style URIs of the hosts: fake://0 and so on. */
const char *fake_uri(uint32_t host);
/* The UUID's text. */
const char *fake_uuid(const char *name);

/* From now on the function of that name fails with that code; VIR_ERR_OK: no more. */
void fake_fail(const char *function, int code);
/* The function of that name waits until it is let go (NULL). */
void fake_hold(const char *function);
/* Waits until somebody is held. */
void fake_held(void);

/* How often it was called; the flags, and the text or number, of the last call that changes something. */
unsigned fake_called(const char *function);
unsigned fake_flags(void);
const char *fake_text(void);
unsigned long long fake_number(void);
/* A typed parameter of the last migration: its text or number; NULL: not given. */
const char *fake_parameter(const char *name);
/* How often it was given. */
unsigned fake_parameter_count(const char *name);

void fake_lifecycle(uint32_t host, const char *name, int event, int detail);
void fake_iteration(uint32_t host, const char *name);
/* The connection breaks. */
void fake_break(uint32_t host);
/* Changes a domain's state in one step. */
void fake_state(struct fake_domain *domain, int state, int reason);

/* Connections and handles that nobody has closed. */
unsigned fake_open(void);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hosts: connections to libvirt on many hosts: kept alive, opened again when they break, never waited for. */
#ifndef REAL_DRIVER_HOSTS_H
#define REAL_DRIVER_HOSTS_H

#include "real-driver/calls.h"

#include <stdint.h>

struct hosts;

/*
 * Who hears of what happens. Called from threads of the hosts with their lock held: it must neither wait, nor
 * ask libvirt, nor call a function of the hosts. Members may be NULL.
 */
struct host_listener {
	void *context;
	void (*lifecycle)(void *context, uint32_t host, const unsigned char uuid[16], const char *name,
	                  int event, int detail);
	void (*iteration)(void *context, uint32_t host, const unsigned char uuid[16], const char *name,
	                  int iteration);
	void (*lost)(void *context, uint32_t host, const char *why);
	void (*back)(void *context, uint32_t host);
};

/*
 * Begins to connect to all hosts, in the background; a NULL among the URIs is a host that cannot be asked.
 * listener: copied, NULL: nobody. One event loop runs in a thread of its own. hosts_stop and hosts_free it.
 */
struct hosts *hosts_open(const struct libvirt_calls *calls, const char *const *uris, uint32_t count,
                         const struct host_listener *listener);

/*
 * Closes the connections; the listener hears nothing from now on, and hosts_take fails. A thread that libvirt
 * keeps waiting for a host that is dead is left behind, to end by itself.
 */
void hosts_stop(struct hosts *hosts);
void hosts_free(struct hosts *hosts);

/* Waits until each host was reached or has failed once, so long at most. */
void hosts_settle(struct hosts *hosts, double timeout_s);

/*
 * The connection to a host, waited for so long at most; virConnectClose it. NULL: there is none, ret_why says
 * why, and begins with the host's URI.
 */
virConnectPtr hosts_take(struct hosts *hosts, uint32_t host, double timeout_s, char *ret_why, size_t room);

#endif

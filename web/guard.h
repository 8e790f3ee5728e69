/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guard: who may ask for what: tokens, a reverse proxy's word, other sites' pages, how often. */
#ifndef WEB_GUARD_H
#define WEB_GUARD_H

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct guard;

struct guard_options {
	const char *token_file; /* mode 0600, ours; NULL: none: nothing can be changed by a token */
	const char *proxy;      /* the address that may set proxy_header; NULL: none */
	const char *proxy_header;
	const char *const *names; /* by which we may be called: hosts, without a port */
	uint32_t name_count;
	uint32_t requests_s, changes_s; /* of one address: so many a second, ten times that in a burst */
};

/* Reads the token: 16 bytes at least; a file that others may read or that is not ours is refused. */
int guard_create(struct guard **ret_guard, const struct guard_options *options, struct error *error);
void guard_free(struct guard *guard);

/* Makes a token file (mode 0600) with a token of 256 random bits; one that is there stays. */
int guard_make_token(const char *path, struct error *error);

/* What a request says of itself; NULL: the header is not there. */
struct claims {
	const struct sockaddr *peer;
	const char *host, *origin, *site; /* Host, Origin, Sec-Fetch-Site */
	const char *authorization;
	const char *asserted; /* the proxy's header */
	const char *own;      /* X-Lockkeeper, which no other site's page can set */
	bool changes;
};

enum verdict_of_guard {
	GUARD_PASS,
	GUARD_OTHER_NAME, /* called by a name that is not ours: a page of another site may be behind it */
	GUARD_OTHER_SITE,
	GUARD_NO_TOKEN,
	GUARD_WRONG_TOKEN,
	GUARD_TOO_OFTEN
};

/*
 * Whether it may go on. ret_user: who it is, for what it changes: "token", or the proxy's word for the user;
 * empty: nobody who may change anything.
 */
enum verdict_of_guard guard_ask(struct guard *guard, const struct claims *claims, char *ret_user,
                                size_t room);

/* The name of the header that a proxy sets; NULL: none. */
const char *guard_proxy_header(const struct guard *guard);

#endif

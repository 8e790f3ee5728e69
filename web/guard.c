/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/guard.h"

#include "core/arena.h"
#include "system/files.h"
#include "system/monotonic.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TOKEN_LEAST = 16, TOKEN_MOST = 512, TOKEN_BYTES = 32 };

/* Addresses whose haste is remembered; a new one takes the place of one that hashes alike. */
enum { PEERS = 4096, BURST_S = 10 };

struct peer {
	struct in6_addr address;
	double requests, changes; /* left */
	double at_s;
};

struct guard {
	char token[TOKEN_MOST + 1];
	struct in6_addr proxy;
	bool has_token, has_proxy;
	const char *proxy_header;
	const char *const *names;
	uint32_t name_count;
	double requests_s, changes_s;
	pthread_mutex_t lock;
	struct peer peers[PEERS];
};

/* ------------------------------------------------------------------ the token */

int guard_make_token(const char *path, struct error *error)
{
	unsigned char bytes[TOKEN_BYTES];
	char text[2 * TOKEN_BYTES + 2];
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), result = 0;

	if (file < 0)
		return errno == EEXIST ? 0 : error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		result = error_set(error, ERROR_IO, "no random numbers: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	text[sizeof(text) - 2] = '\n';
	if (!result && (file_put(file, text, sizeof(text) - 1) || fsync(file)))
		result = error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	close(file);
	if (result)
		unlink(path);
	return result;
}

static int read_token(struct guard *guard, const char *path, struct error *error)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	ssize_t length;

	if (file < 0)
		return error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	if (fstat(file, &status) || !S_ISREG(status.st_mode) || (status.st_mode & 077) ||
	    (status.st_uid != geteuid() && status.st_uid != 0)) {
		close(file);
		return error_set(error, ERROR_INPUT,
		                 "%s: others may read the token, expected a file of yours with mode 0600",
		                 path);
	}
	length = read(file, guard->token, TOKEN_MOST);
	close(file);
	if (length < 0)
		return error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
	guard->token[length] = '\0';
	guard->token[strcspn(guard->token, "\r\n")] = '\0';
	for (const char *at = guard->token; *at; at++) {
		if (!isgraph((unsigned char)*at))
			length = 0;
	}
	if (length == 0 || strlen(guard->token) < TOKEN_LEAST)
		return error_set(error, ERROR_INPUT,
		                 "%s: no token, expected a line of %d to %d letters, digits and signs", path,
		                 TOKEN_LEAST, TOKEN_MOST);
	guard->has_token = true;
	return 0;
}

/* In a time that does not tell how much of it is right. */
static bool is_token(const struct guard *guard, const char *given)
{
	size_t length = strlen(guard->token), given_length = strlen(given);
	volatile unsigned char differs = length != given_length;

	for (size_t i = 0; i < length; i++)
		differs |= (unsigned char)(guard->token[i] ^ given[given_length ? i % given_length : 0]);
	return given_length > 0 && !differs;
}

/* ------------------------------------------------------------------ addresses */

static struct in6_addr address_of(const struct sockaddr *peer)
{
	struct in6_addr address = { 0 };

	if (peer && peer->sa_family == AF_INET6) {
		memcpy(&address, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr,
		       sizeof(address));
	} else if (peer && peer->sa_family == AF_INET) {
		address.s6_addr[10] = address.s6_addr[11] = 0xff;
		memcpy(&address.s6_addr[12], &((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
	}
	return address;
}

static bool read_address(const char *text, struct in6_addr *ret_address)
{
	struct in_addr four;

	if (inet_pton(AF_INET6, text, ret_address) == 1)
		return true;
	if (inet_pton(AF_INET, text, &four) != 1)
		return false;
	*ret_address = (struct in6_addr){ 0 };
	ret_address->s6_addr[10] = ret_address->s6_addr[11] = 0xff;
	memcpy(&ret_address->s6_addr[12], &four, 4);
	return true;
}

static bool same_address(const struct in6_addr *a, const struct in6_addr *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* ------------------------------------------------------------------ how often */

static double refill(double left, double rate, double seconds)
{
	double most = rate * BURST_S, now = left + rate * seconds;

	return now < most ? now : most;
}

/* A bucket an address, filled at the rate. */
static bool is_too_often(struct guard *guard, const struct in6_addr *address, bool changes)
{
	uint32_t hash = 2166136261u;
	struct peer *peer;
	double at_s = monotonic_s();
	bool result;

	for (size_t i = 0; i < sizeof(*address); i++)
		hash = (hash ^ address->s6_addr[i]) * 16777619u;
	pthread_mutex_lock(&guard->lock);
	peer = &guard->peers[hash % PEERS];
	if (!same_address(&peer->address, address) || peer->at_s == 0)
		*peer = (struct peer){ *address, guard->requests_s * BURST_S, guard->changes_s * BURST_S,
			               at_s };
	peer->requests = refill(peer->requests, guard->requests_s, at_s - peer->at_s);
	peer->changes = refill(peer->changes, guard->changes_s, at_s - peer->at_s);
	peer->at_s = at_s;
	result = peer->requests < 1 || (changes && peer->changes < 1);
	peer->requests -= result ? 0 : 1;
	peer->changes -= result || !changes ? 0 : 1;
	pthread_mutex_unlock(&guard->lock);
	return result;
}

/* ------------------------------------------------------------------ who calls whom */

/* The length of the name in "name", "name:80", "[::1]:80". */
static size_t name_length(const char *host)
{
	const char *end = host[0] == '[' ? strchr(host, ']') : NULL;

	return end ? (size_t)(end + 1 - host) : strcspn(host, ":");
}

/* A page of another site whose name leads to our address (DNS rebinding) calls us by its own name. */
static bool is_ours(const struct guard *guard, const char *host)
{
	size_t length = name_length(host);

	if (host[length] && host[length] != ':')
		return false;
	for (uint32_t i = 0; i < guard->name_count; i++) {
		if (strlen(guard->names[i]) == length && !strncasecmp(guard->names[i], host, length))
			return true;
	}
	return false;
}

/* Browsers say which site's page asks: what changes something must come from ours. */
static bool is_same_site(const struct claims *claims)
{
	const char *rest;

	if (claims->site && strcmp(claims->site, "same-origin") && strcmp(claims->site, "none"))
		return false;
	if (!claims->origin)
		return true;
	rest = strstr(claims->origin, "://");
	return rest && !strcasecmp(rest + 3, claims->host);
}

static enum verdict_of_guard find_user(const struct guard *guard, const struct claims *claims,
                                       const struct in6_addr *address, char *user, size_t room)
{
	static const char scheme[] = "Bearer ";

	user[0] = '\0';
	if (claims->authorization) {
		if (!guard->has_token || strncasecmp(claims->authorization, scheme, sizeof(scheme) - 1) ||
		    !is_token(guard, claims->authorization + sizeof(scheme) - 1))
			return GUARD_WRONG_TOKEN;
		snprintf(user, room, "token");
		return GUARD_PASS;
	}
	/* Anybody can write that header: it counts from the proxy alone, which takes out those of others. */
	if (guard->has_proxy && claims->asserted && claims->asserted[0] &&
	    same_address(address, &guard->proxy)) {
		for (const char *at = claims->asserted; *at; at++) {
			if (!isprint((unsigned char)*at))
				return GUARD_WRONG_TOKEN;
		}
		/* The proxy says it of all that a user's browser asks, whichever page made it ask. */
		if (claims->changes && !claims->own)
			return GUARD_OTHER_SITE;
		snprintf(user, room, "%s", claims->asserted);
		return GUARD_PASS;
	}
	return claims->changes ? GUARD_NO_TOKEN : GUARD_PASS;
}

enum verdict_of_guard guard_ask(struct guard *guard, const struct claims *claims, char *ret_user, size_t room)
{
	struct in6_addr address = address_of(claims->peer);

	ret_user[0] = '\0';
	if (is_too_often(guard, &address, claims->changes || claims->authorization))
		return GUARD_TOO_OFTEN;
	if (!claims->host || !is_ours(guard, claims->host))
		return GUARD_OTHER_NAME;
	if (claims->changes && !is_same_site(claims))
		return GUARD_OTHER_SITE;
	return find_user(guard, claims, &address, ret_user, room);
}

const char *guard_proxy_header(const struct guard *guard)
{
	return guard->has_proxy ? guard->proxy_header : NULL;
}

int guard_create(struct guard **ret_guard, const struct guard_options *options, struct error *error)
{
	struct guard *guard = MEMORY_ARRAY(struct guard, 1);
	int result = options->token_file ? read_token(guard, options->token_file, error) : 0;

	if (!result && options->proxy) {
		guard->has_proxy = read_address(options->proxy, &guard->proxy);
		if (!guard->has_proxy)
			result = error_set(error, ERROR_INPUT,
			                   "--proxy: \"%s\", expected the address that it comes from",
			                   options->proxy);
	}
	if (result) {
		free(guard);
		return result;
	}
	guard->proxy_header = options->proxy_header;
	guard->names = options->names;
	guard->name_count = options->name_count;
	guard->requests_s = options->requests_s;
	guard->changes_s = options->changes_s;
	pthread_mutex_init(&guard->lock, NULL);
	*ret_guard = guard;
	return 0;
}

void guard_free(struct guard *guard)
{
	if (!guard)
		return;
	pthread_mutex_destroy(&guard->lock);
	explicit_bzero(guard->token, sizeof(guard->token));
	free(guard);
}

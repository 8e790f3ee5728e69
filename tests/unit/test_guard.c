/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/guard.h"

#include "core/arena.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };
static char folder[] = "/tmp/lockkeeper-guard.XXXXXX", path[64];
static struct guard *guard;

static struct sockaddr_in address(const char *text)
{
	struct sockaddr_in peer = { .sin_family = AF_INET };

	cr_assert_eq(inet_pton(AF_INET, text, &peer.sin_addr), 1);
	return peer;
}

static void write_token(const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	cr_assert(file);
	fputs(text, file);
	fclose(file);
	cr_assert_eq(chmod(path, mode), 0);
}

static int create(const char *proxy, uint32_t requests_s, uint32_t changes_s)
{
	struct guard_options options = { .token_file = path,
		                         .proxy = proxy,
		                         .proxy_header = "X-User",
		                         .names = names,
		                         .name_count = 3,
		                         .requests_s = requests_s,
		                         .changes_s = changes_s };
	struct error error;

	return guard_create(&guard, &options, &error);
}

static void set_up(void)
{
	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/token", folder);
	write_token("0123456789abcdef0123456789abcdef\n", 0600);
}

static void tear_down(void)
{
	guard_free(guard);
	guard = NULL;
	unlink(path);
	rmdir(folder);
}

TestSuite(guard, .init = set_up, .fini = tear_down);

/* A request that may change something, by a page of ours. */
static struct claims claims_of(const struct sockaddr_in *peer)
{
	return (struct claims){ .peer = (const struct sockaddr *)peer,
		                .host = "localhost:8080",
		                .authorization = "Bearer 0123456789abcdef0123456789abcdef",
		                .changes = true };
}

static enum verdict_of_guard ask(const struct claims *claims)
{
	char user[64];

	return guard_ask(guard, claims, user, sizeof(user));
}

Test(guard, takes_the_token_and_nothing_like_it)
{
	static const char *const wrong[] = { "Bearer 0123456789abcdef0123456789abcdeF",
		                             "Bearer 0123456789abcdef0123456789abcde",
		                             "Bearer 0123456789abcdef0123456789abcdef0",
		                             "Bearer ",
		                             "Bearer",
		                             "Basic 0123456789abcdef0123456789abcdef",
		                             "" };
	struct sockaddr_in peer = address("127.0.0.1");
	struct claims claims = claims_of(&peer);
	char user[64];

	cr_assert_eq(create(NULL, 1000, 1000), 0);
	cr_assert_eq(guard_ask(guard, &claims, user, sizeof(user)), GUARD_PASS);
	cr_assert_str_eq(user, "token");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		claims.authorization = wrong[i];
		cr_assert_eq(ask(&claims), GUARD_WRONG_TOKEN, "%s", wrong[i]);
	}
	claims.authorization = NULL;
	cr_assert_eq(ask(&claims), GUARD_NO_TOKEN);
	claims.changes = false;
	cr_assert_eq(guard_ask(guard, &claims, user, sizeof(user)), GUARD_PASS);
	cr_assert_str_eq(user, "");
}

Test(guard, a_token_that_others_may_read_is_none)
{
	static const mode_t modes[] = { 0640, 0604, 0660, 0601, 0777 };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		cr_assert_eq(chmod(path, modes[i]), 0);
		cr_assert_lt(create(NULL, 10, 10), 0, "%o", modes[i]);
	}
	cr_assert_eq(chmod(path, 0400), 0);
	cr_assert_eq(create(NULL, 10, 10), 0);
}

Test(guard, makes_a_token_once)
{
	struct error error;
	struct stat status;
	char first[80] = "", second[80] = "";
	FILE *file;

	cr_assert_eq(unlink(path), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(guard_make_token(path, &error), 0);
		file = fopen(path, "r");
		cr_assert(fgets(i ? second : first, sizeof(first), file));
		fclose(file);
	}
	cr_assert_eq(strlen(first), 65);
	cr_assert_str_eq(first, second);
	cr_assert_eq(stat(path, &status), 0);
	cr_assert_eq(status.st_mode & 0777, 0600);
}

Test(guard, is_called_by_its_own_names_only)
{
	static const char *const ours[] = { "localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]",
		                            "[::1]:80" };
	static const char *const others[] = { "",           "evil.example", "localhost.evil.example",
		                              "[::1]x",     "[::2]",        "127.0.0.1.evil.example",
		                              "localhost.", "xlocalhost" };
	struct sockaddr_in peer = address("127.0.0.1");
	struct claims claims = claims_of(&peer);

	cr_assert_eq(create(NULL, 1000, 1000), 0);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		claims.host = ours[i];
		cr_assert_eq(ask(&claims), GUARD_PASS, "%s", ours[i]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		claims.host = others[i];
		cr_assert_eq(ask(&claims), GUARD_OTHER_NAME, "%s", others[i]);
	}
	claims.host = NULL;
	cr_assert_eq(ask(&claims), GUARD_OTHER_NAME);
}

Test(guard, pages_of_other_sites_change_nothing)
{
	struct sockaddr_in peer = address("127.0.0.1");
	struct claims claims = claims_of(&peer);

	cr_assert_eq(create(NULL, 1000, 1000), 0);
	claims.origin = "http://localhost:8080";
	claims.site = "same-origin";
	cr_assert_eq(ask(&claims), GUARD_PASS);
	claims.site = "cross-site";
	cr_assert_eq(ask(&claims), GUARD_OTHER_SITE);
	claims.site = NULL;
	claims.origin = "http://localhost:8081";
	cr_assert_eq(ask(&claims), GUARD_OTHER_SITE);
	claims.origin = "null";
	cr_assert_eq(ask(&claims), GUARD_OTHER_SITE);
	claims.changes = false;
	cr_assert_eq(ask(&claims), GUARD_PASS);
}

Test(guard, believes_its_proxy_alone)
{
	struct sockaddr_in proxy = address("10.0.0.1"), other = address("10.0.0.2");
	struct claims claims = claims_of(&proxy);
	char user[64];

	cr_assert_eq(create("10.0.0.1", 1000, 1000), 0);
	claims.authorization = NULL;
	claims.asserted = "alice";
	claims.own = "1";
	cr_assert_eq(guard_ask(guard, &claims, user, sizeof(user)), GUARD_PASS);
	cr_assert_str_eq(user, "alice");
	claims.own = NULL;
	cr_assert_eq(ask(&claims), GUARD_OTHER_SITE);
	claims.own = "1";
	claims.asserted = "";
	cr_assert_eq(ask(&claims), GUARD_NO_TOKEN);
	claims.asserted = "alice";
	claims.peer = (const struct sockaddr *)&other;
	cr_assert_eq(ask(&claims), GUARD_NO_TOKEN);
}

Test(guard, haste_of_one_address_is_not_that_of_another)
{
	struct sockaddr_in one = address("10.0.0.1"), two = address("10.0.0.2");
	struct claims hasty = claims_of(&one), calm = claims_of(&two);
	uint32_t passed = 0;

	cr_assert_eq(create(NULL, 100, 2), 0);
	for (int i = 0; i < 100; i++)
		passed += ask(&hasty) == GUARD_PASS;
	cr_assert(passed >= 20 && passed < 40, "%u", passed);
	cr_assert_eq(ask(&calm), GUARD_PASS);
	hasty.changes = false;
	hasty.authorization = NULL;
	cr_assert_eq(ask(&hasty), GUARD_PASS);
}

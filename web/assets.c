/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/assets.h"

#include "core/digest.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* The bytes of a file, as the assembler takes them in; the path is that from the repository's root. */
#define ASSET(symbol, path)                                           \
	__asm__(".section .rodata\n"                                  \
	        ".balign 16\n"                                        \
	        "asset_" #symbol ":\n"                                \
	        ".incbin \"" path "\"\n"                              \
	        "asset_" #symbol "_end:\n"                            \
	        ".byte 0\n"                                           \
	        ".previous\n");                                       \
	extern const char asset_##symbol[] __asm__("asset_" #symbol); \
	extern const char asset_##symbol##_end[] __asm__("asset_" #symbol "_end")

ASSET(index, "web/pages/index.html");
ASSET(style, "web/pages/style.css");
ASSET(app, "web/pages/app.js");
ASSET(api, "web/pages/api.js");
ASSET(parts, "web/pages/parts.js");
ASSET(charts, "web/pages/charts.js");
ASSET(instances, "web/pages/instances.js");
ASSET(hosts, "web/pages/hosts.js");
ASSET(groups, "web/pages/groups.js");
ASSET(runs, "web/pages/runs.js");
ASSET(whatif, "web/pages/what-if.js");
ASSET(icon, "web/pages/icon.svg");
ASSET(openapi, "web/pages/openapi.json");

static const char html[] = "text/html; charset=utf-8", css[] = "text/css; charset=utf-8";
static const char javascript[] = "text/javascript; charset=utf-8", svg[] = "image/svg+xml";
static const char json[] = "application/json";

enum { ETAG_ROOM = 24 };

static struct asset {
	const char *path, *type, *begin, *end;
	char etag[ETAG_ROOM];
} assets[] = {
	{ "/", html, asset_index, asset_index_end, "" },
	{ "/style.css", css, asset_style, asset_style_end, "" },
	{ "/app.js", javascript, asset_app, asset_app_end, "" },
	{ "/api.js", javascript, asset_api, asset_api_end, "" },
	{ "/parts.js", javascript, asset_parts, asset_parts_end, "" },
	{ "/charts.js", javascript, asset_charts, asset_charts_end, "" },
	{ "/instances.js", javascript, asset_instances, asset_instances_end, "" },
	{ "/hosts.js", javascript, asset_hosts, asset_hosts_end, "" },
	{ "/groups.js", javascript, asset_groups, asset_groups_end, "" },
	{ "/runs.js", javascript, asset_runs, asset_runs_end, "" },
	{ "/what-if.js", javascript, asset_whatif, asset_whatif_end, "" },
	{ "/icon.svg", svg, asset_icon, asset_icon_end, "" },
	{ "/openapi.json", json, asset_openapi, asset_openapi_end, "" },
};

enum { ASSETS = sizeof(assets) / sizeof(assets[0]) };

/* What a file is known by: its digest, so that browsers ask only whether it is another. */
static void make_etags(void)
{
	for (size_t i = 0; i < ASSETS; i++) {
		char digest[65];

		digest_sha256(assets[i].begin, (size_t)(assets[i].end - assets[i].begin), digest);
		snprintf(assets[i].etag, ETAG_ROOM, "\"%.16s\"", digest);
	}
}

void asset_answer(const char *path, struct http_reply *ret_reply)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_etags);
	for (size_t i = 0; i < ASSETS; i++) {
		if (strcmp(path, assets[i].path))
			continue;
		*ret_reply = (struct http_reply){ .status = HTTP_OK,
			                          .type = assets[i].type,
			                          .kept = assets[i].begin,
			                          .length = (size_t)(assets[i].end - assets[i].begin),
			                          .etag = assets[i].etag };
		return;
	}
	reply_error(ret_reply, HTTP_NOT_FOUND, "no such path");
}

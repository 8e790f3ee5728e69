/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/backend.h"

static const char *const commands[] = { "stock",
	                                "check",
	                                "start",
	                                "watch",
	                                "limit",
	                                "post-copy",
	                                "cancel",
	                                "look",
	                                "recover",
	                                "resume-source",
	                                "destroy-source",
	                                "destroy-target",
	                                "persist-target",
	                                "undefine-source",
	                                "stop",
	                                "carry",
	                                "boot-target",
	                                "boot-source",
	                                NULL };
static const char *const events[] = { "begin",   "resumed",  "timer",   "abort",    "stock",
	                              "checked", "progress", "stopped", "switched", "returned",
	                              "seen",    "changed",  "lost",    "back",     NULL };
static const char *const sides[] = { "silent",   "absent", "off",       "running", "paused",
	                             "incoming", "sent",   "post-copy", "broken",  NULL };
static const char *const takings[] = { "proven", "stale", "unknown", NULL };

const char *const *const command_words = commands;
const char *const *const event_words = events;
const char *const *const side_words = sides;
const char *const *const taking_words = takings;

_Static_assert(sizeof(commands) / sizeof(commands[0]) == COMMAND_COUNT + 1, "a word a command");
_Static_assert(sizeof(events) / sizeof(events[0]) == EVENT_COUNT + 1, "a word an event");
_Static_assert(sizeof(sides) / sizeof(sides[0]) == SIDE_COUNT + 1, "a word a side");

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* assets: the pages' files, built into the program. */
#ifndef WEB_ASSETS_H
#define WEB_ASSETS_H

#include "web/http.h"

/* Answers with the file of that path; "/" is the page. What is not there is not found. */
void asset_answer(const char *path, struct http_reply *ret_reply);

#endif

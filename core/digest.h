/* SPDX-License-Identifier: GPL-3.0-or-later */
/* digest: SHA-256 of bytes, as text. */
#ifndef CORE_DIGEST_H
#define CORE_DIGEST_H

#include <stddef.h>

/* 64 lower-case hexadecimal digits and a NUL (FIPS 180-4, by nettle). */
void digest_sha256(const void *bytes, size_t length, char ret_hex[65]);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verify_process: asks lockkeeper-verify, a program of its own, whether a plan is proven. */
#ifndef CLI_VERIFY_PROCESS_H
#define CLI_VERIFY_PROCESS_H

#include "core/cluster.h"

/* A document for the verifier: a file, or bytes in memory when path is NULL. */
struct verify_document {
	const char *path;
	const char *bytes;
	size_t length;
};

enum verify_verdict { VERIFY_PROVEN, VERIFY_VIOLATED, VERIFY_UNKNOWN };

struct verify_answer {
	enum verify_verdict verdict;
	uint32_t findings;
	char finding[512]; /* the first in words: "ram, move 3, VM web-0, host compute-1: …"; empty: none */
};

/*
 * Runs the lockkeeper-verify beside this program, else the one in PATH. profile PROFILE_COUNT: the cluster
 * file's. Fails when there is none, or when it cannot read what it is given: that is no verdict. What is in
 * memory is proven as it is, whatever becomes of the file that it was read from.
 */
int verify_process(const struct verify_document *cluster, const struct verify_document *plan,
                   enum profile profile, struct verify_answer *ret_answer, struct error *error);

#endif

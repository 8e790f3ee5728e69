/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fitted: what models/qemu-7.2.json holds, by tools/fitted-constants; not to be edited. */
#ifndef MODELS_FITTED_H
#define MODELS_FITTED_H

/* clang-format off */
#define FITTED_CONSTANTS \
	.setup_ms = 615.5, \
	.setup_crowd = 0.45, \
	.switchover_ms = 0, \
	.stop_ms = 19.31, \
	.wire_efficiency = 0.95339, \
	.sender_bytes_s = 808 * 1048576.0, \
	.socket_bytes = 0.933 * 1048576.0, \
	.socket_s = 10 * 0.001, \
	.window_more_s = 0.506 * 0.001, \
	.firmware_pages = 112.1, \
	.kernel_pages = 51.5, \
	.setup_spread = 0.193279, \
	.rate_spread = 0.0019036, \
	.used_spread = 0.0005, \
	.dirty_spread = 0.0674585, \
	.stop_spread = 0.792979, \
	.share_spread = 0.147457, \
	.window_spread = 0.028
/* clang-format on */

#endif

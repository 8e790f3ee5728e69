/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fitted: what models/qemu-7.2.json holds, by tools/fitted-constants; not to be edited. */
#ifndef MODELS_FITTED_H
#define MODELS_FITTED_H

/* clang-format off */
#define FITTED_CONSTANTS \
	.setup_ms = 555.2, \
	.setup_crowd = 0.45, \
	.switchover_ms = 0, \
	.stop_ms = 17.7, \
	.wire_efficiency = 0.95615, \
	.sender_bytes_s = 1002 * 1048576.0, \
	.socket_bytes = 0.626 * 1048576.0, \
	.socket_s = 10 * 0.001, \
	.window_more_s = 0.2512 * 0.001, \
	.firmware_pages = 41.9, \
	.kernel_pages = 134.4, \
	.setup_spread = 0.177614, \
	.rate_spread = 0.00388571, \
	.used_spread = 0.00118132, \
	.dirty_spread = 0.0451305, \
	.stop_spread = 0.409051, \
	.share_spread = 0.104571, \
	.window_spread = 0.028
/* clang-format on */

#endif

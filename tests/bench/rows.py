# SPDX-License-Identifier: GPL-3.0-or-later
"""One line of the table that `make bench` ends with, as tests/support/row.h has it for programs in C."""
import os
import sys

sys.dont_write_bytecode = True  # nothing is built beside sources


def row(what, value, unit, target, at_least=False, beside=None, ratio=None):
    """beside, ratio: a peer or a bound measured in the same run, and how many times that the value is."""
    reached = value >= target if at_least else value <= target
    verdict, side = "reached" if reached else "NOT reached", ">=" if at_least else "<="
    beside, ratio = beside or "the target", ratio if beside else value / target
    times = f"{ratio:.3g}" if ratio < 1000 else f"{ratio:.0f}"
    figure, wanted = f"{value:.4g} {unit}".strip(), f"{side} {target:.4g} {unit}".strip()
    print(f"{what}: {figure} (target {wanted}: {verdict}), {times} times {beside}", flush=True)
    if os.environ.get("ROWS"):
        with open(os.environ["ROWS"], "a", encoding="utf-8") as file:
            file.write("\t".join([what, figure, wanted, verdict, times, beside]) + "\n")

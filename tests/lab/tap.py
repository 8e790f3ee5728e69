# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the tests of a file, those that its arguments name by their beginnings or all, and reports as TAP.

A failed test in which the kernel of a guest broke is run once more, and says so: the lab's QEMU breaks one
in some hundred migrations (README, "What it cannot do"), and nothing that is tested here does. More than a
few in one file are no bad luck, and fail.
"""
import os
import sys
import time
import traceback

MOST_AGAIN = 3


def run_tests(tests, subject, lab, after_failure=None, after_each=None, words=None):
    """The exit code. tests: functions of `subject`; lab: whose guests are looked at when one has failed.

    after_failure: instead of closing the guests that the test has left. words: how the names of those begin
    that are to run; none: all; None: those of the command line. Of them, LAB_SHARD=2/3 in the environment
    runs the second of every three.
    """
    words = sys.argv[1:] if words is None else words
    chosen = [one for one in tests if not words or any(one.__name__.startswith(word) for word in words)]
    shard, shards = (int(number) for number in os.environ.get("LAB_SHARD", "1/1").split("/"))
    chosen = chosen[shard - 1::shards]
    again, failed = MOST_AGAIN, 0
    print(f"1..{len(chosen)}", flush=True)
    for number, function in enumerate(chosen, 1):
        name, began = function.__name__.replace("_", " "), time.monotonic()
        why, broken = _attempt(function, subject, lab, after_failure, after_each)
        if broken and again:
            again -= 1
            print(f"# NOTE {name}: run once more, the kernel of {', '.join(broken)} broke", flush=True)
            _say(why)
            name += " (once more)"
            why, _ = _attempt(function, subject, lab, after_failure, after_each)
        print(f"{'not ok' if why else 'ok'} {number} - {name}", flush=True)
        if why:
            failed += 1
            _say(why)
        if os.environ.get("LAB_TIMES"):
            print(f"# {time.monotonic() - began:.1f} s", flush=True)
    return 1 if failed else 0


def _say(why):
    print("\n".join("# " + line for line in why.split("\n")), flush=True)


def _attempt(function, subject, lab, after_failure, after_each):
    """(what went wrong, names of the guests that broke), both empty if nothing did; nothing of it is left."""
    before, why, broken = list(lab.guests), "", []
    try:
        function(subject)
    except Exception:  # pylint: disable=broad-except
        why = traceback.format_exc().rstrip()
        broken = [guest.name for guest in lab.guests if guest.has_broken()]
    try:
        if after_each:
            after_each()
        if why and after_failure:
            after_failure()
        elif why:
            for guest in [one for one in lab.guests if one not in before]:
                guest.close()
    except Exception:
        # All that there is to know of the test, as none comes after this.
        _say(why)
        raise
    return why, broken

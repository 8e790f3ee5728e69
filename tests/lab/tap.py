# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the tests of a file, those that its arguments name by their beginnings or all, and reports as TAP.

A failed test in which the kernel of a guest broke is run once more, and its line says so. No test breaks one
on purpose where it counts, and no driver can: the lab's QEMU does, about once in a thousand migrations
(README, "What it cannot do"). More than a few in one file are no bad luck, and fail.
"""
import os
import sys
import time
import traceback

MOST_AGAIN = 3


def run_tests(tests, subject, lab, after_failure=None, after_each=None, words=None):
    """The exit code. tests: functions of `subject`; lab: whose guests are looked at when one has failed.

    words: how the names of those begin that are to run; none: all; None: those of the command line. Of them,
    LAB_SHARD=2/3 in the environment runs the second of every three.
    """
    words = sys.argv[1:] if words is None else words
    chosen = [one for one in tests if not words or any(one.__name__.startswith(word) for word in words)]
    shard, shards = (int(number) for number in os.environ.get("LAB_SHARD", "1/1").split("/"))
    chosen = chosen[shard - 1::shards]
    left, failed = MOST_AGAIN, 0
    print(f"1..{len(chosen)}", flush=True)
    for number, function in enumerate(chosen, 1):
        name, began = function.__name__.replace("_", " "), time.monotonic()
        before = list(lab.guests)
        broken, why = _run_once(function, subject, lab)
        if broken and left:
            left -= 1
            _tidy(lab, before, after_failure, after_each)
            print(f"# {name}: the kernel of {', '.join(broken)} broke; once more. What was seen:")
            _say(why)
            name += " (once more)"
            broken, why = _run_once(function, subject, lab)
        print(f"{'not ok' if why else 'ok'} {number} - {name}", flush=True)
        if why:
            failed += 1
            _say(why)
            _tidy(lab, before, after_failure, None)
        if after_each:
            after_each()
        if os.environ.get("LAB_TIMES"):
            print(f"# {time.monotonic() - began:.1f} s", flush=True)
    return 1 if failed else 0


def _run_once(function, subject, lab):
    """(names of the guests that broke, what went wrong; both empty if nothing did)"""
    try:
        function(subject)
        return [], ""
    except Exception:  # pylint: disable=broad-except
        return [guest.name for guest in lab.guests if guest.has_broken()], traceback.format_exc().rstrip()


def _say(why):
    print("\n".join("# " + line for line in why.split("\n")), flush=True)


def _tidy(lab, before, after_failure, after_each):
    """Guests of the test would be in the way of those of the next one."""
    if after_each:
        after_each()
    if after_failure:
        after_failure()
        return
    for guest in [one for one in lab.guests if one not in before]:
        guest.close()

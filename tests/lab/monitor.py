# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU's own word, beside libvirt, also when libvirtd is gone: where a guest runs, how far its migration is.

For guests with monitor=True. One asks at a time; each question is a connection of its own.
"""
import contextlib
import itertools
import json
import os
import socket
import time

from world import LabError, state_of_process, wait_until

PHASES = ("set-up", "copying", "switch-over", "post-copy", "finish")
# A QEMU that completes a migration holds its big lock while it sends, and answers nothing.
ANSWER_S = 0.5
# One that waits for a page in post-copy may hold it as well, for longer than 5 s on a link of 4 Mbit/s.
SILENT_S = 15
MARKS = itertools.count(1)


def socket_of(host, name):
    return f"{host.folder}/here/{name}.qmp"


def ask(host, name, *commands):
    """The answers to QMP commands, of the guest's QEMU on that host; None: there is none, or it is silent."""
    with contextlib.suppress(OSError, ValueError), socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(ANSWER_S)
        peer.connect(socket_of(host, name))
        stream = peer.makefile("rwb")
        # What an earlier connection did not wait for may come first.
        next_line(stream, lambda line: "QMP" in line)
        return [answer_to(stream, command) for command in ("qmp_capabilities", *commands)][1:]
    return None


def answer_to(stream, command):
    mark = next(MARKS)
    stream.write(json.dumps({"execute": command, "id": mark}).encode() + b"\n")
    stream.flush()
    line = next_line(stream, lambda line: line.get("id") == mark)
    if "return" not in line:
        raise ValueError(f"{command}: {line}")
    return line["return"]


def next_line(stream, wanted):
    while True:
        line = json.loads(stream.readline())
        if wanted(line):
            return line


def states(guest, patience_s=SILENT_S):
    """{host's name: the state that its QEMU of the guest says}; "stopped" as a process, or "silent".

    In post-copy the target's QEMU may wait for a page before it answers: so long it is asked again.
    """
    found = {}
    for host in guest.lab.hosts:
        deadline, answers = time.monotonic() + patience_s, None
        while (letter := state_of_process(host.qemu_pid(guest.name))) not in ("", "T", "Z"):
            answers = ask(host, guest.name, "query-status")
            if answers or time.monotonic() > deadline:
                break
        if letter:
            found[host.name] = "stopped" if letter == "T" else answers[0]["status"] if answers else "silent"
    return found


def runs_on(guest, patience_s=SILENT_S):
    """The hosts whose QEMU lets the guest run. More than one must never be."""
    found = states(guest, patience_s)
    return [host for host in guest.lab.hosts if found.get(host.name) == "running"]


def exists_on(guest):
    """The hosts with a QEMU process of the guest, whatever its state."""
    return [host for host in guest.lab.hosts if host.qemu_pid(guest.name)]


def phase_of(source, name):
    """Which of PHASES a migration of the guest from there is in; None: none, or none any more."""
    pid = source.qemu_pid(name)
    if not pid:
        return None
    if not os.path.exists(socket_of(source, name)):
        raise LabError(f"{name} has no monitor: Guest(…, monitor=True)")
    answers = ask(source, name, "query-migrate", "query-status")
    if answers is None:
        # Stopped by a test, or ended meanwhile, it says nothing either.
        busy = state_of_process(pid) in ("R", "S", "D") and has_target(source, name)
        return "switch-over" if busy else None
    status, running = answers[0].get("status", "none"), answers[1]["status"]
    if status in ("active", "device", "pre-switchover"):
        return "copying" if status == "active" and running != "finish-migrate" else "switch-over"
    if status.startswith("postcopy"):
        return "post-copy"
    if status == "completed" and running in ("postmigrate", "finish-migrate", "paused"):
        return "finish"
    # libvirt's source has no more to show than the other end's process.
    return "set-up" if status != "cancelling" and has_target(source, name) else None


def wait_sent(source, name):
    """Until the source of a post-copy has nothing left to send: what is not there yet is on its way."""
    def is_sent():
        answers = ask(source, name, "query-migrate")
        return answers and answers[0].get("ram", {}).get("remaining") == 0
    wait_until(is_sent, f"{source.name} having sent all of {name}", 60)


def has_target(source, name):
    return any(host.qemu_pid(name) for host in source.lab.hosts if host is not source)

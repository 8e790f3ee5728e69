# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for a phase of a migration, and holds it there, so that a fault can strike in it.

Who started the migration does not matter: QEMU is asked, not libvirt. Phases (monitor.PHASES):

  set-up       the target has a process, and no memory moves yet
  copying      memory is sent while the guest runs at the source
  switch-over  the guest stands still, the rest is sent
  post-copy    it runs at the target, which fetches what it lacks
  finish       all is sent, and libvirt has not yet let the target run
"""
import contextlib
import os
import threading
import time

import libvirt

import faults
from monitor import PHASES, ask, phase_of, runs_on
from world import LabError

# A link so slow that the smallest guest, of which 60 MiB are in use, needs two minutes, and one that writes
# 1 MiB/s never gets through.
HOLD_MBIT = 4
# What was queued for the link goes first: at that speed the switch to post-copy would take ten seconds.
SWITCH_MBIT = 40
# A page that the target waits for comes behind what its source's socket holds: left to itself that is a MiB,
# three seconds a page, and a QEMU that waits for a few of them in a row with its lock held says nothing.
SEND_BUFFER = 65536
NO_LIMIT_MS = 600000


def wait_phase(source, name, phase, timeout_s=30):
    """Returns when the migration of that guest from there is in the phase."""
    deadline, seen = time.monotonic() + timeout_s, None
    while True:
        now = phase_of(source, name)
        if now == phase:
            return
        seen = now or seen
        if time.monotonic() > deadline:
            raise LabError(f"{name}: not {phase} within {timeout_s} s; it was {seen}")
        time.sleep(0.002)


def stall_where_it_answers(proxy, target, name, timeout_s=60):
    """Stalls the stream of a post-copy through the proxy, where the target's QEMU answers.

    One that waits for a page while it holds its lock (an interrupt whose stack has not come) answers nothing
    until the page comes: it can neither be told to break off nor be recovered, by libvirt or by a person.
    """
    def answers():
        time.sleep(0.25)
        return ask(target, name, "query-status")

    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        # What it waits for comes behind all that is on its way: it is not held again before it answers.
        if not answers():
            continue
        proxy.stall()
        if not proxy.stalled.wait(5):
            raise LabError(f"{name}: its stream does not go through the proxy")
        if all(answers() for _ in range(4)):
            return
        proxy.go_on()
    raise LabError(f"{name} cannot be held where its QEMU answers")


def is_qemu(pid):
    try:
        return "qemu" in os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return False


class Hold:
    """Has the next migration of a guest to `target` stop in a phase: made before it begins.

    wait() returns when it is there, and release() lets it go on. How it is held:

      set-up       the target's QEMU is stopped as soon as it exists
      copying      the target's data link is slow; all processes go on
      switch-over  the same, until the allowed downtime is raised; then the target's QEMU is stopped
      post-copy    the same, until post-copy is begun and the target lets the guest run; the link stays slow,
                   and little is on its way ahead of a page that the target asks for
      finish       the target's libvirtd is stopped while memory is sent
    """

    def __init__(self, guest, target, phase):
        if phase not in PHASES:
            raise LabError(f"{phase}: no phase; they are {', '.join(PHASES)}")
        self.guest, self.source, self.target, self.phase = guest, guest.host, target, phase
        self.stopped, self.open, self.error = None, True, None
        self.reached, self.slowed_from = threading.Event(), None
        self.buffer_before = self.source.send_buffer(SEND_BUFFER) if phase == "post-copy" else None
        if phase != "set-up":
            self.slowed_from = target.data.mbit
            target.data.set_speed(SWITCH_MBIT if phase == "post-copy" else HOLD_MBIT)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            {"set-up": self._set_up, "copying": self._copying, "switch-over": self._switch_over,
             "post-copy": self._post_copy, "finish": self._finish}[self.phase]()
        except Exception as wrong:  # pylint: disable=broad-except
            self.error = wrong
        self.reached.set()

    def _stop(self, pid):
        self.stopped = pid
        faults.stop(pid)

    def _set_up(self):
        while self.open:
            pid = self.target.qemu_pid(self.guest.name)
            # Before it is QEMU it is a child of libvirtd's, whose daemon waits for it: nothing that hangs so.
            if pid and is_qemu(pid):
                return self._stop(pid)
            time.sleep(0.002)
        return None

    def _copying(self):
        while self.open and phase_of(self.source, self.guest.name) != "copying":
            time.sleep(0.005)

    def _switch_over(self):
        self._copying()
        if self.open:
            self.source.connection.lookupByName(self.guest.name).migrateSetMaxDowntime(NO_LIMIT_MS, 0)
            wait_phase(self.source, self.guest.name, "switch-over")
            self._stop(self.target.qemu_pid(self.guest.name))

    def _post_copy(self):
        self._copying()
        if self.open:
            # Who started the migration may have gone over to it by now.
            with contextlib.suppress(libvirt.libvirtError):
                self.source.connection.lookupByName(self.guest.name).migrateStartPostCopy(0)
            while self.open and self.target not in runs_on(self.guest, 0):
                time.sleep(0.005)
            self.target.data.set_speed(HOLD_MBIT)
            wait_phase(self.source, self.guest.name, "post-copy")

    def _finish(self):
        self._copying()
        if self.open:
            self._stop(self.target.daemon.pid)
            self._restore()
            wait_phase(self.source, self.guest.name, "finish")

    def _restore(self):
        if self.slowed_from is not None:
            self.target.data.set_speed(self.slowed_from)
            self.slowed_from = None
        if self.buffer_before:
            self.source.send_buffer(self.buffer_before)
            self.buffer_before = None

    def wait(self, timeout_s=30):
        """Returns when it is held in the phase."""
        if not self.reached.wait(timeout_s):
            raise LabError(f"{self.guest.name}: not {self.phase} within {timeout_s} s; "
                           f"it is {phase_of(self.source, self.guest.name)}")
        if self.error:
            raise LabError(f"{self.guest.name} cannot be held in {self.phase}: {self.error}") from self.error
        return self

    def release(self):
        self.open = False
        self.thread.join()
        if self.stopped:
            faults.go_on(self.stopped)
            self.stopped = None
        self._restore()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()

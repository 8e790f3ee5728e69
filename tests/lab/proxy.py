# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands between the two ends of a migration's stream, and breaks it where it is told to."""
import contextlib
import select
import socket
import struct
import threading
import time

PIECE = 65536


class Proxy(threading.Thread):
    """Forwards connections to a host's port; name `uri` as the migration's (migrateuri).

    libvirt has the target listen on the port that the URI names, so it is the same one on both sides. The
    first of these ends it: `reset_at` bytes from the source (a reset to both ends), `stall_at` bytes (all
    stays open, nothing moves any more, until go_on()), `cut_after_s` (a proper end of the connection, as of a
    process that closes it), or stall() and, of the connection that there is then alone, reset(),
    reset_source() and close_stream() at any moment. mib_s slows it down. `buffers`, in bytes, is what may be
    on its way on each side; 0: what the system finds good, which may be many MiB.
    """

    def __init__(self, target, port=49300, reset_at=None, stall_at=None, cut_after_s=None, mib_s=0,
                 buffers=256 << 10):
        super().__init__(daemon=True)
        self.target, self.port, self.mib_s, self.buffers = target, port, mib_s, buffers
        self.reset_at, self.stall_at, self.cut_after_s = reset_at, stall_at, cut_after_s
        self.address = "10.78.0.254" if target.lab.data_network else "10.77.0.254"
        self.uri = f"tcp://{self.address}:{port}"
        self.bytes = self.answered = self.connections = 0
        self.stalled, self.broken, self.open = threading.Event(), threading.Event(), True
        self._order, self._lock = None, threading.Lock()
        self._kept = []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if buffers:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
        self.listener.bind((self.address, port))
        self.listener.listen(16)
        self.start()

    def run(self):
        while self.open:
            if not select.select([self.listener], [], [], 0.1)[0]:
                continue
            source, _ = self.listener.accept()
            target = socket.socket()
            if self.buffers:
                target.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.buffers)
            try:
                target.connect((self.target.data_address, self.port))
            except OSError:
                source.close()
                target.close()
                continue
            self.connections += 1
            threading.Thread(target=self._forward, args=(source, target), daemon=True).start()
        self.listener.close()

    def reset(self):
        self._order = "reset"

    def reset_source(self):
        """The source alone hears of it: to the target the connection is open, and silent."""
        self._order = "reset source"

    def stall(self):
        self._order = "stall"

    def close_stream(self):
        self._order = "cut"

    def go_on(self):
        """After a stall: all moves again."""
        self._order, self.stall_at = None, None
        self.stalled.clear()

    def _due(self, began):
        """What is to be done to the stream now."""
        if self._order:
            return self._order
        if self.reset_at is not None and self.bytes >= self.reset_at:
            return "reset"
        if self.stall_at is not None and self.bytes >= self.stall_at:
            return "stall"
        if self.cut_after_s is not None and time.monotonic() - began >= self.cut_after_s:
            return "cut"
        return None

    def _allowance(self):
        """How many bytes may be read without going past the place where something is to happen."""
        ends = [end for end in (self.reset_at, self.stall_at) if end is not None]
        return max(1, min([PIECE, *(end - self.bytes for end in ends if end > self.bytes)]))

    def _forward(self, source, target):
        began = time.monotonic()
        try:
            while self.open:
                due = self._due(began)
                if due == "stall":
                    self.stalled.set()
                    time.sleep(0.01)
                elif due:
                    if due == "reset source":
                        self._kept.append(target)
                        target = source
                    if due.startswith("reset"):
                        for one in (source, target):
                            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    # Of this connection alone: the next one may come at once.
                    self._order = None
                    self.broken.set()
                    break
                elif not self._move(source, target):
                    break
        except OSError:
            pass
        for one in (source, target):
            one.close()

    def _move(self, source, target):
        """One piece each way; whether the stream goes on."""
        ready, _, _ = select.select([source, target], [], [], 0.02)
        for one in ready:
            data = one.recv(self._allowance() if one is source else PIECE)
            if not data:
                return self._half_closed(one, target if one is source else source)
            (target if one is source else source).sendall(data)
            if one is source:
                with self._lock:
                    self.bytes += len(data)
                if self.mib_s:
                    time.sleep(len(data) / self.mib_s / 1048576)
            else:
                self.answered += len(data)
        return True

    @staticmethod
    def _half_closed(one, other):
        """The end of one direction is the end of that direction: what still comes the other way is passed."""
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)
            while True:
                data = other.recv(PIECE)
                if not data:
                    break
                one.sendall(data)
        return False

    def close(self):
        self.open = False
        self.join()
        for one in self._kept:
            one.close()

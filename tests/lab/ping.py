# SPDX-License-Identifier: GPL-3.0-or-later
"""Pings a guest from outside and tells how long it could not be reached."""
import os
import select
import socket
import struct
import threading
import time

PERIOD_S = 0.010


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


class Ping(threading.Thread):
    """From its start to close(): an echo request each 10 ms. `answers`: [when it was sent, when answered]."""

    count = 0

    def __init__(self, address):
        super().__init__(daemon=True)
        Ping.count += 1
        self.address, self.mark = address, (os.getpid() + Ping.count) & 0xffff
        self.sent, self.answers, self.open = [], [], True
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.socket.bind((address.rpartition(".")[0] + ".254", 0))
        self.start()

    def run(self):
        due = time.monotonic()
        while self.open:
            wait = due - time.monotonic()
            if wait <= 0:
                self._send()
                due = max(due + PERIOD_S, time.monotonic() - PERIOD_S)
            elif select.select([self.socket], [], [], wait)[0]:
                self._receive()
        self.socket.close()

    def _send(self):
        number = len(self.sent) & 0xffff
        head = struct.pack("!BBHHH", 8, 0, 0, self.mark, number)
        head = struct.pack("!BBHHH", 8, 0, checksum(head), self.mark, number)
        self.sent.append(time.monotonic())
        try:
            self.socket.sendto(head, (self.address, 0))
        except OSError:
            pass  # No neighbour answers: unreachable, as any request that is lost.

    def _receive(self):
        now, data = time.monotonic(), self.socket.recv(2048)
        kind, _, _, mark, number = struct.unpack("!BBHHH", data[20:28])
        if kind != 0 or mark != self.mark:
            return
        whole = len(self.sent) - 1
        index = (whole & ~0xffff) | number
        index -= 0x10000 if index > whole else 0
        self.answers.append((self.sent[index], now))

    def wait_answer(self, timeout_s=10):
        """Whether it answers a request of now."""
        since, deadline = time.monotonic(), time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if any(sent >= since for sent, _ in self.answers[-100:]):
                return True
            time.sleep(PERIOD_S)
        return False

    def longest_gap_ms(self, since=0):
        """The longest time in which no answer came, up to now."""
        times = [came for _, came in list(self.answers) if came >= since - 1]
        if not times:
            return float("inf")
        gaps = [b - a for a, b in zip(times, [*times[1:], time.monotonic()]) if b >= since]
        return 1000 * max(gaps, default=0)

    def lost(self):
        return len(self.sent) - len(self.answers)

    def close(self):
        self.open = False
        self.join()

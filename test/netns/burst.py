#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sends bursts through a forwarder to a target that has Linux's default buffer and does not
read for a moment: burst.py LISTEN-PORT TARGET-PORT exits 0 as soon as one has arrived whole
and in order, 1 if none of many does."""

import select
import socket
import sys
import time

TRIES = 60
COUNT = 300  # datagrams, three times what the buffer holds
SIZE = 1200
MOMENT = 0.002  # seconds
SILENCE = 0.1
PATIENCE = 5


def arrived(target):
    """Returns the numbers of what came until it is silent."""
    numbers = []
    while select.select([target], [], [], SILENCE if numbers else PATIENCE)[0]:
        if not numbers:
            time.sleep(MOMENT)
        try:
            while True:
                numbers.append(int.from_bytes(target.recv(SIZE)[:4], "big"))
        except BlockingIOError:
            pass
    return numbers


def main():
    listen, port = int(sys.argv[1]), int(sys.argv[2])
    target = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    target.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 212992 // 2)
    target.bind(("127.0.0.1", port))
    target.setblocking(False)
    app = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    app.connect(("127.0.0.1", listen))
    burst = [i.to_bytes(4, "big") + bytes(SIZE - 4) for i in range(COUNT)]
    for _ in range(TRIES):
        for datagram in burst:
            app.send(datagram)
        numbers = arrived(target)
        print(f"{len(numbers)} of {COUNT}", flush=True)
        if numbers != sorted(numbers):
            return 1
        if len(numbers) == COUNT:
            return 0
    return 1


sys.exit(main())

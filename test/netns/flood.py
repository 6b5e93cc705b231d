#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sends hellos with a wrong MAC to a host: flood.py ADDR PORT RATE SECONDS.

Each is 162 bytes, of the right type and version, and otherwise random; 1 ms's share at a time.
Prints how many were sent."""
import os
import random
import socket
import sys
import time

HELLO, VERSION, SIZE = 0x80 | 17, 1, 162

addr, port, rate, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
seed = int(os.environ.get("EYELET_SEED", str(random.getrandbits(48))))
print(f"seed {seed}", file=sys.stderr)
noise = random.Random(seed)
hellos = [bytes([HELLO, VERSION]) + noise.randbytes(SIZE - 2) for _ in range(256)]
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.connect((addr, port))
began, sent = time.monotonic(), 0
while (now := time.monotonic() - began) < seconds:
    while sent < now * rate:
        out.send(hellos[sent % len(hellos)])
        sent += 1
    time.sleep(0.001)
print(sent)

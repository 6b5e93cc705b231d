#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether each datagram's TOS (DSCP and ECN) arrives, both ways, alone and in bursts.

usage: tostest.py target ADDR PORT
       tostest.py send ADDR PORT single|mixed|gso [TOS...]

The target answers each datagram with the TOS that it arrived with, and gives the answer the
TOS that the datagram asks for. `single` waits for each answer, `mixed` sends bursts in which
every datagram has another TOS, `gso` gives the kernel bursts of one TOS by one UDP_SEGMENT
call and has the target answer in the same way.
"""
import socket
import struct
import sys

UDP_SEGMENT = 103
RUN = 16  # datagrams of a burst
ROUNDS = 20
FORMAT = struct.Struct("!IBBBB")  # number, TOS sent, TOS asked for, TOS seen, last of a run
SIZE = 200
ALL = [0x00, 0x01, 0x02, 0x03, 0x20, 0x28, 0x48, 0x88, 0xB8, 0xB9, 0xBA, 0xBB, 0xC0, 0xE2]


def open_socket(addr):
    family = socket.AF_INET6 if ":" in addr else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    return sock


def send(sock, payload, tos, to, segment=0):
    if sock.family == socket.AF_INET6:
        ancillary = [(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, struct.pack("i", tos))]
    else:
        ancillary = [(socket.IPPROTO_IP, socket.IP_TOS, struct.pack("i", tos))]
    if segment:
        ancillary.append((socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("H", segment)))
    sock.sendmsg([payload], ancillary, 0, *([to] if to else []))


def receive(sock):
    """Returns the payload, the TOS it came with and its sender."""
    data, ancillary, _, sender = sock.recvmsg(65535, 512)
    tos = 0
    for level, kind, value in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, socket.IP_TOS):
            tos = value[0]
        elif (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_TCLASS):
            tos = struct.unpack("i", value)[0]
    return data, tos, sender


def make(number, tos, asked, seen=0, last=0):
    return FORMAT.pack(number, tos, asked, seen, last).ljust(SIZE, b"\0")


def target(addr, port):
    sock = open_socket(addr)
    sock.bind((addr, port))
    print("listening", flush=True)
    run = []
    while True:
        data, seen, sender = receive(sock)
        number, tos, asked, _, last = FORMAT.unpack_from(data)
        answer = make(number, tos, asked, seen, last)
        if last == 0:  # alone
            send(sock, answer, asked, sender)
            continue
        run.append(answer)
        if last == 2:
            send(sock, b"".join(run), asked, sender, SIZE)
            run = []


class Tally:
    """What came back of what was sent."""

    def __init__(self):
        self.sent = self.received = self.wrong_there = self.wrong_back = 0
        self.example = ""

    def take(self, data, tos):
        number, sent, asked, seen, _ = FORMAT.unpack_from(data)
        self.received += 1
        if seen != sent:
            self.wrong_there += 1
            self.example = f"{number}: sent {sent:#x}, the target got {seen:#x}"
        if tos != asked:
            self.wrong_back += 1
            self.example = f"{number}: the target sent {asked:#x}, came back as {tos:#x}"

    def collect(self, sock, count):
        try:
            for _ in range(count):
                data, tos, _ = receive(sock)
                self.take(data, tos)
        except TimeoutError:
            pass


def run_single(sock, tally, values):
    for number, tos in enumerate(values):
        send(sock, make(number, tos, values[-1 - number]), tos, None)
        tally.sent += 1
        tally.collect(sock, 1)


def run_mixed(sock, tally, values):
    for start in range(ROUNDS):
        for number in range(RUN):
            tos = values[(start + number // 3) % len(values)]
            send(sock, make(number, tos, values[(start + number // 2) % len(values)]), tos, None)
        tally.sent += RUN
        tally.collect(sock, RUN)


def run_gso(sock, tally, values):
    for start in range(ROUNDS):
        tos, asked = values[start % len(values)], values[(start + 5) % len(values)]
        run = [make(n, tos, asked, 0, 2 if n == RUN - 1 else 1) for n in range(RUN)]
        send(sock, b"".join(run), tos, None, SIZE)
        tally.sent += RUN
        tally.collect(sock, RUN)


def main():
    if sys.argv[1] == "target":
        target(sys.argv[2], int(sys.argv[3]))
    values = [int(text, 0) for text in sys.argv[5:]] or ALL
    tally = Tally()
    sock = open_socket(sys.argv[2])
    sock.settimeout(2)
    sock.connect((sys.argv[2], int(sys.argv[3])))
    {"single": run_single, "mixed": run_mixed, "gso": run_gso}[sys.argv[4]](sock, tally, values)
    print(f"sent={tally.sent} received={tally.received} wrong_there={tally.wrong_there}"
          f" wrong_back={tally.wrong_back} {tally.example}")
    return tally.received != tally.sent or tally.wrong_there or tally.wrong_back


sys.exit(1 if main() else 0)

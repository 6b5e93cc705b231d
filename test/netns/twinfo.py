#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Asks a Teeworlds 0.7 server for its info, as the game's server browser does: a token first,
then connectionless packets that carry both tokens (src/engine/shared/network.h of Teeworlds).

usage: twinfo.py ADDRESS PORT [QUERIES]; exits 1 unless every query is answered."""

import os
import socket
import sys
import time

CONTROL, CONNLESS = 1, 8  # packet flags, in the upper six bits of the first byte
PACKET_VERSION = 1
TOKEN_NONE = b"\xff\xff\xff\xff"
CTRL_TOKEN = b"\x05"
TOKEN_REQUEST_DATA = 512  # a request is padded, so that it cannot amplify
GET_INFO = b"\xff\xff\xff\xffgie3"
INFO = b"\xff\xff\xff\xffinf3"
WAIT = 2.0  # for one answer, in seconds


class Counters:
    def __init__(self):
        self.sent = self.received = self.bytes_sent = self.bytes_received = 0

    def __str__(self):
        return "sent=%d received=%d bytes_sent=%d bytes_received=%d" % (
            self.sent, self.received, self.bytes_sent, self.bytes_received)


class Query:
    """One socket, as one game client has."""

    def __init__(self, address, port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.connect((address, port))
        self.sock.settimeout(WAIT)
        self.token = os.urandom(4)
        self.counters = Counters()

    def exchange(self, packet):
        """Sends a packet and returns its answer; an ICMP error counts as no answer."""
        deadline = time.monotonic() + WAIT
        self.sock.send(packet)
        self.counters.sent += 1
        self.counters.bytes_sent += len(packet)
        while time.monotonic() < deadline:
            try:
                answer = self.sock.recv(2048)
            except ConnectionRefusedError:
                continue
            self.counters.received += 1
            self.counters.bytes_received += len(answer)
            return answer
        raise socket.timeout

    def server_token(self):
        header = bytes([CONTROL << 2, 0, 0]) + TOKEN_NONE
        body = (CTRL_TOKEN + self.token).ljust(TOKEN_REQUEST_DATA, b"\0")
        answer = self.exchange(header + body)
        if answer[3:8] != self.token + CTRL_TOKEN:
            raise ValueError("not a token: " + answer.hex())
        return answer[8:12]

    def info(self):
        """The server's version, name, host name and map."""
        header = bytes([CONNLESS << 2 | PACKET_VERSION]) + self.server_token() + self.token
        answer = self.exchange(header + GET_INFO + b"\x01")
        if answer[1:5] != self.token or answer[9:17] != INFO:
            raise ValueError("not an info: " + answer.hex())
        return [text.decode(errors="replace") for text in answer[18:].split(b"\0")[:4]]


def main():
    address, port = sys.argv[1], int(sys.argv[2])
    queries = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    query, answered, info = Query(address, port), 0, None
    for _ in range(queries):
        try:
            info = query.info()
            answered += 1
        except (socket.timeout, ValueError) as error:
            print("twinfo: %s" % (str(error) or "no answer"), file=sys.stderr)
    if info:
        print("server version=%s name=%s map=%s" % (info[0], info[1], info[3]))
    print("queries=%d answered=%d %s lost=%d" % (
        queries, answered, query.counters, query.counters.sent - query.counters.received))
    sys.exit(0 if answered == queries else 1)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A name server (RFC 1035) at 127.0.0.1:53. Each line of a file is NAME ADDRESS...; it is
read anew for each question, and other names do not exist.
usage: nameserver.py FILE"""
import ipaddress
import socket
import struct
import sys


def answer(query, path):
    end, labels = 12, []
    while query[end]:
        labels.append(query[end + 1:end + 1 + query[end]].decode())
        end += 1 + query[end]
    kind = struct.unpack_from("!H", query, end + 1)[0]
    name = ".".join(labels).lower()
    with open(path, encoding="ascii") as file:
        zone = {words[0]: words[1:] for words in map(str.split, file) if words}
    wanted = {1: 4, 28: 6}.get(kind)
    found = [ipaddress.ip_address(text) for text in zone.get(name, [])]
    found = [address.packed for address in found if address.version == wanted]
    code = 0x8180 | (0 if name in zone else 3)
    records = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, 0, len(packed)) + packed
                       for packed in found)
    return (query[:2] + struct.pack("!HHHHH", code, 1, len(found), 0, 0) +
            query[12:end + 5] + records)


server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("listening", flush=True)
while True:
    datagram, client = server.recvfrom(512)
    server.sendto(answer(datagram, sys.argv[1]), client)

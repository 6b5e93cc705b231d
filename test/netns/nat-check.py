#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Proves one behaviour of tunnat, by sockets in the namespaces of nat-check.sh: `host` and
`second` inside (192.168.1.2 and .3), `rdv` and `guest` outside.
usage: nat-check.py LAB-ID CASE [ARGUMENT...]; ends with a sentence if it is not so."""

import os
import signal
import socket
import sys
import time

from natcheck import WAIT, open_in, receive, refused, sent_through

OUTER = "198.51.100.2"
RDV = "192.0.2.130"
GUEST = "203.0.113.130"
SO_NO_CHECK = 11
SOCKETS = 40


class Lab:
    def __init__(self, prefix):
        self.prefix = prefix
        self.rdv = self.open("rdv", 6000)
        self.rdv_other = self.open("rdv", 6001)
        self.guest = self.open("guest", 6000)
        self.guest_other = self.open("guest", 6001)
        self.inside = self.open("host", 5000)

    def open(self, node, port=0):
        return open_in(self.prefix + "-" + node, port)

    def mapped(self, sock=None, to=None):
        """The outer endpoint of a socket towards one outside."""
        target = to or self.rdv
        address = RDV if target in (self.rdv, self.rdv_other) else GUEST
        seen = sent_through(sock or self.inside, target, (address, target.getsockname()[1]))
        expect("a datagram arrives", seen is not None, True)
        expect("the outer address", seen[0], OUTER)
        return seen

    def ports(self, node, count):
        """Outer ports of new sockets, in the order in which they send."""
        self.kept = getattr(self, "kept", []) + [self.open(node) for _ in range(count)]
        return [self.mapped(sock)[1] for sock in self.kept[-count:]]


def expect(what, seen, wanted):
    if seen != wanted:
        sys.exit("%s: %s, should be %s" % (what, seen, wanted))


def mapping(lab, depends_on):
    ports = [lab.mapped(to=to)[1] for to in (lab.rdv, lab.rdv_other, lab.guest)]
    kinds = {1: "endpoint", 2: "address", 3: "address-port"}
    expect("the mapping by ports %s" % ports, kinds[len(set(ports))], depends_on)
    expect("the same remote's", lab.mapped()[1], ports[0])
    if depends_on == "address":
        expect("the same address's", ports[1], ports[0])


def filtering(lab, depends_on):
    to = lab.mapped()
    seen = "".join("y" if sent_through(s, lab.inside, to) else "n"
                   for s in (lab.rdv, lab.rdv_other, lab.guest))
    expect("same, other port, other address", seen,
           {"endpoint": "yyy", "address": "yyn", "address-port": "ynn"}[depends_on])


def preserved(lab):
    expect("the port", lab.mapped()[1], 5000)
    other = lab.open("second", 5000)
    expect("another's is its own", lab.mapped(other)[1] == 5000, False)


def sequential(lab, delta):
    ports = lab.ports("host", 8)
    steps = {(b - a) % (65536 - 1024) for a, b in zip(ports, ports[1:])}
    expect("steps of %s" % ports, steps, {int(delta)})


def random(lab):
    ports = lab.ports("host", SOCKETS)
    expect("different ports", len(set(ports)), SOCKETS)
    expect("spread over the range", max(ports) - min(ports) > 30000, True)
    expect("in order", ports == sorted(ports), False)


def blocks(lab, size):
    mine, other = lab.ports("host", SOCKETS), lab.ports("second", SOCKETS)
    for ports in mine, other:
        expect("the block of %s" % ports, {(p - 1024) // int(size) for p in ports},
               {(ports[0] - 1024) // int(size)})
    expect("one block for two", (mine[0] - 1024) // int(size) == (other[0] - 1024) // int(size),
           False)


def exhausted(lab, size):
    lab.ports("host", int(size))
    over = sent_through(lab.open("host"), lab.rdv, (RDV, 6000))
    expect("one socket more than ports", over, None)
    lab.ports("second", 1)


def timeout(lab, refresh):
    """With a timeout of 2 s: silence of 1.2 s twice, with an inbound datagram between."""
    to = lab.mapped()
    time.sleep(1.2)
    expect("an answer after 1.2 s", bool(sent_through(lab.rdv, lab.inside, to)), True)
    time.sleep(1.2)
    expect("an answer after 2.4 s", bool(sent_through(lab.rdv, lab.inside, to)), refresh == "both")


def lifetime(lab):
    """With a lifetime of 2 s, and datagrams both ways all the time."""
    began, first = time.monotonic(), lab.mapped()
    while time.monotonic() < began + 1.2:
        expect("the mapping of a young socket", lab.mapped(), first)
        expect("its answer", bool(sent_through(lab.rdv, lab.inside, first)), True)
    while time.monotonic() < began + 2.05:
        lab.mapped()
    expect("the mapping lives on", lab.mapped() == first, False)
    expect("the old one lives on", bool(sent_through(lab.rdv, lab.inside, first)), False)


def hairpin(lab, on):
    other = lab.open("second", 5001)
    mine, to = lab.mapped(), lab.mapped(other)
    sent_through(other, lab.inside, mine)  # permits the way back
    expect("a hairpinned datagram's source", sent_through(lab.inside, other, to),
           mine if on == "on" else None)


def unsolicited(lab, verdict):
    to = lab.mapped()
    expect("the filter lets in", sent_through(lab.guest, lab.inside, to), None)
    expect("refused by ICMP", refused(lab.prefix + "-guest", (OUTER, 7)), verdict != "drop")
    expect("the port after it came", lab.mapped(to=lab.guest)[1] == to[1], verdict != "poison")
    expect("the port towards others", lab.mapped(to=lab.guest_other)[1], to[1])


def no_checksum(lab):
    to = lab.mapped()
    for sock, target, address in ((lab.inside, lab.rdv, (RDV, 6000)), (lab.rdv, lab.inside, to)):
        sock.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        expect("arrives", bool(sent_through(sock, target, address)), True)


def fails(sock):
    """Whether an ICMP error reaches a connected socket that has sent."""
    sock.settimeout(WAIT * 3)
    try:
        sock.recv(1)
    except ConnectionRefusedError:
        return True
    except socket.timeout:
        pass
    return False


def errors(lab):
    outward = lab.open("host")
    outward.connect((RDV, 7))
    outward.send(b"to a closed port")
    expect("an error comes in", fails(outward), True)
    leaving = lab.open("host")
    to = lab.mapped(leaving)
    leaving.close()
    lab.rdv.connect(to)
    lab.rdv.send(b"to a socket that is gone")
    expect("an error goes out", fails(lab.rdv), True)


def tcp(lab):
    """4 MB there and back, by one thread, piece by piece."""
    listener = tcp_in(lab, "rdv")
    listener.bind((RDV, 80))
    listener.listen()
    client = tcp_in(lab, "host")
    client.settimeout(5)  # to connect
    client.connect((RDV, 80))
    server, address = listener.accept()
    client.settimeout(None)
    expect("the outer address", address[0], OUTER)
    piece = os.urandom(16384)
    for _ in range(256):
        for source, target in ((client, server), (server, client)):
            source.sendall(piece)
            expect("a piece", target.recv(len(piece), socket.MSG_WAITALL) == piece, True)


def tcp_in(lab, node):
    lab.open(node)  # leaves this process in the node
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def switched(lab, on):
    other = lab.open("second", 5001)
    expect("across", bool(sent_through(lab.inside, other, ("192.168.1.3", 5001))), on == "on")


def flush(lab, pid):
    first = lab.mapped()
    os.kill(int(pid), signal.SIGHUP)
    began = time.monotonic()
    while lab.mapped() == first:
        expect("flushed within 3 s", time.monotonic() < began + 3, True)
    expect("an answer to the old mapping", sent_through(lab.rdv, lab.inside, first), None)


CASES = (mapping, filtering, preserved, sequential, random, blocks, exhausted, timeout, lifetime,
         hairpin, unsolicited, no_checksum, errors, tcp, switched, flush)

if __name__ == "__main__":
    {case.__name__: case for case in CASES}[sys.argv[2]](Lab(sys.argv[1]), *sys.argv[3:])

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures what a NAT of the lab does, from a socket in the namespace behind it and sockets
in two namespaces with public addresses; prints one line of name=value."""

import ctypes
import os
import select
import socket
import sys

CLONE_NEWNET = 0x40000000
IP_RECVERR = 11
WAIT = 0.3  # how long nothing must come to count as filtered, in seconds


def open_in(namespace, port, address="0.0.0.0"):
    """A UDP socket in a namespace; it stays there whatever the process does next."""
    fd = os.open("/run/netns/" + namespace, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) != 0:
        sys.exit("natcheck: setns: " + os.strerror(ctypes.get_errno()))
    os.close(fd)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    return sock


def receive(sock, wait=WAIT):
    """The sender of the next datagram, or None."""
    if not select.select([sock], [], [], wait)[0]:
        return None
    try:
        return sock.recvfrom(2048)[1]
    except ConnectionRefusedError:
        return None


def sent_through(source, target, to):
    """The address under which a datagram arrives, or None."""
    source.sendto(b"x", to)
    return receive(target)


def yes(value):
    return "yes" if value else "no"


def refused(namespace, to):
    """Whether an unsolicited datagram earns an ICMP port unreachable."""
    sock = open_in(namespace, 0)
    sock.connect(to)
    sock.send(b"x")
    sock.settimeout(WAIT)
    try:
        sock.recv(1)
    except ConnectionRefusedError:
        return True
    except socket.timeout:
        pass
    return False


def expire(sock, ttl, to):
    """Sends a datagram of this TTL and waits for its end: the router that tells of it."""
    sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
    sock.sendto(b"x", to)
    if not select.select([sock], [], [], WAIT * 3)[0]:
        return "none"
    ancillary = sock.recvmsg(100, 500, socket.MSG_ERRQUEUE)[1]
    # struct sock_extended_err, then the offender's struct sockaddr_in
    return socket.inet_ntoa(ancillary[0][2][20:24]) if ancillary else "none"


def hop(namespace, ttl, to):
    """The router at which a datagram of this TTL ends."""
    return expire(open_in(namespace, 0), ttl, to)


def main():
    prefix, rdv_address, other_address = sys.argv[1:4]
    inside = open_in(prefix + "-host", 5000)
    rdv = open_in(prefix + "-rdv", 6000)
    rdv_other_port = open_in(prefix + "-rdv", 6001)
    other = open_in(prefix + "-guest", 6000)
    punched = open_in(prefix + "-guest", 6002)
    result = {}

    mapped = sent_through(inside, rdv, (rdv_address, 6000))
    if mapped is None:
        sys.exit("natcheck: nothing arrives at all")
    result["reply"] = yes(sent_through(rdv, inside, mapped))
    result["other_port"] = yes(sent_through(rdv_other_port, inside, mapped))
    result["other_address"] = yes(sent_through(other, inside, mapped))
    again = sent_through(inside, other, (other_address, 6000))
    result["mapping"] = "same" if again == mapped else "other"
    expire(inside, 2, (other_address, 6002))
    result["ttl_2_punches"] = yes(sent_through(punched, inside, mapped))
    result["refuses"] = yes(refused(prefix + "-guest", (mapped[0], 7)))
    result["hops"] = ",".join(hop(prefix + "-host", ttl, (other_address, 9)) for ttl in (1, 2, 3, 4))
    print(" ".join("%s=%s" % item for item in result.items()))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs mosh-client in a terminal, types a command into the remote shell and waits for what it
prints.

usage: MOSH_KEY=... moshtype.py ADDRESS PORT"""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

DEADLINE = 20.0  # for the whole conversation, in seconds
# The sum stands only in the answer, so that the echo of the typed line cannot be taken for it.
COMMAND = b"echo the answer is $((6 * 7 * 1000))\r"
ANSWER = re.compile(rb"the answer is 42000")
READY = b"ready$"  # the prompt given by apps.sh


def read_until(fd, wanted, deadline):
    """Reads the screen's updates until `wanted` says that they hold what is waited for."""
    screen = b""
    while time.monotonic() < deadline:
        if not select.select([fd], [], [], 0.1)[0]:
            continue
        try:
            screen += os.read(fd, 65536)
        except OSError:
            break
        if wanted(screen):
            return screen
    sys.exit("moshtype: waited in vain; the screen got %r" % screen[-500:])


def main():
    deadline = time.monotonic() + DEADLINE
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.environ.update(TERM="xterm", LANG="C.UTF-8", MOSH_PREDICTION_DISPLAY="never")
        os.execvp("mosh-client", ["mosh-client", sys.argv[1], sys.argv[2]])
    read_until(fd, lambda screen: READY in screen, deadline)
    started = time.monotonic()
    os.write(fd, COMMAND)
    read_until(fd, ANSWER.search, deadline)
    print("answered_ms=%d" % ((time.monotonic() - started) * 1000))
    os.write(fd, b"exit\r")
    read_until(fd, lambda screen: b"[mosh is exiting.]" in screen, deadline)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    main()

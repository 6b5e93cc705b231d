# SPDX-License-Identifier: MIT
"""Types at an interactive shell in a terminal of its own that runs `connect ... -- COMMAND`,
and wants signals and job control to work as if the command were there alone.

usage: jobcontrol.py EYELET LISTEN TICKET; exit code 0, or 1 with what was missing on stderr."""

import os
import pty
import re
import select
import sys
import time

COUNTER = (
    "trap 'echo caught-int' INT; echo ready-$((40+2)); n=0; "
    "while [ $n -lt 400 ]; do sleep 0.05; n=$((n+1)); [ -e {end} ] && exit 5; done"
)


class Terminal:
    def __init__(self):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.environ.update(PS1="prompt-$ ", TERM="dumb", LC_ALL="C")
            os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
        self.seen = ""
        self.want(r"prompt-\$ ")

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, seconds):
        if select.select([self.fd], [], [], seconds)[0]:
            self.seen += os.read(self.fd, 65536).decode(errors="replace")

    def want(self, pattern, seconds=10):
        """Waits for it, and forgets all up to its end."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            left = deadline - time.monotonic()
            if left <= 0:
                sys.exit(f"no /{pattern}/ within {seconds} s: ...{self.seen[-300:]!r}")
            self.read(left)
        self.seen = self.seen[found.end():]
        return found

    def dislike(self, pattern, seconds):
        """Fails if it comes within that time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.read(left)
        if re.search(pattern, self.seen):
            sys.exit(f"unwanted /{pattern}/: {self.seen[-300:]!r}")


def main():
    eyelet, listen, ticket = sys.argv[1:]
    end = f"/tmp/eyelet-jobcontrol.{os.getpid()}"
    t = Terminal()
    try:
        connect = f"{eyelet} connect {listen} {ticket} -- "

        # Ctrl-C is the command's alone, and comes once.
        t.type(connect + "bash -c \"" + COUNTER.replace("{end}", end).replace("$", "\\$") + "\"\n")
        t.want(r"ready-42")
        t.type("\x03")
        t.want(r"caught-int")
        t.dislike(r"caught-int|prompt", 0.5)

        # Ctrl-Z stops both; fg lets both go on.
        t.type("\x1a")
        t.want(r"Stopped")
        t.want(r"prompt-\$ ")
        t.type("fg\n")
        t.dislike(r"Stopped|prompt", 0.7)
        open(end, "w").close()
        t.want(r"prompt-\$ ")
        t.type("echo code-$?\n")
        t.want(r"code-5\b")

        # A command that stops by itself gives the shell back, and goes on with fg.
        t.type(connect + "bash -c 'kill -STOP $$; echo went-on; exit 6'\n")
        t.want(r"Stopped")
        t.want(r"prompt-\$ ")
        t.type("fg\n")
        t.want(r"went-on")
        t.want(r"prompt-\$ ")
        t.type("echo code-$?\n")
        t.want(r"code-6\b")

        # In the background it may not read the terminal: the job is stopped for it.
        t.type(connect + "cat &\n")
        t.want(r"connected directly", 10)
        time.sleep(0.5)
        t.type("\n")
        t.want(r"Stopped")
        t.type("fg\n")
        t.want(r"-- cat")
        time.sleep(0.3)  # until the terminal is the job's
        t.type("to the command\n")
        t.want(r"to the command\r?\nto the command", 5)
        t.type("\x04")
        t.want(r"prompt-\$ ")
        t.type("echo code-$?\n")
        t.want(r"code-0\b")

        # A shell as the command has job control of its own, and leaves the terminal to us even
        # when it is killed; terminal modes are as before.
        t.type(connect + "bash -c 'stty -echo -icanon; set -m; sleep 0.2; kill -KILL $$'\n")
        t.want(r"Killed")
        t.want(r"prompt-\$ ")
        t.type("stty -a; echo code-$?\n")
        t.want(r"[^-]icanon")
        t.want(r"code-0\b")
        t.type("exit\n")
    finally:
        if os.path.exists(end):
            os.unlink(end)


main()

"""Processes on a terminal of their own."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios


class Terminal:
    """A process whose standard error is a terminal, and its standard output too unless it is a file."""

    def __init__(self, argv, columns=100, output=None, cwd=None, **environment):
        self.main, terminal = pty.openpty()
        self.resize(columns)
        known = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            argv,
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=output or terminal,
            stderr=terminal,
            env={**known, "TERM": "xterm-256color", **environment},
            text=True,
        )
        os.close(terminal)
        self.shown = ""

    def resize(self, columns):
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def send(self, *lines):
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()

    def read_until(self, text):
        """Read what the terminal shows, until a text is there; return what came since the last one."""
        begin = len(self.shown)
        while text not in self.shown[begin:]:
            ready, _, _ = select.select([self.main], [], [], 60)
            assert ready, f"no {text!r} in {self.shown!r}"
            self.shown += os.read(self.main, 65536).decode()
        return self.shown[begin:]

    def end(self, code=0):
        """Let the process end, with an exit code as a shell tells it, and return all that the terminal showed."""
        self.process.stdin.close()
        try:
            while True:
                self.shown += os.read(self.main, 65536).decode()
        except OSError:
            # what Linux says when the other side is closed
            pass
        status = self.process.wait(60)
        # in its last moments, Python leaves signals to the system
        assert (128 - status if status < 0 else status) == code, self.shown
        os.close(self.main)
        return self.shown

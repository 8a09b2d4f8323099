"""Processes on a terminal of their own."""

import codecs
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
        # where that ends which read_until has returned
        self._end = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def resize(self, columns):
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def send(self, *lines):
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()

    def read_until(self, text):
        """Read what the terminal shows, until a text is there; return what came since the last one, and the text."""
        begin = self._end
        while (found := self.shown.find(text, begin)) < 0:
            ready, _, _ = select.select([self.main], [], [], 60)
            assert ready, f"no {text!r} in {self.shown[begin:]!r}"
            self._read()
        self._end = found + len(text)
        return self.shown[begin : self._end]

    def _read(self):
        # it may end within a character
        self.shown += self._decoder.decode(os.read(self.main, 65536))

    def end(self, code=0):
        """Let the process end, with an exit code as a shell tells it, and return all that the terminal showed."""
        self.process.stdin.close()
        try:
            while True:
                self._read()
        except OSError:
            # what Linux says when the other side is closed
            pass
        status = self.process.wait(60)
        # in its last moments, Python leaves signals to the system
        assert (128 - status if status < 0 else status) == code, self.shown
        os.close(self.main)
        return self.shown

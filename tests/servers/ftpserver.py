"""pyftpdlib's FTP server: ``-m servers.ftpserver DIRECTORY PORT USER PASSWORD KIND``, until it is stopped."""

import os
import sys
import time
from pathlib import Path
from stat import S_ISDIR

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer
from servers.tls import certificate


class ListingHandler(FTPHandler):
    """Knows no MLST and no MLSD, and leaves hidden files out of a LIST without ``-a``, as vsftpd does."""

    proto_cmds = {name: facts for name, facts in FTPHandler.proto_cmds.items() if name not in ("MLST", "MLSD")}
    asked = ""

    def pre_process_command(self, line, cmd, arg):
        self.asked = arg
        super().pre_process_command(line, cmd, arg)


class HidingFS(AbstractedFS):
    def listdir(self, path):
        names = super().listdir(path)
        return names if self.cmd_channel.asked.startswith("-a") else [name for name in names if name[0] != "."]


class WindowsHandler(ListingHandler):
    """Lists as IIS does, and takes ``-a`` for a name."""

    def ftp_LIST(self, path):  # noqa: N802
        if self.asked.startswith("-"):
            self.respond("550 The system cannot find the file specified.")
            return None
        return super().ftp_LIST(path)


class WindowsFS(AbstractedFS):
    def format_list(self, basedir, listing, ignore_err=True):
        for name in listing:
            found = os.stat(os.path.join(basedir, name))
            modified = time.strftime("%m-%d-%y  %I:%M%p", time.gmtime(found.st_mtime))
            size = "       <DIR>         " if S_ISDIR(found.st_mode) else f"{found.st_size:>21}"
            yield f"{modified}{size} {name}\r\n".encode("utf-8", "surrogateescape")


class NarrowHandler(FTPHandler):
    """Knows no UTF-8."""

    encoding = "latin-1"


class SecureHandler(TLS_FTPHandler):
    """Takes nothing that is not encrypted."""

    tls_control_required = tls_data_required = True


class FailingHandler(FTPHandler):
    use_sendfile = False


class FailingFS(AbstractedFS):
    """Its disk fails behind the first part of each file."""

    def open(self, filename, mode):
        file = super().open(filename, mode)
        if "r" in mode:
            file.read = self.read_once(file.read)
        return file

    @staticmethod
    def read_once(read):
        parts = iter([read])
        return lambda size: next(parts, fail)(size)


def fail(size):
    raise OSError("the disk failed")


KINDS = {
    "facts": (FTPHandler, AbstractedFS),
    "failing": (FailingHandler, FailingFS),
    "narrow": (NarrowHandler, AbstractedFS),
    "secure": (SecureHandler, AbstractedFS),
    "unix": (ListingHandler, HidingFS),
    "windows": (WindowsHandler, WindowsFS),
}

if __name__ == "__main__":
    directory, port, user, password, kind = sys.argv[1:]
    handler, filesystem = KINDS[kind]
    if kind == "secure":
        handler.certfile = str(certificate(Path(directory).parent, "localhost").whole)
    handler.abstracted_fs = filesystem
    handler.auth_failed_timeout = 0.1
    handler.authorizer = DummyAuthorizer()
    handler.authorizer.add_user(user, password, directory, perm="elradfmwMT")
    FTPServer(("127.0.0.1", int(port)), handler).serve_forever()

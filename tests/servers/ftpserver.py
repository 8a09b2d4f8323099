"""pyftpdlib's FTP server: ``python ftpserver.py DIRECTORY PORT USER PASSWORD`` runs until it is stopped."""

import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

if __name__ == "__main__":
    directory, port, user, password = sys.argv[1:]
    FTPHandler.auth_failed_timeout = 0.1
    FTPHandler.authorizer = DummyAuthorizer()
    FTPHandler.authorizer.add_user(user, password, directory, perm="elradfmwMT")
    FTPServer(("127.0.0.1", int(port)), FTPHandler).serve_forever()

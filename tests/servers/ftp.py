"""An FTP server for the tests: ``python ftp.py DIRECTORY`` prints its port and runs until it is stopped."""

import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

USER, PASSWORD = "user", "s3cret"

if __name__ == "__main__":
    FTPHandler.auth_failed_timeout = 0.1
    FTPHandler.authorizer = DummyAuthorizer()
    FTPHandler.authorizer.add_user(USER, PASSWORD, sys.argv[1], perm="elradfmwMT")
    server = FTPServer(("127.0.0.1", 0), FTPHandler)
    print(server.address[1], flush=True)
    server.serve_forever()

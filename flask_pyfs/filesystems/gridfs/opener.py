"""``gridfs://`` for ``fs.open_fs``."""

from __future__ import annotations

from urllib.parse import quote

from fs.opener import Opener
from fs.opener.errors import OpenerError
from fs.opener.parse import ParseResult

from .client import check_url
from .filesystem import GridFS


class GridFSOpener(Opener):
    """Opens ``gridfs://user:password@host:port/database/bucket?replicaSet=…`` as a :class:`GridFS`.

    There may be several hosts, separated by commas. The bucket is ``fs`` where none is named. The parameters are the
    driver's.
    """

    protocols = ["gridfs"]

    def open_fs(self, fs_url: str, parse_result: ParseResult, writeable: bool, create: bool, cwd: str) -> GridFS:
        hosts, _, place = parse_result.resource.partition("/")
        database, _, bucket = place.strip("/").partition("/")
        if not hosts or not database:
            raise OpenerError("a URL of GridFS is gridfs://host/database/bucket")
        user = ""
        if parse_result.username:
            user = f"{quote(parse_result.username, safe='')}:{quote(parse_result.password or '', safe='')}@"
        # one parameter may be there several times
        parameters = fs_url.partition("?")[2].partition("!")[0]
        url = f"mongodb://{user}{hosts}/{quote(database, safe='')}?{parameters}"
        if problem := check_url(url, database):
            # without the URL, which may hold a password
            raise OpenerError(f"a URL of GridFS is gridfs://host/database/bucket: {problem}")
        timeout = {name.lower(): value for name, value in parse_result.params.items()}.get("timeoutms", "30000")
        if not timeout.isdecimal() or not int(timeout):
            raise OpenerError("timeoutMS must be a whole number of milliseconds")
        return GridFS(url, database, bucket or "fs", timeout=int(timeout) / 1000)

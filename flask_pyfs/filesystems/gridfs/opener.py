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

    Several hosts are separated by commas. The default bucket is ``fs``. The parameters are the options of the
    connection string, as PyMongo defines them.
    """

    protocols: list[str] = ["gridfs"]

    def open_fs(self, fs_url: str, parse_result: ParseResult, writeable: bool, create: bool, cwd: str) -> GridFS:
        hosts, _, place = parse_result.resource.partition("/")
        database, _, bucket = place.strip("/").partition("/")
        if not hosts or not database:
            raise OpenerError("the URL must have the form gridfs://host/database/bucket")
        user = ""
        if parse_result.username:
            user = f"{quote(parse_result.username, safe='')}:{quote(parse_result.password or '', safe='')}@"
        # not parse_result.params, because a parameter may occur several times
        parameters = fs_url.partition("?")[2].partition("!")[0]
        url = f"mongodb://{user}{hosts}/{quote(database, safe='')}?{parameters}"
        if problem := check_url(url, database):
            # without the URL, which may contain a password
            raise OpenerError(f"the URL must have the form gridfs://host/database/bucket: {problem}")
        timeout = {name.lower(): value for name, value in parse_result.params.items()}.get("timeoutms", "30000")
        if not timeout.isdecimal() or not int(timeout):
            raise OpenerError("timeoutMS must be a whole number of milliseconds, and not 0")
        return GridFS(url, database, bucket or "fs", timeout=int(timeout) / 1000)

"""Places for the files of storages, on every backend."""

import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

from servers.s3 import s3_from_environment

# packages of the drivers have the names of these directories
sys.path += [str(Path(__file__).parent / name) for name in ("s3", "swift")]

from buckets import new_bucket
from containers import new_container


@contextmanager
def make_place(kind, request):
    """Make a place for files; the block has the settings of a storage there."""
    backend, _, server = kind.partition("-")
    with ExitStack() as stack:
        settings = {"BACKEND": backend}
        if backend == "pyfs":
            settings["OPEN_URL"] = "temp://"
        elif backend == "s3":
            endpoint = s3_from_environment() or request.getfixturevalue(f"{server}_endpoint")
            settings |= {
                "ENDPOINT": endpoint.url,
                "ACCESS_KEY": endpoint.access_key,
                "SECRET_KEY": endpoint.secret_key,
                "REGION": endpoint.region,
                "ADDRESSING_STYLE": endpoint.addressing_style,
                "BUCKET": stack.enter_context(new_bucket(endpoint)),
            }
        elif backend == "gridfs":
            url, empty_database = request.getfixturevalue("empty_databases")
            settings |= {"MONGO_URL": url, "MONGO_DB": stack.enter_context(empty_database())}
        elif backend == "swift":
            place = request.getfixturevalue("swift_place")
            settings |= {
                "AUTHURL": place.auth_url,
                "USER": place.user,
                "KEY": place.key,
                "AUTH_VERSION": "1",
                "CONTAINER": stack.enter_context(new_container(place)),
            }
        yield settings

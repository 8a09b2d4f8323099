"""OpenStack Swift for the tests: one device, four servers and the S3 interface, without root or memcached."""

from __future__ import annotations

import errno
import os
import pwd
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers.process import HOST, Process, ServerError, on_free_ports, started

STORAGE_SERVERS = ("account", "container", "object")
DEVICE = "device"
ENVIRONMENT = "FLASK_PYFS_SWIFT_"
USER, KEY, REGION = "test:tester", "testing", "us-east-1"
# not an owner of the account, so this user needs rights on a container
GUEST = "test:guest"
# how many objects its S3 interface lists at once
S3_PAGE = 100

# what was imported stays until the end, and the data do not: nobody waits for the disk
START_SERVER = """
import gc, os, sys
from swift.{module}.server import main
gc.freeze()
os.fsync = os.fdatasync = lambda file: None
sys.exit(main())
"""

# the rings that swift-ring-builder makes for one device; run in the one server that needs them at its start
MAKE_RINGS = """
from array import array
from swift.common.ring import RingData
PART_POWER = 4
for server, port in {ports!r}.items():
    place = dict(id=0, region=1, zone=1, ip={host!r}, port=port, device={device!r}, weight=1.0)
    RingData([array("H", [0] * 2**PART_POWER)], [place], 32 - PART_POWER).save(f"{directory}/{{server}}.ring.gz")
"""

SWIFT_CONF = """
[swift-hash]
swift_hash_path_prefix = prefix
swift_hash_path_suffix = suffix
[storage-policy:0]
name = default
default = yes
"""

# Long timeouts, and no error limit: the tests stop servers and run on slow machines, and an object whose container
# update times out would never appear in a listing.
DEFAULT_CONF = """
[DEFAULT]
bind_ip = {host}
bind_port = {port}
bind_timeout = 2
workers = 0
user = {user}
swift_dir = {directory}
devices = {directory}
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
log_level = WARNING
log_file = {log}
log_custom_handlers = localcache.log_to_file
conn_timeout = 20
node_timeout = 60
container_update_timeout = 60
"""

STORAGE_CONF = """
[pipeline:main]
pipeline = {server}-server
[app:{server}-server]
use = egg:swift#{server}
log_requests = false
network_chunk_size = 1048576
disk_chunk_size = 1048576
"""

PROXY_CONF = """
[pipeline:main]
pipeline = {pipeline} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
client_chunk_size = 1048576
object_chunk_size = 1048576
allow_account_management = true
error_suppression_limit = 1000000000
conn_timeout = 20
node_timeout = 60
[filter:localcache]
paste.filter_factory = localcache:filter_factory
"""

PROXY_FILTERS: dict[str, dict[str, str]] = {
    "catch_errors": {},
    "healthcheck": {},
    "listing_formats": {},
    "bulk": {},
    "tempurl": {},
    "formpost": {},
    # few, so that few objects fill a page
    "s3api": {"location": REGION, "max_bucket_listing": f"{S3_PAGE}"},
    "tempauth": {f"user_{USER.replace(':', '_')}": f"{KEY} .admin", f"user_{GUEST.replace(':', '_')}": KEY},
    "copy": {},
    "slo": {},
    "dlo": {},
    "versioned_writes": {"allow_versioned_writes": "true", "allow_object_versioning": "true"},
    "symlink": {},
}


@dataclass(frozen=True)
class Swift:
    """A running Swift; ``pids`` has the process ids of its servers: account, container, object, proxy."""

    port: int
    pids: Mapping[str, int]
    user: str = USER
    key: str = KEY

    @property
    def auth_url(self) -> str:
        return f"http://{HOST}:{self.port}/auth/v1.0"

    @property
    def place(self) -> SwiftPlace:
        return SwiftPlace(self.auth_url, self.user, self.key)


@dataclass(frozen=True)
class SwiftPlace:
    """The address of a Swift with authentication version 1, and the credentials of a user."""

    auth_url: str
    user: str
    key: str


def swift_from_environment(environ: Mapping[str, str] = os.environ) -> SwiftPlace | None:
    """Return the server that ``FLASK_PYFS_SWIFT_AUTHURL``, ``…_USER`` and ``…_KEY`` name, or None if not set."""
    if not environ.get(f"{ENVIRONMENT}AUTHURL"):
        return None
    return SwiftPlace(*(environ[ENVIRONMENT + name] for name in ("AUTHURL", "USER", "KEY")))


def openstack_swift(directory: Path) -> AbstractContextManager[Swift]:
    """Run Swift with its configuration, data and logs in ``directory``."""
    _check_attributes(directory)
    return on_free_ports(4, lambda ports: _swift(directory, *ports))


@contextmanager
def _swift(directory: Path, proxy_port: int, *storage_ports: int) -> Iterator[Swift]:
    ports = dict(zip(STORAGE_SERVERS, storage_ports, strict=True))
    (directory / DEVICE).mkdir(exist_ok=True)
    (directory / "swift.conf").write_text(SWIFT_CONF)
    with ExitStack() as stack:
        servers = {
            server: stack.enter_context(_server(directory, server, port, STORAGE_CONF.format(server=server)))
            for server, port in ports.items()
        }
        make_rings = MAKE_RINGS.format(ports=ports, host=HOST, device=DEVICE, directory=directory)
        servers["proxy"] = stack.enter_context(_server(directory, "proxy", proxy_port, _proxy_conf(), make_rings))
        for process in servers.values():
            process.wait_until_it_answers()
        yield Swift(proxy_port, {server: process.pid for server, process in servers.items()})


def _server(
    directory: Path, server: str, port: int, conf_text: str, prepare: str = ""
) -> AbstractContextManager[Process]:
    log = directory / f"{server}.log"
    conf = directory / f"{server}-server.conf"
    user = pwd.getpwuid(os.geteuid()).pw_name
    default = DEFAULT_CONF.format(host=HOST, port=port, user=user, directory=directory, log=log)
    conf.write_text(default + conf_text)
    # the configuration refers to the module localcache
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    start = START_SERVER.format(module="obj" if server == "object" else server)
    return started([sys.executable, "-c", prepare + start, str(conf)], port, log, env)


def _proxy_conf() -> str:
    # after catch_errors and healthcheck, before the filters that use the cache
    names = list(PROXY_FILTERS)
    conf = PROXY_CONF.format(pipeline=" ".join([*names[:2], "localcache", *names[2:]]))
    for name, settings in PROXY_FILTERS.items():
        conf += f"[filter:{name}]\nuse = egg:swift#{name}\n"
        conf += "".join(f"{key} = {value}\n" for key, value in settings.items())
    return conf


def _check_attributes(directory: Path) -> None:
    try:
        os.setxattr(directory, "user.swift.test", b"")
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        raise ServerError(
            f"Swift stores metadata in user extended attributes, which the filesystem of {directory} does not support. "
            "Run pytest with --basetemp=DIRECTORY on one that does: ext4, xfs, btrfs, tmpfs since Linux 6.6."
        ) from error

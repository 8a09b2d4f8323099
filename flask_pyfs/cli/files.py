"""Lists, shows and removes files."""

from __future__ import annotations

import shlex
import sys
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any

import click
from flask import current_app

from .. import names
from ..backends.contract import Entry, UploadURL
from ..errors import FileNotFound, FSError
from ..state import find
from ..storage import Storage
from ..web.urls import knows_host
from .commands import command, json_option
from .durations import DURATION
from .exits import Failure, Failures
from .listed import below, file_at, listed, require_directory
from .output import Output
from .places import FILE, Place
from .sizes import counted, size_text

# how many names of a storage are known at once while all of it is removed
_MANY = 1000


@command()
@click.argument("place", type=FILE, metavar="STORAGE:[NAME]")
@click.option("-l", "long", is_flag=True, help="Show sizes in bytes, and times in UTC.")
@click.option("-R", "--recursive", is_flag=True, help="List all files below a directory.")
@json_option
def ls(place: Place, long: bool, recursive: bool, as_json: bool) -> None:
    """List a file, or what is in a directory.

    Names are those in the storage. Those of directories end with a slash. If a file and a directory have one name,
    a slash at the end means the directory.

    \b
    Examples:
        flask fs ls photos:
        flask fs ls -l -R photos:2026/
    """
    out = Output(as_json)
    for name, entry in listed(place, recursive=recursive):
        line = f"{_columns(entry)}  {name}" if long else name
        where = {"storage": place.storage_name, "name": name}
        if entry is None:
            out.result(line, **where, type="directory")
        else:
            facts = {"size": entry.size, "modified": entry.modified, "content_type": entry.content_type}
            out.result(line, **where, type="file", **facts)


def _columns(entry: Entry | None) -> str:
    size = "-" if entry is None else str(entry.size)
    modified = entry.modified if entry is not None else None
    return f"{size:>12}  {_shown(modified):<20}"


def _shown(time: datetime | None) -> str:
    return "-" if time is None else f"{time.astimezone(timezone.utc):%Y-%m-%d %H:%M:%SZ}"


@command()
@click.argument("place", type=FILE, metavar="STORAGE:[NAME]")
@click.option("-h", "--human-readable", is_flag=True, help="Show the size in KiB, MiB…")
@json_option
def du(place: Place, human_readable: bool, as_json: bool) -> None:
    """Show how many bytes and files are in a storage or a directory.

    The files are listed once, and not read.

    \b
    Example:
        flask fs du -h photos:2026/
    """
    size = files = 0
    entry = file_at(place)
    for each in below(place) if entry is None else [entry]:
        size += each.size
        files += 1
    if not files:
        require_directory(place)
    shown = size_text(size) if human_readable else counted(size, "byte")
    line = f"{shown} in {counted(files, 'file')}"
    Output(as_json).result(line, storage=place.storage_name, name=place.name, size=size, files=files)


@command()
@click.argument("places", type=FILE, metavar="STORAGE:NAME…", nargs=-1, required=True)
def cat(places: tuple[Place, ...]) -> int:
    """Write the content of files to standard output.

    \b
    Example:
        flask fs cat backups:2026.sql.gz | gunzip | psql
    """
    out, failures = sys.stdout.buffer, Failures()
    for place in places:
        try:
            for chunk in place.storage.read_chunks(_file_name(place)):
                out.write(chunk)
        except FileNotFound as error:
            failures.add(_no_file(place) if _is_directory(place) else error)
        except (FSError, Failure) as error:
            failures.add(error)
    out.flush()
    return failures.code


def _file_name(place: Place) -> str:
    if place.is_directory:
        raise _no_file(place)
    return place.name


def _no_file(place: Place) -> Failure:
    return Failure(f"{str(place)!r} is a directory, not a file")


def _is_directory(place: Place) -> bool:
    try:
        require_directory(place)
    except FileNotFound:
        return False
    return True


@command()
@click.argument("places", type=FILE, metavar="STORAGE:NAME…", nargs=-1, required=True)
@click.option("-r", "--recursive", is_flag=True, help="Remove directories with all that is below them.")
@click.option("-f", "--force", is_flag=True, help="A missing file is no error.")
@click.option("--dry-run", is_flag=True, help="Only show which files would be removed.")
@click.option("--yes", is_flag=True, help="Really remove all files of a storage.")
@json_option
def rm(places: tuple[Place, ...], recursive: bool, force: bool, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Remove files. There is no question, and no way back.

    A directory is removed only with -r, and all files of a storage only with -r and --yes.

    \b
    Examples:
        flask fs rm photos:2026/a.jpg
        flask fs rm -r --dry-run photos:2025/
    """
    out = Output(as_json)
    failures = Failures(out)
    for place in places:
        if not place.name and not (recursive and (yes or dry_run)):
            raise click.UsageError(f"{str(place)!r} is a whole storage: to remove all of its files, pass -r and --yes")
    for place in places:
        try:
            if dry_run:
                _show(place, out, recursive)
            else:
                _remove(place, recursive)
                if as_json:
                    out.result("", storage=place.storage_name, name=place.name, removed=True)
        except FileNotFound as error:
            if not force:
                failures.add(error, storage=place.storage_name, name=place.name)
        except (FSError, Failure) as error:
            failures.add(error, storage=place.storage_name, name=place.name)
    return failures.code


def _show(place: Place, out: Output, recursive: bool) -> None:
    if not recursive and file_at(place) is None:
        require_directory(place)
        raise _needs_r(place)
    for name, _ in listed(place, recursive=True):
        out.result(name, storage=place.storage_name, name=name, removed=False)


def _remove(place: Place, recursive: bool) -> None:
    storage, directory = place.storage, place.name.rstrip("/")
    if not directory:
        _remove_all(storage)
    elif not recursive:
        if not (not place.is_directory and _remove_file(storage, place.name)):
            require_directory(place)
            raise _needs_r(place)
    else:
        if file_at(place) is None:
            require_directory(place)
            if place.is_directory and storage.exists(directory):
                raise Failure(
                    f"there is a file {directory!r} too: 'rm -r {place.storage_name}:{directory}' removes both"
                )
        storage.delete(directory)


def _remove_file(storage: Storage, name: str) -> bool:
    """Remove a file alone, in each spelling in which it would be read. Return whether there was one."""
    removed = False
    while True:
        try:
            version = storage.version(name)
            if version is None:
                storage.delete(name)
            # what another writer made of it meanwhile is removed too
            elif not storage.delete_version(name, version):
                continue
        except FileNotFound:
            return removed
        removed = True
        if names.is_plain(name):
            return removed


def _remove_all(storage: Storage) -> None:
    operations, last = find(storage).operations, set[str]()
    while found := {name.rstrip("/") or name for name, _ in islice(operations.level(), _MANY)}:
        if found == last:
            raise Failure(f"storage {storage.name!r} still has {min(found)!r}, and perhaps more")
        for name in sorted(found):
            storage.delete(name)
        last = found


def _needs_r(place: Place) -> Failure:
    return Failure(f"{str(place)!r} is a directory: pass -r to remove all files below it")


@command()
@click.argument("place", type=FILE, metavar="STORAGE:NAME")
@click.option(
    "--expires", type=DURATION, metavar="TIME", help="Sign the URL for this time, such as 90 (seconds) or 1h."
)
@click.option("--upload", is_flag=True, help="Show the request that uploads the file, valid for 1h by default.")
@click.option("--external", is_flag=True, help="Fail if the URL would be a path without a host.")
@click.option("--download", metavar="NAME", help="Let browsers save the file, under this name.")
@json_option
def url(
    place: Place, expires: timedelta | None, upload: bool, external: bool, download: str | None, as_json: bool
) -> None:
    """Show the URL of a file. The file need not exist.

    URLs of the app itself have a host only if SERVER_NAME is set.

    \b
    Examples:
        flask fs url --expires 1h photos:2026/a.jpg
        flask fs url --upload photos:2026/b.jpg
    """
    if upload and download is not None:
        raise click.UsageError("--upload and --download exclude each other")
    out, storage, name = Output(as_json), place.storage, place.name
    external = external or knows_host(current_app._get_current_object())  # type: ignore[attr-defined]
    request: dict[str, Any] = {}
    try:
        if upload:
            wanted = storage.upload_url(
                _file_name(place), expires=expires or timedelta(hours=1), unique=False, external=external
            )
            name, found, shown = wanted.name, wanted.url, _as_curl(wanted)
            request = {"method": wanted.method, "fields": wanted.fields, "headers": wanted.headers}
            if wanted.confirm_url is not None:
                request |= {"token": wanted.token, "confirm_url": wanted.confirm_url}
        else:
            found = shown = storage.url(name, external, expires=expires, download=download or False)
    except (RuntimeError, ValueError) as error:
        if isinstance(error, FSError):
            raise
        # of Flask, and of what the store cannot sign
        raise Failure(str(error)) from error
    if "://" not in found:
        out.note("This is a path: set SERVER_NAME to get URLs with a host.")
    out.result(shown, storage=storage.name, name=name, url=found, **request)


def _as_curl(upload: UploadURL) -> str:
    """Return the command that makes a request to upload a file from the current directory, and confirms it."""
    file = upload.name.rpartition("/")[2]
    parts = ["curl", "--fail"]
    for name, value in upload.headers.items():
        parts += ["-H", f"{name}: {value}"]
    if upload.method == "POST":
        for name, value in upload.fields.items():
            parts += ["--form-string", f"{name}={value}"]
        escaped = file.replace("\\", "\\\\").replace('"', '\\"')
        parts += ["-F", f'file=@"{escaped}"']
    else:
        parts += ["-X", upload.method, "-T", f"./{file}"]
    sent = shlex.join([*parts, upload.url])
    if upload.confirm_url is None:
        return sent
    return f"{sent} && {shlex.join(['curl', '--fail', '-X', 'POST', upload.confirm_url])}"

"""Type checkers accept what the documentation assigns to fields, and know what is read."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import flask_pyfs

# what a checker must say: after "# says" for the type that it reveals, after "# error" for what it refuses
APP = """
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flask_pyfs as fs
import mongoengine
from flask_pyfs.mongo import FileField, ImageField
from flask_pyfs.sqlalchemy import (
    FileReference,
    FileReferences,
    FileType,
    ImageReference,
    ImageType,
    MappedReference,
    MappedReferences,
    file_column,
)
from flask import request
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column
from werkzeug.datastructures import FileStorage

papers = fs.Storage("papers", fs.DOCUMENTS)


class Base(DeclarativeBase):
    pass


class WithAvatar:
    avatar = file_column(ImageType(papers, thumbnails=[50]))

    def small(self) -> str | None:
        return self.avatar(50)


class User(WithAvatar, Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    cv = file_column(FileType(papers, upload_to="cv"), nullable=False)
    letters = file_column(FileType(papers, multiple=True))
    photos = file_column(ImageType(papers, thumbnails=[50], multiple=True))
    others: Mapped[FileReferences[ImageReference]] = mapped_column(ImageType(papers, multiple=True), nullable=True)


class Record(MappedAsDataclass, Base):
    __tablename__ = "records"
    id: Mapped[int] = mapped_column(primary_key=True)
    cv: MappedReference[FileReference] = file_column(FileType(papers), default=None)
    letters: MappedReferences[FileReference] = file_column(FileType(papers, multiple=True), default=None)


class Deed(FileType):
    pass


class Member(mongoengine.Document):
    cv = FileField(fs=papers)
    avatar = ImageField(fs=papers, thumbnails=[50])


def assign(user: User, member: Member, document: Mapping[str, Any], upload: FileStorage) -> None:
    user.cv = "name"
    user.cv = None
    user.cv = {"filename": "name"}
    user.cv = document
    user.cv = user.avatar
    user.cv = papers.save("content", "name")
    user.avatar = user.cv
    user.avatar = None
    user.cv = upload
    user.avatar = request.files["avatar"]
    user.cv = open("cv.pdf", "rb")
    user.cv = open("cv.txt")  # error
    user.cv = 5  # error
    member.cv = "name"
    member.cv = None
    member.cv = {"filename": "name"}
    member.cv = papers.save("content", "name")
    member.avatar = user.avatar
    member.cv = upload
    member.avatar = open("cv.pdf", "rb")
    member.cv = 5  # error
    Record(id=1, cv="name")
    Record(id=2)
    Record(id=2, cv=upload)
    Record(id=2, cv=5)  # error
    Record(id=2, letters=["name"])
    Record(id=2, letters=5)  # error


def assign_lists(user: User, upload: FileStorage) -> None:
    user.letters = [upload, "name", {"filename": "name"}, user.cv]
    user.letters = [upload]
    user.letters = user.photos
    user.letters = None
    user.letters += ["name", upload]
    user.letters.append(upload)
    user.letters[0] = "name"
    user.letters[:0] = [upload]
    user.letters = 5  # error
    user.letters = upload  # error
    user.letters = user.cv  # error
    user.letters.append(5)  # error
    user.cv = ["name"]  # error


def read(user: User, member: Member) -> None:
    reveal_type(user.cv)  # says FileReference
    reveal_type(user.avatar)  # says ImageReference
    reveal_type(user.avatar.width)  # says int | None
    reveal_type(user.cv.size)  # says int | None
    reveal_type(user.avatar(50, expires=60))  # says str | None
    reveal_type(Record(id=1).cv)  # says FileReference
    reveal_type(member.cv)  # says FileReference
    reveal_type(member.avatar)  # says ImageReference
    reveal_type(Member.avatar)  # says ImageField
    reveal_type(user.cv.read())  # says bytes
    reveal_type(user.letters)  # says FileReferences[FileReference]
    reveal_type(user.letters[0])  # says FileReference
    reveal_type(user.letters[1:])  # says list[FileReference]
    reveal_type(user.photos)  # says FileReferences[ImageReference]
    reveal_type([photo(50) for photo in user.photos])  # says list[str | None]
    reveal_type(user.others)  # says FileReferences[ImageReference]
    reveal_type(Record(id=1).letters)  # says FileReferences[FileReference]
    reveal_type(Deed(papers))  # says Deed
    select(User).where(User.letters.is_(None), User.photos[0]["filename"].as_string() == "name")
    select(User).where(User.cv == "name", User.avatar.in_(["a", "b"]), User.cv.is_(None))
"""


# mongoengine has no types
SETTINGS = """
[mypy]
strict = True
disallow_subclassing_any = False
follow_imports = silent
cache_dir = cache

[mypy-mongoengine.*]
ignore_missing_imports = True
"""


@pytest.mark.slow
def test_an_app(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    # beside the package, the checker finds nothing but what is installed
    environment = os.environ | {"MYPYPATH": str(Path(flask_pyfs.__file__).parents[1])}
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    command = [sys.executable, "-m", "mypy", "--no-color-output", "app.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    said = dict[int, str]()
    for line, text in re.findall(r"^app\.py:(\d+): (.*)$", done.stdout, re.MULTILINE):
        # notes follow an error
        said.setdefault(int(line), text)
    for number, line in enumerate(APP.split("\n"), 1):
        code, _, expected = line.partition("  # ")
        found = re.sub(r"[\w.]+\.", "", said.pop(number, ""))
        if expected.startswith("says "):
            assert found == f'note: Revealed type is "{expected.removeprefix("says ")}"', line
        elif expected == "error":
            assert found.startswith("error: "), line
        else:
            assert not found, code
    assert not {line: text for line, text in said.items() if not text.startswith("note")}, done.stdout + done.stderr

"""After any sequence of changes to an image, the files are those that the database names, with the right content."""

import contextlib
import copy
import io
import itertools
import pickle
from typing import Any

import flask
import mongoengine
import pytest
import sqlalchemy
from databases import sqlite
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from mongoengine.errors import ValidationError
from PIL import Image
from savepoints import Savepoints
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import flask_pyfs as fs
from flask_pyfs.mongo import ImageField, undoing
from flask_pyfs.sqlalchemy import ImageReference, ImageType

files = fs.Storage("files", fs.ALL)
FULL, SMALL = (64, 48), (32, 24)
OPTIONS: dict[str, Any] = {"max_size": 32, "thumbnails": [8]}
NUMBERS = itertools.count(1)


class Kept(mongoengine.Document):
    label = mongoengine.StringField(max_length=5)
    image = ImageField(fs=files, **OPTIONS)


class Removed(mongoengine.Document):
    label = mongoengine.StringField(max_length=5)
    image = ImageField(fs=files, remove_files=True, **OPTIONS)


class Base(DeclarativeBase):
    pass


class KeptRow(Base):
    __tablename__ = "kept"
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str | None]
    image: Mapped[ImageReference] = mapped_column(ImageType(files, remove_files=False, **OPTIONS), nullable=True)


class RemovedRow(Base):
    __tablename__ = "removed"
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str | None]
    image: Mapped[ImageReference] = mapped_column(ImageType(files, **OPTIONS), nullable=True)


def names_in(document):
    """Return the names of the files in a document or row of the database."""
    if not document:
        return set()
    return {document["filename"], *document.get("thumbnails", {}).values()} | {document.get("original")} - {None}


def base_of(name):
    """Return the base of the upload that a file was made of."""
    return name.removesuffix(".png").partition("-")[0]


class Images(RuleBasedStateMachine):
    """Changes one image.

    ``colours`` has the colour of each upload by the base of its name, ``replaced`` the bases whose files the app
    replaced under their names, ``abandoned`` those of images that were rendered and neither saved nor loaded again,
    ``named`` all names that the database ever had, and ``stray`` the files that may be left over because nothing is
    known of them any more.
    """

    removes: bool

    def __init__(self):
        super().__init__()
        app = flask.Flask("tests")
        app.config["FILES_FS_BACKEND"] = "memory"
        fs.init_app(app, files)
        self.colours: dict[str, Any] = {}
        self.replaced, self.abandoned = set[str](), set[str]()
        self.named, self.stray = set[str](), set[str]()
        self.is_settled = True

    def upload(self, base):
        number = next(NUMBERS)
        self.colours[base] = (number % 251, number % 13 * 10, number % 7 * 20)
        file = io.BytesIO()
        Image.new("RGB", FULL, self.colours[base]).save(file, "PNG")
        file.seek(0)
        return file

    def image(self):
        """Return the reference in memory."""
        raise NotImplementedError

    def set_image(self, value):
        raise NotImplementedError

    def document(self):
        """Return the document in the database."""
        raise NotImplementedError

    def store(self):
        base = f"n{next(NUMBERS)}"
        self.image().save(self.upload(base), f"{base}.png")

    def store_again(self):
        if filename := self.image().filename:
            base = base_of(filename)
            self.replaced.add(base)
            self.image().save(self.upload(base), filename, overwrite=True)

    def name(self):
        base = f"n{next(NUMBERS)}"
        files.write(f"{base}.png", self.upload(base))
        # nobody has saved it yet, so nobody removes it
        self.stray.add(f"{base}.png")
        self.set_image(f"{base}.png")

    def clear(self):
        self.set_image(None)

    def render(self):
        self.image().rerender()

    CHANGES = ("store", "store_again", "name", "clear", "render")

    @rule(change=st.sampled_from(CHANGES))
    def change(self, change):
        getattr(self, change)()
        self.is_settled = False

    def size_of(self, name):
        """Return the size of a stored image, which must have its colour unless the app replaced one of its files."""
        with files.open(name, "rb") as file, Image.open(file) as image:
            middle: Any = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
            assert middle == self.colours[base_of(name)] or base_of(name) in self.replaced
            return image.size

    def settle(self, is_saved):
        """Check the files when memory and database agree."""
        self.is_settled = True
        document = self.document()
        stored = set(files.list_files())
        self.named |= names_in(document)
        assert names_in(document) == set(self.image().filenames)
        for name in names_in(document):
            base, size = base_of(name), self.size_of(name)
            is_original = name == document.get("original", document["filename"])
            if is_original and base in self.abandoned - self.replaced:
                assert FULL in {self.size_of(found) for found in stored if base_of(found) == base}
            elif is_original and base not in self.replaced:
                assert size == FULL
            elif name == document["filename"]:
                assert size == SMALL
        if not self.removes:
            assert stored >= self.named
        elif is_saved:
            assert stored <= names_in(document) | self.stray

    @invariant()
    def named_files_are_there(self):
        document = self.document()
        stored = set(files.list_files())
        assert stored >= names_in(document) | set(self.image().filenames)


class Documents(Images):
    document_class: Any

    def __init__(self):
        super().__init__()
        self.document_class._get_collection().delete_many({})
        self.doc = self.document_class(label="").save()

    def image(self):
        return self.doc.image

    def set_image(self, value):
        self.doc.image = value

    def document(self):
        found = self.document_class._get_collection().find_one({"_id": self.doc.pk})
        return found and found.get("image")

    def unknown(self):
        """Note that another instance knows nothing of what this one has stored or dropped."""
        self.stray |= set(files.list_files()) - names_in(self.document())
        if not self.is_settled:
            # nobody puts back what was rendered, but it is there
            self.abandoned |= {base_of(name) for name in names_in(self.document())}

    @rule()
    def save(self):
        self.doc.save()
        self.settle(is_saved=True)

    @rule()
    def save_and_fail(self):
        self.doc.label = "too long"
        with pytest.raises(ValidationError):
            self.doc.save()
        self.doc.label = ""

    @rule(fields=st.sampled_from([[], ["image"], ["label"]]))
    def reload(self, fields=()):
        self.doc.reload(*fields)
        if fields != ["label"]:
            self.settle(is_saved=False)

    @rule()
    def modify(self):
        self.doc.modify(set__label="new")
        self.settle(is_saved=False)

    @rule()
    def modify_image(self):
        base = f"n{next(NUMBERS)}"
        files.write(f"{base}.png", self.upload(base))
        # the field does not notice what another gets or loses
        self.stray |= set(files.list_files())
        self.doc.modify(set__image=f"{base}.png")
        self.settle(is_saved=False)

    @rule(way=st.sampled_from([copy.copy, copy.deepcopy, lambda doc: pickle.loads(pickle.dumps(doc))]))
    def go_on_with_a_copy(self, way=copy.deepcopy):
        self.unknown()
        self.doc = way(self.doc)

    @rule()
    def go_on_with_a_copy_that_was_saved(self):
        self.unknown()
        other = copy.copy(self.doc)
        other.save()
        self.doc.reload()
        self.settle(is_saved=False)

    @rule(change=st.sampled_from(["store", "name", "clear"]))
    def another_instance_saves(self, change):
        self.stray |= set(files.list_files())
        mine, self.doc = self.doc, self.document_class.objects.get(pk=self.doc.pk)
        getattr(self, change)()
        self.doc.save()
        self.named |= names_in(self.document())
        self.stray |= set(files.list_files())
        self.doc = mine
        self.doc.reload()
        self.settle(is_saved=False)

    @rule(steps=st.lists(st.sampled_from([*Images.CHANGES, "save", "reload", "save_and_fail"]), max_size=4))
    def undo(self, steps=("render", "save", "store_again")):
        before, is_settled = self.doc.image.snapshot(), self.is_settled
        with contextlib.suppress(ZeroDivisionError), undoing(self.doc):
            for step in steps:
                getattr(self, step)()
                if step in ("save", "reload"):
                    before, is_settled = self.doc.image.snapshot(), True
            raise ZeroDivisionError
        after = self.doc.image.snapshot()
        assert {**after, "versions": None} == {**before, "versions": None}
        self.is_settled = is_settled
        if is_settled:
            self.settle(is_saved=False)

    @rule()
    def delete(self):
        self.doc.delete()
        if self.removes:
            assert set(files.list_files()) <= self.stray
        self.doc = self.document_class(label="").save()
        self.is_settled = True


class KeptDocuments(Documents):
    document_class, removes = Kept, False


class RemovedDocuments(Documents):
    document_class, removes = Removed, True


class Rows(Savepoints, Images):
    row_class: Any

    def __init__(self):
        super().__init__()
        self.engine = sqlite(poolclass=sqlalchemy.StaticPool)
        Base.metadata.create_all(self.engine)
        self.session = Session(self.engine)
        self.row = self.row_class(id=1)
        self.session.add(self.row)
        self.session.commit()
        self.committed = None

    def teardown(self):
        self.session.close()
        self.engine.dispose()

    def image(self):
        return self.row.image

    def set_image(self, value):
        self.row.image = value

    def document(self):
        # the other connection is the same, so this is what was committed
        return self.committed

    def end(self, is_committed):
        self.savepoints.clear()
        if is_committed:
            with Session(self.engine) as session:
                found = session.scalars(select(self.row_class.image)).one()
                self.committed = found.to_document()
        self.row = self.session.get(self.row_class, 1)
        self.settle(is_saved=True)

    @rule()
    def flush(self):
        self.session.flush()

    @rule()
    def commit(self):
        self.session.commit()
        self.end(is_committed=True)

    @rule()
    def roll_back(self):
        self.session.rollback()
        self.end(is_committed=False)

    @rule()
    def close(self):
        self.session.close()
        self.end(is_committed=False)

    @rule()
    def commit_and_fail(self):
        self.session.flush()
        self.session.add(self.row_class(id=2, label=1j))
        with pytest.raises(sqlalchemy.exc.StatementError):
            self.session.commit()
        self.session.rollback()
        self.end(is_committed=False)

    @rule(how=st.sampled_from(["refresh", "expire"]))
    def discard(self, how="refresh"):
        with self.session.no_autoflush:
            getattr(self.session, how)(self.row)

    @rule()
    def assign_a_copy(self):
        self.row.image = copy.deepcopy(self.row.image)

    @precondition(lambda self: not self.savepoints)
    @rule()
    def merge_a_pickle(self):
        self.session.flush()
        assert self.row.image is not None
        pickled = pickle.dumps(self.row)
        self.session.expunge(self.row)
        self.row = self.session.merge(pickle.loads(pickled))

    @precondition(lambda self: not self.savepoints)
    @rule()
    def replace_the_row(self):
        self.session.delete(self.row)
        self.session.flush()
        self.row = self.row_class(id=1)
        self.session.add(self.row)
        self.session.flush()


class KeptRows(Rows):
    row_class, removes = KeptRow, False


class RemovedRows(Rows):
    row_class, removes = RemovedRow, True


def orders(machine, steps, save, discard, soak):
    """Do orders of a few steps to an image that was named and saved, and discard what is not saved.

    Of the two machines of a database, each does every other order of two steps, or, with --soak, all of three.
    """
    for order in itertools.product(steps, repeat=3 if soak else 2):
        if not soak and sum(map(steps.index, order)) % 2 == machine.removes:
            continue
        images = machine()
        try:
            for step in ("name", save, *order, discard):
                images.change(step) if step in Images.CHANGES else getattr(images, step)()
                images.named_files_are_there()
        except BaseException:
            print("the order that failed:", order)
            raise
        finally:
            images.teardown()


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("machine", [KeptDocuments, RemovedDocuments])
def test_short_orders_of_documents(mongoengine_database, machine, soak):
    others = ("save", "save_and_fail", "reload", "modify", "go_on_with_a_copy", "undo")
    orders(machine, Images.CHANGES + others, "save", "reload", soak)


@pytest.mark.slow
@pytest.mark.parametrize("machine", [KeptRows, RemovedRows])
def test_short_orders_of_rows(machine, soak):
    others = ("flush", "commit", "roll_back", "discard", "assign_a_copy", "merge_a_pickle", "replace_the_row")
    orders(machine, Images.CHANGES + others, "commit", "roll_back", soak)


def run(machine, soak):
    size = settings(max_examples=200 if soak else 8, stateful_step_count=25, deadline=None, derandomize=not soak)
    run_state_machine_as_test(machine, settings=size)


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("machine", [KeptDocuments, RemovedDocuments])
def test_the_images_of_documents(mongoengine_database, machine, soak):
    run(machine, soak)


@pytest.mark.slow
@pytest.mark.parametrize("machine", [KeptRows, RemovedRows])
def test_the_images_of_rows(machine, soak):
    run(machine, soak)

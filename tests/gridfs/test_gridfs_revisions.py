"""Several documents of one name, as drivers make them: the newest is the file, and where it goes, all of them go."""

import io
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from bson import Binary, ObjectId
from drivers import CHUNK, LARGE, contents, one_server, put_by_bucket, put_by_gridfs, with_slash
from fs import errors

from flask_pyfs import FileExists, FileNotFound
from flask_pyfs.filesystems.gridfs import GridFS

pytestmark = [one_server, pytest.mark.usefixtures("no_orphans")]

REVISED = {"a": b"newest", "ab.txt": b"ab.txt", "foo/1": b"foo/1", "foo/1.txt": b"foo/1.txt", "foo/10": b"foo/10"}


def redate(database, identifier, date):
    # the driver sets the date itself
    assert database["files.files"].update_one({"_id": identifier}, {"$set": {"uploadDate": date}}).matched_count == 1


@pytest.fixture
def revise(bare):
    """Put a revision of a file into the bucket by the driver, dated so many seconds from now."""

    def revise(filename, content, seconds=0, **described):
        date = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        redate(bare, put_by_gridfs(bare, filename, content, **described), date)

    return revise


@pytest.fixture
def revised(revise):
    """Several revisions of some names, the newest of ``a`` put first."""
    revise("a", b"newest", -10)
    revise("a", b"oldest", -30)
    revise("a", LARGE, -20)
    for name in list(REVISED)[1:]:
        revise(name, b"old", -20)
        revise(name, name.encode(), -10)


def test_the_newest_is_the_file(storage, gridfs, app, revised):
    assert sorted(storage.list_files()) == sorted(REVISED)
    assert {name: storage.read(name) for name in REVISED} == REVISED
    assert contents(gridfs) == with_slash(REVISED)
    assert {info.name: info.size for info in gridfs.scandir("foo", ["details"])} == {"1": 5, "1.txt": 9, "10": 6}
    assert gridfs.listdir("/") == ["a", "ab.txt", "foo"]
    assert storage.metadata("a")["size"] == 6
    with storage.open("a") as file:
        assert file.read() == "newest"
    with app.test_client() as web, web.get("/files/a") as response:
        assert response.data == b"newest"


def test_refuse_to_overwrite_revisions(storage, names, revised):
    before = names()
    for call in (
        lambda: storage.write("a", b"new"),
        lambda: storage.write("a", LARGE),
        lambda: storage.open("a", "x").close(),
        lambda: storage.copy("ab.txt", "a"),
        lambda: storage.move("ab.txt", "a"),
    ):
        with pytest.raises(FileExists):
            call()
    assert storage.read("a") == b"newest"
    assert names() == before


def test_overwrite_revisions(storage, names, revised):
    before = names()
    storage.write("a", LARGE, overwrite=True)
    assert storage.read("a") == LARGE
    assert names() == {**before, "a": 1}


def test_append_to_revisions(storage, names, revise):
    revise("thing", b"old", -10)
    revise("thing", b"newest", content_type="application/vnd.thing")
    with storage.open("thing", "a") as file:
        file.write(" and more")
    assert storage.read("thing") == b"newest and more"
    assert storage.metadata("thing")["mime"] == "application/vnd.thing"
    assert names() == {"thing": 1}


@pytest.mark.parametrize("name", ["a", "foo/1"])
def test_delete_revisions(storage, names, revised, name):
    before = names()
    storage.delete(name)
    assert not storage.exists(name)
    assert names() == {other: count for other, count in before.items() if other != name}


def test_remove_revisions(gridfs, names, revised):
    gridfs.remove("foo/1")
    assert gridfs.listdir("foo") == ["1.txt", "10"]
    gridfs.removetree("foo")
    assert names() == {"a": 3, "ab.txt": 2}


def test_copy_revisions(storage, names, revised):
    storage.copy("a", "b")
    storage.copy("a", "foo/1", overwrite=True)
    assert storage.read("b") == storage.read("foo/1") == b"newest"
    assert names() == {"a": 3, "b": 1, "ab.txt": 2, "foo/1": 1, "foo/1.txt": 2, "foo/10": 2}


@pytest.mark.parametrize("overwrite", [False, True])
def test_move_revisions(storage, names, revised, overwrite):
    storage.move("a", "b", overwrite=overwrite)
    assert storage.read("b") == b"newest"
    assert names() == {"b": 1, "ab.txt": 2, "foo/1": 2, "foo/1.txt": 2, "foo/10": 2}


def test_move_revisions_over_others(storage, names, revised, revise):
    revise("b", b"newer than what replaces it", -5)
    revise("b", b"older", -50)
    storage.move("a", "b", overwrite=True)
    assert storage.read("b") == b"newest"
    assert (names()["a"], names()["b"]) == (0, 1)


def test_move_a_directory_of_revisions(gridfs, names, revised):
    gridfs.movedir("foo", "bar", create=True)
    assert contents(gridfs, "/bar") == {f"/bar/{name[4:]}": REVISED[name] for name in REVISED if name[:4] == "foo/"}
    left = {name: count for name, count in names().items() if not name.endswith("/")}
    assert left == {"a": 3, "ab.txt": 2, "bar/1": 1, "bar/1.txt": 1, "bar/10": 1}


# a clock that is ahead, and one far ahead
@pytest.mark.parametrize(("seconds", "content"), [(60, LARGE), (10 * 365 * 24 * 60 * 60, b"new")], ids=["near", "far"])
def test_replace_a_revision_of_the_future(storage, revise, names, seconds, content):
    revise("a", b"of the future", seconds)
    revise("a", b"old", -10)
    for new in (content, b"once more"):
        storage.write("a", new, overwrite=True)
        assert storage.read("a") == new
        assert names() == {"a": 1}
    storage.write("b", b"other")
    storage.copy("b", "a", overwrite=True)
    assert storage.read("a") == b"other"
    revise("a", b"of the future again", seconds + 60)
    storage.move("b", "a", overwrite=True)
    assert storage.read("a") == b"other"
    assert names() == {"a": 1}


DATE = datetime(2020, 1, 1, tzinfo=timezone.utc)
ODD_DATES = [
    # of one date, the ids decide, whatever their types
    [(5, DATE), ("text", DATE)],
    [(5, DATE), ({"a": 1}, DATE)],
    [("text", DATE), (ObjectId("5" * 24), DATE)],
    # something else in the place of a date
    [(1, None), (0, DATE)],
    [(1, "2030-01-01"), (0, DATE)],
    [(1, 5), (0, DATE)],
]


@pytest.fixture(params=ODD_DATES)
def odd_dates(request, bare):
    """Two revisions, the second of them the newest."""
    for content, (identifier, date) in zip([b"older", b"newest"], request.param, strict=True):
        redate(bare, put_by_gridfs(bare, "a", content, _id=identifier), date)


def test_overwrite_revisions_of_odd_dates(storage, names, odd_dates):
    assert storage.read("a") == b"newest"
    assert list(storage.list_files()) == ["a"]
    storage.copy("a", "b")
    assert storage.read("b") == b"newest"
    storage.write("a", b"new", overwrite=True)
    assert storage.read("a") == b"new"
    assert names() == {"a": 1, "b": 1}


def test_move_revisions_of_odd_dates(storage, names, odd_dates):
    storage.move("a", "b")
    assert storage.read("b") == b"newest"
    assert names() == {"b": 1}


# Buckets with duplicate names, without indexes, or with others


@pytest.fixture
def fresh(mongo_client, new_database_name):
    """A database that does not exist."""
    return mongo_client[new_database_name]


def fill_without_indexes(database):
    """Two revisions of ten names, and no index."""
    for number in range(20):
        identifier, content = ObjectId(), f"revision {number // 10}".encode()
        described = {"filename": f"{number % 10}.txt", "length": len(content), "chunkSize": CHUNK}
        date = DATE + timedelta(seconds=number)
        database["files.files"].insert_one({"_id": identifier, **described, "uploadDate": date})
        database["files.chunks"].insert_one({"files_id": identifier, "n": 0, "data": Binary(content)})
    for which in ("files", "chunks"):
        assert set(database[f"files.{which}"].index_information()) == {"_id_"}


def fill_by_the_driver(database):
    """The same, with the indexes of the driver."""
    for number in range(20):
        put_by_gridfs(database, f"{number % 10}.txt", f"revision {number // 10}".encode())


def fill_with_an_index_of_names(database):
    """The same, with one more index that is no rule."""
    fill_by_the_driver(database)
    database["files.files"].create_index([("filename", 1)])


def fill_with_indexes_of_other_names(database):
    fill_without_indexes(database)
    database["files.files"].create_index([("filename", 1), ("uploadDate", 1)], name="by name and date")
    database["files.chunks"].create_index([("files_id", 1), ("n", 1)], unique=True, name="by file")


def fill_with_an_index_that_is_not_unique(database):
    fill_without_indexes(database)
    database["files.chunks"].create_index([("files_id", 1), ("n", 1)])


PLAIN = [fill_without_indexes, fill_by_the_driver]
OTHERS = [fill_with_an_index_of_names, fill_with_indexes_of_other_names, fill_with_an_index_that_is_not_unique]


@pytest.fixture(params=PLAIN + OTHERS)
def duplicates(request, fresh):
    request.param(fresh)
    return fresh


@pytest.fixture
def over(app, make_storage):
    """A storage over a database, for which no process has looked at its indexes."""

    def over(database):
        return make_storage(MONGO_DB=database.name)

    with app.app_context():
        yield over


def test_write_beside_duplicates(over, duplicates):
    storage = over(duplicates)
    assert sorted(storage.list_files()) == [f"{number}.txt" for number in range(10)]
    for number in range(10):
        with pytest.raises(FileExists):
            storage.write(f"{number}.txt", b"new")
    storage.write("new.txt", b"new")
    with pytest.raises(FileExists):
        storage.write("new.txt", b"newer")
    with pytest.raises(FileExists):
        storage.move("new.txt", "1.txt")
    storage.write("0.txt", b"new", overwrite=True)
    assert storage.read("0.txt") == storage.read("new.txt") == b"new"
    assert storage.read("1.txt") == b"revision 1"
    found = Counter(document["filename"] for document in duplicates["files.files"].find())
    assert found == {"new.txt": 1, "0.txt": 1, **{f"{number}.txt": 2 for number in range(1, 10)}}


def test_the_server_keeps_new_names_unique(over, duplicates):
    over(duplicates).write("new.txt", b"new")
    rules = [index for index in duplicates["files.files"].index_information().values() if index.get("unique")]
    assert [rule["key"] for rule in rules] == [[("filename", 1), ("exclusive", 1)]]
    assert rules[0]["partialFilterExpression"] == {"exclusive": True}


def test_one_winner_beside_duplicates(mongo, duplicates, soak):
    # each has still to look at the indexes
    filesystems = [GridFS(mongo.url, duplicates.name, "files") for _ in range(20 if soak else 8)]
    together = threading.Barrier(len(filesystems), timeout=60)

    def compete(number, name):
        together.wait()
        try:
            filesystems[number].put(name, io.BytesIO(str(number).encode()), overwrite=False)
        except errors.FileExists:
            return None
        return str(number)

    names = [f"new {number}.txt" for number in range(10 if soak else 4)]
    with ThreadPoolExecutor(len(filesystems)) as threads:
        for name in names:
            results = threads.map(compete, range(len(filesystems)), [name] * len(filesystems))
            assert [won for won in results if won] == [filesystems[0].readtext(name)]
            assert duplicates["files.files"].count_documents({"filename": name}) == 1
    assert duplicates["files.chunks"].count_documents({}) == 20 + len(names)


@pytest.mark.parametrize("prepare", [None, *PLAIN])
@pytest.mark.parametrize("overwrite", [False, True])
def test_indexes(over, fresh, prepare, overwrite):
    if prepare:
        prepare(fresh)
    storage = over(fresh)
    storage.write("new.txt", b"new", overwrite=overwrite)
    files, chunks = (fresh[f"files.{which}"].index_information() for which in ("files", "chunks"))
    assert files["filename_1_uploadDate_1"]["key"] == [("filename", 1), ("uploadDate", 1)]
    assert "unique" not in files["filename_1_uploadDate_1"]
    assert chunks["files_id_1_n_1"]["key"] == [("files_id", 1), ("n", 1)]
    assert chunks["files_id_1_n_1"]["unique"]
    # the driver is content with them
    put_by_gridfs(fresh, "new.txt", b"theirs")
    put_by_bucket(fresh, "new.txt", b"theirs at last")
    assert storage.read("new.txt") == b"theirs at last"
    assert fresh["files.files"].count_documents({"filename": "new.txt"}) == 3
    assert set(fresh["files.files"].index_information()) == set(files)


def test_reading_makes_nothing(over, fresh):
    storage = over(fresh)
    assert not storage.exists("a")
    assert list(storage.list_files()) == []
    storage.delete("a")
    with pytest.raises(FileNotFound):
        storage.read("a")
    assert storage.fs.listdir("/") == []
    assert fresh.list_collection_names() == []

"""Tests of a store that is reached by HTTP, over a proxy that fails: what fails is an error, and nothing is torn."""

import io

import pytest
from failures import LARGE, MIB, Breaking, all_fail, chunks, lines, sample

import flask_pyfs as fs
from flask_pyfs.errors import BackendError, FileExists, PermissionDenied

ANSWERS = {403: PermissionDenied, 500: BackendError, 503: BackendError}


class HTTPStoreUnderFaults:
    """Tests that a store passes.

    ``make_frail`` configures a storage behind the ``proxy``, with some settings changed, and ``frail`` is one that has
    been used. ``left`` returns the names of the objects and of what is unfinished. ``taken`` puts an object of that
    name there, which must stay as it is, and ``place`` is the name of the bucket or container.
    """

    def test_a_connection_that_is_cut_in_an_upload_stores_nothing(self, frail, proxy, left, soak):
        content = b"0123456789" * 50
        proxy.reset()
        frail.write("all", content)
        length = proxy.sent
        frail.delete("all")
        for position in sample(length, soak):
            proxy.cut_sent(after=position, always=True)
            with pytest.raises(BackendError) as raised:
                frail.write("new", content)
            assert raised.value.path == "new"
            assert raised.value.storage == "files"
            proxy.restore()
            assert left() == ([], []), position
            assert not frail.exists("new")

    def test_a_connection_that_is_cut_leaves_the_old_file(self, frail, proxy, left):
        frail.write("old", b"old")
        for position in (0, 100, 1000, 1400):
            proxy.cut_sent(after=position, always=True)
            with pytest.raises(BackendError):
                frail.write("old", b"new" * 500, overwrite=True)
            proxy.restore()
            assert frail.read("old") == b"old"
        assert left() == (["old"], [])

    def test_a_large_upload_whose_source_breaks_leaves_nothing(self, frail, left):
        for overwrite in (False, True):
            with pytest.raises(RuntimeError, match="the source broke"):
                frail.write("new", Breaking(LARGE, 10 * MIB), overwrite=overwrite)
        assert left() == ([], [])

    def test_an_upload_that_is_given_up_leaves_nothing(self, frail, left):
        with pytest.raises(RuntimeError), frail.open("new", "wb") as file:  # noqa: PT012
            file.write(LARGE)
            raise RuntimeError
        assert left() == ([], [])
        file = frail.open("new", "wb")
        file.write(LARGE)
        del file
        assert left() == ([], [])

    def test_a_lost_answer_does_not_refuse_what_it_stored(self, make_frail, proxy):
        storage = make_frail(RETRIES=2)
        storage.exists("warm")
        # the request arrives, its answer does not, and the second attempt finds the name taken
        proxy.cut_received(after=0)
        storage.write("new", b"content")
        assert storage.read("new") == b"content"
        with pytest.raises(FileExists):
            storage.write("new", b"other")

    def test_a_connection_that_is_cut_in_a_download_is_an_error(self, make_frail, proxy, soak):
        storage = make_frail(RETRIES=2)
        content = b"0123456789" * 100
        storage.write("a", content)
        proxy.reset()
        assert storage.read("a") == content
        length = proxy.received
        for cut in (proxy.cut_received, proxy.close_received):
            for position in sample(length, soak):
                for read in (fs.Storage.read, chunks, lines):
                    cut(after=position, always=True)
                    with pytest.raises(BackendError):
                        read(storage, "a")
                    proxy.restore()

    def test_a_large_download_that_is_cut_is_an_error(self, frail, proxy):
        frail.write("large", io.BytesIO(LARGE))
        for position in (0, 1000, MIB, 10 * MIB, len(LARGE)):
            proxy.cut_received(after=position, always=True)
            with pytest.raises(BackendError):
                chunks(frail, "large")
            proxy.restore()
        with frail.open("large", "rb") as file:
            assert file.read(10) == LARGE[:10]
            proxy.cut_received(after=0, always=True)
            file.seek(-10, io.SEEK_END)
            with pytest.raises(BackendError):
                file.read()
            proxy.restore()
            # another request is made for what is read now
            file.seek(5)
            assert file.read(10) == LARGE[5:15]

    def test_a_served_file_that_is_cut_is_not_complete(self, app, frail, proxy):
        frail.write("large.bin", io.BytesIO(LARGE))
        client = app.test_client()
        proxy.cut_received(after=5 * MIB, always=True)
        with client.get("/files/large.bin") as response:
            assert response.content_length == len(LARGE)
            with pytest.raises(BackendError):
                b"".join(response.response)

    @pytest.mark.usefixtures("taken")
    @pytest.mark.parametrize("status", ANSWERS)
    def test_a_server_that_refuses(self, frail, proxy, place, status):
        proxy.answer(b"HTTP/1.1 %d Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
        all_fail(frail, ANSWERS[status], place)
        proxy.restore()
        assert frail.read("taken") == b"old"

    @pytest.mark.usefixtures("taken")
    def test_a_server_that_refuses_connections(self, frail, proxy, place):
        proxy.refuse()
        all_fail(frail, BackendError, place)
        proxy.restore()
        assert frail.exists("taken")

    @pytest.mark.usefixtures("taken")
    @pytest.mark.slow
    def test_a_silent_server(self, make_frail, proxy, place):
        storage = make_frail(TIMEOUT=0.3, RETRIES=5)
        storage.exists("warm")
        proxy.hang()
        all_fail(storage, BackendError, place, seconds=2)
        proxy.restore()
        assert storage.exists("taken")

    def test_a_server_that_is_back_is_used_again(self, frail, proxy):
        frail.write("a", b"content")
        for fail in (proxy.refuse, proxy.hang):
            fail()
            with pytest.raises(BackendError):
                frail.read("a")
            proxy.restore()
            assert frail.read("a") == b"content"

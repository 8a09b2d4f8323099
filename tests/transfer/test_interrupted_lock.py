"""Ctrl-C right after the thread that called took a lock, which it then never gives back."""

import sys
import threading
import types

import pytest

from flask_pyfs.transfer import check, sync
from flask_pyfs.transfer.patience import Patience
from flask_pyfs.transfer.workers import in_threads


@pytest.fixture
def run(monkeypatch):
    """A function that calls another one again and again, each time with an interrupt after another lock was taken."""
    enter = threading.Condition.__enter__
    starts = threading.Thread.start.__code__
    left = [0]
    caller = None

    def entering(condition):
        taken = enter(condition)
        if threading.get_ident() == caller and not _within(starts):
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt
        return taken

    def run(call):
        nonlocal caller

        def calls():
            nonlocal caller
            caller = threading.get_ident()
            for number in range(1, 40):
                left[0] = number
                try:
                    call()
                except KeyboardInterrupt:
                    interrupted.append(number)
            caller = None
            ended.set()

        interrupted: list[int] = []
        ended = threading.Event()
        thread = threading.Thread(target=calls, daemon=True)
        thread.start()
        assert ended.wait(30)

    monkeypatch.setattr(threading.Condition, "__enter__", entering)
    return run


def _within(code):
    frame: types.FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code is code:
            return True
        frame = frame.f_back
    return False


def test_tasks_in_threads(run):
    def work(task, tell):
        for each in range(200):
            tell(each)

    run(lambda: in_threads(range(4), work, 2, Patience(), lambda event: None))


@pytest.mark.parametrize("options", [{"checksum": True}, {"download": True}])
def test_a_check_that_reads(run, tmp_path, options):
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        for number in range(20):
            (tmp_path / side / f"{number}").write_bytes(b"x")
    run(lambda: check(tmp_path / "a", tmp_path / "b", jobs=2, **options))


def test_a_sync(run, tmp_path):
    (tmp_path / "a").mkdir()
    for number in range(20):
        (tmp_path / "a" / f"{number}").write_bytes(b"x")
    run(lambda: sync(tmp_path / "a", tmp_path / "b", jobs=2))

"""Ctrl-C while a thread of a transfer starts."""

import threading

import pytest

from flask_pyfs.transfer.patience import Patience
from flask_pyfs.transfer.workers import in_threads


def test_a_thread_that_begins_after_ctrl_c_takes_no_other_s_place(monkeypatch):
    start = threading.Thread.start
    patience, stopped, late_ended = Patience(), threading.Event(), threading.Event()
    stop = patience.stop
    begun = []

    def stopping():
        stop()
        stopped.set()

    def late(thread):
        # the third one is made, but runs only when the others were told to end
        stopped.wait()
        start(thread)
        thread.join()
        late_ended.set()

    def starting(thread):
        begun.append(thread)
        if len(begun) == 3:
            start(threading.Thread(target=late, args=(thread,), daemon=True))
            raise KeyboardInterrupt
        start(thread)

    def work(task, tell):
        late_ended.wait()

    def call():
        with pytest.raises(KeyboardInterrupt):
            in_threads(range(8), work, 4, patience, print)
        ended.set()

    ended = threading.Event()
    caller = threading.Thread(target=call, daemon=True)
    monkeypatch.setattr(patience, "stop", stopping)
    monkeypatch.setattr(threading.Thread, "start", starting)
    start(caller)
    caller.join(30)
    assert ended.is_set()
    for thread in begun:
        thread.join(30)
    assert [thread.is_alive() for thread in begun] == [False] * 3

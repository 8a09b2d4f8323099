"""Kill processes while they overwrite a file, and check that it is always whole.

Arguments: a directory; the number of rounds; the size of the file; how it is written.
"""

import itertools
import os
import random
import signal
import sys
import time

from robust import leftovers, make_storage, number_of, numbered


def overwrite(storage, content, way):
    if way == "write":
        storage.write("file", content, overwrite=True)
    elif way == "open":
        with storage.open("file", "wb") as file:
            for start in range(0, len(content), 100_000):
                file.write(content[start : start + 100_000])
    else:
        storage.copy("source", "file", overwrite=True)


def main(directory, rounds, size, way):
    storage, _ = make_storage(directory)
    handle = storage.fs
    current, killed, left = 0, 0, 0
    content = numbered(current, size)
    storage.write("source", content)
    start = time.perf_counter()
    overwrite(storage, content, way)
    longest = 1.2 * (time.perf_counter() - start)
    if way != "copy":
        storage.delete("source")
    for turn in itertools.count(1):
        # on a slow machine a few rounds more, until some were killed in the middle
        if turn > rounds and (left or turn > 20 * rounds):
            break
        content = numbered(turn, size)
        if way == "copy":
            storage.write("source", content, overwrite=True)
        ready, go = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(go, b"!")
            overwrite(storage, content, way)
            os._exit(0)
        os.read(ready, 1)
        time.sleep(random.uniform(0, longest))
        os.kill(child, signal.SIGKILL)
        killed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        os.close(ready)
        os.close(go)
        found = number_of(storage.read("file"), size)
        assert found in (current, turn), (found, current, turn)
        current = found
        names = {"file", "source"} if way == "copy" else {"file"}
        assert set(storage.list_files()) == set(handle.listdir("/")) == names
        assert {path.lstrip("/") for path in handle.walk.files()} == names
        unfinished = leftovers(directory)
        left += len(unfinished)
        assert handle.remove_leftovers(older_than=0) == len(unfinished)
        assert leftovers(directory) == []
    assert killed, "no process was killed before its end"
    assert left, "no process was killed with a file half written"
    print(rounds, "rounds")


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])

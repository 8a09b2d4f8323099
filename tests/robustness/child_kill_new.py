"""Kill processes while they write new names on a file system without hard links, and check that each file is whole.

Arguments: a directory; the number of rounds; the size of a file.
"""

import itertools
import os
import random
import signal
import sys
import time

from robust import leftovers, make_storage, number_of, numbered
from test_one_winner import refuse_links


def write(storage, turn, size):
    for number in itertools.count():
        content = numbered(turn, size)
        if number % 2:
            with storage.open(f"{turn}/{number}", "xb") as file:
                file.write(content)
        else:
            storage.write(f"{turn}/{number}", content)
            storage.move(f"{turn}/{number}", f"{turn}/{number}-moved")


def main(directory, rounds, size):
    os.link = refuse_links
    storage, _ = make_storage(directory)
    storage.write("first", b"")
    written = left = 0
    for turn in range(rounds):
        ready, go = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(go, b"!")
            write(storage, turn, size)
        os.read(ready, 1)
        time.sleep(random.uniform(0.002, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(go)
        for name in storage.list_files(f"{turn}/"):
            assert number_of(storage.read(name), size) == turn, name
            written += 1
        left += len(leftovers(directory))
        storage.fs.remove_leftovers(older_than=0)
        storage.delete(f"{turn}")
    assert written, "nothing was written"
    assert left, "no process was killed with a file half written"
    print(rounds, "rounds")


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

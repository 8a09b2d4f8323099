"""Let 2 processes replace or delete the same versions of a file, and check that one of them did each.

Arguments: a directory; the number of rounds; 'replace', or 'replace or delete'.
"""

import multiprocessing
import sys

from robust import leftovers, make_storage, number_of, numbered

from flask_pyfs import VersionChanged

SIZE = 4000
WON, TOLD, FAILED = 0, 1, 2


def contend(storage, version, number, deletes):
    if deletes:
        return WON if storage.delete_version("file", version) else TOLD
    try:
        storage.replace_version("file", numbered(number, SIZE), version)
    except VersionChanged:
        return TOLD
    return WON


def work(storage, number, rounds, deletes, barrier, results):
    try:
        for _ in range(rounds):
            barrier.wait(60)
            version = storage.version("file")
            barrier.wait(60)
            results[number] = contend(storage, version, number, deletes)
            barrier.wait(60)
    except BaseException:
        barrier.abort()
        raise


def main(directory, rounds, kind):
    storage, _ = make_storage(directory)
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(3), context.Array("i", 3)
    children = [
        context.Process(
            target=work, args=(storage, number, rounds, number == 2 and kind != "replace", barrier, results)
        )
        for number in (1, 2)
    ]
    for child in children:
        child.start()
    winners = set()
    for turn in range(rounds):
        storage.write("file", numbered(0, SIZE), overwrite=True)
        results[:] = [FAILED] * 3
        for _ in range(3):
            barrier.wait(60)
        assert sorted(results[1:]) == [WON, TOLD], (turn, results[1:])
        winner = results[:].index(WON)
        if kind != "replace" and winner == 2:
            assert not storage.exists("file")
        else:
            assert number_of(storage.read("file"), SIZE) == winner
        winners.add(winner)
        assert not leftovers(directory)
    for child in children:
        child.join(60)
    assert winners == {1, 2}, "always the same one was first"
    print(rounds, "rounds")


main(sys.argv[1], int(sys.argv[2]), sys.argv[3])

"""Let 8 processes write one new name, in each way and some rounds, and check that one won.

Arguments: a directory; 'links' or 'no links'; the number of rounds.
"""

import os
import sys

from robust import leftovers, make_storage, number_of, numbered, stored
from test_one_winner import CONTENDERS, SIZE, refuse_links

from flask_pyfs import FileExists

PROCESSES = 8
WON, TOLD, FAILED = 0, 1, 2


def contend(storage, name, contender, number, start):
    result = FAILED
    try:
        os.read(start, 1)
        contender(storage, name, number)
        result = WON
    except FileExists:
        result = TOLD
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
    finally:
        os._exit(result)


def main(directory, links, rounds):
    if links == "no links":
        os.link = refuse_links
    for kind in CONTENDERS:
        check_rounds(os.path.join(directory, kind), kind, int(rounds))


def check_rounds(directory, kind, rounds):
    storage, _ = make_storage(directory)
    for turn in range(rounds):
        for number in range(PROCESSES) if kind in ("copy", "move") else ():
            storage.write(f"source/{number}", numbered(number, SIZE), overwrite=True)
        start, gun = os.pipe()
        children = {}
        for number in range(PROCESSES):
            child = os.fork()
            if child == 0:
                os.close(gun)
                contend(storage, f"new/{turn}", CONTENDERS[kind], number, start)
            children[child] = number
        os.close(start)
        os.close(gun)
        results = [(children[child], os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])) for child in children]
        assert sorted(result for _, result in results) == [WON] + [TOLD] * (PROCESSES - 1), results
        winner = next(number for number, result in results if result == WON)
        assert number_of(storage.read(f"new/{turn}"), SIZE) == winner
        if kind == "move":
            assert not storage.exists(f"source/{winner}")
    names = set(stored(storage))
    assert {f"new/{turn}" for turn in range(rounds)} <= names
    assert not leftovers(directory)
    print(f"{kind}: {rounds} rounds")


main(*sys.argv[1:])

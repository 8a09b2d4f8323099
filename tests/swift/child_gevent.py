"""The greenlets of the tests of Swift under load: ``child_gevent.py SCENARIO SETTINGS NUMBER``."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402

from load import content_of, in_threads, open_storage, play, sockets  # noqa: E402
from underload import NAMES, Worker  # noqa: E402

GREENLETS = 200


def all_at_once(settings, seconds):
    """Greenlets do one thing after another to the same names; print how much they read and what is left open."""
    storage, _ = open_storage(settings)
    for name in NAMES:
        storage.write(name, content_of(name, "before", 0, 1000), overwrite=True)
    results = in_threads(GREENLETS, lambda number: Worker(storage, number, True).run(3, seconds))
    failures = [result for result in results.values() if isinstance(result, BaseException)]
    if failures:
        raise failures[0]
    print(json.dumps({"read": sum(results.values()), "open": sockets()}))


if __name__ == "__main__":
    play({"all at once": all_at_once})

"""Writers and readers that use a storage all the time, and know what each read may return."""

import random
import threading
import time

from flask_pyfs import FileExists, FileNotFound


def content_of(name, number, size):
    """Return content that tells a name and a write, and no part of which is like another."""
    return random.Random(f"{name} {number}").randbytes(size)


class Version:
    """What a name had: from when on it may have been seen, and until when. None is no file."""

    def __init__(self, content, began):
        self.content = content
        self.began = began
        self.ended = float("inf")


class Files:
    """What is in a storage by its writers, and was.

    :param files: what there is at first, by names.
    """

    def __init__(self, files):
        self._lock = threading.Lock()
        self._versions = {name: [Version(content, 0)] for name, content in files.items()}

    @property
    def names(self):
        return list(self._versions)

    def now(self, name):
        """Return the content that a name has, for its only writer."""
        return self._versions[name][-1].content

    def begin(self, name, content):
        """Note that content, or None, may be seen from now on."""
        version = Version(content, time.monotonic())
        with self._lock:
            self._versions[name].append(version)

    def end(self, name):
        """Note that what was there before is not to be seen any more."""
        with self._lock:
            self._versions[name][-2].ended = time.monotonic()
            # no read takes so long
            del self._versions[name][:-50]

    def forget(self, name):
        """Take back what began last: it was refused."""
        with self._lock:
            self._versions[name].pop()

    def allowed(self, name, began, ended):
        """Return what a read may return that took so long."""
        with self._lock:
            return [each.content for each in self._versions[name] if each.began <= ended and each.ended >= began]


class Busy:
    """Threads that write and read until they are stopped.

    :param files: what they know of the files.
    :param storage: a function that returns the storage, which may be another one later.
    :param pause: how long each thread rests after each operation, in seconds.
    """

    def __init__(self, files, storage, writers=8, readers=4, size=20_000, pause=0.0):
        self.files = files
        self.done = 0
        self.reads = 0
        self._counted = threading.Condition()
        self._storage = storage
        self._size = size
        self._pause = pause
        self._failures = []
        self._stopped = threading.Event()
        names = sorted(files.names)
        self._threads = [
            threading.Thread(target=self._guarded, args=(self._write, names[number::writers], number))
            for number in range(writers)
        ]
        self._threads += [
            threading.Thread(target=self._guarded, args=(self._read, names, -1 - number)) for number in range(readers)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def check(self):
        """Raise what a thread raised."""
        if self._failures:
            raise self._failures[0]

    def go_on(self, operations):
        """Wait until the writers have done so many operations more."""
        with self._counted:
            enough = self.done + operations
            self._counted.wait_for(lambda: self.done >= enough or self._failures, 300)
        self.check()

    def _guarded(self, work, names, seed):
        chance = random.Random(seed)
        try:
            while not self._stopped.wait(self._pause):
                work(names, chance)
        except BaseException as error:
            self._failures.append(error)
            self._stopped.set()
            with self._counted:
                self._counted.notify_all()

    def _read(self, names, chance):
        name = chance.choice(names)
        began = time.monotonic()
        try:
            found = self._storage().read(name)
        except FileNotFound:
            found = None
        allowed = self.files.allowed(name, began, time.monotonic())
        assert found in allowed, f"{name}: {found and len(found)} of {[each and len(each) for each in allowed]}"
        self.reads += 1

    def _write(self, names, chance):
        name, other = chance.sample(names, 2)
        storage, before = self._storage(), self.files.now(name)
        content = content_of(name, chance.random(), chance.randrange(self._size))
        doing = chance.choice(("overwrite", "new", "delete", "move"))
        if doing == "overwrite":
            self._change(name, content, lambda: storage.write(name, content, overwrite=True))
        elif doing == "new":
            try:
                self._change(name, content, lambda: storage.write(name, content))
            except FileExists:
                assert before is not None, f"{name} was deleted, and is there"
                self.files.forget(name)
            else:
                assert before is None, f"{name} was replaced without overwrite"
        elif doing == "delete":
            self._change(name, None, lambda: storage.delete(name))
        elif before is not None:
            self.files.begin(other, before)
            self._change(name, None, lambda: storage.move(name, other, overwrite=True))
            self.files.end(other)
        with self._counted:
            self.done += 1
            self._counted.notify_all()

    def _change(self, name, content, change):
        self.files.begin(name, content)
        change()
        self.files.end(name)


def assert_same(files, storage):
    """Look at all that is there, also under names that nobody expects."""
    expected = {name: files.now(name) for name in files.names}
    listed = set(storage.list_files())
    assert listed == {name for name, content in expected.items() if content is not None}
    for name in listed:
        assert storage.read(name) == expected[name], name

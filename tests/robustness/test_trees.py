"""Deleting a name deletes it and what is below it, whatever else starts with it."""

import random

import pytest
from robust import leftovers, make_storage

PARTS = ["a", "ab", "abc", "a.txt", "a b", "a-", "a.", ".a", "b", "A", "á", "a%", "a*", "[a]"]


def random_tree(dice):
    """Return names of files, none of which is also a directory."""
    files, directories = set(), set()
    for _ in range(dice.randint(2, 14)):
        parts = [dice.choice(PARTS[: dice.randint(2, len(PARTS))]) for _ in range(dice.randint(1, 4))]
        above = {"/".join(parts[:depth]) for depth in range(1, len(parts))}
        name = "/".join(parts)
        if not above & files and name not in directories:
            files.add(name)
            directories |= above
    return files, directories - files


@pytest.mark.parametrize("backend", ["local", "memory", "local with a prefix"])
def test_deleting_each_name(backend, soak, tmp_path):
    backend, _, prefix = backend.partition(" with a ")
    seed = random.randrange(10**9)
    dice = random.Random(seed)
    storage, _ = make_storage(tmp_path, backend, PREFIX=prefix)
    for turn in range(1000 if soak else 50):
        files, directories = random_tree(dice)
        for name in files:
            storage.write(name, name)
        # what is below a deleted directory is asked for again, when it is not there
        targets = sorted(files | directories)
        dice.shuffle(targets)
        for target in targets:
            if target in directories and dice.random() < 0.3 and storage.fs.isdir(target):
                storage.fs.removetree(target)
            else:
                storage.delete(target)
            files = {name for name in files if name != target and not name.startswith(target + "/")}
            assert set(storage.list_files()) == files, f"seed {seed}, turn {turn}, deleted {target!r}"
        assert files == set()
        for name in storage.fs.listdir("/"):
            storage.delete(name)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("backend", ["local", "memory"])
def test_contents_of_the_others_stay(backend, tmp_path):
    dice = random.Random(7)
    storage, _ = make_storage(tmp_path, backend)
    files, directories = random_tree(dice)
    for target in sorted(files | directories):
        for name in files:
            storage.write(name, name, overwrite=True)
        storage.delete(target)
        for name in files:
            if name == target or name.startswith(target + "/"):
                assert not storage.exists(name)
            else:
                assert storage.read(name) == name.encode()

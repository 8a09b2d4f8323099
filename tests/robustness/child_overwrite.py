"""Overwrite a file until the standard input ends. Argument: a directory."""

import itertools
import select
import sys

from robust import make_storage
from versions import write_version

storage, _ = make_storage(sys.argv[1])
for number in itertools.count(1):
    write_version(storage, number)
    if number == 1:
        print("ready", flush=True)
    if select.select([sys.stdin], [], [], 0)[0]:
        break

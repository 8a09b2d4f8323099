"""The templates of Flask-Admin, compiled once for all tests, and what is in their pages."""

import re

from jinja2 import BytecodeCache


class Compiled(BytecodeCache):
    """Templates that were compiled before in this process."""

    def __init__(self):
        self.known = {}

    def load_bytecode(self, bucket):
        if bucket.key in self.known:
            bucket.bytecode_from_string(self.known[bucket.key])

    def dump_bytecode(self, bucket):
        self.known[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()


def found_in(page, pattern):
    """Return the group of the pattern in a page."""
    found = re.search(pattern, page)
    assert found is not None, page
    return found[1]

"""A backend with declared options and a filesystem."""

from fs.memoryfs import MemoryFS

import flask_pyfs as fs
from flask_pyfs.backends import Option


class NewStyle(fs.BaseBackend):
    options = (Option("GREETING", required=True), Option("COUNT", "int", default=3))

    def open_fs(self):
        filesystem = MemoryFS()
        filesystem.writetext("greeting.txt", self.config.greeting * self.config.count)
        return filesystem

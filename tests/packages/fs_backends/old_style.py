"""A backend as it was written for Flask-FS: its own operations over a dictionary, and no filesystem."""

import io
from datetime import datetime

import flask_pyfs as fs


class OldStyle(fs.BaseBackend):
    def __init__(self, name, config):
        super().__init__(name, config)
        self.files = {}
        self.calls = []

    def exists(self, filename):
        return filename in self.files

    def open(self, filename, mode="r", encoding="utf8"):
        if "w" in mode:
            return Writer(self.files, filename, None if "b" in mode else encoding)
        content = self.files[filename]
        return io.BytesIO(content) if "b" in mode else io.StringIO(content.decode(encoding))

    def read(self, filename):
        return self.files[filename]

    def write(self, filename, content):
        self.files[filename] = self.as_binary(content.read() if hasattr(content, "read") else content)

    def delete(self, filename):
        for name in list(self.files):
            if name == filename or name.startswith(filename + "/"):
                del self.files[name]

    def copy(self, filename, target):
        self.files[target] = self.files[filename]

    def move(self, filename, target):
        self.calls.append("move")
        self.files[target] = self.files.pop(filename)

    def save(self, file, filename):
        self.calls.append("save")
        self.files[filename] = file.read()

    def list_files(self):
        yield from list(self.files)

    def get_metadata(self, filename):
        return {"checksum": None, "size": len(self.files[filename]), "modified": datetime(2017, 1, 1)}

    def serve(self, filename):
        return self.files[filename], {"X-Served-By": type(self).__name__}


class Writer(io.BytesIO):
    def __init__(self, files, filename, encoding):
        super().__init__()
        self.files, self.filename, self.encoding = files, filename, encoding

    def write(self, data):
        return super().write(data.encode(self.encoding) if self.encoding else data)

    def close(self):
        self.files[self.filename] = self.getvalue()
        super().close()

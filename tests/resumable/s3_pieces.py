"""A bucket of S3, and what tests of the parts in it do with uploads."""

from __future__ import annotations

import io
import os

from flask_pyfs.filesystems.parts import SMALLEST_PART
from flask_pyfs.resumable.upload import Upload

# the least that S3 takes
PIECE = SMALLEST_PART
DATA = os.urandom(2 * PIECE + 7)
OTHER = os.urandom(2 * PIECE + 7)


class Bucket:
    """What S3 itself says of a bucket."""

    def __init__(self, store):
        self.client, self.name = store.client, store._bucket.name

    def objects(self):
        """The keys of all objects."""
        return {each["Key"] for each in self.client.list_objects_v2(Bucket=self.name).get("Contents", ())}

    def uploads(self):
        """The ids of the multipart uploads that go on, each with its key."""
        found = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", ())
        return {each["UploadId"]: each["Key"] for each in found}

    def parts(self):
        """The parts of all these uploads."""
        listed = [
            self.client.list_parts(Bucket=self.name, Key=key, UploadId=upload) for upload, key in self.uploads().items()
        ]
        return [part for each in listed for part in each.get("Parts", ())]


def append(upload, start, stop=None, data=DATA, **options):
    return Upload.opened(upload.token).append(io.BytesIO(data[start:stop]), start, **options)


def start(storage, begin, name="a.bin", **terms):
    return begin(storage, name, unique=False, length=len(DATA), **terms)

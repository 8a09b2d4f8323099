"""What stores cannot promise, with the page and the sentence that say so."""

_APPEND = ("backends.rst", "What another process writes to the file in between is lost.")

_COPY_ON_S3 = ("s3.rst", "because servers that do not know the condition on a copy ignore it.")
_MOVE_ON_S3 = (
    "s3.rst",
    "``move`` copies the object, looks the source up, and deletes it only if it still is what was copied",
)

_LOOK_ON_SWIFT = ("swift.rst", "**Swift has no condition for a deletion, and none on a version for a write.**")

_CHANGES = (
    "overwrites the source",
    "moves a file onto the source",
    "deletes the source",
    "moves the source away",
    "replaces the version",
    "deletes the version",
)

#: The page and the sentence of each window: of a store, an operation, and what another process does.
WINDOWS = {
    **{
        (store, "append", action): _APPEND
        for store in ("memory", "local", "gridfs", "s3", "swift")
        for action in _CHANGES
    },
    **{
        ("s3", name, f"{act} the target"): _COPY_ON_S3 for name in ("copy", "move") for act in ("creates", "overwrites")
    },
    **{("s3", name, action): _MOVE_ON_S3 for name in ("move", "move over") for action in _CHANGES[3:]},
    **{
        ("swift", name, action): _LOOK_ON_SWIFT
        for name in ("move", "move over", "delete a version", "replace a version")
        for action in _CHANGES
    },
}

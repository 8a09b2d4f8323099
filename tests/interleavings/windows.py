"""What stores cannot promise, with the page and the sentence that say so."""

_APPEND = ("backends.rst", "What another process writes to the file in between is lost.")

_COPY_ON_S3 = ("s3.rst", "because servers that do not know the condition on a copy ignore it.")
_MOVE_ON_S3 = (
    "s3.rst",
    "``move`` copies the object, looks the source up, and deletes it only if it still is what was copied",
)

_COPY_ON_SWIFT = (
    "swift.rst",
    "**If several writers write the same new name at the same moment, more than one may succeed**",
)
_LOOK_ON_SWIFT = ("swift.rst", "**Swift has no condition for a deletion, and none on a version for a write.**")

# what becomes of the source meanwhile
_REPLACED = ("overwrites the source", "moves a file onto the source", "replaces the version")
_GONE = ("moves the source away", "deletes the version")
_CHANGED = (*_REPLACED, *_GONE, "deletes the source")

_TAKEN = ("creates the target", "overwrites the target")

_TABLE = [
    *((store, ["append"], _CHANGED, _APPEND) for store in ("memory", "local", "gridfs", "s3", "swift")),
    ("s3", ["copy", "move"], _TAKEN, _COPY_ON_S3),
    ("s3", ["move", "move over"], ("replaces the version", *_GONE), _MOVE_ON_S3),
    ("swift", ["copy", "move"], _TAKEN, _COPY_ON_SWIFT),
    ("swift", ["move", "move over"], (*_REPLACED, *_GONE), _LOOK_ON_SWIFT),
    ("swift", ["delete a version"], _REPLACED, _LOOK_ON_SWIFT),
    ("swift", ["replace a version"], _CHANGED, _LOOK_ON_SWIFT),
]

#: The page and the sentence of each window: of a store, an operation, and what another process does.
WINDOWS = {
    (store, operation, action): place
    for store, operations, actions, place in _TABLE
    for operation in operations
    for action in actions
}

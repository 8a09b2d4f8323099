"""What stores cannot promise, with the page and the sentence that say so."""

_OVERWRITERS = [
    "overwrites the source",
    "moves a file onto the source",
    "deletes the source",
    "moves the source away",
    "replaces the version",
    "deletes the version",
]

_APPEND_ON_GRIDFS = ("gridfs.rst", "what another process writes to the file in between is lost.")
_APPEND_IN_MEMORY = ("backends.rst", "What is written to the file in between is lost, also in the backend ``memory``.")

#: The page and the sentence of each window: of a store, an operation, and what another process does.
WINDOWS = {
    **{("gridfs", "append", action): _APPEND_ON_GRIDFS for action in _OVERWRITERS},
    **{("memory", "append", action): _APPEND_IN_MEMORY for action in _OVERWRITERS},
}

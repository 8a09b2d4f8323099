"""The commands that clients of MongoDB send, of those clients that are made after this was imported."""

from contextlib import contextmanager

from pymongo import monitoring


class _Listener(monitoring.CommandListener):
    def __init__(self):
        self.collecting = []
        self.acts = {}

    def started(self, event):
        # a client that was closed belongs to another test
        if event.command_name == "endSessions":
            return
        acts, self.acts = self.acts, {}
        acts.pop(1, lambda: None)()
        self.acts = {number - 1: act for number, act in acts.items()}
        for sent in self.collecting:
            sent.append((event.command_name, collection_of(event.command, event.command_name)))

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


def collection_of(command, name):
    collection = command.get("collection", command[name])
    return collection.rpartition(".")[2] if isinstance(collection, str) else ""


_listener = _Listener()
monitoring.register(_listener)


@contextmanager
def commands():
    """Collect the commands that are sent meanwhile, each with the collection it is sent to."""
    sent = []
    _listener.collecting.append(sent)
    try:
        yield sent
    finally:
        _listener.collecting.remove(sent)


@contextmanager
def before_command(number, act):
    """Do something before the command of this number, the first being 1, that is sent in the block."""
    _listener.acts = {number: act}
    try:
        yield
    finally:
        _listener.acts = {}

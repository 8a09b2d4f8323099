"""An encrypted storage does what a dictionary of names and contents does, whatever the order of operations."""

from contextlib import ExitStack

import pytest
from encrypting import new_key
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from places import make_place
from test_stateful import FlatModel, StorageMachine

KEYS = [new_key(), new_key()]


class EncryptedInMemory(StorageMachine):
    def settings(self):
        return {**super().settings(), "FILES_FS_ENCRYPTION_KEYS": KEYS}

    def teardown(self):
        bare = self.storage.backend.bare
        assert all(bare.read_file(path)[:1] == b"(" for path in bare.iter_files())
        super().teardown()


class EncryptedOnDisk(EncryptedInMemory):
    backend = "local"


@pytest.mark.parametrize("machine", [EncryptedInMemory, EncryptedOnDisk])
def test_an_encrypted_storage_is_a_dictionary(machine, soak):
    size = settings(max_examples=500 if soak else 5, stateful_step_count=40)
    run_state_machine_as_test(machine, settings=size)


@pytest.mark.server
@pytest.mark.parametrize("kind", ["s3-moto", "gridfs", "swift"])
def test_an_encrypted_storage_on_a_server_is_a_dictionary(request, kind, soak):
    with ExitStack() as stack:

        class OnServer(EncryptedInMemory):
            make_model = FlatModel

            def settings(self):
                stack.close()
                place = stack.enter_context(make_place(kind, request))
                return {**super().settings(), **{f"FILES_FS_{name}": value for name, value in place.items()}}

        size = settings(max_examples=50 if soak else 2, stateful_step_count=20 if soak else 10)
        run_state_machine_as_test(OnServer, settings=size)

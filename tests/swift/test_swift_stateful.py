"""A storage in a container does what a dictionary of names and contents does, whatever the order of operations."""

from contextlib import suppress

from containers import clear_container
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from swiftclient.client import ClientException
from test_stateful import FlatModel, StorageMachine


def test_a_container_is_a_dictionary(swift_place, swift_connection, container, soak):
    class ContainerMachine(StorageMachine):
        make_model = FlatModel

        def settings(self):
            clear_container(swift_connection, container)
            return {
                "FS_BACKEND": "swift",
                "FS_SWIFT_AUTHURL": swift_place.auth_url,
                "FS_SWIFT_USER": swift_place.user,
                "FS_SWIFT_KEY": swift_place.key,
                "FS_SWIFT_AUTH_VERSION": "1",
                "FS_SWIFT_CONTAINER": container,
            }

        def teardown(self):
            # it may not be there
            with suppress(ClientException):
                assert len(swift_connection.get_container(container)[1]) == len(self.model)
            super().teardown()

    size = settings(max_examples=200 if soak else 3, stateful_step_count=40 if soak else 20)
    run_state_machine_as_test(ContainerMachine, settings=size)

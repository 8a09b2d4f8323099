"""A storage in GridFS does what a dictionary of names and contents does, whatever the order of operations."""

from drivers import one_server
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from servers.mongo import empty_database
from test_stateful import FlatModel, StorageMachine


@one_server
def test_gridfs_is_a_dictionary(mongo, database, bare, soak):
    class GridFSMachine(StorageMachine):
        make_model = FlatModel

        def settings(self):
            empty_database(bare)
            url = {"FS_GRIDFS_MONGO_URL": mongo.url, "FS_GRIDFS_MONGO_DB": database}
            return {"FS_BACKEND": "gridfs", "FS_GRIDFS_CHUNK_SIZE": 1024, **url}

        def teardown(self):
            files = [found["_id"] for found in bare["files.files"].find()]
            assert len(files) == len(self.model)
            assert set(bare["files.chunks"].distinct("files_id")) <= set(files)
            super().teardown()

    size = settings(max_examples=500 if soak else 5, stateful_step_count=40 if soak else 20)
    run_state_machine_as_test(GridFSMachine, settings=size)

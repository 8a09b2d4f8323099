"""A storage in a bucket does what a dictionary of names and contents does, whatever the order of operations."""

from buckets import new_bucket
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from test_stateful import FlatModel, StorageMachine


def test_a_bucket_is_a_dictionary(s3_endpoint, s3, soak):
    class BucketMachine(StorageMachine):
        make_model = FlatModel

        def settings(self):
            self.bucket = new_bucket(s3_endpoint)
            return {
                "FS_BACKEND": "s3",
                "FS_S3_ENDPOINT": s3_endpoint.url,
                "FS_S3_ACCESS_KEY": s3_endpoint.access_key,
                "FS_S3_SECRET_KEY": s3_endpoint.secret_key,
                "FS_S3_REGION": s3_endpoint.region,
                "FS_S3_ADDRESSING_STYLE": s3_endpoint.addressing_style,
                "FS_S3_BUCKET": self.bucket.__enter__(),
            }

        def teardown(self):
            self.bucket.__exit__(None, None, None)
            super().teardown()

    size = settings(max_examples=200 if soak else 3, stateful_step_count=40 if soak else 20)
    run_state_machine_as_test(BucketMachine, settings=size)

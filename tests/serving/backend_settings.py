"""The settings of an empty storage on each backend, for the tests that run an app on all of them."""

from buckets import bare_client, new_bucket
from containers import new_container
from servers.s3 import s3_from_environment

BACKENDS = ["local", "memory", "s3", "gridfs", "swift"]


def s3_settings(request, stack):
    endpoint = s3_from_environment() or request.getfixturevalue("moto_endpoint")
    return settings_of(endpoint, stack)


def settings_of(endpoint, stack):
    return {
        "ENDPOINT": endpoint.url,
        "ACCESS_KEY": endpoint.access_key,
        "SECRET_KEY": endpoint.secret_key,
        "REGION": endpoint.region,
        "ADDRESSING_STYLE": endpoint.addressing_style,
        "BUCKET": stack.enter_context(new_bucket(endpoint)),
    }


def gridfs_settings(request, stack):
    url, empty_database = request.getfixturevalue("empty_databases")
    return {"MONGO_URL": url, "MONGO_DB": stack.enter_context(empty_database())}


def swift_settings(request, stack):
    place = request.getfixturevalue("swift_place")
    return {
        "AUTHURL": place.auth_url,
        "USER": place.user,
        "KEY": place.key,
        "AUTH_VERSION": "1",
        "CONTAINER": stack.enter_context(new_container(place)),
    }


MAKERS = {"s3": s3_settings, "gridfs": gridfs_settings, "swift": swift_settings}


def allow_pages(request, bucket):
    """Let pages of all origins send to a bucket."""
    endpoint = s3_from_environment() or request.getfixturevalue("moto_endpoint")
    rule = {"AllowedMethods": ["PUT", "POST"], "AllowedOrigins": ["*"], "ExposeHeaders": ["ETag"]}
    bare_client(endpoint).put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})

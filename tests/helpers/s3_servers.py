"""A server with the interface of S3, for tests."""

import contextlib
import logging
import os

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "thing",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Server:
    def __init__(self, port):
        from pyarrow import fs

        self._endpoint = f"http://127.0.0.1:{port}"
        self._there = fs.S3FileSystem(endpoint_override=self._endpoint, allow_bucket_creation=True)
        self._here = fs.LocalFileSystem()

    def address(self, path):
        return f"s3://{path}?endpoint_override={self._endpoint}"

    def create(self, bucket):
        self._there.create_dir(bucket)

    def upload(self, folder, path):
        self._copy(self._here, str(folder), self._there, path)

    def download(self, path, folder):
        self._copy(self._there, path, self._here, str(folder))

    def _copy(self, *arguments):
        from pyarrow import fs

        source, path, target, where = arguments
        fs.copy_files(path, where, source_filesystem=source, destination_filesystem=target)


@contextlib.contextmanager
def started():
    """Yields a `Server` that speaks S3."""
    from moto import server as moto

    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    before = {name: os.environ.get(name) for name in CREDENTIALS}
    os.environ.update(CREDENTIALS)
    try:
        yield Server(running.get_host_and_port()[1])
    finally:
        running.stop()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})

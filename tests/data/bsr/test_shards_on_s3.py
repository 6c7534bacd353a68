"""Training from ``s3://`` through the real client, spoken to by a small server on this machine."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fsspec
import pytest
import torch
from tests.helpers.one_line import one_line

from blindsr.data import NYUv2BSR, prepare_shards
from blindsr.data.bsr.shards import INDEX, TrainingShards
from blindsr.data.loading.samplers import Draw

pytest.importorskip("obstore")


class Bucket(BaseHTTPRequestHandler):
    """Objects and ranges of them as S3 answers, to those who sign their requests."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        path = self.server.folder / self.path.removeprefix("/bucket/set/")
        if "AWS4-HMAC-SHA256" not in self.headers.get("Authorization", ""):
            self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        elif not path.is_file():
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        elif self.headers.get("Range"):
            content = path.read_bytes()
            first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
            self.answer(206, content[first : last + 1], f"bytes {first}-{last}/{len(content)}")
        else:
            self.answer(200, path.read_bytes())

    def answer(self, status, content, part=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Thu, 26 Nov 2026 00:00:00 GMT")
        if part:
            self.send_header("Content-Range", part)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def bucket(prepared, tmp_path, monkeypatch):
    """A server of ``s3://bucket/set``, told to the client as any endpoint of one's own is."""
    prepare_shards(prepared, tmp_path / "out")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    server.folder, server.asked = tmp_path / "out", []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    for name, value in {
        "ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "ALLOW_HTTP": "true",
        "REGION": "us-east-1",
        "ACCESS_KEY_ID": "somebody",
        "SECRET_ACCESS_KEY": "secret",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    forget_clients()
    yield server
    forget_clients()
    server.shutdown()
    server.server_close()
    thread.join()


def forget_clients():
    """Clients are kept by address, with what the environment said when they were made."""
    if "s3" in fsspec.registry:
        fsspec.get_filesystem_class("s3").clear_instance_cache()


def module(prepared, **options):
    data = NYUv2BSR(str(prepared), batch_size=2, crop=[8, 8], num_workers=0, holdout=0.3, **options)
    data.setup("fit")
    return data


def test_samples_are_those_of_loose_files_and_only_their_bytes_are_read(prepared, bucket):
    loose, far = module(prepared), module(prepared, shards="s3://bucket/set")
    for number in range(len(loose.train_set)):
        one, other = (data.train_set[Draw(number, 7)] for data in (loose, far))
        assert one.keys() == other.keys()
        for key in ("lr", "hr", "blur", "seg"):
            assert torch.equal(one[key], other[key]), key
    index, *pictures = bucket.asked
    assert index == (f"/bucket/set/{INDEX}", None)
    assert len(pictures) == len(loose.train_set)
    assert all(path.endswith(".tar") and part for path, part in pictures)


def test_what_is_not_there_is_one_line(prepared, bucket):
    line = one_line(lambda: TrainingShards("s3://bucket/set/no"), f"s3://bucket/set/no/{INDEX}")
    assert "no such file" in line


def test_wrong_rights_are_one_line(prepared, bucket, monkeypatch):
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    forget_clients()
    line = one_line(lambda: TrainingShards("s3://bucket/set"), f"s3://bucket/set/{INDEX}")
    assert "access rights" in line

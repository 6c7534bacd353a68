"""A Hugging Face Hub of one process on loopback: create, commit and download files of models."""

import base64
import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """Files by repository and name in ``server.repos``."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Say nothing."""

    def answer(self, content, status=200, headers=()):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        repos = self.server.repos
        owner, name, *rest = self.path.lstrip("/").partition("?")[0].split("/")
        if owner == "api":  # what there is of a model
            repo = "/".join(rest[:2])
            files = [{"rfilename": file} for file in repos.get(repo, {})]
            return self.answer({"id": repo, "sha": COMMIT, "siblings": files})
        repo, file = f"{owner}/{name}", "/".join(rest[2:])
        if repo not in repos:
            return self.answer({}, 404, [("X-Error-Code", "RepoNotFound")])
        if file not in repos[repo]:
            return self.answer({}, 404, [("X-Error-Code", "EntryNotFound")])
        body = repos[repo][file]
        etag = hashlib.sha1(body).hexdigest()
        return self.answer(body, headers=[("ETag", f'"{etag}"'), ("X-Repo-Commit", COMMIT)])

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[:3] == ["api", "repos", "create"]:
            asked = json.loads(body)
            repo = "/".join(filter(None, [asked.get("organization"), asked["name"]]))
            self.server.repos.setdefault(repo, {})
            return self.answer({"url": f"http://{self.headers['Host']}/{repo}"})
        repo = "/".join(parts[2:4])
        if "preupload" in parts:  # everything small enough for a plain commit
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return self.answer({"files": files})
        if "commit" not in parts:  # whether the card is YAML
            return self.answer({"errors": [], "warnings": []})
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                content = base64.b64decode(line["value"]["content"])
                self.server.repos[repo][line["value"]["path"]] = content
        url = f"http://{self.headers['Host']}/{repo}/commit/{COMMIT}"
        return self.answer({"success": True, "commitOid": COMMIT, "commitUrl": url})


@contextlib.contextmanager
def fake_hub():
    """The server (``repos`` by name) and its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.repos = {}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

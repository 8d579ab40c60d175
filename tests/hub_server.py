"""A small Hugging Face Hub on the loopback interface: repositories, commits, large files, revisions, access.

It speaks the part of the Hub's protocol that `huggingface_hub` uses to create repositories, to commit to them and to
read from them, and refuses what the Hub refuses: a wrong token, a missing repository, revision or file, a large file
whose content is not what its hash says, metadata that is no YAML. Everything is kept in memory.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import yaml

from tests.hub_repositories import Blob, Refusal, Repository, file_entry, is_large, reference


TOKEN = "hf_test"
USER = "tester"
ORGANIZATIONS = ("lab",)
WHEN = "2025-01-01T00:00:00.000Z"


class HubServer:
    """The server as a context manager; `address` is what HF_ENDPOINT is set to.

    `repositories` holds what was pushed by `(kind, name)`, with kinds `"models"` and `"datasets"`.
    """

    def __init__(self):
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.large_files: dict[str, bytes] = {}
        self.uploads: dict[str, tuple[str, int]] = {}  # announced large files by the secret part of their address
        self.lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._server.daemon_threads = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> HubServer:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error) -> None:
        self._server.shutdown()
        self._server.server_close()

    def files(self, name: str, revision: str = "main", kind: str = "models") -> dict[str, bytes]:
        """Contents by path."""
        repository = self.repositories[kind, name]
        return {path: blob.content for path, blob in repository.commits[repository.resolve(revision)].items()}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def log_message(self, *arguments) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer("GET")

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def _answer(self, method: str) -> None:
        address = urlsplit(self.path)
        self.query = parse_qs(address.query)
        self.body = self._read_body()
        try:
            with self.hub.lock:
                for expected, pattern, route in ROUTES:
                    match = re.fullmatch(pattern, address.path)
                    if match and expected == method:
                        return route(self, **{name: unquote(value or "") for name, value in match.groupdict().items()})
            raise Refusal(404, f"There is no {method} {address.path} here.")
        except Refusal as refusal:
            headers = {"X-Error-Message": refusal.message}
            if refusal.code:
                headers["X-Error-Code"] = refusal.code
            self._send_json({"error": refusal.message}, refusal.status, headers)

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send_json(self, value: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(value).encode(), status, {"Content-Type": "application/json", **(headers or {})})

    def _send(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    # ---- Access ----

    def _is_user(self) -> bool:
        """Whether the request carries the token; a token that nobody has is refused, as on the Hub."""
        given = self.headers.get("Authorization")
        if given not in (None, f"Bearer {TOKEN}"):
            raise Refusal(401, "Invalid username or password.")
        return given is not None

    def _require_user(self) -> None:
        if not self._is_user():
            raise Refusal(401, "Invalid username or password.")

    def _repository(self, kind: str, name: str) -> Repository:
        is_user = self._is_user()
        repository = self.hub.repositories.get((kind, name))
        if repository is None or (repository.private and not is_user):
            raise Refusal(404 if is_user else 401, "Repository not found", "RepoNotFound")
        return repository

    # ---- Repositories ----

    def who_am_i(self) -> None:
        self._require_user()
        self._send_json({"type": "user", "name": USER, "orgs": [{"name": name} for name in ORGANIZATIONS]})

    def create(self) -> None:
        self._require_user()
        wanted = json.loads(self.body)
        owner = wanted.get("organization") or USER
        if owner not in (USER, *ORGANIZATIONS):
            raise Refusal(403, f'You don\'t have the rights to create a repository under the namespace "{owner}"')
        kind, name = f"{wanted.get('type') or 'model'}s", f"{owner}/{wanted['name']}"
        prefix = "" if kind == "models" else f"{kind}/"
        answer = {"url": f"{self.hub.address}/{prefix}{name}", "name": name, "id": uuid4().hex}
        if (kind, name) in self.hub.repositories:
            return self._send_json({**answer, "error": f"You already created this {kind[:-1]} repo"}, 409)
        repository = Repository(name, private=wanted.get("visibility") == "private" or bool(wanted.get("private")))
        repository.commit(
            "main", {".gitattributes": Blob(b"*.safetensors filter=lfs\n", large=False)}, "Initial commit"
        )
        self.hub.repositories[kind, name] = repository
        return self._send_json(answer)

    def validate_yaml(self) -> None:
        content = json.loads(self.body)["content"]
        match = re.match(r"---\r?\n(.*?)\r?\n---", content, re.DOTALL)
        try:
            metadata = yaml.safe_load(match[1]) if match else {}
        except yaml.YAMLError as error:
            raise Refusal(400, f"Invalid metadata in README.md: {error}") from error
        errors = []
        if not isinstance(metadata, dict):
            errors.append({"message": "metadata must be a mapping"})
        elif any(not {"name", "results"} <= set(entry) for entry in metadata.get("model-index", [])):
            errors.append({"message": '"model-index" entries need "name" and "results"'})
        self._send_json({"errors": errors, "warnings": []}, 400 if errors else 200)

    def information(self, kind: str, name: str, revision: str = "main") -> None:
        repository = self._repository(kind, name)
        commit = repository.resolve(revision or "main")
        self._send_json(
            {
                "_id": hashlib.sha1(name.encode()).hexdigest()[:24],
                "id": name,
                "author": name.split("/")[0],
                "sha": commit,
                "private": repository.private,
                "gated": False,
                "disabled": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "createdAt": WHEN,
                "lastModified": WHEN,
                "siblings": [{"rfilename": path} for path in repository.commits[commit]],
            }
        )

    def references(self, kind: str, name: str) -> None:
        repository = self._repository(kind, name)
        self._send_json(
            {
                "branches": [reference(f"refs/heads/{key}", key, sha) for key, sha in repository.branches.items()],
                "tags": [reference(f"refs/tags/{key}", key, sha) for key, sha in repository.tags.items()],
                "converts": [],
            }
        )

    def create_branch(self, kind: str, name: str, branch: str) -> None:
        self._require_user()
        repository = self._repository(kind, name)
        if branch in repository.branches:
            raise Refusal(409, f"Reference already exists: {branch}")
        start = json.loads(self.body or b"{}").get("startingPoint", "main")
        repository.branches[branch] = repository.resolve(start)
        self._send_json({})

    def create_tag(self, kind: str, name: str, revision: str) -> None:
        self._require_user()
        repository = self._repository(kind, name)
        tag = json.loads(self.body)["tag"]
        if tag in repository.tags:
            raise Refusal(409, f"Tag already exists: {tag}")
        repository.tags[tag] = repository.resolve(revision)
        self._send_json({})

    # ---- Commits ----

    def preupload(self, kind: str, name: str, revision: str) -> None:
        self._require_user()
        self._repository(kind, name).resolve(revision)
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if is_large(file["path"], file["size"]) else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(self.body)["files"]
        ]
        self._send_json({"files": modes})

    def large_batch(self, prefix: str, name: str) -> None:
        self._require_user()
        self._repository(prefix or "models", name)
        objects = []
        for wanted in json.loads(self.body)["objects"]:
            announced = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in self.hub.large_files:
                secret = uuid4().hex
                self.hub.uploads[secret] = (wanted["oid"], wanted["size"])
                place = f"{self.hub.address}/{prefix + '/' if prefix else ''}{name}.git/info/lfs/verify"
                announced["actions"] = {
                    "upload": {"href": f"{self.hub.address}/upload/{secret}", "header": {}},
                    "verify": {"href": place, "header": {}},
                }
            objects.append(announced)
        self._send_json({"transfer": "basic", "objects": objects})

    def large_upload(self, secret: str) -> None:
        if secret not in self.hub.uploads:
            raise Refusal(403, "This address was not handed out for an upload.")
        oid, size = self.hub.uploads.pop(secret)
        if len(self.body) != size or hashlib.sha256(self.body).hexdigest() != oid:
            raise Refusal(400, f"The content is not what was announced: {oid}, {size} bytes.")
        self.hub.large_files[oid] = self.body
        self._send_json({})

    def large_verify(self, prefix: str, name: str) -> None:
        self._require_user()
        announced = json.loads(self.body)
        if len(self.hub.large_files.get(announced["oid"], b"")) != announced["size"]:
            raise Refusal(404, f"{announced['oid']} was not uploaded.")
        self._send_json({})

    def commit(self, kind: str, name: str, revision: str) -> None:
        self._require_user()
        repository = self._repository(kind, name)
        if revision not in repository.branches:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        header, *operations = map(json.loads, self.body.splitlines())
        if header["key"] != "header" or not header["value"].get("summary"):
            raise Refusal(400, "A commit begins with a header that has a summary.")
        parent = header["value"].get("parentCommit", repository.branches[revision])
        if parent != repository.branches[revision]:
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        files = dict(repository.commits[repository.branches[revision]])
        for operation in operations:
            self._apply(operation["key"], operation["value"], files)
        commit = repository.commit(revision, files, header["value"]["summary"])
        self._send_json(
            {"success": True, "commitOid": commit, "commitUrl": f"{self.hub.address}/{name}/commit/{commit}"}
        )

    def _apply(self, key: str, value: dict, files: dict[str, Blob]) -> None:
        path = value["path"]
        if path.startswith("/") or ".." in path.split("/"):
            raise Refusal(400, f"Invalid path: {path}")
        if key == "file":
            content = base64.b64decode(value["content"], validate=True)
            if is_large(path, len(content)):
                raise Refusal(400, f"{path} has to be uploaded as a large file.")
            files[path] = Blob(content, large=False)
        elif key == "lfsFile":
            if len(self.hub.large_files.get(value["oid"], b"")) != value["size"]:
                raise Refusal(400, f"{path}: {value['oid']} was not uploaded.")
            files[path] = Blob(self.hub.large_files[value["oid"]], large=True)
        elif key == "deletedFile":
            if files.pop(path, None) is None:
                raise Refusal(404, f"There is no {path}.", "EntryNotFound")
        elif key == "deletedFolder":
            for inside in [file for file in files if file.startswith(f"{path.rstrip('/')}/")]:
                del files[inside]
        else:
            raise Refusal(400, f"Unknown operation {key!r}.")

    # ---- Reading ----

    def tree(self, kind: str, name: str, revision: str, path: str = "") -> None:
        repository = self._repository(kind, name)
        files = repository.commits[repository.resolve(revision)]
        prefix = f"{path}/" if path else ""
        below = {file: blob for file, blob in files.items() if file.startswith(prefix)}
        if path and not below:
            raise Refusal(404, f"There is no {path}.", "EntryNotFound")
        recursive = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        entries = {}
        for file, blob in below.items():
            parents = file[len(prefix) :].split("/")[:-1]
            for depth in range(1, len(parents) + 1 if recursive else min(len(parents), 1) + 1):
                folder = prefix + "/".join(parents[:depth])
                entries[folder] = {"type": "directory", "path": folder, "size": 0, "oid": "0" * 40}
            if recursive or not parents:
                entries[file] = file_entry(file, blob)
        self._send_json(list(entries.values()))

    def paths(self, kind: str, name: str, revision: str) -> None:
        repository = self._repository(kind, name)
        files = repository.commits[repository.resolve(revision)]
        is_json = self.headers.get("Content-Type", "").startswith("application/json")
        wanted = json.loads(self.body)["paths"] if is_json else parse_qs(self.body.decode())["paths"]
        entries = []
        for path in wanted:
            if path in files:
                entries.append(file_entry(path, files[path]))
            elif any(file.startswith(f"{path}/") for file in files):
                entries.append({"type": "directory", "path": path, "size": 0, "oid": "0" * 40})
        self._send_json(entries)

    def resolve(self, prefix: str, name: str, revision: str, path: str) -> None:
        repository = self._repository(prefix or "models", name)
        commit = repository.resolve(revision)
        blob = repository.commits[commit].get(path)
        if blob is None:
            raise Refusal(404, "Entry not found", "EntryNotFound")
        headers = {"X-Repo-Commit": commit, "ETag": f'"{blob.oid}"'}
        if blob.large:  # the Hub redirects to a store of large files here; to the same host, clients take it amiss
            headers |= {"X-Linked-Size": str(len(blob.content)), "X-Linked-ETag": f'"{blob.sha256}"'}
        self._send_range(blob.content, headers)

    def _send_range(self, content: bytes, headers: dict[str, str]) -> None:
        headers["Accept-Ranges"] = "bytes"
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if match is None:
            return self._send(content, 200, headers)
        start = int(match[1])
        end = min(int(match[2] or len(content) - 1), len(content) - 1)
        if start > end:
            return self._send(b"", 416, {**headers, "Content-Range": f"bytes */{len(content)}"})
        headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        return self._send(content[start : end + 1], 206, headers)


_API = r"/api/(?P<kind>models|datasets)/(?P<name>[^/]+/[^/]+)"
_PAGE = r"/(?:(?P<prefix>datasets)/)?(?P<name>[^/]+/[^/]+?)"
ROUTES: tuple[tuple[str, str, Callable], ...] = (
    ("GET", "/api/whoami-v2", _Handler.who_am_i),
    ("POST", "/api/repos/create", _Handler.create),
    ("POST", "/api/validate-yaml", _Handler.validate_yaml),
    ("GET", f"{_API}", _Handler.information),
    ("GET", f"{_API}/revision/(?P<revision>[^/]+)", _Handler.information),
    ("GET", f"{_API}/refs", _Handler.references),
    ("POST", f"{_API}/branch/(?P<branch>[^/]+)", _Handler.create_branch),
    ("POST", f"{_API}/tag/(?P<revision>[^/]+)", _Handler.create_tag),
    ("POST", f"{_API}/preupload/(?P<revision>[^/]+)", _Handler.preupload),
    ("POST", f"{_API}/commit/(?P<revision>[^/]+)", _Handler.commit),
    ("GET", f"{_API}/tree/(?P<revision>[^/]+)(?:/(?P<path>.*))?", _Handler.tree),
    ("POST", f"{_API}/paths-info/(?P<revision>[^/]+)", _Handler.paths),
    ("POST", rf"{_PAGE}\.git/info/lfs/objects/batch", _Handler.large_batch),
    ("POST", rf"{_PAGE}\.git/info/lfs/verify", _Handler.large_verify),
    ("PUT", "/upload/(?P<secret>[0-9a-f]+)", _Handler.large_upload),
    ("GET", f"{_PAGE}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _Handler.resolve),
)

"""The server of these tests refuses what the Hub refuses: without that, the round trip would show little."""

import base64
import hashlib
import json
import urllib.error
import urllib.request

import pytest

from tests.hub_server import TOKEN, HubServer


@pytest.fixture
def hub():
    with HubServer() as server:
        answer(server, "/api/repos/create", {"name": "model", "organization": None, "type": "model"})
        yield server


def answer(hub, path, body=None, *, token=TOKEN, method=None, headers=None):
    """Status, headers and content of the answer to a request."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(
        hub.address + path if path[0] == "/" else path, data, headers or {}, method=method
    )
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def commit(hub, *operations, **header):
    lines = [{"key": "header", "value": {"summary": "More", **header}}, *operations]
    return answer(hub, "/api/models/tester/model/commit/main", "\n".join(map(json.dumps, lines)).encode())


def regular(path, content):
    value = {"path": path, "content": base64.b64encode(content).decode(), "encoding": "base64"}
    return {"key": "file", "value": value}


def announce(hub, content):
    body = {"objects": [{"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}]}
    (announced,) = json.loads(answer(hub, "/tester/model.git/info/lfs/objects/batch", body)[2])["objects"]
    return announced


def test_files_are_read_whole_and_in_part_with_their_commit(hub):
    oid = json.loads(commit(hub, regular("a/b.txt", b"abcdef"))[2])["commitOid"]
    status, headers, content = answer(hub, "/tester/model/resolve/main/a/b.txt")
    assert (status, headers["X-Repo-Commit"], content) == (200, oid, b"abcdef")
    assert headers["ETag"] == f'"{hashlib.sha1(b"blob 6" + bytes(1) + b"abcdef").hexdigest()}"'
    status, headers, content = answer(hub, f"/tester/model/resolve/{oid}/a/b.txt", headers={"Range": "bytes=2-3"})
    assert (status, headers["Content-Range"], content) == (206, "bytes 2-3/6", b"cd")
    tree = json.loads(answer(hub, "/api/models/tester/model/tree/main?recursive=true")[2])
    assert [(entry["type"], entry["path"]) for entry in tree] == [
        *(("file", ".gitattributes"), ("directory", "a"), ("file", "a/b.txt"))
    ]


def test_large_files_must_be_what_was_announced(hub):
    announced = announce(hub, b"weights")
    file = {"path": "w.bin", "algo": "sha256", "oid": announced["oid"], "size": announced["size"]}
    assert commit(hub, {"key": "lfsFile", "value": file})[0] == 400
    place = announced["actions"]["upload"]["href"]
    assert answer(hub, place, b"wrongs!", token=None, method="PUT")[0] == 400
    assert answer(hub, place, b"weights", token=None, method="PUT")[0] == 403  # an address serves once
    place = announce(hub, b"weights")["actions"]["upload"]["href"]
    assert answer(hub, place, b"weights", token=None, method="PUT")[0] == 200
    assert commit(hub, {"key": "lfsFile", "value": file})[0] == 200
    status, headers, _ = answer(hub, "/tester/model/resolve/main/w.bin", method="HEAD")
    assert (status, headers["X-Linked-ETag"], headers["X-Linked-Size"]) == (200, f'"{announced["oid"]}"', "7")
    assert "actions" not in announce(hub, b"weights")  # it is there already
    assert commit(hub, regular("v.bin", b"weights"))[0] == 400


def test_a_commit_needs_a_token_a_branch_and_the_parent_that_it_names(hub):
    lines = json.dumps({"key": "header", "value": {"summary": "More"}}).encode()
    assert answer(hub, "/api/models/tester/model/commit/main", lines, token="hf_wrong")[0] == 401
    assert answer(hub, "/api/models/tester/model/commit/main", lines, token=None)[0] == 401
    status, headers, _ = answer(hub, "/api/models/tester/model/commit/other", lines)
    assert (status, headers["X-Error-Code"]) == (404, "RevisionNotFound")
    assert commit(hub, parentCommit="0" * 40)[0] == 412
    assert commit(hub, regular("../outside", b""))[0] == 400
    assert commit(hub, {"key": "deletedFile", "value": {"path": "nothing"}})[0] == 404


@pytest.mark.parametrize(
    ("path", "token", "status", "code"),
    [
        ("/api/models/tester/nothing", TOKEN, 404, "RepoNotFound"),
        ("/api/models/tester/nothing", None, 401, "RepoNotFound"),
        ("/tester/model/resolve/v9/config.json", TOKEN, 404, "RevisionNotFound"),
        ("/tester/model/resolve/main/config.json", TOKEN, 404, "EntryNotFound"),
    ],
)
def test_what_is_missing_has_the_hub_s_code(hub, path, token, status, code):
    found, headers, _ = answer(hub, path, token=token)
    assert (found, headers["X-Error-Code"]) == (status, code)


def test_a_repository_is_created_once_and_in_a_namespace_of_the_user(hub):
    assert answer(hub, "/api/repos/create", {"name": "model", "type": "model"})[0] == 409
    assert answer(hub, "/api/repos/create", {"name": "model", "organization": "somebody"})[0] == 403


def test_metadata_must_be_yaml_with_whole_results(hub):
    def status(metadata):
        return answer(hub, "/api/validate-yaml", {"content": f"---\n{metadata}\n---\ntext"})[0]

    assert status("model-index: [{name: a, results: []}]") == 200
    assert status("model-index: [{name: a}]") == 400
    assert status("tags: [a") == 400

"""A seal tells whole checkpoints from torn ones; nothing good is lost to a write that fails."""

import errno
import json

import pytest

from modeling_emo.resuming.checkpoint import (
    check_whole,
    discard,
    find_damage,
    last_whole_checkpoint,
    read_seal,
    remove_old_checkpoints,
    require_writable,
    seal,
    writing_checkpoint,
)


def write(folder, facts=None, sealed=True):
    """A checkpoint of two files, one in a folder of its own."""
    (folder / "shards").mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"12345")
    (folder / "shards" / "optimizer.bin").write_bytes(b"123")
    if sealed:
        seal(folder, facts)
    return folder


def test_seal_lists_the_files(tmp_path):
    folder = write(tmp_path / "checkpoint-1", {"world_size": 2})
    assert find_damage(folder) is None
    content = read_seal(folder)
    assert content["facts"] == {"world_size": 2}
    assert content["files"] == {
        # printf 12345 | sha256sum; printf 123 | sha256sum
        "model.bin": {"size": 5, "sha256": "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5"},
        "shards/optimizer.bin": {
            "size": 3,
            "sha256": "a665a45920422f9d417e4867efdc4fb8a04a1f3fff1fa07e998e86f7f7a27ae3",
        },
    }
    assert seal(folder) == folder / "seal.json"  # again: does not seal the seal
    assert list(read_seal(folder)["files"]) == ["model.bin", "shards/optimizer.bin"]


def test_every_damage_is_found_and_named(tmp_path):
    def damage(name, change):
        folder = write(tmp_path / name)
        change(folder)
        return find_damage(folder)

    assert "model.bin is missing" in damage("a", lambda folder: (folder / "model.bin").unlink())
    assert "model.bin has 4 bytes instead of 5" in damage("b", lambda it: (it / "model.bin").write_bytes(b"1234"))
    assert "model.bin has another content" in damage("c", lambda it: (it / "model.bin").write_bytes(b"12346"))
    assert "optimizer.bin has 0 bytes" in damage("d", lambda it: (it / "shards/optimizer.bin").write_bytes(b""))
    assert "seal.json is missing" in damage("e", lambda folder: (folder / "seal.json").unlink())
    assert "seal.json is missing" in damage("f", lambda folder: (folder / "seal.json").write_text('{"files"'))
    killed_while_sealing = damage("g", lambda it: (it / "seal.json").rename(it / "seal.json.unfinished"))
    assert "seal.json is missing" in killed_while_sealing
    assert damage("h", lambda folder: (folder / "notes.txt").write_text("more")) is None
    assert "is not a folder" in find_damage(tmp_path / "nowhere")


def test_torn_checkpoints_are_passed_over(tmp_path, caplog):
    assert last_whole_checkpoint(tmp_path) is None
    assert last_whole_checkpoint(tmp_path / "nowhere") is None
    good = write(tmp_path / "checkpoint-8")
    (write(tmp_path / "checkpoint-10") / "model.bin").write_bytes(b"1")
    write(tmp_path / "checkpoint-12", sealed=False)
    write(tmp_path / "checkpoint-best")
    assert last_whole_checkpoint(tmp_path) == good
    (message,) = caplog.messages
    assert "checkpoint-12/seal.json is missing" in message and "checkpoint-10/model.bin has 1 bytes" in message
    assert f"Using {good}" in message

    with pytest.raises(
        ValueError, match="checkpoint-10/model.bin has 1 bytes instead of 5. Resume from .*-8, the last"
    ):
        check_whole(tmp_path / "checkpoint-10")
    with pytest.raises(ValueError, match=r"checkpoint-12/seal.json is missing.* seal\('.*checkpoint-12'\)"):
        check_whole(tmp_path / "checkpoint-12")
    assert check_whole(good) is None


def test_the_last_is_the_one_sealed_last(tmp_path):
    write(tmp_path / "checkpoint-100")  # of an earlier run
    assert last_whole_checkpoint(tmp_path).name == "checkpoint-100"
    write(tmp_path / "checkpoint_5")  # accelerate's way to name them
    assert last_whole_checkpoint(tmp_path).name == "checkpoint_5"


def test_a_clock_that_goes_back_changes_nothing(tmp_path, monkeypatch):
    for step, now in ((10, 2_000_000_000), (20, 1_000_000_000), (30, 1_500_000_000)):
        monkeypatch.setattr("time.time", lambda now=now: now)
        write(tmp_path / f"checkpoint-{step}")
        assert last_whole_checkpoint(tmp_path).name == f"checkpoint-{step}"
    assert [read_seal(tmp_path / f"checkpoint-{step}")["number"] for step in (10, 20, 30)] == [1, 2, 3]
    remove_old_checkpoints(tmp_path, limit=1, keep=[None])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-30"]


def test_seals_that_were_not_counted_go_by_their_step(tmp_path):
    for step in (20, 100, 30):
        path = write(tmp_path / f"checkpoint-{step}") / "seal.json"
        content = json.loads(path.read_text())
        del content["number"]
        path.write_text(json.dumps(content))
    assert last_whole_checkpoint(tmp_path).name == "checkpoint-100"
    write(tmp_path / "checkpoint-40")
    assert last_whole_checkpoint(tmp_path).name == "checkpoint-40"


def test_old_ones_are_removed_torn_ones_first(tmp_path):
    for step in (30, 10, 20, 40):
        write(tmp_path / f"checkpoint-{step}")
    write(tmp_path / "checkpoint-35", sealed=False)

    def left():
        return sorted(path.name for path in tmp_path.iterdir())

    for no_limit in (None, 0):
        remove_old_checkpoints(tmp_path, limit=no_limit, keep=[])
    assert len(left()) == 5
    remove_old_checkpoints(tmp_path, limit=4, keep=[tmp_path / "checkpoint-40", None])
    assert left() == ["checkpoint-10", "checkpoint-20", "checkpoint-30", "checkpoint-40"]
    remove_old_checkpoints(tmp_path, limit=3, keep=[tmp_path / "checkpoint-40", str(tmp_path / "checkpoint-30")])
    assert left() == ["checkpoint-20", "checkpoint-30", "checkpoint-40"]
    remove_old_checkpoints(tmp_path, limit=1, keep=[tmp_path / "checkpoint-40", str(tmp_path / "checkpoint-30")])
    assert left() == ["checkpoint-30", "checkpoint-40"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path):
    good = write(tmp_path / "checkpoint-1")
    full = OSError(errno.ENOSPC, "No space left on device")
    with (
        pytest.raises(OSError, match="checkpoint-2 could not be written: No space left on device") as caught,
        writing_checkpoint(tmp_path / "checkpoint-2"),
    ):
        write(tmp_path / "checkpoint-2", sealed=False)
        raise full
    assert caught.value.errno == errno.ENOSPC and caught.value.__cause__ is full
    assert f"{good} is whole. Resume with" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-1"]

    # Another error is not explained away; another process does not remove what it did not make.
    with (
        pytest.raises(RuntimeError, match="^out of memory$"),
        writing_checkpoint(tmp_path / "checkpoint-3", is_main_process=False),
    ):
        write(tmp_path / "checkpoint-3", sealed=False)
        raise RuntimeError("out of memory")
    assert (tmp_path / "checkpoint-3").is_dir()


def test_what_a_killed_run_left_does_not_get_sealed(tmp_path):
    write(tmp_path / "checkpoint-2")
    (tmp_path / "checkpoint-2" / "rng_state_1.pth").touch()
    with writing_checkpoint(tmp_path / "checkpoint-2"):
        write(tmp_path / "checkpoint-2")
    assert sorted(read_seal(tmp_path / "checkpoint-2")["files"]) == ["model.bin", "shards/optimizer.bin"]
    assert find_damage(tmp_path / "checkpoint-2") is None


def test_half_removed_is_torn(tmp_path, monkeypatch):
    folder = write(tmp_path / "checkpoint-2")
    monkeypatch.setattr("shutil.rmtree", lambda *args, **kwargs: None)  # killed before it could remove more
    discard(folder)
    assert "seal.json is missing" in find_damage(folder)


def test_a_folder_that_cannot_be_written_to(tmp_path):
    require_writable(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Checkpoints cannot be written to .*file/folder: Not a directory. Choose"):
        require_writable(tmp_path / "file" / "folder")


def test_seal_is_plain_json(tmp_path):
    content = json.loads(seal(write(tmp_path / "checkpoint-1", sealed=False)).read_text())
    assert sorted(content) == ["facts", "files", "number", "sealed_at"]

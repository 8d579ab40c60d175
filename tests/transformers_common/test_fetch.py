import io
import tarfile

import pytest

from . import fetch


@pytest.fixture
def sdist(tmp_path):
    """Builds a source distribution out of member names and contents, by default with all suites in it."""

    def build(members=(), suites=fetch.SUITES):
        path = tmp_path / "transformers-0.0.0.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name, content in [*((f"transformers-0.0.0/tests/{suite}", b"x = 1") for suite in suites), *members]:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path

    return build


def written(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_only_python_files_under_tests_are_unpacked(sdist, tmp_path):
    members = [
        ("transformers-0.0.0/setup.py", b"raise SystemExit"),
        ("transformers-0.0.0/src/transformers/tests/mine.py", b""),
        ("transformers-0.0.0/tests/utils/deep.py", b"y = 2"),
        ("transformers-0.0.0/tests/data.json", b"{}"),
    ]
    fetch.extract_tests(sdist(members), tmp_path / "out")
    assert written(tmp_path / "out") == sorted([*fetch.SUITES, "__init__.py", "utils/deep.py"])
    assert (tmp_path / "out" / "utils" / "deep.py").read_bytes() == b"y = 2"


@pytest.mark.parametrize(
    "name", ["transformers-0.0.0/tests/../../../evil.py", "/tests/evil.py", "../tests/../evil.py"]
)
def test_a_path_out_of_the_folder_stops_it(sdist, tmp_path, name):
    with pytest.raises(ValueError, match="to trust: stopped at .*evil.py"):
        fetch.extract_tests(sdist([(name, b"")]), tmp_path / "out")
    assert not list(tmp_path.parent.rglob("evil.py"))


def test_links_are_not_followed(sdist, tmp_path):
    path = tmp_path / "linked.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("transformers-0.0.0/tests/linked.py")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(ValueError, match="does not carry test_configuration_common.py"):
        fetch.extract_tests(path, tmp_path / "out")
    assert written(tmp_path / "out") == ["__init__.py"]


def test_sizes_are_bounded(sdist, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "MAX_FILE_BYTES", 100)
    with pytest.raises(ValueError, match="stopped at .*big.py.*101 bytes"):
        fetch.extract_tests(sdist([("transformers-0.0.0/tests/big.py", bytes(101))]), tmp_path / "one")
    monkeypatch.setattr(fetch, "MAX_FILES", 2)
    with pytest.raises(ValueError, match="test file 3"):
        fetch.extract_tests(sdist(), tmp_path / "two")


def test_a_missing_suite_is_named(sdist, tmp_path):
    with pytest.raises(ValueError, match="does not carry test_processing_common.py"):
        fetch.extract_tests(sdist(suites=fetch.SUITES[:2]), tmp_path / "out")


def test_what_is_there_is_not_fetched_again(tmp_path):
    folder = fetch.suites_folder(tmp_path)
    folder.mkdir()
    assert fetch.fetch_suites(tmp_path) == folder
    assert list(tmp_path.iterdir()) == [folder]

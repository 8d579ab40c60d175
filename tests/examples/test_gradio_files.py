"""The files that make a Space and a container of the Gradio example: they fit setup.py and each other."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from packaging.requirements import Requirement


ROOT = Path(__file__).resolve().parent.parent.parent
DEMO = ROOT / "examples" / "gradio_demo"
PACKAGES = ("commands_emo", "configuration_emo", "modeling_emo", "preprocess")


def setup_requirements():
    """`install_requires` and the extras, as setup.py states them."""
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    extras = next(node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "EXTRAS")
    call = next(node.value for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
    required = next(keyword.value for keyword in call.keywords if keyword.arg == "install_requires")
    return ast.literal_eval(required), ast.literal_eval(extras)


def instructions():
    """The Dockerfile as (instruction, rest) pairs, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (DEMO / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def test_requirements_are_those_of_the_packages_and_of_the_extra():
    lines = (DEMO / "requirements.txt").read_text(encoding="utf-8").splitlines()
    stated = {str(Requirement(line)) for line in lines if line and not line.startswith(("#", "--"))}
    required, extras = setup_requirements()
    assert stated == {str(Requirement(line)) for line in (*required, *extras["gradio"])}
    assert set(extras["gradio"]) <= set(extras["test"])


def test_space_metadata():
    _, metadata, text = (DEMO / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    fields = yaml.safe_load(metadata)
    assert fields["sdk"] == "gradio" and (DEMO / fields["app_file"]).is_file()
    assert len(fields["title"]) <= 60 and fields["license"] == "apache-2.0"
    _, extras = setup_requirements()
    (gradio,) = (Requirement(line) for line in extras["gradio"] if line.startswith("gradio"))
    assert gradio.specifier.contains(fields["sdk_version"])
    for package in PACKAGES:
        assert package in re.search(r"^cp -r .*$", text, flags=re.MULTILINE)[0]


def test_a_copy_as_the_space_has_it_runs_on_its_own(tmp_path):
    shutil.copytree(DEMO, tmp_path, dirs_exist_ok=True)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    script = (
        "import app, commands_emo.serve, modeling_emo\n"
        "print(*(module.__file__ for module in (app, commands_emo.serve, modeling_emo)))"
    )
    run = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    assert all(Path(file).is_relative_to(tmp_path) for file in run.stdout.split())


def test_dockerfile():
    steps = instructions()
    sources = [source for name, rest in steps if name == "COPY" for source in rest.split()[:-1]]
    assert all(list(ROOT.glob(source)) for source in sources)
    assert set(PACKAGES) <= set(sources) and "examples/gradio_demo/*.py" in sources
    assert dict(steps)["CMD"] == '["python", "app.py"]'
    names = [name for name, _ in steps]
    # Whatever runs, runs as another user than root; and PyTorch comes before what would bring its CUDA build.
    assert dict(steps)["USER"] == "app" and names.index("USER") > max(i for i, n in enumerate(names) if n == "RUN")
    installs = [rest for name, rest in steps if name == "RUN" and "pip install" in rest]
    assert "whl/cpu torch==" in installs[0] and "requirements.txt" in installs[1]
    port = dict(steps)["EXPOSE"]
    assert f"GRADIO_SERVER_PORT={port}" in dict(steps)["ENV"] and f"127.0.0.1:{port}/" in dict(steps)["HEALTHCHECK"]
    assert "GRADIO_SERVER_NAME=0.0.0.0" in dict(steps)["ENV"]


def test_the_container_gets_what_it_copies():
    kept = [line[1:] for line in (DEMO / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")]
    sources = [source for name, rest in instructions() if name == "COPY" for source in rest.split()[:-1]]
    assert {source.split("/")[0] for source in sources} == set(kept)

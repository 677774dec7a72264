#!/usr/bin/env python3
"""Builds Argosy's environments from the pins in requirements/. Run by `make setup`.

    .venv      gateway, registry, embedder, the trainer's supervisor, the command line
    .venv-ml   the engine and the trainer's child, with the packaged model in Hugging Face's form
    .venv-compress   the child that compresses models, only if asked for (`make setup-compress`)

Needs Python 3.11 or newer with venv and pip, nothing else: uv comes first, then uv installs the
rest. Each environment ends with a stamp that holds a digest of everything it was made from; with
the right stamp there is nothing to do, without it the steps run again on what is there. Where a C
compiler is, the gateway's lane is compiled at the end (scripts/compile_lane.py).
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements"
LIGHT = ROOT / ".venv"
ML = ROOT / ".venv-ml"
COMPRESS = ROOT / ".venv-compress"
DISTRIBUTIONS = (
    "proto",
    "services/kit",
    "services/registry",
    "services/trainer",
    "services/embedder",
    "services/engine",
    "gateway",
    "cli",
)
TORCH = "torch==2.13.0"
MODEL = "smollm2-135m-instruct"
OLDEST = (3, 11)
STAMP = "argosy-setup.json"


class SetupError(Exception):
    """Setup cannot go on; the message says what to do."""


def say(text: str) -> None:
    print(text, flush=True)


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Announces a step, and how long it took."""
    say(f"• {text}")
    started = time.monotonic()
    yield
    say(f"  done in {time.monotonic() - started:.1f} s")


def run(*command: str | Path, **environment: str) -> None:
    """Runs a command with its output on the terminal."""
    values = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    values.update(environment)
    words = [str(word) for word in command]
    if subprocess.run(words, cwd=ROOT, env=values, check=False).returncode != 0:
        raise SetupError(f"this command failed (see above): {' '.join(words)}")


def output(*command: str | Path) -> str:
    """Returns what a command prints, or nothing if it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


class Environment:
    """A virtual environment and the stamp that says what it was made from."""

    def __init__(self, folder: Path, inputs: Sequence[Path], label: str) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.stamp = folder / STAMP
        digest = hashlib.sha256(f"{label} {sys.version_info[:2]}".encode())
        for path in sorted(inputs):
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
        self.made_of = {"label": label, "inputs": digest.hexdigest()}

    def is_current(self) -> bool:
        try:
            stamped = json.loads(self.stamp.read_text("utf-8"))
        except (OSError, ValueError):
            return False
        return stamped == self.made_of and self.python.exists()

    def begin(self) -> None:
        """Takes the stamp away, and an environment of another Python or of another kind."""
        was: dict[str, str] = {}
        with contextlib.suppress(OSError, ValueError):
            was = json.loads(self.stamp.read_text("utf-8"))
        self.stamp.unlink(missing_ok=True)
        asked = "import sys; print(sys.version_info[:2])"
        of_other_python = output(self.python, "-c", asked) != str(sys.version_info[:2])
        if self.folder.exists() and (of_other_python or self._of_other_kind(was)):
            with step(f"removing the outdated {self.folder.name}"):
                shutil.rmtree(self.folder)

    def _of_other_kind(self, was: dict[str, str]) -> bool:
        kinds = {was.get("label", "").split(" ")[0], self.made_of["label"].split(" ")[0]}
        return kinds == {"cpu", "cuda"}

    def finish(self) -> None:
        self.stamp.write_text(json.dumps(self.made_of, indent=1) + "\n", "utf-8")


def uv(environment: Environment, *arguments: str | Path, **variables: str) -> None:
    quiet = () if sys.stdout.isatty() else ("--quiet",)
    run(
        LIGHT / "bin" / "uv", "pip", "install", *quiet, "--python", environment.python,
        *arguments, **variables,
    )  # fmt: skip


def light_environment(pins: str) -> Environment:
    """Returns .venv as made from `light` or from `dev`, which holds all of light."""
    projects = [ROOT / name / "pyproject.toml" for name in DISTRIBUTIONS]
    files = [REQUIREMENTS / f"{pins}.txt", REQUIREMENTS / "uv.txt", Path(__file__).resolve()]
    return Environment(LIGHT, [*files, *projects], pins)


def light(with_tests: bool) -> None:
    """Builds .venv; with the tools of `make check` and `make test` if asked."""
    basic = light_environment("light")
    complete = light_environment("dev")
    environment = complete if with_tests else basic
    if environment.is_current() or complete.is_current():
        return
    pins = REQUIREMENTS / f"{environment.made_of['label']}.txt"
    environment.begin()
    with step(f"creating {LIGHT.name} and installing uv"):
        create(environment)
    with step(f"installing the packages of {pins.relative_to(ROOT)}"):
        uv(environment, "--no-deps", "--require-hashes", "--compile-bytecode", "-r", pins)
    with step("installing Argosy's own distributions"):
        own = [word for name in DISTRIBUTIONS for word in ("-e", ROOT / name)]
        uv(environment, "--no-deps", "--no-build-isolation", *own)
    environment.finish()


def create(environment: Environment) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "venv", environment.folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SetupError(
            f"{done.stdout}{done.stderr}\nPython cannot make virtual environments; on Debian and "
            "Ubuntu install the package python3-venv."
        )
    run(
        environment.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--require-hashes", "-r", REQUIREMENTS / "uv.txt",
    )  # fmt: skip


def flavour() -> str:
    """Returns which engine fits this machine: `cuda` or `cpu`."""
    asked = os.environ.get("ARGOSY_ENGINE_FLAVOUR", "")
    if asked not in {"", "cpu", "cuda"}:
        raise SetupError(f"ARGOSY_ENGINE_FLAVOUR is {asked!r}; write cpu or cuda.")
    has_gpu = Path("/dev/nvidia0").exists() and shutil.which("nvidia-smi") is not None
    return asked or ("cuda" if has_gpu else "cpu")


def machine_learning() -> None:
    """Builds .venv-ml and converts the packaged model."""
    kind = flavour()
    converter = ROOT / "cli/src/argosy/cli/models/convert.py"
    pins = REQUIREMENTS / f"ml-{kind}.txt"
    model_pins = REQUIREMENTS / "model.txt"
    own = [ROOT / "services/trainer", ROOT / "services/engine"]
    projects = [folder / "pyproject.toml" for folder in own]
    inputs = [pins, model_pins, *projects, converter, Path(__file__).resolve()]
    environment = Environment(ML, inputs, f"{kind} {TORCH}")
    if environment.is_current():
        return
    environment.begin()
    if kind == "cpu":
        ensure_libnuma()
    with step(f"creating {ML.name}"):
        run(sys.executable, "-m", "venv", "--without-pip", ML)
    if kind == "cpu":
        with step(f"installing {TORCH} for CPUs (about 200 MB to download)"):
            arguments, variables = torch_source()
            uv(environment, "--no-deps", "--compile-bytecode", *arguments, TORCH, **variables)
    size = "about 1 GB" if kind == "cpu" else "several GB"
    with step(f"installing the engine and the training libraries ({size} to download)"):
        uv(environment, "--no-deps", "--require-hashes", "--compile-bytecode", "-r", pins)
    with step("installing the packaged model, the trainer's child and our own engine"):
        uv(environment, "--no-deps", "--require-hashes", "-r", model_pins)
        editable = [word for folder in own for word in ("-e", folder)]
        uv(environment, "--no-deps", "--no-build-isolation", *editable)
    share = ML / "share" / "argosy"
    with step(f"converting {MODEL} to Hugging Face's form"):
        run(environment.python, converter, share / "models" / MODEL)
    (share / "flavour").write_text(kind + "\n", "utf-8")
    environment.finish()


def compression() -> None:
    """Builds .venv-compress: its library pins other versions than the engine's. It computes on the
    CPU, whatever trains."""
    pins = REQUIREMENTS / "compress.txt"
    trainer = ROOT / "services/trainer"
    inputs = [pins, trainer / "pyproject.toml", Path(__file__).resolve()]
    environment = Environment(COMPRESS, inputs, TORCH)
    if environment.is_current():
        return
    environment.begin()
    with step(f"creating {COMPRESS.name} and installing what compresses (1.2 GB on disk)"):
        run(sys.executable, "-m", "venv", "--without-pip", COMPRESS)
        arguments, variables = torch_source()
        uv(environment, "--no-deps", *arguments, TORCH, **variables)
        uv(environment, "--no-deps", "--require-hashes", "-r", pins)
        uv(environment, "--no-deps", "--no-build-isolation", "-e", trainer)
    environment.finish()


def torch_source() -> tuple[tuple[str, ...], dict[str, str]]:
    """Returns uv's arguments and variables that find the CPU build of torch.

    Where pip is configured with a folder that holds the file, that folder (uv does not read pip's
    settings); else uv knows where the CPU builds are published.
    """
    pip = (LIGHT / "bin" / "python", "-m", "pip")
    links = os.environ.get("PIP_FIND_LINKS") or output(*pip, "config", "get", "global.find-links")
    wheel = f"torch-{TORCH.partition('==')[2]}*cp{sys.version_info[0]}{sys.version_info[1]}-*.whl"
    if any(any(Path(folder).glob(wheel)) for folder in links.split()):
        return (), {"UV_FIND_LINKS": ",".join(links.split())}
    return ("--torch-backend=cpu",), {}


def print_torch_source() -> None:
    """Prints shell text that lets `uv pip compile` find the same torch."""
    arguments, variables = torch_source()
    lines = [f"export {name}={value!r}" for name, value in variables.items()]
    print("; ".join(lines or ["export UV_TORCH_BACKEND=cpu"] if arguments else lines))


def ensure_libnuma() -> None:
    """vLLM's CPU build loads libnuma, which no Python package carries."""
    if loads("libnuma.so.1"):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        with step("installing the system library libnuma1"):
            run("apt-get", "update", "-qq")
            run("apt-get", "install", "-y", "-qq", "libnuma1", DEBIAN_FRONTEND="noninteractive")
    if not loads("libnuma.so.1"):
        raise SetupError(
            "the engine needs the system library libnuma; install it (Debian and Ubuntu: "
            "`sudo apt-get install libnuma1`, Fedora: `sudo dnf install numactl-libs`) and run "
            "this again."
        )


def ensure_prometheus() -> None:
    """The tests run dashboards on a real Prometheus, and check rules with its promtool."""
    programs = ("prometheus", "promtool")
    if all(shutil.which(name) for name in programs):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        with step("installing the system package prometheus, for the tests"):
            run("apt-get", "update", "-qq")
            run(
                "apt-get", "install", "-y", "-qq", "--no-install-recommends", "prometheus",
                DEBIAN_FRONTEND="noninteractive",
            )  # fmt: skip
    if missing := [name for name in programs if not shutil.which(name)]:
        raise SetupError(
            f"the tests need {' and '.join(missing)}; install Prometheus (Debian and Ubuntu: "
            "`sudo apt-get install prometheus`) and run this again."
        )


def loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def suitable_python() -> None:
    """Starts this script again in a Python that is new enough, if this one is not."""
    if sys.version_info >= OLDEST:
        return
    for name in ("python3.13", "python3.12", "python3.11"):
        found = shutil.which(name)
        # A version manager's stand-in may be on the PATH and run nothing.
        if found and output(found, "-c", "print('runs')") == "runs":
            os.execv(found, [found, *sys.argv])  # noqa: S606 - no shell is wanted
    raise SetupError(
        f"Argosy needs Python 3.11 or newer; this is {sys.version.split()[0]}, and no python3.11, "
        "python3.12 or python3.13 is on the PATH."
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--with-tests", action="store_true", help="add the tools of `make test`")
    parser.add_argument("--light-only", action="store_true", help="leave .venv-ml out")
    parser.add_argument("--no-compile", action="store_true", help="let the lane run uncompiled")
    parser.add_argument(
        "--with-compression", action="store_true", help="add what compresses models"
    )
    parser.add_argument("--print-torch-source", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        suitable_python()
        if arguments.print_torch_source:
            print_torch_source()
            return 0
        light(arguments.with_tests)
        if arguments.with_tests:
            ensure_prometheus()
        if not arguments.light_only:
            machine_learning()
            if not arguments.no_compile:
                # Whoever only edits and checks need not wait for a compiler after each edit.
                run(LIGHT / "bin" / "python", ROOT / "scripts/compile_lane.py")
            if arguments.with_compression or arguments.with_tests:
                compression()
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: interrupted; the next run goes on from here", file=sys.stderr)
        return 130
    took = time.monotonic() - started
    if took > 1:
        say(f"The environments are complete ({took:.0f} s).")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The inside of a python grader's process: give everything up, then run the user's code.

Sent to a bare interpreter as text, so it imports the standard library only. Reads one JSON task on
stdin, writes one JSON line an answer. What is given up: root, new processes, large memory, files to
write, time, and the network (where the kernel allows a namespace of one's own).
"""

import contextlib
import ctypes
import io
import json
import math
import os
import resource
import signal
import sys

NOBODY = 65534
MEMORY_BYTES = 512 << 20
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def main() -> None:
    task = json.loads(sys.stdin.buffer.read())
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # What the user's code prints goes nowhere.
    void = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(void, descriptor)
    _give_up(task["seconds"] * len(task["samples"]))
    grade, error = _load(task["source"])
    for sample in task["samples"]:
        score = 0.0
        trouble = error
        if grade is not None:
            score, trouble = _judge(grade, sample, task["seconds"])
        output.write(json.dumps({"score": score, "error": trouble}) + "\n")
        output.flush()


def _give_up(seconds: float) -> None:
    _hold_library()
    libc = ctypes.CDLL(None, use_errno=True)
    # As root the first needs no user namespace; without either right the network stays reachable.
    libc.unshare(CLONE_NEWNET) == 0 or libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)
    if os.getuid() == 0:
        with contextlib.suppress(OSError):
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CPU: math.ceil(seconds) + 1,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_NOFILE: 16,
        resource.RLIMIT_CORE: 0,
    }
    for what, limit in limits.items():
        resource.setrlimit(what, (limit, limit))


def _hold_library() -> None:
    """Keep the standard library importable for nobody, wherever the interpreter lives.

    It may lie in a home that only root may enter; a folder opened now is entered by its descriptor.
    """
    held = {}
    for folder in sys.path:
        with contextlib.suppress(OSError):  # The path also names a zip file that is rarely there.
            held[folder] = f"/proc/self/fd/{os.open(folder, os.O_PATH | os.O_DIRECTORY)}"
    sys.path[:] = held.values()
    # A loaded package (encodings, importlib) looks for its modules in a path of its own.
    for module in list(sys.modules.values()):
        for folder, descriptor in held.items():
            if any(place.startswith(folder) for place in getattr(module, "__path__", ())):
                module.__path__ = [place.replace(folder, descriptor) for place in module.__path__]


def _load(source):  # type: ignore[no-untyped-def]  # the user's code has no types
    space = {"__name__": "grader"}
    try:
        exec(compile(source, "grader", "exec"), space)  # noqa: S102 - this is what it is for
    except BaseException as error:  # noqa: BLE001 - the user's code may raise anything
        return None, f"the grader's source fails: {type(error).__name__}: {error}"
    grade = space.get("grade")
    if not callable(grade):
        return None, "the grader's source defines no grade(sample, item)"
    return grade, None


def _judge(grade, sample, seconds):  # type: ignore[no-untyped-def]
    given = {"output_text": sample["text"], "choices": [{"message": {"content": sample["text"]}}]}
    with contextlib.suppress(ValueError):
        given["output_json"] = json.loads(sample["text"])
    signal.signal(signal.SIGALRM, _late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            score = float(grade(given, sample["item"]))
        if not math.isfinite(score):
            return 0.0, "the grade is no finite number"
        return score, None
    except BaseException as error:  # noqa: BLE001 - the user's code may raise anything
        return 0.0, f"{type(error).__name__}: {error}"[:500]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _late(*_):  # type: ignore[no-untyped-def]
    raise TimeoutError("the grader took too long for one answer")


main()

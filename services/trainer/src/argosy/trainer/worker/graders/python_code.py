"""python: the user's own `grade(sample, item)`, run in a process that can do nothing else.

The process is a fresh interpreter without our packages, our environment and our folder; `sandbox`
takes away memory, time, files, processes and, where the kernel lets it, the network before the
first line of the user's runs. This side keeps the time and survives whatever comes back.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from argosy.trainer.worker.graders.grader import Grade, Grades, Sample

SANDBOX = Path(__file__).with_name("sandbox.py")
SECONDS_AN_ANSWER = 2.0
# The interpreter's own start, on a busy machine.
SECONDS_TO_START = 30.0
LONGEST_OUTPUT = 1 << 20


@dataclass(frozen=True)
class PythonGrader:
    source: str
    seconds_an_answer: float = SECONDS_AN_ANSWER

    def grade(self, samples: Sequence[Sample]) -> Grades:
        task = {
            "source": self.source,
            "seconds": self.seconds_an_answer,
            "samples": [{"text": sample.text, "item": sample.item} for sample in samples],
        }
        with tempfile.TemporaryDirectory(prefix="grader-") as folder:
            Path(folder).chmod(0o755)
            try:
                done = subprocess.run(
                    # -I -S: no environment, no folder of ours, no installed packages.
                    [sys.executable, "-I", "-S", "-c", SANDBOX.read_text("utf-8")],
                    input=json.dumps(task).encode(),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    cwd=folder,
                    env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                    timeout=SECONDS_TO_START + self.seconds_an_answer * len(samples),
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return [Grade(0.0, "the grader ran out of time")] * len(samples)
        return _grades(done.stdout[:LONGEST_OUTPUT], done.returncode, len(samples))


def _grades(output: bytes, status: int, count: int) -> Grades:
    """One line an answer; what was not judged before the process died has an error."""
    grades = []
    for line in output.splitlines()[:count]:
        try:
            found = json.loads(line)
            score, error = found["score"], found["error"]
            grades.append(Grade(float(score), None if error is None else str(error)))
        except (ValueError, TypeError, KeyError):
            grades.append(Grade(0.0, "the grader wrote what is no grade"))
    died = Grade(0.0, f"the grader's process ended with status {status}")
    return grades + [died] * (count - len(grades))

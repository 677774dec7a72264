"""The machine in words, for a table's caption. Knows /proc/cpuinfo and the versions of programs."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from benchmarks.build import Programs


def describe(programs: Programs) -> str:
    """Return a line on the processor, memory, kernel and what was measured beside what."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    parts = [
        f"{os.cpu_count()} × {_processor()}",
        f"{gigabytes:.0f} GB",
        f"Linux {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}",
    ]
    if programs.nginx:
        parts.append(_version([str(programs.nginx), "-v"]).replace("nginx version: ", ""))
    if programs.vllm_router:
        python = programs.vllm_router.with_name("python")
        code = "from importlib.metadata import version; print(version('vllm-router'))"
        parts.append(f"vllm-router {_version([str(python), '-c', code])}")
    return ", ".join(parts)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return (done.stdout or done.stderr).strip()

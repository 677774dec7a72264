"""`python -m argosy.trainer.worker RUN_DIR`: one run, from the spec to the last event.

Exit codes: 0 finished, 1 failed (the `failed` event says why), 2 wrong usage, 143 stopped. A run in
several processes starts this again for each of them, and ends as they end.
"""

import logging
import os
import sys
import traceback
from pathlib import Path

from argosy.trainer.worker.checkpoints import Checkpoints, verify
from argosy.trainer.worker.failpoints import Failpoints
from argosy.trainer.worker.failures import Reason, Unsupported, failure_of
from argosy.trainer.worker.progress import Progress
from argosy.trainer.worker.ranks import Rank, launch
from argosy.trainer.worker.spec import ALONE, Spec, load_spec
from argosy.trainer.worker.stopping import EXIT_STATUS, Stopped, StopSignal

# Nothing is fetched and nothing is told: the weights are a local folder. Set before the imports.
QUIET_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "USE_TF": "0",
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m argosy.trainer.worker RUN_DIR", file=sys.stderr)
        return 2
    progress = Progress.claim_stdout()
    stop = StopSignal()
    stop.install()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    os.environ.update(QUIET_ENVIRONMENT)
    # Waiting threads sleep: spinning ones take the cores from the engine beside them (measured on
    # two busy cores: 3.4 CPU-seconds a step against 4.5 to 7).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    rank = Rank.from_environment(os.environ)
    rank.follow(os.environ)
    run_dir = Path(arguments[0]).absolute()
    try:
        spec = load_spec(run_dir)
        _show_gpus(spec.processes)
        done = verify(spec.resume_from) if spec.resume_from else 0
        if spec.processes > rank.count:
            return _as_ranks(run_dir, spec, progress)
        # Imported here: torch and its friends take seconds, which a bad spec or a torn checkpoint
        # need not wait for.
        from argosy.trainer.worker.recipes.dispatch import recipe_of
        from argosy.trainer.worker.run import Run

        checkpoints = Checkpoints(run_dir, Failpoints.from_environment(os.environ))
        recipe_of(spec.method)(Run(spec, done, checkpoints, progress.of(rank), stop, rank))
    except Stopped:
        return EXIT_STATUS
    except Exception as error:  # noqa: BLE001 - the process boundary: every end has a reason
        traceback.print_exc()
        failure = failure_of(error)
        # Of several, the one whose neighbour was killed fails, too: that is a crash, which is
        # worth another try, and no reason.
        if rank.count == 1 or failure.reason is not Reason.INTERNAL:
            progress.emit("failed", reason=failure.reason, message=failure.message)
        return 1
    return 0


def _show_gpus(count: int) -> None:
    """A run uses so many; which, the owner says. With more in sight the library refuses."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(count))))
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(seen.split(",")[:count])


def _as_ranks(run_dir: Path, spec: Spec, progress: Progress) -> int:
    if spec.method in ALONE:
        raise Unsupported(
            f"{spec.method} looks at all answers of a step at once, so it trains in one process, "
            f"not in {spec.processes}"
        )
    command = [sys.executable, "-m", "argosy.trainer.worker", str(run_dir)]
    status = launch(command, spec.processes, os.environ, progress.fileno())
    if status < 0:
        os.kill(os.getpid(), -status)
    return status


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Tearing down torch's threads takes a while and can hang; everything is on disk already.
    os._exit(status)

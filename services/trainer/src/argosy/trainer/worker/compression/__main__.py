"""`python -m argosy.trainer.worker.compression RUN_DIR`: one compression, from spec to last event.

Exit codes: 0 finished, 1 failed (the `failed` event says why), 2 wrong usage, 143 stopped.
"""

import logging
import os
import sys
import traceback
from pathlib import Path

from argosy.trainer.worker.checkpoints import Checkpoints
from argosy.trainer.worker.compression.spec import load_spec
from argosy.trainer.worker.failpoints import Failpoints
from argosy.trainer.worker.failures import Reason, failure_of
from argosy.trainer.worker.progress import Progress
from argosy.trainer.worker.stopping import StopSignal

# Nothing is fetched and nothing is told: the weights are a local folder. Set before the imports.
QUIET_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "USE_TF": "0",
}

# Those of training name parameters that a compression lacks.
WAYS_OUT = {
    Reason.DISK_FULL: "no space is left for the compressed model: free some and try again",
    Reason.OUT_OF_MEMORY: "the machine ran out of memory: lower argosy.calibration_records or "
    "argosy.max_seq_length, or choose a smaller model",
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m argosy.trainer.worker.compression RUN_DIR", file=sys.stderr)
        return 2
    progress = Progress.claim_stdout()
    # There is no safe point to wait for: what is not published yet lies aside and is thrown away.
    StopSignal().install()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    os.environ.update(QUIET_ENVIRONMENT)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    os.environ["CUDA_VISIBLE_DEVICES"] = gpus.split(",")[0]
    run_dir = Path(arguments[0]).absolute()
    try:
        spec = load_spec(run_dir)
        # Imported here: torch and its friends take seconds, which a bad spec need not wait for.
        from argosy.trainer.worker.compression.compress import Compression

        checkpoints = Checkpoints(run_dir, Failpoints.from_environment(os.environ))
        Compression(spec, checkpoints, progress).run()
    except Exception as error:  # noqa: BLE001 - the process boundary: every end has a reason
        traceback.print_exc()
        failure = failure_of(error)
        message = WAYS_OUT.get(failure.reason, failure.message)
        progress.emit("failed", reason=failure.reason, message=message)
        return 1
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Tearing down torch's threads takes a while and can hang; everything is on disk already.
    os._exit(status)

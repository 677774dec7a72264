"""The rival: supervised LoRA as TRL's documentation shows it, with its default settings.

Run by the ML environment's Python: `plain_trl.py TASK_FILE`, a JSON object with weights, file, out,
batch_size, steps, rank and learning_rate. It prints a JSON line a step. Model, records, batch,
precision (fp32) and LoRA are as ours; everything else is TRL's own choice.
"""

import json
import sys
from pathlib import Path
from typing import IO, Any

import torch
from datasets import load_dataset
from peft import LoraConfig
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer


class Clock(TrainerCallback):  # type: ignore[misc]  # TRL and its kin ship no types here
    """A line a step; `tokens` is what TRL itself counts so far: those that are not padding."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "loss" in logs:
            line = {
                "step": state.global_step,
                "tokens": logs["num_tokens"],
                "loss": logs["loss"],
            }
            print(json.dumps(line), file=self._out, flush=True)


def main() -> None:
    # What libraries print is not ours.
    out, sys.stdout = sys.stdout, sys.stderr
    task = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    trainer = SFTTrainer(
        model=task["weights"],
        args=SFTConfig(
            output_dir=task["out"],
            per_device_train_batch_size=task["batch_size"],
            max_steps=task["steps"],
            learning_rate=task["learning_rate"],
            model_init_kwargs={"dtype": torch.float32},
            bf16=False,
            use_cpu=True,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=load_dataset("json", data_files=task["file"], split="train"),
        peft_config=LoraConfig(
            task_type="CAUSAL_LM", r=task["rank"], lora_alpha=2 * task["rank"],
            target_modules="all-linear",
        ),
        callbacks=[Clock(out)],
    )  # fmt: skip
    trainer.train()


if __name__ == "__main__":
    main()

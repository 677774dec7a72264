"""One compression from its weights to the last event: quantize, read back, measure, tell.

The result is read back from disk before it is measured, so that what the figures say is what will
be served. Who asked for it and where it goes is not its concern.
"""

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from argosy.trainer.worker.checkpoints import Checkpoints
from argosy.trainer.worker.compression import measuring, quantizing
from argosy.trainer.worker.compression.spec import GPTQ, CompressionSpec
from argosy.trainer.worker.data import corpus as corpora
from argosy.trainer.worker.data import forms, sources
from argosy.trainer.worker.data.corpus import Corpus
from argosy.trainer.worker.data.tokens import Record, Tokenization
from argosy.trainer.worker.progress import Progress
from argosy.trainer.worker.spec import TEXT, Source
from compressed_tensors.quantization import disable_quantization
from transformers import AutoModelForCausalLM, AutoTokenizer, CompressedTensorsConfig

# A compression is one step, and its result the checkpoint of that step.
STEP = 1
# Held-out records that perplexity is measured on at most: each is read twice.
MOST_MEASURED = 64
BYTES_OF_16_BITS = 2


@dataclass(frozen=True)
class Compression:
    """One run's spec and surroundings."""

    spec: CompressionSpec
    checkpoints: Checkpoints
    progress: Progress

    def run(self) -> None:
        """Raises Failure; what any other exception means is `failures`' business."""
        if self.spec.resume_from is not None:
            self._finish()
            return
        self.checkpoints.prepare()
        try:
            self._compress()
        finally:
            # On a disk that is full as well as after success: nothing half-done stays.
            shutil.rmtree(self.checkpoints.aside, ignore_errors=True)

    def _compress(self) -> None:
        transformers.set_seed(self.spec.seed)
        calibration, held_out = self._records()
        self._announce(calibration, held_out)
        written = self.checkpoints.aside / "compressed"
        before = _numbers(self._model(torch.bfloat16))
        self._phase("quantizing")
        self._quantize(written, calibration)
        self._phase("measuring")
        values = self._measure(written, held_out.records[:MOST_MEASURED])
        values |= _sizes(before, written)
        self.progress.emit("step", step=STEP, tokens=self._tokens(calibration), values=values)
        path = self.checkpoints.publish(written, STEP)
        self.progress.emit("checkpoint", step=STEP, path=str(path))
        self._finish()

    def _finish(self) -> None:
        self.progress.emit("finished", step=STEP, path=str(self.checkpoints.path(STEP)))

    def _phase(self, name: str) -> None:
        """A sign of life: the supervisor gives up on a child that says nothing for long."""
        self.progress.emit("phase", name=name)

    def _quantize(self, target: Path, calibration: Corpus[Record]) -> None:
        model = self._model(torch.bfloat16)
        quantizing.quantize(model, self.spec, [record.ids for record in calibration.records])
        quantizing.save(model, target)

    def _measure(self, written: Path, held_out: Sequence[Record]) -> dict[str, float]:
        # As the transformers engine computes: on CPUs in 32 bits, which is the faster way there.
        number_format = torch.bfloat16 if torch.cuda.is_available() else torch.float32
        original = self._model(number_format)
        # With what quantized activations cost, too, as an engine with integer kernels has it.
        values = {
            "perplexity_before": measuring.perplexity(original, held_out),
            "perplexity_after": measuring.perplexity(_load(written, number_format), held_out),
            "held_out_records": float(len(held_out)),
        }
        values["perplexity_change"] = values["perplexity_after"] / values["perplexity_before"] - 1
        if self.spec.measured_answers:
            # As the transformers engine loads it.
            unpacked = _load(
                written, number_format, quantization_config=CompressedTensorsConfig(dequantize=True)
            )
            unpacked.apply(disable_quantization)
            values |= self._speeds(original, unpacked, held_out)
        return values

    def _speeds(self, before: Any, after: Any, held_out: Sequence[Record]) -> dict[str, float]:
        values = {}
        pair = measuring.speeds(before, after, held_out, self.spec.measured_answers)
        for when, speed in zip(("before", "after"), pair, strict=True):
            values[f"tokens_per_second_{when}"] = speed.tokens_per_second()
            values[f"latency_p50_ms_{when}"] = speed.median_ms()
            values[f"latency_p95_ms_{when}"] = speed.percentile_ms(0.95)
        return values

    def _model(self, number_format: torch.dtype) -> Any:
        model = _load(self.spec.weights_path, number_format)
        if self.spec.base_adapter_path is None:
            return model
        from peft import PeftModel

        return PeftModel.from_pretrained(model, self.spec.base_adapter_path).merge_and_unload()

    def _records(self) -> tuple[Corpus[Record], Corpus[Record]]:
        spec = self.spec
        words = Tokenization(AutoTokenizer.from_pretrained(spec.weights_path))

        def corpus(files: Sequence[Source], name: str) -> Corpus[Record]:
            lines = sources.read(sources.draw(files, spec.seed))
            if spec.data_kind == TEXT:
                return corpora.build(
                    lines, forms.text, words.text, limit=spec.max_seq_length, name=name
                )
            return corpora.build(
                lines, forms.dialogue, words.record, limit=spec.max_seq_length, name=name
            )

        calibration = corpus(spec.sources, "training file")
        draw = random.Random(spec.seed)  # noqa: S311 - a draw that can be repeated, no secret
        draw.shuffle(calibration.records)
        del calibration.records[spec.calibration_records :]
        return calibration, corpus([Source(spec.validation_file)], "validation file")

    def _tokens(self, calibration: Corpus[Record]) -> int:
        return sum(calibration.lengths()) if self.spec.rounding == GPTQ else 0

    def _announce(self, calibration: Corpus[Record], held_out: Corpus[Record]) -> None:
        self.progress.emit(
            "started",
            total_steps=STEP,
            resumed_from=0,
            records=len(calibration),
            device="cuda" if torch.cuda.is_available() else "cpu",
        )
        for of, corpus in (("training", calibration), ("validation", held_out)):
            if corpus.dropped:
                self.progress.emit(
                    "dropped",
                    of=of,
                    count=len(corpus.dropped),
                    lines=corpus.dropped[:100],
                    reason=f"longer than {self.spec.max_seq_length} tokens",
                )


def _load(folder: Path, number_format: torch.dtype, **more: Any) -> Any:
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        dtype=number_format,
        device_map="cuda" if torch.cuda.is_available() else None,
        **more,
    )
    return model.eval().requires_grad_(False)


def _numbers(model: Any) -> int:
    """How many numbers the weights are; those that two layers share count once."""
    return sum(parameter.numel() for parameter in model.parameters())


def _sizes(numbers: int, written: Path) -> dict[str, float]:
    """`size_ratio` says *to* which part the weights shrink, from 16 bits a number."""
    before = BYTES_OF_16_BITS * numbers
    after = sum(path.stat().st_size for path in written.glob("*.safetensors"))
    return {
        "bytes_before": float(before),
        "bytes_after": float(after),
        "size_ratio": after / before,
    }

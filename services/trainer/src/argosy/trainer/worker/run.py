"""What all recipes have in common: seeds, the way from data and an objective to a trained model.

A recipe says what the records are, which model learns and what; this takes it from there to the
last event. Who asked for the run and where its result goes is not its concern.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from argosy.trainer.worker.batches import Steps, in_order
from argosy.trainer.worker.checkpoints import Checkpoints
from argosy.trainer.worker.data import corpus as corpora
from argosy.trainer.worker.data import sources
from argosy.trainer.worker.data.corpus import Corpus
from argosy.trainer.worker.data.tokens import Tokenization
from argosy.trainer.worker.hardware import Hardware
from argosy.trainer.worker.progress import Progress
from argosy.trainer.worker.ranks import ALONE, Rank
from argosy.trainer.worker.reporter import Reporter
from argosy.trainer.worker.schedule import BatchPlan
from argosy.trainer.worker.spec import FULL, Source, Spec
from argosy.trainer.worker.step_trainer import Objective, StepTrainer
from argosy.trainer.worker.stopping import StopSignal
from transformers import AutoTokenizer, TrainingArguments, set_seed
from transformers.trainer_callback import PrinterCallback

MAX_GRADIENT_NORM = 1.0
# Of the lines that were left out, how many are named.
NAMED_LINES = 100


@dataclass(frozen=True)
class Run:
    """One run's spec and surroundings. `resumed_from` is the step of `spec.resume_from`, or 0."""

    spec: Spec
    resumed_from: int
    checkpoints: Checkpoints
    progress: Progress
    stop: StopSignal
    rank: Rank = ALONE

    def begin(self) -> "Bench":
        """Everything that is random from here on follows from the seed."""
        if self.rank.speaks():
            self.checkpoints.prepare()
        set_seed(self.spec.seed)
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False
        tokenizer = AutoTokenizer.from_pretrained(self.spec.weights_path)
        hardware = Hardware.of_this_machine(self.spec, self.rank)
        return Bench(self, hardware, tokenizer)


@dataclass(frozen=True)
class Data:
    """`limit` is the length in tokens above which records were left out."""

    training: Corpus[Any]
    validation: Corpus[Any] | None
    drawn: list[sources.Drawn]
    limit: int


@dataclass(frozen=True)
class Bench:
    """What a recipe works with."""

    run: Run
    hardware: Hardware
    tokenizer: Any

    @property
    def spec(self) -> Spec:
        return self.run.spec

    def budget(self, model: Any) -> int:
        """The most padded tokens in one pass."""
        return self.hardware.token_budget(model.config.get_text_config().vocab_size)

    def filler(self) -> int:
        """The token that pads where a model looks for the end by it."""
        words = self.tokenizer
        filler = words.eos_token_id if words.pad_token_id is None else words.pad_token_id
        return int(filler or 0)

    def data(
        self,
        read: Callable[[int, dict[str, Any]], Iterable[Any]],
        tokenize: Callable[[Tokenization, Any], Any],
        *,
        limit: int | None = None,
        arrange: Callable[[Corpus[Any]], Corpus[Any]] = lambda corpus: corpus,
    ) -> Data:
        """The files of the spec as corpora. `arrange` makes the records that are learnt from of
        those that were read."""
        tokenization = Tokenization(self.tokenizer)
        limit = limit or self.spec.max_seq_length

        def corpus(drawn: Sequence[sources.Drawn], name: str) -> Corpus[Any]:
            return arrange(
                corpora.build(
                    sources.read(drawn),
                    read,
                    lambda form: tokenize(tokenization, form),
                    limit=limit,
                    name=name,
                )
            )

        drawn = sources.draw(self.spec.training_sources(), self.spec.seed)
        training = corpus(drawn, "training file")
        validation = None
        if self.spec.validation_file:
            whole = sources.draw([Source(self.spec.validation_file)], self.spec.seed)
            validation = corpus(whole, "validation file")
        return Data(training, validation, drawn, limit)

    def train(
        self,
        model: Any,
        data: Data,
        objective: Objective[Any],
        *,
        perplexing: bool = False,
        kinds: Sequence[Hashable] | None = None,
    ) -> None:
        """From here to the last event. `perplexing` tells that losses are those of tokens, `kinds`
        of which kinds the training records are, where a step needs each of them.

        Raises Failure or Stopped; what any other exception means is `failures`' business.
        """
        run, spec = self.run, self.spec
        plan = BatchPlan(
            data.training.lengths(),
            batch_size=spec.batch_size,
            n_epochs=spec.n_epochs,
            max_steps=spec.max_steps,
            seed=spec.seed,
            kinds=kinds,
        )
        steps = Steps(data.training, plan, objective, run.rank)
        trainer = StepTrainer(
            spec,
            objective,
            run.rank,
            model=model,
            args=self._arguments(run.checkpoints.aside, len(plan)),
            train_dataset=steps.numbers(),
            data_collator=steps.collate,
            # It does not change, so an adapter need not carry it; a whole model shall.
            processing_class=self.tokenizer if spec.scale == FULL else None,
        )
        validation = None
        if data.validation is not None:
            in_batches = in_order(data.validation, spec.batch_size)
            validation = Steps(data.validation, in_batches, objective)
        reporter = Reporter(
            spec, trainer, run.checkpoints, run.progress, run.stop, validation,
            perplexing=perplexing,
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(reporter)
        self._announce(model, data, len(plan))
        run.stop.defer()
        if run.resumed_from < len(plan) and not reporter.has_stopped():
            resume = str(spec.resume_from) if spec.resume_from else None
            trainer.train(resume_from_checkpoint=resume)
        last = reporter.result(len(plan))
        if reporter.has_stopped():
            run.progress.emit(
                "early_stopped", step=trainer.state.global_step or run.resumed_from, best_step=last
            )
        run.progress.emit("finished", step=last, path=str(run.checkpoints.path(last)))

    def _announce(self, model: Any, data: Data, total_steps: int) -> None:
        progress = self.run.progress
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        progress.emit(
            "started",
            total_steps=total_steps,
            records=len(data.training),
            dropped_records=len(data.training.dropped),
            resumed_from=self.run.resumed_from,
            method=self.spec.method,
            scale=self.spec.scale,
            device=self.hardware.device.type,
            trained_parameters=trained,
            sources=[
                {"first_line": each.first, "records": each.records, "sampled": each.sampled()}
                for each in data.drawn
            ],
        )
        for of, corpus in (("training", data.training), ("validation", data.validation)):
            if corpus is not None and corpus.dropped:
                progress.emit(
                    "dropped",
                    of=of,
                    count=len(corpus.dropped),
                    records=len(corpus) + len(corpus.dropped),
                    lines=corpus.dropped[:NAMED_LINES],
                    reason=f"longer than {data.limit} tokens",
                )

    def _arguments(self, aside: Path, total_steps: int) -> TrainingArguments:
        on_gpu = self.hardware.device.type == "cuda"
        return TrainingArguments(
            output_dir=str(aside),
            # A row of the data set is a step.
            per_device_train_batch_size=1,
            max_steps=total_steps,
            train_sampling_strategy="sequential",
            remove_unused_columns=False,
            learning_rate=self.spec.learning_rate,
            weight_decay=self.spec.weight_decay,
            max_grad_norm=MAX_GRADIENT_NORM,
            seed=self.spec.seed,
            use_cpu=not on_gpu,
            bf16=self.hardware.mixed,
            # What differs in a model while it learns stands in its parameters only.
            ddp_broadcast_buffers=False,
            gradient_checkpointing=self.hardware.gradient_checkpointing,
            gradient_checkpointing_kwargs={"use_reentrant": False},
            dataloader_pin_memory=on_gpu,
            logging_steps=1,
            # The reporter asks for a checkpoint when one is due.
            save_strategy="no",
            eval_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )

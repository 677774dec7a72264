"""Which judge an artefact gets: by its kind, and a reward model's by the first file's name."""

from __future__ import annotations

from argosy.registry.domain.artifacts import Artifact, BaseShape
from argosy.registry.intake.adapter_judge import AdapterJudge
from argosy.registry.intake.artifacts import ArtifactLimits, Judge, Judged, refused
from argosy.registry.intake.full_judge import FullJudge

_ADAPTER_PREFIX = "adapter_"


class ArtifactJudge:
    """Implements `Judge` with the one that fits. `base` is None where it cannot be read here."""

    def __init__(self, artifact: Artifact, limits: ArtifactLimits, base: BaseShape | None) -> None:
        self._artifact = artifact
        self._limits = limits
        self._base = base
        self._judge: Judge | None = None

    def begin(self, file_name: str) -> bool:
        """Judge a file's name; the first one decides what a reward model is."""
        if self._judge is None:
            self._judge = self._fitting(file_name)
        return self._judge.begin(file_name)

    def feed(self, chunk: bytes) -> None:
        """Judge the next bytes of the current file."""
        if self._judge is None:
            raise refused("Bytes came before a file's name.", "chunk")
        self._judge.feed(chunk)

    def finish(self) -> Judged:
        """Hold the files against each other and against the base."""
        if self._judge is None:
            raise refused("No file was sent.", "file_name")
        return self._judge.finish()

    def _fitting(self, file_name: str) -> Judge:
        scores = self._artifact is Artifact.REWARD
        compressed = self._artifact is Artifact.COMPRESSED
        if (
            self._artifact is not Artifact.FULL
            and not compressed
            and (not scores or file_name.startswith(_ADAPTER_PREFIX))
        ):
            return AdapterJudge(self._limits, self._artifact, self._base)
        if self._base is None or not self._base.tensors:
            raise refused(
                "The base model's weights cannot be read by the registry, so a whole model cannot "
                "be held against them: set weights_path to a folder that the registry sees.",
                "model.base",
            )
        return FullJudge(self._base, scores=scores, compressed=compressed)

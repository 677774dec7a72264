"""The formats' names, and which kinds of records each can say.

The second name is the one of the platform whose files they are (V2), the codes its first version's
(project type, template type). Knows names only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from argosy.api import records as kinds

OPENAI: Final = "openai"
PROMPT_RESPONSE: Final = "prompt_response"
SORTED_RESPONSES: Final = "sorted_responses"
CHOSEN_REJECTED: Final = "chosen_rejected"
KTO: Final = "kto"
PROMPT_SET: Final = "prompt_set"
TEXT: Final = "text"
ROLE: Final = "role"
PROMPT_COMPLETION: Final = "prompt_completion"
PROMPT_IMAGE: Final = "prompt_image"
PROMPT_IMAGE_RESPONSE: Final = "prompt_image_response"


@dataclass(frozen=True, slots=True)
class Format:
    """One format. `also` is its other name; `codes` are (project type, template type) or None."""

    name: str
    kinds: tuple[str, ...]
    also: str = ""
    codes: tuple[int, int] | None = None


_ALL: Final = (
    Format(OPENAI, kinds.KINDS),
    Format(PROMPT_RESPONSE, (kinds.DIALOGUE,), "PromptResponse", (20, 2000)),
    Format(SORTED_RESPONSES, (kinds.RANKED,), "PromptSortedresponses", (20, 2001)),
    Format(CHOSEN_REJECTED, (kinds.PREFERENCE,), "DPO_PromptChosenRejected", (20, 2002)),
    Format(KTO, (kinds.UNPAIRED,), "KTO_PromptChosenRejected"),
    Format(PROMPT_SET, (kinds.PROMPTS,), "Prompt", (402, 40200)),
    Format(TEXT, (kinds.TEXT,), "Text", (401, 40100)),
    Format(ROLE, (kinds.DIALOGUE,)),
    Format(PROMPT_COMPLETION, (kinds.DIALOGUE, kinds.UNPAIRED, kinds.PREFERENCE)),
    Format(PROMPT_IMAGE, (kinds.PROMPTS,), "PromptImage", (705, 70500)),
    Format(PROMPT_IMAGE_RESPONSE, (kinds.DIALOGUE,), "PromptImageResponse"),
)

FORMATS: Final[Mapping[str, Format]] = {f.name: f for f in _ALL}
# Every word by which a format may be asked for.
WORDS: Final[Mapping[str, Format]] = {
    **FORMATS,
    **{f.also: f for f in _ALL if f.also},
    **{f"{f.codes[0]}/{f.codes[1]}": f for f in _ALL if f.codes},
}

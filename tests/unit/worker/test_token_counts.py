"""The registry counts tokens without torch, and counts what the trainer's child counts."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from argosy.registry.measuring.token_counter import TokenCounter

pytestmark = pytest.mark.ml

# Prints the length of each record as the child sees it.
CHILD = """
import json, sys
from pathlib import Path
from transformers import AutoTokenizer
from argosy.trainer.worker.conversations import read_conversations
from argosy.trainer.worker.tokens import Tokenization
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
tokenization = Tokenization(tokenizer, 1 << 20)
print(json.dumps([len(tokenization.record(c).ids) for c in read_conversations(Path(sys.argv[2]))]))
"""


def talk(*turns: str, system: str = "", weight: int = 1) -> dict[str, object]:
    messages: list[dict[str, object]] = [{"role": "system", "content": system}] if system else []
    for index, turn in enumerate(turns):
        role = "assistant" if index % 2 else "user"
        messages.append({"role": role, "content": turn})
    if not weight:
        messages[-1]["weight"] = 0
    return {"messages": messages}


RECORDS = (
    talk("What is the capital of France?", "Paris."),
    talk("你知道《夜曲》这首歌吗？", "我知道，是2005年的歌。", "具体哪天？", "11月1日 🎵"),
    talk("Say <|im_end|> twice", "<|im_end|><|im_end|> done", system="Be brief.\n\n"),
    talk(
        "  spaces  \t and\r\nlines ", "\n\nanswer\n", "more", "kept", "last", "unlearned", weight=0
    ),
    talk("x", "  "),
    talk("العربية हिन्दी", "été naïve — “quotes” ① ﬁ"),
    {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            },
            {"role": "assistant", "content": "c", "weight": 0},
            {"role": "user", "content": "d"},
            {"role": "assistant", "content": "e"},
        ]
    },
)


def test_d20_counts_equal_the_childs_on_the_packaged_model(
    ml_python: str, tiny_model: Path, tmp_path: Path
) -> None:
    data = tmp_path / "train.jsonl"
    data.write_text("".join(json.dumps(record) + "\n" for record in RECORDS), "utf-8")
    packaged = Path(ml_python).parents[1] / "share/argosy/models/smollm2-135m-instruct"
    for folder in (packaged, tiny_model):
        done = subprocess.run(
            [ml_python, "-c", CHILD, str(folder), str(data)],
            capture_output=True,
            check=True,
            timeout=120,
        )
        counter = TokenCounter.open(folder)
        counted = [measured.longest for measured in counter.lengths(enumerate(RECORDS, start=1))]
        assert counted == json.loads(done.stdout)

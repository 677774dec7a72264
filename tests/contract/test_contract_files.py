"""Files through the stock SDK against the whole fleet."""

from __future__ import annotations

import io
import itertools
import json
import uuid
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types import FileDeleted, FileObject

from tests.harness.api_fleet import ApiFleet

LINE = json.dumps(
    {
        "messages": [
            {"role": "user", "content": "Hello?"},
            {"role": "assistant", "content": "Hello!"},
        ]
    }
)


def training_file(lines: int = 10) -> io.BytesIO:
    return io.BytesIO(f"{LINE}\n".encode() * lines)


def test_the_life_of_a_file(fleet: ApiFleet, strictly: Any) -> None:
    sdk = fleet.sdk()
    content = training_file().getvalue()
    raw = sdk.files.with_raw_response.create(
        file=("train.jsonl", training_file()),
        purpose="fine-tune",
        expires_after={"anchor": "created_at", "seconds": 7200},
    ).http_response.json()
    made = strictly(FileObject, raw)
    assert (made.bytes, made.filename, made.purpose) == (len(content), "train.jsonl", "fine-tune")
    assert made.expires_at == made.created_at + 7200
    assert sdk.files.wait_for_processing(made.id).status == "processed"
    assert sdk.files.with_raw_response.retrieve(made.id).http_response.json() == raw
    assert sdk.files.content(made.id).content == content
    assert made.id in {file.id for file in sdk.files.list()}
    gone = sdk.files.with_raw_response.delete(made.id).http_response.json()
    assert strictly(FileDeleted, gone).deleted is True
    for call in (sdk.files.retrieve, sdk.files.content, sdk.files.delete):
        with pytest.raises(openai.NotFoundError):
            call(made.id)


@pytest.mark.parametrize(
    "purpose", ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
)
def test_each_purpose_is_taken_and_listed(fleet: ApiFleet, purpose: Any) -> None:
    sdk = fleet.sdk()
    content: Any = training_file()
    if purpose == "batch":
        request = {
            "custom_id": "1",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "smollm2-135m-instruct", "messages": []},
        }
        content = io.BytesIO(json.dumps(request).encode() + b"\n")
    if purpose == "evals":
        content = io.BytesIO(b'{"item": {"question": "2 + 2", "answer": "4"}}\n')
    made = sdk.files.create(file=("a.jsonl", content), purpose=purpose)
    listed = [file.id for file in sdk.files.list(purpose=purpose)]
    assert made.id in listed
    other = "vision" if purpose != "vision" else "evals"
    assert made.id not in [file.id for file in sdk.files.list(purpose=other)]
    sdk.files.delete(made.id)


def test_lists_page_in_both_orders(fleet: ApiFleet) -> None:
    sdk = fleet.sdk()
    name = f"{uuid.uuid4()}.txt"
    made = [sdk.files.create(file=(name, b"x"), purpose="user_data").id for _ in range(5)]
    for order, expected in (("asc", made), ("desc", made[::-1])):
        page = sdk.files.list(purpose="user_data", order=order, limit=2)
        seen = [file.id for file in page if file.filename == name]
        assert seen == expected
    raw = sdk.files.with_raw_response.list(purpose="user_data", limit=2).http_response.json()
    assert (raw["object"], raw["has_more"]) == ("list", True)
    assert [raw["first_id"], raw["last_id"]] == [file["id"] for file in raw["data"]]
    for file_id in made:
        sdk.files.delete(file_id)


def test_a_large_file_streams_both_ways(fleet: ApiFleet) -> None:
    sdk = fleet.sdk()
    content = bytes(range(256)) * 4096 * 24
    made = sdk.files.create(file=("large.bin", io.BytesIO(content)), purpose="user_data")
    assert made.bytes == len(content)
    with sdk.files.with_streaming_response.content(made.id) as answer:
        assert b"".join(answer.iter_bytes(1 << 20)) == content
        assert answer.headers["content-length"] == str(len(content))
    sdk.files.delete(made.id)


@pytest.mark.parametrize("file_first", [False, True])
def test_an_upload_is_never_whole_in_memory(fleet: ApiFleet, file_first: bool) -> None:
    piece, count, boundary = bytes(1 << 20), 96, "b0undary"
    head = f"--{boundary}\r\nContent-Disposition: form-data; name="
    purpose = f'{head}"purpose"\r\n\r\nuser_data\r\n'.encode()

    def form() -> Iterator[bytes]:
        if not file_first:
            yield purpose
        yield f'{head}"file"; filename="large.bin"\r\n\r\n'.encode()
        yield from itertools.repeat(piece, count)
        yield b"\r\n"
        if file_first:
            yield purpose
        yield f"--{boundary}--\r\n".encode()

    before = fleet.peak_memory("gateway")
    with fleet.http() as client:
        answer = client.post(
            "/v1/files",
            content=form(),
            headers={"content-type": f"multipart/form-data; boundary={boundary}"},
        )
    assert answer.json()["bytes"] == len(piece) * count
    assert fleet.peak_memory("gateway") - before < 32 << 20
    fleet.sdk().files.delete(answer.json()["id"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"{LINE}\nnonsense\n".encode(), "line 2"),
        (f"{LINE}\n".encode() + b"\xff\xfe\n", "line 2"),
        (f'{LINE}\n{LINE}\n{{"messages": []}}\n'.encode(), "line 3"),
        (b'{"messages": [{"role": "wizard", "content": "x"}]}\n', "line 1"),
    ],
)
def test_a_bad_line_is_named_with_its_number(fleet: ApiFleet, content: bytes, words: str) -> None:
    with pytest.raises(openai.BadRequestError, match=f"(?i){words}"):
        fleet.sdk().files.create(file=("bad.jsonl", content), purpose="fine-tune")


def test_wrong_purposes_and_expiries_name_their_field(fleet: ApiFleet) -> None:
    sdk = fleet.sdk()
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.files.create(file=("a", b"x"), purpose="nonsense")  # type: ignore[arg-type]
    assert caught.value.param == "purpose"
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.files.create(
            file=("a", b"x"),
            purpose="user_data",
            expires_after={"anchor": "created_at", "seconds": 5},
        )
    assert caught.value.param == "expires_after[seconds]"

"""Files through the stock SDK and through raw forms, against a registry in memory."""

from __future__ import annotations

import asyncio
import io
import os
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from argosy.kit.errors import InvalidRequest

BOUNDARY = "b0undary"


def form(*parts: tuple[str, str | None, bytes], end: bool = True) -> bytes:
    """Return a multipart body with (name, filename, content) in the given order."""
    body = b""
    for name, filename, content in parts:
        file = f'; filename="{filename}"' if filename is not None else ""
        body += (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        )
        body += content + b"\r\n"
    return body + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


async def send(fleet: Any, body: Any, **headers: str) -> httpx.Response:
    async with fleet.http() as client:
        return await client.post(
            "/v1/files",
            content=body,
            headers={"content-type": f"multipart/form-data; boundary={BOUNDARY}", **headers},
        )


async def test_the_sdk_uploads_reads_lists_and_deletes(served: Any) -> None:
    sdk = served.sdk()
    content = b'{"messages": []}\n' * 70_000
    made = await sdk.files.create(
        file=("train.jsonl", io.BytesIO(content)),
        purpose="fine-tune",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert (made.filename, made.bytes, made.purpose) == ("train.jsonl", len(content), "fine-tune")
    assert made.expires_at == made.created_at + 3600
    assert served.files.largest_chunk <= 1024 * 1024
    assert (await sdk.files.content(made.id)).content == content
    assert await sdk.files.retrieve(made.id) == made
    assert [file.id async for file in sdk.files.list()] == [made.id]
    assert (await sdk.files.delete(made.id)).deleted is True
    with pytest.raises(openai.NotFoundError):
        await sdk.files.retrieve(made.id)


async def test_pages_follow_each_other_in_the_asked_order(fleet: Any) -> None:
    sdk = fleet.sdk()
    for number in range(5):
        await sdk.files.create(file=(f"{number}.txt", b"x"), purpose="user_data")
    first = await sdk.files.list(limit=2, order="asc")
    assert [file.id for file in first.data] == ["file-1", "file-2"]
    assert first.has_more is True
    assert first.model_extra == {"object": "list", "first_id": "file-1", "last_id": "file-2"}
    assert [file.id async for file in first] == [f"file-{n}" for n in range(1, 6)]


async def test_the_file_may_come_before_its_purpose(fleet: Any, tmp_path: Path) -> None:
    content = b"y" * 2_500_000
    answer = await send(fleet, form(("file", "a.txt", content), ("purpose", None, b"user_data")))
    assert answer.status_code == 200, answer.text
    assert fleet.files.contents[answer.json()["id"]] == content
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - a blocking look is fine in a test


async def test_expiry_after_a_stored_file_is_refused_and_nothing_is_kept(fleet: Any) -> None:
    body = form(
        ("purpose", None, b"user_data"),
        ("file", "a.txt", b"x"),
        ("expires_after[anchor]", None, b"created_at"),
    )
    answer = await send(fleet, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "expires_after[anchor]"
    assert fleet.files.files == {}


async def test_a_refused_line_reaches_the_client_while_it_still_sends(served: Any) -> None:
    served.files.refuse = (b"BAD", InvalidRequest("Line 1 is no JSON object.", param="file"))

    async def endless() -> Any:
        yield form(("purpose", None, b"fine-tune"), end=False)
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        yield head.encode() + b"BAD" + b"x" * 600_000
        for _ in range(20):
            # A client on a slow line: the refusal has time to come before the form breaks off.
            await asyncio.sleep(0.05)
            yield b"x" * 100_000

    answer = await send(served, endless())
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Line 1 is no JSON object."


@pytest.mark.parametrize("declared", [True, False])
async def test_a_file_over_the_limit_is_413(served: Any, declared: bool) -> None:
    body = form(("purpose", None, b"user_data"), ("file", "a", b"x" * 3_000_001 + b"y" * 70_000))

    async def pieces() -> Any:
        yield body

    answer = await send(served, body if declared else pieces())
    assert answer.status_code == 413
    assert "3000000 bytes" in answer.json()["error"]["message"]
    assert served.files.files == {}


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ([("purpose", None, b"fine-tune")], "file"),
        ([("file", "a", b"x")], "purpose"),
        ([("purpose", None, b"nonsense"), ("file", "a", b"x")], "purpose"),
        ([("purpose", None, b"fine-tune-results"), ("file", "a", b"x")], "purpose"),
        ([("purpose", None, b"user_data"), ("file", None, b"x")], "file"),
        ([("purpose", None, b"user_data"), ("file", "a", b"x"), ("file", "b", b"x")], "file"),
        (
            [("purpose", None, b"evals"), ("purpose", None, b"evals"), ("file", "a", b"x")],
            "purpose",
        ),
        ([("color", None, b"red"), ("purpose", None, b"evals"), ("file", "a", b"x")], "color"),
        (
            [
                ("purpose", None, b"evals"),
                ("expires_after[anchor]", None, b"created_at"),
                ("expires_after[seconds]", None, b"60"),
                ("file", "a", b"x"),
            ],
            "expires_after[seconds]",
        ),
        (
            [
                ("purpose", None, b"evals"),
                ("expires_after[seconds]", None, b"3600"),
                ("file", "a", b"x"),
            ],
            "expires_after[anchor]",
        ),
        ([("purpose", None, b"p" * 5000), ("file", "a", b"x")], "purpose"),
        ([("purpose", None, b"\xff"), ("file", "a", b"x")], "purpose"),
    ],
)
async def test_a_wrong_form_names_its_field(fleet: Any, parts: Any, param: str) -> None:
    answer = await send(fleet, form(*parts))
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param
    assert fleet.files.files == {}


@pytest.mark.parametrize(
    "body", [b"", b"garbage", form(("purpose", None, b"evals"), ("file", "a", b"x"), end=False)]
)
async def test_a_broken_form_is_400(fleet: Any, body: bytes) -> None:
    answer = await send(fleet, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert fleet.files.files == {}


async def test_an_upload_that_stands_still_is_408_and_loses_its_connection(served: Any) -> None:
    host, port = served.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-test\r\n"
        b"Content-Length: 5000\r\nContent-Type: multipart/form-data; boundary=b0undary\r\n\r\n"
        + form(("purpose", None, b"evals"), end=False)
    )
    answer = await asyncio.wait_for(reader.read(), 10)  # to the end: the server closes
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"stood still for 1 seconds" in answer


async def test_a_download_carries_its_name_and_length(fleet: Any) -> None:
    made = await fleet.sdk().files.create(file=("Übung 1.txt", b"hello"), purpose="user_data")
    async with fleet.http() as client:
        answer = await client.get(f"/v1/files/{made.id}/content")
    assert answer.headers["content-length"] == "5"
    assert (
        answer.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%9Cbung%201.txt"
    )
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "limit=x", "order=up", "after=%00"])
async def test_a_wrong_list_query_names_its_parameter(fleet: Any, query: str) -> None:
    async with fleet.http() as client:
        answer = await client.get(f"/v1/files?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == query.partition("=")[0]


@pytest.mark.parametrize("file_id", ["file-%00", "nope", "file-" + "x" * 300])
async def test_an_impossible_id_is_404_and_asks_nobody(fleet: Any, file_id: str) -> None:
    async with fleet.http() as client:
        answer = await client.get(f"/v1/files/{file_id}")
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "invalid_request_error"

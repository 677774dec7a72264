"""datasets.sources: files of every type as rows, and what is refused before it does harm."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from argosy.kit.errors import InvalidRequest, PermissionDenied, TooLarge
from argosy.registry.datasets.sources import s3, urls
from argosy.registry.datasets.sources.archives import ArchiveLimits
from argosy.registry.datasets.sources.files import ReadOptions, read_file
from argosy.registry.datasets.sources.rows import Refused, Row
from openpyxl import Workbook

LIMITS = ArchiveLimits(max_files=100, max_member_bytes=1 << 20, max_bytes=4 << 20)


def rows(tmp_path: Path, name: str, data: bytes, **options: Any) -> list[Any]:
    path = tmp_path / "source"
    path.write_bytes(data)
    asked = ReadOptions(LIMITS, 1 << 16, **options)
    found = list(read_file(path, name, tmp_path / "scratch", asked))
    assert not (tmp_path / "scratch").exists()
    return found


def told(found: list[Any]) -> list[tuple[int, Any]]:
    return [(r.place.line, r.value if isinstance(r, Row) else r.why) for r in found]


def test_c02_jsonl_tells_the_line_of_what_it_refuses(tmp_path: Path) -> None:
    data = b'{"a": 1}\n\nnonsense\n{"a": 1, "a": 2}\n\xff\n{"b": "' + b"x" * 70_000 + b'"}\n[1]'
    found = told(rows(tmp_path, "a.jsonl", data))
    assert found[0] == (1, {"a": 1})
    assert [line for line, _ in found] == [1, 3, 4, 5, 6, 7]
    assert found[1][1].startswith("not valid JSON at character 1")
    assert "the same key twice" in found[2][1]
    assert "byte 1 is not UTF-8" in found[3][1]
    assert found[4][1] == "is longer than the limit of 65536 bytes"
    assert found[5] == (7, [1])


def test_ab16_a_byte_order_mark_and_a_lone_carriage_return(tmp_path: Path) -> None:
    found = told(rows(tmp_path, "a.jsonl", b'\xef\xbb\xbf{"a": 1}\n{"a":\r 2}\r\n{"a": 3}\r\n'))
    assert "byte order mark" in found[0][1]
    assert "carriage return" in found[1][1]
    assert found[2] == (3, {"a": 3})


def test_a_line_without_end_is_passed_over_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "source"
    with path.open("wb") as stream:
        for _ in range(64):
            stream.write(b"x" * (1 << 20))
        stream.write(b'\n{"a": 1}\n')
    tracemalloc.start()
    found = list(read_file(path, "a.jsonl", tmp_path / "s", ReadOptions(LIMITS, 1 << 16)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [type(f) for f in found] == [Refused, Row]
    assert peak < 4 << 20


def test_c07_csv_columns(tmp_path: Path) -> None:
    data = '\ufeffPrompt,completion,label\r\n你好,"a ""b""\nc",true\r\n,,\r\nQ,A,x,y\r\n'.encode()
    found = told(rows(tmp_path, "a.csv", data))
    assert found[0] == (3, {"prompt": "你好", "completion": 'a "b"\nc', "label": True})
    assert found[1] == (5, "has 4 cells, the header 3")
    renamed = rows(
        tmp_path, "a.csv", "问,答\nQ,A\n".encode(), columns={"问": "prompt", "答": "completion"}
    )
    assert told(renamed) == [(2, {"prompt": "Q", "completion": "A"})]


def test_csv_that_breaks_off_tells_where(tmp_path: Path) -> None:
    found = told(rows(tmp_path, "a.csv", b'prompt\nQ\n"never closed\n'))
    assert found[0] == (2, {"prompt": "Q"})
    assert found[1][1].endswith("the rest was not read")
    assert "UTF-8" in told(rows(tmp_path, "a.csv", b"prompt\n\xff\n"))[0][1]
    assert "header" in told(rows(tmp_path, "a.csv", b"a,a\n1,2\n"))[0][1]


def test_text_a_line_or_a_file_is_a_document(tmp_path: Path) -> None:
    data = "\ufeff第一篇\n\nsecond\n".encode()
    assert told(rows(tmp_path, "a.txt", data)) == [(1, "第一篇"), (3, "second")]
    assert told(rows(tmp_path, "a.txt", data, whole=True)) == [(1, "第一篇\n\nsecond\n")]


def sheet(*lines: tuple[Any, ...]) -> bytes:
    book, buffer = Workbook(), io.BytesIO()
    for line in lines:
        book.active.append(line)  # type: ignore[union-attr]
    book.save(buffer)
    return buffer.getvalue()


def test_xlsx_rows(tmp_path: Path) -> None:
    data = sheet(("prompt", "completion"), ("问题", "答案"), (None, None), ("Q", 7), ("t", True))
    assert told(rows(tmp_path, "a.xlsx", data)) == [
        (2, {"prompt": "问题", "completion": "答案"}),
        (4, {"prompt": "Q", "completion": "7"}),
        (5, {"prompt": "t", "completion": "true"}),
    ]
    assert "no XLSX file" in told(rows(tmp_path, "a.xlsx", b"PK\x03\x04 nonsense"))[0][1]


def archive(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in entries:
            opened.writestr(name, data)
    return buffer.getvalue()


def test_a_zip_holds_files_of_each_type(tmp_path: Path) -> None:
    data = archive(
        ("a.jsonl", b'{"a": 1}\nbad\n'),
        ("folder/b.csv", b"prompt\nQ\n"),
        ("folder/0.jpg", b"\xff\xd8"),
        ("__MACOSX/._a.jsonl", b"\x00"),
    )
    found = rows(tmp_path, "all.ZIP", data)
    places = [str(row.place) for row in found]
    assert places == ["a.jsonl line 1", "a.jsonl line 2", "folder/b.csv line 2"]


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("link.jsonl")
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize(
    "name",
    [
        "../../x.jsonl", "/etc/x.jsonl", "a/../../x.jsonl", "C:\\x.jsonl", "\\\\host\\x.jsonl",
        "a\nb.jsonl", "x" * 4096 + ".jsonl", "/".join("a" * 30) + ".jsonl", "inner.zip", "a.tar.gz",
    ],
)  # fmt: skip
def test_ab07_names_that_are_no_plain_names(tmp_path: Path, name: str) -> None:
    before = set(tmp_path.rglob("*"))
    with pytest.raises(InvalidRequest) as caught:
        rows(tmp_path, "a.zip", archive(("good.jsonl", b"{}\n"), (name, b"{}\n")))
    assert caught.value.code == "invalid_archive"
    assert "Entry 2" in caught.value.message
    assert name[:20] not in caught.value.message
    assert {p.name for p in set(tmp_path.rglob("*")) - before} == {"source"}


def test_ab07_links_doubles_and_encryption(tmp_path: Path) -> None:
    for entries in (
        [(link(), b"/etc/passwd")],
        [("a.jsonl", b"{}"), ("A.JSONL", b"{}")],
    ):
        with pytest.raises(InvalidRequest):
            rows(tmp_path, "a.zip", archive(*entries))
    locked = bytearray(archive(("a.jsonl", b"{}")))
    at = locked.index(b"PK\x01\x02")
    locked[at + 8] |= 1
    with pytest.raises(InvalidRequest, match="encrypted"):
        rows(tmp_path, "a.zip", bytes(locked))


def test_ab06_bombs(tmp_path: Path) -> None:
    bomb = archive(("a.jsonl", bytes(64 << 20)))
    assert len(bomb) < 1 << 17
    for data in (
        bomb,
        archive(*((f"{i}.jsonl", b"{}\n") for i in range(101))),
        archive(*((f"{i}.jsonl", b"x" * (1 << 20)) for i in range(5))),
    ):
        with pytest.raises(TooLarge) as caught:
            rows(tmp_path, "a.zip", data)
        assert caught.value.code == "archive_too_large"


def test_ab06_a_directory_that_lies_is_found_out(tmp_path: Path) -> None:
    honest = archive(("a.jsonl", bytes(3 << 20)))
    at = honest.index(b"PK\x01\x02")
    lying = bytearray(honest)
    # The uncompressed size, in the directory and in the entry's own head.
    lying[at + 24 : at + 28] = struct.pack("<I", 1000)
    lying[22:26] = struct.pack("<I", 1000)
    with pytest.raises((TooLarge, InvalidRequest)):
        rows(tmp_path, "a.zip", bytes(lying))
    with pytest.raises(InvalidRequest, match="no ZIP archive"):
        rows(tmp_path, "a.zip", honest[:-30])


def test_a_type_that_is_not_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as caught:
        rows(tmp_path, "a.docx", b"x")
    assert caught.value.code == "unsupported_file_type"


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("s3://data/proj_a/x.jsonl", None),
        ("s3://data/proj_b/x.jsonl", PermissionDenied),
        ("s3://data/proj_ab/x.jsonl", PermissionDenied),
        ("s3://other/proj_a/x.jsonl", PermissionDenied),
        ("s3://data/proj_a/../proj_b/x.jsonl", InvalidRequest),
        ("s3://data/proj_a//x.jsonl", InvalidRequest),
        ("s3://data/proj_a/", InvalidRequest),
        ("s3://data", InvalidRequest),
    ],
)
def test_c13_an_object_lies_under_the_projects_prefix(
    uri: str, error: type[Exception] | None
) -> None:
    prefix = "s3://data/{project_id}"
    if error is None:
        assert s3.checked(uri, "proj_a", prefix) == ("data", "proj_a/x.jsonl")
        return
    with pytest.raises(error):
        s3.checked(uri, "proj_a", prefix)
    with pytest.raises(PermissionDenied, match="ARGOSY_IMPORT_S3_PREFIX"):
        s3.checked(uri, "proj_a", "")


BAD_URLS = [
    "http://127.0.0.1:9/a.jsonl", "http://[::1]/a.jsonl", "http://0x7f.1/a.jsonl",
    "http://2130706433/a.jsonl", "http://0177.0.0.1/a.jsonl", "http://169.254.169.254/latest",
    "http://ok.example\\@127.0.0.1/a.jsonl", "http://ok.example@127.0.0.1/a.jsonl",
    "http://127.0.0.1#@ok.example/a.jsonl", "http://127.0.0.1\t/a", "file:///etc/passwd",
    "http://ok.example.evil.example/a.jsonl", "https://evil.example/a.jsonl",
    "http://localhost/a.jsonl", "http://127。0。0。1/a.jsonl",
]  # fmt: skip


@pytest.mark.parametrize("url", BAD_URLS)
def test_ab04_only_listed_hosts_in_plain_form(url: str) -> None:
    with pytest.raises((InvalidRequest, PermissionDenied)):
        urls.checked(url, "ok.example, files.example:8443")


def test_ab04_a_listed_name_that_leads_inside_leads_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = urls.checked("http://ok.example/a.jsonl", "ok.example")
    reached: list[Any] = []
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", 80))])
    monkeypatch.setattr("socket.create_connection", lambda *a, **_: reached.append(a))
    with pytest.raises(InvalidRequest) as caught:
        list(urls.pieces(there))
    assert caught.value.code == "forbidden_url"
    assert reached == []
    with pytest.raises(PermissionDenied, match="ARGOSY_IMPORT_URL_HOSTS"):
        urls.checked("https://ok.example/", "")

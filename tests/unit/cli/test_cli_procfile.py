from __future__ import annotations

from pathlib import Path

import pytest
from argosy.cli.errors import UsageError
from argosy.cli.fleet import procfile
from argosy.cli.fleet.roles import ROLES

ROOT = Path(__file__).resolve().parents[3]


def test_names_commands_comments_and_blank_lines() -> None:
    text = "# the fleet\n\nweb: run --port 1\nweb-2:   run   --port 2\n"
    assert procfile.parse(text) == {"web": "run --port 1", "web-2": "run   --port 2"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("web run", "line 1"),
        ("ok: a\nWeb: b", "line 2"),
        ("web: a\nweb: b", "listed twice"),
        ("# nothing\n", "no process"),
    ],
)
def test_a_wrong_line_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        procfile.parse(text)


def test_variables_in_words_and_as_several_words() -> None:
    values = {"PORT": "80", "FLAGS": ["--a", "b c"], "PATH_": "/x y"}
    command = "run --bind=127.0.0.1:${PORT} ${FLAGS} '${PATH_}/z'"
    assert procfile.expand(command, values) == (
        "run", "--bind=127.0.0.1:80", "--a", "b c", "/x y/z",
    )  # fmt: skip


def test_an_empty_list_leaves_no_word() -> None:
    assert procfile.expand("run ${FLAGS}", {"FLAGS": []}) == ("run",)


def test_an_unknown_variable_is_named_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"\$\{PROT\}; known here are: HOST, PORT"):
        procfile.expand("run ${PROT}", {"PORT": "1", "HOST": "h"})


def test_an_open_quote_is_an_error_of_the_users() -> None:
    with pytest.raises(UsageError, match="cannot be split"):
        procfile.expand("run 'x", {})


def test_the_repositorys_list_has_exactly_the_known_roles() -> None:
    assert set(procfile.read(ROOT / "Procfile")) == set(ROLES)

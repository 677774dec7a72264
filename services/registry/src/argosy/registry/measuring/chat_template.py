"""A model's own chat template, rendered as the trainer's child renders it.

Knows where a model's folder keeps its template and what a template may ask for. Does not know
tokens. The template comes with the weights, so it runs in Jinja's sandbox: no attribute that is
private, nothing it is given can be changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Template, TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

_SPECIAL_TOKENS: Final = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)
_DEFAULT: Final = "default"
_WITH_TOOLS: Final = "tool_use"


class BadTemplate(Exception):
    """The model's template cannot be used; the message says why."""


class Refused(Exception):
    """What is wrong with a record, in words for its owner."""


class ChatTemplate:
    """Templates by name, most often one, and the special tokens they may print."""

    def __init__(self, sources: Mapping[str, str], special: Mapping[str, str]) -> None:
        environment = _environment()
        try:
            self._templates = {n: environment.from_string(s) for n, s in sources.items()}
        except TemplateError as error:
            raise BadTemplate(f"its chat template does not compile: {error}") from None
        self._special = dict(special)
        self.eos_token = self._special.get("eos_token", "")

    @classmethod
    def open(cls, folder: Path) -> ChatTemplate | None:
        """Read the template of the model in `folder`; None if it has none. Raises BadTemplate."""
        config = _json_object(folder / "tokenizer_config.json")
        sources = _sources(folder, config)
        return cls(sources, special_tokens(folder, config)) if sources else None

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
        *,
        add_generation_prompt: bool = False,
    ) -> str:
        """Return the conversation as the model reads it; raises Refused."""
        try:
            return self._choose(tools).render(
                messages=messages,
                tools=tools,
                documents=None,
                add_generation_prompt=add_generation_prompt,
                **self._special,
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise Refused(f"the model's chat template refuses it: {error}") from None

    def _choose(self, tools: object) -> Template:
        if tools is not None and _WITH_TOOLS in self._templates:
            return self._templates[_WITH_TOOLS]
        if _DEFAULT in self._templates:
            return self._templates[_DEFAULT]
        raise Refused("the model has several chat templates and none is the default")


def special_tokens(folder: Path, config: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return the special tokens that the model's folder names."""
    if config is None:
        config = _json_object(folder / "tokenizer_config.json")
    if "added_tokens_decoder" not in config:
        # How folders of before transformers 4.34 name them.
        config = {**config, **_json_object(folder / "special_tokens_map.json")}
    found = {}
    for name in _SPECIAL_TOKENS:
        value = config.get(name)
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, str):
            found[name] = text
    return found


def _sources(folder: Path, config: Mapping[str, Any]) -> dict[str, str]:
    files = {_DEFAULT: folder / "chat_template.jinja"}
    files |= {path.stem: path for path in folder.glob("additional_chat_templates/*.jinja")}
    found = {name: path.read_text("utf-8") for name, path in files.items() if path.is_file()}
    if found:
        return found
    match config.get("chat_template"):
        case str() as source:
            return {_DEFAULT: source}
        case list() as several:
            return {str(each["name"]): str(each["template"]) for each in several}
        case _:
            return {}


def _json_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise BadTemplate(f"its {path.name} is not JSON: {error}") from None
    return value if isinstance(value, dict) else {}


class _Generation(Extension):
    """`{% generation %}`, by which some templates mark answers: what it holds is printed as is."""

    tags = {"generation"}  # noqa: RUF012 - Jinja's own form

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body).set_lineno(line)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = _now
    return environment


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # Jinja's own filter escapes what means something in HTML.
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _raise(message: str) -> str:
    raise TemplateError(message)


def _now(form: str) -> str:
    # Templates print today's date; the day of the server, as the trainer's child prints it.
    return datetime.now().astimezone().strftime(form)

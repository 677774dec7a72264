"""`argosy tune …`: choose a method; start, list, watch, report and rerun tuning jobs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from argosy.cli.commands.shared import DEFAULT_HOME, HomeOption
from argosy.cli.errors import UsageError
from argosy.cli.fleet import control, credentials
from argosy.cli.fleet.home import Home

if TYPE_CHECKING:
    from argosy.cli.terminal.evaluation_desk import EvaluationDesk
    from argosy.cli.terminal.tuning_desk import TuningDesk

tune = typer.Typer(
    name="tune",
    help="Tune models: advise, start, list, watch, report, evaluate, rerun.",
    no_args_is_help=True,
)

JobArgument = Annotated[str, typer.Argument(help="Id of the job, `ftjob-…`.")]
UrlOption = Annotated[
    str | None,
    typer.Option(help="Base URL of a gateway, with or without /v1; the fleet's own if left out."),
]
KeyOption = Annotated[
    str | None, typer.Option(envvar="ARGOSY_API_KEY", help="An API key; needed with --url.")
]


@tune.command()
def advise(
    goal: Annotated[
        list[str] | None,
        typer.Option(help="What is to become better: --goal format --goal tone; none lists them."),
    ] = None,
    has: Annotated[str, typer.Option(help="What there is to learn from, such as pairs.")] = "",
    records: Annotated[int, typer.Option(help="How many there are, or will be.", min=0)] = 0,
    facts_change_often: Annotated[
        bool, typer.Option("--facts-change-often", help="What is true today is not next month.")
    ] = False,
    may_forget: Annotated[
        bool, typer.Option("--may-forget", help="General ability need not be kept.")
    ] = False,
    url: UrlOption = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Tell whether to tune, by which method and scale, and what to prepare."""
    _desk(home, url, key).advise(
        goal or [],
        has,
        records,
        facts_change_often=facts_change_often,
        keep_general_ability=not may_forget,
    )


@tune.command()
def start(
    file: Annotated[Path, typer.Argument(help="JSONL file with one record a line.")],
    model: Annotated[
        str | None, typer.Option(help="What to tune; the base model if left out.")
    ] = None,
    suffix: Annotated[str | None, typer.Option(help="Stands in the tuned model's name.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="name=value of `argosy.*`: --set method=kto --set lora_rank=8"),
    ] = None,
    watch_it: Annotated[bool, typer.Option("--watch/--no-watch", help="Stay and look.")] = True,
    url: UrlOption = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Upload a file of records, create a job on it, and watch it."""
    desk = _desk(home, url, key)
    if model is None:
        model = control.require_running(Home.at(home)).model
    job = desk.start(file, model, suffix, _settings(setting or []))
    if watch_it and not desk.watch(job):
        raise typer.Exit(1)


@tune.command("list")
def list_jobs(
    url: UrlOption = None, key: KeyOption = None, home: HomeOption = DEFAULT_HOME
) -> None:
    """Show the newest jobs."""
    _desk(home, url, key).show_all()


@tune.command()
def watch(
    job: JobArgument, url: UrlOption = None, key: KeyOption = None, home: HomeOption = DEFAULT_HOME
) -> None:
    """Draw a job's curves live, with progress, time left and diagnosis, until it has ended."""
    if not _desk(home, url, key).watch(job):
        raise typer.Exit(1)


@tune.command()
def report(
    job: JobArgument,
    form: Annotated[
        Literal["html", "json", "csv"], typer.Option("--format", help="Of the report.")
    ] = "html",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File; standard output if left out.")
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Write a job's report: curves, diagnosis, advice."""
    content = _desk(home, url, key).report(job, form)
    if output is None:
        sys.stdout.buffer.write(content)
        return
    output.write_bytes(content)
    typer.echo(f"wrote {output}", err=True)


@tune.command()
def evaluate(
    job: JobArgument,
    data: Annotated[
        str, typer.Argument(help="JSONL file with one record a line, or the id of a file or set.")
    ],
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints", help="Ask the checkpoints, too.")
    ] = False,
    url: UrlOption = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Ask a job's base and result what is on record, and show how well they answer."""
    models = ["base", "result", *(["checkpoints"] if checkpoints else [])]
    _evaluation_desk(home, url, key).evaluate(job, data, models)


@tune.command()
def rerun(
    job: JobArgument,
    watch_it: Annotated[bool, typer.Option("--watch/--no-watch", help="Stay and look.")] = True,
    url: UrlOption = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Create the next job with the change that the report advises."""
    desk = _desk(home, url, key)
    following = desk.rerun(job)
    if watch_it and not desk.watch(following):
        raise typer.Exit(1)


@tune.command()
def cancel(
    job: JobArgument, url: UrlOption = None, key: KeyOption = None, home: HomeOption = DEFAULT_HOME
) -> None:
    """End a job; its checkpoints stay."""
    _desk(home, url, key).control("cancel", job)


@tune.command()
def pause(
    job: JobArgument, url: UrlOption = None, key: KeyOption = None, home: HomeOption = DEFAULT_HOME
) -> None:
    """Stop a job at its newest checkpoint until it is resumed."""
    _desk(home, url, key).control("pause", job)


@tune.command()
def resume(
    job: JobArgument, url: UrlOption = None, key: KeyOption = None, home: HomeOption = DEFAULT_HOME
) -> None:
    """Go on with a paused job."""
    _desk(home, url, key).control("resume", job)


def _desk(home: Path, url: str | None, key: str | None) -> TuningDesk:
    # Here, not above: the SDK takes half a second to import, and the other commands need none.
    from argosy.cli.terminal.tuning_desk import TuningDesk
    from rich.console import Console

    return TuningDesk(*_way_in(home, url, key), Console())


def _evaluation_desk(home: Path, url: str | None, key: str | None) -> EvaluationDesk:
    from argosy.cli.terminal.evaluation_desk import EvaluationDesk
    from rich.console import Console

    return EvaluationDesk(*_way_in(home, url, key), Console())


def _way_in(home: Path, url: str | None, key: str | None) -> tuple[str, str]:
    """Return the base URL and the key."""
    if url is None:
        place = Home.at(home)
        url = control.require_running(place).base_url
        key = key or credentials.ensure(place).api_key
    if not key:
        raise UsageError("--url needs a key: --key, or ARGOSY_API_KEY.")
    return f"{url.rstrip('/').removesuffix('/v1')}/v1", key


def _settings(pairs: list[str]) -> dict[str, Any]:
    """Read name=value pairs; a value that is JSON is taken as that, any other as text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise UsageError(f"--set wants name=value, not {pair!r}.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found

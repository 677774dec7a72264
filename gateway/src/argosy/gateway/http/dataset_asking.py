"""What requests on data sets have in common: ids and versions in paths, words in queries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from argosy.gateway.access.keys import Caller
from argosy.gateway.errors import echo
from argosy.gateway.http.ports import Given
from argosy.kit.errors import NotFound
from litestar.params import FromPath

MAX_PAGE: Final = 100
_WORD: Final = re.compile(r"[a-z_]{1,32}")


@dataclass(frozen=True, slots=True)
class IdOf:
    """Ids of one kind: how they look, and what an unknown one is called."""

    what: str
    param: str
    form: re.Pattern[str]

    def checked(self, wanted: str) -> str:
        """Return an id of a path; raises NotFound for what cannot be one."""
        if not self.form.fullmatch(wanted):
            raise NotFound(f"No such {self.what}: {echo(wanted)}", param=self.param)
        return wanted


Dataset: Final = IdOf("Dataset", "dataset_id", re.compile(r"dset_[A-Za-z0-9_-]{1,64}"))
Version: Final = IdOf("Dataset version", "version_id", re.compile(r"dsv_[A-Za-z0-9_-]{1,64}"))
Record: Final = IdOf("Dataset record", "record_id", re.compile(r"rec_[A-Za-z0-9_-]{1,96}"))
Task: Final = IdOf("Dataset task", "task_id", re.compile(r"dtask_[A-Za-z0-9_-]{1,64}"))


@dataclass(frozen=True, slots=True)
class Place:
    """A version as a path names it, and the project and key that ask for it."""

    project_id: str
    key_id: str
    dataset_id: str
    version_id: str


async def version_place(
    caller: Given[Caller], dataset_id: FromPath[str], version_id: FromPath[str]
) -> Place:
    """Return what handlers ask for as `place`; raises NotFound for what cannot be an id."""
    return Place(
        caller.project_id,
        caller.key_id,
        Dataset.checked(dataset_id),
        Version.checked(version_id),
    )


def words(query: Mapping[str, str], name: str) -> list[str]:
    """Return the words of a parameter, several separated by commas."""
    found = [word for word in query.get(name, "").split(",") if word]
    return [word if _WORD.fullmatch(word) else "?" for word in found]

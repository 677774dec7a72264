"""What requests on data sets have in common: ids in paths, words in queries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from argosy.gateway.errors import echo
from argosy.kit.errors import NotFound

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


def words(query: Mapping[str, str], name: str) -> list[str]:
    """Return the words of a parameter, several separated by commas."""
    found = [word for word in query.get(name, "").split(",") if word]
    return [word if _WORD.fullmatch(word) else "?" for word in found]

"""`docs/tuning-parameters.md` is what the table says."""

from __future__ import annotations

from tests.docs.sources import DOCS
from tests.docs.tuning_parameters import page


def test_e18_the_page_of_parameters_is_the_table() -> None:
    written = (DOCS / "tuning-parameters.md").read_text("utf-8")
    assert written == page(), "python -m tests.docs.tuning_parameters > docs/tuning-parameters.md"

"""The words that the audit log may be asked for are OpenAI's, as the SDK has them, and our own."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest
from argosy.registry.domain.accounts_audit import AuditType
from argosy.registry.domain.audit_words import KNOWN, check_types
from argosy.registry.domain.rules import RuleBroken
from openai.types.admin.organization.audit_log_list_params import AuditLogListParams


def test_every_word_of_the_sdk_may_be_asked_for() -> None:
    (words,) = get_args(get_type_hints(AuditLogListParams)["event_types"])
    ours = {each.value for each in AuditType if each.value.startswith("access_request.")}
    assert set(get_args(words)) | ours == KNOWN
    check_types(KNOWN)


@pytest.mark.parametrize("word", ["nope", "tenant.nope", "login", "project.created "])
def test_another_word_is_refused_with_the_words_there_are(word: str) -> None:
    with pytest.raises(RuleBroken, match=f"'{word}'.*project.created") as refused:
        check_types(["project.created", word])
    assert refused.value.param == "event_types"

"""An error crosses gRPC and comes back as the same exception."""

import pytest
from argosy.api.common.v1 import common_pb2
from argosy.kit import errors

ALL = [
    errors.InvalidRequest,
    errors.Unauthenticated,
    errors.PermissionDenied,
    errors.NotFound,
    errors.Conflict,
    errors.TooLarge,
    errors.RateLimited,
    errors.QuotaExceeded,
    errors.Unavailable,
    errors.Internal,
]


@pytest.mark.parametrize("cls", ALL)
def test_round_trip_keeps_kind_message_param_and_code(cls: type[errors.ApiError]) -> None:
    back = errors.from_proto(errors.to_proto(cls("why", param="field", code="reason")))
    assert type(back) is cls
    assert (back.message, back.param, back.code) == ("why", "field", "reason")


def test_empty_param_and_code_come_back_as_none() -> None:
    back = errors.from_proto(errors.to_proto(errors.NotFound("gone")))
    assert back.param is None
    assert back.code is None


def test_a_kind_from_a_newer_version_becomes_internal() -> None:
    message = common_pb2.ApiError(message="?")
    message.MergeFromString(b"\x08\x63")  # field 1 = 99
    assert type(errors.from_proto(message)) is errors.Internal


def test_every_kind_has_one_class_and_statuses_are_distinct() -> None:
    kinds = set(common_pb2.ErrorKind.values()) - {common_pb2.ERROR_KIND_UNSPECIFIED}
    assert kinds == {c.kind for c in ALL}
    # A quota is a limit too, and OpenAI answers both with 429.
    told_apart = [c for c in ALL if c is not errors.QuotaExceeded]
    assert len({c.http_status for c in told_apart}) == len(told_apart)
    assert len({c.grpc_status for c in told_apart}) == len(told_apart)

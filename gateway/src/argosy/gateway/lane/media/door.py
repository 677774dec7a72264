"""Whether a model, and this server, take the images and audio of a request.

Knows what the model's card says, the operator's limits, and who brings what a URL names. Does not
know how it is brought.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from argosy.api.registry.v1.registry_pb2 import Model
from argosy.gateway.lane.media.fetch import Fetcher, NotFetched
from argosy.gateway.lane.media.parts import PLURAL, TYPES, Media
from argosy.gateway.lane.request.completion import CompletionRequest
from argosy.kit.errors import InvalidRequest
from argosy.kit.webhook_address import ForbiddenUrl
from msgspec import Raw
from msgspec.structs import replace

_ENCODER: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Of one request: images and recordings, and the bytes of all of them together."""

    count: int = 16
    size: int = 8 << 20


class MediaDoor:
    """Lets images and audio through. Without a fetcher, only those within the request."""

    def __init__(self, limits: MediaLimits = MediaLimits(), fetcher: Fetcher | None = None) -> None:
        self._limits = limits
        self._fetcher = fetcher

    def check(self, model: Model, media: Sequence[Media]) -> None:
        """Raise InvalidRequest unless the model reads them all and they are within the limits."""
        for each in media:
            if each.modality not in model.modalities:
                read = " and ".join(["text", *(PLURAL.get(m, m) for m in model.modalities)])
                raise InvalidRequest(
                    f"Invalid content: {each.place} is of type '{each.kind}', but the model "
                    f"{model.id!r} reads only {read}. Leave it out, or choose a model with "
                    f"'{each.modality}' among its 'argosy.modalities' in GET /v1/models.",
                    param=each.place,
                    code="unsupported_content_type",
                )
        if len(media) > self._limits.count:
            raise InvalidRequest(
                f"The request holds {len(media)} images and recordings; the limit of this server "
                f"is {self._limits.count}. Send fewer in one request.",
                param=media[self._limits.count].place,
                code="too_many_media",
            )
        self._check_size(media)
        for each in media:
            if each.url:
                self._check_url(each)

    async def bring(self, request: CompletionRequest) -> None:
        """Put what URLs name into the request's messages. Raises InvalidRequest.

        Afterwards the engine finds no URL that it could follow.
        """
        fetcher = self._fetcher
        if fetcher is None or not any(each.url for each in request.media):
            return
        messages: Any = msgspec.json.decode(request.fields["messages"])
        held = sum(each.size for each in request.media)
        here = []
        for each in request.media:
            if not each.url:
                here.append(each)
                continue
            try:
                content_type, data = await fetcher.fetch(each.url, self._limits.size - held)
            except ForbiddenUrl as error:
                raise _url_refused(each, str(error)) from None
            except NotFetched as error:
                raise InvalidRequest(
                    f"The URL in '{each.name}' could not be read: {error}. Check that it can be "
                    "read without signing in, or send the file itself as a data: URL.",
                    param=each.name,
                    code="media_not_fetched",
                ) from None
            begins = TYPES[each.modality].get(content_type)
            if begins is None or not begins(data[:16]):
                raise InvalidRequest(
                    f"The URL in '{each.name}' leads to no file of one of the types "
                    f"{', '.join(TYPES[each.modality])}.",
                    param=each.name,
                    code=f"invalid_{each.modality}",
                )
            held += len(data)
            encoded = base64.b64encode(data).decode()
            part = messages[each.message]["content"][each.part]
            part[each.kind][each.member] = f"data:{content_type};base64,{encoded}"
            here.append(replace(each, url="", size=len(data)))
        request.fields["messages"] = Raw(_ENCODER.encode(messages))
        request.media = tuple(here)

    def _check_size(self, media: Sequence[Media]) -> None:
        size = 0
        for each in media:
            size += each.size
            if size > self._limits.size:
                raise InvalidRequest(
                    f"The images and recordings up to '{each.name}' are {size} bytes; the limit "
                    f"of this server is {self._limits.size} bytes for all of a request. Send "
                    "fewer or smaller ones.",
                    param=each.name,
                    code="media_too_large",
                )

    def _check_url(self, each: Media) -> None:
        if self._fetcher is None:
            raise InvalidRequest(
                f"The URL in '{each.name}' is not followed: this server reads no images and no "
                "audio from elsewhere. Send the file itself as a data: URL in base64.",
                param=each.name,
                code="media_url_not_allowed",
            )
        try:
            self._fetcher.check(each.url)
        except ForbiddenUrl as error:
            raise _url_refused(each, str(error)) from None


def _url_refused(each: Media, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"The URL in '{each.name}' is not followed: it {why.rstrip('.')}. Send the file itself "
        "as a data: URL in base64, or ask the operator of this server to allow its host.",
        param=each.name,
        code="media_url_not_allowed",
    )

"""One question to a gateway's own API through the stock OpenAI SDK; the answer is JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import openai
from argosy.cli.errors import FleetError

_SECONDS = 10.0


def ask_json(base_url: str, api_key: str, path: str, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the answer to `GET path`. Raises FleetError with the gateway's reason."""
    client = openai.OpenAI(base_url=base_url, api_key=api_key, timeout=_SECONDS, max_retries=0)
    try:
        with client:
            return client.get(path, cast_to=dict[str, Any], options={"params": dict(query)})
    except openai.APIConnectionError as error:
        raise FleetError(f"The gateway at {base_url} does not answer.") from error
    except openai.APIError as error:
        raise FleetError(f"The gateway refused: {error.message}") from error

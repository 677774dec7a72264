"""What `argosy up` prints when the fleet is ready: where it is and how to talk to it."""

from __future__ import annotations

import json
import time

from argosy.cli.fleet.state import FleetState

_QUESTION = [{"role": "user", "content": "What is an argosy?"}]


def welcome(state: FleetState, api_key: str, home: str) -> str:
    """Return the text. The commands in it can be pasted as they are."""
    body = json.dumps({"model": state.model, "messages": _QUESTION})
    took = time.time() - state.started_at
    return f"""
Argosy is ready after {took:.0f} s.

  base URL  {state.base_url}
  API key   {api_key}
  model     {state.model}

With curl:

curl {state.base_url}/chat/completions \\
  -H "Authorization: Bearer {api_key}" -H "Content-Type: application/json" \\
  -d '{body}'

With Python:

from openai import OpenAI
client = OpenAI(base_url="{state.base_url}", api_key="{api_key}")
stream = client.chat.completions.create(model="{state.model}", stream=True, messages={_QUESTION})
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="", flush=True)

Next: argosy chat · argosy status · argosy demo · argosy down (home: {home})
"""

"""What a compression changed, in sentences: size, quality, speed. Knows the figures by name.

Sizes are told as the part that is left: "to 42 %", never "by".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

_MEGA: Final = 1_000_000


def sentences(values: Mapping[str, float]) -> Iterator[str]:
    """Tell what was measured; a figure that is missing is not told."""
    if {"bytes_before", "bytes_after", "size_ratio"} <= values.keys():
        yield (
            f"compressed to {values['size_ratio']:.1%} of its size: from "
            f"{values['bytes_before'] / _MEGA:,.1f} MB at 16 bits a weight to "
            f"{values['bytes_after'] / _MEGA:,.1f} MB"
        )
    if {"perplexity_before", "perplexity_after", "perplexity_change"} <= values.keys():
        yield (
            f"perplexity on {values.get('held_out_records', 0):.0f} held-out records: "
            f"{values['perplexity_before']:.3f} before, {values['perplexity_after']:.3f} after "
            f"({values['perplexity_change']:+.1%})"
        )
    for name, unit in (
        ("tokens_per_second", "tokens a second"),
        ("latency_p50_ms", "ms an answer, the median"),
        ("latency_p95_ms", "ms an answer, the 95th percentile"),
    ):
        before, after = values.get(f"{name}_before"), values.get(f"{name}_after")
        if before and after:
            yield (
                f"{unit}: {before:,.1f} before, {after:,.1f} after ({after / before:.2f} times), "
                "by transformers in the trainer, in turns; other engines differ"
            )

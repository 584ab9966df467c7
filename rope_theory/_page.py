"""Self-contained HTML pages: no network, no scripts."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rope_theory import plots
from rope_theory._core.optional import load

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;display:block;overflow-x:auto;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .6rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
th:first-child,td:first-child,th:nth-child(2),td:nth-child(2){text-align:left}
img{max-width:100%;height:auto}.bad{color:#a40000;font-weight:600}figcaption{color:#444;font-size:.9rem}
figure{margin:1rem 0}.error{color:#a40000;font-weight:600}.warning{color:#8a4b00;font-weight:600}
.finding{border-left:4px solid #bbb;padding:.1rem .8rem;margin:1rem 0;overflow-wrap:anywhere}
.finding.error{border-color:#a40000;color:inherit;font-weight:inherit}.finding.warning{border-color:#c77700;color:inherit;font-weight:inherit}
pre{background:#f4f4f4;padding:.6rem;overflow-x:auto}dt{font-weight:600}dd{margin:0 0 .4rem 0}
"""

DPI = 110
"""Of the pictures."""


def page(title: str, parts: Iterable[str]) -> str:
    """Return a whole page."""
    body = "\n".join(parts)
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def picture(draw: Callable[..., Any], caption: str) -> str:
    """Return what ``draw(ax=…)`` draws, as a figure within the page."""
    plt = load("matplotlib.pyplot", "plots")
    with plots.style():
        figure, axes = plt.subplots(figsize=(7.2, 3.6))
        draw(ax=axes)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=DPI)
        plt.close(figure)
    data = base64.b64encode(content.getvalue()).decode()
    name = html.escape(caption)
    image = f"<img alt='{name}' src='data:image/png;base64,{data}'>"
    return f"<figure>{image}<figcaption>{name}</figcaption></figure>"


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; floats have four digits."""
    head = "".join(f"<th>{html.escape(heading)}</th>" for heading in headings)
    lines = ("<tr>" + "".join(f"<td>{html.escape(_cell(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

"""What the site does to the pages: mathematics is rendered, and the pictures of figures/ come along.

Pages are written to be read as they are, with letters and indices in plain text (a(s) = Re Σ h_j e^{isθ_j}); here these
become real indices and exponents. TeX becomes MathML, which browsers show without any script or network.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import typer
from bs4 import BeautifulSoup, NavigableString
from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files
from typer.cli import get_docs_for_click

from rope_theory import cli

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from paper_repro.pages import statements_table  # noqa: E402

FIGURES = ROOT / "figures"
SHOWN = {".png", ".csv", ".json"}
LEFT_ALONE = {"code", "pre", "script", "style", "math", "title"}

INDEX = r"(?:\{[^{}]*\}|[0-9]+|[A-Za-zα-ω]+|[ℝℤ])"
INDEXED = re.compile(
    r"((?<![A-Za-z_\\])[A-Za-z][′']?|[ŝĉẑα-ωΔΣ∫][′']?|(?<![A-Za-z_])(?:max|min|sup|log)(?=_(?:\{|[A-Za-zℝℤ](?![A-Za-z]))))"
    rf"_({INDEX})(?!_)"
)
"""A single letter, or max and its like, with an index: h_j, Σ_n, h_max, w_{n+1}; words with underscores are names."""

RAISED = re.compile(r"(?<=[\w)\]|′>])\^(\{[^{}]*\}|\((?:[^()]|\([^()]*\))*\)|[−-]?\w+|∞)")
"""An exponent: e^{isθ_j}, c^(−2j/d), factor^(d/(d−2)), 2^20."""

REFERENCE = {
    "scaling": ("Models, scalings", ("rope_theory.config", "rope_theory.scaling", "rope_theory.scaling.huggingface")),
    "scores": ("Coefficients, scores", ("rope_theory.coefficients", "rope_theory.scores", "rope_theory.comparison")),
    "bounds": ("Bounds", ("rope_theory.bounds",)),
    "certificates": ("Certificates", ("rope_theory.certificates", "rope_theory.certificates.closed_forms")),
    "proofs": ("Proofs", ("proofs",)),
    "regression": ("Regression", ("rope_theory.regression",)),
    "laws_and_precision": ("Laws, precision", ("rope_theory.laws", "rope_theory.precision")),
    "doctor": ("The doctor", ("rope_theory.doctor",)),
    "models": ("Checkpoints", ("rope_theory.models",)),
    "reports": ("Reports, errors", ("rope_theory.reports", "rope_theory.errors")),
    "plots": ("Pictures", ("rope_theory.plots", "rope_theory.widgets")),
    "testing": ("Property tests", ("rope_theory.testing",)),
}  # fmt: skip
"""Page → its title and the modules on it."""


def on_files(files: Files, config: Any) -> Files:
    """Add figures/ and its page."""
    for path in sorted(FIGURES.iterdir()):
        if path.suffix in SHOWN:
            files.append(File.generated(config, f"figures/{path.name}", abs_src_path=str(path)))
    page = (FIGURES / "README.md").read_text(encoding="utf-8")
    for name, (title, modules) in REFERENCE.items():
        files.append(File.generated(config, f"reference/{name}.md", content=_reference(title, modules)))
    files.append(File.generated(config, "reference/command_line.md", content=_commands()))
    files.append(File.generated(config, "gallery.md", content=re.sub(r"\]\((?=[\w.]+\))", "](figures/", page)))
    return files


def _reference(title: str, modules: tuple[str, ...]) -> str:
    """Return a page with everything public of some modules, each function where it is defined."""
    lines = [f"# {title}", ""]
    for name in modules:
        module = importlib.import_module(name)
        lines += [f"## {name}", "", *(module.__doc__ or "").strip().splitlines(), ""]
        if hasattr(module, "CATALOGUE"):
            lines += ["`CATALOGUE` holds these statements:", "", statements_table((module,)), ""]
        for public in sorted(module.__all__, key=str.lower):
            found = getattr(module, public)
            if inspect.isfunction(found) or inspect.isclass(found):
                lines += [f"::: {name}.{public}", ""]
    return "\n".join(lines)


def _commands() -> str:
    """Return the help of every verb, as a page."""
    command = typer.main.get_command(cli.app)
    with typer.Context(command, info_name="rope-theory") as context:
        return get_docs_for_click(obj=command, ctx=context, name="rope-theory", title="Command line")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links out of docs/ lead to where the site has their targets."""
    up = "../" * page.file.src_uri.count("/")
    return re.sub(r"\]\((?:\.\./)+figures/", f"]({up}figures/", markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Render mathematics."""
    soup = BeautifulSoup(html, "html.parser")
    for place in soup.select(".arithmatex"):
        tex = place.get_text().strip()
        display = tex.startswith("\\[")
        found = convert(
            tex.removeprefix("\\[").removesuffix("\\]").removeprefix("\\(").removesuffix("\\)").strip(),
            display="block" if display else "inline",
        )
        place.clear()
        place.append(BeautifulSoup(found, "html.parser"))
    for text in list(soup.find_all(string=re.compile(r"[_^]"))):
        if not any(parent.name in LEFT_ALONE for parent in text.parents):
            changed = _rendered(str(text))
            if changed is not None:
                text.replace_with(BeautifulSoup(changed, "html.parser"))
    return str(soup)


def _rendered(text: str) -> str | None:
    """Return a text with indices and exponents in HTML, None where it has none."""
    escaped = NavigableString(text).output_ready(formatter="minimal")
    before, changed = None, escaped
    while changed != before:  # an exponent may have an index in it
        before = changed
        changed = INDEXED.sub(lambda m: f"{m[1]}<sub>{_bare(m[2])}</sub>", changed)
        changed = RAISED.sub(lambda m: f"<sup>{_bare(m[1])}</sup>", changed)
    return None if changed == escaped else changed


def _bare(group: str) -> str:
    return group[1:-1] if group[0] in "{(" else group

"""The documentation site: it builds, every link in it leads somewhere, and it needs no network."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("mkdocs")
pytest.importorskip("material")
pytest.importorskip("latex2mathml")
BeautifulSoup = pytest.importorskip("bs4").BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def hooks():
    spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "docs" / "hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    place = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(place)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return {
        path.relative_to(place).as_posix(): BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in place.rglob("*.html")
    }, place


def test_every_link_leads_to_a_file_and_a_place_in_it(site):
    pages, place = site
    dead = []
    for name, page in pages.items():
        for link in [tag[key] for key in ("href", "src") for tag in page.find_all(attrs={key: True})]:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//") or name == "404.html":
                continue
            target = (place / name).parent / unquote(parts.path) if parts.path else place / name
            if target.is_dir():
                target /= "index.html"
            known = target.is_file()
            if known and parts.fragment and target.suffix == ".html":
                known = (
                    pages[target.resolve().relative_to(place.resolve()).as_posix()].find(id=unquote(parts.fragment))
                    is not None
                )
            if not known:
                dead.append((name, link))
    assert dead == []


def test_nothing_is_loaded_from_elsewhere(site):
    for name, page in site[0].items():
        loaded = [tag.get("src") for tag in page.find_all(["script", "img", "iframe"])]
        loaded += [tag.get("href") for tag in page.find_all("link") if "stylesheet" in tag.get("rel", [])]
        assert [one for one in loaded if one and urlsplit(one).netloc] == [], name


def test_mathematics_is_rendered(site):
    pages, _ = site
    assert len(pages["proofs.html"].find_all("math")) > 200
    assert "<sub>j</sub>" in str(pages["theory.html"])
    for name, page in pages.items():
        for tag in page.find_all(["code", "pre", "script", "style", "math", "title", "form"]):
            tag.decompose()
        text = page.article.get_text() if page.article else ""  # the menu has names of fields
        assert "\\frac" not in text, name
        left = re.findall(r"\S*(?:[^\W_]\^|(?<![A-Za-z_])[A-Za-zα-ωΔΣ]['′]?_[A-Za-z{])\S*|\$\\", text)
        assert left == [], name


def test_every_public_function_is_described(site):
    import rope_theory as rt

    pages, _ = site
    reference = [page for name, page in pages.items() if name.startswith("reference")]
    described = {tag["id"] for page in reference for tag in page.find_all(id=True)}
    for module in (
        rt.bounds,
        rt.certificates,
        rt.regression,
        rt.laws,
        rt.precision,
        rt.models,
        rt.plots,
        rt.scaling,
        rt.reports,
        rt.errors,
        rt.widgets,
    ):
        for name in module.__all__:
            found = getattr(module, name)
            if hasattr(found, "__qualname__"):
                assert f"{module.__name__}.{name}" in described, name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("h_j", "h<sub>j</sub>"),
        ("e^{isθ_j}", "e<sup>isθ<sub>j</sub></sup>"),
        ("c^(−2j/d)", "c<sup>−2j/d</sup>"),
        ("w_{n+1} and max_j", "w<sub>n+1</sub> and max<sub>j</sub>"),
        ("e^{isθ'_j}", "e<sup>isθ'<sub>j</sub></sup>"),
        ("factor^(d/(d−2))", "factor<sup>d/(d−2)</sup>"),
        ("Δ_j + iŝ_j", "Δ<sub>j</sub> + iŝ<sub>j</sub>"),
        ("sup_ℝ, max_{Δℤ}, log_{L/2π}", "sup<sub>ℝ</sub>, max<sub>Δℤ</sub>, log<sub>L/2π</sub>"),
        ("|a(s)| < 1 & 2^20", "|a(s)| &lt; 1 &amp; 2<sup>20</sup>"),
    ],
)
def test_indices_and_exponents(hooks, text, expected):
    assert hooks._rendered(text) == expected


def test_names_are_left_alone(hooks):
    for names in ("chord_sharp and rope_theory, 3 < 4", "max_position_embeddings", "min_value, max_value"):
        assert hooks._rendered(names) is None


def test_every_page_is_in_the_menu():
    listed = set(re.findall(r": ([\w/]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert pages <= listed

"""The code of README.md and of every page in docs/ runs; commands exist, links lead somewhere, numbers are computed."""

import inspect
import json
import re
from pathlib import Path

import pytest
from code_blocks import examples, run

import rope_theory

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {"README": README} | {
    path.relative_to(ROOT / "docs").with_suffix("").as_posix(): path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "docs").rglob("*.md"))
}
EXAMPLES = [
    pytest.param(name, block, output, id=f"{name}-{number}")
    for name, page in PAGES.items()
    for number, (block, output) in enumerate(examples(page))
]


def test_there_is_code():
    pages = [example.values[0] for example in EXAMPLES]
    assert pages.count("README") == 3
    assert set(pages) >= {name for name in PAGES if name.startswith("guides/")} | {"worst_cases", "statements"}


@pytest.mark.parametrize(("name", "block", "output"), EXAMPLES)
def test_code_block_runs(name, block, output, tmp_path):
    """README's blocks print what stands below them; numbers of four decimals in comments are the printed ones."""
    printed = run(block, ROOT if name == "README" else tmp_path)
    if output:
        assert printed == output
    stated = re.findall(r"^print.*# .*?(\d+\.\d{4})\b", block, re.MULTILINE)
    numbers = {f"{float(number):.4f}" for number in re.findall(r"\d+\.\d+", printed)}
    assert set(stated) <= numbers


@pytest.mark.parametrize(("name", "count"), [("worst_cases", 2), ("guides/bounds_in_research_code", 4)])
def test_certified_and_bounded_numbers_are_stated(name, count):
    blocks = [block for block, _ in examples(PAGES[name]) if "worst_case" in block or "chord_published" in block]
    assert len(re.findall(r"^print.*# .*?(\d+\.\d{4})\b", blocks[0], re.MULTILINE)) == count


def test_the_readme_is_short_and_its_blocks_too():
    assert len((ROOT / "README.md").read_bytes()) < 8000
    blocks = examples(README)
    assert all(output for _, output in blocks)
    assert max(sum(map(bool, block.splitlines())) for block, _ in blocks) <= 6
    assert any(line.startswith("rope-theory ") for line in README.splitlines()[:25])


def test_findings_of_the_readme_have_the_computed_numbers():
    def facts(name):
        return json.loads((ROOT / "figures" / f"{name}.json").read_text(encoding="utf-8"))

    findings = " ".join(README.partition("## Three findings")[2].partition("\n## ")[0].split())
    theorem = next(row for row in facts("claims")["rows"] if row["id"] == "theorem_2_1")["finding"]
    reached, allowed = (float(number) for number in re.findall(r"0\.\d+", theorem["number"]))
    assert theorem["verdict"] == "refuted"
    assert f"it allows {allowed:.4f}; a score reaches {reached:.4f}." in findings
    edge = facts("worst_case_edge")
    inside, beyond, last = edge["largest_inside"]["1"]["upper"], edge["beyond"]["1024"]["1"][1], edge["window"] - 1
    assert f"at distances 0 to {last}" in findings
    assert f"is {inside:.3f} A halfway between two of them and {beyond:.2f} A at distance {last + 1024}" in findings
    far = facts("loss_past_the_window")
    plain = far["losses"]["plain"]
    rises = f"rises from {plain['inside']:.2f} to {plain['beyond']:.2f} nats per token"
    assert rises in findings
    assert rises in " ".join(PAGES["heads"].split())
    assert f"undoes {100 * far['undone']['capped']:.0f} % of the rise; masking far keys undoes all" in findings
    assert 0.2 < far["undone"]["capped"] < 0.3  # "about a quarter"
    assert far["undone"]["hidden"] >= 1.0
    assert f"trained context length, {far['window']} tokens," in " ".join(README.split())


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = "\n".join([*PAGES.values(), (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")])
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)(?:`| +#)", pages, re.MULTILINE))
    assert {"reproduce", "test"} <= set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("name", PAGES)
def test_relative_links_lead_somewhere(name):
    folder = ROOT if name == "README" else (ROOT / "docs" / name).parent
    links = [link for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGES[name]) if "://" not in link]
    assert links or name != "README"
    made = {"gallery.md"}  # by the documentation site
    assert [link for link in links if link not in made and not (folder / link).exists()] == []


@pytest.mark.parametrize("name", [*PAGES, "CONTRIBUTING"])
def test_paths_named_exist(name):
    text = PAGES.get(name) or (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = "rope_theory|proofs|experiments|paper_repro|examples|benchmarks|figures|notebooks|docs|tests"
    named = re.findall(rf"`((?:{folders})/[\w./-]*)`", text)
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", [*PAGES, *(path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb")))])
def test_public_names_exist(name):
    text = PAGES.get(name) or (ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    for dotted in sorted(set(re.findall(r"\brt((?:\.[A-Za-z_]\w*)+)", text))):
        place = rope_theory
        for part in dotted[1:].split("."):
            place = getattr(place, part)
            if not inspect.ismodule(place):
                break


def commands():
    """Return every line of a console block that calls the package's own command, continued lines joined."""
    blocks = [block for page in PAGES.values() for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL)]
    lines = [line.partition("  #")[0] for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    found = [line.partition("rope-theory ")[2] for line in lines if line.startswith("rope-theory ")]
    return found + [line.partition("-m rope_theory ")[2] for line in lines if "-m rope_theory " in line]


def verbs():
    """Return the commands of ``rope-theory`` by name."""
    import typer

    from rope_theory.cli import app

    return typer.main.get_command(app).commands


@pytest.mark.parametrize("line", commands())
def test_commands_have_the_options_they_are_called_with(line):
    verb, *words = line.split()
    known = {option for parameter in verbs()[verb].params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.split("=")[0] for word in words if word.startswith("--") and word != "--"} <= known


def test_commands_are_found():
    assert {line.split()[0] for line in commands()} >= {"certify", "verify", "prove", "check", "extend", "finetune"}


def test_the_readme_lists_every_verb_and_each_prints_json():
    listed = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    assert sorted(listed) == sorted(verbs())
    for name, command in verbs().items():
        assert any("--json" in parameter.opts for parameter in command.params), name


@pytest.mark.parametrize("name", PAGES)
def test_examples_and_parts_named_in_pages_exist(name):
    from paper_repro.claims import recorded
    from paper_repro.command import PARTS

    known = {part.name for part in PARTS} | {claim["id"] for claim in recorded()} | {"NAME", "ID"}
    for module in re.findall(r"python -m ((?:examples|experiments)\.[\w.]+)", PAGES[name]):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module
    assert set(re.findall(r"paper_repro \w+ --only (\w+)", PAGES[name])) <= known

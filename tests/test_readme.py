"""The README's code runs, its commands exist, its links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from code_blocks import python_blocks, run

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = python_blocks(README)


def test_there_is_code():
    assert len(BLOCKS) >= 3


@pytest.mark.parametrize("index", range(len(BLOCKS)))
def test_code_block_runs(index, tmp_path):
    run(BLOCKS[index], tmp_path)


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)(?:`| +#)", README, re.MULTILINE))
    assert {"reproduce", "test"} <= named <= targets


def test_relative_links_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_certified_numbers_in_comments_are_the_printed_ones(tmp_path):
    block = next(block for block in BLOCKS if "worst_case" in block)
    done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=True)
    stated = re.findall(r"^print.*#.*?(\d+\.\d{4})", block, re.MULTILINE)
    assert len(stated) == 2
    assert stated == [f"{float(line):.4f}" for line in done.stdout.splitlines()[:2]]


def test_numbers_in_comments_are_the_printed_ones(tmp_path):
    block = next(block for block in BLOCKS if "chord_published" in block)
    done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=True)
    stated = re.findall(r"^print.*#.*?(\d+\.\d{4})", block, re.MULTILINE)
    assert stated == [f"{float(line):.4f}" for line in done.stdout.split()]


def commands():
    """Return every line of a console block that calls the package's own command, continued lines joined."""
    pages = [
        README,
        *(
            (ROOT / "docs" / "guides" / name).read_text()
            for name in ("your_own_checkpoint.md", "what_a_config_does.md")
        ),
    ]
    blocks = [block for page in pages for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL)]
    lines = [line.partition("  #")[0] for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    found = [line.partition("rope-theory ")[2] for line in lines if line.startswith("rope-theory ")]
    return found + [line.partition("-m rope_theory ")[2] for line in lines if "-m rope_theory " in line]


@pytest.mark.parametrize("line", commands())
def test_commands_have_the_options_they_are_called_with(line):
    import typer

    from rope_theory.cli import app

    verb, *words = line.split()
    command = typer.main.get_command(app).commands[verb]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.split("=")[0] for word in words if word.startswith("--") and word != "--"} <= known


def test_commands_are_found():
    assert {line.split()[0] for line in commands()} >= {"certify", "verify", "prove", "check", "extend", "finetune"}

"""What the wheel holds, and what an installation from it can do."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_alone(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"rope_theory"}
    here = [path for path in (ROOT / "rope_theory").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    present = {str(path.relative_to(ROOT)) for path in here}
    assert {name for name in names if name.startswith("rope_theory/")} == present
    assert not [name for name in names if "golden" in name or "proofs/" in name]


def test_without_the_checkout_prove_says_what_it_needs(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    command = [sys.executable, "-m", "rope_theory", "prove", "triangle"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "part of the repository, not of the installed package" in " ".join(done.stderr.split())
    command[-2:] = ["bounds", "--offset", "0.5"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

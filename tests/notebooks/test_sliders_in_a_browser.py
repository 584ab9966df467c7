"""Notebook 07 in a real browser against a running JupyterLab: a slider moves, and the picture follows."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.notebooks,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: install it and put it on the PATH"),
]

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "07_explore.ipynb"
SECONDS = 120


@contextlib.contextmanager
def jupyter_lab(folder):
    """Yield the address of a JupyterLab that serves a folder."""
    command = [
        sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0",
        "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True", f"--notebook-dir={folder}",
    ]  # fmt: skip
    environment = {
        **os.environ, "JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
    }  # fmt: skip
    log = folder / "lab.log"
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output, env=environment) as server:
        try:
            end = time.monotonic() + SECONDS
            while not (found := re.search(r"http://127\.0\.0\.1:\d+/lab", log.read_text())):
                assert time.monotonic() < end, log.read_text()
                assert server.poll() is None, log.read_text()
                time.sleep(0.2)
            yield found[0]
        finally:
            server.terminate()


def test_a_slider_moves_and_the_picture_follows(tmp_path):
    shutil.copy(NOTEBOOK, tmp_path)
    errors = []
    with jupyter_lab(tmp_path) as address, api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(SECONDS * 1000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{address}/tree/{NOTEBOOK.name}")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()  # else a dialog asks for a kernel
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        picture = page.locator("img.widget-image").first
        picture.wait_for()
        page.wait_for_function("document.querySelector('img.widget-image').naturalWidth > 500")
        before = picture.screenshot()
        for name in ("window L", "factor"):
            slider = page.locator(".widget-hslider", has=page.get_by_text(name, exact=True)).locator(".noUi-handle")
            source = picture.get_attribute("src")
            slider.focus()
            page.keyboard.press("ArrowLeft")
            page.wait_for_function("old => document.querySelector('img.widget-image').src !== old", arg=source)
        page.wait_for_timeout(500)
        after = picture.screenshot(path=tmp_path / "after.png")
        browser.close()
    assert before != after
    assert errors == []

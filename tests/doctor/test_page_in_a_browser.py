"""The doctor's page in a real browser: no console errors, no network, and no sideways scrolling on a phone."""

import shutil

import pytest

from rope_theory.doctor import diagnose
from rope_theory.reports import report
from tests.doctor.configs import llama, yarn

pytest.importorskip("matplotlib")
api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: install it and put it on the PATH")


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("config", [llama(32768, rope_scaling=yarn(attn_factor=0.8)), {"model_type": "bert"}])
def test_page(tmp_path, config, width):
    path = tmp_path / "page.html"
    path.write_text(report(diagnose(config), source="config.json", page=True).to_html(), encoding="utf-8")
    said, asked = [], []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url.split(":")[0]))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
        assert page.get_by_role("heading", name="Findings").is_visible()
        browser.close()
    assert said == []
    assert set(asked) <= {"file", "data"}

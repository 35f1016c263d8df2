"""The report in a real browser, where there is one: a phone, a tablet, a screen, dark, on paper."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.test_report_content import MEASURED, page

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium is installed")

# Measures what is drawn, and leaves it in the page as JSON. Text with no ink of its own is skipped.
PROBE = """<script>
const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
const bright = ([r, g, b]) => [r, g, b].map(v => v / 255).map(
  v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
const paper = node => {
  for (; node; node = node.parentElement) {
    const found = numbers(getComputedStyle(node).backgroundColor);
    if (found.length < 4 || found[3] > 0) return found;
  }
  return [255, 255, 255];
};
const texts = [...document.querySelectorAll("body *")].filter(
  node => [...node.childNodes].some(child => child.nodeType == 3 && child.data.trim())
    && node.tagName != "SCRIPT" && node.getClientRects().length);
const drawn = texts.map(node => {
  const style = getComputedStyle(node), svg = node.closest("svg");
  const box = node.getBoundingClientRect(), frame = svg && svg.getBoundingClientRect();
  return {
    text: node.textContent.trim().slice(0, 40),
    size: svg ? parseFloat(style.fontSize) * svg.getScreenCTM().a : parseFloat(style.fontSize),
    contrast: contrast(bright(numbers(svg ? style.fill : style.color)), bright(paper(node))),
    inside: !svg || (box.left >= frame.left - 1 && box.right <= frame.right + 1),
  };
});
const wide = [...document.querySelectorAll(".wide, pre")].map(
  node => node.getBoundingClientRect().right);
parent.postMessage(JSON.stringify({
  drawn, wide, width: innerWidth, scroll: document.documentElement.scrollWidth}), "*");
</script>"""


# A frame, since the browser's own window is never narrower than 500 pixels.
FRAME = """<!doctype html><meta name="color-scheme" content="light dark"><output></output><script>
addEventListener("message", event => document.querySelector("output").textContent = event.data);
</script><iframe src="index.html" style="border: 0; width: WIDTHpx; height: 900px"></iframe>"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "index.html"
    path.write_text(page(MEASURED).replace("</body>", PROBE + "</body>"), encoding="utf-8")
    return path


def browse(path: Path, *options: str) -> str:
    done = subprocess.run(
        [
            str(BROWSER),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={path.parent / 'profile'}",
            *options,
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def look(path: Path, width: int, *options: str) -> dict[str, Any]:
    frame = path.with_name("frame.html")
    frame.write_text(FRAME.replace("WIDTH", str(width)))
    text = browse(frame, "--virtual-time-budget=3000", "--dump-dom", *options)
    found = re.search(r"<output>(.+)</output>", text, re.S)
    assert found, text
    result: dict[str, Any] = json.loads(html.unescape(found[1]))
    return result


@pytest.mark.parametrize(
    ("width", "options"),
    [
        (380, []),
        (820, []),
        (1400, []),
        (380, ["--blink-settings=preferredColorScheme=0"]),
    ],
    ids=["phone", "tablet", "screen", "dark"],
)
def test_the_report_can_be_read(report: Path, width: int, options: list[str]) -> None:
    seen = look(report, width, *options)
    assert seen["width"] == width
    assert seen["scroll"] <= width, "something is wider than the page"
    assert max(seen["wide"]) <= width
    assert len(seen["drawn"]) > 200
    for text in seen["drawn"]:
        assert text["size"] >= 9, text
        assert text["contrast"] >= 4.5, text
        assert text["inside"], text


def test_the_report_prints_whole(report: Path) -> None:
    """Also what is folded on the screen; Chromium writes one /Page object for each page."""
    out = report.with_suffix(".pdf")
    browse(report, "--no-pdf-header-footer", f"--print-to-pdf={out}")
    assert out.read_bytes().count(b"/Type /Page\n") >= 4

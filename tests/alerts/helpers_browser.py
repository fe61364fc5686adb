"""A real browser, and what it finds on a page: contrast and size of each text, its width, pictures that are missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [f"--disable-{name}" for name in ("gpu", "background-networking", "component-update", "sync")]

MEASURE = """() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const low = [], small = [];
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].filter(n => n.nodeType === 3).map(n => n.textContent).join("").trim();
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    if (!own || !box.width || style.display === "none") continue;
    const [one, two] = [light(parse(style.color)), light(ground(element))].sort((a, b) => b - a);
    if ((one + 0.05) / (two + 0.05) < 4.5) low.push([own.slice(0, 40), style.color, ground(element).join()]);
    if (parseFloat(style.fontSize) < 14) small.push([own.slice(0, 40), style.fontSize]);
  }
  return {low, small, width: document.documentElement.scrollWidth, broken:
    [...document.images].filter(image => !image.complete || !image.naturalWidth).length};
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium without a window."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine; install the package chromium, or set CHROMIUM to its path")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS, chromium_sandbox=False)
        yield browser
        browser.close()

"""The pictures of the README: the headline figure and the explorer. Together at most 400 KB.

python tests/browser/gallery.py results results/example
"""

import shutil
import sys
from pathlib import Path

from PIL import Image

LIMIT = 400_000  # bytes
HEADLINE = "diversity_signature.png"
SIZE = {"width": 1200, "height": 900}
VIEW = "#explore&family=weight_decay&metric=log_norm&layer=hidden&outcome=test"


def explorer(page: Path, out: Path) -> None:
    """A picture of the explorer, as a person with a light theme sees it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        opened = browser.new_page(viewport=SIZE, reduced_motion="reduce")
        opened.goto(f"{page.resolve().as_uri()}{VIEW}")
        opened.wait_for_selector("#explorer[data-state]", timeout=60_000)
        opened.locator("#explorer").screenshot(path=out)
        browser.close()


def smaller(source: Path, out: Path, width: int) -> None:
    """A picture of the given width in pixels, with all its colours: families are told apart by them."""
    picture = Image.open(source).convert("RGB")
    height = round(picture.height * width / picture.width)
    picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    few = picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(out, optimize=True)


def main(results: Path, out: Path) -> None:
    """Write headline.png and explorer.png."""
    out.mkdir(parents=True, exist_ok=True)
    smaller(results / "7_figures" / HEADLINE, out / "headline.png", 900)
    explorer(results / "8_report" / "report.html", out / "explorer.png")
    smaller(out / "explorer.png", out / "explorer.png", 900)
    size = sum(path.stat().st_size for path in out.iterdir())
    if size > LIMIT:
        sys.exit(f"error: {out} has {size} bytes, more than {LIMIT}: draw smaller pictures")
    print(f"{out}: {size / 1000:.0f} kB")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))

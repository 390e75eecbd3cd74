"""Make the pictures of the user guide from real results: ``python docs/pictures.py results``.

The table is drawn by Rich, the page and the comment by Chromium. The folder holds what sessions, ``bench-report`` and
``bench-compare`` wrote there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from markdown_it import MarkdownIt
from rich.console import Console

from ice3_bench.compare.result import FILE, load_comparison
from ice3_bench.github.comment import Content, comment
from ice3_bench.history.checks import check
from ice3_bench.history.store import History
from ice3_bench.settings.matrix import load_settings
from ice3_bench.show.tables import results_table

PROJECT = Path(__file__).parents[1]
TARGET = Path(__file__).parent / "pictures"
CELL = "numpy_port-float64"
WIDTH = 175
"""Characters of the table's lines."""
STYLE = """<meta charset="utf-8"><style>
body { font: 14px/1.5 sans-serif; color: #1f2328; margin: 24px; width: 1150px }
table { border-collapse: collapse } th, td { border: 1px solid #d1d9e0; padding: 4px 10px; font-size: 12px }
tr:nth-child(2n) { background: #f6f8fa } h2 { border-bottom: 1px solid #d1d9e0 } li { font-size: 12px }
</style>"""


def table(results: Path) -> None:
    """Draw the table at the end of a session."""
    settings = load_settings(PROJECT)
    with History(results / "history.db") as history:
        report = next(one for one in history.latest_of_each() if one.cell == CELL)
        shown = results_table(report, history.previous_of_each(report), check(report, history, settings))
    with Path("/dev/null").open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere)
        console.print(shown)
    console.save_svg(str(TARGET / "table.svg"), title=f"nox -s bench-{CELL}")


def photograph(page: Path, name: str, size: tuple[int, int]) -> None:
    """Photograph a page of HTML."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("The pictures need Chromium: apt-get install chromium")
    options = ("--headless", "--no-sandbox", "--hide-scrollbars", "--force-device-scale-factor=1")
    window = f"--window-size={size[0]},{size[1]}"
    command = [browser, *options, window, f"--screenshot={TARGET / name}", "--virtual-time-budget=5000", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def main(results: Path) -> None:
    """Make all pictures."""
    TARGET.mkdir(exist_ok=True)
    table(results)
    photograph((results / "report.html").resolve(), "page.png", (1200, 800))
    compared = load_comparison(results / FILE)
    text = comment(Content(compared.contender.commit, load_settings(PROJECT).bencher, comparison=compared))
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "comment.html"
        page.write_text(STYLE + MarkdownIt("commonmark").enable("table").render(text), encoding="utf-8")
        photograph(page, "comment.png", (1200, 300))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

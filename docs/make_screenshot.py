"""Makes docs/screenshot.svg: the browser on its demo, without a terminal.

python docs/make_screenshot.py
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from pathlib import Path

from runicorn_db.demo import adopt_running, write_demo
from runicorn_db.store import Store
from runicorn_db.sync import sync
from runicorn_tui.app import RunicornApp

PICTURE = Path(__file__).parent / "screenshot.svg"
SIZE = (120, 34)
KEYS = ("slash", *"project:image", "enter", "down", "down", "space", "down", "space", "down")
TIMEOUT = 30.0


async def draw(store: Store) -> str:
    """The browser after a filter and two marks, as SVG."""
    app = RunicornApp(store, watch=False)
    async with app.run_test(size=SIZE) as pilot, asyncio.timeout(TIMEOUT):
        await pilot.pause()
        await app.workers.wait_for_complete()
        for key in KEYS:
            await pilot.press({":": "colon"}.get(key, key))
            await pilot.pause(0.3 if key == "enter" else None)
        await app.workers.wait_for_complete()
        await pilot.pause(0.5)
        picture = app.export_screenshot(title="runicorn-tui", simplify=True)
    # Whoever looks at README should not have to ask a stranger for a font.
    return re.sub(r"@font-face {.*?}\n", "", picture, flags=re.DOTALL)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = write_demo(Path(folder) / "demo", 400, now=time.time())
        adopt_running(root)
        with Store(Path(folder) / "index.db") as store:
            store.add_root(root)
            sync(store)
            PICTURE.write_text(asyncio.run(draw(store)), "utf-8")


if __name__ == "__main__":
    main()

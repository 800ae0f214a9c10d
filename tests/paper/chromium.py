"""A headless Chromium, spoken to in the DevTools protocol over a pipe: no network, no driver, no further package.

https://chromedevtools.github.io/devtools-protocol/
"""

import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --remote-debugging-pipe"
).split()
FAILURES = {"Network.loadingFailed", "Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"}
PATIENCE = 60.0  # seconds for one answer
SIZES = {"desk": (1280, 900), "phone": (390, 844)}


def installed() -> str | None:
    """Where Chromium is, None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One tab: `open` a page in a size, `ask` it something, and `events` that were sent meanwhile."""

    def __init__(self, reading: int, writing: int) -> None:
        self.reading, self.writing = reading, writing
        self.rest, self.last, self.session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; events that come in between are kept."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self.last:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path, size: str) -> None:
        """Load a file in a window of a size of SIZES, all its pictures and fonts included."""
        width, height = SIZES[size]
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"}
        self.send("Emulation.setDeviceMetricsOverride", **metrics)
        self.events.clear()
        self.send("Page.navigate", url=page.as_uri())
        self._loaded()

    def follow(self, selector: str) -> None:
        """Click on the first element of a CSS selector, which must be a link, and wait for the page it opens."""
        self.events.clear()
        self.ask(f"document.querySelector({selector!r}).click()")
        self._loaded()

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page; a promise is waited for."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def complaints(self) -> list[str]:
        """Requests that failed or left the folder, and what was written to the console, since the page was opened."""
        found = []
        for event in self.events:
            method, parameters = event.get("method"), event.get("params", {})
            if method in FAILURES:
                found.append(f"{method}: {json.dumps(parameters)[:300]}")
            if method == "Network.requestWillBeSent" and not parameters["request"]["url"].startswith("file:"):
                found.append(f"asks the network for {parameters['request']['url'][:100]}")
        return found

    def _loaded(self) -> None:
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())
        # A font is asked for when the page is laid out, which may be after it has loaded.
        self.ask("document.body.offsetHeight && document.fonts.ready.then(() => true)")

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self.rest:
            ready = select.select([self.reading], [], [], max(0.0, deadline - time.monotonic()))[0]
            received = os.read(self.reading, 1 << 16) if ready else b""
            assert received, "Chromium gave no answer"
            self.rest += received
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)


@contextlib.contextmanager
def running(profile: Path) -> Iterator[Browser]:
    """A browser with a fresh profile in a folder, closed at the end."""
    ours, theirs = os.pipe(), os.pipe()
    # The protocol wants the file descriptors 3 and 4; copies with high numbers cannot be overwritten on the way there.
    reading, writing = (fcntl.fcntl(end, fcntl.F_DUPFD, 64) for end in (ours[0], theirs[1]))

    def connect() -> None:
        os.dup2(reading, 3)
        os.dup2(writing, 4)

    words = [str(installed()), *FLAGS, f"--user-data-dir={profile}"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(words, preexec_fn=connect, pass_fds=(3, 4), stdout=quiet, stderr=quiet)
    for end in (reading, writing, ours[0], theirs[1]):
        os.close(end)
    try:
        yield Browser(theirs[0], ours[1])
    finally:
        os.close(ours[1])  # without its pipe Chromium ends
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
        os.close(theirs[0])

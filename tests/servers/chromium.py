"""Headless Chromium, driven over the pipes of its DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from servers.process import Process, started
from servers.programs import program

SECONDS = 20
LOG_TAIL = 4000

OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--disable-breakpad",
    "--disable-extensions",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--password-store=basic",
    "--remote-debugging-pipe",
)

# Chromium reads commands from descriptor 3 and writes to 4
START = 'in=$1 out=$2; shift 2; exec "$@" 3<"$in" 4>"$out"'


# the keys that tests press, with the codes that Windows gives them
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36, "z": 90}
KEYS |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


class ChromiumError(Exception):
    """Chromium refused a command, ended, or did not respond in time."""


class Chromium:
    """A running Chromium."""

    def __init__(self, process: Process, commands: int, messages: int) -> None:
        self._process = process
        self._commands = commands
        self._messages = messages
        self._pending = b""
        self._number = 0
        self._events: list[dict[str, Any]] = []
        self._window: tuple[str, str] | None = None
        self._poll = select.poll()
        self._poll.register(messages, select.POLLIN)

    def command(self, method: str, session: str | None = None, seconds: float = SECONDS, **params: Any) -> Any:
        """Send a command of the DevTools protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._commands, data) :]
        deadline = time.monotonic() + seconds
        while True:
            answer = self._receive(deadline, method)
            if answer.get("id") == self._number:
                break
            if "method" in answer:
                self._events.append(answer)
        if "error" in answer:
            raise ChromiumError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def event(self, session: str, seconds: float, *methods: str, **params: Any) -> dict[str, Any]:
        """Wait for an event with one of the methods and with these parameters, remove it, and return it."""
        deadline = time.monotonic() + seconds
        seen = 0
        while True:
            for event in self._events[seen:]:
                if (
                    event.get("sessionId") == session
                    and event["method"] in methods
                    and params.items() <= event["params"].items()
                ):
                    self._events.remove(event)
                    return event
            seen = len(self._events)
            message = self._receive(deadline, " or ".join(methods))
            if "method" in message:
                self._events.append(message)

    def events(self, session: str, *methods: str) -> list[dict[str, Any]]:
        """Return the parameters of the received events with one of the methods."""
        return [
            event["params"]
            for event in self._events
            if event.get("sessionId") == session and event["method"] in methods
        ]

    def forget(self, session: str) -> None:
        """Drop the events of a session received so far."""
        self._events = [event for event in self._events if event.get("sessionId") != session]

    @contextmanager
    def page(self) -> Iterator[Page]:
        """Open an empty page, and close it after the block; the browser forgets all that it knows of sites."""
        # pages are tabs of one window, as a window of its own costs three times as much as the page in it
        context, blank = self._window = self._window or self._open_window()
        target, session = self._tab(context)
        try:
            for domain in ("Page", "Runtime", "Log", "DOM"):
                self.command(f"{domain}.enable", session)
            self.command("Page.setLifecycleEventsEnabled", session, enabled=True)
            yield Page(self, session)
            self.forget(session)
        finally:
            self.command("Target.closeTarget", targetId=target)
            self.command("Network.clearBrowserCache", blank)
            self.command("Storage.clearDataForOrigin", blank, origin="*", storageTypes="all")

    def _open_window(self) -> tuple[str, str]:
        """Open a window with a tab that stays empty, and return its browser context and the session of that tab."""
        context = self.command("Target.createBrowserContext")["browserContextId"]
        self.command("Browser.setDownloadBehavior", behavior="deny", browserContextId=context)
        return context, self._tab(context)[1]

    def _tab(self, context: str) -> tuple[str, str]:
        """Open an empty tab, and return its target and the session of that."""
        target = self.command("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        return target, self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def _receive(self, deadline: float, purpose: str) -> dict[str, Any]:
        while b"\0" not in self._pending:
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise self._error(f"{purpose}: Chromium did not respond in time")
            data = os.read(self._messages, 1 << 20)
            if not data:
                raise self._error(f"{purpose}: Chromium ended")
            self._pending += data
        message, _, self._pending = self._pending.partition(b"\0")
        received: dict[str, Any] = json.loads(message)
        return received

    def _error(self, problem: str) -> ChromiumError:
        tail = self._process.log.read_text(errors="replace")[-LOG_TAIL:]
        return ChromiumError(f"{problem}. {self._process.log} ends with:\n{tail or '(nothing)'}")


class Page:
    """A page of Chromium."""

    def __init__(self, chromium: Chromium, session: str) -> None:
        self._chromium = chromium
        self._session = session

    def command(self, method: str, seconds: float = SECONDS, **params: Any) -> Any:
        """Send a command of the DevTools protocol to this page."""
        return self._chromium.command(method, self._session, seconds, **params)

    def open(self, url: str, seconds: float = SECONDS) -> None:
        """Navigate to a URL and wait until it is loaded."""
        self._chromium.forget(self._session)
        went = self.command("Page.navigate", seconds, url=url)
        if went.get("errorText"):
            raise ChromiumError(f"{url}: {went['errorText']}")
        loaded = {"name": "load", "frameId": went["frameId"], "loaderId": went["loaderId"]}
        self._chromium.event(self._session, seconds, "Page.lifecycleEvent", **loaded)

    def event(self, method: str, seconds: float = SECONDS) -> dict[str, Any]:
        """Wait for an event of this page, and return its parameters."""
        params: dict[str, Any] = self._chromium.event(self._session, seconds, method)["params"]
        return params

    def evaluate(self, expression: str, seconds: float = SECONDS) -> Any:
        """Return the value of a JavaScript expression; await it if it is a promise."""
        answer = self.command(
            "Runtime.evaluate", seconds, expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise ChromiumError(f"{expression}: {_described(answer['exceptionDetails'])}")
        return answer["result"].get("value")

    def _now(self, expression: str) -> Any:
        try:
            return self.evaluate(expression)
        except ChromiumError as error:
            if "Inspected target navigated" in str(error):
                # another page comes at this moment
                return None
            raise

    def wait_for(self, expression: str, seconds: float = SECONDS) -> Any:
        """Wait until a JavaScript expression is true, and return its value."""
        deadline = time.monotonic() + seconds
        while not (value := self._now(expression)):
            if time.monotonic() > deadline:
                raise ChromiumError(
                    f"{expression} was {value!r} for {seconds} seconds; {self.problems() or 'no errors'}"
                )
            time.sleep(0.02)
        return value

    def choose_files(self, selector: str, *files: Path) -> None:
        """Set the files of a file input, as if the user had chosen them."""
        found = self.command("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")
        self.command("DOM.setFileInputFiles", objectId=found["result"]["objectId"], files=[str(file) for file in files])

    def press(self, key: str, shift: bool = False, control: bool = False, repeated: int = 0) -> None:
        """Press a key and release it, as the user would, where the focus is; held down, it is repeated."""
        params: dict[str, Any] = {"key": key, "code": key.replace(" ", "Space"), "windowsVirtualKeyCode": KEYS[key]}
        params["modifiers"] = 8 * shift + 2 * control
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for number in range(1 + repeated):
            self.command("Input.dispatchKeyEvent", type="keyDown", text=text, autoRepeat=number > 0, **params)
        self.command("Input.dispatchKeyEvent", type="keyUp", **params)

    def click(self, selector: str, times: int = 1) -> None:
        """Click where the middle of an element is now; twice is a double click."""
        at = self.evaluate(
            f"(({{x, y, width, height}}) => ({{x: x + width / 2, y: y + height / 2}}))"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        for number in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.command("Input.dispatchMouseEvent", type=kind, button="left", clickCount=number, **at)

    def drop_files(self, *files: Path) -> None:
        """Drag files over the page and drop them there."""
        data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.command("Input.dispatchDragEvent", type=kind, x=20, y=20, data=data)

    def show_on(self, width: int, height: int, **preferences: str) -> None:
        """Show the page on a screen of this size, for a user with preferences such as ``color_scheme="dark"``."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        features = [
            {"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in preferences.items()
        ]
        self.command("Emulation.setEmulatedMedia", features=features)

    def connect(self, offline: bool = False, bytes_per_second: int = -1) -> None:
        """Take the page from the network, or to a slow one; without arguments, back to the network as it is."""
        self.command("Network.enable")
        self.command(
            "Network.emulateNetworkConditions",
            offline=offline,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=bytes_per_second,
        )

    def watch_requests(self) -> None:
        """Start to record the requests of the page."""
        self.command("Network.enable")

    def requests(self) -> list[tuple[str, str]]:
        """Return the requests since the page was opened, each as the URL of its document and the requested URL."""
        # the result of a command arrives after all earlier events
        self.command("Runtime.getIsolateId")
        sent = self._chromium.events(self._session, "Network.requestWillBeSent")
        return [(event["documentURL"], event["request"]["url"]) for event in sent]

    def problems(self) -> list[str]:
        """Return the errors in the console since the page was opened."""
        events = self._chromium.events
        problems = [_described(event["exceptionDetails"]) for event in events(self._session, "Runtime.exceptionThrown")]
        for event in events(self._session, "Runtime.consoleAPICalled"):
            if event["type"] in ("error", "assert"):
                problems.append(" ".join(str(value.get("value", value.get("description"))) for value in event["args"]))
        for event in events(self._session, "Log.entryAdded"):
            if event["entry"]["level"] == "error":
                problems.append(f"{event['entry']['text']} ({event['entry'].get('url', '')})")
        return problems

    def screenshot(self, file: Path) -> None:
        """Write a screenshot of the page to a PNG file."""
        file.write_bytes(base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def chromium(directory: Path) -> Iterator[Chromium]:
    """Run Chromium with its profile and log in ``directory``."""
    binary = program("chromium", "chromium")
    commands, messages = directory / "commands", directory / "messages"
    for pipe in (commands, messages):
        os.mkfifo(pipe)
    argv = ["/bin/sh", "-c", START, "chromium", str(commands), str(messages), binary]
    argv += [*OPTIONS, f"--user-data-dir={directory / 'profile'}", "about:blank"]
    env = os.environ | {"HOME": str(directory), "TMPDIR": str(directory)}
    # O_RDWR, because opening a FIFO only for writing blocks until Chromium opens it
    sending = os.open(commands, os.O_RDWR)
    receiving = os.open(messages, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with started(argv, 0, directory / "chromium.log", env) as process:
            running = Chromium(process, sending, receiving)
            running.command("Browser.getVersion", seconds=60)
            yield running
    finally:
        os.close(sending)
        os.close(receiving)


def _described(details: dict[str, Any]) -> str:
    exception = details.get("exception", {})
    return str(exception.get("description") or exception.get("value") or details["text"])

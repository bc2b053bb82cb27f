"""A headless Chromium that tests steer: real keys, themes, widths, and no scripts.

It speaks the DevTools protocol over a pair of pipes, which needs no further package.
README's picture is made so, too, of a site that is built:

    python tests/project/chromium.py docs/_build/html/learn/touch.html touch.png
"""

import base64
import io
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BROWSERS = "chromium chromium-browser google-chrome chrome"
executable = next(filter(None, map(shutil.which, BROWSERS.split())), None)

# What the protocol wants to know of a key besides its name.
KEYS = {
    "Tab": {"windowsVirtualKeyCode": 9},
    "Enter": {"windowsVirtualKeyCode": 13, "text": "\r"},
    " ": {"windowsVirtualKeyCode": 32, "text": " "},
    "ArrowLeft": {"windowsVirtualKeyCode": 37},
    "ArrowUp": {"windowsVirtualKeyCode": 38},
    "ArrowRight": {"windowsVirtualKeyCode": 39},
    "ArrowDown": {"windowsVirtualKeyCode": 40},
    "Delete": {"windowsVirtualKeyCode": 46},
}


class Chromium:
    """One page of one browser.

    Parameters
    ----------
    profile : path
        A folder of its own.

    Attributes
    ----------
    errors : list of str
        Exceptions and errors in the console, of all pages seen.
    requests : list of str
        The addresses that were loaded.
    """

    def __init__(self, profile):
        self.errors, self.requests, self.loaded = [], [], set()
        self.sent, self.answers, self.rest = 0, {}, b""
        theirs, self.write_end = os.pipe()
        self.read_end, ours = os.pipe()
        command = [
            executable, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank",
        ]  # fmt: skip
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{theirs} 4>&{ours}', "bash", *command],
            pass_fds=(theirs, ours),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(ours)
        self.session = None
        page = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=page, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send("Page.setLifecycleEventsEnabled", enabled=True)

    def close(self):
        """End the browser."""
        self.process.terminate()
        self.process.wait(30)
        os.close(self.write_end)
        os.close(self.read_end)

    def send(self, method, **params):
        """Call a method of the protocol and return its result."""
        self.sent += 1
        call = {"id": self.sent, "method": method, "params": params}
        if self.session:
            call["sessionId"] = self.session
        os.write(self.write_end, json.dumps(call).encode() + b"\0")
        self.read_until(lambda: self.sent in self.answers)
        answer = self.answers.pop(self.sent)
        assert "error" not in answer, answer
        return answer["result"]

    def read_until(self, done, seconds=30):
        """Take messages until something has happened."""
        end = time.monotonic() + seconds
        while not done():
            ready = select.select([self.read_end], [], [], end - time.monotonic())[0]
            assert ready, "the browser gave no answer"
            self.rest += os.read(self.read_end, 1 << 20)
            *whole, self.rest = self.rest.split(b"\0")
            for text in whole:
                self.take(json.loads(text))

    def take(self, message):
        """Keep an answer, and of the events those that count."""
        method, params = message.get("method"), message.get("params", {})
        if "id" in message:
            self.answers[message["id"]] = message
        elif method == "Page.lifecycleEvent" and params["name"] == "load":
            self.loaded.add(params["loaderId"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"]))
        elif "error" in (params.get("type"), params.get("entry", {}).get("level")):
            self.errors.append(str(params.get("args") or params["entry"]))

    def open(self, address):
        """Load a page, anew if it is the one that is shown."""
        for url in ("about:blank", address):
            loader = self.send("Page.navigate", url=url).get("loaderId")
            self.read_until(lambda loader=loader: loader in self.loaded)

    def ask(self, expression):
        """Return what a JavaScript expression comes to."""
        result = self.send(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def press(self, key, times=1):
        """Press a key and let it go."""
        for _ in range(times):
            for kind in ("keyDown", "keyUp"):
                event = {"key": key, "code": key.strip() or "Space"} | KEYS[key]
                self.send("Input.dispatchKeyEvent", type=kind, **event)

    def mouse(self, kind, x, y):
        """Move, press or release the mouse."""
        pressed = {"button": "left", "clickCount": 1} if kind != "mouseMoved" else {}
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, buttons=1, **pressed)

    def swipe(self, x, y, dx=0, dy=0):
        """Put a finger down, move it in ten steps and lift it; without a way, tap."""
        self.touch("touchStart", {"x": x, "y": y})
        for i in range(1, 11) if dx or dy else ():
            self.touch("touchMove", {"x": x + dx * i / 10, "y": y + dy * i / 10})
        self.touch("touchEnd")
        # A page that still glides is stopped by the next tap, which is then no click.
        self.ask(
            """new Promise(done => { let last; const wait = setInterval(() => {
            if (last === scrollY) done(clearInterval(wait));
            last = scrollY; }, 300); })"""
        )

    def touch(self, kind, *points):
        """Put a finger down, move it or lift it."""
        self.send("Input.dispatchTouchEvent", type=kind, touchPoints=points)

    def show(self, width=1200, height=900, theme="light", still=False, scripts=True):
        """Set what a reader's machine would: its window and its wishes."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        motion = "reduce" if still else "no-preference"
        features = {"prefers-color-scheme": theme, "prefers-reduced-motion": motion}
        features = [{"name": n, "value": value} for n, value in features.items()]
        self.send("Emulation.setEmulatedMedia", features=features)
        self.send("Emulation.setScriptExecutionDisabled", value=not scripts)

    def picture(self, selectors):
        """Return a PNG of the rectangle that holds the elements."""
        self.send("Emulation.setScrollbarsHidden", hidden=True)
        boxes = self.ask(
            f"""new Promise(done => (scrollTo(0, 0), setTimeout(done, 300))).then(() =>
            {json.dumps(selectors)}.map(s => document.querySelector(s))
            .map(e => e.getBoundingClientRect())
            .map(b => [b.left, b.top, b.right, b.bottom]))"""
        )
        left, top, right, bottom = zip(*boxes)
        clip = {"x": min(left) - 10, "y": min(top) - 6, "scale": 1}
        clip["width"] = max(right) + 10 - clip["x"]
        clip["height"] = max(bottom) + 6 - clip["y"]
        shot = self.send("Page.captureScreenshot", clip=clip)
        return base64.b64decode(shot["data"])


def main(page, target):
    """Save the picture of the two-step cycle and its cure, in 64 colours."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as profile:
        browser = Chromium(profile)
        browser.show(width=1150, height=1600, still=True)
        browser.open(Path(page).resolve().as_uri() + "#stop=cure")
        browser.show(width=1150, height=1600)
        png = browser.picture([".touch .touch-bar", ".touch-status", ".touch-stage"])
        browser.close()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.quantize(64, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

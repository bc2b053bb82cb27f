"""The documentation builds without a warning, hangs together, and shows in a browser.

Left out where Sphinx is not installed; the browser's part also where there is no
Chromium. The site is built in place, which is quick where it was built before.
"""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from functools import cache
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from sklearn.neural_network import MLPClassifier

from sklearn_scratchnn import ScratchMLPClassifier

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SITE = DOCS / "_build" / "html"
NEEDED = "sphinx sphinx_gallery numpydoc pydata_sphinx_theme myst_parser latex2mathml"
BROWSERS = "chromium chromium-browser google-chrome chrome"
MATHS = ["learn/forward", "learn/cross_entropy", "learn/backpropagation"]
PAGES = [
    "index", "learn/index", *MATHS, "learn/code", "learn/exercises", "guide/solvers",
    "guide/coming_from_mlpclassifier", "reference/index", "reference/registries",
    "generated/sklearn_scratchnn.ScratchMLPClassifier", "architecture", "benchmarks",
    "auto_examples/index", "auto_examples/plot_two_step_cycle",
]  # fmt: skip

needs_sphinx = pytest.mark.skipif(
    not DOCS.is_dir()
    or any(importlib.util.find_spec(name) is None for name in NEEDED.split()),
    reason="the documentation, or what it is built with, is not installed",
)
browser = next(filter(None, map(shutil.which, BROWSERS.split())), None)
needs_browser = pytest.mark.skipif(browser is None, reason="there is no Chromium")


@pytest.fixture(scope="session")
def site():
    """The built site's folder; workers take turns in building it."""
    fcntl = pytest.importorskip("fcntl")
    SITE.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    environment = os.environ | {"MPLBACKEND": "Agg"}
    with open(SITE.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = subprocess.run(
            [*command, DOCS, SITE], capture_output=True, text=True, env=environment
        )
    assert built.returncode == 0, built.stderr
    return SITE


class Page(HTMLParser):
    """What a page links to, shows, loads and can be linked by."""

    def __init__(self, text):
        super().__init__()
        self.links, self.images, self.loads, self.anchors = [], [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors |= {attrs.get("id"), attrs.get("name")}
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        elif tag == "img":
            self.images.append(attrs["src"])
        elif tag == "script" and attrs.get("src"):
            self.loads.append(attrs["src"])
        elif tag == "link" and "stylesheet" in attrs.get("rel", ""):
            self.loads.append(attrs["href"])


@cache
def read(path):
    """Return a page of the site."""
    return Page(path.read_text(encoding="utf-8"))


def pages_of(site):
    """Return the paths of the site's pages; the theme keeps a template in its own."""
    return [path for path in site.rglob("*.html") if "_static" not in path.parts]


def missing_targets(site, kind):
    """Return "page: target" for each internal target that is not there."""
    missing = []
    for path in pages_of(site):
        for link in getattr(read(path), kind):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path
            if parts.path:
                target = (path.parent / unquote(parts.path)).resolve()
            found = target.exists()
            if found and parts.fragment and target.suffix == ".html":
                found = unquote(parts.fragment) in read(target).anchors
            if not found:
                missing.append(f"{path.relative_to(site)}: {link}")
    return missing


@needs_sphinx
@pytest.mark.parametrize("kind", ["links", "images", "loads"])
def test_internal_targets_are_there(site, kind):
    assert missing_targets(site, kind) == []


@needs_sphinx
def test_nothing_is_loaded_from_elsewhere(site):
    for path in pages_of(site):
        page = read(path)
        for source in page.images + page.loads:
            assert not urlsplit(source).netloc, f"{path.name} loads {source}"


@needs_sphinx
def test_gallery_has_every_example_and_its_thumbnail(site):
    gallery = read(site / "auto_examples" / "index.html")
    for example in sorted((ROOT / "examples").glob("plot_*.py")):
        thumbnail = f"sphx_glr_{example.stem}_thumb"
        (image,) = [source for source in gallery.images if thumbnail in source]
        assert (site / "auto_examples" / image).stat().st_size > 2000
        assert f"{example.stem}.html" in " ".join(gallery.links)


@needs_sphinx
@pytest.mark.parametrize("page", MATHS)
def test_equations_became_mathml(site, page):
    text = (site / f"{page}.html").read_text(encoding="utf-8")
    assert text.count("<math") > 5
    assert "<merror" not in text
    shown = re.sub(r'alttext="[^"]*"', "", text)
    assert "\\frac" not in shown and "\\delta" not in shown


def texts(module):
    """Yield how each warning and each error of a module begins: its first words.

    Texts that begin with a name that is filled in are left out.
    """
    source = (ROOT / "sklearn_scratchnn" / f"{module}.py").read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        value = getattr(node, "value", None)
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if re.search("Error$|^warn$", name) and node.args:
                value = node.args[0]
        elif not isinstance(node, ast.Assign | ast.Return):
            continue
        if isinstance(value, ast.JoinedStr) and value.values:
            value = value.values[0]
        text = value.value if isinstance(value, ast.Constant) else None
        if isinstance(text, str) and re.match(r"\w+ [\w ]+ ", text):
            yield " ".join(text.split()[:3])


@pytest.mark.skipif(not DOCS.is_dir(), reason="an sdist does not carry docs/")
@pytest.mark.parametrize("module", ["verdict", "inputs", "classifier"])
def test_troubleshooting_knows_every_text(module):
    page = (DOCS / "guide" / "troubleshooting.rst").read_text(encoding="utf-8")
    page = " ".join(page.split())
    begins = set(texts(module))
    assert len(begins) >= 4
    assert [text for text in begins if text not in page] == []


@pytest.mark.skipif(not DOCS.is_dir(), reason="an sdist does not carry docs/")
def test_every_changed_parameter_is_told():
    """On the page for those who come from ``MLPClassifier``."""
    page = DOCS / "guide" / "coming_from_mlpclassifier.rst"
    page = page.read_text(encoding="utf-8")
    theirs = MLPClassifier().get_params()
    ours = ScratchMLPClassifier().get_params()
    changed = [name for name in ours if theirs.get(name, ...) != ours[name]]
    assert len(changed) > 15
    assert [name for name in changed if f"``{name}``" not in page] == []


# In a browser -------------------------------------------------------------------------

WATCH = """<script>window.__errors = [];
addEventListener("error", e => __errors.push(String(e.message || e.target.src)), true);
console.error = (...words) => __errors.push(words.join(" "));</script>"""

PROBE = """<!doctype html><title>probe</title><iframe id=f style="border:0"></iframe>
<script>
const jobs = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const frame = document.getElementById("f"), results = [];
const rgb = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
const luminance = text => rgb(text).map(c => c / 255)
  .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
async function look({page, width, mode}) {
  localStorage.setItem("mode", mode); localStorage.setItem("theme", mode);
  frame.width = width; frame.height = 900;
  await new Promise(done => { frame.onload = done; frame.src = "/" + page + ".html"; });
  const win = frame.contentWindow, doc = win.document, root = doc.documentElement;
  const images = [...doc.images].filter(i => i.getAttribute("src"));
  images.forEach(i => { i.loading = "eager"; });
  await Promise.all(images.map(i => i.decode().catch(() => 0)));
  const text = doc.querySelector("article p, .bd-article p, main p");
  const ink = luminance(win.getComputedStyle(text).color);
  const paper = luminance(win.getComputedStyle(doc.body).backgroundColor);
  return {page, width, mode, theme: root.dataset.theme, errors: win.__errors,
    wide: root.scrollWidth, broken: images.filter(i => !i.naturalWidth).map(i => i.src),
    flat: [...doc.querySelectorAll("math")].filter(
      m => m.getClientRects().length && m.getBoundingClientRect().height < 5).length,
    contrast: (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05),
    dark: paper < ink, heading: (doc.querySelector("h1") || {}).innerText || ""};
}
(async () => {
  for (const job of jobs) {
    try { results.push(await look(job)); }
    catch (error) { results.push({...job, failed: String(error)}); }
  }
  await fetch("/__results", {method: "POST", body: JSON.stringify(results)});
})();
</script>"""


class Server(ThreadingHTTPServer):
    """Serves the site, with a watch on errors in each page, and takes the results."""

    daemon_threads = True

    def __init__(self, site):
        self.site, self.results, self.done = site, None, threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(SimpleHTTPRequestHandler):
    def __init__(self, request, address, server):
        super().__init__(request, address, server, directory=server.site)

    def log_message(self, *args):
        """Be quiet."""

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if self.path == "/__probe.html":
            self.send_html(PROBE)
        elif path.suffix == ".html" and path.is_file():
            text = path.read_text(encoding="utf-8")
            self.send_html(re.sub("<head>", f"<head>{WATCH}", text, count=1))
        else:
            super().do_GET()

    def send_html(self, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        self.server.results = json.loads(self.rfile.read(length))
        self.send_html("")
        self.server.done.set()


@pytest.fixture(scope="session")
def looks(site, tmp_path_factory):
    """What a browser found: a dict for every page, at two widths and in two modes."""
    views = [(1280, "light"), (390, "light"), (390, "dark")]
    jobs = [
        {"page": page, "width": width, "mode": mode}
        for width, mode in views
        for page in PAGES
    ]
    server = Server(site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/__probe.html"
    profile = tmp_path_factory.mktemp("browser")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    process = subprocess.Popen(
        [*command, f"--user-data-dir={profile}", "--window-size=1400,1000",
         f"{address}#{json.dumps(jobs, separators=(',', ':'))}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert server.done.wait(300), "the browser gave no answer"
    finally:
        process.terminate()
        process.wait(30)
        server.shutdown()
    assert len(server.results) == len(jobs)
    return server.results


@needs_sphinx
@needs_browser
def test_pages_show_without_errors(looks):
    for look in looks:
        assert "failed" not in look, look
        assert look["heading"], look
        assert look["errors"] == [] and look["broken"] == [], look
        assert look["flat"] == 0, f"equations without height: {look}"


@needs_sphinx
@needs_browser
def test_pages_are_no_wider_than_a_phone(looks):
    narrow = [look for look in looks if look["width"] == 390]
    assert {look["page"]: look["wide"] for look in narrow if look["wide"] > 390} == {}


@needs_sphinx
@needs_browser
def test_dark_mode_is_dark_and_readable(looks):
    for look in looks:
        assert look["theme"] == look["mode"], look
        assert look["dark"] == (look["mode"] == "dark"), look
        assert look["contrast"] > 7, look

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
from sklearn.neural_network import MLPClassifier, MLPRegressor

from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPRegressor

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SITE = DOCS / "_build" / "html"
NEEDED = "sphinx sphinx_gallery numpydoc pydata_sphinx_theme myst_parser latex2mathml"
BROWSERS = "chromium chromium-browser google-chrome chrome"
LISTING = "_modules/sklearn_scratchnn/network"
MATHS = ["learn/forward", "learn/cross_entropy", "learn/backpropagation"]

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
    with (SITE.parent / "lock").open("w") as lock:
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
        elif tag == "img" and attrs.get("src"):  # a film sets its own later
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
    assert "\\frac" not in shown
    assert "\\delta" not in shown
    assert not re.search(r"<mi>(log|tanh)</mi>(?!<mspace|<mo|<mn>2</mn></msup>)", text)


@needs_sphinx
def test_code_page_has_equations_beside_the_listings(site):
    """And the same tags in both; a listing may have a tag more than once."""
    text = (site / "learn" / "code.html").read_text(encoding="utf-8")
    parts = text.split('<div class="beside docutils">')[1:]
    tags = [re.findall(r'"equation-tag">(\w\d)<', part) for part in parts]
    assert [len(found) for found in tags] == [3, 3, 4]
    for part, found in zip(parts, tags):
        comments = " ".join(re.findall(r'<span class="c1">#(.*?)</span>', part))
        assert set(found) <= set(re.findall(r"\b[FLB]\d\b", comments))


@pytest.mark.skipif(not DOCS.is_dir(), reason="an sdist does not carry docs/")
def test_guide_names_every_page_in_its_table():
    page = (DOCS / "guide" / "index.rst").read_text(encoding="utf-8")
    pages = {path.stem for path in (DOCS / "guide").glob("*.rst")} - {"index"}
    assert pages == set(re.findall(r"- :doc:`(\w+)`", page))


# Modules whose texts are put together before they are given.
TEXTS_APART = {"estimator/convergence", "estimator/resuming", "estimator/scoring"}
FILLED = r"\{.*?\}"


def texts(module):
    """Yield the first words of each warning and error that a module gives.

    They are those of the first piece of three words or more that is not filled in.
    """
    source = (ROOT / "sklearn_scratchnn" / f"{module}.py").read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        value = None
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            gives = re.search("Error$|^warn_caller$", name)
            value = node.args[0] if gives else None
        elif module in TEXTS_APART and isinstance(node, ast.Assign | ast.Return):
            value = node.value
        pieces = value.values if isinstance(value, ast.JoinedStr) else [value]
        pieces = [p.value for p in pieces if isinstance(p, ast.Constant)]
        pieces = [q for p in pieces if isinstance(p, str) for q in re.split(FILLED, p)]
        long = [p for p in pieces if len(p.split()) > 2]
        if long:
            yield " ".join(long[0].split()[:4]).strip(" ,;:.")


def modules():
    """Return the modules that give a text."""
    package = ROOT / "sklearn_scratchnn"
    names = [path.relative_to(package) for path in sorted(package.rglob("*.py"))]
    names = [name.with_suffix("").as_posix() for name in names]
    return [name for name in names if any(texts(name))]


@pytest.mark.skipif(not DOCS.is_dir(), reason="an sdist does not carry docs/")
@pytest.mark.parametrize("module", modules())
def test_troubleshooting_knows_every_text(module):
    page = (DOCS / "guide" / "troubleshooting.rst").read_text(encoding="utf-8")
    page = " ".join(page.split())
    assert [text for text in texts(module) if text not in page] == []


def test_texts_are_found():
    """What the test above rests on."""
    for module, text in {
        "callbacks/checkpoint": "is not whole",
        "data/targets": "class_weight needs one label",
        "estimator/convergence": "The loss alternates between",
        "estimator/base": "partial_fit does not support",
        "estimator/parameter_checks": "has no use under",
        "estimator/persistence": "This model was saved",
        "estimator/resuming": "The checkpoint is of",
        "estimator/scoring": "takes no sample_weight: it",
    }.items():
        assert module in modules()
        assert any(found.startswith(text) for found in texts(module))


@pytest.mark.skipif(not DOCS.is_dir(), reason="an sdist does not carry docs/")
@pytest.mark.parametrize(
    ("name", "theirs", "ours"),
    [
        ("mlpclassifier", MLPClassifier, ScratchMLPClassifier),
        ("mlpregressor", MLPRegressor, ScratchMLPRegressor),
    ],
)
def test_every_changed_parameter_is_told(name, theirs, ours):
    """On the page for those who come from scikit-learn's."""
    page = (DOCS / "guide" / f"coming_from_{name}.rst").read_text(encoding="utf-8")
    theirs, ours = theirs().get_params(), ours().get_params()
    changed = [name for name in ours if theirs.get(name, ...) != ours[name]]
    assert len(changed) > 15
    assert [name for name in changed if f"``{name}``" not in page] == []


# In a browser -------------------------------------------------------------------------

WATCH = """<script>window.__errors = [];
addEventListener("error", e => __errors.push(String(e.message || e.target.src)), true);
console.error = (...words) => __errors.push(words.join(" "));</script>"""

PROBE = """<!doctype html><title>probe</title><iframe id=f style="border:0"></iframe>
<script>
const frame = document.getElementById("f"), results = [];

// [red, green, blue, opacity] of a colour, as the browser computes it.
const parts = text => [...text.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);

// What shows where `top` lies over `below`.
const over = (top, below) =>
  [0, 1, 2].map(i => top[3] * top[i] + (1 - top[3]) * below[i]).concat(1);

const luminance = colour => colour.slice(0, 3).map(c => c / 255)
  .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);

function paper(element, win) {
  const layers = [];
  for (let e = element; e; e = e.parentElement)
    layers.unshift(parts(win.getComputedStyle(e).backgroundColor));
  return layers.reduce((below, top) => over(top, below), [255, 255, 255, 1]);
}

// The text of the page that can be read worst: [contrast, what it says].
function worst(doc, win) {
  let found = [21, ""];
  const known = new Map();
  for (const element of doc.querySelectorAll("main *, header *")) {
    const text = [...element.childNodes].find(n => n.nodeType == 3 && n.data.trim());
    if (!text || !element.checkVisibility({visibilityProperty: true})) continue;
    const ink = parts(win.getComputedStyle(element).color);
    const parent = element.parentElement;
    if (!known.has(parent)) known.set(parent, paper(parent, win));
    const own = parts(win.getComputedStyle(element).backgroundColor);
    const ground = over(own, known.get(parent));
    const [a, b] = [luminance(over(ink, ground)), luminance(ground)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < found[0]) found = [contrast, text.data.trim()];
  }
  return found;
}

async function look({page, width, mode}) {
  localStorage.setItem("mode", mode); localStorage.setItem("theme", mode);
  frame.width = width; frame.height = 900;
  await new Promise(done => { frame.onload = done; frame.src = "/" + page + ".html"; });
  const win = frame.contentWindow, doc = win.document, root = doc.documentElement;
  const images = [...doc.images].filter(i => i.getAttribute("src"));
  images.forEach(i => { i.loading = "eager"; });
  await Promise.all(images.map(i => i.decode().catch(() => 0)));
  const holders = doc.querySelectorAll(
    "html, .bd-article-container, .prev-next-area a, .bd-header .navbar-brand, " +
    ".bd-sidebar-secondary" + (width > 1000 ? ", .bd-article pre" : ""));
  const ground = luminance(paper(doc.querySelector("main"), win));
  return {page, width, mode, theme: root.dataset.theme, errors: win.__errors,
    wide: [...holders].filter(e => e.scrollWidth > e.clientWidth + 1)
      .map(e => e.className || e.tagName),
    broken: images.filter(i => !i.naturalWidth).map(i => i.src),
    flat: [...doc.querySelectorAll("math")].filter(
      m => m.getClientRects().length && m.getBoundingClientRect().height < 5).length,
    worst: worst(doc, win), dark: ground < 0.2,
    heading: (doc.querySelector("h1") || {}).innerText || ""};
}
(async () => {
  for (const job of await (await fetch("/__jobs")).json()) {
    try { results.push(await look(job)); }
    catch (error) { results.push({...job, failed: String(error)}); }
  }
  await fetch("/__results", {method: "POST", body: JSON.stringify(results)});
})();
</script>"""


class Server(ThreadingHTTPServer):
    """Serves the site, with a watch on errors in each page, and takes the results."""

    daemon_threads = True

    def __init__(self, site, jobs):
        self.site, self.jobs = site, jobs
        self.results, self.done = None, threading.Event()
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
        elif self.path == "/__jobs":
            self.send_html(json.dumps(self.server.jobs))
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
    """What a browser found: a dict for every page on a desk and on a phone.

    The source listings are all alike: one stands for them.
    """
    pages = [
        path.relative_to(site).with_suffix("").as_posix() for path in pages_of(site)
    ]
    pages = [p for p in pages if p == LISTING or not p.startswith("_modules/")]
    jobs = [
        {"page": page, "width": width, "mode": mode}
        for width, mode in [(1280, "light"), (390, "dark")]
        for page in pages
    ]
    server = Server(site, jobs)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/__probe.html"
    profile = tmp_path_factory.mktemp("browser")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    process = subprocess.Popen(
        [*command, f"--user-data-dir={profile}", "--window-size=1400,1000", address],
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
    assert len(looks) > 150
    for look in looks:
        assert "failed" not in look, look
        assert look["heading"], look
        assert look["errors"] == [], look
        assert look["broken"] == [], look
        assert look["flat"] == 0, f"equations without height: {look}"


@needs_sphinx
@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_its_place(looks, width):
    """The page, its text, the links to the next page, the name beside the search.

    On a desk the lines of code, too; on a phone they scroll.
    """
    wide = {look["page"]: look["wide"] for look in looks if look["width"] == width}
    assert {page: holders for page, holders in wide.items() if holders} == {}


@needs_sphinx
@needs_browser
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_all_text_can_be_read(looks, mode):
    """A contrast of 4.5 at least, which WCAG 2.1 asks of text (1.4.3, level AA)."""
    of_mode = [look for look in looks if look["mode"] == mode]
    for look in of_mode:
        assert look["theme"] == mode, look
        assert look["dark"] == (mode == "dark"), look
    faint = {look["page"]: look["worst"] for look in of_mode}
    assert {page: found for page, found in faint.items() if found[0] < 4.5} == {}

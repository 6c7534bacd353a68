"""``blindsr serve`` as a person uses it: a process, and headless Chromium where there is one."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.helpers.upscale_command import picture

from blindsr.imaging.files import read_rgb, write_png

pytest.importorskip("gradio", exc_type=ImportError)
playwright = pytest.importorskip("playwright.sync_api", exc_type=ImportError)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
PATIENCE = 300_000  # milliseconds; machines are slow at times

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt install chromium)"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the server keeps what it makes."""
    return tmp_path_factory.mktemp("serve")


@pytest.fixture(scope="module")
def server(folder):
    """The process and its address; Ctrl-C ends it."""
    code = "from blindsr.cli.app import run; run()"
    command = [sys.executable, "-c", code, "serve", "--port", "0", "--device", "cpu"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**os.environ, "TMPDIR": str(folder)}
    process = subprocess.Popen(command, text=True, env=environment, **pipes)
    try:
        process.stdout.readline()  # the model
        yield process, re.search(r"http://[\d.]+:\d+", process.stdout.readline())[0]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        program = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield program
        program.close()


@pytest.fixture
def page(browser, server):
    """A page of phone width; no foreign host, no error of any kind, nothing wider than it."""
    page = browser.new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    page.set_default_timeout(PATIENCE)
    complaints, hosts = [], set()
    page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda got: got.status >= 400 and complaints.append(got.url))
    page.on("request", lambda sent: hosts.add(re.sub(r"^(\w+:)(//[^/]*)?.*", r"\1\2", sent.url)))
    page.goto(server[1])
    page.wait_for_selector("input[type=file]", state="attached")
    yield page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []
    assert hosts <= {server[1], "data:", "blob:"}
    page.close()


def drop(page, path):
    """Give the page a photograph and wait for what is said of it."""
    page.set_input_files("input[type=file]", path)


def test_a_photograph_is_dropped_compared_and_downloaded(page, tmp_path):
    write_png(tmp_path / "dog.png", picture(48, 40))
    drop(page, tmp_path / "dog.png")
    page.wait_for_selector(".facts >> text=40x48 -> 160x192, 8 bit RGB")
    result = page.get_by_test_id("imageslider-image").last
    before = result.evaluate("image => getComputedStyle(image).clipPath")
    handle = page.get_by_test_id("slider").locator(".icon-wrap")
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(80, box["y"], steps=5)
    page.mouse.up()
    shares = [
        float(re.search(r"([\d.]+)%\)", clip)[1])
        for clip in (before, result.evaluate("image => getComputedStyle(image).clipPath"))
    ]
    assert shares[0] == 50
    assert 0 < shares[1] < 30
    assert page.locator("img[src$='blur.png']").evaluate("image => image.naturalWidth") > 600
    with page.expect_download() as download:
        page.get_by_text("Download the result").click()
    assert download.value.suggested_filename == "dog_x4.png"
    download.value.save_as(tmp_path / "large.png")
    assert read_rgb(tmp_path / "large.png").shape == (192, 160, 3)


def test_strength_0_is_the_enlargement_and_again_shows_the_new_result(page, tmp_path):
    write_png(tmp_path / "dog.png", picture(24, 20))
    drop(page, tmp_path / "dog.png")
    page.wait_for_selector(".facts >> text=20x24 -> 80x96")
    image = page.get_by_test_id("imageslider-image").last
    first = image.get_attribute("src")
    page.get_by_label("number input for Strength").fill("0")
    page.get_by_label("number input for Strength").press("Enter")
    page.get_by_role("button", name="Restore", exact=True).click()
    page.wait_for_function(
        "old => [...document.querySelectorAll('img[src$=\"after.png\"]')].some(i => i.src != old)",
        arg=image.evaluate("image => image.src") if first else "",
    )
    sides = [read_rgb(shown_file(page, name)) for name in ("before.png", "after.png")]
    np.testing.assert_allclose(*sides, atol=1 / 255)


def shown_file(page, name):
    """The file that an image of the page shows; it lies on this computer."""
    address = page.locator(f"img[src$='{name}']").get_attribute("src")
    return address.split("file=")[1]


def test_a_bad_file_is_one_line_on_the_page(page, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    drop(page, tmp_path / "bad.png")
    page.wait_for_selector("text=bad.png: not an image, expected PNG")


def test_requests_under_a_foreign_name_are_refused(browser, server):
    page = browser.new_page()
    answer = page.request.get(server[1], headers={"Host": "evil.example"})
    assert answer.status == 400
    assert "default-src 'self'" in page.request.get(server[1]).headers["content-security-policy"]
    page.close()


def test_nothing_but_loopback_listens_and_ctrl_c_ends_it_quietly(server, folder):
    process, url = server
    hosts = set()
    for table in ("tcp", "tcp6"):
        inodes = {
            str(link.readlink())[len("socket:[") : -1]
            for link in Path(f"/proc/{process.pid}/fd").iterdir()
            if str(link.readlink()).startswith("socket:")
        }
        for line in Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:  # listens
                hosts.add(fields[1])
    port = int(url.rpartition(":")[2])
    assert hosts == {f"0100007F:{port:04X}"}
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (130, "", "blindsr: stopped\n")
    assert list(folder.iterdir()) == []

"""The report in a real browser: Debian's chromium, driven over its own debugging pipe."""

from __future__ import annotations

from collections.abc import Iterator
from math import pi
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import soundfile

from tests.report import calls
from tests.report.chromium import BINARY, Chromium
from voicetrainer.report import View, page

pytestmark = pytest.mark.skipif(BINARY is None, reason="no chromium on this machine (apt-get install chromium)")

CONTRAST = """(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const poor = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement, style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    if (!walk.currentNode.data.trim() || element.closest("svg, script, style, .hidden, .skip, [hidden], :disabled")
      || !element.checkVisibility() || box.width < 2 || style.clipPath !== "none") continue;
    const grounds = [];
    for (let up = element; up; up = up.parentElement) grounds.unshift(getComputedStyle(up).backgroundColor);
    const ground = paint(grounds), ink = paint([...grounds, style.color]);
    const [a, b] = [light(ground), light(ink)].sort((x, y) => y - x);
    seen += 1;
    if ((a + 0.05) / (b + 0.05) < 4.5) {
      const ratio = ((a + 0.05) / (b + 0.05)).toFixed(2);
      poor.push(`${ratio} ${element.className || element.tagName}: ${walk.currentNode.data.trim().slice(0, 30)}`);
    }
  }
  return { seen, poor: [...new Set(poor)] };
})()"""
"""Texts whose contrast against what lies behind them is under 4.5 to 1 (WCAG 2.2, 1.4.3), and how many were seen."""


class Show(Protocol):
    """Opens a report in the browser."""

    def __call__(self, view: View, *, recording: bool = True, width: int = 1280) -> Chromium: ...


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile")) as chromium:
        yield chromium


@pytest.fixture
def show(browser: Chromium, tmp_path: Path) -> Iterator[Show]:
    """Write a report into a session folder, with the recording it wants, and open it from there."""

    def open_it(view: View, *, recording: bool = True, width: int = 1280) -> Chromium:
        (tmp_path / "report.html").write_text(page(view), encoding="utf-8")
        if recording and view.session.audio:
            t = np.arange(int(view.session.duration * 16_000)) / 16_000
            both = 0.1 * np.stack([np.sin(2 * pi * 220 * t), np.sin(2 * pi * 330 * t)], axis=1)
            soundfile.write(tmp_path / "call.flac", both, 16_000)
        browser.size(width, phone=width < 500)
        browser.media(prefers_color_scheme="light", prefers_reduced_motion="reduce")
        browser.open((tmp_path / "report.html").as_uri())
        if recording and view.session.audio:
            browser.wait("audio.readyState > 0")
        return browser

    yield open_it
    browser.call("Page.navigate", url="about:blank")


def rest(chromium: Chromium) -> float:
    """Pause and tell where the recording stands, seconds."""
    return float(chromium.eval("(audio.pause(), audio.currentTime)"))


@pytest.mark.parametrize("name", ["won", "lost", "typed", "interrupted", "empty"])
def test_no_call_makes_the_page_complain(show: Show, name: str) -> None:
    chromium = show(getattr(calls, name)())
    assert chromium.problems == []
    assert chromium.eval("document.documentElement.className") == "js"


def test_choosing_a_turn_plays_the_call_from_there(show: Show) -> None:
    chromium = show(calls.won())
    start = chromium.eval("Number(document.querySelector('#turn-3').dataset.start)")
    chromium.eval("document.querySelector('#turn-3 [data-seek]').click()")
    chromium.wait(f"!audio.paused && audio.currentTime > {start}")
    assert start <= rest(chromium) < start + 3
    assert chromium.eval("document.querySelector('[aria-current]').id") == "turn-3"
    # The turn as a whole does the same, by mouse.
    chromium.eval("document.querySelector('#turn-5 .words').scrollIntoView({block: 'center'})")
    x, y, start = chromium.eval(
        "(() => { const b = document.querySelector('#turn-5 .words').getBoundingClientRect();"
        " return [b.left + 5, b.top + b.height / 2, Number(document.querySelector('#turn-5').dataset.start)]; })()"
    )
    chromium.click(x, y)
    chromium.wait(f"audio.currentTime >= {start}")
    assert start <= rest(chromium) < start + 3
    assert chromium.problems == []


def test_the_playhead_follows_and_the_drawings_can_be_clicked(show: Show) -> None:
    view = calls.won()
    chromium = show(view)
    chromium.eval("document.querySelector('.lane.curve .plot').scrollIntoView({block: 'center'})")
    x, y, width = chromium.eval(
        "(() => { const b = document.querySelector('.lane.curve .plot').getBoundingClientRect();"
        " return [b.left, b.top + b.height / 2, b.width]; })()"
    )
    chromium.click(x + width / 2, y)
    chromium.wait("!audio.paused")
    half = view.session.duration / 2
    assert half - 0.5 <= rest(chromium) < half + 3
    head = "document.querySelector('.playhead').getBoundingClientRect().left"
    chromium.wait(f"Math.abs({head} - {x} - {width} * audio.currentTime / {view.session.duration}) < 2")
    assert chromium.problems == []


def test_the_call_can_be_heard_and_wound_by_keyboard(show: Show) -> None:
    chromium = show(calls.won())
    chromium.eval("document.querySelector('#scrub').focus()")
    for _ in range(3):
        chromium.press("ArrowRight", 39)
    assert chromium.eval("audio.currentTime") == 3
    assert chromium.eval("document.querySelector('#scrub').getAttribute('aria-valuetext')") == "0:03"
    chromium.press("End", 35)
    assert chromium.eval("audio.currentTime") == pytest.approx(calls.won().session.duration, abs=0.1)
    chromium.press("Home", 36)
    assert chromium.eval("audio.currentTime") == 0
    chromium.press("Enter", 13)
    chromium.wait("!audio.paused && audio.currentTime > 0")
    assert chromium.eval("document.querySelector('#play').getAttribute('aria-label')") == "Pause"
    rest(chromium)


def test_reasons_show_on_focus_and_go_on_escape(show: Show) -> None:
    chromium = show(calls.lost())
    for where, words in [
        (".chip.mistake", "You spoke over the customer."),
        (".change", "anger 7.0 → 9.1. Was cut off"),
    ]:
        chromium.eval(f"document.querySelector('{where}').focus()")  # scrolls the page to it
        chromium.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert not chromium.eval("document.querySelector('#tip').hidden")
        assert words in chromium.eval("document.querySelector('#tip').textContent")
        chromium.press("Escape", 27)
        assert chromium.eval("document.querySelector('#tip').hidden")


def test_every_lane_is_drawn_inside_its_plot(show: Show) -> None:
    chromium = show(calls.won())
    lanes = chromium.eval(
        "[...document.querySelectorAll('.lane:not(.hours)')].map((lane) => {"
        " const plot = lane.querySelector('.plot').getBoundingClientRect();"
        " const shapes = [...lane.querySelectorAll('.plot rect, .plot path')].filter((s) => !s.closest('defs'));"
        " const boxes = shapes.map((s) => s.getBoundingClientRect());"
        " return [lane.querySelector('h3').textContent, boxes.length,"
        "  boxes.every((b) => b.left > plot.left - 3 && b.right < plot.right + 3"
        "   && b.top > plot.top - 3 && b.bottom < plot.bottom + 3)]; })"
    )
    assert [name for name, _, _ in lanes] == ["Voices", "Anger", "Pitch", "Loudness", "Pace", "Steadiness"]
    assert all(count > 0 and inside for _, count, inside in lanes)


def test_the_drawings_widen_and_scroll_in_their_own_frame(show: Show) -> None:
    chromium = show(calls.won())
    plot = "document.querySelector('.lane.curve .plot').getBoundingClientRect().width"
    before = chromium.eval(plot)
    chromium.eval("document.querySelector('#closer').click()")
    assert chromium.eval(plot) == pytest.approx(2 * before, abs=2)
    assert chromium.eval("document.documentElement.scrollWidth <= innerWidth")
    chromium.eval("document.querySelector('#farther').click()")
    assert chromium.eval(plot) == pytest.approx(before, abs=1)


@pytest.mark.parametrize("width", [390, 360])
@pytest.mark.parametrize("name", ["won", "lost", "typed", "interrupted"])
def test_a_phone_needs_no_sideways_scrolling(show: Show, name: str, width: int) -> None:
    chromium = show(getattr(calls, name)(), width=width)
    assert chromium.eval("[innerWidth, document.documentElement.scrollWidth]") == [width, width]
    outside = chromium.eval(
        "[...document.querySelectorAll('main *, footer *')].filter((e) => !e.closest('.scroll, .hidden, thead, svg')"
        " && e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1)"
        ".map((e) => e.outerHTML.slice(0, 80))"
    )
    assert outside == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["won", "lost", "interrupted"])
def test_words_stand_out_from_their_ground(show: Show, name: str, scheme: str) -> None:
    chromium = show(getattr(calls, name)())
    chromium.media(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    found = chromium.eval(CONTRAST)
    assert found["seen"] > 60
    assert found["poor"] == []


def test_the_theme_can_be_switched(show: Show) -> None:
    chromium = show(calls.won())
    ground = "getComputedStyle(document.body).backgroundColor"
    light = chromium.eval(ground)
    chromium.eval("document.querySelector('#theme').click()")
    dark = chromium.eval(ground)
    assert dark != light
    assert chromium.eval("document.querySelector('#theme').textContent.trim()") == "Light"
    chromium.media(prefers_color_scheme="dark", prefers_reduced_motion="reduce")
    assert chromium.eval(ground) == dark
    chromium.eval("document.querySelector('#theme').click()")
    assert chromium.eval(ground) == light


def test_without_its_recording_the_page_says_so_and_still_reads(show: Show) -> None:
    chromium = show(calls.won(), recording=False)
    chromium.wait("!document.querySelector('#lost').hidden")
    assert chromium.eval("document.querySelector('#play').disabled")
    assert "is not beside this page" in chromium.eval("document.querySelector('#lost').textContent")


def test_paper_opens_what_was_folded_and_leaves_the_player_out(show: Show) -> None:
    chromium = show(calls.won())
    chromium.eval("addEventListener('beforeprint', () => { window.folded = document.querySelectorAll("
                  "'details:not([open])').length; })")  # fmt: skip
    assert chromium.paper().startswith(b"%PDF")
    assert chromium.eval("window.folded") == 0
    assert chromium.eval("document.querySelectorAll('details[open]').length") == 0, "and folds it again"
    chromium.call("Emulation.setEmulatedMedia", media="print")
    assert not chromium.eval("document.querySelector('.player').checkVisibility()")
    assert chromium.eval("document.querySelector('.lines').checkVisibility()"), "room to write by hand"
    assert chromium.eval("document.querySelector('.chip .why').getBoundingClientRect().width > 20")
    chromium.call("Emulation.setEmulatedMedia", media="")


def test_markup_in_a_session_never_runs(show: Show) -> None:
    attack = '"><img src=x onerror="window.ran=1"></script><script>window.ran=1</script>'
    chromium = show(calls.hostile(attack), recording=False)
    assert chromium.eval("window.ran === undefined && document.images.length === 0")
    assert chromium.eval("document.scripts.length") == 1
    # Even markup that slipped through would not run: the page's policy forbids it.
    chromium.eval("document.body.insertAdjacentHTML('beforeend', '<img src=x: onerror=\"window.ran=1\">')")
    chromium.wait("document.images[0].complete")
    assert chromium.eval("window.ran === undefined")

// The report's behaviour: hear the call from any moment, show where it is, explain on hover, focus and tap.
// Nothing is stored and nothing is fetched. Without this script the page still reads, and links open the recording.
(() => {
  "use strict";
  const $ = (selector) => document.querySelector(selector);
  const $$ = (selector) => [...document.querySelectorAll(selector)];
  const root = document.documentElement;
  const duration = Number(document.body.dataset.duration);
  let length = duration; // of the recording, which may go on a little after the last event
  const audio = $("#audio");
  const sheet = $("#sheet");
  const scrub = $("#scrub");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const turns = $$("#turns > .turn").map((element) => ({
    element,
    start: Number(element.dataset.start),
    end: Number(element.dataset.end),
  }));
  root.classList.add("js");

  const clock = (t) => {
    const s = Math.max(0, Math.floor(t)), two = (n) => String(n).padStart(2, "0");
    return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}`
      : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  };
  const turnAt = (t) => turns.filter((turn) => turn.start <= t + 0.05).at(-1);
  const reveal = (element) => element.scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });

  // ------------------------------------------------------------------------------------------------- the recording
  let current;
  const show = () => {
    const t = audio.currentTime;
    $("#now").textContent = clock(t);
    $("#seek").value = t;
    $("#seek").setAttribute("aria-valuetext", clock(t));
    if (scrub) {
      sheet.style.setProperty("--at", duration > 0 ? Math.min(1, t / duration) : 0);
      scrub.setAttribute("aria-valuenow", Math.floor(t));
      scrub.setAttribute("aria-valuetext", clock(t));
      const scroll = sheet.parentElement, x = scrub.offsetLeft + (scrub.offsetWidth * t) / duration;
      const left = scroll.scrollLeft + scrub.offsetLeft;
      if (!audio.paused && (x < left || x > scroll.scrollLeft + scroll.clientWidth)) {
        scroll.scrollLeft = x - scrub.offsetLeft - 40;
      }
    }
    const turn = t > 0 || !audio.paused ? turnAt(t) : undefined;
    if (turn === current) return;
    current?.element.removeAttribute("aria-current");
    turn?.element.setAttribute("aria-current", "true");
    current = turn;
    if (turn && !audio.paused && $("#follow").checked) reveal(turn.element);
  };
  const tick = () => {
    show();
    if (!audio.paused) requestAnimationFrame(tick);
  };
  const hear = (t, play = true) => {
    if (!audio) {
      const turn = turnAt(t);
      if (turn) reveal(turn.element);
      return;
    }
    audio.currentTime = Math.min(Math.max(0, t), length);
    if (play) audio.play().catch(() => {}); // told by the error event below
    show();
  };
  if (audio) {
    const play = $("#play"), use = play.querySelector("use");
    const state = () => {
      use.setAttribute("href", audio.paused ? "#i-play" : "#i-pause");
      play.setAttribute("aria-label", audio.paused ? "Play" : "Pause");
      tick();
    };
    audio.controls = false;
    const measure = () => {
      length = Number.isFinite(audio.duration) ? Math.max(duration, audio.duration) : duration;
      $("#seek").max = length;
    };
    audio.addEventListener("loadedmetadata", measure);
    if (audio.readyState > 0) measure();
    for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, state);
    for (const name of ["seeked", "timeupdate"]) audio.addEventListener(name, show);
    const lost = () => {
      $("#lost").hidden = false;
      $("#channels").hidden = true;
      for (const control of $$(".player button, .player input, .player select")) control.disabled = true;
    };
    audio.addEventListener("error", lost);
    if (audio.error) lost();
    play.addEventListener("click", () => (audio.paused ? audio.play().catch(() => {}) : audio.pause()));
    $("#back").addEventListener("click", () => hear(audio.currentTime - 5, false));
    $("#forward").addEventListener("click", () => hear(audio.currentTime + 5, false));
    $("#seek").addEventListener("input", (e) => hear(Number(e.target.value), false));
    $("#speed").addEventListener("change", (e) => (audio.playbackRate = Number(e.target.value)));
  }

  document.addEventListener("click", (e) => {
    const link = e.target.closest("[data-seek]");
    if (link) {
      e.preventDefault();
      hear(Number(link.dataset.seek));
      return;
    }
    // A turn may be chosen as a whole, unless something in it was meant or its words are being selected.
    const turn = e.target.closest(".turn");
    if (audio && turn && !e.target.closest("a, button") && getSelection().isCollapsed) hear(Number(turn.dataset.start));
  });

  // ------------------------------------------------------------------------------------------------- the drawings
  if (scrub) {
    const when = (e) => {
      const box = scrub.getBoundingClientRect();
      return (Math.min(Math.max(0, e.clientX - box.left), box.width) / box.width) * duration;
    };
    scrub.addEventListener("click", (e) => hear(when(e)));
    scrub.addEventListener("keydown", (e) => {
      if (!audio) return;
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[e.key];
      if (step) hear(audio.currentTime + step, false);
      else if (e.key === "Home" || e.key === "End") hear(e.key === "Home" ? 0 : duration, false);
      else if (e.key === "Enter" || e.key === " ") $("#play").click();
      else return;
      e.preventDefault();
    });
    scrub.addEventListener("pointermove", (e) => {
      if (e.pointerType === "touch") return;
      const t = when(e), turn = turnAt(t);
      $("#hair").style.left = `${(100 * t) / duration}%`;
      const who = turn && t <= turn.end ? turn.element : undefined;
      const words = who?.querySelector(".words").innerText.replace(/\s+/g, " ") ?? "";
      const name = who?.querySelector(".who").firstChild.textContent.trim();
      const short = words.length > 90 ? `${words.slice(0, 88)}…` : words;
      tell(name ? `${clock(t)}  ${name}: ${short}` : clock(t), e.clientX, scrub.getBoundingClientRect());
    });
    scrub.addEventListener("pointerleave", () => hush());

    let zoom = 1;
    const widen = (by) => {
      zoom = Math.min(16, Math.max(1, zoom * by));
      sheet.style.setProperty("--zoom", zoom);
      $("#farther").disabled = zoom === 1;
      $("#closer").disabled = zoom === 16;
      if (audio) show();
    };
    $("#closer").addEventListener("click", () => widen(2));
    $("#farther").addEventListener("click", () => widen(0.5));
  }

  // --------------------------------------------------------------------------------------------------- the reasons
  const tip = $("#tip");
  let hiding, shown; // what is explained now
  const tell = (text, x, box) => {
    clearTimeout(hiding);
    tip.textContent = text;
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect(), room = root.clientWidth;
    tip.style.left = `${Math.max(8, Math.min(x - width / 2, room - width - 8))}px`;
    tip.style.top = `${box.top > height + 12 ? box.top - height - 8 : box.bottom + 8}px`;
  };
  const hush = () => {
    tip.hidden = true;
    shown = undefined;
  };
  const explain = (e) => {
    const mark = e.target.closest?.("[data-tip]");
    if (!mark) return;
    const box = mark.getBoundingClientRect();
    tell(mark.dataset.tip, box.left + box.width / 2, box);
    shown = mark;
  };
  // The pointer may travel to the explanation before it goes.
  const leave = (e) => {
    if (e.target.closest?.("[data-tip], #tip")) hiding = setTimeout(hush, 150);
  };
  document.addEventListener("pointerover", explain);
  document.addEventListener("focusin", explain);
  document.addEventListener("pointerout", leave);
  document.addEventListener("focusout", leave);
  tip.addEventListener("pointerover", () => clearTimeout(hiding));
  // Scrolling takes an explanation away, but not from where the keyboard is: to go there may have scrolled the page.
  const moved = () => (shown && shown === document.activeElement ? explain({ target: shown }) : hush());
  addEventListener("scroll", moved, { passive: true, capture: true });
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") hush();
  });
  document.addEventListener("click", (e) => {
    const mark = e.target.closest("[data-tip]");
    if (!mark) return;
    if (mark.dataset.to) {
      e.preventDefault();
      hear(Number(mark.dataset.to));
    }
    explain(e);
  });

  // ------------------------------------------------------------------------------------------------ light and paper
  const theme = $("#theme"), night = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : night.matches);
  const offer = () => {
    theme.lastElementChild.textContent = dark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", dark() ? "Switch to light" : "Switch to dark");
  };
  theme.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    offer();
  });
  night.addEventListener("change", offer);
  offer();
  $("#print").addEventListener("click", () => print());
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = $$("details:not([open])");
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of opened) part.open = false;
  });
  document.addEventListener("input", (e) => {
    if (!e.target.matches("textarea")) return;
    e.target.style.height = "auto";
    e.target.style.height = `${e.target.scrollHeight + 2}px`;
  });
})();

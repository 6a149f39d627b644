"use strict";
(() => {
  const sections = [...document.querySelectorAll("section[data-label]")];
  const slider = document.getElementById("slider");
  const now = document.getElementById("now");
  const told = document.getElementById("told");
  const play = document.getElementById("play");
  const links = [...document.querySelectorAll("nav a")];
  const findings = [...document.querySelectorAll(".findings li")];
  const idle = told.textContent;
  let place = sections.length - 1;
  let timer = 0;

  const unmark = () => document.querySelectorAll(".mark").forEach((each) => each.classList.remove("mark"));

  function show(number, from) {
    if (!sections.length) return;
    place = Math.max(0, Math.min(sections.length - 1, number));
    sections.forEach((section, n) => { section.hidden = n !== place; });
    links.forEach((link, n) => {
      if (n === place) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
    });
    const label = sections[place].dataset.label;
    slider.value = String(place);
    slider.setAttribute("aria-valuetext", label);
    now.textContent = label;
    findings.forEach((each) => each.classList.toggle("here", Number(each.dataset.place) === place));
    told.textContent = idle;
    unmark();
    if (from !== "hash") history.replaceState(null, "", "#" + encodeURIComponent(label));
  }

  function fromHash() {
    // A bare % in a label that somebody typed is no escape.
    let wanted = location.hash.slice(1).replace(/%(?![0-9a-fA-F]{2})/g, "%25");
    try { wanted = decodeURIComponent(wanted); } catch { /* a hash that is no text is looked for as it is */ }
    const found = sections.findIndex((section) => section.dataset.label === wanted);
    show(found < 0 ? (wanted ? place : sections.length - 1) : found, "hash");
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }

  function start() {
    if (place === sections.length - 1) show(0);
    play.textContent = "Stop";
    timer = setInterval(() => {
      if (place < sections.length - 1) show(place + 1);
      else stop();
    }, 1500);
  }

  // The first cell of a row names it; the others have the name from the one before.
  let row = "";
  document.querySelectorAll("rect[data-cell]").forEach((rect) => {
    row = rect.dataset.row = rect.dataset.row || row;
  });

  function markCells(item) {
    unmark();
    const marks = JSON.parse(item.dataset.marks);
    sections[Number(item.dataset.place)].querySelectorAll("rect[data-cell]").forEach((rect) => {
      const marked = marks.some(([row, cell]) => row === rect.dataset.row && cell === Number(rect.dataset.cell));
      if (marked) rect.classList.add("mark");
    });
  }

  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  document.getElementById("back").addEventListener("click", () => { stop(); show(place - 1); });
  document.getElementById("next").addEventListener("click", () => { stop(); show(place + 1); });
  play.addEventListener("click", () => { if (timer) stop(); else start(); });
  links.forEach((link, n) => link.addEventListener("click", (event) => { event.preventDefault(); stop(); show(n); }));
  findings.forEach((item) => {
    const go = item.querySelector("a");
    if (go) go.addEventListener("click", (event) => {
      event.preventDefault();
      stop();
      show(Number(item.dataset.place));
      markCells(item);
    });
  });
  document.addEventListener("keydown", (event) => {
    if (event.target === slider || event.altKey || event.ctrlKey || event.metaKey) return;
    const steps = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: sections.length - 1 };
    const box = event.target.closest("[data-scrolls]");
    const scrolls = box && box.scrollWidth > box.clientWidth;
    if (event.key in steps && !scrolls) {
      stop();
      show(steps[event.key]);
      event.preventDefault();
    }
  });
  const tell = (event) => {
    const rect = event.target.closest ? event.target.closest("rect[data-cell]") : null;
    if (rect) told.textContent = rect.querySelector("title").textContent;
  };
  document.addEventListener("pointerover", tell);
  document.addEventListener("click", tell);
  window.addEventListener("hashchange", fromHash);
  document.body.classList.add("live");
  fromHash();
})();

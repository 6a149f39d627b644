"use strict";
(() => {
  const root = document.getElementById("along");
  if (!root) return;
  const { parts, places, numbers, unit } = JSON.parse(root.dataset.along);
  const [from, until] = ["from", "until"].map((id) => document.getElementById(id));
  const span = document.getElementById("span");
  const moment = document.getElementById("moment");
  const slider = document.getElementById("slider");
  const STEPS = 1000, LEAST = 2, APART = 90;
  const SPACE = "http://www.w3.org/2000/svg";
  const idle = "Point at a bar to see what it is. Click to go to an instant; drag to move, Ctrl and wheel or + and - to zoom.";

  const make = (name, attributes) => {
    const made = document.createElementNS(SPACE, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const number = (element, name) => Number(element.getAttribute(name));
  const points = (element) => element.getAttribute("points").trim().split(/\s+/).map((each) => each.split(",").map(Number));

  // What runs along time goes into a picture of its own, which cuts off what is not in sight.
  const views = [...root.querySelectorAll(".timed")].map((figure) => {
    const [left, right, top, bottom] = figure.dataset.along.split(" ").map(Number);
    const outer = figure.querySelector("svg");
    const width = outer.viewBox.baseVal.width;
    const box = { x: left - 8, y: top, width: width - left + 8, height: bottom - top };
    const inner = make("svg", { ...box, viewBox: `${box.x} ${box.y} ${box.width} ${box.height}` });
    inner.append(make("rect", { ...box, fill: "none", "pointer-events": "all" }));
    const moving = [], ruler = [];
    let line = 0;
    for (const each of [...outer.querySelector("g").children]) {
      const ys = each.points ? points(each).map((at) => at[1]) : [number(each, "y")];
      const xs = each.points ? points(each).map((at) => at[0]) : [number(each, "x")];
      if (Math.min(...ys) < top || Math.min(...ys) > bottom || Math.min(...xs) < left - 8 && Math.max(...xs) <= left) continue;
      if (each.tagName === "text" && each.getAttribute("text-anchor") === "middle") {
        line = number(each, "y");
        ruler.push(each);
      }
      inner.append(each);
      moving.push({
        each, name: each.tagName, x: number(each, "x"), width: number(each, "width"),
        points: each.points ? points(each) : null,
        // Small words stand beside where their bar begins or ends.
        gap: number(each, "font-size") < 10 && !each.hasAttribute("text-anchor") ? 4 : 0,
      });
    }
    const cursor = make("line", { class: "cursor", y1: top, y2: bottom, visibility: "hidden" });
    const here = make("line", { class: "cursor", y1: top, y2: bottom, "stroke-dasharray": "2 3" });
    inner.append(here, cursor);
    outer.querySelector("g").append(inner);
    return { figure, outer, inner, left, right, moving, ruler, line, cursor, here, drawn: [] };
  });
  const length = views[0].right - views[0].left;
  let low = 0, high = length;

  const shown = (x) => (x - low) * length / (high - low);

  function draw(view) {
    const { left } = view, zoom = length / (high - low);
    const at = (x) => left + shown(x - left);
    for (const { each, name, x, width, gap, points: corners } of view.moving) {
      if (name === "rect") {
        if (width === number(each, "height")) {
          each.setAttribute("x", at(x + width / 2) - width / 2);
        } else {
          each.setAttribute("x", at(x));
          each.setAttribute("width", Math.max(width * zoom, LEAST));
        }
      } else if (name === "text") {
        each.setAttribute("x", at(x - gap) + gap);
      } else {
        const xs = corners.map((corner) => at(corner[0]));
        const thin = name === "polygon" && Math.max(...xs) - Math.min(...xs) < LEAST;
        const shift = (n) => thin && n >= corners.length / 2 ? LEAST : 0;
        each.setAttribute("points", corners.map(([, y], n) => `${xs[n] + shift(n)},${y}`).join(" "));
      }
    }
    drawRuler(view, zoom);
    stand(view, view.here, places[Number(slider.value)]);
  }

  function stand({ left }, line, x) {
    line.setAttribute("x1", left + shown(x));
    line.setAttribute("x2", left + shown(x));
  }

  function drawRuler(view, zoom) {
    view.drawn.forEach((each) => each.remove());
    view.drawn = [];
    const fits = numbers.filter(([step]) => step * zoom >= APART).pop();
    view.ruler.forEach((each) => each.setAttribute("visibility", fits ? "hidden" : "visible"));
    if (!fits || !view.ruler.length) return;
    for (const [x, text] of fits[1]) {
      if (x < low || x > high || (low > 0 && shown(x) < 20)) continue;
      const made = view.ruler[0].cloneNode(false);
      made.setAttribute("x", view.left + shown(x));
      made.setAttribute("visibility", "visible");
      made.textContent = text;
      view.inner.append(made);
      view.drawn.push(made);
    }
  }

  const UNITS = [[86400e9, "d"], [3600e9, "h"], [60e9, "m"], [1e9, "s"], [1e6, "ms"], [1e3, "us"], [1, "ns"]];
  function duration(ticks, least) {
    const [smallest] = UNITS.findLast(([size]) => size * 2 >= least) || UNITS[0];
    let left = Math.round(ticks / smallest) * smallest, told = "";
    for (const [size, unit] of UNITS) {
      const count = Math.floor(left / size);
      left -= count * size;
      if (count) told += count + unit;
    }
    return told || "0s";
  }
  function tickAt(x) {
    let place = 0;
    parts.forEach((part, n) => { if (part[2] <= x) place = n; });
    const [start, end, begins] = parts[place], next = parts[place + 1];
    const drawn = begins + unit * (end - start);
    if (x <= drawn) return Math.max(parts[0][0], start + (x - begins) / unit);
    return next ? end + (next[0] - end) * (x - drawn) / (next[2] - drawn) : end;
  }

  function show(a, b) {
    const least = length / 500;
    if (b - a < least) {
      const middle = (a + b) / 2;
      a = middle - least / 2;
      b = middle + least / 2;
    }
    if (a < 0) { b -= a; a = 0; }
    if (b > length) { a -= b - length; b = length; }
    low = Math.max(0, a);
    high = Math.min(length, b);
    from.value = String(Math.round(STEPS * low / length));
    until.value = String(Math.round(STEPS * high / length));
    const told = [low, high].map((x) => duration(tickAt(x), (high - low) / length / unit));
    [from, until].forEach((each, n) => each.setAttribute("aria-valuetext", told[n]));
    span.textContent = `${told[0]} to ${told[1]}`;
    views.forEach(draw);
  }
  const zoomAt = (x, factor) => show(x - (x - low) * factor, x + (high - x) * factor);

  function placeOf(view, event) {
    const matrix = view.outer.getScreenCTM();
    const x = (event.clientX - matrix.e) / matrix.a;
    return low + (x - view.left) * (high - low) / length;
  }
  function tell(view, event) {
    const x = placeOf(view, event);
    const title = event.target.closest ? event.target.closest("rect,polygon,text") : null;
    const words = title && title.querySelector("title") ? title.querySelector("title").textContent : "";
    const inside = x >= low && x <= high;
    views.forEach((each) => {
      each.cursor.setAttribute("visibility", inside ? "visible" : "hidden");
      stand(each, each.cursor, x);
    });
    const told = duration(tickAt(x), (high - low) / length / unit);
    moment.textContent = inside ? [told, words].filter(Boolean).join(": ") : idle;
  }
  function go(x) {
    let nearest = 0;
    places.forEach((place, n) => { if (Math.abs(place - x) < Math.abs(places[nearest] - x)) nearest = n; });
    slider.value = String(nearest);
    slider.dispatchEvent(new Event("input"));
  }

  views.forEach((view) => {
    let held = null, dragged = false;
    view.inner.addEventListener("pointermove", (event) => {
      if (held !== null && event.buttons) {
        const moved = held - placeOf(view, event);
        if (Math.abs(moved) > (high - low) / 200) dragged = true;
        if (dragged) show(low + moved, high + moved);
      } else tell(view, event);
    });
    view.inner.addEventListener("pointerdown", (event) => { held = placeOf(view, event); dragged = false; });
    view.inner.addEventListener("pointerleave", () => {
      held = null;
      views.forEach(({ cursor }) => cursor.setAttribute("visibility", "hidden"));
      moment.textContent = idle;
    });
    view.inner.addEventListener("click", (event) => { if (!dragged) go(placeOf(view, event)); held = null; });
    view.inner.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoomAt(placeOf(view, event), event.deltaY < 0 ? 0.8 : 1.25);
    }, { passive: false });
    view.figure.addEventListener("keydown", (event) => {
      const factor = { "+": 0.5, "=": 0.5, "-": 2 }[event.key];
      if (!factor || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      zoomAt(places[Number(slider.value)], factor);
    });
  });
  const handles = () => show(Math.min(Number(from.value), Number(until.value)) * length / STEPS, Math.max(Number(from.value), Number(until.value)) * length / STEPS);
  from.addEventListener("input", handles);
  until.addEventListener("input", handles);
  document.getElementById("whole").addEventListener("click", () => show(0, length));
  // The page tells which instant it shows by what its slider is called.
  new MutationObserver(() => views.forEach(draw)).observe(slider, { attributeFilter: ["aria-valuetext"] });
  moment.textContent = idle;
  show(0, length);
})();

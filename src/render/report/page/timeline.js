// What operations owned over time as areas on top of each other, the largest at the bottom, and the figures of one point.

const MOST_AREAS = 9;
const CHART = { height: 320, left: 66, right: 14, top: 10, bottom: 24 };

/** An element of a picture. */
function shape(tag, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

/** Microseconds in the unit that suits the `longest` time beside it. */
function asTime(micros, longest = micros) {
  const [unit, name] = longest < 1e6 ? [1e3, "ms"] : longest < 12e7 ? [1e6, "s"] : longest < 72e8 ? [6e7, "min"] : [36e8, "h"];
  const value = micros / unit;
  return `${Number(value.toFixed(value < 10 ? 2 : 1))} ${name}`;
}

/** Round numbers from nothing up to `most`, some five of them; `base` 2 rounds as units of bytes do. */
function ticks(most, base) {
  const rough = Math.max(most, 1) / 5;
  const scale = base ** Math.floor(Math.log(rough) / Math.log(base));
  const step = (base === 2 ? [1, 2] : [1, 2, 5, 10]).map((one) => one * scale).find((one) => one >= rough);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, at) => at * step);
}

/** Where a key leads from the place `at` of a slider, whose last one is `end`: nowhere if it means nothing there. */
function sliderKey(event, at, end) {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const to = {
    ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1,
    PageDown: at - 10, PageUp: at + 10, Home: 0, End: end,
  }[event.key];
  if (to === undefined) return undefined;
  event.preventDefault();
  return Math.min(end, Math.max(0, to));
}

class TimelineChart {
  constructor({ label, choose }) {
    Object.assign(this, { choose, query: "", at: 0 });
    this.host = element("div", "timeline");
    this.svg = shape("svg", { role: "slider", tabindex: 0, "aria-label": label, height: CHART.height });
    this.about = element("p", "about");
    this.legend = element("ul", "legend");
    this.host.append(this.about, this.svg, this.legend);
    this.svg.addEventListener("pointermove", (event) => this.near(event));
    this.svg.addEventListener("pointerdown", (event) => this.near(event));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => {
      if (this.width !== this.svg.clientWidth) this.paint();
    }).observe(this.host);
  }

  /** Shows `areas`, each with a name and its `live` at the points of `times`. */
  show(times, unsettled, areas) {
    const top = Array(times.length).fill(0);
    this.areas = areas.map((area) => {
      const low = [...top];
      // What is less than nothing, as it may be read while memory moves, has no height.
      area.live.forEach((live, at) => (top[at] += Math.max(0, live)));
      return { ...area, low, high: [...top] };
    });
    Object.assign(this, { times, unsettled: new Set(unsettled), most: Math.max(1, ...top) });
    this.totals = times.map((_, at) => areas.reduce((sum, area) => sum + area.live[at], 0));
    this.at = times.length - 1;
    this.paint();
  }

  search(query) {
    this.query = query.toLowerCase();
    this.paint();
    return this.query ? this.areas.filter((area) => this.isFound(area)).length : 0;
  }

  isFound(area) {
    return area.text.toLowerCase().includes(this.query);
  }

  x(at) {
    const end = this.times[this.times.length - 1] || 1;
    return CHART.left + ((this.width - CHART.left - CHART.right) * this.times[at]) / end;
  }

  y(bytes) {
    return CHART.height - CHART.bottom - ((CHART.height - CHART.bottom - CHART.top) * bytes) / this.most;
  }

  paint() {
    const width = this.svg.clientWidth;
    if (!this.areas || width === 0) return;
    this.width = width;
    const parts = [];
    for (const bytes of ticks(this.most, 2)) {
      const y = this.y(bytes);
      parts.push(shape("line", { class: "rule", x1: CHART.left, x2: width - CHART.right, y1: y, y2: y }));
      parts.push(shape("text", { class: "tick", x: CHART.left - 6, y: y + 4, "text-anchor": "end" }, asBytes(bytes)));
    }
    for (const area of this.areas) parts.push(this.area(area));
    const end = this.times[this.times.length - 1];
    for (const time of ticks(end, 10)) {
      const x = CHART.left + ((width - CHART.left - CHART.right) * time) / (end || 1);
      parts.push(shape("text", { class: "tick", x, y: CHART.height - 6, "text-anchor": "middle" }, asTime(time, end)));
    }
    this.line = shape("line", { class: "point", y1: CHART.top, y2: CHART.height - CHART.bottom });
    this.svg.replaceChildren(...parts, this.line);
    this.tell();
  }

  area({ kind, hue, low, high, text }) {
    const corner = (bytes, at) => `${this.x(at).toFixed(1)} ${this.y(bytes).toFixed(1)}`;
    const there = high.map(corner);
    const back = low.map(corner).reverse();
    const path = shape("path", { class: `area ${kind}`, d: `M${[...there, ...back].join("L")}Z` });
    if (hue !== undefined) path.style.setProperty("--hue", hue);
    if (this.query) path.classList.add(this.isFound({ text }) ? "found" : "other");
    path.append(shape("title", {}, text));
    return path;
  }

  /** The figures of the chosen point. */
  tell() {
    const { at, times, areas } = this;
    this.line.setAttribute("x1", this.x(at));
    this.line.setAttribute("x2", this.x(at));
    const moved = this.unsettled.has(at) ? ", about: memory moved while it was read" : "";
    const said = `after ${asTime(times[at])}: ${asBytes(this.totals[at])} live${moved}`;
    this.about.textContent = said;
    this.svg.setAttribute("aria-valuemin", 0);
    this.svg.setAttribute("aria-valuemax", times.length - 1);
    this.svg.setAttribute("aria-valuenow", at);
    this.svg.setAttribute("aria-valuetext", said);
    this.legend.replaceChildren(...areas.map((area) => this.entry(area)));
  }

  entry({ operation, kind, hue, text, live, knownFrom }) {
    const entry = element("li");
    const swatch = element("i", `area ${kind}`);
    if (hue !== undefined) swatch.style.setProperty("--hue", hue);
    const name = element(operation ? "button" : "span", "text", text);
    if (operation) name.type = "button";
    name.title = text;
    name.addEventListener("click", () => operation && this.choose(operation));
    const known = this.at >= (knownFrom ?? 0);
    const figure = element("span", "figures", known ? asBytes(live[this.at]) : "among the others");
    figure.title = exact(live[this.at]);
    entry.append(swatch, name, figure, element("span", "most", `at most ${asBytes(Math.max(...live))}`));
    return entry;
  }

  near(event) {
    const x = event.clientX - this.svg.getBoundingClientRect().left;
    let nearest = 0;
    this.times.forEach((_, at) => {
      if (Math.abs(this.x(at) - x) < Math.abs(this.x(nearest) - x)) nearest = at;
    });
    this.go(nearest);
  }

  go(at) {
    this.at = at;
    this.tell();
  }

  key(event) {
    const to = sliderKey(event, this.at, this.times.length - 1);
    if (to !== undefined) this.go(to);
  }
}

/** The areas of a timeline of the operations that are `wanted`: the largest, and the sum of all others on top. */
function areasOf(timeline, wanted, isWhole) {
  const told = timeline.operations.filter(({ path }) => wanted(path));
  const sum = (lists) => timeline.elapsed_us.map((_, at) => lists.reduce((sum, live) => sum + live[at], 0));
  const areas = told.slice(0, MOST_AREAS).map(({ path, live_bytes: live, known_from: knownFrom }, at) => ({
    path, text: printable(path), kind: "told", hue: (174 + 160 * at) % 360, live, knownFrom,
  }));
  const rest = told.slice(MOST_AREAS).map((one) => one.live_bytes);
  if (isWhole) rest.push(timeline.others);
  const others = sum(rest);
  if (others.some((live) => live !== 0)) areas.push({ text: "all others", kind: "none", live: others });
  return areas;
}

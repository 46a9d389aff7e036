// The curve of each leak test as a small picture: its windows, what lived after so many iterations, and the line of the
// slope.

const CURVE = { width: 360, height: 176, left: 62, right: 10, top: 8, bottom: 22 };
/** The least width of a window in which the number of its iterations has room. */
const ROOM_FOR_NUMBER = 34;
/** And in which the word has room, too. */
const ROOM_FOR_WORD = 120;

/** A figure with a fraction as the report's table has it: one that is not zero never reads as zero. */
function figure(number) {
  const near = Math.round(number);
  const size = Math.abs(number);
  if (Math.abs(number - near) <= 1e-6 * size || size >= 1000) return exact(near);
  const leading = Math.floor(Math.log10(size));
  return number.toFixed(Math.min(100, leading < 0 ? 1 - leading : 2));
}

function perIteration(slope) {
  if (slope === null) return "too few windows for a slope";
  const [bytes, blocks] = [slope.bytes / slope.iterations, slope.blocks / slope.iterations];
  const each = blocks === 0 ? "" : ` in ${figure(blocks)} block${blocks === 1 ? "" : "s"}`;
  return `${figure(bytes)} B${each} per iteration`;
}

/** Every reading of a curve with the number of iterations before it, and the windows by where they begin and end. */
function pointsOf({ start, windows }) {
  const point = ([at, live, blocks]) => ({ at, live, blocks });
  const points = [point(start)];
  const spans = windows.map(({ iterations, live_bytes, live_blocks, min_bytes: min, max_bytes: max, readings }) => {
    const from = points[points.length - 1].at;
    const to = from + iterations;
    const first = points.length;
    points.push(...readings.map(point), point([to, live_bytes, live_blocks]));
    return { from, to, iterations, min, max, points: points.slice(first) };
  });
  return { points, spans };
}

class CurveCard {
  constructor(test, { operation, earlier, choose }) {
    const { curve, outcome, path, site, verdict } = test;
    Object.assign(this, pointsOf(curve), { path, slope: curve.slope, text: printable(path) });
    this.low = Math.min(0, curve.start[1], ...this.spans.map(({ min }) => min));
    this.high = Math.max(this.low + 1, 0, curve.start[1], ...this.spans.map(({ max }) => max));
    this.at = this.points.length - 1;
    this.host = element("article", `curve ${outcome}`);
    const title = element("h2");
    const name = element(operation ? "button" : "span", "text", this.text);
    if (operation) {
      name.type = "button";
      name.addEventListener("click", () => choose(operation));
    }
    const words = { leak: "leaks", unstable: "no verdict", passed: "passed" };
    title.append(name, element("span", "outcome", words[outcome]));
    this.svg = shape("svg", { role: "slider", tabindex: 0, viewBox: `0 0 ${CURVE.width} ${CURVE.height}` });
    this.svg.setAttribute("aria-label", `reading of ${this.text}`);
    this.about = element("p", "about");
    const slope = element("p", "slope-figure", perIteration(this.slope));
    if (earlier) slope.append(element("span", "place", ` before: ${perIteration(earlier.curve.slope)}`));
    const place = site === null ? "" : `run at ${printable(site.file)}:${site.line}`;
    const sentence = element("p", "verdict", printable(verdict));
    this.host.append(title, slope, this.svg, this.about, sentence, element("p", "place", place));
    this.svg.addEventListener("pointermove", (event) => this.near(event));
    this.svg.addEventListener("pointerdown", (event) => this.near(event));
    this.svg.addEventListener("keydown", (event) => {
      const to = sliderKey(event, this.at, this.points.length - 1);
      if (to !== undefined) this.go(to);
    });
  }

  x(at) {
    const [first, last] = [this.points[0].at, this.points[this.points.length - 1].at];
    return CURVE.left + ((CURVE.width - CURVE.left - CURVE.right) * (at - first)) / (last - first || 1);
  }

  y(live) {
    const room = CURVE.height - CURVE.top - CURVE.bottom;
    return CURVE.top + (room * (this.high - live)) / (this.high - this.low);
  }

  paint() {
    const place = ({ at, live }) => `${this.x(at).toFixed(1)} ${this.y(live).toFixed(1)}`;
    const parts = this.spans.flatMap((span, at) => this.window(span, at));
    for (const live of new Set([this.low, ...ticks(this.high, 2)])) {
      const y = this.y(live);
      parts.push(shape("line", { class: "rule", x1: CURVE.left, x2: CURVE.width - CURVE.right, y1: y, y2: y }));
      parts.push(shape("text", { class: "tick", x: CURVE.left - 6, y: y + 4, "text-anchor": "end" }, asBytes(live)));
    }
    const line = this.line();
    if (line) parts.push(shape("path", { class: "slope", d: `M${line.map(place).join("L")}` }));
    parts.push(shape("path", { class: "lived", d: `M${this.points.map(place).join("L")}` }));
    parts.push(shape("path", { class: "readings", d: this.points.map((point) => `M${place(point)}h0`).join("") }));
    this.mark = shape("circle", { class: "chosen", r: 4 });
    this.svg.replaceChildren(...parts, this.mark);
    this.tell();
  }

  /** A window as a band, the range of its readings, and how many iterations it has. */
  window({ from, to, iterations, min, max }, at) {
    const [x, width] = [this.x(from), this.x(to) - this.x(from)];
    const band = shape("rect", { class: `window ${at % 2 ? "odd" : "even"}`, x, width, y: CURVE.top });
    band.setAttribute("height", CURVE.height - CURVE.top - CURVE.bottom);
    band.append(shape("title", {}, `window ${at + 1}: ${counted(iterations, "iteration")}, ${asBytes(min)} to ${asBytes(max)}`));
    const range = shape("rect", { class: "range", x, width, y: this.y(max), height: this.y(min) - this.y(max) });
    if (width < ROOM_FOR_NUMBER) return [band, range];
    const middle = { class: "tick", x: x + width / 2, y: CURVE.height - 6, "text-anchor": "middle" };
    return [band, range, shape("text", middle, width < ROOM_FOR_WORD ? exact(iterations) : counted(iterations, "iteration"))];
  }

  /** Both ends of the line of the slope through the middle of the last window, as far as it lies in the picture. */
  line() {
    if (this.slope === null) return null;
    const each = this.slope.bytes / this.slope.iterations;
    const { points } = this.spans[this.spans.length - 1];
    const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
    const [middle, level] = [mean(({ at }) => at), mean(({ live }) => live)];
    const live = (at) => Math.min(this.high, Math.max(this.low, level + each * (at - middle)));
    let [from, to] = [this.points[0].at, this.points[this.points.length - 1].at];
    if (each !== 0) {
      const ends = [this.low, this.high].map((end) => middle + (end - level) / each);
      [from, to] = [Math.max(from, Math.min(...ends)), Math.min(to, Math.max(...ends))];
    }
    return [{ at: from, live: live(from) }, { at: to, live: live(to) }];
  }

  /** The figures of the chosen reading. */
  tell() {
    const { at, live, blocks } = this.points[this.at];
    this.mark.setAttribute("cx", this.x(at));
    this.mark.setAttribute("cy", this.y(live));
    const said = `after ${counted(at, "iteration")}: ${asBytes(live)} in ${counted(blocks, "block")}`;
    this.about.textContent = said;
    this.svg.setAttribute("aria-valuemin", 0);
    this.svg.setAttribute("aria-valuemax", this.points.length - 1);
    this.svg.setAttribute("aria-valuenow", this.at);
    this.svg.setAttribute("aria-valuetext", said);
  }

  near(event) {
    const { left, width } = this.svg.getBoundingClientRect();
    const x = ((event.clientX - left) * CURVE.width) / width;
    const off = this.points.map(({ at }) => Math.abs(this.x(at) - x));
    this.go(off.indexOf(Math.min(...off)));
  }

  go(at) {
    this.at = at;
    this.tell();
  }
}

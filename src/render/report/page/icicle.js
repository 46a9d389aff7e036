// Operations and the call stacks below them as blocks as wide as what they have. What is too narrow to be seen is not
// drawn; a click makes a block as wide as the page.

const BLOCK = 22;
const NARROWEST_BLOCK = 3;

class Icicle {
  constructor({ label }) {
    this.host = element("div", "icicle");
    this.sheet = element("div", "sheet");
    this.sheet.setAttribute("role", "tree");
    this.sheet.setAttribute("aria-label", label);
    this.sheet.tabIndex = 0;
    this.about = element("output", "about");
    this.host.append(this.about, this.sheet);
    this.query = "";
    this.sheet.addEventListener("click", (event) => this.at(event, (node) => this.zoom(node)));
    this.sheet.addEventListener("mousemove", (event) => this.at(event, (node) => this.tell(node)));
    this.sheet.addEventListener("mouseleave", () => this.tell(this.focus));
    this.sheet.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => {
      if (this.width !== this.sheet.clientWidth) this.paint();
    }).observe(this.host);
  }

  /** The tree of `operation` by `figure`; with all functions, or without those that are the same in every stack. */
  show(operation, figure, everything) {
    this.top = branchOf(operation, figure, everything);
    this.zoomed = this.focus = this.top;
    this.paint();
  }

  search(query) {
    this.query = query.toLowerCase();
    this.paint();
    return this.top ? matching(this.top, this.query) : 0;
  }

  zoom(node) {
    this.zoomed = this.focus = node;
    this.paint();
  }

  at(event, then) {
    const block = event.target.closest(".block");
    if (block) then(this.drawn[Number(block.dataset.at)].node);
  }

  tell(node) {
    if (!node) return;
    const [whole, zoomed] = [this.top.value, this.zoomed.value];
    const shares = this.zoomed === this.top ? asShare(node.value, whole) : `${asShare(node.value, zoomed)} of what is shown, ${asShare(node.value, whole)} of all`;
    this.about.replaceChildren(
      element("b", "", node.full || node.name),
      element("span", "place", node.place),
      element("span", "figures", `${this.top.show(node.value)} · ${shares}`),
    );
  }

  paint() {
    const width = this.sheet.clientWidth;
    if (!this.top || width === 0) return;
    this.width = width;
    this.drawn = [];
    const around = [];
    for (let node = this.zoomed.parent; node; node = node.parent) around.unshift(node);
    around.forEach((node, depth) => this.drawn.push({ node, depth, left: 0, width, around: true }));
    let deepest = around.length;
    const walk = (node, depth, left, wide) => {
      this.drawn.push({ node, depth, left, width: wide });
      deepest = Math.max(deepest, depth);
      let at = left;
      for (const child of node.children) {
        const part = (wide * child.value) / node.value;
        if (part >= NARROWEST_BLOCK) walk(child, depth + 1, at, part);
        at += part;
      }
    };
    walk(this.zoomed, around.length, 0, width);
    this.sheet.style.height = `${(deepest + 1) * BLOCK}px`;
    this.sheet.replaceChildren(...this.drawn.map((drawn, at) => this.block(drawn, at)));
    const focused = this.drawn.findIndex(({ node }) => node === this.focus);
    this.sheet.setAttribute("aria-activedescendant", `block-${focused}`);
    this.tell(this.focus);
  }

  block({ node, depth, left, width, around }, at) {
    const block = element("div", `block ${node.kind}`, width > 24 ? node.name : "");
    block.id = `block-${at}`;
    block.dataset.at = at;
    block.setAttribute("role", "treeitem");
    block.setAttribute("aria-level", depth + 1);
    block.setAttribute("aria-label", `${node.name}, ${this.top.show(node.value)}, ${asShare(node.value, this.top.value)}`);
    block.classList.toggle("around", Boolean(around));
    block.classList.toggle("active", node === this.focus);
    if (this.query) block.classList.add(node.text.includes(this.query) ? "found" : "other");
    block.style.transform = `translate(${left}px, ${depth * BLOCK}px)`;
    block.style.width = `${Math.max(1, width - 1)}px`;
    if (node.hue !== undefined) block.style.setProperty("--hue", node.hue);
    return block;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.drawn.findIndex(({ node }) => node === this.focus);
    const beside = (step) => {
      const row = this.drawn.filter(({ depth }) => depth === this.drawn[at].depth);
      row.sort((one, other) => one.left - other.left);
      return row[row.findIndex(({ node }) => node === this.focus) + step]?.node;
    };
    const isDrawn = (node) => this.drawn.some((one) => one.node === node);
    const to = {
      ArrowDown: () => this.focus.children.find(isDrawn),
      ArrowUp: () => this.focus.parent,
      ArrowLeft: () => beside(-1),
      ArrowRight: () => beside(1),
    }[event.key];
    const out = () => this.zoomed.parent;
    const focus = () => this.focus;
    const zooms = { Enter: focus, " ": focus, Escape: out, Backspace: out, Home: () => this.top }[event.key];
    if (!to && !zooms) return;
    event.preventDefault();
    if (zooms) this.zoom(zooms() ?? this.top);
    else this.focus = to() ?? this.focus;
    if (!isDrawn(this.focus)) this.zoomed = this.focus;
    this.paint();
    this.sheet.querySelector(".block.active")?.scrollIntoView({ block: "nearest" });
  }
}

/** What is found, without counting anything twice. */
function matching(node, query) {
  if (!query) return 0;
  if (node.text.includes(query)) return node.value;
  return node.children.reduce((sum, child) => sum + matching(child, query), 0);
}

function hueOf(name) {
  let hash = 7;
  for (const one of name) hash = (hash * 31 + one.codePointAt(0)) % 360;
  return hash;
}

const FIGURES = {
  live: { title: "live bytes", show: asBytes },
  allocated: { title: "allocated bytes", show: asBytes },
  allocs: { title: "allocations", show: asCount },
};

function branchOf(operation, figure, everything) {
  const { show } = FIGURES[figure];
  const make = (name, kind, more = {}) => ({ name, kind, full: name, place: "", value: 0, below: new Map(), ...more });
  const below = (node, key, made) => {
    if (!node.below.has(key)) node.below.set(key, made());
    return node.below.get(key);
  };
  const ofOperation = (one) => {
    const node = make(one.name, "operation", { full: printable(one.path) || one.name });
    for (const { stack, figures } of [...(one.stacks ?? []), ...(one.rest ? [one.rest] : [])]) {
      // A block's width cannot be less than nothing, which a difference may have.
      const value = Math.max(0, figures[figure]);
      if (value === 0) continue;
      node.value += value;
      if (stack.none) {
        if (one.stacks.length > 0) below(node, stack.none, () => make(stack.none, "none")).value += value;
        continue;
      }
      let at = node;
      for (let place = stack.frames.length - 1; place >= 0; place -= 1) {
        const frame = stack.frames[place];
        if (!everything && frame.near === MACHINERY) continue;
        const hue = frame.near === CRATE ? hueOf(frame.crate) : undefined;
        const made = () => make(frame.name || frame.place, frame.kind, { full: frame.full, place: frame.file, hue });
        // A function that allocates in several lines is one block.
        at = below(at, `${frame.full}\n${frame.file}`, made);
        at.value += value;
      }
    }
    for (const child of one.children) {
      const made = ofOperation(child);
      node.value += made.value;
      if (made.value > 0) node.below.set(child, made);
    }
    return node;
  };
  const settle = (node, parent) => {
    node.parent = parent;
    node.children = [...node.below.values()].sort((one, other) => other.value - one.value);
    node.text = `${node.full} ${node.place}`.toLowerCase();
    node.below = null;
    node.children.forEach((child) => settle(child, node));
    return node;
  };
  return Object.assign(settle(ofOperation(operation), null), { show });
}

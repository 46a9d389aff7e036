// A tree as a table: sorted, searched, and driven by keys. Only the rows that are seen are in the document, so that ten
// thousand of them cost no more than a screenful.

/** In pixels. On a narrow screen a list of the columns to sort by stands above them. */
const NARROW = 600;
const room = (width) => (width < NARROW ? { name: 150, column: 84 } : { name: 190, column: 92 });

class TreeGrid {
  /**
   * `columns` are figures: `id`, `title`, `about`, `value(node)` (a number or null), `show(number)`, and `spare`: the
   * highest go first where room is short. `draw(node, cell)` fills the first column. A node has `children`, and `text`
   * to be searched and sorted by, unless it has a `rank`. `choose(node)` is told of a row that is clicked, or of Enter.
   * The column `bar`, or the one that sorts, has bars.
   */
  constructor({ label, heading, columns, sort, rowHeight = 28, bar = null, draw, choose = () => {}, isChosen = () => false }) {
    Object.assign(this, { columns, heading, rowHeight, bar, draw, choose, isChosen });
    this.order = { id: sort, down: sort !== "name" };
    this.open = new Map();
    this.active = 0;
    this.query = "";
    this.lines = [];
    this.host = element("div", "grid");
    this.host.setAttribute("role", "treegrid");
    this.host.setAttribute("aria-label", label);
    this.host.tabIndex = 0;
    this.head = element("div", "head");
    this.head.setAttribute("role", "row");
    this.scroller = element("div", "scroller");
    this.scroller.setAttribute("role", "rowgroup");
    this.sheet = element("div", "sheet");
    this.sheet.setAttribute("role", "presentation");
    this.scroller.append(this.sheet);
    this.host.append(this.sorter(), this.head, this.scroller);
    this.empty = element("p", "empty", "Nothing here has such a name.");
    this.empty.hidden = true;
    this.host.append(this.empty);
    this.scroller.addEventListener("scroll", () => this.paint(), { passive: true });
    this.host.addEventListener("keydown", (event) => this.key(event));
    this.sheet.addEventListener("click", (event) => this.click(event));
    // Rows that are drawn anew between a press and its release would swallow the click.
    new ResizeObserver(() => {
      if (this.size !== `${this.host.clientWidth} ${this.scroller.clientHeight}`) this.fit();
    }).observe(this.host);
  }

  /** On a narrow screen, where not every column has room, this sorts by any. */
  sorter() {
    const label = element("label", "sorter", "Sort by ");
    this.select = element("select");
    for (const { id, title } of [{ id: "name", title: this.heading }, ...this.columns]) this.select.append(new Option(title, id));
    this.select.addEventListener("change", () => this.sortBy(this.select.value, this.select.value !== "name"));
    label.append(this.select);
    return label;
  }

  show(roots) {
    this.roots = roots;
    this.open.clear();
    const count = (nodes) => nodes.reduce((sum, node) => sum + 1 + count(node.children), 0);
    this.opensAll = count(roots) <= 120;
    this.arrange();
  }

  sortBy(id, down) {
    this.order = { id, down };
    this.arrange();
  }

  search(query) {
    this.query = query.toLowerCase();
    this.arrange();
    return this.matches;
  }

  isOpen(node) {
    return this.open.get(node) ?? (this.kept ? true : this.opensAll);
  }

  /** What is found, and all around it. */
  keep(nodes) {
    let any = false;
    for (const node of nodes) {
      const found = node.text.toLowerCase().includes(this.query);
      if (found) this.matches += 1;
      const below = this.keep(node.children);
      if (found || below) {
        this.kept.add(node);
        any = true;
      }
    }
    return any;
  }

  arrange() {
    this.matches = 0;
    this.kept = null;
    if (this.query) {
      this.kept = new Set();
      this.keep(this.roots);
    }
    const { id, down } = this.order;
    const column = this.columns.find((one) => one.id === id);
    const sign = down ? -1 : 1;
    const value = column ? (node) => column.value(node) ?? -Infinity : (node) => node.rank ?? node.text;
    const compare = (one, other) => (one.value < other.value ? -sign : one.value > other.value ? sign : one.at - other.at);
    const active = this.lines[this.active]?.node;
    this.lines = [];
    const walk = (nodes, level) => {
      const shown = this.kept ? nodes.filter((node) => this.kept.has(node)) : nodes;
      const sorted = shown.map((node, at) => ({ node, at, value: value(node) })).sort(compare);
      sorted.forEach(({ node }, at) => {
        this.lines.push({ node, level, at: at + 1, of: sorted.length });
        if (node.children.length > 0 && this.isOpen(node)) walk(node.children, level + 1);
      });
    };
    walk(this.roots, 1);
    const barred = this.columns.find((one) => one.id === (this.bar ?? id));
    this.most = barred ? this.roots.reduce((most, node) => Math.max(most, Math.abs(barred.value(node) ?? 0)), 1) : 1;
    this.active = Math.max(0, this.lines.findIndex((line) => line.node === active));
    this.select.value = id;
    this.fit();
  }

  /** Leaves out what there is no room for, but never the column that sorts. */
  fit() {
    const width = this.host.clientWidth;
    if (width === 0 || !this.roots) return;
    const needs = room(width);
    const most = Math.max(1, Math.floor((width - needs.name) / needs.column));
    const rank = (column) => (column.id === this.order.id ? -1 : column.spare);
    const kept = new Set([...this.columns].sort((one, other) => rank(one) - rank(other)).slice(0, most));
    this.shown = this.columns.filter((column) => kept.has(column));
    this.host.classList.toggle("narrow", width < NARROW);
    this.head.style.paddingRight = `${this.scroller.offsetWidth - this.scroller.clientWidth + 10}px`;
    this.host.style.setProperty("--columns", `minmax(0, 1fr) repeat(${this.shown.length}, ${needs.column}px)`);
    this.sheet.style.height = `${this.lines.length * this.rowHeight}px`;
    this.empty.hidden = this.lines.length > 0;
    this.host.setAttribute("aria-rowcount", this.lines.length + 1);
    this.titles();
    this.paint();
    this.size = `${width} ${this.scroller.clientHeight}`;
  }

  titles() {
    const cells = [{ id: "name", title: this.heading, about: "" }, ...this.shown].map(({ id, title, about }) => {
      const cell = element("div");
      cell.setAttribute("role", "columnheader");
      const sorts = this.order.id === id;
      cell.setAttribute("aria-sort", sorts ? (this.order.down ? "descending" : "ascending") : "none");
      const button = element("button", sorts ? (this.order.down ? "down" : "up") : "", title);
      button.type = "button";
      button.title = about;
      button.dataset.column = id;
      button.tabIndex = -1;
      button.addEventListener("click", () => this.sortBy(id, sorts ? !this.order.down : id !== "name"));
      cell.append(button);
      return cell;
    });
    this.head.replaceChildren(...cells);
  }

  paint() {
    if (!this.shown) return;
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(0, Math.floor(scrollTop / this.rowHeight) - 4);
    const end = Math.min(this.lines.length, Math.ceil((scrollTop + clientHeight) / this.rowHeight) + 4);
    const rows = [];
    for (let at = first; at < end; at += 1) rows.push(this.row(at));
    this.sheet.replaceChildren(...rows);
    const drawn = this.active >= first && this.active < end;
    if (drawn) this.host.setAttribute("aria-activedescendant", `${this.id()}${this.active}`);
    else this.host.removeAttribute("aria-activedescendant");
  }

  id() {
    return `${this.host.getAttribute("aria-label").replaceAll(" ", "-")}-`;
  }

  row(at) {
    const { node, level, at: place, of } = this.lines[at];
    const row = element("div", "row");
    row.id = `${this.id()}${at}`;
    row.dataset.at = at;
    row.setAttribute("role", "row");
    row.setAttribute("aria-level", level);
    row.setAttribute("aria-posinset", place);
    row.setAttribute("aria-setsize", of);
    row.setAttribute("aria-rowindex", at + 2);
    row.setAttribute("aria-selected", this.isChosen(node));
    if (node.children.length > 0) row.setAttribute("aria-expanded", this.isOpen(node));
    row.classList.toggle("active", at === this.active);
    row.style.transform = `translateY(${at * this.rowHeight}px)`;
    row.style.height = `${this.rowHeight}px`;
    const name = element("div", "name");
    name.setAttribute("role", "rowheader");
    name.style.paddingLeft = `${Math.min(level - 1, 12) * 16 + 4}px`;
    name.append(element("span", node.children.length > 0 ? "caret" : "caret leaf"));
    this.draw(node, name);
    row.append(name, ...this.shown.map((column) => this.cell(column, node)));
    return row;
  }

  cell(column, node) {
    const value = column.value(node);
    const cell = element("div", value === null || value === 0 ? "faint" : column.id);
    cell.setAttribute("role", "gridcell");
    cell.textContent = value === null ? "-" : column.show(value, node);
    if (value !== null) cell.title = exact(value);
    if (column.id === (this.bar ?? this.order.id) && value) {
      const bar = element("i", value < 0 ? "less" : "");
      bar.style.width = `${Math.min(100, (100 * Math.abs(value)) / this.most)}%`;
      cell.append(bar);
    }
    return cell;
  }

  click(event) {
    const row = event.target.closest(".row");
    if (!row) return;
    this.active = Number(row.dataset.at);
    const { node } = this.lines[this.active];
    if (event.target.closest(".caret")) this.toggle(node);
    else this.choose(node);
  }

  toggle(node, open = !this.isOpen(node)) {
    if (node.children.length === 0) return;
    this.open.set(node, open);
    this.arrange();
  }

  key(event) {
    if (event.target !== this.host || event.ctrlKey || event.metaKey || event.altKey) return;
    const line = this.lines[this.active];
    if (!line) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / this.rowHeight) - 1);
    const isOpen = line.node.children.length > 0 && this.isOpen(line.node);
    const moves = {
      ArrowDown: () => this.go(this.active + 1),
      ArrowUp: () => this.go(this.active - 1),
      PageDown: () => this.go(this.active + page),
      PageUp: () => this.go(this.active - page),
      Home: () => this.go(0),
      End: () => this.go(this.lines.length - 1),
      ArrowRight: () => (isOpen ? this.go(this.active + 1) : this.toggle(line.node, true)),
      ArrowLeft: () => (isOpen ? this.toggle(line.node, false) : this.go(this.parent(this.active))),
      Enter: () => this.choose(line.node),
      " ": () => this.toggle(line.node),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  }

  parent(at) {
    const { level } = this.lines[at];
    while (at > 0 && this.lines[at].level >= level) at -= 1;
    return at;
  }

  go(at) {
    this.active = Math.min(this.lines.length - 1, Math.max(0, at));
    const top = this.active * this.rowHeight;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + this.rowHeight > scrollTop + clientHeight) this.scroller.scrollTop = top + this.rowHeight - clientHeight;
    this.paint();
  }
}

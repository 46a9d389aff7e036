// The page: what stands at its head, its views, and what they have in common.

const embedded = JSON.parse(document.getElementById("data").textContent);
const model = modelOf(embedded.report);
const before = embedded.before ? modelOf(embedded.before) : null;
const byId = (id) => document.getElementById(id);

// Columns of figures, in the table's words.
const COLUMNS = {
  live: { id: "live", title: "live", spare: 0, about: "Bytes allocated here and not yet freed by anyone", show: asBytes },
  net: { id: "net", title: "net", spare: 3, about: "Bytes allocated less freed while it was active", show: asSigned },
  allocated: { id: "allocated", title: "allocated", spare: 1, about: "Bytes handed out", show: asBytes },
  freed: { id: "freed", title: "freed", spare: 5, about: "Bytes given back while it was active", show: asBytes },
  peak: { id: "peak", title: "peak", spare: 2, about: "The highest net bytes of one of its scopes", show: asBytes },
  allocs: { id: "allocs", title: "allocs", spare: 4, about: "Blocks newly allocated", show: asCount },
  blocks: { id: "blocks", title: "live blocks", spare: 6, about: "Blocks not yet freed by anyone", show: asCount },
};
const column = (id, more) => ({ ...COLUMNS[id], value: (node) => node.figures[id] ?? null, ...more });

function label(cell, ...parts) {
  const text = element("span", "text");
  text.append(...parts);
  cell.append(text);
  cell.title = text.textContent;
}

// The operations.

let side = "total";

function operationsView() {
  const of = (node) => node.operation[side];
  const figure = (id) => column(id, { value: (node) => of(node)[id] ?? null });
  const peak = figure("peak");
  peak.show = (value, node) => (node.operation.row.peak_error > 0 ? "~" : "") + asBytes(value);
  const entered = (id, about) => ({
    id, title: id, about, spare: 7, show: asCount, value: (node) => node.operation.row[id] || null,
  });
  const grid = new TreeGrid({
    label: "operations",
    heading: embedded.report.report.difference ? "operation (difference)" : "operation",
    columns: [
      entered("threads", "Threads that entered it or began in it"), entered("scopes", "How often it was entered"),
      figure("allocs"), figure("allocated"), figure("freed"), figure("net"), figure("live"), peak,
    ],
    sort: "live",
    draw: (node, cell) => label(cell, node.operation.name),
    choose: (node) => choose(node.operation),
    isChosen: (node) => node.operation === state.within,
  });
  const nodeOf = (operation) => ({ operation, text: printable(operation.path), children: operation.children.map(nodeOf) });
  const details = element("aside", "details");
  details.setAttribute("aria-label", "The chosen operation");
  const panel = element("div", "split");
  panel.append(grid.host, details);
  grid.show(model.root.children.map(nodeOf));
  const pick = choice("Figures of", { total: "with all below", own: "alone" }, side, (value) => {
    side = value;
    grid.arrange();
    tell(details);
  });
  return { ...viewOf("Operations", grid, [pick]), panel, focus: () => tell(details) };
}

/** All that is known of the chosen operation. */
function tell(details) {
  const { row, path } = state.within;
  details.hidden = !row;
  if (!row) return;
  const list = element("dl");
  const line = (term, text) => list.append(element("dt", "", term), element("dd", "", text));
  const tally = row[side];
  const entered = row.site ? `first entered at ${printable(row.site.file)}:${row.site.line}` : "never entered by name";
  const both = (bytes, blocks) => `${exact(bytes)} B in ${counted(blocks, "block")}`;
  line("live", both(tally.live_bytes, tally.live_blocks));
  line("net", both(tally.allocated_bytes - tally.freed_bytes, tally.allocs - tally.frees));
  line("allocated", both(tally.allocated_bytes, tally.allocs));
  line("freed", both(tally.freed_bytes, tally.frees));
  line("resized", counted(tally.reallocs, "block"));
  line("others' freed", both(tally.others_freed_bytes, tally.others_frees));
  line("freed elsewhere", both(tally.freed_elsewhere_bytes, tally.freed_elsewhere_blocks));
  line("taken over", both(tally.taken_over_bytes, tally.taken_over_blocks));
  line("given away", both(tally.given_away_bytes, tally.given_away_blocks));
  const error = row.peak_error > 0 ? ` ± ${exact(row.peak_error)} B` : "";
  line("peak", row.total.peak_bytes === null ? "-" : `${exact(row.total.peak_bytes)} B${error}`);
  line("scopes", `${exact(row.scopes)} on ${counted(row.threads, "thread")}`);
  const title = element("h2", "", printable(path));
  details.replaceChildren(title, element("p", "", `${entered}; ${side === "own" ? "alone" : "with all below"}`), list);
}

// Operations and stacks as blocks.

function icicleView() {
  const icicle = new Icicle({ label: "operations and call stacks" });
  let [figure, functions] = ["live", "yours"];
  const draw = () => icicle.show(state.within, figure, functions === "all");
  const figures = Object.fromEntries(Object.entries(FIGURES).map(([id, { title }]) => [id, title]));
  const tools = [choice("Width", figures, figure, (value) => {
    figure = value;
    draw();
  })];
  if (model.hasStacks) {
    tools.push(choice("Functions", { yours: "without machinery", all: "all" }, functions, (value) => {
      functions = value;
      draw();
    }));
  }
  const panel = element("div");
  panel.append(icicle.host);
  const search = (query) => `${icicle.top?.show(icicle.search(query)) ?? ""} found`;
  return { title: "Icicle", tools, panel, search, focus: draw, refresh: () => icicle.paint() };
}

// What each line, and each crate, allocated.

function gather(charged, keyOf) {
  const gathered = new Map();
  for (const one of charged) {
    const [key, made] = keyOf(one.stack);
    if (!gathered.has(key)) gathered.set(key, { ...made(), figures: { ...NOTHING }, samples: 0, charged: [] });
    const node = gathered.get(key);
    add(node.figures, one.figures);
    // Of sizes without a sample all is counted, but the stacks.
    if (one.stack.kind !== "not_sampled") node.samples += one.samples;
    node.charged.push(one);
  }
  return [...gathered.values()];
}

const words = (frame) => `${frame.place} ${frame.name}`;

/** The functions of a stack without those that are the same in every one, the innermost first. */
const named = (stack) => stack.frames.filter((frame) => frame.near < MACHINERY);

function lineOf(stack) {
  const frame = stack.shown[0];
  const text = stack.none || words(frame);
  return [text, () => ({ frame, none: stack.none, text: frame?.source ? `${text} ${frame.source}` : text })];
}

/** Lines, and below each the stacks that lead to it. */
function linesOf(charged) {
  return gather(charged, lineOf).map((line) => {
    const ways = line.none ? [] : gather(line.charged, wayOf);
    return { ...line, children: ways.map((way) => ({ ...way, children: [] })) };
  });
}

function wayOf(stack) {
  const way = named(stack).map(words);
  return [way.join("\n"), () => ({ way, text: way.join(" ") })];
}

function drawLine(node, cell) {
  if (node.way) {
    const [first = "(no function of yours)", ...rest] = node.way;
    return label(cell, element("span", "line place", first), element("span", "source", rest.map((one) => `← ${one}`).join(" ")));
  }
  if (node.none) return label(cell, node.none);
  const line = element("span", "line");
  line.append(element("span", "place", node.frame.place), element("b", "", ` ${node.frame.name}`));
  return label(cell, line, element("code", "source", node.frame.source));
}

const LINE_COLUMNS = ["live", "blocks", "allocated", "allocs"].map((id) => {
  const { show } = COLUMNS[id];
  return column(id, { show: (value, node) => (node.samples > 0 ? "~" : "") + show(value) });
});

function linesView() {
  const grid = new TreeGrid({
    label: "lines", heading: "line", columns: LINE_COLUMNS, sort: "live", rowHeight: 44, draw: drawLine,
    choose: (node) => grid.toggle(node),
  });
  return stacksView("Lines", grid, linesOf);
}

function cratesView() {
  const grid = new TreeGrid({
    label: "crates", heading: "whose code asked for the memory", columns: LINE_COLUMNS, sort: "live",
    draw: (node, cell) => (node.crate ? label(cell, element("b", "", node.crate)) : label(cell, node.text)),
    choose: (node) => grid.toggle(node),
  });
  const crateOf = (stack) => [stack.none || stack.crate, () => ({ crate: stack.none ? "" : stack.crate, text: stack.none || stack.crate })];
  const lines = (charged) => gather(charged, asker).map((line) => ({ ...line, children: [] }));
  const cratesOf = (charged) =>
    gather(charged, crateOf).map((crate) => ({ ...crate, children: crate.crate ? lines(crate.charged) : [] }));
  const asker = (stack) => {
    const frame = stack.frames.find((frame) => frame.near <= CRATE) ?? stack.frames[0];
    return [words(frame), () => ({ text: words(frame) })];
  };
  return stacksView("Crates", grid, cratesOf);
}

/** Of how much of what is shown the stacks are known. */
function tellCaptured(note) {
  const { live, allocated } = state.within.total;
  const captured = { ...NOTHING };
  let samples = 0;
  for (const one of chargedWithin(state.within)) {
    if (one.stack.frames.length === 0) continue;
    add(captured, one.figures);
    samples += one.samples;
  }
  const every = [...within(state.within)].flatMap((operation) => operation.every);
  const between = every.length > 0 ? `, one every ${[...new Set(every)].map(asBytes).join(" or ")}` : "";
  const estimate = samples > 0 ? `; ~ estimated from ${counted(samples, "sample")}${between}` : "";
  note.textContent =
    `call stacks are known of ${asBytes(captured.live)} of ${asBytes(live)} live, ` +
    `and of ${asBytes(captured.allocated)} of ${asBytes(allocated)} allocated${estimate}`;
}

/** A view of `gathered(charged)`, with what all such views have. */
function stacksView(title, grid, gathered) {
  const note = element("span", "note");
  const view = viewOf(title, grid, [note]);
  view.focus = () => grid.show(gathered(chargedWithin(state.within)));
  view.refresh = () => {
    tellCaptured(note);
    grid.fit();
  };
  return view;
}

// How large blocks are.

/** `4..8 KiB`: from this size to less than twice of it. */
function classOf(least) {
  const unit = Math.min(3, Math.floor(Math.log2(least) / 10));
  const from = least / 1024 ** unit;
  return least === 1 ? "1 B" : `${from}..${2 * from} ${["B", ...BINARY][unit]}`;
}

function sizesView() {
  const grid = new TreeGrid({
    label: "sizes", heading: "size of blocks", columns: LINE_COLUMNS, sort: "name", bar: "live",
    draw: (node, cell) => label(cell, node.text),
  });
  const note = element("span", "note", "of what was captured: each class reaches to less than twice its smallest size");
  const focus = () => {
    const classes = new Map();
    for (const { least, figures } of [...within(state.within)].flatMap((operation) => operation.sizes)) {
      if (!classes.has(least)) {
        classes.set(least, { text: classOf(least), rank: least, figures: { ...NOTHING }, samples: 0, children: [] });
      }
      add(classes.get(least).figures, figures);
    }
    grid.show([...classes.values()]);
  };
  return { ...viewOf("Sizes", grid, [note]), focus };
}

// What operations owned over time.

function timelineView() {
  const chart = new TimelineChart({ label: "point in time", choose });
  const { timelines } = model.report;
  const note = element("span", "note");
  let shown = timelines[0];
  const draw = () => {
    const { path } = state.within;
    const wanted = (one) => !path || one === path || one.startsWith(`${path}/`);
    const areas = areasOf(shown, wanted, !path).map((area) => ({ ...area, operation: area.path && operationAt(model, area.path) }));
    chart.show(shown.elapsed_us, shown.unsettled, areas);
    const parts = [`${counted(shown.elapsed_us.length, "point")}, one every ${asTime(shown.every_us)}`];
    if (shown.unsettled.length > 0) parts.push(`${exact(shown.unsettled.length)} of them read while memory moved`);
    if (path) parts.push("operations that were not told apart are left out");
    if (shown.problem) parts.push(printable(shown.problem));
    note.textContent = parts.join("; ");
  };
  const tools = [note];
  if (timelines.length > 1) {
    const names = timelines.map(({ program, process }, at) => [at, printable(`${program || "process"} ${process}`)]);
    tools.unshift(choice("Process", Object.fromEntries(names), "0", (at) => {
      shown = timelines[at];
      draw();
    }));
  }
  const search = (query) => `${exact(chart.search(query))} found`;
  return { title: "Timeline", tools, panel: chart.host, search, focus: draw, refresh: () => chart.paint() };
}

// Leak tests.

function leakTestsView() {
  const { tests, dropped } = model.report.leak_tests;
  const only = (report, path) => {
    const found = report.leak_tests.tests.filter((test) => test.path === path);
    return found.length === 1 ? found[0] : null;
  };
  const cards = tests.map((test) => {
    const earlier = before && only(model.report, test.path) && only(before.report, test.path);
    return new CurveCard(test, { operation: operationAt(model, test.path), earlier, choose });
  });
  const panel = element("div", "curves");
  const note = element("span", "note");
  let query = "";
  const draw = () => {
    const { path } = state.within;
    const isWithin = (card) => !path || card.path === path || card.path.startsWith(`${path}/`);
    const shown = cards.filter((card) => isWithin(card) && card.text.toLowerCase().includes(query));
    for (const card of shown) card.paint();
    panel.replaceChildren(...(shown.length > 0 ? shown.map((card) => card.host) : [element("p", "empty", "no leak test")]));
    return shown.length;
  };
  const leaks = tests.filter(({ outcome }) => outcome === "leak").length;
  const parts = [counted(tests.length, "leak test"), `${leaks} of them ${leaks === 1 ? "leaks" : "leak"}`];
  if (dropped > 0) parts.push(`${exact(dropped)} more for which there was no room`);
  note.textContent = parts.join(", ");
  const search = (typed) => {
    query = typed.toLowerCase();
    return `${exact(draw())} found`;
  };
  return { title: "Leak tests", tools: [note], panel, search, focus: () => {}, refresh: draw };
}

// Before and after.

function changesView() {
  const change = (id) => (node) => (node.after?.[id] ?? 0) - (node.was?.[id] ?? 0);
  const columns = [
    { id: "was", title: "live before", about: "Live bytes before", spare: 2, show: asBytes, value: (node) => node.was?.live ?? null },
    { id: "is", title: "live after", about: "Live bytes after", spare: 1, show: asBytes, value: (node) => node.after?.live ?? null },
    { id: "change", title: "change", about: "By how much live bytes changed", spare: 0, show: asSigned, value: change("live") },
    { id: "allocated", title: "allocated", about: "By how much allocated bytes changed", spare: 3, show: asSigned, value: change("allocated") },
    { id: "allocs", title: "allocs", about: "By how much the number of new blocks changed", spare: 4, show: (value) => (value > 0 ? "+" : "") + asCount(value), value: change("allocs") },
  ];
  const draw = (node, cell) => {
    const kind = node.was ? (node.after ? "" : "gone") : "new";
    label(cell, node.name, element("span", "tag", kind && ` ${kind}`));
  };
  const grid = new TreeGrid({ label: "changes", heading: "operation", columns, sort: "change", draw });
  const join = (was, after) => {
    const names = new Map();
    for (const child of was?.children ?? []) names.set(child.row.name, [child, undefined]);
    for (const child of after?.children ?? []) names.set(child.row.name, [names.get(child.row.name)?.[0], child]);
    return [...names.values()].map(([was, after]) => ({
      name: (after ?? was).name, text: printable((after ?? was).path), was: was?.total, after: after?.total, children: join(was, after),
    }));
  };
  grid.show(join(before.root, model.root));
  return viewOf("Changes", grid, []);
}

// What the views have in common.

/** A view that is a grid. */
function viewOf(title, grid, tools) {
  const search = (query) => `${exact(grid.search(query))} found`;
  return { title, tools, panel: grid.host, search, focus: () => {}, refresh: () => grid.fit() };
}

function choice(title, options, chosen, choose) {
  const group = element("fieldset", "choice");
  group.append(element("legend", "", title));
  for (const [value, text] of Object.entries(options)) {
    const button = element("button", "", text);
    button.type = "button";
    button.dataset.value = value;
    button.setAttribute("aria-pressed", value === chosen);
    button.addEventListener("click", () => {
      for (const one of group.querySelectorAll("button")) one.setAttribute("aria-pressed", one === button);
      choose(value);
    });
    group.append(button);
  }
  return group;
}

const state = { within: model.root, view: null };

/** From now on all views are about `operation`. Who chooses the chosen one lets go of it. */
function choose(operation) {
  state.within = operation === state.within ? model.root : operation;
  const { path } = state.within;
  byId("within").hidden = !path;
  byId("within").textContent = path && `within ${printable(path)} ✕`;
  byId("within").title = "Show all operations again";
  for (const view of views) view.isStale = true;
  enter(state.view);
}

function enter(view) {
  state.view = view;
  for (const one of views) {
    one.tab.setAttribute("aria-selected", one === view);
    one.tab.tabIndex = one === view ? 0 : -1;
    one.section.hidden = one !== view;
  }
  if (view.isStale) view.focus();
  view.isStale = false;
  view.refresh();
  search();
}

function search() {
  const query = byId("search").value.trim();
  const found = state.view.search(query);
  byId("found").textContent = query ? found : "";
}

function setUp(view, at) {
  view.isStale = true;
  view.tab = element("button", "tab", view.title);
  view.tab.type = "button";
  view.tab.id = `tab-${at}`;
  view.tab.setAttribute("role", "tab");
  view.tab.setAttribute("aria-controls", `view-${at}`);
  view.tab.addEventListener("click", () => enter(view));
  view.section = element("section", "view");
  view.section.id = `view-${at}`;
  view.section.setAttribute("role", "tabpanel");
  view.section.setAttribute("aria-labelledby", view.tab.id);
  const tools = element("div", "tools");
  tools.append(...view.tools);
  view.section.append(tools, view.panel);
  byId("tabs").append(view.tab);
  byId("views").append(view.section);
}

// The head of the page.

function headline() {
  const { report, root } = model;
  const list = byId("headline");
  const figure = (term, value, show, about) => {
    const item = element("div");
    const shown = element("dd", "", value === null ? "-" : show(value));
    shown.dataset.exact = value ?? "";
    shown.title = value === null ? "" : exact(value);
    item.title = about;
    item.append(element("dt", "", term), shown);
    list.append(item);
  };
  list.replaceChildren();
  figure("live", root.total.live, asBytes, "Bytes that nobody has freed yet");
  figure("live blocks", root.total.blocks, asCount, "Blocks that nobody has freed yet");
  figure("net", root.total.net, asSigned, "Bytes allocated less freed");
  figure("peak", report.process_peak_bytes, (value) => `~${asBytes(value)}`, `Known ± ${exact(report.process_peak_error)} B`);
  figure("allocated", root.total.allocated, asBytes, "Bytes handed out");
  figure("allocs", root.total.allocs, asCount, "Blocks newly allocated");
}

function notes() {
  const { report, captured } = model;
  const host = byId("notes");
  const note = (text, name = "") => host.append(element("p", name, text));
  host.replaceChildren();
  // As text: they may be larger than the script's numbers are exact.
  const { net, live, process } = embedded.report.sums;
  const grouped = (sum) => BigInt(sum).toLocaleString("en-US");
  const sign = (one, other) => (one === other ? "=" : "≠");
  const holds = net === live && live === process && report.problem === null;
  note(`sum of net ${grouped(net)} B ${sign(net, live)} sum of live ${grouped(live)} B ${sign(live, process)} process ${grouped(process)} B`, holds ? "good" : "bad");
  const own = Math.max(0, operationAt(model, "(heapledger)")?.own.live ?? 0);
  const shards = counted(report.shards, "shard");
  note(`footprint: ${asBytes(own)} on the heap (in the sums), ${asBytes(report.shard_bytes)} in ${shards} beside it`);
  if (model.summed > 0) note(`${counted(model.summed, "small stack")} not looked up: with those for which there was no room`);
  if (model.hasStacks) note(`call stacks are known of ${asBytes(captured.allocated)} of allocations`);
  const words = ({ pattern, sampled_every: every }) => printable(pattern) + (every ? `, one sample every ${asBytes(every)}` : "");
  const asked = (matched) => (report.captures ?? []).filter((one) => one.matched === matched).map(words).join("; ");
  if (asked(true)) note(`captured: ${asked(true)}`);
  if (asked(false)) note(`captured nothing of ${asked(false)}: there was no such operation`, "bad");
  const wrong = [
    [report.misnested, "scope", "ended before a scope begun after it (held across .await?)"],
    [report.refused, "scope", "could not be counted apart: too many operations, nested too deep, or no memory"],
    [report.foreign, "block", "came back without a valid owner tag"],
  ];
  for (const [count, what, happened] of wrong) if (count > 0) note(`${counted(count, what)} ${happened}`, "bad");
  if (report.problem !== null) note(printable(report.problem), "bad");
}

function about() {
  const { report, operations } = model;
  const of = report.processes === 1 ? "" : `${counted(report.processes, "process").replace("processs", "processes")}, `;
  const what = report.difference ? "difference of two readings, " : "";
  byId("about").textContent = `${what}${of}${counted(operations.length, "operation")}`;
}

const THEMES = ["auto", "light", "dark"];

function theme(chosen) {
  document.documentElement.dataset.theme = chosen;
  byId("theme").textContent = `theme: ${chosen}`;
  // Not every browser keeps something for a file.
  try {
    localStorage.setItem("heapledger-theme", chosen);
  } catch {}
}

function keptTheme() {
  try {
    return THEMES.find((one) => one === localStorage.getItem("heapledger-theme")) ?? "auto";
  } catch {
    return "auto";
  }
}

const views = [operationsView(), icicleView()];
if (model.hasStacks) views.push(linesView(), cratesView(), sizesView());
if (model.report.timelines?.length > 0) views.push(timelineView());
if (model.report.leak_tests.tests.length > 0) views.push(leakTestsView());
if (before) views.push(changesView());
views.forEach(setUp);

byId("theme").addEventListener("click", () => {
  theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]);
});
byId("exact").addEventListener("click", () => {
  showsExact = !showsExact;
  byId("exact").setAttribute("aria-pressed", showsExact);
  headline();
  notes();
  for (const view of views) view.refresh();
});
byId("within").addEventListener("click", () => choose(model.root));
byId("search").addEventListener("input", search);
byId("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  enter(views[(views.indexOf(state.view) + step + views.length) % views.length]);
  state.view.tab.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target === byId("search")) return;
  event.preventDefault();
  byId("search").focus();
});

theme(keptTheme());
about();
headline();
notes();
enter(before ? views[views.length - 1] : views[0]);
document.documentElement.dataset.ready = Math.round(performance.now());

// The report that is in the page, as objects that the views share. The order of the file's rows puts each operation
// behind the one that it is nested in.

/** How near a function is to the user, as the report's table has it: the least is the nearest. */
const CRATE = 2;
const MACHINERY = 5;
const LEAK_TEST = 6;

const NO_STACK = {
  other: "(stacks not looked up, or for which there was no room)",
  not_sampled: "(blocks of sizes of which there was no sample)",
  not_captured: "(blocks of which no call stack was captured)",
};

function figuresOf(tally) {
  return {
    live: tally.live_bytes,
    blocks: tally.live_blocks,
    net: tally.allocated_bytes - tally.freed_bytes,
    allocated: tally.allocated_bytes,
    freed: tally.freed_bytes,
    allocs: tally.allocs,
    peak: tally.peak_bytes,
  };
}

const NOTHING = { live: 0, blocks: 0, net: 0, allocated: 0, freed: 0, allocs: 0 };

function add(sum, more) {
  for (const name in NOTHING) sum[name] += more[name] ?? 0;
  return sum;
}

/** What was charged to one stack, or to one class of sizes. */
function chargeOf({ allocs, allocated_bytes: allocated, live_blocks: blocks, live_bytes: live }) {
  return { ...NOTHING, allocs, allocated, blocks, live };
}

/** One function of the report's table of frames. */
function frameOf(entry, name, near, source, stacks) {
  const origin = stacks.origins[entry.origin];
  const file = entry.file === null ? "" : stacks.strings[entry.file];
  const owner =
    origin.kind === "crate" ? origin.name + (origin.version ? `-${origin.version}` : "") : origin.kind;
  const shown = printable(origin.kind === "crate" ? `${owner} ${file}` : file);
  const crate = { workspace: "(workspace)", path_dependency: "(path dependencies)", std: "(std)" }[origin.kind] ?? owner;
  return {
    name: printable(name),
    full: printable(entry.function === null ? name : stacks.strings[entry.function]),
    file: shown,
    place: file && entry.line !== null ? `${shown}:${entry.line}` : shown,
    kind: origin.kind,
    crate: printable(crate),
    near,
    source: printable(source.trim()),
  };
}

function modelOf({ report, names, nearness, sources }) {
  const root = { path: "", name: "all operations", children: [], total: { ...NOTHING }, own: NOTHING };
  const operations = [];
  for (const row of report.rows) {
    const parent = row.parent === null ? root : operations[row.parent];
    const path = parent === root ? row.name : `${parent.path}/${row.name}`;
    const [name, own, total] = [printable(row.name), figuresOf(row.own), figuresOf(row.total)];
    const operation = { path, name, row, parent, children: [], own, total, stacks: [], sizes: [], every: [] };
    parent.children.push(operation);
    operations.push(operation);
    add(root.total, own);
  }
  root.total.peak = report.process_peak_bytes;
  root.own = { ...root.total };

  const tables = report.stacks ?? { frames: [], stacks: [], operations: [] };
  const frames = tables.frames.map((entry, at) => frameOf(entry, names[at], nearness[at], sources[at] ?? "", tables));
  const stacks = tables.stacks.map(({ kind, frames: places }) => stackOf(kind, places.map((at) => frames[at])));
  const captured = { ...NOTHING };
  const summed = tables.operations.reduce((sum, one) => sum + (one.summed ?? 0), 0);
  for (const { row, stacks: charged, sizes, sampled_every: every } of tables.operations) {
    const operation = operations[row];
    operation.stacks = charged.map((entry) => {
      const figures = chargeOf(entry);
      add(captured, figures);
      return { stack: stacks[entry.stack], figures, samples: entry.samples ?? 0 };
    });
    operation.sizes = (sizes ?? []).map((entry) => ({ least: entry.min_size, figures: chargeOf(entry) }));
    operation.every = every ?? [];
  }
  // What is on no stack.
  const none = stackOf("not_captured", []);
  for (const operation of operations) {
    const rest = { ...NOTHING, ...operation.own };
    for (const { figures } of operation.stacks) for (const name in NOTHING) rest[name] -= figures[name];
    if (rest.live || rest.allocated || rest.allocs) operation.rest = { stack: none, figures: rest, samples: 0 };
  }
  return { report, root, operations, captured, summed, hasStacks: tables.operations.length > 0 };
}

/** The operation at a path; `undefined` if there is none. */
function operationAt({ root }, path) {
  return path.split("/").reduce((at, name) => at?.children.find(({ row }) => row.name === name), root);
}

/** A stack, and what of it is shown: the functions nearest to the user, and whose code asked for the memory. */
function stackOf(kind, frames) {
  const end = frames.findIndex((frame) => frame.near === LEAK_TEST);
  const own = end < 0 ? frames : frames.slice(0, end);
  const best = own.reduce((best, frame) => Math.min(best, frame.near), MACHINERY);
  const shown = own.filter((frame) => frame.near === best);
  const asked = own.find((frame) => frame.near <= CRATE);
  return {
    kind,
    frames: own,
    shown: best === MACHINERY ? shown.slice(0, 1) : shown,
    none: NO_STACK[kind] ?? (own.length === 0 ? "(unknown stack)" : ""),
    crate: asked?.crate ?? (own.length > 0 ? "(std and others)" : ""),
  };
}

/** An operation and those below it. */
function* within(operation) {
  if (operation.row) yield operation;
  for (const child of operation.children) yield* within(child);
}

/** Each stack of an operation and of those below it, with its figures. */
function* chargedWithin(operation) {
  for (const one of within(operation)) {
    yield* one.stacks;
    if (one.rest) yield one.rest;
  }
}

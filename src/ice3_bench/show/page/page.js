"use strict";
// Text of reports and commits is only ever set as text, never as HTML.
const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 200, LEFT = 56, RIGHT = 16, TOP = 22, BOTTOM = 24, MOST_DOTS = 150;
const byId = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}
const html = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);

// Numbers and words

function written(measure, value) {
  const scales = data.measures[measure].scales;
  const [size, unit, digits, form] = scales.find(([least]) => Math.abs(value) >= least) ?? scales[scales.length - 1];
  const number = value / size;
  const text = { e: () => number.toExponential(digits), f: () => number.toFixed(digits), g: () => String(+number.toPrecision(digits)) }[form]();
  return `${text} ${unit}`.trim();
}

function changed(after, before) {
  if (!before) return after === before ? "+0.0 %" : "–";
  const relative = after / before - 1;
  return relative > 1 ? `× ${+(1 + relative).toPrecision(3)}` : `${relative < 0 ? "" : "+"}${(100 * relative).toFixed(1)} %`;
}

const moment = (seconds) => new Date(1000 * seconds).toISOString().slice(0, 16).replace("T", " ");
const day = (seconds, years) =>
  new Date(1000 * seconds).toLocaleDateString("en", { day: "numeric", month: "short", timeZone: "UTC", ...(years && { year: "numeric" }) });
const short = (commit) => (commit === null ? "no commit" : commit.slice(0, 10));
const link = (text, path) =>
  data.repository ? html("a", { href: `${data.repository}/${path}`, rel: "noreferrer" }, text) : text;
const commitLink = (commit) => (commit === null ? short(commit) : link(short(commit), `commit/${commit}`));
const differenceLink = (before, after) =>
  data.repository && before && after && before !== after ? link("difference", `compare/${before}...${after}`) : null;

// The curves

function ticks(low, high) {
  const raw = (high - low) / 4, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const magnitude = Math.log10(Math.max(Math.abs(low), Math.abs(high)));
  const form = magnitude > -4 && magnitude < 6
    ? (value) => value.toFixed(digits)
    : (value) => (value === 0 ? "0" : value.toExponential(Math.max(0, Math.floor(Math.log10(Math.abs(value))) - Math.floor(Math.log10(step) + 1e-9))));
  const found = [];
  for (let number = Math.ceil(low / step); number * step <= high; number += 1) found.push([number * step, form(number * step)]);
  return found;
}

function frame(series, width) {
  const numbers = [series.values, series.low, series.high, series.lower, series.upper, series.levels]
    .flatMap((values) => values ?? []).filter((value) => value !== null).map((value) => value / series.size);
  let low = Infinity, high = -Infinity;
  for (const value of numbers) { low = Math.min(low, value); high = Math.max(high, value); }
  const margin = 0.06 * (high - low) || 0.02 * Math.abs(high) || 1;
  low = low < 0 ? low - margin : Math.max(0, low - margin); // no axis below zero for what cannot be negative
  high += margin;
  const count = series.values.length, inner = width - LEFT - RIGHT;
  return {
    low, high, count, width,
    x: (place) => +(LEFT + ((place + 0.5) / count) * inner).toFixed(1),
    y: (value) => +(TOP + ((high - value / series.size) / (high - low)) * (HEIGHT - TOP - BOTTOM)).toFixed(1),
    place: (x) => Math.min(count - 1, Math.max(0, Math.floor(((x - LEFT) / inner) * count))),
  };
}

const line = (values, at) => values.map((value, place) => `${place ? "L" : "M"}${at.x(place)} ${at.y(value)}`).join("");

function steps(values, at) {
  let path = "", drawing = false;
  values.forEach((value, place) => {
    if (value !== null) path += `${drawing ? "V" : `M${at.x(place - 0.5)} `}${at.y(value)}H${at.x(place + 0.5)}`;
    drawing = value !== null;
  });
  return path;
}

function band(series, at) {
  const low = series.low ?? series.values, high = series.high ?? series.values;
  const back = low.map((value, place) => `L${at.x(place)} ${at.y(value)}`).reverse().join("");
  return svg("path", { class: "band", d: `${line(high, at)}${back}Z` });
}

function axes(series, times, at) {
  const parts = [svg("text", { x: 0, y: 11 }, series.axis)];
  for (const [value, text] of ticks(at.low, at.high)) {
    const y = at.y(value * series.size);
    parts.push(svg("line", { class: "grid", x1: LEFT, x2: at.width - RIGHT, y1: y, y2: y }));
    parts.push(svg("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, text));
  }
  const last = at.count - 1, years = times[last] - times[0] > 300 * 86400;
  const places = at.width < 340 || last < 2 ? [0, last] : [0, Math.round(last / 2), last];
  for (const place of new Set(places)) {
    const anchor = last === 0 ? "middle" : place === 0 ? "start" : place === last ? "end" : "middle";
    const x = place === 0 && last ? LEFT : place === last && last ? at.width - RIGHT : at.x(place);
    parts.push(svg("text", { x, y: HEIGHT - 6, "text-anchor": anchor }, day(times[place], years)));
  }
  return parts;
}

function levels(series, at) {
  const edges = [0, ...series.changes.map(([place]) => place), at.count];
  const parts = series.changes.length
    ? series.levels.map((level, number) =>
        svg("line", { class: "level", x1: at.x(edges[number] - 0.5), x2: at.x(edges[number + 1] - 0.5), y1: at.y(level), y2: at.y(level) }))
    : [];
  for (const [place, text, worse] of series.changes) {
    const x = at.x(place - 0.5), kind = worse ? "worse" : "better";
    parts.push(svg("line", { class: `step ${kind}`, x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM }));
    parts.push(svg("text", { class: kind, x: Math.min(x, at.width - 28), y: TOP - 6, "text-anchor": "middle" }, text));
  }
  return parts;
}

function picture(series, times, at) {
  const dot = (place, kind) => svg("circle", { class: kind, cx: at.x(place), cy: at.y(series.values[place]), r: 2.5 });
  const doubtful = new Set(series.doubtful);
  return svg("svg", { viewBox: `0 0 ${at.width} ${HEIGHT}`, "aria-hidden": "true" },
    ...axes(series, times, at),
    series.low || series.high ? band(series, at) : null,
    ...[series.lower, series.upper].filter(Boolean).map((values) => svg("path", { class: "limit", d: steps(values, at) })),
    svg("path", { class: "value", d: line(series.values, at) }),
    ...(at.count <= MOST_DOTS ? series.values.map((_, place) => place).filter((place) => !doubtful.has(place)).map((place) => dot(place, "run")) : []),
    ...series.doubtful.map((place) => dot(place, "doubtful")),
    ...levels(series, at));
}

function described(series, place) {
  const runs = data.runs[series.runs], value = series.values[place];
  const [commit, subject, date] = data.commits[runs.commits[place]];
  const before = place ? data.commits[runs.commits[place - 1]][0] : null;
  const limits = [["above", series.lower], ["below", series.upper]].filter(([, values]) => values && values[place] !== null);
  return {
    value: written(series.measure, value),
    change: place ? changed(value, series.values[place - 1]) : "",
    limits: limits.map(([side, values]) => `to stay ${side} ${written(series.measure, values[place])}`).join(", "),
    doubtful: series.doubtful.includes(place) ? "physics differs or timing doubtful" : "",
    time: `${moment(runs.times[place])} UTC`,
    commit, before, subject: subject ?? "", date: date ?? "",
  };
}

function show(plot, place) {
  const { series, at, slider, readout, pictured } = plot.drawn;
  const run = described(series, place);
  slider.value = place;
  const numbers = [run.value, run.change && `${run.change} from the run before`, run.limits, run.doubtful].filter(Boolean).join(", ");
  const said = run.subject && `${run.subject} (${run.date})`;
  slider.setAttribute("aria-valuetext", `${numbers}, measured ${run.time}, ${short(run.commit)} ${said}`.trim());
  const difference = differenceLink(run.before, run.commit);
  readout.replaceChildren(html("b", {}, run.value), numbers.slice(run.value.length), `; ${run.time}, `, commitLink(run.commit),
    said && ` ${said}`, ...(difference ? [", ", difference] : []));
  all(".cursor", pictured).forEach((old) => old.remove());
  const x = at.x(place);
  pictured.append(svg("line", { class: "cursor", x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM }),
    svg("circle", { class: "cursor run", cx: x, cy: at.y(series.values[place]), r: 4 }));
}

function valuesTable(series) {
  const rows = series.values.map((_, place) => {
    const run = described(series, place);
    return html("tr", {}, html("th", { scope: "row" }, run.time), html("td", {}, run.value), html("td", {}, run.change),
      html("td", {}, commitLink(run.commit)));
  });
  const headings = ["measured", "value", "difference", "commit"].map((text) => html("th", { scope: "col" }, text));
  return html("table", {}, html("thead", {}, html("tr", {}, ...headings)), html("tbody", {}, ...rows.reverse()));
}

function draw(plot) {
  const series = data.series[plot.dataset.series], times = data.runs[series.runs].times;
  if (!plot.drawn) {
    const slider = html("input", { type: "range", min: 0, max: series.values.length - 1, "aria-label": `Run of ${plot.dataset.name}` });
    const readout = html("p", { class: "readout" });
    const table = html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Values of ${plot.dataset.name}` });
    const details = html("details", {}, html("summary", {}, "Values"), table);
    details.addEventListener("toggle", () => { if (!table.firstChild) table.append(valuesTable(series)); });
    slider.addEventListener("input", () => show(plot, +slider.value));
    plot.drawn = { series, slider, readout, pictured: svg("svg") };
    plot.append(plot.drawn.pictured, slider, readout, details);
    slider.value = series.values.length - 1;
  }
  const at = frame(series, Math.max(240, plot.clientWidth)), pictured = picture(series, times, at);
  const point = (event) => show(plot, at.place(((event.clientX - pictured.getBoundingClientRect().left) / pictured.clientWidth) * at.width));
  for (const kind of ["pointermove", "pointerdown"]) pictured.addEventListener(kind, point);
  plot.drawn.pictured.replaceWith(pictured);
  Object.assign(plot.drawn, { at, pictured });
  show(plot, +plot.drawn.slider.value);
}

// The comparison of two runs

function runKeys(runs) {
  const seen = new Map(), keys = new Map();
  runs.commits.forEach((commit, place) => {
    const number = seen.get(commit) ?? 0;
    seen.set(commit, number + 1);
    const unknown = data.commits[commit][0] === null;
    keys.set(unknown ? `at ${runs.times[place]}` : `${commit} ${number}`, { place, commit, number, time: runs.times[place] });
  });
  return keys;
}

function compare() {
  const [first, second] = [byId("first").value, byId("second").value];
  const rows = [];
  let lacking = 0;
  for (const plot of all(".plot").filter((one) => !one.parentElement.hidden)) {
    const series = data.series[plot.dataset.series], keys = data.keys[series.runs];
    if (!keys.has(first) || !keys.has(second)) { lacking += 1; continue; }
    const [before, after] = [first, second].map((key) => series.values[keys.get(key).place]);
    rows.push(html("tr", {}, html("th", { scope: "row" }, plot.dataset.name),
      ...[written(series.measure, before), written(series.measure, after), changed(after, before)].map((text) => html("td", {}, text))));
  }
  const headings = ["series", "first run", "second run", "difference"].map((text) => html("th", { scope: "col" }, text));
  byId("comparison").replaceChildren(html("thead", {}, html("tr", {}, ...headings)), html("tbody", {}, ...rows));
  const [before, after] = [first, second].map((key) => data.commits[data.choices.get(key).commit][0]);
  const difference = differenceLink(before, after);
  byId("compared").replaceChildren(`${rows.length} series have both runs${lacking ? `, ${lacking} lack one of them` : ""}.`,
    ...(difference ? [" ", difference] : []));
}

function offer() {
  data.keys = data.runs.map(runKeys);
  data.choices = new Map();
  for (const keys of data.keys) {
    for (const [key, run] of keys) if (!(data.choices.get(key)?.time >= run.time)) data.choices.set(key, run);
  }
  const ordered = [...data.choices].sort(([, one], [, other]) => other.time - one.time);
  for (const select of [byId("first"), byId("second")]) {
    select.append(...ordered.map(([key, run]) => {
      const [commit, subject] = data.commits[run.commit];
      const again = run.number ? `, run ${run.number + 1} of it` : "";
      return html("option", { value: key }, `${moment(run.time)} ${short(commit)}${again} ${subject ?? ""}`.trim());
    }));
    select.addEventListener("change", compare);
  }
  byId("first").selectedIndex = Math.min(1, ordered.length - 1);
  compare();
}

// The filter

function filter() {
  const words = [];
  const wanted = Object.fromEntries(all("[data-filter]").map((fieldset) => {
    const boxes = all("input", fieldset), chosen = boxes.filter((box) => box.checked);
    words.push(`${chosen.length === boxes.length ? "all" : `${chosen.length} of ${boxes.length}`} ${fieldset.dataset.filter}s`);
    return [fieldset.dataset.filter, new Set(chosen.map((box) => box.value))];
  }));
  for (const element of all("[data-cell]")) {
    const { cell, measure } = element.dataset;
    element.hidden = !(wanted.cell.has(cell) && (measure === undefined || wanted.measure.has(measure)));
  }
  for (const group of all("[data-group]")) group.hidden = all("[data-cell]", group).every((element) => element.hidden);
  byId("filtered").textContent = words.join(", ");
  if (data?.choices) compare();
}

function choose(checked) {
  for (const box of all("#filter input")) box.checked = checked;
  filter();
}

// The start

async function read(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

function drawWhenSeen() {
  const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => {
    if (target.clientWidth && target.clientWidth !== target.drawn.at.width) draw(target);
  }));
  const seen = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => {
    if (target.drawn) return;
    draw(target);
    resized.observe(target);
  }), { rootMargin: "600px" });
  const plots = all(".plot:not(.single)");
  for (const plot of plots) seen.observe(plot);
  addEventListener("beforeprint", () => plots.filter((plot) => !plot.drawn).forEach(draw));
}

let data;
byId("filter").addEventListener("change", filter);
byId("all").addEventListener("click", () => choose(true));
byId("none").addEventListener("click", () => choose(false));
read(byId("curves").textContent).then((curves) => {
  data = curves;
  drawWhenSeen();
  offer();
}).catch((error) => {
  byId("series").after(html("p", { class: "bad" }, `This browser cannot draw the curves: ${error.message}`));
});

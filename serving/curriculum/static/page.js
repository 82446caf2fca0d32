// The page: asks the service, shows rows as text (never as markup), hands the graph to graph.js.
import { drawGraph, focusCourse, recolour } from "./graph.js";

const $ = (id) => document.getElementById(id);
const KEY = "graphrec-key";
let queries = [];

async function ask(path, type = "application/json") {
  const headers = { Accept: type };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  const response = await fetch(path, { headers });
  if (response.ok) return type === "application/json" ? response.json() : response.blob();
  if (response.status === 401 || response.status === 403) {
    $("key-form").hidden = false;
    $("key").focus();
  }
  const problem = await response.json().catch(() => ({ detail: response.statusText }));
  throw new Error(problem.detail);
}

async function attempt(work) {
  $("message").hidden = true;
  document.body.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    $("message").textContent = error.message;
    $("message").hidden = false;
  } finally {
    document.body.removeAttribute("aria-busy");
  }
}

function make(tag, text, parent) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

function listQueries() {
  const groups = {};
  for (const query of queries) (groups[query.subject] ??= []).push(query);
  $("query").replaceChildren();
  for (const [subject, listed] of Object.entries(groups).sort()) {
    const group = make("optgroup", undefined, $("query"));
    group.label = subject;
    for (const query of listed) make("option", query.name, group);
  }
}

function showForm() {
  const query = queries.find((one) => one.name === $("query").value);
  $("purpose").textContent = query.purpose;
  $("fields").replaceChildren();
  for (const parameter of query.parameters) {
    const label = make("label", `${parameter.name} (${parameter.type})`, $("fields"));
    const field = make(parameter.type === "bool" ? "select" : "input", undefined, label);
    field.name = parameter.name;
    field.title = parameter.description ?? "";
    if (parameter.type === "bool") for (const value of ["false", "true"]) make("option", value, field);
    if (parameter.type === "int" || parameter.type === "float") {
      field.type = "number";
      field.step = parameter.type === "int" ? "1" : "any";
    }
    if (parameter.default !== null && parameter.default !== undefined) field.value = parameter.default;
    else field.required = parameter.required ?? false;
  }
}

function address(extra = {}) {
  const given = new URLSearchParams(extra);
  for (const field of $("fields").querySelectorAll("[name]")) {
    if (field.value !== "") given.set(field.name, field.value);
  }
  return `v1/queries/${encodeURIComponent($("query").value)}?${given}`;
}

async function run() {
  const answer = await ask(address());
  const query = queries.find((one) => one.name === answer.name);
  const more = answer.truncated ? ", more are not shown" : "";
  $("count").textContent = `${answer.num_rows.toLocaleString()} rows${more}`;
  const table = document.createElement("table");
  const head = make("tr", undefined, make("thead", undefined, table));
  for (const column of query.columns) make("th", column, head).scope = "col";
  const body = make("tbody", undefined, table);
  for (const row of answer.rows) {
    const line = make("tr", undefined, body);
    for (const column of query.columns) {
      const value = row[column];
      const cell = make("td", shown(value), line);
      if (typeof value === "number") cell.className = "number";
    }
  }
  $("rows").replaceChildren(table);
}

function shown(value) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(4)));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

async function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await ask(address({ format: "csv" }), "text/csv"));
  link.download = `${$("query").value}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function suggest() {
  const kind = $("kind").value;
  $("target-label").hidden = kind === "all";
  if (kind === "all") return;
  const q = encodeURIComponent($("target").value.slice(0, 200));
  const found = kind === "role" ? (await ask("v1/roles")).roles : (await ask(`v1/courses?limit=50&q=${q}`)).courses;
  $("targets").replaceChildren();
  for (const one of found) {
    const option = make("option", one.name ?? one.title ?? "", $("targets"));
    option.value = one.role_id ?? one.course_id;
  }
  if (kind === "role" && !$("target").value && found.length) $("target").value = found[0].role_id;
}

async function draw() {
  const kind = $("kind").value;
  const given = kind === "all" ? "" : `?${kind}=${encodeURIComponent($("target").value)}`;
  const graph = await ask(`v1/curriculum/graph${given}`);
  colourLegend();
  const cut = graph.truncated ? `, the first of ${graph.total.toLocaleString()}` : "";
  $("graph-note").dataset.nodes = graph.nodes.length;
  $("goto").replaceChildren(make("option", `${graph.nodes.length} courses${cut}`));
  $("goto").firstChild.value = "";
  for (const node of graph.nodes) make("option", node.title, $("goto")).value = node.course_id;
  drawGraph($("graph"), graph, $("colour").value, showCard);
}

function colourLegend() {
  const colour = $("colour").value;
  document.querySelector(".bar").className = `bar ${colour}`;
  $("legend-text").textContent =
    colour === "dropout" ? "dropout rate, 0 to 1" : "coverage: share of the needed skills taught, 0 to 1";
}

function showCard(node) {
  const card = $("card");
  card.replaceChildren();
  make("h3", node.title, card);
  const list = make("dl", undefined, card);
  const told = {
    Id: node.course_id, Level: node.level, Hours: node.hours, Language: node.language,
    Provider: node.provider, Learners: node.learners, Dropout: node.dropout, Coverage: node.coverage,
    Teaches: node.teaches.join(", "), Requires: node.requires.join(", "),
    Hidden: node.hidden ? "yes" : null, "In a cycle": node.in_cycle ? "yes" : null,
  };
  for (const [name, value] of Object.entries(told)) {
    if (value === null || value === "") continue;
    make("dt", name, list);
    make("dd", shown(value), list);
  }
  if (node.description) make("p", node.description, card);
  const close = make("button", "Close", card);
  close.addEventListener("click", () => { card.hidden = true; $("graph").focus(); });
  card.hidden = false;
}

async function start() {
  queries = await ask("v1/queries");
  $("key-form").hidden = true;
  listQueries();
  const given = new URLSearchParams(location.hash.slice(1));
  if (given.has("query")) $("query").value = given.get("query");
  showForm();
  for (const field of $("fields").querySelectorAll("[name]")) {
    if (given.has(field.name)) field.value = given.get(field.name);
  }
  for (const kind of ["role", "course", "all"]) {
    if (given.has(kind)) [$("kind").value, $("target").value] = [kind, given.get(kind)];
  }
  if (given.has("colour")) $("colour").value = given.get("colour");
  await suggest();
  if ($("target").value || $("kind").value === "all") await draw();
  if (given.has("card")) focusCourse(given.get("card"));
  if (given.has("query")) await run();
}

const submits = { "query-form": run, "graph-form": draw, "key-form": async () => {
  sessionStorage.setItem(KEY, $("key").value.trim());
  await start();
} };
for (const [id, work] of Object.entries(submits)) {
  $(id).addEventListener("submit", (event) => { event.preventDefault(); attempt(work); });
}
$("query").addEventListener("change", showForm);
$("csv").addEventListener("click", () => attempt(download));
$("kind").addEventListener("change", () => { $("target").value = ""; attempt(suggest); });
$("target").addEventListener("input", () => $("kind").value === "course" && attempt(suggest));
$("colour").addEventListener("change", () => { colourLegend(); recolour($("colour").value); });
$("goto").addEventListener("change", () => $("goto").value && focusCourse($("goto").value));
attempt(start);

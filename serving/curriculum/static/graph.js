// The prerequisite graph: layers from top (what comes first) to bottom, by pointer or keyboard.
const SCALES = {
  dropout: [[44, 123, 182], [255, 255, 191], [215, 25, 28]],
  coverage: [[247, 252, 245], [116, 196, 118], [0, 68, 27]],
};
const MANY = 300;
let cy = null;
let show = () => {};

function mix(value, scale) {
  if (value === null || value === undefined) return "#c3c8ce";
  const place = Math.min(Math.max(value, 0), 1) * (scale.length - 1);
  const low = Math.min(Math.floor(place), scale.length - 2);
  const rgb = scale[low].map((part, i) => Math.round(part + (scale[low + 1][i] - part) * (place - low)));
  return `rgb(${rgb.join(",")})`;
}

function ink(fill) {
  const [r, g, b] = (fill.match(/\d+/g) ?? [200, 200, 200]).map(Number);
  return fill.startsWith("#") || 0.3 * r + 0.59 * g + 0.11 * b > 140 ? "#111" : "#fff";
}

const STYLE = [
  { selector: "node", style: {
    shape: "round-rectangle", width: 130, height: 44, label: "data(label)", "font-size": 12,
    "text-wrap": "wrap", "text-max-width": 120, "text-valign": "center", "border-width": 1,
    "border-color": "#667", "background-color": "data(fill)", color: "data(ink)", "min-zoomed-font-size": 7 } },
  { selector: "node[?target]", style: { "border-width": 4, "border-color": "#06567a" } },
  { selector: "node[?in_cycle]", style: { "border-width": 3, "border-color": "#d1001f" } },
  { selector: "node:selected", style: { "border-width": 5, "border-color": "#111" } },
  { selector: "edge", style: {
    width: 1.5, "line-color": "#889", "target-arrow-color": "#889", "target-arrow-shape": "triangle", "curve-style": "bezier" } },
  { selector: "edge[?many]", style: { "curve-style": "straight" } },
  { selector: "edge[?choice]", style: { "line-style": "dashed" } },
  { selector: "edge[?in_cycle]", style: { width: 4, "line-color": "#d1001f", "target-arrow-color": "#d1001f" } },
];

function painted(node, colour) {
  const fill = mix(node[colour], SCALES[colour]);
  return { fill, ink: ink(fill) };
}

function elements(graph, colour, many) {
  const nodes = graph.nodes.map((node) => ({
    data: { ...painted(node, colour), id: `c ${node.course_id}`, label: short(node.title), target: node.is_target, in_cycle: node.in_cycle, node } }));
  const edges = graph.edges.map((edge, n) => ({
    data: { id: `edge ${n}`, source: `c ${edge.requires}`, target: `c ${edge.course_id}`, choice: edge.is_choice, in_cycle: edge.in_cycle,
      many: many && !edge.in_cycle } }));
  return [...nodes, ...edges];
}

function short(title) {
  return title.length > 44 ? `${title.slice(0, 43)}…` : title;
}

export function drawGraph(container, graph, colour, showCard) {
  const many = graph.nodes.length > MANY;
  show = showCard;
  if (cy) cy.destroy();
  cy = window.cytoscape({
    container, elements: elements(graph, colour, many), style: STYLE, minZoom: 0.02, maxZoom: 4, boxSelectionEnabled: false,
    autoungrabify: true, textureOnViewport: many, hideEdgesOnViewport: many, pixelRatio: many ? 1 : "auto",
    layout: { name: "dagre", rankDir: "TB", nodeSep: 24, rankSep: Math.max(60, Math.min(600, 3 * graph.nodes.length)), ranker: many ? "longest-path" : "network-simplex" },
  });
  cy.on("tap", "node", (event) => choose(event.target, true));
  container.onkeydown = onKey;
  container.dataset.drawn = `${cy.nodes().length} nodes, ${cy.edges("[?in_cycle]").length} red`;
}

export function recolour(colour) {
  if (!cy) return;
  cy.batch(() => cy.nodes().forEach((node) => node.data(painted(node.data("node"), colour))));
}

export function focusCourse(id) {
  const node = cy && cy.getElementById(`c ${id}`);
  if (node && node.length) choose(node, true);
}

function choose(node, withCard) {
  cy.elements().unselect();
  node.select();
  const box = node.renderedBoundingBox();
  const outside = box.x1 < 0 || box.y1 < 0 || box.x2 > cy.width() || box.y2 > cy.height();
  if (cy.zoom() < 0.5) cy.zoom({ level: 0.8, position: node.position() });
  if (outside || cy.zoom() < 0.5) cy.center(node);
  if (withCard) show(node.data("node"));
}

function neighbour(node, key) {
  if (key === "ArrowUp") return node.incomers("node");
  if (key === "ArrowDown") return node.outgoers("node");
  const { x, y } = node.position();
  const right = key === "ArrowRight";
  return cy.nodes().filter((one) => Math.abs(one.position().y - y) < 30 && (right ? one.position().x > x : one.position().x < x))
    .sort((a, b) => (right ? 1 : -1) * (a.position().x - b.position().x));
}

function onKey(event) {
  const zooms = { "+": 1.3, "=": 1.3, "-": 1 / 1.3 };
  const centre = { x: cy.width() / 2, y: cy.height() / 2 };
  const chosen = cy.nodes(":selected").first();
  if (event.key in zooms) cy.zoom({ level: cy.zoom() * zooms[event.key], renderedPosition: centre });
  else if (event.key === "0") cy.fit(undefined, 20);
  else if (event.key === "Enter" && chosen.length) show(chosen.data("node"));
  else if (event.key.startsWith("Arrow")) {
    const next = chosen.length ? neighbour(chosen, event.key).first() : cy.nodes().roots().first();
    const found = next.length || chosen.length ? next : cy.nodes().first();
    if (found.length) choose(found, false);
  } else return;
  event.preventDefault();
}

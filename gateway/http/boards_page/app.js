// The page of key figures: asks for them every few seconds, and for how they went every few minutes.

import { ageSeconds, inWords } from "/page/ages.js";
import { element, setText } from "/page/nodes.js";
import { SessionView } from "/page/session.js";
import { SPANS, SPARK, get, series } from "./ask.js";
import { LineChart } from "./chart.js";
import { DetailView, why } from "./detail.js";
import { newest } from "./scale.js";
import { StoresView } from "./stores.js";
import { TilesView, VerdictView } from "./tiles.js";
import { tagText } from "./words.js";

const POLL_MS = 10_000; // the gateway writes every ten seconds
const LINES_MS = 300_000; // and rows of five minutes
const OLD_S = 60; // figures of so long ago are said to stand still
const SPARKS_SITES = 3; // lines of more stores are too much to ask for
const LINKS = { live: "Live", connecting: "Connecting", down: "No connection" };
const LEVELS_SHARE = { look: 0.95, act: 0.9, more: true };

const $ = (id) => document.getElementById(id);
const session = new SessionView($("sign-in"), $("sign-out"), () => begin());
const tiles = new TilesView($("groups"), (id) => go({ figure: id }));
const verdict = new VerdictView($("verdict-text"), $("todo"), (id) => go({ figure: id }));
const stores = new StoresView($("stores"), $("stores-list"), $("stores-more"));
const detail = new DetailView($("detail"), (id) => {
  if (named().figure === id) go({ figure: "" });
  tiles.focus(id);
});

const UNITS = [["on_hand", "in the store"], ["sellable", "sellable"], ["promised", "can be promised"], ["held", "held"]];
const CHARTS = [
  { title: "Floor availability", levels: LEVELS_SHARE, asks: (site) => [site ? { measurement: "floor", field: "availability", by: "department" } : { measurement: "site", field: "floor_availability", by: "site" }] },
  { title: "Tasks that wait", levels: null, asks: (site) => [site ? { measurement: "backlog", field: "open", by: "task" } : { measurement: "site", field: "tasks_waiting", by: "site" }] },
  {
    title: "Units", of_all: "Units that can be promised", levels: null,
    asks: (site) => site ? UNITS.map(([field, name]) => ({ measurement: "site", field, name })) : [{ measurement: "site", field: "promised", by: "site" }],
  },
].map((chart) => ({ ...chart, view: new LineChart(chart.title) }));

let board = null;
let span = SPANS[1];
let asked = 0; // questions for figures, the newest
let drawn = 0; // questions for lines, the newest
let sites = []; // of the newest answer that was for all stores, or for one

function named() {
  const found = new URLSearchParams(location.hash.slice(1));
  return { site: found.get("site") ?? "", figure: found.get("figure") ?? "" };
}

function go(change) {
  const next = Object.entries({ ...named(), ...change }).filter(([, value]) => value !== "");
  location.hash = new URLSearchParams(next).toString();
}

function showLink(state) {
  document.body.dataset.link = state;
  $("link").dataset.state = state;
  setText($("link-text"), LINKS[state]);
}

function notice(text) {
  setText($("notice"), text);
  $("notice").hidden = text === "";
}

function nameOf(site) {
  const found = sites.find((one) => one.site === site);
  return found === undefined ? site : found.name || found.site;
}

function showAge() {
  const age = board === null ? NaN : ageSeconds(board.as_of);
  setText($("asof"), board === null ? "" : Number.isFinite(age) ? `as of ${inWords(age) === "now" ? "now" : `${inWords(age)} ago`}` : "");
  const old = board !== null && !(age < OLD_S);
  $("asof").dataset.old = String(old);
  document.body.dataset.old = String(old);
  if (document.body.dataset.link === "live") notice(!old ? "" : board.as_of === null ? "No figures yet: the gateway writes the first within a minute." : `The figures stand still since ${inWords(age)}: the gateway does not write them.`);
}

function showSites() {
  const picker = $("site");
  const options = [["", "All stores"], ...sites.map((site) => [site.site, site.name || site.site])];
  const wanted = JSON.stringify(options);
  if (picker.dataset.sites !== wanted) {
    picker.dataset.sites = wanted;
    picker.replaceChildren(...(sites.length === 1 ? options.slice(1) : options).map(([value, text]) => element("option", "", { value }, text)));
  }
  picker.value = board.site;
  const site = encodeURIComponent(board.site);
  $("to-stock").href = site ? `/#site=${site}` : "/";
  $("to-screen").href = site ? `/store/${site}` : "/store";
}

function show() {
  $("board").hidden = false;
  const name = board.site ? nameOf(board.site) : "All stores";
  setText($("site-name"), name);
  document.title = `${name}: key figures · Last Unit`;
  showSites();
  verdict.show(board);
  stores.show(board, board.site);
  tiles.show(board);
  showAge();
  if (detail.figure !== null) detail.show(board.figures.find((figure) => figure.id === detail.figure.id) ?? detail.figure);
}

/** Ask for the figures of the store that the address names. */
async function load() {
  const turn = (asked += 1);
  const { site } = named();
  try {
    if (sites.length === 0) sites = (await get("/v1/sites")).sites;
    const one = site || (sites.length === 1 ? sites[0].site : "");
    if (sites.length === 0) {
      notice("No store yet: the gateway knows a store as soon as its site file is loaded.");
      showLink("live");
      return;
    }
    if (one && !sites.some((found) => found.site === one)) sites = (await get("/v1/sites")).sites;
    const told = await get("/v1/figures", one ? { site: one } : {});
    if (turn !== asked) return;
    const moved = board === null || board.site !== one;
    board = { ...told, site: one };
    if (!one) sites = told.sites;
    showLink("live");
    show();
    if (moved) lines();
    detailOf();
  } catch (error) {
    if (turn !== asked) return;
    refused(error, site);
  }
}

function refused(error, site) {
  if (error.status === 401) {
    session.ask();
    $("board").hidden = true;
    notice("");
    return;
  }
  if (error.status === 404 && site && error.code === "unknown-site") {
    go({ site: "", figure: "" });
    return;
  }
  showLink(error.status === 0 ? "down" : "live");
  const known = board === null ? "" : " You see how it was then.";
  if (error.status === 403) notice("This key may not see key figures: they need the scope staff:read.");
  else if (error.status === 404) notice("This gateway writes no key figures.");
  else notice(`The gateway does not answer.${known}`);
}

/** Ask how everything went: the charts, and the small lines of the tiles where that is not too much. */
async function lines() {
  const turn = (drawn += 1);
  const { site, figures } = board;
  const few = site !== "" || board.sites.length <= SPARKS_SITES;
  $("groups").dataset.lines = String(few);
  await Promise.all([
    ...CHARTS.map((chart) => chartOf(chart, site, turn)),
    ...figures.map(async (figure) => {
      const told = few ? await series(figure.line, SPARK, site).catch(() => null) : null;
      if (turn === drawn) tiles.draw(figure, told?.lines[0]?.values ?? []);
    }),
  ]);
}

async function chartOf(chart, site, turn) {
  try {
    const told = await Promise.all(chart.asks(site).map(async ({ name, ...question }) => ({ name, ...(await series(question, span, site)) })));
    if (turn !== drawn) return;
    const all = told.flatMap((one) => one.lines.map(({ tags, values }) => {
      const text = tags.site === undefined ? Object.values(tags).map(tagText).join(", ") : nameOf(tags.site);
      return { name: one.name ?? text, values, newest: newest(values) };
    }));
    if (chart.levels !== null) all.sort((a, b) => (a.newest ?? 2) - (b.newest ?? 2));
    else if (told.length === 1) all.sort((a, b) => (b.newest ?? -1) - (a.newest ?? -1));
    chart.view.name(site ? chart.title : chart.of_all ?? chart.title);
    chart.view.draw({ ...told[0], lines: all, levels: chart.levels });
  } catch (error) {
    if (turn === drawn) chart.view.draw(null, why(error));
  }
}

/** Open or close the figure that the address names. */
function detailOf() {
  const figure = board.figures.find((one) => one.id === named().figure);
  if (figure === undefined) $("detail").close();
  else if (detail.figure?.id !== figure.id || detail.site !== board.site) detail.open(figure, board.site, board.site ? nameOf(board.site) : "All stores");
}

function wire() {
  for (const one of SPANS) {
    const button = element("button", "", { type: "button", "aria-pressed": String(one === span) }, one.text);
    button.addEventListener("click", () => {
      span = one;
      for (const other of $("spans").children) other.setAttribute("aria-pressed", String(other === button));
      if (board !== null) lines();
    });
    $("spans").append(button);
  }
  $("charts").append(...CHARTS.map((chart) => chart.view.node));
  $("site").addEventListener("change", (event) => go({ site: event.target.value, figure: "" }));
  addEventListener("hashchange", () => {
    if (board === null || named().site !== board.site && !(named().site === "" && sites.length === 1)) load();
    else detailOf();
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address says which store is shown
    $("verdict").focus();
  });
  const awake = () => !document.hidden && document.body.dataset.session !== "none";
  setInterval(() => awake() && load(), POLL_MS);
  setInterval(() => awake() && board !== null && lines(), LINES_MS);
  setInterval(showAge, 1_000);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (board !== null && width !== innerWidth) for (const { view, levels } of CHARTS) if (view.asked) view.draw({ ...view.asked, levels });
    width = innerWidth;
  });
  document.addEventListener("visibilitychange", () => awake() && board !== null && load());
}

/** Find out who is looking, then load; later again while nobody answers. */
async function begin() {
  try {
    if (await session.begin()) await load();
  } catch {
    showLink("down");
    notice("The gateway does not answer.");
    setTimeout(begin, POLL_MS / 2);
  }
}

wire();
begin();

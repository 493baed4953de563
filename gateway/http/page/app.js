// The live page: loads a site's stock once, then follows its changes. All numbers come from the API that anybody can use.

import { ageSeconds, inWords, learnClock } from "./ages.js";
import { FeedView } from "./feed.js";
import { Live } from "./live.js";
import { MatrixView } from "./matrix.js";
import { counted, element, setText } from "./nodes.js";
import { SessionView } from "./session.js";
import { Stock } from "./stock.js";
import { ZonesView } from "./zones.js";

const SITES_EVERY_MS = 4000; // the age of the numbers and the state of the zones, also when nothing moves
const FEED_FIRST = 30;
const OLD_S = 15; // above it the age stands out: the promise is two seconds
const FILTERS = [["", "All"], ["refill", "To refill"], ["last", "Last units"], ["out", "Out"]];
const EMPTY = {
  "": "Nothing fits this search.", refill: "No size is to be refilled.", last: "No size is down to its last unit.", out: "No size is out of stock.",
};
const LINKS = { live: "Live", connecting: "Reconnecting", down: "No connection" };

const $ = (id) => document.getElementById(id);
const matrix = new MatrixView($("matrix"));
const zones = new ZonesView($("zones"));
const feed = new FeedView($("feed"));
const live = new Live({ stock: onStock, zone: onZone, state: showLink, reload: () => load() });

const session = new SessionView($("sign-in"), $("sign-out"), () => load());

let stock = null;
let sites = [];
let filter = "";
let loading = 0;
let redraw = 0;
let unknown = 0;
let elsewhere = ""; // said until another store is chosen: the address named a store that is not here
const uncatalogued = new Set(); // GTINs that no catalogue names: their events are none of this page's business

async function get(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  learnClock(response);
  const answer = await response.json();
  if (response.status === 401) session.ask();
  if (!response.ok) throw new Error(answer.detail ?? response.statusText);
  return answer;
}

/** Whether the page waits for a key: then nothing is asked for, and what was shown is hidden. */
function signedOut() {
  if (document.body.dataset.session !== "none") return false;
  live.close();
  showNotice("");
  return true;
}

function showLink(state) {
  $("link").dataset.state = state;
  setText($("link-text"), LINKS[state]);
}

function showNotice(text) {
  setText($("notice"), text);
  $("notice").hidden = text === "";
}

/** The site that the address names; null when it names none. */
function named() {
  return new URLSearchParams(location.hash.slice(1)).get("site");
}

/** The site named in the address, else the first. */
function chosen() {
  return sites.find((site) => site.site === named()) ?? sites[0];
}

/** Put the address right when it names a store that is not here. Returns what to say. */
function mendAddress(site) {
  const asked = named();
  if (asked === null || asked === site.site) return "";
  history.replaceState(null, "", `#${new URLSearchParams({ site: site.site })}`);
  return `There is no store “${asked}” here: this is ${site.name || site.site}.`;
}

function showSites() {
  const picker = $("site");
  const wanted = sites.map((site) => `${site.site}\n${site.name}`).join("\n\n");
  if (picker.dataset.sites !== wanted) {
    picker.replaceChildren(...sites.map((site) => element("option", "", { value: site.site }, site.name || site.site)));
    picker.dataset.sites = wanted;
  }
  const site = chosen();
  if (site !== undefined) picker.value = site.site;
}

/** Load the chosen site, draw it, and follow it from its cursor on. */
async function load() {
  const turn = (loading += 1);
  try {
    sites = (await get("/v1/sites")).sites;
    showSites();
    const site = chosen();
    if (site === undefined) {
      showNotice("No store yet: the gateway knows a store as soon as its site file is loaded.");
      live.retry();
      return;
    }
    const path = `/v1/sites/${encodeURIComponent(site.site)}`;
    const moves = session.staff ? get(`${path}/movements?limit=${FEED_FIRST}`) : { rows: [] }; // where items went is for staff
    const [answer, recent] = await Promise.all([get(`${path}/stock`), moves]);
    if (turn !== loading) return;
    elsewhere = mendAddress(site) || elsewhere;
    showNotice(elsewhere);
    draw(new Stock(answer), recent.rows);
    live.open(stock.site, stock.cursor);
  } catch (error) {
    if (turn !== loading || signedOut()) return;
    showLink("down");
    showNotice(stock === null ? `The gateway does not answer: ${error.message}` : elsewhere);
    live.retry();
  }
}

function draw(fresh, movements) {
  stock = fresh;
  for (const gtin of stock.cells.keys()) uncatalogued.delete(gtin);
  document.title = `${stock.name} · Last Unit`;
  setText($("site-name"), stock.name);
  matrix.draw(stock);
  zones.draw(stock);
  feed.reset(label, movements);
  applyFilter();
  summarise();
  showAge();
}

function label(gtin) {
  const cell = stock.cells.get(gtin);
  return cell === undefined ? null : [cell.title, cell.colour, cell.size].filter(Boolean).join(" ");
}

function onStock(event) {
  if (event.site !== stock.site) return;
  const cell = stock.apply(event);
  if (cell === undefined) {
    if (uncatalogued.has(event.gtin)) return;
    uncatalogued.add(event.gtin); // a SKU that came here for the first time: once it is quiet, load its row
    clearTimeout(unknown);
    unknown = setTimeout(load, 700);
    return;
  }
  if (cell === null) return;
  matrix.update(cell, true);
  feed.add(event.gtin, event.moves ?? []);
  stock.asOf = event.as_of > (stock.asOf ?? "") ? event.as_of : stock.asOf;
  schedule();
}

function onZone(event) {
  if (event.site !== stock.site) return;
  for (const cell of stock.applyZone(event.zone, { status: event.status, as_of: event.as_of })) matrix.update(cell, false);
  schedule();
}

/** Sums and tiles once a frame, however many events came. */
function schedule() {
  redraw ||= requestAnimationFrame(() => {
    redraw = 0;
    showAge();
    summarise();
    if (filter !== "") applyFilter();
  });
}

function summarise() {
  const counts = stock.states();
  setText($("sum"), `${counted(stock.total(), "unit")} · ${counted(stock.cells.size, "SKU")}`);
  for (const button of $("filters").children) {
    const state = button.dataset.state;
    setText(button.lastElementChild, String(state === "" ? stock.cells.size : counts[state]));
  }
}

function applyFilter() {
  const shown = matrix.filter($("search").value, filter);
  $("nothing").hidden = shown > 0;
  setText($("nothing"), whyEmpty($("search").value.trim() !== ""));
}

function whyEmpty(searching) {
  if (stock.cells.size === 0) return "No stock seen yet: counts appear with the first reads.";
  return searching ? EMPTY[""] : EMPTY[filter];
}

function showAge() {
  if (stock === null) return;
  const age = ageSeconds(stock.asOf);
  setText($("asof"), Number.isFinite(age) ? `as of ${inWords(age) === "now" ? "now" : `${inWords(age)} ago`}` : "never read");
  $("asof").dataset.old = String(!(age < OLD_S));
  feed.tick();
  zones.update();
}

/** The age of the numbers and the zones' states, asked for: they also change when no SKU does. */
async function refreshSites() {
  if (stock === null || document.hidden || signedOut()) return;
  try {
    sites = (await get("/v1/sites")).sites;
    showSites();
    const site = sites.find((found) => found.site === stock.site);
    if (site === undefined) return;
    if ((site.as_of ?? "") > (stock.asOf ?? "")) stock.asOf = site.as_of;
    for (const zone of site.zones) {
      for (const cell of stock.applyZone(zone.zone, { status: zone.status, as_of: zone.as_of })) matrix.update(cell, false);
    }
    showAge();
  } catch {
    showLink("down"); // the stream's own events put it right again
  }
}

function wire() {
  for (const [state, text] of FILTERS) {
    const button = element("button", "", { type: "button", "data-state": state, "aria-pressed": String(state === "") }, `${text} `, element("span", "count"));
    button.addEventListener("click", () => {
      filter = state;
      for (const other of $("filters").children) other.setAttribute("aria-pressed", String(other === button));
      applyFilter();
    });
    $("filters").append(button);
  }
  $("site").addEventListener("change", (event) => {
    location.hash = new URLSearchParams({ site: event.target.value }).toString();
  });
  addEventListener("hashchange", () => {
    elsewhere = "";
    if (stock === null || named() !== stock.site) load();
  });
  $("search").addEventListener("input", () => stock && applyFilter());
  addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      $("search").focus();
    }
  });
  $("pause").addEventListener("click", (event) => {
    feed.pause(!feed.paused);
    event.target.setAttribute("aria-pressed", String(feed.paused));
    setText(event.target, feed.paused ? "Resume" : "Pause");
  });
  setInterval(showAge, 1000);
  setInterval(refreshSites, SITES_EVERY_MS);
  addEventListener("pagehide", () => live.close());
  addEventListener("pageshow", (event) => event.persisted && load());
}

/** Find out who is looking, then load; later again while nobody answers. */
async function begin() {
  try {
    if (await session.begin()) await load();
  } catch (error) {
    showLink("down");
    showNotice(`The gateway does not answer: ${error.message}`);
    setTimeout(begin, SITES_EVERY_MS);
  }
}

wire();
begin();

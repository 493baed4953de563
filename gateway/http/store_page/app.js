// The store screen: who it is, what it follows, and which part hears what. Each part stands in a file of its own.

import { Acts } from "./acts.js";
import { AlertsView } from "./alerts.js";
import { Api } from "./api.js";
import { Board, titleOf } from "./board.js";
import { FindView } from "./find.js";
import { icon } from "./icons.js";
import { Link } from "./link.js";
import { NobodySent } from "./nobody.js";
import { setText, show } from "./nodes.js";
import { PairingView, deviceForm, storesView } from "./pairing.js";
import { Person } from "./person.js";
import { Say } from "./say.js";
import { isOpen, openSheet } from "./sheet.js";
import { SizesView } from "./sizes.js";
import { EventStream } from "./sse.js";
import { TaskList } from "./tasklist.js";
import { Views, WIDE } from "./views.js";
import { Wedge } from "./wedge.js";
import { KINDS, URGENCIES, counted, refusal, span, timeLeft, timeOfDay } from "./words.js";

const PULSE_MS = 5_000; // zones, and whether the gateway is there
const PULSE_TIMEOUT_MS = 4_000;
const ALARMS_EVERY = 2; // pulses
const TICK_MS = 1_000;
const SLOW_TICK = 10; // ticks: times left are in minutes
const BEGIN_AGAIN_MS = 3_000;
const LINKS = { live: "Live", connecting: "Connecting", down: "No connection" };

const $ = (id) => document.getElementById(id);
const site = decodeURIComponent(location.pathname.replace(/^\/store\/?/, ""));
const say = new Say($("said"), $("toast"));
const person = new Person();
const link = new Link(showLink);
const api = new Api({ heard: (ok) => link.heard(ok), unpaired: () => document.body.dataset.stage === "running" && unpaired("This device is not paired any more.") });

let me = null;
let running = null; // what a paired screen is made of

function stage(name) {
  document.body.dataset.stage = name;
  show($("pairing"), name === "pairing");
  show($("stores"), name === "stores");
  for (const id of ["views", "tabs", "menu"]) show($(id), name === "running");
}

function notice(text) {
  setText($("notice"), text);
  show($("notice"), text !== "");
}

// -- the connection

function showLink(state, last) {
  document.body.dataset.link = state;
  setText($("link-text"), LINKS[state]);
  showOffline(last);
  if (state === "live") say.quietly("Connected.");
}

/** Since when nothing is heard; what is shown is of then. */
function showOffline(last = link.last) {
  const offline = link.state === "down" && document.body.dataset.stage === "running" && last !== null;
  if (!offline) {
    show($("offline"), false);
    setText($("offline"), "");
    return;
  }
  const at = timeOfDay(new Date(last));
  $("offline").dataset.age = span((Date.now() - last) / 1000);
  setText($("offline"), `No connection since ${at}. You see how it was then. Nothing can be sent until it is back.`);
  show($("offline"), true);
}

// -- who

async function begin() {
  try {
    me = await api.get("/store/me");
  } catch (error) {
    if (error.status === 401) await unpaired("");
    else {
      notice(error.status === 0 ? "No connection to the gateway. Trying again …" : refusal(error));
      setTimeout(begin, BEGIN_AGAIN_MS);
    }
    return;
  }
  notice("");
  const own = me.site ?? site;
  if (site === "") {
    await withoutStore(own);
    return;
  }
  if (own !== site) {
    notice(`This device is paired with ${own}, not with ${site}. `);
    const go = document.createElement("a");
    go.href = `/store/${encodeURIComponent(own)}`;
    go.textContent = `Open ${own}`;
    $("notice").append(go);
    return;
  }
  person.device = me.name || "Screen";
  await run();
}

async function withoutStore(own) {
  if (own !== "") {
    location.replace(`/store/${encodeURIComponent(own)}`);
    return;
  }
  const { sites } = await api.get("/v1/sites");
  if (sites.length === 1) {
    location.replace(`/store/${encodeURIComponent(sites[0].site)}`);
    return;
  }
  storesView($("stores"), sites);
  stage("stores");
}

async function unpaired(words) {
  running?.stop();
  running = null;
  show($("offline"), false);
  if (site === "") {
    storesView($("stores"), []);
    stage("stores");
    return;
  }
  stage("pairing");
  setText($("site"), "Store screen");
  new PairingView($("pairing"), api, site, () => begin()).open(words);
}

// -- a paired screen

class Screen {
  constructor() {
    this.board = new Board({ changed: () => this.#drawSoon(), fresh: (tasks) => this.#fresh(tasks) });
    this.acts = new Acts({ api, board: this.board, person, say, link });
    this.refill = new TaskList($("view-refill"), {
      id: "refill", title: "Refill", kinds: ["refill"], acts: this.acts, empty: "Nothing to bring to the floor.",
      groupOf: (task) => [`d-${task.department}`, task.department || "No department"],
      count: (tasks) => `${counted(tasks.length, "size")}, ${counted(tasks.reduce((sum, task) => sum + task.quantity, 0), "unit")}`,
    });
    this.orders = new TaskList($("view-orders"), {
      id: "orders", title: "Orders", kinds: ["pick", "pack", "hand_over", "put_back", "find", "check"], acts: this.acts,
      empty: "No order waits.", groupOf: (task) => [task.urgency, new Map(URGENCIES).get(task.urgency) ?? "Later"],
      count: (tasks) => ["pick", "pack", "hand_over", "put_back", "find", "check"].map((kind) => [kind, tasks.filter((task) => task.kind === kind).length]).filter(([, n]) => n > 0).map(([kind, n]) => `${n} to ${KINDS[kind].toLowerCase()}`).join(", "),
    });
    this.alerts = new AlertsView($("view-alerts"), { api, site, say, link, person });
    this.alerts.changed = () => this.#badges();
    this.nobody = new NobodySent($("view-refill"), { api, site });
    this.sizes = new SizesView($("view-sizes"), { api, site, heard: () => {} });
    this.find = new FindView($("view-find"), {
      api, site, link, scanned: (text) => this.scan(text), goTo: (task) => this.goTo(task),
      wanting: (gtin, item) => this.board.wanting(gtin, item, (task) => this.acts.isMine(task)),
      words: async (text, most) => {
        if (this.sizes.stock === null) await this.sizes.load();
        return this.sizes.stock === null ? null : this.sizes.matching(text, most);
      },
    });
    this.views = new Views($("tabs"), $("views"), (shown, before, text) => this.#moved(shown, before, text));
    this.stream = new EventStream(() => `/v1/tasks/stream?site=${encodeURIComponent(site)}`, {
      open: () => this.board.begin(),
      event: (name, data) => this.board.take(name, JSON.parse(data)),
      heard: (ok) => {
        if (ok) link.heard(true);
        else {
          this.board.broke();
          this.pulse();
        }
      },
      refused: (status) => {
        if (status === 401) unpaired("This device is not paired any more.");
        return status !== 401;
      },
    });
    this.chosen = { refill: "", orders: "" };
    this.beats = 0;
    this.frame = 0;
    this.pulsing = false;
  }

  async start() {
    stage("running");
    this.views.draw();
    this.#draw();
    this.stream.open();
    this.timers = [setInterval(() => this.pulse(), PULSE_MS), setInterval(() => this.#tick(), TICK_MS)];
    await this.pulse();
  }

  stop() {
    for (const timer of this.timers ?? []) clearInterval(timer);
    this.stream.close();
    this.sizes.leave();
  }

  /** Ask for the zones; every second time for the alarms, too. The answer is also the proof that somebody is there. */
  async pulse() {
    if (this.pulsing) return;
    this.pulsing = true;
    try {
      const { sites } = await api.get("/v1/sites", PULSE_TIMEOUT_MS);
      const own = sites.find((found) => found.site === site);
      notice(own === undefined ? `The gateway knows no store ${site}.` : "");
      if (own !== undefined) {
        setText($("site"), own.name || own.site);
        document.title = `${own.name || own.site} · store screen`;
        this.alerts.putZones(own.zones);
      }
      if (this.beats % ALARMS_EVERY === 0) await this.#alarms();
      this.beats += 1;
      this.#badges();
    } catch {
      // `link` has been told; the next pulse asks again
    } finally {
      this.pulsing = false;
    }
  }

  async #alarms() {
    await this.nobody.load();
    if (this.noAlarms) return;
    try {
      const asked = (state) => api.get(`/v1/exceptions?${new URLSearchParams({ site, state, limit: "100" })}`, PULSE_TIMEOUT_MS);
      const [open, noted] = [await asked("open"), await asked("acknowledged")]; // many of the one must not hide the other
      this.alerts.putAlarms([...open.alarms, ...noted.alarms], open.open);
    } catch (error) {
      this.noAlarms = error.status === 404; // this gateway has none
      if (this.noAlarms) this.alerts.putAlarms(null);
    }
  }

  /** Something was scanned, on whatever view: it is ticked where it is wanted, else shown. */
  async scan(text) {
    if (isOpen()) {
      say.aloud("Not taken: answer the question first.");
      return;
    }
    if (!link.live) {
      say.aloud("Not looked up: there is no connection.");
      return;
    }
    let found = null;
    try {
      found = await this.find.ask(text);
    } catch (error) {
      say.aloud(refusal(error));
      return;
    }
    const item = found.item?.digital_link ?? "";
    const [task] = this.board.wanting(found.sku.gtin, item, (own) => this.acts.isMine(own));
    const list = task === undefined ? undefined : this.#listOf(task);
    const visible = list !== undefined && this.views.shown.includes(list === this.refill ? "refill" : "orders");
    if (task !== undefined && visible && !this.acts.isOther(task)) {
      const card = list.card(task.id);
      const news = item !== "" && task.kind === "pick" && card.scanned(item);
      this.#focus(card);
      say.shortly(`${KINDS[task.kind]}: ${titleOf(task)}${news ? ", in hand" : ""}`);
      return;
    }
    location.hash = `find=${encodeURIComponent(text)}`;
    if (this.views.name === "find") await this.find.show(text);
  }

  goTo(task) {
    const list = this.#listOf(task);
    location.hash = list === this.refill ? "refill" : "orders";
    requestAnimationFrame(() => requestAnimationFrame(() => list.card(task.id) && this.#focus(list.card(task.id))));
  }

  #listOf(task) {
    return task.kind === "refill" ? this.refill : this.orders;
  }

  #focus(card) {
    card.node.scrollIntoView({ block: "center" });
    card.node.querySelector("button.first")?.focus({ preventScroll: true });
    card.node.dataset.fresh = "";
    setTimeout(() => delete card.node.dataset.fresh, 4_000);
  }

  #fresh(tasks) {
    requestAnimationFrame(() => {
      for (const task of tasks) this.#listOf(task).flash(task.id);
    });
    if (tasks.length > 2) say.quietly(`${tasks.length} new tasks`);
    else say.quietly(tasks.map((task) => `New: ${KINDS[task.kind].toLowerCase()} ${titleOf(task)}, ${timeLeft(task.due_at)}`).join(". "));
  }

  #moved(shown, before, text) {
    if (shown.includes("sizes") && !before.includes("sizes")) this.sizes.enter();
    if (!shown.includes("sizes") && before.includes("sizes")) this.sizes.leave();
    if (shown.includes("find") && (text !== this.find.asked || text === "")) this.find.show(text);
    this.#badges();
  }

  #drawSoon() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const refills = this.board.inOrder(new Set(["refill"]));
    const departments = [...new Set(refills.map((task) => task.department).filter(Boolean))].sort();
    this.refill.choices(departments, this.chosen.refill, (value) => this.#choose("refill", value));
    this.orders.choices([], this.chosen.orders, (value) => this.#choose("orders", value));
    this.refill.draw(this.board);
    this.orders.draw(this.board);
    this.#badges();
  }

  #choose(list, value) {
    this.chosen[list] = value;
    this.#draw();
  }

  #badges() {
    const { refill, orders, alerts, views } = this;
    views.badge("refill", refill.total ?? 0, refill.late ?? 0);
    views.badge("orders", orders.total ?? 0, orders.late ?? 0);
    views.badge("alerts", alerts.count);
    views.badge("board", (refill.total ?? 0) + (orders.total ?? 0), (refill.late ?? 0) + (orders.late ?? 0));
    setText(alerts.sum, alerts.count > 0 ? `${alerts.count} to look at` : "");
  }

  #tick() {
    this.ticks = (this.ticks ?? 0) + 1;
    if (link.tick()) showOffline();
    if (this.ticks % SLOW_TICK !== 0) return;
    this.refill.tick();
    this.orders.tick();
  }
}

async function run() {
  running?.stop();
  running = new Screen();
  await running.start();
}

// -- the frame

$("menu").append(icon("person"));
$("menu").addEventListener("click", () => {
  const sheet = openSheet(person.device, ...deviceForm({
    person, paired: me.needed !== false,
    renamed: (name) => {
      person.name = name;
      sheet.close();
      say.shortly(person.name ? `Hello ${person.name}.` : "No name.");
    },
    unpair: () => api.post("/store/unpair", {}).then(() => {
      sheet.close();
      unpaired("This device is unpaired.");
    }, (error) => say.aloud(refusal(error))),
  }));
});
$("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address says which view is shown
  $("main").focus();
});
new Wedge((text) => running?.scan(text));
addEventListener("offline", () => running !== null && link.heard(false));
addEventListener("online", () => running?.pulse());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && running?.pulse());
/** A wall screen stays lit where the browser allows it; a phone goes dark as its owner likes. */
async function stayLit() {
  if (document.visibilityState !== "visible" || !matchMedia(WIDE).matches) return;
  try {
    await navigator.wakeLock?.request("screen");
  } catch {
    // it goes dark, as it would have
  }
}

document.addEventListener("visibilitychange", stayLit);
stayLit();
addEventListener("pagehide", () => running?.stop());
addEventListener("pageshow", (event) => event.persisted && begin());
begin();

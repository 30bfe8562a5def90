/* Live mode: asks every two seconds for the lines above those that are shown, and adds them. It is
   off until it is switched on.

   It must never move what is being read: lines are put in at once only while the page stands at
   its beginning and nothing in the table is in use; otherwise a bar offers them. */

(() => {
  "use strict";

  const EVERY_MS = 2000;
  const MOST_ROWS = 2000;
  const button = document.getElementById("live");
  const table = document.getElementById("events");
  if (!button || !table || !window.htmx) return;

  const body = table.tBodies[0];
  const bar = document.getElementById("live-bar");
  const show = document.getElementById("live-show");
  const status = document.getElementById("live-status");
  const alarm = document.getElementById("live-alarm");
  const newest = button.dataset.order === "newest";
  const staging = document.createElement("div");
  staging.hidden = true;
  document.body.append(staging);

  let reached = Number(button.dataset.reached);
  let waiting = []; /* rows that came and are not shown yet, in the order of the listing */
  let added = 0;
  let timer = 0;
  let running = false;
  let asking = false;
  let failed = false;
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    staging.addEventListener(name, () => {
      failed = true;
    });
  }

  const events = (rows) => rows.filter((row) => !row.classList.contains("gap")).length;
  const count = (number) => `${number.toLocaleString("en")} new event${number === 1 ? "" : "s"}`;
  const say = (text) => {
    if (status.textContent !== text) status.textContent = text;
  };

  const reading = () => {
    if (table.contains(document.activeElement)) return true;
    const selection = getSelection();
    if (!selection.isCollapsed && table.contains(selection.anchorNode)) return true;
    return newest ? scrollY > 0 : body.getBoundingClientRect().bottom < 0;
  };

  const insert = () => {
    const rows = waiting.filter((row) => !document.getElementById(row.id));
    waiting = [];
    bar.hidden = true;
    if (rows.length === 0) return;
    for (const row of rows) row.classList.add("fresh");
    if (newest) body.prepend(...rows);
    else body.append(...rows);
    if (events(rows) > 0) document.getElementById("nothing")?.remove();
    body.dispatchEvent(new CustomEvent("portal:added", { bubbles: true }));
    added += rows.length;
  };

  const offer = () => {
    const number = events(waiting);
    show.textContent = number === 0 ? "Show what is new" : `Show ${count(number)}`;
    bar.hidden = false;
  };

  const stop = (text) => {
    running = false;
    clearTimeout(timer);
    button.setAttribute("aria-pressed", "false");
    say(text);
  };

  /* The page's banner says how the ledger stands; it is changed only when that has changed. */
  const carryBanner = (answer) => {
    const here = document.querySelector("body > .banner");
    const there = answer.querySelector(".banner");
    if ((here?.textContent ?? "") === (there?.textContent ?? "")) return;
    here?.remove();
    if (there) document.getElementById("content").before(there);
    document.dispatchEvent(new CustomEvent("portal:standing"));
  };

  const take = (answer) => {
    if (!answer) {
      stop("Live mode has stopped: the portal wants you to sign in again, or refused. Load the page anew.");
      return false;
    }
    carryBanner(answer);
    alarm.textContent = answer.dataset.regressed ?? "";
    const rows = [...answer.querySelectorAll("tbody tr")];
    reached = Math.max(reached, Number(answer.dataset.reached));
    waiting = newest ? [...rows, ...waiting] : [...waiting, ...rows];
    if (waiting.length > 0) {
      const number = events(waiting);
      if (reading()) {
        offer();
        say(`Live: ${count(number)} to show.`);
      } else {
        insert();
        say(`Live: ${count(number)} added.`);
      }
    }
    if (added + waiting.length > MOST_ROWS) {
      stop("Live mode has stopped: the page has grown long. Load it anew to go on.");
      return false;
    }
    return "more" in answer.dataset;
  };

  const ask = async () => {
    if (document.hidden) return false;
    failed = false;
    try {
      await htmx.ajax("GET", `${button.dataset.from}&after=${reached}`, { source: staging, target: staging, swap: "innerHTML" });
    } catch {
      failed = true;
    }
    if (failed && running) say("Live: the portal does not answer; trying again.");
    const answer = staging.querySelector("#live-answer");
    staging.replaceChildren(); /* taken or not: its rows must not stand in the document twice */
    return failed || !running ? false : take(answer);
  };

  /* One question at a time: switched off and on again while one is under way, its answer is waited
     for, because a second question would find the place of the first one's answer empty. */
  const turn = async () => {
    if (asking) return;
    asking = true;
    const more = await ask();
    asking = false;
    if (running) timer = setTimeout(turn, more ? 0 : EVERY_MS);
  };

  button.hidden = false;
  button.addEventListener("click", () => {
    if (running) {
      stop("Live mode is paused.");
      return;
    }
    running = true;
    button.setAttribute("aria-pressed", "true");
    say("Live: waiting for new events.");
    turn();
  });
  show.addEventListener("click", () => {
    const number = events(waiting);
    const first = waiting[newest ? 0 : waiting.length - 1];
    insert();
    say(`Live: ${count(number)} added.`);
    (newest ? document.getElementById("content") : first)?.scrollIntoView({ block: newest ? "start" : "end" });
    if (newest) scrollTo(0, 0);
    first?.querySelector("a")?.focus({ preventScroll: true });
  });
})();

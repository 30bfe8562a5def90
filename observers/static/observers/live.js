/* Live mode: polls every two seconds for new lines and adds them. It is off until switched on.

   Invariant: lines are inserted immediately only while the page is scrolled to its start and
   nothing in the table has the focus or a selection; otherwise a bar offers them. */

(() => {
  "use strict";

  const EVERY_MS = 2000;
  const MOST_ROWS = 2000;
  const button = document.getElementById("live");
  const table = document.getElementById("events");
  if (!button || !table) return;

  const body = table.tBodies[0];
  const bar = document.getElementById("live-bar");
  const show = document.getElementById("live-show");
  const status = document.getElementById("live-status");
  const alarm = document.getElementById("live-alarm");
  const newest = button.dataset.order === "newest";

  let reached = Number(button.dataset.reached);
  let waiting = []; /* rows received but not shown yet, in the order of the list */
  let added = 0;
  let timer = 0;
  let running = false;
  let asking = false;

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
    show.textContent = number === 0 ? "Show new lines" : `Show ${count(number)}`;
    bar.hidden = false;
  };

  const stop = (text) => {
    running = false;
    clearTimeout(timer);
    button.setAttribute("aria-pressed", "false");
    say(text);
  };

  /* The status banner is replaced only when its text has changed. */
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
      stop("Live mode has stopped: you need to sign in again. Reload the page.");
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
      stop("Live mode has stopped: the page has grown too long. Reload the page to continue.");
      return false;
    }
    return "more" in answer.dataset;
  };

  const ask = async () => {
    if (document.hidden) return false;
    let page;
    try {
      const response = await fetch(`${button.dataset.from}&after=${reached}`, {
        headers: { Accept: "text/html" },
        credentials: "same-origin",
        cache: "no-store",
      });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      page = new DOMParser().parseFromString(await response.text(), "text/html");
    } catch {
      if (running) say("Live: the portal does not answer; trying again.");
      return false;
    }
    return running ? take(page.getElementById("live-answer")) : false;
  };

  /* One request at a time, also when live mode is switched off and on while one is pending: two
     requests would return the same rows. */
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

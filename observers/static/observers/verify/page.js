/* Checks an event in the reader's browser and shows the results beside the server's.

   Invariant: no result is taken from the server, and every disagreement is shown as an alert. */

import { canonical } from "./canonical.js";
import { CHECKS, checkEvent, erasedBy } from "./checks.js";
import { parse } from "./json.js";

const WORDS = { passed: "passed", failed: "failed", unmade: "not made" };

const place = document.getElementById("verify");
const button = document.getElementById("verify-button");
const outcome = document.getElementById("verify-outcome");

if (place) {
  place.hidden = false;
  button.addEventListener("click", run);
}

async function run() {
  button.disabled = true;
  tell("", "Fetching the event and the keys …");
  try {
    await check();
  } catch (error) {
    tell("failed", `The check could not be made: ${error.message}`, "Not checked.");
  } finally {
    button.disabled = false;
    button.textContent = "Check again";
  }
}

async function check() {
  const answer = await get(place.dataset.event);
  if (answer.problem === "unreadable-event") {
    show(unreadable(answer.detail));
    return;
  }
  const event = required(answer);
  const surroundings = {
    sequence: BigInt(document.getElementById("event").dataset.sequence),
    ...(await before()),
    erasure: await erasure(event),
    keys: required(await get(place.dataset.keys)),
    head: required(await get(place.dataset.head)),
  };
  const verdicts = await checkEvent(event, surroundings, globalThis.crypto?.subtle);
  show(verdicts, differences(event));
}

/** The event before: null when it is missing, undefined when it cannot be read. */
async function before() {
  if (!place.dataset.previous) return { previous: undefined };
  const answer = await get(place.dataset.previous);
  if (answer.problem === "unreadable-event") return { previous: undefined };
  if (answer.problem !== "not-found") return { previous: required(answer) };
  const continuity = required(await get(place.dataset.continuity));
  return { previous: null, gap: continuity.get("gaps")[0] };
}

/** The ceremony that the payload names as its erasure; null when that event does not exist. */
async function erasure(event) {
  const sequence = erasedBy(event);
  if (sequence === null) return null;
  const answer = await get(place.dataset.events + sequence);
  return answer.value ?? null;
}

/** Fetches a document and parses its raw bytes with the exact JSON parser. */
async function get(address) {
  const response = await fetch(address, {
    headers: { Accept: "application/json" },
    credentials: "same-origin",
    cache: "no-store",
  });
  const text = new TextDecoder("utf-8", { fatal: true }).decode(await response.arrayBuffer());
  const value = parse(text);
  if (response.ok) return { value };
  const problem = String(value.get("type") ?? "").split(/[/:#]/).pop();
  return { problem, detail: `${value.get("title")}: ${value.get("detail")} (HTTP ${response.status})` };
}

function required(answer) {
  if (!answer.value) throw new Error(answer.detail);
  return answer.value;
}

/** Results for an event that the API cannot return: payload_hash fails, the rest is not made. */
function unreadable(detail) {
  const without = { state: "unmade", notes: ["The API could not return the event."], facts: [] };
  const broken = { state: "failed", notes: [detail], facts: [] };
  return new Map(CHECKS.map((name) => [name, name === "payload_hash" ? broken : without]));
}

/** The names of fields whose value on this page differs from the API's. */
function differences(event) {
  const shown = [...document.querySelectorAll("[data-field]")];
  const differing = shown
    .filter(({ dataset }) => (dataset.value ?? null) !== textOf(event.get(dataset.field)))
    .map(({ dataset }) => dataset.field);
  const raw = document.getElementById("raw-json");
  if (raw && raw.textContent !== canonical(event.get("payload"))) differing.push("payload");
  return differing;
}

function textOf(value) {
  return value === null ? null : String(value);
}

function show(verdicts, differing = []) {
  for (const each of document.querySelectorAll("#verdicts .yours")) each.hidden = false;
  const counts = { passed: 0, failed: [], unmade: 0 };
  const disagreeing = [];
  for (const [name, verdict] of verdicts) {
    const row = document.querySelector(`#verdicts [data-check="${name}"]`);
    fill(row.querySelector("td.yours"), verdict);
    const server = row.dataset.server;
    const disagrees = server !== "unmade" && verdict.state !== "unmade" && server !== verdict.state;
    row.classList.toggle("disagree", disagrees);
    if (disagrees) disagreeing.push(name);
    if (verdict.state === "failed") counts.failed.push(name);
    else counts[verdict.state] += 1;
  }
  conclude(counts, disagreeing, differing);
}

function conclude({ passed, failed, unmade }, disagreeing, differing) {
  const rest = `${passed} passed${unmade ? `, ${unmade} could not be made (see the reasons below)` : ""}.`;
  if (failed.length) {
    tell("failed", `${rest} The server's results are shown beside them.`, `Your browser found wrong: ${failed.join(", ")}.`);
  } else {
    tell("passed", `${rest} The bytes came from the API and were hashed and verified here.`, "Your browser found nothing wrong.");
  }
  const loud = [];
  if (disagreeing.length) {
    loud.push(`The server and your browser disagree on ${disagreeing.join(", ")}. Reload the page and check again; if they still disagree, one of the two is wrong: do not rely on this server.`);
  }
  if (differing.length) {
    loud.push(`This page differs from the API in: ${differing.join(", ")}. Reload the page; if they still differ, do not rely on what it shows.`);
  }
  for (const text of loud) {
    const alarm = paragraph("disagree", text, "Disagreement.");
    alarm.setAttribute("role", "alert");
    outcome.prepend(alarm);
  }
}

function fill(cell, verdict) {
  const state = document.createElement("span");
  state.className = `state state-${verdict.state}`;
  state.textContent = WORDS[verdict.state];
  cell.replaceChildren(state, ...verdict.notes.map((note) => noted(note, verdict.state)));
  if (verdict.facts.length) cell.append(facts(verdict.facts));
}

function noted(note, state) {
  const element = document.createElement("p");
  if (state === "failed") element.className = "bad";
  element.textContent = note;
  return element;
}

function facts(pairs) {
  const list = document.createElement("dl");
  list.className = "compared";
  for (const [label, value] of pairs) {
    const pair = document.createElement("div");
    const term = document.createElement("dt");
    const definition = document.createElement("dd");
    term.textContent = label;
    definition.textContent = value;
    pair.append(term, definition);
    list.append(pair);
  }
  return list;
}

function tell(kind, text, strong = "") {
  outcome.replaceChildren(paragraph(kind, text, strong));
}

function paragraph(kind, text, strong) {
  const element = document.createElement("p");
  element.className = `outcome-${kind || "busy"}`;
  const loud = document.createElement("strong");
  loud.textContent = strong;
  element.append(loud, ` ${text}`);
  return element;
}

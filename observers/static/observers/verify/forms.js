/* Tells whether an event's members have their forms, check 2 of docs/event-format.md: the same
   table as observers/verification/forms.py has.

   Invariant: integers are BigInt, as json.js reads them; JSON.parse has rounded them already. */

const MAX_SEQUENCE = 2n ** 63n - 1n;

const HASH = [/^[0-9a-f]{64}$/, "is not 64 lowercase hex digits"];
const NAME = [
  /^(?! *$)[^\x00-\x1f\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\uf8ff\ufeff\ufff9-\ufffb\u{110bd}\u{110cd}\u{13430}-\u{1343f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}\u{f0000}-\u{10ffff}]{1,200}$/u,
  "is not 1 to 200 printable characters, not all of them blanks",
];
const SIGNATURE = [/^[A-Za-z0-9+/]{85}[AQgw]==$/, "is not 64 bytes in standard base64"];
const TIMESTAMP = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z$/;
const TIME = [{ test: isTimestamp }, "is not of the form YYYY-MM-DDTHH:MM:SS.ffffffZ"];

const TEXTS = {
  event_id: [/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, "is not a lowercase UUID"],
  event_type: NAME,
  prev_hash: HASH,
  content_hash: HASH,
  signature: SIGNATURE,
  agent_id: NAME,
  witness_id: [/^WITNESS:[A-Za-z0-9][A-Za-z0-9._-]{0,191}$/, "is not WITNESS: and a name"],
  witness_signature: SIGNATURE,
  local_timestamp: TIME,
  authority_timestamp: TIME,
  signing_key_id: [/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/, "is not the name of a key"],
  payload_hash: HASH,
  payload_salt: HASH,
};
const VERSIONS = { hash_alg_version: [1n], sig_alg_version: [1n, 2n] };
const NUMBERS = ["sequence", "hash_alg_version", "sig_alg_version"];

/** Tells whether every member is there and of its type, so that the other checks can be made. The
    API may add members of its own beside them. */
export function hasItsMembers(event) {
  return (
    event instanceof Map && event.has("payload") &&
    NUMBERS.every((name) => typeof event.get(name) === "bigint") &&
    Object.keys(TEXTS).every((name) =>
      typeof event.get(name) === "string" || (name === "agent_id" && event.get(name) === null))
  );
}

/** What is wrong with each member of an event that has its members. */
export function wrongForms(event) {
  const wrong = Object.entries(TEXTS)
    .filter(([name, [pattern]]) => event.get(name) !== null && !pattern.test(event.get(name)))
    .map(([name, [, complaint]]) => `${name} ${complaint}`);
  for (const [name, known] of Object.entries(VERSIONS)) {
    if (!known.includes(event.get(name))) wrong.push(`${name} ${event.get(name)} is unknown`);
  }
  if (event.get("sig_alg_version") === 2n && event.get("agent_id") === null) {
    wrong.push("agent_id is missing: the system signs by version 1");
  }
  const sequence = event.get("sequence");
  if (sequence < 1n || sequence > MAX_SEQUENCE) wrong.push(`sequence ${sequence} is not from 1 to ${MAX_SEQUENCE}`);
  return wrong;
}

function isTimestamp(text) {
  const parts = TIMESTAMP.exec(text);
  if (!parts) return false;
  const [year, month, day] = parts.slice(1).map(Number);
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return year >= 1 && day >= 1 && day <= days[month - 1];
}

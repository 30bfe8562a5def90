/* Writes canonical JSON as docs/event-format.md says: RFC 8785, with exact 64-bit integers.

   Invariant: values come from json.js, or are made of the same kinds; JSON.parse has rounded the
   integers already. */

const LONE_SURROGATE = /\p{Surrogate}/u;

export class NoCanonicalForm extends Error {}

/** The canonical text of a value made of Map, array, string, BigInt, number, boolean and null. */
export function canonical(value) {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return double(value);
  if (typeof value === "string") return string(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value instanceof Map) return object(value);
  throw new NoCanonicalForm(`${typeof value} is not a JSON type`);
}

/** Its UTF-8 bytes, which are what is hashed. */
export function canonicalBytes(value) {
  return new TextEncoder().encode(canonical(value));
}

/* The default order of `sort` is by UTF-16 code units: RFC 8785 section 3.2.3. */
function object(members) {
  const keys = [...members.keys()].sort();
  return `{${keys.map((key) => `${string(key)}:${canonical(members.get(key))}`).join(",")}}`;
}

/* RFC 8785 section 3.2.2.2 is what ECMAScript's JSON.stringify does with a string. */
function string(text) {
  if (text.includes("\0")) throw new NoCanonicalForm("U+0000 cannot be stored");
  if (LONE_SURROGATE.test(text)) throw new NoCanonicalForm("a lone surrogate in a string");
  return JSON.stringify(text);
}

/* RFC 8785 section 3.2.2.3 is ECMAScript's own Number::toString; it writes -0 as 0. */
function double(number) {
  if (!Number.isFinite(number)) throw new NoCanonicalForm(`${number} is not a JSON number`);
  return String(number);
}

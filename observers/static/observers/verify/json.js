/* Reads JSON exactly: integers as BigInt, other numbers as doubles, objects as Map.

   Invariant: no integer is rounded, and no text is read that the event format refuses, such as a
   repeated key or a number too large for a double. */

const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 64n - 1n;
const MAX_DEPTH = 128 + 2; // of a payload, inside the event, inside a list of events

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const WORDS = [["true", true], ["false", false], ["null", null]];

export class NotExactJSON extends Error {}

/** The value of a JSON text. Throws NotExactJSON, which names the place. */
export function parse(text) {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.space();
  if (reader.at < text.length) reader.refuse("something follows the value");
  return value;
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  refuse(what) {
    throw new NotExactJSON(`${what}, at character ${this.at + 1}`);
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found;
  }

  space() {
    this.match(SPACE);
  }

  /** Whether the next character is this one; it is then behind us. */
  take(character) {
    this.space();
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  value(depth) {
    if (depth > MAX_DEPTH) this.refuse(`nested deeper than ${MAX_DEPTH} levels`);
    if (this.take("{")) return this.object(depth + 1);
    if (this.take("[")) return this.array(depth + 1);
    if (this.text[this.at] === '"') return this.string();
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    return this.number();
  }

  object(depth) {
    const members = new Map();
    if (this.take("}")) return members;
    do {
      this.space();
      if (this.text[this.at] !== '"') this.refuse("an object's key is missing");
      const key = this.string();
      if (members.has(key)) this.refuse(`the key ${JSON.stringify(key)} appears twice in one object`);
      if (!this.take(":")) this.refuse("a colon is missing");
      members.set(key, this.value(depth));
    } while (this.take(","));
    if (!this.take("}")) this.refuse("an object does not end");
    return members;
  }

  array(depth) {
    const items = [];
    if (this.take("]")) return items;
    do items.push(this.value(depth)); while (this.take(","));
    if (!this.take("]")) this.refuse("an array does not end");
    return items;
  }

  /* The end is looked for here; what stands between the quotes has no numbers, so the browser's
     own reader decodes it exactly, and refuses anything but a string. */
  string() {
    const start = this.at;
    let end = start + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === "\\" ? 2 : 1;
    try {
      const decoded = JSON.parse(this.text.slice(start, end + 1));
      this.at = end + 1;
      return decoded;
    } catch {
      return this.refuse("not a string");
    }
  }

  number() {
    const found = this.match(NUMBER);
    if (!found) this.refuse("not a value");
    const [literal, fraction, exponent] = found;
    if (fraction === undefined && exponent === undefined) {
      const exact = BigInt(literal);
      if (exact >= MIN_INTEGER && exact <= MAX_INTEGER) return exact;
    }
    const double = Number(literal);
    if (!Number.isFinite(double)) this.refuse("a number is too large for a double");
    return double;
  }
}

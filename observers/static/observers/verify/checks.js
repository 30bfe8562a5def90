/* The checks of one event, in the reader's browser; docs/event-format.md has the same numbers.

   Invariant: nothing is fetched, and no verdict comes from the server: an event, its surroundings
   and keys in, verdicts out. `subtle` is the browser's WebCrypto, or undefined where there is none. */

import { NoCanonicalForm, canonical, canonicalBytes } from "./canonical.js";
import { isDegenerate, isUsableKey } from "./ed25519.js";
import { hasItsMembers, wrongForms } from "./forms.js";

export const CHECKS = [
  "gap", "format", "payload_hash", "content_hash", "prev_hash",
  "signing_key", "signature", "witness", "witness_signature", "head", "ceremony",
];

const SIGNED = [
  "agent_id", "authority_timestamp", "event_id", "event_type", "hash_alg_version",
  "local_timestamp", "payload_hash", "prev_hash", "sequence", "sig_alg_version",
  "signing_key_id", "witness_id",
];
const SUBMITTED = [
  "agent_id", "event_id", "event_type", "hash_alg_version", "local_timestamp", "payload_hash",
  "sig_alg_version", "signing_key_id",
];
const GENESIS = "0".repeat(64);
const AGENT_CONTEXT = ascii("audit-portal event v1\n");
const SUBMISSION_CONTEXT = ascii("audit-portal submission v2\n");
const WITNESS_CONTEXT = ascii("audit-portal witness v1\n");

const CEREMONY_CONTEXT = "audit-portal ceremony v1\n";
const POSSESSION_CONTEXT = "audit-portal person v1\n";
const ERASED_SALT = "0".repeat(64);

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const NEEDS_HTTPS =
  "This browser gives its cryptography only to pages that come over HTTPS (or from this very " +
  "machine). Open the portal over HTTPS.";
const NO_ED25519 = "This browser has no Ed25519. The hashes are checked all the same.";

const passed = (facts = []) => ({ state: "passed", notes: [], facts });
const failed = (note, facts = []) => ({ state: "failed", notes: [].concat(note), facts });
const unmade = (note, facts = []) => ({ state: "unmade", notes: [note], facts });

/**
 * Every check by name: `{state, notes, facts}`, where state is passed, failed or unmade, and
 * facts are pairs of a label and a value that was computed or stored.
 *
 * `surroundings` has `sequence` (the number that was asked for, BigInt), `previous` (the event
 * before as a Map, null when it is missing, undefined when there was none to fetch or it could not
 * be read), `gap` (what the ledger says of a missing one), `head`, `keys`, and `erasure` (the ceremony
 * that is said to have erased the payload, null when there is no such event).
 */
export async function checkEvent(event, surroundings, subtle) {
  const signable = hasItsMembers(event) ? signableContent(event) : null;
  if (!signable) return withoutMembers();
  const { sequence, previous, gap, head, keys } = surroundings;
  const key = keys.get("agents").find((each) => each.get("key_id") === event.get("signing_key_id"));
  const witness = keys.get("witnesses").find(
    (each) => each.get("witness_id") === event.get("witness_id"),
  );
  const verdicts = {
    gap: checkGap(event, sequence, previous, gap),
    format: checkFormat(event),
    payload_hash: await checkPayload(event, surroundings.erasure, subtle),
    content_hash: await checkContent(event, signable, subtle),
    prev_hash: checkLink(event, previous),
    signing_key: checkSigningKey(key, event),
    signature: await checkSignature(event, signable, key, keys.get("ledger_id"), subtle),
    witness: checkKey(witness, event, null, null),
    witness_signature: await checkAttestation(event, signable, witness, subtle),
    head: checkHead(event, head),
    ceremony: await checkCeremony(event, keys, subtle),
  };
  return new Map(CHECKS.map((name) => [name, verdicts[name]]));
}

/** The bytes that are signed; null where a text among them has no canonical form. */
function signableContent(event) {
  try {
    return canonicalBytes(new Map(SIGNED.map((name) => [name, event.get(name)])));
  } catch (error) {
    if (!(error instanceof NoCanonicalForm)) throw error;
    return null;
  }
}

function checkGap(event, sequence, previous, gap) {
  const facts = [["asked for", String(sequence)], ["found", String(event.get("sequence"))]];
  if (event.get("sequence") !== sequence) return failed("another event came than was asked for", facts);
  if (previous !== null) return passed(facts);
  const before = `sequence ${sequence - 1n} is missing`;
  if (gap?.get("documented")) {
    const ceremony = gap.get("ceremony_sequence");
    return unmade(`${before}; the ledger says that event ${ceremony} explains it: check that event`);
  }
  return failed(`${before}, and nothing explains it`, facts);
}

function checkFormat(event) {
  const wrong = wrongForms(event);
  return wrong.length ? failed(wrong) : passed();
}

function withoutMembers() {
  const verdicts = new Map(CHECKS.map((name) => [name, unmade("The event has not its members, so there is nothing to check.")]));
  return verdicts.set("format", failed("a member is missing, of another type or no text"));
}

/** The sequence of the ceremony that is said to have erased the payload; null for a payload. */
export function erasedBy(event) {
  const payload = event.get("payload");
  if (event.get("payload_salt") !== ERASED_SALT || !(payload instanceof Map) || payload.size !== 1) return null;
  const erased = payload.get("erased");
  if (!(erased instanceof Map) || erased.size !== 2 || typeof erased.get("ceremony_id") !== "string") return null;
  const sequence = erased.get("ceremony_sequence");
  return typeof sequence === "bigint" && sequence > 0n ? sequence : null;
}

function checkErasure(event, ceremony) {
  const details = ceremony?.get("payload")?.get?.("proposal")?.get?.("details");
  const named =
    details instanceof Map &&
    ceremony.get("event_type") === "ceremony.erase_payload" &&
    ceremony.get("agent_id") === null &&
    ceremony.get("payload").get("ceremony_id") === event.get("payload").get("erased").get("ceremony_id") &&
    ["sequence", "event_id", "payload_hash"].every((name) => details.get(name) === event.get(name));
  const place = erasedBy(event);
  if (!named) return failed(`it is said to be erased, but event ${place} does not decide that`);
  const before = details.get("payload_matched") === false ? " It says that the payload had been changed before." : "";
  return unmade(`The payload was erased by ceremony, event ${place}, which names exactly this one: check that event.${before}`);
}

async function checkPayload(event, erasure, subtle) {
  if (!subtle) return unmade(NEEDS_HTTPS);
  if (erasedBy(event) !== null) return checkErasure(event, erasure);
  const salt = bytesOfHex(event.get("payload_salt"));
  if (!salt) return failed("payload_salt is not hex");
  try {
    const content = canonicalBytes(event.get("payload"));
    const computed = await sha256(subtle, salt, content);
    return compareHash(computed, event.get("payload_hash"), [["bytes hashed", String(salt.length + content.length)]]);
  } catch (error) {
    if (!(error instanceof NoCanonicalForm)) throw error;
    return failed(`the payload has no canonical form: ${error.message}`);
  }
}

async function checkContent(event, signable, subtle) {
  if (!subtle) return unmade(NEEDS_HTTPS);
  const computed = await sha256(subtle, Uint8Array.of(0), signable);
  return compareHash(computed, event.get("content_hash"), [["bytes hashed", String(1 + signable.length)]]);
}

function checkLink(event, previous) {
  if (event.get("sequence") === 1n) return compareHash(GENESIS, event.get("prev_hash"), [], "for the first");
  if (!previous) return unmade("The event before could not be read, so there is nothing to compare with.");
  return compareHash(previous.get("content_hash"), event.get("prev_hash"), [], "of the event before");
}

function compareHash(computed, stored, more = [], label = "computed") {
  const facts = [[label, computed], ["stored", stored], ...more];
  return computed === stored ? passed(facts) : failed("the two hashes differ", facts);
}

function checkKey(key, event, owner, wanted) {
  if (!key) return failed("it is not in the list of keys");
  const sequence = event.get("sequence");
  const [from, until] = [key.get("from_sequence"), key.get("until_sequence")];
  const facts = [["valid for", `${from} to ${until ?? "now"}`]];
  const wrong = [];
  if (owner !== wanted) wrong.push(`it belongs to ${owner ?? "the system"}, not to ${wanted ?? "the system"}`);
  if (sequence < from || (until !== null && sequence > until)) wrong.push(`it is not valid at ${sequence}`);
  return wrong.length ? failed(wrong, facts) : passed(facts);
}

/** The key's owner and place, and that it signs by the event's version. */
function checkSigningKey(key, event) {
  const verdict = checkKey(key, event, key?.get("agent_id"), event.get("agent_id"));
  const [known, said] = [key?.get("sig_alg_version") ?? 1n, event.get("sig_alg_version")];
  if (!key || known === said) return verdict;
  const wrong = `it signs by version ${known}, and the event says version ${said}`;
  return failed([...verdict.notes, wrong], verdict.facts);
}

/* In version 2 the writer signed what it submitted, and for which ledger. */
async function checkSignature(event, signable, key, ledger, subtle) {
  const signature = bytesOfBase64(event.get("signature"));
  if (event.get("sig_alg_version") !== 2n) {
    return verifies(subtle, key, signature, () => [AGENT_CONTEXT, signable]);
  }
  if (typeof ledger !== "string") return failed("the keys do not say which ledger they belong to");
  const submitted = new Map(SUBMITTED.map((name) => [name, event.get(name)])).set("ledger_id", ledger);
  return verifies(subtle, key, signature, () => [SUBMISSION_CONTEXT, canonicalBytes(submitted)]);
}

async function checkAttestation(event, signable, witness, subtle) {
  const signature = bytesOfBase64(event.get("signature"));
  const attestation = signature && bytesOfBase64(event.get("witness_signature"));
  return verifies(subtle, witness, attestation, () => [WITNESS_CONTEXT, signature, signable]);
}

/** The verdict on an Ed25519 signature over the bytes that `message` gives. */
export async function verifies(subtle, key, signature, message) {
  if (!subtle) return unmade(NEEDS_HTTPS);
  if (!key) return failed("nothing to verify it with: the key is not in the list");
  const facts = [["public key", key.get("public_key")]];
  const publicKey = bytesOfBase64(key.get("public_key"));
  if (!publicKey || !isUsableKey(publicKey)) return failed("it is not a usable Ed25519 public key", facts);
  if (signature?.length !== 64) return failed("the signature is not 64 bytes in base64", facts);
  if (isDegenerate(signature)) return failed("the signature does not verify", facts);
  try {
    const imported = await subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
    const sound = await subtle.verify("Ed25519", imported, signature, joined(...message()));
    return sound ? passed(facts) : failed("the signature does not verify", facts);
  } catch (error) {
    if (error.name === "NotSupportedError") return unmade(NO_ED25519, facts);
    return failed(`the browser cannot use this key: ${error.message}`, facts);
  }
}

/**
 * Who proposed, who approved, and that each signed exactly this; whom it registers, and that they
 * have the key. Any other event passes.
 */
async function checkCeremony(event, keys, subtle) {
  const registers = event.get("event_type") === "system.person_registered";
  if (!registers && !event.get("event_type").startsWith("ceremony.")) return passed();
  if (!subtle) return unmade(NEEDS_HTTPS);
  const payload = event.get("payload");
  if (registers) {
    if (event.get("agent_id") !== null) return failed("it was recorded by an agent, not by the system");
    return provesPossession(subtle, payload);
  }
  const proposal = payload instanceof Map ? payload.get("proposal") : null;
  const voices = proposal instanceof Map ? voicesOf(payload) : null;
  if (!voices) return failed("it is not the record of a ceremony");
  const wrong = [];
  if (event.get("agent_id") !== null) wrong.push("it was recorded by an agent, not by the system");
  if (proposal.get("kind") !== event.get("event_type")) wrong.push(`a ${proposal.get("kind")} was proposed`);
  if (proposal.get("ceremony_id") !== payload.get("ceremony_id")) wrong.push("it names a different ceremony than the proposal");
  for (const name of ["public_key", "new_public_key"]) {
    const key = proposal.get("details")?.get?.(name);
    if (key !== undefined && !isUsableKey(bytesOfBase64(key) ?? new Uint8Array())) {
      wrong.push(`${name} is not a usable Ed25519 public key`);
    }
  }
  if (event.get("event_type") === "ceremony.sequence_skip" &&
      ["first", "last"].some((name) => payload.get(name) !== proposal.get("details")?.get?.(name))) {
    wrong.push("it differs from the proposal");
  }
  const text = canonical(proposal);
  for (const [step, voice] of voices) {
    const sound = await voiceVerifies(event, keys, subtle, step, voice, text);
    if (sound === null) return unmade(NO_ED25519);
    if (!sound) wrong.push(`the signature of ${voice.get("person")} is not theirs, or not of what was ${step}`);
  }
  const count = (wanted) => voices.filter(([step]) => step === wanted).length;
  const people = new Set(voices.map(([, voice]) => fold(String(voice.get("person")))));
  if (people.size !== voices.length) wrong.push("somebody voted twice");
  if (count("approved") < 2 || count("approved") <= count("rejected")) wrong.push("too few people approved it");
  if (event.get("event_type") === "ceremony.add_person") {
    const possession = await provesPossession(subtle, proposal.get("details"));
    if (possession.state === "unmade") return possession;
    if (possession.state === "failed") wrong.push("the proof is not a signature by the new key");
  }
  const facts = voices.map(([step, voice]) => [step, String(voice.get("person"))]);
  return wrong.length ? failed(wrong, facts) : passed(facts);
}

/** The form by which two names are one person's. */
export const fold = (name) => name.normalize("NFKD").toLowerCase().toUpperCase();

async function provesPossession(subtle, said) {
  const parts = ["person", "public_key", "proof"].map((name) => (said instanceof Map ? said.get(name) : null));
  if (!parts.every((part) => typeof part === "string")) return failed("it lacks person, public_key or proof");
  const [person, publicKey, proof] = parts;
  const statement = new TextEncoder().encode(`${POSSESSION_CONTEXT}${person}\n${publicKey}`);
  return verifies(subtle, said, bytesOfBase64(proof), () => [statement]);
}

function voicesOf(payload) {
  const [approvals, rejections] = [payload.get("approvals"), payload.get("rejections")];
  if (!Array.isArray(approvals) || !Array.isArray(rejections)) return null;
  const voices = [
    ["proposed", payload.get("proposed_by")],
    ...approvals.map((voice) => ["approved", voice]),
    ...rejections.map((voice) => ["rejected", voice]),
  ];
  return voices.every(([, voice]) => voice instanceof Map) ? voices : null;
}

async function voiceVerifies(event, keys, subtle, step, voice, text) {
  const key = (keys.get("people") ?? []).find((each) => each.get("public_key") === voice.get("public_key"));
  if (!key || checkKey(key, event, key.get("person"), voice.get("person")).state === "failed") return false;
  const statement = new TextEncoder().encode(`${CEREMONY_CONTEXT}${step}\n${voice.get("person")}\n${text}`);
  const verdict = await verifies(subtle, key, bytesOfBase64(voice.get("signature")), () => [statement]);
  return verdict.state === "unmade" ? null : verdict.state === "passed";
}

function checkHead(event, head) {
  const [sequence, last] = [event.get("sequence"), head.get("max_sequence")];
  const facts = [["head", `${last} ${head.get("content_hash")}`]];
  if (sequence > last) return failed(`the head is ${last}: no append recorded this event`, facts);
  if (sequence < last) {
    return unmade(`Only the last event, ${last}, can be compared with the head from outside.`, facts);
  }
  return compareHash(head.get("content_hash"), event.get("content_hash"), [], "head");
}

async function sha256(subtle, ...parts) {
  const digest = new Uint8Array(await subtle.digest("SHA-256", joined(...parts)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function ascii(text) {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function bytesOfHex(text) {
  if (typeof text !== "string" || !/^(?:[0-9a-fA-F]{2})*$/.test(text)) return null;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/* Only the one spelling of the bytes: the bits that the last character has too many are zero. */
function bytesOfBase64(text) {
  if (typeof text !== "string" || !BASE64.test(text) || btoa(atob(text)) !== text) return null;
  return ascii(atob(text));
}

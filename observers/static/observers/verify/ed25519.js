/* Tells which Ed25519 public keys and signatures docs/event-format.md takes, where WebCrypto takes
   more: browsers verify with keys of small order, under which signatures verify for any message.

   Invariant: no secret is used here, as nothing takes constant time. Points are [X, Y, Z, T]
   of RFC 8032 section 5.1.4. */

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = mod(-121665n * power(121666n, P - 2n));
const ROOT_OF_MINUS_1 = power(2n, (P - 1n) / 4n);
const IDENTITY = [0n, 1n, 1n, 0n];

const known = new Map();

/** Tells whether 32 bytes are the canonical encoding of a point of prime order. */
export function isUsableKey(bytes) {
  const name = bytes.join();
  if (!known.has(name)) known.set(name, isOfPrimeOrder(bytes));
  return known.get(name);
}

/** Tells whether the first half of a signature is the identity: under an honest key it is the only
    point of small order that can verify, and libsodium refuses it. */
export function isDegenerate(signature) {
  return signature[0] === 1 && signature.subarray(1, 32).every((byte) => byte === 0);
}

function isOfPrimeOrder(bytes) {
  const point = bytes.length === 32 ? decode(bytes) : null;
  return point !== null && !isIdentity(point) && isIdentity(multiply(L, point));
}

/* RFC 8032 section 5.1.3, which refuses a y that is not reduced and a sign for x = 0. */
function decode(bytes) {
  const encoded = bytes.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n);
  const [y, sign] = [encoded & ((1n << 255n) - 1n), encoded >> 255n];
  if (y >= P) return null;
  const [u, v] = [mod(y * y - 1n), mod(D * y * y + 1n)];
  let x = mod(u * v ** 3n * power(u * v ** 7n, (P - 5n) / 8n));
  if (mod(v * x * x + u) === 0n) x = mod(x * ROOT_OF_MINUS_1);
  if (mod(v * x * x - u) !== 0n || (x === 0n && sign === 1n)) return null;
  if ((x & 1n) !== sign) x = P - x;
  return [x, y, 1n, mod(x * y)];
}

function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const [a, b] = [mod((y1 - x1) * (y2 - x2)), mod((y1 + x1) * (y2 + x2))];
  const [c, d] = [mod(2n * D * t1 * t2), mod(2n * z1 * z2)];
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

function multiply(scalar, point) {
  let [sum, doubled] = [IDENTITY, point];
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if (rest & 1n) sum = add(sum, doubled);
    doubled = add(doubled, doubled);
  }
  return sum;
}

function isIdentity([x, y, z]) {
  return x === 0n && y === z;
}

function power(base, exponent) {
  let [result, square] = [1n, mod(base)];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

function mod(number) {
  const rest = number % P;
  return rest < 0n ? rest + P : rest;
}

-- Signatures of decisions, which the database verifies itself before anything takes effect: Ed25519
-- (RFC 8032) in plain SQL, and the texts that are signed (docs/event-format.md).
--
-- The verdicts are those of events/format/ed25519.py (libsodium with a check of the key's order):
-- a key is the canonical encoding of a point of prime order, S is below L, R is not the identity,
-- and [S]B - [k]A encodes to exactly the bytes of R. Nothing here is secret, so nothing takes
-- constant time. A verification takes about 20 ms.
--
-- Points are extended coordinates {X, Y, Z, T} modulo p = 2^255 - 19 (RFC 8032, 5.1.4). Coordinates
-- may be negative: `%` keeps the sign of its left side, and only comparisons and encodings normalize.

CREATE FUNCTION ed25519_p() RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 57896044618658097711785492504343953926634992332820282019728792003956564819949
$$;

-- The order of the base point.
CREATE FUNCTION ed25519_order() RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 7237005577332262213973186563042994240857116359379907606001950938285454250989
$$;

CREATE FUNCTION ed25519_base() RETURNS numeric[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[
        15112221349535400772501151409588531511454012693041857206046113283949847762202,
        46316835694926478169428394003475163141307993866256225615783033603165251855960,
        1,
        46827403850823179245072216630277197565144205554125654976674165829533817101731]
$$;

-- Reads bytes as an unsigned number, least significant byte first.
CREATE FUNCTION ed25519_number(bytes bytea) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    number numeric := 0;
BEGIN
    FOR place IN REVERSE length(bytes) - 1 .. 0 LOOP
        number := number * 256 + get_byte(bytes, place);
    END LOOP;
    RETURN number;
END $$;

-- Writes a number below 2^256 as 32 bytes, least significant byte first.
CREATE FUNCTION ed25519_bytes(number numeric) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    bytes bytea := decode(repeat('00', 32), 'hex');
BEGIN
    FOR place IN 0 .. 31 LOOP
        bytes := set_byte(bytes, place, (number % 256)::integer);
        number := div(number, 256);
    END LOOP;
    RETURN bytes;
END $$;

-- base ^ exponent modulo p.
CREATE FUNCTION ed25519_power(base numeric, exponent numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    p CONSTANT numeric := ed25519_p();
    bits CONSTANT bytea := ed25519_bytes(exponent);
    result numeric := 1;
BEGIN
    FOR place IN REVERSE 255 .. 0 LOOP
        result := result * result % p;
        IF get_bit(bits, place) = 1 THEN
            result := result * base % p;
        END IF;
    END LOOP;
    RETURN result;
END $$;

-- The sum of two points by the complete formulas of RFC 8032, 5.1.4; also doubles.
CREATE FUNCTION ed25519_add(one numeric[], other numeric[]) RETURNS numeric[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    p CONSTANT numeric := ed25519_p();
    -- 2d, where d = -121665/121666 is the curve's constant.
    d2 CONSTANT numeric :=
        16295367250680780974490674513165176452449235426866156013048779062215315747161;
    a CONSTANT numeric := (one[2] - one[1]) * (other[2] - other[1]) % p;
    b CONSTANT numeric := (one[2] + one[1]) * (other[2] + other[1]) % p;
    c CONSTANT numeric := one[4] * other[4] % p * d2 % p;
    d CONSTANT numeric := 2 * one[3] * other[3] % p;
BEGIN
    RETURN ARRAY[
        (b - a) * (d - c) % p, (d + c) * (b + a) % p, (d - c) * (d + c) % p, (b - a) * (b + a) % p];
END $$;

-- The point that 32 bytes encode, or NULL (RFC 8032, 5.1.3): y is reduced, and x = 0 has no sign.
CREATE FUNCTION ed25519_point(bytes bytea) RETURNS numeric[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    p CONSTANT numeric := ed25519_p();
    d CONSTANT numeric :=
        37095705934669439343138083508754565189542113879843219016388785533085940283555;
    root_of_minus_1 CONSTANT numeric :=
        19681161376707505956807079304988542015446066515923890162744021073123829784752;
    sign integer;
    x numeric;
    y numeric;
    u numeric;
    v numeric;
BEGIN
    IF length(bytes) <> 32 THEN
        RETURN NULL;
    END IF;
    sign := get_bit(bytes, 255);
    y := ed25519_number(set_bit(bytes, 255, 0));
    IF y >= p THEN
        RETURN NULL;
    END IF;
    u := y * y % p - 1;
    v := (d * (y * y % p) + 1) % p;
    x := u * v % p * v % p * v % p;
    x := x * ed25519_power(x * v % p * v % p * v % p * v % p, div(p - 5, 8)) % p;
    IF (v * x % p * x + u) % p = 0 THEN
        x := x * root_of_minus_1 % p;
    END IF;
    IF (v * x % p * x - u) % p <> 0 THEN
        RETURN NULL;
    END IF;
    x := (x + p) % p;
    IF x = 0 AND sign = 1 THEN
        RETURN NULL;
    END IF;
    IF x % 2 <> sign THEN
        x := p - x;
    END IF;
    RETURN ARRAY[x, y, 1, x * y % p];
END $$;

-- The 32 bytes that encode a point (RFC 8032, 5.1.2).
CREATE FUNCTION ed25519_encoded(point numeric[]) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    p CONSTANT numeric := ed25519_p();
    inverse CONSTANT numeric := ed25519_power(point[3], p - 2);
    x CONSTANT numeric := (point[1] * inverse % p + p) % p;
    y CONSTANT numeric := (point[2] * inverse % p + p) % p;
BEGIN
    RETURN set_bit(ed25519_bytes(y), 255, (x % 2)::integer);
END $$;

-- [one_times]one + [other_times]other in a single pass over the bits of both scalars.
CREATE FUNCTION ed25519_combined(
    one_times numeric, one numeric[], other_times numeric, other numeric[]
) RETURNS numeric[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    one_bits CONSTANT bytea := ed25519_bytes(one_times);
    other_bits CONSTANT bytea := ed25519_bytes(other_times);
    joint CONSTANT numeric[] := ed25519_add(one, other);
    result numeric[] := ARRAY[0, 1, 1, 0];
BEGIN
    FOR place IN REVERSE 252 .. 0 LOOP
        result := ed25519_add(result, result);
        CASE get_bit(one_bits, place) + 2 * get_bit(other_bits, place)
            WHEN 1 THEN result := ed25519_add(result, one);
            WHEN 2 THEN result := ed25519_add(result, other);
            WHEN 3 THEN result := ed25519_add(result, joint);
            ELSE NULL;
        END CASE;
    END LOOP;
    RETURN result;
END $$;

-- Tells whether 32 bytes are a usable public key: the canonical encoding of a point of prime order.
-- Under a key of small order a signature can be made that verifies for every message.
CREATE FUNCTION ed25519_usable_key(key bytea) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    identity CONSTANT numeric[] := ARRAY[0, 1, 1, 0];
    point CONSTANT numeric[] := ed25519_point(key);
    multiple numeric[];
BEGIN
    IF point IS NULL OR (point[1] = 0 AND point[2] = 1) THEN
        RETURN false;
    END IF;
    multiple := ed25519_combined(ed25519_order(), point, 0, identity);
    RETURN multiple[1] = 0 AND (multiple[2] - multiple[3]) % ed25519_p() = 0;
END $$;

-- Tells whether `signature` is one of `message` under `key`. Malformed keys and signatures verify
-- nothing; NULL does not verify either.
CREATE FUNCTION ed25519_verifies(key bytea, message bytea, signature bytea) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    identity CONSTANT bytea := set_byte(decode(repeat('00', 32), 'hex'), 0, 1);
    r bytea;
    s numeric;
    k numeric;
    a numeric[];
BEGIN
    IF key IS NULL OR message IS NULL OR signature IS NULL OR length(signature) <> 64 THEN
        RETURN false;
    END IF;
    r := substr(signature, 1, 32);
    s := ed25519_number(substr(signature, 33));
    IF s >= ed25519_order() OR r = identity OR NOT ed25519_usable_key(key) THEN
        RETURN false;
    END IF;
    a := ed25519_point(key);
    k := ed25519_number(sha512(r || key || message)) % ed25519_order();
    RETURN r = ed25519_encoded(
        ed25519_combined(s, ed25519_base(), k, ARRAY[-a[1], a[2], a[3], -a[4]]));
END $$;

-- The bytes of a text in standard base64 (RFC 4648 section 4), or NULL. A second spelling of the same bytes
-- is refused, as in events/format/ed25519.py.
CREATE FUNCTION base64_bytes(text TEXT) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
DECLARE
    bytes bytea;
BEGIN
    IF text !~ '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$' THEN
        RETURN NULL;
    END IF;
    bytes := decode(text, 'base64');
    RETURN CASE WHEN translate(encode(bytes, 'base64'), chr(10), '') = text THEN bytes END;
END $$;

-- Tells whether a signature is one of a text under a key, both in base64.
CREATE FUNCTION ed25519_verifies_text(key TEXT, message TEXT, signature TEXT) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT ed25519_verifies(base64_bytes(key), convert_to(message, 'UTF8'), base64_bytes(signature))
$$;

-- --- The signed texts --------------------------------------------------------------------------------

-- Tells whether both signatures of an event verify, with the keys of the registry.
CREATE FUNCTION event_is_signed(event events) RETURNS BOOLEAN
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    signable CONSTANT BYTEA := convert_to(signable_content(
        event.agent_id, event.authority_timestamp, event.event_id, event.event_type, event.hash_alg_version,
        event.local_timestamp, event.payload_hash, event.prev_hash, event.sequence, event.sig_alg_version,
        event.signing_key_id, event.witness_id), 'UTF8');
    signature CONSTANT BYTEA := base64_bytes(event.signature);
BEGIN
    RETURN ed25519_verifies(
            base64_bytes((SELECT k.public_key FROM agent_keys k WHERE k.key_id = event.signing_key_id)),
            convert_to(E'audit-portal event v1\n', 'UTF8') || signable, signature)
        AND ed25519_verifies(
            base64_bytes((SELECT w.public_key FROM witnesses w WHERE w.witness_id = event.witness_id)),
            convert_to(E'audit-portal witness v1\n', 'UTF8') || signature || signable,
            base64_bytes(event.witness_signature));
END
$$;

-- Tells whether a proof is the signature of a key over its own registration to a person.
CREATE FUNCTION proves_possession(person TEXT, public_key TEXT, proof TEXT) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT ed25519_verifies_text(public_key, format(E'audit-portal person v1\n%s\n%s', person, public_key), proof)
$$;

-- Tells whether a signature is the person's, over this step of a proposal (docs/event-format.md, "Ceremonies").
CREATE FUNCTION voice_verifies(step TEXT, person TEXT, proposal TEXT, public_key TEXT, signature TEXT)
RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT ed25519_verifies_text(
        public_key, format(E'audit-portal ceremony v1\n%s\n%s\n%s', step, person, proposal), signature)
$$;

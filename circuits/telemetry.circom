pragma circom 2.1.9;

include "lib/household.circom";
include "lib/membership.circom";
include "lib/range.circom";
include "lib/signed-window.circom";

// The telemetry statement over a window of N readings of 32 bits. It proves knowledge of a sensor key's signature, a household's secret and
// a path so that
//   1. membership   leaf = H(LEAF, 1, Ax, Ay, H(SECRET, secret), policyFamily) stands in the tree under root
//   2. window       (Ax, Ay) signed the readings for this stream and epoch; commitment = H(COMMIT, digest, salt)
//   3. household    pseudonym = H(PSEUDONYM, secret, scope), nullifier = H(NULLIFIER, secret, scope, 1, stream, epoch), of the leaf's secret
//   4. state        2 (CRITICAL) if at least kCrit readings lie outside [critLo, critHi],
//                   else 1 (WARNING) if at least kWarn lie outside [warnLo, warnHi], else 0 (OK)
//   5. message      the proof is for this messageHash
//
// The verifier must, for each public signal
//   - take it in canonical form (below r), or n and n + r are two names of one nullifier
//   - root: accept only a root that the registry has had; scope: put the deployment's own
//   - stream, epoch, policyFamily: put those that the message names; the bounds, kWarn and kCrit: put those of the policy of (policyFamily, stream)
//   - nullifier: accept it once; messageHash: recompute it over the message
// and hold that (Ax, Ay) of every leaf is of prime order (the registrar's duty). stream, epoch and policyFamily are bound, not interpreted.
template Telemetry(N, DEPTH) {
    var KIND = 1;
    var READING_BITS = 32;
    var COUNT_BITS = 5; // kWarn and kCrit: 0 holds always, more than N never
    assert(N < (1 << COUNT_BITS));

    // Public, in this order
    signal output root;
    signal output pseudonym;
    signal output nullifier;
    signal output commitment;
    signal output state;
    signal input scope;
    signal input stream;
    signal input epoch;
    signal input policyFamily;
    signal input warnLo;
    signal input warnHi;
    signal input critLo;
    signal input critHi;
    signal input kWarn;
    signal input kCrit;
    signal input messageHash;

    // Private: the sensor's key and signature, the household's secret, the commitment's salt, the leaf's place, the readings
    signal input Ax;
    signal input Ay;
    signal input R8x;
    signal input R8y;
    signal input S;
    signal input secret;
    signal input salt;
    signal input siblings[DEPTH];
    signal input pathIndices[DEPTH];
    signal input readings[N];

    // 1. membership
    signal secretHash <== SecretHash()(secret);
    signal leaf <== Leaf(KIND)(Ax, Ay, secretHash, policyFamily);
    root <== MerkleRoot(DEPTH)(leaf, siblings, pathIndices);

    // 2. window
    commitment <== SignedWindow(KIND, N)(Ax, Ay, R8x, R8y, S, stream, epoch, salt, readings);

    // 3. household
    pseudonym <== Pseudonym()(secret, scope);
    nullifier <== Nullifier(KIND)(secret, scope, stream, epoch);

    // 4. state. Everything that is compared is first proven to be a number of its width.
    for (var i = 0; i < N; i++) {
        Unsigned(READING_BITS)(readings[i]);
    }
    Unsigned(READING_BITS)(warnLo);
    Unsigned(READING_BITS)(warnHi);
    Unsigned(READING_BITS)(critLo);
    Unsigned(READING_BITS)(critHi);
    Unsigned(COUNT_BITS)(kWarn);
    Unsigned(COUNT_BITS)(kCrit);

    signal warnCount <== CountOutside(N, READING_BITS)(readings, warnLo, warnHi);
    signal critCount <== CountOutside(N, READING_BITS)(readings, critLo, critHi);
    signal warn <== GreaterEqThan(COUNT_BITS)([warnCount, kWarn]);
    signal crit <== GreaterEqThan(COUNT_BITS)([critCount, kCrit]);
    state <== 2 * crit + (1 - crit) * warn;

    // 5. message. A public input in no constraint is free to be exchanged, unless the set-up adds a row for it, as snarkjs does; the square needs no such favour.
    signal messageHashSquared <== messageHash * messageHash;
}

pragma circom 2.1.9;

include "tagged-hash.circom";

// What a household's secret becomes in public. All three are functions of their inputs: nothing here is chosen by the prover
// but the secret itself, which MUST be the one that the leaf binds (pass SecretHash's output to Leaf).

// out = H(SECRET, secret).
template SecretHash() {
    signal input secret;
    signal output out;
    out <== TaggedHash(DOMAIN_SECRET(), 1)([secret]);
}

// out = H(PSEUDONYM, secret, scope): one name a household and deployment.
// The verifier must set scope to the deployment's own; taken from a message it would let a household have many names.
template Pseudonym() {
    signal input secret;
    signal input scope;
    signal output out;
    out <== TaggedHash(DOMAIN_PSEUDONYM(), 2)([secret, scope]);
}

// out = H(NULLIFIER, secret, scope, KIND, stream, epoch): one value a household, stream and epoch.
// The verifier must refuse a second message with the same value, and compare it only in its canonical form (below r).
template Nullifier(KIND) {
    signal input secret;
    signal input scope;
    signal input stream;
    signal input epoch;
    signal output out;
    out <== TaggedHash(DOMAIN_NULLIFIER(), 5)([secret, scope, KIND, stream, epoch]);
}

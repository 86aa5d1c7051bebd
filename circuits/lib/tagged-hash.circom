pragma circom 2.1.9;

include "domain.circom";
include "poseidon.circom";

// out = H(TAG, in[0], ..., in[n-1]): the one hash of all statements; libs/proofs hashFields is its reference.
// Up to 15 values are one Poseidon call. The rest is absorbed 14 at a time as Poseidon(CONTINUE, state, next 14, zero padded).
//
// The caller must: pass a tag of domain.circom that belongs to this use alone, and, where one tag covers lists of several lengths,
// put the length among the values (zero padding would otherwise let a short list pass for a longer one).
template TaggedHash(TAG, n) {
    signal input in[n];
    signal output out;

    var HEAD = n < 15 ? n : 15;
    var TAILS = (n - HEAD + 13) \ 14;

    signal state[TAILS + 1];

    component head = Poseidon(HEAD + 1);
    head.inputs[0] <== TAG;
    for (var i = 0; i < HEAD; i++) {
        head.inputs[i + 1] <== in[i];
    }
    state[0] <== head.out;

    component tail[TAILS];
    for (var t = 0; t < TAILS; t++) {
        tail[t] = Poseidon(16);
        tail[t].inputs[0] <== DOMAIN_CONTINUE();
        tail[t].inputs[1] <== state[t];
        for (var i = 0; i < 14; i++) {
            var at = HEAD + 14 * t + i;
            if (at < n) {
                tail[t].inputs[i + 2] <== in[at];
            } else {
                tail[t].inputs[i + 2] <== 0;
            }
        }
        state[t + 1] <== tail[t].out;
    }

    out <== state[TAILS];
}

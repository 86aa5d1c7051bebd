pragma circom 2.1.9;

include "babyjub.circom";
include "eddsaposeidon.circom";
include "tagged-hash.circom";

// Proves: the holder of the key (Ax, Ay) signed exactly these N values as the window of this kind, stream and epoch, and commitment hides them.
//   digest = H(READINGS, KIND, N, stream, epoch, values...)     S * B8 = R8 + H(R8, A, digest) * 8A
//   commitment = H(COMMIT, digest, salt)
// N stands in the digest, so that windows of two lengths can't be confused in spite of the hash's padding.
//
// circomlib's EdDSAPoseidonVerifier constrains S below the subgroup's order (one S a signature), takes the bits of the challenge below r,
// and refuses an A of order 8 or less. It does not check that A and R8 are on the curve, outside of which its additions mean nothing: done here.
// 8A is then in the prime subgroup. That A itself is of prime order is not checked: with A + T (T of small order) one secret key would own
// up to eight leaves. The registrar vouches for it.
//
// The caller must bind (Ax, Ay) to the leaf, range-check the values before it compares them, and use a salt of full entropy
// (the readings alone can be guessed). The verifier must read stream and epoch from the message.
template SignedWindow(KIND, N) {
    signal input Ax;
    signal input Ay;
    signal input R8x;
    signal input R8y;
    signal input S;
    signal input stream;
    signal input epoch;
    signal input salt;
    signal input values[N];
    signal output commitment;

    component digest = TaggedHash(DOMAIN_READINGS(), N + 4);
    digest.in[0] <== KIND;
    digest.in[1] <== N;
    digest.in[2] <== stream;
    digest.in[3] <== epoch;
    for (var i = 0; i < N; i++) {
        digest.in[i + 4] <== values[i];
    }

    BabyCheck()(Ax, Ay);
    BabyCheck()(R8x, R8y);

    component signature = EdDSAPoseidonVerifier();
    signature.enabled <== 1;
    signature.Ax <== Ax;
    signature.Ay <== Ay;
    signature.R8x <== R8x;
    signature.R8y <== R8y;
    signature.S <== S;
    signature.M <== digest.out;

    commitment <== TaggedHash(DOMAIN_COMMIT(), 2)([digest.out, salt]);
}

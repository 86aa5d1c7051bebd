pragma circom 2.1.9;

include "bitify.circom";
include "comparators.circom";

// Proves: 0 <= in < 2^BITS, as an integer. The only gate through which a number reaches a comparator.
template Unsigned(BITS) {
    // 2^BITS <= 2^253 < r: the bits have one reading, no alias n + r, which answers circomspect's warning about Num2Bits.
    // Its notes on arithmetic and comparison here and in the other templates are about compile-time counters far below r, and about bits.
    assert(BITS <= 253);
    signal input in;
    component bits = Num2Bits(BITS);
    bits.in <== in;
}

// out = how many of the values lie outside the closed interval [lo, hi]; all of them where lo > hi.
// The caller must have proven every value, lo and hi below 2^BITS (Unsigned): circomlib's comparators say nothing about larger numbers.
template CountOutside(N, BITS) {
    // LessEqThan(BITS) works on BITS + 1 bits, for which it needs BITS <= 251.
    assert(BITS <= 251);
    signal input values[N];
    signal input lo;
    signal input hi;
    signal output out;

    component notBelow[N];
    component notAbove[N];
    signal inside[N];
    var outside = 0;
    for (var i = 0; i < N; i++) {
        notBelow[i] = LessEqThan(BITS);
        notBelow[i].in[0] <== lo;
        notBelow[i].in[1] <== values[i];
        notAbove[i] = LessEqThan(BITS);
        notAbove[i].in[0] <== values[i];
        notAbove[i].in[1] <== hi;
        inside[i] <== notBelow[i].out * notAbove[i].out;
        outside += 1 - inside[i];
    }
    out <== outside;
}

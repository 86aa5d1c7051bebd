pragma circom 2.1.9;

include "tagged-hash.circom";

// out = H(LEAF, KIND, Ax, Ay, secretHash, program): binds a sensor's key, a household and a program, for one kind of statement.
// program is the policy family's id (telemetry) or the decoder's commitment (intent).
// The registrar vouches, outside the circuit, that (Ax, Ay) is of prime order and that the sensor's owner knows the secret.
template Leaf(KIND) {
    signal input Ax;
    signal input Ay;
    signal input secretHash;
    signal input program;
    signal output out;
    out <== TaggedHash(DOMAIN_LEAF(), 5)([KIND, Ax, Ay, secretHash, program]);
}

// Proves: root is the root of a binary tree with inner nodes H(NODE, left, right) that has `leaf` at the position whose bits are
// pathIndices, lowest level first (1: the node is the right child). A path holds exactly DEPTH levels, so that no inner node passes for a leaf.
//
// The verifier must accept only roots that the registry has had. An absent leaf is 0: pass a hash as leaf, for which no preimage of 0 is known.
template MerkleRoot(DEPTH) {
    signal input leaf;
    signal input siblings[DEPTH];
    signal input pathIndices[DEPTH];
    signal output root;

    signal node[DEPTH + 1];
    signal left[DEPTH];
    signal right[DEPTH];

    node[0] <== leaf;
    for (var i = 0; i < DEPTH; i++) {
        // A bit and nothing else: another value would mix node and sibling at will.
        pathIndices[i] * (pathIndices[i] - 1) === 0;

        // bit 0: (node, sibling); bit 1: (sibling, node). The sum of both is the same, which gives the right child without a product.
        left[i] <== node[i] + pathIndices[i] * (siblings[i] - node[i]);
        right[i] <== node[i] + siblings[i] - left[i];
        node[i + 1] <== TaggedHash(DOMAIN_NODE(), 2)([left[i], right[i]]);
    }
    root <== node[DEPTH];
}

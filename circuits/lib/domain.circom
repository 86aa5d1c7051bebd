pragma circom 2.1.9;

// Domain tags: the first input of every hash, so that no value of one kind can pass for another.
// Each is its text's UTF-8 bytes read as one big-endian number; libs/proofs DOMAIN is the same list, and a test holds the two together.

function DOMAIN_COMMIT()     { return 0x6174746573747265616d2f636f6d6d69742f31; }            // attestream/commit/1
function DOMAIN_CONTINUE()   { return 0x6174746573747265616d2f636f6e74696e75652f31; }        // attestream/continue/1
function DOMAIN_LEAF()       { return 0x6174746573747265616d2f6c6561662f31; }                // attestream/leaf/1
function DOMAIN_NODE()       { return 0x6174746573747265616d2f6e6f64652f31; }                // attestream/node/1
function DOMAIN_NULLIFIER()  { return 0x6174746573747265616d2f6e756c6c69666965722f31; }      // attestream/nullifier/1
function DOMAIN_PSEUDONYM()  { return 0x6174746573747265616d2f70736575646f6e796d2f31; }      // attestream/pseudonym/1
function DOMAIN_READINGS()   { return 0x6174746573747265616d2f72656164696e67732f31; }        // attestream/readings/1
function DOMAIN_SECRET()     { return 0x6174746573747265616d2f7365637265742f31; }            // attestream/secret/1

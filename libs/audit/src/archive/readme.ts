import { BODIES_FILE, HEADERS_FILE } from './chain-export.js';

/** Stands in every archive: how to read it in twenty years without this program. */
export const ARCHIVE_README = `An archive of a transparency log, its records and the chain that it is anchored on.
Nothing in it needs a network. Believe four things from elsewhere, and not from here: the hash of the last block, the contracts'
addresses with first block and lag (compare deployment.json), the log's public key (compare log.vkey), and the circuits'
verification keys (compare circuits/). With them, the chain's part, the log and the verdicts prove themselves. That records/ has
every record that ever was is the exporter's word: offsets have gaps, and one that has no entry in the log is not missed here.

  sha256sum -c SHA256SUMS     every file is as it was written
  manifest.json               what is here: the log's size and root, the last block, the offsets of each partition
  deployment.json             the contracts on the chain
  log.vkey                    the log's public key (signed-note; c2sp.org/signed-note)
  log/                        the log as it was served (c2sp.org/tlog-tiles): checkpoint, tiles, entry bundles
  records/TOPIC/PARTITION/    committed records; a file's name is its first offset. Record, integers big-endian:
                                u32 length of what follows, i64 offset, i64 timestamp (ms since 1970, broker time),
                                key, value, u32 count of headers, then name and value of each header in arrival order;
                                key, value, name: u32 length and the bytes; null is the length 0xffffffff alone
  ${HEADERS_FILE}           block headers as RLP, one after the other, from deployment.firstBlock on: Keccak-256 of a
                                header is the block's hash, its first field the hash of the block before
  ${BODIES_FILE}            RLP [number, [receipt, ...], [transaction, ...]] of each block whose bloom filter may hold an
                                address of deployment.json, as its receiptsRoot and transactionsRoot commit to them
  schemas/ID.json             Avro schemas that parameter sets list (5 bytes precede the Avro bytes of a value: 0, u32 ID)
  circuits/NAME/              Groth16 verification keys that parameter sets name by SHA-256

An entry of the log is the value of a record of audit-log; its hash covers the source record that it names:
SHA-256 over key, value, u32 count of headers, then each header's name and value, sorted by name, lengths as above.
Parameter sets and the registry's leaves are events of the contracts; checkpoints are anchored by the event
Anchored(bytes32 logId, uint64 size, bytes32 root), logId being Keccak-256 of the log's origin.

  attestream audit --archive DIR --block-hash HASH --deployment FILE --vkey FILE [--circuits DIR]     recomputes all of it
`;

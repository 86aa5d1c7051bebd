import { AtsError } from '#libs/errors';
import { PROOF_BYTES } from '#libs/events';
import { BASE_MODULUS, isInG2Subgroup, isOnG1, isOnTwist, type G1Point, type G2Point } from './bn254.js';

/** A Groth16 proof in snarkjs's form: decimal texts, projective with a last coordinate of one, B with the real part first. */
export interface SnarkjsProof {
  pi_a: [string, string, string];
  pi_b: [[string, string], [string, string], [string, string]];
  pi_c: [string, string, string];
  protocol: 'groth16';
  curve: 'bn128';
}

/**
 * A, B, C as the precompile of EIP-197 reads them: big-endian coordinates, in B the imaginary part first.
 * @throws AtsError ATS_PROOF_MALFORMED when a coordinate is not in [0, q) or a point is not affine.
 */
export function encodeProof({ pi_a, pi_b, pi_c }: Pick<SnarkjsProof, 'pi_a' | 'pi_b' | 'pi_c'>): Buffer {
  const affine = pi_a[2] === '1' && pi_b[2][0] === '1' && pi_b[2][1] === '0' && pi_c[2] === '1';
  if (!affine) throw malformed('a point is not affine');
  const coordinates = [pi_a[0], pi_a[1], pi_b[0][1], pi_b[0][0], pi_b[1][1], pi_b[1][0], pi_c[0], pi_c[1]];
  return Buffer.concat(coordinates.map((text) => {
    const value = BigInt(text);
    if (value < 0n || value >= BASE_MODULUS) throw malformed('a coordinate is not in [0, q)');
    return Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
  }));
}

/**
 * Reads the 256 bytes, and refuses every value that is not a canonical proof: another length, a coordinate of q or more (two spellings of one proof),
 * a point off its curve, a B outside the subgroup of order r, and the point at infinity, which no honest proof contains but with negligible chance
 * and whose 0, 0 spelling decoders read differently. A verifier that gets the result need not check the points again.
 * @throws AtsError ATS_PROOF_MALFORMED
 */
export function decodeProof(bytes: Uint8Array): SnarkjsProof {
  if (bytes.length !== PROOF_BYTES) throw malformed(`${bytes.length} bytes`);
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const coordinate = (index: number) => {
    const value = BigInt(`0x${view.toString('hex', 32 * index, 32 * index + 32)}`);
    if (value >= BASE_MODULUS) throw malformed(`coordinate ${index} is not below q`);
    return value;
  };
  const a: G1Point = [coordinate(0), coordinate(1)];
  const b: G2Point = [[coordinate(3), coordinate(2)], [coordinate(5), coordinate(4)]];
  const c: G1Point = [coordinate(6), coordinate(7)];
  // 0, 0 lies on neither curve, so infinity is refused here too.
  if (!isOnG1(a)) throw malformed('A is not on the curve');
  if (!isOnG1(c)) throw malformed('C is not on the curve');
  if (!isOnTwist(b)) throw malformed('B is not on the curve');
  if (!isInG2Subgroup(b)) throw malformed('B is not in the subgroup of order r');
  return {
    pi_a: [`${a[0]}`, `${a[1]}`, '1'],
    pi_b: [[`${b[0][0]}`, `${b[0][1]}`], [`${b[1][0]}`, `${b[1][1]}`], ['1', '0']],
    pi_c: [`${c[0]}`, `${c[1]}`, '1'],
    protocol: 'groth16',
    curve: 'bn128',
  };
}

function malformed(why: string): AtsError {
  return new AtsError('ATS_PROOF_MALFORMED', why);
}

import { describe, expect, it } from 'vitest';
import { signatures, signingKey } from '../../../../sinks/deliveries/webhook/signature.js';

/** Of the standard's own libraries (standard-webhooks/libraries, their test of `sign`). */
const VECTOR = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  seconds: 1_614_265_330,
  body: Buffer.from('{"test": 2432232314}'),
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

describe('signatures', () => {
  it('is that of the standard’s test vector', () => {
    const key = signingKey(VECTOR.secret)!;
    expect(signatures([key], VECTOR.id, VECTOR.seconds, VECTOR.body)).toBe(VECTOR.signature);
    const bare = signingKey(VECTOR.secret.replace('whsec_', ''))!;
    expect(signatures([bare], VECTOR.id, VECTOR.seconds, VECTOR.body)).toBe(VECTOR.signature);
  });

  it('signs with each of two keys, the list separated by a space', () => {
    const other = signingKey(`whsec_${Buffer.alloc(32, 7).toString('base64')}`)!;
    const list = signatures([other, signingKey(VECTOR.secret)!], VECTOR.id, VECTOR.seconds, VECTOR.body).split(' ');
    expect(list).toEqual([expect.stringMatching(/^v1,[A-Za-z0-9+/]{43}=$/), VECTOR.signature]);
    expect(list[0]).not.toBe(list[1]);
  });

  it('changes with the id, the time and any byte of the body', () => {
    const key = signingKey(VECTOR.secret)!;
    const body = Buffer.from(VECTOR.body);
    body[3]! ^= 1;
    for (const [id, seconds, bytes] of [
      ['msg_p5jXN8AQM9LWM0D4loKWxJel', VECTOR.seconds, VECTOR.body],
      [VECTOR.id, VECTOR.seconds + 1, VECTOR.body],
      [VECTOR.id, VECTOR.seconds, body],
    ] as const) {
      expect(signatures([key], id, seconds, bytes)).not.toBe(VECTOR.signature);
    }
  });
});

describe('signingKey', () => {
  it.each([
    ['nothing', ''],
    ['a prefix alone', 'whsec_'],
    ['less than 192 bits', `whsec_${Buffer.alloc(23, 1).toString('base64')}`],
    ['more than 512 bits', `whsec_${Buffer.alloc(65, 1).toString('base64')}`],
    ['no base64', 'whsec_correct horse battery staple!!'],
    ['a private key of the asymmetric scheme', `whsk_${Buffer.alloc(32, 1).toString('base64')}`],
  ])('refuses %s', (_what, secret) => {
    expect(signingKey(secret)).toBeNull();
  });
});

/** The model behind the README's sizing. */
import { describe, expect, it } from 'vitest';
import {
  BLOCK_SIZES,
  blockOf,
  COST_CASES,
  COST_PARTS,
  fitLine,
  fitSizing,
  predict,
  SIZING_ASSUMPTIONS,
  sourcesOf,
} from './sizing.js';

describe('fitLine', () => {
  it('finds a line that is there', () => {
    const line = fitLine([0.02, 0.1, 0.5, 1].map((x) => [x, 2 + 3 * x] as const));
    expect(line.fixed).toBeCloseTo(2);
    expect(line.perSource).toBeCloseTo(3);
  });

  it('is the middle of what scatters', () => {
    const line = fitLine([
      [0, 1],
      [0, 3],
      [1, 4],
      [1, 6],
    ]);
    expect(line).toEqual({ fixed: 2, perSource: 3 });
  });

  it('gives no time back: what falls with sources is the same for all of them', () => {
    const line = fitLine([
      [0, 3],
      [1, 1],
    ]);
    expect(line).toEqual({ fixed: 2, perSource: 0 });
  });

  it('goes through nothing when packets alone would cost less than nothing', () => {
    const line = fitLine([
      [0.5, 0.1],
      [1, 2],
    ]);
    expect(line.fixed).toBe(0);
    expect(line.perSource).toBeCloseTo(1.64);
  });

  it('is flat where all has been measured at one place', () => {
    expect(
      fitLine([
        [0.1, 2],
        [0.1, 4],
      ]),
    ).toEqual({ fixed: 3, perSource: 0 });
  });
});

describe('predict', () => {
  /** A packet costs 1 µs everywhere and a source 10; in the smallest block a source has two packets. */
  const sourcesOfBlock = [0.5, 0.2, 0.1, 0.02];
  const sources = BLOCK_SIZES.map((block, index) => ({ block, sourcesPerPacket: sourcesOfBlock[index]! }));
  const figures = new Map<string, number>([
    ['whole-postgres-bytes', 200],
    ['whole-store-alerts-sink-cpu', 0.75],
    ['whole-store-alerts-postgres-cpu', 0.25],
    ...sources.map(({ block, sourcesPerPacket }) => [`cost-block-${block}-sources`, sourcesPerPacket] as const),
  ]);
  for (const costCase of COST_CASES) {
    const { name } = costCase;
    const perPacket = sourcesOf(sources, blockOf(costCase));
    for (const part of COST_PARTS) figures.set(`cost-${name}-${part}`, 1 + 10 * perPacket);
    figures.set(`cost-${name}-kafka-bytes`, 50 + 100 * perPacket);
  }
  const model = fitSizing((name) => {
    const value = figures.get(name);
    if (value === undefined) throw new Error(`no figure ${name}`);
    return value;
  });

  it('counts cores, brokers and disks', () => {
    const sizing = predict(model, 1_000_000);
    expect(sizing.captureNodes).toBe(1_000_000 / SIZING_ASSUMPTIONS.nodePacketsPerSecond);
    // A node's 200,000 packets/s are 10,000 packets in 50 ms, so 0.1 sources a packet and 2 µs in each part.
    expect(sizing.packetsPerSource).toBeCloseTo(10);
    const core = (micros: number): number => micros / SIZING_ASSUMPTIONS.utilisation;
    expect(sizing.cores.capture).toBeCloseTo(core(2));
    expect(sizing.cores.detection).toBeCloseTo(core(2));
    expect(sizing.cores.kafka).toBeCloseTo(core(2 * (SIZING_ASSUMPTIONS.replicas + 2)));
    expect(sizing.cores.storeAll).toBeCloseTo(core(4));
    expect(sizing.cores.storeAlerts).toBeCloseTo(core(1));
    expect(sizing.kafkaBytesADay).toBeCloseTo(1e6 * 60 * SIZING_ASSUMPTIONS.replicas * 86_400, -3);
    expect(sizing.postgresBytesADay).toBeCloseTo(1e6 * 200 * 86_400, -3);
    expect(sizing.brokers).toBe(SIZING_ASSUMPTIONS.brokersMin);
  });

  it('has fewer packets a source where little comes in, and never fewer than were counted', () => {
    const rates = [1, 2_000, 10_000, 30_000, 200_000].map((rate) => predict(model, rate).packetsPerSource);
    expect(rates).toEqual([...rates].sort((a, b) => a - b));
    expect(rates[0]).toBeCloseTo(2);
    // 31.6 × 100 packets are the middle of 1,000 and 10,000 on a logarithmic axis.
    expect(predict(model, 63_245.55).packetsPerSource).toBeCloseTo(1 / Math.sqrt(0.2 * 0.1), 3);
  });

  it('asks for more brokers when their cores or their disks ask for them', () => {
    expect(predict(model, 10_000_000).brokers).toBe(
      Math.max(
        Math.ceil(((10 * 2 * (SIZING_ASSUMPTIONS.replicas + 2)) / SIZING_ASSUMPTIONS.utilisation - 1e-9) / 8),
        Math.ceil((1e7 * 60 * SIZING_ASSUMPTIONS.replicas) / SIZING_ASSUMPTIONS.bytesABroker),
      ),
    );
  });
});

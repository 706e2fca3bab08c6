/**
 * How much a fleet needs for so many packets a second: a model fitted to what the bench `cost` measured.
 *
 * The cost of a packet in a process is taken to be linear in the sources of what a capture node sends at once:
 *
 *     µs a packet = µs of a packet + sources a packet × µs of a source
 *
 * and sources a packet to depend on how many packets a capture node sees within its flush interval: counted in the mix,
 * straight on logarithmic axes between the counted sizes. (Records would not do: sources of few packets share them.)
 */

/** What all capture nodes of a paced case see together, packets/s. */
export const COST_PACKETS_PER_SECOND = 100_000;

export interface CostCase {
  readonly name: string;
  readonly nodes: number;
  /** At the speed of the capture, as live traffic comes; otherwise as fast as it goes. */
  readonly paced: boolean;
}

/** From the most packets a source to the fewest. */
export const COST_CASES: readonly CostCase[] = [
  { name: 'replay', nodes: 1, paced: false },
  { name: '1-node', nodes: 1, paced: true },
  { name: '4-nodes', nodes: 4, paced: true },
  { name: '16-nodes', nodes: 16, paced: true },
];

/** Packets within a flush interval for which the sources they are of are counted, fewest first. */
export const BLOCK_SIZES = [100, 1_000, 10_000, 65_536] as const;
/** `FLUSH_INTERVAL_MS` of the capture node. */
const FLUSH_SECONDS = 0.05;

/** Sources a packet by packets within a flush interval of a node, fewest first. */
export type SourcesByBlock = readonly { readonly block: number; readonly sourcesPerPacket: number }[];

/** What the model leaves to decide. */
export const SIZING_ASSUMPTIONS = {
  /** Packets/s of one capture node, at most. */
  nodePacketsPerSecond: 200_000,
  /** Share of a core that is planned with; the rest is for bursts and for catching up. */
  utilisation: 0.7,
  replicas: 3,
  brokersMin: 3,
  coresABroker: 8,
  /** What a broker writes, replicas included, bytes/s. */
  bytesABroker: 200e6,
} as const;

export const COST_PARTS = ['capture', 'kafka-write', 'kafka-read', 'process', 'sink', 'postgres'] as const;
export type CostPart = (typeof COST_PARTS)[number];

/** y = fixed + perSource × sources a packet. */
export interface Line {
  readonly fixed: number;
  readonly perSource: number;
}

export interface SizingModel {
  /** µs of processor time a packet. */
  readonly cost: Readonly<Record<CostPart, Line>>;
  /** Bytes a packet on one replica. */
  readonly kafkaBytes: Line;
  /** Bytes a packet with indexes. */
  readonly postgresBytes: number;
  readonly sources: SourcesByBlock;
  /** µs a packet of sink and Postgres when only packets of alerted sources are stored. */
  readonly storeAlerts: number;
}

export interface Sizing {
  readonly packetsPerSecond: number;
  readonly captureNodes: number;
  readonly packetsPerSource: number;
  /** Cores at the planned utilisation. */
  readonly cores: {
    readonly capture: number;
    readonly kafka: number;
    readonly detection: number;
    readonly storeAll: number;
    readonly storeAlerts: number;
  };
  readonly brokers: number;
  /** All replicas, bytes a day. */
  readonly kafkaBytesADay: number;
  /** With every packet stored, bytes a day. */
  readonly postgresBytesADay: number;
}

/** A figure of a report by its name. @throws Error when it was not measured. */
export type FigureLookup = (name: string) => number;

export function fitSizing(figure: FigureLookup): SizingModel {
  const sources = BLOCK_SIZES.map((block) => ({ block, sourcesPerPacket: figure(`cost-block-${block}-sources`) }));
  const lineOf = (part: string): Line =>
    fitLine(
      COST_CASES.map(
        (costCase) => [sourcesOf(sources, blockOf(costCase)), figure(`cost-${costCase.name}-${part}`)] as const,
      ),
    );
  return {
    cost: Object.fromEntries(COST_PARTS.map((part) => [part, lineOf(part)])) as Record<CostPart, Line>,
    kafkaBytes: lineOf('kafka-bytes'),
    postgresBytes: figure('whole-postgres-bytes'),
    sources,
    storeAlerts: figure('whole-store-alerts-sink-cpu') + figure('whole-store-alerts-postgres-cpu'),
  };
}

/** Least squares; neither part is ever below 0, since no packet and no source gives time back. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): Line {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const varianceX = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const slope = varianceX === 0 ? 0 : Math.max(0, covariance / varianceX);
  const fixed = meanY - slope * meanX;
  if (fixed >= 0) return { fixed, perSource: slope };
  const squares = points.reduce((sum, [x]) => sum + x * x, 0);
  return { fixed: 0, perSource: points.reduce((sum, [x, y]) => sum + x * y, 0) / squares };
}

/** What `packetsPerSecond` need. */
export function predict(model: SizingModel, packetsPerSecond: number): Sizing {
  const { nodePacketsPerSecond, utilisation, replicas, brokersMin, coresABroker, bytesABroker } = SIZING_ASSUMPTIONS;
  const captureNodes = Math.ceil(packetsPerSecond / nodePacketsPerSecond);
  const sourcesPerPacket = sourcesOf(model.sources, (packetsPerSecond / captureNodes) * FLUSH_SECONDS);
  const at = ({ fixed, perSource }: Line): number => fixed + perSource * sourcesPerPacket;
  const cores = (microsAPacket: number): number => (packetsPerSecond * microsAPacket) / 1e6 / utilisation;
  const { cost } = model;
  // A replica is fetched and written by the other brokers; two groups read each record, detection and storage.
  const kafka = cores(replicas * at(cost['kafka-write']) + 2 * at(cost['kafka-read']));
  const kafkaBytesASecond = packetsPerSecond * at(model.kafkaBytes) * replicas;
  return {
    packetsPerSecond,
    captureNodes,
    packetsPerSource: 1 / sourcesPerPacket,
    cores: {
      capture: cores(at(cost.capture)),
      kafka,
      detection: cores(at(cost.process)),
      storeAll: cores(at(cost.sink) + at(cost.postgres)),
      storeAlerts: cores(model.storeAlerts),
    },
    brokers: Math.max(brokersMin, Math.ceil(kafka / coresABroker), Math.ceil(kafkaBytesASecond / bytesABroker)),
    kafkaBytesADay: kafkaBytesASecond * 86_400,
    postgresBytesADay: packetsPerSecond * model.postgresBytes * 86_400,
  };
}

/** Packets that a capture node of the case sends at once. */
export function blockOf({ nodes, paced }: CostCase): number {
  return paced ? (COST_PACKETS_PER_SECOND / nodes) * FLUSH_SECONDS : BLOCK_SIZES.at(-1)!;
}

/** Between the measured points on logarithmic axes; beyond them as at the last one. */
export function sourcesOf(sources: SourcesByBlock, block: number): number {
  const above = sources.findIndex((point) => point.block >= block);
  if (above === 0) return sources[0]!.sourcesPerPacket;
  if (above < 0) return sources.at(-1)!.sourcesPerPacket;
  const [low, high] = [sources[above - 1]!, sources[above]!];
  const share = Math.log(block / low.block) / Math.log(high.block / low.block);
  return low.sourcesPerPacket * (high.sourcesPerPacket / low.sourcesPerPacket) ** share;
}
